//! Senders whose employment ends: what is sent shortly before the end, or after it, weighs more.
//!
//! Owns: how long before the end counts. Never does: knowing who leaves: the directory tells, or a group of the context.

use crate::open::Open;
use egret_model::Timestamp;

/// Before the end of an employment in which its holder counts as about to leave, nanoseconds (30 days): the usual notice, and the time in
/// which most data is taken along.
const NOTICE_NS: i64 = 30 * DAY_NS;
const DAY_NS: i64 = 86_400_000_000_000;

/// What the end of the sender's employment makes of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It is near; the employment ends then.
    Soon(Timestamp),
    /// Something was sent after it.
    Gone(Timestamp),
}

impl Leaving {
    /// In words, behind a name.
    pub(crate) fn told(self) -> String {
        // An end is the first moment after the last day.
        let day = |ends: Timestamp| ends.plus(-1).to_the_day();
        match self {
            Self::Soon(ends) => format!("is about to leave: the employment ends on {}", day(ends)),
            Self::Gone(ends) => {
                format!("is no longer employed since {}, and the account is still used", day(ends))
            }
        }
    }
}

/// By when the incident was last active.
pub(crate) fn leaving(open: &Open) -> Option<Leaving> {
    open.user.as_ref()?;
    let ends = open.employment_ends?;
    let left = ends.since(open.last_at);
    match left {
        left if left <= 0 => Some(Leaving::Gone(ends)),
        left if left <= NOTICE_NS => Some(Leaving::Soon(ends)),
        _ => None,
    }
}
