//! Frames made after RFC 3748, RFC 826 and RFC 4861.

use super::*;
use egret_model::PacketRef;

const STATION: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x11]);
const OTHER: MacAddress = MacAddress([2, 0, 0, 0, 0, 0x12]);
const SWITCH: MacAddress = MacAddress([2, 0, 0, 0, 0, 1]);
/// The group address of port access entities.
const GROUP: MacAddress = MacAddress([1, 0x80, 0xc2, 0, 0, 3]);

fn eap(code: u8, identifier: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 4).to_be_bytes();
    let packet = [&[code, identifier], &length[..], content].concat();
    // Ethernet pads short frames.
    let padding = vec![0; 42_usize.saturating_sub(packet.len())];
    [&[2, 0], &(packet.len() as u16).to_be_bytes()[..], &packet, &padding].concat()
}

fn identity(identifier: u8, name: &str) -> Vec<u8> {
    eap(2, identifier, &[&[1], name.as_bytes()].concat())
}

fn arp(mac: MacAddress, ip: [u8; 4]) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4, 0, 2], &mac.0[..], &ip, &[0; 10]].concat()
}

/// Plays frames a second apart; gives what is told: user, address, link address, and whether it is an end.
fn play(frames: &[(MacAddress, MacAddress, LinkKind, Vec<u8>)]) -> Vec<String> {
    let mut watch = LinkWatch::new(&ProtocolLimits::default());
    let mut told = Vec::new();
    for (second, (source, destination, kind, payload)) in frames.iter().enumerate() {
        let frame = LinkFrame {
            packet: PacketRef::default(),
            at: Timestamp::from_seconds(second as i64),
            source: *source,
            destination: *destination,
            kind: *kind,
            payload: payload.as_slice().into(),
        };
        watch.frame(&frame, &mut |sighting| {
            let ip = sighting.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string());
            let user = sighting.user.as_deref().unwrap_or("-");
            let end = if sighting.until.is_some() { " ends" } else { "" };
            told.push(format!("{user} {ip} {}{end}", sighting.mac.unwrap()));
        });
    }
    told
}

const ADMITTED: &str = "alice - 02:00:00:00:00:11";

#[test]
fn success_proves_an_identity_and_nothing_else_does() {
    use LinkKind::Eapol;
    let up = |payload: Vec<u8>| (STATION, GROUP, Eapol, payload);
    let down = |payload: Vec<u8>| (SWITCH, STATION, Eapol, payload);
    let broadcast = |payload: Vec<u8>| (SWITCH, GROUP, Eapol, payload);
    let alice = || up(identity(7, "alice@corp.example"));
    let method = |identifier: u8| up(eap(2, identifier, &[25, 0, 0]));
    for (frames, expected) in [
        (vec![alice()], vec![]),
        (vec![alice(), down(eap(3, 7, b""))], vec![ADMITTED]),
        (vec![alice(), method(8), broadcast(eap(3, 8, b""))], vec![ADMITTED]),
        (vec![alice(), method(8), broadcast(eap(3, 7, b""))], vec![]),
        (vec![alice(), down(eap(4, 7, b"")), down(eap(3, 7, b""))], vec![]),
        (vec![down(eap(3, 7, b""))], vec![]),
        // Two stations that have given the same answer: the outcome is anybody's.
        (vec![alice(), (OTHER, GROUP, Eapol, identity(7, "bob")), broadcast(eap(3, 7, b""))], vec![]),
        (vec![up(identity(7, "anonymous@corp.example")), down(eap(3, 7, b""))], vec![]),
        (vec![up(identity(7, "@corp.example")), down(eap(3, 7, b""))], vec![]),
        (
            vec![up(identity(7, "CORP\\alice\0networkid=x")), down(eap(3, 7, b"")), up(vec![1, 2, 0, 0])],
            vec![ADMITTED, "alice - 02:00:00:00:00:11 ends"],
        ),
        (
            vec![up(identity(7, "host/alice-lt.corp.example")), down(eap(3, 7, b""))],
            vec!["alice-lt$ - 02:00:00:00:00:11"],
        ),
    ] {
        assert_eq!(play(&frames), expected, "{frames:?}");
    }
}

#[test]
fn addresses_of_admitted_stations_are_told_whenever_they_were_seen() {
    let seen = || (STATION, GROUP, LinkKind::Arp, arp(STATION, [10, 20, 1, 11]));
    let probe = (STATION, GROUP, LinkKind::Arp, arp(STATION, [0; 4]));
    let stranger = (OTHER, GROUP, LinkKind::Arp, arp(OTHER, [10, 20, 1, 12]));
    let mut advertisement = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
    advertisement.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 2, 1]);
    advertisement.extend(STATION.0);
    let six = (STATION, GROUP, LinkKind::Neighbour("fe80::1".parse().unwrap()), advertisement);
    let admission = || {
        [
            (STATION, GROUP, LinkKind::Eapol, identity(1, "alice")),
            (SWITCH, STATION, LinkKind::Eapol, eap(3, 1, b"")),
        ]
    };
    let place = "- 10.20.1.11 02:00:00:00:00:11";
    let [named, admitted] = admission();
    assert_eq!(
        play(&[seen(), named, stranger, admitted, probe, seen(), six]),
        [ADMITTED, place, "- 2001:db8::11 02:00:00:00:00:11"]
    );
    let [named, admitted] = admission();
    assert_eq!(play(&[named, admitted, seen()]), [ADMITTED, place]);
}

#[test]
fn memory_is_bounded_whatever_addresses_are_forged() {
    let limits = ProtocolLimits { link_stations: 64, ..ProtocolLimits::default() };
    let mut watch = LinkWatch::new(&limits);
    for number in 0..10_000_u32 {
        let [a, b, c, d] = number.to_be_bytes();
        let source = MacAddress([2, 0, a, b, c, d]);
        for (kind, payload) in
            [(LinkKind::Eapol, identity(1, "alice")), (LinkKind::Arp, arp(source, [10, b, c, d | 1]))]
        {
            let payload = payload.into();
            let (packet, at) = (PacketRef::default(), Timestamp::from_seconds(number.into()));
            watch.frame(&LinkFrame { packet, at, source, destination: GROUP, kind, payload }, &mut |_| {});
        }
        assert!(watch.stations.len() <= 64 && watch.places.len() <= 64);
        assert_eq!(watch.answers.len(), watch.stations.len());
    }
}
