//! The names that evidence tells: as the directory has them, and each kept once.
//!
//! Owns: whether a name is a person's, a service's or a machine's. Never does: weighing; storage of evidence.

use crate::account::{Kind, kind_of};
use crate::people::People;
use egret_model::Sighting;
use std::collections::HashSet;
use std::sync::Arc;

/// What a sighting tells, with the names as the directory has them.
pub(crate) struct Known {
    pub(crate) user: Option<Arc<str>>,
    pub(crate) host: Option<Arc<str>>,
    pub(crate) domain: Option<Arc<str>>,
    pub(crate) kind: Kind,
}

impl Known {
    pub(crate) fn of(sighting: &Sighting, people: &People, names: &mut Names) -> Self {
        let user = sighting.user.as_deref().map(str::trim).filter(|user| !user.is_empty());
        let host = sighting.host.as_deref();
        let Some(user) = user else {
            return Self {
                user: None,
                host: host.map(|host| names.shared(host)),
                domain: None,
                kind: Kind::Person,
            };
        };
        let directory = people.directory();
        let (user, listed) = match directory.account(user, sighting.domain.as_deref()) {
            Some((name, kind)) => (name, Some(kind)),
            None => (user, None),
        };
        let kind = listed.unwrap_or_else(|| kind_of(user));
        // A machine account names a host, never a person; a link address names nothing more.
        let (user, host) = match kind {
            Kind::Machine => (None, host.or_else(|| user.strip_suffix('$'))),
            Kind::Person | Kind::Service | Kind::Anonymous => (Some(user), host),
        };
        let domain = sighting.domain.as_deref().filter(|_| user.is_some());
        let mut shared = |name: Option<&str>| name.map(|name| names.shared(name));
        Self { user: shared(user), host: shared(host), domain: shared(domain), kind }
    }
}

/// Names, each kept once.
#[derive(Debug, Default)]
pub(crate) struct Names {
    known: HashSet<Arc<str>>,
    /// Names at which those that nobody needs any more are dropped.
    sweep_at: usize,
}

impl Names {
    fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.known.get(name) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|name| Arc::strong_count(name) > 1);
            self.sweep_at = (2 * self.known.len()).max(1024);
        }
        let name: Arc<str> = name.into();
        self.known.insert(Arc::clone(&name));
        name
    }
}
