//! `egret records`: tables of records as indexes by which their rows are recognised.
//!
//! Owns: arguments, progress, what is printed of an index. Never does: hashing.

use super::index::{Existing, Made};
use super::{amount, keys, status, view};
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use egret_fingerprint::records::{Builder, ColumnKind, RecordIndex, Role, Rows, Survey, SurveyOptions};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::{self, File};
use std::io::{BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  egret records build customers.csv --name customers --out our-signatures/
  egret records build patients.csv --name patients --out idx/ --key /etc/egret/patients.key --type mrn=number --leave-out notes
  egret records add idx/patients.records new-patients.csv --key /etc/egret/patients.key
  egret records remove idx/patients.records discharged.csv
  egret records show idx/patients.records
  egret replay monday.pcap --signatures idx/ --key /etc/egret/patients.key

The first line of a table names its columns. The index holds keyed hashes only, and is useless without its key. Without --key the key
lies beside the index (egret.key), readable by you alone.";

/// Fingerprints of records (exact data): build, change and show indexes.
#[derive(Debug, Subcommand)]
#[command(after_help = EXAMPLES)]
pub(crate) enum Records {
    /// Build an index from a table of comma-separated values (or ; or tabs or |).
    Build(Build),
    /// Add the rows of a table to an index.
    Add(Change),
    /// Remove the rows of a table from an index; a part of the columns will do to name a row.
    Remove(Change),
    /// Show what an index holds: its columns, their kinds, and what they are good for.
    Show(Existing),
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The table.
    #[arg(value_name = "FILE.csv")]
    table: PathBuf,

    #[command(flatten)]
    made: Made,

    /// Characters within which the cells of a record must stand.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=1000))]
    within: u16,

    /// The kind of a column, where the guess is wrong: number, amount, date, email, name or text.
    #[arg(long = "type", value_name = "COLUMN=KIND")]
    types: Vec<String>,

    /// A column that is not to be used.
    #[arg(long, value_name = "COLUMN")]
    leave_out: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    index: Existing,

    /// The rows, as a table with a header.
    #[arg(value_name = "FILE.csv")]
    table: PathBuf,
}

impl Records {
    pub(crate) fn run(&self) -> Result<u8> {
        match self {
            Self::Build(build) => build.run(),
            Self::Add(change) => change.add(),
            Self::Remove(change) => change.remove(),
            Self::Show(show) => {
                print(&show.read(RecordIndex::read)?);
                Ok(status::DONE)
            }
        }
    }
}

type Table = Rows<BufReader<Box<dyn Read>>>;

impl Build {
    fn run(&self) -> Result<u8> {
        let options = SurveyOptions { kinds: self.kinds()? };
        self.made.prepare()?;
        let bar = progress(&self.table, "looking at the columns")?;
        let mut rows = open(&self.table, &bar)?;
        let mut survey = Survey::new(rows.header());
        while let Some(row) = rows.next() {
            survey.row(row.with_context(|| self.table.display().to_string())?);
        }
        bar.finish_and_clear();
        let plan = survey.plan(&options).with_context(|| self.table.display().to_string())?;
        let key = self.made.key()?;
        let mut builder =
            Builder::new(&self.made.name, &self.made.owner, usize::from(self.within), &plan, &key);
        let bar = progress(&self.table, "hashing")?;
        let mut rows = open(&self.table, &bar)?;
        while let Some(row) = rows.next() {
            builder.row(row.with_context(|| self.table.display().to_string())?)?;
        }
        bar.set_message("sorting");
        let (index, beyond) = builder.finish()?;
        bar.finish_and_clear();
        let path = self.made.file("records");
        keys::replace(&path, |out| index.write(out))?;
        print(&index);
        told_beyond(beyond);
        println!("written: {}, {}", path.display(), amount::bytes(index.bytes() as u64));
        Ok(status::DONE)
    }

    fn kinds(&self) -> Result<Vec<(String, Option<ColumnKind>)>> {
        let mut kinds: Vec<(String, Option<ColumnKind>)> =
            self.leave_out.iter().map(|column| (column.clone(), None)).collect();
        for given in &self.types {
            let Some((column, kind)) = given.rsplit_once('=') else {
                bail!("--type {given}: write it as COLUMN=KIND");
            };
            let Some(kind) = ColumnKind::named(kind) else {
                let names: Vec<&str> = ColumnKind::NAMES.iter().map(|(name, _)| *name).collect();
                bail!("--type {given}: there is no kind `{kind}`; there are {}", names.join(", "));
            };
            kinds.push((column.to_owned(), Some(kind)));
        }
        Ok(kinds)
    }
}

impl Change {
    fn add(&self) -> Result<u8> {
        let index = self.index.read(RecordIndex::read)?;
        let before = index.len() as u64;
        let bar = progress(&self.table, "adding")?;
        let mut rows = open(&self.table, &bar)?;
        let mut builder =
            Builder::add(index, rows.header()).with_context(|| self.table.display().to_string())?;
        while let Some(row) = rows.next() {
            builder.row(row.with_context(|| self.table.display().to_string())?)?;
        }
        let (index, beyond) = builder.finish()?;
        bar.finish_and_clear();
        keys::replace(&self.index.index, |out| index.write(out))?;
        told_beyond(beyond);
        let added = index.len() as u64 - before;
        println!(
            "added {}; there are {} now",
            amount::of(added, "record"),
            amount::count(index.len() as u64)
        );
        Ok(status::DONE)
    }

    fn remove(&self) -> Result<u8> {
        let mut index = self.index.read(RecordIndex::read)?;
        let bar = progress(&self.table, "removing")?;
        let mut rows = open(&self.table, &bar)?;
        let (removed, unknown) =
            index.remove_rows(&mut rows).with_context(|| self.table.display().to_string())?;
        bar.finish_and_clear();
        keys::replace(&self.index.index, |out| index.write(out))?;
        println!(
            "removed {}; there are {} now",
            amount::of(removed, "record"),
            amount::count(index.len() as u64)
        );
        if unknown > 0 {
            view::warning(&format!(
                "{} of the table named no record of the index",
                amount::of(unknown, "row")
            ));
            return Ok(status::PARTIAL);
        }
        Ok(status::DONE)
    }
}

fn open(path: &Path, bar: &ProgressBar) -> Result<Table> {
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let input: Box<dyn Read> = Box::new(bar.wrap_read(file));
    Rows::open(BufReader::with_capacity(1 << 18, input)).with_context(|| path.display().to_string())
}

fn progress(path: &Path, doing: &'static str) -> Result<ProgressBar> {
    let length = fs::metadata(path).with_context(|| format!("{}: cannot be read", path.display()))?.len();
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}  {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    Ok(ProgressBar::new(length).with_style(style).with_message(doing))
}

fn told_beyond(beyond: u64) {
    if beyond > 0 {
        view::warning(&format!(
            "{} stand in more rows than are followed; the rows beyond are found by their other cells",
            amount::of(beyond, "value")
        ));
    }
}

fn print(index: &RecordIndex) {
    let mut table = view::table(&["column", "kind", "filled", "distinct", "good for"]);
    for column in index.columns() {
        let role = match column.role {
            Role::Identifying => "identifying: with any other column it makes a match".to_owned(),
            Role::Supporting => "supporting: counts beside others".to_owned(),
            Role::Common => format!(
                "too common to mean anything by itself: one pair of records in {} shares its value",
                amount::count((1.0 / column.shared).round() as u64)
            ),
        };
        table.add_row(vec![
            column.name.as_str().into(),
            column.kind.name().into(),
            view::number(amount::count(column.filled)),
            view::number(amount::count(column.distinct)),
            role.into(),
        ]);
    }
    println!("{table}");
    let leading = index.columns().iter().filter(|column| column.leads()).count();
    let identifying = index.columns().iter().any(|column| column.role == Role::Identifying);
    let rule = match (identifying, leading) {
        (_, 0) => {
            "no column tells one record from another: only a signature that names columns finds anything"
        }
        (true, 1) => "a record is found by its one telling column alone: false matches are likely",
        (true, _) => {
            "a record is found when an identifying column and one more that is not too common stand near each other"
        }
        (false, _) => {
            "no column identifies: a record is found when three columns (or all) stand near each other, which costs more"
        }
    };
    println!("{}: {}; {rule}", index.name(), amount::of(index.len() as u64, "record"));
}
