//! The index of a set of records: what it holds, how it is written and read.
//!
//! Owns: the sections of its file, look-ups, removal of rows. Never does: searching of text.

use super::column::Column;
use super::kind;
use crate::{
    IndexError, Key, KeyId,
    container::{self, Kind, Parts, u32_at},
    key::Hasher,
    table::{Entry, Table},
};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// Rows that one value may lead to; further ones are not found by it.
pub(crate) const CHAIN: u64 = 256;
/// Shortest number that leads to a row, characters.
pub(crate) const LEADING_LENGTH: usize = 4;
/// Widest distance between the cells of a record, characters.
const WITHIN: u32 = 1_000;

/// What an index says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) rows: u32,
    pub(crate) removed: u32,
    pub(crate) within: u32,
    pub(crate) columns: Vec<Column>,
}

/// The hash functions of a key, each with its purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashers {
    /// Of values.
    pub(crate) value: Hasher,
    /// Of the second and later rows with one value.
    chain: Hasher,
    /// Masks of cells.
    mask: Hasher,
    /// What the hash of an empty or removed cell is.
    empty: u64,
}

impl Hashers {
    pub(crate) fn new(key: &Key) -> Self {
        let value = key.hasher(b"record value");
        let empty = value.bytes(b"");
        Self { value, chain: key.hasher(b"record chain"), mask: key.hasher(b"record cell"), empty }
    }

    /// Under which hash the `place`-th row with a value stands.
    pub(crate) fn chained(&self, hash: u64, place: u64) -> u64 {
        if place == 0 { hash } else { self.chain.pair(hash, place) }
    }

    /// What stands in the cell of a row for a value. Equal values in two cells can't be told to be equal.
    fn masked(&self, row: u32, column: usize, hash: u64) -> u32 {
        hash as u32 ^ self.mask.pair(u64::from(row), column as u64) as u32
    }
}

/// An index of records, ready for look-ups. Its memory is about the size of its file.
#[derive(Clone, Debug)]
pub struct RecordIndex {
    pub(crate) about: Description,
    pub(crate) hashers: Hashers,
    pub(crate) table: Table,
    pub(crate) cells: Vec<u8>,
    key: KeyId,
}

impl RecordIndex {
    pub(crate) fn new(about: Description, key: &Key, table: Table, cells: Vec<u8>) -> Self {
        Self { about, hashers: Hashers::new(key), table, cells, key: key.id() }
    }

    /// Reads an index of `length` bytes that was built with one of `keys`.
    pub fn read(input: &mut dyn Read, length: u64, keys: &[Key]) -> Result<Self, IndexError> {
        let (Parts { about, table, targets: cells }, key) =
            container::open::<Description>(input, length, Kind::Records, keys)?;
        let expected = (about.rows as usize).checked_mul(about.columns.len()).and_then(|n| n.checked_mul(4));
        let fits = expected == Some(cells.len())
            && (1..=super::rows::COLUMNS).contains(&about.columns.len())
            && (1..=WITHIN).contains(&about.within);
        if !fits {
            return Err(IndexError::Damaged("the sizes of its parts"));
        }
        Ok(Self { about, hashers: Hashers::new(key), table, cells, key: key.id() })
    }

    /// Writes the index; the same records and key give the same bytes.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), IndexError> {
        container::save(out, Kind::Records, self.key, &self.about, &self.table, &self.cells)
    }

    /// Its name: what signatures call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Who answers for it, or empty.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.about.owner
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.about.columns
    }

    /// Records in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        (self.about.rows - self.about.removed) as usize
    }

    /// True when every record was removed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Distance within which cells belong together, characters.
    #[must_use]
    pub const fn within(&self) -> usize {
        self.about.within as usize
    }

    /// Bytes that it takes, in memory as on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.cells.len() + self.table.sections().iter().map(|section| section.len()).sum::<usize>()
    }

    /// Widest distance that an index may have, characters.
    #[must_use]
    pub const fn widest() -> usize {
        WITHIN as usize
    }

    /// The rows that a value leads to.
    pub(crate) fn rows(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        (0..CHAIN).map_while(move |place| self.table.find(self.hashers.chained(hash, place)))
    }

    /// The lower half of the hash of what stands in a cell.
    pub(crate) fn cell(&self, row: u32, column: usize) -> Option<u32> {
        let place = (row as usize).checked_mul(self.about.columns.len())?.checked_add(column)?;
        Some(u32_at(&self.cells, place)? ^ self.hashers.mask.pair(u64::from(row), column as u64) as u32)
    }

    /// Adds a row of cells, given as hashes; the row's number.
    pub(crate) fn push_row(&mut self, hashes: &[Option<u64>]) -> Result<u32, IndexError> {
        let row = self.about.rows;
        self.about.rows = row.checked_add(1).ok_or(IndexError::TooLarge("too many rows"))?;
        for (column, hash) in hashes.iter().enumerate() {
            let cell = self.hashers.masked(row, column, hash.unwrap_or(self.hashers.empty));
            self.cells.extend_from_slice(&cell.to_le_bytes());
        }
        Ok(row)
    }

    /// The hashes of a row's cells, and whether each leads to the row. `places`: where the index's columns stand among the
    /// cells.
    pub(crate) fn hashes(
        &self,
        cells: &[String],
        places: &[Option<usize>],
        form: &mut Vec<u8>,
    ) -> Vec<Option<u64>> {
        let hash = |(column, place): (&Column, &Option<usize>)| {
            let cell = cells.get((*place)?)?;
            kind::form(column.kind, column.order, cell, form).then(|| self.hashers.value.bytes(form))
        };
        self.about.columns.iter().zip(places).map(hash).collect()
    }

    /// Removes the rows that hold the given cells; None for an empty place, whatever it held. How many there were.
    pub(crate) fn remove(&mut self, hashes: &[Option<u64>]) -> u32 {
        let leads = |(column, hash): (&Column, &Option<u64>)| hash.filter(|_| column.leads());
        let candidates: Vec<u32> = self
            .about
            .columns
            .iter()
            .zip(hashes)
            .filter_map(leads)
            .map(|hash| self.rows(hash).collect::<Vec<u32>>())
            .filter(|rows| !rows.is_empty())
            .min_by_key(Vec::len)
            .unwrap_or_default();
        let mut removed = 0;
        for row in candidates {
            let holds = |(column, hash): (usize, &Option<u64>)| {
                hash.is_none_or(|hash| self.cell(row, column) == Some(hash as u32))
            };
            if !hashes.iter().enumerate().all(holds) {
                continue;
            }
            for column in 0..self.about.columns.len() {
                let at = (row as usize * self.about.columns.len() + column) * 4;
                let empty = self.hashers.masked(row, column, self.hashers.empty).to_le_bytes();
                if let Some(cell) = self.cells.get_mut(at..at + 4) {
                    cell.copy_from_slice(&empty);
                }
            }
            removed += 1;
        }
        self.about.removed += removed;
        removed
    }

    /// Takes entries into the table, beside those that it has.
    pub(crate) fn extend(&mut self, mut entries: Vec<Entry>) -> Result<(), IndexError> {
        entries.extend(self.table.entries());
        self.table = Table::build(entries)?;
        Ok(())
    }
}
