//! Messages of the old dialect (MS-CIFS section 2.2.4, MS-SMB section 2.2.4), as far as they move files: opening, reading, writing and
//! closing with the "AndX" commands, which is how every client since Windows NT does it.
//!
//! Owns: stateless reading; the same terms as those of the new dialect. Never does: session set-ups, which `setup` reads.

use super::parse::{self, Asked, Command, FileId, Header, Place};
use egret_model::{Cursor, Truncated};

/// Bytes of a header (MS-CIFS section 2.2.3.1).
pub(super) const HEADER: usize = 32;
/// More commands in one message than that are not looked at: a set-up with its share, a file with its first read.
const LONGEST_CHAIN: usize = 4;
/// No command follows in the chain.
const NO_MORE: u8 = 0xff;
/// Locking, which carries no content but may stand before a command that does (section 2.2.4.32).
const LOCKING: u8 = 0x24;
/// Bytes of a message that begins with it, up to what follows it: words, which command, a pad, where.
const LOCKING_HEAD: usize = HEADER + 5;
/// Of the second flags: text is UTF-16.
const UNICODE: u16 = 0x8000;

/// What a command is in the terms of the new dialect; None: it is not taken apart.
const fn command(number: u8) -> Option<Command> {
    Some(match number {
        0x04 => Command::Close,
        0x2d | 0xa2 => Command::Create,
        0x2e => Command::Read,
        0x2f => Command::Write,
        0x73 => Command::SessionSetup,
        0x75 => Command::TreeConnect,
        _ => return None,
    })
}

/// Bytes of a message that tell which command is its first that may be taken apart; `held` are here.
pub(super) fn head(held: &[u8]) -> usize {
    if held.get(4) == Some(&LOCKING) { LOCKING_HEAD } else { HEADER }
}

/// The first command that may be taken apart, and where it stands; no command: it is a lock alone.
fn lead(message: &[u8]) -> Option<(u8, usize)> {
    match message.get(4)? {
        &LOCKING => {
            let [_, following, _, low, high] = *message.get(HEADER..)?.first_chunk()?;
            Some((following, usize::from(u16::from_le_bytes([low, high]))))
        }
        first => Some((*first, HEADER)),
    }
}

/// A message that locks or unlocks, and does nothing else.
pub(super) fn locks_alone(message: &[u8]) -> bool {
    message.get(4) == Some(&LOCKING) && lead(message).is_some_and(|(following, _)| following == NO_MORE)
}

/// Reads the header of a message whose command is taken apart.
pub(super) fn header(message: &[u8]) -> Option<Header> {
    let read = || -> Result<Option<Header>, Truncated> {
        const REPLY: u8 = 0x80;
        let mut head = Cursor::new(message);
        head.skip(5)?;
        let Some(command) = lead(message).and_then(|(number, _)| command(number)) else { return Ok(None) };
        let status = head.u32_le()?;
        let response = head.u8()? & REPLY != 0;
        let _flags = head.u16_le()?;
        let process = u64::from(head.u16_le()?);
        head.skip(10)?;
        let tree = u32::from(head.u16_le()?);
        let process = process << 16 | u64::from(head.u16_le()?);
        let session = u64::from(head.u16_le()?);
        let id = process << 16 | u64::from(head.u16_le()?);
        let status = if response { status } else { 0 };
        Ok(Some(Header { old: true, command, status, response, related: false, next: 0, id, tree, session }))
    };
    read().ok().flatten()
}

/// Bytes of a message that must be held to take it apart, as far as what is here tells; None: all of it.
pub(super) fn wanted(message: &[u8]) -> Option<usize> {
    let header = header(message)?;
    let has_content = match header.command {
        Command::Write => !header.response,
        Command::Read => header.response && header.is_success(),
        _ => false,
    };
    let (_, at) = lead(message)?;
    has_content.then(|| match message.get(at) {
        // The count of words, the words, the count of bytes.
        Some(words) => at + 1 + usize::from(*words) * 2 + 2,
        None => at + 1,
    })
}

/// Offset and length of the content within a message of `whole` bytes, of which [`wanted`] are here. None: it has none, or says
/// that it stands where it cannot.
pub(super) fn content(message: &[u8], whole: usize) -> Option<(usize, usize)> {
    let held = wanted(message)?;
    let is_response = header(message)?.response;
    let read = || -> Result<(u8, usize, usize), Truncated> {
        let mut words = Cursor::new(message);
        words.skip(lead(message).map_or(HEADER, |(_, at)| at))?;
        let count = words.u8()?;
        // MS-CIFS sections 2.2.4.42.2 and 2.2.4.43.1.
        words.skip(if is_response { 10 } else { 18 })?;
        let (first, second, third) = (words.u16_le()?, words.u16_le()?, words.u16_le()?);
        let (low, offset, high) = if is_response { (first, second, third) } else { (second, third, first) };
        Ok((count, usize::from(offset), usize::from(high) << 16 | usize::from(low)))
    };
    let (count, offset, length) = read().ok()?;
    let known = if is_response { count == 12 } else { matches!(count, 12 | 14) };
    let stands = length == 0 || (held..=whole).contains(&offset) && length <= whole - offset;
    (known && stands).then_some((offset, length))
}

