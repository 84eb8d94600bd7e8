//! Putting IP fragments together (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Owns: unfinished datagrams, within a budget of bytes and of packet time. Never does: looking at what they carry.
//!
//! Fragments of one datagram share addresses, identification, IPv4 protocol, and the tunnels they came in: the same numbers
//! in two VLANs are two datagrams.
//!
//! Overlaps. A fragment that repeats bytes already held is ignored, as every host does. Otherwise, IPv6 hosts discard the
//! datagram and all that still comes of it (RFC 5722), and so does Egret, counting its bytes. IPv4 hosts differ: some
//! discard, some prefer one copy or the other. Egret keeps the bytes that came first, fills holes with the rest, and counts
//! the bytes of the copy that was not read where it differs. The end of a datagram that is known is not moved by a later
//! fragment; one that contradicts it is left out and counted.
//!
//! A fragment that the snap length cut leaves a hole that nothing fills: the datagram is passed on up to there, and the rest
//! is reported missing.

use crate::frame::Datagram;
use crate::layer::{Fault, Layer, Part};
use crate::tally::{Cause, Tally};
use egret_model::{DecodeLimits, PacketRef, Timestamp, TunnelPath};
use etherparse::IpNumber;
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Longest datagram: what 16 bits of length allow, for IPv6 behind its header.
const LONGEST: usize = 65_535;
/// What a datagram and a fragment cost in bookkeeping, bytes, as charged to the budget.
const DATAGRAM_COST: usize = 256;
const FRAGMENT_COST: usize = 64;
/// Datagrams last finished. A second copy of one's fragments, from a second capture point, is no loss when it stays unfinished.
const FINISHED: usize = 64;

/// What a fragment says of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) identification: u32,
    /// Bytes of the datagram before this one.
    pub(crate) offset: usize,
    /// Others follow.
    pub(crate) more: bool,
}

/// A fragment as it comes in.
pub(crate) struct Arrival<'a> {
    pub(crate) fragment: Fragment,
    pub(crate) datagram: Datagram<'a>,
    pub(crate) path: TunnelPath,
    pub(crate) at: Timestamp,
    pub(crate) packet: PacketRef,
}

/// A datagram put together.
#[derive(Debug)]
pub(crate) struct Reassembled {
    source: IpAddr,
    destination: IpAddr,
    /// Protocol by the first fragment.
    protocol: IpNumber,
    verifiable: bool,
    /// The payload, up to the first hole.
    bytes: Vec<u8>,
    /// Bytes from that hole on; 0 as a rule.
    missing: usize,
}

impl Reassembled {
    /// The whole datagram.
    pub(crate) fn datagram(&self) -> Datagram<'_> {
        Datagram {
            source: self.source,
            destination: self.destination,
            protocol: self.protocol,
            fragment: None,
            verifiable: self.verifiable,
            payload: Layer::new(&self.bytes, self.missing),
        }
    }
}

/// What names a datagram.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    /// IPv4 only: an IPv6 fragment need not name the same one as the first.
    protocol: Option<u8>,
    path: TunnelPath,
}

impl Key {
    fn of(arrival: &Arrival<'_>) -> Self {
        let Datagram { source, destination, protocol, .. } = arrival.datagram;
        Self {
            source,
            destination,
            identification: arrival.fragment.identification,
            protocol: source.is_ipv4().then_some(protocol.0),
            path: arrival.path.clone(),
        }
    }
}

struct Piece {
    /// Captured bytes.
    bytes: Box<[u8]>,
    /// Where the piece ends, captured or not.
    end: usize,
}

struct Pending {
    serial: u64,
    started: Timestamp,
    first: PacketRef,
    /// By offset; they do not overlap.
    pieces: BTreeMap<usize, Piece>,
    /// Bytes covered by pieces.
    covered: usize,
    end: Option<usize>,
    protocol: IpNumber,
    /// Bytes charged to the budget.
    charged: usize,
    /// Overlapping IPv6 fragments: nothing of it is wanted any more, and it has been counted.
    discarded: bool,
    /// Another copy of a datagram that was finished.
    copy: bool,
}

impl Pending {
    fn highest(&self) -> usize {
        self.pieces.last_key_value().map_or(0, |(_, piece)| piece.end)
    }

    /// Bytes lost when it is given up.
    fn lost(&self) -> u64 {
        if self.discarded || self.copy { 0 } else { self.end.unwrap_or_else(|| self.highest()) as u64 }
    }
}

