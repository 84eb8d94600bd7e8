//! For tests: segments written as text, events read as text.
//!
//! A script has one segment a line: `> SA 100 300 hello` is a segment from the client with SYN and ACK, sequence number 100,
//! acknowledgment 300 and payload. `<` is the server. Words in front of the arrow: `@2.5` sets the time in seconds, `:9` the
//! client's port. Behind the numbers: `+10` bytes were not captured, `=` the checksum is right, `!` it is wrong; `-` stands for no
//! flags. A transcript has one event a word: `>hello` is data of the initiator, `>gap(3)` a gap, `>over(3)` an over-limit gap, `>end` its
//! end, `[Reset]` the close.

use crate::{FlowTable, StreamStats};
use egret_model::{
    Flow, PacketRef, Segment, Side, StreamEvent, StreamLimits, TcpChecksum, TcpFlags, Timestamp, Transport,
    TunnelPath, Uninspected, ones_complement_sum,
};
use std::net::IpAddr;

pub(crate) const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 20, 1, 11));
pub(crate) const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

/// A table and everything its flows reported, joined where data follows data.
pub(crate) struct Observer {
    pub(crate) table: FlowTable<()>,
    pub(crate) words: Vec<String>,
    pub(crate) flows: Vec<Flow>,
    ordinal: u64,
    at: Timestamp,
}

impl Observer {
    pub(crate) fn new(limits: &StreamLimits) -> Self {
        Self {
            table: FlowTable::new(limits, 1),
            words: Vec::new(),
            flows: Vec::new(),
            ordinal: 0,
            at: Timestamp::from_seconds(1_000),
        }
    }

    pub(crate) fn take(&mut self, segment: &Segment<'_>) {
        let Self { table, words, flows, .. } = self;
        table.segment(segment, &mut |flow, (), event| note(words, flows, flow, event));
    }

    pub(crate) fn finish(&mut self) {
        let Self { table, words, flows, .. } = self;
        table.finish(&mut |flow, (), event| note(words, flows, flow, event));
    }

    pub(crate) fn script(&mut self, script: &str) -> &mut Self {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut client_port = 40_000;
            let mut words = line.split(' ').peekable();
            let mut direction = "";
            for word in words.by_ref() {
                match word.split_at(1) {
                    ("@", seconds) => {
                        let seconds: f64 = seconds.parse().expect("seconds");
                        self.at = Timestamp::from_nanos((seconds * 1e9) as i64 + 1_000_000_000_000);
                    }
                    (":", port) => client_port = port.parse().expect("a port"),
                    (arrow, "") => {
                        direction = arrow;
                        break;
                    }
                    _ => panic!("{line}"),
                }
            }
            let flags = words.next().expect("flags").bytes().fold(0, |flags, letter| {
                flags
                    | match letter {
                        b'S' => TcpFlags::SYN,
                        b'A' => TcpFlags::ACK,
                        b'F' => TcpFlags::FIN,
                        b'R' => TcpFlags::RST,
                        _ => 0,
                    }
            });
            let mut number = || words.next().map_or(0, |word| word.parse().expect("a number"));
            let (sequence, acknowledgment) = (number(), number());
            let (mut payload, mut missing, mut checksum) = ("", 0, None);
            for word in words {
                match word.split_at(1) {
                    ("+", bytes) => missing = bytes.parse().expect("a number"),
                    ("=", "") => checksum = Some(true),
                    ("!", "") => checksum = Some(false),
                    _ => payload = word,
                }
            }
            let client = direction == ">";
            let mut segment = tcp(client, client_port, sequence, payload.as_bytes());
            if let Transport::Tcp { flags: bits, acknowledgment: number, .. } = &mut segment.transport {
                *bits = TcpFlags(flags);
                *number = acknowledgment;
            }
            segment.missing = missing;
            segment.tcp_checksum = checksum.map(|right| self::checksum(payload.as_bytes(), right));
            segment.at = self.at;
            segment.packet.ordinal = self.ordinal;
            self.ordinal += 1;
            self.take(&segment);
        }
        self
    }
}

/// What a script makes a table report, the end of input included; and its counters.
pub(crate) fn observe(script: &str) -> (String, StreamStats) {
    observe_within(&StreamLimits::default(), script)
}

pub(crate) fn observe_within(limits: &StreamLimits, script: &str) -> (String, StreamStats) {
    let mut observer = Observer::new(limits);
    observer.script(script).finish();
    assert!(observer.table.is_empty() && observer.table.held_bytes() == 0, "everything is given back");
    (observer.words.join(" "), *observer.table.stats())
}

fn note(words: &mut Vec<String>, flows: &mut Vec<Flow>, flow: &Flow, event: StreamEvent<'_>) {
    let arrow = |side| if side == Side::Initiator { '>' } else { '<' };
    let word = match event {
        StreamEvent::Data { from, data } => format!("{}{}", arrow(from), String::from_utf8_lossy(data)),
        StreamEvent::Gap { from, bytes, reason } => {
            let name = if reason == Uninspected::OverLimit { "over" } else { "gap" };
            format!("{}{name}({bytes})", arrow(from))
        }
        StreamEvent::Finished { from } => format!("{}end", arrow(from)),
        StreamEvent::Closed { reason } => {
            flows.push(flow.clone());
            format!("[{reason:?}]")
        }
    };
    words.push(word);
}

/// A segment with an ACK flag that acknowledges nothing yet.
pub(crate) fn tcp(client: bool, client_port: u16, sequence: u32, payload: &[u8]) -> Segment<'_> {
    let (source, destination) = if client { (CLIENT, SERVER) } else { (SERVER, CLIENT) };
    let (source_port, destination_port) = if client { (client_port, 80) } else { (80, client_port) };
    Segment {
        packet: PacketRef::default(),
        at: Timestamp::from_seconds(1_000),
        source_mac: None,
        destination_mac: None,
        tunnel: TunnelPath::default(),
        source,
        destination,
        transport: Transport::Tcp {
            source_port,
            destination_port,
            sequence,
            acknowledgment: 0,
            flags: TcpFlags(TcpFlags::ACK),
            window: 0xffff,
        },
        tcp_checksum: None,
        payload,
        missing: 0,
    }
}

/// What a header contributes whose checksum is right, or wrong by one.
fn checksum(payload: &[u8], right: bool) -> TcpChecksum {
    let words = [0x0a14, 0x010b, 0xc633, 0x6407, 6, 20 + payload.len() as u32];
    let mut sum = words.iter().sum::<u32>() + u32::from(ones_complement_sum(payload));
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let header_sum = 0xffff - sum as u16;
    TcpChecksum { field: 1, header_sum: if right { header_sum } else { header_sum ^ 1 }, header_bytes: 20 }
}

pub(crate) fn udp(client: bool, payload: &[u8]) -> Segment<'_> {
    let mut segment = tcp(client, 40_000, 0, payload);
    let (source_port, destination_port) = if client { (40_000, 514) } else { (514, 40_000) };
    segment.transport = Transport::Udp { source_port, destination_port };
    segment
}
