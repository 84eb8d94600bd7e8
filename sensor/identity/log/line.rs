//! Logs of lines (syslog): DHCP, SSH, RADIUS and VPN servers, firewalls with `name=value`, and Windows events in a line.
//!
//! A line that is nothing of that tells nothing: logs hold all kinds.

use super::fields::{Fields, mac};
use super::time::moment;
use super::{Reader, json, windows, xml};
use egret_model::{Evidence, Sighting, Timestamp};
use std::net::IpAddr;

/// Longest line that is looked at, bytes.
const LONGEST_LINE: usize = 64 << 10;

pub(super) fn read(text: &str, reader: &mut Reader<'_>) {
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.get(..LONGEST_LINE).unwrap_or(line);
        one(line, reader);
    }
}

fn one(line: &str, reader: &mut Reader<'_>) {
    let (at, rest) = split_time(line, reader.written);
    let mut fields = reader.fields();
    // An event within the line tells its own time.
    if let Some(value) = rest.find('{').and_then(|start| serde_json::from_str(rest.get(start..)?).ok()) {
        json::collect("", &value, &mut fields);
    } else if let Some(start) = rest.find("<Event") {
        return xml::read(rest.get(start..).unwrap_or_default(), reader);
    } else if let Some(id) = windows_id(rest) {
        fields.add("EventID", id);
        windows::message(rest, &mut fields);
        pairs(rest, &mut fields);
    } else {
        let sighting = at.and_then(|at| known(rest, at));
        if sighting.is_some() {
            return reader.sighting(sighting);
        }
        pairs(rest, &mut fields);
    }
    if let Some(at) = at {
        fields.add("when", &at.to_string());
    }
    reader.entry(fields);
}

/// The time of a line, and what stands behind it: RFC 5424, RFC 3164, or a date first.
fn split_time(line: &str, written: Timestamp) -> (Option<Timestamp>, &str) {
    let mut rest = line;
    // <priority>, and the version of RFC 5424.
    if let Some((priority, behind)) = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'))
        && priority.len() <= 3
    {
        rest = behind.strip_prefix("1 ").unwrap_or(behind);
    }
    let word_ends = rest.match_indices(' ').map(|(at, _)| at).chain([rest.len()]).take(5);
    for end in word_ends.collect::<Vec<_>>().into_iter().rev() {
        let head =
            rest.get(..end).unwrap_or_default().trim().trim_end_matches([':', ',']).trim_matches(['[', ']']);
        if let Some(at) = moment(head, written) {
            return (Some(at), rest.get(end..).unwrap_or_default().trim_start());
        }
    }
    (None, rest)
}

/// The number of a Windows event told in a line: `EventID=4624`, `Microsoft-Windows-Security-Auditing: 4624: An account …`.
fn windows_id(text: &str) -> Option<&str> {
    let windows =
        text.contains("Security-Auditing") || text.contains("MSWinEventLog") || text.contains("EventID");
    if !windows {
        return None;
    }
    text.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| {
        matches!(*word, "4624" | "4625" | "4634" | "4647" | "4768" | "4769" | "4770" | "4771" | "4778")
    })
}

/// `name=value` and `name="value"`, as firewalls write.
fn pairs(text: &str, fields: &mut Fields) {
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let (before, behind) = rest.split_at(equals);
        let behind = behind.get(1..).unwrap_or_default();
        let name =
            before.rsplit(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '(' | '[')).next();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => {
                let end = behind
                    .find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | ')' | ']'))
                    .unwrap_or(behind.len());
                behind.split_at(end)
            }
        };
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            fields.add(name, value);
        }
        rest = behind;
    }
}

/// What the programs say that everybody runs.
fn known(text: &str, at: Timestamp) -> Option<Sighting> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let after = |word: &str| {
        let place = words.iter().position(|known| *known == word)?;
        words.get(place + 1).copied()
    };
    let told =
        Told { at, ip: None, user: None, host: None, mac: None, evidence: Evidence::Feed, ends: false };
    if let Some(accepted) = words.iter().position(|word| *word == "Accepted") {
        // OpenSSH: Accepted password for alice from 10.0.0.7 port 50022 ssh2
        let told = Told { ip: after("from"), user: after("for"), ..told };
        return (words.get(accepted + 2) == Some(&"for")).then(|| told.sighting()).flatten();
    }
    if let Some(verb) =
        words.iter().find(|word| word.starts_with("DHCPACK") || word.starts_with("DHCPRELEASE"))
    {
        // ISC: DHCPACK on 10.0.0.5 to 00:11:22:33:44:55 (ALICE-LT) via eth0; dnsmasq: DHCPACK(eth0) 10.0.0.5 00:11:22:33:44:55 ALICE-LT
        let ends = verb.starts_with("DHCPRELEASE");
        let ip = words.iter().copied().find(|word| word.parse::<IpAddr>().is_ok());
        let mac = words.iter().copied().find(|word| mac(word).is_some());
        let bracketed = words.iter().find_map(|word| word.strip_prefix('(')?.strip_suffix(')'));
        let last = words
            .last()
            .copied()
            .filter(|last| verb.contains('(') && Some(*last) != mac && Some(*last) != ip);
        return Told { ip, mac, host: bracketed.or(last), evidence: Evidence::Dhcp, ends, ..told }.sighting();
    }
    if let Some((_, rest)) = text.split_once("Login OK: [") {
        // FreeRADIUS: Login OK: [alice] (from client ap-1 port 0 cli 02-00-5E-10-00-01)
        let user = rest.split([']', '/']).next();
        let station = after("cli").map(|word| word.trim_end_matches([')', ']']));
        return Told { user, mac: station, evidence: Evidence::Radius, ..told }.sighting();
    }
    // Cisco ASA: Group <vpn> User <alice> IP <198.51.100.7> IPv4 Address <10.8.0.2> IPv6 address <::> assigned to session
    let angled = |word: &str| Some(text.split_once(word)?.1.split_once('<')?.1.split_once('>')?.0);
    (text.contains("assigned to session"))
        .then(|| Told { ip: angled("Address "), user: angled("User "), ..told }.sighting())
        .flatten()
}

