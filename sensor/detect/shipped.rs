//! The signatures inside the program, so that the binary works alone.
//!
//! Owns: two lists of every file under `signatures/`, made when the program is built: `SHIPPED`, the signature files, and
//! `DICTIONARIES`, each a path relative to that folder and its text. A new signature is a file there and nothing else.

include!(concat!(env!("OUT_DIR"), "/shipped.rs"));
