//! What a flow comes to besides its content: bytes each way, who was named, how much of a payload repeats itself.
//!
//! Owns: the counters of one flow and the summary made of them. Never does: deciding what is unusual.
//!
//! The counters are a few words, since every flow has them; what only some flows tell is boxed.

use egret_model::{
    Flow, FlowKind, FlowSummary, Observation, Protocol, ProtocolEvent, Side, StreamEvent, Timestamp, Volume,
};

/// Time after which a flow that goes on is told as far as it has come, nanoseconds (5 min).
const INTERIM_NS: i64 = 300_000_000_000;
/// Where time servers listen (RFC 5905 section 7.2).
const NTP_PORT: u16 = 123;
/// Bytes of a datagram that are compared with those of the one before.
const COMPARED: usize = 1 << 11;
/// Bytes at the start of an echo payload that tools fill with the time (iputils, BSD): they differ always.
const ECHO_TIME: usize = 16;

/// The counters of one flow.
#[derive(Default)]
pub(crate) struct Tally {
    // There is one for each flow, so every byte counts.
    up_bytes: u64,
    down_bytes: u64,
    up_pieces: u32,
    down_pieces: u32,
    /// When it was told last; the epoch before that.
    told_at: Timestamp,
    known: Option<Box<Known>>,
}

/// What not every flow tells.
#[derive(Default)]
struct Known {
    protocol: Option<Protocol>,
    server_name: Option<String>,
    ja4: Option<String>,
    via_proxy: bool,
    /// Bytes that are not in the capture, from the initiator and from the responder.
    missing: (u64, u64),
    /// Of both sides.
    payloads: Option<Box<(Payloads, Payloads)>>,
}

/// Datagrams of one side of an echo or time exchange.
#[derive(Default)]
struct Payloads {
    last: Vec<u8>,
    fresh: u64,
    implausible: u64,
}

impl Tally {
    /// Counts what happened on the flow.
    #[inline]
    pub(crate) fn count(&mut self, flow: &Flow, event: &StreamEvent<'_>) {
        let (from, bytes) = match *event {
            StreamEvent::Data { from, data } => {
                if flow.kind != FlowKind::Tcp {
                    self.look_into(flow, from, data);
                }
                (from, data.len() as u64)
            }
            StreamEvent::Gap { from, bytes, .. } => {
                let missing = &mut self.known.get_or_insert_default().missing;
                let side = if from == Side::Initiator { &mut missing.0 } else { &mut missing.1 };
                *side = side.saturating_add(bytes);
                (from, bytes)
            }
            StreamEvent::Finished { .. } | StreamEvent::Closed { .. } => return,
        };
        let (sum, pieces) = match from {
            Side::Initiator => (&mut self.up_bytes, &mut self.up_pieces),
            Side::Responder => (&mut self.down_bytes, &mut self.down_pieces),
        };
        *sum = sum.saturating_add(bytes);
        *pieces = pieces.saturating_add(1);
    }

    /// Keeps what the protocol tells of the flow.
    #[inline]
    pub(crate) fn note(&mut self, reported: &ProtocolEvent<'_>) {
        match reported {
            ProtocolEvent::Begin { start, .. } => {
                let known = self.known.get_or_insert_default();
                known.protocol = known.protocol.or(Some(start.protocol));
                known.via_proxy |= start.via_proxy;
                if known.server_name.is_none() {
                    known.server_name.clone_from(&start.server_name);
                }
            }
            ProtocolEvent::Observed(Observation::Hello { server_name, ja4 }) => {
                let known = self.known.get_or_insert_default();
                known.protocol = known.protocol.or(Some(Protocol::Tls));
                known.server_name = server_name.clone().or_else(|| known.server_name.take());
                known.ja4.clone_from(ja4);
            }
            _ => {}
        }
    }

    /// The flow so far, if it is over (`closed`) or goes on for long.
    #[inline]
    pub(crate) fn summary(&mut self, flow: &Flow, closed: bool) -> Option<Box<FlowSummary>> {
        let since = if self.told_at == Timestamp::EPOCH { flow.opened_at } else { self.told_at };
        if !closed && flow.last_at.since(since) < INTERIM_NS {
            return None;
        }
        self.tell(flow)
    }

