//! Excerpts: what stood around the matches of incidents, found again in their captures.
//!
//! Owns: the second walk over the contents that incidents name. Never does: looking for anything; writing, which is the seal's.
//!
//! A finding says where its matches stand in the text of an object. The traffic between the two addresses of each transfer goes through the
//! same reassembly, protocols and content walk as before, and of an object of the same path, ends and SHA-256 those places are cut out.
//! No signature is needed for that, and a text that has changed since gives no excerpt.

use egret_content::{Buffers, Walker};
use egret_model::{
    Case, ClearText, ContentEvent, ContentLimits, EvidenceLimits, Excerpt, Flow, Limits, ObjectId,
    ProtocolEvent, Segment, StreamEvent, Timestamp, TransferKey, TransferStart,
};
use egret_protocol::{Engine, KeyLog, Session};
use egret_stream::FlowTable;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::transfer::hints;

/// Between the times of a transfer here and in its record, nanoseconds (5 min): another capture of the same traffic has other times.
const APART_NS: i64 = 300_000_000_000;

type End = (IpAddr, u16);

/// Where a walk reports to.
type Events<'a> = dyn FnMut(ContentEvent<'_>) + 'a;

/// Finds the excerpts of cases.
pub(crate) struct Excerpts<'a> {
    /// Addresses whose traffic is read, the lesser first.
    pairs: HashSet<(IpAddr, IpAddr)>,
    table: FlowTable<Session>,
    engine: Engine,
    open: Open<'a>,
}

/// The transfers that are being read.
struct Open<'a> {
    /// Transfers with findings, by sender and receiver.
    wanted: HashMap<(End, End), Vec<Wanted>>,
    walks: HashMap<TransferKey, Walk>,
    content: Arc<ContentLimits>,
    buffers: Buffers,
    cutter: Cutter<'a>,
}

/// A transfer of a case.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    case: usize,
    transfer: usize,
    started_at: Timestamp,
}

struct Walk {
    start: Box<TransferStart>,
    walker: Option<Walker>,
    wanted: Vec<Wanted>,
    objects: Vec<Object>,
}

/// An open object of which something is cut out.
struct Object {
    id: ObjectId,
    /// Bytes of its text so far.
    seen: u64,
    pieces: Vec<Piece>,
}

/// A place in an object's text.
struct Piece {
    wanted: Wanted,
    finding: usize,
    matched: usize,
    offset: u64,
    /// Bytes of the match that are shown.
    length: u64,
    cut: bool,
    before: Vec<u8>,
    text: Vec<u8>,
    after: Vec<u8>,
}

/// Cuts out and keeps account.
struct Cutter<'a> {
    cases: &'a [Case],
    limits: &'a EvidenceLimits,
    /// Case, finding and match of what has been given.
    given: BTreeSet<(usize, usize, usize)>,
    /// Excerpts given, by case.
    counts: Vec<usize>,
    held: usize,
    ready: Vec<Excerpt>,
}

impl<'a> Excerpts<'a> {
    pub(crate) fn new(cases: &'a [Case], limits: &'a Limits) -> Self {
        let mut pairs = HashSet::new();
        let mut wanted: HashMap<(End, End), Vec<Wanted>> = HashMap::new();
        for (index, case) in cases.iter().enumerate() {
            let found: HashSet<&str> = case
                .findings
                .iter()
                .filter(|finding| !finding.matches.is_empty())
                .map(|finding| finding.transfer.as_str())
                .collect();
            for (number, transfer) in case.transfers.iter().enumerate() {
                let (Ok(from), Ok(to)) = (transfer.sender.ip.parse(), transfer.receiver.ip.parse()) else {
                    continue;
                };
                if found.contains(transfer.id.as_str()) {
                    pairs.insert(pair(from, to));
                    let ends = ((from, transfer.sender.port), (to, transfer.receiver.port));
                    let started_at = transfer.started_at;
                    wanted.entry(ends).or_default().push(Wanted {
                        case: index,
                        transfer: number,
                        started_at,
                    });
                }
            }
        }
        Self {
            pairs,
            table: FlowTable::new(&limits.stream, 1),
            engine: Engine::new(&limits.protocol),
            open: Open {
                wanted,
                walks: HashMap::new(),
                content: Arc::new(limits.content.clone()),
                buffers: Buffers::new(&limits.content),
                cutter: Cutter {
                    cases,
                    limits: &limits.evidence,
                    given: BTreeSet::new(),
                    counts: vec![0; cases.len()],
                    held: 0,
                    ready: Vec::new(),
                },
            },
        }
    }

    /// Reads connections whose secrets are among these.
    pub(crate) fn use_keys(&mut self, keys: &KeyLog) {
        self.engine.use_keys(keys);
    }

