//! Ptunnel: a TCP connection in the data of ICMP echoes (Stødle, "Ping Tunnel", 2004 to 2011).
//!
//! Owns: the order of its packets. Never does: what the connection carries, which is recognised like any other stream.

mod parse;

use crate::inner_flow::InnerFlow;
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{CloseReason, Endpoint, Side, StreamEvent, Uninspected};
use parse::{Packet, State};
use std::collections::BTreeMap;

/// Recognises a packet of the tunnel.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    if Packet::parse(first).is_some() { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Ptunnel {
        client: None,
        inner: None,
        from_client: Order::default(),
        from_proxy: Order::default(),
    })
}

/// The echoes of one identifier, which is one connection.
struct Ptunnel {
    /// The side that has opened the tunnel, once it has spoken.
    client: Option<Side>,
    inner: Option<Box<InnerFlow>>,
    from_client: Order,
    from_proxy: Order,
}

/// Packets of one direction.
#[derive(Default)]
struct Order {
    next: Option<u16>,
    /// Packets that have come before their turn, by how far they are ahead of the one that is awaited.
    held: BTreeMap<u16, Vec<u8>>,
}

/// Content that has come to its turn, or how many packets of it are missing.
type Told<'a> = Result<&'a [u8], u64>;

/// Packets that a sender may have on the way (its window), with room to spare.
const WINDOW: usize = 128;

/// Content of one packet as a rule, bytes: of packets that are missing nobody can know more.
const COMMON_CONTENT: u64 = 1024;

