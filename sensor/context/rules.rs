//! Rules of acceptable use: who may send which data where, by which way.
//!
//! Owns: whether a rule fits. Never does: deciding what happens then.

use crate::source::DataPattern;
use std::collections::BTreeSet;

/// What is sent, as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// Groups of the sender.
    pub groups: &'a [&'a str],
    /// The sender, in any case.
    pub user: Option<&'a str>,
    /// Signatures and tags that were found; empty where nothing was.
    pub data: &'a [&'a str],
    /// Group of the destination.
    pub destination_group: Option<&'a str>,
    /// Name or address of the destination.
    pub destination: &'a str,
    /// Protocols that it went over.
    pub protocols: &'a [&'a str],
}

/// What the first rule that fits says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'a> {
    /// Name of the rule.
    pub rule: &'a str,
    /// It allows.
    pub allowed: bool,
    /// Why, in its author's words.
    pub reason: &'a str,
}

/// One rule; what is left empty fits anything.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) allowed: bool,
    pub(crate) reason: String,
    pub(crate) groups: BTreeSet<String>,
    pub(crate) users: BTreeSet<String>,
    pub(crate) data: Vec<DataPattern>,
    /// Groups of destinations, or domains.
    pub(crate) destinations: BTreeSet<String>,
    pub(crate) protocols: BTreeSet<String>,
}

impl Rule {
    /// True when the rule speaks of `sending`. One that allows has to speak of all of its data and ways; one that forbids, of any.
    pub(crate) fn fits(&self, sending: &Sending<'_>) -> bool {
        let who = (self.groups.is_empty() && self.users.is_empty())
            || sending.groups.iter().any(|group| self.groups.contains(*group))
            || sending.user.is_some_and(|user| self.users.contains(&user.to_lowercase()));
        let where_to = self.destinations.is_empty()
            || sending.destination_group.is_some_and(|group| self.destinations.contains(group))
            || suffixes(sending.destination).any(|name| self.destinations.contains(name));
        who && where_to && self.speaks_of_data(sending) && self.speaks_of_ways(sending)
    }

    fn speaks_of_data(&self, sending: &Sending<'_>) -> bool {
        let spoken_of = |id: &str| self.data.iter().any(|pattern| pattern.fits(id));
        self.data.is_empty() || self.all_or_any(sending.data.iter().map(|id| spoken_of(id)))
    }

    fn speaks_of_ways(&self, sending: &Sending<'_>) -> bool {
        self.protocols.is_empty()
            || self.all_or_any(sending.protocols.iter().map(|way| self.protocols.contains(*way)))
    }

    fn all_or_any(&self, mut each: impl ExactSizeIterator<Item = bool>) -> bool {
        each.len() > 0 && if self.allowed { each.all(|fits| fits) } else { each.any(|fits| fits) }
    }

    pub(crate) fn verdict(&self) -> Verdict<'_> {
        Verdict { rule: &self.name, allowed: self.allowed, reason: &self.reason }
    }
}

/// `a.b.c`, `b.c`, `c`.
fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| rest.split_once('.').map(|(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use crate::{Context, Sending};

    #[test]
    fn the_first_rule_that_fits_decides() {
        let context = Context::parse(
            r#"
            [[group]]
            name = "hr"
            users = ["carol"]
            [[rule]]
            name = "payroll to the bank"
            allow = true
            groups = ["hr"]
            data = ["iban", "person/*"]
            destinations = ["bank.example"]
            reason = "contract 12"
            [[rule]]
            name = "nothing to paste sites"
            allow = false
            destinations = ["paste"]
            "#,
        )
        .unwrap();
        let verdict = |groups: &[&str], data: &[&str], destination: &str, group: Option<&str>| {
            let sending = Sending {
                groups,
                user: None,
                data,
                destination_group: group,
                destination,
                protocols: &["http"],
            };
            context.verdict(&sending).map(|verdict| verdict.allowed)
        };
        assert_eq!(verdict(&["hr"], &["iban"], "api.bank.example", None), Some(true));
        assert_eq!(verdict(&["hr"], &["iban", "person/us-ssn"], "bank.example", None), Some(true));
        assert_eq!(verdict(&["hr"], &["iban", "private-key"], "bank.example", None), None);
        assert_eq!(verdict(&["eng"], &["iban"], "bank.example", None), None);
        assert_eq!(verdict(&["hr"], &["iban"], "x.example", Some("paste")), Some(false));
    }
}
