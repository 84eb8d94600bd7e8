//! `egret signatures new`: a signature from examples.
//!
//! Owns: the questions, and writing of the file. Never does: finding out what the examples have in common (`egret_detect::propose`).

use crate::cli::{status, view};
use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use egret_detect::{Proposal, SignatureSet, propose};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret signatures new                                        asks for everything
  egret signatures new --id acme/mrn --title 'Patient record' --owner privacy@acme.example --severity high \\
      --example MRN-12345674 --example MRN-80000003 --counter-example MRN-12345678 --into our-signatures
  egret signatures new --id acme/mrn --title 'Patient record' --from numbers.txt --context letters/ --into our-signatures

Examples become tests inside the signature: use made-up ones, not real data.

Exit status: 0 written; 2 the examples have too little in common, or a counter-example is found too.";

/// Propose a signature from examples and counter-examples, test it, and write its file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct New {
    /// Its id: small letters, digits, hyphens, slashes.
    #[arg(long)]
    id: Option<String>,
    /// One line for people.
    #[arg(long)]
    title: Option<String>,
    /// Who answers for it.
    #[arg(long)]
    owner: Option<String>,
    /// info, low, medium, high or critical [default: medium]
    #[arg(long)]
    severity: Option<String>,
    /// A text that must be found; may be given several times.
    #[arg(long = "example", value_name = "TEXT")]
    examples: Vec<String>,
    /// A text that must not be found; may be given several times.
    #[arg(long = "counter-example", value_name = "TEXT")]
    counter_examples: Vec<String>,
    /// A file with an example a line.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Files or directories of texts in which the data stands: words beside it become context words.
    #[arg(long, value_name = "PATH")]
    context: Vec<PathBuf>,
    /// The directory of your signatures; without it the proposal is printed.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// Write without asking.
    #[arg(long)]
    yes: bool,
    /// Print the proposal as JSON, and write nothing.
    #[arg(long)]
    json: bool,
}

/// Everything that is known of the new signature.
struct Wish {
    id: String,
    title: String,
    owner: String,
    severity: String,
    examples: Vec<String>,
    counter_examples: Vec<String>,
}

/// Largest text read for context words, bytes.
const CONTEXT_BYTES: u64 = 16 << 20;
/// Examples and counter-examples that become tests.
const TESTS: usize = 20;

impl New {
    pub(crate) fn run(&self) -> Result<u8> {
        let wish = self.wish()?;
        let texts = self.texts()?;
        let proposal = propose(&wish.examples, &texts).context("at least one example is needed")?;
        let text = written(&wish, &proposal);
        let name = format!("{}.toml", wish.id);
        let (set, problems) = SignatureSet::from_texts(&[(name.clone(), text.clone())]);
        if self.json {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let report = serde_json::json!({
                "file": name, "text": text, "notes": proposal.notes, "problems": problems,
            });
            println!("{}", serde_json::to_string_pretty(&report)?);
            return Ok(if problems.is_empty() { status::DONE } else { status::USAGE });
        }
        for note in &proposal.notes {
            println!("# {note}");
        }
        println!("\n{text}");
        for problem in &problems {
            println!("{problem}\n");
        }
        if set.signatures().is_empty() {
            println!("The proposal does not pass its tests: give more examples, or mend it by hand.");
            return Ok(status::USAGE);
        }
        println!("All {} tests pass.", set.signatures().first().map_or(0, egret_detect::Signature::tests));
        match &self.into {
            Some(folder) => self.write(folder, &name, &text),
            None => Ok(status::DONE),
        }
    }

