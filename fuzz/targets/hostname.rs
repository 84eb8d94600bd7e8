//! Any bytes as datagrams on the ports on which hosts announce their names.

use egret_model::{
    CloseReason, Endpoint, Flow, FlowKind, PacketRef, ProtocolEvent, ProtocolLimits, Side, StreamEvent,
    Timestamp, TunnelPath,
};
use egret_protocol::{Engine, Session};

/// The first byte chooses the port; each datagram begins with its length.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let port = [5353, 5355, 137, 138].into_iter().cycle().nth(usize::from(*choice)).unwrap_or(137);
    let end = |last: u8| Endpoint { ip: [10, 0, 0, last].into(), port };
    let flow = Flow {
        kind: FlowKind::Udp,
        initiator: end(7),
        responder: end(255),
        initiator_mac: None,
        responder_mac: None,
        tunnel: TunnelPath::default(),
        first_packet: PacketRef { ordinal: 0, capture: 0, number: 1 },
        opened_at: Timestamp::EPOCH,
        last_at: Timestamp::EPOCH,
        midstream: false,
        inconsistent_overlap: false,
    };
    let limits = ProtocolLimits::default();
    let (mut engine, mut session, mut sightings) = (Engine::new(&limits), Session::default(), 0);
    let mut sink =
        |event: ProtocolEvent<'_>| sightings += usize::from(matches!(event, ProtocolEvent::Sighting(_)));
    while let Some((length, behind)) = rest.split_first() {
        let (datagram, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        engine.event(
            &flow,
            &mut session,
            StreamEvent::Data { from: Side::Initiator, data: datagram },
            &mut sink,
        );
    }
    engine.event(&flow, &mut session, StreamEvent::Closed { reason: CloseReason::EndOfInput }, &mut sink);
    assert!(sightings <= limits.witness_names, "names are bounded");
}
