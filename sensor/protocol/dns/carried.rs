//! Content that is carried in the names of questions: written in hexadecimal digits, base 32 or base 64, a piece in each name.
//!
//! Owns: finding such pieces, decoding them and putting them together, over flows, in the order in which they are asked. Never does:
//! opening what tunnels encrypt or number within their pieces, which behaviour tells by the names alone.
//!
//! A name carries content if its long labels, decoded, are text, or begin as an archive does: noise decodes to text once in millions
//! of names. From then on all names of that form belong to it, the last and shortest piece too.

use crate::Context;
use crate::gathered::{Gathered, Gatherings};
use egret_model::{Flow, Protocol, ProtocolEvent, Side, Timestamp, TransferKey};
use foldhash::fast::RandomState;
use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::net::IpAddr;

/// Characters of a label that is taken for data, and of all such labels of the first name.
const DATA_LABEL: usize = 16;
const DATA_CHARACTERS: usize = 24;
/// Labels that the owner of a name has registered; nothing is carried in them.
const REGISTERED: usize = 2;
/// Characters of a label that numbers the pieces.
const NUMBER: usize = 12;
/// Names remembered of one content: resolvers ask again, and for other types.
const REPEATED: usize = 16;
/// How archives begin: gzip, zip, 7z, xz, bzip2.
const HEADS: [&[u8]; 5] = [b"\x1f\x8b\x08", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"\xfd7zXZ", b"BZh9"];

/// Which names belong together: the client, whom it asks, and what of them stays the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    client: IpAddr,
    server: IpAddr,
    form: String,
}

/// What is carried in the names of one form.
pub(crate) struct Content {
    flow: Flow,
    transfer: TransferKey,
    alphabet: Alphabet,
    /// It is text: which of two readings is right, shows.
    is_text: bool,
    /// Bits that do not make a byte yet.
    rest: Bits,
    repeated: VecDeque<u64>,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// Contents that are carried in names, of the flows of one shard.
#[derive(Default)]
pub(crate) struct CarriedNames {
    pub(crate) contents: Gatherings<Key, Content>,
    hasher: RandomState,
}

/// How data is written in letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alphabet {
    Hexadecimal,
    /// RFC 4648 section 6, and section 7.
    Base32,
    Base32Hexadecimal,
    /// RFC 4648 sections 4 and 5.
    Base64,
}

const ALPHABETS: [Alphabet; 4] =
    [Alphabet::Hexadecimal, Alphabet::Base32, Alphabet::Base32Hexadecimal, Alphabet::Base64];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bits {
    value: u16,
    count: u8,
}

impl Alphabet {
    const fn bits(self) -> u8 {
        match self {
            Self::Hexadecimal => 4,
            Self::Base32 | Self::Base32Hexadecimal => 5,
            Self::Base64 => 6,
        }
    }

    /// What a character stands for.
    const fn value(self, character: u8) -> Option<u8> {
        let lower = character.to_ascii_lowercase();
        match (self, character) {
            (Self::Hexadecimal | Self::Base32Hexadecimal, b'0'..=b'9') => Some(character - b'0'),
            (Self::Hexadecimal, _) if matches!(lower, b'a'..=b'f') => Some(lower - b'a' + 10),
            (Self::Base32Hexadecimal, _) if matches!(lower, b'a'..=b'v') => Some(lower - b'a' + 10),
            (Self::Base32, _) if lower.is_ascii_lowercase() => Some(lower - b'a'),
            (Self::Base32, b'2'..=b'7') => Some(character - b'2' + 26),
            (Self::Base64, b'A'..=b'Z') => Some(character - b'A'),
            (Self::Base64, b'a'..=b'z') => Some(character - b'a' + 26),
            (Self::Base64, b'0'..=b'9') => Some(character - b'0' + 52),
            (Self::Base64, b'+' | b'-') => Some(62),
            (Self::Base64, b'/' | b'_') => Some(63),
            _ => None,
        }
    }