impl Order {
    /// Takes a packet; shows content that has come to its turn, or how many packets are missing. False: it has come before.
    fn push(&mut self, number: u16, content: &[u8], show: &mut dyn FnMut(Told<'_>)) -> bool {
        let next = *self.next.get_or_insert(number);
        let ahead = number.wrapping_sub(next);
        if ahead > u16::MAX / 2 || self.held.contains_key(&ahead) {
            return false;
        }
        self.held.insert(ahead, content.to_vec());
        while let Some(first) = self.held.first_entry() {
            let hole = *first.key();
            if hole > 0 && self.held.len() <= WINDOW {
                break;
            }
            self.tell_first(show);
        }
        true
    }

    /// Shows the first packet that is held, and what is missing before it.
    fn tell_first(&mut self, show: &mut dyn FnMut(Told<'_>)) {
        let Some((hole, content)) = self.held.pop_first() else { return };
        if hole > 0 {
            show(Err(u64::from(hole)));
        }
        show(Ok(&content));
        let step = hole.wrapping_add(1);
        self.next = self.next.map(|next| next.wrapping_add(step));
        self.held = std::mem::take(&mut self.held).into_iter().map(|(ahead, c)| (ahead - step, c)).collect();
    }
}

impl Ptunnel {
    fn inner(&mut self, context: &Context<'_>, client: Side, packet: &Packet<'_>) -> &mut InnerFlow {
        self.inner.get_or_insert_with(|| {
            let asked = context.flow.endpoint(client);
            let proxy = context.flow.endpoint(client.other());
            let layer = format!("ptunnel {}", proxy.ip);
            let responder = packet.destination.map_or(proxy, |(ip, port)| Endpoint { ip: ip.into(), port });
            Box::new(InnerFlow::stream(context, (asked, responder), layer))
        })
    }

    fn packet(&mut self, context: &mut Context<'_>, packet: &Packet<'_>, side: Side, client: Side) {
        let order = if side == Side::Initiator { &mut self.from_client } else { &mut self.from_proxy };
        let mut order = std::mem::take(order);
        let inner = self.inner(context, client, packet);
        let new = order.push(packet.number, packet.content, &mut |told| match told {
            Ok(data) => inner.event(context, StreamEvent::Data { from: side, data }),
            Err(packets) => {
                let (bytes, reason) = (packets * COMMON_CONTENT, Uninspected::Gap);
                inner.event(context, StreamEvent::Gap { from: side, bytes, reason });
            }
        });
        if new && packet.state == State::Close && order.held.is_empty() {
            inner.event(context, StreamEvent::Finished { from: side });
        }
        if !new {
            // Sent again: an acknowledgement was late.
            context.not_inspected(Uninspected::Malformed, packet.content.len() as u64);
        }
        *(if side == Side::Initiator { &mut self.from_client } else { &mut self.from_proxy }) = order;
    }
}

impl Analyzer for Ptunnel {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let Some(packet) = Packet::parse(data) else {
            return context.not_inspected(Uninspected::Malformed, data.len() as u64);
        };
        let client = *self.client.get_or_insert(if packet.from_proxy { from.other() } else { from });
        // The host of either end echoes what it gets, as it must (RFC 792): that is nothing new.
        if packet.from_proxy == (from == client) {
            return context.not_inspected(Uninspected::Malformed, packet.content.len() as u64);
        }
        let side = if packet.from_proxy { Side::Responder } else { Side::Initiator };
        self.packet(context, &packet, side, client);
    }

    fn gap(&mut self, _: &mut Context<'_>, _: Side, _: u64) {}

    fn finished(&mut self, _: &mut Context<'_>, _: Side) {}

    fn closed(&mut self, context: &mut Context<'_>) {
        let Some(mut inner) = self.inner.take() else { return };
        for (order, from) in
            [(&mut self.from_client, Side::Initiator), (&mut self.from_proxy, Side::Responder)]
        {
            while !order.held.is_empty() {
                order.tell_first(&mut |told| match told {
                    Ok(data) => inner.event(context, StreamEvent::Data { from, data }),
                    Err(packets) => {
                        let (bytes, reason) = (packets * COMMON_CONTENT, Uninspected::Gap);
                        inner.event(context, StreamEvent::Gap { from, bytes, reason });
                    }
                });
            }
        }
        inner.event(context, StreamEvent::Closed { reason: CloseReason::EndOfInput });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Recorded, Scene};
    use egret_model::{FlowKind, Protocol};

    const FROM_CLIENT: u32 = 0x4000_0000;
    const FROM_PROXY: u32 = 0x8000_0000;

    fn packet(direction: u32, state: u32, number: u16, content: &[u8]) -> Vec<u8> {
        parse::packet(direction | state, number, content)
    }

    fn show(transfer: &Recorded) -> (Side, String, String, Option<bool>) {
        let body = String::from_utf8_lossy(&transfer.body).into_owned();
        (transfer.start.from, transfer.start.operation.clone(), body, transfer.ended)
    }

    #[test]
    fn the_connection_inside_is_read_in_order() {
        let mut scene = Scene::new();
        let flow = scene.flow(FlowKind::Icmp, "10.0.0.1:7", "192.0.2.1:7");
        let request = b"POST /up HTTP/1.1\r\nHost: in.example\r\nContent-Length: 10\r\n\r\n";
        let sent = [
            packet(FROM_CLIENT, 0, 0, b""),
            packet(FROM_CLIENT, 2, 1, request),
            packet(FROM_CLIENT, 2, 3, b"56789"),
            packet(FROM_CLIENT, 2, 2, b"01234"),
            packet(FROM_CLIENT, 2, 2, b"01234"),
        ];
        for datagram in &sent {
            scene.client(flow, datagram);
            scene.server(flow, datagram);
        }
        scene.server(flow, packet(FROM_PROXY, 2, 0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
        scene.cut(flow);
        let record = scene.end();
        let told: Vec<_> = record.transfers.iter().map(show).collect();
        let line = |from, body: &str| (from, "POST /up".to_owned(), body.to_owned(), Some(true));
        assert_eq!(told, [line(Side::Initiator, "0123456789"), line(Side::Responder, "ok")]);
        let start = &record.transfers[0].start;
        assert_eq!(
            (start.protocol, start.inner_tunnel.as_slice()),
            (Protocol::Http, &["ptunnel 192.0.2.1".to_owned()][..])
        );
        assert_eq!((start.sender.ip, start.receiver.port), ([10, 0, 0, 1].into(), 7003));
    }

    #[test]
    fn what_is_missing_is_a_gap() {
        let mut scene = Scene::new();
        let flow = scene.flow(FlowKind::Icmp, "10.0.0.1:7", "192.0.2.1:7");
        scene.client(flow, packet(FROM_CLIENT, 2, 0xffff, b"one "));
        scene.client(flow, packet(FROM_CLIENT, 2, 2, b"two"));
        scene.cut(flow);
        let record = scene.end();
        assert_eq!(show(&record.transfers[0]).2, "one two");
        assert_eq!((record.transfers[0].missing, record.transfers[0].ended), (2048, Some(false)));
    }
}
