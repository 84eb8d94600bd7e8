//! IMAP (RFC 9051, RFC 3501, RFC 4978, RFC 7888): messages that are stored and fetched, and who logged in.
//!
//! Owns: the session's state. Never does: reading a message's inside; keeping a password.
//!
//! Messages are literals, whose length is told before them. Everything else, which may quote from messages too, is inspected as
//! what the two sides say to each other: one content a side.

mod fetch;
mod login;
mod parse;
mod structure;
#[cfg(test)]
mod tests;

use crate::inflate::Inflate;
use crate::lines::{LineBuffer, without_end};
use crate::mailbox::{Announced, Described, Message, Session};
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, Successor, raw};
use egret_model::{Protocol, Side, Uninspected};
use fetch::{Fetch, Fetched, Header, Whose};
use login::Pending;
use parse::{Command, ItemKind, Literal};
use structure::Which;

/// Recognises IMAP by the server's greeting, or by a log-in where the greeting was not captured.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(prefix.initiator, prefix.responder, prefix.flow.midstream)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Imap {
        client: Side::Initiator,
        sides_unknown: context.flow.midstream,
        commands: Reading::default(),
        responses: Reading::default(),
        session: Session::default(),
        greeted: context.flow.midstream,
        pending: Pending::Nothing,
        command: Open::Nothing,
        response: None,
        structure: None,
        fetch: Fetch::default(),
        dialogue: raw::known(context, Protocol::Imap),
        left: false,
    })
}

/// One session.
struct Imap {
    client: Side,
    /// Which end is the client is not known yet.
    sides_unknown: bool,
    commands: Reading,
    responses: Reading,
    session: Session,
    /// The server's first line has come, or will not be seen.
    greeted: bool,
    pending: Pending,
    /// The command whose lines are coming.
    command: Open,
    /// The response whose lines are coming, behind a literal of it: the message that it tells something of, if any.
    response: Option<Option<Which>>,
    /// A message's structure that is being told.
    structure: Option<structure::Coming>,
    fetch: Fetch,
    /// What stands outside messages.
    dialogue: Box<dyn Analyzer>,
    /// TLS has begun: what follows is somebody else's.
    left: bool,
}

/// One side's bytes.
#[derive(Default)]
struct Reading {
    lines: LineBuffer,
    literal: Option<Coming>,
    /// Since COMPRESS (RFC 4978).
    inflate: Option<Box<Inflate>>,
}

/// A literal on its way.
struct Coming {
    left: u64,
    /// None of it has come, and the client may be told not to send it.
    waits: bool,
    content: Content,
}

/// What a literal is.
enum Content {
    /// Part of what the two sides say to each other.
    Dialogue,
    /// An argument of LOGIN.
    Argument,
    /// A message that is stored, from its first byte on.
    Stored(Option<Message>),
    Header(Header),
    Fetched(Box<Fetched>),
}

/// A command that has begun.
enum Open {
    Nothing,
    /// LOGIN, as far as its arguments have come.
    LogIn {
        tag: Vec<u8>,
        line: Vec<u8>,
    },
    Append {
        tag: Vec<u8>,
        mailbox: Option<String>,
    },
    Other,
}

/// What a line has led to.
#[derive(PartialEq, Eq)]
enum Turn {
    Stay,
    /// TLS begins behind it.
    Tls,
    /// Compression begins behind it.
    Compressed,
}

impl Imap {
    fn reading(&mut self, from: Side) -> &mut Reading {
        if from == self.client { &mut self.commands } else { &mut self.responses }
    }

