//! Any bytes as a capture file: no panic, and the same packets however the bytes arrive.

use egret_capture::{Capture, PacketBatch};
use egret_model::CaptureLimits;
use std::io::{self, Read};

/// Packets and errors that are compared; few bytes can unpack to more than is worth reading.
const COMPARED: usize = 10_000;

/// Reads `data` in large blocks and in tiny ones.
pub(crate) fn run(data: &[u8]) {
    let limits = CaptureLimits {
        block_bytes: 64 << 10,
        packet_bytes: 64 << 10,
        window_bytes: 1 << 20,
        secrets_bytes: 1000,
        ..CaptureLimits::default()
    };
    let whole = read(data.to_vec(), usize::MAX, &limits);
    let split = read(data.to_vec(), 3, &CaptureLimits { block_bytes: 61, ..limits });
    // How much a decompressor gives out before it meets damage is its own affair.
    if !whole.iter().chain(&split).any(|line| line.contains("unpack")) {
        assert_eq!(whole, split);
    }
}

/// What a capture gives, a line for each packet and error.
fn read(data: Vec<u8>, piece: usize, limits: &CaptureLimits) -> Vec<String> {
    let mut lines = Vec::new();
    let mut capture =
        match Capture::from_reader("fuzz", Box::new(Pieces { data, position: 0, piece }), limits) {
            Ok(capture) => capture,
            Err(error) => return vec![error.to_string()],
        };
    let mut batch = PacketBatch::default();
    while lines.len() < COMPARED {
        match capture.next_batch(&mut batch) {
            Ok(true) => lines.extend(batch.packets().map(|packet| format!("{packet:?}"))),
            Ok(false) => break,
            Err(error) => {
                lines.push(error.to_string());
                assert!(
                    matches!(capture.next_batch(&mut batch), Ok(false)),
                    "an error is told once and is the last"
                );
            }
        }
    }
    lines.extend(capture.take_secrets().iter().map(|secret| format!("{secret:?}")));
    lines.truncate(COMPARED);
    lines
}

/// Gives its bytes in pieces of one length.
struct Pieces {
    data: Vec<u8>,
    position: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.data.get(self.position..).unwrap_or_default();
        let length = buffer.len().min(self.piece);
        let bytes = rest.read(buffer.get_mut(..length).unwrap_or_default())?;
        self.position += bytes;
        Ok(bytes)
    }
}
