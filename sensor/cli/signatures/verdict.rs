//! `egret signatures verdict`: an analyst's judgement becomes an exception or a test in the owner's file.
//!
//! Owns: the change of the file, which keeps its comments and layout, the effect shown before it is saved, and the verdicts so far.
//! Never does: clear text: values are named by keyed tokens, tests are made of the signature's own made-up values.

use super::{
    create::agreed,
    records::{Finding, Records, Transfer},
};
use crate::cli::{clock, status, view};
use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args, ValueEnum};
use egret_detect::{Excuse, Scanner, Signature, SignatureSet, ValueKey};
use egret_model::{DetectLimits, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

const EXAMPLES: &str = "\
Examples:
  egret signatures verdict f-1f2e… false --records monday -s our-signatures --as destination --reason 'agreement 2026-14'
  egret signatures verdict f-1f2e… false --records monday -s our-signatures --as value --until 2027-03-31
  egret signatures verdict f-1f2e… true --records monday -s our-signatures --as test
  egret signatures verdict f-1f2e… true --records monday -s our-signatures

`false` with --as writes an exception, into the signature's file where that is yours, else into an override beside your own. `true`
with --as test writes a test: the redacted text around the match with a made-up value of the signature's own tests in its place.
Without --as the judgement is only remembered. What the change does to the findings of these records is shown before it is saved.
For --as value your folder needs a key; it is made when it is first asked for, and findings of later replays carry tokens.

Exit status: 0 done; 2 wrong usage, or the change does not hold.";

/// Judge a finding: remember it, and write an exception or a test into your signatures.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Verdict {
    /// Id of the finding, or its beginning.
    #[arg(value_name = "FINDING")]
    finding: String,
    /// Whether it was right.
    #[arg(value_name = "false|true", action = clap::ArgAction::Set)]
    right: bool,
    /// The records that hold the finding.
    #[arg(long, value_name = "DIR", default_value = "records")]
    records: PathBuf,
    /// The directory of your signatures: what is written is written here.
    #[arg(short, long, value_name = "DIR")]
    signatures: PathBuf,
    /// What to write.
    #[arg(long = "as", value_enum, value_name = "WHAT")]
    kind: Option<Kind>,
    /// Why; obligatory for an exception.
    #[arg(long)]
    reason: Option<String>,
    /// Last day of the exception, as 2027-06-30 [default: a year from today]
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Save without asking.
    #[arg(long)]
    yes: bool,
    /// Print what would be done as JSON; saved with --yes only.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Except what goes to this destination.
    Destination,
    /// Except what this user (host, address) sends.
    Sender,
    /// Except files of this name.
    File,
    /// Except the values of this finding, by their tokens.
    Value,
    /// A test of the signature.
    Test,
}

/// A judgement, a line of the file of verdicts.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: String,
    finding: String,
    signature: String,
    right: bool,
}

/// The verdicts so far, in a folder of signatures.
const VERDICTS: &str = "verdicts.jsonl";

/// Judgements of one signature.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Judged {
    pub(crate) right: u64,
    pub(crate) wrong: u64,
}

impl Judged {
    /// Share of judged findings that were right.
    pub(crate) fn precision(self) -> f64 {
        self.right as f64 / (self.right + self.wrong).max(1) as f64
    }
}

/// The last judgement of each finding, by signature.
pub(crate) fn judged(folders: &[PathBuf]) -> BTreeMap<String, Judged> {
    let mut last: BTreeMap<String, Line> = BTreeMap::new();
    for folder in folders {
        let text = fs::read_to_string(folder.join(VERDICTS)).unwrap_or_default();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            last.insert(line.finding.clone(), line);
        }
    }
    let mut sums: BTreeMap<String, Judged> = BTreeMap::new();
    for line in last.into_values() {
        let sum = sums.entry(line.signature).or_default();
        if line.right { sum.right += 1 } else { sum.wrong += 1 }
    }
    sums
}

/// A file as it would be.
struct Change {
    path: PathBuf,
    text: String,
    added: String,
}

