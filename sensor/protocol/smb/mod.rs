//! SMB over TCP (MS-SMB2, and the old dialect of MS-CIFS): who set up a session, and the files that are written and read.
//!
//! Owns: one transfer for each file and direction, from CREATE to CLOSE, in order of offset. Never does: decryption, decompression;
//! the commands of the old dialect that programs before Windows NT used, which are inspected as they pass.

mod channels;
mod files;
mod frames;
mod old;
mod parse;
mod setup;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::logins::Logins;
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
pub(crate) use channels::Channels;
use egret_model::{Protocol, Side, TransferKey, Uninspected};
use files::{Files, Request, Target};
use frames::{Frames, Piece};
use hashbrown::HashMap;
use parse::{Asked, Command, FileId, Header, RELATED_FILE};
use setup::Setup;

/// Recognises the first message, behind a NetBIOS session request where there is one (RFC 1002 section 4.3).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    parse::verdict(bytes)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Smb::default())
}

/// One connection.
#[derive(Default)]
struct Smb {
    initiator: Direction,
    responder: Direction,
    rest: State,
}

/// What one side sends.
#[derive(Default)]
struct Direction {
    frames: Frames,
    /// Where the content goes that comes now.
    target: Option<Target>,
    /// The file that a chain of messages is about, and what its next message is to be about.
    chained: Option<u32>,
    /// The transfer of what is not taken apart, and the one of what is encrypted.
    raw: Option<TransferKey>,
    encrypted: Option<TransferKey>,
}

/// What both sides have told.
#[derive(Default)]
struct State {
    logins: Logins,
    asked: Option<Account>,
    /// Users by session.
    sessions: HashMap<u64, Account>,
    files: Files,
    /// Files that other connections of the same session have too.
    group: Option<u64>,
    /// The client asks to join a session of another connection.
    joins: bool,
    gap: bool,
}

impl Smb {
    fn parts(&mut self, side: Side) -> (&mut Direction, &mut State) {
        match side {
            Side::Initiator => (&mut self.initiator, &mut self.rest),
            Side::Responder => (&mut self.responder, &mut self.rest),
        }
    }
}

impl Analyzer for Smb {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let most = context.limits.witness_bytes;
        self.rest.exchange(context);
        let (direction, state) = self.parts(from);
        let mut frames = std::mem::take(&mut direction.frames);
        frames.push(most, data, &mut |piece| direction.piece(context, state, from, piece));
        direction.frames = frames;
        self.rest.exchange(context);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        self.rest.exchange(context);
        let (direction, state) = self.parts(from);
        state.gap = true;
        for transfer in [direction.raw, direction.encrypted].into_iter().flatten() {
            context.missing(transfer, bytes);
        }
        let mut frames = std::mem::take(&mut direction.frames);
        let mut of_content = 0;
        frames.gap(bytes, &mut |piece| {
            if let Piece::Missing(bytes) = piece {
                of_content += bytes;
            }
            direction.piece(context, state, from, piece);
        });
        direction.frames = frames;
        if of_content < bytes {
            state.files.doubt(from);
        }
        self.rest.exchange(context);
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        let (direction, state) = self.parts(from);
        direction.end(context, !state.gap);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.rest.logins.answered(context, None);
        self.rest.exchange(context);
        if self.rest.group.is_none_or(|group| context.shared.smb.leave(group)) {
            self.rest.files.end_all(context);
        } else {
            self.rest.exchange(context);
        }
        self.initiator.end(context, false);
        self.responder.end(context, false);
    }
}

impl Direction {
    fn piece(&mut self, context: &mut Context<'_>, state: &mut State, from: Side, piece: Piece<'_>) {
        match piece {
            Piece::Message { header, message, first } => {
                if first {
                    self.chained = None;
                }
                self.target = None;
                if header.response {
                    state.response(context, self, from, &header, message);
                } else {
                    state.request(context, self, from, &header, message);
                }
            }
            Piece::Content(data) => {
                let known = self.target.as_mut().is_some_and(|to| state.files.content(context, to, data));
                if !known {
                    self.raw(context, from, data);
                }
            }
            Piece::Missing(bytes) => {
                if let Some(target) = &mut self.target {
                    state.files.missing(context, target, bytes);
                }
            }
            Piece::Raw(data) => self.raw(context, from, data),
            Piece::Encrypted(bytes) => {
                let transfer = *self.encrypted.get_or_insert_with(|| {
                    context.begin(context.start(Protocol::Smb, "encrypted".to_owned(), from))
                });
                context.opaque(transfer, bytes as u64, Uninspected::Encrypted);
            }
            Piece::Compressed(bytes) => context.not_inspected(Uninspected::Unsupported, bytes as u64),
        }
    }

    fn raw(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let transfer = *self.raw.get_or_insert_with(|| {
            let operation = format!("tcp {}", context.flow.responder.port);
            context.begin(context.start(Protocol::Smb, operation, from))
        });
        context.body(transfer, data);
    }

    fn end(&mut self, context: &mut Context<'_>, complete: bool) {
        let complete = complete && !context.flow.midstream;
        for transfer in [self.raw.take(), self.encrypted.take()].into_iter().flatten() {
            context.end(transfer, complete);
        }
    }
}

impl State {
    /// Takes files that other connections have too, or gives them back.
    fn exchange(&mut self, context: &mut Context<'_>) {
        if let Some(group) = self.group {
            context.shared.smb.exchange(group, &mut self.files.table);
        }
    }

