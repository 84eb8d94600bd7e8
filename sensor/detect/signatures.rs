//! The set of signatures: shipped and loaded, checked and compiled.
//!
//! Owns: reading of folders, in-file tests at load, what is told about each signature. Never does: scanning of content.

use crate::{
    Kept, Scanner, ValueKey,
    engine::Engine,
    language::{
        build::{self, Built, Compiled},
        check::{self, Checked},
        draft::{Draft, Test},
        exception::{Circumstances, Exception},
        problem::{Fault, SignatureProblem},
        source::{Source, Sources},
        tuning,
    },
    verdict::Wanted,
};
use egret_model::{Confidence, DetectLimits, Severity, Timestamp};
use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// One signature as it is told to people; its patterns are inside the set.
#[derive(Debug)]
pub struct Signature {
    pub(crate) id: Arc<str>,
    pub(crate) title: Arc<str>,
    pub(crate) owner: Arc<str>,
    pub(crate) description: String,
    pub(crate) source: Arc<Source>,
    pub(crate) enabled: bool,
    pub(crate) tuned_by: Vec<String>,
    pub(crate) severity: Severity,
    pub(crate) tags: Arc<[String]>,
    pub(crate) compiled: Compiled,
}

impl Signature {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Its owner, or empty.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// What it finds and from which source its rules come, or empty.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The file it came from; of shipped ones, its path under `signatures/`.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// False when an override has switched it off.
    #[must_use]
    pub const fn enabled(&self) -> bool {
        self.enabled
    }

    /// It is part of the program.
    #[must_use]
    pub fn shipped(&self) -> bool {
        self.source.shipped
    }

    /// Names of the files whose overrides changed it, in order of their application.
    #[must_use]
    pub fn tuned_by(&self) -> &[String] {
        &self.tuned_by
    }

    /// Severity before escalation.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Its exceptions.
    #[must_use]
    pub fn exceptions(&self) -> &[Exception] {
        &self.compiled.exceptions
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Its in-file tests that are texts.
    pub fn cases(&self) -> impl Iterator<Item = Case<'_>> {
        self.compiled.tests.iter().filter(|test| test.media_type.is_empty()).map(|test| Case {
            text: &test.text,
            matches: test.matches,
            file: &test.source.name,
            line: test
                .source
                .text
                .get(..test.span.start)
                .map_or(0, |before| before.matches('\n').count() + 1),
        })
    }

    /// Distinct values of one sender and day from which they are reported together.
    #[must_use]
    pub const fn per_sender_day(&self) -> Option<u64> {
        self.compiled.report.per_sender_day
    }

    /// Least confidence, distinct values and matches that are reported.
    #[must_use]
    pub const fn threshold(&self) -> (Confidence, u64, u64) {
        let report = &self.compiled.report;
        (report.at, report.unique, report.count)
    }

    /// Context words, and the distance within which they count, characters.
    pub fn context(&self) -> (impl Iterator<Item = &str>, usize) {
        let shared = self.compiled.near_words.iter().take(self.compiled.shared_words as usize);
        (shared.map(|word| &**word), self.compiled.within)
    }

    /// Context words of one find alone, by its name, and their distance.
    pub fn own_context(&self) -> impl Iterator<Item = (&str, Vec<&str>, usize)> {
        let words = |own: &Range<u32>| {
            let words = self.compiled.near_words.get(own.start as usize..own.end as usize);
            words.unwrap_or_default().iter().map(|word| &**word).collect()
        };
        self.compiled.finds.iter().filter_map(move |find| {
            let own = find.own.as_ref()?;
            Some((find.name.as_str(), words(&own.words), own.within))
        })
    }

    /// Names of its finds.
    pub fn finds(&self) -> impl Iterator<Item = &str> {
        self.compiled.finds.iter().map(|find| find.name.as_str())
    }

    /// Number of its in-file tests.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.compiled.tests.len()
    }
}

/// One test inside a signature.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The text, as its author wrote it.
    pub text: &'a str,
    /// It must be found; else it must not.
    pub matches: bool,
    /// Where it stands.
    pub file: &'a str,
    /// Its line, from 1.
    pub line: usize,
}

/// Whether an exception is for a finding.
#[derive(Clone, Copy, Debug)]
pub enum Excuse<'a> {
    /// None is.
    None,
    /// This one is: the finding counts, and is no reason for an incident.
    Holds(&'a Exception),
    /// This one would have been, had it not ended.
    Ended(&'a Exception),
}

/// What a legal signature costs beyond the usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CostNote {
    /// Which signature.
    pub signature: String,
    /// Which of its finds.
    pub find: String,
    /// What it costs.
    pub note: String,
}

