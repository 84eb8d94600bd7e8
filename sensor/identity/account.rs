//! Whose an account is: a person's, a machine's, or a service's.
//!
//! Owns: telling them apart by their names and by where they are seen. Never does: attribution.

use crate::weight::SECOND;
use egret_model::{IdentityLimits, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Whose an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Person,
    /// A computer's own account (`HOST$`), or a device admitted by its link address.
    Machine,
    /// One that programs and administrators use beside their own: it never displaces a person.
    Service,
    /// Nobody in particular.
    Anonymous,
}

/// The kind that a name alone tells. A person whose name looks like a service's is put right by the directory.
pub(crate) fn kind_of(user: &str) -> Kind {
    const NOBODY: [&str; 6] = ["anonymous", "anonymous logon", "nobody", "guest", "-", "ftp"];
    const SERVICES: [&str; 14] = [
        "administrator",
        "admin",
        "root",
        "system",
        "local service",
        "network service",
        "krbtgt",
        "sa",
        "postgres",
        "mysql",
        "oracle",
        "www-data",
        "nagios",
        "zabbix",
    ];
    const PREFIXES: [&str; 12] = [
        "svc",
        "service",
        "srv",
        "adm",
        "sys",
        "task",
        "batch",
        "app",
        "sql",
        "backup",
        "healthmailbox",
        "msol",
    ];
    let name = user.to_ascii_lowercase();
    if name.ends_with('$') || is_link_address(&name) {
        return Kind::Machine;
    }
    if NOBODY.contains(&name.as_str()) {
        return Kind::Anonymous;
    }
    // Set off by a separator: `svc_backup`, `adm-alice`, `alice.adm`; `service` is one, `servis` may be a name.
    let mut words = name.split(['_', '-', '.']);
    let (first, last) = (words.next().unwrap_or_default(), words.next_back());
    let set_off = last.is_some() && PREFIXES.contains(&first);
    let suffixed = last.is_some_and(|last| ["svc", "service", "adm", "admin"].contains(&last));
    let virtual_account =
        ["dwm-", "umfd-", "healthmailbox", "msol_"].iter().any(|start| name.starts_with(start));
    if SERVICES.contains(&name.as_str()) || set_off || suffixed || virtual_account {
        Kind::Service
    } else {
        Kind::Person
    }
}

/// Twelve hexadecimal digits in one of the usual forms: an access point that lets devices in by address gives it as the user.
fn is_link_address(name: &str) -> bool {
    let digits = name.bytes().filter(u8::is_ascii_hexdigit).count();
    let others = name.bytes().filter(|byte| !byte.is_ascii_hexdigit()).count();
    digits == 12
        && [0, 2, 5].contains(&others)
        && name.bytes().all(|b| b.is_ascii_hexdigit() || b":-.".contains(&b))
}

const DAY_NS: i64 = 24 * 3600 * SECOND;

/// Where accounts were seen lately.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    /// By account in lower case: the last addresses at which it was seen, each with the time.
    seen: HashMap<Arc<str>, Vec<(IpAddr, Timestamp)>>,
    /// Accounts kept, and addresses of a person within a day.
    most: usize,
    addresses: usize,
}

impl Whereabouts {
    pub(crate) fn new(limits: &IdentityLimits) -> Self {
        Self { seen: HashMap::new(), most: limits.accounts, addresses: limits.addresses_of_person }
    }

    /// The account was seen. Beyond the limit, accounts not known yet are taken for persons.
    pub(crate) fn note(&mut self, user: &Arc<str>, ip: IpAddr, at: Timestamp) {
        if self.seen.len() >= self.most && !self.seen.contains_key(user) {
            return;
        }
        let places = self.seen.entry(Arc::clone(user)).or_default();
        if let Some((_, last)) = places.iter_mut().find(|(known, _)| *known == ip) {
            *last = (*last).max(at);
            return;
        }
        places.retain(|(_, last)| at.since(*last) <= DAY_NS);
        if places.len() > self.addresses {
            places.remove(0);
        }
        places.push((ip, at));
    }

    /// True for an account that was seen at more addresses within the day before `at` than a person has.
    pub(crate) fn roams(&self, user: &Arc<str>, at: Timestamp) -> bool {
        self.seen.get(user).is_some_and(|places| {
            places.iter().filter(|(_, last)| at.since(*last).abs() <= DAY_NS).count() > self.addresses
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_name() {
        for (kind, names) in [
            (Kind::Person, &["alice", "a.smith", "servis", "apple", "adam", "sysoev", "u047"][..]),
            (Kind::Machine, &["ALICE-LT$", "f0-79-60-d1-7d-37", "f07960d17d37", "f079.60d1.7d37"]),
            (
                Kind::Service,
                &["svc_backup", "SVC-scan", "adm_helpdesk", "alice.adm", "Administrator", "root", "sa"],
            ),
            (Kind::Anonymous, &["anonymous", "ANONYMOUS LOGON", "guest"]),
        ] {
            for name in names {
                assert_eq!(kind_of(name), kind, "{name}");
            }
        }
    }

    #[test]
    fn who_is_everywhere_is_no_person() {
        let mut whereabouts = Whereabouts::new(&IdentityLimits { accounts: 10, ..IdentityLimits::default() });
        let helpdesk: Arc<str> = "helpdesk".into();
        let hour = 3600;
        for n in 0..8_u8 {
            let at = Timestamp::from_seconds(i64::from(n) * hour);
            whereabouts.note(&helpdesk, [10, 0, 0, n].into(), at);
            assert_eq!(whereabouts.roams(&helpdesk, at), n >= 6, "{n}");
        }
        assert!(!whereabouts.roams(&helpdesk, Timestamp::from_seconds(40 * hour)));
    }
}
