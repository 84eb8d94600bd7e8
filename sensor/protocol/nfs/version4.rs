//! Operations of NFS version 4 (RFC 7530 section 16, RFC 8881 section 18) that move files or name them, and the way past others.
//!
//! Owns: reading of compounds and their results, without state. Never does: operations that set up clients, locks and layouts.

use super::files::Handle;
use super::rpc::{opaque, text};
use super::{Asked, Asking, Found, version3};
use egret_model::{Cursor, Truncated};

pub(super) const COMPOUND: u32 = 1;

/// Operations of one compound that are looked at.
const MOST_OPERATIONS: u32 = 64;

const STATE_ID: usize = 16;
const VERIFIER: usize = 8;
const CHANGE: usize = 20;

/// What an operation asks for, as far as its result needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// LOOKUP, OPEN: the file of this name becomes the current one.
    Name(String),
    /// GETFH of the file that was named before.
    Handle,
    Read {
        file: Handle,
        offset: u64,
    },
    /// An operation of which only the length of the result matters.
    Other,
}

/// The file that operations are about.
enum Current {
    Unknown,
    Handle(Handle),
}

impl Current {
    fn handle(&self) -> Option<Handle> {
        match self {
            Self::Handle(handle) => Some(handle.clone()),
            Self::Unknown => None,
        }
    }
}

/// Reads a compound. None: there are operations in it of which nobody knows how long they are.
pub(super) fn call(cursor: &mut Cursor<'_>) -> Result<Option<Asking>, Truncated> {
    opaque(cursor)?;
    let _minor = cursor.u32_be()?;
    let count = cursor.u32_be()?;
    let (mut found, mut steps) = (Vec::new(), Vec::new());
    let (mut current, mut saved) = (Current::Unknown, Current::Unknown);
    if count > MOST_OPERATIONS {
        return Ok(None);
    }
    for _ in 0..count {
        let operation = cursor.u32_be()?;
        let mut step = Step::Other;
        match operation {
            4 => {
                cursor.skip(4 + STATE_ID)?;
                found.extend(current.handle().map(Found::Closed));
            }
            5 => {
                cursor.skip(12)?;
                found.extend(current.handle().map(Found::Written));
            }
            10 => step = Step::Handle,
            15 => step = Step::Name(text(cursor)?),
            18 => match open(cursor)? {
                Opened::Name(name) => step = Step::Name(name),
                Opened::Current => {}
                Opened::Unknown => return Ok(None),
            },
            22 => current = Current::Handle(opaque(cursor)?.to_vec()),
            24 => current = Current::Unknown,
            25 => {
                cursor.skip(STATE_ID)?;
                step = Step::Read { file: current.handle().unwrap_or_default(), offset: cursor.u64_be()? };
                cursor.skip(4)?;
            }
            31 => current = std::mem::replace(&mut saved, Current::Unknown),
            32 => saved = current.handle().map_or(Current::Unknown, Current::Handle),
            38 => {
                cursor.skip(STATE_ID)?;
                let offset = cursor.u64_be()?;
                cursor.skip(4)?;
                let length = cursor.u32_be()?;
                let file = current.handle().unwrap_or_default();
                found.push(Found::Content { file, offset, length });
                // Content stands here: what follows it is not looked at.
                break;
            }
            operation => {
                if !skip_arguments(operation, cursor)? {
                    return Ok(None);
                }
            }
        }
        if let Step::Name(_) = step {
            current = Current::Unknown;
        }
        steps.push(step);
    }
    let wanted = |step: &Step| matches!(step, Step::Read { .. } | Step::Handle);
    let asked = if steps.iter().any(wanted) { Asked::Compound(steps) } else { Asked::Nothing };
    Ok(Some(Asking { found, asked }))
}

/// Passes the arguments of an operation. False: nobody knows how long they are.
fn skip_arguments(operation: u32, cursor: &mut Cursor<'_>) -> Result<bool, Truncated> {
    match operation {
        // ACCESS, RECLAIM_COMPLETE, SECINFO_NO_NAME.
        3 | 52 | 58 => cursor.skip(4)?,
        8 => cursor.skip(STATE_ID)?,
        9 => bitmap(cursor)?,
        // LOOKUPP, PUTPUBFH, READLINK.
        16 | 23 | 27 => {}
        // NVERIFY, VERIFY.
        17 | 37 => attributes(cursor)?,
        20 => cursor.skip(STATE_ID + 4)?,
        21 => cursor.skip(STATE_ID + 12)?,
        26 => {
            cursor.skip(8 + VERIFIER + 8)?;
            bitmap(cursor)?;
        }
        // LINK, REMOVE, SECINFO.
        11 | 28 | 33 => drop(opaque(cursor)?),
        29 => {
            opaque(cursor)?;
            opaque(cursor)?;
        }
        30 => cursor.skip(8)?,
        34 => {
            cursor.skip(STATE_ID)?;
            attributes(cursor)?;
        }
        39 => {
            cursor.skip(8)?;
            opaque(cursor)?;
        }
        53 => cursor.skip(STATE_ID + 16)?,
        _ => return Ok(false),
    }
    Ok(true)
}

