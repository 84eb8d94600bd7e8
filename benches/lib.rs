//! Benchmarks of the stages and of whole replays; see README.md in this folder.

#![forbid(unsafe_code)]
