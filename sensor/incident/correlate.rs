//! The correlator: what belongs to one incident.
//!
//! Owns: the open incidents, by sender and destination, and their closing by time and limits. Never does: wording and scoring,
//! which are `explain` and `score`.

use crate::activity::Activity;
use crate::conclude::{Concluder, rank};
use crate::daily::Daily;
use crate::open::{Open, SEVERAL, Story, actor_of, destination_of, sender_named, sender_of};
use egret_context::Context;
use egret_model::{
    Anomaly, Attribution, Confidence, Direction, FindingRecord, Incident, IncidentLimits, Timestamp,
    TransferRecord,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// Joins findings into incidents. Transfers come in the order of their time; the same transfers in the same order give the
/// same incidents with the same ids.
#[derive(Debug)]
pub struct Correlator {
    limits: IncidentLimits,
    concluder: Concluder,
    open: HashMap<Story, Open>,
    activity: Activity,
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
    /// Open ones of which nobody knows who sent.
    nameless: BTreeMap<Story, Unknown>,
}

/// A sender whom nobody knows yet.
#[derive(Clone, Copy, Debug)]
pub struct Unknown {
    /// The address.
    pub ip: IpAddr,
    /// The first and the last moment of the incident.
    pub span: (Timestamp, Timestamp),
    /// What was told of the address when it was asked last; for whoever asks, to know that nothing has changed.
    pub news: u64,
}

impl Correlator {
    /// Without any incident.
    #[must_use]
    pub fn new(limits: &IncidentLimits, context: Arc<Context>) -> Self {
        Self {
            limits: limits.clone(),
            concluder: Concluder::new(limits, context),
            open: HashMap::new(),
            activity: Activity::default(),
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
                let story = Story::new(sender.clone(), &destination_of(transfer), &context);
                Open::of_transfer(story, transfer, &context)
            };
            self.daily.add(transfer, finding, &sender, open, &self.limits);
        }
        let relevant: Vec<&FindingRecord> =
            findings.iter().filter(counted).filter(|finding| !finding.below_threshold).collect();
        if relevant.is_empty() {
            return;
        }
        let story = Story::new(sender_of(transfer), &destination_of(transfer), &context);
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
            Story::new(sender, &destination, &context),
            |story| Open::of_anomaly(story, anomaly, &context),
            |open| open.join_anomaly(anomaly, &limits),
        );
    }

    /// Where a sender's latest story goes.
    fn latest_of(&self, sender: &str, now: Timestamp) -> Option<String> {
        let (last_at, destination) = self.activity.latest_of(sender)?;
        (last_at.plus(self.limits.window_ns) >= now).then(|| destination.to_owned())
    }

    /// Begins a story if it is not open, and lets something join it.
    fn grow(&mut self, story: Story, begin: impl FnOnce(Story) -> Open, join: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.get(&story) {
            self.activity.forget(&story, open.last_at);
        } else if self.open.len() >= self.limits.open.max(1)
            && let Some(oldest) = self.activity.pop()
            && let Some(open) = self.open.remove(&oldest)
        {
            self.close(&open);
        }
        let open = self.open.entry(story.clone()).or_insert_with(|| {
            self.raised += 1;
            begin(story.clone())
        });
        join(open);
        self.activity.note(&story, open.last_at);
        if let Some(grown) = &mut self.following {
            if let (None, Some(ip)) = (&open.user, open.sender_ip) {
                let span = (open.first_at, open.last_at);
                let unknown = grown.nameless.entry(story.clone()).or_insert(Unknown { ip, span, news: 0 });
                (unknown.span, unknown.news) = (span, 0);
            }
            grown.open.insert(story);
        }
    }

    /// Incidents raised so far.
    #[must_use]
    pub const fn raised(&self) -> u64 {
        self.raised
    }

    /// Of a correlator that is [`following`](Self::following): asks who the senders are that nobody knew when their incidents were
    /// told. An incident whose sender is known now has grown, under the id that it has; what its sender does from now on joins it, unless
    /// there is an incident of the sender with that destination already.
    pub fn name_senders(&mut self, who: &mut dyn FnMut(&mut Unknown) -> Option<Attribution>) {
        let Some(grown) = &mut self.following else { return };
        let mut named = Vec::new();
        grown.nameless.retain(|story, unknown| {
            let found = who(unknown).filter(|found| found.user.is_some());
            let goes_on = found.is_none();
            named.extend(found.map(|found| (story.clone(), found)));
            goes_on
        });
        for (story, found) in named {
            let Some(mut open) = self.open.remove(&story) else { continue };
            self.activity.forget(&story, open.last_at);
            open.name_sender(found);
            let sender = open.user.as_ref().map(|user| sender_named(user)).unwrap_or_default();
            let known = Story { sender, destination: story.destination.clone() };
            let becomes = if self.open.contains_key(&known) { story.clone() } else { known };
            open.story = becomes.clone();
            self.activity.note(&becomes, open.last_at);
            if let Some(grown) = &mut self.following {
                grown.open.remove(&story);
                grown.open.insert(becomes.clone());
            }
            self.open.insert(becomes, open);
        }
    }

    /// Of a correlator that is [`following`](Self::following): incidents that arose or grew since the last call, as they stand
    /// now, the most urgent first. An incident keeps its id, so that a later state takes the place of an earlier one.
    pub fn take_grown(&mut self) -> Vec<Incident> {
        let Some(grown) = self.following.as_mut() else { return Vec::new() };
        let (open, closed) = (std::mem::take(&mut grown.open), std::mem::take(&mut grown.closed));
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
        while let Some(story) = self.activity.pop() {
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
        let Self { daily, limits, concluder, closed, raised, .. } = self;
        daily.close_before(before, limits, |threshold, open, first| {
            let told = concluder.conclude_day(open, threshold);
            *raised += u64::from(first);
            // Not taken yet as it stood after the days before.
            match closed.iter_mut().find(|known| !first && known.id == told.id) {
                Some(known) => *known = told,
                None => closed.push(told),
            }
        });
    }

    fn close_idle(&mut self, now: Timestamp) {
        while let Some(story) = self.activity.pop_idle(now.plus(-self.limits.window_ns)) {
            if let Some(open) = self.open.remove(&story) {
                self.close(&open);
            }
        }
    }

    fn close(&mut self, open: &Open) {
        match &mut self.following {
            None => self.closed.push(self.concluder.conclude(open)),
            Some(grown) => {
                grown.nameless.remove(&open.story);
                // Otherwise its last state was told.
                if grown.open.remove(&open.story) {
                    grown.closed.push(self.concluder.conclude(open));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
