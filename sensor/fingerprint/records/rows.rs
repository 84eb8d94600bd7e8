//! Rows of a table as text: comma-separated values and their relatives.
//!
//! Owns: the delimiter, the header, character sets. Never does: types of columns.

use crate::IndexError;
use std::io::{BufRead, Read};

/// Delimiters that are tried.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Columns of one table.
pub(crate) const COLUMNS: usize = 64;

/// Reads a table with a header line.
///
/// ```
/// use egret_fingerprint::records::Rows;
/// let mut rows = Rows::open("name;ssn\n\"Lee; A.\";536-90-4399\n".as_bytes()).unwrap();
/// assert_eq!(rows.header(), ["name", "ssn"]);
/// assert_eq!(rows.next().unwrap().unwrap(), ["Lee; A.", "536-90-4399"]);
/// ```
pub struct Rows<R> {
    reader: csv::Reader<R>,
    header: Vec<String>,
    record: csv::ByteRecord,
    cells: Vec<String>,
}

impl<R: BufRead> Rows<R> {
    /// Reads the header; the delimiter is the one that it has most of.
    pub fn open(mut input: R) -> Result<Self, IndexError> {
        let start = input.fill_buf()?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(IndexError::Table("UTF-16 is not read; save the table as UTF-8".into()));
        }
        let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let count = |delimiter: &u8| line.iter().filter(|byte| *byte == delimiter).count();
        let delimiter = DELIMITERS.into_iter().rev().max_by_key(count).unwrap_or(b',');
        let marked = start.starts_with(&[0xef, 0xbb, 0xbf]);
        if marked {
            input.consume(3);
        }
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(input);
        let header: Vec<String> = reader
            .byte_headers()
            .map_err(|error| table(&error))?
            .iter()
            .map(|name| decoded(name).trim().to_owned())
            .collect();
        if header.iter().all(String::is_empty) {
            return Err(IndexError::Table("the first line must name the columns".into()));
        }
        if header.len() > COLUMNS {
            return Err(IndexError::TooLarge(
                "more than 64 columns; leave out those that need no protection",
            ));
        }
        for (at, name) in header.iter().enumerate() {
            if header.iter().take(at).any(|other| other == name) {
                return Err(IndexError::Table(format!("two columns are called `{name}`")));
            }
        }
        Ok(Self { reader, header, record: csv::ByteRecord::new(), cells: Vec::new() })
    }

    /// Names of the columns.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The cells of the next row, as many as there are columns; None at the end.
    #[expect(clippy::should_implement_trait, reason = "an iterator can't lend its cells")]
    pub fn next(&mut self) -> Option<Result<&[String], IndexError>> {
        match self.reader.read_byte_record(&mut self.record) {
            Ok(false) => None,
            Err(error) => Some(Err(table(&error))),
            Ok(true) => {
                self.cells.resize(self.header.len(), String::new());
                for (at, cell) in self.cells.iter_mut().enumerate() {
                    cell.clear();
                    let bytes = self.record.get(at).unwrap_or_default();
                    match str::from_utf8(bytes) {
                        Ok(text) => cell.push_str(text),
                        Err(_) => cell.push_str(&decoded(bytes)),
                    }
                }
                Some(Ok(&self.cells))
            }
        }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.reader.position().byte()
    }
}

impl<R: Read> std::fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({})", self.header.join(", "))
    }
}

/// UTF-8, or else what tables of older programs are written in.
fn decoded(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

fn table(error: &csv::Error) -> IndexError {
    IndexError::Table(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_and_character_sets_are_told_by_looking() {
        for (table, header, cell) in [
            (&b"a,b\n1,2\n"[..], &["a", "b"][..], "1"),
            (b"\xef\xbb\xbfa|b|c\n\"x|y\"|2\n", &["a", "b", "c"], "x|y"),
            (b"name;city\nM\xfcller;Ulm\n", &["name", "city"], "Müller"),
            (b"only\nvalue\n", &["only"], "value"),
        ] {
            let mut rows = Rows::open(table).expect("a table");
            assert_eq!(rows.header(), header);
            assert_eq!(rows.next().expect("a row").expect("well formed")[0], cell);
        }
        assert!(Rows::open(&b"\xff\xfea\0"[..]).is_err());
        assert!(Rows::open(&b"a,a\n"[..]).is_err());
        assert!(Rows::open(&b""[..]).is_err());
    }

    #[test]
    fn short_rows_are_filled_up() {
        let mut rows = Rows::open(&b"a,b\n1\n1,2,3\n"[..]).expect("a table");
        assert_eq!(rows.next().expect("a row").expect("well formed"), ["1", ""]);
        assert_eq!(rows.next().expect("a row").expect("well formed"), ["1", "2"]);
        assert!(rows.next().is_none());
    }
}
