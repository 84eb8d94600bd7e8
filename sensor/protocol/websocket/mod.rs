//! WebSocket (RFC 6455) with compressed messages (RFC 7692): each message is one transfer.
//!
//! Owns: frames, masks, and the decompression of messages, whose window reaches over message boundaries and so cannot be left
//! to later stages. Never does: recognition; HTTP hands the connection over.

mod parse;

use crate::inflate::{self, Inflate};
use crate::{Analyzer, Context, Nesting};
use egret_model::{Protocol, Side, TransferKey, Uninspected};
use parse::{FrameHeader, Opcode, Parsed};

/// One connection.
pub(crate) struct WebSocket {
    /// What was asked for when it was opened: `GET /chat`.
    operation: String,
    client: Side,
    nesting: Nesting,
    initiator: Direction,
    responder: Direction,
}

/// What one side sends.
#[derive(Default)]
struct Direction {
    place: Place,
    message: Option<Message>,
    inflate: Option<Box<Inflate>>,
}

/// Where in the frames the next byte stands.
enum Place {
    /// In a header: what has come of it.
    Header(Vec<u8>),
    Payload {
        control: bool,
        left: u64,
        /// The rest of the mask, from the next byte's on.
        mask: [u8; 4],
        /// The message ends with the frame.
        last: bool,
    },
    /// Nobody can tell where the next frame begins.
    Lost,
}

impl Default for Place {
    fn default() -> Self {
        Self::Header(Vec::new())
    }
}

/// The message that is being sent, from its first byte on.
struct Message {
    text: bool,
    compressed: bool,
    transfer: Option<TransferKey>,
    gap: bool,
}

/// Bytes unmasked at once.
const UNMASKED_BYTES: usize = 16 << 10;

impl WebSocket {
    /// A connection that has just been opened by `client` with `operation`.
    pub(crate) fn new(operation: String, client: Side, nesting: Nesting) -> Self {
        Self { operation, client, nesting, initiator: Direction::default(), responder: Direction::default() }
    }

    const fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    /// The transfer of the present message; behind a loss of step, of all that follows.
    fn transfer(&mut self, context: &mut Context<'_>, from: Side) -> TransferKey {
        let message = self.direction(from).message.get_or_insert(Message {
            text: false,
            compressed: false,
            transfer: None,
            gap: true,
        });
        if let Some(transfer) = message.transfer {
            return transfer;
        }
        let text = message.text;
        let mut start = context.start(Protocol::Websocket, self.operation.clone(), from);
        start.server = self.client.other();
        start.server_name.clone_from(&self.nesting.server_name);
        start.via_proxy = self.nesting.via_proxy;
        start.user.clone_from(&self.nesting.user);
        start.media_type = text.then(|| "text/plain; charset=utf-8".to_owned());
        let transfer = context.begin(start);
        if let Some(message) = &mut self.direction(from).message {
            message.transfer = Some(transfer);
        }
        transfer
    }

    /// A frame begins.
    fn frame(&mut self, context: &mut Context<'_>, from: Side, header: FrameHeader) {
        let control = header.opcode == Opcode::Control;
        if matches!(header.opcode, Opcode::Text | Opcode::Binary) {
            // A message that was not finished stays incomplete.
            self.end_message(context, from, false);
            let text = header.opcode == Opcode::Text;
            self.direction(from).message =
                Some(Message { text, compressed: header.compressed, transfer: None, gap: false });
        }
        let mask = header.mask.unwrap_or_default();
        self.direction(from).place = Place::Payload { control, left: header.length, mask, last: header.last };
        if header.length == 0 {
            self.end_frame(context, from, control, header.last);
        }
    }

    fn end_frame(&mut self, context: &mut Context<'_>, from: Side, control: bool, last: bool) {
        self.direction(from).place = Place::default();
        if !control && last {
            self.end_message(context, from, true);
        }
    }

