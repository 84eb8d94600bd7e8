//! Data in names: those that are asked of a resolver (DNS tunnels), and those that encrypted sessions ask for (SNI).
//!
//! Owns: what the names under one zone have come to for one client. Never does: decoding them; keeping them.
//!
//! A tunnel has to say something new with every name, so what counts is the information in labels that were never seen before: their
//! characters times the entropy of these. Services that put hashes and addresses into names do that too; what they lack are the other
//! marks of a tunnel, which multiply: record types that carry bytes back, characters that no host name has, names as long as they
//! may be. A zone that many clients ask is a service, and so is one that the context lists.

use crate::distinct::Distinct;
use crate::held::Rounds;
use crate::profile::{hash, hash_of};
use crate::recent::Recent;
use crate::statistics::entropy;
use crate::suspicion::{Actor, Setting, Suspicion, as_f64};
use egret_context::zone_of;
use egret_model::{AnomalyKind, Observation, Severity, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Evidence that counts in full, bytes of information. Ordinary zones stay below a few hundred a day; a file of a kilobyte is
/// not carried in less.
const ENOUGH: f64 = 1_500.0;
/// Time in which half of the evidence is forgotten, nanoseconds (2 days).
const HALF_LIFE_NS: f64 = 2.0 * 86_400e9;
/// Clients of a zone from which on it is a service.
const SERVICE_CLIENTS: usize = 5;
/// Distinct server names of one zone before they are looked at: services have many, a channel more.
const SNI_NAMES: f64 = 20.0;
/// Names longer than this are as long as their maker could make them.
const LONG_NAME: usize = 100;

/// How evidence is multiplied.
const CARRYING_TYPE: f64 = 1.5;
const RAW_TYPE: f64 = 4.0;
const ODD_CHARACTERS: f64 = 6.0;
const FILE_HEAD: f64 = 10.0;
const LONG_NAMES: f64 = 1.5;
const SERVICE: f64 = 0.25;
/// Labels of the form of a hash, asked for an address: one look-up each.
const HASH_LABEL: f64 = 0.25;

/// How files begin when they are written in letters: gzip and zip in base 64, 32 and 16.
const FILE_HEADS: [&str; 7] = ["h4si", "uesdb", "d6fq", "kbfq", "1f8b08", "504b0304", "377abcaf"];

/// Words of tools that carry connections in names (dns2tcp), which no host name can hold.
const TOOL_WORDS: [&str; 2] = ["=auth.", "=connect."];

/// Record types (IANA).
const NULL: u16 = 10;
const PRIVATE: u16 = 65_399;
const CARRYING: [u16; 6] = [5, 15, 16, 25, 33, 99]; // CNAME, MX, TXT, KEY, SRV, SPF

/// All zones.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Channels {
    /// By client and zone.
    names: Recent<(String, String), Zone>,
    servers: Recent<(String, String), Zone>,
    /// Clients of each zone.
    clients: Recent<String, BTreeSet<u64>>,
    /// Resolvers inside: what they ask, they ask for others, who are seen themselves.
    resolvers: Recent<IpAddr, ()>,
}

/// What the names under one zone have come to.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Zone {
    since: i64,
    last_at: i64,
    /// Names and labels, so that each counts once.
    seen: Distinct,
    names: f64,
    /// Bytes of information, halved by time.
    information: f64,
    characters: f64,
    carrying: f64,
    raw: f64,
    odd: f64,
    long: f64,
    heads: u64,
    answered: u64,
    #[serde(default)]
    rounds: Rounds,
}

impl Channels {
    /// A question or an answer.
    pub(crate) fn name(
        &mut self,
        actor: &Actor,
        server: IpAddr,
        observation: &Observation,
        setting: Setting<'_>,
    ) -> Option<Suspicion> {
        let now = setting.now.nanos();
        match observation {
            Observation::Question { name, kind } => {
                self.resolvers.entry(&server, now, setting.limits.pairs, || ());
                if self.resolvers.get(&actor.ip).is_some() {
                    return None;
                }
                let (before, zone) = zone_of(name);
                let spared = before.is_empty() || is_reverse(zone) || setting.context.is_lookup_service(name);
                if spared {
                    return None;
                }
                let key = (actor.key(), zone.to_owned());
                let service = self.is_service(&key, setting);
                let account = self.names.entry(&key, now, setting.limits.zones, Zone::default);
                account.add(before, *kind, setting);
                let held = account.rounds.question(before, now) && !service;
                match account.verdict(service, false) {
                    Some(evidence) => Some(dns(account, evidence, zone, setting)),
                    None => held.then(|| account.held(zone, setting)),
                }
            }
            Observation::Answer { name, bytes, .. } => {
                let (before, zone) = zone_of(name);
                let key = (actor.key(), zone.to_owned());
                let account = self.names.get_mut(&key, now)?;
                account.answered = account.answered.saturating_add(u64::from(*bytes));
                let held = account.rounds.answer(before, *bytes, now) && !self.is_service(&key, setting);
                held.then(|| self.names.get(&key).map(|account| account.held(zone, setting))).flatten()
            }
            Observation::Hello { .. } | Observation::HeldAnswers { .. } => None,
        }
    }

