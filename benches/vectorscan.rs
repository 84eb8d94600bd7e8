//! Vectorscan (the maintained fork of Hyperscan) as a peer of the matcher: literals without regard to case, in block mode.
//!
//! Owns: the few calls into its C library that a benchmark needs. Built with the feature `vectorscan` only.

use std::{
    ffi::{c_char, c_int, c_uint, c_ulonglong, c_void},
    ptr::{null, null_mut},
};

const CASELESS: c_uint = 1;
const MODE_BLOCK: c_uint = 1;

type OnMatch = extern "C" fn(c_uint, c_ulonglong, c_ulonglong, c_uint, *mut c_void) -> c_int;

#[link(name = "hs")]
unsafe extern "C" {
    fn hs_compile_lit_multi(
        expressions: *const *const c_char,
        flags: *const c_uint,
        ids: *const c_uint,
        lengths: *const usize,
        elements: c_uint,
        mode: c_uint,
        platform: *const c_void,
        database: *mut *mut c_void,
        error: *mut *mut c_void,
    ) -> c_int;
    fn hs_alloc_scratch(database: *const c_void, scratch: *mut *mut c_void) -> c_int;
    fn hs_scan(
        database: *const c_void,
        data: *const c_char,
        length: c_uint,
        flags: c_uint,
        scratch: *mut c_void,
        on_match: OnMatch,
        context: *mut c_void,
    ) -> c_int;
}

/// A compiled set of literals; lives as long as the benchmark.
pub(crate) struct Vectorscan {
    database: *mut c_void,
    scratch: *mut c_void,
}

impl Vectorscan {
    /// Compiles the literals.
    pub(crate) fn new(literals: &[String]) -> Self {
        let texts: Vec<*const c_char> = literals.iter().map(|literal| literal.as_ptr().cast()).collect();
        let lengths: Vec<usize> = literals.iter().map(String::len).collect();
        let flags = vec![CASELESS; literals.len()];
        let count = c_uint::try_from(literals.len()).expect("few literals");
        let ids: Vec<c_uint> = (0..count).collect();
        let (mut database, mut error, mut scratch) = (null_mut(), null_mut(), null_mut());
        // SAFETY: four arrays of `count` entries, which outlive the call; the results are checked before they are used.
        let status = unsafe {
            hs_compile_lit_multi(
                texts.as_ptr(),
                flags.as_ptr(),
                ids.as_ptr(),
                lengths.as_ptr(),
                count,
                MODE_BLOCK,
                null(),
                &raw mut database,
                &raw mut error,
            )
        };
        assert_eq!(status, 0, "Vectorscan compiles the literals");
        // SAFETY: the database was compiled.
        let status = unsafe { hs_alloc_scratch(database, &raw mut scratch) };
        assert_eq!(status, 0, "Vectorscan gets its memory");
        Self { database, scratch }
    }

    /// Counts the occurrences in a text.
    pub(crate) fn count(&self, text: &[u8]) -> usize {
        extern "C" fn count(
            _: c_uint,
            _: c_ulonglong,
            _: c_ulonglong,
            _: c_uint,
            context: *mut c_void,
        ) -> c_int {
            // SAFETY: the context is the counter of the only call that uses this function.
            unsafe { *context.cast::<usize>() += 1 };
            0
        }
        let mut found = 0_usize;
        let length = c_uint::try_from(text.len()).expect("a text of less than 4 GiB");
        // SAFETY: the text and the counter outlive the call; one thread uses the scratch.
        let status = unsafe {
            hs_scan(
                self.database,
                text.as_ptr().cast(),
                length,
                0,
                self.scratch,
                count,
                (&raw mut found).cast(),
            )
        };
        assert_eq!(status, 0, "Vectorscan scans");
        found
    }
}
