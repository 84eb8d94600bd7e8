//! Requests that wait for their response (RFC 9112 section 9.3.2), and the log-ins that wait with them.
//!
//! Owns: pairing. Never does: reading heads.

use crate::Context;
use crate::account::Account;
use egret_model::{Evidence, Side, Timestamp};
use std::collections::VecDeque;

/// What a request wants the connection to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A pipe to this `host:port` (RFC 9110 section 9.3.6).
    Tunnel(String),
    /// A WebSocket (RFC 6455).
    WebSocket,
    /// Another protocol (RFC 9110 section 7.8).
    Other,
}

/// Credentials that came with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) account: Account,
    pub(super) evidence: Evidence,
}

/// A request, as far as its response needs it.
#[derive(Debug)]
pub(super) struct Exchange {
    /// Its number on this connection.
    pub(super) number: u64,
    pub(super) at: Timestamp,
    /// The answer has no body (HEAD).
    pub(super) head_only: bool,
    pub(super) operation: String,
    /// Name of the file that the path names: sent with PUT, fetched with GET.
    pub(super) filename: Option<String>,
    /// The response brings what the path names.
    pub(super) fetches: bool,
    pub(super) server_name: Option<String>,
    pub(super) via_proxy: bool,
    pub(super) change: Option<Change>,
    pub(super) credentials: Vec<Credentials>,
    /// What proxies say of the client.
    pub(super) proxied: Box<[(&'static str, String)]>,
}

impl Exchange {
    /// The account that logged in with this request, rather than by a session from before.
    pub(super) fn logged_in(&self) -> Option<&Account> {
        let own = |known: &&Credentials| known.evidence != Evidence::SessionCookie;
        self.credentials.iter().find(own).map(|known| &known.account)
    }

    /// The user that the request names: rather the one of the proxy, who is the organisation's.
    pub(super) fn user(&self) -> Option<String> {
        let proxy = self.credentials.iter().find(|known| known.evidence == Evidence::ProxyAuth);
        proxy.or(self.credentials.first()).map(|known| known.account.user.clone())
    }
}

/// The requests of one connection that have no final response yet.
#[derive(Default)]
pub(super) struct Exchanges {
    waiting: VecDeque<Exchange>,
    next: u64,
    /// Responses were missed: all but the newest request may have been answered.
    responses_missed: bool,
    /// Log-ins of this connection that have been told; a client sends them with each request.
    told: Vec<(Credentials, bool)>,
}

/// Log-ins remembered for one connection.
const TOLD: usize = 8;

impl Exchanges {
    /// A number for the next request.
    pub(super) const fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn request(&mut self, context: &mut Context<'_>, client: Side, exchange: Exchange) {
        // Most connections have one request at a time: a queue with room for more would be most of what an idle one costs.
        if self.waiting.is_empty() {
            self.waiting.reserve_exact(1);
        }
        self.waiting.push_back(exchange);
        while self.waiting.len() > context.limits.pending_requests {
            if let Some(oldest) = self.waiting.pop_front() {
                self.tell(context, client, oldest, None);
            }
        }
    }

    /// A final response has come: returns what it answers.
    pub(super) fn respond(&mut self, context: &mut Context<'_>, client: Side) -> Option<Exchange> {
        if std::mem::take(&mut self.responses_missed) {
            while self.waiting.len() > 1 {
                if let Some(missed) = self.waiting.pop_front() {
                    self.tell(context, client, missed, None);
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
        for exchange in std::mem::take(&mut self.waiting) {
            self.tell(context, client, exchange, None);
        }
    }

    /// Reports the log-ins of an exchange. One that was refused with `status` is no evidence.
    pub(super) fn tell(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        exchange: Exchange,
        status: Option<u16>,
    ) {
        for credentials in exchange.credentials {
            let refused = match credentials.evidence {
                Evidence::ProxyAuth => status == Some(407),
                // A proxy that refuses has not asked the server.
                _ => matches!(status, Some(401 | 407)),
            };
            let confirmed = status.is_some();
            let known = self.told.iter().any(|(told, sure)| *told == credentials && (*sure || !confirmed));
            if refused || known {
                continue;
            }
            let ip = context.flow.endpoint(client).ip;
            context.sighting(credentials.account.sighting(ip, credentials.evidence, confirmed, exchange.at));
            if self.told.len() < TOLD {
                self.told.push((credentials, confirmed));
            }
        }
    }
}
