//! Building an index from rows, and changing one without the rows that it was built from.
//!
//! Owns: hashing of rows, the chains of rows with one value. Never does: reading of tables.
//!
//! Memory: sixteen bytes a cell that leads to its row while it is built, beside the index.

use super::{
    column::Column,
    index::{CHAIN, Description, LEADING_LENGTH, RecordIndex},
    kind::ColumnKind,
    survey::Plan,
};
use crate::{
    IndexError, Key,
    table::{Entry, Table},
};
use std::collections::HashMap;

/// Takes rows and makes an index of them, or adds them to one.
#[derive(Debug)]
pub struct Builder {
    index: RecordIndex,
    /// For each column of the index, its place in the rows.
    places: Vec<Option<usize>>,
    /// Hashes of cells that lead to their rows; not chained yet.
    leading: Vec<Entry>,
    fresh: bool,
    form: Vec<u8>,
}

impl Builder {
    /// A builder for the table that was surveyed. `within`: characters between the cells of a record.
    #[must_use]
    pub fn new(name: &str, owner: &str, within: usize, plan: &Plan, key: &Key) -> Self {
        let within = u32::try_from(within.clamp(1, RecordIndex::widest())).unwrap_or(1);
        let columns = plan.columns.clone();
        let about = Description {
            name: name.to_owned(),
            owner: owner.to_owned(),
            rows: 0,
            removed: 0,
            within,
            columns,
        };
        let index = RecordIndex::new(about, key, Table::default(), Vec::new());
        let places = plan.places.iter().copied().map(Some).collect();
        Self { index, places, leading: Vec::new(), fresh: true, form: Vec::new() }
    }

    /// A builder that adds rows of a table with this header to an index.
    pub fn add(index: RecordIndex, header: &[String]) -> Result<Self, IndexError> {
        let places = places(&index, header);
        if let Some((column, _)) = index.about.columns.iter().zip(&places).find(|(_, place)| place.is_none())
        {
            return Err(IndexError::Table(format!("the table lacks the column `{}`", column.name)));
        }
        Ok(Self { index, places, leading: Vec::new(), fresh: false, form: Vec::new() })
    }

    /// The next row.
    pub fn row(&mut self, cells: &[String]) -> Result<(), IndexError> {
        let mut hashes = Vec::with_capacity(self.places.len());
        let mut leads = Vec::with_capacity(self.places.len());
        for (column, place) in self.index.about.columns.iter_mut().zip(&self.places) {
            let cell = place.and_then(|place| cells.get(place)).map_or("", String::as_str);
            let hash = super::kind::form(column.kind, column.order, cell, &mut self.form)
                .then(|| self.index.hashers.value.bytes(&self.form));
            let length = self.form.len() - 1;
            if hash.is_some() && column.kind == ColumnKind::Number {
                column.lengths |= super::code::length_bit(length);
                if self.form.get(1).is_some_and(u8::is_ascii_alphabetic) {
                    column.lengths |= super::code::LETTERS_FIRST;
                }
            }
            let is_long = column.kind != ColumnKind::Number || length >= LEADING_LENGTH;
            leads.extend(hash.filter(|_| column.leads() && is_long));
            column.filled += u64::from(hash.is_some() && !self.fresh);
            hashes.push(hash);
        }
        if hashes.iter().all(Option::is_none) {
            return Ok(());
        }
        let row = self.index.push_row(&hashes)?;
        leads.sort_unstable();
        leads.dedup();
        self.leading.extend(leads.into_iter().map(|hash| Entry { hash, number: row }));
        Ok(())
    }

    /// The index. Values that more rows share than it follows are told, as how many rows are not found by them.
    pub fn finish(mut self) -> Result<(RecordIndex, u64), IndexError> {
        let mut leading = std::mem::take(&mut self.leading);
        leading.sort_unstable();
        // How long the chains are that the index has already.
        let mut known: HashMap<u64, u64> = HashMap::new();
        let (mut hash, mut place, mut beyond) = (None, 0, 0);
        let hashers = self.index.hashers;
        for entry in &mut leading {
            if hash != Some(entry.hash) {
                hash = Some(entry.hash);
                place = if self.fresh { 0 } else { self.index.rows(entry.hash).count() as u64 };
                if place > 0 {
                    known.insert(entry.hash, place);
                }
            }
            if place < CHAIN {
                entry.hash = hashers.chained(entry.hash, place);
            } else {
                beyond += 1;
                // Marked to be dropped: no row has this number.
                entry.number = u32::MAX;
            }
            place += 1;
        }
        leading.retain(|entry| entry.number != u32::MAX);
        self.index.extend(leading)?;
        Ok((self.index, beyond))
    }
}

impl RecordIndex {
    /// Removes the records that are described by rows of a table with this header. Each row names a record by the columns that it
    /// has, of which at least one must not be too common. `(removed, rows that named no record)`.
    pub fn remove_rows<R: std::io::BufRead>(
        &mut self,
        rows: &mut super::Rows<R>,
    ) -> Result<(u64, u64), IndexError> {
        let places = places(self, rows.header());
        let can_lead = |(column, place): (&Column, &Option<usize>)| place.is_some() && column.leads();
        if !self.about.columns.iter().zip(&places).any(can_lead) {
            let leading: Vec<&str> = self
                .about
                .columns
                .iter()
                .filter(|column| column.leads())
                .map(|column| column.name.as_str())
                .collect();
            let message = format!(
                "no column of the table tells which record is meant; give one of {}",
                leading.join(", ")
            );
            return Err(IndexError::Table(message));
        }
        let (mut removed, mut unknown) = (0, 0);
        let mut form = Vec::new();
        while let Some(cells) = rows.next() {
            let hashes = self.hashes(cells?, &places, &mut form);
            match self.remove(&hashes) {
                0 => unknown += 1,
                count => removed += u64::from(count),
            }
        }
        Ok((removed, unknown))
    }
}

/// Where the columns of an index stand in a table.
fn places(index: &RecordIndex, header: &[String]) -> Vec<Option<usize>> {
    let place = |column: &Column| header.iter().position(|name| *name == column.name);
    index.about.columns.iter().map(place).collect()
}
