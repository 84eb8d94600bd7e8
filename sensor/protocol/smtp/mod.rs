//! SMTP and LMTP: mails and the users who submit them (RFC 5321, 2033, 2920, 3030, 3207, 4954).
//!
//! Owns: the session's state. Never does: reading a mail's inside; keeping a credential.
//!
//! The content of a mail is found by the dialogue where both sides were captured, and by its own shape where they were
//! not: a session may begin in the middle, have gaps, or show only one side. Where receivers differ on where a mail ends
//! (a lone dot between bare line feeds), the server's reply decides, and without one the bytes count as content, so
//! that nothing can hide in the difference.

mod dialogue;
mod header;
mod mail;
mod parse;
mod probe;
mod server;
#[cfg(test)]
mod tests;

pub(crate) use probe::probe;

use crate::account::Account;
use crate::lines::{LineBuffer, TooLong, without_end};
use crate::sasl::Authentication;
use crate::unstuff::{Progress, Unstuffer};
use crate::{Analyzer, Context, Successor};
use dialogue::{Awaited, Replies};
use egret_model::{Evidence, Side, Uninspected};
use mail::{Envelope, Known, Mail};
use parse::Command;

/// What the client's next bytes are.
enum Mode {
    /// Command lines.
    Commands,
    /// After DATA, before its answer: content, or commands if DATA is refused.
    Asked,
    /// Content up to a lone dot.
    Content(Unstuffer),
    /// Behind a doubtful end of the content.
    Doubtful(Unstuffer),
    /// Octets of BDAT.
    Chunk { left: u64, last: bool },
    /// After STARTTLS, before its answer.
    AskedTls,
    /// Somebody else's: TLS begins here.
    Left,
    /// Not known, after missing bytes: the rest of a line, and more.
    Lost(Option<Vec<u8>>),
}

/// Lines in a row that are no commands, after which they are taken for content.
const STRAY_LINES: u32 = 3;

/// The state machine of one session.
struct Smtp {
    client: Side,
    /// Which end is the client is not known yet.
    sides_unknown: bool,
    mode: Mode,
    client_lines: LineBuffer,
    server_lines: LineBuffer,
    replies: Replies,
    /// The server's name, from the first line of the reply that is coming in.
    named: Option<String>,
    /// Lines of that reply have come.
    in_reply: bool,
    server_name: Option<String>,
    lmtp: bool,
    authentication: Option<Authentication>,
    account: Option<Account>,
    /// No reply to the account's authentication has come yet.
    unconfirmed: bool,
    envelope: Envelope,
    mail: Option<Mail>,
    stray_lines: u32,
}

impl Smtp {
    /// `midstream`: the beginning of the session was not captured.
    fn new(midstream: bool) -> Self {
        Self {
            client: Side::Initiator,
            sides_unknown: midstream,
            mode: if midstream { Mode::Lost(None) } else { Mode::Commands },
            client_lines: LineBuffer::default(),
            server_lines: LineBuffer::default(),
            replies: Replies::new(midstream),
            named: None,
            in_reply: false,
            server_name: None,
            lmtp: false,
            authentication: None,
            account: None,
            unconfirmed: false,
            envelope: Envelope::default(),
            mail: None,
            stray_lines: 0,
        }
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Smtp::new(context.flow.midstream))
}

