//! The pool: the same records wherever containers are unpacked, and nobody waits for what does not come.

use super::*;
use crate::event::{Asked, Event, Merge, Report, Stamp, Stamped};
use crate::replay::replay_with;
use crate::testing::{captures, config, demo};
use crate::transfer::{Ended, OpenTransfers};
use crate::{Record, ReplayConfig};
use egret_capture::Inputs;
use egret_model::{
    ContentLimits, Endpoint, Flow, FlowKind, Limits, Observation, PacketRef, Protocol, Side, Timestamp,
    TransferKey, TransferStart, TunnelPath,
};
use std::path::Path;

/// Every record and the summary, in words.
fn replayed(capture: &Path, config: &ReplayConfig, unpackers: usize) -> Vec<String> {
    let mut inputs = Inputs::open(&[capture], &config.limits.capture);
    let mut records = Vec::new();
    let mut sink = |record: Record<'_>| {
        records.push(format!("{record:?}"));
        Ok(())
    };
    let replayed = replay_with(&mut inputs, config, unpackers, &mut |_| {}, &mut sink);
    records.push(format!("{:?}", replayed.expect("it is replayed").summary));
    records
}

#[test]
fn a_replay_comes_out_the_same_wherever_containers_are_unpacked() {
    let captures = std::fs::read_dir(captures()).expect("captures to replay");
    let captures = captures.map(|entry| entry.expect("a directory entry").path());
    let captures = captures.filter(|path| path.extension().is_some_and(|kind| kind == "pcap"));
    let signatures = Arc::new(SignatureSet::shipped());
    let plain = config(&signatures, 1 << 20, 1);
    let mut containers = 0;
    for capture in captures.chain([demo()]) {
        let here = replayed(&capture, &plain, 0);
        let unpacked = here.iter().filter(|record| record.contains("openxmlformats")).count();
        if unpacked == 0 {
            continue;
        }
        containers += unpacked;
        // So little room that everything has to wait, and as much as anybody wants.
        for (unpack_bytes, workers, unpackers) in [(1, 1, 1), (3_000, 2, 3), (1 << 20, 1, 2)] {
            let config = config(&signatures, unpack_bytes, workers);
            assert!(
                replayed(&capture, &config, unpackers) == here,
                "{} with {unpackers} and {unpack_bytes} bytes",
                capture.display()
            );
        }
    }
    assert!(containers > 3, "something is unpacked: {containers}");
}

fn flow() -> Flow {
    let end = |ip: [u8; 4], port| Endpoint { ip: ip.into(), port };
    Flow {
        kind: FlowKind::Tcp,
        initiator: end([10, 0, 0, 1], 40_000),
        responder: end([192, 0, 2, 1], 80),
        initiator_mac: None,
        responder_mac: None,
        tunnel: TunnelPath::default(),
        first_packet: PacketRef::default(),
        opened_at: Timestamp::EPOCH,
        last_at: Timestamp::EPOCH,
        midstream: false,
        inconsistent_overlap: false,
    }
}

/// A transfer that was handed on: a zip archive has begun.
fn handed_on(pool: &Pool, scanners: &mut Scanners) -> OpenTransfers {
    let mut open = OpenTransfers::new(&ContentLimits::default(), 1 << 20, Some(pool.clone()));
    let flow = flow();
    let start = TransferStart {
        protocol: Protocol::Http,
        operation: "PUT /a.zip".to_owned(),
        from: Side::Initiator,
        sender: flow.initiator,
        sender_mac: None,
        receiver: flow.responder,
        server: Side::Responder,
        server_name: None,
        via_proxy: false,
        user: None,
        filename: Some("a.zip".to_owned()),
        media_type: None,
        codings: Vec::new(),
        mail: false,
        facts: Vec::new(),
        inner_tunnel: Vec::new(),
        at: Timestamp::EPOCH,
    };
    open.begin(TransferKey(1), Box::new(start), &flow);
    open.body(TransferKey(1), &[&b"PK\x03\x04"[..], &[0; 10_000]].concat(), scanners);
    assert_eq!(locked(&pool.room.load).transfers, 1);
    open
}

#[test]
fn nobody_waits_for_what_was_given_up_or_lost() {
    let limits = Limits::default();
    let signatures = Arc::new(SignatureSet::from_texts(&[]).0);
    let mut scanners = Scanners::new(Arc::clone(&signatures), &limits.detect);
    let (pool, unpacker) = Pool::new(&limits.pipeline);
    drop(handed_on(&pool, &mut scanners));
    pool.wait_for_all();
    // What a panic in the middle of a walk leaves behind.
    let mut open = handed_on(&pool, &mut scanners);
    open.body(TransferKey(1), &[0; 5000], &mut scanners);
    let ended = open.end(TransferKey(1), true, Timestamp::EPOCH, false, &mut scanners);
    let Some(Ended::Promised(promise)) = ended else { panic!("it was handed on") };
    assert!(promise.poll().is_none(), "nobody has worked on it");
    *locked(&promise.0.transfer) = None;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new();
        let work = || unpacker.run(&signatures, &limits.detect);
        thread.spawn_scoped(scope, work).expect("a thread can be started");
        promise.wait();
        assert!(promise.poll().is_some_and(|finished| finished.is_none()));
        pool.wait_for_all();
        let load = locked(&pool.room.load);
        assert_eq!((load.gathered, load.told, load.transfers), (0, 0, 0));
        drop(load);
        drop((open, pool));
    });
}

/// A transfer in the pool as an event, and one behind it.
fn events(pool: &Pool, scanners: &mut Scanners) -> Vec<Stamped> {
    let mut open = handed_on(pool, scanners);
    let ended = open.end(TransferKey(1), true, Timestamp::EPOCH, false, scanners);
    let Some(Ended::Promised(promise)) = ended else { panic!("it was handed on") };
    let Flow { initiator, responder, .. } = flow();
    let observation = Observation::Hello { server_name: None, ja4: None };
    let asked = Asked { client: initiator.ip, server: responder.ip, observation };
    [Event::Promised(promise), Event::Name(Box::new(asked))]
        .into_iter()
        .zip(1..)
        .map(|(event, ordinal)| {
            let stamp = Stamp { ordinal, shard: 0, sequence: 0 };
            Stamped { stamp, at: Timestamp::EPOCH, event }
        })
        .collect()
}

#[test]
fn a_replay_keeps_the_order_and_a_live_run_waits_for_nothing() {
    let limits = Limits::default();
    let signatures = Arc::new(SignatureSet::from_texts(&[]).0);
    let mut scanners = Scanners::new(Arc::clone(&signatures), &limits.detect);
    for (mut merge, at_once, in_all) in [
        (Merge::new(1, &limits.pipeline), "", "transfer name "),
        (Merge::live(1, &limits.pipeline), "name ", "name transfer "),
    ] {
        let (pool, unpacker) = Pool::new(&limits.pipeline);
        let mut taken = String::new();
        let word = |event: Event| match event {
            Event::Transfer(_) => "transfer ",
            Event::Name(_) => "name ",
            other => panic!("{other:?}"),
        };
        let report = Report { worker: 0, through: 9, events: events(&pool, &mut scanners) };
        merge.report(report, &mut |_, event| taken.push_str(word(event)));
        assert_eq!(taken, at_once);
        drop(pool);
        unpacker.run(&signatures, &limits.detect);
        merge.look_again(&mut |_, event| taken.push_str(word(event)));
        assert_eq!(taken, in_all);
    }
}
