//! The server's side of a session: what its replies mean for the client's bytes.
//!
//! Owns: acting on replies. Never does: pairing them with commands.

use super::dialogue::Awaited;
use super::mail::Envelope;

use super::{Mode, Smtp, parse};
use crate::Context;
use crate::lines::{TooLong, without_end};
use crate::unstuff::Unstuffer;
use egret_model::Uninspected;

impl Smtp {
    pub(super) fn server_bytes(&mut self, context: &mut Context<'_>, data: &mut &[u8]) {
        let Some(line) = self.server_lines.next(data, context.limits.head_bytes) else { return };
        let line = line.unwrap_or_else(|TooLong(bytes)| bytes.into());
        let Some(reply) = parse::reply(without_end(&line)) else {
            return context.not_inspected(Uninspected::Malformed, line.len() as u64);
        };
        if !self.in_reply {
            self.named = parse::host_name(reply.text);
        }
        self.in_reply = !reply.last;
        if reply.last {
            self.answered(context, reply.code);
        }
    }

    fn answered(&mut self, context: &mut Context<'_>, code: u16) {
        let awaited = self.replies.answered(code);
        match (awaited, code) {
            (Some(Awaited::Greeting | Awaited::Hello), 200..=299) => {
                self.server_name = self.named.take().or(self.server_name.take());
            }
            (Some(Awaited::Mail), 400..) => self.envelope = Envelope::default(),
            (Some(Awaited::Recipient(index)), 400..) => self.envelope.refuse(index),
            (Some(Awaited::Auth) | None, 235) => self.authenticated(context, true),
            (Some(Awaited::Auth), 400..) | (None, 535) => self.refused(),
            (Some(Awaited::StartTls), 220) => self.mode = Mode::Left,
            (None, 220) if matches!(self.mode, Mode::AskedTls) => self.mode = Mode::Left,
            (Some(Awaited::Data) | None, 354) => self.go_ahead(context),
            (Some(Awaited::Data), 400..)
                if matches!(self.mode, Mode::Asked) && !self.replies.await_data() =>
            {
                self.mode = Mode::Commands;
            }
            (Some(Awaited::StartTls), 400..) if matches!(self.mode, Mode::AskedTls) => {
                self.mode = Mode::Commands;
            }
            (Some(Awaited::Content), _) if matches!(self.mode, Mode::Doubtful(_)) => {
                self.end_mail(context, true);
            }
            // The end of the content was among the missing bytes. A syntax error (50x) answers no content.
            (None, 200..=299 | 400..=499 | 550..=599)
                if matches!(self.mode, Mode::Content(_))
                    && self.mail.as_ref().is_some_and(|mail| !mail.is_whole()) =>
            {
                self.end_mail(context, false);
            }
            _ => {}
        }
    }

    /// 354: content follows.
    fn go_ahead(&mut self, context: &mut Context<'_>) {
        match std::mem::replace(&mut self.mode, Mode::Commands) {
            Mode::Asked => {
                let held = self.client_lines.take();
                self.begin_content(context, Unstuffer::default(), &held);
            }
            // DATA itself was among the missing bytes, or the rest of its line came behind them.
            Mode::Lost(first) => {
                let of_command = |line: &Vec<u8>| b"DATA".ends_with(&without_end(line).to_ascii_uppercase());
                let mut held = first.filter(|line| !of_command(line)).unwrap_or_default();
                held.append(&mut self.client_lines.take());
                self.begin_content(context, Unstuffer::default(), &held);
            }
            mode => self.mode = mode,
        }
    }
}
