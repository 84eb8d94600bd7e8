//! Messages of PostgreSQL (manual, chapter "Frontend/Backend Protocol", section "Message Formats").
//!
//! Owns: stateless reading, and values in binary form as text. Never does: verification.

use crate::account::Account;
use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::{Cursor, Truncated};
use std::io::Write as _;

/// What a client begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// Whom it names.
    User(Option<Account>),
    /// It asks for TLS first.
    Encryption,
}

/// Longest start-up packet (PostgreSQL's MAX_STARTUP_PACKET_LENGTH), bytes.
const LONGEST_STARTUP: usize = 10_000;
const VERSION_3: u32 = 0x0003_0000;
const TLS_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

pub(super) fn verdict(client: &[u8]) -> Verdict {
    match (startup_length(client), client.get(4..8)) {
        (_, None) if client.iter().take(2).all(|byte| *byte == 0) && !client.is_empty() => Verdict::NeedMore,
        (Length::Bytes(_), Some(&[a, b, c, d]))
            if matches!(u32::from_be_bytes([a, b, c, d]), VERSION_3 | TLS_REQUEST | GSS_REQUEST) =>
        {
            Verdict::Yes
        }
        _ => Verdict::No,
    }
}

/// Length of a packet that has no kind in front: those before the session is accepted.
pub(super) fn startup_length(bytes: &[u8]) -> Length {
    let Some(length) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    match u32::from_be_bytes(*length) as usize {
        length @ 8..=LONGEST_STARTUP => Length::Bytes(length),
        _ => Length::Malformed,
    }
}

pub(super) fn startup(packet: &[u8]) -> Option<Startup> {
    let mut input = Cursor::new(packet);
    input.skip(4).ok()?;
    match input.u32_be().ok()? {
        TLS_REQUEST | GSS_REQUEST => return Some(Startup::Encryption),
        VERSION_3 => {}
        _ => return None,
    }
    // Pairs of name and value, each ended by a zero.
    let mut parts = input.rest().split(|byte| *byte == 0);
    while let (Some(name), Some(value)) = (parts.next().filter(|name| !name.is_empty()), parts.next()) {
        if name == b"user" {
            return Some(Startup::User(Account::parse(value)));
        }
    }
    None
}

/// Length of a message: a kind, then the length without it.
pub(super) fn length(bytes: &[u8]) -> Length {
    let Some(&[kind, a, b, c, d]) = bytes.first_chunk::<5>() else { return Length::NeedMore };
    match u32::from_be_bytes([a, b, c, d]) as usize {
        length @ 4.. if kind.is_ascii_alphanumeric() => Length::Bytes(length.saturating_add(1)),
        _ => Length::Malformed,
    }
}

/// Whether the server accepts; None: it asks for more.
pub(super) fn answer(packet: &[u8]) -> Option<bool> {
    match packet.first()? {
        b'E' => Some(false),
        // AuthenticationOk.
        b'R' => (packet.get(5..9)? == [0; 4]).then_some(true),
        _ => None,
    }
}

/// What a session goes on with in bytes of which the beginning was lost: the offset from which on they are whole messages of one of
/// `kinds`.
pub(super) fn find_step(bytes: &[u8], kinds: &[u8]) -> Option<usize> {
    /// So many messages in a row are no chance.
    const ENOUGH: usize = 3;
    (0..bytes.len()).find(|start| {
        let mut rest = bytes.get(*start..).unwrap_or_default();
        let mut found = 0;
        while found < ENOUGH {
            let known = rest.first().is_some_and(|kind| kinds.contains(kind));
            match length(rest) {
                Length::Bytes(whole) if known && whole <= rest.len() => {
                    rest = rest.get(whole..).unwrap_or_default();
                    found += 1;
                    if rest.is_empty() {
                        return true;
                    }
                }
                _ => return false,
            }
        }
        true
    })
}

/// A string that ends with a zero; of a longer message than is held, without it.
pub(super) fn string<'a>(input: &mut Cursor<'a>) -> &'a [u8] {
    let rest = input.rest();
    let end = memchr::memchr(0, rest).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    input.skip((end + 1).min(rest.len())).ok();
    text
}

/// Behind the kind and the length of a message.
pub(super) fn body(message: &[u8]) -> Cursor<'_> {
    Cursor::new(message.get(5..).unwrap_or_default())
}

/// A column of a result, or a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// The object id of its type; 0: not told.
    pub(super) kind: u32,
    pub(super) binary: bool,
}

/// RowDescription: the columns, and their names as a line.
pub(super) fn columns(message: &[u8]) -> (Vec<Column>, Vec<u8>) {
    let (mut columns, mut names) = (Vec::new(), Vec::new());
    let mut input = body(message);
    let _: Result<(), Truncated> = (|| {
        for at in 0..input.u16_be()? {
            let name = string(&mut input);
            input.skip(6)?;
            let kind = input.u32_be()?;
            input.skip(6)?;
            let binary = input.u16_be()? == 1;
            columns.push(Column { kind, binary });
            if at > 0 {
                names.push(b'\t');
            }
            names.extend_from_slice(name);
        }
        Ok(())
    })();
    (columns, names)
}

