//! Packets of MySQL and MariaDB (MySQL internals manual, "Client/Server Protocol"; MariaDB, "Clientserver Protocol").
//!
//! Owns: stateless reading, and values in binary form as text. Never does: verification.

use crate::account::Account;
use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::{Cursor, Side, Truncated};

/// Bytes in front of every packet.
pub(super) const HEAD: usize = 4;
/// A packet of this length goes on in the next one.
pub(super) const LONGEST: usize = 0x00ff_ffff;

/// What a client begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Startup {
    /// Whom it names, and what it is capable of.
    User(Option<Account>, Capabilities),
    /// It asks for TLS first.
    Encryption,
}

/// What both sides agree on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capabilities {
    /// Results end without a packet between columns and rows.
    pub(super) no_end_of_columns: bool,
    /// Statements may bear attributes.
    pub(super) attributes: bool,
    /// All packets behind the log-in are compressed.
    pub(super) compressed: bool,
}

impl Capabilities {
    const COMPRESS: u32 = 0x20;
    const ZSTD: u32 = 1 << 26;
    const QUERY_ATTRIBUTES: u32 = 1 << 27;
    const DEPRECATE_EOF: u32 = 1 << 24;

    const fn from_bits(bits: u32) -> Self {
        Self {
            no_end_of_columns: bits & Self::DEPRECATE_EOF != 0,
            attributes: bits & Self::QUERY_ATTRIBUTES != 0,
            compressed: bits & (Self::COMPRESS | Self::ZSTD) != 0,
        }
    }

    /// What both can do.
    pub(super) const fn and(self, other: Self) -> Self {
        Self {
            no_end_of_columns: self.no_end_of_columns && other.no_end_of_columns,
            attributes: self.attributes && other.attributes,
            compressed: self.compressed && other.compressed,
        }
    }
}

