//! SSH (RFC 4253): how much goes where.
//!
//! Owns: the version lines, behind which all is taken for encrypted. Never does: decryption; telling key exchange from content.

use crate::registry::{Prefix, Verdict};
use crate::{Analyzer, Context};
use egret_model::{Protocol, Side, TransferKey, Uninspected};

/// Recognises the version line that each side sends first (section 4.2).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    [prefix.initiator, prefix.responder]
        .into_iter()
        .filter(|bytes| !bytes.is_empty())
        .map(|bytes| {
            let versions: [&[u8]; 2] = [b"SSH-2.0-", b"SSH-1."];
            if versions.iter().any(|version| bytes.starts_with(version)) {
                Verdict::Yes
            } else if versions.iter().any(|version| version.starts_with(bytes)) {
                Verdict::NeedMore
            } else {
                Verdict::No
            }
        })
        .find(|verdict| *verdict != Verdict::No)
        .unwrap_or(Verdict::No)
}

/// An analyzer at the start of both sides.
pub(crate) fn start(_: &Context<'_>) -> Box<dyn Analyzer> {
    Box::new(Ssh::default())
}

/// One connection.
#[derive(Default)]
struct Ssh {
    initiator: Direction,
    responder: Direction,
}

/// What one side sends.
#[derive(Default)]
struct Direction {
    /// The version line has ended.
    past_version: bool,
    transfer: Option<TransferKey>,
    gap: bool,
}

impl Ssh {
    const fn direction(&mut self, side: Side) -> &mut Direction {
        match side {
            Side::Initiator => &mut self.initiator,
            Side::Responder => &mut self.responder,
        }
    }

    fn end(&mut self, context: &mut Context<'_>, from: Side, end_seen: bool) {
        let direction = self.direction(from);
        if let Some(transfer) = direction.transfer.take() {
            context.end(transfer, end_seen && !direction.gap);
        }
    }
}

impl Analyzer for Ssh {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let direction = self.direction(from);
        let mut encrypted = data;
        if !direction.past_version {
            let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
            direction.past_version = true;
            encrypted = data.get(end + 1..).unwrap_or_default();
        }
        if encrypted.is_empty() {
            return;
        }
        let transfer = *direction.transfer.get_or_insert_with(|| {
            let start = context.start(Protocol::Ssh, "ssh".to_owned(), from);
            context.begin(start)
        });
        context.opaque(transfer, encrypted.len() as u64, Uninspected::Encrypted);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        let direction = self.direction(from);
        direction.past_version = true;
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
    fn everything_behind_the_version_lines_is_opaque() {
        let mut scene = Scene::new();
        let flow = scene.tcp(2222);
        scene.server(flow, b"SSH-2");
        scene.server(flow, b".0-OpenSSH_9.6\r\n");
        scene.client(flow, b"SSH-2.0-x\r\nabc");
        scene.server(flow, [0; 100]);
        scene.gap(flow, Side::Responder, 10);
        scene.close(flow);
        let record = scene.end();
        let seen: Vec<_> = record
            .transfers
            .iter()
            .map(|t| (t.start.protocol, t.start.from, t.opaque, t.missing, t.ended))
            .collect();
        assert_eq!(
            seen,
            [
                (Protocol::Ssh, Side::Initiator, 3, 0, Some(true)),
                (Protocol::Ssh, Side::Responder, 100, 10, Some(false)),
            ]
        );
    }
}
