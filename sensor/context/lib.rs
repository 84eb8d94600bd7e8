//! What an organisation knows of itself: which assets are worth what, who belongs to which group, what destinations are, what is
//! allowed, and which destinations intelligence names.
//!
//! Owns: the format of `config/context.toml` and of feeds, and look-ups in them. Never does: opening of files; judging what is
//! unusual. A library that `behavior`, `incident`, `pipeline` and `cli` use; no stage.

#![forbid(unsafe_code)]

mod feed;
mod names;
mod rules;
mod source;

pub use feed::{Feed, FeedError, Indicator};
pub use names::{registered_domain, zone_of};
pub use rules::{Sending, Verdict};
pub use source::ContextError;

use names::NameMap;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The shipped context: destination groups and look-up services that are the same everywhere; no assets, people or rules.
pub const SHIPPED: &str = include_str!("../../config/context.toml");

/// What a group of people is, for judging.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// On notice, or about to leave.
    Leaver,
    /// Suppliers, partners, contractors.
    ThirdParty,
    /// Administrators and others with far-reaching access.
    Privileged,
    /// Management.
    Executive,
    /// Accounts of machines.
    Service,
    /// A department or anything else that rules speak of.
    Department,
}

/// What a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationKind {
    /// The organisation's own cloud and its contractors': meant to be used.
    Sanctioned,
    /// Partners' networks.
    Partner,
    /// Mail in the browser.
    Webmail,
    /// Places to leave files for others.
    FileSharing,
    /// Places to leave text for anybody.
    Paste,
    /// Networks that hide who talks to whom, and tunnels.
    Anonymiser,
    /// Chats.
    Messaging,
    /// Assistants that take documents as questions.
    Assistant,
    /// Public stores of source code.
    CodeHosting,
    /// Public resolvers, which are asked in secret.
    Resolver,
}

/// What is known of a destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination {
    /// Name of its group.
    pub group: String,
    /// What it is.
    pub kind: DestinationKind,
}

impl Destination {
    /// Meant to be used.
    #[must_use]
    pub const fn is_sanctioned(&self) -> bool {
        matches!(self.kind, DestinationKind::Sanctioned | DestinationKind::Partner)
    }
}

/// Something of value inside.
#[derive(Clone, Debug, PartialEq)]
pub struct Asset {
    /// Its name.
    pub name: String,
    /// How much more it weighs than an ordinary host: 1.0 to 5.0.
    pub value: f32,
}

/// What an organisation knows of itself. Cheap to ask, made once, replaced as a whole.
#[derive(Clone, Debug, Default)]
pub struct Context {
    assets: Vec<(source::Place, Asset)>,
    groups: BTreeMap<String, GroupKind>,
    members: BTreeMap<String, BTreeSet<String>>,
    destinations: NameMap<Destination>,
    networks: Vec<(ipnet::IpNet, Destination)>,
    lookups: NameMap<()>,
    rules: Vec<rules::Rule>,
    /// Registered domains below which destinations or rules name hosts.
    told_apart: BTreeSet<String>,
    feed: Feed,
}

