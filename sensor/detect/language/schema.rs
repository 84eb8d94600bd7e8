//! The keys of a signature file, as TOML. An unknown key is an error: a misspelt one must not be taken for a default.
//!
//! Owns: the shape, with positions. Never does: checks beyond the types.

use super::problem::{Fault, SignatureProblem, nearest};
use super::source::Source;
use egret_model::{Confidence, Severity};
use serde::Deserialize;
use toml::{Spanned, de::DeTable};

/// What a file may be.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// One signature.
    Signature(Box<File>),
    /// Several signatures, with what they share, and overrides of others.
    Family(Box<Family>),
    /// One override.
    Override(Box<Override>),
}

/// Several signatures in one file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Family {
    /// For signatures without one of their own.
    pub(crate) owner: Option<String>,
    /// For signatures without one of their own.
    pub(crate) severity: Option<Severity>,
    /// Tags that all of them have, beside their own.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// What they have in common and from which sources their rules come; stands before their own.
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) signature: Vec<Spanned<File>>,
    #[serde(default, rename = "override")]
    pub(crate) overrides: Vec<Spanned<Override>>,
}

/// What is changed of signatures of other files: `override = "ID"` at the top of a file, or `[[override]]` with `of = "ID"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Override {
    /// An id, `tag:TAG`, or `FOLDER/`.
    #[serde(alias = "override")]
    pub(crate) of: Spanned<String>,
    /// False: switched off.
    pub(crate) enabled: Option<bool>,
    pub(crate) severity: Option<Severity>,
    pub(crate) owner: Option<String>,
    /// Added.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    /// Added; `words`, `phrases` and `dictionary` of a find that is there already are added to it.
    #[serde(default)]
    pub(crate) find: Vec<Spanned<Find>>,
    pub(crate) near: Option<MoreNear>,
    /// The levels that it names replace those of the signature.
    pub(crate) confidence: Option<Levels>,
    #[serde(default)]
    pub(crate) report: ReportChange,
    /// Added.
    #[serde(default)]
    pub(crate) except: Vec<Spanned<Except>>,
    #[serde(default)]
    pub(crate) test: Vec<Spanned<Test>>,
}

/// `[near]` of an override.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MoreNear {
    /// Added.
    #[serde(default)]
    pub(crate) words: Vec<Spanned<String>>,
    /// Replaced.
    pub(crate) within: Option<Spanned<usize>>,
}

/// `[report]` of an override: what is named is replaced.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportChange {
    pub(crate) at: Option<Confidence>,
    pub(crate) unique: Option<u64>,
    pub(crate) count: Option<u64>,
    pub(crate) escalate: Option<Vec<Escalation>>,
    pub(crate) per_sender_day: Option<PerSenderDay>,
}

/// One signature.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Names the signature in records: `payment-card`, `acme/patient-record`.
    pub(crate) id: Spanned<String>,
    /// One line for people.
    pub(crate) title: Spanned<String>,
    /// Who answers for it.
    #[serde(default)]
    pub(crate) owner: String,
    /// What it finds and from which public source its rules come.
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) severity: Option<Severity>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) find: Vec<Spanned<Find>>,
    pub(crate) near: Option<Near>,
    pub(crate) confidence: Option<Levels>,
    #[serde(default)]
    pub(crate) report: Report,
    #[serde(default)]
    pub(crate) except: Vec<Spanned<Except>>,
    #[serde(default)]
    pub(crate) test: Vec<Spanned<Test>>,
}

/// `[[except]]`: what is let pass, why, and until when. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Except {
    /// Name, `.suffix` or network of the receiver.
    pub(crate) destination: Option<Spanned<Names>>,
    /// User, host, address or network of the sender.
    pub(crate) sender: Option<Spanned<Names>>,
    /// Name of the file, with `*` and `?`.
    pub(crate) file: Option<Spanned<Names>>,
    /// Matches that read so.
    pub(crate) text: Option<Spanned<Names>>,
    /// Keyed tokens of matches, as findings show them.
    pub(crate) value: Option<Spanned<Names>>,
    pub(crate) reason: Option<Spanned<String>>,
    /// The last day on which it holds.
    pub(crate) until: Option<Spanned<toml::value::Datetime>>,
}

