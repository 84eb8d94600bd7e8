//! Where the content of one body goes: to a transfer of its own, or to its place in an object that comes in pieces.
//!
//! Owns: beginning a transfer with its first byte, so that empty bodies make none. Never does: framing.

use super::fields::Range;
use super::pieces::{PieceWriter, Pieces};
use crate::Context;
use egret_model::{TransferKey, TransferStart, Uninspected};

/// The way of one body.
pub(super) enum Outlet {
    /// Nothing has come yet.
    Untouched {
        start: Box<TransferStart>,
        /// The body is a piece of a larger object.
        piece: Option<Range>,
        /// Path of that object, as far as it tells it from others of its server.
        path: Vec<u8>,
    },
    Open(TransferKey),
    Piece(PieceWriter),
}

impl Outlet {
    /// A body that stands for itself.
    pub(super) fn whole(start: TransferStart) -> Self {
        Self::Untouched { start: Box::new(start), piece: None, path: Vec::new() }
    }

    pub(super) const fn is_untouched(&self) -> bool {
        matches!(self, Self::Untouched { .. })
    }

    /// Makes sure that the content has somewhere to go.
    fn open(&mut self, context: &mut Context<'_>) {
        if let Self::Untouched { start, piece, path } = self {
            let writer = piece.and_then(|range| Pieces::begin(context, start, range, path));
            *self = match writer {
                Some(writer) => Self::Piece(writer),
                None => Self::Open(context.begin((**start).clone())),
            };
        }
    }

    pub(super) fn body(&mut self, context: &mut Context<'_>, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        self.open(context);
        match self {
            Self::Untouched { .. } => {}
            Self::Open(transfer) => context.body(*transfer, data),
            Self::Piece(writer) => {
                if !writer.write(context, data) {
                    // The object has been ended by a limit; the rest of the piece is told on its own.
                    let transfer = context.begin(writer.start(context));
                    context.body(transfer, data);
                    *self = Self::Open(transfer);
                }
            }
        }
    }

    pub(super) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.open(context);
        match self {
            Self::Untouched { .. } => {}
            Self::Open(transfer) => context.missing(*transfer, bytes),
            Self::Piece(writer) => writer.gap(context, bytes),
        }
    }

    /// The body ends. What is not complete of a piece is a hole in its object.
    pub(super) fn end(self, context: &mut Context<'_>, complete: bool) {
        match self {
            Self::Untouched { .. } => {}
            Self::Open(transfer) => context.end(transfer, complete),
            Self::Piece(writer) => writer.finish(context),
        }
    }
}

/// Counts bytes of a piece that another piece had already brought.
pub(super) fn repeated(context: &mut Context<'_>, bytes: usize) {
    context.not_inspected(Uninspected::Malformed, bytes as u64);
}
