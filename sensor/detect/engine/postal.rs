//! Postal addresses as people write them: `31 Vesturgata 66`, `Housse WLG 95697`.
//!
//! Owns: reading a street or a town with its code around the first group of digits that it has. Streets have no grammar,
//! so that their readers belong beside words that announce an address. Never does: decisions.

use std::ops::Range;

/// Digits of a house number.
pub(super) const HOUSE_DIGITS: usize = 5;
/// Words of the name of a street.
const STREET_WORDS: usize = 6;
/// Longest name of a street, and longest town before its code, bytes.
const NAME_BYTES: usize = 64;
/// Shortest word that makes a name, characters.
const NAME_CHARACTERS: usize = 3;

/// What stands before numbers that are no postal codes; the months come last.
const NO_TOWNS: [&str; 40] = [
    "RFC",
    "ISO",
    "IEC",
    "DIN",
    "IEEE",
    "BCP",
    "STD",
    "CVE",
    "Page",
    "Pages",
    "Port",
    "Section",
    "Chapter",
    "Figure",
    "Table",
    "Line",
    "Lines",
    "Version",
    "Build",
    "Bug",
    "Issue",
    "Error",
    "Code",
    "Room",
    "Phone",
    "Tel",
    "Fax",
    "Ext",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Words for streets, and how their names end where they are one word, in small letters: they make a name of a word that
/// has no capital.
const STREETS: [&str; 30] = [
    "weg", "vej", "vejen", "gata", "gatan", "gade", "gaten", "veien", "straat", "strasse", "straße", "laan",
    "plein", "platz", "allee", "utca", "útja", "katu", "tie", "vägen", "ulica", "rua", "rúa", "rue", "via",
    "calle", "cours", "road", "street", "lane",
];

/// A house number, the name of a street, and perhaps the number again: `85 Trg revolucije 12`, `19 rue La Boétie,`.
pub(super) fn street(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    if group.len() > HOUSE_DIGITS || !opens(text, group.start) {
        return None;
    }
    let mut at = group.end;
    if byte(text, at)?.is_ascii_alphabetic() {
        at += 1;
    }
    let (mut words, mut names, mut small) = (0, 0, 0);
    loop {
        if byte(text, at) != Some(b' ') || at - group.end > NAME_BYTES {
            break;
        }
        let digits = digits(text, at + 1);
        if digits > 0 {
            let end = at + 1 + digits;
            // The number of the flat may stand before that of the house.
            if words == 0 && end - group.end < 2 + HOUSE_DIGITS && byte(text, end) == Some(b' ') {
                at = end;
                continue;
            }
            let named = (1..=STREET_WORDS).contains(&words) && names > 0;
            return (named && digits < HOUSE_DIGITS && closes(text, end)).then_some(group.start..end);
        }
        let Some(word) = word(text, at + 1) else { break };
        // `24 Apr 2022` is a date.
        if words == 0 && is_month(word.text) && digits_after(text, at + 1 + word.text.len()) == 4 {
            return None;
        }
        words += 1;
        if word.name {
            names += 1;
        } else if !word.text.chars().next().is_some_and(char::is_uppercase) {
            small += 1;
        }
        at += 1 + word.text.len();
    }
    // Without a second number it ends where the line or its part does, and is named all through.
    let ended = matches!(byte(text, at), None | Some(b',' | b'\n' | b'\r'));
    (ended && (2..=STREET_WORDS).contains(&words) && names > 0 && small <= words / 2)
        .then_some(group.start..at)
}

/// Whether a word is the English name of a month or its first three letters.
fn is_month(word: &str) -> bool {
    let months = NO_TOWNS.get(NO_TOWNS.len() - 12..).unwrap_or_default();
    months.iter().any(|month| word == *month || month.get(..3) == Some(word))
}

/// Digits behind a blank.
fn digits_after(text: &[u8], at: usize) -> usize {
    if byte(text, at) == Some(b' ') { digits(text, at + 1) } else { 0 }
}

/// A postal code behind the name of a town, a region or a country: `Soest 26538`, `, LA 56139`.
pub(super) fn town(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let end = code(text, &group)?;
    let lead = text.get(group.start.saturating_sub(NAME_BYTES)..group.start)?;
    let blanks = lead.iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    let breaks = lead.iter().rev().take(blanks).filter(|byte| **byte == b'\n').count();
    if blanks == 0 || breaks > 1 {
        return None;
    }
    let before = lead.get(..lead.len() - blanks)?;
    let letters = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    let start = before.len() - letters.count();
    let name = str::from_utf8(before.get(start..)?).ok()?;
    let year =
        end - group.start == 4 && matches!(text.get(group.start..end)?, [b'1', b'9', ..] | [b'2', b'0', ..]);
    // A region of one letter stands behind the town that it belongs to: `Altafulla T 51890`.
    let lone = || {
        let town = before.get(..start).unwrap_or_default().strip_suffix(b" ").unwrap_or_default();
        town.last().is_some_and(|byte| byte.is_ascii_lowercase() || !byte.is_ascii())
    };
    let named = name.chars().next().is_some_and(char::is_uppercase) && (name.chars().count() >= 2 || lone());
    let free = start == 0
        || before.get(start - 1).is_some_and(|byte| byte.is_ascii_whitespace() || b",>(".contains(byte));
    (named && free && !year && !NO_TOWNS.contains(&name)).then_some(group.start - blanks - name.len()..end)
}

/// A postal code: four to six digits, also in two groups or with the letters of the Netherlands.
pub(super) fn postcode(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let end = code(text, &group)?;
    if !opens(text, group.start) {
        return None;
    }
    let lead = text.get(group.start.saturating_sub(NAME_BYTES)..group.start)?.trim_ascii_end();
    let other = NO_TOWNS.iter().any(|word| ends_with(lead, word));
    (!other).then_some(group.start..end)
}

/// Where a code that begins with this group of digits ends.
fn code(text: &[u8], group: &Range<usize>) -> Option<usize> {
    let (separator, next) = (byte(text, group.end), digits(text, group.end + 1));
    let second = group.end + 1 + next;
    let letters =
        || text.get(group.end + 1..group.end + 3).is_some_and(|two| two.iter().all(u8::is_ascii_uppercase));
    let end = match (group.len(), separator, next) {
        (3, Some(b' '), 2) | (4 | 5, Some(b'-'), 3) | (5, Some(b'-'), 4) | (2, Some(b'-'), 3) => second,
        (4, Some(b' '), 0) if letters() && closes(text, group.end + 3) => group.end + 3,
        (4..=6, ..) => group.end,
        _ => return None,
    };
    // More digits behind it: a telephone number.
    let goes_on = matches!(byte(text, end), Some(b' ' | b'-')) && digits(text, end + 1) > 0;
    (closes(text, end) && !goes_on).then_some(end)
}

/// A word of a name.
struct Word<'a> {
    text: &'a str,
    /// It begins with a capital, or tells that it is a street.
    name: bool,
}