/// `[[find]]`: one way of finding.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Find {
    pub(crate) name: Spanned<String>,
    /// Whole words, in any case.
    #[serde(default)]
    pub(crate) words: Vec<Spanned<String>>,
    /// Phrases: whole words with any white space between.
    #[serde(default)]
    pub(crate) phrases: Vec<Spanned<String>>,
    /// Text files with a word or phrase a line.
    #[serde(default)]
    pub(crate) dictionary: Option<Spanned<Names>>,
    /// A regular expression.
    pub(crate) regex: Option<Spanned<String>>,
    /// A match of the expression may stand inside a longer word or number.
    #[serde(default)]
    pub(crate) inside: bool,
    /// Written forms of a number (`###-##-####`), or `iban`.
    #[serde(default)]
    pub(crate) numbers: Vec<Spanned<String>>,
    /// Another signature's finds (`us-ssn`), or one of them (`us-ssn#dashed`).
    #[serde(rename = "use")]
    pub(crate) uses: Option<Spanned<String>>,
    /// A set of records, by its name.
    pub(crate) records: Option<Spanned<String>>,
    /// Which of its columns must stand near each other.
    pub(crate) columns: Option<Spanned<Columns>>,
    /// A set of documents, by its name.
    pub(crate) documents: Option<Spanned<String>>,
    /// Least share of a document: `30%`.
    pub(crate) overlap: Option<Spanned<String>>,
    /// Files by their SHA-256.
    #[serde(default)]
    pub(crate) sha256: Vec<Spanned<String>>,
    /// Files of a kind (`pst`) or a family of kinds (`key-store`).
    #[serde(default)]
    pub(crate) file: Vec<Spanned<String>>,
    /// Binary files by their similarity digests (TLSH).
    #[serde(default)]
    pub(crate) similar: Vec<Spanned<String>>,
    /// Greatest distance from such a digest.
    pub(crate) distance: Option<Spanned<u32>>,
    /// Sensitivity labels in the metadata of documents and mails, by name or id.
    #[serde(default)]
    pub(crate) labels: Vec<Spanned<String>>,
    /// Strings that were planted to be found, exactly as they are, within words too.
    #[serde(default)]
    pub(crate) canaries: Vec<Spanned<String>>,
    /// Validators by name.
    #[serde(default)]
    pub(crate) validate: Vec<Spanned<String>>,
    /// What may be shown of a match: `edges`, `card`, `email`, `prefix`, `all`.
    pub(crate) show: Option<Spanned<String>>,
    /// Evidence of context words (`near`, `label`, `mentioned`) without which its matches are never above low.
    pub(crate) needs: Option<Spanned<String>>,
    /// Context words of this find alone, beside those of `[near]`.
    pub(crate) near: Option<Spanned<Near>>,
    /// False: corroborates other finds, and is never reported by itself.
    #[serde(default = "yes")]
    pub(crate) counts: bool,
}

/// `columns = { all = […], any = […] }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Columns {
    /// Every one of these.
    #[serde(default)]
    pub(crate) all: Vec<String>,
    /// At least one of these.
    #[serde(default)]
    pub(crate) any: Vec<String>,
}

/// One name or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a file, or a list of them")]
pub(crate) enum Names {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl Names {
    /// Each name.
    pub(crate) fn each(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
        .iter()
        .map(String::as_str)
    }
}

fn yes() -> bool {
    true
}

/// `[near]`, or `near = {…}` of a find: words that make a match more likely.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Near {
    pub(crate) words: Spanned<Vec<Spanned<String>>>,
    /// Characters, before and after.
    pub(crate) within: Spanned<usize>,
}

/// `[confidence]`: expressions over evidence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Levels {
    pub(crate) high: Option<Spanned<String>>,
    pub(crate) medium: Option<Spanned<String>>,
    pub(crate) low: Option<Spanned<String>>,
}

/// `[report]`: from when on it is reported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Report {
    /// Least confidence of matches that count.
    pub(crate) at: Confidence,
    /// Least distinct values.
    pub(crate) unique: u64,
    /// Least matches.
    pub(crate) count: u64,
    pub(crate) escalate: Vec<Escalation>,
    /// Low and slow: summed over all that one sender sends in a day.
    pub(crate) per_sender_day: Option<PerSenderDay>,
    /// A tag: what a signature with it tells of a place, this one does not tell again.
    pub(crate) yields_to: Option<String>,
}

