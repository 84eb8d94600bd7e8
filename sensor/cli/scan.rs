//! `egret scan`: what would Egret see in these files?
//!
//! Owns: walking over files and printing what was found. Never does: inspection.

use super::{amount, signatures, status, view};
use anyhow::{Context, Result};
use clap::Args;
use egret_detect::NearMiss;
use egret_model::{Hit, Limits, ObjectRecord};
use egret_pipeline::{FileInspector, How, InspectedFile};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret scan quarterly-report.docx
  egret scan exports/ --signatures our-signatures/
  egret scan --text contract.pdf | less
  egret scan --json mailbox.eml | jq .findings

After what is found it shows what nearly matched and why it did not: a check digit, a missing context word, too few values.

Matches are shown redacted, as everywhere in Egret; only --text prints content in the clear.

Exit status: 0 done; 1 done, but part of the input could not be read; 2 wrong usage or configuration.";

/// Scan files as if they had been transferred: what would Egret see in this?
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Scan {
    /// Files or directories.
    #[arg(required_unless_present = "samples", value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Print one JSON object a file (or sample) instead of text.
    #[arg(long)]
    json: bool,

    /// Print the extracted text instead of findings.
    #[arg(long, conflicts_with = "json")]
    text: bool,

    /// With --json: add what nearly matched and why it did not.
    #[arg(long, requires = "json")]
    near: bool,

    /// Scan the texts of a JSON-lines file of {"id","text"} objects and print every match of any confidence as JSON; offsets are in
    /// characters of the text.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "text"])]
    samples: Option<PathBuf>,

    /// A directory of your own signatures, in addition to the shipped ones; may be given several times.
    #[arg(short, long, value_name = "DIR")]
    signatures: Vec<PathBuf>,

    /// The key of indexes of records and documents that lies apart from them; may be given several times.
    #[arg(short, long, value_name = "FILE")]
    key: Vec<PathBuf>,
}

/// What was found in one file, as JSON.
#[derive(Serialize)]
struct FileReport<'a> {
    path: String,
    objects: &'a [ObjectRecord],
    findings: Vec<FindingReport<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    near_misses: Option<Vec<NearMissReport<'a>>>,
}

/// What nearly matched, as JSON.
#[derive(Serialize)]
struct NearMissReport<'a> {
    signature: &'a str,
    find: &'a str,
    object: &'a str,
    reason: &'a str,
    count: u64,
    examples: &'a [egret_model::Match],
}

/// One finding, as JSON. Matches keep their fields; offsets may be in characters (samples) or bytes (files).
#[derive(Serialize)]
struct FindingReport<'a> {
    signature: &'a str,
    title: &'a str,
    tags: &'a [String],
    severity: egret_model::Severity,
    confidence: egret_model::Confidence,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    count: u64,
    unique: u64,
    matches: &'a [egret_model::Match],
}

impl<'a> FindingReport<'a> {
    fn new(hit: &'a Hit, object: Option<&'a str>) -> Self {
        Self {
            signature: &hit.signature,
            title: &hit.title,
            tags: &hit.tags,
            severity: hit.severity,
            confidence: hit.confidence,
            object,
            count: hit.count,
            unique: hit.unique,
            matches: &hit.matches,
        }
    }
}

impl Scan {
    pub(crate) fn run(&self) -> Result<u8> {
        let (set, broken) = signatures::load(&[self.signatures.as_slice(), &self.key].concat());
        let explaining = !self.text && (!self.json || self.near);
        let how = if explaining { How::Explaining } else { How::Usual };
        let own = set.signatures().iter().filter(|signature| !signature.shipped());
        let own = own.map(|signature| signature.id().to_owned()).collect();
        let mut inspector = FileInspector::new(set, &Limits::default()).how(how);
        let mut out = BufWriter::new(std::io::stdout().lock());
        let outcome = match &self.samples {
            Some(path) => scan_samples(path, &mut inspector, &mut out).map(|()| true),
            None => self.scan_paths(&mut inspector, &own, &mut out),
        };
        // A reader that has seen enough (head, less) closes the pipe: that is no failure of ours.
        let complete = match outcome.and_then(|complete| Ok(out.flush().map(|()| complete)?)) {
            Err(error) if closed_pipe(&error) => true,
            other => other?,
        };
        Ok(if complete && !broken { status::DONE } else { status::PARTIAL })
    }

