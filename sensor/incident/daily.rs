//! Low and slow: what one sender lets go in a day, in portions each too small to be reported.
//!
//! Owns: distinct values of a signature by sender and day (UTC, of the packets), for signatures that say from how many on they
//! are reported together, and which days are one story. Never does: wording and scoring.

use crate::open::Open;
use egret_model::{FindingRecord, IncidentLimits, TransferRecord};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What is summed up: a day, a sender, a signature. Older days stand first.
type Key = (i64, String, String);

/// Days between two that are one story: over a weekend nobody works.
const APART: i64 = 3;

/// The sums of the last days.
#[derive(Debug, Default)]
pub(crate) struct Daily {
    /// What days of late have come to, by sender and signature, with the last of them.
    stories: BTreeMap<(String, String), (i64, Open)>,
    sums: BTreeMap<Key, Sum>,
    /// Values held by all of them.
    values: usize,
    forgotten: u64,
}

#[derive(Debug)]
struct Sum {
    open: Open,
    threshold: u64,
    /// Findings that are not reported by themselves.
    below: u64,
}

impl Daily {
    /// Takes a finding of a signature with a threshold over the day; `sender` is who is meant, `open` begins an account of
    /// the day.
    pub(crate) fn add(
        &mut self,
        transfer: &TransferRecord,
        finding: &FindingRecord,
        sender: &str,
        open: impl FnOnce() -> Open,
        limits: &IncidentLimits,
    ) {
        let Some(threshold) = finding.per_sender_day else { return };
        let key = (transfer.started_at.day(), sender.to_owned(), finding.signature.clone());
        let sum = self.sums.entry(key).or_insert_with(|| Sum { open: open(), threshold, below: 0 });
        let held =
            |sum: &Sum| sum.open.evidence.values().map(|evidence| evidence.values.len()).sum::<usize>();
        let before = held(sum);
        sum.open.join(transfer, &[finding], limits);
        sum.below += u64::from(finding.below_threshold);
        self.values = (self.values + held(sum)).saturating_sub(before);
        while self.sums.len() > limits.sender_days.max(1) || self.values > limits.sender_day_values.max(1) {
            let Some((_, oldest)) = self.sums.pop_first() else { break };
            self.values = self.values.saturating_sub(held(&oldest));
            self.forgotten += 1;
        }
    }

    /// Ends the days before `day`; `tell` is given those whose values together reach their thresholds, though not each transfer by itself,
    /// with all days of the same story, and whether it is the first of them.
    pub(crate) fn close_before(
        &mut self,
        day: i64,
        limits: &IncidentLimits,
        mut tell: impl FnMut(u64, &Open, bool),
    ) {
        while let Some(entry) = self.sums.first_entry()
            && entry.key().0 < day
        {
            let ((ended, sender, signature), sum) = entry.remove_entry();
            let unique = sum.open.evidence.values().map(|evidence| evidence.values.len() as u64).max();
            self.values = self.values.saturating_sub(unique.unwrap_or(0) as usize);
            if sum.below == 0 || unique.is_none_or(|unique| unique < sum.threshold) {
                continue;
            }
            self.stories.retain(|_, (last, _)| ended - *last <= APART);
            let first = match self.stories.entry((sender, signature)) {
                Entry::Vacant(entry) => {
                    tell(sum.threshold, &sum.open, true);
                    entry.insert((ended, sum.open));
                    true
                }
                Entry::Occupied(mut entry) => {
                    let (last, open) = entry.get_mut();
                    *last = ended;
                    open.absorb(sum.open, limits);
                    tell(sum.threshold, open, false);
                    false
                }
            };
            if first && self.stories.len() > limits.sender_days.max(1) {
                self.stories.pop_first();
            }
        }
    }

    /// Sums that were given up before their day was over, since there were too many.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }
}
