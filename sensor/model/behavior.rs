//! What `behavior` is told, and what it tells: flows without their content, names that were asked for, and anomalies.

use crate::{Endpoint, FlowKind, MacAddress, Person, Protocol, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// What a protocol saw that is neither content nor identity: behaviour is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A name was asked for (RFC 1035 section 4.1.2).
    Question {
        /// The name, one character a byte, without its last dot; in lower case, since resolvers mix it at random
        /// (draft-vixie-dnsext-dns0x20).
        name: String,
        /// QTYPE.
        kind: u16,
    },
    /// A question was answered.
    Answer {
        /// The name that was asked for, as in its question.
        name: String,
        /// QTYPE.
        kind: u16,
        /// There is no such name (RCODE 3).
        missing: bool,
        /// Bytes of the resource data in its answer section.
        bytes: u32,
    },
    /// A client opened an encrypted session in clear text (RFC 8446 section 4.1.2).
    Hello {
        /// The name it asked for.
        server_name: Option<String>,
        /// Fingerprint of the client's software (JA4), where it is made.
        ja4: Option<String>,
    },
    /// Answers of an encrypted session were held back for a second and more, and the next question followed within a tenth of one: told
    /// when there are three, and again whenever they have doubled, as long as they are half of all rounds at least.
    HeldAnswers {
        /// The name of the server, where the client told it.
        server_name: Option<String>,
        /// The server's port.
        port: u16,
        /// How many answers of late, and of how many rounds.
        held: u32,
        /// Rounds of question and answer of late.
        rounds: u32,
        /// When the first was asked for.
        since: Timestamp,
        /// How long the shortest and the longest were held back, nanoseconds.
        waits_ns: (i64, i64),
        /// Bytes of the questions whose answers were held back.
        sent: u64,
    },
}

/// Bytes and datagrams of one direction of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Payload bytes, missing ones included.
    pub bytes: u64,
    /// Of those, bytes that are not in the capture: nobody can say what they were.
    #[serde(default)]
    pub missing: u64,
    /// Datagrams (UDP, ICMP), or pieces (TCP).
    pub pieces: u64,
    /// Bytes that differ from the datagram before in the same place; counted for ICMP and NTP only, whose payload repeats itself
    /// where nothing is hidden in it.
    pub fresh: u64,
    /// Datagrams whose fields cannot be what they stand for (NTP timestamps years away from the packet's own time).
    pub implausible: u64,
}

/// A flow, or the part of a long one since it was last told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowSummary {
    /// Transport.
    pub kind: FlowKind,
    /// The end that opened it.
    pub initiator: Endpoint,
    /// The other end.
    pub responder: Endpoint,
    /// Link addresses of the initiator and of the responder, where seen.
    pub macs: (Option<MacAddress>, Option<MacAddress>),
    /// Time of its first packet.
    pub opened_at: Timestamp,
    /// Time of its latest packet.
    pub last_at: Timestamp,
    /// From the initiator.
    pub up: Volume,
    /// From the responder.
    pub down: Volume,
    /// What it carried: of its first transfer.
    pub protocol: Option<Protocol>,
    /// Name of the server: SNI, Host …
    pub server_name: Option<String>,
    /// Fingerprint of the client's software.
    pub ja4: Option<String>,
    /// The responder only forwards: the transfers tell where to.
    pub via_proxy: bool,
    /// The start was not captured.
    pub midstream: bool,
    /// Part of a flow that was told before.
    pub continued: bool,
}

