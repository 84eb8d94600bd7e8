//! OpenDocument (ISO/IEC 26300): text documents, spreadsheets, presentations, drawings.
//!
//! Owns: content, page headers and footers, properties; embedded files as inner objects. Never does: decryption.

use super::package::Package;
use super::text::Text;
use super::xml::{Element, Node};
use crate::Output;
use egret_model::ObjectState;

/// Reads a document. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let package = Package::open(data);
    let mut text = Text::new(output);
    if is_encrypted(&package, &mut text) {
        text.output().degrade(ObjectState::Encrypted, data.len() as u64);
        return;
    }
    for part in ["content.xml", "styles.xml", "meta.xml"] {
        for (index, name) in package.names().filter(|(_, name)| base_name(name) == part) {
            let mut part = Part::new(name);
            package.read(index, &mut text, &mut |node, text| part.visit(&node, text));
            text.line();
        }
    }
    for (index, _) in package.names().filter(|(_, name)| !is_markup(name)) {
        package.unpack(index, &mut text);
    }
    package.report(data.len(), text.output());
    text.finish(data.len());
}

fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// Parts that are the document itself, or only how it looks.
fn is_markup(name: &str) -> bool {
    matches!(
        base_name(name),
        "content.xml"
            | "styles.xml"
            | "meta.xml"
            | "settings.xml"
            | "manifest.xml"
            | "manifest.rdf"
            | "mimetype"
    ) || name.starts_with("Configurations2/")
        || name.starts_with("Thumbnails/")
}

/// The manifest says which members are encrypted (part 2 section 3.4.1); in practice all or none.
fn is_encrypted(package: &Package<'_>, text: &mut Text<'_>) -> bool {
    let mut found = false;
    if let Some((index, _)) = package.names().find(|(_, name)| *name == "META-INF/manifest.xml") {
        package.read(index, text, &mut |node, _| {
            found |= matches!(node, Node::Start(element) if element.name() == "encryption-data");
        });
    }
    found
}

/// Where in a part the reader stands.
struct Part {
    /// Within `office:meta`: elements are properties.
    in_meta: bool,
    /// Within what is shown. In `styles.xml` only the master pages are.
    in_master: bool,
    /// Open table cells.
    cells: usize,
    /// Name of the open property.
    name: Option<String>,
    value: String,
}

impl Part {
    fn new(name: &str) -> Self {
        let in_master = base_name(name) != "styles.xml";
        Self { in_meta: false, in_master, cells: 0, name: None, value: String::new() }
    }

    fn visit(&mut self, node: &Node<'_>, text: &mut Text<'_>) {
        match node {
            Node::Start(element) => self.start(element, text),
            Node::Text(piece) if self.in_meta => self.value.push_str(piece),
            Node::Text(piece) if self.in_master => {
                // White space between elements is layout of the file.
                if !piece.trim().is_empty() || !piece.contains('\n') {
                    text.push(piece);
                }
            }
            Node::Text(_) => {}
            Node::End(name) => self.end(name, text),
        }
    }

    fn start(&mut self, element: &Element<'_>, text: &mut Text<'_>) {
        match element.name() {
            "meta" => self.in_meta = true,
            "master-styles" => self.in_master = true,
            _ if self.in_meta => {
                self.value.clear();
                self.name = Some(element.attribute("name").unwrap_or_else(|| element.name().to_owned()));
            }
            _ if !self.in_master => {}
            "table-cell" | "covered-table-cell" => self.cells = self.cells.saturating_add(1),
            "s" => text.space(),
            "tab" => text.cell(),
            "line-break" => text.line(),
            "table" | "page" => {
                text.line();
                text.push(&element.attribute("name").unwrap_or_default());
                text.line();
            }
            // The target of a link.
            "a" => {
                if let Some(target) = element.attribute("href") {
                    text.space();
                    text.push(&target);
                    text.space();
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: &str, text: &mut Text<'_>) {
        match name {
            "meta" => self.in_meta = false,
            "master-styles" => self.in_master = false,
            _ if self.in_meta => {
                if let Some(name) = self.name.take() {
                    text.property(&name, &self.value);
                }
            }
            "table-cell" | "covered-table-cell" if self.in_master => {
                self.cells = self.cells.saturating_sub(1);
                text.cell();
            }
            // The cells of a row stay on one line.
            "p" | "h" if self.cells > 0 => text.space(),
            "p" | "h" | "table-row" | "title" | "desc" if self.in_master => text.line(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
