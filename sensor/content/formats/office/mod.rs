//! Office Open XML (ECMA-376): text documents, spreadsheets, presentations.
//!
//! Owns: which part of a package is read how, and in which order. Never does: style sheets, themes and settings, which hold
//! no content of the author's.

mod properties;
mod spreadsheet;
mod words;

use super::package::Package;
use super::text::Text;
use crate::Output;
use egret_model::ObjectState;

/// Reads a text document (docx, docm, dotx). [`crate::Reader`].
pub(super) fn document(data: &[u8], output: &mut dyn Output) {
    read(data, output, |name| match name {
        "word/document.xml" => 0,
        _ if name.starts_with("word/footnotes") || name.starts_with("word/endnotes") => 1,
        _ if name.starts_with("word/header") || name.starts_with("word/footer") => 2,
        _ => 3,
    });
}

/// Reads a presentation (pptx, pptm, ppsx). [`crate::Reader`].
pub(super) fn presentation(data: &[u8], output: &mut dyn Output) {
    read(data, output, |name| match name.split('/').nth(1) {
        Some("slides") => 0,
        Some("notesSlides") => 1,
        Some("comments") => 2,
        // Classification marks often stand on the master only.
        Some("slideLayouts" | "slideMasters" | "notesMasters" | "handoutMasters") => 4,
        _ => 3,
    });
}

/// Reads a spreadsheet (xlsx, xlsm, xltx, xlsb). [`crate::Reader`].
pub(super) fn workbook(data: &[u8], output: &mut dyn Output) {
    let package = Package::open(data);
    let mut text = Text::new(output);
    let sheets = spreadsheet::read(&package, &mut text);
    rest(&package, &mut text, |index| !sheets.contains(&index));
    finish(&package, text, data);
}

/// Reads the stream of a spreadsheet as it was before packages (xls). What became of it; None: it is none.
pub(super) fn binary_workbook(data: &[u8], text: &mut Text<'_>) -> Option<ObjectState> {
    spreadsheet::read_binary(data, text)
}

/// Reads every part of a package, those of lower rank first, numbered ones in the order of their numbers.
fn read(data: &[u8], output: &mut dyn Output, rank: impl Fn(&str) -> u8) {
    let mut package = Package::open(data);
    package.order_by(rank);
    let mut text = Text::new(output);
    rest(&package, &mut text, |_| true);
    finish(&package, text, data);
}

/// Reads the parts that `wanted` names by their index, each by its role.
fn rest(package: &Package<'_>, text: &mut Text<'_>, wanted: impl Fn(usize) -> bool) {
    for (index, name) in package.names() {
        if !wanted(index) {
            continue;
        }
        match role(name) {
            Role::Words => words::read(package, index, text),
            Role::Relationships => properties::external_targets(package, index, text),
            Role::Properties => properties::read(package, index, text),
            Role::Data => words::read_data(package, index, text),
            Role::Appearance => {}
            Role::Object => package.unpack(index, text),
        }
    }
}

fn finish(package: &Package<'_>, mut text: Text<'_>, data: &[u8]) {
    package.report(data.len(), text.output());
    text.finish(data.len());
}

/// What a part is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// WordprocessingML or DrawingML: paragraphs, tables, charts, comments.
    Words,
    /// Targets of links.
    Relationships,
    /// Document properties and sensitivity labels.
    Properties,
    /// Any other XML that may hold content: all its text and values.
    Data,
    /// How things look: no content.
    Appearance,
    /// Not XML: an image, an embedded document, macros.
    Object,
}

fn role(name: &str) -> Role {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let top = name.split('/').next().unwrap_or_default();
    if file.ends_with(".rels") {
        return Role::Relationships;
    }
    if !file.ends_with(".xml") && !file.ends_with(".vml") {
        return Role::Object;
    }
    let plain = file.trim_end_matches(".xml").trim_end_matches(|c: char| c.is_ascii_digit());
    match plain {
        "[Content_Types]" | "styles" | "stylesWithEffects" | "theme" | "themeOverride" | "settings"
        | "webSettings" | "fontTable" | "numbering" | "presProps" | "viewProps" | "tableStyles" | "style"
        | "colors" | "calcChain" | "quickStyle" | "layout" => Role::Appearance,
        _ if matches!(top, "docProps" | "docMetadata") => Role::Properties,
        _ if folder.ends_with("pivotCache") || top == "customXml" => Role::Data,
        _ => Role::Words,
    }
}

#[cfg(test)]
mod tests;
