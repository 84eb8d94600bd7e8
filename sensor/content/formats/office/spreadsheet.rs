//! SpreadsheetML: sheets in the order of the workbook, rows as lines, cells separated by tabs.
//!
//! Owns: shared strings, cached values, the names of sheets. Never does: calculation; a formula is shown where it has no
//! cached value.

use crate::formats::package::Package;
use crate::formats::text::Text;
use crate::formats::xml::{Element, Node};
use std::collections::BTreeSet;

mod binary;
mod numbers;
mod records;

pub(super) use binary::read as read_binary;
use numbers::{NumberFormats, shown};

/// Reads workbook and sheets. Returns the indexes of the parts it read; the rest of the package is the caller's.
pub(super) fn read(package: &Package<'_>, text: &mut Text<'_>) -> BTreeSet<usize> {
    if let Some(done) = records::read(package, text) {
        return done;
    }
    let mut done = BTreeSet::new();
    let indexes = package.indexes();
    let find = |name: &str| indexes.get(&name.to_ascii_lowercase()).copied();
    let mut book = Workbook::default();
    if let Some(index) = find("xl/workbook.xml") {
        done.insert(index);
        book.read(package, index, text);
    }
    if let Some(index) = find("xl/styles.xml") {
        book.formats.read(package, index, text);
    }
    if let Some(index) = find("xl/sharedStrings.xml") {
        done.insert(index);
        book.strings.read(package, index, text);
    }
    let relationships =
        find("xl/_rels/workbook.xml.rels").map(|index| package.relationships(index, "xl", text));
    let relationships = relationships.unwrap_or_default();
    let named =
        book.sheets.iter().filter_map(|(name, id)| Some((name.as_str(), find(relationships.get(id)?)?)));
    // Sheets that the workbook does not name, or whose workbook is lost, are read all the same.
    let all = package.names().filter(|(_, name)| is_sheet(name)).map(|(index, _)| ("", index));
    let mut has_sheets = false;
    for (name, index) in named.chain(all) {
        if done.insert(index) {
            has_sheets = true;
            text.line();
            text.push(name);
            text.line();
            book.read_sheet(package, index, text);
        }
    }
    if !has_sheets {
        // No sheet refers to the strings: they are all there is.
        book.strings.show(text);
    }
    done
}

fn is_sheet(name: &str) -> bool {
    ["xl/worksheets/", "xl/dialogsheets/", "xl/macrosheets/"].iter().any(|folder| name.starts_with(folder))
        && name.ends_with(".xml")
}

/// What sheets refer to.
#[derive(Default)]
struct Workbook {
    /// Name and relationship id of each sheet.
    sheets: Vec<(String, String)>,
    strings: SharedStrings,
    formats: NumberFormats,
    /// Days are counted from 1904 rather than 1900.
    from_1904: bool,
}

impl Workbook {
    fn read(&mut self, package: &Package<'_>, index: usize, text: &mut Text<'_>) {
        let mut in_name = false;
        package.read(index, text, &mut |node, text| match node {
            Node::Start(element) => {
                in_name = element.name() == "definedName";
                match element.name() {
                    "sheet" => {
                        if let (Some(name), Some(id)) = (element.attribute("name"), element.attribute("id")) {
                            self.sheets.push((name, id));
                        }
                    }
                    "workbookPr" => {
                        self.from_1904 = element
                            .attribute("date1904")
                            .is_some_and(|value| value == "1" || value == "true");
                    }
                    "definedName" => {
                        text.line();
                        text.push(&element.attribute("name").unwrap_or_default());
                        text.space();
                    }
                    _ => {}
                }
            }
            Node::Text(piece) if in_name => text.push(piece),
            Node::Text(_) => {}
            Node::End(_) => in_name = false,
        });
        text.line();
    }