pub(super) fn verdict(server: &[u8]) -> Verdict {
    match server {
        // Length of the greeting, sequence number 0, protocol 10, a version that begins with a digit.
        [_, 0, 0, 0, 10, version, ..] if version.is_ascii_digit() => Verdict::Yes,
        [] => Verdict::NeedMore,
        [_, rest @ ..] if rest.len() < 5 && [0, 0, 0, 10].starts_with(rest) => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// Length of a packet with its head: three bytes of length, one of sequence.
pub(super) fn length(bytes: &[u8]) -> Length {
    let Some(&[a, b, c, _]) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    Length::Bytes(u32::from_le_bytes([a, b, c, 0]) as usize + HEAD)
}

/// A packet that goes on in the next one.
pub(super) fn goes_on(packet: &[u8]) -> bool {
    matches!(length(packet), Length::Bytes(whole) if whole == LONGEST + HEAD)
}

/// The client's first packet: HandshakeResponse41, HandshakeResponse320 (before MySQL 4.1) or SSLRequest.
pub(super) fn login(packet: &[u8]) -> Option<Startup> {
    let read = || -> Result<Option<Startup>, Truncated> {
        const PROTOCOL_41: u32 = 0x200;
        const TLS: u32 = 0x800;
        let mut input = Cursor::new(packet);
        let [_, _, _, sequence] = input.array::<4>()?;
        // Behind a request for TLS it is the second packet.
        if !matches!(sequence, 1 | 2) {
            return Ok(None);
        }
        let mut capabilities = u32::from(input.u16_le()?);
        if capabilities & PROTOCOL_41 == 0 {
            // Longest packet.
            input.skip(3)?;
        } else {
            capabilities |= u32::from(input.u16_le()?) << 16;
            // Longest packet, character set, 23 zeros.
            input.skip(28)?;
        }
        if input.is_empty() {
            return Ok((capabilities & TLS != 0).then_some(Startup::Encryption));
        }
        let name = input.rest().split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Some(Startup::User(Account::parse(name), Capabilities::from_bits(capabilities))))
    };
    read().ok().flatten()
}

/// Of the server's greeting, what it is capable of.
pub(super) fn greeting(packet: &[u8]) -> Option<Capabilities> {
    let read = || -> Result<Capabilities, Truncated> {
        let mut input = Cursor::new(packet);
        input.skip(HEAD + 1)?;
        let version = input.rest().iter().position(|byte| *byte == 0).unwrap_or_default();
        input.skip(version + 1 + 4 + 8 + 1)?;
        let low = u32::from(input.u16_le()?);
        input.skip(3)?;
        Ok(Capabilities::from_bits(u32::from(input.u16_le()?) << 16 | low))
    };
    read().ok()
}

/// What a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Query(&'a [u8]),
    Prepare(&'a [u8]),
    /// A statement by its number, with what comes behind it.
    Execute(u32, &'a [u8]),
    /// A long parameter of a statement.
    LongData(u32, &'a [u8]),
    CloseStatement(u32),
    /// Another user takes the session over.
    ChangeUser(Option<Account>),
    /// Nothing is answered.
    Quit,
    /// The server sends its log of changes from now on.
    BinaryLog,
    Other,
}

/// Reads the first packet of a command. `attributes`: see [`Capabilities`].
pub(super) fn command(packet: &[u8], attributes: bool) -> Option<Command<'_>> {
    let mut input = Cursor::new(packet.get(HEAD..)?);
    Some(match input.u8().ok()? {
        1 => Command::Quit,
        3 => {
            // Without attributes: none of one set.
            if attributes && input.rest().starts_with(&[0, 1]) {
                input.skip(2).ok()?;
            }
            Command::Query(input.rest())
        }
        0x11 => {
            let name = input.rest().split(|byte| *byte == 0).next().unwrap_or_default();
            Command::ChangeUser(Account::parse(name))
        }
        0x12 | 0x1e => Command::BinaryLog,
        0x16 => Command::Prepare(input.rest()),
        0x17 => Command::Execute(input.u32_le().ok()?, input.rest()),
        0x18 => {
            let statement = input.u32_le().ok()?;
            input.skip(2).ok()?;
            Command::LongData(statement, input.rest())
        }
        0x19 => Command::CloseStatement(input.u32_le().ok()?),
        _ => Command::Other,
    })
}

/// What a server answers with first.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer<'a> {
    /// Done; another result follows.
    Ok {
        more: bool,
    },
    Error,
    /// The client is to send a file of its own.
    LocalFile(&'a [u8]),
    /// A result with so many columns, of which the definitions follow.
    Columns {
        count: u64,
        defined: bool,
    },
}

/// Reads the first packet of an answer.
pub(super) fn answer(packet: &[u8]) -> Option<Answer<'_>> {
    let body = packet.get(HEAD..)?;
    let mut input = Cursor::new(body);
    Some(match body.first()? {
        0 => {
            input.skip(1).ok()?;
            let _affected = integer(&mut input);
            let _last_id = integer(&mut input);
            Answer::Ok { more: input.u16_le().is_ok_and(more_results) }
        }
        0xff => Answer::Error,
        0xfb => Answer::LocalFile(body.get(1..)?),
        _ => {
            let count = integer(&mut input)?;
            // MariaDB may leave out what the client knows already.
            Answer::Columns { count, defined: input.rest() != [0] }
        }
    })
}

const fn more_results(status: u16) -> bool {
    status & 8 != 0
}

/// The end of columns or rows, and whether another result follows; None: it is a row.
pub(super) fn end(packet: &[u8]) -> Option<bool> {
    let mut input = Cursor::new(packet.get(HEAD..)?);
    match (input.u8(), input.remaining()) {
        (Ok(0xff), _) => Some(false),
        (Ok(0xfe), ..8) => {
            input.skip(2).ok()?;
            Some(input.u16_le().is_ok_and(more_results))
        }
        // The same as an OK packet; a row that begins so is longer than any packet.
        (Ok(0xfe), _) if packet.len() < LONGEST => {
            let _affected = integer(&mut input);
            let _last_id = integer(&mut input);
            Some(input.u16_le().is_ok_and(more_results))
        }
        _ => None,
    }
}

/// Of the answer to a statement that was prepared: its number, and how many columns and parameters it has.
pub(super) fn prepared(packet: &[u8]) -> Option<(u32, u16, u16)> {
    let mut input = Cursor::new(packet.get(HEAD..)?);
    (input.u8() == Ok(0)).then_some(())?;
    Some((input.u32_le().ok()?, input.u16_le().ok()?, input.u16_le().ok()?))
}

/// The type of a column or a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kind {
    kind: u8,
    unsigned: bool,
}

/// A column's name and type (ColumnDefinition41).
pub(super) fn column(packet: &[u8]) -> Option<(&[u8], Kind)> {
    const UNSIGNED: u16 = 0x20;
    let mut input = Cursor::new(packet.get(HEAD..)?);
    for _catalog_schema_table_original in 0..4 {
        string(&mut input)?;
    }
    let name = string(&mut input)?;
    let _original = string(&mut input)?;
    // MariaDB may tell more of a type; the fixed fields are what remains.
    let fixed = input.rest();
    let mut input = Cursor::new(fixed.get(fixed.len().checked_sub(12)?..)?);
    input.skip(6).ok()?;
    let kind = input.u8().ok()?;
    Some((name, Kind { kind, unsigned: input.u16_le().ok()? & UNSIGNED != 0 }))
}

/// An integer whose first byte tells its length.
fn integer(input: &mut Cursor<'_>) -> Option<u64> {
    match input.u8().ok()? {
        small @ ..=0xfa => Some(small.into()),
        0xfc => input.u16_le().ok().map(u64::from),
        0xfd => input.array::<3>().ok().map(|[a, b, c]| u64::from(u32::from_le_bytes([a, b, c, 0]))),
        0xfe => input.u64_le().ok(),
        _ => None,
    }
}

/// A string with its length in front; of a longer packet than is held, what there is of it.
fn string<'a>(input: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(integer(input)?).ok()?;
    Some(input.take(length.min(input.remaining())).unwrap_or_default())
}

