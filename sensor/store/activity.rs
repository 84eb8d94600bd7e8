//! Who sends how much where, and who was seen where: sums, for what is too much to keep each by each.
//!
//! Owns: those sums between two commits, and queries over them. Never does: baselines, which are `behavior`'s.

use crate::StoreError;
use egret_model::{Direction, SightingRecord, Timestamp, TransferRecord};
use rusqlite::Connection;
use std::collections::HashMap;
use std::hash::Hash;

const HOUR_NS: i64 = 3_600_000_000_000;
/// Sums held between two commits; with more, the batch is due.
pub(crate) const SUMS: usize = 50_000;

/// What has not been written yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    activity: HashMap<ActivityKey, [u64; 3]>,
    whereabouts: HashMap<Place, (i64, i64, u64)>,
    devices: HashMap<Device, (i64, i64, u64)>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ActivityKey {
    hour: i64,
    who: String,
    is_user: bool,
    destination: String,
    protocol: String,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    user: String,
    host: String,
    ip: String,
    domain: String,
    evidence: String,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Device {
    user: String,
    ip: String,
    device: String,
}

impl Pending {
    pub(crate) fn is_full(&self) -> bool {
        self.activity.len() + self.whereabouts.len() + self.devices.len() >= SUMS
    }

    /// Counts content that left.
    pub(crate) fn transfer(&mut self, transfer: &TransferRecord) {
        if transfer.direction != Direction::Egress {
            return;
        }
        let sender = &transfer.sender;
        let key = ActivityKey {
            hour: transfer.started_at.nanos().div_euclid(HOUR_NS),
            is_user: sender.user.is_some(),
            who: sender.user.clone().or_else(|| sender.host.clone()).unwrap_or_else(|| sender.ip.to_string()),
            destination: transfer.receiver.name.clone().unwrap_or_else(|| transfer.receiver.ip.to_string()),
            protocol: transfer.protocol.to_string(),
        };
        let [transfers, bytes, findings] = self.activity.entry(key).or_default();
        *transfers += 1;
        *bytes = bytes.saturating_add(transfer.bytes);
        *findings += transfer.findings.len() as u64;
        if let (Some(user), Some(evidence)) = (&sender.user, sender.evidence) {
            let place = Place {
                user: user.clone(),
                host: sender.host.clone().unwrap_or_default(),
                ip: sender.ip.to_string(),
                domain: sender.domain.clone().unwrap_or_default(),
                evidence: evidence.to_string(),
            };
            seen(&mut self.whereabouts, place, transfer.started_at);
        }
        let device = transfer.facts.iter().find(|(name, _)| *name == "device");
        if let (Some(user), Some((_, device))) = (&sender.user, device) {
            let device = Device { user: user.clone(), ip: sender.ip.to_string(), device: device.clone() };
            seen(&mut self.devices, device, transfer.started_at);
        }
    }

    /// Counts a piece of identity evidence that names a user.
    pub(crate) fn sighting(&mut self, sighting: &SightingRecord) {
        let Some(user) = &sighting.user else { return };
        let place = Place {
            user: user.clone(),
            host: sighting.host.clone().unwrap_or_default(),
            ip: sighting.ip.map(|ip| ip.to_string()).unwrap_or_default(),
            domain: sighting.domain.clone().unwrap_or_default(),
            evidence: sighting.evidence.to_string(),
        };
        seen(&mut self.whereabouts, place, sighting.at);
    }

    /// Writes everything, within the caller's transaction.
    pub(crate) fn write(&mut self, connection: &Connection, run: i64) -> Result<(), StoreError> {
        let mut add = connection.prepare_cached(
            "INSERT INTO activity (run, hour, who, is_user, destination, protocol, transfers, bytes, findings)
             VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
             transfers = transfers + excluded.transfers, bytes = bytes + excluded.bytes, findings = findings + excluded.findings",
        )?;
        for (key, [transfers, bytes, findings]) in self.activity.drain() {
            let ActivityKey { hour, who, is_user, destination, protocol } = key;
            let sums = [transfers, bytes, findings].map(|sum| i64::try_from(sum).unwrap_or(i64::MAX));
            let [transfers, bytes, findings] = sums;
            add.execute((run, hour, who, is_user, destination, protocol, transfers, bytes, findings))?;
        }
        let mut add = connection.prepare_cached(
            "INSERT INTO whereabouts (run, user, host, ip, domain, evidence, first_at, last_at, times)
             VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET first_at = min(first_at, excluded.first_at),
             last_at = max(last_at, excluded.last_at), times = times + excluded.times",
        )?;
        for (place, (first, last, times)) in self.whereabouts.drain() {
            let Place { user, host, ip, domain, evidence } = place;
            let times = i64::try_from(times).unwrap_or(i64::MAX);
            add.execute((run, user, host, ip, domain, evidence, first, last, times))?;
        }
        let mut add = connection.prepare_cached(
            "INSERT INTO device (run, user, ip, device, first_at, last_at, times) VALUES (?,?,?,?,?,?,?)
             ON CONFLICT DO UPDATE SET first_at = min(first_at, excluded.first_at),
             last_at = max(last_at, excluded.last_at), times = times + excluded.times",
        )?;
        for (Device { user, ip, device }, (first, last, times)) in self.devices.drain() {
            let times = i64::try_from(times).unwrap_or(i64::MAX);
            add.execute((run, user, ip, device, first, last, times))?;
        }
        Ok(())
    }
}

/// Something was seen there at this time, too.
fn seen<K: Eq + Hash>(sums: &mut HashMap<K, (i64, i64, u64)>, key: K, at: Timestamp) {
    let nanos = at.nanos();
    let (first, last, times) = sums.entry(key).or_insert((nanos, nanos, 0));
    *first = nanos.min(*first);
    *last = nanos.max(*last);
    *times += 1;
}

/// Content that left within an hour, or to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivitySum {
    /// The hour it began, or the latest of several.
    pub hour: Timestamp,
    /// Where it went; empty for a sum over destinations.
    pub destination: String,
    /// Transfers.
    pub transfers: u64,
    /// Content bytes.
    pub bytes: u64,
    /// Findings.
    pub findings: u64,
}

