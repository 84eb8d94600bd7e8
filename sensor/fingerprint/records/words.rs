//! Names of people and free text: their form, and their search in text.
//!
//! Owns: what a word is here, folding of case and accents, titles. Never does: guessing whether a word is a name.

use super::kind::Found;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Words of free text that make its form.
pub(crate) const TEXT_WORDS: usize = 4;
/// How many words apart the parts of a name may stand.
const APART: usize = 3;
/// Bytes between the parts of a name.
const APART_BYTES: usize = 64;
/// Longest word, bytes.
const WORD: usize = 48;
/// Around a span, where words may stand that belong to names in it, bytes.
const AROUND: usize = APART_BYTES + WORD;

/// What is no part of a name.
const TITLES: [&str; 34] = [
    "mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame", "rev", "hon", "jr", "sr", "ii", "iii",
    "iv", "md", "dds", "dvm", "phd", "esq", "cpa", "rn", "msc", "bsc", "mba", "herr", "frau", "hr", "fr",
    "mme", "mlle", "sra", "dipl",
];

/// Writes the form of a name: its family name and the first letter of a given name. False without a letter.
pub(crate) fn name_form(cell: &str, form: &mut Vec<u8>) -> bool {
    // `O'Brien, John`: what stands before the comma is the family name.
    let (family, given) = match cell.split_once(',') {
        Some((family, given)) if parts(given).next().is_some() => (family, given),
        _ => (cell, ""),
    };
    let family: Vec<String> = parts(family).collect();
    let given: Vec<String> = parts(given).collect();
    let Some(at) = family.iter().rposition(|part| part.chars().nth(1).is_some()) else { return false };
    let others =
        given.iter().chain(family.iter().enumerate().filter(|(place, _)| *place != at).map(|(_, part)| part));
    write_name(family.get(at).map_or("", String::as_str), others.map(String::as_str).next(), form);
    true
}

