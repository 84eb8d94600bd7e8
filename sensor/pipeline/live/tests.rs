//! Live runs over a capture that is played by a fake source: the same records as a replay, at any number of sources and workers;
//! nothing lost by a change of signatures; overload by the policy; every packet accounted for.

use super::*;
use crate::{ReplayConfig, replay};
use egret_capture::live::{KernelCounters, Turn};
use egret_capture::{Inputs, PacketBatch};
use egret_decode::shard_of;
use egret_model::{LinkType, Packet, PacketRef};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A packet of a capture, owned.
#[derive(Clone)]
struct Frame {
    at: Timestamp,
    link: LinkType,
    data: Vec<u8>,
}

fn demo() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/demo.pcap")
}

fn frames(path: &std::path::Path) -> Vec<Frame> {
    let mut inputs = Inputs::open(&[path], &Limits::default().capture);
    let mut batch = PacketBatch::default();
    let mut frames = Vec::new();
    while inputs.next_batch(&mut batch) {
        frames.extend(batch.packets().map(|p| Frame { at: p.at, link: p.link, data: p.data.to_vec() }));
    }
    assert!(!frames.is_empty(), "{}", path.display());
    frames
}

/// Plays frames, a few at a time, then is idle until it is stopped. Loses none but those it is told to.
struct Player {
    frames: Vec<Frame>,
    next: usize,
    batch: usize,
    /// Played up to here until the gate opens further.
    gate: Arc<AtomicUsize>,
    /// Packets that the "kernel" drops with each call.
    drops: u64,
    counters: KernelCounters,
    up: bool,
    stopped: bool,
}

impl Player {
    fn new(frames: Vec<Frame>) -> Self {
        let gate = Arc::new(AtomicUsize::new(usize::MAX));
        Self {
            frames,
            next: 0,
            batch: 7,
            gate,
            drops: 0,
            counters: KernelCounters::default(),
            up: false,
            stopped: false,
        }
    }
}

impl LiveSource for Player {
    fn next_batch(&mut self, batch: &mut PacketBatch, wait: Duration) -> Result<Turn, LiveError> {
        batch.clear();
        if !std::mem::replace(&mut self.up, true) {
            return Ok(Turn::Up { interface: "fake0".to_owned() });
        }
        let end = self.frames.len().min(self.next + self.batch).min(self.gate.load(Ordering::SeqCst));
        for (index, frame) in self.frames.iter().enumerate().take(end).skip(self.next) {
            batch.push(&Packet {
                reference: PacketRef { ordinal: index as u64, capture: 0, number: index as u64 + 1 },
                at: frame.at,
                link: frame.link,
                original_length: u32::try_from(frame.data.len()).unwrap(),
                data: &frame.data,
            });
        }
        self.next = self.next.max(end);
        if !self.stopped {
            self.counters.received += self.drops;
            self.counters.dropped += self.drops;
        }
        self.counters.received += batch.len() as u64;
        Ok(match (batch.is_empty(), self.stopped) {
            (false, _) => Turn::Packets,
            (true, true) => Turn::Ended,
            (true, false) => {
                thread::sleep(wait.min(Duration::from_millis(2)));
                Turn::Idle
            }
        })
    }

    fn counters(&mut self) -> KernelCounters {
        self.counters
    }

    fn stop(&mut self) {
        self.stopped = true;
    }
}

/// Records as lines, those of one kind and content alike whatever their ids.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<String>>>);

impl RecordSink for Kept {
    fn record(&mut self, record: Record<'_>) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(line(record));
        Ok(())
    }

    fn keep_habits(&mut self, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&mut self, _: Timestamp) -> Result<(), SinkError> {
        Ok(())
    }
}

impl Kept {
    fn sorted(&self) -> Vec<String> {
        let mut lines: Vec<String> =
            self.0.lock().unwrap().iter().filter(|line| !line.starts_with("incident")).cloned().collect();
        lines.sort();
        lines
    }
}

