//! The set of signatures: shipped and loaded, checked and compiled.
//!
//! Owns: reading of folders, in-file tests at load, what is told about each signature. Never does: scanning of content.

use crate::{
    Scanner,
    engine::Engine,
    language::{
        build::{self, Built, Compiled},
        check::{self, Draft},
        problem::{Fault, SignatureProblem},
    },
    shipped::SHIPPED,
    verdict::Wanted,
};
use egret_model::{DetectLimits, Severity};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Largest signature file, bytes.
const FILE_BYTES: u64 = 1 << 20;
/// Folders within each other.
const DEPTH: usize = 16;

/// One signature as it is told to people; its patterns are inside the set.
#[derive(Debug)]
pub struct Signature {
    pub(crate) id: Arc<str>,
    pub(crate) title: Arc<str>,
    pub(crate) owner: Arc<str>,
    pub(crate) description: String,
    pub(crate) file: String,
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
        &self.file
    }

    /// Severity before escalation.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Number of its in-file tests, all of which passed.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.compiled.tests.len()
    }
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
}

impl SignatureSet {
    /// The signatures inside the program.
    #[must_use]
    pub fn shipped() -> Self {
        Self::load(&[]).0
    }

    /// The shipped signatures and those in `directories` (every `*.toml` beneath, in order of paths). A broken file is one
    /// problem, and so is a directory that can't be read; everything else is loaded.
    #[must_use]
    pub fn load(directories: &[PathBuf]) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let mut sources: Vec<(String, String)> =
            SHIPPED.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect();
        for directory in directories {
            read_folder(directory, DEPTH, &mut sources, &mut problems);
        }
        let set = Self::compile(&sources, &mut problems);
        (set, problems)
    }

    /// Signatures from texts, each with the name that its problems are told under; without the shipped ones.
    #[must_use]
    pub fn from_texts(sources: &[(String, String)]) -> (Self, Vec<SignatureProblem>) {
        let mut problems = Vec::new();
        let set = Self::compile(sources, &mut problems);
        (set, problems)
    }

    /// All signatures, in order of their ids.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What legal signatures cost beyond the usual.
    #[must_use]
    pub fn notes(&self) -> &[CostNote] {
        &self.notes
    }

    /// Number of literals in the one pass over all text.
    #[must_use]
    pub fn literals(&self) -> usize {
        self.engine.uses.len()
    }

    fn compile(sources: &[(String, String)], problems: &mut Vec<SignatureProblem>) -> Self {
        // Files whose tests fail are left out, and so is what uses them: seldom more than one round.
        let mut failed: BTreeSet<&str> = BTreeSet::new();
        let mut found = Vec::new();
        loop {
            let mut round = Vec::new();
            let mut drafts: Vec<Draft> = Vec::new();
            for (file, text) in sources.iter().filter(|(file, _)| !failed.contains(file.as_str())) {
                match check::check(file, text) {
                    Ok(draft) => drafts.push(draft),
                    Err(problem) => round.push(problem),
                }
            }
            let drafts = build::resolve(drafts, &mut round);
            let set = Self::assemble(drafts, &mut round);
            let (set, failures) = set.tested();
            if failures.is_empty() {
                problems.append(&mut found);
                problems.append(&mut round);
                return set;
            }
            let names = failures.iter().filter_map(|failure| {
                sources.iter().map(|(file, _)| file.as_str()).find(|file| *file == failure.file)
            });
            failed.extend(names);
            found.extend(failures);
        }
    }

    fn assemble(drafts: Vec<Draft>, problems: &mut Vec<SignatureProblem>) -> Self {
        let file = drafts.last().map(|draft| draft.file.clone()).unwrap_or_default();
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
        Self { signatures, engine, notes }
    }

    /// Runs every in-file test; at most one failure a file.
    fn tested(self) -> (Self, Vec<SignatureProblem>) {
        let set = Arc::new(self);
        let mut scanner = Scanner::new(Arc::clone(&set), &DetectLimits::default());
        let mut failures = Vec::new();
        for signature in &set.signatures {
            let failure = signature.compiled.tests.iter().find_map(|test| {
                let mut scan = scanner.begin();
                scanner.push(&mut scan, test.text.as_bytes());
                let hits = scanner.end(scan, Wanted::Confident);
                let found = hits.iter().any(|hit| hit.signature == signature.id);
                let fault = match (test.matches, found) {
                    (true, false) => Fault::new(
                        format!("this text should match `{}` and does not", signature.id),
                        "widen the pattern, lower report.at, or correct the test",
                    ),
                    (false, true) => Fault::new(
                        format!("this text should not match `{}` and does", signature.id),
                        "narrow the pattern, add a validator or [near], or correct the test",
                    ),
                    _ => return None,
                };
                Some(SignatureProblem::at(&signature.file, &signature.compiled.text, &test.span, fault))
            });
            failures.extend(failure);
        }
        drop(scanner);
        (Arc::into_inner(set).expect("the scanner, which held the only other reference, is gone"), failures)
    }
}

fn read_folder(
    folder: &Path,
    depth: usize,
    sources: &mut Vec<(String, String)>,
    problems: &mut Vec<SignatureProblem>,
) {
    let mut refuse = |path: &Path, message: String, fix: &str| {
        problems.push(SignatureProblem::unreadable(path.display().to_string(), message, fix));
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            return refuse(folder, format!("cannot be read: {error}"), "name a folder of signature files");
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if hidden {
            continue;
        }
        if path.is_dir() {
            if depth == 0 {
                problems.push(SignatureProblem::unreadable(
                    path.display().to_string(),
                    format!("folders nest more than {DEPTH} deep"),
                    "move its files up",
                ));
            } else {
                read_folder(&path, depth - 1, sources, problems);
            }
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            match read_file(&path) {
                Ok(text) => sources.push((path.display().to_string(), text)),
                Err((message, fix)) => {
                    problems.push(SignatureProblem::unreadable(path.display().to_string(), message, fix));
                }
            }
        }
    }
}

fn read_file(path: &Path) -> Result<String, (String, &'static str)> {
    let unreadable =
        |error: std::io::Error| (format!("cannot be read: {error}"), "check that it is a file you may read");
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_BYTES {
        return Err(("larger than a megabyte".into(), "split it into several signatures"));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| ("not UTF-8".into(), "save it as UTF-8"))
}
