//! Spreadsheets whose parts are binary records rather than XML (xlsb; [MS-XLSB]): sheets in the order of the workbook, rows as lines,
//! cells separated by tabs.
//!
//! Owns: the records of workbook, styles, shared strings, sheets and comments. Never does: calculation; the other parts.

use super::binary::decode_rk;
use super::numbers::shown_value;
use super::{SharedStrings, Workbook};
use crate::formats::package::Package;
use crate::formats::text::Text;
use egret_model::{Cursor, ObjectState};
use std::collections::BTreeSet;
use std::io::{self, BufReader, Read};

/// Longest record that is read, bytes; a longer one is passed over and told. Cells hold 32,767 characters at most. 1 MiB.
const RECORD_BYTES: u64 = 1 << 20;

/// Records by their types ([MS-XLSB] section 2.3.2).
mod record {
    pub(super) const ROW: u16 = 0;
    /// Cells and their values, the types in which they are short of a column too.
    pub(super) const CELLS: std::ops::RangeInclusive<u16> = 1..=18;
    pub(super) const FIRST_SHORT: u16 = 12;
    pub(super) const SHARED_STRING: u16 = 19;
    pub(super) const FORMAT: u16 = 44;
    pub(super) const STYLE: u16 = 47;
    pub(super) const WORKBOOK: u16 = 153;
    pub(super) const SHEET: u16 = 156;
    pub(super) const HEADER_FOOTER: u16 = 479;
    pub(super) const LINK: u16 = 494;
    pub(super) const BEGIN_CELL_STYLES: u16 = 617;
    pub(super) const END_CELL_STYLES: u16 = 618;
    pub(super) const COMMENT: u16 = 637;
}

/// Reads workbook and sheets. Returns the indexes of the parts it read; None where the workbook is none of this kind.
pub(super) fn read(package: &Package<'_>, text: &mut Text<'_>) -> Option<BTreeSet<usize>> {
    let indexes = package.indexes();
    let find = |name: &str| indexes.get(&name.to_ascii_lowercase()).copied();
    let workbook = find("xl/workbook.bin")?;
    let mut done = BTreeSet::from([workbook]);
    let mut book = Workbook::default();
    each(package, workbook, text, &mut |kind, rest, _| book.record(kind, rest));
    if let Some(index) = find("xl/styles.bin") {
        done.insert(index);
        let mut in_cell_styles = false;
        each(package, index, text, &mut |kind, rest, _| book.style(kind, rest, &mut in_cell_styles));
    }
    if let Some(index) = find("xl/sharedStrings.bin") {
        done.insert(index);
        let strings = &mut book.strings;
        each(package, index, text, &mut |kind, rest, _| shared_string(kind, rest, strings));
    }
    let relationships =
        find("xl/_rels/workbook.bin.rels").map(|index| package.relationships(index, "xl", text));
    let relationships = relationships.unwrap_or_default();
    let named =
        book.sheets.iter().filter_map(|(name, id)| Some((name.as_str(), find(relationships.get(id)?)?)));
    let is_more = |name: &str| {
        let is_comments = name.strip_prefix("xl/comments").is_some_and(|number| number.ends_with(".bin"));
        name.starts_with("xl/worksheets/sheet") && name.ends_with(".bin") || is_comments
    };
    let more = package.names().filter(|(_, name)| is_more(name)).map(|(index, _)| ("", index));
    let mut has_sheets = false;
    for (name, index) in named.chain(more) {
        if done.insert(index) {
            has_sheets = true;
            text.line();
            text.push(name);
            text.line();
            let mut first_in_row = true;
            each(package, index, text, &mut |kind, rest, text| {
                book.cell(kind, rest, &mut first_in_row, text)
            });
            text.line();
        }
    }
    if !has_sheets {
        // No sheet refers to the strings: they are all there is.
        book.strings.show(text);
    }
    Some(done)
}

/// Shows the records of a part to `take`. One that is shorter than what it should hold leaves the part partial.
fn each(
    package: &Package<'_>,
    index: usize,
    text: &mut Text<'_>,
    take: &mut dyn FnMut(u16, &mut Cursor<'_>, &mut Text<'_>) -> Option<()>,
) {
    package.stream(index, text, &mut |content, text| {
        let mut content = BufReader::new(content);
        let mut body = Vec::new();
        let mut is_whole = true;
        while let Some(kind) = kind(&mut content)? {
            let length = length(&mut content)?;
            body.clear();
            content
                .by_ref()
                .take(length.min(RECORD_BYTES))
                .read_to_end(&mut body)
                .map_err(|error| failed(&error))?;
            let beyond = length.saturating_sub(RECORD_BYTES);
            io::copy(&mut content.by_ref().take(beyond), &mut io::sink()).map_err(|error| failed(&error))?;
            if (body.len() as u64) < length.min(RECORD_BYTES) {
                return Err(ObjectState::Partial);
            }
            is_whole &= beyond == 0 && take(kind, &mut Cursor::new(&body), text).is_some();
        }
        if is_whole { Ok(()) } else { Err(ObjectState::Partial) }
    });
}

