//! Capture through Linux packet sockets: a ring in shared memory for each source and interface, filled by the kernel.
//!
//! Owns: a source over all interfaces. Never does: leaving the crate's one unsafe module, `sys`, to anybody else.

mod block;
mod fanout;
mod filter;
mod interface;
mod program;
mod socket;
#[expect(unsafe_code, reason = "system calls and memory that the kernel shares; see the module's own words")]
mod sys;

use super::pace::Pace;
use super::{KernelCounters, LiveError, LiveOptions, LiveSource, OffloadWarning, Turn};
use crate::PacketBatch;
use block::Numbering;
use interface::Interface;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket::Tap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How often interfaces are looked at.
const WATCH: Duration = Duration::from_millis(200);
/// After a stop: how long a packet may be under way between being counted and being shown.
const SETTLE: Duration = Duration::from_millis(3 * socket::GATHER_MS as u64);
/// After a stop: waits for packets that were counted and never come, before that is put up with.
const PATIENCE: u32 = 40;
/// Bytes of packets in one batch; a block that is begun is taken whole.
const BATCH_BYTES: usize = 256 << 10;

/// One source: a socket on each interface.
pub(crate) struct PacketSource {
    place: usize,
    parts: Vec<Part>,
    ordinal: u64,
    /// The part whose turn it is.
    turn: usize,
    pace: Pace,
    stopped: bool,
    waits: u32,
}

/// What a source has of one interface.
struct Part {
    interface: Arc<Interface>,
    generation: u64,
    /// The oldest first: one of an interface that has vanished is emptied before the next is read.
    taps: VecDeque<Tap>,
    /// Of those that are closed.
    closed: KernelCounters,
    numbering: Numbering,
}

/// Opens `sources` sources over all interfaces.
pub(crate) fn open(options: &LiveOptions, sources: usize) -> Result<Vec<PacketSource>, LiveError> {
    let sources = sources.max(1);
    let mut interfaces = Vec::with_capacity(options.interfaces.len());
    for (place, name) in options.interfaces.iter().enumerate() {
        interfaces.push(Arc::new(Interface::open(options, name, place, sources)?));
    }
    let source = |place| PacketSource {
        place,
        parts: interfaces
            .iter()
            .enumerate()
            .map(|(capture, interface)| Part::new(Arc::clone(interface), capture))
            .collect(),
        ordinal: 0,
        turn: 0,
        pace: Pace::every(WATCH),
        stopped: false,
        waits: 0,
    };
    Ok((0..sources).map(source).collect())
}

impl PacketSource {
    /// Fills the batch from the interfaces in turn.
    fn take(&mut self, batch: &mut PacketBatch) {
        let mut idle = 0;
        while batch.used_bytes() < BATCH_BYTES && idle < self.parts.len() {
            let count = self.parts.len();
            let Some(part) = self.parts.get_mut(self.turn % count) else { return };
            self.turn = (self.turn + 1) % count;
            if part.take(self.place, batch) { idle = 0 } else { idle += 1 }
        }
    }

    fn wait(&self, wait: Duration) {
        let sockets: Vec<Arc<sys::PacketSocket>> =
            self.parts.iter().flat_map(|part| part.taps.iter().map(Tap::socket)).collect();
        let mut waiting: Vec<PollFd<'_>> =
            sockets.iter().map(|socket| PollFd::new(&**socket, PollFlags::IN)).collect();
        let wait = wait.min(WATCH);
        let limit = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        // An interrupted wait is a short one.
        if poll(&mut waiting, Some(&limit)).is_err() {
            return;
        }
        let troubled = waiting.iter().map(|one| one.revents().contains(PollFlags::ERR));
        let owners = self.parts.iter().flat_map(|part| part.taps.iter().map(move |_| &part.interface));
        for ((socket, interface), troubled) in sockets.iter().zip(owners).zip(troubled) {
            // Reading the error clears it; it would end every wait at once.
            if troubled && let Some(error) = socket.take_error() {
                interface.failed(&error);
            }
        }
    }

    fn news(&self) -> Option<Turn> {
        if self.place > 0 {
            return None;
        }
        self.parts.iter().find_map(|part| part.interface.news())
    }

