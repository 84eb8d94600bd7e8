//! Spreadsheets as they were before packages (xls; BIFF5 of [Excel 5 and 95], BIFF8 of [MS-XLS]): sheets in their order, rows as lines,
//! cells separated by tabs.
//!
//! Owns: the records of a workbook's stream. Never does: calculation, pictures, macros; decryption.

use super::SharedStrings;
use super::numbers::{NumberFormats, shown_value};
use crate::formats::ole::show_runs;
use crate::formats::rtf::by_code_page;
use crate::formats::text::Text;
use egret_model::{Cursor, ObjectState, Truncated};
use encoding_rs::{Encoding, WINDOWS_1252};
use std::collections::BTreeMap;

/// Records by their types ([MS-XLS] section 2.3.2).
mod record {
    pub(super) const FORMULA: u16 = 0x0006;
    pub(super) const END: u16 = 0x000a;
    pub(super) const HEADER: u16 = 0x0014;
    pub(super) const FOOTER: u16 = 0x0015;
    pub(super) const NAME: u16 = 0x0018;
    pub(super) const NOTE: u16 = 0x001c;
    pub(super) const DATE_1904: u16 = 0x0022;
    pub(super) const FILE_PASS: u16 = 0x002f;
    pub(super) const CONTINUE: u16 = 0x003c;
    pub(super) const CODE_PAGE: u16 = 0x0042;
    pub(super) const BOUND_SHEET: u16 = 0x0085;
    pub(super) const MULTIPLE_RK: u16 = 0x00bd;
    pub(super) const RICH_STRING: u16 = 0x00d6;
    pub(super) const STYLE: u16 = 0x00e0;
    pub(super) const SHARED_STRINGS: u16 = 0x00fc;
    pub(super) const SHARED_STRING: u16 = 0x00fd;
    pub(super) const SUP_BOOK: u16 = 0x01ae;
    pub(super) const TEXT_BOX: u16 = 0x01b6;
    pub(super) const LINK: u16 = 0x01b8;
    pub(super) const VALIDATION: u16 = 0x01be;
    pub(super) const NUMBER: u16 = 0x0203;
    pub(super) const LABEL: u16 = 0x0204;
    pub(super) const BOOLEAN: u16 = 0x0205;
    pub(super) const STRING: u16 = 0x0207;
    pub(super) const RK: u16 = 0x027e;
    pub(super) const FORMAT: u16 = 0x041e;
    pub(super) const BEGIN: u16 = 0x0809;
}

/// The version of BIFF8 as the first record tells it.
const BIFF8: u16 = 0x0600;

/// Records of other types of which runs are shown, from so many bytes on: charts, connections, what programs keep beside the cells.
/// Shorter ones only say how cells look. 32.
const LONG: usize = 32;

/// Flags of a string ([MS-XLS] section 2.5.293).
const WIDE: u8 = 1;
const EXTENDED: u8 = 4;
const RICH: u8 = 8;

/// Reads the stream. None: it is no workbook.
pub(in crate::formats) fn read(data: &[u8], text: &mut Text<'_>) -> Option<ObjectState> {
    let mut records = Records { rest: Cursor::new(data) };
    if records.peek() != Some(record::BEGIN) {
        return None;
    }
    let mut book = Book {
        text,
        strings: SharedStrings::default(),
        formats: NumberFormats::default(),
        from_1904: false,
        narrow: WINDOWS_1252,
        biff8: false,
        sheets: BTreeMap::new(),
        row: None,
    };
    loop {
        let at = records.rest.position();
        let Some((kind, body)) = records.next() else { break };
        if kind == record::FILE_PASS {
            return Some(ObjectState::Encrypted);
        }
        if book.take(at, kind, body, &mut records).is_err() {
            // The record is shorter than what it says it holds; those after it may be sound.
            return Some(book.rest_of(&records));
        }
    }
    book.text.line();
    // Streams are filled up with zeros.
    let whole = records.rest.rest().iter().all(|byte| *byte == 0);
    Some(if whole { ObjectState::Inspected } else { ObjectState::Partial })
}

