//! Mails as Outlook saves them (msg; [MS-OXMSG]): their properties, their attachments, the mails within them.
//!
//! Owns: which stream is which property. Never does: reading of an attachment, which becomes an object of its own.

use super::{Compound, show_runs};
use crate::formats::rtf::by_code_page;
use crate::formats::tnef::{self, property};
use egret_model::Cursor;
use encoding_rs::{Encoding, UTF_16LE, WINDOWS_1252};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Mails within mails that are followed. 16.
const MOST_NESTED: usize = 16;

/// The stream that every message has (section 2.4).
const PROPERTIES: &str = "__properties_version1.0";
/// What the name of a property's stream begins with (section 2.1.3).
const STREAM: &str = "__substg1.0_";

/// Types of properties ([MS-OXCDATA] section 2.11.1).
const OBJECT: u16 = 0x000d;
const NARROW: u16 = 0x001e;
const WIDE: u16 = 0x001f;
const BINARY: u16 = 0x0102;
/// Together with a type: any number of values, a stream each.
const MANY: u16 = 0x1000;

/// Code pages, by the message and by the internet's count ([MS-OXPROPS]).
const CODE_PAGES: [u16; 2] = [0x3ffd, 0x3fde];

/// Whether a storage holds a mail.
pub(super) fn is_message(compound: &Compound<'_, '_>, storage: &Path) -> bool {
    compound.file.is_stream(storage.join(PROPERTIES))
}

/// Reads the mail in a storage.
pub(super) fn read(compound: &mut Compound<'_, '_>, storage: &Path) {
    read_nested(compound, storage, 0);
}

fn read_nested(compound: &mut Compound<'_, '_>, storage: &Path, depth: usize) {
    if depth > MOST_NESTED {
        compound.partial = true;
        return;
    }
    let encoding = encoding(compound, storage, if depth == 0 { 32 } else { 24 });
    let Entries { properties, storages } = Entries::of(compound, storage);
    for (id, kind, path) in &properties {
        match (*id, *kind) {
            (property::HTML, BINARY) => {
                let html = compound.stream(path);
                compound.inner("body.html", Some("text/html".to_owned()), &html);
            }
            (property::COMPRESSED_RICH_TEXT, BINARY) => {
                let compressed = compound.stream(path);
                tnef::rich_text(&compressed, compound.text.output());
            }
            _ => show(compound, *kind, path, encoding),
        }
    }
    for (name, path) in storages {
        if name.starts_with("__recip_version1.0_") {
            for (_, kind, path) in Entries::of(compound, &path).properties {
                show(compound, kind, &path, encoding);
            }
        } else if name.starts_with("__attach_version1.0_") {
            attachment(compound, &path, encoding, depth);
        }
    }
}

/// Hands over an attachment.
fn attachment(compound: &mut Compound<'_, '_>, storage: &Path, encoding: &'static Encoding, depth: usize) {
    let Entries { properties, storages } = Entries::of(compound, storage);
    let mut texts = BTreeMap::new();
    let mut content = None;
    for (id, kind, path) in properties {
        match (id, kind) {
            (property::ATTACHMENT_DATA, BINARY) => content = Some(path),
            (_, NARROW | WIDE) => {
                let value = text_of(&compound.stream(&path), kind, encoding);
                compound.text.push(&value);
                compound.text.line();
                texts.insert(id, value);
            }
            _ => show(compound, kind, &path, encoding),
        }
    }
    let named = |id: u16| texts.get(&id).filter(|name| !name.is_empty());
    let name = named(property::ATTACHMENT_LONG_NAME).or_else(|| named(property::ATTACHMENT_NAME));
    if let Some(path) = content {
        let content = compound.stream(&path);
        let media_type = named(property::ATTACHMENT_MEDIA_TYPE).cloned();
        compound.inner(name.map_or("", String::as_str), media_type, &content);
    }
    for (stream, path) in storages {
        if property_of(&stream) != Some((property::ATTACHMENT_DATA, OBJECT)) {
            continue;
        }
        if is_message(compound, &path) {
            read_nested(compound, &path, depth + 1);
        } else {
            embedded(compound, &path);
        }
    }
}

/// Streams of an object of another program that is attached.
fn embedded(compound: &mut Compound<'_, '_>, storage: &Path) {
    let walk = compound.file.walk_storage(storage).ok();
    let streams = walk.into_iter().flatten().filter(cfb::Entry::is_stream);
    let streams: Vec<PathBuf> = streams.map(|entry| entry.path().to_owned()).collect();
    for path in streams {
        let content = compound.stream(&path);
        compound.inner("", None, &content);
    }
}

/// What stands in one storage.
#[derive(Default)]
struct Entries {
    /// Identifiers and types of properties, and their streams.
    properties: Vec<(u16, u16, PathBuf)>,
    /// Names and places of storages.
    storages: Vec<(String, PathBuf)>,
}

impl Entries {
    fn of(compound: &Compound<'_, '_>, storage: &Path) -> Self {
        let mut entries = Self::default();
        for entry in compound.file.read_storage(storage).into_iter().flatten() {
            let path = entry.path().to_owned();
            if entry.is_storage() {
                entries.storages.push((entry.name().to_owned(), path));
            } else if let Some((id, kind)) = property_of(entry.name()) {
                entries.properties.push((id, kind, path));
            }
        }
        entries
    }
}

/// Identifier and type of a property, of many values only where the stream is one of them.
fn property_of(name: &str) -> Option<(u16, u16)> {
    let tag = name.strip_prefix(STREAM)?;
    let number = u32::from_str_radix(tag.get(..8)?, 16).ok()?;
    let (id, kind) = ((number >> 16) as u16, (number & 0xffff) as u16);
    let many = kind & MANY != 0;
    (many == tag.get(8..)?.starts_with('-')).then_some((id, kind & !MANY))
}

/// Shows a property: its text, or what text there is in its bytes.
fn show(compound: &mut Compound<'_, '_>, kind: u16, path: &Path, encoding: &'static Encoding) {
    let data = compound.stream(path);
    match kind {
        NARROW | WIDE => compound.text.push(&text_of(&data, kind, encoding)),
        _ => show_runs(&data, &mut compound.text),
    }
    compound.text.line();
}

fn text_of(data: &[u8], kind: u16, narrow: &'static Encoding) -> String {
    let encoding = if kind == WIDE { UTF_16LE } else { narrow };
    encoding.decode_without_bom_handling(data).0.trim_end_matches('\0').to_owned()
}

/// What text of one byte a character is written in. The list of properties begins after `head` bytes.
fn encoding(compound: &mut Compound<'_, '_>, storage: &Path, head: usize) -> &'static Encoding {
    let data = compound.stream(&storage.join(PROPERTIES));
    let (entries, _) = data.get(head..).unwrap_or_default().as_chunks::<16>();
    let mut pages = [None; CODE_PAGES.len()];
    for entry in entries {
        let mut rest = Cursor::new(entry);
        let (Ok(_), Ok(id), Ok(_), Ok(value)) = (rest.u16_le(), rest.u16_le(), rest.u32_le(), rest.u32_le())
        else {
            continue;
        };
        for (page, known) in pages.iter_mut().zip(CODE_PAGES) {
            if id == known {
                *page = i32::try_from(value).ok().and_then(by_code_page);
            }
        }
    }
    pages.into_iter().flatten().next().unwrap_or(WINDOWS_1252)
}