fn line(record: Record<'_>) -> String {
    match record {
        Record::Transfer(t) => {
            // Without the confidence of attributions: how much later evidence adds to it depends on how long a record waits.
            let party = |p: &egret_model::Party| {
                format!("{}:{} {:?} {:?} {:?} {:?}", p.ip, p.port, p.mac, p.name, p.user, p.host)
            };
            format!(
                "transfer {} {} {:?} {} {} {} {} {:?}",
                t.started_at,
                t.operation,
                t.direction,
                party(&t.sender),
                party(&t.receiver),
                t.bytes,
                t.complete,
                t.objects
            )
        }
        Record::Finding(f) => format!("finding {} {} {} {:?}", f.object, f.signature, f.count, f.matches),
        Record::Sighting(s) => format!("sighting {s:?}"),
        Record::Incident(i) => format!("incident {} {} by {:?}", i.id, i.title, i.user),
    }
}

fn config(workers: usize) -> LiveConfig {
    LiveConfig {
        limits: Limits::default(),
        internal: InternalNetworks::new(vec!["10.20.0.0/16".parse().unwrap()]),
        people: Arc::default(),
        signatures: Arc::new(SignatureSet::shipped()),
        context: Arc::new(Context::shipped()),
        keys: None,
        habits: None,
        interfaces: vec!["fake0".to_owned()],
        workers,
        // The fake plays hours in a moment: no lag of its packets means anything.
        overload: OverloadPolicy {
            strained_backlog_ns: i64::MAX,
            shedding_backlog_ns: i64::MAX,
            ..OverloadPolicy::default()
        },
    }
}

fn replayed() -> Vec<String> {
    let kept = Kept::default();
    let mut config = config(1);
    // A live run amends incidents instead of waiting so long.
    config.limits.pipeline.hindsight_hold_ns = 0;
    let mut sink = kept.clone();
    let replay_config = ReplayConfig {
        limits: config.limits,
        internal: config.internal,
        people: config.people,
        signatures: config.signatures,
        context: config.context,
        workers: 1,
    };
    let mut inputs = Inputs::open(&[demo()], &replay_config.limits.capture);
    replay(&mut inputs, &replay_config, &mut |_| {}, &mut |record| sink.record(record)).unwrap();
    kept.sorted()
}

/// Spreads frames over sources by address pair, as the kernel does.
fn spread(frames: &[Frame], sources: usize) -> Vec<Vec<Frame>> {
    let mut decoder = Decoder::new(&Limits::default().decode);
    let mut parts = vec![Vec::new(); sources];
    for frame in frames {
        let packet = Packet {
            reference: PacketRef::default(),
            at: frame.at,
            link: frame.link,
            original_length: u32::try_from(frame.data.len()).unwrap(),
            data: &frame.data,
        };
        let mut source = 0;
        decoder.decode(&packet, &mut |segment| source = shard_of(&segment, sources));
        parts[source].push(frame.clone());
    }
    parts
}

fn boxed(players: Vec<Player>) -> Vec<Box<dyn LiveSource>> {
    players.into_iter().map(|player| Box::new(player) as Box<dyn LiveSource>).collect()
}

/// Waits until `done`; only a defect makes it wait for ever, so it gives up at some point.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} has not come about in half a minute");
}

#[test]
fn a_live_run_gives_the_records_of_a_replay_whoever_takes_the_packets() {
    let expected = replayed();
    assert!(expected.iter().any(|line| line.starts_with("finding")), "{expected:?}");
    let all = frames(&demo());
    for (sources, workers) in [(1, 1), (3, 3), (1, 3)] {
        let kept = Kept::default();
        let players = spread(&all, sources).into_iter().map(Player::new).collect();
        let run = LiveRun::start(boxed(players), &config(workers), Box::new(kept.clone())).unwrap();
        wait_until("every packet", || run.vitals().summary.packets == all.len() as u64);
        run.stop();
        let vitals = run.join().unwrap();
        let records = kept.sorted();
        let differing: Vec<&String> = records
            .iter()
            .filter(|line| !expected.contains(line))
            .chain(expected.iter().filter(|line| !records.contains(line)))
            .collect();
        assert!(differing.is_empty(), "{sources} sources, {workers} workers: {differing:#?}");
        assert_eq!(records.len(), expected.len());
        assert!(vitals.packet_account.balances(), "{:?}", vitals.packet_account);
        assert_eq!(vitals.packet_account.processed, all.len() as u64);
        assert_eq!(vitals.packet_account.waiting, 0);
        assert_eq!(vitals.in_flight, egret_model::InFlight::default());
        assert_eq!(vitals.summary.incidents, 5);
        assert!(vitals.interfaces[0].up);
    }
}

