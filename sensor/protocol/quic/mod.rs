//! QUIC without keys (RFC 9000): how much goes where.
//!
//! Owns: recognition by the first long header. Never does: decryption.

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Protocol, Side, TransferKey, Uninspected};

/// Versions whose packets are known: 1, 2 (RFC 9369) and the drafts of version 1.
const fn is_known_version(version: [u8; 4]) -> bool {
    matches!(version, [0, 0, 0, 1] | [0x6b, 0x33, 0x43, 0xcf] | [0xff, 0, 0, 0x1d..=0x22])
}

/// Recognises a long header with fixed bit and a known version (section 17.2), connection ids of legal lengths.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    let [0xc0..=0xff, a, b, c, d, rest @ ..] = first else { return Verdict::No };
    let ids_fit = rest.split_first().is_some_and(|(destination, behind)| {
        let source = behind.get(usize::from(*destination)).copied().unwrap_or(u8::MAX);
        *destination <= 20 && source <= 20
    });
    if is_known_version([*a, *b, *c, *d]) && ids_fit { Verdict::Yes } else { Verdict::No }
}

/// An analyzer of one session.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Quic::default())
}

/// One session: a transfer a direction, from its first datagram on.
#[derive(Default)]
struct Quic {
    initiator: Option<TransferKey>,
    responder: Option<TransferKey>,
}

impl Analyzer for Quic {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let transfer = match from {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        };
        let transfer = *transfer.get_or_insert_with(|| {
            let start = context.start(Protocol::Quic, "quic".to_owned(), from);
            context.begin(start)
        });
        context.opaque(transfer, data.len() as u64, Uninspected::Encrypted);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let transfer = match from {
            Side::Initiator => self.initiator,
            Side::Responder => self.responder,
        };
        if let Some(transfer) = transfer {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, _: &mut Context<'_>, _: Side) {}

    /// A session has no end that can be seen without keys: silence is one.
    fn closed(&mut self, context: &mut Context<'_>) {
        for transfer in self.initiator.take().into_iter().chain(self.responder.take()) {
            context.end(transfer, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use egret_model::FlowKind;

    #[test]
    fn a_session_is_opaque_from_its_first_long_header_on() {
        let mut scene = Scene::new();
        let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:443");
        scene.client(flow, [&[0xc3, 0, 0, 0, 1, 8][..], &[1; 8], &[0], &[0; 100]].concat());
        scene.server(flow, [0x41; 60]);
        scene.client(flow, [0x42; 30]);
        scene.cut(flow);
        let other = scene.flow(FlowKind::Udp, "10.0.0.1:50001", "192.0.2.1:443");
        scene.client(other, [&[0xc3, 9, 9, 9, 9, 8][..], &[1; 40]].concat());
        scene.cut(other);
        let record = scene.end();
        let seen: Vec<_> =
            record.transfers.iter().map(|t| (t.start.protocol, t.opaque, t.body.len())).collect();
        assert_eq!(seen, [(Protocol::Quic, 145, 0), (Protocol::Quic, 60, 0), (Protocol::Udp, 0, 46)]);
    }
}
