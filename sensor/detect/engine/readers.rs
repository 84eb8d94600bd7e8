//! Numbers whose written form no layout can say: telephone numbers, IPv6 and hardware addresses, streets and postal codes, the
//! stripes of cards.
//!
//! Owns: reading one of them around the first group of digits that it has. Never does: check digits, decisions.

use super::{boundaries, numbers::Place, postal};
use std::{net::Ipv6Addr, ops::Range};

/// Most digits of a telephone number (ITU-T E.164), and fewest that are taken for one.
const TELEPHONE_DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Digits of a card number.
const STRIPE_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
/// Longest written form of an address: eight groups, the last two as four decimal numbers.
const ADDRESS_BYTES: usize = 45;

/// Forms that are read by a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Groups of digits with single separators, a plus or parentheses in front.
    Telephone,
    /// IPv6 (RFC 4291 section 2.2).
    Ipv6,
    /// EUI-48 in pairs or in groups of four.
    Hardware,
    /// House number and street.
    Street,
    /// Town and postal code.
    Town,
    /// A postal code.
    Postcode,
    /// The number of a card as the second track of its stripe has it.
    Stripe,
}

/// The readers by the name that signatures use.
pub(crate) const READERS: [(&str, Reader); 7] = [
    ("phone", Reader::Telephone),
    ("ipv6", Reader::Ipv6),
    ("mac", Reader::Hardware),
    ("street", Reader::Street),
    ("town", Reader::Town),
    ("postcode", Reader::Postcode),
    ("stripe", Reader::Stripe),
];

impl Reader {
    /// Fewest digits of what it reads.
    pub(crate) const fn fewest_digits(self) -> usize {
        match self {
            Self::Telephone => *TELEPHONE_DIGITS.start(),
            Self::Town | Self::Postcode => 4,
            Self::Ipv6 | Self::Hardware | Self::Street => 1,
            Self::Stripe => *STRIPE_DIGITS.start(),
        }
    }

    /// Its marks among those of [`marks`].
    pub(super) const fn marks(self) -> u16 {
        match self {
            Self::Telephone => 0b11,
            Self::Ipv6 => 0b11 << 2,
            Self::Hardware => 0b11 << 4,
            Self::Street => 1 << 6,
            Self::Town => 0b111 << 7,
            Self::Postcode => 0b111 << 10,
            Self::Stripe => 1 << 13,
        }
    }

    /// Its marks for which each of these conditions holds, the lowest first.
    const fn marked(self, conditions: [bool; 3]) -> u16 {
        let [one, two, three] = conditions;
        let lowest = self.marks() & self.marks().wrapping_neg();
        ((one as u16 | (two as u16) << 1 | (three as u16) << 2) * lowest) & self.marks()
    }

    /// What stands around a group of digits, if the group is the first in it.
    pub(crate) fn read(self, text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
        match self {
            Self::Telephone => telephone(text, group),
            Self::Ipv6 if !by_colons(text, &group) => None,
            Self::Hardware if !in_pairs(text, &group) => None,
            Self::Ipv6 => {
                let range = hexadecimal(text, group)?;
                let address = str::from_utf8(text.get(range.clone())?).ok()?;
                address.parse::<Ipv6Addr>().is_ok().then_some(range)
            }
            Self::Hardware => {
                let range = hexadecimal(text, group)?;
                hardware(text.get(range.clone())?).then_some(range)
            }
            Self::Street => postal::street(text, group),
            Self::Town => postal::town(text, group),
            Self::Postcode => postal::postcode(text, group),
            Self::Stripe => stripe(text, group),
        }
    }
}

/// Which readers a group of digits may be the first for, by the bytes beside it and its length: a look that costs next to nothing.
/// A reader has as many marks as there are ways in which that may be; each needs all three to say so.
#[inline]
pub(super) fn marks(place: &Place) -> u16 {
    let mark = |table: &[u16], at: usize| table.get(at).copied().unwrap_or(0);
    mark(&BEFORE, place.before.into())
        & mark(&AFTER, place.after.into())
        & mark(&LENGTHS, place.group.len().min(LENGTHS.len() - 1))
}

