//! What workers hand to the correlator, and the order in which it is taken.
//!
//! Owns: stamped events and their merge. Never does: threads, channels.

use crate::unpack::Promise;
use egret_model::{
    Coverage, Endpoint, FlowSummary, Hit, LinkFrame, Match, ObjectRecord, Observation, PipelineLimits,
    Sighting, Timestamp, TransferStart,
};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

/// Where an event stands in the run: the packet that caused it, then its place among that packet's events. A total order that no
/// worker count changes, because one packet belongs to one shard. What the end of input causes stands behind every packet, by shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    pub(crate) ordinal: u64,
    pub(crate) shard: usize,
    pub(crate) sequence: u64,
}

/// Behind the ordinals of all packets.
const END_OF_INPUT: u64 = 1 << 63;

/// Where what the end of input causes in this shard stands among the packets.
pub(crate) const fn end_of_input(shard: usize) -> u64 {
    END_OF_INPUT + shard as u64
}

/// One event of a shard.
#[derive(Debug)]
pub(crate) struct Stamped {
    pub(crate) stamp: Stamp,
    /// Time of the packet that caused it.
    pub(crate) at: Timestamp,
    pub(crate) event: Event,
}

/// What the correlator works on.
#[derive(Debug)]
pub(crate) enum Event {
    Transfer(Box<FinishedTransfer>),
    /// A transfer that goes on in the pool; [`Merge`] passes on what it comes to in its place.
    Promised(Promise),
    /// Boxed like the others: a million events may wait.
    Sighting(Box<Sighting>),
    /// What a flow came to.
    Flow(Box<FlowSummary>),
    /// A name was asked for, or the answer came.
    Name(Box<Asked>),
    /// A frame that carries no IP told who is on the network.
    Link(Box<LinkFrame>),
}

/// Who asked whom for a name.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) client: IpAddr,
    pub(crate) server: IpAddr,
    pub(crate) observation: Observation,
}

/// A transfer that has ended, with all that was found in it.
#[derive(Debug)]
pub(crate) struct FinishedTransfer {
    pub(crate) start: Box<TransferStart>,
    /// Capture and number of the first packet of its flow, and its place among the shard's transfers: what its id is made of.
    pub(crate) capture: u16,
    pub(crate) packet: u64,
    pub(crate) key: u64,
    pub(crate) tunnel: Vec<String>,
    pub(crate) ended_at: Timestamp,
    pub(crate) bytes: u64,
    pub(crate) complete: bool,
    pub(crate) readable: bool,
    pub(crate) inconsistent_overlap: bool,
    pub(crate) uninspected: Coverage,
    pub(crate) objects: Vec<ObjectRecord>,
    /// Hits by index into `objects`.
    pub(crate) hits: Vec<(usize, Hit)>,
}

impl FinishedTransfer {
    /// Memory that it takes, bytes, roughly.
    pub(crate) fn footprint(&self) -> usize {
        let Self { start, tunnel, objects, hits, .. } = self;
        let texts = [&start.server_name, &start.user, &start.filename, &start.media_type];
        let texts = texts.into_iter().flatten().chain([&start.operation]).chain(&start.codings).chain(tunnel);
        let object = |object: &ObjectRecord| {
            let name = object.filename.as_ref().map_or(0, String::len);
            size_of::<ObjectRecord>()
                + object.path.len()
                + name
                + object.media_type.len()
                + object.sha256.len()
        };
        let hit = |(_, hit): &(usize, Hit)| {
            let why = |one: &Match| one.why.iter().map(|why| size_of::<String>() + why.len()).sum::<usize>();
            let found = |one: &Match| size_of::<Match>() + one.redacted.len() + one.context.len() + why(one);
            size_of::<Hit>()
                + hit.values.len() * size_of::<u64>()
                + hit.matches.iter().map(found).sum::<usize>()
        };
        size_of::<Self>()
            + size_of::<TransferStart>()
            + texts.map(|text| size_of::<String>() + text.len()).sum::<usize>()
            + start.facts.iter().map(|(_, value)| size_of::<(&str, String)>() + value.len()).sum::<usize>()
            + objects.iter().map(object).sum::<usize>()
            + hits.iter().map(hit).sum::<usize>()
    }

    /// The client of the exchange, as the start tells it.
    pub(crate) fn client(&self) -> Endpoint {
        if self.start.from == self.start.server { self.start.receiver } else { self.start.sender }
    }

    /// What could not be inspected of what the stream delivered: gaps were counted when the stream told them.
    pub(crate) fn refused(&self) -> Coverage {
        Coverage { gap: 0, ..self.uninspected }
    }
}

/// What a worker reports after a batch: its events, and how far it has come.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) worker: usize,
    /// Every packet up to and with this ordinal has been worked on.
    pub(crate) through: u64,
    pub(crate) events: Vec<Stamped>,
}

/// Puts the events of all workers into one order, releasing each as soon as no earlier one can come.
#[derive(Debug)]
pub(crate) struct Merge {
    watermarks: Vec<Option<u64>>,
    waiting: BTreeMap<Stamp, (Timestamp, Event)>,
    /// Everything up to this ordinal has been passed on, but what is still in the pool.
    certain: u64,
    /// A transfer in the pool holds back what is behind it.
    strict: bool,
    /// Events that wait behind such a transfer before whoever merges them waits for it, too.
    most: usize,
}

