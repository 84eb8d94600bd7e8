//! Limits of the `protocol` stage.

use serde::{Deserialize, Serialize};

/// Limits of the `protocol` stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProtocolLimits {
    /// Bytes of both sides of a flow held until a protocol is recognised; then the flow is read as plain tcp or udp.
    /// Default 4 KiB.
    pub recognition_bytes: usize,
    /// Longest HTTP head or command line; a longer one is malformed. Default 64 KiB.
    pub head_bytes: usize,
    /// Transfers of one flow recorded; the rest count as over-limit. Default 1,048,576.
    pub transfers_per_flow: usize,
    /// Protocols that a flow may carry one within the other or one after the other (CONNECT, gaps); what comes then is read
    /// as plain tcp or udp. Default 16.
    pub switches_per_flow: usize,
    /// Connections of one shard that another connection has announced (FTP data, TFTP blocks) and that have not come; beyond
    /// it the oldest announcement is forgotten and that connection read as plain tcp or udp. Default 4,096.
    pub expected_connections: usize,
    /// Packet time without a datagram after which content of unknown UDP, of ICMP echo and in names asked of a resolver, put
    /// together over flows, ends. Default 60 s.
    pub datagram_idle_ns: i64,
    /// Packet time after which such content ends even though it goes on; the rest is a transfer of its own. Default 1 h.
    pub datagram_group_ns: i64,
    /// Such contents open at once in one shard; beyond it all of them end, and what follows begins anew. Default 65,536.
    pub datagram_groups: usize,
    /// HTTP requests of one connection that wait for their response; beyond it the oldest is forgotten, and its response is
    /// told without what was asked. Default 1,024.
    pub pending_requests: usize,
    /// Bytes of the table of header fields that each side of an HTTP/2 connection may make (RFC 7541 section 4.1). Where the two
    /// agree on more, only the newest entries are kept, and fields that refer to older ones are not known. Default 64 KiB.
    pub http2_table_bytes: usize,
    /// Packet time without a piece after which an object that is sent in pieces (HTTP uploads, downloads) ends; pieces of an
    /// upload that have not come are a gap. Default 10 min.
    pub range_idle_ns: i64,
    /// Such objects open at once in one shard, at most half of them downloads; beyond it each further piece is a transfer of its
    /// own. Default 1,024.
    pub range_objects: usize,
    /// Bytes of pieces held in one shard until those before them come; beyond it what is missing is a gap. Default 16 MiB.
    pub range_bytes: usize,
    /// Bytes of files read and written by offset (SMB) that are held in one shard until those before them come; beyond it what is
    /// missing is a gap. Default 16 MiB.
    pub order_bytes: usize,
    /// Files that one connection has open; beyond it the one opened first ends. So many shares that it uses have names, too. Default
    /// 1,024.
    pub open_files: usize,
    /// Requests of one file connection that wait for their response; beyond it the oldest is forgotten, and what answers it is told
    /// without a name. So many files of one rsync transfer may wait for content that is held back; of more, nobody tells which content
    /// is whose. Default 8,192: as many credits as Windows grants.
    pub file_requests: usize,
    /// Packet time for which statements of one kind in one database session are told as one transfer. Default 60 s.
    pub statements_ns: i64,
    /// Kinds of statements of one side of a database session that are told so at once; beyond it the one spoken of longest ago ends.
    /// Default 8: an INSERT goes on behind the COMMIT and BEGIN between two of its kind.
    pub statement_kinds: usize,
    /// Commands of one SMTP, FTP or database session that may wait for their replies; beyond it replies are no longer matched with
    /// commands until both sides stand level. So many statements of one session may be prepared, too. Default 1,024.
    pub pipelined_commands: usize,
    /// Parameters of one prepared statement whose types are kept; values of further ones are told as the bytes they are. Default 2,048.
    pub statement_parameters: usize,
    /// Recipients of one mail that are recorded; further ones are counted in the fact `rcpt-to-omitted`. Default 1,000.
    pub smtp_recipients: usize,
    /// Parts of messages of one IMAP session that are known by the structure of their message; beyond it the oldest are forgotten, and
    /// have no name when they are fetched alone. Default 1,024.
    pub imap_parts: usize,
    /// Lists within lists of such a structure; one that is deeper is not read, and its parts have no names. Default 64.
    pub imap_part_depth: usize,
    /// Longest line of an FTP control connection, bytes; a longer one is malformed. Default 8 KiB.
    pub ftp_line_bytes: usize,
    /// Bytes of an FTP data connection held until its command is known; then the transfer begins without a name. Default
    /// 64 KiB.
    pub ftp_unnamed_bytes: usize,
    /// Packet time within which an announced FTP data connection must be opened. Default 5 min.
    pub ftp_connect_ns: i64,
    /// Packet time for which a file stays open for APPE or REST to continue it: an upload, or a download that broke off.
    /// Default 30 s.
    pub ftp_resume_ns: i64,
    /// Files that stay open so in one shard; beyond it the oldest ends. Default 256.
    pub ftp_resumable: usize,
    /// Bytes that a Zstandard stream (rsync, MySQL) may ask to be held back (its window); the content of one that asks for more is
    /// not inspected. Default 8 MiB, what rsync needs up to level 19 of its own.
    pub zstandard_window_bytes: usize,
    /// Packet time within which a TFTP server must answer a request; what it sends later is read as plain udp. Default 1 min.
    pub tftp_answer_ns: i64,
    /// Bytes held of one message that may name a user (a Kerberos ticket, a session set-up); of a longer one only so much is
    /// looked at for names. Its content is inspected all the same. Default 64 KiB.
    pub witness_bytes: usize,
    /// Names told of one flow; of further ones nothing is told. Default 64: a terminal server has many users.
    pub witness_names: usize,
    /// Log-ins of one flow that wait for their answers at once; beyond it the oldest is told as unconfirmed. Default 256.
    pub witness_pending: usize,
    /// Session cookies of one shard of which it is known who logged in; beyond it the oldest is forgotten. Default 4,096.
    pub session_cookies: usize,
    /// Stations of the link of which it is known who was let in, and as many of which the addresses are known; beyond it the one
    /// heard of longest ago is forgotten. Default 16,384.
    pub link_stations: usize,
    /// Addresses known of one of them; the one heard of first is forgotten. Default 8: IPv4, link-local, one that stays and one that
    /// changes for privacy, and as many again.
    pub link_addresses: usize,
    /// Bytes that TLS connections of one shard have said and that are held until their secrets come, where a key log is read while
    /// it is written; beyond it the connection that has waited longest counts as encrypted. Default 16 MiB.
    pub tls_awaited_bytes: usize,
    /// The same of one connection, which then counts as encrypted. So much of one HTTP/3 connection may wait for the table of its fields;
    /// beyond it fields that refer to what has not come are not known. Default 1 MiB: what comes in 8 ms at 1 Gbit/s.
    pub tls_awaited_flow_bytes: usize,
    /// Packet time for which they wait. Default 5 s.
    pub tls_keys_wait_ns: i64,
    /// Longest ClientHello that is looked at, of TLS and QUIC, bytes; of a longer one the server's name is not known, nor are keys looked
    /// for. Default 64 KiB.
    pub hello_bytes: usize,
    /// Initials of one QUIC session that are tried before its ClientHello is whole; then the server's name is not known. Default 16: a
    /// hello with keys for years to come takes three.
    pub quic_initials: usize,
    /// Secrets of TLS connections kept of a key log that is read while it is written; beyond it the older half is forgotten.
    /// Default 1,048,576.
    pub tls_secrets: usize,
}

