//! What Outlook wraps mails in (`winmail.dat`; [MS-OXTNEF]): the attachments, and the text of the mail itself.
//!
//! Owns: the stream of attributes, and which of them belong to one attachment. Never does: believing a checksum more than the content
//! beside it; reading of a mail that is attached, which becomes an object of its own.

mod properties;
mod rich_text;

use super::rtf::by_code_page;
use super::text::Text;
use crate::{Inner, Output};
use egret_model::{Cursor, ObjectState};
use encoding_rs::{Encoding, WINDOWS_1252};
use properties::Value;

/// How the stream begins (section 2.1.3.1).
pub(crate) const SIGNATURE: &[u8] = b"\x78\x9f\x3e\x22";

/// Attributes by the lower half of their identifier (section 2.1.3.2), the upper one being their type.
mod attribute {
    pub(super) const SUBJECT: u16 = 0x8004;
    pub(super) const BODY: u16 = 0x800c;
    pub(super) const ATTACHMENT_DATA: u16 = 0x800f;
    pub(super) const ATTACHMENT_TITLE: u16 = 0x8010;
    pub(super) const ATTACHMENT_BEGINS: u16 = 0x9002;
    pub(super) const MESSAGE_PROPERTIES: u16 = 0x9003;
    pub(super) const RECIPIENTS: u16 = 0x9004;
    pub(super) const ATTACHMENT_PROPERTIES: u16 = 0x9005;
    pub(super) const CODE_PAGE: u16 = 0x9007;
}

/// Properties ([MS-OXPROPS] section 2) that are more than text.
pub(super) mod property {
    pub(in crate::formats) const COMPRESSED_RICH_TEXT: u16 = 0x1009;
    pub(in crate::formats) const HTML: u16 = 0x1013;
    pub(in crate::formats) const ATTACHMENT_DATA: u16 = 0x3701;
    pub(in crate::formats) const ATTACHMENT_NAME: u16 = 0x3704;
    pub(in crate::formats) const ATTACHMENT_LONG_NAME: u16 = 0x3707;
    pub(in crate::formats) const ATTACHMENT_MEDIA_TYPE: u16 = 0x370e;
}

/// Reads a stream. [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut reading = Reading {
        text: Text::new(output),
        encoding: WINDOWS_1252,
        attachment: Attachment::default(),
        attachments: 0,
    };
    let mut rest = Cursor::new(data);
    // The signature, which has been seen, and a key that means nothing.
    if rest.skip(SIGNATURE.len() + 2).is_err() {
        reading.text.output().degrade(ObjectState::Malformed, data.len() as u64);
        return;
    }
    while !rest.is_empty() {
        let left = rest.remaining();
        match attribute(&mut rest) {
            Some((id, value, whole)) => {
                reading.take(id, value, whole);
                if !whole {
                    reading.text.output().degrade(ObjectState::Partial, 0);
                }
            }
            None => {
                reading.text.output().degrade(ObjectState::Malformed, left as u64);
                break;
            }
        }
    }
    reading.end_attachment();
    reading.text.finish(data.len());
}

/// The next attribute, or what there is of it: which, its value, and whether that is whole. None: this is no attribute.
fn attribute<'a>(rest: &mut Cursor<'a>) -> Option<(u16, &'a [u8], bool)> {
    let level = rest.u8().ok()?;
    let id = rest.u32_le().ok()?;
    let length = rest.u32_le().ok()? as usize;
    if !matches!(level, 1 | 2) {
        return None;
    }
    let (value, whole) = match rest.take(length) {
        Ok(value) => (value, true),
        Err(_) => (rest.take_rest(), false),
    };
    // The checksum: what it would refuse is worth a look all the same.
    rest.skip(2).ok();
    Some((u16::try_from(id & 0xffff).ok()?, value, whole))
}

struct Reading<'a, 'o> {
    text: Text<'o>,
    /// Of what is not Unicode.
    encoding: &'static Encoding,
    attachment: Attachment<'a>,
    attachments: usize,
}

/// One attachment, as far as its attributes have come.
#[derive(Default)]
struct Attachment<'a> {
    title: Option<String>,
    long_title: Option<String>,
    media_type: Option<String>,
    content: Option<&'a [u8]>,
    partial: bool,
}

