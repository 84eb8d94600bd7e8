//! Well-formed XML as the parts of office documents hold it, read as a stream.
//!
//! Owns: elements, text and entities as a reader of documents wants them. Never does: document type declarations, so that
//! nothing external is fetched and no entity expands to more than a character; XML found in the wild, which `markup` reads.

use egret_model::ObjectState;
use quick_xml::encoding::DecodingReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::io::{BufReader, Read};

/// Bytes of one part that are read; the rest is over-limit. 256 MiB.
const PART_BYTES: u64 = 256 << 20;

/// What a part consists of.
pub(super) enum Node<'a> {
    /// A start tag (an empty element is a start and an end).
    Start(&'a Element<'a>),
    /// Text between tags, entities resolved.
    Text(&'a str),
    /// The end tag of the element with this local name.
    End(&'a str),
}

/// A start tag.
pub(super) struct Element<'a> {
    tag: &'a BytesStart<'a>,
}

impl Element<'_> {
    /// Its name without the prefix. The vocabularies read here do not need prefixes to be told apart.
    pub(super) fn name(&self) -> &str {
        local(self.tag.name().0)
    }

    /// The value of the attribute with this local name.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        self.attributes().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// Local names and values of all attributes, namespace declarations left out.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (String, String)> {
        let mut attributes = self.tag.attributes();
        attributes.with_checks(false);
        attributes.flatten().filter_map(|attribute| {
            let name = attribute.key.0;
            let declares = name == "xmlns" || name.starts_with("xmlns:");
            (!declares).then(|| (local(name).to_owned(), unescaped(&attribute.value)))
        })
    }
}

/// Reads a part and shows its nodes to `visit`. The error is the state of what could not be read.
pub(super) fn read(part: impl Read, visit: &mut dyn FnMut(Node<'_>)) -> Result<(), ObjectState> {
    let capped = part.take(PART_BYTES);
    let mut reader =
        quick_xml::Reader::from_reader(DecodingReader::new(BufReader::with_capacity(32 << 10, capped)));
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).map_err(|_| ObjectState::Malformed)? {
            Event::Start(tag) => visit(Node::Start(&Element { tag: &tag })),
            Event::Empty(tag) => {
                visit(Node::Start(&Element { tag: &tag }));
                visit(Node::End(local(tag.name().0)));
            }
            Event::End(tag) => visit(Node::End(local(tag.name().0))),
            Event::Text(text) => visit(Node::Text(&text.into_inner())),
            Event::CData(text) => visit(Node::Text(&text.into_inner())),
            Event::GeneralRef(reference) => visit(Node::Text(&entity(&reference))),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    match reader.get_ref().get_ref().get_ref().limit() {
        0 => Err(ObjectState::OverLimit),
        _ => Ok(()),
    }
}

/// What a reference stands for: the predefined entities and character references (XML 1.0 sections 4.1 and 4.6); any
/// other stays as it is written.
fn entity(reference: &BytesRef<'_>) -> String {
    let name: &str = reference;
    match reference.resolve_char_ref() {
        Ok(Some(character)) => character.to_string(),
        _ => match quick_xml::escape::resolve_predefined_entity(name) {
            Some(text) => text.to_owned(),
            None => format!("&{name};"),
        },
    }
}

fn unescaped(value: &str) -> String {
    quick_xml::escape::unescape(value).map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned)
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(xml: &[u8]) -> (String, Result<(), ObjectState>) {
        let mut out = String::new();
        let result = read(xml, &mut |node| match node {
            Node::Start(element) => {
                out += &format!("<{}", element.name());
                element.attributes().for_each(|(name, value)| out += &format!(" {name}={value}"));
                out += ">";
            }
            Node::Text(text) => out += text,
            Node::End(name) => out += &format!("</{name}>"),
        });
        (out, result)
    }

    #[test]
    fn nodes_are_shown_without_prefixes_and_entities() {
        let (out, result) = shown(b"<?xml version='1.0'?><w:p xmlns:w='u' w:a='1 &lt; 2'>A &amp; B&#x21;<w:br/><![CDATA[<c>]]></w:p>");
        assert_eq!(out, "<p a=1 < 2>A & B!<br></br><c></p>");
        assert_eq!(result, Ok(()));
    }

    #[test]
    fn entities_of_a_document_type_do_not_expand() {
        let xml = b"<!DOCTYPE b [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><b>&b;</b>";
        assert_eq!(shown(xml).0, "<b>&b;</b>");
    }

    #[test]
    fn utf_16_parts_are_read() {
        let mut xml = vec![0xff, 0xfe];
        xml.extend(
            "<?xml version='1.0' encoding='UTF-16'?><t>é</t>".encode_utf16().flat_map(u16::to_le_bytes),
        );
        assert_eq!(shown(&xml).0, "<t>é</t>");
    }

    #[test]
    fn what_precedes_damage_is_shown() {
        let (out, result) = shown(b"<a>text<b");
        assert_eq!(out, "<a>text");
        assert_eq!(result, Err(ObjectState::Malformed));
    }
}
