//! Answers of a resolver that are held back and asked for again at once: a tunnel that waits for data from the other side.
//!
//! Owns: the thresholds, and the rounds of questions that can be read. Never does: counting encrypted rounds, which whoever sees their times does;
//! minding names that take long.
//!
//! A resolver may not speak first, so whoever carries a connection through it (iodine's lazy mode, dns2tcp, dnscat2) leaves a question open until
//! there is something to say, and asks again at once. It shows after few packets, before the names have come to anything, and through
//! encryption. Honest names are answered at once; those that fail take long and are asked again after seconds, or not at all; those that are
//! merely slow are known to the resolver from then on.

use crate::profile::hash;
use crate::resolver::is_resolver;
use crate::suspicion::{Peer, Setting, Suspicion, as_f64};
use egret_model::{AnomalyKind, Observation, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How long an answer takes that was held back, nanoseconds (1 s): resolvers ask others within a few hundred milliseconds.
const HELD_NS: i64 = 1_000_000_000;
/// How near the next question is, nanoseconds (100 ms), behind the answer, or before it where the next question is what sets the last one
/// free (iodine). Within it a program asks on, nobody else.
const AGAIN_NS: i64 = 100_000_000;
/// Rounds held back before they are told, and at least half of all.
const TELLING: u32 = 3;
/// Questions after which the count is halved, so that what happens now is not outweighed by all that was.
const MOST: u32 = 64;
/// Questions of one client and zone that wait for their answers: tunnels leave few open.
const OPEN: usize = 8;

/// What the questions of one client for names under one zone show of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Rounds {
    /// Names asked for and not answered, by hash, and when.
    open: VecDeque<(u64, i64)>,
    /// The last question, until an answer has come that it set free.
    last: Option<(u64, i64)>,
    /// When the last answer came that was held back, until a question has followed.
    answered_at: Option<i64>,
    all: u32,
    held: u32,
    since: i64,
    longest_ns: i64,
}

impl Rounds {
    /// A name is asked for. True: there is something to tell.
    pub(crate) fn question(&mut self, name: &str, now: i64) -> bool {
        let name = hash(name);
        // Somebody is impatient, or wants to know another thing of the same name.
        if self.last.is_some_and(|(last, _)| last == name) || self.open.iter().any(|(open, _)| *open == name)
        {
            return false;
        }
        if self.all >= MOST {
            (self.all, self.held) = (self.all / 2, self.held / 2);
        }
        self.all += 1;
        if self.open.len() >= OPEN {
            self.open.pop_front();
        }
        self.open.push_back((name, now));
        self.last = Some((name, now));
        self.answered_at.take().is_some_and(|at| (0..=AGAIN_NS).contains(&(now - at))) && self.count()
    }

    /// The answer has come, with `bytes` of data.
    pub(crate) fn answer(&mut self, name: &str, bytes: u32, now: i64) -> bool {
        let name = hash(name);
        let Some(place) = self.open.iter().position(|(open, _)| *open == name) else { return false };
        let asked_at = self.open.remove(place).map_or(now, |(_, at)| at);
        let wait = now - asked_at;
        if bytes == 0 || wait < HELD_NS {
            return false;
        }
        self.since = if self.since == 0 { asked_at } else { self.since };
        self.longest_ns = self.longest_ns.max(wait);
        if self.last.take_if(|(last, at)| *last != name && now - *at <= AGAIN_NS).is_some() {
            return self.count();
        }
        self.answered_at = Some(now);
        false
    }

    const fn count(&mut self) -> bool {
        self.held += 1;
        self.held >= TELLING && self.held * 2 >= self.all
    }

    /// For the zone, in whose names were so many characters.
    pub(crate) fn suspicion(&self, zone: &str, characters: u64, setting: Setting<'_>) -> Suspicion {
        let explanation = format!(
            "{} of {} questions for names under {zone} were answered only after a second and more ({:.1} at most), and another question came at \
             once: what is behind the names keeps answers back until it has something to send",
            self.held,
            self.all,
            as_f64(self.longest_ns.unsigned_abs()) / 1e9
        );
        let told = told(self.held, Timestamp::from_nanos(self.since), characters, explanation, setting);
        Suspicion { destination: Some(zone.to_owned()), ..told }.scored(0.6 + surer(self.held))
    }
}

/// What an encrypted session with a resolver shows of it.
pub(crate) fn encrypted(peer: &Peer, observation: &Observation, setting: Setting<'_>) -> Option<Suspicion> {
    let Observation::HeldAnswers { port, held, rounds, since, waits_ns, sent, .. } = observation else {
        return None;
    };
    if !is_resolver(peer, *port, setting) {
        return None;
    }
    let seconds = |wait: i64| format!("{:.1}", as_f64(wait.unsigned_abs()) / 1e9);
    let (least, most) = (seconds(waits_ns.0), seconds(waits_ns.1));
    let waits = if least == most { least } else { format!("{least} to {most}") };
    let explanation = format!(
        "{held} of {rounds} answers of an encrypted resolver came only {waits} seconds after they were asked for, and the next question \
         followed at once: what is behind the names keeps answers back until it has something to send"
    );
    Some(told(*held, *since, *sent, explanation, setting).to(peer).scored(0.5 + surer(*held)))
}

fn told(held: u32, since: Timestamp, bytes: u64, explanation: String, setting: Setting<'_>) -> Suspicion {
    Suspicion {
        since,
        observed: f64::from(held),
        unit: "answers held back",
        ..Suspicion::of_bytes(AnomalyKind::HeldAnswers, setting, bytes, explanation)
    }
    .with_baseline(0.0)
}

