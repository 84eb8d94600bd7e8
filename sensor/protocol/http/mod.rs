//! What the versions of HTTP have in common (RFC 9110): requests and responses, whatever they are framed in.
//!
//! Owns: what fields and targets say, where bodies go, who logs in. Never does: framing.

mod device;
mod exchange;
mod fields;
mod grpc;
pub(crate) mod huffman;
mod outlet;
mod pieces;
pub(crate) mod prefixed;
mod streams;
mod target;

pub(crate) use device::Told;
pub(crate) use exchange::{
    Exchange, LogIns, Request, content_of_target, request_outlet, response_outlet, response_start,
};
pub(crate) use fields::Fields;
pub(crate) use outlet::Outlet;
pub(crate) use pieces::Pieces;
pub(crate) use streams::Streams;
pub(crate) use target::{Target, host};
