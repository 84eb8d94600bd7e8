//! IMAP (RFC 9051) and POP3 (RFC 1939): who logged in to a mailbox.
//!
//! Owns: log-ins and STARTTLS of both protocols. Never does: mails, which are inspected as raw content; keeping a password.

mod parse;
#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::lines::{LineBuffer, without_end};
use crate::registry::{Prefix, Verdict};
use crate::sasl::Authentication;
use crate::witness::{Heard, Witness, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use parse::{Answer, Command, Dialect};

/// Recognises IMAP by the server's greeting, or by a log-in where the greeting was not captured.
pub(crate) fn probe_imap(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(Dialect::Imap, prefix.initiator, prefix.responder)
}

/// Recognises POP3 likewise.
pub(crate) fn probe_pop3(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(Dialect::Pop3, prefix.initiator, prefix.responder)
}

/// The analyzer of a flow that [`probe_imap`] has recognised.
pub(crate) fn start_imap(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Imap, Mailbox::new(Dialect::Imap))
}

/// The analyzer of a flow that [`probe_pop3`] has recognised.
pub(crate) fn start_pop3(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Pop3, Mailbox::new(Dialect::Pop3))
}

/// One session, until its log-in.
struct Mailbox {
    dialect: Dialect,
    client: LineBuffer,
    server: LineBuffer,
    /// Octets of a literal still to come from the client (RFC 9051 section 4.3).
    literal: usize,
    pending: Pending,
}

/// What the client has asked for that the server has not answered.
enum Pending {
    Nothing,
    /// POP3's USER, before its PASS.
    Name(Account),
    LogIn {
        at: Timestamp,
        tag: Vec<u8>,
        account: Option<Account>,
    },
    /// The arguments of LOGIN come as literals.
    Arguments {
        at: Timestamp,
        tag: Vec<u8>,
        line: Vec<u8>,
    },
    Exchange {
        at: Timestamp,
        tag: Vec<u8>,
        authentication: Authentication,
    },
    StartTls {
        tag: Vec<u8>,
    },
}

impl Mailbox {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            client: LineBuffer::default(),
            server: LineBuffer::default(),
            literal: 0,
            pending: Pending::Nothing,
        }
    }
}

impl Witness for Mailbox {
    fn data(&mut self, context: &mut Context<'_>, from: Side, mut data: &[u8]) -> Heard {
        let limit = context.limits.head_bytes;
        loop {
            if from == Side::Initiator && self.literal > 0 {
                let (literal, rest) = data.split_at(self.literal.min(data.len()));
                self.literal -= literal.len();
                data = rest;
                self.argument(literal);
            }
            let lines = if from == Side::Initiator { &mut self.client } else { &mut self.server };
            // A line that is too long is no log-in.
            let line = match lines.next(&mut data, limit) {
                None => return Heard::Listening,
                Some(Ok(line)) => line,
                Some(Err(_)) => continue,
            };
            let line = without_end(&line);
            let heard = match from {
                Side::Initiator => {
                    self.command(context.now(), line);
                    Heard::Listening
                }
                Side::Responder => self.answer(context, line),
            };
            match heard {
                Heard::Listening => {}
                Heard::Enough => return Heard::Enough,
                Heard::Upgrade { .. } => return Heard::Upgrade { rest: data.len() },
            }
        }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        let account = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::LogIn { at, account, .. } => account.map(|account| (at, account)),
            Pending::Exchange { at, authentication, .. } => {
                authentication.into_account().map(|account| (at, account))
            }
            Pending::Name(_) | Pending::Nothing | Pending::Arguments { .. } | Pending::StartTls { .. } => {
                None
            }
        };
        if let Some((at, account)) = account {
            self.tell(context, at, &account, false);
        }
    }
}

impl Mailbox {
    /// A piece of a literal.
    fn argument(&mut self, literal: &[u8]) {
        if let Pending::Arguments { line, .. } = &mut self.pending {
            line.extend_from_slice(literal);
        }
    }