impl Context {
    /// The shipped context.
    #[must_use]
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped context is tested")
    }

    /// Reads a context, which stands for itself: what the shipped one has and this one lacks is not there.
    ///
    /// # Errors
    /// What is wrong, with its place.
    pub fn parse(text: &str) -> Result<Self, ContextError> {
        source::parse(text)
    }

    /// The same with another feed of intelligence.
    #[must_use]
    pub fn with_feed(self, feed: Feed) -> Self {
        Self { feed, ..self }
    }

    /// The most valuable asset that an address or name is.
    #[must_use]
    pub fn asset(&self, ip: IpAddr, name: Option<&str>) -> Option<&Asset> {
        self.assets
            .iter()
            .filter(|(place, _)| place.holds(ip, name))
            .map(|(_, asset)| asset)
            .max_by(|a, b| a.value.total_cmp(&b.value))
    }

    /// The groups of a user, by the lists here and by what identity tells (`told`).
    #[must_use]
    pub fn groups_of<'a>(&'a self, user: &str, told: &'a [String]) -> Vec<(&'a str, GroupKind)> {
        let listed = self.members.get(&user.to_lowercase());
        let mut groups: Vec<(&str, GroupKind)> = listed
            .into_iter()
            .flatten()
            .map(String::as_str)
            .chain(told.iter().map(String::as_str))
            .map(|name| (name, self.groups.get(name).copied().unwrap_or(GroupKind::Department)))
            .collect();
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// What a destination is.
    #[must_use]
    pub fn destination(&self, ip: Option<IpAddr>, name: Option<&str>) -> Option<&Destination> {
        name.and_then(|name| self.destinations.find(name)).or_else(|| {
            let ip = ip?.to_canonical();
            self.networks.iter().find(|(network, _)| network.contains(&ip)).map(|(_, known)| known)
        })
    }

    /// What stands for a host where one thing is told of all hosts of a service: its registered domain; the host itself, where
    /// destinations or rules name hosts below that domain.
    #[must_use]
    pub fn service<'a>(&self, host: &'a str) -> &'a str {
        let domain = registered_domain(host);
        if self.told_apart.contains(domain) { host } else { domain }
    }

    /// True for a zone that is asked about files, senders and pages (antivirus, block lists, content networks): its names carry
    /// hashes and addresses, and no content.
    #[must_use]
    pub fn is_lookup_service(&self, name: &str) -> bool {
        self.lookups.find(name).is_some()
    }

    /// What the rules of acceptable use say; the first that fits decides.
    #[must_use]
    pub fn verdict(&self, sending: &Sending<'_>) -> Option<Verdict<'_>> {
        self.rules.iter().find(|rule| rule.fits(sending)).map(rules::Rule::verdict)
    }

    /// What intelligence says.
    #[must_use]
    pub const fn feed(&self) -> &Feed {
        &self.feed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_context_knows_common_destinations() {
        let context = Context::shipped();
        let kind = |name: &str| context.destination(None, Some(name)).map(|known| known.kind);
        for (name, expected) in [
            ("www.wetransfer.com", Some(DestinationKind::FileSharing)),
            ("Pastebin.com", Some(DestinationKind::Paste)),
            ("mail.proton.me", Some(DestinationKind::Webmail)),
            ("notwetransfer.com", None),
            ("wetransfer.com.evil.example", None),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
        assert!(context.is_lookup_service("2.0.0.127.zen.spamhaus.org"));
        assert!(!context.is_lookup_service("spamhaus.org.evil.example"));
    }

    #[test]
    fn people_assets_and_places() {
        let context = Context::parse(
            r#"
            [[asset]]
            name = "payroll"
            addresses = ["10.20.9.0/28"]
            names = ["pay.corp.example"]
            value = 3.0
            [[group]]
            name = "leavers"
            kind = "leaver"
            users = ["Bob"]
            [[destinations]]
            group = "cloud"
            kind = "sanctioned"
            domains = ["crm.example"]
            networks = ["198.51.100.0/24"]
            "#,
        )
        .unwrap();
        let ip = |text: &str| text.parse().unwrap();
        assert_eq!(context.asset(ip("10.20.9.3"), None).map(|asset| asset.value), Some(3.0));
        assert_eq!(
            context.asset(ip("10.20.8.3"), Some("pay.corp.example")).map(|asset| asset.value),
            Some(3.0)
        );
        assert_eq!(context.asset(ip("10.20.8.3"), Some("corp.example")), None);
        assert_eq!(
            context.groups_of("bob", &["eng".to_owned()]),
            [("eng", GroupKind::Department), ("leavers", GroupKind::Leaver)]
        );
        assert!(context.destination(Some(ip("198.51.100.9")), None).is_some_and(Destination::is_sanctioned));
    }
}