/// DataRow: its values as a line. `formats`: of the columns, where the statement's execution has asked for them.
pub(super) fn row(message: &[u8], columns: &[Column], formats: &[bool], line: &mut Vec<u8>) {
    let mut input = body(message);
    let Ok(count) = input.u16_be() else { return };
    values(&mut input, usize::from(count), line, |at| {
        let column = columns.get(at).copied().unwrap_or_default();
        Column { binary: format(formats, at).unwrap_or(column.binary), ..column }
    });
}

/// The format of a value: none given, one for all, or one each.
fn format(formats: &[bool], at: usize) -> Option<bool> {
    if let [all] = formats { Some(*all) } else { formats.get(at).copied() }
}

fn values(input: &mut Cursor<'_>, count: usize, line: &mut Vec<u8>, column: impl Fn(usize) -> Column) {
    for at in 0..count {
        if at > 0 {
            line.push(b'\t');
        }
        match input.u32_be() {
            Ok(u32::MAX) => {}
            Ok(length) => {
                let whole = input.take(length as usize);
                // Of a longer message than is held the rest comes as it is.
                let Ok(value) = whole else {
                    line.extend_from_slice(input.take_rest());
                    return;
                };
                self::value(value, column(at), line);
            }
            Err(Truncated { .. }) => return,
        }
    }
}

/// Parse: the name it is given, the statement, and the types of its parameters.
pub(super) fn prepare(message: &[u8]) -> (Vec<u8>, &[u8], Vec<u32>) {
    let mut input = body(message);
    let name = string(&mut input).to_vec();
    let statement = string(&mut input);
    let count = input.u16_be().unwrap_or_default();
    let kinds = (0..count).map_while(|_| input.u32_be().ok()).collect();
    (name, statement, kinds)
}

/// Bind: which portal runs which statement, and in which formats the columns are asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bind<'a> {
    pub(super) portal: &'a [u8],
    pub(super) statement: &'a [u8],
    pub(super) formats: Vec<bool>,
}

/// Reads a Bind message, of whose parameters it makes a line: `kinds` are the types of the statement's parameters.
pub(super) fn bind<'a>(
    message: &'a [u8],
    kinds: impl FnOnce(&[u8]) -> Vec<u32>,
    line: &mut Vec<u8>,
) -> Bind<'a> {
    let mut input = body(message);
    let (portal, statement) = (string(&mut input), string(&mut input));
    let kinds = kinds(statement);
    let asked = formats(&mut input);
    let count = input.u16_be().unwrap_or_default();
    values(&mut input, usize::from(count), line, |at| Column {
        kind: kinds.get(at).copied().unwrap_or_default(),
        binary: format(&asked, at).unwrap_or_default(),
    });
    Bind { portal, statement, formats: formats(&mut input) }
}

fn formats(input: &mut Cursor<'_>) -> Vec<bool> {
    let count = input.u16_be().unwrap_or_default();
    (0..count).map_while(|_| input.u16_be().ok()).map(|format| format == 1).collect()
}

/// Types by their object ids (src/include/catalog/pg_type.dat).
mod kind {
    pub(super) const BOOL: u32 = 16;
    pub(super) const INT8: u32 = 20;
    pub(super) const INT2: u32 = 21;
    pub(super) const INT4: u32 = 23;
    pub(super) const OID: u32 = 26;
    pub(super) const FLOAT4: u32 = 700;
    pub(super) const FLOAT8: u32 = 701;
    pub(super) const NUMERIC: u32 = 1700;
    pub(super) const UUID: u32 = 2950;
    pub(super) const JSONB: u32 = 3802;
}

