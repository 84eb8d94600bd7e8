//! Logs as CSV with a header: exports of the event viewer and of collectors.

use super::Reader;
use super::fields::plain;
use super::windows;

/// Headers of which a table has at least two.
const KNOWN: [&str; 22] = [
    "eventid",
    "id",
    "user",
    "username",
    "ip",
    "ipaddress",
    "clientip",
    "srcip",
    "sourceip",
    "time",
    "timestamp",
    "date",
    "dateandtime",
    "timecreated",
    "targetusername",
    "host",
    "hostname",
    "mac",
    "source",
    "action",
    "event",
    "message",
];

pub(super) fn looks_so(text: &str) -> bool {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = char::from(delimiter(first));
    first.split(delimiter).map(plain).filter(|name| KNOWN.contains(&name.as_str())).count() >= 2
}

fn delimiter(first: &str) -> u8 {
    [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|byte| (first.matches(char::from(*byte)).count(), *byte == b','))
        .unwrap_or(b',')
}

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    let delimiter = delimiter(text.lines().next().unwrap_or_default());
    let mut table =
        csv::ReaderBuilder::new().flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let headers = match table.headers() {
        Ok(headers) => headers.clone(),
        Err(error) => return reader.fault(1, format!("not CSV: {error}")),
    };
    for record in table.records() {
        match record {
            Ok(record) => {
                let mut fields = reader.fields();
                for (place, cell) in record.iter().enumerate() {
                    match headers.get(place) {
                        Some("") | None => windows::message(cell, &mut fields),
                        Some(header) => fields.add(header, cell),
                    }
                }
                reader.entry(fields);
            }
            Err(error) => {
                reader.fault(error.position().map_or(0, csv::Position::line), format!("not CSV: {error}"));
            }
        }
    }
}
