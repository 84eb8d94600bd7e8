//! POP3 (RFC 1939): messages that are fetched, and who logged in.
//!
//! Owns: the session's state. Never does: reading a message's inside; keeping a password.
//!
//! What stands outside messages is inspected as what the two sides say to each other: one content a side.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::lines::{LineBuffer, without_end};
use crate::mailbox::{Announced, Described, Message, Session};
use crate::registry::{Prefix, Verdict};
use crate::sasl::Authentication;
use crate::unstuff::{Progress, Unstuffer};
use crate::{Analyzer, Context, Successor, raw};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::{Command, Reply};
use std::collections::VecDeque;

/// Recognises POP3 by the server's greeting, or by a log-in where the greeting was not captured.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(prefix.initiator, prefix.responder, prefix.flow.midstream)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    let midstream = context.flow.midstream;
    Box::new(Pop3 {
        client: Side::Initiator,
        sides_unknown: midstream,
        client_lines: LineBuffer::default(),
        server_lines: LineBuffer::default(),
        awaited: if midstream { VecDeque::new() } else { VecDeque::from([Awaited::Greeting]) },
        mode: Mode::Replies,
        named: None,
        authentication: None,
        session: Session::default(),
        dialogue: raw::known(context, Protocol::Pop3),
    })
}

/// One session.
struct Pop3 {
    client: Side,
    /// Which end is the client is not known yet.
    sides_unknown: bool,
    client_lines: LineBuffer,
    server_lines: LineBuffer,
    /// What the server has not replied to, in order (RFC 2449 section 6.8).
    awaited: VecDeque<Awaited>,
    mode: Mode,
    /// Of USER, until PASS comes.
    named: Option<Account>,
    authentication: Option<Authentication>,
    session: Session,
    /// What stands outside messages.
    dialogue: Box<dyn Analyzer>,
}

/// What a reply is awaited for.
enum Awaited {
    Greeting,
    LogIn { at: Timestamp, account: Option<Account> },
    Authentication { at: Timestamp },
    StartTls,
    Message(String),
    Lines,
    Other,
}

/// What the server's next bytes are.
enum Mode {
    /// First lines of replies.
    Replies,
    /// Lines up to a lone dot.
    Lines,
    /// A message up to a lone dot. `doubtful`: a line that may have been the dot has come.
    Message { message: Message, unstuffer: Unstuffer, doubtful: bool },
    /// Somebody else's: TLS begins here.
    Left,
}

impl Pop3 {
    fn client_bytes(&mut self, context: &mut Context<'_>, mut data: &[u8]) {
        self.dialogue.data(context, self.client, data);
        if let Mode::Message { doubtful: true, .. } = self.mode {
            // The client has taken it for the end.
            self.end_message(context, true);
        }
        while let Some(line) = self.client_lines.next(&mut data, context.limits.head_bytes) {
            let Ok(line) = line else { continue };
            let line = without_end(&line);
            if let Some(authentication) = &mut self.authentication {
                if !authentication.message(line) {
                    self.authentication = None;
                }
                continue;
            }
            let awaited = self.command(context.now(), line);
            if self.awaited.len() >= context.limits.pipelined_commands {
                // Replies can no longer be told apart until they have all come.
                self.awaited.clear();
            }
            self.awaited.push_back(awaited);
        }
    }

    fn command(&mut self, at: Timestamp, line: &[u8]) -> Awaited {
        match parse::command(line) {
            Command::User(account) => {
                self.named = account;
                Awaited::Other
            }
            Command::Password => Awaited::LogIn { at, account: self.named.take() },
            Command::Digest(account) => Awaited::LogIn { at, account },
            Command::Authenticate { mechanism, initial } => {
                self.authentication = Some(Authentication::new(mechanism, initial));
                Awaited::Authentication { at }
            }
            Command::StartTls => Awaited::StartTls,
            Command::Message(operation) => Awaited::Message(operation),
            Command::Lines => Awaited::Lines,
            Command::Other => Awaited::Other,
        }
    }

    /// Reads the server's bytes up to the next change of mode; returns the rest.
    fn server_bytes<'a>(&mut self, context: &mut Context<'_>, data: &'a [u8]) -> &'a [u8] {
        if let Mode::Message { message, unstuffer, doubtful } = &mut self.mode {
            let progress = unstuffer.push(data, &mut |content| message.body(context, content));
            let rest = match progress {
                Progress::More => 0,
                Progress::End { rest } => {
                    self.end_message(context, true);
                    rest
                }
                Progress::Doubtful { rest } => {
                    *doubtful = true;
                    rest
                }
            };
            return data.get(data.len().saturating_sub(rest)..).unwrap_or_default();
        }
        let mut rest = data;
        let line = self.server_lines.next(&mut rest, context.limits.head_bytes);
        let taken = data.get(..data.len() - rest.len()).unwrap_or_default();
        self.dialogue.data(context, self.client.other(), taken);
        if let Some(Ok(line)) = line {
            let line = without_end(&line);
            match self.mode {
                Mode::Lines if line == b"." => self.mode = Mode::Replies,
                Mode::Replies => self.reply(context, line),
                _ => {}
            }
        }
        rest
    }

