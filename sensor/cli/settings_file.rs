//! The configuration file of a running sensor: read, found faulty, explained.
//!
//! Owns: places of keys and faults, and the likely fix. Never does: the meaning of settings.

use super::settings::Settings;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// Where the file is when no other is named.
pub(crate) const USUAL_PLACE: &str = "/etc/egret/sensor.toml";

/// Every key with its default and its reason; what `egret config init` writes.
pub(crate) const DOCUMENTED: &str = include_str!("../../config/sensor.toml");

/// Settings out of a file.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// The file, where there was one.
    pub(crate) file: Option<PathBuf>,
    /// Line of each key that the file holds, by dotted name.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// What is wrong with a file, where, and what would probably mend it. `Display` shows the line with a caret under the culprit.
#[derive(Debug)]
pub(crate) struct FileFault {
    file: PathBuf,
    place: Option<Place>,
    message: String,
    fix: Option<String>,
}

#[derive(Debug)]
struct Place {
    line: usize,
    column: usize,
    width: usize,
    excerpt: String,
}

/// Reads `path`, or the usual place without one; without that, there are the defaults.
pub(crate) fn load(path: Option<&Path>) -> Result<Loaded, FileFault> {
    match path {
        Some(path) => read(path),
        None if Path::new(USUAL_PLACE).exists() => read(Path::new(USUAL_PLACE)),
        None => Ok(Loaded::default()),
    }
}

fn read(path: &Path) -> Result<Loaded, FileFault> {
    let text = std::fs::read_to_string(path).map_err(|error| FileFault {
        file: path.to_owned(),
        place: None,
        message: format!("cannot be read: {error}"),
        fix: Some("name the configuration with --config; `egret config init` writes one".to_owned()),
    })?;
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Loaded, FileFault> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let message = error.message().to_owned();
        FileFault {
            file: path.to_owned(),
            place: error.span().map(|span| Place::of(text, &span)),
            fix: fix(&message),
            message,
        }
    })?;
    let mut spans = BTreeMap::new();
    if let Ok(table) = DeTable::parse(text) {
        collect(table.get_ref(), "", &mut spans);
    }
    settings.check().map_err(|fault| FileFault {
        file: path.to_owned(),
        place: spans.get(fault.key).map(|span| Place::of(text, span)),
        message: format!("{} {}", fault.key, fault.message),
        fix: Some(fault.fix),
    })?;
    let lines = spans.into_iter().map(|(key, span)| (key, Place::of(text, &span).line)).collect();
    Ok(Loaded { settings, file: Some(path.to_owned()), lines })
}

/// The spans of all keys that hold a value, by dotted name.
fn collect(table: &DeTable<'_>, prefix: &str, spans: &mut BTreeMap<String, Range<usize>>) {
    for (key, value) in table {
        let name = format!("{prefix}{}", key.get_ref());
        match value.get_ref() {
            DeValue::Table(inner) => collect(inner, &format!("{name}."), spans),
            _ => drop(spans.insert(name, key.span())),
        }
    }
}

/// The known name that is nearest to an unknown one, out of serde's own words: "unknown field `a`, expected one of `b`, `c`".
fn fix(message: &str) -> Option<String> {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (wrong, known) = quoted.split_first()?;
    if !message.starts_with("unknown ") || known.is_empty() {
        return None;
    }
    let nearest = known.iter().max_by(|a, b| {
        strsim::jaro_winkler(wrong, a).total_cmp(&strsim::jaro_winkler(wrong, b)).then_with(|| b.cmp(a))
    })?;
    Some(if strsim::jaro_winkler(wrong, nearest) > 0.7 {
        format!("write {nearest}")
    } else {
        "leave it out; `egret config show` lists all keys".to_owned()
    })
}

