//! The coverage ledger: every byte that was not inspected is counted and says why.

use serde::Serialize;

/// Why bytes were not inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uninspected {
    /// Encrypted, and no key was at hand.
    Encrypted,
    /// Missing from the capture: lost, cut by a snap length, or before its start.
    Gap,
    /// Beyond one of [`crate::Limits`].
    OverLimit,
    /// A format, protocol or link type that Egret does not read.
    Unsupported,
    /// Bytes that break the rules of their format.
    Malformed,
    /// Dropped or shed before inspection (live capture only).
    Dropped,
}

/// Bytes inspected, and not inspected by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Payload bytes that were inspected.
    pub inspected_bytes: u64,
    /// Encrypted bytes.
    pub encrypted: u64,
    /// Missing bytes.
    pub gap: u64,
    /// Bytes beyond a limit.
    pub over_limit: u64,
    /// Bytes of unsupported formats.
    pub unsupported: u64,
    /// Malformed bytes.
    pub malformed: u64,
    /// Dropped bytes.
    pub dropped: u64,
}

impl Coverage {
    /// Counts `bytes` as not inspected for `reason`.
    pub const fn add(&mut self, reason: Uninspected, bytes: u64) {
        let counter = match reason {
            Uninspected::Encrypted => &mut self.encrypted,
            Uninspected::Gap => &mut self.gap,
            Uninspected::OverLimit => &mut self.over_limit,
            Uninspected::Unsupported => &mut self.unsupported,
            Uninspected::Malformed => &mut self.malformed,
            Uninspected::Dropped => &mut self.dropped,
        };
        *counter = counter.saturating_add(bytes);
    }

    /// Bytes not inspected, all reasons together.
    #[must_use]
    pub const fn uninspected_bytes(&self) -> u64 {
        self.encrypted
            .saturating_add(self.gap)
            .saturating_add(self.over_limit)
            .saturating_add(self.unsupported)
            .saturating_add(self.malformed)
            .saturating_add(self.dropped)
    }

    /// The reasons with bytes to their name.
    pub fn reasons(&self) -> impl Iterator<Item = (Uninspected, u64)> {
        [
            (Uninspected::Encrypted, self.encrypted),
            (Uninspected::Gap, self.gap),
            (Uninspected::OverLimit, self.over_limit),
            (Uninspected::Unsupported, self.unsupported),
            (Uninspected::Malformed, self.malformed),
            (Uninspected::Dropped, self.dropped),
        ]
        .into_iter()
        .filter(|(_, bytes)| *bytes > 0)
    }

    /// Adds the counts of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.inspected_bytes = self.inspected_bytes.saturating_add(other.inspected_bytes);
        self.add(Uninspected::Encrypted, other.encrypted);
        self.add(Uninspected::Gap, other.gap);
        self.add(Uninspected::OverLimit, other.over_limit);
        self.add(Uninspected::Unsupported, other.unsupported);
        self.add(Uninspected::Malformed, other.malformed);
        self.add(Uninspected::Dropped, other.dropped);
    }
}

impl Serialize for Coverage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct NotInspected {
            encrypted: u64,
            gap: u64,
            over_limit: u64,
            unsupported: u64,
            malformed: u64,
            dropped: u64,
        }
        #[derive(Serialize)]
        struct Ledger {
            inspected_bytes: u64,
            not_inspected: NotInspected,
        }
        let Self { inspected_bytes, encrypted, gap, over_limit, unsupported, malformed, dropped } = *self;
        let not_inspected = NotInspected { encrypted, gap, over_limit, unsupported, malformed, dropped };
        Ledger { inspected_bytes, not_inspected }.serialize(serializer)
    }
}
