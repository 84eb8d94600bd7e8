//! Running text: paragraphs and tables of WordprocessingML and DrawingML, chart values, comments, text boxes.
//!
//! Owns: which elements hold text and which break it. Never does: leaving out deleted or hidden text, which leaves with the
//! document all the same.

use crate::formats::package::Package;
use crate::formats::text::Text;
use crate::formats::xml::{Element, Node};

/// Alternatives for newer and older readers that are compared, in bytes; longer ones are both shown. 1 MiB.
const ALTERNATIVE_BYTES: usize = 1 << 20;

/// Reads a part of running text.
pub(super) fn read(package: &Package<'_>, index: usize, text: &mut Text<'_>) {
    let mut words = Words::default();
    package.read(index, text, &mut |node, text| words.visit(&node, text));
    text.line();
}

/// Where in a part the reader stands.
#[derive(Default)]
struct Words {
    /// Within an element whose own text is content.
    reading: bool,
    /// Open table cells.
    cells: usize,
    /// Open `mc:Fallback` elements: they repeat for older readers what `mc:Choice` said (ECMA-376 part 3 section 7.5).
    fallbacks: usize,
    /// Letters of the choice, and of the fallback.
    choice: String,
    fallback: String,
}

impl Words {
    fn visit(&mut self, node: &Node<'_>, text: &mut Text<'_>) {
        match node {
            Node::Start(element) => match element.name() {
                "AlternateContent" if self.fallbacks == 0 => self.choice.clear(),
                "Fallback" => self.fallbacks = self.fallbacks.saturating_add(1),
                name => {
                    self.reading = holds_text(name);
                    self.cells = self.cells.saturating_add(usize::from(name == "tc"));
                    if self.fallbacks == 0 {
                        start(element, text);
                    }
                }
            },
            Node::Text(piece) if self.reading => {
                let side = if self.fallbacks == 0 { &mut self.choice } else { &mut self.fallback };
                if side.len() < ALTERNATIVE_BYTES {
                    side.push_str(piece);
                }
                if self.fallbacks == 0 {
                    text.push(piece);
                }
            }
            Node::Text(_) => {}
            Node::End("Fallback") => self.end_fallback(text),
            Node::End(name) => self.end(name, text),
        }
    }

    fn end(&mut self, name: &str, text: &mut Text<'_>) {
        self.reading = false;
        self.cells = self.cells.saturating_sub(usize::from(name == "tc"));
        match name {
            _ if self.fallbacks > 0 => {
                if matches!(name, "p" | "tr" | "tc") {
                    self.fallback.push(' ');
                }
            }
            // The cells of a row stay on one line.
            "p" if self.cells > 0 => text.space(),
            "tc" => text.cell(),
            "p" | "tr" | "text" | "title" | "sdt" | "comment" => text.line(),
            "v" | "instrText" => text.space(),
            _ => {}
        }
    }

    /// A fallback that says something else than the choice is shown too.
    fn end_fallback(&mut self, text: &mut Text<'_>) {
        self.fallbacks = self.fallbacks.saturating_sub(1);
        if self.fallbacks > 0 {
            return;
        }
        let letters = |side: &str| side.split_whitespace().collect::<String>();
        if letters(&self.choice) != letters(&self.fallback) {
            text.line();
            text.push(&self.fallback);
            text.line();
        }
        self.fallback.clear();
    }
}

/// True for elements whose own text is content: runs, deleted runs, field codes, chart values, comments.
fn holds_text(name: &str) -> bool {
    matches!(
        name,
        "t" | "delText" | "instrText" | "delInstrText" | "v" | "text" | "title" | "oddHeader" | "oddFooter"
    )
}

fn start(element: &Element<'_>, text: &mut Text<'_>) {
    let worth_seeing: &[&str] = match element.name() {
        // With a value it defines a tab stop.
        "tab" if element.attribute("val").is_some() => return,
        "tab" => return text.cell(),
        "br" | "cr" | "lastRenderedPageBreak" => return text.line(),
        "noBreakHyphen" => return text.push("-"),
        "instrText" => return text.space(),
        // Alternative texts of pictures; words drawn as a watermark; fields in one element.
        "docPr" | "cNvPr" => &["title", "descr"],
        "textpath" => &["string"],
        "fldSimple" => &["instr"],
        _ => return,
    };
    for value in worth_seeing.iter().filter_map(|name| element.attribute(name)) {
        text.space();
        text.push(&value);
        text.space();
    }
}

/// Reads a part of data: all its text, and the values of all its attributes.
pub(super) fn read_data(package: &Package<'_>, index: usize, text: &mut Text<'_>) {
    package.read(index, text, &mut |node, text| match node {
        Node::Start(element) => {
            for (_, value) in element.attributes() {
                text.space();
                text.push(value.trim());
            }
            text.space();
        }
        Node::Text(piece) => text.push(piece),
        Node::End(_) => text.space(),
    });
    text.line();
}
