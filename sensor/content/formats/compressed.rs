//! Compressed single files (gzip, zlib, bzip2, xz, Zstandard): one inner object each.
//!
//! Owns: the name that gzip may carry. Never does: naming by the outer file name, which only the walk knows; it gets
//! [`UNNAMED`].

use super::decoder::{Method, decoder};
use crate::{Inner, Output};
use egret_model::Cursor;
use std::io::Read as _;

/// Name of the content of a compressed file that carries none.
pub(crate) const UNNAMED: &str = "content";

/// Reads a gzip file. [`crate::Reader`].
pub(super) fn gzip(data: &[u8], output: &mut dyn Output) {
    read(Method::Gzip, gzip_name(data), data, output);
}

/// Reads a zlib stream. [`crate::Reader`].
pub(super) fn zlib(data: &[u8], output: &mut dyn Output) {
    read(Method::Zlib, None, data, output);
}

/// Whether bytes begin a zlib stream (RFC 1950 section 2.2) that can be read: its header is of two bytes only.
pub(crate) fn zlib_begins(prefix: &[u8]) -> bool {
    let [0x78, flags, ..] = *prefix else { return false };
    let mut first = [0; 16];
    let reads = || decoder(Method::Zlib, prefix).read(&mut first).is_ok_and(|count| count > 0);
    (0x7800 | u16::from(flags)) % 31 == 0 && { reads }()
}

/// Reads a bzip2 file. [`crate::Reader`].
pub(super) fn bzip2(data: &[u8], output: &mut dyn Output) {
    read(Method::Bzip2, None, data, output);
}

/// Reads an xz file. [`crate::Reader`].
pub(super) fn xz(data: &[u8], output: &mut dyn Output) {
    read(Method::Xz, None, data, output);
}

/// Reads a Zstandard file. [`crate::Reader`].
pub(super) fn zstandard(data: &[u8], output: &mut dyn Output) {
    read(Method::Zstandard, None, data, output);
}

fn read(method: Method, filename: Option<String>, data: &[u8], output: &mut dyn Output) {
    let name = filename.clone().unwrap_or_else(|| UNNAMED.to_owned());
    output.begin(Inner { name, filename, media_type: None });
    let state = super::copy(&mut decoder(method, data), None, output);
    output.end(state, data.len() as u64);
}

/// The original file name (RFC 1952 section 2.3.1: FNAME, ISO 8859-1, ends with a zero byte).
fn gzip_name(data: &[u8]) -> Option<String> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    let mut cursor = Cursor::new(data);
    cursor.skip(3).ok()?;
    let flags = cursor.u8().ok()?;
    cursor.skip(6).ok()?;
    if flags & EXTRA != 0 {
        let length = cursor.u16_le().ok()?;
        cursor.skip(length.into()).ok()?;
    }
    if flags & NAME == 0 {
        return None;
    }
    let raw =
        cursor.rest().split(|&byte| byte == 0).next().filter(|raw| !raw.is_empty() && raw.len() <= 1024)?;
    let name = std::str::from_utf8(raw)
        .map_or_else(|_| encoding_rs::mem::decode_latin1(raw).into_owned(), str::to_owned);
    name.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;
    use egret_model::ObjectState;
    use std::io::Write as _;

    fn gzipped(name: Option<&str>, content: &[u8]) -> Vec<u8> {
        let builder = flate2::GzBuilder::new();
        let builder = match name {
            Some(name) => builder.extra(*b"AB").filename(name),
            None => builder,
        };
        let mut encoder = builder.write(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn gzip_carries_one_object() {
        let recording = Recording::of(gzip, &gzipped(Some("q3.csv"), b"a,b"));
        assert_eq!(recording.object("q3.csv").data, b"a,b");
        assert_eq!(recording.object("q3.csv").state, Some(ObjectState::Inspected));
        let members = [gzipped(None, b"one "), gzipped(None, b"two")].concat();
        assert_eq!(Recording::of(gzip, &members).object(UNNAMED).data, b"one two");
    }

    #[test]
    fn a_cut_file_keeps_its_start() {
        let content: Vec<u8> =
            (0..20_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let whole = gzipped(None, &content);
        let recording = Recording::of(gzip, &whole[..whole.len() / 2]);
        let object = recording.object(UNNAMED);
        assert_eq!(object.state, Some(ObjectState::Partial));
        assert!(object.data.len() > content.len() / 3 && content.starts_with(&object.data));
    }

    #[test]
    fn a_bomb_stops_where_the_output_says() {
        let mut recording = Recording { object_limit: Some(1 << 20), ..Recording::default() };
        gzip(&gzipped(None, &vec![0; 64 << 20]), &mut recording);
        assert_eq!(recording.objects[0].state, Some(ObjectState::OverLimit));
        assert!(recording.objects[0].data.len() < 2 << 20);
    }

    #[test]
    fn the_other_codings_are_read() {
        // "hello egret\n" by bzip2 1.0.8, xz 5.4 and zstd 1.5.
        let cases: [(crate::Reader, &[u8]); 3] = [
            (bzip2, include_bytes!("../../../tests/data/documents/hello.bz2")),
            (xz, include_bytes!("../../../tests/data/documents/hello.xz")),
            (zstandard, include_bytes!("../../../tests/data/documents/hello.zst")),
        ];
        for (reader, data) in cases {
            let recording = Recording::of(reader, data);
            assert_eq!(recording.object(UNNAMED).data, b"hello egret\n");
            assert_eq!(recording.object(UNNAMED).state, Some(ObjectState::Inspected));
        }
    }
}