/// What a line tells, before it is read.
struct Told<'a> {
    at: Timestamp,
    ip: Option<&'a str>,
    user: Option<&'a str>,
    host: Option<&'a str>,
    mac: Option<&'a str>,
    evidence: Evidence,
    ends: bool,
}

impl Told<'_> {
    fn sighting(self) -> Option<Sighting> {
        let ip = self.ip.and_then(|ip| ip.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        let mac = self.mac.and_then(mac);
        if ip.is_none() && mac.is_none() || self.user.is_none() && self.evidence != Evidence::Dhcp {
            return None;
        }
        let (user, domain) = self.user.map_or((None, None), |user| {
            let (domain, user) =
                user.split_once('\\').map_or((None, user), |(domain, user)| (Some(domain), user));
            let (user, realm) =
                user.split_once('@').map_or((user, None), |(user, realm)| (user, Some(realm)));
            (Some(user.to_owned()), domain.or(realm).map(str::to_owned))
        });
        Some(Sighting {
            at: self.at,
            ip,
            ports: None,
            mac,
            host: self.host.filter(|host| !host.is_empty()).map(str::to_owned),
            user,
            domain,
            evidence: self.evidence,
            confirmed: true,
            until: self.ends.then_some(self.at),
        })
    }
}

/// An entry with names of its own: who had which address, from when on, and what became of it.
pub(super) fn generic(fields: &Fields, written: Timestamp) -> Option<Sighting> {
    const IPS: [&str; 16] = [
        "framedipaddress",
        "assignip",
        "assignedip",
        "tunnelip",
        "clientip",
        "srcip",
        "sourceip",
        "ip",
        "ipaddress",
        "src",
        "address",
        "sourceaddress",
        "remoteip",
        "ipaddr",
        "leaseip",
        "clientaddress",
    ];
    const USERS: [&str; 12] = [
        "user",
        "username",
        "srcuser",
        "usr",
        "suser",
        "accountname",
        "account",
        "login",
        "userid",
        "xauthuser",
        "srcusername",
        "userprincipalname",
    ];
    let word = |names: &[&str]| fields.first(names).map(str::to_ascii_lowercase);
    let what = word(&[
        "acctstatustype",
        "action",
        "event",
        "eventtype",
        "status",
        "outcome",
        "result",
        "subtype",
        "type",
    ])
    .unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| what.contains(word));
    if says(&["fail", "den", "reject", "error", "invalid", "block", "refus", "bad"]) {
        return None;
    }
    let ends = says(&[
        "logoff",
        "logout",
        "log out",
        "stop",
        "disconnect",
        "release",
        "tunnel-down",
        "session end",
        "expire",
    ]);
    let at = fields.time(written)?;
    let ip = fields.ip(&IPS);
    let mac = fields.mac(&["mac", "macaddress", "callingstationid", "srcmac", "clientmac", "hwaddr"]);
    let host = fields.first(&[
        "hostname",
        "host",
        "workstation",
        "workstationname",
        "clienthostname",
        "computer",
        "device",
        "devname",
    ]);
    let user = fields.first(&USERS);
    let told = ip.map(|ip| ip.to_string());
    let radius = fields.first(&["acctstatustype", "framedipaddress", "callingstationid"]).is_some();
    let evidence = match user {
        None => Evidence::Dhcp,
        Some(_) if radius => Evidence::Radius,
        Some(_) => Evidence::Feed,
    };
    // Without a user it is a lease, and only that if it says so.
    if user.is_none() && !(says(&["dhcp", "lease", "ack", "assign"]) && (host.is_some() || mac.is_some())) {
        return None;
    }
    // The host of a line of a log is as a rule the server that wrote it.
    let host = host.filter(|_| evidence == Evidence::Dhcp || fields.first(&["acctstatustype"]).is_none());
    let mut sighting =
        Told { at, ip: told.as_deref(), user, host, mac: None, evidence, ends }.sighting().or_else(|| {
            let mac = mac.map(|mac| mac.to_string());
            Told { at, ip: None, user, host, mac: mac.as_deref(), evidence, ends }.sighting()
        })?;
    sighting.mac = mac;
    sighting.domain =
        sighting.domain.or_else(|| fields.first(&["domain", "realm", "userdomain"]).map(str::to_owned));
    if !ends {
        let lease = fields
            .first(&["lease", "leaseseconds", "leasetime", "sessiontimeout"])
            .and_then(|lease| lease.parse::<i64>().ok());
        let until = fields.first(&["until", "to", "expires", "end"]).and_then(|until| moment(until, written));
        sighting.until = until.or_else(|| lease.map(|lease| at.plus(lease.saturating_mul(1_000_000_000))));
    }
    Some(sighting)
}