#[test]
fn records_come_while_the_run_goes_on_and_an_incident_that_grows_keeps_its_id() {
    let kept = Kept::default();
    let mut config = config(1);
    config.limits.pipeline.attribution_hold_ns = 0;
    let all = frames(&demo());
    let run = LiveRun::start(boxed(vec![Player::new(all)]), &config, Box::new(kept.clone())).unwrap();
    let ids = |kept: &Kept| -> Vec<String> {
        let lines = kept.0.lock().unwrap();
        lines
            .iter()
            .filter_map(|line| Some(line.strip_prefix("incident ")?.split(' ').next()?.to_owned()))
            .collect()
    };
    wait_until("five incidents before the end", || {
        let mut told = ids(&kept);
        told.sort();
        told.dedup();
        told.len() == 5
    });
    run.stop();
    let vitals = run.join().unwrap();
    assert_eq!(vitals.summary.incidents, 5);
    assert_eq!(vitals.latency.count(), vitals.summary.transfers);
}

#[test]
fn an_incident_of_nobody_is_named_once_evidence_comes() {
    let kept = Kept::default();
    let mut config = config(1);
    config.limits.pipeline.attribution_hold_ns = 0;
    let all = frames(&demo());
    let player = Player::new(all.clone());
    let gate = Arc::clone(&player.gate);
    // The log-in that tells who it was comes two minutes after what was sent.
    let log_in = Timestamp::from_seconds(1_795_478_100);
    gate.store(all.iter().position(|frame| frame.at > log_in).unwrap(), Ordering::SeqCst);
    let run = LiveRun::start(boxed(vec![player]), &config, Box::new(kept.clone())).unwrap();
    let told = |kept: &Kept, by: &str| -> Vec<String> {
        let lines = kept.0.lock().unwrap();
        let ours = lines.iter().filter(|line| line.starts_with("incident") && line.ends_with(by));
        ours.filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect()
    };
    wait_until("incidents of nobody", || told(&kept, "by None").len() >= 2);
    let nameless = told(&kept, "by None");
    gate.store(usize::MAX, Ordering::SeqCst);
    wait_until("their names", || {
        let alice = told(&kept, "by Some(\"alice\")");
        nameless.iter().all(|id| alice.contains(id))
    });
    run.stop();
    assert_eq!(run.join().unwrap().summary.incidents, 5, "no incident is told twice");
}

#[test]
fn other_signatures_take_over_during_traffic_and_nothing_is_lost() {
    const OURS: &str = "id = \"acme/late\"\ntitle = \"late\"\nseverity = \"high\"\n[[find]]\nname = \"name\"\n\
                        phrases = [\"in transit\"]\n[confidence]\nhigh = \"name\"\n";
    let all = frames(&demo());
    for (sources, workers) in [(1, 1), (1, 2)] {
        let kept = Kept::default();
        let player = Player::new(all.clone());
        let gate = Arc::clone(&player.gate);
        gate.store(all.len() / 2, Ordering::SeqCst);
        let run = LiveRun::start(boxed(vec![player]), &config(workers), Box::new(kept.clone())).unwrap();
        wait_until("the first half", || run.vitals().summary.packets == all.len() as u64 / 2);
        let (set, problems) = SignatureSet::from_texts(&[("late.toml".to_owned(), OURS.to_owned())]);
        assert!(problems.is_empty(), "{problems:?}");
        run.put_in_force(Arc::new(set));
        assert!(run.replace_people(InternalNetworks::default(), Arc::default()));
        gate.store(usize::MAX, Ordering::SeqCst);
        wait_until("every packet", || run.vitals().summary.packets == all.len() as u64);
        run.stop();
        let vitals = run.join().unwrap();
        assert!(vitals.packet_account.balances(), "{sources} {workers}: {:?}", vitals.packet_account);
        let transfers = |lines: &[String]| lines.iter().filter(|line| line.starts_with("transfer")).count();
        assert_eq!(transfers(&kept.sorted()), transfers(&replayed()), "no transfer is lost or torn");
        let found = vitals.findings_by_signature;
        assert!(found.iter().any(|(id, _)| id == "acme/late"), "{found:?}");
        assert!(found.iter().any(|(id, _)| id == "us-ssn"), "what was found before: {found:?}");
    }
}