    fn command(&mut self, now: Timestamp, line: &[u8]) {
        match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Exchange { at, tag, mut authentication } => {
                if authentication.message(line) {
                    self.pending = Pending::Exchange { at, tag, authentication };
                }
                return;
            }
            Pending::Arguments { at, tag, line: mut whole } => {
                whole.extend_from_slice(line);
                self.log_in(at, tag, whole);
                return;
            }
            Pending::Name(account) => {
                if parse::is_password(line) {
                    self.pending = Pending::LogIn { at: now, tag: Vec::new(), account: Some(account) };
                    return;
                }
            }
            Pending::Nothing | Pending::LogIn { .. } | Pending::StartTls { .. } => {}
        }
        self.pending = match parse::command(self.dialect, line) {
            Some(Command::User(account)) => account.map_or(Pending::Nothing, Pending::Name),
            Some(Command::Digest(account)) => Pending::LogIn { at: now, tag: Vec::new(), account },
            Some(Command::LogIn { tag, arguments }) => {
                return self.log_in(now, tag.to_vec(), arguments.to_vec());
            }
            Some(Command::Authenticate { tag, mechanism, initial }) => Pending::Exchange {
                at: now,
                tag: tag.to_vec(),
                authentication: Authentication::new(mechanism, initial),
            },
            Some(Command::StartTls { tag }) => Pending::StartTls { tag: tag.to_vec() },
            None => Pending::Nothing,
        };
    }

    /// LOGIN with its arguments as far as they have come: a literal is announced at the end of the line.
    fn log_in(&mut self, at: Timestamp, tag: Vec<u8>, mut line: Vec<u8>) {
        /// Longest name or password that comes as a literal, octets.
        const LONGEST_LITERAL: usize = 1024;
        self.pending = match parse::announced_literal(&line) {
            Some(length) if length <= LONGEST_LITERAL && line.len() < 4 * LONGEST_LITERAL => {
                self.literal = length;
                line.truncate(line.iter().rposition(|byte| *byte == b'{').unwrap_or(line.len()));
                Pending::Arguments { at, tag, line }
            }
            _ => Pending::LogIn { at, tag, account: parse::first_argument(&line) },
        };
    }

    fn answer(&mut self, context: &mut Context<'_>, line: &[u8]) -> Heard {
        let tag: &[u8] = match &self.pending {
            Pending::Nothing | Pending::Name(_) | Pending::Arguments { .. } => return Heard::Listening,
            Pending::LogIn { tag, .. } | Pending::Exchange { tag, .. } | Pending::StartTls { tag } => tag,
        };
        let accepted = match parse::answer(self.dialect, tag, line) {
            Answer::Other => return Heard::Listening,
            Answer::Accepted => true,
            Answer::Refused => false,
        };
        let (at, account) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::StartTls { .. } if accepted => return Heard::Upgrade { rest: 0 },
            Pending::LogIn { at, account, .. } => (at, account),
            Pending::Exchange { at, authentication, .. } => (at, authentication.into_account()),
            Pending::Nothing | Pending::Name(_) | Pending::Arguments { .. } | Pending::StartTls { .. } => {
                return Heard::Listening;
            }
        };
        if !accepted {
            return Heard::Listening;
        }
        if let Some(account) = account {
            self.tell(context, at, &account, true);
        }
        // Nobody logs in twice on one connection (RFC 9051 section 3, RFC 1939 section 4).
        Heard::Enough
    }

    fn tell(&self, context: &mut Context<'_>, at: Timestamp, account: &Account, confirmed: bool) {
        let evidence = match self.dialect {
            Dialect::Imap => Evidence::ImapLogin,
            Dialect::Pop3 => Evidence::Pop3Login,
        };
        let ip = context.flow.endpoint(Side::Initiator).ip;
        context.sighting(account.sighting(ip, evidence, confirmed, at));
    }
}
