//! From ordered events to records: identity, direction, findings, incidents.
//!
//! Owns: the order in which evidence and transfers meet. Never does: the models behind them (`identity`, `behavior`, `incident`); what a record
//! holds, which is `record`'s; I/O.

mod record;

use crate::config::InternalNetworks;
use crate::event::Event;
use crate::held::Held;
use crate::observe::{self, Observed, Waiting};
use crate::{Record, SinkError};
use egret_behavior::{Behavior, Contact};
use egret_context::Context;
use egret_detect::{Circumstances, Excuse, SignatureSet};
use egret_identity::{IdentityIndex, People, Question};
use egret_incident::Correlator;
use egret_model::{
    Anomaly, Attribution, Excepted, ExceptedSum, FindingRecord, Incident, Limits, Party, Sighting, Timestamp,
    TransferRecord,
};
use egret_protocol::LinkWatch;
use record::sighting_record;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What behaviour sees may run ahead of transfers that wait, when there is much of it; so far at most, nanoseconds (4 h).
const LAG_NS: i64 = 4 * 3600 * 1_000_000_000;

/// Makes records of events. Events come in the order of [`crate::event::Stamp`].
pub(crate) struct Recorder {
    internal: InternalNetworks,
    signatures: Arc<SignatureSet>,
    captures: Vec<String>,
    identity: IdentityIndex,
    link: LinkWatch,
    incidents: Correlator,
    behavior: Behavior,
    /// Flows and names, in the order of their time, as far as it is known.
    waiting: Waiting,
    /// Transfers that wait for evidence which may still come: all for a moment (a log-in seen just after), those of somebody unknown, and
    /// what is behind them, for as long as there is room.
    held: Held,
    hold_ns: i64,
    /// How long those wait; a live run has none of it, and amends what it has told.
    hindsight_ns: i64,
    /// Told apart from other runs over the same interfaces by this; nothing in a replay, whose ids are those of its captures.
    run: Option<Timestamp>,
    totals: RecordTotals,
}

/// Where records go.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(Record<'_>) -> Result<(), SinkError>;

/// How many records of each kind were made.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordTotals {
    pub(crate) transfers: u64,
    pub(crate) findings: u64,
    pub(crate) sightings: u64,
    pub(crate) excepted: BTreeMap<String, ExceptedSum>,
    pub(crate) expired: BTreeSet<String>,
    /// Sums over a sender's day given up for want of room.
    pub(crate) forgotten_days: u64,
}

impl Recorder {
    pub(crate) fn new(
        limits: &Limits,
        internal: &InternalNetworks,
        signatures: Arc<SignatureSet>,
        people: Arc<People>,
        context: Arc<Context>,
        captures: Vec<String>,
    ) -> Self {
        Self {
            internal: internal.clone(),
            signatures,
            captures,
            identity: IdentityIndex::new(people, &limits.identity),
            link: LinkWatch::new(&limits.protocol),
            incidents: Correlator::new(&limits.incident, Arc::clone(&context)),
            behavior: Behavior::new(&limits.behavior, context),
            waiting: Waiting::new(limits.pipeline.held_flows),
            held: Held::new(limits),
            hold_ns: limits.pipeline.attribution_hold_ns,
            hindsight_ns: limits.pipeline.hindsight_hold_ns,
            run: None,
            totals: RecordTotals::default(),
        }
    }

    /// For a live run that began at `began`: ids are its own, and incidents are told while they grow.
    pub(crate) fn of_run(self, began: Timestamp) -> Self {
        Self { run: Some(began), incidents: self.incidents.following(), hindsight_ns: 0, ..self }
    }

    /// Takes the next event, and records what has waited for long enough.
    pub(crate) fn take(&mut self, at: Timestamp, event: Event, sink: Sink<'_>) -> Result<(), SinkError> {
        self.advance(at);
        self.release(at.plus(-self.hold_ns), sink)?;
        match event {
            Event::Flow(flow) => {
                observe::stations(&flow, &self.internal, &mut self.identity);
                self.waiting.flow(flow);
            }
            Event::Name(asked) => self.waiting.name(at, asked),
            Event::Transfer(transfer) => self.held.push(at, transfer),
            // The merge passes on what it comes to.
            Event::Promised(_) => {}
            Event::Sighting(sighting) => self.sighting(*sighting, sink)?,
            Event::Link(frame) => {
                let mut told = Vec::new();
                self.link.frame(&frame, &mut |sighting| told.push(sighting));
                for sighting in told {
                    self.sighting(sighting, sink)?;
                }
            }
        }
        Ok(())
    }

