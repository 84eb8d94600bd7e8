//! Logs of JSON: an entry a line, or one list of entries.

use super::Reader;
use super::fields::Fields;
use serde_json::Value;

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    // Values one after the other, with or without line ends, are how most programs write.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let Some(value) = values.next() else { return };
        match value {
            Ok(value) => entries(&value, reader),
            Err(error) => {
                reader.fault(u64::try_from(error.line()).unwrap_or(u64::MAX), format!("not JSON: {error}"));
                return by_line(text, error.line(), reader);
            }
        }
    }
}

/// What stands behind a broken line.
fn by_line(text: &str, broken: usize, reader: &mut Reader<'_>) {
    for (number, line) in (1_u64..).zip(text.lines()).skip(broken) {
        match serde_json::from_str::<Value>(line) {
            _ if line.trim().is_empty() => {}
            Ok(value) => entries(&value, reader),
            Err(error) => reader.fault(number, format!("not JSON: {error}")),
        }
    }
}

fn entries(value: &Value, reader: &mut Reader<'_>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| entries(value, reader)),
        Value::Object(object) => {
            // A list of events under one name.
            if let Some((_, Value::Array(list))) =
                object.iter().find(|(_, value)| value.is_array()).filter(|_| object.len() == 1)
            {
                return list.iter().for_each(|value| entries(value, reader));
            }
            let mut fields = reader.fields();
            collect("", value, &mut fields);
            reader.entry(fields);
        }
        _ => reader.fault(0, "an entry that is no object".to_owned()),
    }
}

/// Every value by the innermost name that it stands under. serde_json limits the depth.
pub(super) fn collect(name: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(object) => {
            // The event's own data before what shippers add beside it.
            for (name, value) in object.iter().filter(|(_, value)| !value.is_object()) {
                collect(name, value, fields);
            }
            for (name, value) in object.iter().filter(|(_, value)| value.is_object()) {
                collect(name, value, fields);
            }
        }
        Value::Array(list) => {
            for value in list {
                // <Data Name="…"> as converters of XML write it.
                let named = value.get("@Name").or_else(|| value.get("Name")).and_then(Value::as_str);
                let text = value.get("#text").or_else(|| value.get("Value")).or_else(|| value.get("text"));
                match (named, text) {
                    (Some(named), Some(text)) => collect(named, text, fields),
                    _ => collect(name, value, fields),
                }
            }
        }
        Value::String(text) => fields.add(name, text),
        Value::Number(number) => fields.add(name, &number.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}
