//! What a document holds beside its pages: properties, fields, notes, links, bookmarks, metadata, attachments, pictures.
//!
//! Owns: which entries of which dictionaries a reader of the document sees. Every object is looked at, whether the document
//! still refers to it or not.

use super::Source;
use super::page::Pages;
use crate::Inner;
use crate::formats::markup;
use crate::formats::text::Text;
use egret_model::ObjectState;
use lopdf::{Dictionary, Document, Object, ObjectId, Stream};
use std::collections::BTreeSet;

/// Dictionaries within dictionaries that are searched. 8.
const DEPTH: usize = 8;

/// Reads everything beside the pages.
pub(super) fn read<'d>(source: &'d Source, pages: &mut Pages<'d>, text: &mut Text<'_>) {
    let document = &source.document;
    let information = document.trailer.get_deref(b"Info", document).and_then(Object::as_dict).ok();
    if let Some(information) = information {
        for (name, value) in information {
            if let Some(value) = string(value, document) {
                text.property(&String::from_utf8_lossy(name), &value);
            }
        }
    }
    let mut unpacked = BTreeSet::new();
    for object in document.objects.values() {
        let dictionary = match object {
            Object::Dictionary(dictionary) => dictionary,
            Object::Stream(stream) => &stream.dict,
            _ => continue,
        };
        if information.is_some_and(|information| std::ptr::eq(information, dictionary)) {
            continue;
        }
        read_strings(dictionary, document, text, 0);
        read_appearance(dictionary, source, pages, text);
        attachment(dictionary, source, &mut unpacked, text);
    }
    for (id, object) in &document.objects {
        if let Object::Stream(stream) = object {
            read_stream(*id, stream, source, &mut unpacked, text);
        }
    }
}

/// Strings that are shown or acted on: notes, values of fields, titles of bookmarks, targets of links, alternative texts.
fn read_strings(dictionary: &Dictionary, document: &Document, text: &mut Text<'_>, depth: usize) {
    for (key, value) in dictionary {
        match (key.as_slice(), value) {
            (
                b"Contents" | b"RC" | b"V" | b"DV" | b"Title" | b"URI" | b"TU" | b"Alt" | b"ActualText"
                | b"Desc" | b"JS",
                _,
            ) if matches!(value, Object::String(..)) => {
                if let Some(value) = string(value, document) {
                    text.line();
                    text.push(&value);
                    text.line();
                }
            }
            (_, Object::Dictionary(inner)) if depth < DEPTH => read_strings(inner, document, text, depth + 1),
            (_, Object::Array(items)) if depth < DEPTH => {
                for inner in items.iter().filter_map(|item| item.as_dict().ok()) {
                    read_strings(inner, document, text, depth + 1);
                }
            }
            _ => {}
        }
    }
}

/// A text string (ISO 32000-2 section 7.9.2.2).
fn string(object: &Object, document: &Document) -> Option<String> {
    let (_, object) = document.dereference(object).ok()?;
    let text = match lopdf::decode_text_string(object) {
        Ok(text) => text,
        Err(_) => String::from_utf8_lossy(object.as_str().ok()?).into_owned(),
    };
    let text = text.replace('\0', "");
    (!text.trim().is_empty()).then_some(text)
}

/// What an annotation looks like: stamps and free text show theirs by a form.
fn read_appearance<'d>(
    annotation: &'d Dictionary,
    source: &'d Source,
    pages: &mut Pages<'d>,
    text: &mut Text<'_>,
) {
    let document = &source.document;
    let Ok(appearances) = annotation.get_deref(b"AP", document).and_then(Object::as_dict) else { return };
    let forms: Vec<&Stream> = match appearances.get_deref(b"N", document) {
        Ok(Object::Stream(form)) => vec![form],
        // One for each state of a button.
        Ok(Object::Dictionary(states)) => states
            .iter()
            .filter_map(|(name, _)| states.get_deref(name, document).ok()?.as_stream().ok())
            .collect(),
        _ => return,
    };
    for form in forms {
        if let Ok(content) = source.unpack(form) {
            let resources = form.dict.get_deref(b"Resources", document).and_then(Object::as_dict);
            pages.run(&content, &Vec::from_iter(resources.ok()), text);
        }
    }
}

/// Unpacks the file that a file specification embeds (section 7.11.4), under its name.
fn attachment(
    specification: &Dictionary,
    source: &Source,
    unpacked: &mut BTreeSet<ObjectId>,
    text: &mut Text<'_>,
) {
    let document = &source.document;
    let Ok(files) = specification.get_deref(b"EF", document).and_then(Object::as_dict) else { return };
    let name = [b"UF".as_slice(), b"F"].iter().find_map(|key| string(specification.get(key).ok()?, document));
    for (key, file) in files {
        let Ok((id, object)) = document.dereference(file) else { continue };
        let is_new = id.is_none_or(|id| unpacked.insert(id));
        if let (true, Ok(stream)) = (is_new, object.as_stream()) {
            let name = name.clone().unwrap_or_else(|| String::from_utf8_lossy(key).into_owned());
            let filename = name.rsplit(['/', '\\']).next().map(str::to_owned);
            let inner = Inner { name, filename, media_type: media_type(&stream.dict) };
            unpack(stream, inner, source, text);
        }
    }
}

fn media_type(dictionary: &Dictionary) -> Option<String> {
    dictionary
        .get(b"Subtype")
        .and_then(Object::as_name)
        .ok()
        .map(|name| String::from_utf8_lossy(name).into_owned())
}

fn unpack(stream: &Stream, inner: Inner, source: &Source, text: &mut Text<'_>) {
    let output = text.output();
    output.begin(inner);
    let state = match source.unpack(stream) {
        Ok(content) if output.data(&content) => ObjectState::Inspected,
        Ok(_) => ObjectState::OverLimit,
        Err(state) => state,
    };
    output.end(state, stream.content.len() as u64);
}

/// Streams that are content by themselves: metadata, embedded files that no specification names, pictures in a file
/// format of their own.
fn read_stream(
    id: ObjectId,
    stream: &Stream,
    source: &Source,
    unpacked: &mut BTreeSet<ObjectId>,
    text: &mut Text<'_>,
) {
    let subtype = stream.dict.get(b"Subtype").and_then(Object::as_name).unwrap_or_default();
    if stream.dict.has_type(b"Metadata") && subtype == b"XML" {
        if let Ok(packet) = source.unpack(stream) {
            markup::show_xml(&packet, text);
        }
    } else if stream.dict.has_type(b"EmbeddedFile") && unpacked.insert(id) {
        let inner = Inner {
            name: format!("embedded-{}", id.0),
            filename: None,
            media_type: media_type(&stream.dict),
        };
        unpack(stream, inner, source, text);
    } else if subtype == b"Image" {
        let (extension, media_type) = match stream.filters().as_deref() {
            Ok([b"DCTDecode"]) => ("jpg", "image/jpeg"),
            Ok([b"JPXDecode"]) => ("jp2", "image/jp2"),
            _ => return,
        };
        let name = format!("image-{}.{extension}", id.0);
        let inner = Inner { filename: Some(name.clone()), name, media_type: Some(media_type.to_owned()) };
        let output = text.output();
        output.begin(inner);
        let is_taken = output.data(&stream.content);
        let state = if is_taken { ObjectState::Inspected } else { ObjectState::OverLimit };
        output.end(state, stream.content.len() as u64);
    }
}
