//! Capture through libpcap, on whatever system.
//!
//! Owns: one source over all interfaces. Never does: spreading packets over workers, which is the dispatcher's work then.
//!
//! An interface that comes back has to be opened anew, for which the process needs the privileges that it had at the start;
//! without them the attempt fails with a reason that says so, and is repeated.

use super::pace::Pace;
use super::{KernelCounters, LiveError, LiveOptions, LiveSource, Turn};
use crate::PacketBatch;
use egret_model::{LinkType, Packet, PacketRef, Timestamp};
use pcap::{Active, Capture, Linktype, Precision};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::time::Duration;

/// How often an interface that is away is looked for.
const RETRY: Duration = Duration::from_millis(500);
/// How long the kernel may gather packets before it hands them over, milliseconds.
const GATHER_MS: i32 = 10;
/// Bytes of packets in one batch.
const BATCH_BYTES: usize = 256 << 10;
/// Packets of one interface in a row, so that a busy one does not starve the others.
const TURN_PACKETS: usize = 512;

/// All interfaces.
pub(crate) struct PcapSource {
    options: LiveOptions,
    interfaces: Vec<Interface>,
    ordinal: u64,
    news: VecDeque<Turn>,
    pace: Pace,
    stopped: bool,
}

struct Interface {
    name: String,
    capture: Option<Capture<Active>>,
    link: LinkType,
    packets: u64,
    /// Of all openings.
    counters: KernelCounters,
    /// Packets that the kernel put into the buffer, of all openings.
    accepted: u64,
    seen: pcap::Stat,
    down_reason: Option<String>,
    /// After a stop: the last packet that is still given.
    close_after: Option<u64>,
}

impl PcapSource {
    pub(crate) fn open(options: &LiveOptions) -> Result<Self, LiveError> {
        check_filter(options)?;
        let interfaces = options.interfaces.iter().map(|name| Interface::new(name)).collect();
        let mut source = Self {
            options: options.clone(),
            interfaces,
            ordinal: 0,
            news: VecDeque::new(),
            pace: Pace::every(RETRY),
            stopped: false,
        };
        source.pace.due();
        for index in 0..source.interfaces.len() {
            source.try_open(index)?;
        }
        Ok(source)
    }

    /// Opens an interface that is away. Only what no waiting can mend is an error.
    fn try_open(&mut self, index: usize) -> Result<(), LiveError> {
        let Some(interface) = self.interfaces.get_mut(index) else { return Ok(()) };
        let first = interface.packets == 0 && interface.down_reason.is_none();
        match interface.open(&self.options) {
            Ok(()) => {
                interface.down_reason = None;
                self.news.push_back(Turn::Up { interface: interface.name.clone() });
            }
            Err(error @ (LiveError::Permission { .. } | LiveError::Filter { .. })) if first => {
                return Err(error);
            }
            Err(error) => {
                let reason = match error {
                    LiveError::Permission { reason, .. } => format!(
                        "it is back, but opening it again needs CAP_NET_RAW ({reason}): restart, or use the backend af-packet"
                    ),
                    LiveError::Pcap { reason, .. } => reason,
                    other => other.to_string(),
                };
                if interface.down_reason.as_ref() != Some(&reason) {
                    interface.down_reason = Some(reason.clone());
                    self.news.push_back(Turn::Down { interface: interface.name.clone(), reason });
                }
            }
        }
        Ok(())
    }

    /// Takes what the interfaces have.
    fn take(&mut self, batch: &mut PacketBatch) {
        for (index, interface) in self.interfaces.iter_mut().enumerate() {
            let capture = u16::try_from(index).unwrap_or(u16::MAX);
            if let Err(reason) = interface.take(capture, batch) {
                interface.close();
                interface.down_reason = Some(reason.clone());
                self.news.push_back(Turn::Down { interface: interface.name.clone(), reason });
            }
        }
    }

    fn wait(&self, wait: Duration) {
        let mut descriptors: Vec<PollFd<'_>> = self
            .interfaces
            .iter()
            .filter_map(|interface| interface.capture.as_ref())
            .map(|capture| PollFd::from_borrowed_fd(capture.as_fd(), PollFlags::IN))
            .collect();
        let wait = if descriptors.len() < self.interfaces.len() { wait.min(RETRY) } else { wait };
        let limit = Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() };
        // A failure shows when packets are taken; an interrupted wait is a short one.
        let _ = poll(&mut descriptors, Some(&limit));
    }
}

impl LiveSource for PcapSource {
    fn next_batch(&mut self, batch: &mut PacketBatch, wait: Duration) -> Result<Turn, LiveError> {
        batch.clear();
        if let Some(news) = self.news.pop_front() {
            return Ok(news);
        }
        if !self.stopped && self.interfaces.iter().any(|one| one.capture.is_none()) && self.pace.due() {
            for index in 0..self.interfaces.len() {
                if self.interfaces.get(index).is_some_and(|one| one.capture.is_none()) {
                    self.try_open(index)?;
                }
            }
        }
        self.take(batch);
        if batch.is_empty() && self.news.is_empty() {
            self.wait(wait);
            self.take(batch);
        }
        if !batch.is_empty() {
            batch.number_from(self.ordinal);
            self.ordinal += batch.len() as u64;
            return Ok(Turn::Packets);
        }
        Ok(match self.news.pop_front() {
            Some(news) => news,
            // Quiet for a whole wait: there is nothing left, whatever the counts say.
            None if self.stopped => Turn::Ended,
            None => Turn::Idle,
        })
    }

