//! Transfers and anomalies, and the incidents that they make.

use super::*;
use egret_model::{AnomalyKind, Party, Protocol, Severity};

fn correlator(limits: &IncidentLimits) -> Correlator {
    Correlator::new(limits, Arc::new(Context::shipped()))
}

fn transfer(number: u64, seconds: i64, direction: Direction, user: Option<&str>) -> TransferRecord {
    let mut sender = Party::new("10.0.0.1".parse().unwrap(), 50_000);
    sender.user = user.map(str::to_owned);
    let mut receiver = Party::new("198.51.100.7".parse().unwrap(), 80);
    receiver.name = Some("Upload.example".to_owned());
    TransferRecord {
        id: format!("t-{number}"),
        capture: "a.pcap".into(),
        protocol: Protocol::Http,
        operation: "POST /".into(),
        direction,
        started_at: Timestamp::from_seconds(seconds),
        ended_at: Timestamp::from_seconds(seconds + 1),
        tunnel: Vec::new(),
        sender,
        receiver,
        bytes: 100,
        complete: true,
        readable: true,
        inconsistent_overlap: false,
        uninspected: Vec::new(),
        facts: Vec::new(),
        objects: Vec::new(),
        findings: Vec::new(),
    }
}

fn finding(number: u64, confidence: Confidence, values: &[u64]) -> FindingRecord {
    FindingRecord {
        id: format!("f-{number}"),
        transfer: format!("t-{number}"),
        object: "body".into(),
        signature: "payment-card".into(),
        title: "payment card".into(),
        owner: String::new(),
        tags: Vec::new(),
        severity: Severity::Medium,
        confidence,
        count: values.len() as u64,
        unique: values.len() as u64,
        matches: Vec::new(),
        excepted: None,
        below_threshold: false,
        per_sender_day: None,
        values: values.to_vec(),
    }
}

#[test]
fn many_small_transfers_of_one_sender_add_up_to_one_incident() {
    let mut correlator = correlator(&IncidentLimits::default());
    for n in 0..30 {
        let at = i64::try_from(n).unwrap() * 60;
        correlator.transfer(
            &transfer(n, at, Direction::Egress, Some("alice")),
            &[finding(n, Confidence::High, &[n, 7])],
        );
    }
    let incidents = correlator.finish();
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0];
    assert_eq!(incident.severity, Severity::High, "{:?}", incident.reasons);
    assert_eq!(incident.title, "alice sent payment card (30) to upload.example");
    assert_eq!((incident.transfers.len(), incident.findings.len()), (30, 30));
    assert!(
        incident.reasons[0].contains("over 30 transfers; many small transfers add up"),
        "{:?}",
        incident.reasons
    );
}

#[test]
fn only_what_leaves_and_is_fairly_sure_counts() {
    let mut correlator = correlator(&IncidentLimits::default());
    let sure = finding(1, Confidence::High, &[1]);
    for direction in [Direction::Ingress, Direction::Internal, Direction::External] {
        correlator.transfer(&transfer(1, 0, direction, None), std::slice::from_ref(&sure));
    }
    correlator.transfer(&transfer(1, 0, Direction::Egress, None), &[finding(1, Confidence::Low, &[1])]);
    assert_eq!(correlator.finish(), []);
}

#[test]
fn an_incident_is_told_when_it_arises_and_when_it_grows_under_one_id() {
    let mut correlator = correlator(&IncidentLimits { open: 1, ..IncidentLimits::default() }).following();
    let mut send = |n: u64, user: &str| {
        let at = i64::try_from(n).unwrap() * 60;
        let seen = [finding(n, Confidence::High, &[n])];
        correlator.transfer(&transfer(n, at, Direction::Egress, Some(user)), &seen);
        let told = correlator.take_grown();
        assert_eq!(correlator.take_grown(), [], "nothing has happened since");
        assert_eq!(told.len(), 1);
        (told[0].id.clone(), told[0].transfers.len())
    };
    let (id, transfers) = send(0, "alice");
    assert_eq!(transfers, 1);
    assert_eq!(send(1, "alice"), (id.clone(), 2));
    assert_ne!(send(2, "bob").0, id, "alice's is closed for lack of room, and was told as it stood");
    let last = [finding(9, Confidence::High, &[9])];
    correlator.transfer(&transfer(3, 240, Direction::Egress, Some("bob")), &last);
    correlator.transfer(&transfer(4, 300, Direction::Egress, Some("carol")), &last);
    let told = correlator.finish();
    assert_eq!(told.len(), 2, "what was not told as it stands, closed or open: {told:?}");
}

