//! Logs that tell who had which address: Windows security events and the lines of DHCP, VPN, SSH and RADIUS servers.
//!
//! Owns: recognising the format (JSON, XML, CSV, lines), and what an entry proves. Never does: opening files; following one as it
//! grows; believing a log-in that failed.

mod fields;
mod json;
mod line;
mod table;
mod time;
mod windows;
mod xml;

use crate::directory::FileFault;
use egret_model::{IdentityLimits, Sighting, Timestamp};
use fields::Fields;
use windows::Sessions;

/// What a log tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityLog {
    /// Its evidence, in the order of the log.
    pub sightings: Vec<Sighting>,
    /// Entries read, most of which as a rule tell nothing of addresses.
    pub lines: u64,
    /// Entries that are not in order.
    pub faults: Vec<FileFault>,
}

impl IdentityLog {
    /// Reads a log. `written` is when it was written last: syslog (RFC 3164) tells no year, and so its entries are of the year before
    /// that. Times without a zone are taken for UTC.
    ///
    /// ```
    /// use egret_identity::IdentityLog;
    /// let line = "2026-11-24T08:00:00Z vpn sshd[7]: Accepted publickey for alice from 10.0.0.7 port 50022 ssh2\n";
    /// let log = IdentityLog::parse(line, egret_model::Timestamp::MAX, &egret_model::IdentityLimits::default());
    /// assert_eq!(log.sightings[0].user.as_deref(), Some("alice"));
    /// ```
    #[must_use]
    pub fn parse(text: &str, written: Timestamp, limits: &IdentityLimits) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = Reader { log: Self::default(), sessions: Sessions::within(limits), written, limits };
        match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[') => json::read(text, &mut reader),
            Some(b'<') if xml::looks_so(text) => xml::read(text, &mut reader),
            Some(_) if table::looks_so(text) => table::read(text, &mut reader),
            Some(_) => line::read(text, &mut reader),
            None => {}
        }
        reader.log
    }
}

/// What the formats hand their entries to.
struct Reader<'a> {
    log: IdentityLog,
    sessions: Sessions,
    written: Timestamp,
    limits: &'a IdentityLimits,
}

impl Reader<'_> {
    /// Room for an entry.
    fn fields(&self) -> Fields {
        Fields::within(self.limits)
    }

    /// An entry.
    fn entry(&mut self, mut fields: Fields) {
        self.log.lines += 1;
        let sighting = match windows::event_id(&fields) {
            Some(id) => {
                // Some exporters leave the event's data in its text.
                if let Some(text) = fields.take("message") {
                    windows::message(&text, &mut fields);
                }
                self.sessions.event(id, &fields, self.written)
            }
            None => line::generic(&fields, self.written),
        };
        self.log.sightings.extend(sighting);
    }

    /// What is known already, of an entry.
    fn sighting(&mut self, sighting: Option<Sighting>) {
        self.log.lines += 1;
        self.log.sightings.extend(sighting);
    }

    /// An entry that is not in order.
    fn fault(&mut self, line: u64, message: String) {
        self.log.lines += 1;
        self.log.faults.push(FileFault { line, message });
    }
}

#[cfg(test)]
mod tests;