fn word(text: &[u8], at: usize) -> Option<Word<'_>> {
    let rest = text.get(at..text.len().min(at + NAME_BYTES))?;
    let part = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii() || b".'-/".contains(byte);
    let length = rest.iter().take_while(|byte| part(byte)).count();
    let text = str::from_utf8(rest.get(..length)?).ok()?;
    let first = text.chars().next().filter(|first| first.is_alphabetic())?;
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let longer = |street: &str| letters > 5 || text.len() == street.len();
    let street = || STREETS.iter().any(|street| ends_with(text.as_bytes(), street) && longer(street));
    Some(Word { text, name: letters >= NAME_CHARACTERS && (first.is_uppercase() || street()) })
}

/// Whether a text ends with a word. Most are told apart by their last letter.
fn ends_with(text: &[u8], word: &str) -> bool {
    text.last() == word.as_bytes().last() && text.ends_with(word.as_bytes())
}

fn byte(text: &[u8], at: usize) -> Option<u8> {
    text.get(at).copied()
}

fn digits(text: &[u8], at: usize) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take(20).take_while(|byte| byte.is_ascii_digit()).count())
}

/// Nothing before makes it part of something longer.
fn opens(text: &[u8], start: usize) -> bool {
    let before = |distance: usize| start.checked_sub(distance).and_then(|at| byte(text, at));
    match before(1) {
        None => true,
        Some(b' ' | b',') => !before(2).is_some_and(|byte| byte.is_ascii_digit()),
        Some(other) => other != 0 && may_open(other),
    }
}

