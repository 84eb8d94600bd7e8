//! A first draft of a signature from examples, for people who do not know the language.
//!
//! Owns: what examples have in common: fixed texts, classes of characters, lengths, check digits; words that stand beside them. Never
//! does: decisions; the draft is shown, tested and edited before it is used.

use crate::validators::{Subject, VALIDATORS, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Ways of writing that are told apart; with more the examples have too little in common.
const FORMS: usize = 8;
/// Context words proposed.
const WORDS: usize = 6;
/// Examples from which a letter that never changes is no chance.
const SURE_EXAMPLES: usize = 3;
/// Bytes before a match in which context words are looked for.
const BEFORE: usize = 80;
/// Fewest digits of a number that is searched by its written form.
const FEWEST_DIGITS: usize = 6;

/// What examples have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Lines of the find: `regex = …`, `numbers = …` or `phrases = …`.
    pub find: String,
    /// A validator that all examples pass and most slips of the pen do not.
    pub validator: Option<&'static str>,
    /// Words that stand before matches in the given texts, the most telling first.
    pub words: Vec<String>,
    /// What was found out, in sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Digit,
    Upper,
    Lower,
    Either,
    Sign,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    class: Class,
    texts: BTreeSet<String>,
    least: usize,
    most: usize,
}

/// Proposes a find for `examples`, none of which may be empty; `texts` are documents in which they stand, if there are any.
#[must_use]
pub fn propose(examples: &[String], texts: &[String]) -> Option<Proposal> {
    let examples: Vec<&str> =
        examples.iter().map(|example| example.trim()).filter(|e| !e.is_empty()).collect();
    if examples.is_empty() {
        return None;
    }
    let mut notes = Vec::new();
    let has_digit = |example: &&str| example.bytes().any(|byte| byte.is_ascii_digit());
    let find = if examples.iter().any(|example| has_digit(example) || !plain(example)) {
        let forms = forms(&examples);
        notes.push(format!("{} written in {}", count(examples.len(), "example"), count(forms.len(), "form")));
        let sure = examples.iter().collect::<BTreeSet<_>>().len() >= SURE_EXAMPLES;
        written(&forms).unwrap_or_else(|| expression(&forms, sure))
    } else {
        notes.push("the examples are words: each is looked for as a phrase, in any case".to_owned());
        let quoted: Vec<String> = examples.iter().map(|example| quote(example)).collect();
        format!("phrases = [{}]", quoted.join(", "))
    };
    let validator = validator(&examples);
    match validator {
        Some(name) => {
            notes.push(format!("all examples pass the check `{name}`, most with one sign changed do not"));
        }
        None => notes.push("no known check digit fits all examples".to_owned()),
    }
    let words = words(&examples, texts);
    if !words.is_empty() {
        notes.push(format!("words that stand before it in the given texts: {}", words.join(", ")));
    }
    Some(Proposal { find, validator, words, notes })
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn plain(example: &str) -> bool {
    example.chars().all(|c| c.is_alphabetic() || c.is_whitespace() || matches!(c, '\'' | '-'))
}

fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn class(c: char) -> Class {
    match c {
        '0'..='9' => Class::Digit,
        'A'..='Z' => Class::Upper,
        'a'..='z' => Class::Lower,
        _ => Class::Sign,
    }
}

fn runs(example: &str, merge: bool) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for c in example.chars() {
        let class = match class(c) {
            Class::Sign => Class::Sign,
            _ if merge => Class::Either,
            class => class,
        };
        match runs.last_mut() {
            Some(run) if run.class == class && class != Class::Sign => {
                let text = run.texts.pop_first().unwrap_or_default() + c.encode_utf8(&mut [0; 4]);
                (run.least, run.most) = (run.least + 1, run.most + 1);
                run.texts.insert(text);
            }
            _ => runs.push(Run { class, texts: BTreeSet::from([c.to_string()]), least: 1, most: 1 }),
        }
    }
    runs
}

/// The forms of the examples; where they are many, letters and digits are not told apart.
fn forms(examples: &[&str]) -> Vec<Vec<Run>> {
    let mut forms = grouped(examples, false);
    if forms.len() > 2 {
        let merged = grouped(examples, true);
        if merged.len() < forms.len() {
            forms = merged;
        }
    }
    forms
}

