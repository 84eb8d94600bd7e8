//! Words and phrases: found by their rarest word, compared around it with any white space between their words.
//!
//! Owns: the choice of the literal that the matcher looks for, and the comparison around it. Whole words only: neither
//! neighbour may be a letter or digit (in scripts that put spaces between words). Never does: searching.

use super::{
    guard::{Guard, Guards},
    matcher::Literal,
};
use std::{collections::HashSet, sync::LazyLock};

/// Blanks allowed between two words of a phrase: enough for a wrapped and indented line.
const GAP: usize = 12;

/// Common words make poor literals; a phrase is looked up by another of its words where it has one.
const COMMON: &str = "a an and any are as at be but by can do for from had has have he her his how i if in into is it its \
    just like made make many may me more most must my new no not now of on one only or other our out over own part people \
    per same see shall she should so some such than that the their them then there these they this time to two under up us \
    use used very was way we were what when which who will with work would year years you your about after all also \
    account address agreement bank board business card case change client code company contract control copy customer data \
    date day department design document email employee error field file following found general group home information \
    interest key language law level line list little long management manager market medical member message money name need \
    network note number office order page party password payment person phone plan point policy price private problem \
    product program project public question rate record report request research response result review risk sale school \
    secret security server service session set social source state statement street system table tax team test text trade \
    type user value version world www http https html com org net";

/// Every one of them.
static COMMON_WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.split_whitespace().collect());

/// A phrase of one or more words.
#[derive(Clone, Debug)]
pub(crate) struct Phrase {
    words: Vec<Word>,
    anchor: usize,
}

/// One word in every way it is accepted; all of the same length in bytes.
#[derive(Clone, Debug)]
struct Word {
    forms: Vec<Vec<u8>>,
}

impl Word {
    fn new(text: &str) -> Self {
        let mut forms = vec![text.to_ascii_lowercase().into_bytes()];
        let mut letters = text.chars();
        let capitalised: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        for form in [text.to_lowercase(), text.to_uppercase(), capitalised + &letters.as_str().to_lowercase()]
        {
            let form = form.to_ascii_lowercase().into_bytes();
            // The matcher ignores ASCII case only; other alphabets are listed in the usual ways.
            if form.len() == text.len() && !forms.contains(&form) {
                forms.push(form);
            }
        }
        Self { forms }
    }

    fn length(&self) -> usize {
        self.forms.first().map_or(0, Vec::len)
    }

    /// The bytes at one of its edges, in either case.
    fn edge(&self, edge: impl Fn(&Vec<u8>) -> Option<u8>) -> Vec<u8> {
        let bytes = self.forms.iter().filter_map(edge);
        bytes.flat_map(|byte| [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]).collect()
    }

    fn is(&self, text: Option<&[u8]>) -> bool {
        text.is_some_and(|text| self.forms.iter().any(|form| form.eq_ignore_ascii_case(text)))
    }
}

impl Phrase {
    /// A phrase; None when it holds no word.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let texts: Vec<&str> = text.split_whitespace().collect();
        let anchor = (0..texts.len()).max_by_key(|&at| {
            let word = texts.get(at).copied().unwrap_or_default();
            let common = COMMON_WORDS.contains(word.to_lowercase().as_str());
            (!common && word.len() > 2, word.len(), std::cmp::Reverse(at))
        })?;
        Some(Self { words: texts.into_iter().map(Word::new).collect(), anchor })
    }

    /// The literals any of which starts a comparison.
    pub(crate) fn literals(&self) -> impl Iterator<Item = Literal> {
        self.words.get(self.anchor).into_iter().flat_map(|word| word.forms.iter().map(Literal::word))
    }

    /// What stands beside each of the literals: a blank, and perhaps the nearest letter of the next word.
    pub(crate) fn guards(&self) -> Guards {
        let next = self.words.get(self.anchor + 1).map(|word| word.edge(|form| form.first().copied()));
        let last = self.anchor.checked_sub(1).and_then(|before| self.words.get(before));
        let last = last.map(|word| word.edge(|form| form.last().copied()));
        let beside = |letters: Option<Vec<u8>>| {
            letters.map_or_else(Guard::open, |letters| Guard::after_a_blank(is_blank, &letters))
        };
        Guards { own: Guard::open(), after: beside(next), before: beside(last) }
    }

    /// Greatest number of bytes before the start of its literal, and after it, that a comparison may look at.
    pub(crate) fn reach(&self) -> (usize, usize) {
        let width = |words: &[Word]| words.iter().map(|word| word.length() + GAP).sum::<usize>() + 4;
        let (before, after) = self.words.split_at(self.anchor);
        (width(before), width(after))
    }

    /// Compares around a literal found at `start..end`; the whole phrase's range.
    pub(crate) fn at(&self, text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
        let (mut from, mut to) = (start, end);
        for word in self.words.get(..self.anchor)?.iter().rev() {
            let gap = blanks(text.get(..from)?.iter().rev())?;
            let stop = from.checked_sub(gap)?;
            from = stop.checked_sub(word.length())?;
            if !word.is(text.get(from..stop)) {
                return None;
            }
        }
        for word in self.words.get(self.anchor + 1..)? {
            let begin = to + blanks(text.get(to..)?.iter())?;
            to = begin + word.length();
            if !word.is(text.get(begin..to)) {
                return None;
            }
        }
        (!joined(text, from) && !joined(text, to)).then_some((from, to))
    }
}

