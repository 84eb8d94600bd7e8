//! Windows events as XML, as `wevtutil` and the event viewer export them.

use super::Reader;
use super::fields::Fields;
use quick_xml::events::{BytesStart, Event};

/// True for text that begins with an element, not with the priority of a syslog line (`<13>`).
pub(super) fn looks_so(text: &str) -> bool {
    text.trim_start()
        .as_bytes()
        .get(1)
        .is_some_and(|second| second.is_ascii_alphabetic() || matches!(second, b'?' | b'!'))
}

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let mut xml = quick_xml::Reader::from_str(text);
    // Several roots in a row are how `wevtutil` writes.
    xml.config_mut().check_end_names = false;
    let mut fields: Option<Fields> = None;
    let mut name = String::new();
    let mut value = String::new();
    loop {
        match xml.read_event() {
            Ok(Event::Eof) => return,
            Ok(Event::Start(element)) => {
                if element.local_name().as_ref() == "Event" {
                    fields = Some(reader.fields());
                }
                name = named(&element, fields.as_mut());
                value.clear();
            }
            Ok(Event::Empty(element)) => drop(named(&element, fields.as_mut())),
            Ok(Event::Text(text)) => value.push_str(&text),
            Ok(Event::GeneralRef(reference)) => {
                if let Ok(Some(character)) = reference.resolve_char_ref() {
                    value.push(character);
                } else if let Some(character) = predefined(&reference) {
                    value.push(character);
                }
            }
            Ok(Event::End(element)) => {
                if let Some(fields) = &mut fields
                    && !name.is_empty()
                {
                    fields.add(&std::mem::take(&mut name), &value);
                }
                value.clear();
                if element.local_name().as_ref() == "Event"
                    && let Some(fields) = fields.take()
                {
                    reader.entry(fields);
                }
            }
            Ok(_) => {}
            Err(error) => {
                let before =
                    text.get(..usize::try_from(xml.error_position()).unwrap_or(0)).unwrap_or_default();
                let line = 1 + u64::try_from(before.matches('\n').count()).unwrap_or(0);
                return reader.fault(line, format!("not XML: {error}; nothing behind is read"));
            }
        }
    }
}

/// The entities that every document has (XML 1.0 section 4.6).
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// The name of an element's value: its attribute `Name`, else its own; the time stands in an attribute.
fn named(element: &BytesStart<'_>, fields: Option<&mut Fields>) -> String {
    let attribute = |name: &str| {
        let attribute = element.try_get_attribute(name).ok().flatten()?;
        Some(attribute.value.into_owned())
    };
    if let (Some(fields), Some(time)) = (fields, attribute("SystemTime")) {
        fields.add("SystemTime", &time);
    }
    attribute("Name").unwrap_or_else(|| element.local_name().as_ref().to_owned())
}
