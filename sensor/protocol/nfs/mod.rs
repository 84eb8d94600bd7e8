//! NFS over TCP, versions 3 (RFC 1813) and 4 (RFC 7530, RFC 8881): files that are written and read.
//!
//! Owns: records of ONC RPC, and the pairing of calls and replies. Never does: mounting; locks; encrypted sessions (RFC 2203), whose
//! messages make no sense and are inspected as they are.

mod files;
mod rpc;
#[cfg(test)]
mod tests;
mod version3;
mod version4;

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, raw};
use egret_model::{Cursor, Protocol, Side, Truncated};
use files::{Files, Handle, Target};
use hashbrown::HashMap;
use rpc::Head;
use std::collections::VecDeque;

/// Recognises a call.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    match (prefix.initiator, prefix.responder) {
        ([], responder) if prefix.flow.midstream => rpc::verdict(responder),
        (initiator, _) => rpc::verdict(initiator),
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    let reading = || Reading::new(context.flow.midstream);
    Box::new(Nfs {
        client: Side::Initiator,
        initiator: reading(),
        responder: reading(),
        asked: HashMap::new(),
        order: VecDeque::new(),
        files: Files::default(),
        rest: raw::known(context, Protocol::Nfs),
    })
}

/// What waits for its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Asked {
    /// Its reply moves no file and names none.
    Nothing,
    /// Version 3: which file has this name; `created`: in the form of a reply to CREATE.
    Name {
        name: String,
        created: bool,
    },
    Read {
        file: Handle,
        offset: u64,
    },
    /// Version 4.
    Compound(Vec<version4::Step>),
}

/// What a message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Named {
        file: Handle,
        name: String,
    },
    /// Content follows, where the reader of the message stands. Always the last that is found.
    Content {
        file: Handle,
        offset: u64,
        length: u32,
    },
    Size {
        file: Handle,
        size: u64,
    },
    Written(Handle),
    Closed(Handle),
}

/// What a call comes to.
#[derive(Debug)]
struct Asking {
    found: Vec<Found>,
    asked: Asked,
}

impl Asking {
    fn wait(asked: Asked) -> Self {
        Self { found: Vec::new(), asked }
    }

    fn now(found: Found) -> Self {
        Self { found: vec![found], asked: Asked::Nothing }
    }
}

/// One connection.
struct Nfs {
    client: Side,
    initiator: Reading,
    responder: Reading,
    asked: HashMap<u32, Asked>,
    /// Calls in the order in which they came.
    order: VecDeque<u32>,
    files: Files,
    /// What is not taken apart.
    rest: Box<dyn Analyzer>,
}

/// What one side sends.
struct Reading {
    /// Bytes of the mark before the next fragment.
    mark: Vec<u8>,
    /// Bytes of the present fragment that are still to come, and whether it is the last of its record.
    fragment: u32,
    last: bool,
    record: Record,
}

/// Where in a record the next byte stands.
enum Record {
    /// In its head, which is held.
    Head(Vec<u8>),
    Content {
        left: u32,
        target: Target,
    },
    /// Behind what is wanted of it.
    Passing,
    /// In a record of which nothing is known: it is inspected as it is.
    Strange,
    /// In no record that anybody could tell.
    Lost,
}

impl Reading {
    const fn new(midstream: bool) -> Self {
        let record = if midstream { Record::Lost } else { Record::Head(Vec::new()) };
        Self { mark: Vec::new(), fragment: 0, last: false, record }
    }
}

/// What a record has turned out to be.
enum Outcome {
    /// More of it is needed.
    Unfinished,
    Strange,
    /// What it tells, and how long the head is; of a call, what waits for its reply.
    Known {
        found: Vec<Found>,
        asked: Option<(u32, Asked)>,
        head: usize,
    },
}