/// The more, the surer.
fn surer(held: u32) -> f64 {
    (0.1 * f64::from(held.max(TELLING)).log2() - 0.1 * f64::from(TELLING).log2()).min(0.3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Actor;
    use crate::channel::Channels;
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Severity};

    const SECOND: i64 = 1_000_000_000;
    const MILLISECOND: i64 = 1_000_000;

    /// Questions (None) and answers (bytes of data) at milliseconds.
    fn told(messages: &[(i64, &str, Option<u32>)]) -> Option<Suspicion> {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let actor =
            Actor { user: None, host: None, ip: [10, 0, 0, 1].into(), confidence: None, person: None };
        let mut channels = Channels::default();
        let mut last = None;
        for (at, name, answer) in messages {
            let now = Timestamp::from_nanos(1_000 * SECOND + at * MILLISECOND);
            let (name, kind) = ((*name).to_owned(), 16);
            let observation = match *answer {
                None => Observation::Question { name, kind },
                Some(bytes) => Observation::Answer { name, kind, missing: bytes == 0, bytes },
            };
            let setting = Setting { limits: &limits, context: &context, now };
            last = channels.name(&actor, [192, 0, 2, 53].into(), &observation, setting).or(last);
        }
        last
    }

    /// Names asked for one after the other: how long each answer takes, its data, and how long after it the next is asked for.
    fn dialogue(
        names: &[&'static str],
        wait: i64,
        bytes: u32,
        pause: i64,
    ) -> Vec<(i64, &'static str, Option<u32>)> {
        let round = wait + pause;
        let at = |n: usize| i64::try_from(n).unwrap() * round;
        let rounds = names.iter().enumerate();
        rounds.flat_map(|(n, name)| [(at(n), *name, None), (at(n) + wait, *name, Some(bytes))]).collect()
    }

    const POLLS: [&str; 5] =
        ["aaab.t.example", "aaac.t.example", "aaad.t.example", "aaae.t.example", "aaaf.t.example"];

    #[test]
    fn a_tunnel_that_waits_is_told_after_few_packets() {
        let found = told(&dialogue(&POLLS[..4], 1_800, 40, 2)).unwrap();
        assert_eq!((found.kind, found.severity), (AnomalyKind::HeldAnswers, Severity::Medium));
        assert_eq!(found.destination.as_deref(), Some("t.example"));
        assert!(
            found.explanation.starts_with("3 of 4 questions for names under t.example"),
            "{}",
            found.explanation
        );
        // The next question is what sets the last one free.
        let lazy = POLLS.windows(2).enumerate().flat_map(|(n, pair)| {
            let at = i64::try_from(n).unwrap() * 4_000;
            [(at, pair[0], None), (at + 4_000, pair[1], None), (at + 4_010, pair[0], Some(20))]
        });
        assert!(told(&lazy.collect::<Vec<_>>()).is_some());
    }

    #[test]
    fn honest_names_are_not() {
        let quiet = |what: &str, messages: &[_]| assert!(told(messages).is_none(), "{what}");
        quiet("slow names, asked one by one by a person", &dialogue(&POLLS, 1_500, 16, 3_000));
        quiet("names that do not exist, down a list of suffixes", &dialogue(&POLLS, 2_500, 0, 2));
        quiet("answered at once", &dialogue(&POLLS.repeat(20), 30, 16, 1));
        quiet("the same name again and again", &dialogue(&["a.t.example"; 20], 2_000, 16, 1));
        let slow = dialogue(&POLLS[..3], 1_200, 16, 5);
        let others =
            dialogue(&["www.t.example", "cdn.t.example", "img.t.example", "api.t.example"], 25, 16, 400);
        let later = others.iter().map(|(at, name, answer)| (at + 9_000, *name, *answer));
        quiet("a slow one now and then", &slow.iter().copied().chain(later).collect::<Vec<_>>());
        let page: Vec<_> =
            POLLS.iter().flat_map(|name| [(0, *name, None), (1_300, *name, Some(16))]).collect();
        quiet("a page of many hosts while the resolver is slow", &page);
    }

    #[test]
    fn encrypted_rounds_are_judged_by_whom_they_are_with() {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let setting = Setting { limits: &limits, context: &context, now: Timestamp::from_seconds(1_000) };
        let held = |ip: [u8; 4], name: Option<&str>, port| {
            let peer = Peer { ip: ip.into(), name: name.map(str::to_owned), internal: false };
            let observation = Observation::HeldAnswers {
                server_name: peer.name.clone(),
                port,
                held: 3,
                rounds: 4,
                since: Timestamp::from_seconds(990),
                waits_ns: (1_583_000_000, 3_094_000_000),
                sent: 300,
            };
            encrypted(&peer, &observation, setting)
        };
        let found = held([1, 1, 1, 1], None, 443).unwrap();
        assert!(
            found.explanation.contains("3 of 4") && found.explanation.contains("1.6 to 3.1"),
            "{}",
            found.explanation
        );
        assert_eq!((found.severity, found.score), (Severity::Medium, 0.5));
        assert!(held([198, 51, 100, 7], Some("dns.google"), 443).is_some());
        assert!(held([198, 51, 100, 7], None, 853).is_some());
        // Chats keep answers back, too.
        assert!(held([198, 51, 100, 7], Some("chat.example"), 443).is_none());
    }
}
