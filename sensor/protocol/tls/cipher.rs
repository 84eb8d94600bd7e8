//! Opening records with keys that are known (RFC 8446 section 5.2, RFC 5246 section 6.2.3, RFC 4346, RFC 2246, RFC 5288, RFC 7905,
//! RFC 7366).
//!
//! Owns: suites, the making of keys from secrets, and the opening of one record. Never does: keeping track of a connection.

use ::hmac::Mac as _;
use aes::cipher::{Array, BlockModeDecrypt as _, KeyIvInit as _};
use ccm::Ccm;
use ccm::aead::{Aead as _, KeyInit as _, Payload};
use ccm::consts::{U8, U12, U16};
use rc4::{Rc4, StreamCipher as _};
use ring::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use super::parse::ServerHello;

/// Versions as records and hellos name them.
const TLS_1_0: u16 = 0x0301;
const TLS_1_2: u16 = 0x0303;

/// How records are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Aes128Gcm,
    Aes256Gcm,
    Chacha20,
    /// AES in CCM with a key and a tag of so many bytes (RFC 6655).
    Ccm(usize, usize),
    /// AES in CBC with a key of so many bytes, and a MAC.
    Cbc(usize, Mac),
    Rc4(Mac),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mac {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

impl Mac {
    const fn length(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn key(self, key: &[u8]) -> MacKey {
        let algorithm = match self {
            Self::Md5 => return MacKey::Md5(key.into()),
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
        };
        MacKey::Other(hmac::Key::new(algorithm, key))
    }
}

/// The key of a MAC.
pub(super) enum MacKey {
    Md5(Box<[u8]>),
    Other(hmac::Key),
}

impl MacKey {
    fn verify(&self, data: &[u8], tag: &[u8]) -> Option<()> {
        match self {
            Self::Md5(key) => (hmac_md5(key, data) == tag).then_some(()),
            Self::Other(key) => hmac::verify(key, data, tag).ok(),
        }
    }
}

fn hmac_md5(key: &[u8], data: &[u8]) -> Vec<u8> {
    // A key of any length will do (RFC 2104 section 2).
    ::hmac::Hmac::<md5::Md5>::new_from_slice(key)
        .map(|mac| mac.chain_update(data).finalize().into_bytes().to_vec())
        .unwrap_or_default()
}

/// A cipher suite that can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    method: Method,
    /// Keys are made with SHA-384, else with SHA-256.
    long_hash: bool,
    modern: bool,
}

impl Suite {
    /// A suite by its number in the registry of IANA; None when it can't be opened.
    pub(super) const fn of(number: u16) -> Option<Self> {
        let (method, long_hash) = match number {
            0x1301 | 0x009c | 0x009e | 0x00a2 | 0x00a6 | 0x00a8 | 0x00aa | 0xc02b | 0xc02d | 0xc02f
            | 0xc031 | 0xd001 => (Method::Aes128Gcm, false),
            0x1302 | 0x009d | 0x009f | 0x00a3 | 0x00a7 | 0x00a9 | 0x00ab | 0xc02c | 0xc02e | 0xc030
            | 0xc032 | 0xd002 => (Method::Aes256Gcm, true),
            0x1303 | 0xcca8..=0xccae => (Method::Chacha20, false),
            0x1304 => (Method::Ccm(16, 16), false),
            0x1305 => (Method::Ccm(16, 8), false),
            // Of each pair, the second has the longer key.
            0xc09c..=0xc0af => {
                let key = if number.is_multiple_of(2) { 16 } else { 32 };
                let tag = if matches!(number, 0xc0a0..=0xc0a3 | 0xc0a8..=0xc0ab | 0xc0ae..) { 8 } else { 16 };
                (Method::Ccm(key, tag), false)
            }
            0x002f | 0x0032 | 0x0033 | 0x0034 | 0xc004 | 0xc009 | 0xc00e | 0xc013 | 0xc018 => {
                (Method::Cbc(16, Mac::Sha1), false)
            }
            0x0035 | 0x0038 | 0x0039 | 0x003a | 0xc005 | 0xc00a | 0xc00f | 0xc014 | 0xc019 => {
                (Method::Cbc(32, Mac::Sha1), false)
            }
            0x003c | 0x003e | 0x003f | 0x0040 | 0x0067 | 0x006c | 0xc023 | 0xc025 | 0xc027 | 0xc029 => {
                (Method::Cbc(16, Mac::Sha256), false)
            }
            0x003d | 0x0068 | 0x0069 | 0x006a | 0x006b | 0x006d => (Method::Cbc(32, Mac::Sha256), false),
            0x0004 | 0x0018 => (Method::Rc4(Mac::Md5), false),
            0x0005 | 0x0066 | 0x008a | 0x008e | 0x0092 | 0xc002 | 0xc007 | 0xc00c | 0xc011 | 0xc016
            | 0xc033 => (Method::Rc4(Mac::Sha1), false),
            0xc024 | 0xc026 | 0xc028 | 0xc02a => (Method::Cbc(32, Mac::Sha384), true),
            _ => return None,
        };
        Some(Self { method, long_hash, modern: matches!(number, 0x1301..=0x1305) })
    }

    /// Belongs to TLS 1.3.
    pub(super) const fn is_modern(self) -> bool {
        self.modern
    }

    const fn key_length(self) -> usize {
        match self.method {
            Method::Aes128Gcm | Method::Rc4(_) => 16,
            Method::Aes256Gcm | Method::Chacha20 => 32,
            Method::Cbc(length, _) | Method::Ccm(length, _) => length,
        }
    }

    const fn mac_length(self) -> usize {
        match self.method {
            Method::Cbc(_, mac) | Method::Rc4(mac) => mac.length(),
            Method::Aes128Gcm | Method::Aes256Gcm | Method::Chacha20 | Method::Ccm(..) => 0,
        }
    }

    /// The next secret behind a KeyUpdate (RFC 8446 section 7.2).
    pub(super) fn next_secret(self, secret: &[u8]) -> Option<Vec<u8>> {
        self.expand(secret, b"traffic upd", if self.long_hash { 48 } else { 32 })
    }

    fn expand(self, secret: &[u8], label: &[u8], length: usize) -> Option<Vec<u8>> {
        let hash = if self.long_hash { hkdf::HKDF_SHA384 } else { hkdf::HKDF_SHA256 };
        expand_label(&hkdf::Prk::new_less_safe(hash, secret), label, length)
    }

    /// Keys of one direction of TLS 1.3 (RFC 8446 section 7.3).
    pub(super) fn opener(self, secret: &[u8]) -> Option<Opener> {
        let key = self.expand(secret, b"key", self.key_length())?;
        let iv = self.expand(secret, b"iv", 12)?;
        Opener::aead(self, &key, &iv)
    }

    /// Keys of both directions, the client's first, up to TLS 1.2 (RFC 5246 section 6.3).
    pub(super) fn openers(
        self,
        master: &[u8],
        client: &[u8; 32],
        server: &ServerHello,
    ) -> Option<[Opener; 2]> {
        let ServerHello { random, version, mac_is_last, .. } = *server;
        let legacy = version < TLS_1_2;
        let (mac, iv) = match self.method {
            Method::Cbc(_, Mac::Sha1) if version == TLS_1_0 => (Mac::Sha1.length(), 16),
            Method::Cbc(_, Mac::Sha1) | Method::Rc4(_) if legacy => (self.mac_length(), 0),
            // Nothing else was there before TLS 1.2.
            _ if legacy => return None,
            Method::Cbc(..) | Method::Rc4(_) => (self.mac_length(), 0),
            Method::Chacha20 => (0, 12),
            Method::Aes128Gcm | Method::Aes256Gcm | Method::Ccm(..) => (0, 4),
        };
        let key = self.key_length();
        let mut block = vec![0; 2 * (mac + key + iv)];
        let seed: [&[u8]; 3] = [b"key expansion", &random, client];
        if legacy {
            pseudo_random_of_old(master, &seed, &mut block);
        } else {
            pseudo_random(self.long_hash, master, &seed, &mut block);
        }
        let mut rest = block.as_slice();
        let mut take = |length: usize| {
            let (taken, behind) = rest.split_at_checked(length)?;
            rest = behind;
            Some(taken)
        };
        let (macs, keys, ivs) = ([take(mac)?, take(mac)?], [take(key)?, take(key)?], [take(iv)?, take(iv)?]);
        let opener = |mac: &[u8], key: &[u8], iv: &[u8]| match self.method {
            Method::Cbc(_, algorithm) => Some(Opener::Cbc {
                key: key.into(),
                mac: algorithm.key(mac),
                mac_length: algorithm.length(),
                mac_is_last,
                chain: iv.first_chunk().copied(),
            }),
            Method::Rc4(algorithm) => Some(Opener::Stream {
                cipher: Box::new(Rc4::new_from_slice(key).ok()?),
                mac: algorithm.key(mac),
                mac_length: algorithm.length(),
                opened: None,
            }),
            _ => Opener::aead(self, key, iv),
        };
        let ([first_mac, second_mac], [first_key, second_key], [first_iv, second_iv]) = (macs, keys, ivs);
        Some([opener(first_mac, first_key, first_iv)?, opener(second_mac, second_key, second_iv)?])
    }
}

/// HKDF-Expand-Label (RFC 8446 section 7.1), without a context.
pub(crate) fn expand_label(secret: &hkdf::Prk, label: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut made = vec![0; length];
    let parts = [
        &u16::try_from(length).ok()?.to_be_bytes()[..],
        &[u8::try_from(label.len() + 6).ok()?],
        b"tls13 ",
        label,
        &[0],
    ];
    secret.expand(&parts, Wanted(length)).ok()?.fill(&mut made).ok()?;
    Some(made)
}

struct Wanted(usize);

impl hkdf::KeyType for Wanted {
    fn len(&self) -> usize {
        self.0
    }
}

/// The pseudo-random function of TLS 1.2 (RFC 5246 section 5).
fn pseudo_random(long_hash: bool, secret: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let key = hmac::Key::new(if long_hash { hmac::HMAC_SHA384 } else { hmac::HMAC_SHA256 }, secret);
    let seed = seed.concat();
    let mut a = hmac::sign(&key, &seed);
    for chunk in out.chunks_mut(if long_hash { 48 } else { 32 }) {
        let block = hmac::sign(&key, &[a.as_ref(), &seed].concat());
        for (to, from) in chunk.iter_mut().zip(block.as_ref()) {
            *to = *from;
        }
        a = hmac::sign(&key, a.as_ref());
    }
}

/// The same before TLS 1.2 (RFC 2246 section 5): what two hashes make of the halves of the secret, one over the other.
fn pseudo_random_of_old(secret: &[u8], seed: &[&[u8]], out: &mut [u8]) {
    let half = secret.len().div_ceil(2);
    let (first, second) = (secret.get(..half), secret.get(secret.len() - half..));
    let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
    let sha1 = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, second);
    let seed = seed.concat();
    let mut over = |length: usize, sign: &dyn Fn(&[u8]) -> Vec<u8>| {
        let mut a = sign(&seed);
        for chunk in out.chunks_mut(length) {
            for (to, from) in chunk.iter_mut().zip(sign(&[a.as_slice(), &seed].concat())) {
                *to ^= from;
            }
            a = sign(&a);
        }
    };
    over(16, &|data| hmac_md5(first, data));
    over(20, &|data| hmac::sign(&sha1, data).as_ref().to_vec());
}