fn byte(content: &mut dyn Read) -> Result<Option<u8>, ObjectState> {
    let mut byte = [0];
    match content.read(&mut byte) {
        Ok(0) => Ok(None),
        Ok(_) => Ok(Some(byte[0])),
        Err(error) => Err(failed(&error)),
    }
}

/// What becomes of a part that ends so.
fn failed(error: &io::Error) -> ObjectState {
    match error.kind() {
        io::ErrorKind::QuotaExceeded => ObjectState::OverLimit,
        io::ErrorKind::UnexpectedEof => ObjectState::Partial,
        _ => ObjectState::Malformed,
    }
}

/// The type of the next record: seven bits a byte, two bytes at most (section 2.1.4). None: there is no more.
fn kind(content: &mut dyn Read) -> Result<Option<u16>, ObjectState> {
    let Some(low) = byte(content)? else { return Ok(None) };
    if low < 0x80 {
        return Ok(Some(low.into()));
    }
    let high = byte(content)?.ok_or(ObjectState::Partial)?;
    Ok(Some(u16::from(low & 0x7f) | u16::from(high & 0x7f) << 7))
}

/// Its length: seven bits a byte, four bytes at most.
fn length(content: &mut dyn Read) -> Result<u64, ObjectState> {
    let mut length = 0;
    for shift in [0, 7, 14, 21] {
        let byte = byte(content)?.ok_or(ObjectState::Partial)?;
        length |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    Ok(length)
}

impl Workbook {
    fn record(&mut self, kind: u16, rest: &mut Cursor<'_>) -> Option<()> {
        match kind {
            record::WORKBOOK => self.from_1904 = rest.u32_le().ok()? & 1 == 1,
            record::SHEET => {
                rest.skip(8).ok()?;
                let id = string(rest)?;
                self.sheets.push((string(rest)?, id));
            }
            _ => {}
        }
        Some(())
    }

    fn style(&mut self, kind: u16, rest: &mut Cursor<'_>, in_cell_styles: &mut bool) -> Option<()> {
        match kind {
            record::BEGIN_CELL_STYLES => *in_cell_styles = true,
            record::END_CELL_STYLES => *in_cell_styles = false,
            record::FORMAT => {
                let format = rest.u16_le().ok()?;
                self.formats.define(format.into(), &string(rest)?);
            }
            record::STYLE if *in_cell_styles => {
                rest.skip(2).ok()?;
                self.formats.add_style(rest.u16_le().ok()?.into());
            }
            _ => {}
        }
        Some(())
    }

    fn cell(
        &self,
        kind: u16,
        rest: &mut Cursor<'_>,
        first_in_row: &mut bool,
        text: &mut Text<'_>,
    ) -> Option<()> {
        let value = match kind {
            record::ROW => {
                *first_in_row = true;
                text.line();
                return Some(());
            }
            kind if record::CELLS.contains(&kind) => self.value(kind, rest)?,
            record::HEADER_FOOTER => {
                rest.skip(2).ok()?;
                return notes(rest, 6, text);
            }
            record::LINK => {
                // The cells, and the relationship that leads elsewhere, which is read as such.
                rest.skip(16).ok()?;
                string(rest)?;
                return notes(rest, 3, text);
            }
            record::COMMENT => {
                rest.skip(1).ok()?;
                return notes(rest, 1, text);
            }
            _ => return Some(()),
        };
        if !value.is_empty() {
            if !std::mem::take(first_in_row) {
                text.cell();
            }
            text.push(&value);
        }
        Some(())
    }

    /// What stands in a cell; nothing in a blank or wrong one.
    fn value(&self, kind: u16, rest: &mut Cursor<'_>) -> Option<String> {
        let is_short = kind >= record::FIRST_SHORT;
        if !is_short {
            // The column.
            rest.skip(4).ok()?;
        }
        let style = rest.u32_le().ok()? & 0x00ff_ffff;
        let date = self.formats.is_date(usize::try_from(style).ok()?);
        let number = |value| shown_value(value, date, self.from_1904);
        // By value: a cell with a column, a formula's, a cell without one.
        Some(match kind {
            2 | 13 => number(decode_rk(rest.u32_le().ok()?)),
            4 | 10 | 15 => if rest.u8().ok()? == 0 { "FALSE" } else { "TRUE" }.to_owned(),
            5 | 9 | 16 => number(f64::from_bits(rest.u64_le().ok()?)),
            6 | 8 | 17 => string(rest)?,
            7 | 18 => self.strings.find(rest.u32_le().ok()? as usize).unwrap_or_default().to_owned(),
            _ => String::new(),
        })
    }
}

fn shared_string(kind: u16, rest: &mut Cursor<'_>, strings: &mut SharedStrings) -> Option<()> {
    if kind == record::SHARED_STRING {
        rest.skip(1).ok()?;
        let string = string(rest);
        strings.all.push_str(string.as_deref().unwrap_or_default());
        strings.end();
        string?;
    }
    Some(())
}

/// Several strings that are shown, a line each.
fn notes(rest: &mut Cursor<'_>, count: usize, text: &mut Text<'_>) -> Option<()> {
    for _ in 0..count {
        let note = string(rest)?;
        text.line();
        text.push(&note);
        text.line();
    }
    Some(())
}

/// A string with its count of UTF-16 units before it (section 2.5.168); none at all is empty.
fn string(rest: &mut Cursor<'_>) -> Option<String> {
    let count = rest.u32_le().ok()?;
    if count == u32::MAX {
        return Some(String::new());
    }
    let bytes = rest.take(usize::try_from(count).ok()?.checked_mul(2)?).ok()?;
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair));
    Some(
        char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect(),
    )
}

