//! The correlator: which findings belong to one incident.
//!
//! Owns: the open incidents, by sender and destination, and their closing by time and limits. Never does: wording and scoring,
//! which are `explain` and `score`.

use crate::daily::Daily;
use crate::{explain, score};
use egret_model::{
    Confidence, Direction, FindingRecord, IdHasher, Incident, IncidentLimits, Moment, Policy, Severity,
    Timestamp, TransferRecord,
};
use foldhash::{HashSet, HashSetExt as _};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Who sent, and to whom: what one incident is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Story {
    pub(crate) sender: String,
    pub(crate) destination: String,
}

/// What one signature found over all transfers of an incident.
#[derive(Debug)]
pub(crate) struct Evidence {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) confidence: Confidence,
    pub(crate) count: u64,
    /// Most distinct values in one object; where values overflowed, a better bound than `values`.
    pub(crate) largest: u64,
    pub(crate) values: HashSet<u64>,
    pub(crate) transfers: u64,
    /// Objects in which it was found, the first few.
    pub(crate) objects: Vec<String>,
}

impl Evidence {
    /// Distinct values over all transfers.
    pub(crate) fn unique(&self) -> u64 {
        self.largest.max(self.values.len() as u64)
    }
}

/// An incident that may still grow.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) id: String,
    pub(crate) story: Story,
    pub(crate) user: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) attribution: Option<String>,
    pub(crate) attribution_confidence: f32,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) complete: bool,
    pub(crate) evasion: bool,
    pub(crate) protocols: BTreeSet<String>,
    pub(crate) transfer_count: u64,
    pub(crate) transfers: Vec<String>,
    pub(crate) findings: Vec<String>,
    pub(crate) evidence: BTreeMap<String, Evidence>,
    /// What happened, in order of arrival.
    pub(crate) timeline: Vec<Moment>,
    /// Where it went; the first few hundred.
    pub(crate) destinations: BTreeSet<String>,
}

/// Objects named in the reasons for one signature.
const OBJECTS_NAMED: usize = 3;
/// Destinations remembered for one sender's day.
const DESTINATIONS_KEPT: usize = 256;

/// Joins findings into incidents. Transfers come in the order of their time; the same transfers in the same order give the
/// same incidents with the same ids.
#[derive(Debug)]
pub struct Correlator {
    limits: IncidentLimits,
    open: HashMap<Story, Open>,
    /// Open incidents by last activity, for closing the one idle longest.
    idle: BTreeSet<(Timestamp, Story)>,
    daily: Daily,
    closed: Vec<Incident>,
    /// Where incidents are told while they grow: those that have grown since they were last told.
    following: Option<Grown>,
    raised: u64,
}

/// Incidents that have grown and whose present state was not told.
#[derive(Debug, Default)]
struct Grown {
    open: BTreeSet<Story>,
    closed: Vec<Incident>,
}

impl Correlator {
    /// Without any incident.
    #[must_use]
    pub fn new(limits: &IncidentLimits) -> Self {
        Self {
            limits: limits.clone(),
            open: HashMap::new(),
            idle: BTreeSet::new(),
            daily: Daily::default(),
            closed: Vec::new(),
            following: None,
            raised: 0,
        }
    }

    /// For a run without an end: incidents are told by [`Self::take_grown`] while they grow, and forgotten once they are closed.
    #[must_use]
    pub fn following(self) -> Self {
        Self { following: Some(Grown::default()), ..self }
    }

