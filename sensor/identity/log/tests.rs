//! Entries as the programs write them.

use super::IdentityLog;
use egret_model::{Evidence, IdentityLimits, Timestamp};

/// Evidence, address, user, host; and whether it ends a session.
fn told(text: &str) -> Vec<String> {
    let written = Timestamp::from_seconds(1_764_201_600);
    let log = IdentityLog::parse(text, written, &IdentityLimits::default());
    assert_eq!(log.faults, []);
    log.sightings
        .iter()
        .map(|seen| {
            let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "-".into());
            let place = seen.ip.map(|ip| ip.to_string()).or(seen.mac.map(|mac| mac.to_string())).unwrap();
            let ends = if seen.until.is_some_and(|until| until <= seen.at) { " ends" } else { "" };
            let (user, domain, host) = (shown(&seen.user), shown(&seen.domain), shown(&seen.host));
            format!("{} {} {place} {user} {domain} {host}{ends}", &seen.at.to_string()[..19], seen.evidence)
        })
        .collect()
}

const ALICE: &str = "2025-11-24T08:00:00 windows-logon 10.0.0.7 alice CORP ALICE-LT";

#[test]
fn a_log_on_of_windows_in_the_forms_of_many_exporters() {
    let text = "An account was successfully logged on.\r\n\r\nSubject:\r\n\tSecurity ID:\t\tS-1-0-0\r\n\tAccount Name:\t\tDC1$\r\n\t\
                Account Domain:\t\tCORP\r\n\tLogon ID:\t\t0x0\r\n\r\nLogon Information:\r\n\tLogon Type:\t\t3\r\n\r\nNew Logon:\r\n\t\
                Security ID:\t\tS-1-5-21\r\n\tAccount Name:\t\talice\r\n\tAccount Domain:\t\tCORP\r\n\tLogon ID:\t\t0x5A\r\n\t\
                Linked Logon ID:\t\t0x0\r\n\tNetwork Account Name:\t-\r\n\r\nNetwork Information:\r\n\tWorkstation Name:\tALICE-LT\r\n\t\
                Source Network Address:\t10.0.0.7\r\n\tSource Port:\t\t50000\r\n";
    let flat = text.replace("\r\n", " ").replace('\t', " ");
    let json = serde_json::Value::String(text.to_owned());
    for log in [
        // winlogbeat
        "{\"@timestamp\":\"2025-11-24T08:00:00.000Z\",\"winlog\":{\"event_id\":4624,\"computer_name\":\"DC1\",\"event_data\":{\
         \"SubjectUserName\":\"DC1$\",\"TargetUserName\":\"alice\",\"TargetDomainName\":\"CORP\",\"LogonType\":\"3\",\"IpAddress\":\"10.0.0.7\",\
         \"IpPort\":\"50000\",\"WorkstationName\":\"ALICE-LT\"}}}\n"
            .to_owned(),
        // NXLog
        "{\"EventTime\":\"2025-11-24 08:00:00\",\"Hostname\":\"DC1\",\"EventID\":4624,\"TargetUserName\":\"alice\",\"TargetDomainName\":\"CORP\",\
         \"LogonType\":3,\"IpAddress\":\"::ffff:10.0.0.7\",\"WorkstationName\":\"ALICE-LT\"}"
            .to_owned(),
        // evtx_dump
        "[{\"Event\":{\"System\":{\"EventID\":4624,\"TimeCreated\":{\"#attributes\":{\"SystemTime\":\"2025-11-24T08:00:00.1Z\"}},\
         \"Computer\":\"DC1\"},\"EventData\":{\"TargetUserName\":\"alice\",\"TargetDomainName\":\"CORP\",\"LogonType\":3,\
         \"WorkstationName\":\"ALICE-LT\",\"IpAddress\":\"10.0.0.7\"}}}]"
            .to_owned(),
        // PowerShell: Get-WinEvent | ConvertTo-Json
        format!("[{{\"Id\":4624,\"TimeCreated\":\"/Date(1763971200000)/\",\"MachineName\":\"DC1\",\"Message\":{json}}}]"),
        // wevtutil
        "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Security-Auditing'/>\
         <EventID>4624</EventID><TimeCreated SystemTime='2025-11-24T08:00:00.0Z'/><Computer>DC1</Computer></System><EventData>\
         <Data Name='TargetUserName'>alice</Data><Data Name='TargetDomainName'>CORP</Data><Data Name='LogonType'>3</Data>\
         <Data Name='WorkstationName'>ALICE-LT</Data><Data Name='IpAddress'>10.0.0.7</Data><Data Name='IpPort'>50000</Data></EventData></Event>"
            .to_owned(),
        // the event viewer's CSV
        format!("Keywords,Date and Time,Source,Event ID,Task Category\r\nAudit Success,11/24/2025 8:00:00 AM,Microsoft-Windows-Security-Auditing,4624,Logon,\"{text}\"\r\n"),
        "time,event id,computer,TargetUserName,TargetDomainName,LogonType,IpAddress,WorkstationName\n\
         2025-11-24 08:00:00,4624,DC1,alice,CORP,3,10.0.0.7,ALICE-LT\n"
            .to_owned(),
        // syslog
        format!("<13>Nov 24 08:00:00 DC1 Microsoft-Windows-Security-Auditing: 4624: AUDIT_SUCCESS {flat}"),
        format!("<13>1 2025-11-24T08:00:00Z DC1 Security-Auditing - - - EventID=\"4624\" {flat}"),
    ] {
        assert_eq!(told(&log), [ALICE], "{log}");
    }
}

