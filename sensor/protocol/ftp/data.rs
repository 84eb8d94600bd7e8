//! A data connection: one file or listing (RFC 959 section 3.2).
//!
//! Owns: the bytes that come before the command is known, and the transfer. Never does: commands.

use super::parse::{self, Verb};
use super::shared::{Coding, ConnectionId, FileKey, Job, Piece};
use crate::line_ends::LineEnds;
use crate::{Analyzer, Context};
use egret_model::{Flow, Protocol, Side, TransferKey, Uninspected};

/// The state machine of one data connection.
pub(super) struct FtpData {
    connection: ConnectionId,
    /// The end at which the FTP server is, whoever opened the connection.
    server: Side,
    sent_by_client: Direction,
    sent_by_server: Direction,
}

/// What one end sends.
enum Direction {
    /// Bytes that came before the command, or none.
    Waiting(Vec<u8>),
    Open(Box<Content>),
    Done,
}

/// Content that is being sent.
struct Content {
    transfer: TransferKey,
    /// Bytes of the file up to here.
    length: u64,
    whole: bool,
    coding: Coding,
    /// The file comes with the line ends of the network (TYPE A).
    line_ends: Option<LineEnds>,
    /// The file, if a later command may continue it.
    file: Option<FileKey>,
    /// Where the transfer began, if that was an earlier connection.
    began: Option<Box<Flow>>,
    /// The command was not known when the transfer began.
    nameless: bool,
    /// Bytes that the earlier piece has already: they are a transfer of their own, so that nothing hides behind it.
    repeated: Option<(TransferKey, u64)>,
}

impl FtpData {
    pub(super) fn new(connection: ConnectionId, server: Side) -> Self {
        let none = || Direction::Waiting(Vec::new());
        Self { connection, server, sent_by_client: none(), sent_by_server: none() }
    }

    fn direction(&mut self, from: Side) -> &mut Direction {
        if from == self.server { &mut self.sent_by_server } else { &mut self.sent_by_client }
    }

    /// The command, if it is one with which `from` sends.
    fn job(&self, context: &Context<'_>, from: Side) -> Option<Job> {
        let job = context.shared.ftp.job(self.connection)?;
        (job.verb.uploads() == (from != self.server)).then(|| job.clone())
    }

    /// Begins the transfer with what is known and hands over what was held; names one that has begun without a name.
    fn open<'a>(&'a mut self, context: &mut Context<'_>, from: Side) -> Option<&'a mut Content> {
        if matches!(self.direction(from), Direction::Open(content) if content.nameless)
            && let Some(job) = self.job(context, from)
            && let Direction::Open(content) = self.direction(from)
        {
            content.name(context, &job);
        }
        if let Direction::Waiting(held) = self.direction(from) {
            let held = std::mem::take(held);
            let job = self.job(context, from);
            let mut content = match job {
                Some(job) => Content::of_job(context, &job, from, self.server),
                None => Content::nameless(context, from, self.server),
            };
            content.body(context, &held);
            *self.direction(from) = Direction::Open(Box::new(content));
        }
        match self.direction(from) {
            Direction::Open(content) => Some(content),
            Direction::Waiting(_) | Direction::Done => None,
        }
    }

    /// What `from` sends is over. `seen`: its end was seen.
    fn conclude(&mut self, context: &mut Context<'_>, from: Side, seen: bool) {
        // An empty file is a file; a side that was not to send anything is not.
        let empty = matches!(self.direction(from), Direction::Waiting(held) if held.is_empty());
        if empty && !(seen && self.job(context, from).is_some_and(|job| !job.verb.lists())) {
            return;
        }
        self.open(context, from);
        if let Direction::Open(content) = std::mem::replace(self.direction(from), Direction::Done) {
            content.end(context, seen);
        }
    }
}

