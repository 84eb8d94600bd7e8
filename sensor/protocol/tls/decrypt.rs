//! The keys of one connection, as its handshake goes on.
//!
//! Owns: which key opens the next record of a direction. Never does: records; knowing what their content is.

use super::cipher::{Opener, Suite};
use super::parse::{ContentType, ServerHello};
use crate::key_log::{KeyLog, Label, Random};
use egret_model::Cursor;

/// Records that may have been lost in one gap and whose numbers are tried.
const MOST_LOST: u64 = 256;

/// The keys of one direction.
pub(super) struct Keys {
    suite: Suite,
    opener: Option<Opener>,
    sequence: u64,
    /// In TLS 1.3, the secret that opens content, or has opened it.
    secret: Option<Vec<u8>>,
    /// The handshake is over, or nothing tells it apart.
    in_content: bool,
    /// The head of a handshake message, as far as it has come, and how much of the message is still to come.
    head: Vec<u8>,
    left: usize,
}

impl Keys {
    /// Of the client's direction and the server's; None when nobody knows them.
    pub(super) fn of(log: &KeyLog, client: &Random, server: &ServerHello) -> Option<[Self; 2]> {
        let suite = Suite::of(server.suite)?;
        if !suite.is_modern() {
            let master = log.find(client, Label::Master)?;
            let both = suite.openers(master, client, server)?;
            return Some(both.map(|opener| Self::new(suite, Some(opener), None, true)));
        }
        let of = |handshake, traffic| {
            let opener = log.find(client, handshake).and_then(|secret| suite.opener(secret));
            let secret = log.find(client, traffic).map(<[u8]>::to_vec);
            Self::new(suite, opener, secret, false)
        };
        let client = of(Label::ClientHandshake, Label::ClientTraffic);
        let server = of(Label::ServerHandshake, Label::ServerTraffic);
        (client.secret.is_some() || server.secret.is_some()).then_some([client, server])
    }

    /// Whether all is known that opens what this direction will say. A client writes the secrets of one connection one after the other.
    pub(super) const fn is_whole(&self) -> bool {
        self.opener.is_some() && (self.secret.is_some() || !self.suite.is_modern())
    }

    const fn new(suite: Suite, opener: Option<Opener>, secret: Option<Vec<u8>>, in_content: bool) -> Self {
        Self { suite, opener, sequence: 0, secret, in_content, head: Vec::new(), left: 0 }
    }

    /// All records of its direction are sealed, whatever their type says; else only those of type application data.
    pub(super) const fn is_modern(&self) -> bool {
        self.suite.is_modern()
    }

    /// Bytes that sealing adds to a record at the least.
    pub(super) fn overhead(&self) -> usize {
        self.opener.as_ref().map_or(17, Opener::overhead)
    }

    /// Opens a record: its type, its content and how many records were lost before it, which is tried where some may be.
    pub(super) fn open(
        &mut self,
        head: [u8; 5],
        record: &[u8],
        lost: bool,
    ) -> Option<(ContentType, Vec<u8>, u64)> {
        let most = if lost { MOST_LOST } else { 0 };
        let opened = self.attempt(head, record, most);
        if let Some(opener) = &mut self.opener {
            opener.passed(record);
        }
        let (mut content, skipped) = match opened {
            Some(opened) => opened,
            None => self.attempt_content(head, record, most)?,
        };
        if !self.suite.is_modern() {
            return Some((ContentType::of(head[0])?, content, skipped));
        }
        // Behind the content stand its type and zeros (RFC 8446 section 5.4).
        let end = content.iter().rposition(|byte| *byte != 0)?;
        let kind = ContentType::of(*content.get(end)?)?;
        content.truncate(end);
        if kind == ContentType::Handshake {
            self.handshake(&content);
        }
        Some((kind, content, skipped))
    }

    /// A record of `whole` bytes passes that can't be opened because something of it is missing; these are the rest.
    pub(super) fn pass(&mut self, record: &[u8], whole: usize) {
        if let Some(opener) = &mut self.opener {
            opener.skipped(record, whole);
        }
        self.sequence = self.sequence.saturating_add(1);
    }

    fn attempt(&mut self, head: [u8; 5], record: &[u8], most: u64) -> Option<(Vec<u8>, u64)> {
        let opener = self.opener.as_mut()?;
        let (content, skipped) = (0..=most).find_map(|skipped| {
            opener.open(self.sequence.saturating_add(skipped), head, record).map(|content| (content, skipped))
        })?;
        self.sequence = self.sequence.saturating_add(skipped + 1);
        Some((content, skipped))
    }

    /// The end of the handshake was not seen, or its keys are not known: perhaps this is the first content.
    fn attempt_content(&mut self, head: [u8; 5], record: &[u8], most: u64) -> Option<(Vec<u8>, u64)> {
        if self.in_content {
            return None;
        }
        let mut opener = self.suite.opener(self.secret.as_ref()?)?;
        let (content, skipped) = (0..=most)
            .find_map(|number| opener.open(number, head, record).map(|content| (content, number)))?;
        (self.opener, self.sequence, self.in_content) = (Some(opener), skipped + 1, true);
        Some((content, skipped))
    }

    /// Follows the messages of a handshake: behind Finished other keys are in force, behind KeyUpdate newer ones.
    fn handshake(&mut self, content: &[u8]) {
        const FINISHED: u8 = 20;
        const KEY_UPDATE: u8 = 24;
        let mut rest = Cursor::new(content);
        while !rest.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(rest.remaining());
                self.left -= taken;
                rest.skip(taken).ok();
            } else {
                self.head.extend(rest.u8());
                let &[kind, a, b, c] = self.head.as_slice() else { continue };
                self.head.clear();
                self.left = u32::from_be_bytes([0, a, b, c]) as usize;
                let secret = self.secret.as_deref();
                match kind {
                    FINISHED if !self.in_content => {
                        self.opener = secret.and_then(|secret| self.suite.opener(secret));
                        (self.sequence, self.in_content) = (0, true);
                    }
                    KEY_UPDATE if self.in_content => {
                        self.secret = secret.and_then(|secret| self.suite.next_secret(secret));
                        self.opener = self.secret.as_deref().and_then(|secret| self.suite.opener(secret));
                        self.sequence = 0;
                    }
                    _ => {}
                }
            }
        }
        // A message may not go on beyond a change of keys (RFC 8446 section 5.1).
        if self.sequence == 0 {
            self.left = 0;
        }
    }
}