impl Verdict {
    pub(crate) fn run(&self) -> Result<u8> {
        let records = Records::read(&self.records)?;
        let named: Vec<&Finding> =
            records.findings.iter().filter(|one| one.id.starts_with(&self.finding)).collect();
        let finding = match named.as_slice() {
            [one] => *one,
            [] => bail!("{}: no such finding in {}", self.finding, self.records.display()),
            _ => bail!("{}: {} findings begin so; give more of the id", self.finding, named.len()),
        };
        let transfer =
            records.transfers.get(&finding.transfer).context("the records lack the finding's transfer")?;
        let directories = std::slice::from_ref(&self.signatures);
        let (set, problems) = SignatureSet::load(directories);
        for problem in &problems {
            view::warning(&problem.one_line());
        }
        let set = Arc::new(set);
        let signature = set.signatures().iter().find(|one| one.id() == finding.signature);
        let change = match self.kind {
            None => None,
            Some(kind) => {
                let signature = signature
                    .with_context(|| format!("{}: no signature of this id is loaded", finding.signature))?;
                Some(self.change(kind, finding, transfer, signature, &set)?)
            }
        };
        let effect =
            change.as_ref().map(|change| self.effect(change, &records, finding, &set)).transpose()?;
        if self.json {
            let report = serde_json::json!({
                "finding": finding.id, "signature": finding.signature, "right": self.right,
                "file": change.as_ref().map(|change| &change.path), "added": change.as_ref().map(|change| &change.added),
                "effect": effect, "saved": self.yes,
            });
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            println!("{} ({}): {}", finding.id, finding.signature, finding.example);
            if let Some(change) = &change {
                println!("\nadded to {}:\n\n{}", change.path.display(), change.added.trim());
            }
            if let Some(effect) = &effect {
                println!("\n{effect}");
            }
        }
        let saving = self.yes
            || change.is_none() && !self.json
            || !self.json && std::io::stdin().is_terminal() && agreed("Save this?")?;
        if !saving {
            if !self.json {
                println!("not saved; --yes saves without asking");
            }
            return Ok(status::DONE);
        }
        if let Some(change) = &change {
            save(&change.path, &change.text)?;
        }
        self.remember(finding)?;
        let sum = judged(directories).get(&finding.signature).copied().unwrap_or_default();
        if !self.json {
            println!(
                "remembered: {} right and {} wrong so far, precision {:.2}",
                sum.right,
                sum.wrong,
                sum.precision()
            );
        }
        Ok(status::DONE)
    }

    fn change(
        &self,
        kind: Kind,
        finding: &Finding,
        transfer: &Transfer,
        signature: &Signature,
        set: &Arc<SignatureSet>,
    ) -> Result<Change> {
        ensure!(
            self.right == (kind == Kind::Test),
            "a finding that was right becomes a test (--as test), one that was wrong an exception (--as destination, sender, file or value)"
        );
        let (list, entry) = if kind == Kind::Test {
            ("test", test(finding, signature, set)?)
        } else {
            ("except", self.exception(kind, finding, transfer)?)
        };
        let (path, old) = self.file_of(signature)?;
        let mut document: DocumentMut =
            old.parse().with_context(|| format!("{}: not TOML", path.display()))?;
        append(&mut document, signature.id(), list, entry.clone())?;
        let mut alone = DocumentMut::new();
        let mut entries = ArrayOfTables::new();
        entries.push(entry);
        alone.insert(list, Item::ArrayOfTables(entries));
        Ok(Change { path, text: document.to_string(), added: alone.to_string() })
    }

    fn exception(&self, kind: Kind, finding: &Finding, transfer: &Transfer) -> Result<Table> {
        let reason = self.reason.as_deref().filter(|reason| !reason.trim().is_empty());
        let reason = reason
            .context("an exception needs a reason: --reason 'who agreed to it, and where that is written'")?;
        let until = match &self.until {
            Some(until) => until.clone(),
            None => today().plus(365 * DAY_NS).to_the_day(),
        };
        let until: toml_edit::Datetime = until
            .parse()
            .ok()
            .filter(|day: &toml_edit::Datetime| day.time.is_none() && day.date.is_some())
            .with_context(|| format!("{until}: write the last day as 2027-06-30"))?;
        let mut entry = Table::new();
        match kind {
            Kind::Destination => {
                let name = transfer
                    .receiver
                    .as_deref()
                    .map(|name| name.split(':').next().unwrap_or(name).to_owned());
                entry.insert("destination", value(name.unwrap_or_else(|| transfer.receiver_ip.to_string())));
            }
            Kind::Sender => {
                let name = transfer.user.clone().or_else(|| transfer.host.clone());
                entry.insert("sender", value(name.unwrap_or_else(|| transfer.sender_ip.to_string())));
            }
            Kind::File => {
                let name = finding.object.rsplit('/').next().unwrap_or_default();
                ensure!(
                    name.contains('.'),
                    "`{name}` is no name of a file; except the destination or the sender"
                );
                entry.insert("file", value(name));
            }
            Kind::Value => {
                if finding.tokens.is_empty() {
                    self.make_key()?;
                    bail!(
                        "this finding carries no tokens of its values: replay again with these signatures, then judge the finding"
                    );
                }
                let mut tokens = toml_edit::Array::new();
                for token in &finding.tokens {
                    if !tokens.iter().any(|known| known.as_str() == Some(token)) {
                        tokens.push(token.as_str());
                    }
                }
                entry.insert("value", value(tokens));
            }
            Kind::Test => {}
        }
        entry.insert("reason", value(format!("{} (verdict on {})", reason.trim(), finding.id)));
        entry.insert("until", value(until));
        Ok(entry)
    }

