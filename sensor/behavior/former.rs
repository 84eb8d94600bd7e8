//! Accounts that are used although the employment of their holder has ended.
//!
//! Owns: nothing. Never does: knowing who left: the directory tells.

use crate::suspicion::{Actor, Setting, Suspicion};
use egret_model::{AnomalyKind, Severity};

/// Attribution that is less sure speaks rather of somebody else.
const SURE: f32 = 0.5;
const DAY_NS: i64 = 86_400_000_000_000;

/// A sign-in or an upload (`what`) by somebody.
pub(crate) fn used(actor: &Actor, what: &str, bytes: u64, setting: Setting<'_>) -> Option<Suspicion> {
    let user = actor.user.as_ref()?;
    let ended = actor.person.as_ref()?.employment_ends?;
    let since = setting.now.since(ended);
    if since < 0 || actor.confidence.is_some_and(|confidence| confidence < SURE) {
        return None;
    }
    // An end is the first moment after the last day.
    let days = since / DAY_NS + 1;
    let explanation = format!(
        "{what} of {user}, whose employment ended on {}, {days} {} before: the account should be closed",
        ended.plus(-1).to_the_day(),
        if days == 1 { "day" } else { "days" }
    );
    Some(Suspicion {
        severity: Severity::High,
        observed: crate::suspicion::as_f64(days.unsigned_abs()),
        unit: "days after the end",
        ..Suspicion::of_bytes(AnomalyKind::FormerEmployee, setting, bytes, explanation)
            .with_baseline(0.0)
            .scored(f64::from(actor.confidence.unwrap_or(SURE)).max(0.6))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Person, Timestamp};

    #[test]
    fn only_what_follows_the_end_is_told() {
        let (limits, context) = (BehaviorLimits::default(), Context::shipped());
        let person =
            Person { employment_ends: Some(Timestamp::from_seconds(10 * 86_400)), ..Person::default() };
        let told = |day: i64, user: Option<&str>, confidence: f32, person: Option<&Person>| {
            let actor = Actor {
                user: user.map(str::to_owned),
                host: None,
                ip: [10, 0, 0, 1].into(),
                confidence: Some(confidence),
                person: person.cloned(),
            };
            let now = Timestamp::from_seconds(day * 86_400);
            used(&actor, "a sign-in", 0, Setting { limits: &limits, context: &context, now })
        };
        assert!(told(9, Some("eve"), 0.9, Some(&person)).is_none());
        let after = told(13, Some("eve"), 0.9, Some(&person)).unwrap();
        assert_eq!((after.severity, after.observed), (Severity::High, 4.0));
        assert!(told(13, Some("eve"), 0.3, Some(&person)).is_none(), "it may be somebody else");
        assert!(told(13, Some("eve"), 0.9, None).is_none() && told(13, None, 0.9, Some(&person)).is_none());
    }
}
