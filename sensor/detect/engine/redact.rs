//! What may be shown of a match, and of the text around it. The clear text goes no further than here.
//!
//! Owns: masks and contexts. Never does: decisions. A context shows at most [`CONTEXT`] characters to either side, on one
//! line, digits masked, other matches hidden, and nothing that looks like part of a key.

use std::ops::Range;

/// Characters of context to either side.
const CONTEXT: usize = 40;
/// Bytes that hold them in any script.
pub(crate) const CONTEXT_BYTES: usize = CONTEXT * 4;
/// Words longer than this are not shown in a context: keys, hashes, encoded data.
const LONGEST_WORD: usize = 20;
/// Longest text shown of a match, characters.
const LONGEST_SHOWN: usize = 64;

/// How much of a match may be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mask {
    /// The first four and the last four digits.
    Card,
    /// Two characters at either end of eight or more; nothing of shorter ones.
    #[default]
    Edges,
    /// The first letter, and the domain.
    Email,
    /// The sign that tells the kind of key: what stands before the last of its first separators, at most eight characters.
    Prefix,
    /// Everything: the text is no secret (a marking).
    Nothing,
}

/// The masks by the name that signatures use.
pub(crate) const MASKS: [(&str, Mask); 5] = [
    ("card", Mask::Card),
    ("edges", Mask::Edges),
    ("email", Mask::Email),
    ("prefix", Mask::Prefix),
    ("all", Mask::Nothing),
];

/// The match with its middle masked.
pub(crate) fn redacted(mask: Mask, matched: &[u8]) -> String {
    let text = String::from_utf8_lossy(matched);
    let count = text.chars().count();
    let shown = match mask {
        Mask::Card => return card(&text),
        Mask::Email => return email(&text),
        Mask::Edges => keep(&text, if count >= 8 { 2 } else { 0 }, if count >= 8 { 2 } else { 0 }),
        Mask::Prefix => {
            let prefix: String = text.chars().take(8).collect();
            let length = prefix.rfind(['_', '-', '.']).map_or(4, |at| at + 1);
            keep(&text, if count >= 16 { length } else { 0 }, 0)
        }
        Mask::Nothing => keep(&text, count, 0),
    };
    match shown.char_indices().nth(LONGEST_SHOWN) {
        Some((at, _)) => format!("{}…", shown.get(..at).unwrap_or_default()),
        None => shown,
    }
}

/// Keeps characters at both ends; the rest becomes stars, blanks stay, control characters become blanks.
fn keep(text: &str, first: usize, last: usize) -> String {
    let count = text.chars().count();
    let star = |(at, c): (usize, char)| match c {
        c if c.is_whitespace() || c.is_control() => ' ',
        c if at < first || at + last >= count => c,
        _ => '*',
    };
    text.chars().enumerate().map(star).collect()
}

fn card(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let mut at = 0;
    let mut shown = String::with_capacity(24);
    let grouped = digits != text.chars().count();
    for c in text.chars() {
        if c.is_ascii_digit() {
            // Sixteen bare digits read better in groups.
            if !grouped && at > 0 && at % 4 == 0 {
                shown.push(' ');
            }
            shown.push(if at < 4 || at + 4 >= digits { c } else { '*' });
            at += 1;
        } else {
            shown.push(if c.is_control() { ' ' } else { c });
        }
    }
    shown
}

fn email(text: &str) -> String {
    let (local, domain) = text.split_once('@').unwrap_or((text, ""));
    let first: String = local.chars().take(1).collect();
    format!("{first}***@{}", keep(domain, domain.chars().count(), 0))
}

/// The text around a match with every match hidden, as it waits until it is known whether anyone will see it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Excerpt {
    before: Vec<u8>,
    after: Vec<u8>,
}

