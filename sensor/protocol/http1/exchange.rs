//! Requests that wait for their response (RFC 9112 section 9.3.2).
//!
//! Owns: pairing. Never does: reading heads.

use crate::Context;
use crate::http::{Exchange, LogIns};
use egret_model::Side;
use std::collections::VecDeque;

/// What a request wants the connection to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A pipe to this `host:port` (RFC 9110 section 9.3.6).
    Tunnel(String),
    /// A WebSocket (RFC 6455).
    WebSocket,
    /// HTTP/2 (RFC 7540 section 3.2).
    Http2,
    /// Another protocol (RFC 9110 section 7.8).
    Other,
}

/// A request that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Its number on this connection.
    pub(super) number: u64,
    pub(super) change: Option<Change>,
    pub(super) exchange: Exchange,
}

/// The requests of one connection that have no final response yet.
#[derive(Default)]
pub(super) struct Exchanges {
    waiting: VecDeque<Waiting>,
    next: u64,
    /// Responses were missed: all but the newest request may have been answered.
    responses_missed: bool,
    pub(super) log_ins: LogIns,
}

impl Exchanges {
    /// A number for the next request.
    pub(super) const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn request(&mut self, context: &mut Context<'_>, client: Side, request: Waiting) {
        // Most connections have one request at a time: a queue with room for more would be most of what an idle one costs.
        if self.waiting.is_empty() {
            self.waiting.reserve_exact(1);
        }
        self.waiting.push_back(request);
        while self.waiting.len() > context.limits.pending_requests {
            if let Some(mut oldest) = self.waiting.pop_front() {
                self.log_ins.tell(context, client, &mut oldest.exchange, None);
            }
        }
    }

    /// A final response has come: returns what it answers.
    pub(super) fn respond(&mut self, context: &mut Context<'_>, client: Side) -> Option<Waiting> {
        if std::mem::take(&mut self.responses_missed) {
            while self.waiting.len() > 1 {
                if let Some(mut missed) = self.waiting.pop_front() {
                    self.log_ins.tell(context, client, &mut missed.exchange, None);
                }
            }
        }
        let answered = self.waiting.pop_front();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        answered
    }

    /// Part of the responses was not captured.
    pub(super) const fn responses_missed(&mut self) {
        self.responses_missed = true;
    }

    /// Nothing more will be answered, or nobody can tell which response belongs to which request.
    pub(super) fn give_up(&mut self, context: &mut Context<'_>, client: Side) {
        for mut waiting in std::mem::take(&mut self.waiting) {
            self.log_ins.tell(context, client, &mut waiting.exchange, None);
        }
    }
}
