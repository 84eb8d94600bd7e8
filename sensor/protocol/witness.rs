//! Protocols that are read for whom they name: their messages are evidence, their bytes are inspected as raw content.
//!
//! Owns: the [`Witness`] trait, the analyzer that lets a witness listen beside the raw reading, and the messages of a stream that
//! a witness has to see whole. Never does: transfers of its own; holding more than [`ProtocolLimits::witness_bytes`] a side.

use crate::raw;
use crate::{Analyzer, Context, Successor};
use egret_model::{Protocol, ProtocolLimits, Side};

/// What a witness makes of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It goes on listening.
    Listening,
    /// Nothing more is to be learnt from this flow.
    Enough,
    /// Both sides have agreed on another protocol (STARTTLS), which begins with the last `rest` bytes given.
    Upgrade {
        /// Bytes that stand behind the agreement.
        rest: usize,
    },
}

/// Listens to a flow for evidence of identity. Bytes of one side come in order, cut anywhere (TCP), or as whole datagrams (UDP).
pub(crate) trait Witness: Send {
    /// The next bytes of `from`.
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard;

    /// Bytes of `from` are missing. False: nothing more is to be learnt.
    fn gap(&mut self, _from: Side) -> bool {
        false
    }

    /// The flow is over.
    fn closed(&mut self, _context: &mut Context<'_>) {}
}

/// The analyzer of a flow whose witness is `witness`, and whose bytes are content of `protocol`.
pub(crate) fn watched(
    context: &Context<'_>,
    protocol: Protocol,
    witness: impl Witness + 'static,
) -> Box<dyn Analyzer> {
    Box::new(Watched { witness: Some(Box::new(witness)), raw: raw::known(context, protocol) })
}

struct Watched {
    witness: Option<Box<dyn Witness>>,
    raw: Box<dyn Analyzer>,
}

impl Analyzer for Watched {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        let heard =
            self.witness.as_mut().map_or(Heard::Listening, |witness| witness.data(context, from, data));
        match heard {
            Heard::Listening => self.raw.data(context, from, data),
            Heard::Enough => {
                self.witness = None;
                self.raw.data(context, from, data);
            }
            Heard::Upgrade { rest } => {
                let (mine, rest) = data.split_at(data.len().saturating_sub(rest));
                self.raw.data(context, from, mine);
                self.raw.finished(context, Side::Initiator);
                self.raw.finished(context, Side::Responder);
                let nesting = context.nesting().cloned().unwrap_or_default();
                context.switch(Successor::Recognition(nesting), vec![(from, rest.to_vec())]);
            }
        }
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if let Some(witness) = &mut self.witness
            && !witness.gap(from)
        {
            self.witness = None;
        }
        self.raw.gap(context, from, bytes);
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        self.raw.finished(context, from);
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Some(mut witness) = self.witness.take() {
            witness.closed(context);
        }
        self.raw.closed(context);
    }
}

/// How long the message at the start of some bytes is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// More bytes would tell.
    NeedMore,
    /// So many bytes.
    Bytes(usize),
    /// So many bytes, which tell nothing: they are passed over without being held.
    Skip(usize),
    /// This is no message of the protocol.
    Malformed,
}

/// Whole messages of one side of a stream. Of a message longer than the limit only its first bytes are shown; the rest is passed
/// over without being held.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    held: Vec<u8>,
    /// Bytes still to come of a message that was shown already.
    passing: usize,
}

impl Messages {
    /// Takes bytes and shows every message that they complete. False: what came is no message.
    pub(crate) fn push(
        &mut self,
        limits: &ProtocolLimits,
        data: &[u8],
        length: impl Fn(&[u8]) -> Length,
        show: &mut dyn FnMut(&[u8]),
    ) -> bool {
        // As long as nothing is held, messages are shown where they stand.
        let mut held = std::mem::take(&mut self.held);
        let bytes = if held.is_empty() {
            data
        } else {
            held.extend_from_slice(data);
            held.as_slice()
        };
        let mut at = 0;
        loop {
            let passed = self.passing.min(bytes.len() - at);
            self.passing -= passed;
            at += passed;
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.is_empty() {
                return true;
            }
            self.passing = match length(rest) {
                Length::Malformed | Length::Bytes(0) | Length::Skip(0) => return false,
                Length::Skip(whole) => whole,
                Length::Bytes(whole) if rest.len() >= whole.min(limits.witness_bytes) => {
                    show(rest.get(..whole).unwrap_or(rest));
                    whole
                }
                Length::NeedMore if rest.len() >= limits.witness_bytes => return false,
                Length::Bytes(_) | Length::NeedMore => {
                    self.held = if at == 0 && !held.is_empty() { held } else { rest.to_vec() };
                    return true;
                }
            };
        }
    }
}

/// Length of the element of ASN.1 BER at the start of `bytes` (X.690 section 8.1), definite lengths only.
pub(crate) fn ber_length(bytes: &[u8]) -> Length {
    let (Some(_), Some(first)) = (bytes.first(), bytes.get(1).copied()) else { return Length::NeedMore };
    if first < 0x80 {
        return Length::Bytes(2 + usize::from(first));
    }
    let octets = usize::from(first & 0x7f);
    if octets == 0 || octets > 4 {
        return Length::Malformed;
    }
    let Some(length) = bytes.get(2..2 + octets) else { return Length::NeedMore };
    let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    Length::Bytes(length.saturating_add(2 + octets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn short(bytes: &[u8]) -> Length {
        match bytes.first() {
            None => Length::NeedMore,
            Some(0xff) => Length::Malformed,
            Some(length) => Length::Bytes(usize::from(*length) + 1),
        }
    }

    proptest! {
        #[test]
        fn messages_are_the_same_however_they_are_cut(
            lengths in prop::collection::vec(0_u8..40, 1..12),
            cuts in prop::collection::vec(0_usize..300, 0..6),
        ) {
            let limits = ProtocolLimits { witness_bytes: 16, ..Default::default() };
            let stream: Vec<u8> =
                lengths.iter().flat_map(|n| std::iter::once(*n).chain((0..*n).map(|at| at | 0x40))).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
            cuts.sort_unstable();
            cuts.push(stream.len());
            let (mut messages, mut shown, mut from) = (Messages::default(), Vec::new(), 0);
            for cut in cuts {
                prop_assert!(messages.push(&limits, &stream[from..cut], short, &mut |m| shown.push((m[0], m.len()))));
                from = cut;
            }
            prop_assert_eq!(shown.iter().map(|(n, _)| *n).collect::<Vec<_>>(), lengths);
            for (length, seen) in shown {
                prop_assert!(seen == usize::from(length) + 1 || seen >= 16);
            }
        }
    }

    #[test]
    fn what_is_no_message_ends_it() {
        let limits = ProtocolLimits::default();
        assert!(!Messages::default().push(&limits, &[1, 9, 0xff], short, &mut |_| ()));
    }

    #[test]
    fn lengths_of_elements() {
        for (bytes, expected) in [
            (&[0x30][..], Length::NeedMore),
            (&[0x30, 5], Length::Bytes(7)),
            (&[0x30, 0x82, 1], Length::NeedMore),
            (&[0x30, 0x82, 1, 2], Length::Bytes(0x102 + 4)),
            (&[0x30, 0x80], Length::Malformed),
            (&[0x30, 0x85], Length::Malformed),
        ] {
            assert_eq!(ber_length(bytes), expected, "{bytes:?}");
        }
    }
}