    fn write(&self, folder: &Path, name: &str, text: &str) -> Result<u8> {
        let path = folder.join(name);
        if !self.yes && std::io::stdin().is_terminal() && !agreed(&format!("Write {}?", path.display()))? {
            return Ok(status::DONE);
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("{}: cannot be made", parent.display()))?;
        }
        let file = fs::File::create_new(&path);
        let mut file = file.with_context(|| format!("{}: cannot be written", path.display()))?;
        file.write_all(text.as_bytes())?;
        println!("written: {}", path.display());
        let folder_shown = folder.display();
        println!("next: egret scan FILE --signatures {folder_shown}       what it finds in a file of yours");
        println!("      egret signatures test {folder_shown}            in mails, documents and packets too");
        let (_, problems) = SignatureSet::load(std::slice::from_ref(&folder.to_owned()));
        for problem in &problems {
            view::warning(&problem.one_line());
        }
        Ok(status::DONE)
    }

    fn wish(&self) -> Result<Wish> {
        let asking = self.examples.is_empty() && self.from.is_none() && std::io::stdin().is_terminal();
        let ask = |given: &Option<String>, question: &str, usual: &str| -> Result<String> {
            match given {
                Some(given) => Ok(given.clone()),
                None if asking => {
                    Ok(Some(line(question)?).filter(|line| !line.is_empty()).unwrap_or_else(|| usual.into()))
                }
                None => Ok(usual.to_owned()),
            }
        };
        let id = ask(&self.id, "Id, as acme/patient-record:", "")?;
        ensure!(!id.is_empty(), "an id is needed: --id acme/patient-record");
        let title = ask(&self.title, "What leaves, in a few words:", &id)?;
        let owner = ask(&self.owner, "Who answers for it (address, may be empty):", "")?;
        let severity =
            ask(&self.severity, "Severity (info, low, medium, high, critical) [medium]:", "medium")?;
        let mut examples = self.examples.clone();
        let mut counter_examples = self.counter_examples.clone();
        if let Some(path) = &self.from {
            let text =
                fs::read_to_string(path).with_context(|| format!("{}: cannot be read", path.display()))?;
            examples.extend(text.lines().map(str::to_owned));
        }
        if asking {
            examples.extend(lines("Examples, one a line, made up rather than real; an empty line ends:")?);
            counter_examples.extend(lines("Texts that look like it and are not; an empty line ends:")?);
        }
        examples.retain(|example| !example.trim().is_empty());
        ensure!(!examples.is_empty(), "an example is needed: --example TEXT, or --from FILE with one a line");
        Ok(Wish { id, title, owner, severity, examples, counter_examples })
    }

    fn texts(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for path in &self.context {
            crate::cli::scan::expand(path, &mut files)?;
        }
        let mut texts = Vec::new();
        let mut room = CONTEXT_BYTES;
        let (none, _) = SignatureSet::from_texts(&[]);
        let mut inspector = egret_pipeline::FileInspector::new(none.into(), &egret_model::Limits::default());
        for path in files {
            let mut text = Vec::new();
            let mut file =
                fs::File::open(&path).with_context(|| format!("{}: cannot be read", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            inspector.inspect(&name, &mut file, &mut |piece| text.extend_from_slice(piece))?;
            if text.len() as u64 > room {
                bail!(
                    "the texts for context words are larger than {}",
                    crate::cli::amount::bytes(CONTEXT_BYTES)
                );
            }
            room -= text.len() as u64;
            texts.push(String::from_utf8_lossy(&text).into_owned());
        }
        Ok(texts)
    }
}

fn quote(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// The file of a proposal.
fn written(wish: &Wish, proposal: &Proposal) -> String {
    let mut text = String::new();
    for (key, value) in
        [("id", &wish.id), ("title", &wish.title), ("owner", &wish.owner), ("severity", &wish.severity)]
    {
        if !value.is_empty() {
            let _ = writeln!(text, "{key} = {}", quote(value));
        }
    }
    let _ = writeln!(text, "\n[[find]]\nname = \"data\"\n{}", proposal.find);
    if let Some(validator) = proposal.validator {
        let _ = writeln!(text, "validate = [{}]", quote(validator));
    }
    if !proposal.words.is_empty() {
        let words: Vec<String> = proposal.words.iter().map(|word| quote(word)).collect();
        let _ = writeln!(text, "\n[near]\nwords = [{}]\nwithin = 200", words.join(", "));
        let _ = writeln!(text, "\n[confidence]\nhigh = \"data and near\"\nmedium = \"data\"");
    }
    for (key, texts) in [("match", &wish.examples), ("no_match", &wish.counter_examples)] {
        for test in texts.iter().take(TESTS) {
            let _ = writeln!(text, "\n[[test]]\n{key} = {}", quote(test.trim()));
        }
    }
    text
}

fn line(question: &str) -> Result<String> {
    print!("{question} ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn lines(question: &str) -> Result<Vec<String>> {
    println!("{question}");
    let lines = std::io::stdin()
        .lock()
        .lines()
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.trim().is_empty()));
    Ok(lines.collect::<Result<_, _>>()?)
}

/// Asks for a yes.
pub(crate) fn agreed(question: &str) -> Result<bool> {
    Ok(matches!(line(&format!("{question} [y/N]"))?.to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_a_signature_that_passes_its_tests() {
        let wish = |examples: &[&str], counter: &[&str]| Wish {
            id: "acme/x".into(),
            title: "It's \"quoted\"".into(),
            owner: String::new(),
            severity: "high".into(),
            examples: examples.iter().map(|text| (*text).to_owned()).collect(),
            counter_examples: counter.iter().map(|text| (*text).to_owned()).collect(),
        };
        for (examples, counter) in [
            (vec!["MRN-12345674", "MRN-80000003"], vec!["MRN-12345678", "MRN-123"]),
            (vec!["536-90-4399", "219-09-1234"], vec!["536-90-43991"]),
            (vec!["Project Heron"], vec!["a heron"]),
            (vec!["AB/12.x{9}"], vec!["AB/12x9"]),
        ] {
            let wish = wish(&examples, &counter);
            let text = written(&wish, &propose(&wish.examples, &[]).expect("examples"));
            let (set, problems) = SignatureSet::from_texts(&[("x.toml".into(), text.clone())]);
            assert!(problems.is_empty(), "{text}\n{problems:?}");
            assert_eq!(set.signatures()[0].tests(), examples.len() + counter.len());
        }
    }
}