/// A key that also tells whether what it opens is genuine.
pub(super) enum Key {
    Ring(LessSafeKey),
    Ccm128(Ccm<aes::Aes128, U16, U12>),
    Ccm128Short(Ccm<aes::Aes128, U8, U12>),
    Ccm256(Ccm<aes::Aes256, U16, U12>),
    Ccm256Short(Ccm<aes::Aes256, U8, U12>),
}

impl Key {
    fn of_ring(algorithm: &'static aead::Algorithm, key: &[u8]) -> Option<Self> {
        Some(Self::Ring(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?)))
    }

    fn open(&self, nonce: [u8; 12], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: sealed, aad };
        match self {
            Self::Ring(key) => {
                let mut content = sealed.to_vec();
                let nonce = Nonce::assume_unique_for_key(nonce);
                let length = key.open_in_place(nonce, Aad::from(aad), &mut content).ok()?.len();
                content.truncate(length);
                Some(content)
            }
            Self::Ccm128(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Ccm128Short(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Ccm256(key) => key.decrypt(&nonce.into(), payload).ok(),
            Self::Ccm256Short(key) => key.decrypt(&nonce.into(), payload).ok(),
        }
    }
}

/// Opens the records of one direction.
pub(super) enum Opener {
    Aead {
        key: Box<Key>,
        tag_length: usize,
        iv: [u8; 12],
        /// The record bears eight bytes of the nonce.
        explicit: bool,
        modern: bool,
    },
    Cbc {
        key: Box<[u8]>,
        mac: MacKey,
        mac_length: usize,
        /// Of what is encrypted, not of the content (RFC 7366).
        mac_is_last: bool,
        /// In TLS 1.0, what the next record begins with: the last block of the one before (RFC 2246 section 6.2.3.2).
        chain: Option<[u8; 16]>,
    },
    /// One stream of bytes over all records.
    Stream {
        cipher: Box<Rc4>,
        mac: MacKey,
        mac_length: usize,
        /// The present record, once it is plain.
        opened: Option<Vec<u8>>,
    },
}

