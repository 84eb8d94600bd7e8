//! Names of hosts: their registered domain, and look-ups by suffix.
//!
//! Owns: what belongs to whom by its name. Never does: resolving.

use foldhash::HashMap;
use std::borrow::Cow;
use std::net::IpAddr;

/// The registered domain of a host name (the public suffix and one label), or the whole of an address or a name without one.
///
/// ```
/// assert_eq!(egret_context::registered_domain("a.b.shop.co.uk"), "shop.co.uk");
/// assert_eq!(egret_context::registered_domain("198.51.100.7"), "198.51.100.7");
/// ```
#[must_use]
pub fn registered_domain(name: &str) -> &str {
    let name = name.trim_end_matches('.');
    if name.parse::<IpAddr>().is_ok() {
        return name;
    }
    psl::domain_str(name).unwrap_or(name)
}

/// What a name says under the registered domain, and that domain: `("data", "evil.example")`. The domain stands last; before it
/// whoever asks may write what they want. An empty first part says nothing.
///
/// ```
/// assert_eq!(egret_context::zone_of("a.b.evil.example"), ("a.b", "evil.example"));
/// ```
#[must_use]
pub fn zone_of(name: &str) -> (&str, &str) {
    // Names in questions may hold any byte: only the last few labels decide, so that one odd label hides no zone.
    let tail_start = name.rmatch_indices('.').nth(4).map_or(0, |(dot, _)| dot + 1);
    let zone = registered_domain(name.get(tail_start..).unwrap_or(name));
    let before = name.len().saturating_sub(zone.len());
    (name.get(..before).unwrap_or_default().trim_end_matches('.'), zone)
}

/// Values by domain: the longest suffix of whole labels decides. Asked for every name that anybody asks for.
#[derive(Clone, Debug)]
pub(crate) struct NameMap<T>(HashMap<String, T>);

impl<T> Default for NameMap<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T> NameMap<T> {
    pub(crate) fn insert(&mut self, domain: &str, value: T) {
        self.0.insert(domain.trim_matches(['*', '.']).to_lowercase(), value);
    }

    pub(crate) fn find(&self, name: &str) -> Option<&T> {
        if self.0.is_empty() {
            return None;
        }
        let name = name.trim_end_matches('.');
        let as_it_is = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
        let name = if as_it_is { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) };
        let mut rest = &*name;
        loop {
            if let Some(value) = self.0.get(rest) {
                return Some(value);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