    /// Takes a transfer with its findings. Only content that leaves and that a signature is at least fairly sure of makes an
    /// incident.
    pub fn transfer(&mut self, transfer: &TransferRecord, findings: &[FindingRecord]) {
        self.close_idle(transfer.ended_at);
        // Transfers come in order of their ends; one that began the day before may still be under way.
        self.close_days(transfer.started_at.day() - 1);
        if transfer.direction != Direction::Egress {
            return;
        }
        let counted = |finding: &&FindingRecord| {
            finding.confidence >= Confidence::Medium && !finding.excepted.as_ref().is_some_and(|one| one.all)
        };
        for finding in findings.iter().filter(counted) {
            let sender = sender_of(transfer);
            let open = || {
                Open::new(Story { sender: sender.clone(), destination: destination_of(transfer) }, transfer)
            };
            self.daily.add(transfer, finding, &sender, open, &self.limits);
        }
        let relevant: Vec<&FindingRecord> =
            findings.iter().filter(counted).filter(|finding| !finding.below_threshold).collect();
        if relevant.is_empty() {
            return;
        }
        let story = Story { sender: sender_of(transfer), destination: destination_of(transfer) };
        if let Some(open) = self.open.get(&story) {
            self.idle.remove(&(open.last_at, story.clone()));
        } else if self.open.len() >= self.limits.open.max(1)
            && let Some((_, oldest)) = self.idle.pop_first()
            && let Some(open) = self.open.remove(&oldest)
        {
            self.close(&open);
        }
        let open = self.open.entry(story.clone()).or_insert_with(|| {
            self.raised += 1;
            Open::new(story.clone(), transfer)
        });
        open.join(transfer, &relevant, &self.limits);
        self.idle.insert((open.last_at, story.clone()));
        if let Some(grown) = &mut self.following {
            grown.open.insert(story);
        }
    }

    /// Incidents raised so far.
    #[must_use]
    pub const fn raised(&self) -> u64 {
        self.raised
    }

    /// Of a correlator that is [`following`](Self::following): incidents that arose or grew since the last call, as they stand
    /// now, the most urgent first. An incident keeps its id, so that a later state takes the place of an earlier one.
    pub fn take_grown(&mut self) -> Vec<Incident> {
        let Some(Grown { open, closed }) = self.following.as_mut().map(std::mem::take) else {
            return Vec::new();
        };
        let mut incidents = closed;
        incidents.append(&mut self.closed); // what a day has come to is told when the day is over
        incidents.extend(open.iter().filter_map(|story| self.open.get(story)).map(conclude));
        rank(&mut incidents);
        incidents
    }

    /// Incidents that can no longer grow, in the order in which they were closed.
    pub fn take_closed(&mut self) -> Vec<Incident> {
        std::mem::take(&mut self.closed)
    }

    /// Closes everything: the incidents not taken yet, or when following not told as they stand, ranked by risk, then by time.
    #[must_use]
    pub fn finish(mut self) -> Vec<Incident> {
        while let Some((_, story)) = self.idle.pop_first() {
            if let Some(open) = self.open.remove(&story) {
                self.close(&open);
            }
        }
        self.close_days(i64::MAX);
        self.closed.extend(self.following.take().into_iter().flat_map(|grown| grown.closed));
        rank(&mut self.closed);
        self.closed
    }

    /// Sums over a sender's day that were given up for want of room.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.daily.forgotten()
    }

    fn close_days(&mut self, before: i64) {
        let days = self.daily.close_before(before);
        self.raised += days.len() as u64;
        self.closed.extend(days.into_iter().map(|(threshold, open)| conclude_day(&open, threshold)));
    }

    fn close_idle(&mut self, now: Timestamp) {
        while let Some((last_at, story)) = self.idle.first().cloned()
            && now.since(last_at) > self.limits.window_ns
        {
            self.idle.pop_first();
            if let Some(open) = self.open.remove(&story) {
                self.close(&open);
            }
        }
    }

    fn close(&mut self, open: &Open) {
        match &mut self.following {
            None => self.closed.push(conclude(open)),
            Some(grown) => {
                // Otherwise its last state was told.
                if grown.open.remove(&open.story) {
                    grown.closed.push(conclude(open));
                }
            }
        }
    }
}

/// The most urgent first.
pub(crate) fn rank(incidents: &mut [Incident]) {
    incidents.sort_by(|a, b| {
        (b.risk, b.severity, a.first_at, &a.id).cmp(&(a.risk, a.severity, b.first_at, &b.id))
    });
}