/// Marks by the byte before a group, by that after it, and by its length.
const BEFORE: [u16; 256] = each_byte(true);
const AFTER: [u16; 256] = each_byte(false);
#[expect(clippy::indexing_slicing, reason = "made by the compiler, which checks it")]
const LENGTHS: [u16; 20] = {
    let mut table = [0; 20];
    let mut length = 0;
    while length < table.len() {
        table[length] = by_length(length);
        length += 1;
    }
    table
};

#[expect(clippy::indexing_slicing, reason = "called by the compiler alone, which checks it")]
const fn each_byte(before: bool) -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = if before { by_byte_before(byte as u8) } else { by_byte_after(byte as u8) };
        byte += 1;
    }
    table
}

/// Telephone numbers: a separator follows, or the group is long enough. Addresses: a sign of theirs stands before, or after. Postal
/// codes: two digits, three, or more.
const fn by_byte_before(byte: u8) -> u16 {
    let free = !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'\\' | b'#'));
    let hexadecimal = byte.is_ascii_hexdigit();
    Reader::Telephone.marked([free; 3])
        | Reader::Ipv6.marked([hexadecimal || byte == b':', true, true])
        | Reader::Hardware.marked([hexadecimal || matches!(byte, b':' | b'-' | b'.'), true, true])
        | Reader::Street.marked([postal::may_open(byte); 3])
        | Reader::Town.marked([byte.is_ascii_whitespace(); 3])
        | Reader::Postcode.marked([postal::may_open(byte); 3])
        | Reader::Stripe.marked([true; 3])
}

const fn by_byte_after(byte: u8) -> u16 {
    let hexadecimal = byte.is_ascii_hexdigit();
    let code = [byte == b'-', byte == b' ', byte == b'-' || postal::may_close(byte)];
    Reader::Telephone.marked([is_separator(byte), true, true])
        | Reader::Ipv6.marked([true, hexadecimal || byte == b':', true])
        | Reader::Hardware.marked([true, hexadecimal || matches!(byte, b':' | b'-' | b'.'), true])
        | Reader::Street.marked([byte == b' ' || byte.is_ascii_alphabetic(); 3])
        | Reader::Town.marked(code)
        | Reader::Postcode.marked(code)
        | Reader::Stripe.marked([matches!(byte, b'=' | b'D'); 3])
}

const fn by_length(length: usize) -> u16 {
    let code = [length == 2, length == 3, 4 <= length && length <= 6];
    let telephone = *TELEPHONE_DIGITS.start() <= length && length <= *TELEPHONE_DIGITS.end();
    Reader::Telephone.marked([true, telephone, true])
        | Reader::Ipv6.marked([length <= 4; 3])
        | Reader::Hardware.marked([length <= 4; 3])
        | Reader::Street.marked([length <= postal::HOUSE_DIGITS; 3])
        | Reader::Town.marked(code)
        | Reader::Postcode.marked(code)
        | Reader::Stripe.marked([true; 3])
}

fn byte(text: &[u8], at: Option<usize>) -> Option<u8> {
    at.and_then(|at| text.get(at)).copied()
}

fn telephone(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let before = |at: usize, distance: usize| byte(text, at.checked_sub(distance));
    let mut start = group.start;
    let opened = before(start, 1) == Some(b'(');
    start -= usize::from(opened);
    let international = before(start, 1) == Some(b'+');
    if international {
        start -= 1;
    }
    let joined = match before(start, 1) {
        Some(b' ' | b'-' | b'.' | b'/' | b')') => before(start, 2).is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'%' | b'\\' | b'#'),
        None => false,
    };
    if joined {
        return None;
    }
    let (mut end, mut digits) = (group.end, group.len());
    let mut brackets = [usize::from(opened), 0];
    while let Some((next, between)) = next_group(text, end) {
        digits += next.len();
        end = next.end;
        if digits > *TELEPHONE_DIGITS.end() {
            return None;
        }
        brackets.iter_mut().zip(between).for_each(|(all, more)| *all += more);
    }
    let [open, closed] = brackets;
    let follows = byte(text, Some(end));
    // An extension (x4587) may follow.
    let extended = matches!(follows, Some(b'x' | b'X'));
    let free = extended
        || !follows
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'%' | b'@' | b':'));
    (TELEPHONE_DIGITS.contains(&digits) && open == closed && free).then_some(start..end)
}