impl Nfs {
    const fn reading(&mut self, from: Side) -> &mut Reading {
        match from {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    /// Reads bytes up to the end of the fragment; returns the rest.
    fn step<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        if let Record::Lost = self.reading(from).record {
            if !self.begins_record(data) {
                self.rest.data(context, from, data);
                return &[];
            }
            *self.reading(from) = Reading::new(false);
        }
        let reading = self.reading(from);
        if reading.fragment == 0 {
            let (bytes, rest) = data.split_at(data.len().min(4 - reading.mark.len()));
            reading.mark.extend_from_slice(bytes);
            if let Some(mark) = reading.mark.first_chunk::<4>() {
                (reading.fragment, reading.last) = rpc::mark(*mark);
                reading.mark.clear();
                self.end_fragment(context, from);
            }
            return rest;
        }
        let count = usize::try_from(reading.fragment).unwrap_or(usize::MAX).min(data.len());
        let (bytes, rest) = data.split_at(count);
        reading.fragment -= u32::try_from(count).unwrap_or(u32::MAX);
        self.record(context, from, bytes);
        self.end_fragment(context, from);
        rest
    }

    fn end_fragment(&mut self, context: &mut Context<'_>, from: Side) {
        let reading = self.reading(from);
        if reading.fragment > 0 || !reading.last {
            return;
        }
        reading.last = false;
        let record = std::mem::replace(&mut reading.record, Record::Head(Vec::new()));
        match record {
            // Shorter than it should be.
            Record::Head(held) => self.rest.data(context, from, &held),
            Record::Content { left, mut target } => {
                self.files.content(context, &mut target, Err(u64::from(left)));
            }
            Record::Passing | Record::Strange => {}
            Record::Lost => self.reading(from).record = Record::Lost,
        }
    }

    /// Whether a record begins here, behind a gap.
    fn begins_record(&self, data: &[u8]) -> bool {
        if rpc::verdict(data) == Verdict::Yes {
            return true;
        }
        let word = |at: usize| data.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
        word(4).is_some_and(|id| self.asked.contains_key(&id)) && word(8) == Some(1) && word(12) == Some(0)
    }

    /// The next bytes of a record.
    fn record(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            match std::mem::replace(&mut self.reading(from).record, Record::Passing) {
                Record::Head(held) => rest = self.head(context, from, held, rest),
                Record::Content { left, mut target } => {
                    let (content, behind) =
                        rest.split_at(usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()));
                    self.files.content(context, &mut target, Ok(content));
                    let left = left - u32::try_from(content.len()).unwrap_or(left);
                    if left > 0 {
                        self.reading(from).record = Record::Content { left, target };
                    }
                    rest = behind;
                }
                Record::Passing => return,
                strange @ (Record::Strange | Record::Lost) => {
                    self.reading(from).record = strange;
                    return self.rest.data(context, from, rest);
                }
            }
        }
    }

    /// Collects the head of a record; returns what stands behind it.
    fn head<'a>(
        &mut self,
        context: &mut Context<'_>,
        from: Side,
        mut held: Vec<u8>,
        data: &'a [u8],
    ) -> &'a [u8] {
        /// Beside what is held already, enough for any head but those that name dozens of files, bytes.
        const STEP: usize = 512;
        let (bytes, rest) = data.split_at(data.len().min(STEP));
        held.extend_from_slice(bytes);
        match self.outcome(&held) {
            Outcome::Unfinished if held.len() < context.limits.witness_bytes => {
                self.reading(from).record = Record::Head(held);
            }
            Outcome::Unfinished | Outcome::Strange => {
                self.reading(from).record = Record::Strange;
                self.rest.data(context, from, &held);
            }
            Outcome::Known { found, asked, head } => {
                if let Some((id, asked)) = asked {
                    self.client = from;
                    self.ask(context, id, asked);
                } else {
                    self.forget_answered(&held);
                }
                let content = self.found(context, from, found);
                if let Some((target, left)) = content.filter(|(_, left)| *left > 0) {
                    self.reading(from).record = Record::Content { left, target };
                    self.record(context, from, held.get(head..).unwrap_or_default());
                }
            }
        }
        rest
    }

    /// What the head of a record tells, as far as it has come.
    fn outcome(&self, held: &[u8]) -> Outcome {
        let mut cursor = Cursor::new(held);
        let read = |cursor: &mut Cursor<'_>| -> Result<Outcome, Truncated> {
            let known =
                |found, asked, cursor: &Cursor<'_>| Outcome::Known { found, asked, head: cursor.position() };
            Ok(match rpc::head(cursor)? {
                Head::Call(call) => {
                    let asking = match (call.version, call.procedure) {
                        (3, procedure) => Some(version3::call(procedure, cursor)?),
                        (_, version4::COMPOUND) => version4::call(cursor)?,
                        _ => Some(Asking::wait(Asked::Nothing)),
                    };
                    match asking {
                        Some(Asking { found, asked }) => known(found, Some((call.id, asked)), cursor),
                        None => Outcome::Strange,
                    }
                }
                Head::Reply { id } => {
                    let found = match self.asked.get(&id) {
                        Some(Asked::Compound(steps)) => version4::reply(steps, cursor)?,
                        Some(asked) => Some(version3::reply(asked, cursor)?),
                        None => None,
                    };
                    found.map_or(Outcome::Strange, |found| known(found, None, cursor))
                }
                Head::Refusal { .. } => known(Vec::new(), None, cursor),
                Head::Other => Outcome::Strange,
            })
        };
        read(&mut cursor).unwrap_or(Outcome::Unfinished)
    }

    fn ask(&mut self, context: &Context<'_>, id: u32, asked: Asked) {
        if self.asked.insert(id, asked).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > context.limits.file_requests
            && let Some(oldest) = self.order.pop_front()
        {
            self.asked.remove(&oldest);
        }
    }

    /// A reply has come.
    fn forget_answered(&mut self, message: &[u8]) {
        let mut cursor = Cursor::new(message);
        if let (Ok(id), Ok(1)) = (cursor.u32_be(), cursor.u32_be()) {
            self.asked.remove(&id);
            while self.order.front().is_some_and(|first| !self.asked.contains_key(first)) {
                self.order.pop_front();
            }
        }
    }

    /// Acts on what a message tells; returns where its content goes, and how much there is.
    fn found(&mut self, context: &mut Context<'_>, from: Side, found: Vec<Found>) -> Option<(Target, u32)> {
        let mut content = None;
        for found in found {
            match found {
                Found::Named { file, name } => self.files.name(context, file, &name),
                Found::Size { file, size } => {
                    // Content may be the first that is told of the file.
                    self.files.target(context, self.client, &file, 0, false);
                    self.files.size(&file, size);
                }
                Found::Written(file) => self.files.written(context, &file),
                Found::Closed(file) => self.files.closed(context, &file),
                Found::Content { file, offset, length } => {
                    let written = from == self.client;
                    content = Some((self.files.target(context, self.client, &file, offset, written), length));
                }
            }
        }
        content
    }
}

