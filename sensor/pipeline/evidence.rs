//! The evidence of incidents: captures are read once more, and the packets that belong to an incident's transfers are shown, and what stood
//! around its matches.
//!
//! Owns: which packets belong to a transfer. Never does: writing them; excerpts, which are `excerpt`'s.
//!
//! A packet belongs to a transfer when it has the addresses, ports and transport of the flow that carried it (inside of tunnels), and
//! was captured between five minutes before the transfer began, which takes in the handshake and what was said before, and a minute
//! after it ended. A file of FTP comes on a connection of its own: what its two ends said on the control connection belongs to it too
//! (RFC 959 section 3), and the other data connections between them in that time. Of a fragmented datagram, the packet that completes it is shown.

use crate::SinkError;
use crate::excerpt::Excerpts;
use crate::replay::WORKER_STACK_BYTES;
use crate::secrets::Secrets;
use egret_capture::{Inputs, PacketBatch};
use egret_decode::Decoder;
use egret_model::{Case, Excerpt, Limits, Packet, Segment, Timestamp, Transport};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// Before a transfer's beginning, nanoseconds (5 min: the idle time-out of a connection).
const BEFORE_NS: i64 = 300_000_000_000;
/// Around a file of FTP, for connections that carry parts of it (1 s).
const AROUND_NS: i64 = 1_000_000_000;
/// After its end (1 min).
const AFTER_NS: i64 = 60_000_000_000;

/// Where servers of FTP listen for commands.
const FTP_PORT: u16 = 21;

type End = (IpAddr, u16);

/// What is looked for.
#[derive(Debug, Default)]
struct Wanted {
    /// By the two ends, the lesser first.
    flows: HashMap<(End, End), Vec<Window>>,
    /// Files of FTP, by the two addresses, the lesser first.
    files: HashMap<(IpAddr, IpAddr), Vec<Window>>,
}

/// One transfer of one case.
#[derive(Clone, Copy, Debug)]
struct Window {
    case: usize,
    transfer: usize,
    sender: End,
    started_at: Timestamp,
    ended_at: Timestamp,
}

/// A piece of evidence.
#[derive(Debug)]
pub enum Shown<'a> {
    /// A packet.
    Packet(EvidencePacket<'a>),
    /// What stood around a match: clear text, for a seal.
    Excerpt(Excerpt),
}

/// A packet that belongs to a case.
#[derive(Clone, Copy, Debug)]
pub struct EvidencePacket<'a> {
    /// The packet.
    pub packet: Packet<'a>,
    /// Index of the case.
    pub case: usize,
    /// Index of the transfer within the case whose content it carries; None where it only belongs to the flow.
    pub carries: Option<usize>,
}

impl Wanted {
    /// The transfers of `cases`.
    fn new(cases: &[Case]) -> Self {
        let mut wanted = Self::default();
        for (index, case) in cases.iter().enumerate() {
            for (number, transfer) in case.transfers.iter().enumerate() {
                let (Ok(from), Ok(to)) = (transfer.sender.ip.parse(), transfer.receiver.ip.parse()) else {
                    continue;
                };
                let (sender, receiver) = ((from, transfer.sender.port), (to, transfer.receiver.port));
                let window = Window {
                    case: index,
                    transfer: number,
                    sender,
                    started_at: transfer.started_at,
                    ended_at: transfer.ended_at,
                };
                wanted.flows.entry(ordered(sender, receiver)).or_default().push(window);
                if transfer.protocol == "ftp" {
                    wanted.files.entry((from.min(to), from.max(to))).or_default().push(window);
                }
            }
        }
        wanted
    }

