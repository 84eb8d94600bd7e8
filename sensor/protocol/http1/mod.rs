//! HTTP/1.x (RFC 9112, RFC 9110): bodies of requests and responses, queries that carry content, log-ins.
//!
//! Owns: message framing of both directions, pairing, and the way back into step behind gaps and malformed messages.
//! Never does: undoing content codings; refusing what a server might accept: what makes no sense is read as raw content.

mod adrift;
mod body;
mod exchange;
mod framing;
mod parse;
mod request;
mod response;
#[cfg(test)]
mod tests;

use crate::http::Outlet;
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use adrift::Adrift;
use body::{Body, Progress};
use egret_model::Side;
use exchange::Exchanges;

/// Recognises HTTP/1.x by a request on one side or a response on the other; which is which is a guess where the start was
/// not captured.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let sides = [prefix.initiator, prefix.responder];
    let verdicts = sides
        .into_iter()
        .filter(|bytes| !bytes.is_empty())
        .flat_map(|bytes| [parse::request_verdict(bytes), parse::response_verdict(bytes)]);
    verdicts.fold(Verdict::No, |sum, verdict| match (sum, verdict) {
        (Verdict::Yes, _) | (_, Verdict::Yes) => Verdict::Yes,
        (Verdict::NeedMore, _) | (_, Verdict::NeedMore) => Verdict::NeedMore,
        (Verdict::No, Verdict::No) => Verdict::No,
    })
}

/// An analyzer at the start of a message on each side.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Http1::default())
}

/// What a side of the connection sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Request,
    Response,
}

/// One connection.
#[derive(Default)]
struct Http1 {
    /// The side that sends requests, once anything has come.
    client: Option<Side>,
    request: Phase,
    response: Phase,
    exchanges: Exchanges,
}

/// Where one direction stands.
enum Phase {
    /// At the start of a message, or within its head: what has come of it.
    Head(Vec<u8>),
    /// Within a body.
    Body(Box<Incoming>),
    /// Out of step, or in a body whose end nobody tells.
    Adrift(Box<Adrift>),
    /// Requests only: the connection may be about to become something else; what came since.
    Waiting(Vec<u8>),
}

impl Default for Phase {
    fn default() -> Self {
        Self::Head(Vec::new())
    }
}

/// A body on its way.
struct Incoming {
    body: Body,
    outlet: Outlet,
    /// A part of it was missing.
    gap: bool,
    /// Number of the request that it belongs to.
    exchange: u64,
    /// The client asked before sending it (RFC 9110 section 10.1.1).
    asked: bool,
    /// The answer was final: what comes may be the next request at once.
    doubtful: bool,
    /// Behind it the connection may become something else.
    then_wait: bool,
}

impl Http1 {
    const fn phase(&mut self, role: Role) -> &mut Phase {
        match role {
            Role::Request => &mut self.request,
            Role::Response => &mut self.response,
        }
    }

    fn client(&self) -> Side {
        self.client.unwrap_or(Side::Initiator)
    }

    fn side(&self, role: Role) -> Side {
        match role {
            Role::Request => self.client(),
            Role::Response => self.client().other(),
        }
    }

    /// What `from` sends. Decided by its first bytes where the start of the flow was not captured.
    fn role(&mut self, context: &Context<'_>, from: Side, data: &[u8]) -> Role {
        let client = *self.client.get_or_insert_with(|| {
            if !context.flow.midstream {
                Side::Initiator
            } else if parse::response_verdict(data) == Verdict::Yes {
                from.other()
            } else {
                from
            }
        });
        if from == client { Role::Request } else { Role::Response }
    }