impl Analyzer for Nfs {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.step(context, from, rest);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let reading = self.reading(from);
        let inside = u32::try_from(bytes).ok().filter(|bytes| *bytes <= reading.fragment);
        match (std::mem::replace(&mut reading.record, Record::Lost), inside) {
            (Record::Content { left, mut target }, Some(bytes)) => {
                reading.fragment -= bytes;
                let missing = bytes.min(left);
                reading.record = Record::Passing;
                self.files.content(context, &mut target, Err(u64::from(missing)));
                if left > missing {
                    self.reading(from).record = Record::Content { left: left - missing, target };
                }
                self.end_fragment(context, from);
            }
            (record @ (Record::Passing | Record::Strange), Some(bytes)) => {
                reading.fragment -= bytes;
                reading.record = record;
                self.end_fragment(context, from);
            }
            (Record::Head(held), Some(bytes)) => {
                reading.fragment -= bytes;
                reading.record = Record::Strange;
                self.rest.data(context, from, &held);
                self.rest.gap(context, from, u64::from(bytes));
                self.files.doubt(from);
                self.end_fragment(context, from);
            }
            (Record::Content { left, mut target }, None) => {
                self.files.content(context, &mut target, Err(u64::from(left)));
                self.files.doubt(from);
                self.rest.gap(context, from, bytes);
            }
            (Record::Head(held), None) => {
                self.rest.data(context, from, &held);
                self.files.doubt(from);
                self.rest.gap(context, from, bytes);
            }
            (Record::Passing | Record::Strange | Record::Lost, _) => {
                self.files.doubt(from);
                self.rest.gap(context, from, bytes);
            }
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.rest.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        for from in [Side::Initiator, Side::Responder] {
            let reading = self.reading(from);
            let held = std::mem::take(&mut reading.mark);
            let record = std::mem::replace(&mut reading.record, Record::Lost);
            self.rest.data(context, from, &held);
            match record {
                Record::Head(held) => self.rest.data(context, from, &held),
                Record::Content { left, mut target } => {
                    self.files.content(context, &mut target, Err(u64::from(left)));
                }
                Record::Passing | Record::Strange | Record::Lost => {}
            }
        }
        self.files.end_all(context);
        self.rest.closed(context);
    }
}