/// All unfinished datagrams.
pub(crate) struct Fragments {
    budget: usize,
    timeout_ns: i64,
    pending: HashMap<Key, Pending, foldhash::fast::FixedState>,
    /// Oldest first.
    order: BTreeMap<u64, Key>,
    next_serial: u64,
    charged: usize,
    finished: VecDeque<Key>,
}

impl Fragments {
    pub(crate) fn new(limits: &DecodeLimits) -> Self {
        Self {
            budget: limits.fragment_bytes,
            timeout_ns: limits.fragment_timeout_ns,
            pending: HashMap::default(),
            order: BTreeMap::new(),
            next_serial: 0,
            charged: 0,
            finished: VecDeque::new(),
        }
    }

    /// Takes in a fragment; gives the datagram that it completes.
    pub(crate) fn add(
        &mut self,
        arrival: &Arrival<'_>,
        tally: &mut Tally,
    ) -> Result<Option<Reassembled>, Fault> {
        self.expire(arrival.at, tally);
        let (start, end, payload) = extent(arrival)?;
        let (fragment, datagram) = (arrival.fragment, arrival.datagram);
        let key = Key::of(arrival);
        let pending = self.open(&key, arrival);
        if pending.discarded {
            return Err(payload.refuse(Cause::FragmentOverlap));
        }
        if contradicts_end(pending, fragment, end) {
            return Err(payload.refuse(Cause::FragmentConflict));
        }
        let charged_before = pending.charged;
        let outcome = if datagram.source.is_ipv6() {
            insert_exclusive(pending, start, end, payload)
        } else {
            insert_first_wins(pending, start, end, payload)
        };
        if start == 0 {
            pending.protocol = datagram.protocol;
        }
        if !fragment.more {
            pending.end = Some(end);
        }
        let finished = !pending.discarded && pending.end == Some(pending.covered);
        let charged = pending.charged;
        self.charged = (self.charged + charged).saturating_sub(charged_before);
        if finished {
            // A contradiction within a datagram that is read all the same is counted beside it.
            if let Err(fault) = outcome {
                tally.add(fault, arrival.packet);
            }
            return Ok(self.close(&key, datagram.verifiable));
        }
        self.shrink(tally);
        outcome.map(|()| None)
    }

    /// Gives up all unfinished datagrams.
    pub(crate) fn finish(&mut self, tally: &mut Tally) {
        while let Some((_, key)) = self.order.pop_first() {
            self.give_up(&key, Cause::FragmentsMissing, tally);
        }
    }

    /// The datagram of `key`, new or not.
    fn open(&mut self, key: &Key, arrival: &Arrival<'_>) -> &mut Pending {
        let Self { pending, order, next_serial, charged, finished, .. } = self;
        pending.entry(key.clone()).or_insert_with(|| {
            let serial = *next_serial;
            *next_serial += 1;
            order.insert(serial, key.clone());
            *charged += DATAGRAM_COST;
            Pending {
                serial,
                started: arrival.at,
                first: arrival.packet,
                pieces: BTreeMap::new(),
                covered: 0,
                end: None,
                protocol: arrival.datagram.protocol,
                charged: DATAGRAM_COST,
                discarded: false,
                copy: finished.contains(key),
            }
        })
    }

    /// Takes out a datagram that is complete.
    fn close(&mut self, key: &Key, verifiable: bool) -> Option<Reassembled> {
        let pending = self.pending.remove(key)?;
        self.order.remove(&pending.serial);
        self.charged = self.charged.saturating_sub(pending.charged);
        if self.finished.len() >= FINISHED {
            self.finished.pop_front();
        }
        self.finished.push_back(key.clone());
        let mut bytes = Vec::with_capacity(pending.covered);
        for (_, piece) in pending.pieces {
            bytes.extend_from_slice(&piece.bytes);
            if bytes.len() < piece.end {
                break;
            }
        }
        let missing = pending.covered.saturating_sub(bytes.len());
        let (source, destination, protocol) = (key.source, key.destination, pending.protocol);
        Some(Reassembled { source, destination, protocol, verifiable, bytes, missing })
    }

    /// Gives up what is older than the time-out.
    fn expire(&mut self, now: Timestamp, tally: &mut Tally) {
        while let Some((serial, key)) = self.order.first_key_value() {
            let (serial, key) = (*serial, key.clone());
            if self.pending.get(&key).is_some_and(|pending| now.since(pending.started) <= self.timeout_ns) {
                return;
            }
            self.order.remove(&serial);
            self.give_up(&key, Cause::FragmentsMissing, tally);
        }
    }