impl<'a> Reading<'a, '_> {
    fn take(&mut self, id: u16, value: &'a [u8], whole: bool) {
        match id {
            attribute::CODE_PAGE => {
                let number = Cursor::new(value).u32_le().ok().and_then(|number| i32::try_from(number).ok());
                self.encoding = number.and_then(by_code_page).unwrap_or(WINDOWS_1252);
            }
            attribute::SUBJECT | attribute::BODY => {
                let text = self.narrow(value);
                self.line(&text);
            }
            attribute::MESSAGE_PROPERTIES => self.properties(value, whole, Self::message_property),
            attribute::RECIPIENTS => {
                let mut rows = Cursor::new(value);
                let count = rows.u32_le().unwrap_or_default();
                for _ in 0..count {
                    let mut read = |value: Value<'a>| self.message_property(value);
                    if properties::each(&mut rows, &mut read).is_err() {
                        break;
                    }
                }
            }
            attribute::ATTACHMENT_BEGINS => self.end_attachment(),
            attribute::ATTACHMENT_TITLE => self.attachment.title = Some(self.narrow(value)),
            attribute::ATTACHMENT_DATA => {
                if self.attachment.content.is_some() {
                    self.end_attachment();
                }
                self.attachment.content = Some(value);
                self.attachment.partial = !whole;
            }
            attribute::ATTACHMENT_PROPERTIES => self.properties(value, whole, Self::attachment_property),
            _ => {}
        }
    }

    fn properties(&mut self, value: &'a [u8], whole: bool, read: fn(&mut Self, Value<'a>)) {
        let read_all = properties::each(&mut Cursor::new(value), &mut |value| read(self, value));
        if read_all.is_err() && whole {
            self.text.output().degrade(ObjectState::Malformed, 0);
        }
    }

    fn message_property(&mut self, value: Value<'a>) {
        match value.id {
            property::COMPRESSED_RICH_TEXT => rich_text(value.data, self.text.output()),
            property::HTML if value.is_binary() => {
                begin("body.html", Some("text/html"), self.text.output());
                let state = hand_over(value.data, !value.whole, self.text.output());
                self.text.output().end(state, value.data.len() as u64);
            }
            _ => {
                if let Some(text) = value.text(self.encoding) {
                    self.line(&text);
                }
            }
        }
    }

    fn attachment_property(&mut self, value: Value<'a>) {
        let text = value.text(self.encoding);
        let attachment = &mut self.attachment;
        match value.id {
            property::ATTACHMENT_DATA => {
                attachment.content = Some(value.content());
                attachment.partial = !value.whole;
            }
            property::ATTACHMENT_NAME => attachment.title = attachment.title.take().or(text),
            property::ATTACHMENT_LONG_NAME => attachment.long_title = text,
            property::ATTACHMENT_MEDIA_TYPE => attachment.media_type = text,
            _ => {
                if let Some(text) = text {
                    self.line(&text);
                }
            }
        }
    }

    /// The attributes of an attachment have all come.
    fn end_attachment(&mut self) {
        let Attachment { title, long_title, media_type, content, partial } =
            std::mem::take(&mut self.attachment);
        let title = long_title.or(title).filter(|title| !title.is_empty());
        let Some(content) = content else {
            // What a file is called may be telling, though it was only linked to.
            if let Some(title) = title {
                self.line(&title);
            }
            return;
        };
        self.attachments += 1;
        if let Some(title) = &title {
            self.line(title);
        }
        let output = self.text.output();
        let name = title.clone().unwrap_or_else(|| format!("attachment-{}", self.attachments));
        output.begin(Inner { name, filename: title, media_type });
        let state = hand_over(content, partial, output);
        output.end(state, content.len() as u64);
    }

    fn line(&mut self, text: &str) {
        self.text.push(text);
        self.text.line();
    }

    /// Text of the mail's code page, which ends with a zero.
    fn narrow(&self, bytes: &[u8]) -> String {
        self.encoding.decode_without_bom_handling(without_zeros(bytes)).0.into_owned()
    }
}

/// Hands over the body that is kept as compressed rich text.
pub(super) fn rich_text(compressed: &[u8], output: &mut dyn Output) {
    begin("body.rtf", Some("application/rtf"), output);
    let state = rich_text::expand(compressed, output);
    output.end(state, compressed.len() as u64);
}

fn begin(name: &str, media_type: Option<&str>, output: &mut dyn Output) {
    output.begin(Inner { name: name.to_owned(), filename: None, media_type: media_type.map(str::to_owned) });
}

fn hand_over(content: &[u8], partial: bool, output: &mut dyn Output) -> ObjectState {
    match (output.data(content), partial) {
        (false, _) => ObjectState::OverLimit,
        (true, true) => ObjectState::Partial,
        (true, false) => ObjectState::Inspected,
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
