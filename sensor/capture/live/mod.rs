//! Packets from live interfaces.
//!
//! Owns: opening interfaces, waiting for packets, the kernel's own counts of what it received and dropped, and noticing that an
//! interface goes away and comes back. Never does: looking for content, dropping privileges, starting threads.
//!
//! Everything that needs privileges (CAP_NET_RAW) happens in [`open`]. The sources work on without any.
//!
//! A source is one worker's share of *all* interfaces: on Linux a memory-mapped socket on each of them, among which the kernel
//! spreads packets by the innermost **address pair**. Both directions of a conversation meet on one source, and so do an FTP
//! control connection and its data, even where a tap gives each direction on an interface of its own.

mod error;
mod libpcap;
#[cfg(target_os = "linux")]
mod linux;
mod pace;

pub use error::LiveError;

use crate::PacketBatch;
use std::{fmt, time::Duration};

/// What to capture, and how.
#[derive(Clone, Debug)]
pub struct LiveOptions {
    /// Interfaces by name, at least one. One that does not exist yet is waited for.
    pub interfaces: Vec<String>,
    /// How packets are taken from the kernel.
    pub backend: Backend,
    /// A filter in the language of `tcpdump` (pcap-filter(7)), run in the kernel; None takes everything.
    pub filter: Option<String>,
    /// Also frames that are addressed to others, which is what a span port carries. Default true.
    pub promiscuous: bool,
    /// Bytes kept of a frame; the rest is cut off, and counted as not inspected. Default 262,144, which cuts nothing.
    pub snap_length: usize,
    /// Bytes of kernel buffer for each source on each interface: what absorbs a burst. Default 32 MiB.
    pub buffer_bytes: usize,
    /// Number of the kernel's fan-out group of the first interface, the next has the next number; None lets the kernel choose
    /// free ones. Only of use to tell groups apart in /proc/net/packet.
    pub fanout_group: Option<u16>,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            backend: Backend::Auto,
            filter: None,
            promiscuous: true,
            snap_length: 1 << 18,
            buffer_bytes: 32 << 20,
            fanout_group: None,
        }
    }
}

/// How packets are taken from the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// The fastest that the system has.
    #[default]
    Auto,
    /// Linux packet sockets with a ring in shared memory (TPACKET_V3), one a source, spread by the kernel.
    AfPacket,
    /// libpcap: works everywhere, always one source.
    Pcap,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::AfPacket => "af-packet",
            Self::Pcap => "pcap",
        })
    }
}

/// What one call of [`LiveSource::next_batch`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The batch holds at least one packet.
    Packets,
    /// Nothing came within the wait.
    Idle,
    /// An interface can't be captured now; it is watched and taken up again when it returns. Told once, by the first source.
    Down {
        /// Its name.
        interface: String,
        /// Why, as a phrase: "does not exist".
        reason: String,
    },
    /// An interface is being captured, from now on or again. Told once, by the first source; also at the start.
    Up {
        /// Its name.
        interface: String,
    },
    /// After [`LiveSource::stop`]: everything that the kernel had accepted has been given.
    Ended,
}

/// The kernel's counts since a source was opened; they never go back. Over a source's life, once [`Turn::Ended`] was answered,
/// `received` is exactly the packets given plus `dropped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelCounters {
    /// Packets that passed the filter, those dropped included.
    pub received: u64,
    /// Of them, those for which the buffer had no room.
    pub dropped: u64,
    /// Packets that the interface or its driver dropped before the kernel saw them, where known; not in `received`.
    pub dropped_by_interface: u64,
}

impl KernelCounters {
    /// Adds what another source counted.
    pub const fn add(&mut self, other: &Self) {
        self.received += other.received;
        self.dropped += other.dropped;
        self.dropped_by_interface += other.dropped_by_interface;
    }
}