    /// Reads what `from` sends, decompressed.
    fn read(&mut self, context: &mut Context<'_>, from: Side, mut data: &[u8]) {
        while !data.is_empty() && !self.left {
            if self.reading(from).literal.is_some() {
                data = self.literal(context, from, data);
                continue;
            }
            let before = data;
            let line = self.reading(from).lines.next(&mut data, context.limits.head_bytes);
            self.dialogue.data(context, from, before.get(..before.len() - data.len()).unwrap_or_default());
            // A line that is too long tells nothing that matters here.
            let line = match line {
                None => return,
                Some(Err(_)) => continue,
                Some(Ok(line)) => line,
            };
            let line = without_end(&line);
            let turn = if from == self.client {
                self.client_line(context, line);
                Turn::Stay
            } else {
                self.server_line(context, line)
            };
            match turn {
                Turn::Stay => {}
                Turn::Tls => return self.hand_over(context, from, data),
                Turn::Compressed => {
                    self.commands.inflate = Some(Box::default());
                    self.responses.inflate = Some(Box::default());
                    return self.data(context, from, data);
                }
            }
        }
    }

    fn client_line(&mut self, context: &mut Context<'_>, line: &[u8]) {
        let announced = parse::literal(line);
        let line = line.get(..announced.map_or(line.len(), |literal| literal.at)).unwrap_or_default();
        match std::mem::replace(&mut self.command, Open::Nothing) {
            Open::Nothing => self.command(context, line, announced),
            Open::LogIn { tag, line: mut arguments } => {
                arguments.extend_from_slice(line);
                self.log_in(context.now(), tag, arguments, announced);
            }
            open => self.command = open,
        }
        let Some(literal) = announced else {
            self.command = Open::Nothing;
            return;
        };
        let content = match &mut self.command {
            Open::LogIn { .. } => Content::Argument,
            // The first literal is the name of the mailbox, where that has not been given otherwise.
            Open::Append { mailbox: mailbox @ None, .. } => {
                *mailbox = Some(String::new());
                Content::Dialogue
            }
            Open::Append { .. } => Content::Stored(None),
            Open::Nothing | Open::Other => Content::Dialogue,
        };
        self.begin_literal(context, self.client, literal, content);
    }

    fn command(&mut self, context: &mut Context<'_>, line: &[u8], announced: Option<Literal>) {
        if self.pending.takes_line(line) {
            return;
        }
        self.command = Open::Other;
        let Some((tag, command)) = parse::command(line) else { return };
        let tag = tag.to_vec();
        match command {
            Command::LogIn { arguments } => self.log_in(context.now(), tag, arguments.to_vec(), announced),
            Command::Authenticate { mechanism, initial } => {
                self.pending = Pending::exchange(context.now(), tag, mechanism, initial);
            }
            Command::StartTls => self.pending = Pending::StartTls { tag },
            Command::Compress => self.pending = Pending::Compress { tag },
            Command::Append { mailbox } => self.command = Open::Append { tag, mailbox },
            Command::Fetch { wanted } => self.fetch.wanted = wanted,
            Command::Mailbox => self.fetch.structures.forget(),
            Command::Other => {}
        }
    }

    fn server_line(&mut self, context: &mut Context<'_>, line: &[u8]) -> Turn {
        let goes_on = self.response.take();
        let message = goes_on.unwrap_or_else(|| {
            let number = parse::fetched(line)?;
            Some(Which { number: Some(number), uid: parse::uid(line) })
        });
        let literal = parse::literal(line);
        if let Some(which) = message {
            let text = line.get(..literal.map_or(line.len(), |literal| literal.at)).unwrap_or_default();
            self.structure(context, which, (goes_on.is_some(), text, literal.is_none()));
        }
        if let Some(literal) = literal {
            self.response = Some(message);
            let before = line.get(..literal.at).unwrap_or_default();
            let content = match message.zip(parse::item(before)) {
                None => Content::Dialogue,
                Some((which, item)) => match item.kind {
                    ItemKind::Header(part) => {
                        self.release_header(context);
                        Content::Header(Header::new(which, part, item.name))
                    }
                    ItemKind::Whole | ItemKind::Body(_) => {
                        let whose = Whose { client: self.client, session: &self.session };
                        let fetched = self.fetch.begin(context, &whose, which, &item, literal.length);
                        Content::Fetched(Box::new(fetched))
                    }
                },
            };
            self.begin_literal(context, self.client.other(), literal, content);
            return Turn::Stay;
        }
        if goes_on.is_some() {
            return Turn::Stay;
        }
        if !std::mem::replace(&mut self.greeted, true) {
            self.session.greeted(parse::greeting(line).unwrap_or_default());
        }
        if parse::removes(line) {
            self.fetch.structures.renumbered();
        }
        self.refuse_literal(line);
        self.answer(context, line)
    }