    /// Reads a segment, if it belongs to the traffic of a case.
    pub(crate) fn segment(&mut self, segment: &Segment<'_>) {
        if !self.pairs.contains(&pair(segment.source, segment.destination)) {
            return;
        }
        let Self { table, engine, open, .. } = self;
        table.segment(segment, &mut |flow, session, event| {
            engine.event(flow, session, event, &mut |reported| open.take(reported));
        });
        engine.expire(segment.at, &mut |_, reported| open.take(reported));
    }

    /// The end of input.
    pub(crate) fn finish(&mut self) {
        let Self { table, engine, open, .. } = self;
        table.finish(&mut |flow: &Flow, session: &mut Session, event: StreamEvent<'_>| {
            engine.event(flow, session, event, &mut |reported| open.take(reported));
        });
        engine.finish(&mut |_, reported| open.take(reported));
    }

    /// What has been found since the last call.
    pub(crate) fn take_ready(&mut self) -> Vec<Excerpt> {
        std::mem::take(&mut self.open.cutter.ready)
    }
}

impl Open<'_> {
    fn take(&mut self, event: ProtocolEvent<'_>) {
        match event {
            ProtocolEvent::Begin { transfer, start } => self.begin(transfer, start),
            ProtocolEvent::Body { transfer, data } => {
                self.walk(transfer, &mut |walker, sink| walker.push(data, sink));
            }
            ProtocolEvent::Gap { transfer, bytes } => {
                self.walk(transfer, &mut |walker, sink| walker.gap(bytes, sink));
            }
            ProtocolEvent::Named { transfer, filename, .. } => {
                if let Some(walk) = self.walks.get_mut(&transfer) {
                    walk.start.filename = filename.or_else(|| walk.start.filename.take());
                }
            }
            ProtocolEvent::End { transfer, complete, .. } => {
                if self.walks.get(&transfer).is_some_and(|walk| walk.walker.is_some()) {
                    self.walk(transfer, &mut |walker, sink| walker.finish(complete, sink));
                }
                self.walks.remove(&transfer);
            }
            ProtocolEvent::Opaque { .. }
            | ProtocolEvent::Sighting(_)
            | ProtocolEvent::Observed(_)
            | ProtocolEvent::NotInspected { .. } => {}
        }
    }

    fn begin(&mut self, transfer: TransferKey, start: Box<TransferStart>) {
        let ends = ((start.sender.ip, start.sender.port), (start.receiver.ip, start.receiver.port));
        let Some(known) = self.wanted.get(&ends) else { return };
        // Those of this very moment, else those of about that time, which the digest of the object tells apart.
        let within = |span: i64| -> Vec<Wanted> {
            known.iter().copied().filter(|one| one.started_at.since(start.at).abs() <= span).collect()
        };
        let exact = within(0);
        let wanted = if exact.is_empty() { within(APART_NS) } else { exact };
        if !wanted.is_empty() {
            self.walks.insert(transfer, Walk { start, walker: None, wanted, objects: Vec::new() });
        }
    }

    fn walk(&mut self, transfer: TransferKey, go: &mut dyn FnMut(&mut Walker, &mut Events<'_>)) {
        let Self { walks, content, buffers, cutter, .. } = self;
        let Some(walk) = walks.get_mut(&transfer) else { return };
        let Walk { start, walker, wanted, objects } = walk;
        let walker = walker
            .get_or_insert_with(|| Walker::with_buffers(&hints(start), Arc::clone(content), buffers.clone()));
        go(walker, &mut |event| cutter.take(event, wanted, objects));
    }
}

