//! PostgreSQL (protocol 3.0): who logs in, what statements say, and the rows that come back.
//!
//! Owns: one transfer a direction and kind of statement, its parameters and rows as lines of text; what COPY moves as a transfer of
//! its own. Never does: keeping a password; understanding SQL.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::LogIn;
use crate::registry::{Prefix, Verdict};
use crate::statements::{OutOfStep, Part, Way, name_of};
use crate::{Analyzer, Context, Successor};
use egret_model::{Protocol, Side};
use hashbrown::HashMap;
use parse::{Column, Startup};
use std::collections::VecDeque;
use std::sync::Arc;

/// Recognises the client's first packet.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(prefix.initiator)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Postgresql {
        phase: Phase::Startup,
        user: None,
        prepared: HashMap::new(),
        portals: HashMap::new(),
        awaited: VecDeque::new(),
        sent: Way::new(Protocol::Postgresql, Side::Initiator),
        answered: Way::new(Protocol::Postgresql, Side::Responder),
        columns: Arc::default(),
        names: Vec::new(),
    })
}

/// How far the start of a session has come.
enum Phase {
    /// The client's packets have no kind.
    Startup,
    /// It has asked for encryption: the answer is one byte.
    Offered,
    /// It has named its user, and waits to be let in.
    Asked(Option<LogIn>),
    Session,
}

/// What an answer is awaited for.
enum Awaited {
    /// A query, until the server is ready again.
    Query(Arc<str>),
    Execute(Bound),
    /// The columns of a statement.
    Describe(Vec<u8>),
    Sync,
}

/// A statement that the client has prepared.
struct Prepared {
    name: Arc<str>,
    parameters: Vec<u32>,
    columns: Arc<[Column]>,
}

/// A statement with its parameters.
#[derive(Clone)]
struct Bound {
    name: Arc<str>,
    columns: Option<Arc<[Column]>>,
    formats: Arc<[bool]>,
}

/// One session.
struct Postgresql {
    phase: Phase,
    user: Option<String>,
    prepared: HashMap<Vec<u8>, Prepared>,
    portals: HashMap<Vec<u8>, Bound>,
    awaited: VecDeque<Awaited>,
    sent: Way,
    answered: Way,
    /// Of the result that comes now, where no statement was prepared, and their names as a line that is not told yet.
    columns: Arc<[Column]>,
    names: Vec<u8>,
}

/// Kinds of messages of a client and of a server.
const CLIENT_KINDS: &[u8] = b"QPBEDSCHFdcfpX";
const SERVER_KINDS: &[u8] = b"RKSZTDCEN123ntIsAGHWdcV";

/// Longest name of a statement or portal that is kept, bytes: twice what PostgreSQL keeps of an identifier.
const LONGEST_KEY: usize = 128;