#[test]
fn what_proves_nothing_is_passed_over() {
    let event = |id: u32, more: &str| {
        format!(
            "{{\"EventTime\":\"2025-11-24 08:00:00\",\"EventID\":{id},\"Hostname\":\"DC1\",\"TargetUserName\":\"alice\",{more}}}\n"
        )
    };
    for (text, expected) in [
        (event(4625, "\"LogonType\":3,\"IpAddress\":\"10.0.0.7\""), 0),
        (event(4624, "\"LogonType\":5,\"IpAddress\":\"10.0.0.7\""), 0),
        (event(4624, "\"LogonType\":9,\"IpAddress\":\"10.0.0.7\""), 0),
        (event(4624, "\"LogonType\":2,\"IpAddress\":\"127.0.0.1\""), 0),
        (event(4624, "\"LogonType\":3,\"IpAddress\":\"-\""), 0),
        (event(4768, "\"Status\":\"0x12\",\"IpAddress\":\"::ffff:10.0.0.7\""), 0),
        (event(4768, "\"Status\":\"0x0\",\"IpAddress\":\"::ffff:10.0.0.7\""), 1),
        (event(4769, "\"Status\":\"0x0\",\"IpAddress\":\"10.0.0.7\""), 1),
        (event(4771, "\"IpAddress\":\"10.0.0.7\""), 0),
    ] {
        assert_eq!(told(&text).len(), expected, "{text}");
    }
}

#[test]
fn only_who_leaves_the_keyboard_leaves_the_address() {
    let event = |id: u32, kind: u32, session: u32, ip: &str| {
        format!(
            "{{\"EventTime\":\"2025-11-24 08:00:0{session}\",\"EventID\":{id},\"Hostname\":\"LT\",\"TargetUserName\":\"alice\",\
             \"TargetLogonId\":\"0x{session}\",\"LogonType\":{kind}{ip}}}\n"
        )
    };
    let ip = ",\"IpAddress\":\"10.0.0.7\"";
    let log =
        [event(4624, 2, 1, ip), event(4624, 3, 2, ip), event(4634, 3, 2, ""), event(4647, 2, 1, "")].concat();
    let told = told(&log);
    assert_eq!(told.iter().filter(|told| told.ends_with("ends")).count(), 1, "{told:?}");
    assert_eq!(told.len(), 3);
}

