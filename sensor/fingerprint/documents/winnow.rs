//! Winnowing: which places of a folded text are compared.
//!
//! Owns: the choice, which depends on the folded text around a place alone. Never does: keyed hashing.

/// Bytes of folded text that make a print.
pub(crate) const GRAM: usize = 32;
/// Neighbouring places of which one is chosen.
pub(crate) const WINDOW: usize = 32;
/// Bytes that the local hash of a place looks at.
const LOCAL: usize = 8;

/// The state of the choice over a stream of folded text. Places are absolute.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Winnow {
    next: u64,
    least: u32,
    place: u64,
    chosen: bool,
    /// Local hashes of the last places, each at its place modulo the window.
    recent: [u32; WINDOW],
}

impl Winnow {
    /// The first place that may still be looked at; folded text before it is not needed any more.
    pub(crate) const fn oldest(&self) -> u64 {
        self.next.saturating_sub(WINDOW as u64)
    }

    /// Chooses among the places whose prints are complete. `folded` begins at the absolute place `base`.
    pub(crate) fn advance(&mut self, folded: &[u8], base: u64, sink: &mut impl FnMut(u64, &[u8])) {
        let from = usize::try_from(self.next - base).unwrap_or(usize::MAX);
        let Some(fresh) = folded.get(from..).filter(|fresh| fresh.len() >= GRAM) else { return };
        let places = fresh.len() - GRAM + 1;
        let (first, rest) = fresh.split_at(LOCAL - 1);
        // The eight bytes of a place: those of the place before, and one more.
        let mut local = first.iter().fold(0, |local, byte| shifted(local, *byte));
        for byte in rest.iter().take(places) {
            local = shifted(local, *byte);
            let hash = (local.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
            let at = self.next;
            self.next += 1;
            self.remember(at, hash);
            if at == 0 || hash < self.least {
                (self.least, self.place) = (hash, at);
                self.chosen = false;
            } else if at >= self.place + WINDOW as u64 {
                self.rescan(at);
            }
            if !self.chosen && at + 1 >= WINDOW as u64 {
                self.choose(folded, base, sink);
            }
        }
    }

    fn remember(&mut self, at: u64, hash: u32) {
        if let Some(slot) = self.recent.get_mut(at as usize % WINDOW) {
            *slot = hash;
        }
    }

    /// The text ends: one shorter than a window of places still has one.
    pub(crate) fn finish(&mut self, folded: &[u8], base: u64, sink: &mut impl FnMut(u64, &[u8])) {
        if self.next > 0 && self.next < WINDOW as u64 && !self.chosen {
            self.choose(folded, base, sink);
        }
    }

    fn choose(&mut self, folded: &[u8], base: u64, sink: &mut impl FnMut(u64, &[u8])) {
        self.chosen = true;
        let at = usize::try_from(self.place - base).unwrap_or(usize::MAX);
        if let Some(gram) = folded.get(at..at.saturating_add(GRAM)) {
            sink(self.place, gram);
        }
    }

    /// The last least place of the window that ends at `at`.
    fn rescan(&mut self, at: u64) {
        self.least = u32::MAX;
        let first = at + 1 - WINDOW as u64;
        for place in first..=at {
            let hash = self.recent.get(place as usize % WINDOW).copied().unwrap_or(u32::MAX);
            if hash <= self.least {
                (self.least, self.place) = (hash, place);
            }
        }
        self.chosen = false;
    }
}

fn shifted(local: u64, byte: u8) -> u64 {
    local >> 8 | u64::from(byte) << 56
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chosen(pieces: &[&[u8]]) -> Vec<(u64, Vec<u8>)> {
        let (mut winnow, mut held, mut base, mut all) = (Winnow::default(), Vec::new(), 0, Vec::new());
        for piece in pieces {
            held.extend_from_slice(piece);
            winnow.advance(&held, base, &mut |place, gram| all.push((place, gram.to_vec())));
            let done = usize::try_from(winnow.oldest() - base).expect("small");
            held.drain(..done);
            base += done as u64;
        }
        winnow.finish(&held, base, &mut |place, gram| all.push((place, gram.to_vec())));
        all
    }

    #[test]
    fn every_window_has_its_place() {
        let text: Vec<u8> =
            (0..5_000_u64).map(|n| b'a' + (n.wrapping_mul(0x9e37_79b9) >> 7) as u8 % 26).collect();
        let places: Vec<u64> = chosen(&[&text]).iter().map(|(place, _)| *place).collect();
        assert!(places.first().is_some_and(|first| *first < WINDOW as u64));
        assert!(places.windows(2).all(|pair| pair[0] < pair[1] && pair[1] - pair[0] <= WINDOW as u64));
        assert!((250..400).contains(&places.len()), "{}", places.len());
        assert_eq!(chosen(&[&[b'a'; 400]]).len(), 12, "a run of one letter has few");
        assert_eq!(chosen(&[&text[..GRAM]]).len(), 1);
        assert_eq!(chosen(&[&text[..GRAM - 1]]).len(), 0);
    }

    proptest! {
        #[test]
        fn a_shared_stretch_shares_a_print(seed in any::<u64>(), before in "[a-z]{0,90}", after in "[a-z]{0,90}", at in 0_usize..200) {
            let source: Vec<u8> = (0..300_u64).map(|n| b'a' + ((n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 % 26).collect();
            let shared = &source[at..at + GRAM + WINDOW - 1];
            let copy = [before.as_bytes(), shared, after.as_bytes()].concat();
            let known: Vec<Vec<u8>> = chosen(&[&source]).into_iter().map(|(_, gram)| gram).collect();
            prop_assert!(chosen(&[&copy]).iter().any(|(_, gram)| known.contains(gram)));
        }

        #[test]
        fn pieces_make_no_difference(text in "[ab]{0,200}", cuts in prop::collection::vec(0_usize..200, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.sort_unstable();
            cuts.push(bytes.len());
            let mut from = 0;
            let pieces: Vec<&[u8]> = cuts.iter().map(|cut| { let piece = &bytes[from..*cut]; from = *cut; piece }).collect();
            prop_assert_eq!(chosen(&[bytes]), chosen(&pieces));
        }
    }
}
