//! The habits of one user or host.
//!
//! Owns: what is remembered of days, hours, destinations, addresses and reads. Never does: judging it.

use crate::peers::Baseline;
use crate::recent::Recent;
use crate::suspicion::{Contact, Setting};
use crate::volume::{Assessment, Volumes};
use egret_model::{FlowKind, Protocol, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::net::IpAddr;

const HOUR_NS: i64 = 3_600_000_000_000;
pub(crate) const DAY_NS: i64 = 24 * HOUR_NS;
/// Reads from inside are added up in pieces of this, nanoseconds (10 min).
const READ_SLOT_NS: i64 = HOUR_NS / 6;
/// Transfers that count as small, bytes.
pub(crate) const SMALL: u64 = 64 << 10;

/// Uploads of a day before they are held against those of peers, bytes.
const WORTH_COMPARING: u64 = 500_000;

/// What is usual for somebody.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) volumes: Volumes,
    /// Boxed: a map keeps room for ten more.
    pub(crate) destinations: Recent<String, Box<Habit>>,
    /// Days with activity before today.
    pub(crate) days_before: u32,
    today: i64,
    /// By hour of the day (UTC): on how many days before today there was activity, and the last day.
    hours: [(u16, i64); 24],
    /// Bytes sent today in hours that were never active before.
    pub(crate) off_hours: (i64, u64),
    reads: VecDeque<(i64, u64)>,
    /// What is usual for peers, as it was on a day.
    peers: Option<(i64, Option<Box<Baseline>>)>,
    /// Addresses used, with days and last use.
    pub(crate) addresses: Recent<IpAddr, (u32, i64)>,
    /// The system that each address showed last ("windows", "android phone"), as it says itself.
    #[serde(default)]
    pub(crate) systems: Recent<IpAddr, String>,
}

/// What is usual with one destination.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Habit {
    /// First contact, nanoseconds.
    pub(crate) first_at: i64,
    /// Days with contact before today.
    pub(crate) days_before: u32,
    day: i64,
    /// Bytes both ways on days before today.
    pub(crate) before: (u64, u64),
    pub(crate) today: Traffic,
    /// Times of the last contacts, and what was sent with each.
    pub(crate) times: VecDeque<(i64, u64)>,
}

/// Traffic of a day with one destination.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Traffic {
    pub(crate) since: i64,
    pub(crate) out: u64,
    pub(crate) back: u64,
    /// Of `out`, what nobody can read.
    pub(crate) unreadable: u64,
    /// Of both ways, content of no known protocol over TCP, as far as it was captured well enough to say so.
    pub(crate) unknown: (u64, u64),
    /// Contacts that sent little, and their sum.
    pub(crate) small: (u32, u64),
    /// Bytes in the targets of requests that are encoded data, and their number.
    pub(crate) encoded: (u64, u32),
}

impl Traffic {
    /// So many times more went out than came back.
    pub(crate) const fn is_lopsided(&self, times: u64) -> bool {
        self.out >= self.back.saturating_mul(times)
    }
}

impl Habit {
    /// First used less than a day ago.
    pub(crate) const fn is_new(&self, now: Timestamp) -> bool {
        self.days_before == 0 || now.nanos() - self.first_at < DAY_NS
    }

    fn turn(&mut self, now: Timestamp) {
        let day = now.day();
        if day > self.day {
            if self.today.out + self.today.back > 0 {
                self.days_before += 1;
                self.before.0 = self.before.0.saturating_add(self.today.out);
                self.before.1 = self.before.1.saturating_add(self.today.back);
            }
            self.day = day;
            self.today = Traffic { since: now.nanos(), ..Traffic::default() };
        }
    }
}

impl Profile {
    /// Activity at `now`: the day before is over if this begins another one, and then this is true.
    pub(crate) fn active(&mut self, now: Timestamp) -> bool {
        let day = now.day();
        if self.today == 0 {
            self.today = day;
        }
        let another = day > self.today;
        if another {
            self.days_before += 1;
            self.today = day;
        }
        another
    }

    /// The hours with activity on a day before today, as bits.
    pub(crate) fn known_hours(&self, now: Timestamp) -> u32 {
        let known = |(days, last): &(u16, i64)| *days > 1 || (*days == 1 && *last != now.day());
        self.hours
            .iter()
            .enumerate()
            .filter(|(_, hour)| known(hour))
            .fold(0, |bits, (hour, _)| bits | (1 << hour))
    }

    /// Whether the hour of `now`, and those beside it, were never active on a day before.
    pub(crate) fn is_unusual_hour(&self, now: Timestamp) -> bool {
        let hour = hour_of(now);
        [23, 24, 25].iter().all(|beside| {
            let (days, last) = self.hours[(hour + beside) % 24];
            days == 0 || (days == 1 && last == now.day())
        })
    }

    /// Counts the hour. Done last, so that detectors see what was usual before.
    pub(crate) fn note_hour(&mut self, now: Timestamp) {
        let (days, last) = &mut self.hours[hour_of(now)];
        if *days == 0 || *last != now.day() {
            *days = days.saturating_add(1);
            *last = now.day();
        }
    }