/// The user if known, else the host, else the address: one person's traffic joins whatever address it comes from.
fn sender_of(transfer: &TransferRecord) -> String {
    let sender = &transfer.sender;
    match (&sender.user, &sender.host) {
        (Some(user), _) => format!("user {}", user.to_lowercase()),
        (None, Some(host)) => format!("host {}", host.to_lowercase()),
        (None, None) => sender.ip.to_string(),
    }
}

fn destination_of(transfer: &TransferRecord) -> String {
    transfer
        .receiver
        .name
        .as_ref()
        .map_or_else(|| transfer.receiver.ip.to_string(), |name| name.to_lowercase())
}

impl Open {
    fn new(story: Story, transfer: &TransferRecord) -> Self {
        let id = IdHasher::new()
            .part(b"sensitive-egress")
            .part(story.sender.as_bytes())
            .part(story.destination.as_bytes())
            .part(transfer.id.as_bytes())
            .finish("i");
        Self {
            id,
            story,
            user: transfer.sender.user.clone(),
            host: transfer.sender.host.clone().or_else(|| Some(transfer.sender.ip.to_string())),
            attribution: transfer.sender.evidence.map(|evidence| evidence.to_string()),
            attribution_confidence: transfer.sender.confidence.unwrap_or(0.0),
            first_at: transfer.started_at,
            last_at: transfer.ended_at,
            bytes: 0,
            complete: true,
            evasion: false,
            protocols: BTreeSet::new(),
            transfer_count: 0,
            transfers: Vec::new(),
            findings: Vec::new(),
            evidence: BTreeMap::new(),
            timeline: Vec::new(),
            destinations: BTreeSet::new(),
        }
    }

    pub(crate) fn join(
        &mut self,
        transfer: &TransferRecord,
        findings: &[&FindingRecord],
        limits: &IncidentLimits,
    ) {
        self.first_at = self.first_at.min(transfer.started_at);
        self.last_at = self.last_at.max(transfer.ended_at);
        self.bytes = self.bytes.saturating_add(transfer.bytes);
        self.complete &= transfer.complete && transfer.uninspected.is_empty();
        self.evasion |= transfer.inconsistent_overlap;
        self.protocols.insert(transfer.protocol.to_string());
        self.transfer_count += 1;
        if self.destinations.len() < DESTINATIONS_KEPT {
            self.destinations.insert(destination_of(transfer));
        }
        if self.transfers.len() < limits.members {
            self.transfers.push(transfer.id.clone());
        }
        if self.timeline.len() < limits.moments {
            self.timeline.push(explain::moment(transfer, findings));
        }
        let mut counted = BTreeSet::new();
        for finding in findings {
            if self.findings.len() < limits.members {
                self.findings.push(finding.id.clone());
            }
            let evidence = self.evidence.entry(finding.signature.clone()).or_insert_with(|| Evidence {
                title: finding.title.clone(),
                severity: finding.severity,
                confidence: finding.confidence,
                count: 0,
                largest: 0,
                values: HashSet::new(),
                transfers: 0,
                objects: Vec::new(),
            });
            evidence.severity = evidence.severity.max(finding.severity);
            evidence.confidence = evidence.confidence.max(finding.confidence);
            evidence.count = evidence.count.saturating_add(finding.count);
            evidence.largest = evidence.largest.max(finding.unique);
            if evidence.values.len() < limits.values {
                evidence.values.extend(&finding.values);
            }
            evidence.transfers += u64::from(counted.insert(&finding.signature));
            if evidence.objects.len() < OBJECTS_NAMED && !evidence.objects.contains(&finding.object) {
                evidence.objects.push(finding.object.clone());
            }
        }
    }
}

