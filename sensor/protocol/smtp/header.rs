//! Whether a mail comes from its author's own machine: a relay leaves its `Received` line (RFC 5321 section 4.4).
//!
//! Owns: looking at the top of the header. Never does: reading the mail.

/// How a mail came to the client that sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// No trace of another host: the client wrote it.
    Direct,
    /// Another host handed it to the client.
    Relayed,
}

/// Watches the header of one mail go by.
#[derive(Debug)]
pub(super) struct HeaderWatch {
    /// Characters of the line so far, as far as they agree with [`TRACE`]; `None` behind the first that does not.
    matched: Option<usize>,
    /// The line holds nothing yet but perhaps CR.
    blank: bool,
    /// Bytes of the header that will still be looked at.
    left: usize,
}

const TRACE: &[u8] = b"received:";

/// A longer header is not looked at any further, bytes.
const LONGEST_HEADER: usize = 16 << 10;

impl HeaderWatch {
    pub(super) const fn new() -> Self {
        Self { matched: Some(0), blank: true, left: LONGEST_HEADER }
    }

    /// Bytes are missing: a `Received` line may have been among them.
    pub(super) const fn gap(&mut self) {
        self.left = 0;
    }

    /// The next bytes. Returns the origin at the moment it becomes known, once.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<Origin> {
        for byte in bytes {
            self.left = self.left.checked_sub(1)?;
            match byte {
                b'\n' if self.blank => return Some(self.settle(Origin::Direct)),
                b'\n' => (self.matched, self.blank) = (Some(0), true),
                b'\r' => self.matched = None,
                _ => {
                    self.blank = false;
                    let place =
                        self.matched.filter(|place| TRACE.get(*place) == Some(&byte.to_ascii_lowercase()));
                    self.matched = place.map(|place| place + 1);
                    if self.matched == Some(TRACE.len()) {
                        return Some(self.settle(Origin::Relayed));
                    }
                }
            }
        }
        None
    }

    const fn settle(&mut self, origin: Origin) -> Origin {
        self.left = 0;
        origin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_is_told_by_its_trace() {
        let cases: &[(&str, Option<Origin>)] = &[
            ("From: a\r\nTo: b\r\n\r\nReceived: x", Some(Origin::Direct)),
            ("From: a\nTo: b\n\nbody", Some(Origin::Direct)),
            ("\r\nbody", Some(Origin::Direct)),
            ("Received: from x\r\nFrom: a\r\n\r\n", Some(Origin::Relayed)),
            ("DKIM-Signature: v=1;\r\n b=x\r\nRECEIVED: from x\r\n", Some(Origin::Relayed)),
            ("X-Received: from x\r\nReceivedBy: a\r\n\r\n", Some(Origin::Direct)),
            (" Received: folded\r\n\r\n", Some(Origin::Direct)),
            ("From: a\r\n", None),
        ];
        for (mail, expected) in cases {
            for cut in 0..=mail.len() {
                let mut watch = HeaderWatch::new();
                let (head, tail) = mail.as_bytes().split_at(cut);
                let told: Vec<Origin> =
                    [head, tail].into_iter().filter_map(|piece| watch.push(piece)).collect();
                assert_eq!(told, expected.iter().copied().collect::<Vec<_>>(), "{mail:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn nothing_is_told_behind_a_gap_or_the_limit() {
        let mut watch = HeaderWatch::new();
        watch.gap();
        assert_eq!(watch.push(b"From: a\r\n\r\n"), None);
        let mut watch = HeaderWatch::new();
        assert_eq!(watch.push(&[b'a'; LONGEST_HEADER + 1]), None);
        assert_eq!(watch.push(b"\r\n\r\n"), None);
    }
}
