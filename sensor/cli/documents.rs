//! `egret documents`: documents as indexes by which copies and passages are recognised.
//!
//! Owns: arguments, walking over files, the file of phrases. Never does: extraction, hashing.

use super::index::{Existing, Made};
use super::{amount, keys, scan, status, view};
use anyhow::Result;
use clap::{Args, Subcommand};
use egret_detect::SignatureSet;
use egret_fingerprint::documents::{Builder, DocumentIndex};
use egret_model::{Limits, ObjectState};
use egret_pipeline::{ExtractedObject, FileInspector};
use indicatif::{ProgressBar, ProgressIterator as _, ProgressStyle};
use std::fs::File;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  egret documents build contracts/ --name contracts --out our-signatures/
  egret documents build plan.docx turbine.cadx --name crown-jewels --out idx/ --key /etc/egret/jewels.key --boilerplate templates/
  egret documents show idx/contracts.documents
  egret scan suspicious.pdf --signatures idx/

The index holds keyed hashes, and the names of the documents; it is useless without its key. Beside it lies NAME.phrases.toml: a few of the
most distinctive phrases, in the clear, for you to read and edit (--no-phrases for none).";

/// Fingerprints of documents (partial copies): build and show indexes.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Documents {
    /// Build an index from files and folders of them, of any format that is read.
    Build(Build),
    /// Show what an index holds.
    Show(Existing),
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Documents and folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    made: Made,

    /// Ordinary texts: what documents share with them does not count.
    #[arg(long, value_name = "PATH")]
    boilerplate: Vec<PathBuf>,

    /// Write no file of phrases.
    #[arg(long)]
    no_phrases: bool,
}

impl Documents {
    pub(crate) fn run(&self) -> Result<u8> {
        match self {
            Self::Build(build) => build.run(),
            Self::Show(show) => {
                print(&show.read(DocumentIndex::read)?);
                Ok(status::DONE)
            }
        }
    }
}

impl Build {
    fn run(&self) -> Result<u8> {
        self.made.prepare()?;
        let mut complete = true;
        let (mut files, mut ordinary) = (Vec::new(), Vec::new());
        for (paths, found) in [(&self.paths, &mut files), (&self.boilerplate, &mut ordinary)] {
            for path in paths {
                scan::expand(path, found)?;
            }
        }
        let key = self.made.key()?;
        let mut builder = Builder::new(&self.made.name, &self.made.owner, &key);
        let (nothing, _) = SignatureSet::from_texts(&[]);
        let inspector = FileInspector::new(Arc::new(nothing), &Limits::default());
        for path in &ordinary {
            complete &= extract(&inspector, path, &mut |object| builder.ordinary(&object.text));
        }
        let bar = progress(files.len() as u64);
        for path in files.iter().progress_with(bar) {
            let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
            let mut objects = Vec::new();
            complete &= extract(&inspector, path, &mut |object| objects.push(object));
            let parts = parts(&objects);
            for (object, _) in objects.iter().zip(parts).filter(|(_, part)| !part) {
                if object.record.state == ObjectState::Encrypted {
                    view::warning(&format!(
                        "{}: {} is encrypted: only exact copies of it are found",
                        path.display(),
                        object.record.path
                    ));
                }
                builder.document(&name_of(&file, object), &object.text, &object.record.sha256, object.raw);
            }
        }
        let built = builder.finish()?;
        let path = self.made.file("documents");
        keys::replace(&path, |out| built.index.write(out))?;
        print(&built.index);
        if built.boilerplate > 0 {
            println!("{} left out as boilerplate", amount::of(built.boilerplate as u64, "print"));
        }
        println!("written: {}, {}", path.display(), amount::bytes(built.index.bytes() as u64));
        if !self.no_phrases && !built.phrases.is_empty() {
            self.write_phrases(&built.phrases)?;
        }
        Ok(if complete { status::DONE } else { status::PARTIAL })
    }

