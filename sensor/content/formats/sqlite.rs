//! SQLite databases (sqlite.org, "Database File Format"): a line a row, columns separated by tabs.
//!
//! Owns: the pages of tables and indexes. Never does: SQL; which column is called what (the statements that made the tables are rows
//! too, and come first); putting deleted rows together again, of which what text is left is told.

use super::ole::show_runs;
use super::text::Text;
use crate::{Inner, Output};
use egret_model::{Cursor, ObjectState};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use std::collections::BTreeSet;

/// How a file begins (section 1.3.1).
pub(crate) const SIGNATURE: &[u8] = b"SQLite format 3\0";

/// Bytes before the first page's own header.
const HEADER: usize = 100;
/// Values of this many bytes and more that are no text are objects of their own: files are kept so. 128.
const OBJECT_BYTES: usize = 128;

/// Kinds of pages (section 1.6).
const INDEX_INTERIOR: u8 = 2;
const TABLE_INTERIOR: u8 = 5;
const INDEX_LEAF: u8 = 10;
const TABLE_LEAF: u8 = 13;
const KINDS: [u8; 4] = [INDEX_INTERIOR, TABLE_INTERIOR, INDEX_LEAF, TABLE_LEAF];

/// Reads a database. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut text = Text::new(output);
    match Database::new(data) {
        Some(database) => {
            let mut reading = Reading {
                database,
                text,
                left: data.len(),
                others: BTreeSet::new(),
                objects: 0,
                partial: false,
            };
            reading.read();
            text = reading.text;
        }
        None => {
            show_runs(data, &mut text);
            text.output().degrade(ObjectState::Malformed, data.len() as u64);
        }
    }
    text.finish(data.len());
}

/// The file and what its header says.
struct Database<'a> {
    data: &'a [u8],
    page_bytes: usize,
    /// Bytes of a page that the format uses: the rest is kept for others.
    usable: usize,
    encoding: &'static Encoding,
}

impl<'a> Database<'a> {
    fn new(data: &'a [u8]) -> Option<Self> {
        let mut header = Cursor::new(data);
        header.skip(16).ok()?;
        // 65,536 does not fit and is written as 1.
        let page_bytes = match header.u16_be().ok()? {
            1 => 65_536,
            size => usize::from(size),
        };
        header.skip(2).ok()?;
        let usable = page_bytes.checked_sub(usize::from(header.u8().ok()?))?;
        header.skip(35).ok()?;
        let encoding = match header.u32_be().ok()? {
            2 => UTF_16LE,
            3 => UTF_16BE,
            _ => UTF_8,
        };
        (page_bytes.is_power_of_two() && page_bytes >= 512 && usable >= 480).then_some(Self {
            data,
            page_bytes,
            usable,
            encoding,
        })
    }

    /// A page by its number from 0, or what there is of it.
    fn page(&self, number: usize) -> Option<&'a [u8]> {
        let start = number.checked_mul(self.page_bytes)?;
        let end = self.data.len().min(start.saturating_add(self.page_bytes));
        self.data.get(start..end).filter(|page| !page.is_empty())
    }

    /// Bytes of a row of `length` that stand in its page, and not in pages of their own (section 1.6).
    fn local(&self, length: usize, is_table_leaf: bool) -> usize {
        let least = (self.usable - 12) * 32 / 255 - 23;
        let most = if is_table_leaf { self.usable - 35 } else { (self.usable - 12) * 64 / 255 - 23 };
        if length <= most {
            return length;
        }
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= most { fitting } else { least }
    }
}

/// A database that is being read.
struct Reading<'a, 'o> {
    database: Database<'a>,
    text: Text<'o>,
    /// Bytes that rows may still have: together no more than the file, unless it lies about where they stand.
    left: usize,
    /// Pages that are neither of tables nor of indexes, and that no row goes on in.
    others: BTreeSet<usize>,
    objects: usize,
    partial: bool,
}

