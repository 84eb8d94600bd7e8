//! Content codings (RFC 9110 section 8.4) undone as the bytes stream by.
//!
//! Owns: gzip, deflate, brotli and Zstandard as push decoders, stacked, and with them the transfer encodings of a mail's part that comes
//! without its header. Never does: caps of its own: output is handed on in
//! small pieces, and whoever takes them says when it is enough.

use crate::formats::{self, Method};
use crate::transfer_encoding::{TransferEncoding, is_base64};
use std::io::{Read, Write};

/// Input given to a decoder at once, bytes: bounds what one step can blow up to.
const STEP_BYTES: usize = 4 << 10;
/// First bytes of a body that show what was applied to it: compressed bytes are no text for as long.
const TELLING_BYTES: usize = 256;

/// What a chain of codings came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Everything was decoded.
    Complete,
    /// The coded bytes ended too early.
    Cut,
    /// The coded bytes break the rules of their coding; what came before is good.
    Damaged,
    /// A coding that is not known.
    Unknown,
    /// More coded bytes than may be held.
    OverLimit,
}

/// The codings of one body, undone from the last to the first.
pub(crate) struct Codings {
    stages: Vec<Stage>,
}

enum Stage {
    /// Gzip or deflate before its first bytes, which show what was applied: these are held until they are [`TELLING_BYTES`].
    Undecided {
        gzip: bool,
        first: Vec<u8>,
    },
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    /// Zlib (RFC 1950) by the standard, raw deflate by some servers.
    Deflate(Box<Inflate>),
    Brotli(Box<brotli::DecompressorWriter<Vec<u8>>>),
    /// No push decoder exists: held until the end.
    Zstandard {
        held: Vec<u8>,
        limit: usize,
        over: bool,
    },
    /// Of a part of a mail.
    Transfer(Box<TransferEncoding>),
    /// The same before its first bytes, which show whether they are base64.
    Base64,
    /// A coding that is told but was never applied, as the first bytes show: they are what they are.
    Absent,
    /// After a failure: nothing comes out any more.
    Failed(Outcome),
}

enum Inflate {
    Zlib(flate2::write::ZlibDecoder<Vec<u8>>),
    Raw(flate2::write::DeflateDecoder<Vec<u8>>),
}

impl Codings {
    /// Codings in the order in which they were applied. `hold` bounds what a coding without a push decoder may hold, bytes.
    pub(crate) fn new(applied: &[String], hold: usize) -> Self {
        let stages = applied
            .iter()
            .rev()
            .map(|name| name.trim().to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity")
            .map(|name| match name.as_str() {
                "gzip" | "x-gzip" => Stage::Undecided { gzip: true, first: Vec::new() },
                "deflate" | "x-deflate" => Stage::Undecided { gzip: false, first: Vec::new() },
                "br" => Stage::Brotli(Box::new(brotli::DecompressorWriter::new(Vec::new(), STEP_BYTES))),
                "zstd" => Stage::Zstandard { held: Vec::new(), limit: hold, over: false },
                "base64" => Stage::Base64,
                "7bit" | "8bit" | "quoted-printable" => {
                    Stage::Transfer(Box::new(TransferEncoding::of_mail(Some(&name), None)))
                }
                _ => Stage::Failed(Outcome::Unknown),
            })
            .collect();
        Self { stages }
    }

    /// True without any coding: bytes are what they are.
    pub(crate) const fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// True when one of them cannot be undone (any more).
    pub(crate) fn has_failed(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage, Stage::Failed(_)))
    }

    /// Decodes the next bytes. False from `sink` stops it for good.
    pub(crate) fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        push(&mut self.stages, data, sink)
    }

    /// Decodes what is left, and says how it ended.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> bool) -> Outcome {
        let mut outcome = Outcome::Complete;
        let mut stages = self.stages.as_mut_slice();
        while let Some((first, rest)) = stages.split_first_mut() {
            let ended = first.finish(&mut |piece| push(rest, piece, sink));
            if outcome == Outcome::Complete {
                outcome = ended;
            }
            stages = rest;
        }
        outcome
    }
}

fn push(stages: &mut [Stage], data: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    match stages.split_first_mut() {
        None => sink(data),
        Some((first, rest)) => {
            data.chunks(STEP_BYTES).all(|step| first.push(step, &mut |piece| push(rest, piece, sink)))
        }
    }
}

