//! Bytes held out of order in the whole table, and who has held some longest.

use egret_model::Side;
use std::collections::BTreeMap;

/// Names a side that holds bytes; grows with the time at which it began to.
pub(crate) type Holder = u64;

pub(crate) struct Budget {
    limit: usize,
    held: usize,
    next: Holder,
    holders: BTreeMap<Holder, (u32, Side)>,
}

impl Budget {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { limit, held: 0, next: 0, holders: BTreeMap::new() }
    }

    /// `side` of the flow at `index` begins to hold bytes.
    pub(crate) fn enter(&mut self, index: u32, side: Side) -> Holder {
        let holder = self.next;
        self.next += 1;
        self.holders.insert(holder, (index, side));
        holder
    }

    /// A holder has given back all it held.
    pub(crate) fn leave(&mut self, holder: Holder) {
        self.holders.remove(&holder);
    }

    /// What a holder holds went from `before` bytes to `after`.
    pub(crate) fn change(&mut self, before: usize, after: usize) {
        self.held = self.held.saturating_sub(before).saturating_add(after);
    }

    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// The holder that must give way now: None while the budget is kept.
    pub(crate) fn debtor(&self) -> Option<(u32, Side)> {
        if self.held <= self.limit { None } else { self.holders.values().next().copied() }
    }
}
