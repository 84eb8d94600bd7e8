//! Any bytes as the frames of a QUIC session whose secrets are known: see [`super::dialogue`]. Each step is sealed into a packet, so that
//! it is the frames, the streams and what they carry that are tried, and not the cipher.

use super::dialogue::{self, Framing};
use egret_model::{FlowKind, Side};
use egret_protocol::KeyLog;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey, quic};
use ring::hkdf;

/// A capture that begins with a client's hello of 1,200 bytes.
const CAPTURE: &[u8] = include_bytes!("../../tests/data/captures/http3-aioquic.pcap");
/// Behind the heads of file, record, Ethernet, IP and UDP.
const HELLO_AT: usize = 24 + 16 + 14 + 20 + 8;
const HELLO_BYTES: usize = 1200;
/// The key log of its client, of which the random alone is used.
const KEYS: &str = include_str!("../../tests/data/captures/http3-aioquic.keys");
/// The secret of both directions.
const SECRET: [u8; 32] = [1; 32];

/// Runs the steps.
pub(crate) fn run(data: &[u8]) {
    let random = KEYS.split_ascii_whitespace().nth(1).unwrap_or_default();
    let secret = "01".repeat(SECRET.len());
    let mut keys = KeyLog::default();
    keys.add(
        format!("CLIENT_TRAFFIC_SECRET_0 {random} {secret}\nSERVER_TRAFFIC_SECRET_0 {random} {secret}\n")
            .as_bytes(),
    );
    let Some(hello) = CAPTURE.get(HELLO_AT..HELLO_AT + HELLO_BYTES) else { return };
    // Version, the client's id and the server's, which is empty as the client's is taken to be for what is sealed here.
    let id_length = hello.get(5).map_or(0, |length| usize::from(*length));
    let client_id = hello.get(6 + id_length).map_or(0, |length| usize::from(*length));
    let answer = [0xe0, 0, 0, 0, 1, 0, 0, 1, 0];
    let framing = Framing {
        before: &[(Side::Initiator, hello), (Side::Responder, &answer)],
        seal: &|from, number, frames| {
            packet(if from == Side::Initiator { 0 } else { client_id }, number, frames)
        },
    };
    dialogue::run_framed(&keys, FlowKind::Udp, &framing, data);
}

/// A packet with a short header (RFC 9001 section 5).
fn packet(id_length: usize, number: u16, frames: &[u8]) -> Vec<u8> {
    let secret = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &SECRET);
    let (key, iv, mask) =
        (made(&secret, "quic key", 16), made(&secret, "quic iv", 12), made(&secret, "quic hp", 16));
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key of the right length"));
    let mut header = vec![0x41];
    header.resize(1 + id_length, 7);
    header.extend_from_slice(&number.to_be_bytes());
    let mut nonce: [u8; 12] = iv.try_into().expect("twelve bytes were asked for");
    for (byte, with) in nonce.iter_mut().skip(10).zip(number.to_be_bytes()) {
        *byte ^= with;
    }
    // Shorter ones have nothing to take the mask from.
    let mut sealed = frames.to_vec();
    sealed.resize(frames.len().max(4), 0);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(&header), &mut sealed)
        .expect("a short packet");
    let sample = sealed.get(2..18).expect("a tag is as long");
    let mask = quic::HeaderProtectionKey::new(&quic::AES_128, &mask)
        .and_then(|key| key.new_mask(sample))
        .expect("a key and a sample of the right lengths");
    for (place, byte) in header.iter_mut().enumerate() {
        match place {
            0 => *byte ^= mask[0] & 0x1f,
            place if place == 1 + id_length => *byte ^= mask[1],
            place if place == 2 + id_length => *byte ^= mask[2],
            _ => {}
        }
    }
    header.extend_from_slice(&sealed);
    header
}

/// HKDF-Expand-Label (RFC 8446 section 7.1).
fn made(secret: &hkdf::Prk, label: &str, length: u8) -> Vec<u8> {
    struct Wanted(usize);
    impl hkdf::KeyType for Wanted {
        fn len(&self) -> usize {
            self.0
        }
    }
    let label = format!("tls13 {label}");
    let label_length = u8::try_from(label.len()).expect("a short label");
    let mut made = vec![0; usize::from(length)];
    secret
        .expand(&[&[0, length, label_length], label.as_bytes(), &[0]], Wanted(usize::from(length)))
        .and_then(|key| key.fill(&mut made))
        .expect("a short key");
    made
}