/// What separates words of a phrase.
const fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'_' | b'-')
}

/// How many blanks come first; None without any or with too many.
fn blanks<'a>(bytes: impl Iterator<Item = &'a u8>) -> Option<usize> {
    let count = bytes.take(GAP + 1).take_while(|byte| is_blank(**byte)).count();
    (1..=GAP).contains(&count).then_some(count)
}

/// Whether the characters on both sides of `at` belong to one word. An underscore separates words, as in `card_number`.
fn joined(text: &[u8], at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, &[]));
    match (before.last(), after.first()) {
        (Some(last), Some(first)) if last.is_ascii() && first.is_ascii() => {
            last.is_ascii_alphanumeric() && first.is_ascii_alphanumeric()
        }
        (Some(_), Some(_)) => {
            let last = last_character(before);
            let first = first_character(after);
            last.is_some_and(spaced_letter) && first.is_some_and(spaced_letter)
        }
        _ => false,
    }
}

/// A letter or digit of a script that puts spaces between words; Chinese, Japanese, Thai and the like do not.
fn spaced_letter(c: char) -> bool {
    c.is_alphanumeric()
        && !matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

fn first_character(text: &[u8]) -> Option<char> {
    let text = text.get(..text.len().min(4))?;
    text.utf8_chunks().next()?.valid().chars().next()
}

fn last_character(text: &[u8]) -> Option<char> {
    let tail = text.get(text.len().saturating_sub(4)..)?;
    let start = tail.iter().rposition(|byte| byte & 0xc0 != 0x80)?;
    first_character(tail.get(start..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(phrase: &str, text: &str) -> Option<String> {
        let phrase = Phrase::new(phrase).expect("a phrase");
        let lower = text.to_ascii_lowercase();
        phrase.literals().find_map(|literal| {
            let literal = str::from_utf8(literal.bytes()).expect("UTF-8");
            lower.match_indices(literal).find_map(|(at, _)| {
                let (from, to) = phrase.at(text.as_bytes(), at, at + literal.len())?;
                Some(text[from..to].to_owned())
            })
        })
    }

    #[test]
    fn phrases_are_whole_words_with_any_white_space() {
        for (phrase, text, expected) in [
            ("card", "a Card: 4", Some("Card")),
            ("card", "cardboard", None),
            ("card", "card_number", Some("card")),
            ("card", "discard", None),
            ("medical record", "his Medical\r\n   record no", Some("Medical\r\n   record")),
            ("medical record", "medicalrecord", None),
            ("the zorgle plan", "see THE ZORGLE  PLAN.", Some("THE ZORGLE  PLAN")),
            ("the zorgle plan", "see the zorgle plans", None),
            ("карта", "Карта 4", Some("Карта")),
            ("карта", "карта́рка", Some("карта")),
            ("карта", "карташ", None),
            ("カード", "のカード番号", Some("カード")),
            ("naïve", "NAÏVE", Some("NAÏVE")),
        ] {
            assert_eq!(found(phrase, text).as_deref(), expected, "{phrase:?} in {text:?}");
        }
    }

    #[test]
    fn the_rarest_word_is_the_literal() {
        let literal = |phrase: &str| Phrase::new(phrase).and_then(|p| p.literals().next());
        assert_eq!(literal("the zorgle management"), Some(Literal::word("zorgle")));
        assert_eq!(literal("trade secret"), Some(Literal::word("secret")));
        assert!(Phrase::new("  ").is_none());
    }
}
