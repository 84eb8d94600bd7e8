//! Stage 2: from a captured frame to the innermost transport header and its payload.
//!
//! Owns: link layers, tunnels, IP and its fragments, transport headers, and the count of what none of these could read.
//! Never does: anything per flow (order, overlaps and resets are the `stream` stage's), looking into payload beyond the proof
//! that a UDP tunnel is one, I/O, clocks. Time is the packet's.
//!
//! A frame is read from the outside in, one header at a time, each by the file of its family; tunnels are headers like
//! any other. What belongs to a header is decided by the innermost IP length: link padding, trailers and check sequences are
//! never payload. Payload is borrowed from the packet, except where fragments had to be put together.
//!
//! ```
//! use egret_decode::Decoder;
//! use egret_model::{DecodeLimits, LinkType, Packet, PacketRef, Timestamp};
//!
//! let mut decoder = Decoder::new(&DecodeLimits::default());
//! // IPv4 and UDP from 10.0.0.1 port 1024 to 10.0.0.2 port 514, four bytes of payload.
//! let data = [
//!     0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 4, 0, 2, 2, 0, 12, 0, 0, b'p', b'i', b'n', b'g',
//! ];
//! let packet = Packet {
//!     reference: PacketRef::default(),
//!     at: Timestamp::EPOCH,
//!     link: LinkType::RAW,
//!     original_length: 32,
//!     data: &data,
//! };
//! let mut payload = Vec::new();
//! decoder.decode(&packet, &mut |segment| payload.extend_from_slice(segment.payload));
//! assert_eq!(payload, b"ping");
//! ```

#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod capwap;
mod cooked;
mod decoder;
mod ethernet;
mod extension;
mod fast;
mod fragment;
mod frame;
mod frame_relay;
mod gre;
mod ip;
mod layer;
mod loopback;
mod mpls;
mod plausible;
mod ppp;
mod prefix;
mod shard;
mod tally;
mod transport;
mod tunnel;
mod udp_tunnel;
mod wireless;

#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use layer::Part;
pub use shard::shard_of;
pub use tally::{Cause, Count, Tally};
