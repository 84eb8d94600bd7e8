//! Stage 1: packets out of capture files, streams and live interfaces.
//!
//! Owns: recognising capture formats by content, undoing their compression, cutting them into packets, and merging
//! several captures in time order. Never does: looking into a packet, or trusting a length field before it is checked.
//!
//! A capture is read in blocks into a buffer that is used again and again ([`PacketBatch`]); packets are ranges of it, so
//! that no packet is copied on its way to the workers. There is no memory map: a mapped file that shrinks kills the
//! process, and mapped pages would count as the sensor's memory.
//!
//! ```
//! use egret_capture::{Inputs, PacketBatch};
//! use egret_model::CaptureLimits;
//!
//! let mut inputs = Inputs::open(&["no-such-file.pcap"], &CaptureLimits::default());
//! let mut batch = PacketBatch::default();
//! while inputs.next_batch(&mut batch) {
//!     for packet in batch.packets() {
//!         println!("{} {} bytes", packet.at, packet.data.len());
//!     }
//! }
//! assert_eq!(inputs.problems().len(), 1);
//! ```

#![deny(unsafe_code)]
#![warn(clippy::indexing_slicing)]

mod batch;
mod decompress;
mod error;
mod fields;
mod format;
mod inputs;
#[cfg(unix)]
pub mod live;
mod pcap;
mod pcapng;
mod reader;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use batch::PacketBatch;
pub use error::{CaptureError, Offset};
pub use inputs::{Inputs, Progress};
pub use pcapng::Secret;
pub use reader::Capture;