#[test]
fn lines_of_servers_and_entries_of_any_collector() {
    for (text, expected) in [
        (
            "Nov 24 08:00:00 gw dhcpd[9]: DHCPACK on 10.0.0.5 to 02:00:5e:10:00:01 (ALICE-LT) via eth0",
            "2025-11-24T08:00:00 dhcp 10.0.0.5 - - ALICE-LT",
        ),
        (
            "Nov 24 08:00:00 gw dnsmasq-dhcp[9]: DHCPACK(eth0) 10.0.0.5 02:00:5e:10:00:01 ALICE-LT",
            "2025-11-24T08:00:00 dhcp 10.0.0.5 - - ALICE-LT",
        ),
        (
            "Nov 24 08:00:00 gw dhcpd: DHCPRELEASE of 10.0.0.5 from 02:00:5e:10:00:01 via eth0",
            "2025-11-24T08:00:00 dhcp 10.0.0.5 - - - ends",
        ),
        (
            "2025-11-24T08:00:00+00:00 vpn sshd[7]: Accepted publickey for CORP\\alice from 10.0.0.7 port 50022 ssh2",
            "2025-11-24T08:00:00 feed 10.0.0.7 alice CORP -",
        ),
        (
            "Mon Nov 24 08:00:00 2025 : Auth: (1) Login OK: [alice@corp.example] (from client ap-1 port 0 cli 02-00-5E-10-00-01)",
            "2025-11-24T08:00:00 radius 02:00:5e:10:00:01 alice corp.example -",
        ),
        (
            "Nov 24 08:00:00 r radiusd: Login OK: [alice@corp.example] (from client ap-1 port 0 cli 02-00-5E-10-00-01)",
            "2025-11-24T08:00:00 radius 02:00:5e:10:00:01 alice corp.example -",
        ),
        (
            "<164>Nov 24 2025 08:00:00: %ASA-4-722051: Group <vpn> User <alice> IP <198.51.100.7> IPv4 Address <10.8.0.2> IPv6 address <::> assigned to session",
            "2025-11-24T08:00:00 feed 10.8.0.2 alice - -",
        ),
        (
            "date=2025-11-24 time=08:00:00 devname=\"fw\" action=\"tunnel-up\" user=\"alice\" remip=198.51.100.7 tunnelip=10.8.0.2",
            "2025-11-24T08:00:00 feed 10.8.0.2 alice - fw",
        ),
        (
            "{\"time\":\"2025-11-24T08:00:00Z\",\"ip\":\"10.0.0.7\",\"user\":\"alice@corp.example\",\"host\":\"ALICE-LT\"}",
            "2025-11-24T08:00:00 feed 10.0.0.7 alice corp.example ALICE-LT",
        ),
        ("time;ip;user\n2025-11-24 08:00:00;10.0.0.7;alice\n", "2025-11-24T08:00:00 feed 10.0.0.7 alice - -"),
        (
            "{\"ts\":1763971200,\"Acct-Status-Type\":\"Stop\",\"User-Name\":\"alice\",\"Framed-IP-Address\":\"10.0.0.7\"}",
            "2025-11-24T08:00:00 radius 10.0.0.7 alice - - ends",
        ),
        (
            "{\"time\":\"2025-11-24T08:00:00Z\",\"ip\":\"10.0.0.7\",\"user\":\"alice\",\"action\":\"login-failed\"}",
            "",
        ),
        ("Nov 24 08:00:00 host kernel: eth0 link up", ""),
    ] {
        let expected: Vec<&str> =
            Some(expected).filter(|expected| !expected.is_empty()).into_iter().collect();
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn a_broken_entry_is_told_and_the_others_hold() {
    let good = "{\"time\":\"2025-11-24T08:00:00Z\",\"ip\":\"10.0.0.7\",\"user\":\"alice\"}\n";
    let log = IdentityLog::parse(
        &format!("{good}{{\"time\": oops}}\n{good}"),
        Timestamp::MAX,
        &IdentityLimits::default(),
    );
    assert_eq!((log.sightings.len(), log.faults.len(), log.lines), (2, 1, 3));
    assert_eq!(log.faults[0].line, 2);
    let log = IdentityLog::parse(
        "<Event><EventID>4624</EventID></Event>\n<Event></Eve",
        Timestamp::MAX,
        &IdentityLimits::default(),
    );
    assert_eq!(log.sightings.len(), 0);
    assert_eq!(Evidence::Feed.to_string(), "feed");
}
