//! Packets of TDS (MS-TDS section 2.2), as far as they tell who logs in.

use crate::registry::Verdict;
use crate::witness::Length;
use egret_model::Cursor;

const HEADER: usize = 8;
/// Packet types (section 2.2.3.1.1).
const LOG_IN_OLD: u8 = 0x02;
const ANSWER: u8 = 0x04;
const LOG_IN: u8 = 0x10;
const SECURITY: u8 = 0x11;
const NEGOTIATION: u8 = 0x12;
const LAST_TYPE: u8 = 0x12;
/// Longest name that is believed, characters: all names of a log-in have this limit.
const LONGEST_NAME: usize = 128;

/// What one packet is.
pub(super) enum Packet<'a> {
    /// A log-in, with the user that it names itself; None where Windows is to vouch for one.
    LogIn(Option<Names>),
    /// A message of that.
    Security(&'a [u8]),
    Answer(Answer),
    Negotiation,
    Other,
}

/// What a server says to a log-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Granted,
    Refused,
    /// A challenge, or what does not tell.
    GoesOn,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) user: String,
    pub(super) host: Option<String>,
}

/// Length of the packet at the start of `bytes`: type, status, length, process, number, window.
pub(super) fn length(bytes: &[u8]) -> Length {
    match bytes {
        [kind, ..] if !(1..=LAST_TYPE).contains(kind) => Length::Malformed,
        [_, _, l0, l1, ..] => match usize::from(u16::from_be_bytes([*l0, *l1])) {
            ..HEADER => Length::Malformed,
            length => Length::Bytes(length),
        },
        _ => Length::NeedMore,
    }
}

/// Whether `bytes` begin a connection: a negotiation, whose first option is the version (section 2.2.6.5); a log-in, whose length
/// comes again and whose version is known (section 2.2.6.4); one of TDS 5.0, whose first name fits into its field.
pub(super) fn opens(bytes: &[u8]) -> Verdict {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else {
        return match bytes.first().copied() {
            Some(LOG_IN_OLD | LOG_IN | NEGOTIATION) => Verdict::NeedMore,
            _ => Verdict::No,
        };
    };
    let [kind, status, l0, l1, _, _, _, window] = *header;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if status & !1 != 0 || window != 0 || length <= HEADER {
        return Verdict::No;
    }
    let fits = match (kind, body) {
        (NEGOTIATION, [option, o0, o1, l0, l1, ..]) => {
            *option == 0 && usize::from(u16::from_be_bytes([*o0, *o1])) < length && [*l0, *l1] == [0, 6]
        }
        (LOG_IN, [l0, l1, l2, l3, version @ ..]) if version.len() >= 4 => {
            let whole = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
            whole + HEADER >= length
                && whole < 128 << 10
                && matches!(version.get(3), Some(0x70..=0x7f | 0x08))
        }
        (LOG_IN_OLD, body) if body.len() >= OLD_FIELD * 2 => old_names(body).is_some(),
        (LOG_IN_OLD | LOG_IN | NEGOTIATION, _) => return Verdict::NeedMore,
        _ => return Verdict::No,
    };
    if fits { Verdict::Yes } else { Verdict::No }
}

pub(super) fn packet(bytes: &[u8]) -> Packet<'_> {
    let Some((header, body)) = bytes.split_first_chunk::<HEADER>() else { return Packet::Other };
    match header.first() {
        Some(&LOG_IN) => Packet::LogIn(names(body)),
        Some(&LOG_IN_OLD) => Packet::LogIn(old_names(body)),
        Some(&SECURITY) => Packet::Security(body),
        Some(&NEGOTIATION) => Packet::Negotiation,
        Some(&ANSWER) => Packet::Answer(answer(body)),
        _ => Packet::Other,
    }
}

/// Section 2.2.6.4: places and lengths of UTF-16 texts behind 36 bytes of numbers, those of the computer first, then of the user.
fn names(body: &[u8]) -> Option<Names> {
    const FIRST_TEXT: usize = 36;
    let mut head = Cursor::new(body);
    head.skip(FIRST_TEXT).ok()?;
    let mut text = || {
        let offset = usize::from(head.u16_le().ok()?);
        let characters = usize::from(head.u16_le().ok()?);
        let bytes = body.get(offset..offset + characters.min(LONGEST_NAME) * 2)?;
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        String::from_utf16(&units).ok().filter(|text| !text.is_empty())
    };
    let (host, user) = (text(), text());
    Some(Names { user: user?, host: host.filter(|host| is_name(host)) })
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control)
}

/// A field of a name in TDS 5.0: thirty bytes and how many of them count.
const OLD_FIELD: usize = 31;

fn old_names(body: &[u8]) -> Option<Names> {
    let mut fields = body.chunks_exact(OLD_FIELD).map(|field| {
        let (length, text) = field.split_last()?;
        let text = std::str::from_utf8(text.get(..usize::from(*length))?).ok()?;
        (text.is_empty() || is_name(text)).then(|| text.to_owned())
    });
    let (host, user) = (fields.next()??, fields.next()??);
    Some(Names { user, host: Some(host).filter(|host| !host.is_empty()) })
        .filter(|names| !names.user.is_empty())
}

/// The tokens of an answer (section 2.2.7), of which those of a log-in have a length in two bytes.
fn answer(body: &[u8]) -> Answer {
    const GRANTED: u8 = 0xad;
    const ERROR: u8 = 0xaa;
    /// Messages, changed settings, security, and the same and the capabilities in TDS 5.0.
    const PASSED: [u8; 6] = [0xab, 0xe3, 0xed, 0xe5, 0xe2, 0xae];
    /// TDS 5.0 acknowledges refusals too.
    const OLD_FAILURE: u8 = 6;
    let mut tokens = Cursor::new(body);
    while let (Ok([token]), Ok(length)) = (tokens.array::<1>(), tokens.u16_le()) {
        let Ok(content) = tokens.take(length.into()) else { break };
        match token {
            GRANTED if content.first() == Some(&OLD_FAILURE) => return Answer::Refused,
            GRANTED => return Answer::Granted,
            ERROR => return Answer::Refused,
            token if PASSED.contains(&token) => {}
            _ => break,
        }
    }
    Answer::GoesOn
}
