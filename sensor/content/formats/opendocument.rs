//! OpenDocument (ISO/IEC 26300): text documents, spreadsheets, presentations, drawings.
//!
//! Owns: content, page headers and footers, properties; embedded files as inner objects. Never does: decryption.

use super::text::Text;
use super::xml::{self, Element, Node};
use super::zip::{self, Archive, Member};
use crate::Output;
use egret_model::ObjectState;

/// Reads a document. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let archive = Archive::read(data);
    let mut text = Text::new(output);
    if is_encrypted(&archive) {
        text.output().degrade(ObjectState::Encrypted, data.len() as u64);
        return;
    }
    for part in ["content.xml", "styles.xml", "meta.xml"] {
        for member in archive.members.iter().filter(|member| base_name(member) == part) {
            read_part(member, &mut text);
        }
    }
    for member in &archive.members {
        if !member.is_folder() && !is_markup(member) {
            zip::unpack(member, text.output());
        }
    }
    archive.report(data.len(), text.output());
    text.finish(data.len());
}

fn base_name<'a>(member: &'a Member<'_>) -> &'a str {
    member.name.rsplit('/').next().unwrap_or_default()
}

/// Parts that are the document itself, or only how it looks.
fn is_markup(member: &Member<'_>) -> bool {
    matches!(
        base_name(member),
        "content.xml"
            | "styles.xml"
            | "meta.xml"
            | "settings.xml"
            | "manifest.xml"
            | "manifest.rdf"
            | "mimetype"
    ) || member.name.starts_with("Configurations2/")
        || member.name.starts_with("Thumbnails/")
}

/// The manifest says which members are encrypted (part 2 section 3.4.1); in practice all or none.
fn is_encrypted(archive: &Archive<'_>) -> bool {
    let Some(manifest) = archive.members.iter().find(|member| member.name == "META-INF/manifest.xml") else {
        return false;
    };
    let Ok(content) = manifest.content() else { return manifest.encrypted };
    let mut found = false;
    // A manifest that cannot be read to its end says what it said until there.
    let _ = xml::read(content, &mut |node| {
        found |= matches!(node, Node::Start(element) if element.name() == "encryption-data");
    });
    found
}

fn read_part(member: &Member<'_>, text: &mut Text<'_>) {
    let is_styles = base_name(member) == "styles.xml";
    let mut part = Part { in_meta: false, in_master: !is_styles, cells: 0, name: None, value: String::new() };
    let result = member.content().and_then(|content| xml::read(content, &mut |node| part.visit(&node, text)));
    text.line();
    if let Err(state) = result {
        let state = if member.is_truncated() { ObjectState::Partial } else { state };
        text.output().degrade(state, member.data.len() as u64);
    }
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
