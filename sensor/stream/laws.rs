//! Laws that hold for any segments.

use crate::{FlowTable, harness::tcp};
use egret_model::{Flow, Segment, Side, StreamEvent, StreamLimits, TcpFlags, Timestamp, Transport};
use proptest::prelude::*;

/// A byte of a stream: a function of its place, so that a byte in the wrong place is noticed.
fn byte(from: Side, offset: usize) -> u8 {
    let mixed = (offset as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    mixed as u8 ^ if from == Side::Initiator { 0x55 } else { 0 }
}

fn stream(from: Side, length: usize) -> Vec<u8> {
    (0..length).map(|offset| byte(from, offset)).collect()
}

/// A piece of one side's stream, as it is sent.
#[derive(Clone, Debug)]
struct Sent {
    from: Side,
    offset: usize,
    length: usize,
    acknowledges: usize,
}

/// What a sink saw of one side.
#[derive(Clone, Debug, Default, PartialEq)]
struct SeenSide {
    /// Delivered bytes with the offset at which they stand, gaps counted.
    data: Vec<(usize, Vec<u8>)>,
    position: usize,
    gap_bytes: usize,
    finished: bool,
}

#[derive(Clone, Debug, Default)]
struct Seen {
    sides: [SeenSide; 2],
    closed: u32,
    inconsistent: bool,
}

impl Seen {
    fn note(&mut self, flow: &Flow, event: StreamEvent<'_>) {
        assert_eq!(self.closed, 0, "nothing follows Closed");
        self.inconsistent |= flow.inconsistent_overlap;
        match event {
            StreamEvent::Data { from, data } => {
                let side = &mut self.sides[from as usize];
                assert!(!data.is_empty() && !side.finished);
                side.data.push((side.position, data.to_vec()));
                side.position += data.len();
            }
            StreamEvent::Gap { from, bytes, .. } => {
                let side = &mut self.sides[from as usize];
                assert!(bytes > 0 && !side.finished);
                side.position += bytes as usize;
                side.gap_bytes += bytes as usize;
            }
            StreamEvent::Finished { from } => self.sides[from as usize].finished = true,
            StreamEvent::Closed { .. } => self.closed += 1,
        }
    }

    fn bytes_are_right(&self) -> bool {
        [Side::Initiator, Side::Responder].into_iter().all(|from| {
            self.sides[from as usize].data.iter().all(|(offset, data)| {
                data.iter().enumerate().all(|(index, seen)| *seen == byte(from, offset + index))
            })
        })
    }
}

struct Line {
    table: FlowTable<Seen>,
    seen: Vec<Seen>,
    first: [u32; 2],
    packets: u64,
    most_held: usize,
}

impl Line {
    /// A table that has seen a handshake; `first` are the sequence numbers of the first bytes.
    fn new(limits: &StreamLimits, first: [u32; 2]) -> Self {
        let table = FlowTable::new(limits, 1);
        let mut line = Self { table, seen: Vec::new(), first, packets: 0, most_held: 0 };
        let [client, server] = first;
        line.control(Side::Initiator, client.wrapping_sub(1), 0, TcpFlags::SYN);
        line.control(Side::Responder, server.wrapping_sub(1), client, TcpFlags::SYN | TcpFlags::ACK);
        line
    }

    fn send(&mut self, sent: &Sent) {
        let payload: Vec<u8> = (0..sent.length).map(|index| byte(sent.from, sent.offset + index)).collect();
        let (own, other) = (self.first[sent.from as usize], self.first[sent.from.other() as usize]);
        let sequence = own.wrapping_add(sent.offset as u32);
        self.take(sent.from, sequence, other.wrapping_add(sent.acknowledges as u32), TcpFlags::ACK, &payload);
    }

    fn control(&mut self, from: Side, sequence: u32, acknowledgment: u32, flags: u8) {
        self.take(from, sequence, acknowledgment, flags, b"");
    }

    fn take(&mut self, from: Side, sequence: u32, acknowledgment: u32, flags: u8, payload: &[u8]) {
        let mut segment = tcp(from == Side::Initiator, 40_000, sequence, payload);
        if let Transport::Tcp { flags: bits, acknowledgment: number, .. } = &mut segment.transport {
            *bits = TcpFlags(flags);
            *number = acknowledgment;
        }
        self.segment(segment);
    }

    fn segment(&mut self, mut segment: Segment<'_>) {
        self.packets += 1;
        segment.packet.ordinal = self.packets;
        segment.at = Timestamp::from_nanos(1_000_000_000_000 + self.packets as i64 * 100_000);
        let Self { table, seen, .. } = self;
        table.segment(&segment, &mut |flow, state, event| note(seen, flow, state, event));
        self.most_held = self.most_held.max(self.table.held_bytes());
    }

    fn finish(mut self) -> Vec<Seen> {
        let Self { table, seen, .. } = &mut self;
        table.finish(&mut |flow, state, event| note(seen, flow, state, event));
        assert_eq!((self.table.held_bytes(), self.table.len()), (0, 0));
        self.seen
    }
}

fn note(seen: &mut Vec<Seen>, flow: &Flow, state: &mut Seen, event: StreamEvent<'_>) {
    state.note(flow, event);
    if state.closed > 0 {
        seen.push(state.clone());
    }
}

/// Both streams cut at `cuts`, interleaved, each piece acknowledging what the other side had sent before.
fn segmented(lengths: [usize; 2], cuts: &[(bool, usize)]) -> Vec<Sent> {
    let mut sent = Vec::new();
    let mut offsets = [0; 2];
    let rest = [(true, usize::MAX), (false, usize::MAX)];
    for (client, length) in cuts.iter().chain(&rest) {
        let from = if *client { Side::Initiator } else { Side::Responder };
        let offset = offsets[from as usize];
        let length = (*length).min(lengths[from as usize] - offset);
        if length > 0 {
            sent.push(Sent { from, offset, length, acknowledges: offsets[from.other() as usize] });
            offsets[from as usize] += length;
        }
    }
    sent
}

fn starts() -> impl Strategy<Value = [u32; 2]> {
    let start = prop_oneof![Just(u32::MAX - 500), Just(0), any::<u32>()];
    [start.clone(), start]
}

fn cuts() -> impl Strategy<Value = Vec<(bool, usize)>> {
    prop::collection::vec((any::<bool>(), 1..300_usize), 1..60)
}

/// Moves each segment by at most `reach` places: sorts by place plus a bounded displacement.
fn reordered(sent: Vec<Sent>, moves: &[usize], reach: usize) -> Vec<Sent> {
    let mut keyed: Vec<(usize, Sent)> = sent
        .into_iter()
        .enumerate()
        .map(|(place, sent)| (place + moves.get(place % moves.len().max(1)).map_or(0, |by| by % reach), sent))
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, sent)| sent).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_copy_and_order_of_the_same_streams_gives_the_same_bytes(
        first in starts(),
        lengths in [0..4000_usize, 0..4000_usize],
        cuts in cuts(),
        again in prop::collection::vec((0..64_usize, 0..200_usize, 0..400_usize), 0..20),
        moves in prop::collection::vec(0..8_usize, 1..50),
        one_way: bool,
    ) {
        let mut sent = segmented(lengths, &cuts);
        // Copies with other boundaries, of bytes that were sent before.
        for (place, back, length) in again {
            let Some(earlier) = sent.get(place % sent.len().max(1)).cloned() else { continue };
            let offset = earlier.offset.saturating_sub(back);
            let length = length.min(earlier.offset + earlier.length - offset);
            let place = (place % sent.len() + 1).min(sent.len());
            sent.insert(place, Sent { offset, length, ..earlier });
        }
        if one_way {
            sent.retain(|sent| sent.from == Side::Initiator);
        }
        let mut line = Line::new(&StreamLimits::default(), first);
        for sent in reordered(sent, &moves, 8) {
            line.send(&sent);
        }
        let seen = line.finish();
        prop_assert_eq!(seen.len(), 1);
        prop_assert!(!seen[0].inconsistent);
        for (from, length) in [Side::Initiator, Side::Responder].into_iter().zip(lengths) {
            let side = &seen[0].sides[from as usize];
            if one_way && from == Side::Responder {
                prop_assert!(side.data.is_empty());
                continue;
            }
            let bytes: Vec<u8> = side.data.iter().flat_map(|(_, data)| data.clone()).collect();
            prop_assert_eq!(side.gap_bytes, 0);
            prop_assert_eq!(bytes, stream(from, length));
        }
    }

    #[test]
    fn whatever_is_lost_each_byte_is_right_or_in_a_gap(
        first in starts(),
        lengths in [0..4000_usize, 0..4000_usize],
        cuts in cuts(),
        lost in prop::collection::vec(prop::bool::weighted(0.3), 1..60),
        moves in prop::collection::vec(0..6_usize, 1..50),
        flow_bytes in 0..3000_usize,
        hole_segments in 0..40_u16,
    ) {
        let limits = StreamLimits { flow_bytes, hole_segments, ..StreamLimits::default() };
        let mut line = Line::new(&limits, first);
        // An acknowledgment counts as a sight of what it acknowledges.
        let mut ends = [0; 2];
        let mut place = 0..;
        for sent in reordered(segmented(lengths, &cuts), &moves, 6) {
            if !lost[place.next().unwrap_or(0) % lost.len()] {
                line.send(&sent);
                let (from, to) = (sent.from as usize, sent.from.other() as usize);
                ends[from] = ends[from].max(sent.offset + sent.length);
                // One byte more than was seen might be a FIN.
                let told = sent.acknowledges;
                ends[to] = ends[to].max(told);
            }
        }
        let held = line.most_held;
        let seen = line.finish();
        prop_assert!(held <= flow_bytes * 2);
        prop_assert_eq!(seen.len(), 1);
        prop_assert!(seen[0].bytes_are_right());
        for (side, end) in seen[0].sides.iter().zip(ends) {
            let delivered: usize = side.data.iter().map(|(_, data)| data.len()).sum();
            prop_assert_eq!(side.position, delivered + side.gap_bytes);
            prop_assert!(side.position == end || side.position + 1 == end, "{} of {}", side.position, end);
        }
    }

    #[test]
    fn no_segments_break_a_budget_or_the_order_of_events(
        segments in prop::collection::vec(
            (any::<bool>(), 0..3_u16, 0..3000_u32, 0..3000_u32, any::<u8>(), 0..200_usize, 0..50_u32),
            0..300,
        ),
        flow_bytes in 0..2000_usize,
        total_bytes in 0..4000_usize,
        flows in 1..4_usize,
    ) {
        let limits = StreamLimits { flow_bytes, total_bytes, flows, ..StreamLimits::default() };
        let mut line = Line::new(&limits, [0, 0]);
        let payload = [0; 200];
        for (client, port, sequence, acknowledgment, flags, length, missing) in segments {
            let mut segment = tcp(client, port, sequence, &payload[..length]);
            if let Transport::Tcp { flags: bits, acknowledgment: number, .. } = &mut segment.transport {
                (*bits, *number) = (TcpFlags(flags & 0x1f), acknowledgment);
            }
            // Some capture lengths, mostly whole.
            segment.missing = missing.saturating_sub(40);
            line.segment(segment);
            prop_assert!(line.table.held_bytes() <= total_bytes);
            prop_assert!(line.table.len() <= flows);
        }
        let opened = line.table.stats().flows;
        prop_assert_eq!(line.finish().len() as u64, opened, "each flow is closed once");
    }
}

#[test]
fn long_streams_pass_in_memory_that_does_not_grow() {
    let mut line = Line::new(&StreamLimits::default(), [u32::MAX - 5000, 7]);
    for offset in (0..2_000_000).step_by(1000) {
        // Each pair of segments comes in the wrong order.
        let offset = if offset % 2000 == 0 { offset + 1000 } else { offset - 1000 };
        line.send(&Sent { from: Side::Initiator, offset, length: 1000, acknowledges: 0 });
    }
    assert!(line.most_held <= 2 * (1000 + 64), "{}", line.most_held);
    let seen = line.finish();
    assert!(seen[0].bytes_are_right());
    assert_eq!(seen[0].sides[0].position, 2_000_000);
}
