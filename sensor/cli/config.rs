//! `egret config`: the configuration of a sensor, checked, shown, written.
//!
//! Owns: the arguments and what is printed. Never does: running a sensor.

use super::run::{Overrides, secrets_in};
use super::settings_file::{self, DOCUMENTED, Loaded};
use super::{status, view};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use egret_detect::SignatureSet;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret config init /etc/egret/sensor.toml
  egret config check /etc/egret/sensor.toml
  egret config show --config /etc/egret/sensor.toml --interface span0

Exit status: 0 all is in order; 2 the file has a fault (printed with its place and the likely fix).";

/// Check, show and write the configuration of a sensor.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Config {
    /// Say what is wrong with a configuration file, and with the files that it names.
    Check(Check),
    /// Show every setting in force and where it comes from: a flag, a line of the file, or the default.
    Show(Box<Show>),
    /// Write a configuration file with every key, its default and its reason.
    Init(Init),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file. Default: /etc/egret/sensor.toml, where there is one.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    overrides: Overrides,

    /// Print one JSON object: each key with its value and where it comes from.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The file to write; - is standard output.
    #[arg(value_name = "FILE", default_value = settings_file::USUAL_PLACE)]
    file: PathBuf,

    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

impl Config {
    pub(crate) fn run(&self) -> Result<u8> {
        match self {
            Self::Check(check) => check.run(),
            Self::Show(show) => show.run(),
            Self::Init(init) => init.run(),
        }
    }
}

impl Check {
    fn run(&self) -> Result<u8> {
        let loaded = match settings_file::load(self.file.as_deref()) {
            Ok(loaded) => loaded,
            Err(fault) => {
                println!("{fault}");
                return Ok(status::USAGE);
            }
        };
        let name = loaded.file.as_deref().unwrap_or(Path::new("the defaults")).display().to_string();
        let mut faults = 0;
        let (_, problems) = SignatureSet::load(&loaded.settings.inspect.signatures);
        for problem in &problems {
            println!("{problem}\n");
            faults += 1;
        }
        let people = loaded.settings.sources().read(&loaded.settings.limits().identity, &mut |warning| {
            println!("{warning}");
            faults += 1;
        });
        if let Err(error) = people {
            println!("{error:#}");
            faults += 1;
        }
        let keylog = loaded.settings.keylog();
        let secrets = keylog.map(|path| (path.display(), secrets_in(path)));
        if let Some((path, Err(error))) = &secrets {
            println!("{path}: the log of TLS secrets (inspect.keylog) cannot be read: {error}");
            faults += 1;
        }
        if faults > 0 {
            println!("{name}: the file is in order, what it names is not");
            return Ok(status::USAGE);
        }
        println!("{name}: in order");
        match secrets {
            Some((path, Ok(None))) => {
                println!("note: {path} does not exist yet (inspect.keylog); it is read once it does");
            }
            Some((path, Ok(Some(0)))) => println!("note: {path} holds no TLS secret yet (inspect.keylog)"),
            _ => {}
        }
        if loaded.settings.capture.interfaces.is_empty() {
            println!("note: it names no interface (capture.interfaces); `egret run` then needs --interface");
        }
        Ok(status::DONE)
    }
}

impl Show {
    fn run(&self) -> Result<u8> {
        let (loaded, flags) = match self.overrides.load() {
            Ok(settings) => settings,
            Err(fault) => {
                view::error(&fault.to_string());
                return Ok(status::USAGE);
            }
        };
        let from = |key: &str| origin(key, &loaded, &flags);
        let flat = settings_file::flatten(&loaded.settings);
        if self.json {
            let all: BTreeMap<&String, serde_json::Value> = flat
                .iter()
                .map(|(key, value)| (key, serde_json::json!({ "value": value, "from": from(key) })))
                .collect();
            println!("{}", serde_json::to_string_pretty(&all)?);
            return Ok(status::DONE);
        }
        let mut section = "";
        for (key, value) in &flat {
            let (of, name) = key.rsplit_once('.').unwrap_or(("", key));
            if of != section {
                println!("{}[{of}]", if section.is_empty() { "" } else { "\n" });
                section = of;
            }
            println!("{:<48} # {}", format!("{name} = {value}"), from(key));
        }
        Ok(status::DONE)
    }
}

/// Where the value of a key comes from.
fn origin(key: &str, loaded: &Loaded, flags: &BTreeMap<&'static str, &'static str>) -> String {
    if let Some(flag) = flags.get(key) {
        return (*flag).to_owned();
    }
    match (&loaded.file, loaded.lines.get(key)) {
        (Some(file), Some(line)) => format!("{}:{line}", file.display()),
        _ => "default".to_owned(),
    }
}

impl Init {
    fn run(&self) -> Result<u8> {
        if self.file.as_os_str() == "-" {
            print!("{DOCUMENTED}");
            return Ok(status::DONE);
        }
        if self.file.exists() && !self.force {
            bail!("{}: exists; --force replaces it", self.file.display());
        }
        std::fs::write(&self.file, DOCUMENTED)
            .with_context(|| format!("{}: cannot be written", self.file.display()))?;
        println!("{}: written; name your interfaces and networks in it", self.file.display());
        Ok(status::DONE)
    }
}
