//! MySQL and MariaDB (protocol 10): who logs in, what statements say, the rows that come back and the files that are loaded.
//!
//! Owns: one transfer a direction and kind of statement, its parameters and rows as lines of text; a loaded file as a transfer of its
//! own. Never does: keeping a password; understanding SQL.

mod packed;
mod parse;
#[cfg(test)]
mod tests;

use crate::account::LogIn;
use crate::registry::{Prefix, Verdict};
use crate::statements::{OutOfStep, Part, Way, name_of};
use crate::{Analyzer, Context, Successor};
use egret_model::{Protocol, Side, Uninspected};
use hashbrown::HashMap;
use packed::{Packed, Unpacked};
use parse::{Answer, Capabilities, Command, Kind, Startup};
use std::sync::Arc;

/// Recognises the server's greeting.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    if prefix.initiator.is_empty() { parse::verdict(prefix.responder) } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Mysql::new())
}

/// How far the start of a session has come.
enum Phase {
    Greeting,
    /// Greeted; the client is to name its user.
    Startup,
    /// It has, and waits to be let in.
    Asked(Option<LogIn>),
    Session,
}

/// What a packet has led to.
enum Turn {
    Stay,
    /// TLS begins behind it.
    Tls,
    /// Compression begins behind it.
    Compressed,
}

/// A statement that the client has prepared.
struct Prepared {
    name: Arc<str>,
    parameters: usize,
    kinds: Vec<Kind>,
    columns: Arc<[Kind]>,
}

/// The command that is being answered.
struct InHand {
    name: Arc<str>,
    /// Rows are in binary form.
    binary: bool,
    /// The statement that is prepared or executed.
    statement: Option<u32>,
    stage: Stage,
    columns: Vec<Kind>,
    /// Names of the columns as a line that is not told yet.
    names: Vec<u8>,
}

/// What the server sends next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing that is known.
    Idle,
    First,
    /// The answer to a statement that is being prepared.
    Preparing,
    /// So many definitions of parameters, then of columns, are to be passed over.
    Definitions(usize),
    /// So many definitions of columns, then perhaps their end.
    Columns(u64),
    EndOfColumns,
    Rows,
    /// The client sends a file.
    File,
    /// The server sends its log of changes.
    Log,
}

impl Default for InHand {
    fn default() -> Self {
        Self {
            name: "statement".into(),
            binary: false,
            statement: None,
            stage: Stage::Idle,
            columns: Vec::new(),
            names: Vec::new(),
        }
    }
}

/// What one side tells.
struct Direction {
    way: Way,
    /// The packet goes on in the next one.
    goes_on: bool,
    /// What it sends is compressed, unless that is being undone.
    packed: Option<Box<Packed>>,
}

/// One session.
struct Mysql {
    phase: Phase,
    capabilities: Capabilities,
    user: Option<String>,
    prepared: HashMap<u32, Prepared>,
    in_hand: InHand,
    sent: Direction,
    answered: Direction,
    /// All that comes behind the log-in is compressed.
    compressed: bool,
}

impl Direction {
    fn new(from: Side) -> Self {
        Self { way: Way::new(Protocol::Mysql, from), goes_on: false, packed: None }
    }

    fn end(&mut self, context: &mut Context<'_>) {
        self.goes_on = false;
        self.way.end(context);
    }
}

impl Analyzer for Mysql {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let Some(mut packed) = self.direction(from).packed.take() else {
            return self.read(context, from, data);
        };
        let window = context.limits.zstandard_window_bytes as u64;
        packed.push(window, data, &mut |unpacked| match unpacked {
            Unpacked::Content(content) => self.read(context, from, content),
            Unpacked::Missing(bytes) => self.miss(context, from, Some(bytes)),
            Unpacked::Unreadable(bytes) => context.not_inspected(Uninspected::Malformed, bytes),
        });
        self.direction(from).packed = Some(packed);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        match &mut self.direction(from).packed {
            Some(packed) => {
                let missing = packed.gap(bytes);
                self.miss(context, from, missing);
            }
            None => self.miss(context, from, Some(bytes)),
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.direction(from).end(context);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Phase::Asked(Some(log_in)) = &self.phase {
            log_in.left_open(context);
        }
        self.sent.end(context);
        self.answered.end(context);
    }
}

