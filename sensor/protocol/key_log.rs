//! Secrets of TLS connections, as their clients and servers write them down (NSS key log format, draft-ietf-tls-keylogfile).
//!
//! Owns: looking one up by the connection's client random. Never does: printing one.

use hashbrown::HashMap;
use std::fmt;
use std::sync::Arc;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Label {
    /// The master secret, up to TLS 1.2.
    Master,
    ClientHandshake,
    ServerHandshake,
    ClientTraffic,
    ServerTraffic,
    /// What a client says before it has heard of the server (0-RTT).
    ClientEarly,
}

/// The random of a ClientHello.
pub(crate) type Random = [u8; 32];
type Entry = ((Random, Label), Box<[u8]>);
type Layer = HashMap<(Random, Label), Box<[u8]>, foldhash::fast::RandomState>;

/// Secrets by connection. Copies are cheap, and don't see what is added to another copy.
#[derive(Clone, Default)]
pub struct KeyLog {
    /// Each much larger than the next.
    layers: Vec<Arc<Layer>>,
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyLog {{ {} secrets }}", self.len())
    }
}

impl KeyLog {
    /// Adds the secrets of a key log. Lines that are none are passed over. Returns how many secrets it holds.
    pub fn add(&mut self, text: &[u8]) -> usize {
        self.add_layer(text, usize::MAX)
    }

    /// The same, and forgets the oldest secrets beyond about `most`; the latest three quarters of that stay. For a log that goes on
    /// growing: `text` is to be a small part of it.
    pub fn add_latest(&mut self, text: &[u8], most: usize) -> usize {
        let read = self.add_layer(text, most / 4);
        while self.len() > most && self.layers.len() > 1 {
            self.layers.remove(0);
        }
        read
    }

    /// Adds a layer; smaller ones before it become part of it, up to `largest` secrets.
    fn add_layer(&mut self, text: &[u8], largest: usize) -> usize {
        let mut added: Layer = text.split(|byte| *byte == b'\n').filter_map(line).collect();
        let read = added.len();
        if added.is_empty() {
            return 0;
        }
        while let Some(last) = self
            .layers
            .pop_if(|last| last.len() <= 2 * added.len() && last.len().saturating_add(added.len()) <= largest)
        {
            for (key, secret) in last.iter() {
                added.entry(*key).or_insert_with(|| secret.clone());
            }
        }
        self.layers.push(Arc::new(added));
        read
    }

    /// Secrets held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layers.iter().map(|layer| layer.len()).sum()
    }

    /// True when no secret is held.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    pub(crate) fn find(&self, random: &Random, label: Label) -> Option<&[u8]> {
        self.layers.iter().rev().find_map(|layer| layer.get(&(*random, label)).map(|secret| &**secret))
    }
}

/// A label, the client random, the secret.
fn line(line: &[u8]) -> Option<Entry> {
    /// Longest secret: of a hash of 512 bits.
    const LONGEST: usize = 64;
    let mut words = line.trim_ascii().split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let label = match words.next()? {
        b"CLIENT_RANDOM" => Label::Master,
        b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" => Label::ClientHandshake,
        b"SERVER_HANDSHAKE_TRAFFIC_SECRET" => Label::ServerHandshake,
        b"CLIENT_TRAFFIC_SECRET_0" => Label::ClientTraffic,
        b"SERVER_TRAFFIC_SECRET_0" => Label::ServerTraffic,
        b"CLIENT_EARLY_TRAFFIC_SECRET" => Label::ClientEarly,
        _ => return None,
    };
    let random = bytes(words.next()?)?.try_into().ok()?;
    let secret = bytes(words.next()?).filter(|secret| (1..=LONGEST).contains(&secret.len()))?;
    Some(((random, label), secret.into()))
}

fn bytes(hexadecimal: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let pair = |pair: &[u8]| match pair {
        [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
        _ => None,
    };
    hexadecimal.chunks(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_connection_and_label_and_never_printed() {
        let mut log = KeyLog::default();
        let random = |byte: u8| format!("{byte:02x}").repeat(32);
        let one =
            format!("# a comment\r\nCLIENT_RANDOM {} 0aFF\r\nEXPORTER_SECRET {} 01\n", random(1), random(1));
        assert_eq!(log.add(one.as_bytes()), 1);
        let copy = log.clone();
        for byte in 2..9 {
            assert_eq!(log.add(format!("CLIENT_TRAFFIC_SECRET_0 {} {byte:02x}", random(byte)).as_bytes()), 1);
        }
        for wrong in ["", "CLIENT_RANDOM 01 02", "CLIENT_RANDOM", "\u{feff}x y z"] {
            assert_eq!(log.add(wrong.as_bytes()), 0, "{wrong}");
        }
        assert_eq!(log.find(&[1; 32], Label::Master), Some(&[0x0a, 0xff][..]));
        assert_eq!(log.find(&[1; 32], Label::ClientTraffic), None);
        assert_eq!((log.find(&[8; 32], Label::ClientTraffic), log.len()), (Some(&[8][..]), 8));
        assert_eq!((copy.len(), copy.find(&[8; 32], Label::ClientTraffic)), (1, None));
        assert_eq!(format!("{log:?}"), "KeyLog { 8 secrets }");
    }

    #[test]
    fn of_a_log_that_grows_the_latest_secrets_stay() {
        let mut log = KeyLog::default();
        for number in 0..1000_u32 {
            let random = format!("{number:064x}");
            assert_eq!(log.add_latest(format!("CLIENT_RANDOM {random} 01\n").as_bytes(), 100), 1);
            assert!(log.len() <= 100);
        }
        let known = |number: u32| {
            let mut random = [0; 32];
            random[28..].copy_from_slice(&number.to_be_bytes());
            log.find(&random, Label::Master).is_some()
        };
        assert!((925..1000).all(known) && !known(899));
    }
}
