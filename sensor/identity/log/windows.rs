//! Events of the Windows security log: who logged on from where.

use super::fields::Fields;
use egret_model::{Evidence, IdentityLimits, Sighting, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// The number of an entry that is an event of Windows.
pub(super) fn event_id(fields: &Fields) -> Option<u32> {
    let id: u32 = fields.first(&["eventid", "eventcode", "id", "eventidentifier"])?.parse().ok()?;
    // Other logs have columns of these names, too.
    matches!(id, 4624 | 4625 | 4634 | 4647 | 4648 | 4672 | 4768..=4771 | 4776..=4779).then_some(id)
}

/// Labels of the text of an event, in the order of the sections in which they stand.
const LABELS: [&str; 34] = [
    "Subject:",
    "New Logon:",
    "Account Information:",
    "Logon Information:",
    "Security ID:",
    "Account Name:",
    "Account Domain:",
    "Supplied Realm Name:",
    "User ID:",
    "Logon ID:",
    "Linked Logon ID:",
    "Network Account Name:",
    "Network Account Domain:",
    "Logon GUID:",
    "Logon Type:",
    "Process Information:",
    "Process ID:",
    "Process Name:",
    "Network Information:",
    "Workstation Name:",
    "Source Network Address:",
    "Source Port:",
    "Client Address:",
    "Client Port:",
    "Client Name:",
    "Service Information:",
    "Service Name:",
    "Service ID:",
    "Additional Information:",
    "Ticket Options:",
    "Result Code:",
    "Failure Code:",
    "Detailed Authentication Information:",
    "Logon Process:",
];

/// Fields out of the text of an event: `Account Name: alice` under `New Logon:`. What a section says of the new log-on hides what
/// another says of the program that asked for it.
pub(super) fn message(text: &str, fields: &mut Fields) {
    let mut marks: Vec<(usize, &str)> = LABELS
        .iter()
        .flat_map(|label| text.match_indices(label).map(move |(at, _)| (at, *label)))
        // `Logon ID:` stands within `Linked Logon ID:`.
        .filter(|(at, _)| {
            let before = text.get(..*at).unwrap_or_default();
            !before.ends_with("Linked ") && !before.ends_with("Network ") || before.ends_with("\tNetwork ")
        })
        .take(256)
        .collect();
    marks.sort_unstable();
    let mut section = "";
    for (place, (at, label)) in marks.iter().enumerate() {
        let end = marks.get(place + 1).map_or(text.len(), |(next, _)| *next);
        let value = text.get(at + label.len()..end).unwrap_or_default().trim();
        let value = value.split(['\r', '\n', '\t']).next().unwrap_or_default().trim();
        let value = value.split("  ").next().unwrap_or_default();
        if value.is_empty() {
            section = label;
            continue;
        }
        match *label {
            "Account Name:" if section != "Subject:" => fields.add("TargetUserName", value),
            "Account Domain:" | "Supplied Realm Name:" if section != "Subject:" => {
                fields.add("TargetDomainName", value);
            }
            "Logon ID:" if section != "Subject:" => fields.add("TargetLogonId", value),
            "Account Name:" => fields.add("SubjectUserName", value),
            "Account Domain:" => fields.add("SubjectDomainName", value),
            "Logon ID:" => fields.add("SubjectLogonId", value),
            "Source Network Address:" | "Client Address:" => fields.add("IpAddress", value),
            "Source Port:" | "Client Port:" => fields.add("IpPort", value),
            "Result Code:" | "Failure Code:" => fields.add("Status", value),
            label => fields.add(label, value),
        }
    }
}

/// Sessions that are open, by computer and number: where each log-on came from.
pub(super) struct Sessions {
    open: HashMap<(String, String), IpAddr>,
    most: usize,
}

/// Life of a ticket unless the domain says otherwise, nanoseconds (10 h).
const TICKET_NS: i64 = 36_000 * 1_000_000_000;

impl Sessions {
    pub(super) fn within(limits: &IdentityLimits) -> Self {
        Self { open: HashMap::new(), most: limits.log_sessions }
    }

    /// What an event proves.
    pub(super) fn event(&mut self, id: u32, fields: &Fields, written: Timestamp) -> Option<Sighting> {
        let at = fields.time(written)?;
        let ip = fields.ip(&["ipaddress", "clientaddress", "sourcenetworkaddress"]);
        let status = fields.first(&["status", "resultcode", "failurecode"]);
        let granted = status.is_none_or(|status| matches!(status, "0" | "0x0" | "0x00000000"));
        match id {
            4624 => self.log_on(at, ip, fields),
            4634 | 4647 => self.log_off(id, at, fields),
            // Somebody came back to a session, from a client that tells its name.
            4778 => sighting(at, ip?, fields, Evidence::WindowsLogon, None),
            4768 if granted => sighting(at, ip?, fields, Evidence::Kerberos, Some(at.plus(TICKET_NS))),
            4769 | 4770 if granted => sighting(at, ip?, fields, Evidence::Kerberos, None),
            _ => None,
        }
    }

    fn log_on(&mut self, at: Timestamp, ip: Option<IpAddr>, fields: &Fields) -> Option<Sighting> {
        // Batch and service log-ons are no person's; new credentials (run as) stay where the person is (type 9).
        let kind = fields.first(&["logontype"]).and_then(number);
        if matches!(kind, Some(0 | 4 | 5 | 9)) {
            return None;
        }
        let ip = ip?;
        // Only at the keyboard does a log-off mean that the person leaves the address: type 3 ends with every file that is closed,
        // type 10 leaves the person at the client.
        if matches!(kind, Some(2 | 7 | 11))
            && let Some(key) = session(fields)
            && self.open.len() < self.most
        {
            self.open.insert(key, ip);
        }
        sighting(at, ip, fields, Evidence::WindowsLogon, None)
    }

    fn log_off(&mut self, id: u32, at: Timestamp, fields: &Fields) -> Option<Sighting> {
        let at_keyboard =
            id == 4647 || matches!(fields.first(&["logontype"]).and_then(number), Some(2 | 7 | 11));
        let told = fields.ip(&["ipaddress"]).filter(|_| at_keyboard);
        let ip = session(fields).and_then(|key| self.open.remove(&key)).or(told)?;
        sighting(at, ip, fields, Evidence::WindowsLogon, Some(at))
    }
}

/// The leading number of `10 (RemoteInteractive)`.
fn number(text: &str) -> Option<u32> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn session(fields: &Fields) -> Option<(String, String)> {
    let computer = fields.first(&["computer", "computername", "machinename", "hostname"])?;
    Some((computer.to_lowercase(), fields.first(&["targetlogonid"])?.to_lowercase()))
}

fn sighting(
    at: Timestamp,
    ip: IpAddr,
    fields: &Fields,
    evidence: Evidence,
    until: Option<Timestamp>,
) -> Option<Sighting> {
    // What asked for the log-on (`Subject`) is mostly the computer itself.
    let name = fields.first(&["targetusername", "accountname", "targetuser"])?;
    let (user, realm) = name.split_once('@').map_or((name, None), |(user, realm)| (user, Some(realm)));
    let (realm, user) = user.split_once('\\').map_or((realm, user), |(domain, user)| (Some(domain), user));
    let domain = fields.first(&["targetdomainname", "accountdomain"]).or(realm);
    let host = fields.first(&["workstationname", "clientname"]).map(|host| host.trim_start_matches('\\'));
    let port = fields
        .first(&["ipport", "clientport"])
        .and_then(|port| port.parse::<u16>().ok())
        .filter(|port| *port != 0);
    Some(Sighting {
        at,
        ip: Some(ip),
        ports: port.map(|port| (port, port)),
        mac: None,
        host: host.filter(|host| !host.is_empty()).map(str::to_owned),
        user: Some(user.to_owned()),
        domain: domain.map(str::to_owned),
        evidence,
        confirmed: true,
        until,
    })
}
