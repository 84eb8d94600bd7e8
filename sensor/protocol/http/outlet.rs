//! Where the content of one body goes: to a transfer of its own, or to its place in an object that comes in pieces.
//!
//! Owns: beginning a transfer with its first byte, so that empty bodies make none; telling what is asked of DNS in one.
//! Never does: framing.

use super::fields::Range;
use super::pieces::{PieceWriter, Pieces};
use crate::{Context, dns};
use egret_model::{Side, TransferKey, TransferStart, Uninspected};

/// Longest message of DNS (RFC 8484 section 6), bytes.
const LONGEST_DNS_MESSAGE: usize = 65_535;

/// The way of one body.
pub(crate) struct Outlet {
    way: Way,
    /// Who has sent a body that is a message of DNS (RFC 8484), and what has come of it: it is no longer than such messages are.
    dns_message: Option<(Side, Vec<u8>)>,
}

enum Way {
    /// Nothing has come yet.
    Untouched {
        start: Box<TransferStart>,
        /// The body is a piece of a larger object.
        piece: Option<Range>,
        /// Path of that object, as far as it tells it from others of its server.
        path: Vec<u8>,
    },
    Open(TransferKey),
    Piece(Box<PieceWriter>),
}

impl Outlet {
    /// A body that may be a piece of a larger object, whose place in it is `range`.
    pub(crate) fn piece(start: TransferStart, range: Option<Range>, path: Vec<u8>) -> Self {
        let is_dns = start.media_type.as_deref().is_some_and(|media_type| {
            let essence = media_type.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case("application/dns-message")
        });
        let dns_message = is_dns.then(|| (start.from, Vec::new()));
        let way = Way::Untouched { start: Box::new(start), piece: range, path };
        Self { way, dns_message }
    }

    /// A body that stands for itself.
    pub(crate) fn whole(start: TransferStart) -> Self {
        Self::piece(start, None, Vec::new())
    }

    /// The same body, as one that stands for itself.
    pub(crate) fn into_whole(mut self) -> Self {
        if let Way::Untouched { piece, .. } = &mut self.way {
            *piece = None;
        }
        self
    }

    pub(crate) const fn is_untouched(&self) -> bool {
        matches!(self.way, Way::Untouched { .. })
    }

    /// Makes sure that the content has somewhere to go.
    fn open(&mut self, context: &mut Context<'_>) {
        if let Way::Untouched { start, piece, path } = &mut self.way {
            let writer = piece.and_then(|range| Pieces::begin(context, start, range, path));
            self.way = match writer {
                Some(writer) => Way::Piece(Box::new(writer)),
                None => Way::Open(context.begin((**start).clone())),
            };
        }
    }

    pub(crate) fn body(&mut self, context: &mut Context<'_>, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        if let Some((_, message)) = &mut self.dns_message {
            message.extend_from_slice(data);
            if message.len() > LONGEST_DNS_MESSAGE {
                self.dns_message = None;
            }
        }
        self.open(context);
        match &mut self.way {
            Way::Untouched { .. } => {}
            Way::Open(transfer) => context.body(*transfer, data),
            Way::Piece(writer) => {
                if !writer.write(context, data) {
                    // The object has been ended by a limit; the rest of the piece is told on its own.
                    let transfer = context.begin(writer.start(context));
                    context.body(transfer, data);
                    self.way = Way::Open(transfer);
                }
            }
        }
    }

    pub(crate) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.dns_message = None;
        self.open(context);
        match &mut self.way {
            Way::Untouched { .. } => {}
            Way::Open(transfer) => context.missing(*transfer, bytes),
            Way::Piece(writer) => writer.gap(context, bytes),
        }
    }

    /// The body ends. What is not complete of a piece is a hole in its object.
    pub(crate) fn end(self, context: &mut Context<'_>, complete: bool) {
        if let Some((from, message)) = self.dns_message.filter(|_| complete) {
            dns::observe(context, from, &message);
        }
        match self.way {
            Way::Untouched { .. } => {}
            Way::Open(transfer) => context.end(transfer, complete),
            Way::Piece(writer) => writer.finish(context),
        }
    }
}

/// Counts bytes of a piece that another piece had already brought.
pub(crate) fn repeated(context: &mut Context<'_>, bytes: usize) {
    context.not_inspected(Uninspected::Malformed, bytes as u64);
}