/// A card number before the mark of the second track (ISO/IEC 7813 section 5).
fn stripe(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let marked = matches!(byte(text, Some(group.end)), Some(b'=' | b'D'));
    (marked && STRIPE_DIGITS.contains(&group.len()) && boundaries::opens(text, group.start)).then_some(group)
}

/// What stands between groups of a telephone number.
const fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
}

/// The next group of digits of a telephone number: after one separator, or two of which one is a parenthesis; and how many
/// parentheses open and close before it.
fn next_group(text: &[u8], end: usize) -> Option<(Range<usize>, [usize; 2])> {
    let rest = text.get(end..)?;
    let separators = rest.iter().take(3).take_while(|byte| is_separator(**byte)).count();
    let between = rest.get(..separators)?;
    let (mut brackets, single) = ([0, 0], between.first().filter(|_| separators == 1));
    if single.is_none_or(|byte| matches!(byte, b'(' | b')')) {
        let count = |sign: u8| between.iter().filter(|byte| **byte == sign).count();
        brackets = [count(b'('), count(b')')];
    }
    if separators == 0 || separators - brackets.iter().sum::<usize>() > 1 {
        return None;
    }
    let start = end + separators;
    let digits = text.get(start..)?.iter().take(16).take_while(|byte| byte.is_ascii_digit()).count();
    (digits > 0).then_some((start..start + digits, brackets))
}

/// The run of hexadecimal digits and their separators around a group, if it stands free and the group is its first.
fn hexadecimal(text: &[u8], group: Range<usize>) -> Option<Range<usize>> {
    let part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'-' | b'.');
    let lead = text.get(group.start.saturating_sub(ADDRESS_BYTES)..group.start)?;
    let letters = lead.iter().rev().take_while(|byte| part(byte) && !byte.is_ascii_digit()).count();
    let start = group.start - letters;
    let rest = text.get(group.end..text.len().min(group.end + ADDRESS_BYTES))?;
    let mut end = group.end + rest.iter().take_while(|byte| part(byte)).count();
    let free =
        |at: Option<usize>| !byte(text, at).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !free(start.checked_sub(1)) || !free(Some(end)) {
        return None;
    }
    // A full stop or hyphen behind it ends a sentence.
    while end > group.end && matches!(byte(text, Some(end - 1)), Some(b'.' | b'-')) {
        end -= 1;
    }
    let begin =
        text.get(start..group.start)?.iter().position(|byte| !matches!(byte, b'.' | b'-')).unwrap_or(letters);
    Some(start + begin..end)
}

/// Hexadecimal digits at the beginning of these bytes that are one group of an address.
fn hexadecimal_digits<'a>(bytes: impl Iterator<Item = &'a u8>) -> usize {
    bytes.take(5).take_while(|byte| byte.is_ascii_hexdigit()).count()
}

/// Whether a colon follows the group of an IPv6 address around these digits, or stands before it behind another part of one.
fn by_colons(text: &[u8], digits: &Range<usize>) -> bool {
    let (lead, rest) =
        (text.get(..digits.start).unwrap_or_default(), text.get(digits.end..).unwrap_or_default());
    let (left, right) = (hexadecimal_digits(lead.iter().rev()), hexadecimal_digits(rest.iter()));
    let before = |distance: usize| lead.iter().rev().nth(left + distance);
    left + digits.len() + right <= 4
        && (rest.get(right) == Some(&b':')
            || before(0) == Some(&b':')
                && before(1).is_some_and(|byte| *byte == b':' || byte.is_ascii_hexdigit()))
}

