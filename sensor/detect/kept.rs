//! What loading of signatures has learnt, kept for the next load: facts about expressions, and which sets pass their tests.
//!
//! Owns: what is worth keeping, its form, and whether bytes that somebody kept are those that were given to them. Never does: files;
//! deciding anything: whatever is kept here can be found out again, and comes out the same.
//!
//! | kept | by | what it saves |
//! |---|---|---|
//! | the facts about an expression: its literals, what stands beside them, how far it reaches | its text | reading it and compiling its automata, until it is led to |
//! | that every test inside the user's files has passed | the SHA-256 of the whole set | running the tests again |
//!
//! Prefilter tables are not kept: they are built from the literals in a hundredth of the time that a load takes, and nearly as fast
//! as they could be read. Tests are kept for sets and not for files, since a test may depend on whatever else is loaded.
//!
//! Kept bytes name the build that wrote them and carry a checksum: what another build wrote, or what is damaged, is nothing.

use crate::{
    engine::pattern::{Facts, Pattern},
    language::check::Placed,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

include!(concat!(env!("OUT_DIR"), "/build_id.rs"));

/// How the bytes begin: what they are, and the version of their form.
const MAGIC: &[u8] = b"egret signatures kept 1\n";
/// Sets whose tests are known to pass; the oldest goes first.
const SETS: usize = 64;
/// Bytes beyond which facts that the last load had no use for are not kept any longer (16 MiB; the shipped library takes less than
/// two). A larger library of one's own is kept whole.
const SPARE_BYTES: usize = 16 << 20;

/// What an expression, or a set, is known by: SHA-256.
type Key = [u8; 32];

/// What loading of signatures has learnt.
///
/// ```
/// use egret_detect::{Kept, SignatureSet};
///
/// let mut kept = Kept::default();
/// let (first, _) = SignatureSet::load_kept(&[], &mut kept);
/// let mut kept = Kept::read(&kept.to_bytes()).expect("bytes of this very program");
/// let (second, _) = SignatureSet::load_kept(&[], &mut kept);
/// assert_eq!(first.sha256(), second.sha256());
/// assert!(!kept.has_news());
/// ```
#[derive(Debug, Default)]
pub struct Kept {
    facts: BTreeMap<Key, Arc<Facts>>,
    /// The latest last.
    passed: Vec<Key>,
    /// What the present load has used and added. Loading is one thread's work.
    met: RefCell<Met>,
}

#[derive(Debug, Default)]
struct Met {
    used: BTreeSet<Key>,
    fresh: Vec<(Key, Arc<Facts>)>,
    passed: bool,
}

/// What is written.
#[derive(Serialize)]
struct Written<'a> {
    facts: BTreeMap<Key, &'a Facts>,
    passed: &'a [Key],
}

/// What is read.
#[derive(Deserialize)]
struct Given {
    facts: BTreeMap<Key, Facts>,
    passed: Vec<Key>,
}

impl Kept {
    /// What [`Self::to_bytes`] gave. None: it was not this build, or they are damaged.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (build, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
        let (checksum, payload) = rest.split_first_chunk::<32>()?;
        if *build != BUILD_ID.to_le_bytes() || *checksum != key(payload) {
            return None;
        }
        let given: Given = postcard::from_bytes(payload).ok()?;
        let facts = given.facts.into_iter().map(|(key, facts)| (key, Arc::new(facts))).collect();
        Some(Self { facts, passed: given.passed, met: RefCell::default() })
    }

    /// All of it, for a later load by this build. It tells what is looked for, so that it is as secret as the signatures are.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let bytes = self.written(|_| true);
        if bytes.len() <= SPARE_BYTES {
            return bytes;
        }
        let met = self.met.borrow();
        self.written(|key| met.used.contains(key))
    }

    /// Whether there is more to keep than was read.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let met = self.met.borrow();
        !met.fresh.is_empty() || met.passed
    }

    fn written(&self, wanted: impl Fn(&Key) -> bool) -> Vec<u8> {
        let met = self.met.borrow();
        let known = self.facts.iter().chain(met.fresh.iter().map(|(key, facts)| (key, facts)));
        let facts: BTreeMap<Key, &Facts> =
            known.filter(|(key, _)| wanted(key)).map(|(key, facts)| (*key, &**facts)).collect();
        let passed = self.passed.get(self.passed.len().saturating_sub(SETS)..).unwrap_or_default();
        let payload = postcard::to_allocvec(&Written { facts, passed });
        let payload = payload.expect("numbers, texts and lists can be written to memory");
        sealed(&payload)
    }

    /// The pattern of an expression, which `compile` makes where nothing is known of it.
    pub(crate) fn pattern(
        &self,
        text: &str,
        compile: impl FnOnce() -> Result<Pattern, Placed>,
    ) -> Result<Pattern, Placed> {
        let key = key(text.as_bytes());
        let mut met = self.met.borrow_mut();
        if let Some(facts) = self.facts.get(&key) {
            met.used.insert(key);
            return Ok(Pattern::known(text, Arc::clone(facts)));
        }
        let pattern = compile()?;
        if met.used.insert(key) {
            met.fresh.push((key, Arc::clone(pattern.facts())));
        }
        Ok(pattern)
    }

    /// Whether the tests of a set are known to pass.
    pub(crate) fn passes(&self, set: Key) -> bool {
        self.passed.contains(&set)
    }

    /// The tests of a set have passed.
    pub(crate) fn note_passed(&mut self, set: Key) {
        self.passed.push(set);
        self.met.get_mut().passed = true;
    }
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    [MAGIC, &BUILD_ID.to_le_bytes(), &key(payload), payload].concat()
}

