//! The syslog protocol (RFC 5424): the header of a message.
//!
//! Owns: the header. Never does: framing, which is the transport's.

use egret_model::{Severity, Timestamp};

/// Facility "security/authorization messages", 10 (RFC 5424 section 6.2.1).
const FACILITY: u8 = 10;

/// What stands before each line.
#[derive(Clone, Debug)]
pub struct Header {
    /// Host of the sensor.
    pub host: String,
    /// When the message is sent.
    pub at: Timestamp,
    /// Severity of what it tells.
    pub severity: Severity,
    /// Format of what follows: the message id.
    pub format: &'static str,
}

impl Header {
    /// The message with `text`, which is one line.
    pub(super) fn message(&self, text: &str) -> String {
        let severity = match self.severity {
            Severity::Critical => 2,
            Severity::High => 3,
            Severity::Medium => 4,
            Severity::Low => 5,
            Severity::Info => 6,
        };
        let at = self.at.to_string();
        // Microseconds at most (section 6.2.3).
        let at = at.get(..26).unwrap_or("1970-01-01T00:00:00");
        let host: String = self.host.chars().filter(char::is_ascii_graphic).take(255).collect();
        let host = if host.is_empty() { "-" } else { &host };
        format!("<{}>1 {at}Z {host} egret - {} - {text}", FACILITY * 8 + severity, self.format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_as_rfc_5424_has_it() {
        let header = Header {
            host: "sensor 1\n".into(),
            at: Timestamp::from_nanos(1_764_000_000_123_456_789),
            severity: Severity::Critical,
            format: "cef",
        };
        assert_eq!(header.message("x"), "<82>1 2025-11-24T16:00:00.123456Z sensor1 egret - cef - x");
        let nameless = Header { host: String::new(), severity: Severity::Info, ..header };
        assert_eq!(nameless.message("x"), "<86>1 2025-11-24T16:00:00.123456Z - egret - cef - x");
    }
}