impl Analyzer for Smtp {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut data = data;
        if std::mem::take(&mut self.sides_unknown) {
            // Of the first bytes of either end, only a server's are digits.
            let server_speaks = data.first().is_some_and(u8::is_ascii_digit);
            self.client = if server_speaks { from.other() } else { from };
        }
        if from == self.client {
            self.replies.client_speaks();
        }
        while !data.is_empty() && !matches!(self.mode, Mode::Left) {
            if from == self.client {
                self.client_bytes(context, &mut data);
            } else {
                self.server_bytes(context, &mut data);
            }
        }
        if let Mode::Left = self.mode {
            self.hand_over(context, from, data);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        self.replies.lose_step();
        if from == self.client {
            self.client_gap(context, bytes);
        } else {
            self.server_lines.take();
            self.in_reply = false;
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if from == self.client && matches!(self.mode, Mode::Doubtful(_)) && self.client_lines.is_empty() {
            self.end_mail(context, true);
        }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        let mut held = self.client_lines.take();
        match std::mem::replace(&mut self.mode, Mode::Commands) {
            Mode::Asked if !held.is_empty() => {
                self.begin_content(context, Unstuffer::default(), &std::mem::take(&mut held));
            }
            Mode::Lost(first) => {
                let mut bytes = first.unwrap_or_default();
                bytes.append(&mut held);
                if !bytes.is_empty() {
                    self.content_of_unknown_start(context, &bytes);
                }
            }
            Mode::Doubtful(_) => self.end_mail(context, true),
            mode => self.mode = mode,
        }
        context.not_inspected(Uninspected::Malformed, held.len() as u64);
        if let (Mode::Content(unstuffer), Some(mail)) = (&mut self.mode, &mut self.mail) {
            unstuffer.flush(&mut |bytes| mail.body(context, bytes));
        }
        self.unanswered_authentication(context);
        if let Some(mail) = self.mail.take() {
            mail.end(context, false);
        }
    }
}

/// The client's side.
impl Smtp {
    fn client_bytes(&mut self, context: &mut Context<'_>, data: &mut &[u8]) {
        match &mut self.mode {
            Mode::Content(_) => self.content(context, data),
            Mode::Chunk { .. } => self.chunk(context, data),
            // The server has had its say before the client goes on, unless its replies were not captured.
            Mode::Doubtful(unstuffer) if self.replies.were_seen() => {
                self.mode = Mode::Content(std::mem::take(unstuffer));
                self.replies.retract();
            }
            // A record of TLS (RFC 8446 section 5.1) needs no answer to be told from a command.
            Mode::AskedTls if self.client_lines.is_empty() && matches!(data, [20..=23, ..]) => {
                self.mode = Mode::Left;
            }
            // The client takes the port for one of TLS from the start.
            Mode::Commands if self.client_lines.is_empty() && matches!(data, [22, ..]) => {
                self.mode = Mode::Left;
            }
            _ => {
                let Some(line) = self.client_lines.next(data, context.limits.head_bytes) else { return };
                match line {
                    Ok(line) => self.line(context, &line),
                    Err(TooLong(bytes)) => self.content_of_unknown_start(context, &bytes),
                }
            }
        }
    }

    fn line(&mut self, context: &mut Context<'_>, line: &[u8]) {
        let command = parse::command(without_end(line));
        match std::mem::replace(&mut self.mode, Mode::Commands) {
            Mode::Asked => match command {
                Some(command) => self.command(context, command),
                None => self.begin_content(context, Unstuffer::default(), line),
            },
            Mode::Doubtful(mut unstuffer) => match command {
                Some(command) => {
                    self.end_mail(context, true);
                    self.command(context, command);
                }
                None => {
                    self.replies.retract();
                    if let Some(mail) = &mut self.mail {
                        unstuffer.flush(&mut |bytes| mail.body(context, bytes));
                    }
                    self.begin_content(context, unstuffer, line);
                }
            },
            Mode::Lost(first) => match (command, first) {
                (Some(command), first) => {
                    context.not_inspected(Uninspected::Malformed, first.map_or(0, |line| line.len() as u64));
                    self.command(context, command);
                }
                (None, None) => self.mode = Mode::Lost(Some(line.to_vec())),
                (None, Some(mut first)) => {
                    first.extend_from_slice(line);
                    self.content_of_unknown_start(context, &first);
                }
            },
            _ => self.command_line(context, command, line),
        }
    }

    fn command_line(&mut self, context: &mut Context<'_>, command: Option<Command<'_>>, line: &[u8]) {
        if let Some(command) = command {
            self.stray_lines = 0;
            return self.command(context, command);
        }
        if let Some(authentication) = &mut self.authentication
            && authentication.message(without_end(line))
        {
            return;
        }
        self.authentication = None;
        self.stray_lines += 1;
        if self.stray_lines >= STRAY_LINES {
            self.stray_lines = 0;
            self.content_of_unknown_start(context, line);
        } else {
            self.expect(context, Awaited::Other);
            context.not_inspected(Uninspected::Malformed, line.len() as u64);
        }
    }