#[test]
fn a_pause_longer_than_the_window_begins_another_incident() {
    let mut correlator = correlator(&IncidentLimits::default());
    let day = 86_400;
    for (n, at) in [(1, 0), (2, day / 2), (3, 3 * day)] {
        correlator.transfer(&transfer(n, at, Direction::Egress, None), &[finding(n, Confidence::High, &[n])]);
    }
    let first = correlator.take_closed();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].transfers, ["t-1", "t-2"]);
    let rest = correlator.finish();
    assert_eq!(rest[0].transfers, ["t-3"]);
    assert_ne!(first[0].id, rest[0].id);
}

#[test]
fn open_incidents_stay_within_their_limit_and_none_is_lost() {
    let mut correlator = correlator(&IncidentLimits { open: 3, ..IncidentLimits::default() });
    for n in 0..10 {
        let user = format!("user{n}");
        let at = i64::try_from(n).unwrap();
        correlator.transfer(
            &transfer(n, at, Direction::Egress, Some(&user)),
            &[finding(n, Confidence::High, &[n])],
        );
        assert!(correlator.open.len() <= 3);
    }
    assert_eq!(correlator.finish().len(), 10);
}

#[test]
fn the_most_urgent_stands_first_and_incompleteness_is_said() {
    let mut correlator = correlator(&IncidentLimits::default());
    let mut grave = finding(2, Confidence::High, &[1, 2, 3]);
    grave.severity = Severity::Critical;
    let mut cut = transfer(2, 5, Direction::Egress, Some("bob"));
    cut.complete = false;
    correlator
        .transfer(&transfer(1, 0, Direction::Egress, Some("alice")), &[finding(1, Confidence::Medium, &[1])]);
    correlator.transfer(&cut, &[grave]);
    let incidents = correlator.finish();
    assert_eq!(incidents[0].user.as_deref(), Some("bob"));
    assert!(incidents[0].risk > incidents[1].risk);
    assert!(!incidents[0].complete);
    assert!(incidents[0].reasons.iter().any(|reason| reason.starts_with("not all of the content")));
}

/// The `number`th portion of 3 values, below the threshold of its signature.
fn portion(number: u64) -> FindingRecord {
    let values = [number * 3, number * 3 + 1, number * 3 + 2];
    FindingRecord {
        below_threshold: true,
        per_sender_day: Some(20),
        ..finding(number, Confidence::Medium, &values)
    }
}

#[test]
fn portions_of_a_day_add_up() {
    let day = 86_400;
    let run = |portions: u64, pause: i64, limits: &IncidentLimits| {
        let mut correlator = correlator(limits);
        for n in 0..portions {
            let at = i64::try_from(n).unwrap() * pause;
            correlator.transfer(&transfer(n, at, Direction::Egress, Some("alice")), &[portion(n)]);
        }
        (correlator.forgotten(), correlator.finish())
    };
    let (_, incidents) = run(7, 3_600, &IncidentLimits::default());
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0];
    assert_eq!((incident.kind.as_str(), incident.transfers.len()), ("low-and-slow", 7));
    assert!(
        incident.reasons[0].contains("21 distinct values of payment-card on 1970-01-01"),
        "{:?}",
        incident.reasons
    );
    // 18 values in a day are too few, and so are 21 over two days.
    assert_eq!(run(6, 3_600, &IncidentLimits::default()).1, []);
    assert_eq!(run(7, day / 4, &IncidentLimits::default()).1, []);
    assert_eq!(
        run(7, 3_600, &IncidentLimits { sender_day_values: 10, ..IncidentLimits::default() }),
        (1, Vec::new())
    );
}

#[test]
fn days_of_portions_are_one_story() {
    let mut correlator = correlator(&IncidentLimits::default()).following();
    let mut told = Vec::new();
    // Thursday, Friday, Monday (the first is a Thursday), and a week later.
    for (number, day) in (0..).step_by(7).zip([0, 1, 4, 11]) {
        for n in number..number + 7 {
            let at = day * 86_400 + i64::try_from(n - number).unwrap() * 3_600;
            correlator.transfer(&transfer(n, at, Direction::Egress, Some("alice")), &[portion(n)]);
        }
        told.extend(correlator.take_grown());
    }
    told.extend(correlator.finish());
    let seen: Vec<_> = told.iter().map(|one| (one.transfers.len(), one.title.as_str())).collect();
    let days = |values: u64| {
        format!("alice sent payment card ({values}) to upload.example in small portions over days")
    };
    let day = days(21).replace("over days", "over a day");
    // What the first day has come to is told together with the second's, as one.
    let expected = [(14, &days(42)), (21, &days(63)), (7, &day)];
    assert_eq!(seen, expected.map(|(transfers, title)| (transfers, title.as_str())));
    let ids: BTreeSet<&str> = told.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(told[1].reasons[0].contains("63 distinct values of payment-card from 1970-01-01 to 1970-01-05"));
}