    /// After a stop, with nothing to take: true when nothing will come.
    fn has_ended(&mut self) -> bool {
        let balanced = self.parts.iter_mut().flat_map(|part| &mut part.taps).all(Tap::is_balanced);
        self.waits += 1;
        // Twice in a row, since a packet that was let in before the stop may not be counted yet.
        (balanced && self.waits > 1) || self.waits > PATIENCE
    }
}

impl LiveSource for PacketSource {
    fn next_batch(&mut self, batch: &mut PacketBatch, wait: Duration) -> Result<Turn, LiveError> {
        batch.clear();
        if let Some(news) = self.news() {
            return Ok(news);
        }
        if self.pace.due() && !self.stopped {
            self.parts.iter().for_each(|part| part.interface.watch());
        }
        self.take(batch);
        if batch.is_empty() {
            self.wait(if self.stopped { SETTLE } else { wait });
            self.take(batch);
        }
        if !batch.is_empty() {
            batch.number_from(self.ordinal);
            self.ordinal += batch.len() as u64;
            return Ok(Turn::Packets);
        }
        if self.stopped && self.has_ended() {
            return Ok(Turn::Ended);
        }
        Ok(self.news().unwrap_or(Turn::Idle))
    }

    fn counters(&mut self) -> KernelCounters {
        let mut sum = KernelCounters::default();
        for part in &mut self.parts {
            sum.add(&part.closed);
            part.taps.iter_mut().for_each(|tap| sum.add(&tap.counters()));
            if self.place == 0 {
                sum.dropped_by_interface += part.interface.missed();
            }
        }
        sum
    }

    fn stop(&mut self) {
        self.stopped = true;
        for part in &mut self.parts {
            part.fetch(self.place);
            for tap in &part.taps {
                // A socket that takes no filter goes on for the little while that patience lasts.
                let _ = tap.socket().filter(&filter::NOTHING);
            }
        }
    }
}

impl Part {
    fn new(interface: Arc<Interface>, capture: usize) -> Self {
        Self {
            interface,
            generation: 0,
            taps: VecDeque::new(),
            closed: KernelCounters::default(),
            numbering: Numbering { capture: u16::try_from(capture).unwrap_or(u16::MAX), last: 0 },
        }
    }

    /// Fetches the ring that was put on an interface that came back.
    fn fetch(&mut self, place: usize) {
        let generation = self.interface.generation();
        if generation != self.generation {
            self.generation = generation;
            self.taps.extend(self.interface.fetch(place));
        }
    }

    fn take(&mut self, place: usize, batch: &mut PacketBatch) -> bool {
        self.fetch(place);
        let Some(tap) = self.taps.front_mut() else { return false };
        if tap.take(&mut self.numbering, batch) {
            return true;
        }
        // The ring of a vanished interface gets nothing more; its last block is handed over in a while.
        if self.taps.len() > 1 && self.taps.front_mut().is_some_and(Tap::is_balanced) {
            if let Some(mut spent) = self.taps.pop_front() {
                self.closed.add(&spent.counters());
            }
            return self.take(place, batch);
        }
        false
    }
}

/// See [`super::read_block`].
pub(crate) fn read_block(block: &[u8], batch: &mut PacketBatch) -> u64 {
    let (base, copy, heads) = batch.append(block);
    block::read(copy, base, &mut Numbering { capture: 0, last: 0 }, heads)
}

/// Asks the drivers; see [`super::offload_warnings`].
pub(crate) fn offload_warnings(interface: &str) -> Vec<OffloadWarning> {
    /// ETHTOOL_GGRO, and ETHTOOL_GFLAGS with its bit for LRO.
    const RECEIVE_OFFLOAD: u32 = 0x2b;
    const FLAGS: u32 = 0x25;
    const LARGE_RECEIVE_OFFLOAD: u32 = 1 << 15;
    let warning = |offload: &'static str, short: &str| OffloadWarning {
        interface: interface.to_owned(),
        offload,
        command: format!("ethtool -K {interface} {short} off"),
    };
    let Ok(socket) =
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)
    else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    if sys::ethtool_value(&socket, interface, RECEIVE_OFFLOAD).is_ok_and(|on| on != 0) {
        warnings.push(warning("generic-receive-offload", "gro"));
    }
    if sys::ethtool_value(&socket, interface, FLAGS).is_ok_and(|flags| flags & LARGE_RECEIVE_OFFLOAD != 0) {
        warnings.push(warning("large-receive-offload", "lro"));
    }
    warnings
}