/// Whether these digits are in the first group of two or four hexadecimal digits, and what follows may be a second.
fn in_pairs(text: &[u8], digits: &Range<usize>) -> bool {
    let (lead, rest) =
        (text.get(..digits.start).unwrap_or_default(), text.get(digits.end..).unwrap_or_default());
    let (left, right) = (hexadecimal_digits(lead.iter().rev()), hexadecimal_digits(rest.iter()));
    let separator = rest.get(right);
    match left + digits.len() + right {
        2 => {
            let before = matches!(lead.iter().rev().nth(left), Some(b':' | b'-'));
            // A digit there has had its look: this group is not the first.
            let first = !lead.iter().rev().nth(left + 1).is_some_and(u8::is_ascii_digit);
            if before { first } else { matches!(separator, Some(b':' | b'-')) }
        }
        4 => separator == Some(&b'.') || lead.iter().rev().nth(left) == Some(&b'.'),
        _ => false,
    }
}

fn hardware(run: &[u8]) -> bool {
    let grouped = |separator: u8, groups: usize, digits: usize| {
        let parts = run.split(|byte| *byte == separator);
        parts.clone().count() == groups
            && parts.into_iter().all(|part| part.len() == digits && part.iter().all(u8::is_ascii_hexdigit))
    };
    grouped(b':', 6, 2) || grouped(b'-', 6, 2) || grouped(b'.', 3, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_look_beside_digits_refuses_nothing_that_is_read(
            text in "([0-9A-Fa-f]{1,5}[ :.,=+()\\-]{0,2}|[A-Z][a-z]{1,6}[ ,\n]|[0-9]{13,16}[=D]){1,12}"
        ) {
            let bytes = text.as_bytes();
            let digit = |at: &usize| bytes.get(*at).is_some_and(u8::is_ascii_digit);
            let starts = (0..bytes.len()).filter(|at| digit(at) && !at.checked_sub(1).is_some_and(|at| digit(&at)));
            for start in starts {
                let group = start..(start..bytes.len()).find(|at| !digit(at)).unwrap_or(bytes.len());
                for (name, reader) in READERS {
                    let read = reader.read(bytes, group.clone());
                    let may = marks(&Place::new(bytes, group.clone(), 64)) & reader.marks() != 0;
                    prop_assert!(may || read.is_none(), "{} at {:?} of {:?}", name, group, text);
                }
            }
        }
    }

    fn read(reader: Reader, text: &str) -> Option<String> {
        let bytes = text.as_bytes();
        let start = bytes.iter().position(u8::is_ascii_digit)?;
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        reader.read(bytes, start..start + length).map(|range| text[range].to_owned())
    }

    #[test]
    fn telephone_numbers_as_people_write_them() {
        for number in [
            "905-674-3793",
            "+46 (0)8 928 571 38",
            "(579)888-3058",
            "(07) 5331 0577",
            "01.84.17.61.18",
            "+447700 921 916",
            "0341 8387176",
            "781 1704",
        ] {
            for text in [number.to_owned(), format!("call {number}, please"), format!("Phone: {number}.")] {
                assert_eq!(read(Reader::Telephone, &text).as_deref(), Some(number), "{text}");
            }
        }
        assert_eq!(read(Reader::Telephone, "345-899-3560x4587").as_deref(), Some("345-899-3560"));
        for text in ["12345", "4539 1488 0343 6467 123", "a905-674-3793", "905-674-3793@x", "(905 674 3793"] {
            assert_eq!(read(Reader::Telephone, text), None, "{text}");
        }
    }

    #[test]
    fn network_addresses() {
        for address in
            ["2001:db8::1", "fe80::1", "::ffff:192.0.2.1", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"]
        {
            for text in [format!("x {address} y"), format!("({address})"), format!("is {address}.")] {
                assert_eq!(read(Reader::Ipv6, &text).as_deref(), Some(address), "{text}");
            }
        }
        for text in ["12:34:56", "std::f32", "x2001:db8::1", "2001:db8::g", "1.2.3.4", "10"] {
            assert_eq!(read(Reader::Ipv6, text), None, "{text}");
        }
        for address in ["00:1A:2B:3C:4D:5E", "AA-BB-CC-DD-E0-FF", "0012.3456.789a"] {
            assert_eq!(read(Reader::Hardware, &format!("mac {address}, x")).as_deref(), Some(address));
        }
        for text in ["00:1A:2B:3C:4D", "00:1A-2B:3C:4D:5E", "00:1A:2B:3C:4D:5E:6F", "2024-03-14"] {
            assert_eq!(read(Reader::Hardware, text), None, "{text}");
        }
    }
}