#[test]
fn a_few_values_of_ones_own_stand_behind_many() {
    let risk = |values: &[u64], tags: &[&str]| {
        let mut correlator = correlator(&IncidentLimits::default());
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let found = FindingRecord { tags, ..finding(1, Confidence::High, values) };
        correlator.transfer(&transfer(1, 0, Direction::Egress, Some("alice")), &[found]);
        correlator.finish().remove(0).risk
    };
    let many: Vec<u64> = (0..9).collect();
    let many = risk(&many, &["secret"]);
    assert_eq!(risk(&[1], &["secret"]), many, "one key is as bad as nine");
    assert_eq!(risk(&[1], &["pci", "financial"]), many - 12);
    assert_eq!(risk(&[1, 2], &["pii"]), many - 8);
}

#[test]
fn what_is_excepted_raises_nothing() {
    let mut correlator = correlator(&IncidentLimits::default());
    let mut excepted = finding(1, Confidence::High, &[1]);
    excepted.excepted =
        Some(egret_model::Excepted { matches: 1, all: true, reason: "r".into(), until: "2027-01-01".into() });
    correlator.transfer(&transfer(1, 0, Direction::Egress, None), &[excepted]);
    assert_eq!(correlator.finish(), []);
}

fn anomaly(number: u64, kind: AnomalyKind, destination: Option<&str>) -> Anomaly {
    let at = Timestamp::from_seconds(60 * i64::try_from(number).unwrap());
    Anomaly {
        id: format!("a-{number}"),
        kind,
        severity: Severity::Medium,
        score: 0.6,
        since: at,
        at,
        user: Some("alice".into()),
        host: None,
        ip: "10.0.0.1".parse().unwrap(),
        confidence: Some(0.9),
        person: None,
        destination: destination.map(str::to_owned),
        baseline: None,
        observed: 1e6,
        unit: "bytes",
        bytes: 1_000_000,
        attack: kind.technique(),
        explanation: "x".into(),
        transfers: Vec::new(),
    }
}

#[test]
fn the_hosts_of_one_service_are_one_story_unless_the_context_tells_them_apart() {
    let context = r#"
        [[destinations]]
        group = "our share"
        kind = "sanctioned"
        domains = ["ours.share.example"]
    "#;
    let context = Arc::new(Context::parse(context).unwrap());
    let mut correlator = Correlator::new(&IncidentLimits::default(), context);
    let hosts =
        ["q7.evil.example", "x9.evil.example", "evil.example", "ours.share.example", "theirs.share.example"];
    for (number, host) in (1..).zip(hosts) {
        correlator.anomaly(&anomaly(number, AnomalyKind::NewDestination, Some(host)));
    }
    let incidents = correlator.finish();
    let mut told: Vec<&str> = incidents.iter().map(|incident| incident.destination.as_str()).collect();
    told.sort_unstable();
    assert_eq!(told, ["evil.example", "ours.share.example", "theirs.share.example"]);
    let hosts = "it went to 3 hosts: evil.example, q7.evil.example, x9.evil.example";
    assert!(incidents.iter().any(|incident| incident.reasons.iter().any(|reason| reason == hosts)));
}

#[test]
fn anomalies_and_findings_of_one_story_are_one_incident() {
    let mut correlator = correlator(&IncidentLimits::default());
    correlator.anomaly(&anomaly(1, AnomalyKind::NewDestination, Some("upload.example")));
    correlator
        .transfer(&transfer(2, 120, Direction::Egress, Some("alice")), &[finding(2, Confidence::High, &[1])]);
    correlator.anomaly(&anomaly(3, AnomalyKind::UploadVolume, None));
    correlator.anomaly(&anomaly(3, AnomalyKind::UploadVolume, None));
    correlator.anomaly(&anomaly(4, AnomalyKind::OffHours, Some("Upload.example")));
    let incidents = correlator.finish();
    assert_eq!(incidents.len(), 1);
    let incident = &incidents[0];
    assert_eq!(incident.kind, "sensitive-egress");
    assert_eq!((incident.anomalies.len(), incident.timeline.len()), (3, 4));
    assert!(incident.timeline.is_sorted_by_key(|moment| moment.at));
    assert_eq!(incident.severity, Severity::High, "three kinds together");
    assert_eq!(incident.attack, ["T1048.003", "T1567", "T1029"]);
    let sum: f32 = incident.risk_shares.iter().map(|share| share.points).sum();
    assert!((sum - f32::from(incident.risk)).abs() < 1.0, "{:?}", incident.risk_shares);
    assert!(incident.user_risk.as_ref().is_some_and(|risk| risk.score > 0));
    assert!(incident.profile.is_some());
}