fn key(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SignatureSet;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn load(kept: &mut Kept) -> SignatureSet {
        let (set, problems) = SignatureSet::load_kept(&[], kept);
        assert!(problems.is_empty(), "{problems:?}");
        set
    }

    /// Everything that is compiled of a set, in words.
    fn told(set: &SignatureSet) -> String {
        let engine = &set.engine;
        let patterns: Vec<_> =
            engine.patterns.iter().map(|(pattern, finder)| (pattern.facts(), finder)).collect();
        format!("{:?} {:?} {:?} {patterns:?}", engine.leads, engine.lengths, engine.unanchored)
    }

    #[test]
    fn a_set_is_the_same_with_what_was_kept() {
        let mut kept = Kept::default();
        let first = load(&mut kept);
        assert!(kept.has_news());
        let bytes = kept.to_bytes();
        let mut kept = Kept::read(&bytes).expect("of this build");
        let second = load(&mut kept);
        assert!(!kept.has_news(), "everything was known");
        assert_eq!(told(&first), told(&second));
        // Expressions that are read when they are first led to match as those do that were read before.
        let text = signature_texts(&first);
        for (at, (first, second)) in first.engine.patterns.iter().zip(&second.engine.patterns).enumerate() {
            assert_eq!(first.0.count_in(&text), second.0.count_in(&text), "pattern {at}");
        }
        assert!(kept.to_bytes() == bytes, "the same is kept again");
    }

    /// The texts of some tests, so that there is something to be found.
    fn signature_texts(set: &SignatureSet) -> Vec<u8> {
        let texts = set.signatures.iter().flat_map(|signature| signature.cases().take(1));
        texts.map(|case| case.text).collect::<Vec<_>>().join("\n").into_bytes()[..20_000].to_vec()
    }

    #[test]
    fn what_is_damaged_or_of_another_build_is_nothing() {
        let mut kept = Kept::default();
        load(&mut kept);
        let bytes = kept.to_bytes();
        assert!(bytes.len() < SPARE_BYTES, "{} bytes", bytes.len());
        for at in [0, MAGIC.len(), MAGIC.len() + 8, MAGIC.len() + 40, bytes.len() / 2, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Kept::read(&damaged).is_none(), "a bit at {at}");
            assert!(Kept::read(&bytes[..at]).is_none(), "cut at {at}");
        }
        assert!(Kept::read(b"").is_none());
    }

    #[test]
    fn a_set_whose_tests_failed_is_tested_again() {
        let folder = std::env::temp_dir().join(format!("egret-kept-{}", std::process::id()));
        let file = folder.join("own.toml");
        std::fs::create_dir_all(&folder).expect("a folder for a test");
        let signature = |word: &str| {
            format!(
                "id = \"x/y\"\ntitle = \"Y\"\nseverity = \"low\"\n[[find]]\nname = \"it\"\nregex = 'heron-\\d{{4}}'\n\
                 [[test]]\nmatch = \"{word}\"\n"
            )
        };
        let mut kept = Kept::default();
        for (word, faults, known) in
            [("none", 1, false), ("none", 1, false), ("heron-1234", 0, false), ("heron-1234", 0, true)]
        {
            std::fs::write(&file, signature(word)).expect("a file for a test");
            let before = kept.passed.len();
            let (_, problems) = SignatureSet::load_kept(&[PathBuf::from(&folder)], &mut kept);
            assert_eq!(problems.len(), faults, "{word}: {problems:?}");
            assert_eq!(kept.passed.len() - before, usize::from(faults == 0 && !known), "{word}");
        }
        std::fs::remove_dir_all(&folder).expect("the folder of the test");
    }

    proptest! {
        #[test]
        fn no_payload_does_harm(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(kept) = Kept::read(&sealed(&payload)) {
                prop_assert!(Kept::read(&kept.to_bytes()).is_some());
            }
        }
    }
}