    /// An encrypted session that asked for `name`.
    pub(crate) fn server_name(
        &mut self,
        client: &str,
        name: &str,
        setting: Setting<'_>,
    ) -> Option<Suspicion> {
        /// The type of an address, for which names of hosts are asked.
        const ADDRESS: u16 = 1;
        let (before, zone) = zone_of(name);
        if before.is_empty() || setting.context.is_lookup_service(name) {
            return None;
        }
        let key = (client.to_owned(), zone.to_owned());
        let service = self.is_service(&key, setting);
        let account = self.servers.entry(&key, setting.now.nanos(), setting.limits.zones, Zone::default);
        account.add(before, ADDRESS, setting);
        if account.names < SNI_NAMES {
            return None;
        }
        let evidence = account.verdict(service, true)?;
        let explanation = format!(
            "{:.0} different server names under {zone}, {:.0} characters that look like encoded data: content may leave in the names",
            account.names, account.characters
        );
        Some(account.suspicion(AnomalyKind::SniChannel, evidence, zone, explanation, setting))
    }

    fn is_service(&mut self, (client, zone): &(String, String), setting: Setting<'_>) -> bool {
        let now = setting.now.nanos();
        let clients = self.clients.entry(zone, now, setting.limits.zones, BTreeSet::new);
        if clients.len() < setting.limits.clients_per_zone {
            clients.insert(hash(client));
        }
        clients.len() >= SERVICE_CLIENTS
    }
}

impl Zone {
    fn add(&mut self, before: &str, kind: u16, setting: Setting<'_>) {
        let now = setting.now.nanos();
        if self.since == 0 {
            (self.since, self.last_at) = (now, now);
        }
        let idle = as_f64((now - self.last_at).max(0).unsigned_abs());
        self.information *= 0.5_f64.powf(idle / HALF_LIFE_NS);
        self.last_at = self.last_at.max(now);
        let exact = setting.limits.distinct_exact;
        // How many new names this one stands for: one or none, as long as they are counted exactly.
        let new = self.seen.insert(hash_of(before.bytes().chain([b'.'])), exact);
        if new == 0.0 {
            return;
        }
        let counted = |holds: bool| if holds { new } else { 0.0 };
        self.names += new;
        self.characters += new * as_f64(before.len() as u64);
        self.raw += counted(kind == NULL || kind == PRIVATE);
        self.carrying += counted(CARRYING.contains(&kind));
        self.odd += counted(before.chars().any(is_odd));
        self.long += counted(before.chars().count() > LONG_NAME);
        let begins = before.trim_start_matches(is_odd);
        let file = FILE_HEADS.iter().any(|head| begins.starts_with(head));
        self.heads += u64::from(file || TOOL_WORDS.iter().any(|word| before.contains(word)));
        for label in before.split('.') {
            let new = self.seen.insert(hash(label), exact);
            if new > 0.0 {
                let weight = if is_hash(label) && (kind == 1 || kind == 28) { HASH_LABEL } else { 1.0 };
                self.information +=
                    new * weight * as_f64(label.chars().count() as u64) * entropy(label) / 8.0;
            }
        }
    }

    /// Evidence, if it is enough.
    fn verdict(&self, service: bool, server_names: bool) -> Option<f64> {
        let most = |count: f64| count * 2.0 >= self.names;
        let mut evidence = self.information;
        for (holds, factor) in [
            (most(self.raw), RAW_TYPE),
            (!most(self.raw) && most(self.carrying), CARRYING_TYPE),
            (most(self.odd) || self.odd >= 3.0, ODD_CHARACTERS),
            (most(self.long), LONG_NAMES),
            (self.heads > 0, FILE_HEAD),
            (service, SERVICE),
            // A session costs a connection; hosts of one service have short names.
            (server_names, 2.0),
        ] {
            if holds {
                evidence *= factor;
            }
        }
        (evidence >= ENOUGH).then_some(evidence)
    }

    fn held(&self, zone: &str, setting: Setting<'_>) -> Suspicion {
        self.rounds.suspicion(zone, whole(self.characters), setting)
    }

    fn suspicion(
        &self,
        kind: AnomalyKind,
        evidence: f64,
        zone: &str,
        explanation: String,
        setting: Setting<'_>,
    ) -> Suspicion {
        let certain = evidence >= 4.0 * ENOUGH;
        Suspicion {
            severity: if certain { Severity::High } else { Severity::Medium },
            since: Timestamp::from_nanos(self.since),
            destination: Some(zone.to_owned()),
            observed: self.names.round(),
            unit: "names",
            ..Suspicion::of_bytes(kind, setting, whole(self.characters), explanation)
                .with_baseline(0.0)
                .scored(0.6 + 0.1 * (evidence / ENOUGH).log2())
        }
    }
}