fn grouped(examples: &[&str], merge: bool) -> Vec<Vec<Run>> {
    let mut groups: BTreeMap<Vec<(Class, String)>, Vec<Run>> = BTreeMap::new();
    for example in examples {
        let runs = runs(example, merge);
        let shape = runs.iter().map(|run| {
            let sign = if run.class == Class::Sign { run.texts.first().cloned() } else { None };
            (run.class, sign.unwrap_or_default())
        });
        match groups.entry(shape.collect()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(runs);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                for (known, run) in entry.get_mut().iter_mut().zip(runs) {
                    known.least = known.least.min(run.least);
                    known.most = known.most.max(run.most);
                    known.texts.extend(run.texts);
                }
            }
        }
    }
    groups.into_values().take(FORMS).collect()
}

/// Digits and separators alone are looked for by their written form, which costs least and minds its neighbours.
fn written(forms: &[Vec<Run>]) -> Option<String> {
    let layout = |form: &Vec<Run>| {
        let digits: usize = form.iter().filter(|run| run.class == Class::Digit).map(|run| run.least).sum();
        let known = form.iter().all(|run| match run.class {
            Class::Digit => true,
            Class::Sign => run.texts.iter().all(|text| matches!(text.as_str(), " " | "-" | "." | "/")),
            _ => false,
        });
        if !known || digits < FEWEST_DIGITS {
            return None;
        }
        let parts = form.iter().map(|run| match run.class {
            Class::Digit if run.least == run.most => "#".repeat(run.least),
            Class::Digit => format!("#{{{},{}}}", run.least, run.most),
            _ => run.texts.first().cloned().unwrap_or_default(),
        });
        Some(quote(&parts.collect::<String>()))
    };
    let layouts: Option<Vec<String>> = forms.iter().map(layout).collect();
    Some(format!("numbers = [{}]", layouts?.join(", ")))
}

fn expression(forms: &[Vec<Run>], sure: bool) -> String {
    let parts: Vec<String> =
        forms.iter().map(|form| form.iter().map(|run| part(run, sure)).collect()).collect();
    let text = if parts.len() == 1 { parts.concat() } else { format!("(?:{})", parts.join("|")) };
    if text.contains('\'') { format!("regex = {}", quote(&text)) } else { format!("regex = '{text}'") }
}

fn part(run: &Run, sure: bool) -> String {
    // Letters that never change are what the data is found by; a single one in two examples may be chance.
    let same = run.texts.len() == 1 && (run.most > 1 || sure);
    if run.class == Class::Sign || same && matches!(run.class, Class::Upper | Class::Lower) {
        return escape(run.texts.first().map_or("", String::as_str));
    }
    let class = match run.class {
        Class::Digit => r"\d",
        Class::Upper => "[A-Z]",
        Class::Lower => "[a-z]",
        Class::Either | Class::Sign => "[A-Za-z0-9]",
    };
    match (run.least, run.most) {
        (1, 1) => class.to_owned(),
        (least, most) if least == most => format!("{class}{{{least}}}"),
        (least, most) => format!("{class}{{{least},{most}}}"),
    }
}

