//! The scanners of one worker: the one in force, and earlier ones for as long as an open object needs them.
//!
//! Owns: the change of signatures while objects are being scanned: every scan ends with the set it began with.
//! Never does: matching; loading of signatures.

use egret_detect::{NearMiss, ObjectScan, Scanner, SignatureSet};
use egret_model::{DetectLimits, Hit, Timestamp};
use std::sync::Arc;

/// Scans objects with the signatures in force when each began.
pub(crate) struct Scanners {
    limits: DetectLimits,
    current: Generation,
    /// Earlier generations with open scans, the oldest first; as a rule none.
    retired: Vec<Generation>,
}

struct Generation {
    set: Arc<SignatureSet>,
    scanner: Scanner,
    /// Held by each open scan too.
    token: Arc<()>,
}

/// The open scan of one object.
pub(crate) struct Scan {
    set: Arc<SignatureSet>,
    token: Arc<()>,
    state: ObjectScan,
}

impl Generation {
    fn new(set: Arc<SignatureSet>, limits: &DetectLimits) -> Self {
        Self { scanner: Scanner::new(Arc::clone(&set), limits), set, token: Arc::new(()) }
    }

    fn scan(&self, state: ObjectScan) -> Scan {
        Scan { set: Arc::clone(&self.set), token: Arc::clone(&self.token), state }
    }

    fn take_up(&mut self, scan: &mut Scan) {
        scan.token = Arc::clone(&self.token);
        self.scanner.take_up(&scan.state);
    }
}

impl Scanners {
    pub(crate) fn new(set: Arc<SignatureSet>, limits: &DetectLimits) -> Self {
        Self { limits: limits.clone(), current: Generation::new(set, limits), retired: Vec::new() }
    }

    /// Puts `set` in force for scans that begin from now on. Nothing happens when it already is.
    pub(crate) fn put_in_force(&mut self, set: &Arc<SignatureSet>) {
        if Arc::ptr_eq(set, &self.current.set) {
            return;
        }
        let earlier = std::mem::replace(&mut self.current, Generation::new(Arc::clone(set), &self.limits));
        self.retired.push(earlier);
        self.retired.retain(|generation| Arc::strong_count(&generation.token) > 1);
    }

    /// The set in force.
    pub(crate) const fn in_force(&self) -> &Arc<SignatureSet> {
        &self.current.set
    }

    /// Lets go of an open scan, which goes on with the scanners of another thread.
    pub(crate) fn hand_over(&mut self, scan: &Scan) {
        self.of(&scan.token).hand_over(&scan.state);
    }

    /// Takes up an open scan that the scanners of another thread have let go of.
    pub(crate) fn take_up(&mut self, scan: &mut Scan) {
        let known = |generation: &&mut Generation| Arc::ptr_eq(&generation.set, &scan.set);
        if let Some(generation) = self.retired.iter_mut().chain([&mut self.current]).find(known) {
            return generation.take_up(scan);
        }
        let mut earlier = Generation::new(Arc::clone(&scan.set), &self.limits);
        earlier.take_up(scan);
        self.retired.push(earlier);
    }

    /// Begins the scan of an object that passed at `at`; None for a file. `raw`: its text is its bytes as they are.
    pub(crate) fn begin(&mut self, at: Option<Timestamp>, raw: bool) -> Scan {
        let scanner = &mut self.current.scanner;
        let mut state = match at {
            Some(at) => scanner.begin_at(at),
            None => scanner.begin(),
        };
        if raw {
            scanner.as_bytes(&mut state);
        }
        self.current.scan(state)
    }

    /// Begins a scan that also notes what nearly matched; ends with [`Scanners::finish_explained`].
    pub(crate) fn begin_explained(&mut self, raw: bool) -> Scan {
        let scanner = &mut self.current.scanner;
        let mut state = scanner.begin_explained();
        if raw {
            scanner.as_bytes(&mut state);
        }
        self.current.scan(state)
    }

    pub(crate) fn push(&mut self, scan: &mut Scan, text: &[u8]) {
        self.of(&scan.token).push(&mut scan.state, text);
    }

    /// Ends the scan of the object with this SHA-256 and media type.
    pub(crate) fn finish(&mut self, scan: Scan, sha256: &str, media_type: &str) -> Vec<Hit> {
        let hits = self.of(&scan.token).finish_object(scan.state, sha256, media_type);
        if !self.retired.is_empty() {
            drop(scan.token);
            self.retired.retain(|generation| Arc::strong_count(&generation.token) > 1);
        }
        hits
    }

    pub(crate) fn finish_explained(
        &mut self,
        scan: Scan,
        sha256: &str,
        media_type: &str,
    ) -> (Vec<Hit>, Vec<NearMiss>) {
        self.of(&scan.token).finish_explained(scan.state, sha256, media_type)
    }

    /// Every match in a text, by the set in force.
    pub(crate) fn scan_text(&mut self, text: &str) -> Vec<Hit> {
        self.current.scanner.scan_text(text)
    }

    /// The scanner that a scan began with.
    fn of(&mut self, token: &Arc<()>) -> &mut Scanner {
        // A generation is kept while a scan holds its token, so the search does not fail; the current one would serve if it did.
        match self.retired.iter().position(|generation| Arc::ptr_eq(&generation.token, token)) {
            Some(place) => self.retired.get_mut(place).map_or(&mut self.current.scanner, |g| &mut g.scanner),
            None => &mut self.current.scanner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(word: &str) -> Arc<SignatureSet> {
        let text = format!(
            "id = \"x/{word}\"\ntitle = \"{word}\"\nseverity = \"high\"\n[[find]]\nname = \"name\"\nphrases = [\"{word}\"]\n\
             [confidence]\nhigh = \"name\"\n"
        );
        let (set, problems) = SignatureSet::from_texts(&[("test.toml".to_owned(), text)]);
        assert!(problems.is_empty(), "{problems:?}");
        Arc::new(set)
    }

    #[test]
    fn a_scan_that_is_handed_over_ends_with_the_set_it_began_with() {
        let (heron, bittern) = (set("heron"), set("bittern"));
        let mut here = Scanners::new(Arc::clone(&heron), &DetectLimits::default());
        let mut there = Scanners::new(bittern, &DetectLimits::default());
        let mut open = here.begin(None, false);
        here.push(&mut open, b"a grey her");
        here.hand_over(&open);
        there.take_up(&mut open);
        there.push(&mut open, b"on and a bittern");
        let hits = there.finish(open, "", "");
        assert_eq!(hits.iter().map(|hit| &*hit.signature).collect::<Vec<_>>(), ["x/heron"]);
        assert!(there.retired.is_empty(), "nobody needs the earlier set any more");
        assert!(Arc::ptr_eq(here.in_force(), &heron));
    }

    #[test]
    fn an_open_scan_ends_with_the_set_it_began_with() {
        let mut scanners = Scanners::new(set("heron"), &DetectLimits::default());
        let mut open = scanners.begin(None, false);
        scanners.push(&mut open, b"a grey her");
        scanners.put_in_force(&set("bittern"));
        let mut late = scanners.begin(None, false);
        for scan in [&mut open, &mut late] {
            scanners.push(scan, b"on and a bittern");
        }
        assert_eq!(scanners.retired.len(), 1);
        let ids = |hits: Vec<Hit>| hits.iter().map(|hit| hit.signature.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(scanners.finish(late, "", "")), ["x/bittern"]);
        assert_eq!(ids(scanners.finish(open, "", "")), ["x/heron"]);
        assert!(scanners.retired.is_empty(), "nobody needs the earlier set any more");
    }
}