impl Opener {
    fn aead(suite: Suite, key: &[u8], iv: &[u8]) -> Option<Self> {
        let (key, tag_length) = match suite.method {
            Method::Aes128Gcm => (Key::of_ring(&aead::AES_128_GCM, key)?, 16),
            Method::Aes256Gcm => (Key::of_ring(&aead::AES_256_GCM, key)?, 16),
            Method::Chacha20 => (Key::of_ring(&aead::CHACHA20_POLY1305, key)?, 16),
            Method::Ccm(16, 16) => (Key::Ccm128(Ccm::new_from_slice(key).ok()?), 16),
            Method::Ccm(16, _) => (Key::Ccm128Short(Ccm::new_from_slice(key).ok()?), 8),
            Method::Ccm(_, 16) => (Key::Ccm256(Ccm::new_from_slice(key).ok()?), 16),
            Method::Ccm(..) => (Key::Ccm256Short(Ccm::new_from_slice(key).ok()?), 8),
            Method::Cbc(..) | Method::Rc4(_) => return None,
        };
        let key = Box::new(key);
        let explicit = iv.len() == 4;
        let mut whole = [0; 12];
        for (to, from) in whole.iter_mut().zip(iv) {
            *to = *from;
        }
        Some(Self::Aead { key, tag_length, iv: whole, explicit, modern: suite.modern })
    }

