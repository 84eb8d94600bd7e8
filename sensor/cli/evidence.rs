//! `egret evidence`: the packets of incidents and what stood around their matches, sealed to their owner.
//!
//! Owns: the arguments, key files, and reading captures once more. Never does: choosing packets, writing captures, seals.

use super::store::{Filter, Place};
use super::{amount, key_log, replay, status, view};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use egret_model::Limits;
use egret_output::evidence::{
    EvidenceFile, ExcerptFile, Opener, Sealer, new_key, open_evidence, show_evidence as show_excerpts,
};
use egret_output::printable;
use egret_pipeline::{Shown, show_evidence};
use egret_store::{Order, Store};
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret evidence key --output owner.key
  egret replay monday.pcap --store monday.db --evidence evidence/ --seal-to age1…
  egret evidence collect i-98e0bd --store monday.db --capture monday.pcap --output evidence/
  egret evidence open evidence/i-98e0bd751b94eee15c14.pcapng.age --key owner.key --output incident.pcapng
  egret evidence open evidence/i-98e0bd751b94eee15c14.excerpts.age --key owner.key --text

A capture of evidence holds the packets of one incident and no other, with comments on those that carry what was found: in Wireshark,
the filter frame.comment shows them. With --seal-to there are also excerpts: what matched, in clear text, and what stands around it.
They are written sealed or not at all.

Exit status: 0 done; 1 some packets were not found; 2 wrong usage, or the seal cannot be opened.";

/// Collect the packets of incidents, sealed to their owner, and open them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Evidence {
    #[command(flatten)]
    place: Place,

    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Write a pcapng for each incident with its packets, out of the captures that were replayed; with a seal, excerpts of what matched too.
    Collect(Box<Collect>),
    /// Make a pair of keys: the secret one is the owner's, the public one is what evidence is sealed to.
    Key(MakeKey),
    /// Open what was sealed.
    Open(Open),
}

#[derive(Debug, Args)]
struct Collect {
    /// Only these incidents, whatever their state.
    #[arg(value_name = "ID")]
    ids: Vec<String>,

    #[command(flatten)]
    filter: Filter,

    /// The captures that were replayed, or directories of them; may be given several times.
    #[arg(short, long, value_name = "CAPTURE", required = true)]
    capture: Vec<PathBuf>,

    /// The TLS keys of that replay, for excerpts of what was decrypted.
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,

    /// Write into this directory.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Seal to the holder of this public key (age1…); may be given several times. Without it packets are
    /// written in clear text, and no excerpts.
    #[arg(long, value_name = "KEY")]
    seal_to: Vec<String>,
}

#[derive(Debug, Args)]
struct MakeKey {
    /// Write the secret key into this file, readable by you alone.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

#[derive(Debug, Args)]
struct Open {
    /// What was sealed.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The file with the secret key.
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,

    /// Write here; - is standard output.
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// Excerpts as text to be read; so they are shown on a terminal anyway. Elsewhere they are JSON lines.
    #[arg(long, conflicts_with = "output")]
    text: bool,
}

/// Incidents whose files are open at once.
const OPEN: usize = 200;

impl Evidence {
    pub(crate) fn run(&self) -> Result<u8> {
        match &self.action {
            Action::Collect(arguments) => {
                let store = self.place.open()?;
                let ids = if arguments.ids.is_empty() {
                    let found = store.incidents(&arguments.filter.to_query(Order::Risk, None))?;
                    found.into_iter().map(|one| one.incident.id).collect()
                } else {
                    arguments.ids.iter().map(|id| Ok(store.resolve(id)?)).collect::<Result<Vec<_>>>()?
                };
                let sealer = sealer(&arguments.seal_to)?;
                let keylog = key_log::of(arguments.keylog.as_deref(), &arguments.capture, true);
                let inputs = (arguments.capture.as_slice(), keylog.as_deref());
                let collected = collect(&store, &ids, inputs, &arguments.output, sealer.as_ref())?;
                let found = (ids.len() - collected.missing) as u64;
                print!("{}: the packets of {}", arguments.output.display(), amount::of(found, "incident"));
                if sealer.is_some() {
                    print!(", {} of what matched", amount::of(collected.excerpts, "excerpt"));
                }
                println!();
                Ok(if collected.missing > 0 { status::PARTIAL } else { status::DONE })
            }
            Action::Key(arguments) => arguments.run(),
            Action::Open(arguments) => arguments.run(),
        }
    }
}

/// The seal, where keys are named.
pub(super) fn sealer(keys: &[String]) -> Result<Option<Sealer>> {
    Ok(if keys.is_empty() { None } else { Some(Sealer::new(keys)?) })
}

/// What came of collecting.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Collected {
    /// Incidents of which no packet was found, which is told.
    missing: usize,
    /// Excerpts written.
    excerpts: u64,
}

/// The files of one incident.
struct Files {
    packets: EvidenceFile,
    excerpts: Option<ExcerptFile>,
}