/// A value as text.
fn value(value: &[u8], column: Column, line: &mut Vec<u8>) {
    let number = || value.first_chunk::<8>().copied().map(i64::from_be_bytes);
    let short = || value.first_chunk::<4>().copied().map(i32::from_be_bytes);
    let shortest = || value.first_chunk::<2>().copied().map(i16::from_be_bytes);
    let told = match (column.binary, column.kind, value.len()) {
        (false, ..) => None,
        (_, kind::BOOL, 1) => Some(if value == [0] { "f" } else { "t" }.to_owned()),
        (_, kind::INT8, 8) => number().map(|number| number.to_string()),
        (_, kind::INT4 | kind::OID, 4) => short().map(|number| number.to_string()),
        (_, kind::INT2, 2) => shortest().map(|number| number.to_string()),
        (_, kind::FLOAT8, 8) => number().map(|bits| f64::from_bits(bits.cast_unsigned()).to_string()),
        (_, kind::FLOAT4, 4) => short().map(|bits| f32::from_bits(bits.cast_unsigned()).to_string()),
        (_, kind::NUMERIC, _) => numeric(value).ok(),
        (_, kind::UUID, 16) => {
            Some(value.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
        }
        (_, kind::JSONB, 1..) => {
            line.extend_from_slice(value.get(1..).unwrap_or_default());
            return;
        }
        // Of a type that nobody told: an integer, if it can't be text.
        (_, 0, 8) if is_no_text(value) => number().map(|number| number.to_string()),
        (_, 0, 4) if is_no_text(value) => short().map(|number| number.to_string()),
        (_, 0, 2) if is_no_text(value) => shortest().map(|number| number.to_string()),
        _ => None,
    };
    match told {
        Some(text) => line.extend_from_slice(text.as_bytes()),
        None => line.extend_from_slice(value),
    }
}

fn is_no_text(value: &[u8]) -> bool {
    value.iter().any(|byte| *byte < b' ' && !byte.is_ascii_whitespace())
        || std::str::from_utf8(value).is_err()
}

/// A decimal number (src/backend/utils/adt/numeric.c, numeric_send): digits to the base of 10,000, the first of a given weight.
fn numeric(value: &[u8]) -> Result<String, Truncated> {
    const NEGATIVE: u16 = 0x4000;
    const SPECIAL: u16 = 0xc000;
    /// More digits than any number that is looked for.
    const MOST_GROUPS: i32 = 64;
    let mut input = Cursor::new(value);
    let count = input.u16_be()?;
    let weight = i32::from(input.u16_be()?.cast_signed());
    let sign = input.u16_be()?;
    let scale = usize::from(input.u16_be()?);
    let groups: Vec<u16> = (0..count).map_while(|_| input.u16_be().ok()).collect();
    if sign & SPECIAL == SPECIAL || !(-MOST_GROUPS..=MOST_GROUPS).contains(&weight) {
        return Ok("NaN".to_owned());
    }
    let group =
        |at: i32| usize::try_from(weight - at).ok().and_then(|at| groups.get(at)).copied().unwrap_or(0);
    let mut text = Vec::new();
    for at in (0..=weight.max(0)).rev() {
        // Writing into memory does not fail.
        let _ =
            if text.is_empty() { write!(text, "{}", group(at)) } else { write!(text, "{:04}", group(at)) };
        if text == b"0" && at > 0 {
            text.clear();
        }
    }
    if scale > 0 {
        let mut fraction = Vec::new();
        let mut at = -1;
        while fraction.len() < scale.min(4 * MOST_GROUPS as usize) {
            let _ = write!(fraction, "{:04}", group(at));
            at -= 1;
        }
        fraction.truncate(scale);
        text.push(b'.');
        text.extend(fraction);
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(if sign == NEGATIVE { format!("-{text}") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_values_become_text() {
        let cases: &[(u32, &[u8], &str)] = &[
            (kind::INT4, &[0, 0, 1, 0], "256"),
            (kind::INT8, &[255; 8], "-1"),
            (kind::INT2, &[0, 7], "7"),
            (kind::BOOL, &[1], "t"),
            (kind::FLOAT8, &1.5_f64.to_be_bytes(), "1.5"),
            // 4539 1234 1234 1234, 12345.67 and -0.05.
            (
                kind::NUMERIC,
                &[0, 4, 0, 3, 0, 0, 0, 0, 0x11, 0xbb, 4, 210, 4, 210, 4, 210],
                "4539123412341234",
            ),
            (kind::NUMERIC, &[0, 3, 0, 1, 0, 0, 0, 2, 0, 1, 9, 41, 26, 44], "12345.67"),
            (kind::NUMERIC, &[0, 1, 255, 255, 0x40, 0, 0, 2, 1, 244], "-0.05"),
            (kind::NUMERIC, &[0, 0, 0, 0, 0xc0, 0, 0, 0], "NaN"),
            (kind::JSONB, b"\x01{}", "{}"),
            (25, b"text", "text"),
            (0, b"text", "text"),
            (0, &[0, 0, 0, 9], "9"),
        ];
        for (kind, bytes, expected) in cases {
            let mut line = Vec::new();
            value(bytes, Column { kind: *kind, binary: true }, &mut line);
            assert_eq!(String::from_utf8_lossy(&line), *expected, "{kind} {bytes:?}");
        }
    }

    #[test]
    fn step_is_found_among_other_bytes() {
        let row = b"D\0\0\0\x06\0\0";
        let lost = [b"xyzD", &row[..], row, row, b"D\0\0\0\x09"].concat();
        assert_eq!(find_step(&lost, b"DC"), Some(4));
        assert_eq!(find_step(&lost, b"C"), None);
        assert_eq!(find_step(&[b"..", &row[..]].concat(), b"D"), Some(2));
        assert_eq!(find_step(b"Dxxxxxxx", b"D"), None);
    }
}
