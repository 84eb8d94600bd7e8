//! Session cookies that were set when their user logged in: whoever sends one later is that user.
//!
//! Owns: which cookie is whose, by hashes only. Never does: keeping a cookie.

use crate::account::Account;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::IpAddr;

/// Cookies of the servers of one shard.
pub(crate) struct SessionCookies {
    accounts: HashMap<u64, Account>,
    order: VecDeque<u64>,
    most: usize,
}

/// Shortest value that can be a session's, bytes: others are settings that many share.
const SHORTEST: usize = 8;

impl SessionCookies {
    pub(crate) fn new(most: usize) -> Self {
        Self { accounts: HashMap::new(), order: VecDeque::new(), most }
    }

    /// A server has set a cookie (`name=value; attributes`) for a user who has just logged in. Beyond the limit the oldest is
    /// forgotten.
    pub(crate) fn bind(&mut self, server: IpAddr, set: &[u8], account: &Account) {
        let Some(key) = key(server, set.split(|byte| *byte == b';').next().unwrap_or_default()) else {
            return;
        };
        if self.accounts.insert(key, account.clone()).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.accounts.remove(&oldest);
        }
    }

    /// Whose session a request with this field belongs to.
    pub(crate) fn account(&self, server: IpAddr, cookies: &[u8]) -> Option<&Account> {
        if self.accounts.is_empty() {
            return None;
        }
        cookies.split(|byte| *byte == b';').find_map(|pair| self.accounts.get(&key(server, pair)?))
    }
}

fn key(server: IpAddr, pair: &[u8]) -> Option<u64> {
    let pair = pair.trim_ascii();
    let equals = pair.iter().position(|byte| *byte == b'=')?;
    if pair.len() - equals <= SHORTEST {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    (server, pair).hash(&mut hasher);
    Some(hasher.finish())
}
