//! Compressed header fields (RFC 7541), of one direction of a connection.
//!
//! Owns: the dynamic table, as far as it is known: of a connection seen from its middle, or behind something that was missing, the
//! newest entries are, and those are the ones that are counted from. Never does: encoding; the meaning of fields.
//!
//! Why no library: the published decoders end a block at the first entry that they don't know, and either build their tables anew
//! for each string or read beyond the end of a cut one.

use crate::http::prefixed::{integer, string};
use std::collections::VecDeque;

/// Fields that every connection knows (Appendix A).
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// What an entry takes beside its name and value (section 4.1), bytes.
const ENTRY_BYTES: usize = 32;

/// Size of a table of which nothing else was said (RFC 9113 section 6.5.2), bytes.
const DEFAULT_TABLE: usize = 4096;

/// A block breaks the rules: what stands behind is lost, and so is the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The decoder of one direction.
pub(super) struct Decoder {
    /// The newest entry first.
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    /// By the count of section 4.1, bytes.
    size: usize,
    most: usize,
    /// However large a table the two ends agree on, no more of it is held, bytes.
    limit: usize,
}

impl Decoder {
    pub(super) fn new(limit: usize) -> Self {
        Self { table: VecDeque::new(), size: 0, most: DEFAULT_TABLE.min(limit), limit }
    }

    /// Part of what came was missed: the entries that are known have unknown places.
    pub(super) fn lose(&mut self) {
        self.table.clear();
        self.size = 0;
    }

    /// Decodes a block. Fields that are not known are passed over.
    pub(super) fn decode(&mut self, block: &[u8], field: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), Broken> {
        let mut rest = block;
        while let Some(first) = rest.first() {
            let decoded = match first {
                0x80.. => self.indexed(&mut rest, field),
                0x40.. => self.literal(&mut rest, 6, field),
                0x20.. => self.resize(&mut rest),
                // Whether a field may be indexed by others (section 6.2.3) is no concern of a listener.
                _ => self.literal(&mut rest, 4, field),
            };
            if decoded.is_none() {
                self.lose();
                return Err(Broken);
            }
        }
        Ok(())
    }

    /// Section 6.1.
    fn indexed(&self, rest: &mut &[u8], field: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let index = integer(rest, 7)?.checked_sub(1)?;
        if let Some((name, value)) = self.entry(index) {
            field(name, value);
        }
        Some(())
    }

    /// Section 6.2; with a prefix of six bits the field becomes an entry.
    fn literal(&mut self, rest: &mut &[u8], prefix: u32, field: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let name = match integer(rest, prefix)?.checked_sub(1) {
            None => string(rest, 7)?,
            // An unknown name is none.
            Some(index) => self.entry(index).map(|(name, _)| name.to_vec()).unwrap_or_default(),
        };
        let value = string(rest, 7)?;
        field(&name, &value);
        if prefix == 6 {
            self.insert(name, value);
        }
        Some(())
    }

    /// Section 6.3.
    fn resize(&mut self, rest: &mut &[u8]) -> Option<()> {
        self.most = integer(rest, 5)?.min(self.limit);
        self.evict();
        Some(())
    }

    /// An entry by its index, counted from 0.
    fn entry(&self, index: usize) -> Option<(&[u8], &[u8])> {
        match index.checked_sub(STATIC.len()) {
            None => STATIC.get(index).map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            Some(index) => self.table.get(index).map(|(name, value)| (name.as_slice(), value.as_slice())),
        }
    }

    fn insert(&mut self, name: Vec<u8>, value: Vec<u8>) {
        self.size += name.len() + value.len() + ENTRY_BYTES;
        self.table.push_front((name, value));
        self.evict();
    }