#[cfg(test)]
mod tests {
    use crate::formats::office::workbook;
    use crate::formats::testing::{Recording, archive};
    use egret_model::ObjectState;

    fn record(kind: u16, body: &[u8]) -> Vec<u8> {
        let kind =
            if kind < 0x80 { vec![kind as u8] } else { vec![(kind & 0x7f) as u8 | 0x80, (kind >> 7) as u8] };
        [&kind[..], &[u8::try_from(body.len()).expect("short")], body].concat()
    }

    fn string(text: &str) -> Vec<u8> {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        [&u32::try_from(units.len() / 2).expect("short").to_le_bytes()[..], &units].concat()
    }

    /// A cell of a column and a style, and its value.
    fn cell(kind: u16, style: u32, value: &[u8]) -> Vec<u8> {
        record(kind, &[&[0; 4][..], &style.to_le_bytes(), value].concat())
    }

    fn book(sheet: &[u8]) -> Vec<u8> {
        let workbook = record(156, &[&[0; 8][..], &string("rId1"), &string("Payroll")].concat());
        let styles = [
            record(44, &[&[200, 0][..], &string("yyyy-mm-dd")].concat()),
            record(617, &[0; 4]),
            record(47, &[0; 16]),
            record(47, &[&[0, 0, 200, 0][..], &[0; 12]].concat()),
            record(618, &[]),
        ];
        let strings = record(19, &[&[0][..], &string("Müller")].concat());
        let related =
            br#"<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.bin"/></Relationships>"#;
        archive(&[
            ("xl/workbook.bin", &workbook),
            ("xl/_rels/workbook.bin.rels", related),
            ("xl/styles.bin", &styles.concat()),
            ("xl/sharedStrings.bin", &strings),
            ("xl/worksheets/sheet1.bin", sheet),
        ])
    }

    #[test]
    fn cells_are_read_in_their_rows() {
        let sheet = [
            record(0, &[0; 17]),
            cell(7, 0, &0_u32.to_le_bytes()),
            cell(5, 1, &45_356_f64.to_le_bytes()),
            cell(2, 0, &(1234 << 2 | 3_u32).to_le_bytes()),
            record(0, &[0; 17]),
            cell(6, 0, &string("DE89370400440532013000")),
            cell(10, 0, &[1]),
            cell(3, 0, &[7]),
            record(16, &[&[0; 4][..], &0.5_f64.to_le_bytes()].concat()),
            record(637, &[&[0][..], &string("a comment")].concat()),
        ];
        let recording = Recording::of(workbook, &book(&sheet.concat()));
        assert_eq!(
            recording.text,
            "Payroll\nMüller\t2024-03-05\t12.34\nDE89370400440532013000\tTRUE\t0.5\na comment\n"
        );
        assert_eq!(recording.degraded, []);
    }

    #[test]
    fn strings_without_a_sheet_are_shown() {
        let strings = record(19, &[&[0][..], &string("Müller")].concat());
        let lost = archive(&[("xl/workbook.bin", &[]), ("xl/sharedStrings.bin", &strings)]);
        assert!(Recording::of(workbook, &lost).text.contains("Müller"));
    }

    #[test]
    fn a_record_that_lies_leaves_the_others() {
        let sheet = [record(5, &[0; 5]), cell(6, 0, &string("kept")), vec![7, 99, 0]].concat();
        let recording = Recording::of(workbook, &book(&sheet));
        assert_eq!(recording.text, "Payroll\nkept\n");
        assert_eq!(recording.degraded.first().map(|(state, _)| *state), Some(ObjectState::Partial));
    }
}
