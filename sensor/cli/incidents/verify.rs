//! `egret incidents verify`: that the store is as it was written, and that its incidents follow from their captures.
//!
//! Owns: the arguments, the replay that proves, and what is printed. Never does: the check of the ledger, which is the store's.

use crate::cli::people::Sources;
use crate::cli::{amount, context, key_log, signatures, status, store as shared, view};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use egret_model::Limits;
use egret_output::printable;
use egret_pipeline::{InternalNetworks, Record, ReplayConfig, replay};
use egret_store::{Manifest, Part, RunKind, RunRow, Store};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Captures, as they were replayed into the store: they are replayed again, and every incident must come out as it stands there.
    #[arg(value_name = "CAPTURE")]
    captures: Vec<PathBuf>,

    /// A hash that was noted earlier (a report prints it) and must be in the ledger.
    #[arg(long, value_name = "HASH")]
    hash: Option<String>,

    #[command(flatten)]
    people: Sources,

    /// The directories of signatures of that replay.
    #[arg(short, long, value_name = "DIR", requires = "captures")]
    signatures: Vec<PathBuf>,

    /// The context of that replay; the shipped one needs no name.
    #[arg(long, value_name = "FILE", requires = "captures")]
    context: Option<PathBuf>,

    /// The feeds of that replay.
    #[arg(long, value_name = "FILE", requires = "captures")]
    feed: Vec<PathBuf>,

    /// The TLS keys of that replay.
    #[arg(long, value_name = "FILE", requires = "captures")]
    keylog: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(&self, store: &Store) -> Result<u8> {
        let verification = store.verify(self.hash.as_deref())?;
        println!("ledger: {} entries, the newest {}", amount::count(verification.entries), verification.head);
        println!(
            "held against it: {}, {}",
            amount::of(verification.incidents, "incident"),
            amount::of(verification.records, "other record")
        );
        for flaw in &verification.flaws {
            view::warning(&printable(&flaw.to_string()));
        }
        if !verification.flaws.is_empty() {
            println!("the store is NOT as it was written");
            return Ok(status::PARTIAL);
        }
        println!("the store is as it was written");
        if self.captures.is_empty() { Ok(status::DONE) } else { self.replay_again(store) }
    }

    /// The same inputs must give the same incidents.
    fn replay_again(&self, store: &Store) -> Result<u8> {
        let limits = Limits::default();
        let keylog = key_log::of(self.keylog.as_deref(), &self.captures, true);
        let mut inputs = crate::cli::replay::open(&self.captures, keylog.as_deref(), &limits)?;
        let (set, _) = signatures::load(&self.signatures);
        let given = shared::replay_manifest(
            &inputs,
            &shared::Configured {
                signatures: &set,
                internal: &[],
                people: &self.people,
                limits: &limits,
                context: self.context.as_deref(),
                feeds: &self.feed,
                keylog: keylog.as_deref(),
            },
        )?;
        let run = find(store.runs()?, &given)?;
        let internal: Vec<ipnet::IpNet> = run
            .manifest
            .internal
            .iter()
            .map(|network| network.parse().with_context(|| format!("{}: is no network", printable(network))))
            .collect::<Result<_>>()?;
        let config = ReplayConfig {
            internal: if internal.is_empty() {
                InternalNetworks::default()
            } else {
                InternalNetworks::new(internal)
            },
            people: self.people.read(&limits.identity, &mut |_| ())?,
            signatures: set,
            context: context::read(self.context.as_deref(), &self.feed, &limits.behavior, &mut |_| ())?,
            workers: crate::cli::replay::processors(),
            limits,
        };
        let mut again = BTreeMap::new();
        replay(&mut inputs, &config, &mut |_| (), &mut |record| {
            if let Record::Incident(incident) = record {
                again.insert(incident.id.clone(), serde_json::to_string(incident)?);
            }
            Ok(())
        })?;
        let kept: BTreeMap<String, String> = store.records_of_run(&run.id)?.into_iter().collect();
        let mut wrong = 0;
        for (id, record) in &kept {
            let what = match again.get(id) {
                Some(same) if same == record => continue,
                Some(_) => "comes out otherwise",
                None => "does not come out",
            };
            wrong += 1;
            view::warning(&format!("{id} {what} when the captures are replayed again"));
        }
        for id in again.keys().filter(|id| !kept.contains_key(*id)) {
            // Retention may have removed it; another run may have told it since.
            view::note(&format!(
                "{id} comes out of these captures, but the store has it no more under this run"
            ));
        }
        if wrong > 0 {
            println!("the incidents of {} do NOT follow from these captures", run.id);
            return Ok(status::PARTIAL);
        }
        println!(
            "{} of {}: each comes out of these captures byte for byte",
            amount::of(kept.len() as u64, "incident"),
            run.id
        );
        Ok(status::DONE)
    }
}

/// The run with these inputs, under this configuration; of several the last. Where the networks differ, those of the run count.
fn find(runs: Vec<RunRow>, given: &Manifest) -> Result<RunRow> {
    let mut of_these: Vec<(Vec<Part>, RunRow)> = runs
        .into_iter()
        .filter(|run| run.manifest.kind == RunKind::Replay)
        .map(|run| (run.manifest.differs_in(given), run))
        .filter(|(parts, _)| !parts.contains(&Part::Captures))
        .collect();
    // Another release may come to the same; only what was told to it must be the same.
    let same = |parts: &Vec<Part>| parts.iter().all(|part| *part == Part::Release);
    if let Some(place) = of_these.iter().rposition(|(parts, _)| same(parts)) {
        return Ok(of_these.swap_remove(place).1);
    }
    let Some((parts, last)) = of_these.pop() else {
        bail!("no run of this store has replayed exactly these captures (by their SHA-256, in this order)");
    };
    let told: Vec<String> = parts.iter().map(|part| difference(*part, &last.manifest, given)).collect();
    bail!("{} was made of these captures, but with {}", last.id, told.join("; and with "))
}

/// What differs, and what to do.
fn difference(part: Part, made: &Manifest, ours: &Manifest) -> String {
    match part {
        Part::Release => format!("egret {} (this is {})", printable(&made.egret), printable(&ours.egret)),
        Part::Captures => "other captures".to_owned(),
        Part::Signatures => format!(
            "other signatures (SHA-256 {}; these are {}): name their folders with --signatures, and use that release",
            made.signatures.sha256, ours.signatures.sha256
        ),
        Part::People => {
            "other files about people: name them with --users, --directory, --identity-log, --proxy and \
                         --shared"
                .to_owned()
        }
        Part::Limits => "other limits: use the release and the configuration of that run".to_owned(),
        Part::Context => {
            let name = made.context.as_ref().map(|file| file.name.as_str()).unwrap_or_default();
            format!("another context ({}): name it with --context", printable(name))
        }
        Part::KeyLog => match &made.key_log {
            Some(file) => format!("other TLS keys ({}): name them with --keylog", printable(&file.name)),
            None => "no TLS keys: give --keylog none".to_owned(),
        },
        Part::Feeds => {
            let names: Vec<&str> = made.feeds.iter().map(|file| file.name.as_str()).collect();
            match names.as_slice() {
                [] => "no feeds: leave out --feed".to_owned(),
                names => format!("other feeds ({}): name them with --feed", printable(&names.join(", "))),
            }
        }
    }
}
