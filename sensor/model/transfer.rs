//! What `protocol` hands on: movements of content, and evidence of identity.

use crate::{Endpoint, MacAddress, Observation, Side, Sighting, Timestamp, Uninspected};
use serde::Serialize;
use std::fmt;

/// The protocol a transfer used; the names of DESIGN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the protocol it names")]
pub enum Protocol {
    Http,
    Http2,
    Http3,
    Websocket,
    Smtp,
    Imap,
    Pop3,
    Ftp,
    Tftp,
    Smb,
    Nfs,
    Dns,
    Icmp,
    Tls,
    Quic,
    Ssh,
    Rsync,
    Irc,
    Mysql,
    Postgresql,
    Redis,
    Syslog,
    Telnet,
    Git,
    Ipp,
    Lpd,
    Tcp,
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Names a transfer within one protocol engine (one shard) while it is open. Never reused by that engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferKey(pub u64);

/// What is known when a transfer begins.
#[derive(Clone, Debug)]
pub struct TransferStart {
    /// Protocol.
    pub protocol: Protocol,
    /// What was asked for, in the protocol's own words: `POST /upload`, `STOR q3.csv`, `DATA`. May hold a URL's path,
    /// never a credential.
    pub operation: String,
    /// Which end of the flow sends the content: decides the direction.
    pub from: Side,
    /// Sending endpoint (of the flow that carries the content).
    pub sender: Endpoint,
    /// Sender's link address, where seen.
    pub sender_mac: Option<MacAddress>,
    /// Receiving endpoint.
    pub receiver: Endpoint,
    /// Which end of the flow is the server of the exchange: as a rule the responder; on a data connection that an FTP
    /// server opens (RFC 959 section 3.2) the initiator.
    pub server: Side,
    /// Name of the **server** side of the exchange: Host, SNI, the mail server's greeting name. It belongs to the end that
    /// `server` tells.
    pub server_name: Option<String>,
    /// The responder only forwards (an HTTP proxy): the real other end is `server_name`, wherever the proxy stands.
    pub via_proxy: bool,
    /// A user named by this very exchange (HTTP Basic, FTP USER, SMTP AUTH); also reported as a [`Sighting`].
    pub user: Option<String>,
    /// File name, where the protocol tells one.
    pub filename: Option<String>,
    /// Media type as declared, parameters included: `text/csv; charset=utf-8`.
    pub media_type: Option<String>,
    /// Content codings in the order they were applied (RFC 9110 section 8.4): the last is undone first.
    pub codings: Vec<String>,
    /// The body is a mail message (RFC 5322) whatever `media_type` says.
    pub mail: bool,
    /// Envelope or other facts for the record: `("mail-from", "a@x")`, `("rcpt-to", "b@y")`. Never a credential.
    pub facts: Vec<(&'static str, String)>,
    /// Tunnel, in the words of the protocol that made it (`connect proxy:3128`), innermost last; beside the flow's own.
    pub inner_tunnel: Vec<String>,
    /// Time at which it began.
    pub at: Timestamp,
}

/// What a protocol analyzer reports.
#[derive(Debug)]
pub enum ProtocolEvent<'a> {
    /// Content begins to move.
    Begin {
        /// Its key until `End`.
        transfer: TransferKey,
        /// What is known.
        start: Box<TransferStart>,
    },
    /// The next bytes of its content, transfer codings (chunks, dot-stuffing) removed, content codings still on.
    Body {
        /// Of which transfer.
        transfer: TransferKey,
        /// The bytes.
        data: &'a [u8],
    },
    /// Bytes of its content that are missing.
    Gap {
        /// Of which transfer.
        transfer: TransferKey,
        /// How many; 0 when unknown.
        bytes: u64,
    },
    /// Bytes of its content that cannot be read (encrypted, beyond a limit). They count for the transfer's size.
    Opaque {
        /// Of which transfer.
        transfer: TransferKey,
        /// How many.
        bytes: u64,
        /// Why.
        reason: Uninspected,
    },
    /// A name learnt after the start (a TLS SNI, a file name in a later command).
    Named {
        /// Of which transfer.
        transfer: TransferKey,
        /// File name, if learnt.
        filename: Option<String>,
        /// Server name, if learnt.
        server_name: Option<String>,
    },
    /// The content ends.
    End {
        /// Of which transfer.
        transfer: TransferKey,
        /// False when the end was not seen or something before it was missed.
        complete: bool,
        /// Time of the last packet that belonged to it.
        at: Timestamp,
    },
    /// Evidence of who used an address.
    Sighting(Sighting),
    /// Something that behaviour is made of.
    Observed(Observation),
    /// Payload bytes outside any transfer that could not be inspected.
    NotInspected {
        /// Why.
        reason: Uninspected,
        /// How many.
        bytes: u64,
    },
}