    /// The cases that a segment belongs to, each once, with the transfer that it carries.
    fn of(&self, segment: &Segment<'_>) -> BTreeMap<usize, Option<usize>> {
        let mut found = BTreeMap::new();
        let Some((source, destination)) = ends(segment) else { return found };
        let at = segment.at;
        let near = |window: &&Window| {
            at >= window.started_at.plus(-BEFORE_NS) && at <= window.ended_at.plus(AFTER_NS)
        };
        let pair = (source.0.min(destination.0), source.0.max(destination.0));
        let commands = source.1 == FTP_PORT || destination.1 == FTP_PORT;
        for window in self.files.get(&pair).into_iter().flatten().filter(near) {
            // A transfer that was broken off and taken up again came on several data connections.
            let during = at >= window.started_at.plus(-AROUND_NS) && at <= window.ended_at.plus(AROUND_NS);
            if commands || during {
                found.entry(window.case).or_insert(None);
            }
        }
        for window in self.flows.get(&ordered(source, destination)).into_iter().flatten().filter(near) {
            let carried = source == window.sender
                && !segment.payload.is_empty()
                && at >= window.started_at
                && at <= window.ended_at;
            let carries = found.entry(window.case).or_insert(None);
            if carried && carries.is_none() {
                *carries = Some(window.transfer);
            }
        }
        found
    }
}

/// Shows every packet that belongs to one of the cases, in order of input, once for each; with `excerpts` also what stood around the
/// matches of their findings, each once and when its object ends.
pub fn show_evidence(
    inputs: &mut Inputs,
    limits: &Limits,
    cases: &[Case],
    excerpts: bool,
    sink: &mut (dyn FnMut(Shown<'_>) -> Result<(), SinkError> + Send),
) -> Result<(), SinkError> {
    let run = move || {
        let excerpts = excerpts.then(|| Excerpts::new(cases, limits));
        show(inputs, limits, &Wanted::new(cases), excerpts, sink)
    };
    // Contents nest as deep as in a replay, so the stack must be as large.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("evidence".to_owned())
            .stack_size(WORKER_STACK_BYTES)
            .spawn_scoped(scope, run)?;
        thread.join().unwrap_or_else(|_| Err("internal error: this is a defect of egret".into()))
    })
}

fn show(
    inputs: &mut Inputs,
    limits: &Limits,
    wanted: &Wanted,
    mut excerpts: Option<Excerpts<'_>>,
    sink: &mut dyn FnMut(Shown<'_>) -> Result<(), SinkError>,
) -> Result<(), SinkError> {
    let mut decoder = Decoder::new(&limits.decode);
    let mut batch = PacketBatch::default();
    let mut secrets = Secrets::default();
    while inputs.next_batch(&mut batch) {
        if let (Some(keys), Some(excerpts)) = (secrets.read(inputs.secrets()), &mut excerpts) {
            excerpts.use_keys(&keys);
        }
        for packet in batch.packets() {
            let mut cases = BTreeMap::new();
            decoder.decode(&packet, &mut |segment| {
                cases.extend(wanted.of(&segment));
                if let Some(excerpts) = &mut excerpts {
                    excerpts.segment(&segment);
                }
            });
            for (case, carries) in cases {
                sink(Shown::Packet(EvidencePacket { packet, case, carries }))?;
            }
            for excerpt in excerpts.iter_mut().flat_map(Excerpts::take_ready) {
                sink(Shown::Excerpt(excerpt))?;
            }
        }
    }
    if let Some(excerpts) = &mut excerpts {
        excerpts.finish();
        excerpts.take_ready().into_iter().try_for_each(|excerpt| sink(Shown::Excerpt(excerpt)))?;
    }
    Ok(())
}

fn ordered(one: End, other: End) -> (End, End) {
    if one <= other { (one, other) } else { (other, one) }
}

fn ends(segment: &Segment<'_>) -> Option<(End, End)> {
    let (from, to) = match segment.transport {
        Transport::Tcp { source_port, destination_port, .. }
        | Transport::Udp { source_port, destination_port } => (source_port, destination_port),
        Transport::IcmpEcho { identifier, .. } => (identifier, identifier),
        Transport::Other { .. } => return None,
    };
    Some(((segment.source, from), (segment.destination, to)))
}
