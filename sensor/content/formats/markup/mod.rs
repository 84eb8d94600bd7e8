//! HTML and XML as found in the wild: whatever the tags, the text comes out.
//!
//! Owns: text, attribute values, scripts, comments; entities; inline `data:` objects. Never does: fetching, running or
//! expanding anything; complaining about tag soup.

mod entities;
mod tokens;

use super::text::Text;
use crate::{Inner, Output};
use base64::Engine as _;
use egret_model::ObjectState;
use encoding_rs::Encoding;
use std::borrow::Cow;
use tokens::{Tag, Token, Tokens};

/// How far into a file its declared character set is searched, in bytes (the HTML standard's prescan takes as many). 1 KiB.
const PRESCAN_BYTES: usize = 1024;

/// Reads an HTML document. [`crate::Reader`].
pub(super) fn html(data: &[u8], output: &mut dyn Output) {
    let source = decoded(data);
    let mut text = Text::new(output);
    let mut objects = 0;
    for token in Tokens::html(&source) {
        match token {
            Token::Text(piece) => push_collapsed(&entities::resolved(piece), &mut text),
            Token::Raw(piece) => {
                text.line();
                text.push(piece.trim());
                text.line();
            }
            Token::Start(tag) => {
                separate(tag.name, &mut text);
                show_attributes(&tag, &mut text, &mut objects);
            }
            Token::End(name) => separate(name, &mut text),
        }
    }
    text.line();
    text.finish(data.len());
}

/// Reads an XML document: each text behind the name of its element, since the name is its context. [`crate::Reader`].
pub(super) fn xml(data: &[u8], output: &mut dyn Output) {
    let mut text = Text::new(output);
    show_xml(data, &mut text);
    text.finish(data.len());
}

/// Shows the text of an XML document.
pub(super) fn show_xml(data: &[u8], text: &mut Text<'_>) {
    let source = decoded(data);
    // The element that began last, until its first text.
    let mut name = None;
    let mut open = 0_usize;
    for token in Tokens::xml(&source) {
        match token {
            Token::Text(piece) | Token::Raw(piece) if piece.trim().is_empty() => {}
            Token::Text(piece) => {
                label(&mut name, text);
                text.push(entities::resolved(piece).trim());
                text.space();
            }
            Token::Raw(piece) => {
                label(&mut name, text);
                text.push(piece);
                text.space();
            }
            Token::Start(tag) => {
                text.line();
                name = Some(tag.name);
                open = open.saturating_add(usize::from(!tag.is_empty_element()));
                for (attribute, value) in tag.attributes() {
                    if !attribute.starts_with("xmlns") && !value.trim().is_empty() {
                        label(&mut name, text);
                        text.push(attribute);
                        text.push(": ");
                        text.push(entities::resolved(value).trim());
                        text.space();
                    }
                }
            }
            Token::End(_) => {
                text.line();
                name = None;
                open = open.saturating_sub(1);
            }
        }
    }
    text.line();
    if open > 0 {
        // The last elements were never closed: the document was cut.
        text.output().degrade(ObjectState::Partial, 0);
    }
}

fn label(name: &mut Option<&str>, text: &mut Text<'_>) {
    if let Some(name) = name.take() {
        text.space();
        text.push(name);
        text.push(": ");
    }
}

/// The document as text: by byte order mark, declaration, validity as UTF-8, or guess, in this order.
fn decoded(data: &[u8]) -> Cow<'_, str> {
    if Encoding::for_bom(data).is_some() {
        return encoding_rs::UTF_8.decode(data).0;
    }
    if let Some(encoding) = declared(data) {
        return encoding.decode_without_bom_handling(data).0;
    }
    if let Ok(text) = std::str::from_utf8(data) {
        return Cow::Borrowed(text);
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Allow);
    detector.feed(data, true);
    detector.guess(None, chardetng::Utf8Detection::Allow).decode_without_bom_handling(data).0
}

