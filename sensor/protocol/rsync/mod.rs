//! Rsync between a client and a daemon (rsync 3.0 and newer): the files that are moved, and their names.
//!
//! Owns: the way to the sender's stream. Never does: rsync over ssh, which is encrypted; deltas beyond what is sent of them.
//!
//! What the two sides say to each other beside files is inspected as that. Older protocols, and options that change lists of files in
//! ways that are not known here (hard links, access lists, attributes, character sets), leave everything to be inspected as it is.

mod list;
mod parse;
mod sender;
#[cfg(test)]
mod tests;

use crate::lines::{LineBuffer, without_end};
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, raw};
use egret_model::{Cursor, Protocol, Side, Truncated};
use parse::Options;
use sender::{Agreed, Sender};

/// Recognises the greeting of either side.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    const GREETING: &[u8] = b"@RSYNCD: ";
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    match () {
        () if first.starts_with(GREETING) => Verdict::Yes,
        () if GREETING.starts_with(first) => Verdict::NeedMore,
        () => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Rsync {
        client: Reading::default(),
        server: Reading::default(),
        known: Known::default(),
        sender: None,
        dialogue: raw::known(context, Protocol::Rsync),
    })
}

/// One connection. The client is always its initiator.
struct Rsync {
    client: Reading,
    server: Reading,
    known: Known,
    /// The stream of the side that sends files, once it may begin.
    sender: Option<Box<Sender>>,
    dialogue: Box<dyn Analyzer>,
}

/// What has been said before the stream begins.
#[derive(Default)]
struct Known {
    client_protocol: Option<u32>,
    server_protocol: Option<u32>,
    module: String,
    options: Option<Options>,
    flags: Option<u64>,
    /// Names of algorithms of each side: of checksums, of compressions.
    client_names: Vec<Vec<u8>>,
    server_names: Vec<Vec<u8>>,
    /// The server has said all that it says before its stream.
    ready: bool,
}

/// What one side sends.
#[derive(Default)]
struct Reading {
    stage: Stage,
    lines: LineBuffer,
    held: Vec<u8>,
    /// Bytes of the present message that are still to come, and whether they are the stream's.
    message: usize,
    stream: bool,
}

/// How far a side has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Greeting,
    /// Of the client: the module. Of the server: lines up to its consent.
    Lines,
    Arguments,
    /// Of the server: what it can do.
    Flags,
    Names,
    /// Of the server: the seed of checksums.
    Seed,
    Messages,
    /// Nothing more is taken apart.
    Left,
}

impl Known {
    fn protocol(&self) -> u32 {
        self.client_protocol.unwrap_or_default().min(self.server_protocol.unwrap_or_default())
    }

    /// How many lists of names each side sends.
    fn lists(&self) -> usize {
        let variable = self.flags.is_some_and(|flags| flags & parse::VARIABLE_FLAGS != 0);
        let agreed_on = self.options.as_ref().map(Options::agreed_on).unwrap_or_default();
        if variable { agreed_on.into_iter().filter(|agreed_on| *agreed_on).count() } else { 0 }
    }

    /// The name that both sides have agreed on for checksums (0) or compressions (1).
    fn agreed(&self, what: usize) -> Option<String> {
        let agreed_on = self.options.as_ref()?.agreed_on();
        if self.lists() == 0 || !*agreed_on.get(what)? {
            return None;
        }
        let place = agreed_on.iter().take(what).filter(|agreed_on| **agreed_on).count();
        parse::agreed(self.client_names.get(place)?, self.server_names.get(place)?)
    }

    /// What the stream is read by. None: it cannot be read.
    fn stream(&self) -> Option<Agreed> {
        let options = self.options.clone().filter(Options::are_known)?;
        let protocol = self.protocol();
        let checksum_length = options.checksum_length(self.agreed(0).as_deref())?;
        let compression = options.compression(self.agreed(1).as_deref());
        (self.ready && (parse::OLDEST..=parse::NEWEST).contains(&protocol)).then(|| Agreed {
            protocol,
            flags: self.flags.unwrap_or_default(),
            options,
            checksum_length,
            compression,
            module: self.module.clone(),
        })
    }
}

impl Rsync {
    const fn reading(&mut self, from: Side) -> &mut Reading {
        match from {
            Side::Initiator => &mut self.client,
            Side::Responder => &mut self.server,
        }
    }

