//! Systems seen behind addresses: several at once are a sign that several people, or devices, share an address.
//!
//! Owns: which two kinds of system an address showed last. Never does: naming anybody; telling an address shared for good, which people
//! who come and go at once do.

use crate::weight;
use egret_model::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// Two systems within this time are there at once, nanoseconds: an hour, within which a lease changes hands rarely.
const AT_ONCE_NS: i64 = 3600 * weight::SECOND;

/// The latest systems of each address.
#[derive(Debug)]
pub(crate) struct Devices {
    seen: HashMap<IpAddr, [(System, Timestamp); 2]>,
    most: usize,
}

/// A system by the first eight bytes of its name; zeros for none.
type System = [u8; 8];

impl Devices {
    pub(crate) fn new(most: usize) -> Self {
        Self { seen: HashMap::new(), most: most.max(1) }
    }

    /// An address showed a device: its system is the first word.
    pub(crate) fn note(&mut self, ip: IpAddr, device: &str, at: Timestamp) {
        let name = device.split(' ').next().unwrap_or_default();
        let mut system = System::default();
        for (to, from) in system.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        if self.seen.len() >= self.most && !self.seen.contains_key(&ip) {
            // A hint that is gone does no harm: what is no longer of the hour goes, or else all.
            self.seen.retain(|_, [(_, last), _]| at.since(*last) <= AT_ONCE_NS);
            if self.seen.len() >= self.most {
                self.seen.clear();
            }
        }
        let [latest, other] =
            self.seen.entry(ip).or_insert([(system, at), (System::default(), Timestamp::EPOCH)]);
        if latest.0 == system {
            latest.1 = latest.1.max(at);
        } else {
            *other = std::mem::replace(latest, (system, at));
        }
    }

    /// True where two kinds of system are behind an address at this time.
    pub(crate) fn are_mixed(&self, ip: IpAddr, at: Timestamp) -> bool {
        self.seen.get(&ip).is_some_and(|both| {
            both.iter()
                .all(|(system, last)| *system != System::default() && at.since(*last).abs() <= AT_ONCE_NS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_systems_within_an_hour_are_mixed_and_memory_is_bounded() {
        let mut devices = Devices::new(100);
        let ip: IpAddr = [10, 0, 0, 1].into();
        let at = |minute: i64| Timestamp::from_seconds(60 * minute);
        devices.note(ip, "windows", at(0));
        devices.note(ip, "windows", at(1));
        assert!(!devices.are_mixed(ip, at(1)), "one system");
        devices.note(ip, "android phone", at(2));
        assert!(devices.are_mixed(ip, at(2)) && devices.are_mixed(ip, at(50)));
        assert!(!devices.are_mixed(ip, at(70)), "an hour later");
        devices.note(ip, "android tablet", at(80));
        assert!(!devices.are_mixed(ip, at(80)), "two devices of one system may be one that turns");
        for number in 0..1000_u16 {
            let [a, b] = number.to_be_bytes();
            devices.note([10, 1, a, b].into(), "linux", at(80));
            assert!(devices.seen.len() <= 100);
        }
    }
}