    /// Decodes behind `rest`; gives the bytes and the bits that are left. None: it is not written so.
    fn decode(self, data: &str, rest: Bits) -> Option<(Vec<u8>, Bits)> {
        let Bits { mut value, mut count } = rest;
        let mut bytes = Vec::with_capacity(data.len());
        for character in data.bytes().filter(|character| *character != b'=') {
            // At most seven bits are left, and six come.
            value = value << self.bits() | u16::from(self.value(character)?);
            count += self.bits();
            if count >= 8 {
                count -= 8;
                bytes.push((value >> count) as u8);
                value &= (1 << count) - 1;
            }
        }
        Some((bytes, Bits { value, count }))
    }
}

/// A name as it may carry content.
struct Name<'a> {
    labels: Vec<&'a str>,
}

impl<'a> Name<'a> {
    fn new(name: &'a str) -> Self {
        Self { labels: name.split('.').collect() }
    }

    /// The first `count` labels as data, and what of the name stays the same from one piece to the next: all but numbers.
    fn cut(&self, count: usize) -> (String, String) {
        let (data, rest) = self.labels.split_at_checked(count).unwrap_or_default();
        let is_data = |label: &&&str| !is_number(label) || data.len() == 1;
        let data = data.iter().filter(is_data).copied().collect();
        let rest: Vec<&str> = rest.iter().filter(|label| !is_number(label)).copied().collect();
        (data, rest.join(".").to_ascii_lowercase())
    }

    /// How many labels may be data.
    fn most(&self) -> usize {
        self.labels.len().saturating_sub(REGISTERED)
    }

    /// How many labels a first piece takes: numbers and long ones.
    fn first(&self) -> Option<usize> {
        let leading = self
            .labels
            .iter()
            .take(self.most())
            .take_while(|label| is_number(label) || label.len() >= DATA_LABEL);
        let count = leading.count();
        let data: usize = self
            .labels
            .iter()
            .take(count)
            .map(|label| label.len())
            .filter(|length| *length >= DATA_LABEL)
            .sum();
        (data >= DATA_CHARACTERS).then_some(count)
    }
}

