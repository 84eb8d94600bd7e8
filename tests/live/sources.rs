//! The sources of live capture on a real cable: every packet once, whole, and counted.

use crate::network::{Network, SENSOR_END};
use crate::support;
use egret_capture::live::{self, Backend, LiveOptions, LiveSource, Turn};
use egret_capture::{Inputs, PacketBatch};
use egret_decode::Decoder;
use egret_model::{CaptureLimits, DecodeLimits, Packet};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// What a source gave.
#[derive(Debug)]
enum Event {
    Packet {
        source: usize,
        original_length: u32,
        data: Vec<u8>,
    },
    Turn(Turn),
    /// Packets given and the kernel's counts at the end.
    Ended {
        given: u64,
        received: u64,
        dropped: u64,
    },
}

const WAIT: Duration = Duration::from_millis(50);
/// Long enough for anything that will ever happen.
const FOREVER: Duration = Duration::from_secs(30);

/// Runs `work` while `sources` sources capture; stops them and gives everything that they have to say.
fn capture(
    network: &Network,
    options: &LiveOptions,
    sources: usize,
    work: impl FnOnce(&Receiver<Event>),
) -> Vec<Event> {
    let (out, events) = channel();
    let (stop, opened) = (AtomicBool::new(false), channel());
    std::thread::scope(|scope| {
        let (stop, opened_in) = (&stop, opened.0);
        scope.spawn(move || {
            network.enter();
            let live = live::open(options, sources).expect("the interface can be captured");
            opened_in.send(()).expect("the test waits");
            // As in earnest: sources run without the privileges that opened them.
            std::thread::scope(|workers| {
                for (place, source) in live.sources.into_iter().enumerate() {
                    let out = out.clone();
                    workers.spawn(move || {
                        for set in [caps::CapSet::Effective, caps::CapSet::Permitted] {
                            caps::clear(None, set).expect("privileges can be dropped");
                        }
                        give(place, source, stop, &out);
                    });
                }
            });
        });
        opened.1.recv_timeout(FOREVER).expect("the sources open");
        work(&events);
        stop.store(true, Ordering::Relaxed);
    });
    events.into_iter().collect()
}

fn give(place: usize, mut source: Box<dyn LiveSource>, stop: &AtomicBool, out: &Sender<Event>) {
    let mut batch = PacketBatch::default();
    let (mut given, mut stopped) = (0, false);
    loop {
        if stop.load(Ordering::Relaxed) && !stopped {
            source.stop();
            stopped = true;
        }
        let turn = source.next_batch(&mut batch, WAIT).expect("a source goes on");
        given += batch.len() as u64;
        for (index, packet) in batch.packets().enumerate() {
            assert_eq!(packet.reference.ordinal, given - batch.len() as u64 + index as u64);
            let (original_length, data) = (packet.original_length, packet.data.to_vec());
            out.send(Event::Packet { source: place, original_length, data }).expect("the test listens");
        }
        match turn {
            Turn::Packets => assert!(!batch.is_empty()),
            Turn::Idle => assert!(batch.is_empty()),
            Turn::Ended => break,
            turn => out.send(Event::Turn(turn)).expect("the test listens"),
        }
    }
    let counters = source.counters();
    let (received, dropped) = (counters.received, counters.dropped);
    out.send(Event::Ended { given, received, dropped }).expect("the test listens");
}

fn options(backend: Backend) -> LiveOptions {
    LiveOptions { interfaces: vec![SENSOR_END.to_owned()], backend, ..LiveOptions::default() }
}

fn until(events: &Receiver<Event>, wanted: impl Fn(&Turn) -> bool) {
    loop {
        match events.recv_timeout(FOREVER).expect("news of the interface") {
            Event::Turn(turn) if wanted(&turn) => return,
            _ => {}
        }
    }
}

/// The frames of captures.
fn frames(captures: &[&Path]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut inputs = Inputs::open(captures, &CaptureLimits::default());
    let mut batch = PacketBatch::default();
    while inputs.next_batch(&mut batch) {
        frames.extend(batch.packets().map(|packet| packet.data.to_vec()));
    }
    assert!(!frames.is_empty());
    frames
}

/// The innermost addresses of a frame, the smaller first.
fn addresses(data: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let mut pair = None;
    let packet = Packet {
        reference: egret_model::PacketRef::default(),
        at: egret_model::Timestamp::EPOCH,
        link: egret_model::LinkType::ETHERNET,
        original_length: data.len() as u32,
        data,
    };
    Decoder::new(&DecodeLimits::default()).decode(&packet, &mut |segment| {
        let (one, other) = (segment.source, segment.destination);
        pair = Some((one.min(other), one.max(other)));
    });
    pair
}

fn given(events: &[Event]) -> Vec<(usize, &[u8])> {
    let packet = |event| match event {
        &Event::Packet { source, ref data, .. } => Some((source, data.as_slice())),
        _ => None,
    };
    events.iter().filter_map(packet).collect()
}