impl Analyzer for FtpData {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let told = context.shared.ftp.job(self.connection).is_some();
        match self.direction(from) {
            Direction::Waiting(held)
                if !told && held.len() + data.len() <= context.limits.ftp_unnamed_bytes =>
            {
                held.extend_from_slice(data);
            }
            Direction::Done => context.not_inspected(Uninspected::Malformed, data.len() as u64),
            Direction::Waiting(_) | Direction::Open(_) => {
                if let Some(content) = self.open(context, from) {
                    content.body(context, data);
                }
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if let Some(content) = self.open(context, from) {
            content.missing(context, bytes);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.conclude(context, from, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.conclude(context, Side::Initiator, false);
        self.conclude(context, Side::Responder, false);
        context.shared.ftp.forget(self.connection);
    }
}

impl Content {
    /// Content of a command: a new transfer, or the next piece of one.
    fn of_job(context: &mut Context<'_>, job: &Job, from: Side, server: Side) -> Self {
        let (client_end, server_end) = (context.flow.endpoint(server.other()), context.flow.endpoint(server));
        let upload = job.verb.uploads();
        let key = FileKey { client: client_end.ip, server: server_end.ip, upload, file: job.file.clone() };
        let resumable = job.coding == Coding::Stream && !job.verb.lists() && job.verb != Verb::Stou;
        let earlier = if resumable { context.shared.ftp.take(&key) } else { None };
        let file = resumable.then_some(key);
        let offset = match (&earlier, job.offset) {
            // The server appends to what it has; if all of the earlier piece arrived, that is its end.
            (Some(piece), None) if piece.ended => piece.length,
            (_, None) => 0,
            (_, Some(offset)) => offset,
        };
        let Some(piece) = earlier else { return Self::begin(context, job, from, server, file, offset) };
        if offset == 0 || offset > piece.length {
            (context.sink)(piece.end_event());
            return Self::begin(context, job, from, server, file, offset);
        }
        let repeated = piece.length - offset;
        let repeated = (repeated > 0)
            .then(|| (Self::begin(context, job, from, server, None, offset).transfer, repeated));
        Self {
            transfer: piece.transfer,
            length: piece.length,
            whole: piece.whole,
            coding: Coding::Stream,
            line_ends: job.line_ends(),
            file,
            began: Some(piece.flow),
            nameless: false,
            repeated,
        }
    }

    fn begin(
        context: &mut Context<'_>,
        job: &Job,
        from: Side,
        server: Side,
        file: Option<FileKey>,
        offset: u64,
    ) -> Self {
        let operation = format!("{} {}", job.verb.name(), job.path);
        let mut start = context.start(Protocol::Ftp, operation.trim_end().to_owned(), from);
        start.server = server;
        start.server_name = start.server_name.or_else(|| job.server_name.clone());
        start.user = job.account.as_ref().map(|account| account.user.clone()).or(start.user);
        start.filename = if job.verb.lists() { None } else { parse::filename(&job.path) };
        if job.verb.lists() {
            start.media_type = Some("text/plain".to_owned());
        }
        if job.coding == Coding::Deflate {
            start.codings = vec!["deflate".to_owned()];
        }
        if offset > 0 {
            start.facts.push(("offset", offset.to_string()));
        }
        let transfer = context.begin(start);
        if offset > 0 {
            // The file's beginning was moved before; nobody saw it here.
            context.missing(transfer, 0);
        }
        Self {
            transfer,
            length: offset,
            whole: offset == 0,
            coding: job.coding,
            line_ends: job.line_ends(),
            file,
            began: None,
            nameless: false,
            repeated: None,
        }
    }

    /// Content whose command was not seen.
    fn nameless(context: &mut Context<'_>, from: Side, server: Side) -> Self {
        let verb = if from == server { Verb::Retr } else { Verb::Stor };
        let mut start = context.start(Protocol::Ftp, verb.name().to_owned(), from);
        start.server = server;
        let transfer = context.begin(start);
        Self {
            transfer,
            length: 0,
            whole: true,
            coding: Coding::Stream,
            line_ends: None,
            file: None,
            began: None,
            nameless: true,
            repeated: None,
        }
    }

    /// The command has become known.
    fn name(&mut self, context: &mut Context<'_>, job: &Job) {
        self.nameless = false;
        context.named(self.transfer, parse::filename(&job.path), job.server_name.clone());
    }

    fn body(&mut self, context: &mut Context<'_>, data: &[u8]) {
        match &mut self.line_ends {
            Some(line_ends) => {
                let content = line_ends.push(data);
                self.content(context, &content);
            }
            None => self.content(context, data),
        }
    }

    /// A return that was held back until its line feed is content after all.
    fn settle(&mut self, context: &mut Context<'_>) {
        if let Some(held) = self.line_ends.as_mut().and_then(LineEnds::settle) {
            self.content(context, held);
        }
    }

    /// The next bytes of the file.
    fn content(&mut self, context: &mut Context<'_>, data: &[u8]) {
        let mut data = data;
        if let Some((transfer, left)) = &mut self.repeated {
            let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
            let (again, rest) = data.split_at(count);
            context.body(*transfer, again);
            *left -= again.len() as u64;
            data = rest;
        }
        self.end_repeated(context, 0);
        self.length = self.length.saturating_add(data.len() as u64);
        if self.coding == Coding::Unsupported {
            context.opaque(self.transfer, data.len() as u64, Uninspected::Unsupported);
        } else {
            context.body(self.transfer, data);
        }
    }

    fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.settle(context);
        let mut bytes = bytes;
        if let Some((transfer, left)) = &mut self.repeated {
            let count = bytes.min(*left);
            context.missing(*transfer, count);
            *left -= count;
            bytes -= count;
        }
        self.end_repeated(context, 0);
        if bytes > 0 {
            self.length = self.length.saturating_add(bytes);
            self.whole = false;
            context.missing(self.transfer, bytes);
        }
    }

    /// Ends the transfer of repeated bytes, if no more than `left` of them are to come.
    fn end_repeated(&mut self, context: &mut Context<'_>, left: u64) {
        if let Some((transfer, _)) = self.repeated.take_if(|(_, to_come)| *to_come <= left) {
            context.end(transfer, false);
        }
    }

    fn end(mut self, context: &mut Context<'_>, seen: bool) {
        self.settle(context);
        self.end_repeated(context, u64::MAX);
        let continues = match &self.file {
            Some(file) => file.upload || !seen,
            None => false,
        };
        let Some(file) = self.file.filter(|_| continues) else {
            return context.end(self.transfer, self.whole && seen);
        };
        let piece = Piece {
            transfer: self.transfer,
            length: self.length,
            whole: self.whole,
            ended: seen,
            at: context.now(),
            flow: self.began.unwrap_or_else(|| Box::new(context.flow.clone())),
        };
        if let Some(earlier) = context.shared.ftp.hold(file, piece) {
            (context.sink)(earlier.end_event());
        }
    }
}