/// It numbers the pieces.
fn is_number(label: &str) -> bool {
    label.len() <= NUMBER && label.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Text as people and programs write it, but for a character that the end has cut.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty() && text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

impl CarriedNames {
    /// A name that `from` asks for, as it is spelled.
    pub(super) fn question(context: &mut Context<'_>, from: Side, name: &str) {
        let parsed = Name::new(name);
        let flow = context.flow;
        let key = |form: String| Key {
            client: flow.endpoint(from).ip,
            server: flow.endpoint(from.other()).ip,
            form,
        };
        let contents = &context.shared.carried.contents.open;
        // Hardly ever is there any.
        let most = if contents.is_empty() { 0 } else { parsed.most() };
        let known = (1..=most).find_map(|count| {
            let (data, form) = parsed.cut(count);
            let key = key(form);
            contents.contains_key(&key).then_some((data, key))
        });
        if let Some((data, key)) = known {
            Self::next(context, &key, &data);
        } else if let Some(count) = parsed.first() {
            let (data, form) = parsed.cut(count);
            Self::begin(context, from, key(form), &data);
        }
    }

    /// What may be the first piece of something.
    fn begin(context: &mut Context<'_>, from: Side, key: Key, data: &str) {
        let read = |alphabet: Alphabet| Some((alphabet, alphabet.decode(data, Bits::default())?));
        let found = ALPHABETS
            .into_iter()
            .filter_map(read)
            .find(|(_, (bytes, _))| is_text(bytes) || HEADS.iter().any(|head| bytes.starts_with(head)));
        let Some((alphabet, (bytes, rest))) = found else { return };
        context.shared.carried.contents.make_room(context.limits, context.sink);
        let mut start = context.start(Protocol::Dns, format!("names under {}", key.form), from);
        // Resolvers pass it on to whom the names belong, wherever they stand.
        (start.server_name, start.via_proxy) = (Some(key.form.clone()), true);
        let transfer = context.begin(start);
        context.body(transfer, &bytes);
        let now = context.now();
        let carried = &mut context.shared.carried;
        let repeated = VecDeque::from([carried.hasher.hash_one(data)]);
        let (flow, is_text) = (context.flow.clone(), is_text(&bytes));
        let content =
            Content { flow, transfer, alphabet, is_text, rest, repeated, first_at: now, last_at: now };
        carried.contents.open.insert(key, content);
    }

    /// The next piece.
    fn next(context: &mut Context<'_>, key: &Key, data: &str) {
        let (now, limits) = (context.now(), context.limits);
        let carried = &mut context.shared.carried;
        let hash = carried.hasher.hash_one(data);
        let Some(content) = carried.contents.open.get_mut(key) else { return };
        if content.repeated.contains(&hash) {
            return;
        }
        // A piece may go on where the last one has ended within a byte, or have been written by itself.
        let going_on = content.alphabet.decode(data, content.rest);
        let by_itself = content.alphabet.decode(data, Bits::default());
        let (Some(going_on), Some(by_itself)) = (going_on, by_itself) else { return };
        let goes_on = match (content.is_text, is_text(&going_on.0), is_text(&by_itself.0)) {
            (true, true, false) => true,
            (true, false, true) => false,
            _ => content.rest.value != 0,
        };
        let (bytes, rest) = if goes_on { going_on } else { by_itself };
        content.rest = rest;
        content.last_at = now;
        if content.repeated.len() == REPEATED {
            content.repeated.pop_front();
        }
        content.repeated.push_back(hash);
        let (transfer, over) = (content.transfer, content.is_over(now, limits));
        context.body(transfer, &bytes);
        if over && let Some(content) = context.shared.carried.contents.open.remove(key) {
            content.end(context.sink);
        }
    }
}

impl Gathered for Content {
    fn flow(&self) -> &Flow {
        &self.flow
    }

    fn first_at(&self) -> Timestamp {
        self.first_at
    }

    fn last_at(&self) -> Timestamp {
        self.last_at
    }

    fn first_transfer(&self) -> Option<TransferKey> {
        Some(self.transfer)
    }

    fn end(self, sink: &mut dyn FnMut(ProtocolEvent<'_>)) {
        sink(ProtocolEvent::End { transfer: self.transfer, complete: true, at: self.last_at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::query;
    use crate::testing::Scene;
    use egret_model::{FlowKind, ProtocolLimits};
    use proptest::prelude::*;

    const TEXT: &str = "Hi, as discussed: Stacy Lutz, SSN 428-34-3461, card 6011424214354645 exp 09/29\n";

    /// Bytes in the letters of an alphabet.
    fn written(alphabet: Alphabet, bytes: &[u8]) -> String {
        let letter = |value: u8| {
            (b'-'..=b'z').rev().find(|letter| alphabet.value(*letter) == Some(value)).map(char::from).unwrap()
        };
        let bits: Vec<u8> =
            bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect();
        let each = usize::from(alphabet.bits());
        bits.chunks(each)
            .map(|bits| letter(bits.iter().fold(0, |sum, bit| sum << 1 | bit) << (each - bits.len())))
            .collect()
    }

    /// Contents that names carry, each asked from a port of its own, twice.
    fn carried(names: &[String]) -> Vec<(String, Vec<u8>)> {
        let mut scene = Scene::new();
        for (port, name) in (40_000..).zip(names) {
            for kind in [1, 28] {
                let flow = scene.flow(FlowKind::Udp, &format!("10.0.0.1:{port}"), "192.0.2.1:53");
                scene.client(flow, query(name, kind));
                scene.cut(flow);
            }
        }
        let record = scene.end();
        let carried = record.transfers.iter().filter(|t| t.start.operation.starts_with("names under "));
        carried
            .map(|t| {
                assert!(t.start.via_proxy && t.start.from == Side::Initiator && t.ended == Some(true));
                (t.start.server_name.clone().unwrap(), t.body.clone())
            })
            .collect()
    }

    #[test]
    fn content_in_names_is_put_together() {
        let whole = written(Alphabet::Base32, TEXT.as_bytes());
        let (first, last) = whole.split_at(100);
        let (a, b) = first.split_at(50);
        let of_one_writing = [format!("{a}.{b}.x.T.sync.example"), format!("{last}.x.t.sync.example")];
        assert_eq!(carried(&of_one_writing), [("x.t.sync.example".to_owned(), TEXT.as_bytes().to_vec())]);
        for (alphabet, size) in
            [(Alphabet::Hexadecimal, 30), (Alphabet::Base64, 20), (Alphabet::Base32Hexadecimal, 16)]
        {
            let pieces = TEXT.as_bytes().chunks(size).enumerate();
            let names: Vec<String> =
                pieces.map(|(n, piece)| format!("{n}.{}.evil.example", written(alphabet, piece))).collect();
            assert_eq!(
                carried(&names),
                [("evil.example".to_owned(), TEXT.as_bytes().to_vec())],
                "{alphabet:?}"
            );
        }
        let archive = b"\x1f\x8b\x08\0\0\0\0\0\0\x03and what is compressed behind it";
        let (first, second) = archive.split_at(20);
        let [first, second] = [first, second].map(|half| written(Alphabet::Hexadecimal, half));
        let names = [format!("{first}.{second}.a.example")];
        assert_eq!(carried(&names), [("a.example".to_owned(), archive.to_vec())]);
    }

    #[test]
    fn names_of_hosts_and_services_carry_nothing() {
        let names = [
            "www.example",
            "s3-eu-west-1-r-w.amazonaws.example",
            "internationalization-of-domain-names.example",
            "d41d8cd98f00b204e9800998ecf8427e.hash.example",
            "ec2-198-51-100-7.compute.example",
            "e5b9a7c1b2d34f6aa0c3d4e5f6a7b8c9d0e1f2a3.safe.example",
            "_sip._tcp.a-very-long-host-name-of-some-customer.example",
            "xn--bcher-kva8445foa.example",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
            "",
            ".",
            "a..b.c",
        ];
        assert_eq!(carried(&names.map(str::to_owned)), []);
    }

    #[test]
    fn contents_beyond_the_limit_end_the_others_and_so_does_silence() {
        let mut scene = Scene::with_limits(&ProtocolLimits { datagram_groups: 2, ..Default::default() });
        let data = written(Alphabet::Hexadecimal, &TEXT.as_bytes()[..30]);
        for under in ["a.example", "b.example", "c.example"] {
            let flow = scene.flow(FlowKind::Udp, "10.0.0.1:40000", "192.0.2.1:53");
            scene.client(flow, query(&format!("{data}.{under}"), 1));
            scene.cut(flow);
        }
        let ended = |scene: &Scene| -> Vec<Option<bool>> {
            let carried =
                scene.record.transfers.iter().filter(|t| t.start.operation.starts_with("names under "));
            carried.map(|t| t.ended).collect()
        };
        assert_eq!(ended(&scene), [Some(true), Some(true), None]);
        scene.pass(80);
        assert_eq!(ended(&scene), [Some(true); 3]);
        scene.end();
    }

    proptest! {
        #[test]
        fn text_comes_out_however_it_was_cut(text in "[ -~]{40,200}", way in 0..4_usize, size in 18..30_usize, at_once: bool) {
            let alphabet = ALPHABETS[way];
            let pieces: Vec<String> = if at_once {
                let whole = written(alphabet, text.as_bytes());
                whole.as_bytes().chunks(size * 2).map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect()
            } else {
                text.as_bytes().chunks(size).map(|piece| written(alphabet, piece)).collect()
            };
            prop_assume!(pieces.iter().collect::<std::collections::BTreeSet<_>>().len() == pieces.len());
            let names: Vec<String> = pieces.iter().enumerate().map(|(n, piece)| format!("{piece}.{n}.evil.example")).collect();
            let found = carried(&names);
            prop_assert_eq!(found.len(), 1);
            // Letters may be read in another way that is text too, but hardly ever.
            prop_assert_eq!(String::from_utf8_lossy(&found[0].1).into_owned(), text);
        }

        #[test]
        fn any_name_is_survived(names in prop::collection::vec("[a-zA-Z0-9._=-]{0,200}", 0..20)) {
            let mut scene = Scene::new();
            let flow = scene.flow(FlowKind::Udp, "10.0.0.1:40000", "192.0.2.1:53");
            for name in &names {
                scene.client(flow, query(name.trim_matches('.'), 1));
            }
            scene.cut(flow);
            scene.end();
        }
    }
}