    fn make_key(&self) -> Result<()> {
        if ValueKey::of_folder(&self.signatures).is_some() {
            return Ok(());
        }
        let mut bytes = [0; 32];
        fs::File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .context("the system's random numbers")?;
        ValueKey::new(bytes)
            .store(&self.signatures)
            .with_context(|| format!("{}: the key can't be written", self.signatures.display()))?;
        println!(
            "a key for tokens was made: {}; keep it with these signatures and away from records",
            self.signatures.join(ValueKey::FILE).display()
        );
        Ok(())
    }

    /// The file that is the user's to change, and its text: the signature's own, or an override of it.
    fn file_of(&self, signature: &Signature) -> Result<(PathBuf, String)> {
        let own = PathBuf::from(signature.file());
        if !signature.shipped() && own.starts_with(&self.signatures) {
            let text =
                fs::read_to_string(&own).with_context(|| format!("{}: cannot be read", own.display()))?;
            return Ok((own, text));
        }
        let path =
            self.signatures.join("overrides").join(format!("{}.toml", signature.id().replace('/', "-")));
        match fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let id = toml_edit::Value::from(signature.id());
                Ok((path, format!("# What we changed of {}.\noverride = {id}\n", signature.id())))
            }
            Err(error) => Err(error).with_context(|| format!("{}: cannot be read", path.display())),
        }
    }

    /// What the change does to the findings of these records; an error when the changed file has a fault.
    fn effect(
        &self,
        change: &Change,
        records: &Records,
        judged: &Finding,
        before: &SignatureSet,
    ) -> Result<String> {
        let directories = std::slice::from_ref(&self.signatures);
        let (after, problems) =
            SignatureSet::load_changed(directories, (&self.signatures, &change.path, &change.text));
        if let Some(problem) = problems.iter().find(|problem| Path::new(&problem.file) == change.path) {
            bail!("the change does not hold:\n{problem}");
        }
        if self.kind == Some(Kind::Test) {
            return Ok("the test passes; no finding changes".to_owned());
        }
        let excepted = |set: &SignatureSet, finding: &Finding| {
            let Some(transfer) = records.transfers.get(&finding.transfer) else { return false };
            let by_value =
                set.signatures().iter().find(|one| one.id() == finding.signature).is_some_and(|one| {
                    let named = |token: &String| {
                        one.exceptions().iter().any(|exception| exception.names_value(token))
                    };
                    !finding.tokens.is_empty() && finding.tokens.iter().all(named)
                });
            by_value
                || matches!(
                    set.exception(
                        &finding.signature,
                        &transfer.circumstances(&finding.object),
                        transfer.started_at
                    ),
                    Excuse::Holds(_)
                )
        };
        let same: Vec<&Finding> =
            records.findings.iter().filter(|finding| finding.signature == judged.signature).collect();
        let passed: Vec<&str> = same
            .iter()
            .filter(|finding| !excepted(before, finding) && excepted(&after, finding))
            .map(|finding| finding.id.as_str())
            .collect();
        let quiet = records.incidents.iter().filter(|findings| {
            !findings.is_empty() && findings.iter().all(|finding| passed.contains(&finding.as_str()))
        });
        Ok(format!(
            "in these records {} of {} findings of {} would be let pass, and {} of {} incidents would not have been raised",
            passed.len(),
            same.len(),
            judged.signature,
            quiet.count(),
            records.incidents.len()
        ))
    }

    fn remember(&self, finding: &Finding) -> Result<()> {
        let line = Line {
            at: today().to_string(),
            finding: finding.id.clone(),
            signature: finding.signature.clone(),
            right: self.right,
        };
        let path = self.signatures.join(VERDICTS);
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.with_context(|| format!("{}: cannot be written", path.display()))?;
        writeln!(file, "{}", serde_json::to_string(&line)?)
            .with_context(|| format!("{}: cannot be written", path.display()))
    }
}