impl Excerpt {
    /// The text around a match at `range`. `others` are all matches near by, in order of their starts.
    pub(crate) fn new(text: &[u8], range: &Range<usize>, others: &[Range<usize>]) -> Self {
        let window = |width: usize| {
            let from = range.start.saturating_sub(width);
            from..text.len().min(range.end.saturating_add(width))
        };
        let mut span = window(CONTEXT_BYTES);
        if text.get(span.clone()).is_some_and(<[u8]>::is_ascii) {
            // What shows of a long word at its edge must still be long.
            span = window(CONTEXT + LONGEST_WORD + 4);
        }
        let part = |part: Range<usize>| {
            let mut bytes = text.get(part.clone()).unwrap_or_default().to_vec();
            let near = others.iter().take_while(|other| other.start < part.end);
            for other in near.filter(|other| other.end > part.start) {
                let hidden = other.start.max(part.start) - part.start..other.end.min(part.end) - part.start;
                bytes.get_mut(hidden).unwrap_or_default().fill(HIDDEN);
            }
            bytes
        };
        Self { before: part(span.start..range.start), after: part(range.end..span.end) }
    }

    /// What is shown of it; the match itself as `▮`.
    pub(crate) fn shown(&self) -> String {
        let (mut shown, after) = (printable(&self.before), printable(&self.after));
        let last = shown.char_indices().rev().nth(CONTEXT - 1).map_or(0, |(at, _)| at);
        shown.drain(..last);
        shown.push('▮');
        let end = after.char_indices().nth(CONTEXT).map_or(after.len(), |(at, _)| at);
        shown.push_str(after.get(..end).unwrap_or_default());
        shown
    }
}

/// Stands for a byte of another match; no byte of UTF-8.
const HIDDEN: u8 = 0xff;

/// Digits and hidden bytes as stars, control characters as blanks, long words cut.
fn printable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.extend(chunk.valid().chars().map(|c| match c {
            '0'..='9' => '*',
            ' '..='~' => c,
            c if c.is_numeric() => '*',
            c if c.is_control() || c.is_whitespace() => ' ',
            c => c,
        }));
        // What is no UTF-8 is a hidden byte, a character cut in two, or no text at all.
        if !shown.ends_with('*') && !chunk.invalid().is_empty() {
            shown.push('*');
        }
    }
    squeezed(shown)
}

/// Words that are too long as a star. A word is of ASCII letters, digits and the signs of keys, and ends with a letter or digit.
fn squeezed(text: String) -> String {
    let joins = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'*');
    let long = text.as_bytes().split(|byte| !joins(*byte)).any(|word| word.len() > LONGEST_WORD);
    if !long {
        return text;
    }
    let mut squeezed = String::with_capacity(text.len());
    for word in text.split_inclusive(|c: char| !u8::try_from(c).is_ok_and(joins)) {
        let body = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*');
        if body.len() > LONGEST_WORD && body.is_ascii() {
            squeezed.push('*');
            squeezed.push_str(word.get(body.len()..).unwrap_or_default());
        } else {
            squeezed.push_str(word);
        }
    }
    squeezed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_what_they_may() {
        for (mask, given, expected) in [
            (Mask::Card, "4539148803431234", "4539 **** **** 1234"),
            (Mask::Card, "4539-1488-0343-1234", "4539-****-****-1234"),
            (Mask::Edges, "536-90-4399", "53*******99"),
            (Mask::Edges, "secret", "******"),
            (Mask::Email, "first.last@corp.example", "f***@corp.example"),
            (Mask::Prefix, "ghp_XJSalUJv1BS25emniY72", "ghp_********************"),
            (Mask::Prefix, "AKIALGEKBWFQ22G2SXHO", "AKIA****************"),
            (Mask::Nothing, "TOP\nSECRET", "TOP SECRET"),
        ] {
            assert_eq!(redacted(mask, given.as_bytes()), expected);
        }
    }

    #[test]
    fn contexts_leak_nothing() {
        let text =
            b"Name: Bob, SSN 536-90-4399, card 4539148803431234\nexp 09/29 MIIEpAIBAAKCAQEAvkkCV0Tryyt4";
        let ssn = 15..26;
        let card = 33..49;
        let shown = Excerpt::new(text, &card, &[ssn, card.clone()]).shown();
        assert_eq!(shown, "Name: Bob, SSN *, card ▮ exp **/** *");
        assert_eq!(Excerpt::new(b"x", &(0..1), &[]).shown(), "▮");
    }
}
