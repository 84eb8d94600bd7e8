//! ArcSight Common Event Format, revision 25: one line an incident.
//!
//! Owns: the mapping and its escapes. Never does: the syslog header, which the way there adds.

use super::{Teller, description, milliseconds, scaled, transport};
use crate::printable;
use egret_model::Case;
use std::fmt::Write as _;

/// Longest value of an extension field, characters; the specification's limit for strings.
const VALUE: usize = 1023;

pub(super) fn event(case: &Case, teller: &Teller) -> String {
    let incident = &case.incident;
    let mut line = format!(
        "CEF:0|Egret|Egret|{}|{}|{}|{}|",
        header(&teller.version),
        header(&incident.kind),
        header(&incident.title),
        scaled(incident.severity, [1, 3, 5, 8, 10])
    );
    let mut fields = Vec::new();
    let mut field = |name: &'static str, value: &str| {
        if !value.is_empty() {
            fields.push((name, value.to_owned()));
        }
    };
    field("externalId", &incident.id);
    field("rt", &milliseconds(case.handling.updated_at).to_string());
    field("start", &milliseconds(incident.first_at).to_string());
    field("end", &milliseconds(incident.last_at).to_string());
    field("suser", incident.user.as_deref().unwrap_or_default());
    field("shost", incident.host.as_deref().unwrap_or_default());
    field("dhost", &incident.destination);
    field("out", &incident.bytes.to_string());
    field("act", "observed");
    field("cat", &incident.kind);
    field("deviceDirection", "1");
    field("dvchost", &teller.host);
    if let Some(transfer) = case.transfers.first() {
        let v6 = |ip: &str| ip.contains(':');
        let (sender, receiver) = (&transfer.sender, &transfer.receiver);
        // Addresses of version 6 have fields of their own.
        field(if v6(&sender.ip) { "c6a2" } else { "src" }, &sender.ip);
        field(if v6(&sender.ip) { "c6a2Label" } else { "" }, "Source IPv6 Address");
        field(if v6(&receiver.ip) { "c6a3" } else { "dst" }, &receiver.ip);
        field(if v6(&receiver.ip) { "c6a3Label" } else { "" }, "Destination IPv6 Address");
        field("spt", &sender.port.to_string());
        field("dpt", &receiver.port.to_string());
        field("smac", sender.mac.as_deref().unwrap_or_default());
        field("sntdom", sender.domain.as_deref().unwrap_or_default());
        field("proto", &transport(&transfer.protocol).to_ascii_uppercase());
        field("app", &transfer.protocol);
        if let Some(object) = transfer.objects.first() {
            field("fname", object.filename.as_deref().unwrap_or(&object.path));
            field("fsize", &object.size.to_string());
            field("fileHash", &object.sha256);
        }
    }
    let mut signatures: Vec<&str> = case.findings.iter().map(|finding| finding.signature.as_str()).collect();
    signatures.sort_unstable();
    signatures.dedup();
    for (number, (label, value)) in [
        ("signatures", signatures.join(", ")),
        ("technique", incident.attack.join(", ")),
        ("complete", incident.complete.to_string()),
        ("state", case.handling.state.name().to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let names = [("cs1Label", "cs1"), ("cs2Label", "cs2"), ("cs3Label", "cs3"), ("cs4Label", "cs4")];
        if let (Some((label_name, name)), false) = (names.get(number), value.is_empty()) {
            field(label_name, label);
            field(name, &value);
        }
    }
    field("cn1Label", "risk");
    field("cn1", &incident.risk.to_string());
    field("msg", &description(incident));
    let mut first = true;
    for (name, value) in fields.iter().filter(|(name, _)| !name.is_empty()) {
        let _ = write!(line, "{}{name}={}", if first { "" } else { " " }, extension(value));
        first = false;
    }
    line
}

/// Pipes and backslashes mean something in the header.
fn header(text: &str) -> String {
    printable_without_marks(text).replace('\\', "\\\\").replace('|', "\\|")
}

/// Equal signs and backslashes mean something in the extension.
fn extension(text: &str) -> String {
    let text: String = printable_without_marks(text).chars().take(VALUE).collect();
    text.replace('\\', "\\\\").replace('=', "\\=")
}

/// What does not show itself, line ends too, becomes text.
fn printable_without_marks(text: &str) -> String {
    printable(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_is_escaped() {
        assert_eq!(header("a|b\\c\nd"), r"a\|b\\c\\u{a}d");
        assert_eq!(extension("x=1 suser=root\r\nCEF:0|"), r"x\=1 suser\=root\\u{d}\\u{a}CEF:0|");
        assert_eq!(extension(&"=".repeat(5000)).len(), 2 * VALUE);
    }
}