/// Writes the packets of incidents into `folder`, and sealed excerpts where there is a seal.
pub(super) fn collect(
    store: &Store,
    ids: &[String],
    (captures, keylog): (&[PathBuf], Option<&Path>),
    folder: &Path,
    sealer: Option<&Sealer>,
) -> Result<Collected> {
    if captures.iter().any(|capture| capture.as_os_str() == "-") {
        bail!("standard input cannot be read again: write the capture into a file first");
    }
    fs::create_dir_all(folder).with_context(|| format!("{}: cannot be made", folder.display()))?;
    let limits = Limits::default();
    let mut collected = Collected::default();
    for portion in ids.chunks(OPEN) {
        let cases = portion.iter().map(|id| Ok(store.case(id)?)).collect::<Result<Vec<_>>>()?;
        let version = env!("CARGO_PKG_VERSION");
        let create = |case| -> Result<Files> {
            let excerpts = sealer.map(|sealer| ExcerptFile::create(folder, case, version, sealer));
            Ok(Files {
                packets: EvidenceFile::create(folder, case, version, sealer)?,
                excerpts: excerpts.transpose()?.flatten(),
            })
        };
        let mut files = cases.iter().map(create).collect::<Result<Vec<_>>>()?;
        let mut inputs = replay::open(captures, keylog, &limits)?;
        let names: Vec<String> = inputs.names().map(str::to_owned).collect();
        show_evidence(&mut inputs, &limits, &cases, sealer.is_some(), &mut |shown| {
            match shown {
                Shown::Packet(shown) => {
                    let name = names.get(usize::from(shown.packet.reference.capture)).map(String::as_str);
                    if let (Some(files), Some(case)) = (files.get_mut(shown.case), cases.get(shown.case)) {
                        files.packets.packet(case, name.unwrap_or_default(), &shown.packet, shown.carries)?;
                    }
                }
                Shown::Excerpt(excerpt) => {
                    let files = files.get_mut(excerpt.case).and_then(|files| files.excerpts.as_mut());
                    if let (Some(file), Some(case)) = (files, cases.get(excerpt.case)) {
                        file.excerpt(case, &excerpt)?;
                    }
                }
            }
            Ok(())
        })
        .map_err(|error| anyhow::anyhow!("{error}"))?;
        for problem in inputs.problems() {
            view::warning(&printable(&problem.to_string()));
        }
        for (files, case) in files.into_iter().zip(&cases) {
            finish(files, &case.incident.id, &mut collected)?;
        }
    }
    Ok(collected)
}

/// Completes the files of an incident. A capture without packets is removed.
fn finish(files: Files, id: &str, collected: &mut Collected) -> Result<()> {
    let (path, packets) = files.packets.finish()?;
    if packets == 0 {
        collected.missing += 1;
        let _ = fs::remove_file(&path);
        view::warning(&format!("{id}: none of its packets is in these captures"));
    }
    if let Some(excerpts) = files.excerpts {
        let (written, missing) = excerpts.finish()?;
        collected.excerpts += written;
        if missing > 0 && packets > 0 {
            view::warning(&format!(
                "{id}: no excerpt of {} that matched: the text is not in these captures as it was found, or there are too many",
                amount::of(missing, "place")
            ));
        }
    }
    Ok(())
}

impl MakeKey {
    fn run(&self) -> Result<u8> {
        let (secret, public) = new_key();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let cannot = || format!("{}: the key cannot be written", self.output.display());
        let mut file = options.open(&self.output).with_context(cannot)?;
        file.write_all(format!("# public key: {public}\n{secret}\n").as_bytes()).with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        println!("{public}");
        view::note(&format!(
            "{}: the secret key. Keep it off the sensor: whoever has it reads the evidence, and without it nobody does",
            self.output.display()
        ));
        Ok(status::DONE)
    }
}

impl Open {
    fn run(&self) -> Result<u8> {
        let text = fs::read_to_string(&self.key)
            .with_context(|| format!("{}: cannot be read", self.key.display()))?;
        let opener = Opener::parse(&text).with_context(|| self.key.display().to_string())?;
        if self.output.as_os_str() == "-" {
            let terminal = std::io::stdout().is_terminal();
            // A page is bounded, so it is made as a whole: a reader that has seen enough of it is no failure.
            let mut page = Vec::new();
            if (self.text || terminal) && show_excerpts(&self.file, &opener, &mut page)? {
                return match std::io::stdout().lock().write_all(&page) {
                    Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
                    _ => Ok(status::DONE),
                };
            }
            if self.text {
                bail!("{}: holds no excerpts; --output FILE writes what it holds", self.file.display());
            }
            open_evidence(&self.file, &opener, &mut std::io::stdout().lock())?;
            return Ok(status::DONE);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options
            .open(&self.output)
            .with_context(|| format!("{}: cannot be written", self.output.display()))?;
        if let Err(error) = open_evidence(&self.file, &opener, &mut out) {
            // Half of it might pass for the whole.
            let _ = fs::remove_file(&self.output);
            return Err(error.into());
        }
        out.sync_all()?;
        Ok(status::DONE)
    }
}