impl Cutter<'_> {
    fn take(&mut self, event: ContentEvent<'_>, wanted: &[Wanted], objects: &mut Vec<Object>) {
        match event {
            ContentEvent::Begin(start) => {
                let pieces = self.pieces(&start.path, wanted);
                if !pieces.is_empty() {
                    objects.push(Object { id: start.id, seen: 0, pieces });
                }
            }
            ContentEvent::Text { object, text } => {
                if let Some(object) = objects.iter_mut().rev().find(|known| known.id == object) {
                    for piece in &mut object.pieces {
                        piece.cut_out(object.seen, text, self.limits.around_bytes, &mut self.held);
                        if self.held > self.limits.held_bytes {
                            self.held -= piece.give_up();
                        }
                    }
                    object.seen += text.len() as u64;
                }
            }
            ContentEvent::End { object, record, .. } => {
                let Some(place) = objects.iter().rposition(|known| known.id == object) else { return };
                for piece in objects.remove(place).pieces {
                    self.held -= piece.held();
                    let same = self.cases.get(piece.wanted.case).is_some_and(|case| {
                        case.transfers.get(piece.wanted.transfer).is_some_and(|transfer| {
                            let mut of = transfer.objects.iter();
                            of.any(|one| one.path == record.path && one.sha256 == record.sha256)
                        })
                    });
                    if same {
                        self.give(piece);
                    }
                }
            }
        }
    }

    /// What is to be cut out of an object at `path` of one of these transfers.
    fn pieces(&self, path: &str, wanted: &[Wanted]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for one in wanted {
            let Some(case) = self.cases.get(one.case) else { continue };
            let Some(transfer) = case.transfers.get(one.transfer) else { continue };
            let room =
                self.limits.excerpts.saturating_sub(self.counts.get(one.case).copied().unwrap_or_default());
            let found = case
                .findings
                .iter()
                .enumerate()
                .filter(|(_, finding)| finding.transfer == transfer.id && finding.object == path);
            let all = found
                .flat_map(|(index, finding)| finding.matches.iter().enumerate().map(move |m| (index, m)));
            let fresh =
                all.filter(|(finding, (matched, _))| !self.given.contains(&(one.case, *finding, *matched)));
            pieces.extend(fresh.take(room).map(|(finding, (matched, found))| Piece {
                wanted: *one,
                finding,
                matched,
                offset: found.offset,
                length: found.length.min(self.limits.match_bytes as u64),
                cut: found.length > self.limits.match_bytes as u64,
                before: Vec::new(),
                text: Vec::new(),
                after: Vec::new(),
            }));
        }
        pieces
    }

    fn give(&mut self, piece: Piece) {
        // A text that ends before the match is not the one it was found in.
        if piece.text.is_empty() || piece.text.len() as u64 != piece.length {
            return;
        }
        let Some(count) = self.counts.get_mut(piece.wanted.case) else { return };
        if *count >= self.limits.excerpts
            || !self.given.insert((piece.wanted.case, piece.finding, piece.matched))
        {
            return;
        }
        *count += 1;
        self.ready.push(Excerpt {
            case: piece.wanted.case,
            finding: piece.finding,
            matched: piece.matched,
            before: ClearText::new(piece.before),
            text: ClearText::new(piece.text),
            after: ClearText::new(piece.after),
            cut: piece.cut,
        });
    }
}

impl Piece {
    /// Takes what it needs of `text`, which stands at `seen` of the object.
    fn cut_out(&mut self, seen: u64, text: &[u8], around: usize, held: &mut usize) {
        let end = self.offset.saturating_add(self.length);
        let after = if self.cut { 0 } else { around as u64 };
        let ranges = [
            (self.offset.saturating_sub(around as u64), self.offset, &mut self.before),
            (self.offset, end, &mut self.text),
            (end, end.saturating_add(after), &mut self.after),
        ];
        for (from, to, into) in ranges {
            let within = |place: u64| -> usize {
                usize::try_from(place.saturating_sub(seen)).unwrap_or(usize::MAX).min(text.len())
            };
            let part = text.get(within(from)..within(to)).unwrap_or_default();
            into.extend_from_slice(part);
            *held += part.len();
        }
    }

    const fn held(&self) -> usize {
        self.before.len() + self.text.len() + self.after.len()
    }

    /// Lets go of what it holds, for good; gives how much that was.
    fn give_up(&mut self) -> usize {
        let held = self.held();
        // Nothing stands there, so that nothing is taken any more and no excerpt comes of it.
        self.offset = u64::MAX;
        (self.before, self.text, self.after) = (Vec::new(), Vec::new(), Vec::new());
        held
    }
}

fn pair(one: IpAddr, other: IpAddr) -> (IpAddr, IpAddr) {
    (one.min(other), one.max(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece(offset: u64, length: u64) -> Piece {
        Piece {
            wanted: Wanted { case: 0, transfer: 0, started_at: Timestamp::EPOCH },
            finding: 0,
            matched: 0,
            offset,
            length,
            cut: false,
            before: Vec::new(),
            text: Vec::new(),
            after: Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_out_does_not_depend_on_the_pieces_in_which_text_comes(
            text in prop::collection::vec(any::<u8>(), 1..200),
            offset in 0_usize..200,
            length in 1_usize..50,
            around in 0_usize..60,
            step in 1_usize..70,
        ) {
            let mut piece = piece(offset as u64, length as u64);
            let (mut seen, mut held) = (0, 0);
            for part in text.chunks(step) {
                piece.cut_out(seen, part, around, &mut held);
                seen += part.len() as u64;
            }
            let within = |from: usize, to: usize| &text[from.min(text.len())..to.min(text.len())];
            prop_assert_eq!(&piece.before, within(offset.saturating_sub(around), offset));
            prop_assert_eq!(&piece.text, within(offset, offset + length));
            prop_assert_eq!(&piece.after, within(offset + length, offset + length + around));
            prop_assert_eq!(held, piece.held());
        }
    }

    #[test]
    fn what_was_given_up_takes_nothing_any_more() {
        let mut piece = piece(2, 2);
        let mut held = 0;
        piece.cut_out(0, b"abcd", 9, &mut held);
        held -= piece.give_up();
        piece.cut_out(4, b"efgh", 9, &mut held);
        assert_eq!((held, piece.held()), (0, 0));
    }
}