    /// Gives up the oldest until the budget is kept.
    fn shrink(&mut self, tally: &mut Tally) {
        while self.charged > self.budget {
            let Some((_, key)) = self.order.pop_first() else { return };
            self.give_up(&key, Cause::FragmentBudget, tally);
        }
    }

    /// Forgets a datagram that is no longer in `order`.
    fn give_up(&mut self, key: &Key, cause: Cause, tally: &mut Tally) {
        let Some(pending) = self.pending.remove(key) else { return };
        self.charged = self.charged.saturating_sub(pending.charged);
        if pending.lost() > 0 {
            tally.add(Fault { cause, bytes: pending.lost(), offset: 0 }, pending.first);
        }
    }
}

/// Where a fragment begins and ends in its datagram, and its payload within these.
fn extent<'a>(arrival: &Arrival<'a>) -> Result<(usize, usize, Layer<'a>), Fault> {
    let mut payload = arrival.datagram.payload;
    let malformed = Err(payload.malformed(Part::Fragment));
    if arrival.fragment.more && !payload.promised().is_multiple_of(8) {
        // IPv4 hosts use the whole eights of it; IPv6 hosts discard it (RFC 8200 section 4.5).
        if arrival.datagram.source.is_ipv6() {
            return malformed;
        }
        payload.limit(payload.promised() & !7);
    }
    let start = arrival.fragment.offset;
    let end = start.saturating_add(payload.promised());
    // An empty fragment says nothing, unless it ends the datagram.
    if end > LONGEST || (end == start && arrival.fragment.more) {
        malformed
    } else {
        Ok((start, end, payload))
    }
}

fn contradicts_end(pending: &Pending, fragment: Fragment, end: usize) -> bool {
    match pending.end {
        Some(known) => end > known || (!fragment.more && end < known),
        None => !fragment.more && end < pending.highest(),
    }
}

/// IPv6: repeats are ignored, any other overlap discards the datagram.
fn insert_exclusive(
    pending: &mut Pending,
    start: usize,
    end: usize,
    payload: Layer<'_>,
) -> Result<(), Fault> {
    let (holes, same) = compare(pending, start, end, payload.bytes());
    let untouched = holes.as_slice() == [(start, end)] || start == end;
    if untouched {
        keep(pending, start, end, payload.bytes());
        return Ok(());
    }
    if holes.is_empty() && same {
        return Ok(());
    }
    let lost = pending.lost() + payload.promised() as u64;
    pending.discarded = true;
    pending.pieces.clear();
    pending.charged = DATAGRAM_COST;
    Err(Fault { cause: Cause::FragmentOverlap, bytes: lost, offset: 0 })
}

/// IPv4: what came first stays, what is new fills the holes.
fn insert_first_wins(
    pending: &mut Pending,
    start: usize,
    end: usize,
    payload: Layer<'_>,
) -> Result<(), Fault> {
    let (holes, same) = compare(pending, start, end, payload.bytes());
    let mut repeated = end - start;
    for (from, to) in holes {
        let captured = payload.bytes().get(from - start..).unwrap_or_default();
        keep(pending, from, to, captured.get(..to - from).unwrap_or(captured));
        repeated -= to - from;
    }
    if same {
        Ok(())
    } else {
        Err(Fault { cause: Cause::FragmentConflict, bytes: repeated as u64, offset: 0 })
    }
}

/// The holes of a datagram between `start` and `end`, and whether `bytes` agree with what is held there.
fn compare(pending: &Pending, start: usize, end: usize, bytes: &[u8]) -> (Vec<(usize, usize)>, bool) {
    let mut holes = Vec::new();
    let mut same = true;
    let mut at = start;
    let before = pending.pieces.range(..start).next_back();
    for (from, piece) in before.into_iter().chain(pending.pieces.range(start..end)) {
        if piece.end <= at {
            continue;
        }
        if *from > at {
            holes.push((at, *from));
        }
        let common = (*from).max(start)..piece.end.min(end);
        let held = piece.bytes.get(common.start - from..).unwrap_or_default();
        let new = bytes.get(common.start - start..).unwrap_or_default();
        let compared = common.len().min(held.len()).min(new.len());
        same &= held.get(..compared) == new.get(..compared);
        at = piece.end;
    }
    if at < end {
        holes.push((at, end));
    }
    (holes, same)
}

fn keep(pending: &mut Pending, start: usize, end: usize, bytes: &[u8]) {
    if start == end {
        return;
    }
    pending.covered += end - start;
    pending.charged += bytes.len() + FRAGMENT_COST;
    pending.pieces.insert(start, Piece { bytes: bytes.into(), end });
}