    fn command(&mut self, context: &mut Context<'_>, command: Command<'_>) {
        if !matches!(command, Command::Auth { .. }) {
            self.unanswered_authentication(context);
        }
        let awaited = match command {
            Command::Hello { lmtp } => {
                self.lmtp = lmtp;
                self.abandon_mail(context);
                Awaited::Hello
            }
            Command::Mail { address } => {
                self.abandon_mail(context);
                self.envelope = Envelope::new(address, context.now());
                Awaited::Mail
            }
            Command::Recipient { address } => {
                Awaited::Recipient(self.envelope.add(address, context.limits.smtp_recipients))
            }
            Command::Data => {
                self.mode = Mode::Asked;
                Awaited::Data
            }
            Command::Chunk { bytes, last } => return self.begin_chunk(context, bytes, last),
            Command::Auth { mechanism, initial } => {
                self.authentication = Some(Authentication::new(mechanism, initial));
                Awaited::Auth
            }
            Command::StartTls => {
                self.mode = Mode::AskedTls;
                Awaited::StartTls
            }
            Command::Reset => {
                self.abandon_mail(context);
                Awaited::Other
            }
            Command::Other => Awaited::Other,
        };
        self.expect(context, awaited);
    }

    fn expect(&mut self, context: &Context<'_>, awaited: Awaited) {
        self.replies.expect(awaited, context.limits.pipelined_commands);
    }

    fn content(&mut self, context: &mut Context<'_>, data: &mut &[u8]) {
        let (Mode::Content(unstuffer), Some(mail)) = (&mut self.mode, &mut self.mail) else { return };
        let progress = unstuffer.push(data, &mut |bytes| mail.body(context, bytes));
        let rest = match progress {
            Progress::More => 0,
            Progress::End { rest } => {
                self.expect_content(context);
                self.end_mail(context, true);
                rest
            }
            Progress::Doubtful { rest } => {
                self.mode = Mode::Doubtful(std::mem::take(unstuffer));
                self.expect(context, Awaited::Content);
                rest
            }
        };
        *data = data.get(data.len().saturating_sub(rest)..).unwrap_or_default();
    }

    /// LMTP answers once for every recipient that it took (RFC 2033 section 4.2).
    fn expect_content(&mut self, context: &Context<'_>) {
        let replies = if self.lmtp { self.envelope.accepted() } else { 1 };
        for _ in 0..replies {
            self.expect(context, Awaited::Content);
        }
    }

    fn begin_chunk(&mut self, context: &mut Context<'_>, bytes: u64, last: bool) {
        self.open_mail(context, "BDAT");
        if !last {
            self.expect(context, Awaited::Other);
        }
        self.mode = Mode::Chunk { left: bytes, last };
        self.finish_chunk(context);
    }

    fn chunk(&mut self, context: &mut Context<'_>, data: &mut &[u8]) {
        let Mode::Chunk { left, .. } = &mut self.mode else { return };
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        let (octets, rest) = data.split_at(count);
        *left -= octets.len() as u64;
        *data = rest;
        if let Some(mail) = &mut self.mail {
            mail.body(context, octets);
        }
        self.finish_chunk(context);
    }

    fn finish_chunk(&mut self, context: &mut Context<'_>) {
        let Mode::Chunk { left: 0, last } = self.mode else { return };
        self.mode = Mode::Commands;
        if last {
            self.expect_content(context);
            self.end_mail(context, true);
        }
    }