fn dns(account: &Zone, evidence: f64, zone: &str, setting: Setting<'_>) -> Suspicion {
    let marks: Vec<&str> = [
        (account.raw > 0.0, "record types without a form"),
        (account.carrying * 2.0 >= account.names, "record types that carry bytes back"),
        (account.odd > 0.0, "characters that no host name has"),
        (account.long > 0.0, "names of more than 100 characters"),
        (account.heads > 0, "the head of a compressed file or a word of a tunnelling tool"),
    ]
    .into_iter()
    .filter_map(|(holds, mark)| holds.then_some(mark))
    .collect();
    let marks = if marks.is_empty() { String::new() } else { format!("; with {}", marks.join(", ")) };
    let explanation = format!(
        "{:.0} different names under {zone}, {:.0} characters of them, {} bytes in the answers{marks}: data is carried in questions to the resolver",
        account.names, account.characters, account.answered
    );
    account.suspicion(AnomalyKind::DnsTunnel, evidence, zone, explanation, setting)
}

/// A sum as a count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and far below 2^53")]
const fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

/// Host names are letters, digits, hyphens (RFC 1123 section 2.1), and underscores in practice.
const fn is_odd(character: char) -> bool {
    !(character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.'))
}

/// MD5, SHA-1, SHA-224, SHA-256 in hexadecimal, or an address.
fn is_hash(label: &str) -> bool {
    matches!(label.len(), 32 | 40 | 56 | 64) && label.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Addresses are asked for as names (RFC 1035 section 3.5), and services on the local network.
fn is_reverse(zone: &str) -> bool {
    zone.ends_with("arpa") || zone.ends_with("local")
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_context::Context;
    use egret_model::BehaviorLimits;

    fn ask(names: impl Iterator<Item = (String, u16)>, clients: u8) -> Option<Suspicion> {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let mut channels = Channels::default();
        let mut last = None;
        for (second, (name, kind)) in names.enumerate() {
            for client in 1..=clients {
                let now = Timestamp::from_seconds(1_000_000 + second as i64);
                let setting = Setting { limits: &limits, context: &context, now };
                let ip = [10, 0, 0, client].into();
                let actor = Actor { user: None, host: None, ip, confidence: None, person: None };
                let question = Observation::Question { name: name.clone(), kind };
                last = channels.name(&actor, [192, 0, 2, 53].into(), &question, setting).or(last);
            }
        }
        last
    }

    /// Digits of a pseudo-random sequence in an alphabet.
    fn noise(seed: u64, length: usize, alphabet: &[u8]) -> String {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(alphabet[(state >> 33) as usize % alphabet.len()])
            })
            .collect()
    }

    const BASE32: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
    const HEX: &[u8] = b"0123456789abcdef";

    #[test]
    fn tunnels_are_told() {
        let labels =
            |n: u64| format!("{}.{}.t.evil.example", noise(n, 60, BASE32), noise(n + 900, 60, BASE32));
        assert!(ask((0..40).map(|n| (labels(n), 16)), 1).is_some());
        // Slow ones, too: the evidence of half an hour is that of a second.
        assert!(ask((0..200).map(|n| (format!("{}.evil.example", noise(n, 50, BASE32)), 16)), 1).is_some());
        let odd = |n: u64| (format!("{}=+.evil.example", noise(n, 60, BASE32)), 16);
        assert!(ask((0..8).map(odd), 1).is_some());
        let tool = |n: u64| (format!("{}.=auth.evil.example", noise(n, 50, BASE32)), 16);
        assert!(ask((0..6).map(tool), 1).is_some());
    }

    #[test]
    fn services_are_spared() {
        let quiet = |name: fn(u64) -> (String, u16), count: u64, clients: u8| {
            let told = ask((0..count).map(name), clients);
            assert!(told.is_none(), "{told:?}");
        };
        quiet(|n| (format!("{}.av-cloud.example", noise(n, 32, HEX)), 1), 250, 1);
        quiet(|n| (format!("{}.sophosxl.net", noise(n, 60, BASE32)), 16), 500, 1);
        quiet(|n| (format!("{}.{}.2.127.zen.spamhaus.org", n % 256, n / 256), 1), 2_000, 1);
        quiet(|n| (format!("e{n}.dsca.akamai-like.example"), 1), 300, 1);
        quiet(|n| (format!("{n}.0.10.in-addr.arpa"), 12), 1_000, 1);
        quiet(|n| (format!("{}.telemetry.example", noise(n, 40, BASE32)), 28), 100, 8);
        quiet(
            |n| (["www", "mail", "cdn", "login"][n as usize % 4].to_owned() + ".shop.example", 1),
            1_000,
            1,
        );
    }
}