    fn evict(&mut self) {
        while self.size > self.most
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use crate::http::huffman;

    /// A field as a literal that becomes an entry, its value coded.
    pub(in crate::http2) fn literal(name: &str, value: &str) -> Vec<u8> {
        let coded = huffman::testing::encode(value.as_bytes());
        let name_length = u8::try_from(name.len()).unwrap();
        let mut field = vec![0x40, name_length];
        field.extend_from_slice(name.as_bytes());
        match u8::try_from(coded.len()) {
            Ok(length @ ..127) => field.push(0x80 | length),
            _ => {
                let more = coded.len() - 127;
                field.push(0xff);
                field.extend([u8::try_from(more & 0x7f).unwrap() | 0x80, u8::try_from(more >> 7).unwrap()]);
            }
        }
        field.extend_from_slice(&coded);
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<(String, String)>, Broken> {
        let mut fields = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        decoder.decode(block, &mut |name, value| fields.push((text(name), text(value))))?;
        Ok(fields)
    }

    fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn requests_of_the_standard_are_decoded() {
        // RFC 7541 appendix C.4: three requests over one table.
        let blocks: [&[u8]; 3] = [
            &[
                0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90,
                0xf4, 0xff,
            ],
            &[0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf],
            &[
                0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f, 0x89,
                0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
            ],
        ];
        let get =
            [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "www.example.com")];
        let third = [
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        let mut decoder = Decoder::new(1 << 16);
        assert_eq!(decoded(&mut decoder, blocks[0]), Ok(pairs(&get)));
        assert_eq!(
            decoded(&mut decoder, blocks[1]),
            Ok(pairs(&[&get[..], &[("cache-control", "no-cache")]].concat()))
        );
        assert_eq!(decoded(&mut decoder, blocks[2]), Ok(pairs(&third)));
        assert_eq!(decoder.size, 164);
    }

    #[test]
    fn entries_from_before_the_capture_are_passed_over_and_new_ones_are_known() {
        let mut decoder = Decoder::new(1 << 16);
        // Index 70 is not known; a new literal takes index 62, also one of which only the value is known.
        let block = [&[0x82, 0xc6][..], &testing::literal("x", "y"), &[0xbe]].concat();
        assert_eq!(decoded(&mut decoder, &block), Ok(pairs(&[(":method", "GET"), ("x", "y"), ("x", "y")])));
        let block = [&[0x40 | 63, 20, 1, b'v'][..], &[0xbe, 0xbf]].concat();
        assert_eq!(decoded(&mut decoder, &block), Ok(pairs(&[("", "v"), ("", "v"), ("x", "y")])));
    }

    #[test]
    fn tables_shrink_and_never_grow_beyond_the_limit() {
        let mut decoder = Decoder::new(100);
        let grow =
            [&[0x3f, 0xe1, 0x1f][..], &testing::literal("a", "1"), &testing::literal("b", "2")].concat();
        decoded(&mut decoder, &grow).unwrap();
        decoded(&mut decoder, &testing::literal("c", "3")).unwrap();
        assert_eq!((decoder.most, decoder.table.len(), decoder.size), (100, 2, 68));
        decoded(&mut decoder, &[0x20]).unwrap();
        assert_eq!((decoder.table.len(), decoder.size), (0, 0));
        decoded(&mut decoder, &testing::literal("longer than the table", "x")).unwrap();
        assert_eq!(decoder.size, 0);
    }

    #[test]
    fn cut_blocks_are_broken() {
        for block in
            [&[0x40][..], &[0x40, 5, b'a'], &[0xff, 0x80, 0x80], &[0x80], &[0xff, 0xff, 0xff, 0xff, 0xff, 1]]
        {
            assert_eq!(decoded(&mut Decoder::new(4096), block), Err(Broken), "{block:?}");
        }
    }

    proptest! {
        #[test]
        fn any_block_is_survived(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8)) {
            let mut decoder = Decoder::new(200);
            for block in blocks {
                let broken = decoded(&mut decoder, &block).is_err();
                let size: usize = decoder.table.iter().map(|(n, v)| n.len() + v.len() + ENTRY_BYTES).sum();
                prop_assert!(decoder.size == size && size <= 200);
                prop_assert!(!broken || size == 0);
            }
        }
    }
}
