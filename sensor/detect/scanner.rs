//! The scanner: one a worker, for any number of open objects.
//!
//! Owns: blocks, memory that scans share, and the entry points. Never does: I/O, threads.

use crate::{
    NearMiss, SignatureSet,
    object::{ObjectScan, Scratch},
    verdict::{self, Wanted},
};
use egret_model::{DetectLimits, Hit, Timestamp};
use std::sync::Arc;

/// Finished scans whose memory is kept for the next ones.
const SPARE: usize = 64;

/// Scans the text of objects for a set of signatures.
///
/// ```
/// use egret_detect::{Scanner, SignatureSet};
/// use egret_model::DetectLimits;
/// use std::sync::Arc;
///
/// let mut scanner = Scanner::new(Arc::new(SignatureSet::shipped()), &DetectLimits::default());
/// let mut scan = scanner.begin();
/// scanner.push(&mut scan, b"SSN 536-90-");
/// scanner.push(&mut scan, b"4399");
/// let hits = scanner.finish(scan);
/// assert_eq!(hits[0].signature.as_ref(), "us-ssn");
/// assert_eq!(hits[0].matches[0].redacted, "53*******99");
/// ```
#[derive(Debug)]
pub struct Scanner {
    set: Arc<SignatureSet>,
    limits: DetectLimits,
    scratch: Scratch,
    spare: Vec<ObjectScan>,
    held: usize,
}

impl Scanner {
    /// A scanner for one worker.
    #[must_use]
    pub fn new(set: Arc<SignatureSet>, limits: &DetectLimits) -> Self {
        Self { set, limits: limits.clone(), scratch: Scratch::default(), spare: Vec::new(), held: 0 }
    }

    /// Begins the scan of an object. It is tied to this scanner, unless it is handed over, and ends with [`Scanner::finish`].
    #[must_use]
    pub fn begin(&mut self) -> ObjectScan {
        self.spare.pop().unwrap_or_default()
    }

    /// Begins the scan of an object that passed at that time: exceptions that have ended by then do not hold.
    #[must_use]
    pub fn begin_at(&mut self, at: Timestamp) -> ObjectScan {
        let mut scan = self.begin();
        scan.at = Some(at);
        scan
    }

    /// Begins a scan that looks at every number, beside a context word or not; it ends with [`Scanner::finish_all`], for
    /// people who want to see what nearly counted. Slower, and what would be reported is found in either.
    #[must_use]
    pub fn begin_all(&mut self) -> ObjectScan {
        let mut scan = self.begin();
        scan.arm_all(&self.set.engine);
        scan
    }

    /// Begins a scan that also notes what nearly matched; ends with [`Scanner::finish_explained`].
    #[must_use]
    pub fn begin_explained(&mut self) -> ObjectScan {
        let mut scan = self.begin_all();
        scan.misses = Some(Box::default());
        scan
    }

    /// The object is of no known format, and its text is its bytes as they are: text of two bytes a character is looked for in
    /// it too, and it is compared as a file, if any is looked for.
    pub fn as_bytes(&self, scan: &mut ObjectScan) {
        scan.as_bytes(self.set.engine.compares_files());
    }

    /// The next piece of an object's text. Pieces may end anywhere, within a character too; the hits are the same.
    pub fn push(&mut self, scan: &mut ObjectScan, text: &[u8]) {
        let block = self.limits.block_bytes.max(1);
        for piece in text.chunks(block) {
            let before = scan.held();
            scan.append(piece);
            let crowded = self.held.saturating_add(scan.held()) > self.limits.held_bytes;
            if crowded || scan.unscanned() >= block {
                scan.advance(&self.set, &self.limits, &mut self.scratch, false);
            }
            if crowded {
                scan.shrink();
            }
            self.held = self.held.saturating_sub(before).saturating_add(scan.held());
        }
    }

    /// Hands an open scan over to another scanner of the same set, which takes it up.
    pub fn hand_over(&mut self, scan: &ObjectScan) {
        self.held = self.held.saturating_sub(scan.held());
    }

    /// Takes up a scan that another scanner of the same set has handed over.
    pub fn take_up(&mut self, scan: &ObjectScan) {
        self.held = self.held.saturating_add(scan.held());
    }

    /// Ends the scan: the hits that their signatures report, in order of signature ids.
    #[must_use]
    pub fn finish(&mut self, scan: ObjectScan) -> Vec<Hit> {
        self.end(scan, Wanted::Reported)
    }

    /// Ends the scan of an object whose bytes have this SHA-256, in lower-case hexadecimal digits, and this media type.
    #[must_use]
    pub fn finish_object(&mut self, mut scan: ObjectScan, sha256: &str, media_type: &str) -> Vec<Hit> {
        scan.is_file(sha256, media_type);
        self.end(scan, Wanted::Reported)
    }

    /// Ends the scan: every match of any confidence, whatever the thresholds; for people who tune signatures. Numbers that
    /// count only beside a context word are shown without one if the scan began with [`Scanner::begin_all`].
    #[must_use]
    pub fn finish_all(&mut self, scan: ObjectScan) -> Vec<Hit> {
        self.end(scan, Wanted::All)
    }

    /// Ends a scan that explains itself, of the object whose bytes have this SHA-256 and media type (empty: not known): the hits
    /// that are reported, and what is not and why.
    #[must_use]
    pub fn finish_explained(
        &mut self,
        mut scan: ObjectScan,
        sha256: &str,
        media_type: &str,
    ) -> (Vec<Hit>, Vec<NearMiss>) {
        scan.is_file(sha256, media_type);
        self.complete(&mut scan);
        let signatures = &self.set.signatures;
        let mut misses = scan.misses.take().map(|misses| misses.told(signatures)).unwrap_or_default();
        misses.extend(verdict::near_misses(signatures, &mut scan));
        let mut hits = verdict::hits(signatures, &mut scan, &self.limits, Wanted::Confident);
        verdict::below(signatures, &mut hits, &mut misses);
        self.keep_spare(scan);
        (hits, misses)
    }

    /// Scans one whole text for every match of any confidence. Offsets are bytes of `text`.
    #[must_use]
    pub fn scan_text(&mut self, text: &str) -> Vec<Hit> {
        let mut scan = self.begin_all();
        self.push(&mut scan, text.as_bytes());
        self.finish_all(scan)
    }

    pub(crate) fn end(&mut self, mut scan: ObjectScan, wanted: Wanted) -> Vec<Hit> {
        self.complete(&mut scan);
        let hits = verdict::hits(&self.set.signatures, &mut scan, &self.limits, wanted);
        self.keep_spare(scan);
        hits
    }

    fn complete(&mut self, scan: &mut ObjectScan) {
        self.held = self.held.saturating_sub(scan.held());
        scan.complete();
        scan.advance(&self.set, &self.limits, &mut self.scratch, true);
        scan.whole(&self.set, &self.limits);
    }

    fn keep_spare(&mut self, mut scan: ObjectScan) {
        if self.spare.len() < SPARE {
            scan.clear(self.limits.block_bytes);
            self.spare.push(scan);
        }
    }
}