/// The records of a stream.
struct Records<'a> {
    rest: Cursor<'a>,
}

impl<'a> Records<'a> {
    /// The type of the next record.
    fn peek(&self) -> Option<u16> {
        self.rest.peek(2).ok().and_then(|bytes| bytes.first_chunk()).map(|bytes| u16::from_le_bytes(*bytes))
    }

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let mut rest = self.rest;
        let (kind, length) = (rest.u16_le().ok()?, rest.u16_le().ok()?);
        let body = rest.take(usize::from(length)).ok()?;
        self.rest = rest;
        Some((kind, body))
    }

    /// A record's body together with the records that continue it.
    fn continued(&mut self, body: &'a [u8]) -> Pieces<'a> {
        let mut all = vec![body];
        while self.peek() == Some(record::CONTINUE)
            && let Some((_, body)) = self.next()
        {
            all.push(body);
        }
        all.reverse();
        let piece = Cursor::new(all.pop().unwrap_or_default());
        Pieces { piece, later: all }
    }
}

/// Bytes that stand in several records.
struct Pieces<'a> {
    piece: Cursor<'a>,
    /// The last one first.
    later: Vec<&'a [u8]>,
}

impl Pieces<'_> {
    /// Goes on with the next piece where one has come to its end.
    fn fill(&mut self) -> Result<(), Truncated> {
        while self.piece.is_empty() {
            let Some(piece) = self.later.pop() else { return self.piece.u8().map(drop) };
            self.piece = Cursor::new(piece);
        }
        Ok(())
    }

    fn u8(&mut self) -> Result<u8, Truncated> {
        self.fill()?;
        self.piece.u8()
    }

    fn u16(&mut self) -> Result<u16, Truncated> {
        Ok(u16::from_le_bytes([self.u8()?, self.u8()?]))
    }

    fn u32(&mut self) -> Result<u32, Truncated> {
        Ok(u32::from(self.u16()?) | u32::from(self.u16()?) << 16)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), Truncated> {
        while count > 0 {
            self.fill()?;
            let here = count.min(self.piece.remaining());
            self.piece.skip(here)?;
            count -= here;
        }
        Ok(())
    }

    /// So many characters. A piece that continues a string tells anew whether its characters are wide.
    fn characters(&mut self, mut count: usize, mut wide: bool, to: &mut String) -> Result<(), Truncated> {
        let mut units = Vec::new();
        while count > 0 {
            if self.piece.is_empty() {
                self.fill()?;
                wide = self.piece.u8()? & WIDE != 0;
                continue;
            }
            let size = 1 + usize::from(wide);
            let here = count.min(self.piece.remaining() / size);
            if here == 0 {
                // Half a character.
                self.piece.take_rest();
                continue;
            }
            let bytes = self.piece.take(here * size)?;
            match wide {
                true => units.extend(bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair))),
                false => units.extend(bytes.iter().map(|byte| u16::from(*byte))),
            }
            count -= here;
        }
        to.extend(
            char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)),
        );
        Ok(())
    }

    /// A string with its count of characters before it, without what says how it looks and is spoken.
    fn string(&mut self, to: &mut String) -> Result<(), Truncated> {
        let count = usize::from(self.u16()?);
        let flags = self.u8()?;
        let runs = if flags & RICH != 0 { usize::from(self.u16()?) } else { 0 };
        let extension = if flags & EXTENDED != 0 { self.u32()? as usize } else { 0 };
        self.characters(count, flags & WIDE != 0, to)?;
        self.skip(runs * 4)?;
        self.skip(extension)
    }
}