    #[cold]
    fn tell(&mut self, flow: &Flow) -> Option<Box<FlowSummary>> {
        let continued = std::mem::replace(&mut self.told_at, flow.last_at) != Timestamp::EPOCH;
        let up = (std::mem::take(&mut self.up_bytes), std::mem::take(&mut self.up_pieces));
        let down = (std::mem::take(&mut self.down_bytes), std::mem::take(&mut self.down_pieces));
        if up.1 == 0 && down.1 == 0 {
            return None;
        }
        let known = self.known.as_deref_mut();
        let protocol = known.as_ref().and_then(|known| known.protocol);
        // Names are told one by one, and their bytes are next to nothing beside them.
        if protocol == Some(Protocol::Dns) {
            return None;
        }
        let volume = |(bytes, pieces): (u64, u32), missing, (fresh, implausible)| Volume {
            bytes,
            missing,
            pieces: u64::from(pieces),
            fresh,
            implausible,
        };
        let (named, up, down) = match known {
            Some(known) => {
                let payloads = known.payloads.as_mut().map(|both| (both.0.take(), both.1.take()));
                let payloads = payloads.unwrap_or_default();
                let missing = std::mem::take(&mut known.missing);
                (
                    (known.server_name.clone(), known.ja4.clone(), known.via_proxy),
                    volume(up, missing.0, payloads.0),
                    volume(down, missing.1, payloads.1),
                )
            }
            None => ((None, None, false), volume(up, 0, (0, 0)), volume(down, 0, (0, 0))),
        };
        Some(Box::new(FlowSummary {
            kind: flow.kind,
            initiator: flow.initiator,
            responder: flow.responder,
            macs: (flow.initiator_mac, flow.responder_mac),
            opened_at: flow.opened_at,
            last_at: flow.last_at,
            up,
            down,
            protocol,
            server_name: named.0,
            ja4: named.1,
            via_proxy: named.2,
            midstream: flow.midstream,
            continued,
        }))
    }

    /// Echo and time exchanges repeat themselves, unless something is hidden in them.
    fn look_into(&mut self, flow: &Flow, from: Side, data: &[u8]) {
        let time = flow.responder.port == NTP_PORT && flow.kind == FlowKind::Udp;
        if flow.kind != FlowKind::Icmp && !time {
            return;
        }
        let both = self.known.get_or_insert_default().payloads.get_or_insert_default();
        let payloads = match from {
            Side::Initiator => &mut both.0,
            Side::Responder => &mut both.1,
        };
        if time {
            payloads.implausible +=
                u64::from(from == Side::Initiator && has_implausible_times(data, flow.last_at));
        } else {
            let data = data.get(..data.len().min(COMPARED)).unwrap_or_default();
            payloads.compare(data);
        }
    }
}

impl Payloads {
    /// What was counted since the last call.
    fn take(&mut self) -> (u64, u64) {
        (std::mem::take(&mut self.fresh), std::mem::take(&mut self.implausible))
    }

    /// Counts the bytes behind the time stamp that differ from the datagram before.
    fn compare(&mut self, data: &[u8]) {
        let content = data.get(ECHO_TIME..).unwrap_or_default();
        let before = self.last.get(ECHO_TIME..).unwrap_or_default();
        if !self.last.is_empty() {
            let same = content.iter().zip(before).filter(|(a, b)| a == b).count();
            self.fresh += (content.len() - same) as u64;
        }
        self.last.clear();
        self.last.extend_from_slice(data);
    }
}