fn bitmap(cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
    let words = usize::try_from(cursor.u32_be()?).unwrap_or(usize::MAX);
    cursor.skip(words.saturating_mul(4))
}

fn attributes(cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
    bitmap(cursor)?;
    opaque(cursor).map(drop)
}

/// What OPEN opens.
enum Opened {
    Name(String),
    /// The current file.
    Current,
    Unknown,
}

/// Reads the arguments of OPEN.
fn open(cursor: &mut Cursor<'_>) -> Result<Opened, Truncated> {
    // Sequence, access, deny, client.
    cursor.skip(12 + 8)?;
    opaque(cursor)?;
    if cursor.u32_be()? == 1 {
        match cursor.u32_be()? {
            0 | 1 => attributes(cursor)?,
            2 => cursor.skip(VERIFIER)?,
            3 => {
                cursor.skip(VERIFIER)?;
                attributes(cursor)?;
            }
            _ => return Ok(Opened::Unknown),
        }
    }
    match cursor.u32_be()? {
        0 | 3 => Ok(Opened::Name(text(cursor)?)),
        1 => {
            cursor.skip(4)?;
            Ok(Opened::Current)
        }
        2 => {
            cursor.skip(STATE_ID)?;
            Ok(Opened::Name(text(cursor)?))
        }
        4 => Ok(Opened::Current),
        _ => Ok(Opened::Unknown),
    }
}

/// Reads the results of a compound. None: there are results in it of which nobody knows how long they are.
pub(super) fn reply(steps: &[Step], cursor: &mut Cursor<'_>) -> Result<Option<Vec<Found>>, Truncated> {
    cursor.u32_be()?;
    opaque(cursor)?;
    let count = cursor.u32_be()?;
    let mut found = Vec::new();
    let mut named = None;
    for step in steps.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
        let (operation, status) = (cursor.u32_be()?, cursor.u32_be()?);
        if status != 0 {
            break;
        }
        match step {
            Step::Name(name) => {
                named = Some(name.clone());
                if operation == 18 && !skip_opened(cursor)? {
                    return Ok(None);
                }
            }
            Step::Handle => {
                let file = opaque(cursor)?.to_vec();
                found.extend(named.take().map(|name| Found::Named { file, name }));
            }
            Step::Read { file, offset } => {
                let [end, length] = [cursor.u32_be()?, cursor.u32_be()?];
                // Content stands here: what follows it is not looked at.
                found.extend(version3::read(file, *offset, length, end != 0));
                break;
            }
            Step::Other => {
                if !skip_results(operation, cursor)? {
                    return Ok(None);
                }
            }
        }
    }
    Ok(Some(found))
}

/// Passes the results of an operation that has succeeded. False: nobody knows how long they are.
fn skip_results(operation: u32, cursor: &mut Cursor<'_>) -> Result<bool, Truncated> {
    match operation {
        3 => cursor.skip(8)?,
        // CLOSE, OPEN_CONFIRM, OPEN_DOWNGRADE.
        4 | 20 | 21 => cursor.skip(STATE_ID)?,
        5 => cursor.skip(VERIFIER)?,
        9 => attributes(cursor)?,
        11 | 28 => cursor.skip(CHANGE)?,
        29 => cursor.skip(2 * CHANGE)?,
        // What has no result but its status.
        8 | 16 | 17 | 22 | 23 | 24 | 30 | 31 | 32 | 37 | 39 | 58 => {}
        18 => return skip_opened(cursor),
        34 => bitmap(cursor)?,
        53 => cursor.skip(STATE_ID + 20)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// Passes the results of OPEN.
fn skip_opened(cursor: &mut Cursor<'_>) -> Result<bool, Truncated> {
    cursor.skip(STATE_ID + CHANGE + 4)?;
    bitmap(cursor)?;
    // The delegation (RFC 7530 section 16.16.5).
    let kind = cursor.u32_be()?;
    match kind {
        0 => return Ok(true),
        1 => cursor.skip(STATE_ID + 4)?,
        2 => cursor.skip(STATE_ID + 4 + 12)?,
        3 => {
            if matches!(cursor.u32_be()?, 1 | 2) {
                cursor.skip(4)?;
            }
            return Ok(true);
        }
        _ => return Ok(false),
    }
    cursor.skip(12)?;
    opaque(cursor)?;
    Ok(true)
}