/// A row as text becomes a line.
pub(super) fn text_row(packet: &[u8], line: &mut Vec<u8>) {
    let mut input = Cursor::new(packet.get(HEAD..).unwrap_or_default());
    let mut first = true;
    while !input.is_empty() {
        if !std::mem::take(&mut first) {
            line.push(b'\t');
        }
        match input.rest() {
            [0xfb, ..] => drop(input.u8()),
            _ => line.extend_from_slice(string(&mut input).unwrap_or_default()),
        }
    }
}

/// A row in binary form becomes a line.
pub(super) fn binary_row(packet: &[u8], columns: &[Kind], line: &mut Vec<u8>) {
    let mut input = Cursor::new(packet.get(HEAD + 1..).unwrap_or_default());
    let Ok(nulls) = input.take((columns.len() + 9) / 8) else { return };
    // The first two bits of the map are reserved.
    values(&mut input, columns, |at| bit(nulls, at + 2), line);
}

/// The parameters that a statement is executed with become a line. `known`: their types, which the client tells but once.
pub(super) fn parameters(
    arguments: &[u8],
    count: usize,
    attributes: bool,
    known: &mut Vec<Kind>,
    line: &mut Vec<u8>,
) -> Option<()> {
    const COUNT_IS_TOLD: u8 = 8;
    let mut input = Cursor::new(arguments);
    let flags = input.u8().ok()?;
    input.skip(4).ok()?;
    let told = attributes && flags & COUNT_IS_TOLD != 0;
    let count = if told { usize::try_from(integer(&mut input)?).ok()? } else { count };
    if count == 0 {
        return None;
    }
    let nulls = input.take(count.div_ceil(8)).ok()?;
    if input.u8().ok()? == 1 {
        known.clear();
        for _ in 0..count {
            let [kind, flags] = input.array::<2>().ok()?;
            known.push(Kind { kind, unsigned: flags & 0x80 != 0 });
            if attributes {
                string(&mut input)?;
            }
        }
    }
    values(&mut input, known, |at| bit(nulls, at), line);
    Some(())
}

fn bit(map: &[u8], at: usize) -> bool {
    map.get(at / 8).is_some_and(|byte| byte >> (at % 8) & 1 == 1)
}

fn values(input: &mut Cursor<'_>, kinds: &[Kind], is_null: impl Fn(usize) -> bool, line: &mut Vec<u8>) {
    for (at, kind) in kinds.iter().enumerate() {
        if at > 0 {
            line.push(b'\t');
        }
        if !is_null(at) && value(input, *kind, line).is_none() {
            line.extend_from_slice(input.take_rest());
            return;
        }
    }
}

/// A value in binary form as text.
fn value(input: &mut Cursor<'_>, kind: Kind, line: &mut Vec<u8>) -> Option<()> {
    let text = match (kind.kind, kind.unsigned) {
        (1, false) => input.u8().ok()?.cast_signed().to_string(),
        (1, true) => input.u8().ok()?.to_string(),
        (2 | 13, false) => input.u16_le().ok()?.cast_signed().to_string(),
        (2 | 13, true) => input.u16_le().ok()?.to_string(),
        (3 | 9, false) => input.u32_le().ok()?.cast_signed().to_string(),
        (3 | 9, true) => input.u32_le().ok()?.to_string(),
        (8, false) => input.u64_le().ok()?.cast_signed().to_string(),
        (8, true) => input.u64_le().ok()?.to_string(),
        (4, _) => f32::from_bits(input.u32_le().ok()?).to_string(),
        (5, _) => f64::from_bits(input.u64_le().ok()?).to_string(),
        (6, _) => String::new(),
        (7 | 10 | 12, _) => date(string(input)?),
        (11, _) => {
            string(input)?;
            String::new()
        }
        _ => {
            line.extend_from_slice(string(input)?);
            return Some(());
        }
    };
    line.extend_from_slice(text.as_bytes());
    Some(())
}

fn date(bytes: &[u8]) -> String {
    let mut input = Cursor::new(bytes);
    let day = (input.u16_le(), input.u8(), input.u8());
    let time = (input.u8(), input.u8(), input.u8());
    match (day, time) {
        ((Ok(year), Ok(month), Ok(day)), (Ok(hour), Ok(minute), Ok(second))) => {
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
        ((Ok(year), Ok(month), Ok(day)), _) => format!("{year:04}-{month:02}-{day:02}"),
        _ => String::new(),
    }
}

/// Whether the server accepts a log-in; None: it asks for more.
pub(super) fn accepted(packet: &[u8]) -> Option<bool> {
    match packet.get(HEAD)? {
        0 => Some(true),
        0xff => Some(false),
        _ => None,
    }
}

/// Behind lost bytes: do these begin a command, or the answer to one?
pub(super) fn begins(bytes: &[u8], from: Side, in_command: bool) -> bool {
    let Length::Bytes(whole) = length(bytes) else { return false };
    match (from, bytes.get(3), bytes.get(4)) {
        (Side::Initiator, Some(0), Some(1..=0x1f)) => whole == bytes.len(),
        (Side::Responder, Some(1), Some(_)) => in_command,
        _ => false,
    }
}