    fn sighting(&mut self, sighting: Sighting, sink: Sink<'_>) -> Result<(), SinkError> {
        // Evidence about outside addresses would name strangers, or servers.
        if sighting.ip.is_none_or(|ip| self.internal.contains(ip)) {
            self.identity.add(&sighting);
            self.sign_in(&sighting);
        }
        self.totals.sightings += 1;
        sink(Record::Sighting(&sighting_record(sighting)))
    }

    /// Evidence of the operator's files up to `now` is taken in.
    fn advance(&mut self, now: Timestamp) {
        for sighting in self.identity.advance(now) {
            self.sign_in(&sighting);
        }
    }

    fn sign_in(&mut self, sighting: &Sighting) {
        if let Some(actor) = observe::former(sighting, &self.identity) {
            self.waiting.sign_in(sighting.at, actor);
        }
    }

    /// No event from before `now` will come: what has waited for long enough is recorded.
    pub(crate) fn pass_time(&mut self, now: Timestamp, sink: Sink<'_>) -> Result<(), SinkError> {
        self.advance(now);
        self.release(now.plus(1 - self.hold_ns), sink)
    }

    /// Records what has waited for a moment, from before `due`, unless its sender may still become known.
    fn release(&mut self, due: Timestamp, sink: Sink<'_>) -> Result<(), SinkError> {
        let mut until = due;
        while let Some((since, _)) = self.held.oldest() {
            let goes = since < due
                && (since.plus(self.hindsight_ns) < due
                    || self.held.is_crowded()
                    || (self.waiting.is_crowded() && since.plus(LAG_NS) < due)
                    || self.oldest_is_known());
            if !goes && !self.held.is_full() {
                until = until.min(since);
                break;
            }
            self.release_oldest(sink)?;
        }
        self.observe_until(until);
        Ok(())
    }

    /// False while nobody knows whose the oldest transfer is, and evidence could tell.
    fn oldest_is_known(&mut self) -> bool {
        let Some((_, finished)) = self.held.oldest() else { return true };
        let client = finished.client();
        if !self.internal.contains(client.ip) {
            return true;
        }
        let news = self.identity.news(client.ip);
        if !self.held.is_news(news) {
            return false;
        }
        let Some((_, finished)) = self.held.oldest() else { return true };
        let mut party = Party::new(client.ip, client.port);
        self.attribute(&mut party, finished.ended_at, Some(&finished.start));
        party.user.is_some() || !party.alternatives.is_empty()
    }

    /// Of a live run: records the incidents that arose or grew since the last call, as they stand now.
    pub(crate) fn tell_incidents(&mut self, sink: Sink<'_>) -> Result<(), SinkError> {
        self.name_senders();
        for incident in self.incidents.take_grown() {
            sink(Record::Incident(&incident))?;
        }
        Ok(())
    }

    /// Incidents whose sender nobody knew are given the user whom evidence since names, for their first moment as for their last.
    fn name_senders(&mut self) {
        let Self { incidents, identity, .. } = self;
        incidents.name_senders(&mut |unknown| {
            let news = identity.news(unknown.ip);
            if std::mem::replace(&mut unknown.news, news) == news {
                return None;
            }
            let at = |at| identity.attribute(&Question { ip: unknown.ip, port: None, at, named: None });
            let (first, last) = (at(unknown.span.0), at(unknown.span.1));
            let sure = first.confidence.min(last.confidence);
            (first.user == last.user).then_some(Attribution { confidence: sure, ..first })
        });
    }

    /// Who has which address, and which addresses are inside, from now on. Evidence from the wire is kept.
    pub(crate) fn replace_people(&mut self, internal: InternalNetworks, people: &Arc<People>) {
        self.internal = internal;
        self.identity.replace_people(people);
    }

    /// What the organisation knows of itself, from now on.
    pub(crate) fn replace_context(&mut self, context: Arc<Context>) {
        self.behavior.replace_context(Arc::clone(&context));
        self.incidents.replace_context(context);
    }

    /// Takes up the habits that an earlier run has left. False: they cannot be read.
    pub(crate) fn take_up_habits(&mut self, habits: &[u8]) -> bool {
        self.behavior.restore(habits)
    }

    /// The habits of users and hosts, for a later run.
    pub(crate) fn habits(&self) -> Vec<u8> {
        self.behavior.save()
    }

    /// The signatures whose exceptions hold from now on.
    pub(crate) fn replace_signatures(&mut self, signatures: Arc<SignatureSet>) {
        self.signatures = signatures;
    }