/// `encoding="…"` of an XML declaration or `charset=…` of a meta element. A document that declares UTF-16 in single bytes
/// is wrong about itself, and so is one that declares UTF-8 and is not.
fn declared(data: &[u8]) -> Option<&'static Encoding> {
    let head = data.get(..PRESCAN_BYTES).unwrap_or(data).to_ascii_lowercase();
    let text = String::from_utf8_lossy(&head);
    let is_declaration = text.trim_start().starts_with("<?xml");
    let after = match text.split_once("charset=") {
        Some((_, after)) => after,
        None if is_declaration => text.split_once("encoding=")?.1,
        None => return None,
    };
    let label = after.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.:".contains(c)).unwrap_or(label.len());
    let encoding = Encoding::for_label(label.get(..end)?.as_bytes())?;
    let is_wrong = !encoding.is_ascii_compatible() || encoding == encoding_rs::UTF_8;
    (!is_wrong).then_some(encoding)
}

/// White space collapses as a browser shows it.
fn push_collapsed(piece: &str, text: &mut Text<'_>) {
    if piece.starts_with(|c: char| c.is_ascii_whitespace()) {
        text.space();
    }
    for (position, word) in piece.split_ascii_whitespace().enumerate() {
        if position > 0 {
            text.space();
        }
        text.push(word);
    }
    if piece.ends_with(|c: char| c.is_ascii_whitespace()) {
        text.space();
    }
}

/// Elements that stand within a line break no word; all others do.
fn separate(name: &str, text: &mut Text<'_>) {
    const WITHIN_A_LINE: &[&str] = &[
        "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font",
        "i", "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup",
        "time", "tt", "u", "var", "wbr",
    ];
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is("td") || is("th") {
        text.space();
    } else if !WITHIN_A_LINE.iter().any(|known| is(known)) {
        text.line();
    }
}

/// Attributes that say how a page looks or works, and nothing else.
fn is_appearance(attribute: &str) -> bool {
    const APPEARANCE: &[&str] = &[
        "align",
        "bgcolor",
        "border",
        "cellpadding",
        "cellspacing",
        "charset",
        "class",
        "color",
        "colspan",
        "dir",
        "face",
        "for",
        "height",
        "http-equiv",
        "id",
        "lang",
        "loading",
        "media",
        "method",
        "name",
        "rel",
        "role",
        "rowspan",
        "scope",
        "size",
        "sizes",
        "style",
        "tabindex",
        "target",
        "type",
        "valign",
        "width",
        "xmlns",
    ];
    APPEARANCE.iter().any(|known| attribute.eq_ignore_ascii_case(known))
}

fn show_attributes(tag: &Tag<'_>, text: &mut Text<'_>, objects: &mut usize) {
    let field = tag.attributes().find(|(attribute, _)| attribute.eq_ignore_ascii_case("name"));
    for (attribute, value) in tag.attributes() {
        if is_appearance(attribute) || value.trim().is_empty() {
            continue;
        }
        let value = entities::resolved(value);
        if inline_object(&value, text, objects) {
            continue;
        }
        text.space();
        // What a form field is called tells what its value is.
        if attribute.eq_ignore_ascii_case("value")
            && let Some((_, name)) = field
        {
            text.push(name);
            text.push(": ");
        }
        text.push(&value);
        text.space();
    }
}

/// Unpacks a `data:` URL in base64 (RFC 2397) as an inner object. False if `value` is none.
fn inline_object(value: &str, text: &mut Text<'_>, objects: &mut usize) -> bool {
    let Some((head, payload)) = value.strip_prefix("data:").and_then(|url| url.split_once(";base64,")) else {
        return false;
    };
    let payload: Vec<u8> =
        payload.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').collect();
    let Ok(bytes) = base64::engine::general_purpose::STANDARD_NO_PAD.decode(payload) else { return false };
    *objects = objects.saturating_add(1);
    let output = text.output();
    let media_type = Some(head.to_owned()).filter(|head| !head.is_empty());
    output.begin(Inner { name: format!("data-{objects}"), filename: None, media_type });
    let state = if output.data(&bytes) { ObjectState::Inspected } else { ObjectState::OverLimit };
    output.end(state, value.len() as u64);
    true
}

#[cfg(test)]
mod tests;