    fn end_message(&mut self, context: &mut Context<'_>, from: Side, end_seen: bool) {
        if end_seen && self.direction(from).message.as_ref().is_some_and(|message| message.compressed) {
            self.content(context, from, &inflate::MESSAGE_END);
        }
        if let Some(Message { transfer: Some(transfer), gap, .. }) = self.direction(from).message.take() {
            context.end(transfer, end_seen && !gap);
        }
    }

    /// The next bytes of the present message, unmasked.
    fn content(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let direction = self.direction(from);
        if !direction.message.as_ref().is_some_and(|message| message.compressed) {
            let transfer = self.transfer(context, from);
            context.body(transfer, data);
            return;
        }
        let mut inflate = direction.inflate.take().unwrap_or_default();
        let sound = inflate.push(data, &mut |content| {
            let transfer = self.transfer(context, from);
            context.body(transfer, content);
        });
        self.direction(from).inflate = Some(inflate);
        if !sound {
            let transfer = self.transfer(context, from);
            context.opaque(transfer, data.len() as u64, Uninspected::Malformed);
        }
    }

    /// Reads payload off the front of `data`; returns the rest.
    fn payload<'a>(&mut self, context: &mut Context<'_>, from: Side, data: &'a [u8]) -> &'a [u8] {
        let Place::Payload { control, left, mask, last } = &mut self.direction(from).place else {
            return data;
        };
        let count = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len()).min(UNMASKED_BYTES);
        let (payload, rest) = data.split_at(count);
        let unmasked: Vec<u8> =
            payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        mask.rotate_left(count % 4);
        *left -= count as u64;
        let (control, last, done) = (*control, *last, *left == 0);
        if !control {
            self.content(context, from, &unmasked);
        }
        if done {
            self.end_frame(context, from, control, last);
        }
        rest
    }
}

