//! What a client says first, which anybody can read: Initials are protected with keys that follow from their connection id
//! (RFC 9001 section 5.2).
//!
//! Owns: those keys, and the ClientHello that may be spread over several packets in any order. Never does: any other key.

use super::parse::{self, Kind, Packet, Version};
use super::protection::{Protection, Suite};
use crate::tls::{HelloInQuic, Told, expand_label, hello_in_quic};
use egret_model::ProtocolLimits;
use ring::hkdf;
use std::collections::BTreeMap;

/// Keys of the client's Initials, from the Destination Connection ID of its first packet.
fn keys_of(version: Version, destination: &[u8]) -> Option<Protection> {
    // RFC 9001 section 5.2; RFC 9369 section 3.3.1; draft-ietf-quic-tls-29 section 5.2.
    let salt: [u8; 20] = match version {
        Version::One => *b"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a",
        Version::Two => *b"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9",
        Version::Draft => {
            *b"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99"
        }
    };
    let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &salt).extract(destination);
    Protection::of(version, Suite::Aes128Gcm, &expand_label(&initial, b"client in", 32)?)
}

/// What has come of it.
pub(super) enum Progress {
    /// More of it may come.
    Reading,
    Whole(Version, Told),
    /// It will not be read.
    GivenUp,
}

/// The first packets of a session.
#[derive(Default)]
pub(super) struct Initials {
    keys: Option<(Version, Protection)>,
    attempts: usize,
    /// The hello up to its first hole, and what stands behind that, by its offset.
    hello: Vec<u8>,
    ahead: BTreeMap<usize, Vec<u8>>,
    ahead_bytes: usize,
}

impl Initials {
    /// Reads a datagram, sent by whichever side: only what opens with the client's keys counts.
    pub(super) fn datagram(&mut self, datagram: &[u8], limits: &ProtocolLimits) -> Progress {
        parse::packets(datagram, None, &mut |packet| {
            if packet.kind == Kind::Initial {
                self.initial(&packet, limits);
            }
        });
        let version = self.keys.as_ref().map_or(Version::One, |(version, _)| *version);
        match hello_in_quic(&self.hello, limits.hello_bytes) {
            HelloInQuic::Whole(told) => Progress::Whole(version, told),
            HelloInQuic::Partial if self.attempts < limits.quic_initials => Progress::Reading,
            HelloInQuic::Partial | HelloInQuic::None => Progress::GivenUp,
        }
    }

    fn initial(&mut self, initial: &Packet<'_>, limits: &ProtocolLimits) {
        if self.attempts >= limits.quic_initials {
            return;
        }
        self.attempts += 1;
        let mut frames = self.keys.as_ref().and_then(|(_, keys)| keys.open(initial));
        if frames.is_none() {
            // The first packet of all, or the first one behind a Retry (RFC 9001 section 5.2).
            let Some(version) = initial.version else { return };
            let Some(keys) = keys_of(version, initial.destination) else { return };
            frames = keys.open(initial);
            if frames.is_some() {
                self.keys = Some((version, keys));
            }
        }
        // What stands before a frame that is cut is good.
        let _ = parse::crypto(&frames.unwrap_or_default(), &mut |offset, data| {
            self.crypto(offset, data, limits.hello_bytes);
        });
    }

    /// A part of the hello. What comes twice is told once, what lies beyond `limit` never.
    fn crypto(&mut self, offset: u64, data: &[u8], limit: usize) {
        let Ok(offset) = usize::try_from(offset) else { return };
        if offset > self.hello.len() {
            if offset <= limit && self.ahead_bytes + data.len() <= limit {
                let held = self.ahead.entry(offset).or_default();
                if held.len() < data.len() {
                    self.ahead_bytes += data.len() - held.len();
                    *held = data.to_vec();
                }
            }
            return;
        }
        self.append(offset, data, limit);
        while let Some(entry) = self.ahead.first_entry()
            && *entry.key() <= self.hello.len()
        {
            let (offset, data) = entry.remove_entry();
            self.ahead_bytes -= data.len();
            self.append(offset, &data, limit);
        }
    }

    fn append(&mut self, offset: usize, data: &[u8], limit: usize) {
        let known = self.hello.len().saturating_sub(offset);
        let most = limit.saturating_sub(self.hello.len()) + 1;
        let new = data.get(known..).unwrap_or_default();
        self.hello.extend_from_slice(new.get(..most).unwrap_or(new));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A message comes out whole in whatever parts it came, and what is held of it is bounded.
        #[test]
        fn parts_in_any_order_make_the_whole(
            parts in prop::collection::vec((0_usize..300, 1_usize..120), 0..30),
            far in prop::collection::vec((0_u64..1 << 40, 0_usize..70_000), 0..6),
        ) {
            let message: Vec<u8> = (0..400_u16).map(|n| n.to_be_bytes()[1]).collect();
            const LIMIT: usize = 64 << 10;
            let mut initials = Initials::default();
            for (from, length) in &parts {
                initials.crypto(*from as u64, message.get(*from..(from + length).min(400)).unwrap(), LIMIT);
            }
            for (offset, length) in far {
                initials.crypto(offset | 1 << 10, &vec![0; length], LIMIT);
            }
            prop_assert!(initials.hello.len() <= LIMIT + 1);
            prop_assert!(initials.ahead_bytes <= LIMIT);
            let held: usize = initials.ahead.values().map(Vec::len).sum();
            prop_assert_eq!(initials.ahead_bytes, held);
            let mut reached = vec![false; 401];
            parts.iter().for_each(|(from, length)| reached[*from..(from + length).min(400)].fill(true));
            let whole = reached.iter().position(|there| !there).unwrap();
            prop_assert_eq!(&initials.hello[..], &message[..whole]);
        }
    }
}