impl Analyzer for Postgresql {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        if from == Side::Responder
            && let Phase::Offered = self.phase
            && let Some((answer, behind)) = data.split_first()
        {
            self.phase = Phase::Startup;
            if matches!(answer, b'S' | b'G') {
                let nesting = context.nesting().cloned().unwrap_or_default();
                return context.switch(Successor::Recognition(nesting), vec![(from, behind.to_vec())]);
            }
            rest = behind;
        }
        let kinds = if from == Side::Initiator { CLIENT_KINDS } else { SERVER_KINDS };
        let way = self.way(from);
        if way.lost {
            let step = parse::find_step(rest, kinds);
            let (unknown, known) = rest.split_at(step.unwrap_or(rest.len()));
            if !unknown.is_empty() {
                way.raw(context, unknown);
            }
            way.lost = step.is_none();
            rest = known;
        }
        while !rest.is_empty() {
            let starting = from == Side::Initiator && matches!(self.phase, Phase::Startup | Phase::Offered);
            let length = if starting { parse::startup_length } else { parse::length };
            match self.way(from).packets.next(context.limits.witness_bytes, &mut rest, length) {
                Ok(Some(Part::Head(message))) if starting => self.startup(context, &message),
                Ok(Some(Part::Head(message))) => {
                    self.way(from).current = None;
                    match from {
                        Side::Initiator => self.client_message(context, &message),
                        Side::Responder => self.server_message(context, &message),
                    }
                }
                Ok(Some(Part::More(data))) => self.way(from).more(context, data),
                Ok(None) => return,
                Err(OutOfStep(held)) => {
                    let way = self.way(from);
                    way.lost = true;
                    way.raw(context, &[&held, rest].concat());
                    return;
                }
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if !self.way(from).gap(context, Some(bytes), parse::length) {
            self.awaited.clear();
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.way(from).end(context);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Phase::Asked(Some(log_in)) = &self.phase {
            log_in.left_open(context);
        }
        self.sent.end(context);
        self.answered.end(context);
    }
}

impl Postgresql {
    const fn way(&mut self, from: Side) -> &mut Way {
        match from {
            Side::Initiator => &mut self.sent,
            Side::Responder => &mut self.answered,
        }
    }

    fn startup(&mut self, context: &Context<'_>, packet: &[u8]) {
        match parse::startup(packet) {
            Some(Startup::Encryption) => self.phase = Phase::Offered,
            Some(Startup::User(account)) => {
                self.phase = Phase::Asked(account.map(|account| LogIn::asked(account, context)));
            }
            None => {}
        }
    }

    fn client_message(&mut self, context: &mut Context<'_>, message: &[u8]) {
        let mut body = parse::body(message);
        let user = self.user.as_deref();
        match message.first() {
            Some(b'Q') => {
                let statement = parse::string(&mut body);
                let name: Arc<str> = name_of(statement).into();
                self.sent.line(context, &name, user, statement);
                self.expect(context, Awaited::Query(name));
            }
            Some(b'P') => {
                let (key, statement, mut parameters) = parse::prepare(message);
                parameters.truncate(context.limits.statement_parameters);
                let name: Arc<str> = name_of(statement).into();
                self.sent.line(context, &name, user, statement);
                let room =
                    self.prepared.len() < context.limits.pipelined_commands && key.len() <= LONGEST_KEY;
                if room || self.prepared.contains_key(&key) {
                    self.prepared.insert(key, Prepared { name, parameters, columns: Arc::default() });
                }
            }
            Some(b'B') => self.bind(context, message),
            Some(b'D') => {
                let of_statement = body.u8() == Ok(b'S');
                let key = if of_statement { parse::string(&mut body).to_vec() } else { Vec::new() };
                self.expect(context, Awaited::Describe(key));
            }
            Some(b'E') => {
                let bound =
                    self.portals.get(parse::string(&mut body)).cloned().unwrap_or_else(Bound::unknown);
                self.expect(context, Awaited::Execute(bound));
            }
            Some(b'S') => self.expect(context, Awaited::Sync),
            Some(b'F') => self.sent.line(context, "function call", user, body.rest()),
            Some(b'd') => {
                let name = self.in_hand().map_or_else(|| Bound::unknown().name, |bound| bound.name);
                self.sent.bulk(context, &name, self.user.as_deref(), body.rest());
            }
            Some(b'c') => self.sent.end_bulk(context, true),
            Some(b'f') => self.sent.end_bulk(context, false),
            _ => {}
        }
    }

    fn bind(&mut self, context: &mut Context<'_>, message: &[u8]) {
        let mut line = Vec::new();
        let prepared = &self.prepared;
        let kinds = |key: &[u8]| prepared.get(key).map(|known| known.parameters.clone()).unwrap_or_default();
        let bind = parse::bind(message, kinds, &mut line);
        let bound = match prepared.get(bind.statement) {
            Some(Prepared { name, columns, .. }) => Bound {
                name: Arc::clone(name),
                columns: (!columns.is_empty()).then(|| Arc::clone(columns)),
                formats: bind.formats.into(),
            },
            None => Bound { formats: bind.formats.into(), ..Bound::unknown() },
        };
        if !line.is_empty() {
            self.sent.line(context, &bound.name, self.user.as_deref(), &line);
        }
        let room = self.portals.len() < context.limits.pipelined_commands && bind.portal.len() <= LONGEST_KEY;
        if room || self.portals.contains_key(bind.portal) {
            self.portals.insert(bind.portal.to_vec(), bound);
        }
    }

    fn expect(&mut self, context: &Context<'_>, awaited: Awaited) {
        if self.awaited.len() >= context.limits.pipelined_commands {
            self.awaited.pop_front();
        }
        self.awaited.push_back(awaited);
    }

    /// What the server is at.
    fn in_hand(&self) -> Option<Bound> {
        self.awaited.iter().find_map(|awaited| match awaited {
            Awaited::Query(name) => {
                Some(Bound { name: Arc::clone(name), columns: None, formats: Arc::default() })
            }
            Awaited::Execute(bound) => Some(bound.clone()),
            Awaited::Describe(_) | Awaited::Sync => None,
        })
    }

    fn server_message(&mut self, context: &mut Context<'_>, message: &[u8]) {
        if let Phase::Asked(asked) = &mut self.phase
            && let Some(accepted) = parse::answer(message)
        {
            if let Some(log_in) = asked.take().filter(|_| accepted) {
                self.user = Some(log_in.accepted(context));
            }
            self.phase = Phase::Session;
            return;
        }
        match message.first() {
            Some(b'T') => {
                let (columns, names) = parse::columns(message);
                self.columns = columns.into();
                self.names = names;
                if let Some(Awaited::Describe(key)) = self.awaited.pop_front_if(Awaited::is_describe)
                    && let Some(prepared) = self.prepared.get_mut(&key)
                {
                    prepared.columns = Arc::clone(&self.columns);
                }
            }
            Some(b'n') => drop(self.awaited.pop_front_if(Awaited::is_describe)),
            Some(b'D') => self.row(context, message),
            // The end of a statement that was executed; of a query, more may follow.
            Some(b'C' | b'I' | b's') => {
                self.names.clear();
                self.awaited.pop_front_if(|awaited| matches!(awaited, Awaited::Execute(_)));
            }
            Some(b'Z') => {
                while let Some(done) = self.awaited.pop_front()
                    && !matches!(done, Awaited::Query(_) | Awaited::Sync)
                {}
            }
            Some(b'd') => {
                let name = self.in_hand().map_or_else(|| Bound::unknown().name, |bound| bound.name);
                let data = parse::body(message);
                self.answered.bulk(context, &name, self.user.as_deref(), data.rest());
            }
            Some(b'c') => self.answered.end_bulk(context, true),
            Some(b'E') => self.answered.end_bulk(context, false),
            _ => {}
        }
    }

    fn row(&mut self, context: &mut Context<'_>, message: &[u8]) {
        let bound = self.in_hand().unwrap_or_else(Bound::unknown);
        let user = self.user.as_deref();
        if !self.names.is_empty() {
            let names = std::mem::take(&mut self.names);
            self.answered.line(context, &bound.name, user, &names);
        }
        let mut line = Vec::with_capacity(message.len());
        parse::row(message, bound.columns.as_deref().unwrap_or(&self.columns), &bound.formats, &mut line);
        self.answered.line(context, &bound.name, user, &line);
    }
}

impl Awaited {
    const fn is_describe(&mut self) -> bool {
        matches!(self, Self::Describe(_))
    }
}

impl Bound {
    fn unknown() -> Self {
        Self { name: "statement".into(), columns: None, formats: Arc::default() }
    }
}