impl Analyzer for WebSocket {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let mut rest = data;
        while let Some((byte, behind)) = rest.split_first() {
            match &mut self.direction(from).place {
                Place::Header(held) => {
                    held.push(*byte);
                    rest = behind;
                    match parse::parse(held) {
                        Parsed::Unfinished => {}
                        Parsed::Header(header) => self.frame(context, from, header),
                        Parsed::Wrong => {
                            let held = std::mem::take(held);
                            self.direction(from).place = Place::Lost;
                            self.end_message(context, from, false);
                            self.content(context, from, &held);
                        }
                    }
                }
                Place::Payload { .. } => rest = self.payload(context, from, rest),
                Place::Lost => {
                    self.content(context, from, rest);
                    return;
                }
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let direction = self.direction(from);
        if let Some(inflate) = &mut direction.inflate {
            inflate.lose();
        }
        let inside = match &mut direction.place {
            Place::Payload { left, mask, .. } if bytes < *left => {
                *left -= bytes;
                mask.rotate_left(usize::try_from(bytes % 4).unwrap_or_default());
                true
            }
            _ => false,
        };
        if let Some(message) = &mut direction.message {
            message.gap = true;
            let transfer = self.transfer(context, from);
            context.missing(transfer, bytes);
        }
        if !inside {
            self.end_message(context, from, false);
            self.direction(from).place = Place::Lost;
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.end_message(context, from, false);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end_message(context, Side::Initiator, false);
        self.end_message(context, Side::Responder, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;
    use flate2::{Compress, Compression, FlushCompress};

    fn frame(first: u8, mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let flag = if mask.is_some() { 0x80 } else { 0 };
        let mut frame = match u8::try_from(payload.len()) {
            Ok(length @ ..126) => vec![first, flag | length],
            _ => [&[first, flag | 126][..], &u16::try_from(payload.len()).unwrap().to_be_bytes()].concat(),
        };
        frame.extend(mask.unwrap_or_default().iter().take(if mask.is_some() { 4 } else { 0 }));
        frame.extend(
            payload.iter().zip(mask.unwrap_or_default().iter().cycle()).map(|(byte, key)| byte ^ key),
        );
        frame
    }

    /// Messages compressed over one window, ends cut off.
    fn compressed(messages: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut state = Compress::new(Compression::default(), false);
        messages
            .iter()
            .map(|message| {
                let mut out = Vec::with_capacity(message.len() + 64);
                state.compress_vec(message, &mut out, FlushCompress::Sync).unwrap();
                out.truncate(out.len() - MESSAGE_END_LENGTH);
                out
            })
            .collect()
    }
    const MESSAGE_END_LENGTH: usize = inflate::MESSAGE_END.len();

    /// Plays both sides in pieces of `step` behind an upgrade; gives side, body and completeness of each message.
    fn play(client: &[u8], server: &[u8], step: usize) -> Vec<(Side, Vec<u8>, Option<bool>)> {
        let mut scene = Scene::new();
        let flow = scene.tcp(80);
        scene.client(
            flow,
            "GET /chat HTTP/1.1\r\nHost: h.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        scene.server(flow, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
        client.chunks(step).for_each(|piece| scene.client(flow, piece));
        server.chunks(step).for_each(|piece| scene.server(flow, piece));
        scene.close(flow);
        let record = scene.end();
        for transfer in &record.transfers {
            assert_eq!(transfer.start.protocol, Protocol::Websocket);
            assert_eq!(transfer.start.operation, "GET /chat");
            assert_eq!(transfer.start.server_name.as_deref(), Some("h.example"));
        }
        record.transfers.into_iter().map(|t| (t.start.from, t.body, t.ended)).collect()
    }

    #[test]
    fn messages_are_joined_unmasked_and_decompressed_however_they_are_cut() {
        let mask = Some([9, 8, 7, 6]);
        let long = b"customer record ".repeat(50);
        let packed = compressed(&[&long, &long]);
        let client = [
            frame(0x81, mask, b"hello"),
            frame(0x02, mask, b"first "),
            frame(0x89, mask, b"ping"),
            frame(0x80, mask, b"second"),
            frame(0x41, mask, &packed[0][..3]),
            frame(0x80, mask, &packed[0][3..]),
            frame(0xc1, mask, &packed[1]),
            frame(0x88, mask, &[]),
        ]
        .concat();
        let server = frame(0x82, None, &[7; 300]);
        let expected = [
            (Side::Initiator, b"hello".to_vec(), Some(true)),
            (Side::Initiator, b"first second".to_vec(), Some(true)),
            (Side::Initiator, long.clone(), Some(true)),
            (Side::Initiator, long.clone(), Some(true)),
            (Side::Responder, vec![7; 300], Some(true)),
        ];
        for step in [1, 2, 5, 64, 10_000] {
            assert_eq!(play(&client, &server, step), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_frame_is_read_all_the_same() {
        let client = [frame(0x81, None, b"ok"), b"\x7f plain bytes".to_vec()].concat();
        assert_eq!(
            play(&client, b"", 1000),
            [
                (Side::Initiator, b"ok".to_vec(), Some(true)),
                (Side::Initiator, b"\x7f plain bytes".to_vec(), Some(false)),
            ]
        );
    }

    #[test]
    fn a_gap_within_a_frame_keeps_step() {
        let mut scene = Scene::new();
        let flow = scene.tcp(80);
        scene.client(flow, "GET /c HTTP/1.1\r\nUpgrade: websocket\r\n\r\n");
        scene.server(flow, "HTTP/1.1 101 Switching\r\n\r\n");
        let wire = frame(0x81, Some([1, 2, 3, 4]), b"0123456789");
        scene.client(flow, &wire[..8]);
        scene.gap(flow, Side::Initiator, 3);
        scene.client(flow, &wire[11..]);
        scene.client(flow, frame(0x81, Some([1, 2, 3, 4]), b"next"));
        scene.close(flow);
        let record = scene.end();
        let seen: Vec<_> = record.transfers.iter().map(|t| (&t.body[..], t.missing, t.ended)).collect();
        assert_eq!(seen, [(&b"0156789"[..], 3, Some(false)), (b"next", 0, Some(true))]);
    }
}
