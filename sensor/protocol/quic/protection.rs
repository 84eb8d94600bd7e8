//! Taking the protection off packets whose keys are known (RFC 9001 section 5, RFC 9369 section 3.3).
//!
//! Owns: the making of keys from secrets, packet numbers, keys that replace others. Never does: knowing a secret by itself.

use super::parse::{Packet, Version};
use crate::tls::expand_label;
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf;

/// How packets are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    Aes128Gcm,
    Aes256Gcm,
    Chacha20,
}

impl Suite {
    /// The suites that may go with a secret of this length; the rest of the handshake is not needed to tell which it is.
    fn of_secret(secret: &[u8]) -> &'static [Self] {
        match secret.len() {
            32 => &[Self::Aes128Gcm, Self::Chacha20],
            48 => &[Self::Aes256Gcm],
            _ => &[],
        }
    }

    fn algorithms(self) -> (&'static aead::Algorithm, &'static quic::Algorithm, hkdf::Algorithm) {
        match self {
            Self::Aes128Gcm => (&aead::AES_128_GCM, &quic::AES_128, hkdf::HKDF_SHA256),
            Self::Aes256Gcm => (&aead::AES_256_GCM, &quic::AES_256, hkdf::HKDF_SHA384),
            Self::Chacha20 => (&aead::CHACHA20_POLY1305, &quic::CHACHA20, hkdf::HKDF_SHA256),
        }
    }
}

/// Labels from which keys are made: for the packet, its nonce, its header, the next secret.
const fn labels(version: Version) -> [&'static [u8]; 4] {
    match version {
        Version::One | Version::Draft => [b"quic key", b"quic iv", b"quic hp", b"quic ku"],
        Version::Two => [b"quicv2 key", b"quicv2 iv", b"quicv2 hp", b"quicv2 ku"],
    }
}

/// The key of packets, until another one replaces it.
struct PacketKey {
    key: LessSafeKey,
    iv: [u8; 12],
}

impl PacketKey {
    fn of(version: Version, suite: Suite, secret: &hkdf::Prk) -> Option<Self> {
        let (algorithm, ..) = suite.algorithms();
        let [key, iv, ..] = labels(version);
        let key = UnboundKey::new(algorithm, &expand_label(secret, key, algorithm.key_len())?).ok()?;
        Some(Self { key: LessSafeKey::new(key), iv: expand_label(secret, iv, 12)?.try_into().ok()? })
    }

    fn open(&self, number: u64, header: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = self.iv;
        for (byte, with) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= with;
        }
        let mut frames = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let length = self.key.open_in_place(nonce, Aad::from(header), &mut frames).ok()?.len();
        frames.truncate(length);
        Some(frames)
    }
}

/// The keys that a secret gives.
pub(super) struct Protection {
    header: quic::HeaderProtectionKey,
    packet: PacketKey,
}

/// A packet whose header is plain.
struct Unmasked<'a> {
    /// Up to the packet number and with it.
    header: Vec<u8>,
    /// The packet number as far as it is written out, and its bytes.
    number: u64,
    number_length: usize,
    sealed: &'a [u8],
}

impl Protection {
    pub(super) fn of(version: Version, suite: Suite, secret: &[u8]) -> Option<Self> {
        let (_, header, hash) = suite.algorithms();
        let secret = hkdf::Prk::new_less_safe(hash, secret);
        let [_, _, label, _] = labels(version);
        let key = expand_label(&secret, label, header.key_len())?;
        Some(Self {
            header: quic::HeaderProtectionKey::new(header, &key).ok()?,
            packet: PacketKey::of(version, suite, &secret)?,
        })
    }

    /// Removes the protection of a header (section 5.4).
    fn unmask<'a>(&self, packet: &Packet<'a>) -> Option<Unmasked<'a>> {
        /// Behind the longest packet number stands what the mask is made of.
        const SAMPLE_AT: usize = 4;
        let (header, protected) = packet.bytes.split_at_checked(packet.number_at)?;
        let sample = protected.get(SAMPLE_AT..SAMPLE_AT + self.header.algorithm().sample_len())?;
        let [first_mask, number_mask @ ..] = self.header.new_mask(sample).ok()?;
        let mut header = header.to_vec();
        let first = header.first_mut()?;
        *first ^= first_mask & if *first & 0x80 != 0 { 0x0f } else { 0x1f };
        let (number, sealed) = protected.split_at_checked(usize::from(*first & 3) + 1)?;
        let plain: Vec<u8> = number.iter().zip(number_mask).map(|(byte, mask)| byte ^ mask).collect();
        header.extend_from_slice(&plain);
        let number_length = plain.len();
        let number = plain.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(Unmasked { header, number, number_length, sealed })
    }

    /// The frames of a packet whose number is written out: one of the first of a session. None: these are not its keys.
    pub(super) fn open(&self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let Unmasked { header, number, sealed, .. } = self.unmask(packet)?;
        self.packet.open(number, &header, sealed)
    }
}

