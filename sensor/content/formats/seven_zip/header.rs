//! What a 7z archive says of its header, checked before anything is allocated for it.
//!
//! Owns: the place and size of the header (7zFormat.txt of the LZMA SDK: "SignatureHeader", "Packed Streams Info",
//! "Coders Info"). Never does: reading of the header itself.

use egret_model::{Cursor, ObjectState, Truncated};

/// Largest header that is read, packed or unpacked, in bytes; a larger one makes the archive over-limit. A file takes some
/// 100 bytes of it, but a damaged header may claim a file for every byte, and each takes memory. 4 MiB.
const HEADER_BYTES: u64 = 4 << 20;

/// The fixed part before the packed streams.
const SIGNATURE_HEADER_BYTES: usize = 32;

const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SIZE: u8 = 0x09;
const CHECKSUM: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;
const ENCODED_HEADER: u8 = 0x17;

/// Says why the header of the archive in `data` cannot be read: partial if it lies behind the end or was never written,
/// over-limit if it is too large, malformed if what points at it is.
pub(super) fn check(data: &[u8]) -> Result<(), ObjectState> {
    let header = locate(data)?;
    match encoded_header(header) {
        Ok(Some(bytes)) if bytes <= HEADER_BYTES => Ok(()),
        Ok(Some(_)) => Err(ObjectState::OverLimit),
        Ok(None) | Err(_) => Err(ObjectState::Malformed),
    }
}

/// The bytes of the header, which may be packed.
fn locate(data: &[u8]) -> Result<&[u8], ObjectState> {
    let partial = |_: Truncated| ObjectState::Partial;
    let mut cursor = Cursor::new(data);
    cursor.skip(12).map_err(partial)?;
    let (offset, size) = (cursor.u64_le().map_err(partial)?, cursor.u64_le().map_err(partial)?);
    cursor.skip(4).map_err(partial)?;
    // Writers fill this in last. To search for a header in its place costs the square of the archive's size.
    if size == 0 {
        return if offset == 0 { Err(ObjectState::Partial) } else { Err(ObjectState::Malformed) };
    }
    if size > HEADER_BYTES {
        return Err(ObjectState::OverLimit);
    }
    let missing = |_| ObjectState::Partial;
    let start = usize::try_from(offset).map_err(missing)?.saturating_add(SIGNATURE_HEADER_BYTES);
    let size = usize::try_from(size).map_err(missing)?;
    data.get(start..start.saturating_add(size)).ok_or(ObjectState::Partial)
}

/// The unpacked size of a packed header, 0 for one that is not packed, `None` if its description is broken.
fn encoded_header(header: &[u8]) -> Result<Option<u64>, Truncated> {
    let mut cursor = Cursor::new(header);
    if cursor.u8()? != ENCODED_HEADER {
        return Ok(Some(0));
    }
    if cursor.u8()? != PACK_INFO || !skip_pack_info(&mut cursor)? {
        return Ok(None);
    }
    // One folder, described here (not in another stream).
    if (cursor.u8()?, cursor.u8()?, number(&mut cursor)?, cursor.u8()?) != (UNPACK_INFO, FOLDER, 1, 0) {
        return Ok(None);
    }
    let Some(outputs) = skip_folder(&mut cursor)? else { return Ok(None) };
    if cursor.u8()? != UNPACK_SIZE {
        return Ok(None);
    }
    let mut largest = 0;
    for _ in 0..outputs {
        largest = largest.max(number(&mut cursor)?);
    }
    Ok(Some(largest))
}

/// False if it is not the description of one stream.
fn skip_pack_info(cursor: &mut Cursor<'_>) -> Result<bool, Truncated> {
    number(cursor)?;
    if number(cursor)? != 1 {
        return Ok(false);
    }
    let mut part = cursor.u8()?;
    if part == SIZE {
        number(cursor)?;
        part = cursor.u8()?;
    }
    if part == CHECKSUM {
        // One byte says that the checksum is given.
        if cursor.u8()? != 1 {
            return Ok(false);
        }
        cursor.skip(4)?;
        part = cursor.u8()?;
    }
    Ok(part == 0)
}

/// Skips a chain of coders, each with one input and one output, and tells how many there are.
fn skip_folder(cursor: &mut Cursor<'_>) -> Result<Option<u64>, Truncated> {
    let coders = number(cursor)?;
    if coders == 0 || coders > 32 {
        return Ok(None);
    }
    for _ in 0..coders {
        let flags = cursor.u8()?;
        cursor.skip(usize::from(flags & 0x0f))?;
        // Of several inputs or outputs, or one of several alternatives.
        if flags & 0x10 != 0 && (number(cursor)?, number(cursor)?) != (1, 1) || flags & 0x80 != 0 {
            return Ok(None);
        }
        if flags & 0x20 != 0 {
            let length = number(cursor)?;
            cursor.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
        }
    }
    for _ in 1..coders {
        number(cursor)?;
        number(cursor)?;
    }
    Ok(Some(coders))
}

/// A number of one to nine bytes: as many bytes follow the first as it has leading ones.
fn number(cursor: &mut Cursor<'_>) -> Result<u64, Truncated> {
    let first = cursor.u8()?;
    let mut value = 0;
    for position in 0..8_u32 {
        let mask = 0x80_u8 >> position;
        if first & mask == 0 {
            return Ok(value | u64::from(first & (mask - 1)) << (8 * position));
        }
        value |= u64::from(cursor.u8()?) << (8 * position);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_nine_bytes() {
        let cases: [(&[u8], u64); 5] = [
            (b"\x7f", 0x7f),
            (b"\x80\x80", 0x80),
            (b"\x81\x02", 0x102),
            (b"\xc1\x02\x03", 0x1_0302),
            (b"\xff\x01\x02\x03\x04\x05\x06\x07\x08", 0x0807_0605_0403_0201),
        ];
        for (bytes, expected) in cases {
            assert_eq!(number(&mut Cursor::new(bytes)), Ok(expected), "{bytes:x?}");
        }
        assert!(number(&mut Cursor::new(b"\xc1\x02")).is_err());
    }

    #[test]
    fn a_header_that_unpacks_to_too_much_is_over_limit() {
        // A copied header, that claims two lengths.
        for (size, expected) in [(&b"\x10"[..], Ok(())), (b"\xe0\0\0\x41", Err(ObjectState::OverLimit))] {
            let header =
                [b"\x17\x06\0\x01\x09\x10\0\x07\x0b\x01\0\x01\x01\0\x0c".as_slice(), size, b"\0\0"].concat();
            let start = [
                b"7z\xbc\xaf\x27\x1c\0\x04abcd".as_slice(),
                &0_u64.to_le_bytes(),
                &(header.len() as u64).to_le_bytes(),
                b"abcd",
            ]
            .concat();
            assert_eq!(check(&[start, header].concat()), expected);
        }
    }
}
