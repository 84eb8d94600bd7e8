//! One mail: its envelope, and the transfer that its content becomes.
//!
//! Owns: what is reported of a mail. Never does: commands, replies.

use super::header::{HeaderWatch, Origin};
use crate::Context;
use crate::account::Account;
use egret_model::{Evidence, Protocol, Side, Timestamp, TransferKey};

/// Sender and recipients as given so far (RFC 5321 section 3.3).
#[derive(Debug, Default)]
pub(super) struct Envelope {
    sender: Option<String>,
    /// When the sender was given.
    at: Timestamp,
    recipients: Vec<Recipient>,
    /// Recipients beyond the limit.
    omitted: usize,
}

#[derive(Debug)]
struct Recipient {
    address: String,
    refused: bool,
}

impl Envelope {
    /// An envelope from MAIL.
    pub(super) const fn new(sender: String, at: Timestamp) -> Self {
        Self { sender: Some(sender), at, recipients: Vec::new(), omitted: 0 }
    }

    /// Adds a recipient; the returned index names it for [`Self::refuse`]. Beyond `limit` they are only counted.
    pub(super) fn add(&mut self, address: String, limit: usize) -> usize {
        if self.recipients.len() >= limit {
            self.omitted += 1;
            return usize::MAX;
        }
        self.recipients.push(Recipient { address, refused: false });
        self.recipients.len() - 1
    }

    /// The server does not take this recipient.
    pub(super) fn refuse(&mut self, index: usize) {
        if let Some(recipient) = self.recipients.get_mut(index) {
            recipient.refused = true;
        }
    }

    /// Recipients that were not refused.
    pub(super) fn accepted(&self) -> usize {
        self.recipients.iter().filter(|recipient| !recipient.refused).count() + self.omitted
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let sender = self.sender.iter().map(|sender| ("mail-from", sender.clone()));
        let accepted = self.recipients.iter().filter(|recipient| !recipient.refused);
        let recipients = accepted.map(|recipient| ("rcpt-to", recipient.address.clone()));
        let omitted = (self.omitted > 0).then(|| ("rcpt-to-omitted", self.omitted.to_string()));
        sender.chain(recipients).chain(omitted).collect()
    }
}

/// What the session knows when a mail's content begins.
pub(super) struct Known<'a> {
    pub(super) client: Side,
    pub(super) server_name: Option<&'a str>,
    pub(super) account: Option<&'a Account>,
}

/// A mail whose content has begun.
#[derive(Debug)]
pub(super) struct Mail {
    transfer: TransferKey,
    /// Its beginning was seen, and nothing is missing since.
    whole: bool,
    watch: HeaderWatch,
    /// Reported as evidence once the header shows that the client wrote the mail.
    claim: Option<(Account, Timestamp)>,
    client: Side,
}

impl Mail {
    /// Begins the transfer. `operation`: the command that carries the content.
    pub(super) fn begin(
        context: &mut Context<'_>,
        operation: &str,
        known: &Known<'_>,
        envelope: &Envelope,
    ) -> Self {
        let mut start = context.start(Protocol::Smtp, operation.to_owned(), known.client);
        start.server = known.client.other();
        // A proxy's word on who the server is outweighs the server's own.
        start.server_name = start.server_name.or_else(|| known.server_name.map(str::to_owned));
        start.user = known.account.map(|account| account.user.clone()).or(start.user);
        start.media_type = Some("message/rfc822".to_owned());
        start.mail = true;
        start.facts = envelope.facts();
        // Who has logged in needs no claim.
        let sender = envelope.sender.as_deref().filter(|_| known.account.is_none());
        let claim =
            sender.and_then(|sender| Account::parse(sender.as_bytes())).map(|account| (account, envelope.at));
        let transfer = context.begin(start);
        Self { transfer, whole: true, watch: HeaderWatch::new(), claim, client: known.client }
    }

    /// The next bytes of the content.
    pub(super) fn body(&mut self, context: &mut Context<'_>, bytes: &[u8]) {
        context.body(self.transfer, bytes);
        let Some(origin) = self.watch.push(bytes) else { return };
        let claim = self.claim.take();
        if let (Origin::Direct, Some((account, at))) = (origin, claim) {
            let ip = context.flow.endpoint(self.client).ip;
            context.sighting(account.sighting(ip, Evidence::MailFrom, false, at));
        }
    }

    /// Bytes of the content are missing; 0: an unknown number.
    pub(super) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.whole = false;
        self.watch.gap();
        context.missing(self.transfer, bytes);
    }

    /// True while nothing is known to be missing.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Ends the transfer. `seen`: the end was seen.
    pub(super) fn end(self, context: &mut Context<'_>, seen: bool) {
        context.end(self.transfer, self.whole && seen);
    }
}
