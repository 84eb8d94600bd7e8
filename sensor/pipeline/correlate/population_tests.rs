//! Incidents by the thousand rank usefully: the few stories that are true stand first.
//!
//! EGRET_POPULATION=3000 makes it a thousand a day and prints where they stand; EGRET_POPULATION_STORE=FILE keeps the store.

use super::*;
use crate::population::{PLANTED, Population};
use egret_store::{Fill, IncidentFilter, Manifest, RunKind, SignatureDigest, Store};
use std::path::Path;

/// What an analyst reads of a list.
const FIRST: usize = 20;

/// The week of an organisation of so many users, through everything behind the workers, into a store.
fn lived(users: usize, store: &Path) -> Store {
    let mut population = Population::new(users);
    let context = Context::parse(&[egret_context::SHIPPED, Population::CONTEXT].concat()).unwrap();
    let signatures = Arc::new(SignatureSet::from_texts(&[]).0);
    let people = Arc::new(population.people());
    let internal = Population::internal();
    let limits = Limits::default();
    let mut recorder =
        Recorder::new(&limits, &internal, signatures, people, Arc::new(context), vec!["made up".to_owned()]);
    let manifest = Manifest {
        kind: RunKind::Replay,
        egret: String::new(),
        signatures: SignatureDigest { count: 0, sha256: String::new() },
        captures: Vec::new(),
        interfaces: Vec::new(),
        internal: Vec::new(),
        users: None,
        limits: None,
        context: None,
        feeds: Vec::new(),
        key_log: None,
        run: None,
    };
    let now = Timestamp::EPOCH;
    let mut fill = Fill::begin(Store::create(store).unwrap(), &manifest, now).unwrap();
    let mut sink = |record: Record<'_>| -> Result<(), SinkError> {
        match record {
            Record::Transfer(record) => fill.transfer(record, now)?,
            Record::Finding(record) => fill.finding(record, now)?,
            Record::Sighting(record) => fill.sighting(record, now)?,
            Record::Incident(record) => fill.incident(record, now)?,
        }
        Ok(())
    };
    for day in population.days() {
        for (at, event) in day {
            recorder.take(at, event, &mut sink).unwrap();
        }
    }
    recorder.finish(&mut sink).unwrap();
    fill.finish(&"", now).unwrap()
}

/// At which places the planted ones stand, from 1; nothing where they don't stand at all.
fn places(names: &[Option<String>]) -> Vec<(usize, Option<usize>, &'static str)> {
    let place = |user: usize| {
        let name = Population::name(user);
        names.iter().position(|known| known.as_deref() == Some(&*name)).map(|place| place + 1)
    };
    PLANTED.iter().map(|(user, what)| (*user, place(*user), *what)).collect()
}

#[test]
fn true_stories_stand_before_a_thousand_others() {
    let folder = tempfile::tempdir().unwrap();
    let asked = std::env::var("EGRET_POPULATION").ok();
    let users = asked.as_ref().and_then(|users| users.parse().ok()).unwrap_or(500);
    let file =
        std::env::var("EGRET_POPULATION_STORE").map_or_else(|_| folder.path().join("store"), Into::into);
    let store = lived(users, &file);
    let incidents = store.incidents(&IncidentFilter::default()).unwrap();
    let users_listed = store.users(0, usize::MAX).unwrap();
    let incident_names: Vec<_> = incidents.iter().map(|one| one.incident.user.clone()).collect();
    let user_names: Vec<_> = users_listed.iter().map(|one| Some(one.who.clone())).collect();
    let (among_incidents, among_users) = (places(&incident_names), places(&user_names));
    if asked.is_some() {
        println!("{users} users, {} incidents", incidents.len());
        for (incident, user) in among_incidents.iter().zip(&among_users) {
            println!("{:>4} {:?} {:?} {}", incident.0, incident.1, user.1, incident.2);
        }
        for one in incidents.iter().take(40) {
            println!("{:>3} {} {}", one.incident.risk, one.incident.severity, one.incident.title);
        }
    }
    assert!(incidents.len() > 7 * users / 5, "noise: {}", incidents.len());
    for (user, place, what) in among_incidents.iter().chain(&among_users) {
        assert!(
            place.is_some_and(|place| place <= FIRST),
            "{user}: {what}: {place:?} of {}",
            incidents.len()
        );
    }
}
