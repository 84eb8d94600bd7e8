//! The directory of people: departments, managers, groups, and when somebody's employment ends.
//!
//! Owns: exports of a directory as CSV or LDIF (RFC 2849), and looking up accounts in them. Never does: opening files; talking to
//! a directory server.

mod ldif;
mod table;

use crate::account::{Kind, kind_of};
use egret_model::{IdentityLimits, Person, Timestamp};
use std::collections::HashMap;
use std::fmt;

/// A line of a file that cannot be used. The others still hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFault {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

/// All people and accounts that an export lists.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    listed: Vec<Listed>,
    /// Every name that an account goes by, in lower case: account name, principal name, mail addresses.
    by_name: HashMap<String, usize>,
}

#[derive(Clone, Debug)]
struct Listed {
    user: String,
    kind: Kind,
    person: Person,
}

/// One entry as a format reads it.
#[derive(Clone, Debug, Default)]
struct Entry {
    user: String,
    /// Further names: principal name, mail addresses.
    aliases: Vec<String>,
    /// What the export says that the account is.
    kind: Option<Kind>,
    person: Person,
}

impl Directory {
    /// Reads an export: LDIF if it looks so, else CSV with a header. What is wrong is returned beside what is right.
    ///
    /// ```
    /// let (directory, faults) = egret_identity::Directory::parse(
    ///     "user,name,department,groups\nasmith,Alice Smith,Finance,Leavers;VPN users\n", &egret_model::IdentityLimits::default());
    /// assert!(faults.is_empty());
    /// assert_eq!(directory.len(), 1);
    /// ```
    #[must_use]
    pub fn parse(text: &str, limits: &IdentityLimits) -> (Self, Vec<FileFault>) {
        let text = text.trim_start_matches('\u{feff}');
        let (entries, faults) = if ldif::looks_so(text) { ldif::parse(text) } else { table::parse(text) };
        let mut directory = Self::default();
        for entry in entries {
            directory.add(entry, limits.groups_of_person);
        }
        (directory, faults)
    }

    /// True for a table whose header has columns of a directory beside those of others.
    #[must_use]
    pub fn has_columns(text: &str) -> bool {
        table::has_columns(text.trim_start_matches('\u{feff}'))
    }

    /// This and another export; where both list an account, the other one's word counts.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let offset = self.listed.len();
        self.listed.extend(other.listed);
        self.by_name.extend(other.by_name.into_iter().map(|(name, place)| (name, place + offset)));
        self
    }

    fn add(&mut self, entry: Entry, most_groups: usize) {
        let Entry { user, aliases, kind, mut person } = entry;
        person.groups.truncate(most_groups);
        // Whoever has a department or a manager is a person, whatever the account's name looks like.
        let employed = person.department.is_some() || person.manager.is_some();
        let kind = kind.unwrap_or_else(|| match kind_of(&user) {
            Kind::Service if employed => Kind::Person,
            kind => kind,
        });
        let place = self.listed.len();
        // An account name is its own; a further name belongs to whom it was given first.
        self.by_name.insert(user.to_lowercase(), place);
        for alias in aliases {
            self.by_name.entry(alias.to_lowercase()).or_insert(place);
        }
        self.listed.push(Listed { user, kind, person });
    }

    /// Accounts listed.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.listed.len()
    }

    /// True without an account.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The account that somebody calls `user` or `user@domain`: its name in the directory, and whose it is.
    pub(crate) fn account(&self, user: &str, domain: Option<&str>) -> Option<(&str, Kind)> {
        if self.listed.is_empty() {
            return None;
        }
        let user = user.to_lowercase();
        let full = domain.and_then(|domain| self.by_name.get(&format!("{user}@{}", domain.to_lowercase())));
        let listed = self.listed.get(*full.or_else(|| self.by_name.get(&user))?)?;
        Some((&listed.user, listed.kind))
    }

    /// What is known of an account's person.
    #[must_use]
    pub fn person(&self, user: &str) -> Option<&Person> {
        if self.listed.is_empty() {
            return None;
        }
        Some(&self.listed.get(*self.by_name.get(&user.to_lowercase())?)?.person)
    }
}

/// The kind that a word of an export means.
fn kind_named(word: &str) -> Option<Kind> {
    let word = word.trim().to_ascii_lowercase();
    match word.as_str() {
        "person" | "user" | "employee" | "contractor" | "vendor" | "external" | "intern" => {
            Some(Kind::Person)
        }
        "service" | "svc" | "admin" | "application" | "robot" | "shared" => Some(Kind::Service),
        "machine" | "computer" | "device" => Some(Kind::Machine),
        _ => None,
    }
}

