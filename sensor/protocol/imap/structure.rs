//! BODYSTRUCTURE (RFC 9051 section 7.5.2): what the parts of a message are, told before they are fetched one by one.
//!
//! Owns: reading it, and which parts of which messages are known. Never does: the parts themselves.

use crate::mailbox::Described;
use mail_parser::{MessageParser, MimeHeaders};
use std::collections::VecDeque;

/// A part of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Its number: `2.1`.
    section: String,
    described: Described,
}

/// Parts of messages that are known.
#[derive(Default)]
pub(super) struct Structures {
    known: VecDeque<(Which, Part)>,
}

/// How a message is told from others of its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Which {
    /// None: numbers have changed since.
    pub(super) number: Option<u64>,
    pub(super) uid: Option<u64>,
}

impl Which {
    fn is(self, other: Self) -> bool {
        match (self.uid, other.uid) {
            (Some(own), Some(other)) => own == other,
            _ => self.number.is_some() && self.number == other.number,
        }
    }
}

impl Structures {
    /// Learns the parts of a message from what stands behind BODYSTRUCTURE; at most `limit` parts are kept, of which none lies
    /// deeper than `depth` lists.
    pub(super) fn learn(&mut self, message: Which, structure: &[u8], limit: usize, depth: usize) {
        self.known.retain(|(known, _)| !known.is(message));
        for part in parts(structure, depth) {
            if self.known.len() >= limit {
                self.known.pop_front();
            }
            self.known.push_back((message, part));
        }
    }

    /// What is known of a part.
    pub(super) fn find(&self, message: Which, section: &[u8]) -> Option<&Described> {
        let found = self
            .known
            .iter()
            .rev()
            .find(|(known, part)| known.is(message) && part.section.as_bytes() == section);
        found.map(|(_, part)| &part.described)
    }

    /// Messages have been removed: numbers no longer tell which is which (section 7.5.1).
    pub(super) fn renumbered(&mut self) {
        self.known.retain_mut(|(message, _)| {
            message.number = None;
            message.uid.is_some()
        });
    }

    /// Another mailbox is looked at.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}

/// A structure on its way: texts of it may be literals.
pub(super) struct Coming {
    text: Vec<u8>,
    in_literal: bool,
}

impl Coming {
    /// What stands behind BODYSTRUCTURE in a line of the server's.
    pub(super) fn begin(line: &[u8]) -> Option<Self> {
        const NAME: &[u8] = b"BODYSTRUCTURE (";
        let at = line.windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME))?;
        Some(Self { text: line.get(at + NAME.len() - 1..)?.to_vec(), in_literal: false })
    }

    /// The response goes on behind a literal.
    pub(super) fn line(&mut self, line: &[u8]) {
        if std::mem::take(&mut self.in_literal) {
            self.text.push(b'"');
        }
        self.text.extend_from_slice(line);
    }

    /// Octets of a literal, as if they stood in quotes.
    pub(super) fn literal(&mut self, octets: &[u8]) {
        if !std::mem::replace(&mut self.in_literal, true) {
            self.text.push(b'"');
        }
        for byte in octets {
            if matches!(byte, b'"' | b'\\') {
                self.text.push(b'\\');
            }
            self.text.push(*byte);
        }
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

enum Value {
    Nil,
    Text(Vec<u8>),
    List(Vec<Self>),
}

impl Value {
    fn text(&self) -> Option<&[u8]> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }
}

fn parts(structure: &[u8], depth: usize) -> Vec<Part> {
    let mut parts = Vec::new();
    match value(structure, depth) {
        Some(Value::List(body)) if is_multipart(&body) => multipart(&body, "", &mut parts),
        Some(Value::List(body)) => single(&body, "1", &mut parts),
        _ => {}
    }
    parts
}

/// The list that begins `bytes`.
fn value(mut bytes: &[u8], depth: usize) -> Option<Value> {
    let mut open: Vec<Vec<Value>> = Vec::new();
    loop {
        let (first, rest) = bytes.split_first()?;
        let value = match first {
            b' ' => None,
            b'(' if open.len() < depth => {
                open.push(Vec::new());
                None
            }
            b'(' => return None,
            b')' => Some(Value::List(open.pop()?)),
            b'"' => {
                let (text, behind) = quoted(rest)?;
                bytes = behind;
                open.last_mut()?.push(Value::Text(text));
                continue;
            }
            _ => {
                let end = bytes.iter().position(|byte| matches!(byte, b' ' | b'(' | b')'))?;
                let (atom, behind) = bytes.split_at(end);
                bytes = behind;
                let nil = atom.eq_ignore_ascii_case(b"NIL");
                open.last_mut()?.push(if nil { Value::Nil } else { Value::Text(atom.to_vec()) });
                continue;
            }
        };
        bytes = rest;
        match (value, open.last_mut()) {
            (Some(value), Some(outer)) => outer.push(value),
            (Some(value), None) => return Some(value),
            (None, _) => {}
        }
    }
}

