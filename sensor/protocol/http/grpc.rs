//! Bodies of gRPC: messages, each behind its length, that may be compressed one by one.
//!
//! Owns: where a message ends. Never does: decompression; reading what is in a message.
//!
//! Messages that are not compressed are one content, as the pieces of a file are that is sent in several. A compressed one is a
//! content of its own.

use super::{Fields, Outlet};
use crate::Context;
use egret_model::TransferStart;

/// A flag and the length stand before each message.
const PREFIX_LENGTH: usize = 5;

/// The messages of one direction of a stream.
pub(super) struct Grpc {
    start: Box<TransferStart>,
    /// How compressed messages are compressed.
    coding: Option<String>,
    place: Place,
    /// All messages that are not compressed.
    plain: Outlet,
    /// The compressed message that is coming.
    coded: Option<Outlet>,
    /// A part of the present message was missing.
    gap: bool,
}

/// Where the next byte stands.
enum Place {
    /// Before a message: what has come of its prefix.
    Prefix(Vec<u8>),
    Message {
        left: u32,
        coded: bool,
    },
    /// Nobody can tell where the next message begins.
    Lost,
}

impl Grpc {
    /// None: these fields are of another body.
    pub(super) fn of(fields: &Fields<'_>, mut start: TransferStart) -> Option<Self> {
        const MEDIA_TYPE: &[u8] = b"application/grpc";
        let media_type = fields.first("content-type")?;
        let rest = media_type.get(MEDIA_TYPE.len()..)?;
        let is = media_type.get(..MEDIA_TYPE.len())?.eq_ignore_ascii_case(MEDIA_TYPE);
        if !is || !(rest.is_empty() || rest.starts_with(b"+") || rest.starts_with(b";")) {
            return None;
        }
        let coding = fields.text("grpc-encoding").map(|coding| coding.to_ascii_lowercase());
        start.media_type = Some(String::from_utf8_lossy(media_type).into_owned());
        Some(Self {
            plain: Outlet::whole(start.clone()),
            start: Box::new(start),
            coding: coding.filter(|coding| coding != "identity"),
            place: Place::Prefix(Vec::new()),
            coded: None,
            gap: false,
        })
    }

    /// The next bytes.
    pub(super) fn body(&mut self, context: &mut Context<'_>, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            match &mut self.place {
                Place::Prefix(held) => {
                    let (bytes, behind) = rest.split_at(rest.len().min(PREFIX_LENGTH - held.len()));
                    held.extend_from_slice(bytes);
                    rest = behind;
                    if held.len() == PREFIX_LENGTH {
                        let held = std::mem::take(held);
                        self.message(context, &held);
                    }
                }
                Place::Message { left, .. } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    let (content, behind) = rest.split_at(count);
                    *left -= u32::try_from(count).unwrap_or(*left);
                    rest = behind;
                    self.outlet().body(context, content);
                    self.finish_message(context);
                }
                Place::Lost => {
                    self.plain.body(context, rest);
                    return;
                }
            }
        }
    }

    fn message(&mut self, context: &mut Context<'_>, prefix: &[u8]) {
        self.gap = false;
        self.place = match *prefix {
            [flag @ (0 | 1), l1, l2, l3, l4] => {
                let coded = flag == 1 && self.coding.is_some();
                if coded {
                    let codings = self.coding.iter().cloned().collect();
                    self.coded = Some(Outlet::whole(TransferStart {
                        codings,
                        at: context.now(),
                        ..(*self.start).clone()
                    }));
                }
                Place::Message { left: u32::from_be_bytes([l1, l2, l3, l4]), coded }
            }
            _ => {
                self.plain.body(context, prefix);
                Place::Lost
            }
        };
        self.finish_message(context);
    }

    fn outlet(&mut self) -> &mut Outlet {
        match (&self.place, &mut self.coded) {
            (Place::Message { coded: true, .. }, Some(coded)) => coded,
            _ => &mut self.plain,
        }
    }

    fn finish_message(&mut self, context: &mut Context<'_>) {
        if let Place::Message { left: 0, .. } = self.place {
            self.place = Place::Prefix(Vec::new());
            if let Some(coded) = self.coded.take() {
                coded.end(context, !self.gap);
            }
        }
    }

    /// Bytes are missing; 0: an unknown number.
    pub(super) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.gap = true;
        self.outlet().missing(context, bytes);
        match &mut self.place {
            Place::Message { left, .. } if bytes > 0 && bytes <= u64::from(*left) => {
                *left -= u32::try_from(bytes).unwrap_or(*left);
                self.finish_message(context);
            }
            _ => {
                if let Some(coded) = self.coded.take() {
                    coded.end(context, false);
                }
                self.place = Place::Lost;
            }
        }
    }

    /// The stream ends.
    pub(super) fn end(mut self, context: &mut Context<'_>, complete: bool) {
        let between = match &self.place {
            Place::Prefix(held) => held.is_empty(),
            Place::Message { .. } | Place::Lost => false,
        };
        if let Place::Prefix(held) = std::mem::replace(&mut self.place, Place::Lost) {
            self.plain.body(context, &held);
        }
        if let Some(coded) = self.coded.take() {
            coded.end(context, false);
        }
        self.plain.end(context, complete && between);
    }
}