    /// A line of a response on a message, up to its literal: whether it goes on behind another one, and whether it is the last.
    fn structure(&mut self, context: &Context<'_>, which: Which, (goes_on, text, last): (bool, &[u8], bool)) {
        match &mut self.structure {
            Some(coming) if goes_on => coming.line(text),
            _ => self.structure = structure::Coming::begin(text),
        }
        let limits = context.limits;
        if let Some(coming) = self.structure.take_if(|coming| last || coming.text().len() > limits.head_bytes)
        {
            self.fetch.structures.learn(which, coming.text(), limits.imap_parts, limits.imap_part_depth);
        }
    }

    /// The server may refuse a message before it is sent.
    fn refuse_literal(&mut self, line: &[u8]) {
        if let Open::Append { tag, .. } = &self.command
            && self.commands.literal.as_ref().is_some_and(|literal| literal.waits)
            && parse::answer(tag, line) == parse::Answer::Refused
        {
            self.commands.literal = None;
            self.command = Open::Nothing;
        }
    }

    fn begin_literal(&mut self, context: &mut Context<'_>, from: Side, literal: Literal, content: Content) {
        let Literal { length, waits, .. } = literal;
        self.reading(from).literal = Some(Coming { left: length, waits, content });
        self.finish_literal(context, from);
    }

    /// Reads of a literal what has come; returns the rest.
    fn literal<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        let Some(mut coming) = self.reading(from).literal.take() else { return data };
        let count = usize::try_from(coming.left).unwrap_or(usize::MAX).min(data.len());
        let (octets, rest) = data.split_at(count);
        coming.left -= octets.len() as u64;
        coming.waits = false;
        match &mut coming.content {
            Content::Dialogue => {
                if from != self.client
                    && let Some(coming) = &mut self.structure
                    && coming.text().len() <= context.limits.head_bytes
                {
                    coming.literal(octets);
                }
                self.dialogue.data(context, from, octets);
            }
            Content::Argument => {
                self.dialogue.data(context, from, octets);
                if let Open::LogIn { line, .. } = &mut self.command {
                    line.extend_from_slice(octets);
                }
            }
            Content::Stored(message) => {
                message
                    .get_or_insert_with(|| stored(context, self.client, &self.command, &self.session))
                    .body(context, octets);
            }
            Content::Header(header) => {
                if !header.push(octets, context.limits.head_bytes) {
                    let header = std::mem::replace(&mut coming.content, Content::Dialogue);
                    self.say(context, header);
                    self.dialogue.data(context, from, octets);
                }
            }
            Content::Fetched(fetched) => fetched.body(context, octets),
        }
        self.reading(from).literal = Some(coming);
        self.finish_literal(context, from);
        rest
    }

    /// Ends the literal if all of it has come.
    fn finish_literal(&mut self, context: &mut Context<'_>, from: Side) {
        let Some(coming) = self.reading(from).literal.take_if(|coming| coming.left == 0) else { return };
        match coming.content {
            Content::Dialogue | Content::Argument | Content::Stored(None) => {}
            Content::Stored(Some(message)) => message.end(context, true),
            Content::Header(header) => self.fetch.keep(header),
            Content::Fetched(fetched) => self.fetch.end(context, *fetched),
        }
    }

    /// A literal breaks off.
    fn abandon_literal(&mut self, context: &mut Context<'_>, from: Side) {
        let Some(coming) = self.reading(from).literal.take() else { return };
        match coming.content {
            Content::Dialogue | Content::Argument | Content::Stored(None) => {}
            Content::Stored(Some(message)) => message.end(context, false),
            header @ Content::Header(_) => self.say(context, header),
            Content::Fetched(fetched) => fetched.abandon(context),
        }
    }

    /// A header that broke off is part of what the server says.
    fn say(&mut self, context: &mut Context<'_>, content: Content) {
        if let Content::Header(header) = content {
            self.dialogue.data(context, self.client.other(), &header.into_bytes());
        }
    }

    fn release_header(&mut self, context: &mut Context<'_>) {
        let whose = Whose { client: self.client, session: &self.session };
        if let Some(bytes) = self.fetch.take_header().and_then(|header| header.alone(context, &whose)) {
            self.dialogue.data(context, self.client.other(), &bytes);
        }
    }

    /// `bytes` of a literal are missing; returns how many were missing behind it.
    fn miss_literal(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) -> u64 {
        let Some(mut coming) = self.reading(from).literal.take() else { return bytes };
        let inside = bytes.min(coming.left);
        coming.left -= inside;
        coming.waits = false;
        match &mut coming.content {
            Content::Stored(message) => {
                message
                    .get_or_insert_with(|| stored(context, self.client, &self.command, &self.session))
                    .missing(context, inside);
            }
            Content::Fetched(fetched) => fetched.missing(context, inside),
            Content::Dialogue | Content::Argument => self.dialogue.gap(context, from, inside),
            Content::Header(_) => {
                let header = std::mem::replace(&mut coming.content, Content::Dialogue);
                self.say(context, header);
                self.dialogue.gap(context, from, inside);
            }
        }
        self.reading(from).literal = Some(coming);
        self.finish_literal(context, from);
        bytes - inside
    }

    /// Ends what is open.
    fn end(&mut self, context: &mut Context<'_>) {
        self.abandon_literal(context, Side::Initiator);
        self.abandon_literal(context, Side::Responder);
        self.fetch.end_piece(context, false);
        self.release_header(context);
        self.unanswered(context);
    }

    /// TLS begins: whoever recognises it reads on, and knows the server's name.
    fn hand_over(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.left = true;
        self.end(context);
        self.dialogue.finished(context, Side::Initiator);
        self.dialogue.finished(context, Side::Responder);
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        nesting.server_name = nesting.server_name.or(self.session.server_name.take());
        context.switch(Successor::Recognition(nesting), vec![(from, data.to_vec())]);
    }
}