/// Frames are equal as a collection: several sources have no order among them.
fn assert_same_frames(sent: &[Vec<u8>], events: &[Event]) {
    let mut sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    let mut found: Vec<&[u8]> = given(events).into_iter().map(|(_, data)| data).collect();
    sent.sort_unstable();
    found.sort_unstable();
    assert_eq!(sent.len(), found.len(), "frames sent and given");
    assert!(sent == found, "the frames differ");
}

/// To the packet: what the kernel received was given or dropped.
fn assert_balanced(events: &[Event]) {
    for event in events {
        if let &Event::Ended { given, received, dropped } = event {
            assert_eq!(given + dropped, received);
        }
    }
}

/// Frames with everything that a network card may take apart: tags, stacked tags, tunnels, both versions of IP.
fn tagged_capture(folder: &Path) -> PathBuf {
    let mut file = Vec::from(0xa1b2_c3d4_u32.to_le_bytes());
    file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
    for number in 0..200u8 {
        for back in [false, true] {
            let (mut one, mut other) = ([10, 20, number % 40, 5], [198, 51, 100, number % 7]);
            if back {
                std::mem::swap(&mut one, &mut other);
            }
            let mut udp = vec![0x45, 0, 0, 28 + number, 0, 0, 0, 0, 64, 17, 0, 0];
            udp.extend(one.iter().chain(&other));
            udp.extend([0x9c, 0x40, 0x9c, 0x41, 0, 8 + number, 0, 0]);
            udp.extend(std::iter::repeat_n(number, number.into()));
            let head: &[u8] = match number % 4 {
                0 => &[8, 0],
                1 => &[0x81, 0, 0x60, 10, 8, 0],
                2 => &[0x88, 0xa8, 0, 20, 0x81, 0, 0, 30, 8, 0],
                _ => &[0x81, 0, 0, 0, 8, 0],
            };
            let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
            frame.extend(head);
            frame.extend(udp);
            frame.resize(frame.len().max(60), 0);
            file.extend(u32::from(number).to_le_bytes().iter().chain(&[0; 4]));
            file.extend((frame.len() as u32).to_le_bytes().repeat(2));
            file.extend(frame);
        }
    }
    let path = folder.join("tagged.pcap");
    std::fs::write(&path, file).expect("a temporary file");
    path
}

fn real_captures(folder: &Path) -> Vec<PathBuf> {
    let of = |name: &str| support::file(&format!("tests/data/captures/{name}.pcap"));
    vec![
        tagged_capture(folder),
        of("ftp-active-curl"),
        of("ftp-appe-curl"),
        of("enc-vxlan-frag-smtp-auth-login-smtplib"),
        of("smtp-dots-smtplib"),
    ]
}

#[test]
fn every_packet_comes_once_and_conversations_stay_together() {
    let Some(network) = Network::with_cable() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let captures = real_captures(folder.path());
    let captures: Vec<&Path> = captures.iter().map(PathBuf::as_path).collect();
    for (backend, sources) in [(Backend::AfPacket, 1), (Backend::AfPacket, 3), (Backend::Pcap, 1)] {
        let events = capture(&network, &options(backend), sources, |_| network.send(&captures));
        assert_same_frames(&frames(&captures), &events);
        assert_balanced(&events);
        let mut homes: HashMap<(IpAddr, IpAddr), usize> = HashMap::new();
        for (source, data) in given(&events) {
            let Some(pair) = addresses(data) else { continue };
            assert_eq!(*homes.entry(pair).or_insert(source), source, "{pair:?} on two sources");
        }
        let used: std::collections::HashSet<_> = homes.values().collect();
        assert_eq!(used.len(), sources, "{homes:?}");
    }
}

#[test]
fn filter_and_snap_length_work_in_the_kernel() {
    let Some(network) = Network::with_cable() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = tagged_capture(folder.path());
    let all = frames(&[&path]);
    for backend in [Backend::AfPacket, Backend::Pcap] {
        // The tag is not in the packet when the filter looks: the kernel has taken it out.
        let filter = Some("vlan 10".to_owned());
        let tagged = LiveOptions { filter, ..options(backend) };
        let events = capture(&network, &tagged, 1, |_| network.send(&[&path]));
        let expected: Vec<Vec<u8>> =
            all.iter().filter(|frame| frame[12..16] == [0x81, 0, 0x60, 10]).cloned().collect();
        assert_same_frames(&expected, &events);
        assert_balanced(&events);

        let short = LiveOptions { snap_length: 60, ..options(backend) };
        let events = capture(&network, &short, 1, |_| network.send(&[&path]));
        let found = events.iter().filter_map(|event| match event {
            Event::Packet { original_length, data, .. } => Some((*original_length as usize, data.len())),
            _ => None,
        });
        let (mut original, mut cut): (Vec<usize>, Vec<usize>) = found.unzip();
        let mut sent: Vec<usize> = all.iter().map(Vec::len).collect();
        original.sort_unstable();
        sent.sort_unstable();
        assert_eq!(original, sent);
        cut.sort_unstable();
        assert!(cut.last().is_some_and(|longest| (60..=64).contains(longest)), "{cut:?}");
    }
    let wrong = LiveOptions { filter: Some("tcp prt 80".to_owned()), ..options(Backend::AfPacket) };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            network.enter();
            let error = live::open(&wrong, 1).err().expect("a wrong filter").to_string();
            assert!(error.contains("tcp prt 80"), "{error}");
        });
    });
}