impl<'a> Reading<'a, '_> {
    fn read(&mut self) {
        let mut number = 0;
        while let Some(page) = self.database.page(number) {
            let header = if number == 0 { HEADER } else { 0 };
            if page.get(header).is_none_or(|kind| !KINDS.contains(kind)) {
                self.others.insert(number);
            }
            number += 1;
        }
        number = 0;
        while let Some(page) = self.database.page(number) {
            self.page(page, if number == 0 { HEADER } else { 0 });
            if self.text.is_full() {
                break;
            }
            number += 1;
        }
        // Free pages keep what stood in them.
        for page in std::mem::take(&mut self.others) {
            self.text.line();
            show_runs(self.database.page(page).unwrap_or_default(), &mut self.text);
        }
        if self.partial || !self.database.data.len().is_multiple_of(self.database.page_bytes) {
            self.text.output().degrade(ObjectState::Partial, 0);
        }
    }

    /// Every cell of a page whose header stands at `header`. Pages of other kinds continue rows, or are free.
    fn page(&mut self, page: &'a [u8], header: usize) {
        let mut rest = Cursor::new(page.get(header..).unwrap_or_default());
        let kind = rest.u8().unwrap_or_default();
        if !KINDS.contains(&kind) {
            return;
        }
        let freed = usize::from(rest.u16_be().unwrap_or_default());
        let cells = usize::from(rest.u16_be().unwrap_or_default());
        // 65,536 does not fit and is written as 0.
        let content = match rest.u16_be().unwrap_or_default() {
            0 => page.len(),
            content => usize::from(content),
        };
        rest.skip(if matches!(kind, INDEX_INTERIOR | TABLE_INTERIOR) { 5 } else { 1 }).ok();
        // The first of a page's cells stands last in it.
        for _ in 0..cells {
            let Ok(at) = rest.u16_be() else { break };
            let cell = page.get(usize::from(at)..).unwrap_or_default();
            if kind != TABLE_INTERIOR && self.cell(cell, kind).is_none() {
                self.partial = true;
            }
        }
        self.free(page, header + rest.position()..content, freed);
    }

    /// What is left of deleted rows in a page: between its list of cells and the cells, and in the blocks from `freed` on (section 1.6).
    fn free(&mut self, page: &[u8], between: std::ops::Range<usize>, mut freed: usize) {
        self.text.line();
        show_runs(page.get(between).unwrap_or_default(), &mut self.text);
        while let Some(block) = page.get(freed..).filter(|_| freed > 0) {
            let mut rest = Cursor::new(block);
            let (Ok(next), Ok(length)) = (rest.u16_be(), rest.u16_be()) else { break };
            show_runs(block.get(4..usize::from(length)).unwrap_or_default(), &mut self.text);
            // Blocks stand in order.
            freed = Some(usize::from(next)).filter(|next| *next > freed).unwrap_or(0);
        }
    }

    fn cell(&mut self, cell: &'a [u8], kind: u8) -> Option<()> {
        let mut rest = Cursor::new(cell);
        if kind == INDEX_INTERIOR {
            rest.skip(4).ok()?;
        }
        let length = usize::try_from(varint(&mut rest)?).ok()?;
        if kind == TABLE_LEAF {
            varint(&mut rest)?;
        }
        let local = self.database.local(length, kind == TABLE_LEAF);
        let here = rest.take(local).ok()?;
        self.left = self.left.checked_sub(here.len().max(1))?;
        if local == length {
            return self.row(here);
        }
        let mut row = here.to_vec();
        let mut next = rest.u32_be().ok()?;
        while row.len() < length && next != 0 {
            let number = usize::try_from(next).ok()? - 1;
            let page = self.database.page(number)?;
            self.others.remove(&number);
            let mut rest = Cursor::new(page.get(..self.database.usable.min(page.len()))?);
            next = rest.u32_be().ok()?;
            let piece = rest.take(rest.remaining().min(length - row.len())).ok()?;
            self.left = self.left.checked_sub(piece.len().max(1))?;
            row.extend_from_slice(piece);
        }
        self.row(&row)
    }

    /// One row (section 2.1): the types of its values, then the values.
    fn row(&mut self, row: &[u8]) -> Option<()> {
        let mut rest = Cursor::new(row);
        let header = usize::try_from(varint(&mut rest)?).ok()?;
        let mut types = Cursor::new(row.get(rest.position()..header)?);
        let mut values = Cursor::new(row.get(header..)?);
        self.text.line();
        let mut first = true;
        while !types.is_empty() {
            let kind = varint(&mut types)?;
            let length = match kind {
                0 | 8 | 9 | 10 | 11 => 0,
                1..=4 => usize::try_from(kind).ok()?,
                5 => 6,
                6 | 7 => 8,
                _ => usize::try_from((kind - 12) / 2).ok()?,
            };
            let value = values.take(length).ok()?;
            if !first {
                self.text.cell();
            }
            first = false;
            self.value(kind, value);
        }
        Some(())
    }

    fn value(&mut self, kind: u64, value: &[u8]) {
        match kind {
            1..=6 => self.text.push(&integer(value).to_string()),
            7 => {
                let bits = value.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                self.text.push(&f64::from_bits(bits).to_string());
            }
            8 => self.text.push("0"),
            9 => self.text.push("1"),
            12.. if kind % 2 == 1 => {
                self.text.push(&self.database.encoding.decode_without_bom_handling(value).0);
            }
            12.. if value.len() >= OBJECT_BYTES => {
                self.objects += 1;
                let name = format!("value-{}", self.objects);
                let output = self.text.output();
                output.begin(Inner { name, filename: None, media_type: None });
                let state = if output.data(value) { ObjectState::Inspected } else { ObjectState::OverLimit };
                output.end(state, value.len() as u64);
            }
            12.. => show_runs(value, &mut self.text),
            _ => {}
        }
    }
}