/// Kinds of unusual behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnomalyKind {
    /// Data in the names that are asked of a resolver.
    DnsTunnel,
    /// Data in the payload of echo requests.
    IcmpCovert,
    /// Data in the fields of time requests.
    NtpCovert,
    /// A bulk upload that nobody can read, to an ordinary destination.
    EncryptedBulk,
    /// Data in the server names of encrypted sessions.
    SniChannel,
    /// Data in the targets of requests.
    TargetChannel,
    /// More upload in a day than the user ever has.
    UploadVolume,
    /// Somewhat more upload each day, for days.
    SlowLeak,
    /// A bulk upload to a destination that the user has never used.
    NewDestination,
    /// A bulk upload outside of the user's own hours.
    OffHours,
    /// A flow that should bring data carries it out.
    Asymmetry,
    /// A bulk read from inside, then a like volume out.
    Staging,
    /// Many small transfers that add up.
    Trickle,
    /// Regular contact that carries data out.
    Beaconing,
    /// An archive that nobody can open, or that passes for something else, to a new destination.
    HiddenArchive,
    /// A protocol on a port that is another's.
    OddPort,
    /// Several users send the same, or to the same rare destination.
    Collusion,
    /// A user works from a new host, or from two places at once.
    CompromisedAccount,
    /// A destination that intelligence names.
    Intelligence,
    /// More upload in a day than the user's peers have, of whose own days too little is known.
    PeerVolume,
    /// Data in encrypted questions to a resolver.
    ResolverChannel,
    /// A sign-in or an upload after the user's employment has ended.
    FormerEmployee,
    /// Answers of a resolver that are held back and asked for again at once: what is behind the names waits for data.
    HeldAnswers,
}

impl AnomalyKind {
    /// The technique of MITRE ATT&CK that it most likely is.
    #[must_use]
    pub const fn technique(self) -> &'static str {
        match self {
            // Exfiltration over an unencrypted protocol that is not the command channel.
            Self::DnsTunnel | Self::IcmpCovert | Self::NtpCovert => "T1048.003",
            // Exfiltration over a web service; over an encrypted protocol.
            Self::EncryptedBulk | Self::SniChannel | Self::ResolverChannel => "T1048.002",
            // Exfiltration over the command and control channel.
            Self::TargetChannel | Self::Beaconing | Self::Intelligence => "T1041",
            Self::UploadVolume | Self::NewDestination | Self::PeerVolume => "T1567",
            // Data transfer size limits.
            Self::SlowLeak | Self::Trickle => "T1030",
            // Scheduled transfer.
            Self::OffHours => "T1029",
            Self::Asymmetry | Self::OddPort => "T1048",
            // Data staged.
            Self::Staging => "T1074",
            // Masquerade file type.
            Self::HiddenArchive => "T1036.008",
            // Automated exfiltration.
            Self::Collusion => "T1020",
            // Protocol tunnelling.
            Self::HeldAnswers => "T1572",
            // Valid accounts.
            Self::CompromisedAccount | Self::FormerEmployee => "T1078",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Something unusual that a user or host did: part of an incident.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anomaly {
    /// `a-…`
    pub id: String,
    /// What kind.
    pub kind: AnomalyKind,
    /// How bad it is if it is what it looks like.
    pub severity: Severity,
    /// 0.0 to 1.0: how sure the detector is.
    pub score: f32,
    /// The first event that it speaks of.
    pub since: Timestamp,
    /// When it was noticed.
    pub at: Timestamp,
    /// User, where attributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Host, where attributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Address.
    pub ip: IpAddr,
    /// Attribution confidence, 0.0 to 1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// What the directory knows of the user: for judging, and told with the user's transfers.
    #[serde(skip)]
    pub person: Option<Person>,
    /// Where to: name, zone or address; none where it is about no single destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What is usual, in `unit`; none without any history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// What was observed, in `unit`.
    pub observed: f64,
    /// Unit of both: `bytes`, `bytes a day`, `destinations` …
    pub unit: &'static str,
    /// Bytes that left, as far as the detector counts them.
    pub bytes: u64,
    /// MITRE ATT&CK technique.
    pub attack: &'static str,
    /// One sentence for people.
    pub explanation: String,
    /// Transfers that show it, the first few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transfers: Vec<String>,
}