/// A text up to its quote, and what stands behind it.
fn quoted(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut text = Vec::new();
    let mut rest = bytes;
    loop {
        let (first, behind) = rest.split_first()?;
        rest = behind;
        match first {
            b'"' => return Some((text, rest)),
            b'\\' => {
                let (escaped, behind) = rest.split_first()?;
                text.push(*escaped);
                rest = behind;
            }
            byte => text.push(*byte),
        }
    }
}

fn is_multipart(body: &[Value]) -> bool {
    matches!(body.first(), Some(Value::List(_)))
}

fn multipart(body: &[Value], section: &str, parts: &mut Vec<Part>) {
    for (index, child) in body.iter().map_while(Value::list).enumerate() {
        let number = index + 1;
        let section = if section.is_empty() { number.to_string() } else { format!("{section}.{number}") };
        if is_multipart(child) {
            multipart(child, &section, parts);
        } else {
            single(child, &section, parts);
        }
    }
}

fn single(body: &[Value], section: &str, parts: &mut Vec<Part>) {
    let text = |place: usize| body.get(place).and_then(Value::text);
    let list = |place: usize| body.get(place).and_then(Value::list).unwrap_or_default();
    let (Some(kind), Some(subtype)) = (text(0), text(1)) else { return };
    let is_message = kind.eq_ignore_ascii_case(b"message") && subtype.eq_ignore_ascii_case(b"rfc822");
    // Behind what every part has: its lines; of a message, its envelope and structure before these.
    let disposition = match () {
        () if is_message => 11,
        () if kind.eq_ignore_ascii_case(b"text") => 9,
        () => 8,
    };
    let mut header = b"Content-Type: ".to_vec();
    header.extend_from_slice(kind);
    header.push(b'/');
    header.extend_from_slice(subtype);
    parameters(list(2), &mut header);
    if let [Value::Text(disposition), rest @ ..] = list(disposition) {
        header.extend_from_slice(b"\r\nContent-Disposition: ");
        header.extend_from_slice(disposition);
        parameters(rest.first().and_then(Value::list).unwrap_or_default(), &mut header);
    }
    header.extend_from_slice(b"\r\n\r\n");
    let encoding = text(5).map(|name| String::from_utf8_lossy(name).to_ascii_lowercase());
    parts.push(Part { section: section.to_owned(), described: described(&header, encoding) });
    match body.get(8).and_then(Value::list) {
        Some(inner) if is_message && is_multipart(inner) => multipart(inner, section, parts),
        Some(inner) if is_message => single(inner, &format!("{section}.1"), parts),
        _ => {}
    }
}

/// Parameters as a header field has them.
fn parameters(pairs: &[Value], header: &mut Vec<u8>) {
    for pair in pairs.chunks(2) {
        let [Value::Text(name), Value::Text(value)] = pair else { continue };
        header.extend_from_slice(b"; ");
        header.extend(name.iter().filter(|byte| byte.is_ascii_graphic()));
        header.extend_from_slice(b"=\"");
        for byte in value.iter().filter(|byte| !byte.is_ascii_control()) {
            if matches!(byte, b'"' | b'\\') {
                header.push(b'\\');
            }
            header.push(*byte);
        }
        header.push(b'"');
    }
}

/// Longest name that is kept, bytes: what file systems allow.
const LONGEST_NAME: usize = 255;

