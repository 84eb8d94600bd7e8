//! The correlator: what belongs to one incident.
//!
//! Owns: the open incidents, by sender and destination, and their closing by time and limits. Never does: wording and scoring,
//! which are `explain` and `score`.

use crate::conclude::{Concluder, rank};
use crate::daily::Daily;
use crate::open::{Open, SEVERAL, Story, actor_of, destination_of, sender_of};
use egret_context::Context;
use egret_model::{
    Anomaly, Confidence, Direction, FindingRecord, Incident, IncidentLimits, Timestamp, TransferRecord,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Joins findings into incidents. Transfers come in the order of their time; the same transfers in the same order give the
/// same incidents with the same ids.
#[derive(Debug)]
pub struct Correlator {
    limits: IncidentLimits,
    concluder: Concluder,
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
    pub fn new(limits: &IncidentLimits, context: Arc<Context>) -> Self {
        Self {
            limits: limits.clone(),
            concluder: Concluder::new(limits, context),
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

    /// What the organisation knows of itself, from now on.
    pub fn replace_context(&mut self, context: Arc<Context>) {
        self.concluder.context = context;
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
        let context = Arc::clone(&self.concluder.context);
        let counted = |finding: &&FindingRecord| {
            finding.confidence >= Confidence::Medium && !finding.excepted.as_ref().is_some_and(|one| one.all)
        };
        for finding in findings.iter().filter(counted) {
            let sender = sender_of(transfer);
            let open = || {
                let story = Story { sender: sender.clone(), destination: destination_of(transfer) };
                Open::of_transfer(story, transfer, &context)
            };
            self.daily.add(transfer, finding, &sender, open, &self.limits);
        }
        let relevant: Vec<&FindingRecord> =
            findings.iter().filter(counted).filter(|finding| !finding.below_threshold).collect();
        if relevant.is_empty() {
            return;
        }
        let story = Story { sender: sender_of(transfer), destination: destination_of(transfer) };
        let limits = self.limits.clone();
        self.grow(
            story,
            |story| Open::of_transfer(story, transfer, &context),
            |open| open.join(transfer, &relevant, &limits),
        );
    }

    /// Takes an anomaly: part of the sender's story with that destination; one without a destination is part of the sender's latest
    /// story.
    pub fn anomaly(&mut self, anomaly: &Anomaly) {
        self.close_idle(anomaly.at);
        let sender = actor_of(anomaly);
        let destination = match &anomaly.destination {
            Some(name) => name.to_lowercase(),
            None => self.latest_of(&sender, anomaly.at).unwrap_or_else(|| SEVERAL.to_owned()),
        };
        let (limits, context) = (self.limits.clone(), Arc::clone(&self.concluder.context));
        self.grow(
            Story { sender, destination },
            |story| Open::of_anomaly(story, anomaly, &context),
            |open| open.join_anomaly(anomaly, &limits),
        );
    }

    /// Where a sender's latest story goes.
    fn latest_of(&self, sender: &str, now: Timestamp) -> Option<String> {
        let begun = self.open.iter().filter(|(story, _)| story.sender == sender);
        let latest = begun.filter(|(_, open)| open.last_at.plus(self.limits.window_ns) >= now);
        latest
            .max_by(|(a, x), (b, y)| (x.last_at, &a.destination).cmp(&(y.last_at, &b.destination)))
            .map(|(story, _)| story.destination.clone())
    }

    /// Begins a story if it is not open, and lets something join it.
    fn grow(&mut self, story: Story, begin: impl FnOnce(Story) -> Open, join: impl FnOnce(&mut Open)) {
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
            begin(story.clone())
        });
        join(open);
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
        let Self { concluder, open: all, .. } = self;
        incidents.extend(open.iter().filter_map(|story| all.get(story)).map(|open| concluder.conclude(open)));
        concluder.settle(&mut incidents);
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
        self.concluder.settle(&mut self.closed);
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
        for (threshold, open) in days {
            let told = self.concluder.conclude_day(&open, threshold);
            self.closed.push(told);
        }
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
            None => self.closed.push(self.concluder.conclude(open)),
            Some(grown) => {
                // Otherwise its last state was told.
                if grown.open.remove(&open.story) {
                    grown.closed.push(self.concluder.conclude(open));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn what_is_excepted_raises_nothing() {
        let mut correlator = correlator(&IncidentLimits::default());
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
    fn anomalies_and_findings_of_one_story_are_one_incident() {
        let mut correlator = correlator(&IncidentLimits::default());
        correlator.anomaly(&anomaly(1, AnomalyKind::NewDestination, Some("upload.example")));
        correlator.transfer(
            &transfer(2, 120, Direction::Egress, Some("alice")),
            &[finding(2, Confidence::High, &[1])],
        );
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
        assert_eq!(soon.risk, never.risk + 5);
        assert_eq!(gone.risk, never.risk + 10);
        let told = |incident: &Incident| incident.profile.clone().unwrap().reasons.join("; ");
        assert!(
            told(&soon).contains("is about to leave: the employment ends on 1970-04-30"),
            "{}",
            told(&soon)
        );
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
}