impl Stage {
    /// What the first bytes of a body show to have been applied: not what is told, if they are text or coded otherwise.
    fn decided(gzip: bool, first: &[u8]) -> Self {
        const GZIP: &[u8] = &[0x1f, 0x8b];
        let is_text = first.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'));
        let is_gzip = first.starts_with(GZIP);
        if is_text || is_zstandard(first) == Some(true) || is_gzip && !gzip {
            Self::Absent
        } else if gzip {
            Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new())))
        } else {
            Self::Deflate(Box::new(Inflate::new(first)))
        }
    }

    fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let (failed, decoded) = match self {
            Self::Undecided { gzip, first } => {
                first.extend_from_slice(data);
                if first.len() < TELLING_BYTES {
                    return true;
                }
                let (gzip, first) = (*gzip, std::mem::take(first));
                *self = Self::decided(gzip, &first);
                return self.push(&first, sink);
            }
            Self::Gzip(decoder) => (decoder.write_all(data).is_err(), std::mem::take(decoder.get_mut())),
            Self::Deflate(inflate) => inflate.push(data),
            Self::Absent => return sink(data),
            Self::Brotli(decoder) => (decoder.write_all(data).is_err(), std::mem::take(decoder.get_mut())),
            Self::Zstandard { held, limit, over } => {
                let room = limit.saturating_sub(held.len()).min(data.len());
                *over |= room < data.len();
                held.extend_from_slice(data.get(..room).unwrap_or_default());
                (is_zstandard(held) == Some(false), Vec::new())
            }
            Self::Base64 if is_base64(data) => {
                *self = Self::Transfer(Box::new(TransferEncoding::named(Some("base64"))));
                return self.push(data, sink);
            }
            Self::Base64 => (true, Vec::new()),
            Self::Transfer(encoding) => {
                let mut decoded = Vec::with_capacity(data.len());
                encoding.push(data, &mut |piece| decoded.extend_from_slice(piece));
                (false, decoded)
            }
            Self::Failed(_) => return true,
        };
        if failed {
            *self = Self::Failed(Outcome::Damaged);
        }
        decoded.is_empty() || sink(&decoded)
    }

    fn finish(&mut self, sink: &mut dyn FnMut(&[u8]) -> bool) -> Outcome {
        let (ended, decoded) = match self {
            Self::Undecided { first, .. } if first.is_empty() => return Outcome::Complete,
            Self::Undecided { gzip, first } => {
                let (gzip, first) = (*gzip, std::mem::take(first));
                *self = Self::decided(gzip, &first);
                self.push(&first, sink);
                return self.finish(sink);
            }
            Self::Gzip(decoder) => (decoder.try_finish().is_ok(), std::mem::take(decoder.get_mut())),
            Self::Absent => return Outcome::Complete,
            Self::Deflate(inflate) => inflate.finish(),
            Self::Brotli(decoder) => (decoder.close().is_ok(), std::mem::take(decoder.get_mut())),
            Self::Zstandard { held, over, .. } => {
                let outcome = unpack(held, sink);
                return if *over { Outcome::OverLimit } else { outcome };
            }
            Self::Base64 => return Outcome::Complete,
            Self::Transfer(encoding) => {
                let mut decoded = Vec::new();
                (encoding.finish(&mut |piece| decoded.extend_from_slice(piece)), decoded)
            }
            Self::Failed(outcome) => return *outcome,
        };
        if !decoded.is_empty() {
            sink(&decoded);
        }
        if ended { Outcome::Complete } else { Outcome::Cut }
    }
}

impl Inflate {
    /// A zlib header is a multiple of 31 with method 8 (RFC 1950 section 2.2).
    fn new(data: &[u8]) -> Self {
        let zlib = matches!(data, [method, flags, ..]
            if method & 15 == 8 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0);
        if zlib {
            Self::Zlib(flate2::write::ZlibDecoder::new(Vec::new()))
        } else {
            Self::Raw(flate2::write::DeflateDecoder::new(Vec::new()))
        }
    }

    fn push(&mut self, data: &[u8]) -> (bool, Vec<u8>) {
        match self {
            Self::Zlib(decoder) => (decoder.write_all(data).is_err(), std::mem::take(decoder.get_mut())),
            Self::Raw(decoder) => (decoder.write_all(data).is_err(), std::mem::take(decoder.get_mut())),
        }
    }

    fn finish(&mut self) -> (bool, Vec<u8>) {
        match self {
            Self::Zlib(decoder) => (decoder.try_finish().is_ok(), std::mem::take(decoder.get_mut())),
            Self::Raw(decoder) => (decoder.try_finish().is_ok(), std::mem::take(decoder.get_mut())),
        }
    }
}

/// Whether bytes begin with a frame, or one to be skipped (RFC 8878 sections 3.1.1 and 3.1.2); None while they are too few.
fn is_zstandard(held: &[u8]) -> Option<bool> {
    let magic = u32::from_le_bytes(*held.first_chunk()?);
    Some(magic == 0xfd2f_b528 || magic & 0xffff_fff0 == 0x184d_2a50)
}