/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

fn today() -> Timestamp {
    Timestamp::from_seconds(clock::now().nanos() / 1_000_000_000)
}

/// A test of the redacted text around the match, with a value of the signature's own tests in its place.
fn test(finding: &Finding, signature: &Signature, set: &Arc<SignatureSet>) -> Result<Table> {
    let mut scanner = Scanner::new(Arc::clone(set), &DetectLimits::default());
    let sample = signature.cases().filter(|case| case.matches).find_map(|case| {
        let hits = scanner.scan_text(case.text);
        let found = hits.iter().find(|hit| &*hit.signature == signature.id())?.matches.first()?;
        let (from, to) = (found.offset as usize, (found.offset + found.length) as usize);
        case.text.get(from..to).map(str::to_owned)
    });
    let sample =
        sample.context("the signature has no test with a value that could stand for the real one")?;
    ensure!(finding.context.contains('▮'), "the finding shows no text around its match");
    let mut entry = Table::new();
    entry.insert("match", value(finding.context.replace('▮', &sample)));
    Ok(entry)
}

/// Adds an entry to a list of the signature in its file: at the top level, in its `[[signature]]`, or in an override.
fn append(document: &mut DocumentMut, id: &str, list: &str, entry: Table) -> Result<()> {
    let is = |table: &Table, key: &str| table.get(key).and_then(Item::as_str) == Some(id);
    let root = document.as_table_mut();
    let table: &mut Table = if is(root, "id") || is(root, "override") {
        root
    } else {
        let key = if root.contains_key("signature") { "signature" } else { "override" };
        let members = root.get_mut(key).and_then(Item::as_array_of_tables_mut);
        let found = members
            .and_then(|members| members.iter_mut().find(|member| is(member, "id") || is(member, "of")));
        found.with_context(|| format!("the file holds no signature or override of `{id}`"))?
    };
    let item = table.entry(list).or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let entries =
        item.as_array_of_tables_mut().with_context(|| format!("`{list}` is not written as [[{list}]]"))?;
    entries.push(entry);
    Ok(())
}

/// Writes a file whole or not at all.
fn save(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("{}: cannot be made", parent.display()))?;
    }
    let staged = path.with_extension("toml.new");
    fs::write(&staged, text)
        .and_then(|()| fs::rename(&staged, path))
        .with_context(|| format!("{}: cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_keeps_comments_and_layout() {
        let entry = || {
            let mut entry = Table::new();
            entry.insert("match", value("x"));
            entry
        };
        for (before, id, after) in [
            (
                "# ours\nid = \"a\"   # why\ntitle = 'A'\n\n[[test]]\nmatch = 'y' # kept\n",
                "a",
                "# ours\nid = \"a\"   # why\ntitle = 'A'\n\n[[test]]\nmatch = 'y' # kept\n\n[[test]]\nmatch = \"x\"\n",
            ),
            ("# o\noverride = \"a\"\n", "a", "# o\noverride = \"a\"\n\n[[test]]\nmatch = \"x\"\n"),
            (
                "owner = \"o\"\n[[signature]]\nid = \"a\"\n# between\n[[signature]]\nid = \"b\"\n",
                "b",
                "owner = \"o\"\n[[signature]]\nid = \"a\"\n# between\n[[signature]]\nid = \"b\"\n\n[[signature.test]]\nmatch = \"x\"\n",
            ),
        ] {
            let mut document: DocumentMut = before.parse().expect("TOML");
            append(&mut document, id, "test", entry()).expect("its place");
            assert_eq!(document.to_string(), after);
        }
        let mut document: DocumentMut = "id = \"a\"\n".parse().expect("TOML");
        assert!(append(&mut document, "b", "test", entry()).is_err());
    }
}