    fn client_gap(&mut self, context: &mut Context<'_>, bytes: u64) {
        let held = self.client_lines.take();
        match std::mem::replace(&mut self.mode, Mode::Lost(None)) {
            Mode::Content(mut unstuffer) | Mode::Doubtful(mut unstuffer) => {
                if let Some(mail) = &mut self.mail {
                    unstuffer.push(&held, &mut |bytes| mail.body(context, bytes));
                    unstuffer.flush(&mut |bytes| mail.body(context, bytes));
                    mail.missing(context, bytes);
                }
                unstuffer.gap();
                self.mode = Mode::Content(unstuffer);
            }
            Mode::Asked => {
                self.begin_content(context, Unstuffer::default(), &held);
                self.client_gap(context, bytes);
            }
            Mode::AskedTls => self.mode = Mode::AskedTls,
            Mode::Chunk { left, last } => {
                if let Some(mail) = &mut self.mail {
                    mail.missing(context, left.min(bytes));
                }
                if bytes <= left {
                    self.mode = Mode::Chunk { left: left - bytes, last };
                    self.finish_chunk(context);
                } else if last && let Some(mail) = self.mail.take() {
                    mail.end(context, true);
                }
            }
            Mode::Lost(first) => {
                let held = held.len().saturating_add(first.map_or(0, |line| line.len()));
                context.not_inspected(Uninspected::Malformed, held as u64);
            }
            Mode::Commands | Mode::Left => {
                // Between two chunks of BDAT.
                if let Some(mail) = &mut self.mail {
                    mail.missing(context, 0);
                }
                context.not_inspected(Uninspected::Malformed, held.len() as u64);
            }
        }
    }
}

/// Mails and log-ins.
impl Smtp {
    fn open_mail(&mut self, context: &mut Context<'_>, operation: &str) {
        if self.mail.is_none() {
            let (server_name, account) = (self.server_name.as_deref(), self.account.as_ref());
            let known = Known { client: self.client, server_name, account };
            self.mail = Some(Mail::begin(context, operation, &known, &self.envelope));
        }
    }

    /// Content of DATA begins or goes on with `held`, at most two lines.
    fn begin_content(&mut self, context: &mut Context<'_>, unstuffer: Unstuffer, held: &[u8]) {
        self.open_mail(context, "DATA");
        self.mode = Mode::Content(unstuffer);
        let mut held = held;
        while !held.is_empty() {
            self.client_bytes(context, &mut held);
        }
    }

    /// Bytes that must be content although no command announced them.
    fn content_of_unknown_start(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        self.open_mail(context, "DATA");
        if let Some(mail) = &mut self.mail {
            mail.missing(context, 0);
        }
        self.begin_content(context, Unstuffer::within_line(), bytes);
    }

    fn end_mail(&mut self, context: &mut Context<'_>, seen: bool) {
        self.mode = Mode::Commands;
        self.envelope = Envelope::default();
        if let Some(mail) = self.mail.take() {
            mail.end(context, seen);
        }
    }

    /// RSET, or a new beginning: chunks without a last one are a mail that was broken off.
    fn abandon_mail(&mut self, context: &mut Context<'_>) {
        self.envelope = Envelope::default();
        if let Some(mail) = self.mail.take() {
            mail.end(context, false);
        }
    }

    /// The client goes on without an answer to its authentication having been captured.
    fn unanswered_authentication(&mut self, context: &mut Context<'_>) {
        if self.authentication.is_some() {
            self.authenticated(context, false);
        }
    }

    fn authenticated(&mut self, context: &mut Context<'_>, confirmed: bool) {
        if let Some(authentication) = self.authentication.take() {
            self.account = authentication.into_account();
        } else if !(confirmed && self.unconfirmed) {
            return;
        }
        self.unconfirmed = !confirmed;
        if let Some(account) = &self.account {
            let ip = context.flow.endpoint(self.client).ip;
            context.sighting(account.sighting(ip, Evidence::SmtpAuth, confirmed, context.now()));
        }
    }

    fn refused(&mut self) {
        self.authentication = None;
        if std::mem::take(&mut self.unconfirmed) {
            self.account = None;
        }
    }

    /// TLS begins: whoever recognises it reads on, and knows the server's name.
    fn hand_over(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.abandon_mail(context);
        self.unanswered_authentication(context);
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        nesting.server_name = nesting.server_name.or(self.server_name.take());
        let held = [(self.client, self.client_lines.take()), (self.client.other(), self.server_lines.take())];
        let unread = held.into_iter().chain([(from, data.to_vec())]).collect();
        context.switch(Successor::Recognition(nesting), unread);
    }
}