    /// The habit with the contact's destination, whose key is given, its traffic added.
    pub(crate) fn note_contact(
        &mut self,
        contact: &Contact<'_>,
        key: &String,
        setting: Setting<'_>,
    ) -> Habit {
        let (now, limit) = (setting.now, setting.limits.destinations_per_actor);
        let habit = self.destinations.entry(key, now.nanos(), limit, || {
            Box::new(Habit {
                first_at: now.nanos(),
                day: now.day(),
                today: Traffic { since: now.nanos(), ..Traffic::default() },
                ..Habit::default()
            })
        });
        habit.turn(now);
        let (out, back) = (contact.out().bytes, contact.back().bytes);
        let today = &mut habit.today;
        today.out = today.out.saturating_add(out);
        today.back = today.back.saturating_add(back);
        if is_unreadable(contact.flow.protocol) {
            today.unreadable = today.unreadable.saturating_add(out);
        }
        if is_unknown(contact) {
            today.unknown = (today.unknown.0.saturating_add(out), today.unknown.1.saturating_add(back));
        }
        if out > 0 && out < SMALL {
            today.small = (today.small.0 + 1, today.small.1 + out);
        }
        if contact.opened && !contact.flow.continued {
            if habit.times.len() >= setting.limits.contacts_per_destination.max(1) {
                habit.times.pop_front();
            }
            habit.times.push_back((contact.flow.opened_at.nanos(), out));
        }
        Habit::clone(habit)
    }

    /// The same for content that goes through a proxy or in the target of a request.
    pub(crate) fn note_encoded(&mut self, habit: &str, bytes: u64, setting: Setting<'_>) -> Habit {
        let (now, limit) = (setting.now, setting.limits.destinations_per_actor);
        let habit = self.destinations.entry(&habit.to_owned(), now.nanos(), limit, || {
            Box::new(Habit {
                first_at: now.nanos(),
                day: now.day(),
                today: Traffic { since: now.nanos(), ..Traffic::default() },
                ..Habit::default()
            })
        });
        habit.turn(now);
        habit.today.encoded = (habit.today.encoded.0 + bytes, habit.today.encoded.1 + 1);
        Habit::clone(habit)
    }

    /// Adds an upload to the day; returns what earlier days have come to.
    pub(crate) fn note_upload(
        &mut self,
        bytes: u64,
        destination: &str,
        setting: Setting<'_>,
    ) -> Option<Assessment> {
        self.volumes.add(setting.now.day(), bytes, hash(destination), setting.limits.distinct_exact)
    }

    /// What is usual for peers, asked for once a day; nothing for who sends too little to be compared.
    pub(crate) fn peers(
        &mut self,
        now: Timestamp,
        ask: impl FnOnce() -> Option<Baseline>,
    ) -> Option<Baseline> {
        if self.volumes.today_bytes() < WORTH_COMPARING {
            return None;
        }
        if self.peers.as_ref().is_none_or(|(day, _)| *day != now.day()) {
            self.peers = Some((now.day(), ask().map(Box::new)));
        }
        self.peers.as_ref()?.1.as_deref().cloned()
    }

    /// Adds an upload outside of the usual hours; returns what it has come to today.
    pub(crate) fn note_off_hours(&mut self, bytes: u64, now: Timestamp) -> u64 {
        if self.off_hours.0 != now.day() {
            self.off_hours = (now.day(), 0);
        }
        self.off_hours.1 = self.off_hours.1.saturating_add(bytes);
        self.off_hours.1
    }

    /// Adds what was read from inside.
    pub(crate) fn note_read(&mut self, bytes: u64, setting: Setting<'_>) {
        let slot = setting.now.nanos().div_euclid(READ_SLOT_NS);
        match self.reads.back_mut() {
            Some((last, sum)) if *last >= slot => *sum = sum.saturating_add(bytes),
            _ => {
                self.reads.push_back((slot, bytes));
                if self.reads.len() > setting.limits.read_slots {
                    self.reads.pop_front();
                }
            }
        }
    }

    /// What was read from inside within `window_ns` before `now`.
    pub(crate) fn read_within(&self, window_ns: i64, now: Timestamp) -> u64 {
        let from = (now.nanos() - window_ns).div_euclid(READ_SLOT_NS);
        let to = now.nanos().div_euclid(READ_SLOT_NS);
        self.reads.iter().filter(|(slot, _)| (from..=to).contains(slot)).map(|(_, bytes)| bytes).sum()
    }
}

/// Content that is encrypted for somebody else.
pub(crate) const fn is_unreadable(protocol: Option<Protocol>) -> bool {
    matches!(protocol, Some(Protocol::Tls | Protocol::Quic | Protocol::Ssh))
}

/// Content of no known protocol, where enough of it was captured to know one.
fn is_unknown(contact: &Contact<'_>) -> bool {
    let out = contact.out();
    contact.flow.kind == FlowKind::Tcp
        && matches!(contact.flow.protocol, None | Some(Protocol::Tcp))
        && !contact.flow.midstream
        && out.missing * 2 < out.bytes.max(1)
}

pub(crate) const fn hour_of(now: Timestamp) -> usize {
    now.nanos().div_euclid(HOUR_NS).rem_euclid(24) as usize
}

/// FNV-1a: the same in every run.
pub(crate) fn hash(text: &str) -> u64 {
    hash_of(text.bytes())
}

/// The same of bytes.
pub(crate) fn hash_of(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