fn unpack(held: &[u8], sink: &mut dyn FnMut(&[u8]) -> bool) -> Outcome {
    let mut reader = formats::decoder(Method::Zstandard, held);
    let mut piece = vec![0; 16 << 10];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Outcome::Complete,
            Ok(count) if sink(piece.get(..count).unwrap_or_default()) => {}
            Ok(_) => return Outcome::OverLimit,
            Err(_) => return Outcome::Cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(data: &[u8], header: bool) -> Vec<u8> {
        let level = flate2::Compression::default();
        if header {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        } else {
            let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
    }

    fn br(data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorReader::new(data, 4096, 5, 20).read_to_end(&mut out).unwrap();
        out
    }

    fn decode(coded: &[u8], applied: &[&str], cut: usize) -> (Vec<u8>, Outcome) {
        let applied: Vec<String> = applied.iter().map(|&name| name.to_owned()).collect();
        let mut codings = Codings::new(&applied, 1 << 20);
        let mut out = Vec::new();
        let mut sink = |piece: &[u8]| {
            out.extend_from_slice(piece);
            true
        };
        for part in coded.chunks(cut.max(1)) {
            codings.push(part, &mut sink);
        }
        let outcome = codings.finish(&mut sink);
        (out, outcome)
    }

    #[test]
    fn codings_are_undone_however_they_are_cut() {
        let text = "customer,card\n".repeat(3000).into_bytes();
        let cases: [(Vec<u8>, &[&str]); 6] = [
            (gzip(&text), &["gzip"]),
            (zlib(&text, true), &["deflate"]),
            (zlib(&text, false), &["Deflate"]),
            (br(&text), &["br"]),
            (br(&gzip(&text)), &["gzip", "br"]),
            ([gzip(&text[..100]), gzip(&text[100..])].concat(), &["identity", "x-gzip"]),
        ];
        for (coded, applied) in &cases {
            for cut in [1, 7, 4096, usize::MAX] {
                assert_eq!(
                    decode(coded, applied, cut),
                    (text.clone(), Outcome::Complete),
                    "{applied:?} {cut}"
                );
            }
        }
    }

    #[test]
    fn transfer_encodings_are_undone_where_they_are_what_they_claim() {
        let text = b"name,card\nalice,4539\n";
        let cases: [(&[u8], &str, &[u8], Outcome); 6] = [
            (b"bmFtZSxjYXJkCmFs\r\naWNlLDQ1MzkK\r\n", "base64", text, Outcome::Complete),
            (b"bmFtZSxjYXJkCmFsaWNlLDQ1MzkK=", "BASE64", text, Outcome::Complete),
            (b"name,card=0Aalice=\r\n,4539\r\n", "quoted-printable", text, Outcome::Complete),
            (b"name,card\r\nalice,4539\r\n", "7bit", text, Outcome::Complete),
            (b"name,card", "base64", b"", Outcome::Damaged),
            (b"", "base64", b"", Outcome::Complete),
        ];
        for (coded, applied, expected, outcome) in cases {
            for cut in [5, 1000] {
                assert_eq!(decode(coded, &[applied], cut), (expected.to_vec(), outcome), "{applied} {cut}");
            }
        }
    }

    #[test]
    fn a_cut_or_damaged_body_keeps_what_came_before() {
        let text: Vec<u8> =
            (0..50_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        let whole = gzip(&text);
        let (out, outcome) = decode(&whole[..whole.len() / 2], &["gzip"], 1000);
        assert!(out.len() > text.len() / 3 && text.starts_with(&out));
        assert_eq!(outcome, Outcome::Cut);
        // A block of the type that does not exist.
        let damaged = [&whole[..10], &[0xff; 20]].concat();
        assert_eq!(decode(&damaged, &["gzip"], 5).1, Outcome::Damaged);
        assert_eq!(decode(b"x", &["compress"], 5).1, Outcome::Unknown);
        assert_eq!(decode(b"not zstandard", &["zstd"], 1).1, Outcome::Damaged);
    }

    #[test]
    fn a_coding_that_was_never_applied_is_no_coding() {
        let text = "customer,card\n".repeat(100).into_bytes();
        let cases: [(Vec<u8>, &[&str], &[u8]); 6] = [
            (text.clone(), &["gzip"], &text),
            (text.clone(), &["deflate"], &text),
            (zlib(&text, false), &["x-deflate", "deflate"], &text),
            (gzip(&text), &["gzip", "gzip"], &text),
            (gzip(&text), &["deflate", "gzip", "gzip"], &text),
            (b"x".to_vec(), &["gzip"], b"x"),
        ];
        for (coded, applied, expected) in &cases {
            for cut in [1, 100, 300, usize::MAX] {
                let decoded = decode(coded, applied, cut);
                assert_eq!(decoded, (expected.to_vec(), Outcome::Complete), "{applied:?} {cut}");
            }
        }
    }

    #[test]
    fn raw_deflate_is_known_by_two_bytes() {
        // A stored block whose first byte, 0x78 with its padding, looks like the beginning of a zlib header.
        let raw = [0x78, 0x03, 0x00, 0xfc, 0xff, b'a', b'b', b'c', 0x03, 0x00];
        for cut in [1, 2, 10] {
            assert_eq!(decode(&raw, &["deflate"], cut), (b"abc".to_vec(), Outcome::Complete));
        }
    }
}
