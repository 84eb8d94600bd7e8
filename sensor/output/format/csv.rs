//! A table of incidents (RFC 4180) that a spreadsheet can open without harm.
//!
//! Owns: the columns, quoting, and that no cell is a formula. Never does: more than one row an incident.

use crate::printable;
use egret_model::Case;

const COLUMNS: [&str; 19] = [
    "id",
    "kind",
    "severity",
    "risk",
    "first_at",
    "last_at",
    "user",
    "host",
    "source_ip",
    "destination",
    "destination_ip",
    "protocol",
    "bytes",
    "complete",
    "signatures",
    "title",
    "state",
    "verdict",
    "assignee",
];

pub(super) fn header() -> String {
    COLUMNS.join(",")
}

pub(super) fn row(case: &Case) -> String {
    let (incident, handling) = (&case.incident, &case.handling);
    let first = case.transfers.first();
    let mut signatures: Vec<&str> = case.findings.iter().map(|finding| finding.signature.as_str()).collect();
    signatures.sort_unstable();
    signatures.dedup();
    let cells: [String; 19] = [
        incident.id.clone(),
        incident.kind.clone(),
        incident.severity.to_string(),
        incident.risk.to_string(),
        incident.first_at.to_string(),
        incident.last_at.to_string(),
        incident.user.clone().unwrap_or_default(),
        incident.host.clone().unwrap_or_default(),
        first.map(|transfer| transfer.sender.ip.clone()).unwrap_or_default(),
        incident.destination.clone(),
        first.map(|transfer| transfer.receiver.ip.clone()).unwrap_or_default(),
        first.map(|transfer| transfer.protocol.clone()).unwrap_or_default(),
        incident.bytes.to_string(),
        incident.complete.to_string(),
        signatures.join(" "),
        incident.title.clone(),
        handling.state.name().to_owned(),
        handling.verdict.map(egret_model::Verdict::name).unwrap_or_default().to_owned(),
        handling.assignee.clone().unwrap_or_default(),
    ];
    cells.map(|text| cell(&text)).join(",")
}

/// A cell that begins like a formula gets an apostrophe, which spreadsheets take for "text" (OWASP, CSV injection).
fn cell(text: &str) -> String {
    let text = printable(text);
    let formula =
        text.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    let text = if formula { format!("'{text}") } else { text.into_owned() };
    if text.contains([',', '"', ';', '\'']) || text.starts_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_a_second_cell() {
        for (given, expected) in [
            ("alice", "alice"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=HYPERLINK(\"http://evil\")", "\"'=HYPERLINK(\"\"http://evil\"\")\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" +1", "\"' +1\""),
            ("\t=1", r"\u{9}=1"),
            ("a\r\n=1", r"a\u{d}\u{a}=1"),
        ] {
            assert_eq!(cell(given), expected, "{given:?}");
        }
        assert_eq!(header().split(',').count(), COLUMNS.len());
    }
}
