//! Classification markings: the words put on a document to classify it, not the words used in a sentence.

use super::{Subject, Validator, ValueForm, Verdict};

/// `marking`: the match stands by itself.
pub(super) const VALIDATOR: Validator = Validator { name: "marking", check, value: ValueForm::Words };

/// Labels that introduce a classification.
const LABELS: [&str; 8] = [
    "classification",
    "classified",
    "sensitivity",
    "marking",
    "security level",
    "confidentiality",
    "privacy",
    "x-classification",
];

fn check(subject: &Subject<'_>) -> Verdict {
    let before = String::from_utf8_lossy(subject.before);
    let after = String::from_utf8_lossy(subject.after);
    let matched = String::from_utf8_lossy(subject.matched);
    // What was cut off around the match is no line end.
    let lead = before.rsplit(['\n', '\r', '\t']).next().unwrap_or_default();
    let lead_is_line = lead.len() < before.len() || subject.before.len() < super::AROUND;
    let tail = after.split(['\n', '\r', '\t']).next().unwrap_or_default();
    let tail_is_line = tail.len() < after.len() || subject.after.len() < super::AROUND;
    let label = lead.trim_end_matches([' ', ':', '=', '"', '\'', '>', '-']).to_lowercase();
    if LABELS.iter().any(|known| label.ends_with(known)) && label.len() < lead.len() && ends_phrase(tail) {
        return Verdict::Valid("a classification label stands before it");
    }
    if [lead.chars().next_back(), tail.chars().next()].contains(&Some('_')) || matched.contains('_') {
        // A name in a program.
        return Verdict::Invalid;
    }
    let commented = lead.contains(['#', '*', '%']) || lead.contains("//");
    let blank = |text: &str| {
        text.chars().all(|c| !c.is_alphanumeric() && !matches!(c, '/' | '#' | '*' | '%' | ';' | '('))
    };
    let capitals = !matched.chars().any(char::is_lowercase);
    // A short sentence, as programs explain their parts: "Internal only."
    let sentence = !capitals && tail.trim_start().starts_with('.');
    if lead_is_line && tail_is_line && blank(lead) && blank(tail) && !sentence {
        return Verdict::Valid("stands alone on its line");
    }
    let remark = commented && tail.trim_start().starts_with(':');
    if capitals && begins_phrase(lead, lead_is_line) && ends_phrase(tail) && !remark {
        return Verdict::Valid("in capitals, set apart");
    }
    Verdict::Invalid
}

/// Signs that set a marking apart from text beside it. A quotation mark or bracket sets it apart only where the line begins.
fn is_rule(c: char) -> bool {
    matches!(
        c,
        '-' | '|'
            | '/'
            | '*'
            | '#'
            | '='
            | '_'
            | '~'
            | '•'
            | '·'
            | '>'
            | '<'
            | '['
            | ']'
            | '('
            | ')'
            | ','
            | ';'
    )
}

fn begins_phrase(lead: &str, is_line: bool) -> bool {
    let trimmed = lead.trim_end();
    match trimmed.chars().next_back() {
        None => is_line,
        Some(c) if is_rule(c) => {
            // A list in a sentence ("secret, CONFIDENTIAL") is no marking; a cell or a banner is.
            c != ',' || trimmed.trim_matches([',', '"', ' ']).is_empty()
        }
        Some(_) => trimmed.trim_matches(|c: char| !c.is_alphanumeric()).is_empty() && is_line,
    }
}

fn ends_phrase(tail: &str) -> bool {
    match tail.trim_start().chars().next() {
        None => true,
        // An assignment is no banner.
        Some('=') => tail.trim_start().starts_with("=="),
        Some(c) => is_rule(c) || matches!(c, '"' | '\'' | '.' | ':' | '!' | '}'),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_within;
    use super::*;

    #[test]
    fn markings_are_told_from_prose() {
        for (before, matched, after) in [
            ("", "STRICTLY CONFIDENTIAL", "\nMASTER SUPPLY AGREEMENT"),
            ("page\n", "CONFIDENTIAL", " - INTERNAL ONLY\n"),
            ("", "INTERNAL ONLY", " - price list,,,,,\nSKU"),
            ("", "STRENG VERTRAULICH", " - nur"),
            ("x\n", "Confidential", "\ny"),
            ("Classification: ", "Confidential", "\n"),
            ("{\"classification\":\"", "confidential", "\"}"),
            ("Acme plc | ", "CONFIDENTIAL", " | page 3"),
            ("", "社外秘", "\n顧客名簿"),
            ("** ", "TOP SECRET", " **"),
        ] {
            let verdict = check_within(&VALIDATOR, before, matched, after);
            assert!(matches!(verdict, Verdict::Valid(_)), "{before}[{matched}]{after}");
        }
        for (before, matched, after) in [
            ("must mark ", "confidential", " documents as such"),
            ("", "Confidential", " staff list\nLaura"),
            ("the ", "CONFIDENTIAL", " INFORMATION of either party"),
            ("\n", "CONFIDENTIAL", " INFORMATION shall mean"),
            ("keep it ", "confidential", "."),
            ("levels: public, ", "CONFIDENTIAL", ", secret"),
            ("\n", "CONFIDENTIAL", " = 3"),
            ("#[cfg(__X_", "INTERNAL_USE_ONLY", ")]"),
            ("\n  // ", "For internal use only", "\n"),
            ("\n  * ", "INTERNAL ONLY", ": not stable\n"),
            ("\n    \"\"\"", "Internal only", ".\"\"\"\n"),
        ] {
            let verdict = check_within(&VALIDATOR, before, matched, after);
            assert_eq!(verdict, Verdict::Invalid, "{before}[{matched}]{after}");
        }
    }
}
