//! Log-ins, and what else waits for the server's answer: STARTTLS, COMPRESS.
//!
//! Owns: pairing these commands with their answers. Never does: lines; keeping a password.

use super::parse::{self, Answer, Literal};
use super::{Imap, Open, Turn};
use crate::Context;
use crate::account::Account;
use crate::sasl::{Authentication, Mechanism};
use egret_model::{Evidence, Timestamp};

/// What the client has asked for that the server has not answered.
pub(super) enum Pending {
    Nothing,
    LogIn { at: Timestamp, tag: Vec<u8>, account: Option<Account> },
    Exchange { at: Timestamp, tag: Vec<u8>, authentication: Authentication },
    StartTls { tag: Vec<u8> },
    Compress { tag: Vec<u8> },
}

impl Pending {
    pub(super) fn exchange(
        at: Timestamp,
        tag: Vec<u8>,
        mechanism: Mechanism,
        initial: Option<&[u8]>,
    ) -> Self {
        Self::Exchange { at, tag, authentication: Authentication::new(mechanism, initial) }
    }

    /// True when `line` of the client is no command but goes on with an authentication.
    pub(super) fn takes_line(&mut self, line: &[u8]) -> bool {
        match self {
            Self::Exchange { authentication, .. } => {
                if !authentication.message(line) {
                    *self = Self::Nothing;
                }
                true
            }
            _ => false,
        }
    }

    fn tag(&self) -> Option<&[u8]> {
        match self {
            Self::Nothing => None,
            Self::LogIn { tag, .. }
            | Self::Exchange { tag, .. }
            | Self::StartTls { tag }
            | Self::Compress { tag } => Some(tag),
        }
    }
}

impl Imap {
    /// LOGIN with its arguments as far as they have come: those that are long may come as literals.
    pub(super) fn log_in(&mut self, at: Timestamp, tag: Vec<u8>, line: Vec<u8>, announced: Option<Literal>) {
        /// Longest name or password that comes as a literal, octets.
        const LONGEST_LITERAL: usize = 1024;
        match announced {
            Some(literal) if literal.length <= LONGEST_LITERAL as u64 && line.len() < 4 * LONGEST_LITERAL => {
                self.command = Open::LogIn { tag, line };
            }
            _ => {
                self.command = Open::Other;
                self.pending = Pending::LogIn { at, tag, account: parse::first_account(&line) };
            }
        }
    }

    /// A line of the server that may answer what is pending.
    pub(super) fn answer(&mut self, context: &mut Context<'_>, line: &[u8]) -> Turn {
        let Some(tag) = self.pending.tag() else { return Turn::Stay };
        let accepted = match parse::answer(tag, line) {
            Answer::Other => return Turn::Stay,
            Answer::Accepted => true,
            Answer::Refused => false,
        };
        let (at, account) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::StartTls { .. } if accepted => return Turn::Tls,
            Pending::Compress { .. } if accepted => return Turn::Compressed,
            Pending::LogIn { at, account, .. } => (at, account),
            Pending::Exchange { at, authentication, .. } => (at, authentication.into_account()),
            Pending::Nothing | Pending::StartTls { .. } | Pending::Compress { .. } => return Turn::Stay,
        };
        if accepted && let Some(account) = account {
            self.session.logged_in(context, self.client, account, Evidence::ImapLogin, (at, true));
        }
        Turn::Stay
    }

    /// The answer to what is pending will not be seen: a log-in remains a claim.
    pub(super) fn unanswered(&mut self, context: &mut Context<'_>) {
        let (at, account) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::LogIn { at, account, .. } => (at, account),
            Pending::Exchange { at, authentication, .. } => (at, authentication.into_account()),
            Pending::Nothing | Pending::StartTls { .. } | Pending::Compress { .. } => return,
        };
        if let Some(account) = account {
            self.session.logged_in(context, self.client, account, Evidence::ImapLogin, (at, false));
        }
    }
}
