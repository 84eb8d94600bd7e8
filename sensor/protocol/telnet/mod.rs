//! Telnet (RFC 854, RFC 855): what is typed and what is shown.
//!
//! Owns: telling text from commands, and line ends of the network virtual terminal. Never does: taking part in negotiations;
//! screens.

use crate::line_ends::{LineEnds, LoneReturn};
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Protocol, Side, TransferKey, Uninspected};

const SE: u8 = 240;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DONT: u8 = 254;
const IAC: u8 = 255;

/// Transmission as it is (RFC 856).
const BINARY: u8 = 0;

/// Recognises the negotiation that either side begins with.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    /// Options are numbered from 0 (RFC 855); those in use end here, but for 255.
    const LAST_OPTION: u8 = 49;
    let mut sum = Verdict::No;
    for bytes in [prefix.initiator, prefix.responder] {
        match bytes {
            [IAC, WILL..=DONT, ..=LAST_OPTION, ..] => return Verdict::Yes,
            [IAC] | [IAC, WILL..=DONT] => sum = Verdict::NeedMore,
            _ => {}
        }
    }
    sum
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Telnet { initiator: Direction::default(), responder: Direction::default() })
}

struct Telnet {
    initiator: Direction,
    responder: Direction,
}

/// What one side sends.
struct Direction {
    place: Place,
    line_ends: LineEnds,
    /// It has said that its bytes are no text.
    binary: bool,
    transfer: Option<TransferKey>,
    gap: bool,
}

/// Where the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    /// Behind IAC.
    Command,
    /// Behind one of the four words about an option.
    Option(u8),
    /// In the parameters of an option (RFC 855).
    Parameters,
    /// The same, behind IAC.
    ParametersCommand,
}

impl Default for Direction {
    fn default() -> Self {
        let line_ends = LineEnds::new(LoneReturn::BeforeNul);
        Self { place: Place::Text, line_ends, binary: false, transfer: None, gap: false }
    }
}

impl Direction {
    /// Takes a byte; returns it if it is text, and whether it is a parameter.
    const fn step(&mut self, byte: u8) -> (Option<u8>, bool) {
        let (place, text, parameter) = match (self.place, byte) {
            (Place::Text, IAC) => (Place::Command, None, false),
            (Place::Text, _) | (Place::Command, IAC) => (Place::Text, Some(byte), false),
            (Place::Command, WILL..=DONT) => (Place::Option(byte), None, false),
            (Place::Command, SB) | (Place::ParametersCommand, IAC) => (Place::Parameters, None, false),
            (Place::Command, _) | (Place::ParametersCommand, SE) => (Place::Text, None, false),
            (Place::Option(verb), option) => {
                if option == BINARY && (verb == WILL || verb == WONT) {
                    self.binary = verb == WILL;
                }
                (Place::Text, None, false)
            }
            (Place::Parameters, IAC) => (Place::ParametersCommand, None, false),
            (Place::Parameters | Place::ParametersCommand, _) => (Place::Parameters, None, true),
        };
        self.place = place;
        (text, parameter)
    }

    /// Text of the next bytes, its line ends undone, and how many of the bytes are parameters.
    fn text(&mut self, data: &[u8]) -> (Vec<u8>, u64) {
        let (mut text, mut run, mut parameters) = (Vec::with_capacity(data.len()), Vec::new(), 0);
        for byte in data {
            let binary = self.binary;
            let (shown, parameter) = self.step(*byte);
            parameters += u64::from(parameter);
            run.extend(shown);
            if self.binary != binary {
                self.finish_run(binary, &mut run, &mut text);
            }
        }
        self.finish_run(self.binary, &mut run, &mut text);
        (text, parameters)
    }

    fn finish_run(&mut self, binary: bool, run: &mut Vec<u8>, text: &mut Vec<u8>) {
        if binary {
            text.extend_from_slice(self.line_ends.settle().unwrap_or_default());
            text.append(run);
        } else {
            text.append(&mut self.line_ends.push(run));
            run.clear();
        }
    }
}

impl Telnet {
    const fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn tell(&mut self, context: &mut Context<'_>, from: Side, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        let direction = self.direction(from);
        let transfer = *direction.transfer.get_or_insert_with(|| {
            let operation = if from == Side::Initiator { "typed" } else { "shown" };
            let mut start = context.start(Protocol::Telnet, operation.to_owned(), from);
            start.media_type = Some("text/plain".to_owned());
            context.begin(start)
        });
        context.body(transfer, text);
    }

    fn end(&mut self, context: &mut Context<'_>, from: Side, end_seen: bool) {
        let held = self.direction(from).line_ends.settle().unwrap_or_default();
        self.tell(context, from, held);
        let direction = self.direction(from);
        if let Some(transfer) = direction.transfer.take() {
            let complete = end_seen && !direction.gap && !context.flow.midstream;
            context.end(transfer, complete);
        }
    }
}

impl Analyzer for Telnet {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let (text, parameters) = self.direction(from).text(data);
        self.tell(context, from, &text);
        context.not_inspected(Uninspected::Unsupported, parameters);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let held = self.direction(from).line_ends.settle().unwrap_or_default();
        self.tell(context, from, held);
        let direction = self.direction(from);
        direction.place = Place::Text;
        direction.gap = true;
        if let Some(transfer) = direction.transfer {
            context.missing(transfer, bytes);
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.end(context, from, true);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context, Side::Initiator, false);
        self.end(context, Side::Responder, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    #[test]
    fn text_is_told_from_commands_however_it_is_cut() {
        let client =
            b"\xff\xfd\x03\xff\xfb\x1fal\xff\xf1ice\r\0\xff\xfa\x18\0XTERM\xff\xff\xff\xf0line\r\n\xff\xff\
                       \xff\xfb\0as it\r\nis\xff\xfc\0\r\nend\r";
        for step in [1, 2, 3, 1000] {
            let mut scene = Scene::new();
            let flow = scene.tcp(23);
            scene.dialogue(
                flow,
                &[(true, client.to_vec()), (false, b"\xff\xfb\x01login: \r\n".to_vec())],
                step,
            );
            scene.close(flow);
            let record = scene.end();
            let told: Vec<_> =
                record.transfers.iter().map(|t| (t.start.operation.as_str(), &t.body[..], t.ended)).collect();
            let typed = &b"alice\rline\n\xffas it\r\nis\nend\r"[..];
            let expected = [("typed", typed, Some(true)), ("shown", b"login: \n", Some(true))];
            assert_eq!(told, expected, "in pieces of {step}");
            assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Telnet));
            let parameters: u64 = record.not_inspected.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(parameters, 7, "the terminal's name");
        }
    }

    #[test]
    fn gaps_and_other_bytes() {
        let mut scene = Scene::new();
        let flow = scene.tcp(23);
        scene.server(flow, b"\xff\xfd\x18one\xff");
        scene.gap(flow, Side::Responder, 4);
        scene.server(flow, b"two");
        scene.cut(flow);
        let record = scene.end();
        let told: Vec<_> = record.transfers.iter().map(|t| (&t.body[..], t.missing, t.ended)).collect();
        assert_eq!(told, [(&b"onetwo"[..], 4, Some(false))]);
        let mut scene = Scene::new();
        let flow = scene.tcp(23);
        scene.client(flow, b"\xff\xd8\xff\xe0 a picture");
        scene.close(flow);
        assert_eq!(scene.end().transfers[0].start.protocol, Protocol::Tcp);
    }
}