/// Threshold over a day's transfers of one sender.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PerSenderDay {
    /// Least distinct values, over all transfers of the day together.
    pub(crate) unique: u64,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            at: Confidence::Medium,
            unique: 1,
            count: 1,
            escalate: Vec::new(),
            per_sender_day: None,
            yields_to: None,
        }
    }
}

/// A severity from a number of distinct values on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Escalation {
    pub(crate) unique: u64,
    pub(crate) severity: Severity,
}

/// `[[test]]`: a text, or a kind of file, that must, or must not, be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    #[serde(rename = "match")]
    pub(crate) matches: Option<Spanned<String>>,
    pub(crate) no_match: Option<Spanned<String>>,
    /// An object of this kind must be found.
    pub(crate) match_file: Option<Spanned<String>>,
    /// An object of this kind must not be found.
    pub(crate) no_match_file: Option<Spanned<String>>,
}

/// Reads the text of a file.
pub(crate) fn parse(source: &Source) -> Result<Parsed, SignatureProblem> {
    let text = &*source.text;
    let parsed = match kind(text) {
        Kind::Signature => toml::from_str(text).map(|file| Parsed::Signature(Box::new(file))),
        Kind::Family => toml::from_str(text).map(|family| Parsed::Family(Box::new(family))),
        Kind::Override => toml::from_str(text).map(|change| Parsed::Override(Box::new(change))),
    };
    parsed.map_err(|error| {
        let message = error.message().trim_end();
        let fault = match unknown_key(message) {
            Some(fault) => fault,
            None => Fault::new(message.replace('\n', " "), advice(message)),
        };
        SignatureProblem::at(&source.name, text, &error.span().unwrap_or(0..0), fault)
    })
}

enum Kind {
    Signature,
    Family,
    Override,
}

/// What a file is, by its keys at the top.
fn kind(text: &str) -> Kind {
    // Most files are one signature, and need not be read twice for it.
    if !text.contains("signature") && !text.contains("override") {
        return Kind::Signature;
    }
    let Ok(table) = DeTable::parse(text) else { return Kind::Signature };
    let table = table.get_ref();
    if table.contains_key("signature") {
        return Kind::Family;
    }
    match table.get("override") {
        Some(value) if value.get_ref().is_array() => Kind::Family,
        Some(_) => Kind::Override,
        None => Kind::Signature,
    }
}

fn unknown_key(message: &str) -> Option<Fault> {
    let rest = message.strip_prefix("unknown field `")?;
    let (given, rest) = rest.split_once('`')?;
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let fix = nearest(given, known.iter().copied()).map_or_else(
        || format!("known keys here: {}", known.join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    );
    Some(Fault::new(format!("unknown key `{given}`"), fix))
}

fn advice(message: &str) -> &'static str {
    if message.starts_with("missing field `find`") || message.starts_with("missing field `name`") {
        "each [[find]] needs a name and words, phrases, a dictionary, a regex, numbers or use"
    } else if message.starts_with("missing field") {
        "a signature needs id, title, severity and at least one [[find]]"
    } else if message.starts_with("unknown variant") {
        "severities are info, low, medium, high, critical; confidences low, medium, high"
    } else if message.contains("escape") {
        "write regular expressions in single quotes, in which \\ stands for itself"
    } else if message.contains("duplicate key") {
        "keep one of the two"
    } else {
        "correct the TOML here: strings in quotes, lists in [ ], one key a line"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_placed_and_mended() {
        let base = "id = \"a\"\ntitle = \"A\"\nseverity = \"low\"\n";
        for (text, place, message, fix) in [
            (format!("{base}sevrity = 1\n"), "a.toml:4:1", "unknown key `sevrity`", "`severity`"),
            (format!("{base}[report]\nat = \"medum\"\n"), "a.toml:5:6", "unknown variant", "confidences"),
            ("id = \"a\"\n".into(), "a.toml:1:1", "missing field", "needs id, title"),
            ("id = \"a\\d\"".into(), "a.toml:1:", "escape", "single quotes"),
        ] {
            let source = Source {
                name: "a.toml".into(),
                relative: "a.toml".into(),
                text: text.into(),
                shipped: false,
            };
            let problem = parse(&source).expect_err(&source.text).one_line();
            assert!(problem.starts_with(place), "{problem}");
            assert!(problem.contains(message) && problem.contains(fix), "{problem}");
        }
    }
}
