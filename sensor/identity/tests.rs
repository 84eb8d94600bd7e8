//! The evidence model, case by case.

use crate::{AddressPlan, IdentityIndex, People, Question};
use egret_model::{Attribution, Basis, Evidence, IdentityLimits, MacAddress, Sighting, Timestamp};
use std::net::IpAddr;
use std::sync::Arc;

const IP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

fn seen(seconds: i64, user: &str, evidence: Evidence) -> Sighting {
    Sighting {
        at: Timestamp::from_seconds(seconds),
        ip: Some(IP),
        ports: None,
        mac: None,
        host: None,
        user: (!user.is_empty()).then(|| user.to_owned()),
        domain: None,
        evidence,
        confirmed: true,
        until: None,
    }
}

fn index(plan: &str, sightings: &[Sighting]) -> IdentityIndex {
    let (plan, errors) = AddressPlan::parse(plan);
    assert_eq!(errors, []);
    let mut index = IdentityIndex::new(Arc::new(People::of_plan(plan)), &IdentityLimits::default());
    sightings.iter().for_each(|sighting| index.add(sighting));
    index
}

fn who(index: &IdentityIndex, seconds: i64) -> Attribution {
    index.attribute(&Question { ip: IP, port: None, at: Timestamp::from_seconds(seconds), named: None })
}

fn named_at(index: &IdentityIndex, seconds: i64, named: (&str, Evidence)) -> Attribution {
    let at = Timestamp::from_seconds(seconds);
    index.attribute(&Question { ip: IP, port: None, at, named: Some(named) })
}

#[test]
fn the_latest_strong_evidence_names_the_user() {
    let index =
        index("ip,user\n", &[seen(100, "alice", Evidence::Kerberos), seen(900, "bob", Evidence::Kerberos)]);
    assert_eq!(who(&index, 200).user.as_deref(), Some("alice"));
    let later = who(&index, 1000);
    assert_eq!(later.user.as_deref(), Some("bob"));
    assert_eq!(later.evidence, Some(Evidence::Kerberos));
    assert!(later.confidence > 0.85);
}

#[test]
fn weak_evidence_does_not_displace_strong() {
    let index = index(
        "ip,user\n",
        &[seen(100, "alice", Evidence::Kerberos), seen(900, "shop-login", Evidence::HttpBasic)],
    );
    assert_eq!(who(&index, 1000).user.as_deref(), Some("alice"));
}

#[test]
fn the_plan_names_user_and_host() {
    let index = index("ip,user,host\n10.0.0.0/24,carol,CAROL-MB\n", &[seen(10, "anna", Evidence::MailFrom)]);
    let attribution = who(&index, 20);
    assert_eq!(attribution.user.as_deref(), Some("carol"));
    assert_eq!(attribution.host.as_deref(), Some("CAROL-MB"));
    assert_eq!(attribution.evidence, Some(Evidence::AddressPlan));
}

#[test]
fn a_conflict_abstains_and_names_both_unless_the_exchange_knows() {
    let index =
        index("ip,user\n", &[seen(100, "alice", Evidence::FtpLogin), seen(100, "bob", Evidence::FtpLogin)]);
    let attribution = who(&index, 110);
    assert_eq!(attribution.user, None);
    assert_eq!(attribution.alternatives, ["alice", "bob"]);
    let named = named_at(&index, 110, ("bob", Evidence::FtpLogin));
    assert_eq!(named.user.as_deref(), Some("bob"));
    assert_eq!(named.alternatives, ["alice"]);
}

#[test]
fn without_other_evidence_the_exchange_itself_counts_a_little() {
    let index = index("ip,user\n", &[]);
    let attribution = named_at(&index, 0, ("alice", Evidence::MailFrom));
    assert_eq!(attribution.user.as_deref(), Some("alice"));
    assert!(attribution.confidence < 0.3, "{attribution:?}");
}