/// Packets of one worker, or of all, from all interfaces.
pub trait LiveSource: Send {
    /// Empties `batch` and fills it with what has come, at once if there is anything, else waiting at most `wait`.
    ///
    /// A packet's `reference.capture` is the index of its interface in [`LiveOptions::interfaces`], `reference.number` counts from
    /// 1 within this source and interface, and `reference.ordinal` counts from 0 within this source.
    fn next_batch(&mut self, batch: &mut PacketBatch, wait: Duration) -> Result<Turn, LiveError>;

    /// The kernel's counts, read now.
    fn counters(&mut self) -> KernelCounters;

    /// Accepts no further packets. What the kernel had accepted before is still given by [`Self::next_batch`], which then answers
    /// [`Turn::Ended`].
    fn stop(&mut self);
}

/// The sources of a run.
pub struct Live {
    /// One for each worker, or exactly one for all.
    pub sources: Vec<Box<dyn LiveSource>>,
    /// How packets are taken: never [`Backend::Auto`].
    pub backend: Backend,
}

/// Opens the interfaces; needs CAP_NET_RAW, so it comes before privileges are dropped. Gives `sources` sources among which the
/// kernel spreads packets by address pair, or a single one where the backend can't.
///
/// An interface that does not exist or is down is no error: it is told by [`Turn::Down`] and waited for.
pub fn open(options: &LiveOptions, sources: usize) -> Result<Live, LiveError> {
    if options.interfaces.is_empty() {
        return Err(LiveError::NoInterfaces);
    }
    match options.backend {
        Backend::Pcap => through_libpcap(options),
        Backend::AfPacket => through_packet_sockets(options, sources),
        Backend::Auto => match through_packet_sockets(options, sources) {
            Err(LiveError::Unsupported { .. }) => through_libpcap(options),
            other => other,
        },
    }
}

fn through_libpcap(options: &LiveOptions) -> Result<Live, LiveError> {
    let source = libpcap::PcapSource::open(options)?;
    Ok(Live { sources: vec![Box::new(source)], backend: Backend::Pcap })
}

#[cfg(target_os = "linux")]
fn through_packet_sockets(options: &LiveOptions, sources: usize) -> Result<Live, LiveError> {
    let sources = linux::open(options, sources)?;
    let sources = sources.into_iter().map(|source| Box::new(source) as Box<dyn LiveSource>).collect();
    Ok(Live { sources, backend: Backend::AfPacket })
}

#[cfg(not(target_os = "linux"))]
fn through_packet_sockets(options: &LiveOptions, _sources: usize) -> Result<Live, LiveError> {
    Err(LiveError::Unsupported {
        interface: options.interfaces.first().cloned().unwrap_or_default(),
        what: "packet sockets",
        source: std::io::ErrorKind::Unsupported.into(),
    })
}

/// Appends the packets of a block of a packet socket's ring to `batch`, as the sources do, and gives how many the block says to
/// hold. Whatever the bytes are, packets lie within them. For those who want to try that.
#[cfg(target_os = "linux")]
pub fn read_block(block: &[u8], batch: &mut PacketBatch) -> u64 {
    linux::read_block(block, batch)
}

/// An offload of a network card that spoils captures by merging packets before they are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffloadWarning {
    /// The interface.
    pub interface: String,
    /// The offload's name: "generic-receive-offload".
    pub offload: &'static str,
    /// The command that switches it off.
    pub command: String,
}

impl fmt::Display for OffloadWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { interface, offload, command } = self;
        write!(
            f,
            "{interface}: {offload} merges packets before they are captured, so their sizes and times are not those of the \
             wire; switch it off with: {command}"
        )
    }
}

/// The offloads of `interface` that spoil captures; empty where there are none, or where the system does not tell.
#[must_use]
pub fn offload_warnings(interface: &str) -> Vec<OffloadWarning> {
    #[cfg(target_os = "linux")]
    return linux::offload_warnings(interface);
    #[cfg(not(target_os = "linux"))]
    return {
        let _ = interface;
        Vec::new()
    };
}