/// A whole number of one to eight bytes with a sign.
fn integer(bytes: &[u8]) -> i64 {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    bytes.iter().fold(if sign { -1 } else { 0 }, |number, byte| number << 8 | i64::from(*byte))
}

/// A number of one to nine bytes, seven bits each, eight in the ninth.
fn varint(rest: &mut Cursor<'_>) -> Option<u64> {
    let mut number = 0_u64;
    for _ in 0..8 {
        let byte = rest.u8().ok()?;
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    Some(number << 8 | u64::from(rest.u8().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    /// Written by SQLite 3.40: three rows, one of them with a value in pages of its own, an index, a table without row ids.
    const CUSTOMERS: &[u8] = include_bytes!("customers.db");

    #[test]
    fn rows_are_lines_and_large_values_objects() {
        let recording = Recording::of(read, CUSTOMERS);
        let lines: Vec<&str> = recording.text.lines().collect();
        for line in [
            "Jürgen Groß\t536-90-4399\t4539578763621486\t-1.5",
            "Ada\t536-90-4400\t-2\t",
            "a key\tand its value",
        ] {
            assert!(lines.iter().any(|known| known.contains(line)), "{line}: {}", recording.text);
        }
        assert!(lines.iter().any(|line| line.contains("CREATE TABLE customer")));
        let letter = lines.iter().find(|line| line.contains("long letter 0 ")).expect("it spans pages");
        assert!(letter.contains("long letter 999 "), "all of it");
        assert_eq!(recording.object("value-1").data, [b"%PDF-1.4 ".as_slice(), &[7; 3000]].concat());
        assert_eq!(recording.degraded, []);
    }

    #[test]
    fn what_is_left_of_a_deleted_row_is_told() {
        // Written by SQLite 3.40: of three rows the second was deleted.
        let recording = Recording::of(read, include_bytes!("deleted.db"));
        assert!(!recording.text.contains("Grace\t"), "it is no row any more");
        for ssn in ["536-90-4400", "536-90-4401", "536-90-4402"] {
            assert!(recording.text.contains(ssn), "{ssn}: {}", recording.text);
        }
    }

    #[test]
    fn a_cut_database_yields_its_pages() {
        let recording = Recording::of(read, &CUSTOMERS[..4096 + 700]);
        assert!(recording.text.contains("CREATE TABLE customer"));
        assert_eq!(recording.degraded, [(ObjectState::Partial, 0)]);
        assert_eq!(Recording::of(read, &CUSTOMERS[..40]).degraded, [(ObjectState::Malformed, 40)]);
    }

    #[test]
    fn bytes_that_changed_do_no_harm() {
        let mut state = 7_u64;
        for _ in 0..2000 {
            let mut changed = CUSTOMERS.to_vec();
            for _ in 0..6 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % changed.len();
                changed[at] = (state >> 24) as u8;
            }
            let recording = Recording::of(read, &changed);
            let inner: usize = recording.objects.iter().map(|object| object.data.len()).sum();
            assert!(inner <= changed.len(), "a file that lies yields no more than it has");
        }
    }
}