#[test]
fn evidence_ends_with_its_lease_and_fades_without_one() {
    let mut leased = seen(100, "", Evidence::Dhcp);
    leased.host = Some("ALICE-LT".into());
    leased.until = Some(Timestamp::from_seconds(3700));
    let index = index("ip,user\n", &[leased, seen(100, "alice", Evidence::Ntlm)]);
    assert_eq!(who(&index, 3600).host.as_deref(), Some("ALICE-LT"));
    assert_eq!(who(&index, 3800).host, None);
    let index = self::index("ip,user\n", &[seen(100, "alice", Evidence::Ntlm)]);
    let fresh = who(&index, 100).confidence;
    let stale = who(&index, 100 + 4 * 3600).confidence;
    assert!((stale - fresh / 2.0).abs() < 0.01, "{fresh} {stale}");
}

#[test]
fn hindsight_explains_a_little() {
    let index = index("ip,user\n", &[seen(1000, "alice", Evidence::Kerberos)]);
    assert_eq!(who(&index, 990).user.as_deref(), Some("alice"));
    assert_eq!(who(&index, 1000 - 8 * 3600).user, None);
}

#[test]
fn evidence_of_a_link_address_holds_for_the_address_it_has() {
    let mac: MacAddress = MacAddress([2, 0, 0x5e, 0x10, 0, 1]);
    let mut leased = seen(100, "", Evidence::Dhcp);
    (leased.mac, leased.host) = (Some(mac), Some("ALICE-LT".into()));
    let mut admitted = seen(90, "alice", Evidence::Radius);
    (admitted.ip, admitted.mac) = (None, Some(mac));
    let mut index = index("ip,user\n", &[leased, admitted.clone()]);
    assert_eq!(who(&index, 200).user.as_deref(), Some("alice"));
    (admitted.at, admitted.until) = (Timestamp::from_seconds(300), Some(Timestamp::from_seconds(300)));
    index.add(&admitted);
    assert_eq!(who(&index, 400).user, None, "the session is over");
}

#[test]
fn a_machine_account_is_a_host() {
    let index = index(
        "ip,user\n",
        &[seen(0, "alice", Evidence::Kerberos), seen(10, "ALICE-LT$", Evidence::Kerberos)],
    );
    let attribution = who(&index, 20);
    assert_eq!(attribution.user.as_deref(), Some("alice"));
    assert_eq!(attribution.host.as_deref(), Some("ALICE-LT"));
}

#[test]
fn repeated_evidence_takes_one_place_and_the_oldest_is_forgotten() {
    let limits = IdentityLimits { intervals: 2, ..Default::default() };
    let mut index = IdentityIndex::new(Arc::default(), &limits);
    for second in 0..1000 {
        index.add(&seen(second, "alice", Evidence::ProxyAuth));
    }
    assert_eq!(index.len(), 1);
    index.add(&seen(1000, "bob", Evidence::FtpLogin));
    index.add(&seen(1001, "carol", Evidence::FtpLogin));
    assert_eq!(index.len(), 2);
    assert_eq!(who(&index, 500).user, None, "alice is forgotten");
}

#[test]
fn one_address_takes_no_more_than_its_share() {
    let limits = IdentityLimits { intervals_of_address: 4, ..Default::default() };
    let mut index = IdentityIndex::new(Arc::default(), &limits);
    for second in 0..100 {
        index.add(&seen(second, &format!("user{second}"), Evidence::FtpLogin));
    }
    assert_eq!(index.len(), 4);
}

#[test]
fn an_open_address_is_given_to_whom_it_was_leased() {
    let leased = |seconds, host: &str| Sighting {
        host: Some(host.to_owned()),
        until: Some(Timestamp::from_seconds(seconds + 7200)),
        ..seen(seconds, "", Evidence::Dhcp)
    };
    let index = index(
        "ip,user\n",
        &[
            leased(0, "A-LT"),
            seen(10, "alice", Evidence::Kerberos),
            leased(3600, "B-LT"),
            leased(3700, "B-LT"),
        ],
    );
    assert_eq!(who(&index, 3500).user.as_deref(), Some("alice"));
    assert_eq!((who(&index, 3650).user, who(&index, 3650).host.as_deref()), (None, Some("B-LT")));
}