impl Mysql {
    fn new() -> Self {
        Self {
            phase: Phase::Greeting,
            capabilities: Capabilities::default(),
            user: None,
            prepared: HashMap::new(),
            in_hand: InHand::default(),
            sent: Direction::new(Side::Initiator),
            answered: Direction::new(Side::Responder),
            compressed: false,
        }
    }

    const fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Initiator => &mut self.sent,
            Side::Responder => &mut self.answered,
        }
    }

    /// Reads what `from` sends, decompressed.
    fn read(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        let in_command = self.in_hand.stage == Stage::First;
        let way = &mut self.direction(from).way;
        if way.lost {
            // A command of one packet, or the whole of an answer, begins anew.
            if parse::begins(rest, from, in_command) {
                way.lost = false;
            } else {
                return way.raw(context, rest);
            }
        }
        while !rest.is_empty() {
            let Direction { way, goes_on, .. } = self.direction(from);
            match way.packets.next(context.limits.witness_bytes, &mut rest, parse::length) {
                Ok(Some(Part::Head(packet))) => {
                    if std::mem::replace(goes_on, parse::goes_on(&packet)) {
                        way.more(context, packet.get(parse::HEAD..).unwrap_or_default());
                        continue;
                    }
                    way.current = None;
                    match self.packet(context, from, &packet) {
                        Turn::Stay => {}
                        Turn::Tls => {
                            // The encrypted session begins behind the request, without an answer.
                            let mut inner = Self::new();
                            (inner.phase, inner.capabilities) = (Phase::Startup, self.capabilities);
                            let tls = crate::tls::carrying(Box::new(inner));
                            return context.switch(Successor::Analyzer(tls), vec![(from, rest.to_vec())]);
                        }
                        Turn::Compressed => {
                            self.compressed = true;
                            self.sent.packed = Some(Box::default());
                            self.answered.packed = Some(Box::default());
                            return self.data(context, from, rest);
                        }
                    }
                }
                Ok(Some(Part::More(data))) => way.more(context, data),
                Ok(None) => return,
                Err(OutOfStep(held)) => {
                    way.lost = true;
                    return way.raw(context, &[&held, rest].concat());
                }
            }
        }
    }

    /// Bytes of packets are missing; None: nobody knows how many.
    fn miss(&mut self, context: &mut Context<'_>, from: Side, bytes: Option<u64>) {
        let direction = self.direction(from);
        if !direction.way.gap(context, bytes, parse::length) {
            direction.goes_on = false;
            if from == Side::Responder {
                self.in_hand.stage = Stage::Idle;
            }
        }
    }

    fn packet(&mut self, context: &mut Context<'_>, from: Side, packet: &[u8]) -> Turn {
        match from {
            Side::Initiator => self.client_packet(context, packet),
            Side::Responder => self.server_packet(context, packet),
        }
    }

    fn client_packet(&mut self, context: &mut Context<'_>, packet: &[u8]) -> Turn {
        match self.phase {
            Phase::Greeting | Phase::Startup => match parse::login(packet) {
                Some(Startup::Encryption) => return Turn::Tls,
                Some(Startup::User(account, capabilities)) => {
                    self.capabilities = self.capabilities.and(capabilities);
                    self.phase = Phase::Asked(account.map(|account| LogIn::asked(account, context)));
                }
                None => {}
            },
            // Passwords, in whatever form.
            Phase::Asked(_) => {}
            Phase::Session if self.in_hand.stage == Stage::File => self.file(context, packet),
            // A new command has the number 0; anything else belongs to the one before.
            Phase::Session if packet.get(3) == Some(&0) => self.command(context, packet),
            Phase::Session => {}
        }
        Turn::Stay
    }

    fn file(&mut self, context: &mut Context<'_>, packet: &[u8]) {
        match packet.get(parse::HEAD..).filter(|content| !content.is_empty()) {
            Some(content) => {
                self.sent.way.bulk(context, &self.in_hand.name, self.user.as_deref(), content);
            }
            None => {
                self.sent.way.end_bulk(context, true);
                self.in_hand.stage = Stage::First;
            }
        }
    }

    fn command(&mut self, context: &mut Context<'_>, packet: &[u8]) {
        let user = self.user.as_deref();
        let in_hand = |name: Arc<str>, stage, binary, statement| InHand {
            name,
            binary,
            statement,
            stage,
            ..InHand::default()
        };
        match parse::command(packet, self.capabilities.attributes) {
            Some(Command::Query(statement)) => {
                let name: Arc<str> = name_of(statement).into();
                self.sent.way.line(context, &name, user, statement);
                self.in_hand = in_hand(name, Stage::First, false, None);
            }
            Some(Command::Prepare(statement)) => {
                let name: Arc<str> = name_of(statement).into();
                self.sent.way.line(context, &name, user, statement);
                self.in_hand = in_hand(name, Stage::Preparing, true, None);
            }
            Some(Command::Execute(statement, arguments)) => {
                let mut line = Vec::new();
                let known = self.prepared.get_mut(&statement);
                let name =
                    known.as_ref().map_or_else(|| InHand::default().name, |known| Arc::clone(&known.name));
                if let Some(known) = known {
                    let attributes = self.capabilities.attributes;
                    parse::parameters(arguments, known.parameters, attributes, &mut known.kinds, &mut line);
                }
                if !line.is_empty() {
                    self.sent.way.line(context, &name, user, &line);
                }
                self.in_hand = in_hand(name, Stage::First, true, Some(statement));
            }
            Some(Command::LongData(statement, data)) => {
                let known = self.prepared.get(&statement);
                let name = known.map_or_else(|| InHand::default().name, |known| Arc::clone(&known.name));
                self.sent.way.line(context, &name, user, data);
            }
            Some(Command::CloseStatement(statement)) => drop(self.prepared.remove(&statement)),
            Some(Command::ChangeUser(account)) => {
                self.phase = Phase::Asked(account.map(|account| LogIn::asked(account, context)));
            }
            Some(Command::BinaryLog) => self.in_hand = in_hand("binary log".into(), Stage::Log, true, None),
            Some(Command::Quit) => {}
            Some(Command::Other) | None => self.in_hand = InHand::default(),
        }
    }

    fn server_packet(&mut self, context: &mut Context<'_>, packet: &[u8]) -> Turn {
        match &mut self.phase {
            Phase::Greeting => {
                self.capabilities = parse::greeting(packet).unwrap_or_default();
                self.phase = Phase::Startup;
            }
            Phase::Asked(asked) => {
                let Some(accepted) = parse::accepted(packet) else { return Turn::Stay };
                if let Some(log_in) = asked.take().filter(|_| accepted) {
                    self.user = Some(log_in.accepted(context));
                }
                self.phase = Phase::Session;
                if accepted && self.capabilities.compressed && !self.compressed {
                    return Turn::Compressed;
                }
            }
            Phase::Session => self.answer(context, packet),
            Phase::Startup => {}
        }
        Turn::Stay
    }

    /// A packet that answers the command in hand.
    fn answer(&mut self, context: &mut Context<'_>, packet: &[u8]) {
        let in_hand = &mut self.in_hand;
        match in_hand.stage {
            Stage::Idle => {}
            Stage::First => {
                in_hand.stage = match parse::answer(packet) {
                    Some(Answer::Ok { more: true }) => Stage::First,
                    Some(Answer::LocalFile(path)) => {
                        let path = String::from_utf8_lossy(path);
                        let user = self.user.as_deref();
                        self.sent.way.begin_file(context, &in_hand.name, user, &path);
                        Stage::File
                    }
                    Some(Answer::Columns { count, defined }) => {
                        in_hand.columns.clear();
                        in_hand.names.clear();
                        match (defined, in_hand.statement.and_then(|number| self.prepared.get(&number))) {
                            (false, Some(known)) => {
                                in_hand.columns = known.columns.to_vec();
                                self.capabilities.rows_begin()
                            }
                            _ => Stage::Columns(count),
                        }
                    }
                    Some(Answer::Ok { more: false } | Answer::Error) | None => Stage::Idle,
                };
            }
            Stage::Preparing => self.preparing(context, packet),
            Stage::Definitions(left) => self.definition(packet, left),
            Stage::Columns(left) => {
                if let Some((name, kind)) = parse::column(packet) {
                    if !in_hand.columns.is_empty() {
                        in_hand.names.push(b'\t');
                    }
                    in_hand.columns.push(kind);
                    in_hand.names.extend_from_slice(name);
                }
                in_hand.stage = match left {
                    2.. => Stage::Columns(left - 1),
                    _ => self.capabilities.rows_begin(),
                };
            }
            Stage::EndOfColumns => in_hand.stage = Stage::Rows,
            Stage::Rows => self.row(context, packet),
            Stage::File => {
                // An error: the client sends no more.
                self.sent.way.end_bulk(context, false);
                self.in_hand.stage = Stage::Idle;
            }
            Stage::Log => {
                let line = packet.get(parse::HEAD..).unwrap_or_default();
                self.answered.way.line(context, &self.in_hand.name, self.user.as_deref(), line);
            }
        }
    }

    fn preparing(&mut self, context: &Context<'_>, packet: &[u8]) {
        let Some((statement, columns, parameters)) = parse::prepared(packet) else {
            self.in_hand.stage = Stage::Idle;
            return;
        };
        if self.prepared.len() < context.limits.pipelined_commands || self.prepared.contains_key(&statement) {
            let parameters = usize::from(parameters);
            let name = Arc::clone(&self.in_hand.name);
            let known = Prepared { name, parameters, kinds: Vec::new(), columns: Arc::default() };
            self.prepared.insert(statement, known);
        }
        self.in_hand.statement = Some(statement);
        // Definitions of parameters and of columns, each with its end.
        let end = usize::from(!self.capabilities.no_end_of_columns);
        let packets = |count: u16| if count > 0 { usize::from(count) + end } else { 0 };
        self.in_hand.columns.clear();
        self.in_hand.stage = match packets(columns) + packets(parameters) {
            0 => Stage::Idle,
            left => Stage::Definitions(left),
        };
    }

    fn definition(&mut self, packet: &[u8], left: usize) {
        let in_hand = &mut self.in_hand;
        in_hand.columns.extend(parse::column(packet).map(|(_, kind)| kind));
        if left > 1 {
            in_hand.stage = Stage::Definitions(left - 1);
            return;
        }
        in_hand.stage = Stage::Idle;
        if let Some(known) = in_hand.statement.and_then(|number| self.prepared.get_mut(&number)) {
            let columns = in_hand.columns.split_off(known.parameters.min(in_hand.columns.len()));
            known.columns = columns.into();
        }
    }

    fn row(&mut self, context: &mut Context<'_>, packet: &[u8]) {
        let in_hand = &mut self.in_hand;
        if let Some(more) = parse::end(packet) {
            in_hand.stage = if more { Stage::First } else { Stage::Idle };
            return;
        }
        let user = self.user.as_deref();
        if !in_hand.names.is_empty() {
            let names = std::mem::take(&mut in_hand.names);
            self.answered.way.line(context, &in_hand.name, user, &names);
        }
        let mut line = Vec::with_capacity(packet.len());
        if in_hand.binary {
            parse::binary_row(packet, &in_hand.columns, &mut line);
        } else {
            parse::text_row(packet, &mut line);
        }
        self.answered.way.line(context, &in_hand.name, user, &line);
    }
}

impl Capabilities {
    /// What comes behind the definitions of columns.
    const fn rows_begin(self) -> Stage {
        if self.no_end_of_columns { Stage::Rows } else { Stage::EndOfColumns }
    }
}
