//! Weighing the users whom evidence names for one address at one time.
//!
//! Owns: combination, displacement, conflict. Never does: look-ups.

use crate::place::Interval;
use crate::weight;
use egret_model::{Attribution, Basis, Evidence, Timestamp};

/// Scores of the users named.
#[derive(Default)]
pub(crate) struct UserScores<'a> {
    users: Vec<UserScore<'a>>,
}

struct UserScore<'a> {
    user: &'a str,
    domain: Option<&'a str>,
    /// The strongest evidence of each kind.
    kinds: Vec<(Evidence, f32)>,
    /// The best that its evidence was ever worth.
    base: f32,
    last: Timestamp,
    /// Some of it was seen before the moment asked about.
    before: bool,
    service: bool,
}

/// Users told as alternatives.
const MOST_ALTERNATIVES: usize = 8;

impl<'a> UserScores<'a> {
    /// What the operator's table says.
    pub(crate) fn add_planned(&mut self, user: &'a str, at: Timestamp) {
        let base = weight::of(Evidence::AddressPlan);
        self.users.push(UserScore {
            user,
            domain: None,
            kinds: vec![(Evidence::AddressPlan, base)],
            base,
            last: at,
            before: true,
            service: false,
        });
    }

    /// Evidence that is worth `strength` at `at`.
    pub(crate) fn add(&mut self, interval: &'a Interval, strength: f32, service: bool, at: Timestamp) {
        let Some(user) = interval.user.as_deref() else { return };
        let place =
            self.users.iter().position(|known| known.user.eq_ignore_ascii_case(user)).unwrap_or_else(|| {
                self.users.push(UserScore {
                    user,
                    domain: None,
                    kinds: Vec::new(),
                    base: 0.0,
                    last: Timestamp::from_nanos(i64::MIN),
                    before: false,
                    service,
                });
                self.users.len() - 1
            });
        let Some(known) = self.users.get_mut(place) else { return };
        match known.kinds.iter_mut().find(|(kind, _)| *kind == interval.evidence) {
            Some((_, strongest)) => *strongest = strongest.max(strength),
            None => known.kinds.push((interval.evidence, strength)),
        }
        known.domain = known.domain.or(interval.domain.as_deref());
        known.before |= interval.first <= at;
        known.last = known.last.max(interval.last.min(at));
        known.base = known.base.max(interval.base());
    }

    /// True where the evidence so far is of a person.
    pub(crate) fn knows_a_person(&self) -> bool {
        self.users.iter().any(|known| !known.service && known.sum() >= weight::LEAST)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Several pieces that all name one user.
    pub(crate) fn is_unanimous(&self) -> bool {
        self.users.len() == 1
    }

    /// The best answer, or none where two are about as good or none is good enough. `named`: whom the exchange itself names.
    pub(crate) fn decide(mut self, named: Option<(&'a str, Evidence)>, at: Timestamp) -> Attribution {
        // A proxy that has authenticated its client knows better than anybody.
        let authenticated = named.is_some_and(|(_, evidence)| evidence == Evidence::ProxyHeader);
        if authenticated {
            self.users.clear();
        }
        if let Some((user, evidence)) = named
            && self.users.is_empty()
        {
            let strength = weight::of(evidence) * if authenticated { 1.0 } else { weight::UNCONFIRMED };
            let kinds = vec![(evidence, strength)];
            self.users.push(UserScore {
                user,
                domain: None,
                kinds,
                base: strength,
                last: at,
                before: true,
                service: false,
            });
        }
        // Of a shared address, too, a log-in after the fact explains it only where nobody was known before.
        if self.users.iter().any(|known| known.before && !known.service && known.sum() >= weight::LEAST) {
            self.users.retain(|known| known.before);
        }
        // A service's account never stands in a person's way.
        if self.users.iter().any(|known| !known.service) {
            self.users.retain(|known| !known.service);
        }
        let mut ranked: Vec<(f32, &UserScore<'_>)> =
            self.users.iter().map(|known| (self.score(known), known)).collect();
        ranked.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.user.cmp(y.user)));
        let own = named.map(|(name, _)| name);
        // What the exchange itself says needs no other evidence beside it.
        let least = |known: &UserScore<'_>| own.is_none_or(|name| !known.user.eq_ignore_ascii_case(name));
        ranked.retain(|(score, known)| *score >= weight::LEAST || !least(known));
        conclude(&ranked, own)
    }

    fn score(&self, known: &UserScore<'_>) -> f32 {
        let displaced = self
            .users
            .iter()
            .any(|other| other.last > known.last && other.base >= known.base * weight::DISPLACES_FROM);
        known.sum()
            * if displaced { weight::DISPLACED } else { 1.0 }
            * if known.service { weight::SERVICE } else { 1.0 }
    }
}

impl UserScore<'_> {
    /// Probability that not all of the evidence is wrong (noisy-or).
    fn sum(&self) -> f32 {
        1.0 - self.kinds.iter().fold(1.0, |doubt, (_, strength)| doubt * (1.0 - strength))
    }

    fn strongest(&self) -> Option<Evidence> {
        self.kinds.iter().max_by(|(a, x), (b, y)| x.total_cmp(y).then(b.cmp(a))).map(|(kind, _)| *kind)
    }
}

/// The first of the ranked, unless others are about as good and the exchange does not know better.
fn conclude(ranked: &[(f32, &UserScore<'_>)], own: Option<&str>) -> Attribution {
    let Some(&(top, best)) = ranked.first() else { return Attribution::default() };
    let good = || ranked.iter().filter(|(score, _)| *score >= top * weight::CONFLICT);
    let own = own.and_then(|name| good().find(|(_, known)| known.user.eq_ignore_ascii_case(name)));
    let names = |except: Option<&str>| {
        let mut names: Vec<String> = good()
            .map(|(_, known)| known.user)
            .filter(|user| Some(*user) != except)
            .map(str::to_owned)
            .collect();
        names.truncate(MOST_ALTERNATIVES);
        names.sort();
        names
    };
    if good().count() > 1 && own.is_none() {
        return Attribution { alternatives: names(None), ..Attribution::default() };
    }
    let &(score, chosen) = own.unwrap_or(&(top, best));
    Attribution {
        user: Some(chosen.user.to_owned()),
        domain: chosen.domain.map(str::to_owned),
        evidence: chosen.strongest(),
        confidence: score,
        basis: (!chosen.before).then_some(Basis::Afterwards),
        alternatives: names(Some(chosen.user)),
        ..Attribution::default()
    }
}