    /// Incidents raised so far.
    pub(crate) const fn incidents(&self) -> u64 {
        self.incidents.raised()
    }

    /// Transfers that have ended and wait for evidence.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// The end of input: everything held is recorded, every incident closed. The incidents come ranked.
    pub(crate) fn finish(mut self, sink: Sink<'_>) -> Result<(RecordTotals, Vec<Incident>), SinkError> {
        if self.hindsight_ns > 0 {
            self.identity.look_beyond(self.hindsight_ns.min(LAG_NS));
        }
        while self.held.len() > 0 {
            self.release_oldest(sink)?;
        }
        self.observe_until(Timestamp::MAX);
        self.name_senders();
        self.totals.forgotten_days = self.incidents.forgotten();
        let incidents = self.incidents.finish();
        for incident in &incidents {
            sink(Record::Incident(incident))?;
        }
        Ok((self.totals, incidents))
    }

    fn release_oldest(&mut self, sink: Sink<'_>) -> Result<(), SinkError> {
        let Some(finished) = self.held.pop() else { return Ok(()) };
        self.observe_until(finished.ended_at);
        let (transfer, mut findings) = self.record(*finished);
        for finding in &mut findings {
            self.except(&transfer, finding);
        }
        self.incidents.transfer(&transfer, &findings);
        if let Some((actor, peer)) = observe::sender(&transfer) {
            let Self { behavior, incidents, .. } = self;
            behavior
                .transfer(&actor, &peer, &transfer, &findings, &mut |anomaly| incidents.anomaly(&anomaly));
        }
        self.totals.transfers += 1;
        self.totals.findings += findings.len() as u64;
        sink(Record::Transfer(&transfer))?;
        findings.iter().try_for_each(|finding| sink(Record::Finding(finding)))
    }

    /// Lets behaviour see the flows and names up to `until`.
    fn observe_until(&mut self, until: Timestamp) {
        while let Some(next) = self.waiting.next(until) {
            let Self { behavior, incidents, internal, identity, .. } = self;
            let sink: &mut dyn FnMut(Anomaly) = &mut |anomaly| incidents.anomaly(&anomaly);
            match next {
                Observed::Flow(flow) => {
                    if let Some((actor, peer, opened)) = observe::ends(&flow, internal, identity) {
                        let contact = Contact { actor: &actor, peer: &peer, flow: &flow, opened };
                        behavior.flow(&contact, sink);
                    }
                }
                Observed::Name(at, asked) if internal.contains(asked.client) => {
                    let actor = observe::actor(asked.client, None, at, identity);
                    behavior.name(&actor, asked.server, &asked.observation, at, sink);
                }
                Observed::Name(..) => {}
                Observed::SignIn(at, actor) => behavior.sign_in(&actor, at, sink),
            }
        }
    }

    /// Lets pass what an exception of the signature is for, and counts it.
    fn except(&mut self, transfer: &TransferRecord, finding: &mut FindingRecord) {
        let of = Circumstances {
            destination: transfer.receiver.name.as_deref(),
            destination_ip: transfer.receiver.ip,
            user: transfer.sender.user.as_deref(),
            host: transfer.sender.host.as_deref(),
            sender_ip: transfer.sender.ip,
            object: &finding.object,
        };
        match self.signatures.exception(&finding.signature, &of, transfer.started_at) {
            Excuse::Holds(exception) => {
                finding.excepted = Some(Excepted {
                    matches: finding.count,
                    all: true,
                    reason: exception.reason.to_string(),
                    until: exception.until.to_string(),
                });
            }
            Excuse::Ended(exception) => {
                let (id, subject) = (&finding.signature, exception.subject());
                self.totals
                    .expired
                    .insert(format!("{id}: the exception {subject} ended on {}", exception.until));
            }
            Excuse::None => {}
        }
        if let Some(excepted) = &finding.excepted {
            let sum = self.totals.excepted.entry(finding.signature.clone()).or_default();
            sum.findings += 1;
            sum.matches += excepted.matches;
        }
    }
}

/// The host of `host:port`, brackets of an IPv6 literal kept.
pub(crate) fn host_of(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port))
            if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') =>
        {
            if host.contains(':') && !host.ends_with(']') { name } else { host }
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_part_of_the_host() {
        for (name, host) in [
            ("upload.example:443", "upload.example"),
            ("upload.example", "upload.example"),
            ("[fd00::1]:80", "[fd00::1]"),
            ("fd00::1", "fd00::1"),
        ] {
            assert_eq!(host_of(name), host);
        }
    }
}

#[cfg(test)]
mod population_tests;
