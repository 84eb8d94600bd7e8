//! A growing array with holes that are used again.
//!
//! Owns: stable indices. Grows by chunks, so that growth neither moves entries nor doubles memory.

const CHUNK: usize = 64;

pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
    used: usize,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), used: 0 }
    }

    /// Entries in use.
    pub(crate) const fn len(&self) -> usize {
        self.used
    }

    /// Puts `value` into the slot that was freed last, or a new one, and returns its index.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        self.used += 1;
        while let Some(index) = self.free.pop() {
            if let Some(slot) = self.slot(index) {
                *slot = Some(value);
                return index;
            }
        }
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(Some(value)),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(Some(value));
                self.chunks.push(chunk);
            }
        }
        let last = self.chunks.last().map_or(0, Vec::len);
        (self.chunks.len().saturating_sub(1) * CHUNK + last.saturating_sub(1)) as u32
    }

    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.chunks.get(index as usize / CHUNK)?.get(index as usize % CHUNK)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.slot(index)?.as_mut()
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<T> {
        let value = self.slot(index)?.take()?;
        self.free.push(index);
        self.used -= 1;
        Some(value)
    }

    /// All entries with their indices, in order of index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        let slots = self.chunks.iter().enumerate().flat_map(|(chunk, slots)| {
            slots.iter().enumerate().map(move |(slot, value)| ((chunk * CHUNK + slot) as u32, value))
        });
        slots.filter_map(|(index, value)| value.as_ref().map(|value| (index, value)))
    }

    fn slot(&mut self, index: u32) -> Option<&mut Option<T>> {
        self.chunks.get_mut(index as usize / CHUNK)?.get_mut(index as usize % CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_stay_and_are_used_again() {
        let mut slab = Slab::new();
        let indices: Vec<u32> = (0..200).map(|value| slab.insert(value)).collect();
        assert_eq!(indices, (0..200).collect::<Vec<u32>>());
        assert_eq!(slab.remove(70), Some(70));
        assert_eq!(slab.remove(70), None);
        assert_eq!(slab.get(70), None);
        assert_eq!(slab.len(), 199);
        assert_eq!(slab.insert(-1), 70);
        assert_eq!(slab.insert(-2), 200);
        assert_eq!(slab.get_mut(70), Some(&mut -1));
        assert_eq!(slab.get(9_999), None);
        assert_eq!(slab.iter().filter(|(_, value)| **value < 0).count(), 2);
    }
}