#[test]
fn under_overload_whole_flows_are_shed_and_every_packet_is_accounted_for() {
    let all = frames(&demo());
    for (sources, workers) in [(1, 1), (1, 2)] {
        let kept = Kept::default();
        let mut player = Player::new(all.clone());
        player.drops = 3; // the kernel drops all the time: overload from the beginning to the end
        player.batch = 2;
        let gate = Arc::clone(&player.gate);
        gate.store(9, Ordering::SeqCst);
        let mut config = config(workers);
        config.overload.hold_ns = 0;
        let run = LiveRun::start(boxed(vec![player]), &config, Box::new(kept.clone())).unwrap();
        wait_until("the last step of the policy", || run.board.lightest_load() == crate::Load::Shedding);
        gate.store(usize::MAX, Ordering::SeqCst);
        wait_until("every packet", || run.vitals().summary.packets == all.len() as u64);
        run.stop();
        let vitals = run.join().unwrap();
        let account = vitals.packet_account;
        assert!(account.balances(), "{account:?}");
        assert_eq!(account.received, all.len() as u64 + account.dropped_by_kernel);
        assert_eq!(account.processed + account.shed.new_flows, all.len() as u64);
        assert!(account.shed.new_flows > 100, "{sources} {account:?}");
        assert!(vitals.summary.coverage.dropped > 10_000, "{:?}", vitals.summary.coverage);
        let transfers: Vec<String> =
            kept.sorted().into_iter().filter(|line| line.starts_with("transfer")).collect();
        assert!(
            !transfers.is_empty() && transfers.len() < 21,
            "flows that had begun are followed on: {transfers:?}"
        );
        assert!(transfers.iter().all(|line| line.contains(" true [")), "none is sampled: {transfers:?}");
    }
}

#[test]
fn a_large_container_is_not_unpacked_while_the_load_is_high() {
    let mut config = config(1);
    config.limits.pipeline.strained_container_bytes = 16;
    config.overload.hold_ns = i64::MAX; // the second step is never taken
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/captures/http-multipart-requests.pcap");
    let states = |drops: u64| {
        let mut player = Player::new(frames(&path));
        player.drops = drops;
        let (packets, gate) = (player.frames.len() as u64, Arc::clone(&player.gate));
        gate.store(0, Ordering::SeqCst);
        let kept = Kept::default();
        let run = LiveRun::start(boxed(vec![player]), &config, Box::new(kept.clone())).unwrap();
        let load = if drops > 0 { crate::Load::Strained } else { crate::Load::Normal };
        wait_until("the load", || run.board.lightest_load() == load);
        gate.store(usize::MAX, Ordering::SeqCst);
        wait_until("every packet", || run.vitals().summary.packets == packets);
        run.stop();
        let vitals = run.join().unwrap();
        assert!(vitals.packet_account.balances(), "{:?}", vitals.packet_account);
        assert_eq!(vitals.packet_account.shed.new_flows, 0);
        (
            kept.sorted().iter().filter(|line| line.contains("OverLimit")).count(),
            vitals.summary.coverage.over_limit,
        )
    };
    let (objects, bytes) = states(1);
    assert!(objects > 0 && bytes > 0, "{objects} objects, {bytes} bytes over limit under load");
    assert_eq!(states(0), (0, 0), "all is unpacked without load");
}

#[test]
fn a_source_that_fails_breaks_the_run_and_says_why() {
    struct Broken;
    impl LiveSource for Broken {
        fn next_batch(&mut self, _: &mut PacketBatch, _: Duration) -> Result<Turn, LiveError> {
            Err(LiveError::Pcap {
                interface: "fake0".to_owned(),
                reason: "it has gone up in smoke".to_owned(),
            })
        }
        fn counters(&mut self) -> KernelCounters {
            KernelCounters::default()
        }
        fn stop(&mut self) {}
    }
    let sources: Vec<Box<dyn LiveSource>> = vec![Box::new(Broken), Box::new(Player::new(frames(&demo())))];
    let run = LiveRun::start(sources, &config(2), Box::new(Kept::default())).unwrap();
    wait_until("the failure", || run.is_broken());
    run.stop();
    let error = run.join().unwrap_err().to_string();
    assert!(error.contains("smoke"), "{error}");
}