    /// A signature with the phrases. One that is there belongs to its owner, and stays as it is.
    fn write_phrases(&self, phrases: &[(String, Vec<String>)]) -> Result<()> {
        let path = self.made.file("phrases.toml");
        if path.exists() {
            view::note(&format!("{} is kept as it is; remove it to have it written anew", path.display()));
            return Ok(());
        }
        let quoted = |text: &str| serde_json::to_string(text);
        let mut text = format!(
            "# Distinctive phrases of the documents of `{0}`. They are yours to edit: add what must not leave, remove what says\n\
             # nothing. They stand here in the clear, unlike everything in {0}.documents.\n\
             id = \"phrases/{0}\"\ntitle = \"Phrases of documents of {0}\"\nowner = {1}\nseverity = \"medium\"\ntags = [\"document\"]\n\n\
             [[find]]\nname = \"phrase\"\nphrases = [\n",
            self.made.name,
            quoted(&self.made.owner)?
        );
        for (document, phrases) in phrases.iter().take(PHRASES) {
            text += &format!("  # {}\n", document.replace(char::is_control, " "));
            for phrase in phrases {
                text += &format!("  {},\n", quoted(phrase)?);
            }
        }
        text += "]\n\n# One phrase may be chance.\n[report]\nunique = 2\n";
        keys::replace(&path, |out| Ok(out.write_all(text.as_bytes())?))?;
        println!("phrases to read and edit: {}", path.display());
        Ok(())
    }
}

/// Documents whose phrases are written down; more make a file that nobody reads.
const PHRASES: usize = 1_000;

/// For each object, whether it is a mere part of a document: a preview, a font, settings of a printer. Programs put the same ones
/// into every document.
fn parts(objects: &[ExtractedObject]) -> Vec<bool> {
    let is_document = |media_type: &str| {
        ["officedocument", "opendocument", "msword", "ms-excel", "ms-powerpoint", "pdf", "rtf"]
            .iter()
            .any(|kind| media_type.contains(kind))
    };
    let documents: Vec<String> = objects
        .iter()
        .filter(|object| is_document(&object.record.media_type))
        .map(|object| format!("{}/", object.record.path))
        .collect();
    let within =
        |object: &ExtractedObject| documents.iter().any(|document| object.record.path.starts_with(document));
    objects.iter().map(|object| (object.raw || object.text.is_empty()) && within(object)).collect()
}

/// A document's name: the file's, and its place within, when it was unpacked from it.
fn name_of(file: &str, object: &ExtractedObject) -> String {
    match object.record.path.split_once('/') {
        Some((_, inner)) => format!("{file}/{inner}"),
        None => file.to_owned(),
    }
}

/// False when a file could not be read, or not as a whole.
fn extract(inspector: &FileInspector, path: &Path, take: &mut dyn FnMut(ExtractedObject)) -> bool {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let extracted = File::open(path).and_then(|mut file| inspector.extract(&name, &mut file, take));
    if let Err(error) = &extracted {
        view::warning(&format!("{}: cannot be read: {error}", path.display()));
    }
    extracted.is_ok()
}

fn progress(files: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("reading {bar:30} {pos}/{len} files  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(files).with_style(style)
}

fn print(index: &DocumentIndex) {
    const SHOWN: usize = 40;
    let mut table = view::table(&["document", "characters", "prints", "found by"]);
    for document in index.documents().iter().take(SHOWN) {
        let by = match document.prints {
            0 => "exact copies only",
            1..3 => "exact copies, or all of its text",
            _ => "passages and copies",
        };
        table.add_row(vec![
            document.name.as_str().into(),
            view::number(amount::count(document.characters)),
            view::number(amount::count(u64::from(document.prints))),
            by.into(),
        ]);
    }
    println!("{table}");
    let count = index.documents().len();
    if count > SHOWN {
        println!("… and {} more", amount::count((count - SHOWN) as u64));
    }
    println!("{}: {}", index.name(), amount::of(count as u64, "document"));
}
