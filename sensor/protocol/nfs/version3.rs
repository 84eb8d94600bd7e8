//! Procedures of NFS version 3 (RFC 1813 section 3.3) that move files or name them.
//!
//! Owns: reading of arguments and results, without state.

use super::files::Handle;
use super::rpc::{opaque, text};
use super::{Asked, Asking, Found};
use egret_model::{Cursor, Truncated};

const LOOKUP: u32 = 3;
const READ: u32 = 6;
const WRITE: u32 = 7;
const CREATE: u32 = 8;
const COMMIT: u32 = 21;

/// Attributes of a file (section 2.6), bytes.
const ATTRIBUTES: usize = 84;

/// Reads the arguments of a call.
pub(super) fn call(procedure: u32, cursor: &mut Cursor<'_>) -> Result<Asking, Truncated> {
    Ok(match procedure {
        LOOKUP | CREATE => {
            opaque(cursor)?;
            let name = text(cursor)?;
            Asking::wait(Asked::Name { name, created: procedure == CREATE })
        }
        READ => {
            let file = handle(cursor)?;
            Asking::wait(Asked::Read { file, offset: cursor.u64_be()? })
        }
        WRITE => {
            let file = handle(cursor)?;
            let offset = cursor.u64_be()?;
            let [_count, _stable, length] = [cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?];
            Asking::now(Found::Content { file, offset, length })
        }
        COMMIT => Asking::now(Found::Written(handle(cursor)?)),
        _ => Asking::wait(Asked::Nothing),
    })
}

fn handle(cursor: &mut Cursor<'_>) -> Result<Handle, Truncated> {
    Ok(opaque(cursor)?.to_vec())
}

/// Reads the results of what was asked.
pub(super) fn reply(asked: &Asked, cursor: &mut Cursor<'_>) -> Result<Vec<Found>, Truncated> {
    if *asked == Asked::Nothing || cursor.u32_be()? != 0 {
        return Ok(Vec::new());
    }
    match asked {
        Asked::Name { name, created } => {
            if *created && cursor.u32_be()? == 0 {
                return Ok(Vec::new());
            }
            Ok(vec![Found::Named { file: handle(cursor)?, name: name.clone() }])
        }
        Asked::Read { file, offset } => {
            if cursor.u32_be()? != 0 {
                cursor.skip(ATTRIBUTES)?;
            }
            let [_count, end, length] = [cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?];
            Ok(read(file, *offset, length, end != 0))
        }
        Asked::Nothing | Asked::Compound(_) => Ok(Vec::new()),
    }
}

/// Content that the server sends; `end`: the file ends with it.
pub(super) fn read(file: &Handle, offset: u64, length: u32, end: bool) -> Vec<Found> {
    let size =
        end.then(|| Found::Size { file: file.clone(), size: offset.saturating_add(u64::from(length)) });
    let content = Found::Content { file: file.clone(), offset, length };
    size.into_iter().chain([content]).collect()
}
