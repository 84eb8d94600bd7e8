//! Calls and replies of ONC RPC (RFC 5531), and their records in a stream (section 11).
//!
//! Owns: heads of messages, without state. Never does: programs.

use crate::registry::Verdict;
use egret_model::{Cursor, Truncated};

/// The program that files are moved with.
const NFS: u32 = 100_003;

/// Authentication that may sign or encrypt arguments (RFC 2203).
const RPCSEC_GSS: u32 = 6;

/// A call that has a meaning here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) id: u32,
    /// 3 or 4.
    pub(super) version: u32,
    pub(super) procedure: u32,
}

/// The head of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// A call of NFS; the cursor stands at its arguments.
    Call(Call),
    /// A reply; the cursor stands at its results.
    Reply { id: u32 },
    /// A reply without results: the call was refused.
    Refusal { id: u32 },
    /// Something else.
    Other,
}

/// The mark before a fragment of a record: its length, and whether it is the last.
pub(super) fn mark(bytes: [u8; 4]) -> (u32, bool) {
    let mark = u32::from_be_bytes(bytes);
    (mark & 0x7fff_ffff, mark & 0x8000_0000 != 0)
}

/// Reads the head of a message.
pub(super) fn head(cursor: &mut Cursor<'_>) -> Result<Head, Truncated> {
    let id = cursor.u32_be()?;
    match cursor.u32_be()? {
        0 => {
            let [rpc, program, version, procedure] =
                [cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?, cursor.u32_be()?];
            let flavor = cursor.u32_be()?;
            let credential = opaque(cursor)?;
            cursor.u32_be()?;
            opaque(cursor)?;
            let clear = flavor != RPCSEC_GSS || is_clear(credential);
            let known = rpc == 2 && program == NFS && matches!(version, 3 | 4) && clear;
            Ok(if known { Head::Call(Call { id, version, procedure }) } else { Head::Other })
        }
        1 => {
            if cursor.u32_be()? != 0 {
                return Ok(Head::Refusal { id });
            }
            cursor.u32_be()?;
            opaque(cursor)?;
            Ok(if cursor.u32_be()? == 0 { Head::Reply { id } } else { Head::Refusal { id } })
        }
        _ => Ok(Head::Other),
    }
}

/// Whether the arguments of a call with this credential stand in it as they are (RFC 2203 section 5.3.1: rpc_gss_svc_none).
fn is_clear(credential: &[u8]) -> bool {
    credential.get(..16).is_some_and(|words| words.ends_with(&[0, 0, 0, 1]))
}

/// Variable-length opaque data (RFC 4506 section 4.10), without its padding.
pub(super) fn opaque<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Truncated> {
    let length = usize::try_from(cursor.u32_be()?).unwrap_or(usize::MAX);
    let data = cursor.take(length)?;
    cursor.skip(padding(length))?;
    Ok(data)
}

/// Bytes that fill `length` up to a multiple of four.
pub(super) const fn padding(length: usize) -> usize {
    length.wrapping_neg() % 4
}

/// A string as text.
pub(super) fn text(cursor: &mut Cursor<'_>) -> Result<String, Truncated> {
    Ok(String::from_utf8_lossy(opaque(cursor)?).into_owned())
}

/// Recognises a call of NFS at the start of a stream.
pub(super) fn verdict(bytes: &[u8]) -> Verdict {
    /// Longest fragment that begins with a call: a write of 16 MiB.
    const LONGEST: u32 = (16 << 20) + 4096;
    const WORDS: usize = 7;
    let words: Vec<u32> = bytes
        .chunks_exact(4)
        .take(WORDS)
        .filter_map(|word| Some(u32::from_be_bytes(*word.first_chunk()?)))
        .collect();
    let fits = |place: usize, known: &dyn Fn(u32) -> bool| words.get(place).is_none_or(|word| known(*word));
    let length = |word: u32| (40..=LONGEST).contains(&(word & 0x7fff_ffff));
    let may = fits(0, &length)
        && fits(2, &|kind| kind == 0)
        && fits(3, &|rpc| rpc == 2)
        && fits(4, &|program| program == NFS)
        && fits(5, &|version| matches!(version, 3 | 4))
        && fits(6, &|procedure| procedure <= 21);
    match may {
        false => Verdict::No,
        true if words.len() < WORDS => Verdict::NeedMore,
        true => Verdict::Yes,
    }
}

#[cfg(test)]
pub(super) mod testing {
    /// A call of NFS with its mark.
    pub(in crate::nfs) fn call(id: u32, version: u32, procedure: u32, arguments: &[u8]) -> Vec<u8> {
        let words = [id, 0, 2, super::NFS, version, procedure, 0, 0, 0, 0];
        record(&[&words.map(u32::to_be_bytes).concat()[..], arguments].concat())
    }

    /// A reply with its mark.
    pub(in crate::nfs) fn reply(id: u32, results: &[u8]) -> Vec<u8> {
        let words = [id, 1, 0, 0, 0, 0];
        record(&[&words.map(u32::to_be_bytes).concat()[..], results].concat())
    }

    fn record(message: &[u8]) -> Vec<u8> {
        let mark = u32::try_from(message.len()).unwrap() | 0x8000_0000;
        [&mark.to_be_bytes()[..], message].concat()
    }

    /// Opaque data.
    pub(in crate::nfs) fn opaque(data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length[..], data, &[0; 3][..super::padding(data.len())]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let call = testing::call(7, 3, 6, b"");
        let mut cursor = Cursor::new(&call[4..]);
        assert_eq!(head(&mut cursor), Ok(Head::Call(Call { id: 7, version: 3, procedure: 6 })));
        assert_eq!(mark(*call.first_chunk().unwrap()), (40, true));
        let reply = testing::reply(7, b"");
        assert_eq!(head(&mut Cursor::new(&reply[4..])), Ok(Head::Reply { id: 7 }));
        assert!(head(&mut Cursor::new(&reply[4..20])).is_err());
    }

    #[test]
    fn streams_are_recognised() {
        let call = testing::call(7, 4, 1, b"");
        assert_eq!(verdict(&call), Verdict::Yes);
        assert_eq!(verdict(&call[..11]), Verdict::NeedMore);
        assert_eq!(verdict(b"GET / HTTP/1.1\r\n"), Verdict::No);
        let portmap: Vec<u8> =
            call.iter().enumerate().map(|(at, byte)| if at == 19 { byte ^ 3 } else { *byte }).collect();
        assert_eq!(verdict(&portmap), Verdict::No);
    }
}