fn escape(text: &str) -> String {
    let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// The most discriminating validator that accepts every example.
fn validator(examples: &[&str]) -> Option<&'static str> {
    let valid = |check: fn(&Subject<'_>) -> Verdict, text: &str| {
        check(&Subject { matched: text.as_bytes(), before: b"", after: b"" }) != Verdict::Invalid
    };
    let slips: Vec<String> = examples.iter().take(20).flat_map(|example| slips(example)).collect();
    let mut best: Option<(usize, &'static str)> = None;
    for known in VALIDATORS {
        if !examples.iter().all(|example| valid(known.check, example)) {
            continue;
        }
        let refused = slips.iter().filter(|slip| !valid(known.check, slip)).count();
        // Nine in ten slips: what refuses fewer tells a form and no check digit.
        if refused * 10 >= slips.len() * 8 && !slips.is_empty() && best.is_none_or(|(most, _)| refused > most)
        {
            best = Some((refused, known.name));
        }
    }
    best.map(|(_, name)| name)
}

/// The example with one digit changed, each in turn.
fn slips(example: &str) -> Vec<String> {
    let digits = example.char_indices().filter(|(_, c)| c.is_ascii_digit());
    digits
        .map(|(at, c)| {
            let other = char::from(b'0' + (c as u8 - b'0' + 1) % 10);
            let (before, after) = example.split_at(at);
            format!("{before}{other}{}", after.get(1..).unwrap_or_default())
        })
        .collect()
}

/// Words that stand before the examples in texts and not all over them.
fn words(examples: &[&str], texts: &[String]) -> Vec<String> {
    let mut near: BTreeMap<String, usize> = BTreeMap::new();
    let mut everywhere: BTreeMap<String, usize> = BTreeMap::new();
    let mut places = 0_usize;
    for text in texts {
        for word in split(text) {
            *everywhere.entry(word).or_default() += 1;
        }
        for example in examples {
            for (at, _) in text.match_indices(example).take(50) {
                places += 1;
                let mut from = at.saturating_sub(BEFORE);
                while !text.is_char_boundary(from) {
                    from += 1;
                }
                // No word is cut in two.
                if from > 0 {
                    let rest = text.get(from..at).unwrap_or_default();
                    from += rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
                }
                let line = text.get(from..at).unwrap_or_default();
                let distinct: BTreeSet<String> = split(line).collect();
                for word in distinct {
                    *near.entry(word).or_default() += 1;
                }
            }
        }
    }
    let own: BTreeSet<String> = examples.iter().flat_map(|example| split(example)).collect();
    let telling = |(word, near): (String, usize)| {
        let all = everywhere.get(&word).copied().unwrap_or(near);
        // One word may stand before several matches.
        let near = if own.contains(&word) { 0 } else { near.min(all) };
        (near > 0 && near * 4 >= places && near * 3 >= all).then_some((near, word))
    };
    let mut ranked: Vec<(usize, String)> = near.into_iter().filter_map(telling).collect();
    ranked.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    ranked.into_iter().take(WORDS).map(|(_, word)| word).collect()
}

fn split(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| word.chars().count() >= 3 && crate::language::phrases::phrase(word, 3).is_ok())
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proposal(examples: &[&str], texts: &[&str]) -> Proposal {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        propose(&own(examples), &own(texts)).expect("a proposal")
    }

    #[test]
    fn what_examples_have_in_common_is_found() {
        for (examples, find, validator) in [
            (vec!["MRN-12345674", "MRN-80000003"], r"regex = 'MRN-\d{8}'", Some("luhn")),
            (vec!["H-204417", "H-204425", "H-311207"], r"regex = 'H-\d{6}'", None),
            (vec!["H-204417", "H-204425"], r"regex = '[A-Z]-\d{6}'", None),
            (vec!["AB-1234", "XYZ-99"], r"regex = '[A-Z]{2,3}-\d{2,4}'", None),
            (vec!["536-90-4399", "219-09-1234"], "numbers = [\"###-##-####\"]", None),
            (
                vec!["4539148803436467", "4539 1488 0343 6467"],
                "numbers = [\"################\", \"#### #### #### ####\"]",
                Some("payment-card"),
            ),
            (
                vec!["Project Heron", "Project Bittern"],
                "phrases = [\"Project Heron\", \"Project Bittern\"]",
                None,
            ),
            (vec!["k7f-a2", "b3x-99"], r"regex = '(?:[a-z]\d[a-z]-\d{2}|[a-z]\d[a-z]-[a-z]\d)'", None),
        ] {
            let found = proposal(&examples, &[]);
            assert_eq!(found.find, find, "{examples:?}");
            if validator.is_some() {
                assert!(found.validator.is_some(), "{examples:?}");
            }
        }
    }

    #[test]
    fn context_words_are_those_that_stand_before_it() {
        let text = "Patient file MRN-1 seen. The weather was fine. Patient chart MRN-2, patient MRN-3. The end of the day.";
        let found = proposal(&["MRN-1", "MRN-2", "MRN-3"], &[text]);
        assert_eq!(found.words.first().map(String::as_str), Some("patient"), "{:?}", found.words);
        assert!(!found.words.contains(&"the".to_owned()));
        let long = format!("admitted to the ward {}patient MRN-1", "a ".repeat(30));
        assert_eq!(proposal(&["MRN-1"], &[&long]).words, ["patient", "ward"], "cut words are none");
    }

    #[test]
    fn nothing_is_proposed_for_nothing() {
        assert_eq!(propose(&[], &[]), None);
        assert_eq!(propose(&["  ".into()], &[]), None);
    }
}