/// Whether a byte, 0 at the start of the text, may stand before it.
pub(super) const fn may_open(before: u8) -> bool {
    matches!(
        before,
        0 | b'\n' | b'\r' | b'\t' | b'>' | b'"' | b'\'' | b'(' | b':' | b';' | b'|' | b' ' | b','
    )
}

/// Nothing behind goes on with it.
fn closes(text: &[u8], end: usize) -> bool {
    match byte(text, end) {
        None => true,
        Some(b'.' | b',') => !byte(text, end + 1).is_some_and(|byte| byte.is_ascii_digit()),
        Some(other) => other != 0 && may_close(other),
    }
}

/// Whether a byte, 0 at the end of the text, may stand behind it.
pub(super) const fn may_close(after: u8) -> bool {
    after == 0
        || after.is_ascii_whitespace()
        || matches!(after, b'.' | b',' | b'?' | b'!' | b';' | b')' | b'<' | b'>' | b'"' | b'\'' | b'|')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: fn(&[u8], Range<usize>) -> Option<Range<usize>>, text: &str) -> Option<&str> {
        let start = text.bytes().position(|byte| byte.is_ascii_digit())?;
        let range = reader(text.as_bytes(), start..start + digits(text.as_bytes(), start))?;
        text.get(range)
    }

    #[test]
    fn streets() {
        for (text, expected) in [
            ("his address: 85 Trg revolucije 12", Some("85 Trg revolucije 12")),
            (">31 Vesturgata 66\n>Suite", Some("31 Vesturgata 66")),
            ("at 19 rue La Boétie, PARIS", Some("19 rue La Boétie")),
            ("to 27 2711 Queens Sq, Kostelec", Some("27 2711 Queens Sq")),
            ("03 Πλατεία Μαβίλη 170, x", Some("03 Πλατεία Μαβίλη 170")),
            ("is 12a Long Lane 4.", Some("12a Long Lane 4")),
            ("address: 17 rijksweg 145", Some("17 rijksweg 145")),
            ("on Sun, 24 Apr 2022", None),
            ("at 24 May Street 12", Some("24 May Street 12")),
            ("after 3 weeks of Work we", None),
            ("after 3 weeks of work 12", None),
            ("1.5 Trg revolucije 12", None),
            ("85 Trg revolucije 12.5", None),
            ("123456 Trg revolucije 12", None),
            ("10:30 Trg revolucije 12", None),
            ("85", None),
        ] {
            assert_eq!(read(street, text), expected, "{text}");
        }
    }

    #[test]
    fn towns_and_their_codes() {
        for (text, expected) in [
            ("Housse WLG 95697", Some("WLG 95697")),
            (">Kaplice\n> Iceland 80392\n", Some("Iceland 80392")),
            ("LIEGE\n, LA\n 56139", Some("LA\n 56139")),
            ("Úbeda 2340", Some("Úbeda 2340")),
            ("Altafulla T 51890", Some("T 51890")),
            ("\nT 51890", None),
            ("Zwolle 7412 SL.", Some("Zwolle 7412 SL")),
            ("see RFC 2460", None),
            ("on March 2024", None),
            ("in Kyoto 1998", None),
            ("the 12345", None),
            ("Kyoto 12345678", None),
            ("x-Kyoto 12345", None),
            ("Mali\n089 72 63", None),
        ] {
            assert_eq!(read(town, text), expected, "{text}");
        }
        for (text, expected) in [
            ("ZIP: 3520", Some("3520")),
            ("ZIP: 394 13", Some("394 13")),
            ("ZIP: 75534-030", Some("75534-030")),
            ("zip code is 35649", Some("35649")),
            ("ZIP: 352", None),
            ("ZIP code, RFC 2460", None),
            ("a35649", None),
        ] {
            assert_eq!(read(postcode, text), expected, "{text}");
        }
    }
}
