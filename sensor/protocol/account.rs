//! Account names as clients write them: `alice`, `alice@corp.example`, `CORP\alice`.
//!
//! Owns: telling the user from the domain, and what a log-in to a database is evidence of. Never does: passwords.

use crate::{Context, ntlm};
use egret_model::{Evidence, Side, Sighting, Timestamp};
use std::net::IpAddr;

/// A user and the domain that was given with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// User name without its domain.
    pub(crate) user: String,
    /// Domain or realm, where one was given.
    pub(crate) domain: Option<String>,
    /// The computer that the client calls itself, where the log-in tells it.
    pub(crate) host: Option<String>,
}

impl Account {
    /// Longest account name that is believed, bytes: RFC 5321 section 4.5.3.1 allows 64 for the user and 255 for the domain.
    const LONGEST: usize = 320;

    /// Reads an account name. `None` when it is empty, overlong or not printable text.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.trim();
        if name.len() > Self::LONGEST || name.chars().any(char::is_control) {
            return None;
        }
        let (user, domain) = match (name.split_once('\\'), name.rsplit_once('@')) {
            (Some((domain, user)), _) | (None, Some((user, domain))) => (user, domain),
            (None, None) => (name, ""),
        };
        let domain = (!domain.is_empty()).then(|| domain.to_owned());
        (!user.is_empty()).then(|| Self { user: user.to_owned(), domain, host: None })
    }

    /// Reads an account name of which nobody promises the character set (RADIUS, RFC 2865 section 5.1): what is no UTF-8 or no
    /// printable character is replaced by U+FFFD, and a zero ends it. Beside it, whether nothing had to be replaced: a name
    /// that had is a claim and never a proof.
    pub(crate) fn lenient(name: &[u8]) -> Option<(Self, bool)> {
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let text: String = String::from_utf8_lossy(name.get(..Self::LONGEST).unwrap_or(name))
            .chars()
            .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
            .collect();
        let account = Self::parse(text.as_bytes())?;
        let legible = !text.contains(char::REPLACEMENT_CHARACTER);
        text.chars().any(char::is_alphanumeric).then_some((account, legible))
    }

    /// The account that an NTLM message names.
    pub(crate) fn ntlm(names: ntlm::Names) -> Option<Self> {
        let account = Self::parse(names.user.as_bytes())?;
        Some(Self { domain: names.domain.or(account.domain), host: names.workstation, ..account })
    }

    /// This account as evidence that it was used from `ip`.
    pub(crate) fn sighting(
        &self,
        ip: IpAddr,
        evidence: Evidence,
        confirmed: bool,
        at: Timestamp,
    ) -> Sighting {
        Sighting {
            at,
            ip: Some(ip),
            ports: None,
            mac: None,
            host: self.host.clone(),
            user: Some(self.user.clone()),
            domain: self.domain.clone(),
            evidence,
            confirmed,
            until: None,
        }
    }
}

/// A user who has asked a database to be let in, and when.
pub(crate) struct LogIn {
    at: Timestamp,
    account: Account,
}

impl LogIn {
    /// The client has asked now.
    pub(crate) fn asked(account: Account, context: &Context<'_>) -> Self {
        Self { at: context.now(), account }
    }

    /// The server has let the user in: who that is.
    pub(crate) fn accepted(self, context: &mut Context<'_>) -> String {
        self.tell(true, context);
        self.account.user
    }

    /// The session has ended before the server's answer was seen.
    pub(crate) fn left_open(&self, context: &mut Context<'_>) {
        self.tell(false, context);
    }

    fn tell(&self, confirmed: bool, context: &mut Context<'_>) {
        let ip = context.flow.endpoint(Side::Initiator).ip;
        context.sighting(self.account.sighting(ip, Evidence::DatabaseLogin, confirmed, self.at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_no_known_character_set_is_legible_or_marked() {
        type Case = (&'static [u8], Option<(&'static str, bool)>);
        let cases: &[Case] = &[
            (b"alice", Some(("alice", true))),
            (b"alice\0garbage", Some(("alice", true))),
            (b"m\xfcller@corp", Some(("m\u{fffd}ller", false))),
            (b"al\x11ice", Some(("al\u{fffd}ice", false))),
            (b"\xaa\xaa\x01", None),
            (b"\0alice", None),
        ];
        for (name, expected) in cases {
            let account = Account::lenient(name);
            let parts = account.as_ref().map(|(account, legible)| (account.user.as_str(), *legible));
            assert_eq!(parts, *expected, "{:?}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn user_and_domain_are_told_apart() {
        type Parts = (&'static str, Option<&'static str>);
        let cases: &[(&[u8], Option<Parts>)] = &[
            (b"alice", Some(("alice", None))),
            (b" alice@corp.example ", Some(("alice", Some("corp.example")))),
            (b"CORP\\alice", Some(("alice", Some("CORP")))),
            (b"CORP\\alice@x", Some(("alice@x", Some("CORP")))),
            (b"\"a@b\"@corp.example", Some(("\"a@b\"", Some("corp.example")))),
            (b"alice@", Some(("alice", None))),
            (b"@corp.example", None),
            (b"", None),
            (b"al\x00ice", None),
            (b"\xff\xfe", None),
            (&[b'a'; 321], None),
        ];
        for (name, expected) in cases {
            let account = Account::parse(name);
            let parts = account.as_ref().map(|account| (account.user.as_str(), account.domain.as_deref()));
            assert_eq!(parts, *expected, "{:?}", String::from_utf8_lossy(name));
        }
    }
}