    /// Bytes that the sealing of a record adds to its content at the least.
    pub(super) const fn overhead(&self) -> usize {
        match self {
            Self::Aead { tag_length, explicit: true, .. } => 8 + *tag_length,
            Self::Aead { tag_length, modern: true, .. } => *tag_length + 1,
            Self::Aead { tag_length, .. } => *tag_length,
            Self::Cbc { mac_length, chain: None, .. } => 16 + *mac_length + 1,
            Self::Cbc { mac_length, .. } => *mac_length + 1,
            Self::Stream { mac_length, .. } => *mac_length,
        }
    }

    /// Opens the record of a number: its content, and in TLS 1.3 its true type behind that.
    /// The same record may be tried with several numbers, until [`Self::passed`].
    pub(super) fn open(&mut self, sequence: u64, head: [u8; 5], record: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Aead { key, tag_length, iv, explicit, modern } => {
                let (mut nonce, mut sealed) = (*iv, record);
                let own: [u8; 8] = if *explicit {
                    let (own, rest) = record.split_first_chunk()?;
                    sealed = rest;
                    *own
                } else {
                    sequence.to_be_bytes()
                };
                for (byte, with) in nonce.iter_mut().skip(4).zip(own) {
                    *byte ^= with;
                }
                if *modern {
                    key.open(nonce, &head, sealed)
                } else {
                    key.open(
                        nonce,
                        &associated(sequence, head, sealed.len().checked_sub(*tag_length)?)?,
                        sealed,
                    )
                }
            }
            Self::Cbc { key, mac, mac_length, mac_is_last, chain } => {
                let (sealed, outer) = if *mac_is_last {
                    let (sealed, outer) = record.split_at_checked(record.len().checked_sub(*mac_length)?)?;
                    (sealed, Some(outer))
                } else {
                    (record, None)
                };
                if let Some(outer) = outer {
                    let data = [&associated(sequence, head, sealed.len())?, sealed].concat();
                    mac.verify(&data, outer)?;
                }
                let mut content = match chain {
                    Some(chain) => decrypt_cbc(key, &[chain.as_slice(), sealed].concat())?,
                    None => decrypt_cbc(key, sealed)?,
                };
                let padding = usize::from(*content.last()?) + 1;
                let end = content.len().checked_sub(padding)?;
                if content.get(end..)?.iter().any(|byte| usize::from(*byte) + 1 != padding) {
                    return None;
                }
                content.truncate(end);
                if outer.is_none() {
                    let inner = content.split_off(content.len().checked_sub(*mac_length)?);
                    let data = [&associated(sequence, head, content.len())?, content.as_slice()].concat();
                    mac.verify(&data, &inner)?;
                }
                Some(content)
            }
            Self::Stream { cipher, mac, mac_length, opened } => {
                let plain = opened.get_or_insert_with(|| {
                    let mut plain = record.to_vec();
                    cipher.apply_keystream(&mut plain);
                    plain
                });
                let (content, tag) = plain.split_at_checked(plain.len().checked_sub(*mac_length)?)?;
                mac.verify(&[&associated(sequence, head, content.len())?, content].concat(), tag)?;
                Some(content.to_vec())
            }
        }
    }

    /// A record of `whole` bytes is done with of which something is missing; these are the rest.
    pub(super) fn skipped(&mut self, record: &[u8], whole: usize) {
        if let Self::Stream { cipher, .. } = self {
            cipher.apply_keystream(&mut vec![0; whole]);
        }
        self.passed(record);
    }

    /// A record is done with, opened or not: the next one may follow from it.
    pub(super) fn passed(&mut self, record: &[u8]) {
        match self {
            Self::Cbc { chain: Some(chain), .. } => *chain = record.last_chunk().copied().unwrap_or(*chain),
            Self::Stream { opened, .. } => *opened = None,
            Self::Aead { .. } | Self::Cbc { .. } => {}
        }
    }
}