impl Place {
    fn of(text: &str, span: &Range<usize>) -> Self {
        let start =
            (0..=span.start.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        let (before, after) = text.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let excerpt =
            text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned();
        let column = before.get(line_start..).unwrap_or_default().chars().count();
        let marked = after.get(..span.len()).and_then(|marked| marked.lines().next()).unwrap_or_default();
        let room = excerpt.chars().count().saturating_sub(column).max(1);
        Self {
            line: before.matches('\n').count() + 1,
            column: column + 1,
            width: marked.chars().count().clamp(1, room),
            excerpt,
        }
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Place { line, column, .. }) = &self.place {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(Place { line, column, width, excerpt }) = &self.place {
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            // Tabs keep their width under the line, so that the caret stands where it should.
            let lead: String =
                excerpt.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            write!(f, "\n {gutter} |\n {number} | {excerpt}\n {gutter} | {lead}{}", "^".repeat(*width))?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n   fix: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FileFault {}

impl FileFault {
    /// Place, message and fix on one line.
    pub(crate) fn one_line(&self) -> String {
        let place = self.place.as_ref().map(|p| format!(":{}:{}", p.line, p.column)).unwrap_or_default();
        let fix = self.fix.as_ref().map(|fix| format!("; {fix}")).unwrap_or_default();
        format!("{}{place}: {}{fix}", self.file.display(), self.message)
    }
}

/// The values of settings by dotted key, in order of keys.
pub(crate) fn flatten(settings: &Settings) -> BTreeMap<String, toml::Value> {
    fn walk(value: toml::Value, name: String, into: &mut BTreeMap<String, toml::Value>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                    walk(value, name, into);
                }
            }
            value => drop(into.insert(name, value)),
        }
    }
    let mut flat = BTreeMap::new();
    if let Ok(value) = toml::Value::try_from(settings) {
        walk(value, String::new(), &mut flat);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        parse(Path::new("sensor.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_file_holds_every_key_with_its_default() {
        let loaded = parse(Path::new("sensor.toml"), DOCUMENTED).unwrap();
        let defaults = flatten(&Settings::default());
        for (key, value) in &defaults {
            assert!(
                loaded.lines.contains_key(key),
                "config/sensor.toml lacks `{key}`: add it with its reason; its default is {value}"
            );
        }
        for (key, value) in flatten(&loaded.settings) {
            assert_eq!(
                Some(&value),
                defaults.get(&key),
                "config/sensor.toml gives another default for `{key}`"
            );
        }
    }

    #[test]
    fn defaults_without_a_unit_are_told_as_they_are() {
        let (mut reason, mut told) = (String::new(), 0);
        for line in DOCUMENTED.lines() {
            if let Some(comment) = line.strip_prefix('#') {
                reason.push_str(comment);
            } else if let Some((key, value)) = line.split_once(" = ") {
                let default = reason.rsplit_once("Default ").map(|(_, default)| default.trim());
                let number =
                    default.and_then(|text| text.strip_suffix('.')).map(|text| text.replace(',', ""));
                if let Some(number) = number.and_then(|text| text.parse::<f64>().ok()) {
                    let value = value.replace('_', "").parse::<f64>();
                    assert_eq!(value, Ok(number), "{key}: {reason}");
                    told += 1;
                }
                reason.clear();
            } else {
                reason.clear();
            }
        }
        assert!(told > 50, "only {told} defaults are told as plain numbers");
    }

    #[test]
    fn every_key_is_explained() {
        let mut explained = false;
        for line in DOCUMENTED.lines() {
            let key = line.split_once(" = ").map(|(key, _)| key);
            // A second key of one reason follows at once.
            assert!(key.is_none() || explained, "no reason stands above: {line}");
            explained = line.starts_with('#') || (key.is_some() && explained);
        }
    }

    #[test]
    fn a_fault_is_shown_with_its_line_a_caret_and_the_fix() {
        assert_eq!(
            fault("[capture]\ninterfaces = [\"span0\"]\npromiscous = true\n"),
            "sensor.toml:3:1: unknown field `promiscous`, expected one of `interfaces`, `backend`, `filter`, `promiscuous`, \
             `snap_length_bytes`, `buffer_bytes`, `dispatcher`\n   |\n 3 | promiscous = true\n   | ^^^^^^^^^^\n   fix: write promiscuous"
        );
        for (text, says) in [
            ("[capture]\nbackend = \"af_packet\"\n", vec![":2:11", "^^^^^^^^^^^", "write af-packet"]),
            ("[inspect]\nworkers = \"two\"\n", vec![":2:11", "invalid type", "^^^^^"]),
            ("[identity]\ninternal = [\"10.0.0.0/40\"]\n", vec![":2:1", "10.0.0.0/40", "^"]),
            ("[http]\nlisten = \"localhost\"\n", vec![":2:10", "^"]),
            ("[records\nfolder = 3", vec![":1:9", "^"]),
            (
                "[overload]\nshedding_backlog_ms = 5\n",
                vec![":2:1", "shedding_backlog_ms", "^^^^^^^^^^^^^^^^^^^", "at least 200"],
            ),
            ("[limits.stream]\nflow = 1\n", vec![":2:1", "unknown field `flow`", "fix: write flow"]),
        ] {
            let told = fault(text);
            for part in says {
                assert!(told.contains(part), "`{part}` is not in: {told}");
            }
        }
    }
}