#[test]
fn a_logoff_closes_and_a_service_or_weak_hindsight_never_displaces() {
    let mut index =
        index("ip,user\n", &[seen(0, "alice", Evidence::Kerberos), seen(60, "svc_scan", Evidence::Ntlm)]);
    assert_eq!(who(&index, 120).user.as_deref(), Some("alice"));
    index.add(&Sighting {
        until: Some(Timestamp::from_seconds(600)),
        ..seen(600, "alice", Evidence::WindowsLogon)
    });
    assert_eq!(who(&index, 599).user.as_deref(), Some("alice"));
    assert_ne!(who(&index, 700).user.as_deref(), Some("alice"));
    // The next person's log-in does not explain what the one before did.
    index.add(&seen(1000, "alice", Evidence::Kerberos));
    index.add(&seen(1300, "bob", Evidence::Kerberos));
    assert_eq!(who(&index, 1290).user.as_deref(), Some("alice"));
}

#[test]
fn users_of_a_shared_address_are_told_by_their_ports_only() {
    let at_port = |seconds, user: &str, port: u16| Sighting {
        ports: Some((port, port)),
        ..seen(seconds, user, Evidence::Ntlm)
    };
    let mut index = index("ip,user\n", &[]);
    for round in 0..6_i64 {
        for (n, user) in (0_u16..).zip(["alice", "bob", "carol", "dave"]) {
            let port = 40_000 + 1000 * n + 7 * u16::try_from(round).unwrap();
            index.add(&at_port(round * 600 + i64::from(n), user, port));
        }
    }
    let of = |port: Option<u16>| {
        index.attribute(&Question { ip: IP, port, at: Timestamp::from_seconds(3100), named: None })
    };
    assert_eq!(of(Some(42_020)).user.as_deref(), Some("carol"));
    let unknown = of(Some(60_000));
    assert_eq!((unknown.user, unknown.alternatives.len()), (None, 4));
    assert_eq!(of(None).user, None);
}

#[test]
fn names_of_the_directory_are_one_person() {
    let (directory, _) = crate::Directory::parse(
        "user,mail,department\nasmith,alice@corp.example,Finance\n",
        &IdentityLimits::default(),
    );
    let people = People::default().with_directory(directory);
    let mut index = IdentityIndex::new(Arc::new(people), &IdentityLimits::default());
    index.add(&seen(0, "ASmith", Evidence::Kerberos));
    index.add(&Sighting { domain: Some("corp.example".into()), ..seen(10, "alice", Evidence::SmtpAuth) });
    let found = who(&index, 20);
    assert_eq!((found.user.as_deref(), found.alternatives.len()), (Some("asmith"), 0));
    assert_eq!(found.person.unwrap().department.as_deref(), Some("Finance"));
    assert!(found.confidence > 0.95);
}

#[test]
fn several_systems_behind_an_address_lower_what_is_known_of_it() {
    let mut index = index("ip,user\n", &[seen(0, "alice", Evidence::Kerberos)]);
    let at = Timestamp::from_seconds;
    index.device(IP, "windows", at(10));
    let sure = who(&index, 20).confidence;
    index.device(IP, "android phone", at(30));
    let mixed = who(&index, 40);
    assert_eq!(mixed.user.as_deref(), Some("alice"), "a hint names nobody and takes nobody's name");
    assert!(mixed.confidence < 0.9 * sure, "{} of {sure}", mixed.confidence);
    // What the exchange itself says holds, whatever else is behind the address.
    let own = named_at(&index, 40, ("alice", Evidence::ProxyAuth)).confidence;
    assert!(own > 0.95 * sure, "{own} of {sure}");
}

