//! The keys of a signature file, as TOML. An unknown key is an error: a misspelt one must not be taken for a default.
//!
//! Owns: the shape, with positions. Never does: checks beyond the types.

use super::problem::{Fault, SignatureProblem, nearest};
use egret_model::{Confidence, Severity};
use serde::Deserialize;
use toml::Spanned;

/// One signature file.
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
    pub(crate) severity: Severity,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    #[serde(default)]
    pub(crate) find: Vec<Spanned<Find>>,
    pub(crate) near: Option<Near>,
    pub(crate) confidence: Option<Levels>,
    #[serde(default)]
    pub(crate) report: Report,
    #[serde(default)]
    pub(crate) test: Vec<Spanned<Test>>,
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
    /// A regular expression.
    pub(crate) regex: Option<Spanned<String>>,
    /// Written forms of a number (`###-##-####`), or `iban`.
    #[serde(default)]
    pub(crate) numbers: Vec<Spanned<String>>,
    /// Another signature's finds (`us-ssn`), or one of them (`us-ssn#dashed`).
    #[serde(rename = "use")]
    pub(crate) uses: Option<Spanned<String>>,
    /// Validators by name.
    #[serde(default)]
    pub(crate) validate: Vec<Spanned<String>>,
    /// What may be shown of a match: `edges`, `card`, `email`, `prefix`, `all`.
    pub(crate) show: Option<Spanned<String>>,
    /// False: corroborates other finds, and is never reported by itself.
    #[serde(default = "yes")]
    pub(crate) counts: bool,
}

fn yes() -> bool {
    true
}

/// `[near]`: words that make a match more likely.
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
}

impl Default for Report {
    fn default() -> Self {
        Self { at: Confidence::Medium, unique: 1, count: 1, escalate: Vec::new() }
    }
}

/// A severity from a number of distinct values on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Escalation {
    pub(crate) unique: u64,
    pub(crate) severity: Severity,
}

/// `[[test]]`: a text that must, or must not, be found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Test {
    #[serde(rename = "match")]
    pub(crate) matches: Option<Spanned<String>>,
    pub(crate) no_match: Option<Spanned<String>>,
}

/// Reads the text of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<File, SignatureProblem> {
    toml::from_str(text).map_err(|error| {
        let message = error.message().trim_end();
        let fault = match unknown_key(message) {
            Some(fault) => fault,
            None => Fault::new(message.replace('\n', " "), advice(message)),
        };
        SignatureProblem::at(file, text, &error.span().unwrap_or(0..0), fault)
    })
}

/// Keys of the language that this release does not know yet would otherwise look like slips.
const LATER: [&str; 6] = ["records", "documents", "columns", "overlap", "except", "per_sender_day"];

fn unknown_key(message: &str) -> Option<Fault> {
    let rest = message.strip_prefix("unknown field `")?;
    let (given, rest) = rest.split_once('`')?;
    if LATER.contains(&given) {
        return Some(Fault::new(format!("the key `{given}` is not supported yet"), "leave it out"));
    }
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let fix = nearest(given, known.iter().copied()).map_or_else(
        || format!("known keys here: {}", known.join(", ")),
        |meant| format!("did you mean `{meant}`?"),
    );
    Some(Fault::new(format!("unknown key `{given}`"), fix))
}

fn advice(message: &str) -> &'static str {
    if message.starts_with("missing field `find`") || message.starts_with("missing field `name`") {
        "each [[find]] needs a name and words, phrases, a regex, numbers or use"
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
            (
                format!("{base}[[find]]\nname = \"x\"\nrecords = \"y\"\n"),
                "a.toml:6:1",
                "not supported yet",
                "leave it out",
            ),
            (format!("{base}[report]\nat = \"medum\"\n"), "a.toml:5:6", "unknown variant", "confidences"),
            ("id = \"a\"\n".into(), "a.toml:1:1", "missing field", "needs id, title"),
            ("id = \"a\\d\"".into(), "a.toml:1:", "escape", "single quotes"),
        ] {
            let problem = parse("a.toml", &text).expect_err(&text).one_line();
            assert!(problem.starts_with(place), "{problem}");
            assert!(problem.contains(message) && problem.contains(fix), "{problem}");
        }
    }
}