/// The transmit timestamp of a client's request is its own time, or random bits (RFC 9109bis, draft-ietf-ntp-data-minimization);
/// the other three repeat what the server has told, so they are zero or close to now.
fn has_implausible_times(data: &[u8], at: Timestamp) -> bool {
    /// Seconds between the eras of NTP and Unix.
    const ERA: i64 = 2_208_988_800;
    /// A year: clocks of machines that were switched off for long are wrong by less.
    const TOLERATED: i64 = 365 * 86_400;
    let Some((head, times)) = data.split_at_checked(16).filter(|(_, times)| times.len() >= 32) else {
        return true;
    };
    if head.first().is_none_or(|flags| flags & 7 != 3) {
        return false;
    }
    let now = at.nanos().div_euclid(1_000_000_000) + ERA;
    times.chunks_exact(8).take(3).any(|time| {
        let seconds = time.iter().take(4).fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
        // Time stamps count modulo 2^32 seconds.
        let away = (seconds - now).rem_euclid(1 << 32).min((now - seconds).rem_euclid(1 << 32));
        time.iter().any(|byte| *byte != 0) && away > TOLERATED
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{Endpoint, PacketRef, TunnelPath};

    fn flow(kind: FlowKind, port: u16) -> Flow {
        let end = |ip: [u8; 4], port| Endpoint { ip: ip.into(), port };
        Flow {
            kind,
            initiator: end([10, 0, 0, 1], 40_000),
            responder: end([192, 0, 2, 1], port),
            initiator_mac: None,
            responder_mac: None,
            tunnel: TunnelPath::default(),
            first_packet: PacketRef::default(),
            opened_at: Timestamp::from_seconds(1_795_475_424),
            last_at: Timestamp::from_seconds(1_795_475_424),
            midstream: false,
            inconsistent_overlap: false,
        }
    }

    fn sent(flow: &Flow, payloads: &[Vec<u8>]) -> FlowSummary {
        let mut tally = Tally::default();
        for data in payloads {
            tally.count(flow, &StreamEvent::Data { from: Side::Initiator, data });
        }
        *tally.summary(flow, true).unwrap()
    }

    #[test]
    fn a_ping_repeats_itself_and_hidden_data_does_not() {
        let flow = flow(FlowKind::Icmp, 7);
        let ping = |n: u8| [vec![n; 16], (16..56).collect()].concat();
        assert_eq!(sent(&flow, &(0..20).map(ping).collect::<Vec<_>>()).up.fresh, 0);
        let hidden = |n: u8| (0..56_u8).map(|at| at.wrapping_mul(n).wrapping_add(n)).collect();
        assert!(sent(&flow, &(1..21).map(hidden).collect::<Vec<_>>()).up.fresh > 19 * 35);
    }

    #[test]
    fn times_that_nobody_told_are_implausible() {
        let flow = flow(FlowKind::Udp, 123);
        let request = |reference: [u8; 8], transmit: [u8; 8]| {
            [&[0x23, 0, 6, 0xe9][..], &[0; 12], &reference, &[0; 16], &transmit].concat()
        };
        let now = u32::try_from((1_795_475_424_i64 + 2_208_988_800) & 0xffff_ffff).unwrap().to_be_bytes();
        let told = [now[0], now[1], now[2], now[3], 1, 2, 3, 4];
        let ordinary = [request([0; 8], *b"randomly"), request(told, told)];
        assert_eq!(sent(&flow, &ordinary).up.implausible, 0);
        assert_eq!(sent(&flow, &[request(*b"hidden!!", told), vec![1, 2, 3]]).up.implausible, 2);
    }

    #[test]
    fn a_long_flow_is_told_in_parts_that_add_up() {
        let mut flow = flow(FlowKind::Tcp, 443);
        let mut tally = Tally::default();
        let mut told = Vec::new();
        for minute in 0..12 {
            flow.last_at = flow.opened_at.plus(minute * 60_000_000_000);
            tally.count(&flow, &StreamEvent::Data { from: Side::Initiator, data: b"0123456789" });
            told.extend(tally.summary(&flow, minute == 11));
        }
        assert_eq!(told.iter().map(|part| part.up.bytes).collect::<Vec<_>>(), [60, 50, 10]);
        assert_eq!(told.iter().map(|part| part.continued).collect::<Vec<_>>(), [false, true, true]);
    }
}