impl Merge {
    /// The one order, whatever is in the pool.
    pub(crate) fn new(workers: usize, limits: &PipelineLimits) -> Self {
        let (watermarks, most) = (vec![None; workers], limits.waiting_events);
        Self { watermarks, waiting: BTreeMap::new(), certain: 0, strict: true, most }
    }

    /// For events that come as time passes: what is in the pool comes when it is known, and nothing waits for it but the end.
    pub(crate) fn live(workers: usize, limits: &PipelineLimits) -> Self {
        Self { strict: false, ..Self::new(workers, limits) }
    }

    /// Takes a report and passes on, in order, every event that is now certain.
    pub(crate) fn report(&mut self, report: Report, sink: &mut impl FnMut(Timestamp, Event)) {
        if let Some(watermark) = self.watermarks.get_mut(report.worker) {
            *watermark = (*watermark).max(Some(report.through));
        }
        self.waiting.extend(report.events.into_iter().map(|e| (e.stamp, (e.at, e.event))));
        if let Some(certain) = self.watermarks.iter().copied().min().flatten() {
            self.give_up_waiting(certain, sink);
        }
    }

    /// Passes on, in order, everything up to `ordinal`, though an earlier event may still come.
    pub(crate) fn give_up_waiting(&mut self, ordinal: u64, sink: &mut impl FnMut(Timestamp, Event)) {
        self.certain = self.certain.max(ordinal);
        let through = Stamp { ordinal, shard: usize::MAX, sequence: u64::MAX };
        let mut next = self.waiting.range(..=through).next().map(|(stamp, _)| *stamp);
        while let Some(stamp) = next {
            let crowded = self.strict && self.waiting.len() > self.most;
            if let Some((_, Event::Promised(promise))) = self.waiting.get(&stamp)
                && (crowded || ordinal == u64::MAX)
            {
                promise.wait();
            }
            if !self.pass_on(stamp, sink) && self.strict {
                break;
            }
            let behind = (Bound::Excluded(stamp), Bound::Included(through));
            next = self.waiting.range(behind).next().map(|(stamp, _)| *stamp);
        }
    }

    /// Passes on what has come back from the pool since.
    pub(crate) fn look_again(&mut self, sink: &mut impl FnMut(Timestamp, Event)) {
        self.give_up_waiting(self.certain, sink);
    }

    /// Events that wait for earlier ones.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Everything up to this ordinal has been passed on, but transfers that are still in the pool.
    pub(crate) const fn certain(&self) -> u64 {
        self.certain
    }

    /// Passes on what happened there. False: that is not known yet.
    fn pass_on(&mut self, stamp: Stamp, sink: &mut impl FnMut(Timestamp, Event)) -> bool {
        let promised = match self.waiting.get(&stamp) {
            Some((_, Event::Promised(promise))) => match promise.poll() {
                Some(known) => Some(known),
                None => return false,
            },
            _ => None,
        };
        if let Some((at, event)) = self.waiting.remove(&stamp) {
            match promised {
                None => sink(at, event),
                Some(Some(finished)) => sink(at, Event::Transfer(finished)),
                // Lost by a defect, which whoever has the pool tells.
                Some(None) => {}
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::Evidence;

    fn sighting(second: i64) -> Event {
        Event::Sighting(Box::new(Sighting {
            at: Timestamp::from_seconds(second),
            ip: "10.0.0.1".parse().ok(),
            ports: None,
            mac: None,
            host: None,
            user: None,
            domain: None,
            evidence: Evidence::Dhcp,
            confirmed: true,
            until: None,
        }))
    }

    fn report(worker: usize, through: u64, ordinals: &[u64]) -> Report {
        let events = ordinals
            .iter()
            .map(|&ordinal| Stamped {
                stamp: Stamp { ordinal, shard: worker, sequence: ordinal },
                at: Timestamp::EPOCH,
                event: sighting(i64::try_from(ordinal).unwrap_or(i64::MAX)),
            })
            .collect();
        Report { worker, through, events }
    }

    #[test]
    fn events_come_in_packet_order_as_soon_as_they_are_certain() {
        let mut merge = Merge::new(2, &PipelineLimits::default());
        let mut seen = Vec::new();
        let mut take = |merge: &mut Merge, r| {
            merge.report(r, &mut |_, event| {
                if let Event::Sighting(s) = event {
                    seen.push(s.at.nanos() / 1_000_000_000);
                }
            });
            seen.clone()
        };
        assert_eq!(take(&mut merge, report(0, 10, &[1, 9])), Vec::<i64>::new());
        assert_eq!(take(&mut merge, report(1, 5, &[2, 4])), [1, 2, 4]);
        assert_eq!(take(&mut merge, report(1, 20, &[12])), [1, 2, 4, 9]);
        assert_eq!(take(&mut merge, report(0, u64::MAX, &[])), [1, 2, 4, 9, 12]);
    }
}