/// What is sealed along with a record's content (RFC 5246 section 6.2.3.3).
fn associated(sequence: u64, [kind, major, minor, ..]: [u8; 5], length: usize) -> Option<[u8; 13]> {
    let [a, b, c, d, e, f, g, h] = sequence.to_be_bytes();
    let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
    Some([a, b, c, d, e, f, g, h, kind, major, minor, high, low])
}

/// Behind an initialization vector of a block, whole blocks.
fn decrypt_cbc(key: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (iv, sealed) = sealed.split_first_chunk::<16>()?;
    let (blocks, []) = sealed.as_chunks::<16>() else { return None };
    let mut content = Vec::with_capacity(sealed.len());
    let mut each = |decrypt: &mut dyn FnMut(&mut Array<u8, U16>)| {
        for block in blocks {
            let mut block = Array::from(*block);
            decrypt(&mut block);
            content.extend_from_slice(&block);
        }
    };
    if key.len() == 16 {
        let mut cipher = cbc::Decryptor::<aes::Aes128>::new_from_slices(key, iv).ok()?;
        each(&mut |block| cipher.decrypt_block(block));
    } else {
        let mut cipher = cbc::Decryptor::<aes::Aes256>::new_from_slices(key, iv).ok()?;
        each(&mut |block| cipher.decrypt_block(block));
    }
    Some(content)
}