    /// Reads `data` to its end, or up to a switch, which takes over the rest.
    fn feed(&mut self, context: &mut Context<'_>, role: Role, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = match std::mem::take(self.phase(role)) {
                Phase::Head(held) => self.head(context, role, held, rest),
                Phase::Body(incoming) => self.body(context, role, incoming, rest),
                Phase::Adrift(adrift) => self.adrift(context, role, adrift, rest),
                Phase::Waiting(held) => {
                    self.waiting(context, held, rest);
                    &[]
                }
            };
        }
    }

    /// Collects a head; returns what stands behind it.
    fn head<'a>(
        &mut self,
        context: &mut Context<'_>,
        role: Role,
        mut held: Vec<u8>,
        data: &'a [u8],
    ) -> &'a [u8] {
        let limit = context.limits.head_bytes;
        if held.is_empty() {
            let data = parse::without_blank_lines(data);
            if data.is_empty() || role.due_verdict(data) == Verdict::No {
                return self.lose_step(context, role, data);
            }
            return match parse::head_end(data, 0) {
                Some(end) if end <= limit => {
                    let (head, rest) = data.split_at(end);
                    self.message(context, role, head, rest)
                }
                None if data.len() <= limit => {
                    *self.phase(role) = Phase::Head(data.to_vec());
                    &[]
                }
                _ => self.lose_step(context, role, data),
            };
        }
        let before = held.len();
        let room = limit.saturating_sub(before).min(data.len());
        let (fits, beyond) = data.split_at(room);
        held.extend_from_slice(fits);
        if let Some(end) = parse::head_end(&held, before) {
            held.truncate(end);
            return self.message(context, role, &held, data.get(end - before..).unwrap_or_default());
        }
        if !beyond.is_empty() || role.due_verdict(&held) == Verdict::No {
            self.lose_step(context, role, &held);
            return beyond;
        }
        *self.phase(role) = Phase::Head(held);
        &[]
    }

    /// A head is complete; returns what stands behind it.
    fn message<'a>(
        &mut self,
        context: &mut Context<'_>,
        role: Role,
        head: &[u8],
        rest: &'a [u8],
    ) -> &'a [u8] {
        match role {
            Role::Request => match parse::RequestHead::parse(head) {
                Some(request) => self.request(context, &request),
                None => drop(self.lose_step(context, role, head)),
            },
            Role::Response => match parse::ResponseHead::parse(head) {
                Some(response) => return self.response(context, &response, rest),
                None => drop(self.lose_step(context, role, head)),
            },
        }
        rest
    }

    /// Reads a body; returns what stands behind it.
    fn body<'a>(
        &mut self,
        context: &mut Context<'_>,
        role: Role,
        mut incoming: Box<Incoming>,
        data: &'a [u8],
    ) -> &'a [u8] {
        if std::mem::take(&mut incoming.doubtful) && role.verdict(data) == Verdict::Yes {
            return data;
        }
        let outlet = &mut incoming.outlet;
        let progress = incoming.body.push(data, &mut |content| outlet.body(context, content));
        self.progress(context, role, incoming, progress, data)
    }

    /// Goes where the bytes or the gap have led. Returns what of `data` was not read.
    fn progress<'a>(
        &mut self,
        context: &mut Context<'_>,
        role: Role,
        incoming: Box<Incoming>,
        progress: Progress,
        data: &'a [u8],
    ) -> &'a [u8] {
        let behind = |rest: u64| {
            let rest = usize::try_from(rest).unwrap_or(usize::MAX).min(data.len());
            data.get(data.len() - rest..).unwrap_or_default()
        };
        match progress {
            Progress::More => {
                *self.phase(role) = Phase::Body(incoming);
                &[]
            }
            Progress::Done { rest } => {
                let Incoming { outlet, gap, then_wait, .. } = *incoming;
                outlet.end(context, !gap);
                *self.phase(role) = if then_wait { Phase::Waiting(Vec::new()) } else { Phase::default() };
                behind(rest)
            }
            Progress::Broken { rest } => {
                *self.phase(role) = Phase::Adrift(Box::new(Adrift::new(incoming.outlet, false)));
                behind(rest)
            }
        }
    }

    /// The connection is about to become something else, but the other side has not agreed yet.
    fn waiting(&mut self, context: &mut Context<'_>, mut held: Vec<u8>, data: &[u8]) {
        held.extend_from_slice(data);
        if held.len() > context.limits.recognition_bytes {
            // The answer is not in the capture: had it been a refusal, the client would hardly have gone on.
            let client = self.client();
            let exchange = self.exchanges.respond(context, client);
            self.become_other(context, exchange, None, held, &[]);
        } else {
            self.request = Phase::Waiting(held);
        }
    }
}

impl Role {
    /// Does a message begin here, where one is due?
    fn due_verdict(self, bytes: &[u8]) -> Verdict {
        match self {
            Self::Request => parse::request_verdict(bytes),
            Self::Response => parse::due_response_verdict(bytes),
        }
    }

    /// Does a message begin here, where anything may stand?
    fn verdict(self, bytes: &[u8]) -> Verdict {
        match self {
            Self::Request => parse::request_verdict(bytes),
            Self::Response => parse::response_verdict(bytes),
        }
    }
}

impl Analyzer for Http1 {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let role = self.role(context, from, data);
        self.feed(context, role, data);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let role = self.role(context, from, &[]);
        match std::mem::take(self.phase(role)) {
            Phase::Head(held) => self.miss_messages(context, role, &held, bytes),
            Phase::Body(mut incoming) => {
                let Incoming { body, outlet, gap, .. } = &mut *incoming;
                *gap = true;
                let progress = body.gap(bytes, &mut |missing| outlet.missing(context, missing));
                self.progress(context, role, incoming, progress, &[]);
                if let Progress::Done { rest: rest @ 1.. } = progress {
                    self.miss_messages(context, role, &[], rest);
                }
            }
            Phase::Adrift(mut adrift) => {
                adrift.gap(context, bytes);
                *self.phase(role) = Phase::Adrift(adrift);
            }
            // Nobody knows what is to follow; whoever takes over will see.
            Phase::Waiting(held) => self.request = Phase::Waiting(held),
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        let role = self.role(context, from, &[]);
        self.finish(context, role, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.finish(context, Role::Request, false);
        self.finish(context, Role::Response, false);
        let client = self.client();
        match std::mem::take(&mut self.request) {
            Phase::Waiting(held) if !held.is_empty() => {
                let exchange = self.exchanges.respond(context, client);
                self.become_other(context, exchange, None, held, &[]);
            }
            _ => self.exchanges.give_up(context, client),
        }
    }
}
