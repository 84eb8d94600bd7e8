//! DNS (RFC 1035): which names a client asks for, and what it gets. Names and answers can carry data, so behaviour is told both.
//!
//! Owns: recognition, and one observation a question and answer, also of messages that HTTP carries (RFC 8484); content that names
//! carry ([`carried`]). Never does: resolving. The bytes themselves are inspected as raw content. Multicast DNS and LLMNR, which ask the neighbours, are none of it.

mod carried;
mod parse;

use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Length, Messages, Witness, watched};
use crate::{Analyzer, Context};
pub(crate) use carried::CarriedNames;
use egret_model::{FlowKind, Observation, Protocol, Side};
use parse::Message;
#[cfg(test)]
pub(crate) use parse::query;

/// Where resolvers listen.
const PORT: u16 = 53;

/// Recognises a datagram, or the first message of a connection (RFC 1035 section 4.2). Away from port 53 a message must be a
/// whole and ordinary one, since its header has no mark of its own.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let first = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    let at_home = prefix.flow.responder.port == PORT || prefix.flow.initiator.port == PORT;
    if prefix.flow.kind == FlowKind::Udp {
        let message = parse::message(first);
        let neighbours = [5353, 5355].contains(&prefix.flow.responder.port);
        return match message {
            Some(message) if !neighbours && (at_home || message.is_ordinary(first.len())) => Verdict::Yes,
            _ => Verdict::No,
        };
    }
    match (at_home, message_length(first)) {
        (true, Length::Bytes(whole)) if first.len() >= whole => {
            let message = first.get(2..whole).and_then(parse::message);
            if message.is_some() { Verdict::Yes } else { Verdict::No }
        }
        (true, Length::Bytes(_) | Length::NeedMore) => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Dns, Dns::default())
}

/// One flow. Messages stand for themselves: an answer repeats its question.
#[derive(Default)]
struct Dns {
    initiator: Messages,
    responder: Messages,
}

impl Witness for Dns {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        if context.flow.kind == FlowKind::Udp {
            observe(context, from, data);
            return Heard::Listening;
        }
        let messages = match from {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        };
        let mut whole = Vec::new();
        let in_step = messages.push(context.limits, data, message_length, &mut |message| {
            whole.push(message.get(2..).unwrap_or_default().to_vec());
        });
        for message in whole {
            observe(context, from, &message);
        }
        if in_step { Heard::Listening } else { Heard::Enough }
    }
}

/// Length of the message at the start of a stream, its two bytes of length included (RFC 1035 section 4.2.2).
fn message_length(bytes: &[u8]) -> Length {
    match bytes {
        [high, low, ..] => match usize::from(u16::from_be_bytes([*high, *low])) {
            0..parse::HEADER_LENGTH => Length::Malformed,
            length => Length::Bytes(length + 2),
        },
        _ => Length::NeedMore,
    }
}

/// Tells what a message that `from` has sent asks or answers, whatever has carried it.
pub(crate) fn observe(context: &mut Context<'_>, from: Side, data: &[u8]) {
    let Some(Message { response, missing, spelled, kind, answer_bytes, .. }) = parse::message(data) else {
        return;
    };
    if !response {
        CarriedNames::question(context, from, &spelled);
    }
    let name = spelled.to_ascii_lowercase();
    context.observed(if response {
        Observation::Answer { name, kind, missing, bytes: answer_bytes }
    } else {
        Observation::Question { name, kind }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    fn questions(observed: &[Observation]) -> Vec<(&str, bool)> {
        observed
            .iter()
            .filter_map(|observation| match observation {
                Observation::Question { name, .. } => Some((name.as_str(), false)),
                Observation::Answer { name, .. } => Some((name.as_str(), true)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn questions_and_answers_are_told_and_their_bytes_are_read() {
        let mut scene = Scene::new();
        let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", "192.0.2.1:53");
        let question = query("Www.Example", 16);
        scene.client(flow, &question);
        let mut answer = question.clone();
        answer[2] |= 0x80;
        scene.server(flow, &answer);
        scene.cut(flow);
        let record = scene.end();
        assert_eq!(questions(&record.observed), [("www.example", false), ("www.example", true)]);
        let bytes: usize = record.transfers.iter().map(|t| t.body.len()).sum();
        assert_eq!(bytes, question.len() * 2);
        assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Dns));
    }

    #[test]
    fn a_connection_is_read_however_it_is_cut() {
        let message = query("a.example", 1);
        let framed = [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], &message].concat();
        for step in [1, 2, 5, 100] {
            let mut scene = Scene::new();
            let flow = scene.tcp(53);
            for piece in framed.repeat(2).chunks(step) {
                scene.client(flow, piece);
            }
            scene.close(flow);
            let record = scene.end();
            assert_eq!(questions(&record.observed), [("a.example", false); 2], "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_message_is_no_dns() {
        for (port, datagram) in
            [(53, &b"hello, this is no message at all"[..]), (5353, &query("a.b", 1)), (9999, &[0; 12])]
        {
            let mut scene = Scene::new();
            let flow = scene.flow(FlowKind::Udp, "10.0.0.1:50000", &format!("192.0.2.1:{port}"));
            scene.client(flow, datagram);
            scene.cut(flow);
            assert_eq!(scene.end().observed, [], "port {port}");
        }
    }
}
