//! Printing over LPD (RFC 1179): what is printed.
//!
//! Owns: the files of a job. Never does: queues; page description languages.
//!
//! What stands outside the files, and the control file, is inspected as what the two sides say to each other.

mod parse;

use crate::account::Account;
use crate::lines::{LineBuffer, without_end};
use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context, raw};
use egret_model::{Evidence, Protocol, Side, TransferKey};
use parse::{Announced, Job};

/// Recognises a job.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    parse::verdict(prefix.initiator)
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Lpd {
        lines: LineBuffer::default(),
        place: Place::Line,
        control: Vec::new(),
        job: Job::default(),
        dialogue: raw::known(context, Protocol::Lpd),
    })
}

/// One connection.
struct Lpd {
    lines: LineBuffer,
    place: Place,
    /// What has come of the control file.
    control: Vec<u8>,
    job: Job,
    /// What stands outside the files that are printed.
    dialogue: Box<dyn Analyzer>,
}

/// What the client's next bytes are.
enum Place {
    Line,
    Control {
        left: u64,
    },
    /// A file that is printed; `left` is None where it ends with the connection.
    Data {
        transfer: TransferKey,
        left: Option<u64>,
        gap: bool,
    },
    /// The zero behind a file (section 6.2).
    Mark,
}

impl Lpd {
    /// Reads bytes of the client up to the next change of place; returns the rest.
    fn client<'a>(&mut self, context: &mut Context<'_>, data: &'a [u8]) -> &'a [u8] {
        match &mut self.place {
            Place::Line => {
                let mut rest = data;
                let line = self.lines.next(&mut rest, context.limits.head_bytes);
                let taken = data.get(..data.len() - rest.len()).unwrap_or_default();
                self.dialogue.data(context, Side::Initiator, taken);
                if let Some(Ok(line)) = line
                    && let Some(file) = parse::announced(without_end(&line))
                {
                    self.begin(context, &file);
                }
                rest
            }
            Place::Control { left } => {
                let (bytes, rest) = split(data, *left);
                *left -= bytes.len() as u64;
                let done = *left == 0;
                self.dialogue.data(context, Side::Initiator, bytes);
                if self.control.len() + bytes.len() <= context.limits.head_bytes {
                    self.control.extend_from_slice(bytes);
                }
                if done {
                    self.job = parse::job(&std::mem::take(&mut self.control));
                    self.place = Place::Mark;
                    self.claim(context);
                }
                rest
            }
            Place::Data { transfer, left, .. } => {
                let (bytes, rest) = split(data, left.unwrap_or(u64::MAX));
                context.body(*transfer, bytes);
                *left = left.map(|left| left - bytes.len() as u64);
                self.finish_data(context);
                rest
            }
            Place::Mark => {
                self.place = Place::Line;
                // Some clients leave the zero out.
                match data {
                    [0, rest @ ..] => rest,
                    rest => rest,
                }
            }
        }
    }

    /// Whoever prints says who it is.
    fn claim(&self, context: &mut Context<'_>) {
        if let Some(account) = self.job.user.as_ref().and_then(|user| Account::parse(user.as_bytes())) {
            let (ip, at) = (context.flow.initiator.ip, context.now());
            context.sighting(account.sighting(ip, Evidence::PrintJob, false, at));
        }
    }

    fn begin(&mut self, context: &mut Context<'_>, file: &Announced) {
        if file.control {
            self.control.clear();
            self.place = Place::Control { left: file.length.unwrap_or_default() };
            return;
        }
        let mut start = context.start(Protocol::Lpd, format!("print {}", file.name), Side::Initiator);
        start.filename =
            self.job.names.iter().find(|(known, _)| *known == file.name).map(|(_, name)| name.clone());
        start.user = self.job.user.clone().or(start.user);
        self.place = Place::Data { transfer: context.begin(start), left: file.length, gap: false };
    }

    fn finish_data(&mut self, context: &mut Context<'_>) {
        if let Place::Data { transfer, left: Some(0), gap } = self.place {
            context.end(transfer, !gap);
            self.place = Place::Mark;
        }
    }

    /// The client sends no more.
    fn end(&mut self, context: &mut Context<'_>, orderly: bool) {
        if let Place::Data { transfer, left, gap } = std::mem::replace(&mut self.place, Place::Line) {
            context.end(transfer, orderly && left.is_none() && !gap);
        }
    }
}

/// At most `most` bytes off the front of `data`.
fn split(data: &[u8], most: u64) -> (&[u8], &[u8]) {
    data.split_at(usize::try_from(most).unwrap_or(usize::MAX).min(data.len()))
}

impl Analyzer for Lpd {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if from == Side::Responder {
            return self.dialogue.data(context, from, data);
        }
        let mut rest = data;
        while !rest.is_empty() {
            rest = self.client(context, rest);
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if from == Side::Responder {
            return self.dialogue.gap(context, from, bytes);
        }
        match &mut self.place {
            Place::Data { transfer, left, gap } => {
                let inside = bytes.min(left.unwrap_or(u64::MAX));
                context.missing(*transfer, inside);
                *gap = true;
                *left = left.map(|left| left - inside);
                self.finish_data(context);
            }
            Place::Control { left } => {
                *left -= bytes.min(*left);
                self.dialogue.gap(context, from, bytes);
                if *left == 0 {
                    self.place = Place::Mark;
                }
            }
            Place::Line | Place::Mark => {
                self.lines.take();
                self.place = Place::Line;
                self.dialogue.gap(context, from, bytes);
            }
        }
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if from == Side::Initiator {
            self.end(context, true);
        }
        self.dialogue.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context, false);
        self.dialogue.closed(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scene;

    const JOB: &[u8] =
        b"\x02lp\n\x0240 cfA001pc\nHpc\nPalice\nldfA001pc\nNreport of may.txt\n\0\x035 dfA001pc\nhello\0";

    #[test]
    fn what_is_printed_is_told_however_it_is_cut() {
        for step in [1, 2, 7, 1000] {
            let mut scene = Scene::new();
            let flow = scene.tcp(515);
            scene.dialogue(
                flow,
                &[(true, JOB.to_vec()), (true, b"\x030 dfB001pc\nto the end".to_vec())],
                step,
            );
            scene.close(flow);
            let record = scene.end();
            let told: Vec<_> = record
                .transfers
                .iter()
                .filter(|t| t.start.operation.starts_with("print"))
                .map(|t| (t.start.operation.as_str(), &t.body[..], t.start.filename.as_deref(), t.ended))
                .collect();
            let expected = [
                ("print dfA001pc", &b"hello"[..], Some("report of may.txt"), Some(true)),
                ("print dfB001pc", b"to the end", None, Some(true)),
            ];
            assert_eq!(told, expected, "in pieces of {step}");
            assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Lpd));
            let claims: Vec<_> = record.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
            assert_eq!(claims, [(Some("alice"), false)]);
        }
    }

    #[test]
    fn gaps_within_files_keep_step() {
        let mut scene = Scene::new();
        let flow = scene.tcp(515);
        scene.client(flow, b"\x02lp\n\x0310 dfA001pc\n0123");
        scene.gap(flow, Side::Initiator, 3);
        scene.client(flow, b"789\0\x032 dfB001pc\nab\0");
        scene.close(flow);
        let record = scene.end();
        let told: Vec<_> = record
            .transfers
            .iter()
            .filter(|t| t.start.operation.starts_with("print"))
            .map(|t| (&t.body[..], t.missing, t.ended))
            .collect();
        assert_eq!(told, [(&b"0123789"[..], 3, Some(false)), (b"ab", 0, Some(true))]);
    }
}
