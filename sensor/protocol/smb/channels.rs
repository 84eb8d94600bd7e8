//! Sessions that several connections carry at once (SMB 3, MS-SMB2 section 3.3.5.5.2): a file that was opened on one of them is read and
//! written on all.
//!
//! Owns: which connections have their files in common. Never does: reading messages; connections between other addresses, which are
//! another shard's.

use super::files::Table;
use egret_model::ProtocolLimits;
use hashbrown::HashMap;
use std::net::IpAddr;

/// A session: its client, its server, its number.
type Key = (IpAddr, IpAddr, u64);

/// The connections of one session, by the number that the first of them was given.
#[derive(Default)]
pub(crate) struct Channels {
    groups: HashMap<u64, Group, foldhash::fast::RandomState>,
    by_session: HashMap<Key, u64, foldhash::fast::RandomState>,
    next: u64,
}

struct Group {
    /// The files, while no connection works on them; else what that connection had in their place.
    table: Box<Table>,
    connections: usize,
    sessions: Vec<Key>,
}

impl Channels {
    /// A connection has set up a session, which others may join. Returns its number.
    pub(super) fn register(&mut self, limits: &ProtocolLimits, session: Key, own: Option<u64>) -> u64 {
        let number = own.unwrap_or_else(|| {
            self.next += 1;
            let group = Group { table: Box::default(), connections: 1, sessions: Vec::new() };
            self.groups.insert(self.next, group);
            self.next
        });
        if let Some(group) = self.groups.get_mut(&number)
            && group.sessions.len() < limits.witness_names
            && !self.by_session.contains_key(&session)
        {
            group.sessions.push(session);
            self.by_session.insert(session, number);
        }
        number
    }

    /// A connection joins a session that another one has set up.
    pub(super) fn join(&mut self, session: &Key) -> Option<u64> {
        let number = *self.by_session.get(session)?;
        self.groups.get_mut(&number)?.connections += 1;
        Some(number)
    }

    /// A connection takes the files to work on them, or gives them back.
    pub(super) fn exchange(&mut self, number: u64, table: &mut Box<Table>) {
        if let Some(group) = self.groups.get_mut(&number) {
            std::mem::swap(&mut group.table, table);
        }
    }

    /// A connection is over. True: it was the last, and the files are nobody's.
    pub(super) fn leave(&mut self, number: u64) -> bool {
        let Some(group) = self.groups.get_mut(&number) else { return true };
        group.connections -= 1;
        if group.connections > 0 {
            return false;
        }
        if let Some(group) = self.groups.remove(&number) {
            for session in group.sessions {
                self.by_session.remove(&session);
            }
        }
        true
    }
}