/// Signatures compiled together. Shared by all workers.
#[derive(Debug)]
pub struct SignatureSet {
    pub(crate) signatures: Vec<Signature>,
    pub(crate) engine: Engine,
    notes: Vec<CostNote>,
    /// For tokens of values, where a folder has one.
    pub(crate) key: Option<ValueKey>,
    sha256: String,
}

impl SignatureSet {
    /// The signatures inside the program.
    #[must_use]
    pub fn shipped() -> Self {
        Self::load(&[]).0
    }

    /// The shipped signatures and those in `directories` (every `*.toml` beneath, in order of paths). A broken file is one
    /// problem, and so is a directory that can't be read; everything else is loaded. Indexes of records and documents beneath are
    /// signatures too; their keys (`*.key`) lie beside them, or are named among `directories`. Tests of the user's files are run.
    #[must_use]
    pub fn load(directories: &[PathBuf]) -> (Self, Vec<SignatureProblem>) {
        Self::load_with(directories, Tests::Own)
    }

    /// The same with what earlier loads have learnt, and learning for later ones. The set and the problems are the same as without.
    #[must_use]
    pub fn load_kept(directories: &[PathBuf], kept: &mut Kept) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let mut sources = Sources::shipped();
        sources.kept = std::mem::take(kept);
        for directory in directories {
            sources.read(directory, &mut problems);
        }
        sources.read_indexes(&mut problems);
        let set = Self::compile(&mut sources, Tests::Own, &mut problems);
        *kept = sources.kept;
        (set, problems)
    }

    /// The same, and the tests of shipped signatures are run too.
    #[must_use]
    pub fn load_tested(directories: &[PathBuf]) -> (Self, Vec<SignatureProblem>) {
        Self::load_with(directories, Tests::All)
    }

    /// The set as it would be if `text` stood in the file at `path`, which belongs to the folder `root`; for people who want to see
    /// what a change does before they make it.
    #[must_use]
    pub fn load_changed(
        directories: &[PathBuf],
        (root, path, text): (&Path, &Path, &str),
    ) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let mut sources = Sources::shipped();
        for directory in directories {
            sources.read(directory, &mut problems);
        }
        sources.change(path, root, text);
        let set = Self::compile(&mut sources, Tests::Own, &mut problems);
        (set, problems)
    }

    fn load_with(directories: &[PathBuf], tests: Tests) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let mut sources = Sources::shipped();
        for directory in directories {
            sources.read(directory, &mut problems);
        }
        sources.read_indexes(&mut problems);
        let set = Self::compile(&mut sources, tests, &mut problems);
        (set, problems)
    }

    /// What one of them makes of a finding in these circumstances: exceptions for the transfer that hold, or would if they had not
    /// ended by then.
    #[must_use]
    pub fn exception(&self, signature: &str, of: &Circumstances<'_>, at: Timestamp) -> Excuse<'_> {
        let found = self.signatures.binary_search_by(|known| (*known.id).cmp(signature));
        let Some(known) = found.ok().and_then(|at| self.signatures.get(at)) else { return Excuse::None };
        let mut covering = known.compiled.exceptions.iter().filter(|one| one.covers(of));
        let mut expired = Excuse::None;
        covering
            .find_map(|one| {
                if one.holds_at(Some(at)) {
                    return Some(Excuse::Holds(one));
                }
                expired = Excuse::Ended(one);
                None
            })
            .unwrap_or(expired)
    }

    /// Signatures from texts, each with the name that its problems are told under (one that ends with `.txt` is a dictionary);
    /// without the shipped ones.
    #[must_use]
    pub fn from_texts(texts: &[(String, String)]) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let mut sources = Sources::default();
        for (name, text) in texts {
            sources.add(name, text);
        }
        let set = Self::compile(&mut sources, Tests::All, &mut problems);
        (set, problems)
    }

    /// The same set, in which one match is enough to be reported, as the tests inside signatures ask.
    #[must_use]
    pub fn without_thresholds(mut self) -> Self {
        for signature in &mut self.signatures {
            (signature.compiled.report.unique, signature.compiled.report.count) = (1, 1);
        }
        self
    }

    /// All signatures, in order of their ids.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// SHA-256 over every file that the set is made of, the program's own included: the same digest, the same findings.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What legal signatures cost beyond the usual.
    #[must_use]
    pub fn notes(&self) -> &[CostNote] {
        &self.notes
    }

    /// Number of literals in the one pass over all text.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.engine.leads.literals()
    }

    fn compile(sources: &mut Sources, tests: Tests, problems: &mut Vec<SignatureProblem>) -> Self {
        let digest = sources.digest();
        let tests = if tests == Tests::Own && sources.kept.passes(digest) { Tests::None } else { tests };
        let mut checked = Checked::default();
        for source in &sources.files {
            check::check(source, &*sources, &mut checked, problems);
        }
        let Checked { drafts, mut tunings } = checked;
        let mut drafts = build::distinct(drafts, problems);
        let mut failed = false;
        // What fails its tests is left out, and so is what uses it: seldom more than one round.
        loop {
            let mut round = Vec::new();
            let mut tuned = drafts.clone();
            tuning::apply(&mut tuned, &tunings, &mut round);
            let tuned = build::resolve(tuned, &mut round);
            let set = Self::assemble(tuned, &mut round);
            let (set, failures) = set.tested(tests);
            if failures.is_empty() {
                problems.append(&mut round);
                if tests == Tests::Own && !failed {
                    sources.kept.note_passed(digest);
                }
                let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
                return Self { key: sources.key.clone(), sha256, ..set };
            }
            failed = true;
            for Failure { signature, source, problem } in failures {
                let before = (drafts.len(), tunings.len());
                let own = drafts.iter().find(|draft| draft.id.get_ref() == &*signature);
                if own.is_some_and(|draft| draft.source == source) {
                    drafts.retain(|draft| draft.id.get_ref() != &*signature);
                } else {
                    tunings
                        .retain(|tuning| tuning.source != source || own.is_none_or(|own| !tuning.names(own)));
                }
                // An override by a tag that another override has given.
                if before == (drafts.len(), tunings.len()) {
                    tunings.retain(|tuning| tuning.source != source);
                }
                problems.push(problem);
            }
        }
    }

    fn assemble(drafts: Vec<Draft>, problems: &mut Vec<SignatureProblem>) -> Self {
        let file = drafts.last().map(|draft| draft.source.name.clone()).unwrap_or_default();
        let built = build::build(drafts).or_else(|| {
            let fix = "load fewer signatures";
            problems.push(SignatureProblem::unreadable(
                file,
                "too many literals for one matcher".into(),
                fix,
            ));
            build::build(Vec::new())
        });
        let Built { signatures, engine, notes } = built.expect("an engine without any literal builds");
        Self { signatures, engine, notes, key: None, sha256: String::new() }
    }

    /// Runs in-file tests; at most one failure a signature.
    fn tested(self, tests: Tests) -> (Self, Vec<Failure>) {
        if tests == Tests::None {
            return (self, Vec::new());
        }
        let set = Arc::new(self);
        let mut scanner = Scanner::new(Arc::clone(&set), &DetectLimits::default());
        let mut failures = Vec::new();
        for signature in set.signatures.iter().filter(|signature| signature.enabled) {
            let wanted = |test: &&Test| tests == Tests::All || !test.source.shipped;
            let failure = signature.compiled.tests.iter().filter(wanted).find_map(|test| {
                let mut scan = scanner.begin();
                scanner.push(&mut scan, test.text.as_bytes());
                if !test.media_type.is_empty() {
                    scan.is_file("", test.media_type);
                }
                let hits = scanner.end(scan, Wanted::Confident);
                let found = hits.iter().any(|hit| hit.signature == signature.id);
                let fault = test.outcome(&signature.id, found)?;
                let problem = SignatureProblem::at(&test.source.name, &test.source.text, &test.span, fault);
                let source = Arc::clone(&test.source);
                Some(Failure { signature: signature.id.clone(), source, problem })
            });
            failures.extend(failure);
        }
        drop(scanner);
        (Arc::into_inner(set).expect("the scanner, which held the only other reference, is gone"), failures)
    }
}

impl Test {
    /// What is wrong when the text was found, or was not.
    fn outcome(&self, id: &str, found: bool) -> Option<Fault> {
        let what = if self.media_type.is_empty() { "text" } else { "kind of file" };
        match (self.matches, found) {
            (true, false) => Some(Fault::new(
                format!("this {what} should match `{id}` and does not"),
                "widen the pattern, lower report.at, or correct the test",
            )),
            (false, true) => Some(Fault::new(
                format!("this {what} should not match `{id}` and does"),
                "narrow the pattern, add a validator or [near], or correct the test",
            )),
            _ => None,
        }
    }
}

/// Which tests run when a set is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tests {
    /// None: they are known to pass.
    None,
    /// Those of the user: the shipped ones passed when the program was made.
    Own,
    /// Every one.
    All,
}

struct Failure {
    signature: Arc<str>,
    source: Arc<Source>,
    problem: SignatureProblem,
}
