//! The blocks of one file, in lockstep (RFC 1350 section 2).
//!
//! Owns: their order, and the transfer. Never does: holding a block.

use super::parse::{DEFAULT_BLOCK_BYTES, Options, Packet, Request, filename};
use crate::Context;
use crate::line_ends::{LineEnds, LoneReturn};
use egret_model::{Protocol, Side, TransferKey, Uninspected};

/// Block numbers further ahead than this are taken for old ones that come again.
const FURTHEST_AHEAD: u16 = 0x8000;

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It does not fit.
    No,
    /// It is the first of this exchange.
    First,
    Yes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last block has come, of so many bytes; whether it was cut short in the capture is not known until the next event.
    Last(u64),
    Over,
}

/// One file on its way.
pub(super) struct Blocks {
    operation: String,
    filename: Option<String>,
    sender: Side,
    server: Side,
    asked_block_bytes: usize,
    block_bytes: usize,
    /// Length of the file, where it was told and counts what is sent.
    file_bytes: Option<u64>,
    line_ends: Option<LineEnds>,
    /// Anything of the exchange was seen.
    touched: bool,
    state: State,
    /// Number of the next block.
    next: u16,
    acknowledged: Option<u16>,
    transfer: Option<TransferKey>,
    /// Bytes sent so far, missing ones included.
    length: u64,
    whole: bool,
}

impl Blocks {
    pub(super) fn new(request: &Request, sender: Side, server: Side) -> Self {
        let Options { block_bytes, file_bytes } = request.options;
        let verb = if request.writes { "WRQ" } else { "RRQ" };
        Self {
            operation: format!("{verb} {}", request.path),
            filename: filename(&request.path),
            sender,
            server,
            asked_block_bytes: block_bytes.unwrap_or_default(),
            block_bytes: block_bytes.unwrap_or(DEFAULT_BLOCK_BYTES).min(DEFAULT_BLOCK_BYTES),
            file_bytes: file_bytes.filter(|_| request.writes && !request.text),
            line_ends: request.text.then(|| LineEnds::new(LoneReturn::BeforeNul)),
            touched: false,
            state: State::Open,
            next: 1,
            acknowledged: None,
            transfer: None,
            length: 0,
            whole: true,
        }
    }

    /// Nothing of the exchange was seen yet.
    pub(super) const fn is_untouched(&self) -> bool {
        !self.touched
    }

    /// The last block or an error has come.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Last(_) | State::Over)
    }

    /// Takes a datagram other than a request.
    pub(super) fn take(&mut self, context: &mut Context<'_>, from: Side, packet: &Packet<'_>) -> Taken {
        if let State::Last(_) = self.state {
            self.end(context);
        }
        let fits = match *packet {
            Packet::Request(_) => false,
            Packet::Options(options) => from == self.server && self.negotiated(options),
            Packet::Acknowledgement(block) => {
                self.acknowledged = Some(block);
                from != self.sender
            }
            Packet::Error => {
                self.end(context);
                true
            }
            Packet::Data { block, content } => from == self.sender && self.block(context, block, content),
        };
        if !fits {
            Taken::No
        } else if std::mem::replace(&mut self.touched, true) {
            Taken::Yes
        } else {
            Taken::First
        }
    }

    /// What the server has agreed to.
    fn negotiated(&mut self, options: Options) -> bool {
        if self.transfer.is_none() {
            self.block_bytes = options.block_bytes.unwrap_or(DEFAULT_BLOCK_BYTES);
            self.asked_block_bytes = self.block_bytes;
            if self.line_ends.is_none() {
                self.file_bytes = options.file_bytes.or(self.file_bytes);
            }
        }
        true
    }

    /// A block. False when none was to come.
    fn block(&mut self, context: &mut Context<'_>, block: u16, content: &[u8]) -> bool {
        // Behind block 65535 some go on with 1: so it is, unless block 0 was acknowledged.
        let skips_zero = self.next == 0 && block == 1 && self.acknowledged != Some(0);
        let ahead = if skips_zero { 0 } else { block.wrapping_sub(self.next) };
        if ahead >= FURTHEST_AHEAD {
            context.not_inspected(Uninspected::Malformed, content.len() as u64);
            return true;
        }
        if self.state == State::Over {
            return false;
        }
        if content.len() > self.block_bytes {
            // The server's answer about options was not captured.
            self.block_bytes = content.len().max(self.asked_block_bytes);
        }
        let transfer = self.transfer(context);
        self.missing(context, u64::from(ahead).saturating_mul(self.block_bytes as u64));
        match &mut self.line_ends {
            Some(line_ends) => context.body(transfer, &line_ends.push(content)),
            None => context.body(transfer, content),
        }
        self.length = self.length.saturating_add(content.len() as u64);
        self.next = block.wrapping_add(1);
        if content.len() < self.block_bytes {
            self.state = State::Last(content.len() as u64);
        }
        true
    }

    fn transfer(&mut self, context: &mut Context<'_>) -> TransferKey {
        *self.transfer.get_or_insert_with(|| {
            let mut start = context.start(Protocol::Tftp, self.operation.clone(), self.sender);
            start.server = self.server;
            start.filename.clone_from(&self.filename);
            context.begin(start)
        })
    }

    /// `bytes` of what `from` sent last were cut off in the capture. False when that was no block.
    pub(super) fn cut(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) -> bool {
        if from != self.sender || self.transfer.is_none() {
            return false;
        }
        if let State::Last(captured) = &mut self.state {
            *captured = captured.saturating_add(bytes);
            if *captured >= self.block_bytes as u64 {
                self.state = State::Open;
            }
        }
        self.missing(context, bytes);
        true
    }

    /// Bytes of the file that nobody saw.
    fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        if let Some(transfer) = self.transfer.filter(|_| bytes > 0) {
            self.settle(context, transfer);
            context.missing(transfer, bytes);
            self.length = self.length.saturating_add(bytes);
            self.whole = false;
        }
    }

    /// A return that was held back until its line feed is content after all.
    fn settle(&mut self, context: &mut Context<'_>, transfer: TransferKey) {
        if let Some(held) = self.line_ends.as_mut().and_then(LineEnds::settle) {
            context.body(transfer, held);
        }
    }

    /// The exchange is over: completely, if the last block has come and all those before it.
    pub(super) fn end(&mut self, context: &mut Context<'_>) {
        let state = std::mem::replace(&mut self.state, State::Over);
        if let (State::Open, Some(total)) = (state, self.file_bytes) {
            self.missing(context, total.saturating_sub(self.length));
        }
        if let Some(transfer) = self.transfer.take() {
            self.settle(context, transfer);
            context.end(transfer, self.whole && matches!(state, State::Last(_)));
        }
    }
}