/// A day's incident: the same story, of many portions.
fn conclude_day(open: &Open, threshold: u64) -> Incident {
    let mut incident = conclude(open);
    let signatures: Vec<&str> = open.evidence.keys().map(String::as_str).collect();
    incident.id = IdHasher::new()
        .part(b"low-and-slow")
        .number(open.first_at.day().unsigned_abs())
        .part(open.story.sender.as_bytes())
        .part(signatures.join(" ").as_bytes())
        .finish("i");
    "low-and-slow".clone_into(&mut incident.kind);
    // Data Transfer Size Limits: portions below a threshold.
    incident.attack.push("T1030".to_owned());
    incident.reasons.insert(0, explain::day(open, threshold));
    if open.destinations.len() > 1 {
        incident.destination = format!("{} destinations", open.destinations.len());
    }
    incident.title = explain::day_title(open, &incident.destination);
    incident
}

fn conclude(open: &Open) -> Incident {
    let severity = score::severity(open);
    let shares = score::shares(open, severity);
    let mut timeline = open.timeline.clone();
    timeline.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Incident {
        id: open.id.clone(),
        kind: "sensitive-egress".to_owned(),
        severity,
        risk: score::risk(&shares),
        title: explain::title(open),
        first_at: open.first_at,
        last_at: open.last_at,
        user: open.user.clone(),
        host: open.host.clone(),
        destination: open.story.destination.clone(),
        // Exfiltration over an unencrypted protocol that is not a command channel: all that is readable is of this kind.
        attack: vec!["T1048.003".to_owned()],
        complete: open.complete,
        reasons: explain::reasons(open),
        bytes: open.bytes,
        transfers: open.transfers.clone(),
        findings: open.findings.clone(),
        risk_shares: shares,
        user_risk: None,
        anomalies: Vec::new(),
        timeline,
        profile: None,
        policy: Policy { reason: "no rule of acceptable use speaks of it".to_owned(), ..Policy::default() },
        attribution_confidence: open.user.as_ref().map(|_| open.attribution_confidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{Party, Protocol};

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
        let mut correlator = Correlator::new(&IncidentLimits::default());
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
        let mut correlator = Correlator::new(&IncidentLimits::default());
        let sure = finding(1, Confidence::High, &[1]);
        for direction in [Direction::Ingress, Direction::Internal, Direction::External] {
            correlator.transfer(&transfer(1, 0, direction, None), std::slice::from_ref(&sure));
        }
        correlator.transfer(&transfer(1, 0, Direction::Egress, None), &[finding(1, Confidence::Low, &[1])]);
        assert_eq!(correlator.finish(), []);
    }

    #[test]
    fn an_incident_is_told_when_it_arises_and_when_it_grows_under_one_id() {
        let mut correlator =
            Correlator::new(&IncidentLimits { open: 1, ..IncidentLimits::default() }).following();
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
        let mut correlator = Correlator::new(&IncidentLimits::default());
        let day = 86_400;
        for (n, at) in [(1, 0), (2, day / 2), (3, 3 * day)] {
            correlator
                .transfer(&transfer(n, at, Direction::Egress, None), &[finding(n, Confidence::High, &[n])]);
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
        let mut correlator = Correlator::new(&IncidentLimits { open: 3, ..IncidentLimits::default() });
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
        let mut correlator = Correlator::new(&IncidentLimits::default());
        let mut grave = finding(2, Confidence::High, &[1, 2, 3]);
        grave.severity = Severity::Critical;
        let mut cut = transfer(2, 5, Direction::Egress, Some("bob"));
        cut.complete = false;
        correlator.transfer(
            &transfer(1, 0, Direction::Egress, Some("alice")),
            &[finding(1, Confidence::Medium, &[1])],
        );
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
            let mut correlator = Correlator::new(limits);
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
    fn what_is_excepted_raises_nothing() {
        let mut correlator = Correlator::new(&IncidentLimits::default());
        let mut excepted = finding(1, Confidence::High, &[1]);
        excepted.excepted = Some(egret_model::Excepted {
            matches: 1,
            all: true,
            reason: "r".into(),
            until: "2027-01-01".into(),
        });
        correlator.transfer(&transfer(1, 0, Direction::Egress, None), &[excepted]);
        assert_eq!(correlator.finish(), []);
    }
}