    fn counters(&mut self) -> KernelCounters {
        let mut sum = KernelCounters::default();
        for interface in &mut self.interfaces {
            interface.count();
            sum.add(&interface.counters);
        }
        sum
    }

    fn stop(&mut self) {
        self.stopped = true;
        for interface in &mut self.interfaces {
            interface.count();
            interface.close_after = Some(interface.accepted);
        }
    }
}

impl Interface {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            capture: None,
            link: LinkType::ETHERNET,
            packets: 0,
            counters: KernelCounters::default(),
            accepted: 0,
            seen: NOTHING_SEEN,
            down_reason: None,
            close_after: None,
        }
    }

    fn open(&mut self, options: &LiveOptions) -> Result<(), LiveError> {
        let system = |error| self.explain(error);
        let mut capture = Capture::from_device(self.name.as_str())
            .map_err(system)?
            .promisc(options.promiscuous)
            .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(options.buffer_bytes).unwrap_or(i32::MAX))
            .timeout(GATHER_MS)
            .precision(Precision::Nano)
            .open()
            .map_err(system)?
            .setnonblock()
            .map_err(system)?;
        if let Some(filter) = &options.filter {
            capture
                .filter(filter, true)
                .map_err(|error| LiveError::Filter { filter: filter.clone(), reason: error.to_string() })?;
        }
        self.link = link_type(capture.get_datalink());
        self.capture = Some(capture);
        self.seen = NOTHING_SEEN;
        Ok(())
    }

    fn explain(&self, error: pcap::Error) -> LiveError {
        let interface = self.name.clone();
        let reason = match error {
            pcap::Error::PcapError(reason) => reason,
            other => other.to_string(),
        };
        if reason.contains("permission") || reason.contains("not permitted") {
            LiveError::Permission { interface, reason }
        } else {
            LiveError::Pcap { interface, reason }
        }
    }

    /// Appends what has come. The error says why there will be nothing more.
    fn take(&mut self, index: u16, batch: &mut PacketBatch) -> Result<(), String> {
        let Some(capture) = &mut self.capture else { return Ok(()) };
        for _ in 0..TURN_PACKETS {
            if batch.used_bytes() >= BATCH_BYTES || self.close_after.is_some_and(|last| self.packets >= last)
            {
                break;
            }
            let packet = match capture.next_packet() {
                Ok(packet) => packet,
                Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => break,
                Err(pcap::Error::PcapError(reason)) => return Err(reason),
                Err(error) => return Err(error.to_string()),
            };
            self.packets += 1;
            let time = packet.header.ts;
            // With the precision asked for, the field for microseconds holds nanoseconds.
            let at = Timestamp::from_seconds(time.tv_sec).plus(time.tv_usec);
            batch.push(&Packet {
                reference: PacketRef { ordinal: 0, capture: index, number: self.packets },
                at,
                link: self.link,
                original_length: packet.header.len,
                data: packet.data,
            });
        }
        Ok(())
    }

    /// Brings the counters up to date. libpcap counts 32 bits and, with a filter, also packets that came before the filter took
    /// effect; what was given is exact.
    fn count(&mut self) {
        if let Some(Ok(now)) = self.capture.as_mut().map(Capture::stats) {
            let dropped = u64::from(now.dropped.wrapping_sub(self.seen.dropped));
            let received = u64::from(now.received.wrapping_sub(self.seen.received));
            self.counters.dropped += dropped;
            self.counters.dropped_by_interface +=
                u64::from(now.if_dropped.wrapping_sub(self.seen.if_dropped));
            self.accepted += received.saturating_sub(dropped);
            self.seen = now;
        }
        self.counters.received = self.packets + self.counters.dropped;
    }

    fn close(&mut self) {
        self.count();
        self.capture = None;
        self.accepted = self.packets;
    }
}

const NOTHING_SEEN: pcap::Stat = pcap::Stat { received: 0, dropped: 0, if_dropped: 0 };

/// The number that the capture formats use for what libpcap calls a link type; they differ for raw IP.
fn link_type(datalink: Linktype) -> LinkType {
    match datalink.0 {
        12 | 14 => LinkType::RAW,
        other => u16::try_from(other).map_or(LinkType(u16::MAX), LinkType),
    }
}

/// Says what is wrong with the filter before anything is opened.
fn check_filter(options: &LiveOptions) -> Result<(), LiveError> {
    let Some(filter) = &options.filter else { return Ok(()) };
    let wrong = |error: pcap::Error| LiveError::Filter {
        filter: filter.clone(),
        reason: match error {
            pcap::Error::PcapError(reason) => reason,
            other => other.to_string(),
        },
    };
    let capture = Capture::dead(Linktype::ETHERNET).map_err(wrong)?;
    capture.compile(filter, true).map(drop).map_err(wrong)
}