/// A workbook that is being read.
struct Book<'t, 'o> {
    text: &'t mut Text<'o>,
    strings: SharedStrings,
    formats: NumberFormats,
    from_1904: bool,
    /// Of strings before BIFF8.
    narrow: &'static Encoding,
    biff8: bool,
    /// Names of sheets by the places where they begin.
    sheets: BTreeMap<u32, String>,
    /// The row of the last cell.
    row: Option<u16>,
}

impl Book<'_, '_> {
    fn take<'a>(
        &mut self,
        at: usize,
        kind: u16,
        body: &'a [u8],
        records: &mut Records<'a>,
    ) -> Result<(), Truncated> {
        let mut rest = Cursor::new(body);
        match kind {
            record::BEGIN => {
                self.biff8 = rest.u16_le()? == BIFF8;
                self.row = None;
                if let Some(name) = u32::try_from(at).ok().and_then(|at| self.sheets.remove(&at)) {
                    self.text.line();
                    self.text.push(&name);
                    self.text.line();
                }
            }
            record::END => self.text.line(),
            record::DATE_1904 => self.from_1904 = rest.u16_le()? == 1,
            record::CODE_PAGE => {
                self.narrow = by_code_page(i32::from(rest.u16_le()?)).unwrap_or(WINDOWS_1252);
            }
            record::FORMAT => {
                let number = u32::from(rest.u16_le()?);
                let code = self.string(rest.rest(), !self.biff8)?;
                self.formats.define(number, &code);
            }
            record::STYLE => {
                rest.skip(2)?;
                self.formats.add_style(u32::from(rest.u16_le()?));
            }
            record::BOUND_SHEET => {
                let place = rest.u32_le()?;
                rest.skip(2)?;
                let name = self.string(rest.rest(), true)?;
                self.sheets.insert(place, name);
            }
            record::SHARED_STRINGS => {
                let mut pieces = records.continued(body);
                pieces.skip(8)?;
                while pieces.fill().is_ok() {
                    let read = pieces.string(&mut self.strings.all);
                    self.strings.end();
                    read?;
                }
            }
            record::HEADER | record::FOOTER if !body.is_empty() => {
                let note = self.string(body, !self.biff8)?;
                self.text.line();
                self.text.push(&note);
                self.text.line();
            }
            record::TEXT_BOX => self.text_box(rest, records)?,
            record::NOTE | record::NAME | record::LINK | record::SUP_BOOK | record::VALIDATION => {
                self.text.line();
                show_runs(body, self.text);
            }
            _ => self.cell(kind, rest, records)?,
        }
        Ok(())
    }

    fn cell<'a>(
        &mut self,
        kind: u16,
        mut rest: Cursor<'a>,
        records: &mut Records<'a>,
    ) -> Result<(), Truncated> {
        match kind {
            record::SHARED_STRING => {
                let (row, _) = place(&mut rest)?;
                let index = rest.u32_le()? as usize;
                self.enter(row);
                self.text.push(self.strings.find(index).unwrap_or_default());
            }
            record::LABEL | record::RICH_STRING => {
                let (row, _) = place(&mut rest)?;
                let label = self.string(rest.rest(), false)?;
                self.show(row, &label);
            }
            record::NUMBER => {
                let (row, style) = place(&mut rest)?;
                self.number(row, style, f64::from_bits(rest.u64_le()?));
            }
            record::RK => {
                let (row, style) = place(&mut rest)?;
                self.number(row, style, decode_rk(rest.u32_le()?));
            }
            record::MULTIPLE_RK => {
                let row = rest.u16_le()?;
                rest.skip(2)?;
                while let (Ok(style), Ok(value)) = (rest.u16_le(), rest.u32_le()) {
                    self.number(row, style, decode_rk(value));
                }
            }
            record::FORMULA => {
                let (row, style) = place(&mut rest)?;
                let value = rest.u64_le()?;
                // What is no number says so in the two bytes that would be its sign and exponent.
                match (value >> 48 == 0xffff, value & 0xff) {
                    (false, _) => self.number(row, style, f64::from_bits(value)),
                    // The string follows in a record of its own.
                    (true, 0) => self.enter(row),
                    (true, 1) => self.boolean(row, value >> 16 & 0xff),
                    (true, _) => {}
                }
            }
            record::STRING => {
                let body = rest.rest();
                let mut string = String::new();
                if self.biff8 {
                    let mut pieces = records.continued(body);
                    let count = usize::from(pieces.u16()?);
                    let wide = pieces.u8()? & WIDE != 0;
                    pieces.characters(count, wide, &mut string)?;
                } else {
                    string = self.string(body, false)?;
                }
                self.text.push(&string);
            }
            record::BOOLEAN => {
                let (row, _) = place(&mut rest)?;
                let (value, is_error) = (rest.u8()?, rest.u8()?);
                if is_error == 0 {
                    self.boolean(row, u64::from(value));
                }
            }
            _ if rest.remaining() >= LONG => {
                self.text.line();
                show_runs(rest.rest(), self.text);
                self.row = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// The text of a box or a comment stands in the record after the one that announces it.
    fn text_box<'a>(&mut self, mut rest: Cursor<'a>, records: &mut Records<'a>) -> Result<(), Truncated> {
        rest.skip(10)?;
        let count = usize::from(rest.u16_le()?);
        if count == 0 || !self.biff8 {
            return Ok(());
        }
        let mut pieces = records.continued(&[]);
        let wide = pieces.u8()? & WIDE != 0;
        let mut string = String::new();
        pieces.characters(count, wide, &mut string)?;
        self.text.line();
        self.text.push(&string);
        self.text.line();
        Ok(())
    }

    /// A string in one record; its length takes one byte where it is `short`, else two.
    fn string(&self, body: &[u8], short: bool) -> Result<String, Truncated> {
        let mut rest = Cursor::new(body);
        let count = if short { usize::from(rest.u8()?) } else { usize::from(rest.u16_le()?) };
        if !self.biff8 {
            let bytes = rest.take(count)?;
            return Ok(self.narrow.decode_without_bom_handling(bytes).0.into_owned());
        }
        let wide = rest.u8()? & WIDE != 0;
        let mut string = String::new();
        Pieces { piece: rest, later: Vec::new() }.characters(count, wide, &mut string)?;
        Ok(string)
    }

    /// A cell of this row comes.
    fn enter(&mut self, row: u16) {
        match self.row == Some(row) {
            true => self.text.cell(),
            false => self.text.line(),
        }
        self.row = Some(row);
    }

    fn show(&mut self, row: u16, value: &str) {
        self.enter(row);
        self.text.push(value);
    }

    fn number(&mut self, row: u16, style: u16, value: f64) {
        let date = self.formats.is_date(usize::from(style));
        self.show(row, &shown_value(value, date, self.from_1904));
    }

    fn boolean(&mut self, row: u16, value: u64) {
        self.show(row, if value == 0 { "FALSE" } else { "TRUE" });
    }

    /// A record was not what its type says: what follows is shown as runs.
    fn rest_of(self, records: &Records<'_>) -> ObjectState {
        self.text.line();
        show_runs(records.rest.rest(), self.text);
        ObjectState::Partial
    }
}

/// Row and style of a cell.
fn place(rest: &mut Cursor<'_>) -> Result<(u16, u16), Truncated> {
    let row = rest.u16_le()?;
    rest.skip(2)?;
    Ok((row, rest.u16_le()?))
}

/// A number in four bytes ([MS-XLS] section 2.5.217): whole, or the upper bits of a float; perhaps a hundredth of it.
pub(super) fn decode_rk(rk: u32) -> f64 {
    let value =
        if rk & 2 != 0 { f64::from(rk.cast_signed() >> 2) } else { f64::from_bits(u64::from(rk & !3) << 32) };
    if rk & 1 != 0 { value / 100.0 } else { value }
}