/// The keys of one direction of content, as they replace one another (section 6).
pub(super) struct Keys {
    version: Version,
    secret: Vec<u8>,
    /// What the secret may give, until a packet has shown which it is; then the one.
    candidates: Vec<(Suite, Protection)>,
    /// The key before the present one, of packets that come late.
    before: Option<PacketKey>,
    /// The bit that tells the present key from the next.
    phase: bool,
    /// The largest packet number so far.
    largest: Option<u64>,
}

impl Keys {
    pub(super) fn of(version: Version, secret: &[u8]) -> Option<Self> {
        let candidate = |suite: &Suite| Some((*suite, Protection::of(version, *suite, secret)?));
        let candidates: Vec<_> = Suite::of_secret(secret).iter().filter_map(candidate).collect();
        (!candidates.is_empty()).then(|| Self {
            version,
            secret: secret.to_vec(),
            candidates,
            before: None,
            phase: false,
            largest: None,
        })
    }

    /// The frames of a packet.
    pub(super) fn open(&mut self, packet: &Packet<'_>) -> Option<Vec<u8>> {
        let known = self.candidates.len() == 1;
        let (place, (number, frames)) = (0..self.candidates.len())
            .find_map(|place| self.attempt(place, packet).map(|opened| (place, opened)))?;
        if !known {
            self.candidates.swap(0, place);
            self.candidates.truncate(1);
        }
        self.largest = self.largest.max(Some(number));
        Some(frames)
    }

    fn attempt(&mut self, place: usize, packet: &Packet<'_>) -> Option<(u64, Vec<u8>)> {
        const PHASE: u8 = 4;
        let (suite, protection) = self.candidates.get(place)?;
        let suite = *suite;
        let Unmasked { header, number, number_length, sealed } = protection.unmask(packet)?;
        let number = whole_number(self.largest, number, number_length);
        let first = *header.first()?;
        let phase = first & 0x80 == 0 && first & PHASE != 0;
        if phase == self.phase {
            return Some((number, protection.packet.open(number, &header, sealed)?));
        }
        if let Some(frames) = self.before.as_ref().and_then(|key| key.open(number, &header, sealed)) {
            return Some((number, frames));
        }
        let (_, _, hash) = suite.algorithms();
        let [.., label] = labels(self.version);
        let secret = hkdf::Prk::new_less_safe(hash, &self.secret);
        let next_secret = expand_label(&secret, label, self.secret.len())?;
        let next = PacketKey::of(self.version, suite, &hkdf::Prk::new_less_safe(hash, &next_secret))?;
        let frames = next.open(number, &header, sealed)?;
        let (_, protection) = self.candidates.get_mut(place)?;
        self.before = Some(std::mem::replace(&mut protection.packet, next));
        (self.secret, self.phase) = (next_secret, phase);
        Some((number, frames))
    }
}

/// The number of which `written` are the last bytes: the nearest to the one that is awaited (RFC 9000 appendix A.3).
fn whole_number(largest: Option<u64>, written: u64, length: usize) -> u64 {
    let awaited = largest.map_or(0, |largest| largest + 1);
    let window = 1_u64 << (8 * length.min(4));
    let number = awaited & !(window - 1) | written;
    if number + window / 2 <= awaited && number < (1 << 62) - window {
        number + window
    } else if number > awaited + window / 2 && number >= window {
        number - window
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::Kind;
    use super::*;

    #[test]
    fn the_packet_of_the_standard_is_opened() {
        // RFC 9001 appendix A.5: a PING, sealed with ChaCha20 and a number of three bytes.
        let secret = b"\x9a\xc3\x12\xa7\xf8\x77\x46\x8e\xbe\x69\x42\x27\x48\xad\x00\xa1\x54\x43\xf1\x82\x03\xa0\x7d\x60\x60\xf6\x88\xf3\x0f\x21\x63\x2b";
        let bytes = b"\x4c\xfe\x41\x89\x65\x5e\x5c\xd5\x5c\x41\xf6\x90\x80\x57\x5d\x79\x99\xc2\x5a\x5b\xfb";
        let packet = Packet {
            kind: Kind::Content,
            version: None,
            destination: &[],
            source_length: None,
            bytes,
            number_at: 1,
        };
        let mut keys = Keys::of(Version::One, secret).unwrap();
        assert_eq!(keys.candidates.len(), 2);
        assert_eq!(keys.open(&packet), None);
        keys.largest = Some(654_360_560);
        assert_eq!(keys.open(&packet), Some(vec![1]));
        assert_eq!((keys.candidates.len(), keys.largest), (1, Some(654_360_564)));
        assert_eq!(keys.candidates[0].0, Suite::Chacha20);
    }

    #[test]
    fn numbers_are_the_nearest_to_what_is_awaited() {
        // RFC 9000 appendix A.3.
        assert_eq!(whole_number(Some(0xa82f_30ea), 0x9b32, 2), 0xa82f_9b32);
        for (largest, written, length, expected) in
            [(None, 5, 1, 5), (Some(255), 0, 1, 256), (Some(256), 255, 1, 255), (Some(3), 0xffff, 2, 0xffff)]
        {
            assert_eq!(whole_number(largest, written, length), expected);
        }
    }
}