    /// False when a file could not be read.
    fn scan_paths(
        &self,
        inspector: &mut FileInspector,
        own: &BTreeSet<String>,
        out: &mut impl Write,
    ) -> Result<bool> {
        let mut files = Vec::new();
        let mut complete = true;
        for path in &self.paths {
            if let Err(error) = expand(path, &mut files) {
                view::warning(&format!("{error:#}"));
                complete = false;
            }
        }
        for path in &files {
            match self.scan_file(path, inspector, own, out) {
                Ok(()) => {}
                Err(error) if closed_pipe(&error) => return Err(error),
                Err(error) => {
                    view::warning(&format!("{error:#}"));
                    complete = false;
                }
            }
        }
        anyhow::ensure!(complete || !files.is_empty(), "nothing to scan");
        Ok(complete)
    }

    fn scan_file(
        &self,
        path: &Path,
        inspector: &mut FileInspector,
        own: &BTreeSet<String>,
        out: &mut impl Write,
    ) -> Result<()> {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let mut file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
        let mut written = Ok(());
        let inspected = inspector
            .inspect(&name, &mut file, &mut |text| {
                if self.text && written.is_ok() {
                    written = out.write_all(text);
                }
            })
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        written?;
        if self.text {
            return Ok(writeln!(out)?);
        }
        if self.json {
            let report = FileReport {
                path: path.display().to_string(),
                objects: &inspected.objects,
                findings: inspected
                    .hits
                    .iter()
                    .filter(|(_, hit)| !hit.below)
                    .map(|(object, hit)| FindingReport::new(hit, path_of(&inspected, *object)))
                    .collect(),
                near_misses: self.near.then(|| inspected.near_misses.iter().map(near_miss).collect()),
            };
            serde_json::to_writer(&mut *out, &report)?;
            return Ok(writeln!(out)?);
        }
        print_file(path, &inspected, own, out)
    }
}

fn near_miss((object, miss): &(String, NearMiss)) -> NearMissReport<'_> {
    let NearMiss { signature, find, reason, count, examples } = miss;
    NearMissReport { signature, find, object, reason, count: *count, examples }
}

fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    })
}

fn path_of(inspected: &InspectedFile, object: usize) -> Option<&str> {
    inspected.objects.get(object).map(|object| object.path.as_str())
}