#[test]
fn an_interface_is_waited_for_goes_down_vanishes_and_comes_back() {
    let Some(network) = Network::without_cable() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = tagged_capture(folder.path());
    for sources in [1, 2] {
        let events = capture(&network, &options(Backend::AfPacket), sources, |events| {
            let is_up = |turn: &Turn| *turn == Turn::Up { interface: SENSOR_END.to_owned() };
            let is_down = |turn: &Turn| matches!(turn, Turn::Down { .. });
            until(events, |turn| matches!(turn, Turn::Down { reason, .. } if reason == "does not exist"));
            for _ in 0..3 {
                network.plug();
                until(events, is_up);
                network.send(&[&path]);
                network.set_link(false);
                until(events, is_down);
                network.set_link(true);
                until(events, is_up);
                network.send(&[&path]);
                network.unplug();
                until(events, |turn| matches!(turn, Turn::Down { reason, .. } if reason == "does not exist"));
            }
        });
        assert_balanced(&events);
        let total: u64 =
            events.iter().map(|event| if let Event::Ended { given, .. } = event { *given } else { 0 }).sum();
        assert_eq!(
            total,
            6 * frames(&[&path]).len() as u64,
            "every packet of all six rounds, with {sources} sources"
        );
    }
}

#[test]
fn what_the_buffer_has_no_room_for_is_counted_to_the_packet() {
    let Some(network) = Network::with_cable() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = tagged_capture(folder.path());
    let rounds = 40;
    let sent = rounds * frames(&[&path]).len() as u64;
    for (backend, sources) in [(Backend::AfPacket, 1), (Backend::AfPacket, 2), (Backend::Pcap, 1)] {
        let small = LiveOptions { buffer_bytes: 1 << 20, ..options(backend) };
        let (hold, held) = channel::<()>();
        let events = std::thread::scope(|scope| {
            let (network, small) = (&network, &small);
            let capturing = scope.spawn(move || {
                network.enter();
                let live = live::open(small, sources).expect("the interface can be captured");
                // Nobody reads while everything comes.
                held.recv_timeout(FOREVER).expect_err("the test has sent everything");
                let (out, events) = channel();
                for source in live.sources {
                    give(0, source, &AtomicBool::new(true), &out);
                }
                drop(out);
                events.into_iter().collect::<Vec<Event>>()
            });
            // The sockets are there once the kernel lists them.
            while !listed(network, sources) {
                std::thread::sleep(WAIT);
            }
            let mut replay = network.outside("tcpreplay");
            replay
                .args(["-q", "--topspeed", &format!("--loop={rounds}"), "-i", crate::network::FAR_END])
                .arg(&path);
            crate::network::run(replay.stdout(std::process::Stdio::null()));
            drop(hold);
            capturing.join().expect("no panic")
        });
        assert_balanced(&events);
        let (mut received, mut lost) = (0, 0);
        for event in &events {
            if let Event::Ended { received: one, dropped, .. } = event {
                received += one;
                lost += dropped;
            }
        }
        assert_eq!(received, sent, "{backend}");
        assert!(lost > 0 && lost < sent, "{backend}: {lost} of {sent} were dropped");
    }
}

/// True when the namespace has as many packet sockets on the interface.
fn listed(network: &Network, sockets: usize) -> bool {
    let output = network.inside("cat").arg("/proc/net/packet").output().expect("ip starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let bound = text.lines().skip(1).filter(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // Its protocol is "all", it has an interface, and it is running.
        matches!(fields.as_slice(), [_, _, _, "0003", interface, "1", ..] if *interface != "0")
    });
    bound.count() >= sockets
}

#[test]
fn libpcap_says_what_it_takes_to_open_an_interface_again() {
    let Some(network) = Network::without_cable() else { return };
    let events = capture(&network, &options(Backend::Pcap), 1, |events| {
        until(events, |turn| matches!(turn, Turn::Down { .. }));
        network.plug();
        let wanted =
            |turn: &Turn| matches!(turn, Turn::Down { reason, .. } if reason.contains("CAP_NET_RAW"));
        until(events, wanted);
    });
    assert_balanced(&events);
}

#[test]
fn offloads_that_spoil_captures_are_told_with_the_command_against_them() {
    let Some(network) = Network::with_cable() else { return };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            network.enter();
            assert_eq!(live::offload_warnings(SENSOR_END), []);
            crate::network::run(network.inside("ethtool").args(["-K", SENSOR_END, "gro", "on"]));
            let warnings = live::offload_warnings(SENSOR_END);
            let commands: Vec<&str> = warnings.iter().map(|warning| warning.command.as_str()).collect();
            assert_eq!(commands, ["ethtool -K in0 gro off"]);
            assert_eq!(live::offload_warnings("no-such-interface"), []);
        });
    });
}