#[test]
fn the_end_of_an_employment_makes_a_leaver() {
    let day = |days: i64| Timestamp::from_seconds(days * 86_400);
    let of = |ends: Option<Timestamp>| {
        let mut correlator = correlator(&IncidentLimits::default());
        let mut anomaly = anomaly(1, AnomalyKind::NewDestination, Some("upload.example"));
        (anomaly.since, anomaly.at) = (day(100), day(100));
        anomaly.person = Some(egret_model::Person { employment_ends: ends, ..Default::default() });
        correlator.anomaly(&anomaly);
        correlator.finish().remove(0)
    };
    let (never, far, soon, gone) = (of(None), of(Some(day(150))), of(Some(day(120))), of(Some(day(95))));
    assert_eq!((never.risk, &never.profile), (far.risk, &far.profile));
    // Each with five for doing something unusual besides.
    assert_eq!(soon.risk, never.risk + 5 + 5);
    assert_eq!(gone.risk, never.risk + 10 + 5);
    let told = |incident: &Incident| incident.profile.clone().unwrap().reasons.join("; ");
    assert!(told(&soon).contains("is about to leave: the employment ends on 1970-04-30"), "{}", told(&soon));
    assert!(told(&gone).contains("no longer employed since 1970-04-05"), "{}", told(&gone));
    assert!(gone.reasons.iter().any(|reason| reason.contains("no longer employed")));
}

#[test]
fn an_anomaly_alone_is_an_incident_of_its_kind() {
    let mut correlator = correlator(&IncidentLimits::default());
    correlator.anomaly(&anomaly(1, AnomalyKind::DnsTunnel, Some("evil.example")));
    let incidents = correlator.finish();
    assert_eq!((incidents[0].kind.as_str(), incidents[0].complete), ("covert-channel", false));
    assert_eq!(incidents[0].title, "alice: data in questions to the resolver to evil.example");
}

#[test]
fn an_incident_of_nobody_is_named_later_and_goes_on_under_its_id() {
    let mut correlator = correlator(&IncidentLimits::default()).following();
    let send = |correlator: &mut Correlator, number: u64, user: Option<&str>| {
        let seconds = 100 * i64::try_from(number).unwrap();
        correlator.transfer(
            &transfer(number, seconds, Direction::Egress, user),
            &[finding(number, Confidence::High, &[number])],
        );
    };
    send(&mut correlator, 1, None);
    let told = correlator.take_grown();
    assert_eq!((told.len(), &told[0].user), (1, &None));
    let mut asked = 0;
    let mut alice = |unknown: &mut Unknown| {
        asked += 1;
        assert_eq!(unknown.ip, IpAddr::from([10, 0, 0, 1]));
        Some(Attribution { user: Some("Alice".to_owned()), confidence: 0.5, ..Attribution::default() })
    };
    correlator.name_senders(&mut |_| None);
    assert_eq!(correlator.take_grown(), [], "nothing is known, nothing has grown");
    correlator.name_senders(&mut alice);
    let named = correlator.take_grown();
    assert_eq!((&named[0].id, named[0].user.as_deref()), (&told[0].id, Some("Alice")));
    assert!(named[0].user_risk.is_some() && named[0].attribution_confidence == Some(0.5));
    // What she does from now on is the same story.
    send(&mut correlator, 2, Some("alice"));
    let grown = correlator.take_grown();
    assert_eq!((&grown[0].id, grown[0].transfers.len()), (&told[0].id, 2));
    // Where she has one already, the other is hers, too, but stays apart.
    send(&mut correlator, 3, None);
    correlator.name_senders(&mut alice);
    let other = correlator.take_grown();
    assert_eq!((other.len(), other[0].user.as_deref()), (1, Some("Alice")));
    assert_ne!(other[0].id, told[0].id);
    assert_eq!(asked, 2, "whoever is known is not asked for");
    assert_eq!((correlator.raised(), correlator.finish()), (2, Vec::new()));
}

#[test]
fn a_web_service_has_a_technique_of_its_own() {
    let attack = |name: &str| {
        let mut correlator = correlator(&IncidentLimits::default());
        let mut sent = transfer(1, 0, Direction::Egress, Some("alice"));
        sent.receiver.name = Some(name.to_owned());
        correlator.transfer(&sent, &[finding(1, Confidence::High, &[1])]);
        correlator.finish().remove(0).attack
    };
    assert_eq!(attack("upload.example"), ["T1048.003"]);
    assert_eq!(attack("api.transfer.sh"), ["T1048.003", "T1567.002"]);
    assert_eq!(attack("pastebin.com"), ["T1048.003", "T1567.003"]);
}
