//! Compressed header fields of HTTP/3 (RFC 9204), of one direction of a connection.
//!
//! Owns: the dynamic table, which comes on a stream of its own, and the order in which blocks need it. Never does: encoding; the
//! meaning of fields.
//!
//! Why no library: the published decoders belong to whole implementations of HTTP/3, or are written in C.

use crate::http::prefixed::{integer, string};
use std::collections::VecDeque;

/// Fields that every connection knows (Appendix A).
#[rustfmt::skip]
const STATIC: [(&str, &str); 99] = [
    (":authority", ""),
    (":path", "/"),
    ("age", "0"),
    ("content-disposition", ""),
    ("content-length", "0"),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("referer", ""),
    ("set-cookie", ""),
    (":method", "CONNECT"),
    (":method", "DELETE"),
    (":method", "GET"),
    (":method", "HEAD"),
    (":method", "OPTIONS"),
    (":method", "POST"),
    (":method", "PUT"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "103"),
    (":status", "200"),
    (":status", "304"),
    (":status", "404"),
    (":status", "503"),
    ("accept", "*/*"),
    ("accept", "application/dns-message"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-ranges", "bytes"),
    ("access-control-allow-headers", "cache-control"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-age=2592000"),
    ("cache-control", "max-age=604800"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "public, max-age=31536000"),
    ("content-encoding", "br"),
    ("content-encoding", "gzip"),
    ("content-type", "application/dns-message"),
    ("content-type", "application/javascript"),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "image/gif"),
    ("content-type", "image/jpeg"),
    ("content-type", "image/png"),
    ("content-type", "text/css"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-type", "text/plain"),
    ("content-type", "text/plain;charset=utf-8"),
    ("range", "bytes=0-"),
    ("strict-transport-security", "max-age=31536000"),
    ("strict-transport-security", "max-age=31536000; includesubdomains"),
    ("strict-transport-security", "max-age=31536000; includesubdomains; preload"),
    ("vary", "accept-encoding"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    (":status", "100"),
    (":status", "204"),
    (":status", "206"),
    (":status", "302"),
    (":status", "400"),
    (":status", "403"),
    (":status", "421"),
    (":status", "425"),
    (":status", "500"),
    ("accept-language", ""),
    ("access-control-allow-credentials", "FALSE"),
    ("access-control-allow-credentials", "TRUE"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "get"),
    ("access-control-allow-methods", "get, post, options"),
    ("access-control-allow-methods", "options"),
    ("access-control-expose-headers", "content-length"),
    ("access-control-request-headers", "content-type"),
    ("access-control-request-method", "get"),
    ("access-control-request-method", "post"),
    ("alt-svc", "clear"),
    ("authorization", ""),
    ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"),
    ("early-data", "1"),
    ("expect-ct", ""),
    ("forwarded", ""),
    ("if-range", ""),
    ("origin", ""),
    ("purpose", "prefetch"),
    ("server", ""),
    ("timing-allow-origin", "*"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", ""),
    ("x-forwarded-for", ""),
    ("x-frame-options", "deny"),
    ("x-frame-options", "sameorigin"),
];

/// What an entry takes beside its name and value (section 3.2.1), bytes.
const ENTRY_BYTES: usize = 32;

/// Why a block gives no fields, or not all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It refers to entries that have not come.
    Blocked,
    /// It breaks the rules; what came before is good.
    Broken,
}

/// The decoder of one direction.
pub(super) struct Decoder {
    /// The newest entry first.
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    /// Entries that have ever come.
    inserted: u64,
    /// By the count of section 3.2.1, bytes.
    size: usize,
    capacity: usize,
    /// The largest table that the receiver allows (section 5), once it has said so.
    allowed: Option<usize>,
    /// However large a table the two ends agree on, no more of it is held, bytes.
    limit: usize,
    /// An instruction that has not come whole.
    held: Vec<u8>,
    /// Part of the table's stream is missing: it cannot be followed any more.
    lost: bool,
}

impl Decoder {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            table: VecDeque::new(),
            inserted: 0,
            size: 0,
            capacity: 0,
            allowed: None,
            limit,
            held: Vec::new(),
            lost: false,
        }
    }

    /// The receiver allows a table of so many bytes.
    pub(super) const fn allow(&mut self, bytes: usize) {
        self.allowed = Some(bytes);
    }

    /// Part of the encoder's stream was missed: no block can be told what it refers to.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        self.table.clear();
        self.held.clear();
        self.size = 0;
    }

    /// The next bytes of the encoder's stream (section 4.3). An instruction may have `most` bytes.
    pub(super) fn instructions(&mut self, data: &[u8], most: usize) {
        if self.lost {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(data);
        let mut rest = held.as_slice();
        while let Some(behind) = self.instruction(rest) {
            rest = behind;
        }
        if rest.len() > most {
            self.lose();
        } else {
            self.held = rest.to_vec();
        }
    }

    /// Follows one instruction; returns what stands behind it. None: it has not come whole.
    fn instruction<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = bytes;
        match rest.first()? {
            first @ 0x80.. => {
                let index = integer(&mut rest, 6)?;
                let value = string(&mut rest, 7)?;
                let known = if first & 0x40 != 0 { of_static(index) } else { self.newest(index) };
                // An unknown name is none.
                let name = known.map(|(name, _)| name.to_vec()).unwrap_or_default();
                self.insert(name, value);
            }
            0x40.. => {
                let name = string(&mut rest, 5)?;
                let value = string(&mut rest, 7)?;
                self.insert(name, value);
            }
            0x20.. => {
                self.capacity = integer(&mut rest, 5)?.min(self.limit);
                self.evict();
            }
            _ => {
                let index = integer(&mut rest, 5)?;
                let known = self.newest(index).map(|(name, value)| (name.to_vec(), value.to_vec()));
                let (name, value) = known.unwrap_or_default();
                self.insert(name, value);
            }
        }
        Some(rest)
    }

    /// Decodes a block (section 4.5). Fields that are not known are passed over. `at_once`: it may not wait.
    pub(super) fn decode(
        &self,
        block: &[u8],
        at_once: bool,
        field: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), Fault> {
        let mut rest = block;
        let required =
            integer(&mut rest, 8).and_then(|coded| self.required(coded as u64)).ok_or(Fault::Broken)?;
        if required > self.inserted && !at_once && !self.lost {
            return Err(Fault::Blocked);
        }
        let below = rest.first().is_some_and(|first| first & 0x80 != 0);
        let delta = integer(&mut rest, 7).ok_or(Fault::Broken)? as u64;
        let base = if below { required.checked_sub(delta + 1) } else { Some(required + delta) };
        let base = base.ok_or(Fault::Broken)?;
        while !rest.is_empty() {
            self.line(&mut rest, base, field).ok_or(Fault::Broken)?;
        }
        Ok(())
    }

    /// How many entries a block needs to have come (section 4.5.1.1).
    fn required(&self, coded: u64) -> Option<u64> {
        let Some(coded) = coded.checked_sub(1) else { return Some(0) };
        let most = (self.allowed.unwrap_or(self.capacity) / ENTRY_BYTES) as u64;
        let full = 2 * most;
        let largest = self.inserted + most;
        let wrapped = largest.checked_div(full)? * full + coded;
        if wrapped > largest { wrapped.checked_sub(full) } else { Some(wrapped) }
    }

    fn line(&self, rest: &mut &[u8], base: u64, field: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let first = *rest.first()?;
        let (name, value) = match first {
            0x80.. => {
                let index = integer(rest, 6)?;
                let known = if first & 0x40 != 0 { of_static(index) } else { self.before(base, index) };
                if let Some((name, value)) = known {
                    field(name, value);
                }
                return Some(());
            }
            0x40.. => {
                let index = integer(rest, 4)?;
                let known = if first & 0x10 != 0 { of_static(index) } else { self.before(base, index) };
                (known.map(|(name, _)| name.to_vec()).unwrap_or_default(), string(rest, 7)?)
            }
            0x20.. => (string(rest, 3)?, string(rest, 7)?),
            0x10.. => {
                let index = integer(rest, 4)?;
                let known = self.entry(base + index as u64);
                if let Some((name, value)) = known {
                    field(name, value);
                }
                return Some(());
            }
            _ => {
                let index = integer(rest, 3)?;
                let known = self.entry(base + index as u64);
                (known.map(|(name, _)| name.to_vec()).unwrap_or_default(), string(rest, 7)?)
            }
        };
        field(&name, &value);
        Some(())
    }

    /// An entry by how many came behind it.
    fn newest(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.table.get(index).map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// An entry by its number, counted from the first that ever came.
    fn entry(&self, number: u64) -> Option<(&[u8], &[u8])> {
        self.newest(usize::try_from(self.inserted.checked_sub(number + 1)?).ok()?)
    }

    fn before(&self, base: u64, index: usize) -> Option<(&[u8], &[u8])> {
        self.entry(base.checked_sub(index as u64 + 1)?)
    }

    fn insert(&mut self, name: Vec<u8>, value: Vec<u8>) {
        self.inserted += 1;
        self.size += name.len() + value.len() + ENTRY_BYTES;
        self.table.push_front((name, value));
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.capacity
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

fn of_static(index: usize) -> Option<(&'static [u8], &'static [u8])> {
    STATIC.get(index).map(|(name, value)| (name.as_bytes(), value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(decoder: &Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Fault> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, false, &mut |name, value| fields.push((text(name), text(value))))?;
        Ok(fields)
    }

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_example_of_the_standard_is_decoded() {
        // RFC 9204 appendix B.
        for step in [1, 1000] {
            let mut decoder = Decoder::new(1 << 16);
            decoder.allow(220);
            let block = b"\x00\x00\x51\x0b/index.html";
            assert_eq!(decoded(&decoder, block), Ok(pairs(&[(":path", "/index.html")])));
            let block = [0x03, 0x81, 0x10, 0x11];
            assert_eq!(decoded(&decoder, &block), Err(Fault::Blocked));
            let instructions = b"\x3f\xbd\x01\xc0\x0fwww.example.com\xc1\x0c/sample/path";
            instructions.chunks(step).for_each(|piece| decoder.instructions(piece, 100));
            let sample = [(":authority", "www.example.com"), (":path", "/sample/path")];
            assert_eq!(decoded(&decoder, &block), Ok(pairs(&sample)));
            let instructions = b"\x4acustom-key\x0ccustom-value\x02";
            instructions.chunks(step).for_each(|piece| decoder.instructions(piece, 100));
            let expected =
                [(":authority", "www.example.com"), (":path", "/"), ("custom-key", "custom-value")];
            assert_eq!(decoded(&decoder, &[0x05, 0x00, 0x80, 0xc1, 0x81]), Ok(pairs(&expected)));
            decoder.instructions(b"\x81\x0dcustom-value2", 100);
            assert_eq!((decoder.inserted, decoder.table.len(), decoder.size), (5, 4, 215));
        }
    }

    #[test]
    fn what_was_lost_is_passed_over_and_nothing_waits_for_it() {
        let mut decoder = Decoder::new(1 << 16);
        decoder.allow(220);
        let block = [0x03, 0x81, 0x10, 0x11, 0xd1];
        let mut fields = Vec::new();
        let told = decoder.decode(&block, true, &mut |name, _| fields.push(name.to_vec()));
        assert_eq!((told, fields), (Ok(()), vec![b":method".to_vec()]));
        decoder.lose();
        assert_eq!(decoded(&decoder, &block), Ok(pairs(&[(":method", "GET")])));
        decoder.instructions(&[0; 9], 100);
        assert!(decoder.held.is_empty() && decoder.table.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(
            instructions in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
            blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
        ) {
            let mut decoder = Decoder::new(200);
            decoder.allow(500);
            for piece in instructions {
                decoder.instructions(&piece, 50);
                let size: usize = decoder.table.iter().map(|(n, v)| n.len() + v.len() + ENTRY_BYTES).sum();
                prop_assert!(decoder.size == size && size <= 200 && decoder.held.len() <= 50);
            }
            for block in blocks {
                let _ = decoded(&decoder, &block);
                prop_assert_ne!(decoder.decode(&block, true, &mut |_, _| ()), Err(Fault::Blocked));
            }
        }
    }
}
