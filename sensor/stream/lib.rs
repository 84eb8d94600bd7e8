//! Flows and their bytes: the flow table, TCP reassembly (RFC 9293), UDP and ICMP echo sessions.
//!
//! Owns: which segment belongs to which flow, who opened it, the order of its bytes, what is missing, when it is over, and the
//! budgets of all that. Never does: I/O, clocks, threads, or a look at what the bytes mean. Time is the packets' own, and never
//! runs backwards inside a table.
//!
//! # Policies
//!
//! - **A flow** is the unordered pair of innermost endpoints and the transport. Tunnels and VLANs are *not* part of it: the
//!   two directions of a connection may travel in different ones, and one packet may be captured inside and outside of one.
//! - **Overlaps**: the first copy wins, whether delivered or still held. A copy with a wrong checksum never wins over another,
//!   on a side of a flow that has shown right ones: it is held back until a better copy comes, or until the receiver has
//!   acknowledged bytes that nobody else brought. Copies that differ set [`egret_model::Flow::inconsistent_overlap`].
//! - **Holes** are given up, as [`egret_model::StreamEvent::Gap`], when the receiver has acknowledged bytes behind them (it got
//!   what the capture lost), after some tolerance for captures that are out of order; where only one direction was captured,
//!   after a time; at a limit; and at the end of the flow. An acknowledgment far beyond what was seen counts once another one
//!   goes on from it.
//! - **Jumps**: a side of which several segments in a row lie where they cannot belong (beyond the largest window, or before
//!   its first byte) goes on there. How much is missing is not known then: the gap has what is known to have been sent. Nor are more than 1 MiB missing
//!   before the first byte that comes behind a handshake.
//! - **FIN and RST** can be forged. A FIN counts once it is acknowledged or the flow lingers out; a valid RST (RFC 5961) closes
//!   the flow after it has lingered, unless its sender goes on. Bytes behind an end that counted are a new flow, picked up in
//!   the middle.
//! - **Budgets**: see [`egret_model::StreamLimits`].
//!
//! ```
//! use egret_model::{Flow, PacketRef, Segment, StreamEvent, StreamLimits, Timestamp, Transport, TunnelPath};
//! use egret_stream::FlowTable;
//!
//! let mut table = FlowTable::<u64>::new(&StreamLimits::default(), 1);
//! let mut sink = |_: &Flow, bytes: &mut u64, event: StreamEvent<'_>| {
//!     if let StreamEvent::Data { data, .. } = event {
//!         *bytes += data.len() as u64;
//!         assert_eq!(data, b"hello");
//!     }
//! };
//! let segment = Segment {
//!     packet: PacketRef::default(),
//!     at: Timestamp::from_seconds(1),
//!     source_mac: None,
//!     destination_mac: None,
//!     tunnel: TunnelPath::default(),
//!     source: [10, 20, 1, 11].into(),
//!     destination: [198, 51, 100, 7].into(),
//!     transport: Transport::Udp { source_port: 40_000, destination_port: 514 },
//!     tcp_checksum: None,
//!     payload: b"hello",
//!     missing: 0,
//! };
//! table.segment(&segment, &mut sink);
//! table.finish(&mut sink);
//! assert_eq!(table.stats().flows, 1);
//! ```

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod budget;
mod context;
mod datagram;
mod delivered;
mod half;
mod key;
mod pending;
mod queues;
mod shed;
mod slab;
mod stats;
mod table;
mod tcp;

#[cfg(test)]
mod harness;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use stats::StreamStats;
pub use table::FlowTable;