/// What a header says, read by the rules of mails: encoded words, names in pieces (RFC 2231).
fn described(header: &[u8], encoding: Option<String>) -> Described {
    let Some(message) = MessageParser::default().parse_headers(header) else { return Described::default() };
    let media_type = message.content_type().map(|value| {
        let whole = match value.subtype() {
            Some(subtype) => format!("{}/{subtype}", value.ctype()),
            None => value.ctype().to_owned(),
        };
        match value.attribute("charset") {
            Some(charset) => format!("{}; charset=\"{charset}\"", whole.to_ascii_lowercase()),
            None => whole.to_ascii_lowercase(),
        }
    });
    let text = media_type.as_deref().is_some_and(|media_type| media_type.starts_with("text/"));
    let name = message.attachment_name().filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME);
    Described {
        filename: name.map(str::to_owned),
        media_type: media_type.filter(|media_type| media_type.len() <= LONGEST_NAME),
        encoding: encoding.filter(|name| match name.as_str() {
            "base64" | "quoted-printable" => true,
            "7bit" | "8bit" => text,
            _ => false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Section, name, type and encoding of a part.
    type Told = (String, Option<String>, Option<String>, Option<String>);

    fn told(structure: &str) -> Vec<Told> {
        parts(structure.as_bytes(), 32)
            .into_iter()
            .map(|Part { section, described: Described { filename, media_type, encoding } }| {
                (section, filename, media_type, encoding)
            })
            .collect()
    }

    #[test]
    fn parts_are_numbered_and_named() {
        type Case<'a> = (&'a str, &'a [(&'a str, Option<&'a str>, &'a str, Option<&'a str>)]);
        let cases: &[Case<'_>] = &[
            (
                r#"("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 12 1 NIL NIL NIL)"#,
                &[("1", None, "text/plain; charset=\"us-ascii\"", Some("7bit"))],
            ),
            (
                concat!(
                    r#"((("text" "plain" NIL NIL NIL "quoted-printable" 5 1)("text" "html" NIL NIL NIL "8bit" 5 1) "alternative")"#,
                    r#"("application" "pdf" ("name" "old.pdf") NIL NIL "base64" 9 NIL ("attachment" ("filename" "q3 \"x\".pdf")) NIL)"#,
                    r#"("image" "png" ("name" "=?utf-8?q?stra=C3=9Fe=2Epng?=") NIL NIL "base64" 9) "mixed" ("boundary" "b"))"#
                ),
                &[
                    ("1.1", None, "text/plain", Some("quoted-printable")),
                    ("1.2", None, "text/html", Some("8bit")),
                    ("2", Some("q3 \"x\".pdf"), "application/pdf", Some("base64")),
                    ("3", Some("straße.png"), "image/png", Some("base64")),
                ],
            ),
            (
                concat!(
                    r#"(("message" "rfc822" NIL NIL NIL "7bit" 9 ("d" "s" NIL NIL NIL NIL NIL NIL NIL "<i>") "#,
                    r#"("text" "csv" NIL NIL NIL "base64" 9 1 NIL ("attachment" ("filename*0" "a" "filename*1" "b.csv"))) 3 "#,
                    r#"NIL ("attachment" ("filename" "m.eml"))) "mixed")"#
                ),
                &[
                    ("1", Some("m.eml"), "message/rfc822", None),
                    ("1.1", Some("ab.csv"), "text/csv", Some("base64")),
                ],
            ),
        ];
        for (structure, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|(section, name, kind, encoding)| {
                    let owned = |text: &Option<&str>| text.map(str::to_owned);
                    ((*section).to_owned(), owned(name), Some((*kind).to_owned()), owned(encoding))
                })
                .collect();
            assert_eq!(told(structure), expected, "{structure}");
        }
        for broken in ["", "(", "x", "(\"text\"", "((((", ")", "(\"a)", &"(".repeat(100)] {
            assert!(told(broken).is_empty(), "{broken}");
        }
    }

    #[test]
    fn messages_are_known_by_what_lasts() {
        let mut structures = Structures::default();
        let of = |number, uid| Which { number, uid };
        let structure = br#"("text" "csv" ("name" "a.csv") NIL NIL "base64" 9 1)"#;
        structures.learn(of(Some(1), Some(70)), structure, 3, 8);
        structures.learn(of(Some(2), None), structure, 3, 8);
        assert!(structures.find(of(Some(1), None), b"1").is_some());
        assert!(structures.find(of(Some(9), Some(70)), b"1").is_some());
        assert!(structures.find(of(Some(1), Some(71)), b"1").is_none());
        assert!(structures.find(of(Some(2), Some(71)), b"1").is_some());
        structures.renumbered();
        assert!(structures.find(of(Some(1), None), b"1").is_none());
        assert!(structures.find(of(Some(2), None), b"1").is_none());
        assert!(structures.find(of(Some(1), Some(70)), b"1").is_some());
        for uid in 0..9 {
            structures.learn(of(None, Some(uid)), structure, 3, 8);
        }
        assert_eq!(structures.known.len(), 3);
        structures.forget();
        assert!(structures.known.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(prop_oneof![
            Just(b'('), Just(b')'), Just(b'"'), Just(b' '), Just(b'\\'), any::<u8>()
        ], 0..200)) {
            let whole = [b"(\"message\" \"rfc822\" ", bytes.as_slice()].concat();
            prop_assert!(parts(&whole, 8).len() <= whole.len());
            prop_assert!(parts(&bytes, 8).len() <= bytes.len());
        }
    }
}