    /// Reads bytes up to the next change of stage; returns the rest.
    fn step<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        let module_known = !self.known.module.is_empty();
        let reading = self.reading(from);
        match reading.stage {
            Stage::Greeting | Stage::Lines => {
                // The arguments of a client follow its last line, and no line begins as they do.
                let arguments = b"--server\0";
                if from == Side::Initiator && reading.stage == Stage::Lines && reading.lines.is_empty() {
                    let head = data.get(..data.len().min(arguments.len())).unwrap_or_default();
                    if module_known && arguments.starts_with(head) {
                        reading.stage = Stage::Arguments;
                        return data;
                    }
                }
                let mut rest = data;
                let line = reading.lines.next(&mut rest, context.limits.head_bytes);
                self.dialogue.data(context, from, data.get(..data.len() - rest.len()).unwrap_or_default());
                if let Some(Ok(line)) = line {
                    self.line(from, without_end(&line));
                }
                rest
            }
            Stage::Arguments | Stage::Flags | Stage::Names | Stage::Seed => {
                reading.held.extend_from_slice(data);
                if reading.held.len() > context.limits.head_bytes {
                    self.leave(context, from);
                    return &[];
                }
                let held = std::mem::take(&mut self.reading(from).held);
                let mut cursor = Cursor::new(&held);
                if self.opening(from, &mut cursor).is_err() {
                    self.reading(from).held = held;
                    return &[];
                }
                let (said, rest) = held.split_at(cursor.position());
                self.dialogue.data(context, from, said);
                // Of what is left, more may have been held than has come now.
                self.data(context, from, rest);
                &[]
            }
            Stage::Messages => self.message(context, from, data),
            Stage::Left => {
                self.dialogue.data(context, from, data);
                &[]
            }
        }
    }

    fn line(&mut self, from: Side, line: &[u8]) {
        let Self { client, server, known, .. } = self;
        match (from, from == Side::Initiator && client.stage == Stage::Greeting) {
            (Side::Initiator, true) => {
                known.client_protocol = parse::greeting(line);
                client.stage = Stage::Lines;
            }
            // Behind the module may stand the answer to a demand for a password.
            (Side::Initiator, false) if known.module.is_empty() => {
                let text = String::from_utf8_lossy(line);
                known.module = text.chars().filter(|c| !c.is_control()).take(64).collect();
            }
            (Side::Initiator, false) => {}
            (Side::Responder, _) if server.stage == Stage::Greeting => {
                known.server_protocol = parse::greeting(line);
                server.stage = Stage::Lines;
            }
            (Side::Responder, _) => {
                if line == b"@RSYNCD: OK" {
                    server.stage = Stage::Flags;
                }
            }
        }
    }

    /// What stands between the lines and the stream; nothing is done of what is not complete.
    fn opening(&mut self, from: Side, cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
        let Self { client, server, known, .. } = self;
        let (reading, names) = match from {
            Side::Initiator => (client, &mut known.client_names),
            Side::Responder => (server, &mut known.server_names),
        };
        match reading.stage {
            Stage::Arguments => {
                let rest = cursor.rest();
                let end = rest.windows(2).position(|pair| pair == [0, 0]).map_or(usize::MAX, |end| end + 2);
                let arguments = cursor.take(end)?;
                known.options = Some(Options::parse(arguments.split(|byte| *byte == 0)));
                reading.stage = Stage::Names;
            }
            Stage::Flags => {
                // With the letter v among what the client can do, a number of variable length; else a byte: small ones are alike.
                known.flags = Some(parse::number(cursor)?);
                reading.stage = Stage::Names;
            }
            Stage::Names => {
                if known.flags.is_none() {
                    // The client has heard what the server can do before it sends them: here it was missed, or comes late.
                    cursor.skip(usize::MAX)?;
                }
                names.clear();
                let mut read = Vec::new();
                for _ in 0..known.lists() {
                    read.push(parse::string(cursor)?.to_vec());
                }
                let names =
                    if from == Side::Initiator { &mut known.client_names } else { &mut known.server_names };
                *names = read;
                reading.stage = if from == Side::Initiator { Stage::Messages } else { Stage::Seed };
            }
            Stage::Seed => {
                cursor.skip(4)?;
                known.ready = true;
                reading.stage = Stage::Messages;
            }
            Stage::Greeting | Stage::Lines | Stage::Messages | Stage::Left => {}
        }
        Ok(())
    }

    /// Messages of both sides, of which some carry the stream (io.c).
    fn message<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        const BASE: u8 = 7;
        let reading = self.reading(from);
        if reading.message == 0 {
            let (bytes, rest) = data.split_at(data.len().min(4 - reading.held.len()));
            reading.held.extend_from_slice(bytes);
            if let Some([l1, l2, l3, tag]) = reading.held.first_chunk::<4>().copied() {
                reading.held.clear();
                if tag < BASE {
                    self.reading(from).held = vec![l1, l2, l3, tag];
                    self.leave(context, from);
                    return rest;
                }
                reading.message = usize::try_from(u32::from_le_bytes([l1, l2, l3, 0])).unwrap_or_default();
                reading.stream = tag == BASE;
            }
            return rest;
        }
        let (bytes, rest) = data.split_at(reading.message.min(data.len()));
        reading.message -= bytes.len();
        if reading.stream {
            self.stream(context, from, bytes);
        } else {
            self.dialogue.data(context, from, bytes);
        }
        rest
    }

    fn stream(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let sends =
            self.known.options.as_ref().is_some_and(|options| options.sender == (from == Side::Responder));
        if sends && self.sender.is_none() {
            self.sender = self.known.stream().map(|agreed| Box::new(Sender::new(agreed, from)));
        }
        let Some(sender) = self.sender.as_mut().filter(|_| sends) else {
            return self.dialogue.data(context, from, data);
        };
        let rest = sender.push(context, data);
        if sender.is_lost() {
            let held = sender.end(context);
            self.dialogue.data(context, from, &held);
            self.dialogue.data(context, from, rest);
        }
    }

    /// The rest of what `from` sends is inspected as it is.
    fn leave(&mut self, context: &mut Context<'_>, from: Side) {
        let reading = self.reading(from);
        reading.stage = Stage::Left;
        let held = std::mem::take(&mut reading.held);
        self.dialogue.data(context, from, &held);
        self.end_stream(context, from);
    }

    fn end_stream(&mut self, context: &mut Context<'_>, from: Side) {
        let sends =
            self.known.options.as_ref().is_some_and(|options| options.sender == (from == Side::Responder));
        if let Some(mut sender) = self.sender.take_if(|_| sends) {
            let held = sender.end(context);
            self.dialogue.data(context, from, &held);
        }
    }
}

impl Analyzer for Rsync {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.step(context, from, rest);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        // Nothing in the stream tells where it can be entered again.
        self.leave(context, from);
        self.dialogue.gap(context, from, bytes);
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.end_stream(context, from);
        self.dialogue.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        for from in [Side::Initiator, Side::Responder] {
            self.leave(context, from);
        }
        self.dialogue.closed(context);
    }
}
