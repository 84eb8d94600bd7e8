//! Captured bytes of each header family, and the laws that decoding keeps.
