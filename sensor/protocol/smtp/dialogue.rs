//! Which reply answers which command.
//!
//! Owns: the order of commands and replies (RFC 2920 section 3.1: replies come in the order of the commands). Never does:
//! parsing; acting on a reply.

use std::collections::VecDeque;

/// What a reply is awaited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    Greeting,
    Hello,
    StartTls,
    Auth,
    Mail,
    /// RCPT, with the recipient's index.
    Recipient(usize),
    Data,
    /// The end of the content.
    Content,
    Other,
}

/// Commands whose replies have not come.
#[derive(Debug)]
pub(super) struct Replies {
    awaited: VecDeque<Awaited>,
    /// Commands and replies can be paired: nothing was missed since both stood level.
    in_step: bool,
    /// At least one reply was captured.
    seen: bool,
    /// The server spoke last.
    servers_turn_over: bool,
}

impl Replies {
    /// `midstream`: the session had begun before the capture.
    pub(super) fn new(midstream: bool) -> Self {
        let awaited = if midstream { VecDeque::new() } else { VecDeque::from([Awaited::Greeting]) };
        Self { awaited, in_step: !midstream, seen: false, servers_turn_over: false }
    }

    /// The client speaks. When the server spoke last, all that was asked before has been answered: as a rule, and the
    /// only way back into step.
    pub(super) fn client_speaks(&mut self) {
        if self.servers_turn_over && !self.in_step {
            self.awaited.clear();
            self.in_step = true;
        }
        self.servers_turn_over = false;
    }

    /// A command that will be answered. Beyond `limit` unanswered ones, replies are no longer paired.
    pub(super) fn expect(&mut self, awaited: Awaited, limit: usize) {
        if self.awaited.len() >= limit {
            self.lose_step();
        }
        if self.in_step {
            self.awaited.push_back(awaited);
        }
    }

    /// The reply last expected will not come.
    pub(super) fn retract(&mut self) {
        self.awaited.pop_back();
    }

    /// A reply came: what it answers, if that is known. With 334 the authentication goes on.
    pub(super) fn answered(&mut self, code: u16) -> Option<Awaited> {
        self.seen = true;
        self.servers_turn_over = true;
        // The greeting was missed (RFC 5321 section 4.3.2 lists the codes of one).
        if self.awaited.front() == Some(&Awaited::Greeting) && !matches!(code, 220 | 421 | 521 | 554) {
            self.lose_step();
        }
        if code == 334 { self.awaited.front().copied() } else { self.awaited.pop_front() }
    }

    /// Another DATA waits for its reply.
    pub(super) fn await_data(&self) -> bool {
        self.awaited.contains(&Awaited::Data)
    }

    /// Bytes of one side are missing.
    pub(super) fn lose_step(&mut self) {
        self.awaited.clear();
        self.in_step = false;
    }

    /// At least one reply was captured.
    pub(super) const fn were_seen(&self) -> bool {
        self.seen
    }
}