fn write_name(family: &str, other: Option<&str>, form: &mut Vec<u8>) {
    form.extend_from_slice(family.as_bytes());
    if let Some(initial) = other.and_then(|other| other.chars().next()) {
        form.push(b' ');
        form.extend_from_slice(initial.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// The folded parts of a name without titles.
fn parts(text: &str) -> impl Iterator<Item = String> + '_ {
    let is_part = |c: char| c.is_alphabetic() || is_apostrophe(c) || is_combining_mark(c);
    text.split(move |c: char| !is_part(c))
        .map(fold)
        .filter(|part| !part.is_empty() && !TITLES.contains(&part.as_str()))
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`')
}

/// Lower case, without accents and apostrophes.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.nfd().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'đ' | 'ð' => folded.push('d'),
            'ł' => folded.push('l'),
            'ı' => folded.push('i'),
            'þ' => folded.push_str("th"),
            _ if is_combining_mark(c) => {}
            other => folded.push(other),
        }
    }
    folded
}

/// Writes the form of free text: its first words, folded. False without any.
pub(crate) fn text_form(cell: &str, form: &mut Vec<u8>) -> bool {
    let from = form.len();
    let is_word = |c: char| c.is_alphanumeric() || is_apostrophe(c) || is_combining_mark(c);
    let words = cell.split(move |c: char| !is_word(c)).map(fold).filter(|word| !word.is_empty());
    for word in words.take(TEXT_WORDS) {
        if form.len() > from {
            form.push(b' ');
        }
        form.extend_from_slice(word.as_bytes());
    }
    form.len() > from
}

/// A word of a text.
struct Word {
    range: Range<usize>,
    folded: String,
}

/// The words that begin in `span`. `digits`: they may hold digits.
fn words(text: &[u8], span: Range<usize>, digits: bool) -> Vec<Word> {
    let is_inside = |at: usize| match text.get(at) {
        Some(byte) if byte.is_ascii() => byte.is_ascii_alphabetic() || digits && byte.is_ascii_digit(),
        Some(_) => true,
        None => false,
    };
    // An apostrophe belongs to a word between letters only.
    let is_part = |at: usize| {
        is_inside(at) || text.get(at) == Some(&b'\'') && at > 0 && is_inside(at - 1) && is_inside(at + 1)
    };
    let mut found = Vec::new();
    let mut at = span.start;
    while at > 0 && at < span.end && is_part(at - 1) && is_part(at) {
        at += 1;
    }
    while at < span.end.min(text.len()) {
        if !is_part(at) {
            at += 1;
            continue;
        }
        let start = at;
        while is_part(at) {
            at += 1;
        }
        if at - start <= WORD {
            let word = String::from_utf8_lossy(text.get(start..at).unwrap_or_default());
            // Signs beyond ASCII stand between words too.
            for (offset, part) in split_with_places(&word, digits) {
                let folded = fold(part);
                if !folded.is_empty() {
                    let begin = start + offset;
                    found.push(Word { range: begin..(begin + part.len()).min(at), folded });
                }
            }
        }
    }
    found
}

fn split_with_places(word: &str, digits: bool) -> impl Iterator<Item = (usize, &str)> {
    let is_part = move |c: char| {
        c.is_alphabetic() || digits && c.is_numeric() || is_apostrophe(c) || is_combining_mark(c)
    };
    let base = word.as_ptr().addr();
    word.split(move |c: char| !is_part(c))
        .filter(|part| !part.is_empty())
        .map(move |part| (part.as_ptr().addr() - base, part))
}

/// Hands on every name whose family name begins in `span`: each word with the first letter of each word near it, and alone.
pub(crate) fn find_names(text: &[u8], span: Range<usize>, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let tag = form.len();
    let around =
        before_word(text, span.start.saturating_sub(AROUND))..span.end.saturating_add(AROUND).min(text.len());
    let words = words(text, around, false);
    let words: Vec<&Word> = words.iter().filter(|word| !TITLES.contains(&word.folded.as_str())).collect();
    for (at, family) in words.iter().enumerate() {
        if !span.contains(&family.range.start) || family.folded.chars().nth(1).is_none() {
            continue;
        }
        form.truncate(tag);
        write_name(&family.folded, None, form);
        sink(family.range.start, family.range.clone(), form);
        let from = at.saturating_sub(APART);
        for (other_at, other) in words.iter().enumerate().skip(from).take(2 * APART + 1) {
            let (first, last) = if other_at < at { (other, family) } else { (family, other) };
            if other_at == at
                || other_at > at + APART
                || last.range.start.saturating_sub(first.range.end) > APART_BYTES
            {
                continue;
            }
            form.truncate(tag);
            write_name(&family.folded, Some(&other.folded), form);
            sink(family.range.start, first.range.start..last.range.end, form);
        }
    }
    form.truncate(tag);
}

/// Hands on every sequence of one to four words that begins in `span`.
pub(crate) fn find_texts(text: &[u8], span: Range<usize>, form: &mut Vec<u8>, sink: &mut Found<'_>) {
    let tag = form.len();
    let end = span.end.saturating_add(TEXT_WORDS * WORD).min(text.len());
    let words = words(text, before_word(text, span.start)..end, true);
    for (at, first) in words.iter().enumerate().filter(|(_, word)| span.contains(&word.range.start)) {
        form.truncate(tag);
        for word in words.iter().skip(at).take(TEXT_WORDS) {
            if form.len() > tag {
                form.push(b' ');
            }
            form.extend_from_slice(word.folded.as_bytes());
            sink(first.range.start, first.range.start..word.range.end, form);
        }
    }
    form.truncate(tag);
}

/// `at`, or the start of the word that it stands in, so that no word is seen without its beginning.
fn before_word(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let inside = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte >= 0x80 || **byte == b'\'';
    at - before.iter().rev().take(2 * WORD).take_while(inside).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        find_names(text.as_bytes(), 0..text.len(), &mut vec![b'p'], &mut |_, _, form| {
            all.push(String::from_utf8_lossy(form).into_owned());
        });
        all
    }

    #[test]
    fn names_in_text_meet_the_forms_of_cells() {
        for (cell, texts) in [
            (
                "John O'Brien",
                &["J OBRIEN", "O'Brien, J.", "Dear Mr. O’Brien (John)", "obrien\tjohn", "John Q. O'Brien"][..],
            ),
            ("Jordan Hampton DDS", &["Patient Jordan Hampton DDS, born", "HAMPTON Jordan"]),
            ("Núñez, José", &["jose nunez", "José Núñez", "Nunez J"]),
            ("de la Cruz, Maria", &["Maria de la Cruz"]),
            ("Smith", &["smith,j"]),
        ] {
            let mut form = vec![b'p'];
            assert!(name_form(cell, &mut form));
            let form = String::from_utf8(form).expect("UTF-8");
            for text in texts {
                assert!(names(text).contains(&form), "{cell} ({form}) in {text}: {:?}", names(text));
            }
        }
    }

    #[test]
    fn free_text_is_found_by_its_first_words() {
        let text = b"deliver to: 12 High-Street, Ely; today";
        let mut form = vec![b't'];
        assert!(text_form("12 High Street, Ely (back door)", &mut form));
        let mut all = Vec::new();
        find_texts(text, 0..text.len(), &mut vec![b't'], &mut |_, range, form| {
            all.push((range, form.to_vec()));
        });
        assert!(all.contains(&(12..31, form)), "{all:?}");
    }
}