    fn reply(&mut self, context: &mut Context<'_>, line: &[u8]) {
        let (accepted, text) = match parse::reply(line) {
            Some(Reply::Accepted(text)) => (true, text),
            Some(Reply::Refused) => (false, &[][..]),
            Some(Reply::GoOn) | None => return,
        };
        match self.awaited.pop_front() {
            Some(Awaited::Greeting) => self.session.greeted(text),
            Some(Awaited::LogIn { at, account }) => self.logged_in(context, at, account, Some(accepted)),
            Some(Awaited::Authentication { at }) => {
                let account = self.authentication.take().and_then(Authentication::into_account);
                self.logged_in(context, at, account, Some(accepted));
            }
            Some(Awaited::StartTls) if accepted => self.mode = Mode::Left,
            Some(Awaited::Lines) if accepted => self.mode = Mode::Lines,
            Some(Awaited::Message(operation)) if accepted => self.begin_message(context, operation),
            None if accepted && parse::announces_message(text) => {
                self.begin_message(context, "RETR".to_owned());
            }
            _ => {}
        }
    }

    /// `accepted`: None where the answer was not seen.
    fn logged_in(
        &mut self,
        context: &mut Context<'_>,
        at: Timestamp,
        account: Option<Account>,
        accepted: Option<bool>,
    ) {
        if let Some(account) = account.filter(|_| accepted != Some(false)) {
            let when = (at, accepted.is_some());
            self.session.logged_in(context, self.client, account, Evidence::Pop3Login, when);
        }
    }

    fn begin_message(&mut self, context: &mut Context<'_>, operation: String) {
        let from = self.client.other();
        let announced = Announced {
            protocol: Protocol::Pop3,
            operation,
            from,
            client: self.client,
            mail: true,
            described: Described::default(),
        };
        let message = Message::begin(context, announced, &self.session);
        self.mode = Mode::Message { message, unstuffer: Unstuffer::default(), doubtful: false };
    }

    fn end_message(&mut self, context: &mut Context<'_>, seen: bool) {
        match std::mem::replace(&mut self.mode, Mode::Replies) {
            Mode::Message { message, mut unstuffer, doubtful } => {
                if !doubtful {
                    unstuffer.flush(&mut |content| message.body(context, content));
                }
                message.end(context, seen);
            }
            mode => self.mode = mode,
        }
    }

    /// Log-ins that will not be answered any more are claims.
    fn unanswered(&mut self, context: &mut Context<'_>) {
        for awaited in std::mem::take(&mut self.awaited) {
            let (at, account) = match awaited {
                Awaited::LogIn { at, account } => (at, account),
                Awaited::Authentication { at } => {
                    (at, self.authentication.take().and_then(Authentication::into_account))
                }
                _ => continue,
            };
            self.logged_in(context, at, account, None);
        }
    }

    /// TLS begins: whoever recognises it reads on, and knows the server's name.
    fn hand_over(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        self.unanswered(context);
        self.dialogue.finished(context, Side::Initiator);
        self.dialogue.finished(context, Side::Responder);
        let mut nesting = context.nesting().cloned().unwrap_or_default();
        nesting.server_name = nesting.server_name.or(self.session.server_name.take());
        context.switch(Successor::Recognition(nesting), vec![(from, data.to_vec())]);
    }
}

impl Analyzer for Pop3 {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if std::mem::take(&mut self.sides_unknown) {
            let server_speaks = data.starts_with(b"+") || data.starts_with(b"-");
            self.client = if server_speaks { from.other() } else { from };
        }
        if from == self.client {
            return self.client_bytes(context, data);
        }
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.server_bytes(context, rest);
            if let Mode::Left = self.mode {
                return self.hand_over(context, from, rest);
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        // Behind a gap, replies and commands cannot be told to belong together.
        self.unanswered(context);
        if from == self.client {
            self.client_lines.take();
            self.authentication = None;
        } else if let Mode::Message { message, unstuffer, doubtful } = &mut self.mode {
            unstuffer.flush(&mut |content| message.body(context, content));
            unstuffer.gap();
            *doubtful = false;
            return message.missing(context, bytes);
        } else {
            self.server_lines.take();
            self.mode = Mode::Replies;
        }
        self.dialogue.gap(context, from, bytes);
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if from != self.client {
            let seen = matches!(self.mode, Mode::Message { doubtful: true, .. });
            self.end_message(context, seen);
        }
        self.dialogue.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        let seen = matches!(self.mode, Mode::Message { doubtful: true, .. });
        self.end_message(context, seen);
        self.unanswered(context);
        self.dialogue.closed(context);
    }
}
