//! The operator's files about people: logs, exports of a directory, the table of addresses. They come from other machines, and what
//! stands in them was often chosen by whoever logged in.

use egret_identity::{AddressPlan, Directory, IdentityIndex, IdentityLog, People, Question};
use egret_model::{IdentityLimits, MacAddress, Timestamp};
use std::sync::Arc;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let limits = IdentityLimits {
        intervals: 64,
        intervals_of_address: 8,
        accounts: 8,
        people_of_address: 4,
        addresses_of_person: 2,
        weighed: 16,
        devices: 4,
        stations: 4,
        log_sessions: 4,
        log_fields: 32,
        log_value_bytes: 256,
        groups_of_person: 4,
    };
    let log = IdentityLog::parse(&text, Timestamp::from_seconds(1_764_201_600), &limits);
    assert!(log.sightings.len() as u64 <= log.lines, "an entry is one piece of evidence at most");
    let (directory, _) = Directory::parse(&text, &limits);
    let (plan, _) = AddressPlan::parse(&text);
    let asked: Vec<_> = log.sightings.iter().filter_map(|seen| Some((seen.ip?, seen.at))).take(64).collect();
    let people = People::of_plan(plan).with_directory(directory).with_events(log.sightings);
    let mut index = IdentityIndex::new(Arc::new(people), &limits);
    index.advance(Timestamp::MAX);
    for (number, (ip, at)) in asked.iter().enumerate() {
        // From the first address on, each but some has a station of its own.
        let mac = MacAddress([2, 0, 0, 0, 0, (number % 5) as u8]);
        index.station(*ip, number % 7 != 6, mac, (*at, at.plus(3_600_000_000_000)));
        index.served(*ip, asked[0].0);
    }
    assert!(index.len() <= limits.intervals);
    for (ip, at) in asked {
        let found = index.attribute(&Question { ip, port: Some(40_000), at, named: None });
        assert!((0.0..=1.0).contains(&found.confidence));
    }
}
