//! What cannot be read: pictures, sound, what is encrypted. Whoever puts the head of a picture before a table has made no picture of
//! it: stretches of text are read all the same.
//!
//! Owns: telling text from the rest, by windows of a fixed size, so that it does not matter in what pieces bytes come. Never does: formats.

use crate::kind;
use crate::object::GAP;

/// Bytes that are judged together.
const WINDOW: usize = 1 << 10;
/// Fewer at the end are not looked at.
const LEAST: usize = 64;

/// Looks for text in bytes that stream by.
#[derive(Default)]
pub(crate) struct Opaque {
    /// A window that is not full yet.
    held: Vec<u8>,
    /// The window before, as long as none was text: text may begin within it.
    before: Vec<u8>,
    within: bool,
}

impl Opaque {
    /// Takes the next bytes; text goes to `sink`.
    pub(crate) fn push(&mut self, mut data: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if !self.held.is_empty() {
            let (more, rest) = data.split_at((WINDOW - self.held.len()).min(data.len()));
            self.held.extend_from_slice(more);
            if self.held.len() < WINDOW {
                return;
            }
            let window = std::mem::take(&mut self.held);
            self.window(&window, sink);
            self.held = window;
            self.held.clear();
            data = rest;
        }
        let (windows, rest) = data.as_chunks::<WINDOW>();
        windows.iter().for_each(|window| self.window(window, sink));
        self.held.extend_from_slice(rest);
    }

    /// Bytes are missing, or none follow.
    pub(crate) fn end(&mut self, sink: &mut dyn FnMut(&[u8])) {
        let last = std::mem::take(&mut self.held);
        if last.len() >= LEAST || self.within {
            self.window(&last, sink);
        }
        if self.within {
            sink(GAP);
        }
        self.before.clear();
        self.within = false;
    }

    fn window(&mut self, window: &[u8], sink: &mut dyn FnMut(&[u8])) {
        match (self.within, is_text(window)) {
            (true, true) => sink(window),
            (true, false) => {
                sink(window);
                sink(GAP);
                self.within = false;
                self.before.clear();
            }
            (false, true) => {
                sink(&self.before);
                sink(window);
                self.within = true;
            }
            (false, false) => {
                self.before.clear();
                self.before.extend_from_slice(window);
            }
        }
    }
}

/// Compressed and encrypted bytes have a control character in ten, text hardly any.
fn is_text(window: &[u8]) -> bool {
    let control = kind::count(window, |byte| matches!(byte, 0..=8 | 14..=26 | 28..=31 | 127));
    control * 50 <= window.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut text = Vec::new();
        let mut opaque = Opaque::default();
        for piece in bytes.chunks(piece) {
            opaque.push(piece, &mut |found| text.extend_from_slice(found));
        }
        opaque.end(&mut |found| text.extend_from_slice(found));
        text
    }

    #[test]
    fn text_is_found_in_noise_however_it_comes() {
        let noise: Vec<u8> = (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let table = b"name,card\nalice,4539578763621486\n".repeat(200);
        for (bytes, found) in [
            (noise.clone(), false),
            ([&b"GIF89a"[..], &table].concat(), true),
            ([&noise[..], &table, &noise].concat(), true),
            ([&noise[..], &table[..WINDOW + 300]].concat(), true),
            (b"GIF89a and nothing more".to_vec(), false),
        ] {
            let whole = read(&bytes, usize::MAX);
            assert_eq!(!whole.is_empty(), found);
            for piece in [1, 700, 1024, 3000] {
                assert_eq!(read(&bytes, piece), whole, "in pieces of {piece}");
            }
            if found {
                let rows = whole.windows(33).filter(|row| table.starts_with(row)).count();
                assert!(rows >= bytes.windows(33).filter(|row| table.starts_with(row)).count());
            }
        }
    }
}