/// A day or moment: RFC 3339, a day alone (the end of that day in UTC), generalised time (RFC 4517 section 3.3.13), a count of 100 ns since 1601
/// (Active Directory), or seconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    const DAY_S: i64 = 86_400;
    /// Seconds from 1601 to 1970.
    const FILETIME_OFFSET_S: i64 = 11_644_473_600;
    let text = text.trim();
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp::from_seconds(time.as_second()));
    }
    let day = |year: &str, month: &str, day: &str| {
        let begin = Timestamp::of_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
        Some(begin.plus(DAY_S * 1_000_000_000))
    };
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    if let [a, b, c] = parts.as_slice() {
        // Year first, or (with dots, as in Europe) day first. With slashes the order is anybody's guess, but for a year first.
        return if a.len() == 4 {
            day(a, b, c)
        } else if c.len() == 4 && text.contains('.') {
            day(c, b, a)
        } else {
            None
        };
    }
    if text.len() >= 14 && text.ends_with('Z') {
        return day(text.get(..4)?, text.get(4..6)?, text.get(6..8)?);
    }
    let number: i64 = text.parse().ok()?;
    match number {
        // Never.
        0 | i64::MAX => None,
        _ if text.len() >= 17 => Some(Timestamp::from_seconds(number / 10_000_000 - FILETIME_OFFSET_S)),
        19_000_000..=29_991_231 => day(text.get(..4)?, text.get(4..6)?, text.get(6..8)?),
        _ => (text.len() >= 9).then(|| Timestamp::from_seconds(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_go_by_all_their_names() {
        let (directory, faults) = Directory::parse(
            "user,mail,department,groups,type,end\n\
             asmith,alice.smith@corp.example,Finance,Leavers; VPN users,,2026-12-31\n\
             svc_scan,,,,,\nbackup,,,,service,\nadm.jones,,IT,,,\n",
            &IdentityLimits::default(),
        );
        assert_eq!(faults, []);
        assert_eq!(directory.len(), 4);
        let of = |user: &str, domain: Option<&str>| {
            directory.account(user, domain).map(|(name, kind)| (name.to_owned(), kind))
        };
        assert_eq!(of("Alice.Smith", Some("Corp.Example")), Some(("asmith".into(), Kind::Person)));
        assert_eq!(of("ASMITH", Some("CORP")), Some(("asmith".into(), Kind::Person)));
        assert_eq!(of("alice.smith", Some("webmail.example")), None);
        assert_eq!(of("svc_scan", None), Some(("svc_scan".into(), Kind::Service)));
        assert_eq!(of("backup", None), Some(("backup".into(), Kind::Service)));
        assert_eq!(of("adm.jones", None), Some(("adm.jones".into(), Kind::Person)), "has a department");
        let alice = directory.person("ASmith").unwrap();
        assert_eq!(alice.department.as_deref(), Some("Finance"));
        assert_eq!(alice.groups, ["Leavers", "VPN users"]);
        assert_eq!(alice.employment_ends.unwrap().to_string(), "2027-01-01T00:00:00.000000000Z");
    }

    #[test]
    fn a_later_export_puts_an_earlier_one_right() {
        let read = |text: &str| Directory::parse(text, &IdentityLimits::default()).0;
        let both =
            read("user,department\nalice,Sales\nbob,Sales\n").and(read("user,department\nAlice,Finance\n"));
        assert_eq!(both.person("alice").unwrap().department.as_deref(), Some("Finance"));
        assert_eq!(both.person("bob").unwrap().department.as_deref(), Some("Sales"));
    }

    #[test]
    fn moments_of_many_kinds() {
        for (text, expected) in [
            ("2026-12-31", Some("2027-01-01")),
            ("31.12.2026", Some("2027-01-01")),
            ("20261231", Some("2027-01-01")),
            ("20261231120000Z", Some("2027-01-01")),
            ("2026-12-31T12:00:00Z", Some("2026-12-31")),
            ("133801920000000000", Some("2025-01-01")),
            ("1798675200", Some("2026-12-31")),
            ("0", None),
            ("9223372036854775807", None),
            ("12/31/2026", None),
            ("soon", None),
        ] {
            let told = moment(text).map(|at| at.to_string()[..10].to_owned());
            assert_eq!(told.as_deref(), expected, "{text}");
        }
    }
}