/// Where a user was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of sightings")]
pub struct Whereabouts {
    pub host: String,
    pub ip: String,
    pub domain: String,
    pub evidence: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub times: u64,
}

/// A device that a user sent from, as it says itself: a hint, no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSeen {
    /// Its system and class: `windows`, `android phone`.
    pub device: String,
    /// The address it had.
    pub ip: String,
    /// When it was seen first.
    pub first_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
    /// Transfers.
    pub times: u64,
}

/// What is known of a user, or of a host that nobody is known to have used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// Name.
    pub who: String,
    /// A user, not a host or an address.
    pub is_user: bool,
    /// Incidents that are open.
    pub open: u64,
    /// Incidents in all.
    pub incidents: u64,
    /// The highest risk of an open incident, else of any.
    pub risk: u8,
    /// Content that left: transfers.
    pub transfers: u64,
    /// Content that left: bytes.
    pub bytes: u64,
    /// Findings in it.
    pub findings: u64,
    /// When content last left, or an incident was last added to.
    pub last_at: Option<Timestamp>,
}

impl crate::Store {
    /// All users, and hosts without a known user, that sent anything out or have incidents: the riskiest first.
    pub fn users(&self, least_risk: u8, limit: usize) -> Result<Vec<UserSummary>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "WITH part AS (
               SELECT NULL AS named, who, is_user, 0 AS incidents, 0 AS open, NULL AS risk, NULL AS open_risk, transfers, bytes, findings,
                      hour * 3600000000000 AS last_at FROM activity
               UNION ALL
               SELECT coalesce(user, host), coalesce(user, host), user IS NOT NULL, 1, state = 'open', risk,
                      CASE state WHEN 'open' THEN risk END, 0, 0, 0, last_at FROM incident
             )
             SELECT coalesce(max(named), max(who)) AS name, max(is_user), sum(open), sum(incidents) AS incidents,
                    coalesce(max(open_risk), max(risk), 0) AS rank, sum(transfers), sum(bytes) AS bytes, sum(findings), max(last_at)
             FROM part WHERE who IS NOT NULL GROUP BY who COLLATE NOCASE HAVING rank >= ?
             ORDER BY sum(open) > 0 DESC, rank DESC, sum(incidents) DESC, sum(bytes) DESC, name LIMIT ?",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = statement.query_map((least_risk, limit), |row| {
            Ok(UserSummary {
                who: row.get(0)?,
                is_user: row.get(1)?,
                open: row.get(2)?,
                incidents: row.get(3)?,
                risk: row.get(4)?,
                transfers: row.get(5)?,
                bytes: row.get(6)?,
                findings: row.get(7)?,
                last_at: Some(row.get(8)?).filter(|nanos| *nanos != 0).map(Timestamp::from_nanos),
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What left hour by hour, of everybody or of one; the earliest first.
    pub fn hours(&self, who: Option<&str>) -> Result<Vec<ActivitySum>, StoreError> {
        self.sums(
            "SELECT hour, '', sum(transfers), sum(bytes), sum(findings) FROM activity WHERE ?1 IS NULL OR who = ?1
             GROUP BY hour ORDER BY hour",
            who,
            i64::MAX,
        )
    }

    /// Where the content of everybody or of one went; the destinations with findings, then those with most bytes, first.
    pub fn destinations(&self, who: Option<&str>, limit: usize) -> Result<Vec<ActivitySum>, StoreError> {
        self.sums(
            "SELECT max(hour), destination, sum(transfers), sum(bytes), sum(findings) FROM activity WHERE ?1 IS NULL OR who = ?1
             GROUP BY destination ORDER BY 5 DESC, 4 DESC, 2 LIMIT ?2",
            who,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
    }

    fn sums(&self, query: &str, who: Option<&str>, limit: i64) -> Result<Vec<ActivitySum>, StoreError> {
        let mut statement = self.connection.prepare_cached(query)?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ActivitySum {
                hour: Timestamp::from_nanos(row.get::<_, i64>(0)?.saturating_mul(HOUR_NS)),
                destination: row.get(1)?,
                transfers: row.get(2)?,
                bytes: row.get(3)?,
                findings: row.get(4)?,
            })
        };
        if statement.parameter_count() == 2 {
            return Ok(statement.query_map((who, limit), read)?.collect::<Result<_, _>>()?);
        }
        Ok(statement.query_map([who], read)?.collect::<Result<_, _>>()?)
    }

    /// Devices that a user sent from, the latest first.
    pub fn devices(&self, user: &str, limit: usize) -> Result<Vec<DeviceSeen>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT device, ip, min(first_at), max(last_at), sum(times) FROM device WHERE user = ?
             GROUP BY device, ip ORDER BY 4 DESC, device, ip LIMIT ?",
        )?;
        let rows = statement.query_map((user, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
            Ok(DeviceSeen {
                device: row.get(0)?,
                ip: row.get(1)?,
                first_at: Timestamp::from_nanos(row.get(2)?),
                last_at: Timestamp::from_nanos(row.get(3)?),
                times: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Where a user was seen, the latest first.
    pub fn whereabouts(&self, user: &str, limit: usize) -> Result<Vec<Whereabouts>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT host, ip, domain, evidence, min(first_at), max(last_at), sum(times) FROM whereabouts WHERE user = ?
             GROUP BY host, ip, domain, evidence ORDER BY 6 DESC, host, ip LIMIT ?",
        )?;
        let rows = statement.query_map((user, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
            Ok(Whereabouts {
                host: row.get(0)?,
                ip: row.get(1)?,
                domain: row.get(2)?,
                evidence: row.get(3)?,
                first_at: Timestamp::from_nanos(row.get(4)?),
                last_at: Timestamp::from_nanos(row.get(5)?),
                times: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
