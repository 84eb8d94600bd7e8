//! The format of `context.toml`.
//!
//! Owns: reading it and what is told of its faults. Never does: opening the file.

use crate::rules::Rule;
use crate::{Asset, Context, Destination, DestinationKind, GroupKind, registered_domain};
use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;
use thiserror::Error;

/// What is wrong with a context.
#[derive(Debug, Error)]
pub enum ContextError {
    /// It is not TOML, or not of this form; the message tells the line.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// A value is of the right form and makes no sense.
    #[error("{section} `{name}`: {reason}")]
    Value {
        /// The kind of entry.
        section: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Source {
    asset: Vec<AssetSource>,
    group: Vec<GroupSource>,
    destinations: Vec<DestinationSource>,
    lookups: Lookups,
    rule: Vec<RuleSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssetSource {
    name: String,
    #[serde(default)]
    addresses: Vec<IpNetOrAddress>,
    #[serde(default)]
    names: Vec<String>,
    value: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupSource {
    name: String,
    #[serde(default = "department")]
    kind: GroupKind,
    #[serde(default)]
    users: Vec<String>,
}

const fn department() -> GroupKind {
    GroupKind::Department
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DestinationSource {
    group: String,
    kind: DestinationKind,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    networks: Vec<IpNetOrAddress>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Lookups {
    domains: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSource {
    name: String,
    allow: bool,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    data: Vec<String>,
    #[serde(default)]
    destinations: Vec<String>,
    #[serde(default)]
    protocols: Vec<String>,
}

/// `10.0.0.0/8`, or an address alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum IpNetOrAddress {
    Network(IpNet),
    Address(IpAddr),
}

impl From<IpNetOrAddress> for IpNet {
    fn from(either: IpNetOrAddress) -> Self {
        match either {
            IpNetOrAddress::Network(network) => network,
            IpNetOrAddress::Address(address) => Self::from(address),
        }
    }
}

/// Where an asset is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    networks: Vec<IpNet>,
    names: Vec<String>,
}

impl Place {
    pub(crate) fn holds(&self, ip: IpAddr, name: Option<&str>) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
            || name.is_some_and(|name| self.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }
}

/// A signature's id or a tag, or all that begin so: `person/*`.
#[derive(Clone, Debug)]
pub(crate) struct DataPattern {
    stem: String,
    open: bool,
}

impl DataPattern {
    fn new(pattern: &str) -> Self {
        let stem = pattern.strip_suffix('*');
        Self { stem: stem.unwrap_or(pattern).to_owned(), open: stem.is_some() }
    }

    pub(crate) fn fits(&self, id: &str) -> bool {
        if self.open { id.starts_with(&self.stem) } else { id == self.stem }
    }
}

pub(crate) fn parse(text: &str) -> Result<Context, ContextError> {
    let source: Source = toml::from_str(text)?;
    let mut context = Context::default();
    for AssetSource { name, addresses, names, value } in source.asset {
        if !(1.0..=5.0).contains(&value) {
            let reason = format!("value = {value}, but an asset weighs from 1.0 (as any host) to 5.0");
            return Err(ContextError::Value { section: "asset", name, reason });
        }
        let place = Place { networks: addresses.into_iter().map(Into::into).collect(), names };
        context.assets.push((place, Asset { name, value }));
    }
    for GroupSource { name, kind, users } in source.group {
        for user in users {
            context.members.entry(user.to_lowercase()).or_default().insert(name.clone());
        }
        context.groups.insert(name, kind);
    }
    for DestinationSource { group, kind, domains, networks } in source.destinations {
        let destination = Destination { group, kind };
        for domain in &domains {
            context.tell_apart(domain);
            context.destinations.insert(domain, destination.clone());
        }
        context.networks.extend(networks.into_iter().map(|network| (network.into(), destination.clone())));
    }
    for domain in &source.lookups.domains {
        context.lookups.insert(domain, ());
    }
    for rule in source.rule {
        let rule = rule.checked()?;
        rule.destinations.iter().for_each(|name| context.tell_apart(name));
        context.rules.push(rule);
    }
    Ok(context)
}

impl Context {
    /// A destination or a rule names this; below a registered domain, hosts of that domain are not alike.
    fn tell_apart(&mut self, name: &str) {
        let name = name.trim_matches(['*', '.']).to_lowercase();
        let domain = registered_domain(&name);
        if domain != name {
            self.told_apart.insert(domain.to_owned());
        }
    }
}

impl RuleSource {
    fn checked(self) -> Result<Rule, ContextError> {
        let Self { name, allow, reason, groups, users, data, destinations, protocols } = self;
        if groups.is_empty()
            && users.is_empty()
            && data.is_empty()
            && destinations.is_empty()
            && protocols.is_empty()
        {
            let reason = "fits everything: say for whom, which data, where to or by which way".to_owned();
            return Err(ContextError::Value { section: "rule", name, reason });
        }
        Ok(Rule {
            name,
            allowed: allow,
            reason,
            groups: groups.into_iter().collect(),
            users: users.into_iter().map(|user| user.to_lowercase()).collect(),
            data: data.iter().map(|pattern| DataPattern::new(pattern)).collect(),
            destinations: destinations.into_iter().map(|name| name.to_lowercase()).collect(),
            protocols: protocols.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_with_their_place() {
        for (text, said) in [
            ("[[asset]]\nname = \"x\"\nvalue = 9.0\n", "asset `x`: value = 9"),
            ("[[rule]]\nname = \"x\"\nallow = true\n", "rule `x`: fits everything"),
            ("[[grp]]\n", "unknown field `grp`"),
            ("[[asset]]\nname = \"x\"\nvalue = 1.0\naddresses = [\"10.0.0.\"]\n", "line 4"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