/// One command of a chain.
struct Block<'a> {
    number: u8,
    words: Cursor<'a>,
    /// Where its bytes stand in the message, and how many they are.
    bytes: usize,
    length: usize,
}

/// The commands of a message, each with its words.
fn chain(message: &[u8]) -> impl Iterator<Item = Block<'_>> {
    let mut next = message.get(4).map(|number| (*number, HEADER));
    std::iter::from_fn(move || {
        let (number, at) = next.take()?;
        let mut rest = Cursor::new(message.get(at..)?);
        let count = usize::from(rest.u8().ok()?) * 2;
        let words = rest.sub(count).ok()?;
        let length = usize::from(rest.u16_le().unwrap_or_default());
        // Closing is no link of a chain (MS-CIFS section 2.2.3.4).
        if number != 0x04
            && let [following, _, low, high, ..] = words.rest()
            && *following != NO_MORE
        {
            let offset = usize::from(u16::from_le_bytes([*low, *high]));
            // Only forwards, so that it ends.
            next = (offset > at).then_some((*following, offset));
        }
        Some(Block { number, words, bytes: at + 1 + count + 2, length })
    })
    .take(LONGEST_CHAIN)
}

/// What a request asks for, command by command.
pub(super) fn asked(message: &[u8]) -> Vec<Asked<'static>> {
    let flags = message.get(10..12).and_then(|flags| flags.first_chunk()).copied().unwrap_or_default();
    let unicode = u16::from_le_bytes(flags) & UNICODE != 0;
    chain(message).filter_map(|block| of_block(message, unicode, &block)).collect()
}

fn of_block(message: &[u8], unicode: bool, block: &Block<'_>) -> Option<Asked<'static>> {
    let &Block { number, bytes, length, .. } = block;
    let mut words = block.words;
    let end = bytes.saturating_add(length);
    Some(match command(number)? {
        Command::SessionSetup => Asked::Session,
        Command::TreeConnect => {
            // Section 2.2.4.55.1: a password stands before the path.
            words.skip(6).ok()?;
            let password = usize::from(words.u16_le().ok()?);
            Asked::Tree(text(message, bytes + password, end, unicode)?)
        }
        // Names begin with a separator, unlike those of the new dialect.
        Command::Create => Asked::Create(
            text(message, bytes, end, unicode).map(|name| name.trim_start_matches('\\').to_owned()),
        ),
        Command::Read => Asked::Read(place(&mut words, 20).ok()?),
        Command::Write => Asked::Write(place(&mut words, 24).ok()?),
        Command::Close => Asked::Close(file(words.u16_le().ok()?)),
        Command::Ioctl | Command::SetInfo | Command::Other => return None,
    })
}

/// File and offset of a request to read or write; the upper half of the offset stands at `high`, where there is one.
fn place(words: &mut Cursor<'_>, high: usize) -> Result<Place, Truncated> {
    words.skip(4)?;
    let file = file(words.u16_le()?);
    let offset = u64::from(words.u32_le()?);
    words.skip(high - 10)?;
    let high = words.u32_le().unwrap_or_default();
    Ok(Place { file, offset: u64::from(high) << 32 | offset })
}

/// Size and id of the file that a response has opened (sections 2.2.4.64.2 and 2.2.4.41.2).
pub(super) fn created(message: &[u8]) -> Option<(u64, FileId)> {
    let Block { number, mut words, .. } = chain(message).find(|block| matches!(block.number, 0x2d | 0xa2))?;
    words.skip(4).ok()?;
    if number == 0x2d {
        let id = file(words.u16_le().ok()?);
        words.skip(6).ok()?;
        return Some((u64::from(words.u32_le().ok()?), id));
    }
    words.skip(1).ok()?;
    let id = file(words.u16_le().ok()?);
    words.skip(48).ok()?;
    Some((words.u64_le().ok()?, id))
}

/// A file's number as the id that files of the new dialect have.
fn file(number: u16) -> FileId {
    let [low, high] = number.to_le_bytes();
    [low, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
}

/// Text at an offset, up to its zero or to `end`; UTF-16 stands at even offsets.
fn text(message: &[u8], at: usize, end: usize, unicode: bool) -> Option<String> {
    if unicode {
        let at = at.next_multiple_of(2);
        return parse::text(message, at, end.min(message.len()).checked_sub(at)? & !1);
    }
    let bytes = message.get(at..end.min(message.len()))?;
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text: String = String::from_utf8_lossy(bytes)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    (!text.is_empty()).then_some(text)
}
