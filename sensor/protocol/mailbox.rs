//! What IMAP and POP3 have in common: whose mailbox it is, and messages on their way to it and from it.
//!
//! Owns: what is reported of a log-in and of a message. Never does: commands, replies; keeping a password.

use crate::Context;
use crate::account::Account;
use egret_model::{Evidence, Protocol, Side, Timestamp, TransferKey};

/// What a session has told of its two ends.
#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Who has logged in.
    pub(crate) account: Option<Account>,
    /// The name by which the server has greeted.
    pub(crate) server_name: Option<String>,
}

impl Session {
    /// A client has asked to be let in, and was (`confirmed`), or its answer is not known.
    pub(crate) fn logged_in(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        account: Account,
        evidence: Evidence,
        (at, confirmed): (Timestamp, bool),
    ) {
        let ip = context.flow.endpoint(client).ip;
        context.sighting(account.sighting(ip, evidence, confirmed, at));
        self.account = Some(account);
    }

    /// The text of a greeting: its first word that is a host name is the server's.
    pub(crate) fn greeted(&mut self, text: &[u8]) {
        self.server_name =
            text.split(|byte| matches!(byte, b' ' | b'<' | b'>' | b'@')).find_map(crate::names::host_name);
    }
}

/// What is known of a message before its first byte.
pub(crate) struct Announced {
    pub(crate) protocol: Protocol,
    pub(crate) operation: String,
    pub(crate) from: Side,
    pub(crate) client: Side,
    /// It begins with a header (RFC 5322, RFC 2045): the rest can be read by it.
    pub(crate) mail: bool,
    /// What was said of it elsewhere.
    pub(crate) described: Described,
}

/// What is said of a part apart from the part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) filename: Option<String>,
    /// With its character set.
    pub(crate) media_type: Option<String>,
    /// How it is encoded (RFC 2045 section 6), in lower case.
    pub(crate) encoding: Option<String>,
}

/// A message, or a part of one, on its way.
#[derive(Debug)]
pub(crate) struct Message {
    transfer: TransferKey,
    /// Nothing of it was missing yet.
    whole: bool,
}

impl Message {
    /// Begins the transfer.
    pub(crate) fn begin(context: &mut Context<'_>, announced: Announced, session: &Session) -> Self {
        let Announced { protocol, operation, from, client, mail, described } = announced;
        let mut start = context.start(protocol, operation, from);
        start.server = client.other();
        // A proxy's word on who the server is outweighs the server's own.
        start.server_name = start.server_name.or_else(|| session.server_name.clone());
        start.user = session.account.as_ref().map(|account| account.user.clone()).or(start.user);
        start.media_type = mail.then(|| "message/rfc822".to_owned()).or(described.media_type);
        start.filename = described.filename;
        start.codings.extend(described.encoding);
        start.mail = mail;
        Self { transfer: context.begin(start), whole: true }
    }

    /// The next bytes of it.
    pub(crate) fn body(&self, context: &mut Context<'_>, bytes: &[u8]) {
        context.body(self.transfer, bytes);
    }

    /// Bytes of it are missing; 0: an unknown number.
    pub(crate) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.whole = false;
        context.missing(self.transfer, bytes);
    }

    /// Ends the transfer. `seen`: its end was seen.
    pub(crate) fn end(self, context: &mut Context<'_>, seen: bool) {
        context.end(self.transfer, self.whole && seen);
    }
}

/// The first word, and what stands behind the blank after it.
pub(crate) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (first, rest) = line.split_at(end);
    (first, rest.get(1..).unwrap_or_default().trim_ascii_start())
}