    /// The server has accepted a session: others may join it, or it is another connection's.
    fn share(&mut self, context: &mut Context<'_>, server: Side, session: u64) {
        let flow = context.flow;
        let key = (flow.endpoint(server.other()).ip, flow.endpoint(server).ip, session);
        if !std::mem::take(&mut self.joins) {
            self.group = Some(context.shared.smb.register(context.limits, key, self.group));
        } else if self.group.is_none() && self.files.is_empty() {
            self.group = context.shared.smb.join(&key);
            self.exchange(context);
        }
    }

    /// A message that sets up a session of this number.
    fn session(&mut self, context: &mut Context<'_>, from: Side, session: u64, message: &[u8]) {
        if let Some(joins) = setup::joins(message) {
            self.joins = joins;
        }
        match setup::session_setup(message) {
            Some(Setup::Request(Some(account))) => {
                self.asked = Some(account.clone());
                self.logins.asked(context, from, account);
            }
            Some(Setup::Response { accepted: Some(accepted) }) => {
                self.logins.answered(context, Some(accepted));
                if accepted && message.starts_with(&parse::SMB2) {
                    self.share(context, from, session);
                }
                if let Some(account) = self.asked.take()
                    && accepted
                    && self.sessions.len() < context.limits.witness_names
                {
                    self.sessions.insert(session, account);
                }
            }
            Some(Setup::Request(None) | Setup::Response { accepted: None }) | None => {}
        }
    }

    /// The file that a message is about; of a chain, the one that the message before it was about.
    fn file(
        &mut self,
        context: &mut Context<'_>,
        direction: &mut Direction,
        client: Side,
        id: FileId,
    ) -> Option<u32> {
        if id != RELATED_FILE {
            direction.chained = Some(self.files.by_id(context, client, id));
        }
        direction.chained
    }

    fn request(
        &mut self,
        context: &mut Context<'_>,
        direction: &mut Direction,
        from: Side,
        header: &Header,
        message: &[u8],
    ) {
        if header.old {
            for asked in old::asked(message) {
                self.asked(context, direction, from, (header, message), asked);
            }
        } else if let Some(asked) = parse::asked(header, message) {
            self.asked(context, direction, from, (header, message), asked);
        }
    }

    fn asked(
        &mut self,
        context: &mut Context<'_>,
        direction: &mut Direction,
        from: Side,
        (header, message): (&Header, &[u8]),
        asked: Asked<'_>,
    ) {
        let request = match asked {
            Asked::Session => {
                self.session(context, from, header.session, message);
                None
            }
            Asked::Tree(path) => Some(Request::Tree(path)),
            Asked::Create(name) => {
                let user = self.sessions.get(&header.session).map(|account| account.user.clone());
                let tree = (!header.related).then_some(header.tree);
                let file = self.files.create(context, from, (header.session, tree), name, user);
                direction.chained = Some(file);
                Some(Request::Create(file))
            }
            Asked::Read(place) => {
                let file = self.file(context, direction, from, place.file);
                file.map(|file| Request::Read(Target::read(file, place.offset)))
            }
            Asked::Write(place) => {
                let file = self.file(context, direction, from, place.file);
                direction.target = file.map(|file| self.files.write(file, place.offset));
                None
            }
            Asked::Pipe(id, data) => self.file(context, direction, from, id).map(|file| {
                let mut target = self.files.write(file, 0);
                if !self.files.content(context, &mut target, data) {
                    direction.raw(context, from, data);
                }
                Request::Read(Target::read(file, 0))
            }),
            Asked::Rename(id, name) => {
                if let Some(file) = self.file(context, direction, from, id) {
                    self.files.rename(context, file, name);
                }
                None
            }
            Asked::Close(id) => self.file(context, direction, from, id).map(|file| {
                self.files.end_written(context, file);
                Request::Close(file)
            }),
        };
        if let Some(request) = request {
            self.files.ask(context, header.id, request);
        }
    }

    fn response(
        &mut self,
        context: &mut Context<'_>,
        direction: &mut Direction,
        from: Side,
        header: &Header,
        message: &[u8],
    ) {
        if header.is_interim() {
            return;
        }
        if header.command == Command::SessionSetup {
            self.session(context, from, header.session, message);
        }
        match self.files.answer(header.id) {
            Some(Request::Tree(path)) if header.is_success() => {
                self.files.connect(context, header.session, header.tree, &path);
            }
            Some(Request::Create(file)) => {
                let created = if header.old { old::created(message) } else { parse::created(message).ok() };
                let created = created.filter(|_| header.is_success());
                self.files.created(context, file, created);
            }
            Some(Request::Read(target)) if header.command == Command::Ioctl => {
                if let Some((_, data)) = parse::transceived(header, message) {
                    let mut target = self.files.append_if_pipe(target);
                    if !self.files.content(context, &mut target, data) {
                        direction.raw(context, from, data);
                    }
                }
            }
            Some(Request::Read(target)) if header.is_success() => {
                direction.target = Some(self.files.append_if_pipe(target));
            }
            Some(Request::Read(target)) => self.files.end_of_file(target, header.status),
            Some(Request::Close(file)) => self.files.close(context, file),
            Some(Request::Tree(_)) | None => {}
        }
    }
}