impl Default for ProtocolLimits {
    fn default() -> Self {
        Self {
            recognition_bytes: 4096,
            head_bytes: 64 << 10,
            transfers_per_flow: 1 << 20,
            switches_per_flow: 16,
            expected_connections: 4096,
            datagram_idle_ns: 60_000_000_000,
            datagram_group_ns: 3_600_000_000_000,
            datagram_groups: 1 << 16,
            pending_requests: 1024,
            http2_table_bytes: 64 << 10,
            range_idle_ns: 600_000_000_000,
            range_objects: 1024,
            range_bytes: 16 << 20,
            order_bytes: 16 << 20,
            open_files: 1024,
            file_requests: 8192,
            statements_ns: 60_000_000_000,
            statement_kinds: 8,
            pipelined_commands: 1024,
            statement_parameters: 2048,
            smtp_recipients: 1000,
            imap_parts: 1024,
            imap_part_depth: 64,
            ftp_line_bytes: 8 << 10,
            ftp_unnamed_bytes: 64 << 10,
            ftp_connect_ns: 300_000_000_000,
            ftp_resume_ns: 30_000_000_000,
            ftp_resumable: 256,
            zstandard_window_bytes: 8 << 20,
            tftp_answer_ns: 60_000_000_000,
            witness_bytes: 64 << 10,
            witness_names: 64,
            witness_pending: 256,
            session_cookies: 4096,
            link_stations: 1 << 14,
            link_addresses: 8,
            tls_awaited_bytes: 16 << 20,
            tls_awaited_flow_bytes: 1 << 20,
            tls_keys_wait_ns: 5_000_000_000,
            hello_bytes: 64 << 10,
            quic_initials: 16,
            tls_secrets: 1 << 20,
        }
    }
}