/// The transfer of a message that the client stores.
fn stored(context: &mut Context<'_>, client: Side, command: &Open, session: &Session) -> Message {
    let mailbox = match command {
        Open::Append { mailbox: Some(name), .. } if !name.is_empty() => format!(" {name}"),
        _ => String::new(),
    };
    let operation = format!("APPEND{mailbox}");
    let announced = Announced {
        protocol: Protocol::Imap,
        operation,
        from: client,
        client,
        mail: true,
        described: Described::default(),
    };
    Message::begin(context, announced, session)
}

impl Analyzer for Imap {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if std::mem::take(&mut self.sides_unknown) {
            let server_speaks = data.starts_with(b"* ");
            self.client = if server_speaks { from.other() } else { from };
        }
        let Some(mut inflate) = self.reading(from).inflate.take() else {
            return self.read(context, from, data);
        };
        let sound = inflate.push(data, &mut |content| self.read(context, from, content));
        self.reading(from).inflate = Some(inflate);
        if !sound {
            context.not_inspected(Uninspected::Malformed, data.len() as u64);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let reading = self.reading(from);
        let behind = if let Some(inflate) = &mut reading.inflate {
            // How much content the missing bytes were, nobody knows; nor can what follows be read.
            inflate.lose();
            self.miss_literal(context, from, 0);
            self.abandon_literal(context, from);
            bytes
        } else {
            self.miss_literal(context, from, bytes)
        };
        if behind > 0 {
            self.reading(from).lines.take();
            self.dialogue.gap(context, from, behind);
            if from == self.client {
                self.command = Open::Nothing;
            } else {
                self.response = None;
            }
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if from != self.client {
            self.abandon_literal(context, from);
            self.fetch.end_piece(context, false);
            self.release_header(context);
        }
        self.dialogue.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context);
        self.dialogue.closed(context);
    }
}