fn stays(index: &mut IdentityIndex, since: i64, last: i64, mac: u8) {
    let span = (Timestamp::from_seconds(since), Timestamp::from_seconds(last));
    index.station(IP, true, MacAddress([2, 0, 0x5e, 0x10, 0, mac]), span);
}

#[test]
fn the_only_user_of_a_station_is_named_for_what_long_precedes_the_evidence() {
    const DAY: i64 = 86_400;
    let ntlm = |second, user: &str| seen(second, user, Evidence::Ntlm);
    let mut index = index("ip,user\n", &[ntlm(4 * DAY, "carol")]);
    assert_eq!(who(&index, 0).user, None, "the address may have been anybody's");
    stays(&mut index, 0, 5 * DAY, 1);
    let long = who(&index, 0);
    assert_eq!((long.user.as_deref(), long.evidence), (Some("carol"), Some(Evidence::Ntlm)));
    assert_eq!(long.basis, Some(Basis::OnlyUser));
    assert!((0.2..0.4).contains(&long.confidence), "{long:?}");
    let short = who(&index, 4 * DAY - 2 * 3600);
    assert_eq!((short.user.as_deref(), short.basis), (Some("carol"), Some(Basis::Afterwards)));
    assert!((0.4..0.6).contains(&short.confidence), "{short:?}");
    assert_eq!(who(&index, 4 * DAY + 60).basis, None);
    assert_eq!(who(&index, 5 * DAY).basis, Some(Basis::OnlyUser), "long after it, too");
    assert_eq!(who(&index, 5 * DAY + 60).user, None, "nothing says that it is still the same station");
    // Somebody else, if only by a weaker log-in, and nobody knows.
    let mut shared =
        self::index("ip,user\n", &[ntlm(4 * DAY, "carol"), seen(4 * DAY + 60, "bob", Evidence::FtpLogin)]);
    stays(&mut shared, 0, 5 * DAY, 1);
    assert_eq!(who(&shared, 0).user, None);
    // Another station has the address since.
    let mut moved = self::index("ip,user\n", &[ntlm(4 * DAY, "carol")]);
    stays(&mut moved, 0, DAY, 1);
    stays(&mut moved, 2 * DAY, 5 * DAY, 2);
    assert_eq!(who(&moved, 0).user, None);
    assert_eq!(who(&moved, 2 * DAY + 1).user.as_deref(), Some("carol"));
    // Where sessions are seen to end, whoever is not seen is not there.
    let mut ended = self::index("ip,user\n", &[ntlm(4 * DAY, "carol")]);
    ended.add(&Sighting {
        until: Some(Timestamp::from_seconds(4 * DAY + 60)),
        ..seen(4 * DAY + 60, "carol", Evidence::WindowsLogon)
    });
    stays(&mut ended, 0, 5 * DAY, 1);
    assert_eq!(who(&ended, 0).user, None);
    // A server's traffic is its own.
    for client in 2..6 {
        index.served(IP, [10, 0, 0, client].into());
    }
    assert_eq!(who(&index, 0).user, None);
}

#[test]
fn a_lease_that_covers_both_moments_does_as_well() {
    let leased = |seconds, host: &str| Sighting {
        host: Some(host.to_owned()),
        until: Some(Timestamp::from_seconds(seconds + 4 * 3600)),
        ..seen(seconds, "", Evidence::Dhcp)
    };
    let log_in = seen(3 * 3600, "alice", Evidence::Kerberos);
    let alone = index("ip,user\n", &[leased(0, "A-LT"), log_in.clone()]);
    assert_eq!(who(&alone, 60).user.as_deref(), Some("alice"));
    assert_eq!(who(&alone, 60).basis, Some(Basis::Afterwards));
    let other = index("ip,user\n", &[leased(0, "A-LT"), leased(7200, "B-LT"), log_in]);
    assert_eq!(who(&other, 60).user, None, "another client has it since");
    assert_eq!(who(&other, 7300).user.as_deref(), Some("alice"));
}
