//! What the flows of one address pair share: they all come to one shard, and so to one [`Shared`].
//!
//! Owns: the numbering of transfers and the tables that outlive a flow. Never does: parsing.

use crate::cookies::SessionCookies;
use crate::dns::CarriedNames;
use crate::expected::ExpectedConnections;
use crate::ftp::FtpState;
use crate::http::Pieces;
use crate::key_log::KeyLog;
use crate::raw::DatagramGroups;
use crate::smb::Channels;
use crate::tls::LateKeys;
use egret_model::{ProtocolLimits, TransferKey};

/// State beyond one flow.
pub struct Shared {
    transfers: u64,
    /// Secrets of TLS connections.
    pub(crate) keys: KeyLog,
    /// Connections that wait for theirs.
    pub(crate) late: LateKeys,
    /// Connections that another one has announced.
    pub(crate) expected: ExpectedConnections,
    /// Sessions of users who logged in over HTTP.
    pub(crate) cookies: SessionCookies,
    /// Uploads that come in pieces over HTTP.
    pub(crate) pieces: Pieces,
    /// Datagrams of no known protocol, put together over flows.
    pub(crate) groups: DatagramGroups,
    /// Content in the names of questions, put together over flows.
    pub(crate) carried: CarriedNames,
    /// Bytes of files that wait until those before them come.
    pub(crate) held_for_order: usize,
    /// Sessions of SMB that several connections carry.
    pub(crate) smb: Channels,
    /// Data connections and resumable files of FTP.
    pub(crate) ftp: FtpState,
}

impl Shared {
    pub(crate) fn new(limits: &ProtocolLimits) -> Self {
        Self {
            transfers: 0,
            keys: KeyLog::default(),
            late: LateKeys::default(),
            expected: ExpectedConnections::new(limits.expected_connections),
            cookies: SessionCookies::new(limits.session_cookies),
            pieces: Pieces::default(),
            groups: DatagramGroups::default(),
            carried: CarriedNames::default(),
            held_for_order: 0,
            smb: Channels::default(),
            ftp: FtpState::default(),
        }
    }

    /// A key that has not been given before.
    pub fn next_transfer(&mut self) -> TransferKey {
        let key = TransferKey(self.transfers);
        self.transfers += 1;
        key
    }
}
