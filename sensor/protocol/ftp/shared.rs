//! What the connections of one FTP session share, and files that are moved in several pieces.
//!
//! Owns: the session's word on each data connection, and transfers that a later command may continue. Never does: parsing.

use super::parse::Verb;
use crate::account::Account;
use crate::line_ends::{LineEnds, LoneReturn};
use egret_model::{Flow, ProtocolEvent, ProtocolLimits, Timestamp, TransferKey};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Names a data connection from its announcement on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(u64);

/// The command that a data connection serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) verb: Verb,
    /// As the client wrote it.
    pub(super) path: String,
    /// The file, however it is called.
    pub(super) file: String,
    /// Where in the file the transfer begins; `None` when only the server knows (APPE).
    pub(super) offset: Option<u64>,
    pub(super) account: Option<Account>,
    pub(super) server_name: Option<String>,
    pub(super) coding: Coding,
    /// TYPE A was asked for.
    pub(super) ascii: bool,
}

impl Job {
    /// What undoes the line ends of the wire (RFC 959 section 3.1.1.1), where a file's bytes come so. A listing is no file.
    pub(super) fn line_ends(&self) -> Option<LineEnds> {
        (self.ascii && self.coding == Coding::Stream && !self.verb.lists())
            .then(|| LineEnds::new(LoneReturn::AsItIs))
    }
}

/// How MODE lays out the data (RFC 959 section 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// The file's bytes.
    #[default]
    Stream,
    /// MODE Z: one zlib stream.
    Deflate,
    /// Block and compressed mode, which are not read.
    Unsupported,
}

/// One file between one client and one server, in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileKey {
    pub(super) client: IpAddr,
    pub(super) server: IpAddr,
    pub(super) upload: bool,
    pub(super) file: String,
}

/// A transfer whose connection is over, and which the next command may continue.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) transfer: TransferKey,
    /// Bytes of the file so far.
    pub(super) length: u64,
    /// Nothing is missing so far.
    pub(super) whole: bool,
    /// The end of the last connection was seen.
    pub(super) ended: bool,
    /// When the last connection ended.
    pub(super) at: Timestamp,
    /// The connection on which the transfer began.
    pub(super) flow: Box<Flow>,
}

/// The FTP state of one shard.
#[derive(Default)]
pub(crate) struct FtpState {
    jobs: BTreeMap<ConnectionId, Option<Job>>,
    next: u64,
    pieces: HashMap<FileKey, (u64, Piece), foldhash::fast::RandomState>,
    /// Pieces in the order in which they were held, which is that of their times; those taken out since are passed over.
    held: VecDeque<(FileKey, u64)>,
    serial: u64,
}

impl FtpState {
    /// Opens an account of a data connection. Beyond `limit` the oldest is forgotten, and its transfer is nameless.
    pub(super) fn announce(&mut self, limit: usize) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        self.jobs.insert(id, None);
        while self.jobs.len() > limit {
            self.jobs.pop_first();
        }
        id
    }

    /// Tells what a data connection is for; `None`: the command was refused.
    pub(super) fn assign(&mut self, id: ConnectionId, job: Option<Job>) {
        if let Some(place) = self.jobs.get_mut(&id) {
            *place = job;
        }
    }

    /// What a data connection is for, as far as it has been told.
    pub(super) fn job(&self, id: ConnectionId) -> Option<&Job> {
        self.jobs.get(&id)?.as_ref()
    }

    /// The data connection is over, or will not come.
    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.jobs.remove(&id);
    }

    /// Takes out the piece that `key`'s next command may continue.
    pub(super) fn take(&mut self, key: &FileKey) -> Option<Piece> {
        self.pieces.remove(key).map(|(_, piece)| piece)
    }

    /// Keeps a piece for a command that continues it. Returns an earlier one of that file, which is over.
    pub(super) fn hold(&mut self, key: FileKey, piece: Piece) -> Option<Piece> {
        self.serial += 1;
        let earlier = self.pieces.insert(key.clone(), (self.serial, piece));
        self.held.push_back((key, self.serial));
        earlier.map(|(_, piece)| piece)
    }

    /// Ends the pieces that nothing has continued for [`ProtocolLimits::ftp_resume_ns`], and the oldest of those beyond
    /// [`ProtocolLimits::ftp_resumable`].
    pub(crate) fn expire(
        &mut self,
        now: Timestamp,
        limits: &ProtocolLimits,
        sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>),
    ) {
        self.release(now.plus(-limits.ftp_resume_ns), limits.ftp_resumable, sink);
    }

    fn release(&mut self, before: Timestamp, limit: usize, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        while let Some((key, serial)) = self.held.front() {
            let due = match self.pieces.get(key) {
                Some((current, piece)) if current == serial => piece.at < before || self.held.len() > limit,
                _ => true,
            };
            if !due {
                return;
            }
            if let Some((key, serial)) = self.held.pop_front()
                && self.pieces.get(&key).is_some_and(|(current, _)| *current == serial)
                && let Some(piece) = self.take(&key)
            {
                piece.end(sink);
            }
        }
    }

    /// Ends all pieces.
    pub(crate) fn finish(&mut self, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        self.release(Timestamp::MAX, 0, sink);
    }
}

impl Piece {
    /// Its end.
    pub(super) const fn end_event(&self) -> ProtocolEvent<'static> {
        ProtocolEvent::End { transfer: self.transfer, complete: self.whole && self.ended, at: self.at }
    }

    fn end(&self, sink: &mut dyn FnMut(&Flow, ProtocolEvent<'_>)) {
        sink(&self.flow, self.end_event());
    }
}