/// The files under a path, sorted, so that the output does not depend on the file system.
pub(crate) fn expand(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    if !kind.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries = fs::read_dir(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{}: cannot be listed", path.display()))?;
    entries.sort_by_key(fs::DirEntry::path);
    for entry in entries {
        // A link to a directory is not followed: it may lead back here.
        let kind =
            entry.file_type().with_context(|| format!("{}: cannot be read", entry.path().display()))?;
        if kind.is_file() || kind.is_dir() {
            expand(&entry.path(), files)?;
        }
    }
    Ok(())
}

fn print_file(
    path: &Path,
    inspected: &InspectedFile,
    own: &BTreeSet<String>,
    out: &mut impl Write,
) -> Result<()> {
    let Some(root) = inspected.objects.first() else {
        return Ok(writeln!(out, "{}: empty", path.display())?);
    };
    writeln!(out, "{}: {}, {}", path.display(), root.media_type, amount::bytes(root.size))?;
    for object in
        inspected.objects.iter().filter(|object| object.state != egret_model::ObjectState::Inspected)
    {
        let state = serde_json::to_value(object.state)?;
        writeln!(out, "  {} was not fully inspected: {}", object.path, state.as_str().unwrap_or_default())?;
    }
    if inspected.hits.is_empty() {
        writeln!(out, "  nothing found")?;
    }
    for (object, hit) in &inspected.hits {
        writeln!(
            out,
            "  {} ({}): {} in {}, {} distinct; {} severity, {} confidence",
            hit.title,
            hit.signature,
            amount::of(hit.count, "match").replace("matchs", "matches"),
            path_of(inspected, *object).unwrap_or_default(),
            amount::count(hit.unique),
            hit.severity,
            hit.confidence,
        )?;
        for found in hit.matches.iter().take(5) {
            let why = found.why.join("; ");
            let why = if why.is_empty() { why } else { format!("   [{why}]") };
            writeln!(out, "    {:24} {}{why}", found.redacted, found.context)?;
        }
        if hit.matches.len() > 5 {
            writeln!(out, "    … and {} more", amount::count(hit.count - 5))?;
        }
        if let Some(excepted) = &hit.excepted {
            let all = if excepted.all { "all" } else { "of these and more" };
            writeln!(
                out,
                "    let pass by an exception: {} ({all}), {}, until {}",
                amount::of(excepted.matches, "match").replace("matchs", "matches"),
                excepted.reason,
                excepted.until
            )?;
        }
    }
    print_near_misses(inspected, own, out)
}

/// Lines about what nearly matched; --json --near has all.
const NEAR_MISSES_SHOWN: usize = 12;
/// Reasons that numbers share by the dozen, by how they begin, and how they are told of several signatures at once.
const USUAL_REASONS: [(&str, &str); 2] = [
    ("fails the check", "has the form, and fails the check, of"),
    ("not sure enough: no context word", "no word stands near that would make it one of"),
];
/// Signatures named in one line.
const KINDS_NAMED: usize = 4;

fn print_near_misses(inspected: &InspectedFile, own: &BTreeSet<String>, out: &mut impl Write) -> Result<()> {
    if inspected.near_misses.is_empty() {
        return Ok(());
    }
    writeln!(out, "  nearly matched, and why not:")?;
    // Any number has the form of a dozen kinds of numbers; that it is none of them is one thing to tell, and the last. Whoever
    // tunes a signature looks for their own, and for those first.
    let mut others: Vec<&(String, NearMiss)> = Vec::new();
    let mut kinds: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for near in &inspected.near_misses {
        let (object, miss) = near;
        let usual = USUAL_REASONS.iter().find(|(reason, _)| miss.reason.starts_with(reason));
        match usual.filter(|_| !own.contains(&*miss.signature)) {
            Some((_, told)) => {
                let example = miss.examples.first().map_or("", |example| example.redacted.as_str());
                kinds.entry((told, object.as_str(), example)).or_default().push(&*miss.signature);
            }
            None => others.push(near),
        }
    }
    others.sort_by_key(|(_, miss)| !own.contains(&*miss.signature));
    for (object, miss) in others.iter().take(NEAR_MISSES_SHOWN) {
        let find = if miss.find.is_empty() { String::new() } else { format!("#{}", miss.find) };
        let (signature, times) = (&miss.signature, amount::count(miss.count));
        writeln!(out, "    {signature}{find} in {object}: {times} × {}", miss.reason)?;
        if let Some(example) = miss.examples.first() {
            writeln!(out, "      {:24} {}", example.redacted, example.context)?;
        }
    }
    let shown = kinds.len().min(NEAR_MISSES_SHOWN);
    let more = others.len().saturating_sub(NEAR_MISSES_SHOWN) + kinds.len() - shown;
    for ((told, object, example), mut kinds) in kinds.into_iter().take(shown) {
        kinds.dedup();
        let named = kinds.iter().take(KINDS_NAMED).copied().collect::<Vec<_>>().join(", ");
        let rest = kinds.len().saturating_sub(KINDS_NAMED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        writeln!(out, "    {example} in {object}: {told} {named}{rest}")?;
    }
    if more > 0 {
        writeln!(out, "    … and {more} more kinds; --json --near shows all")?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct Sample {
    id: serde_json::Value,
    text: String,
}

#[derive(Serialize)]
struct SampleReport<'a> {
    id: &'a serde_json::Value,
    findings: Vec<FindingReport<'a>>,
}

fn scan_samples(path: &Path, inspector: &mut FileInspector, out: &mut impl Write) -> Result<()> {
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("{}:{}: cannot be read", path.display(), index + 1))?;
        if line.trim().is_empty() {
            continue;
        }
        let sample: Sample = serde_json::from_str(&line).with_context(|| {
            format!("{}:{}: not an object with \"id\" and \"text\"", path.display(), index + 1)
        })?;
        let mut hits = inspector.inspect_text(&sample.text);
        for found in hits.iter_mut().flat_map(|hit| &mut hit.matches) {
            (found.offset, found.length) = in_characters(&sample.text, found.offset, found.length);
        }
        let findings = hits.iter().map(|hit| FindingReport::new(hit, None)).collect();
        serde_json::to_writer(&mut *out, &SampleReport { id: &sample.id, findings })?;
        writeln!(out)?;
    }
    Ok(())
}

/// A place in bytes as a place in characters.
fn in_characters(text: &str, offset: u64, length: u64) -> (u64, u64) {
    let characters_before =
        |byte: u64| text.char_indices().take_while(|(at, _)| (*at as u64) < byte).count() as u64;
    let start = characters_before(offset);
    (start, characters_before(offset.saturating_add(length)).saturating_sub(start))
}