    fn read_sheet(&self, package: &Package<'_>, index: usize, text: &mut Text<'_>) {
        let mut cell = Cell::default();
        let mut first_in_row = true;
        package.read(index, text, &mut |node, text| match node {
            Node::Start(element) => cell.start(element),
            Node::Text(piece) => cell.text(piece),
            Node::End("c") => {
                let value = cell.value(self);
                if !value.is_empty() {
                    if !first_in_row {
                        text.cell();
                    }
                    first_in_row = false;
                    text.push(&value);
                }
            }
            Node::End("row") => {
                first_in_row = true;
                text.line();
            }
            // Page headers and footers, list entries of validations.
            Node::End(name) => {
                if is_note(name) && !cell.other.is_empty() {
                    text.line();
                    text.push(&cell.other);
                    text.line();
                    cell.other.clear();
                }
                cell.place = Place::Nowhere;
            }
        });
        text.line();
    }
}

/// Elements of a sheet beside its cells whose text a reader sees.
fn is_note(name: &str) -> bool {
    matches!(
        name,
        "oddHeader" | "oddFooter" | "evenHeader" | "evenFooter" | "firstHeader" | "firstFooter" | "formula1"
    )
}

/// Where in a sheet text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Nowhere,
    Value,
    Formula,
    Note,
}

/// The cell that is being read.
#[derive(Debug, Default)]
struct Cell {
    place: Place,
    kind: Option<String>,
    style: Option<String>,
    value: String,
    formula: String,
    other: String,
}

impl Cell {
    fn start(&mut self, element: &Element<'_>) {
        self.place = match element.name() {
            "c" => {
                self.kind = element.attribute("t");
                self.style = element.attribute("s");
                self.value.clear();
                self.formula.clear();
                Place::Nowhere
            }
            "v" | "t" => Place::Value,
            "f" => Place::Formula,
            name if is_note(name) => Place::Note,
            _ => Place::Nowhere,
        };
    }

    fn text(&mut self, piece: &str) {
        match self.place {
            Place::Nowhere => {}
            Place::Value => self.value.push_str(piece),
            Place::Formula => self.formula.push_str(piece),
            Place::Note => self.other.push_str(piece),
        }
    }

    /// The value as a reader of the sheet sees it, as far as that matters: dates as dates, numbers in full.
    fn value<'a>(&'a mut self, book: &'a Workbook) -> std::borrow::Cow<'a, str> {
        self.place = Place::Nowhere;
        if self.value.is_empty() {
            return std::mem::take(&mut self.formula).into();
        }
        match self.kind.as_deref() {
            Some("s") => {
                let string = self.value.trim().parse().ok().and_then(|index| book.strings.find(index));
                string.unwrap_or_default().into()
            }
            Some("b") => if self.value.trim() == "0" { "FALSE" } else { "TRUE" }.into(),
            Some("str" | "inlineStr" | "e" | "d") => self.value.as_str().into(),
            _ => {
                let style = self.style.as_deref().and_then(|style| style.parse().ok());
                shown(&self.value, style.is_some_and(|style| book.formats.is_date(style)), book.from_1904)
                    .into()
            }
        }
    }
}

/// The strings that cells refer to by number, one after the other in one buffer.
#[derive(Default)]
struct SharedStrings {
    all: String,
    ends: Vec<usize>,
}

impl SharedStrings {
    fn read(&mut self, package: &Package<'_>, index: usize, text: &mut Text<'_>) {
        let (mut reading, mut phonetic) = (false, false);
        package.read(index, text, &mut |node, _| match node {
            Node::Start(element) => {
                // Phonetic runs (rPh) repeat the text in another script.
                phonetic |= element.name() == "rPh";
                reading = element.name() == "t" && !phonetic;
            }
            Node::Text(piece) if reading => self.all.push_str(piece),
            Node::Text(_) => {}
            Node::End(name) => {
                reading = false;
                phonetic &= name != "rPh";
                if name == "si" {
                    self.end();
                }
            }
        });
    }

    /// A string has come to its end.
    fn end(&mut self) {
        self.ends.push(self.all.len());
    }

    fn find(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.all.get(start..end)
    }

    fn show(&self, text: &mut Text<'_>) {
        for index in 0..self.ends.len() {
            text.line();
            text.push(self.find(index).unwrap_or_default());
        }
        text.line();
    }
}
