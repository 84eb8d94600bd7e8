//! From matches and their evidence to hits: confidence, counts, thresholds.
//!
//! Owns: what is decided when an object is complete. Never does: searching.

use crate::{
    NearMiss, Signature,
    language::{
        exception::Exception,
        expression::{Evidence, Expression},
    },
    near_miss,
    object::{Detail, Kept, ObjectScan, Shapes, Signs, Tally},
};
use egret_model::{Confidence, DetectLimits, Excepted, Hit, Match, Severity, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// Look-alikes from which their share of valid ones says something against them.
const MIXED_FROM: u64 = 10;

/// Distinct values from which they are many.
const MANY: usize = 5;

/// Which hits are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those that their signatures report.
    Reported,
    /// Those that would be reported if it were not for numbers of values and matches.
    Confident,
    /// Every match of any confidence.
    All,
}

/// The hits of a complete scan, in order of signatures.
pub(crate) fn hits(
    signatures: &[Signature],
    scan: &mut ObjectScan,
    limits: &DetectLimits,
    wanted: Wanted,
) -> Vec<Hit> {
    let shapes = &scan.shapes;
    let told = told(signatures, shapes, scan.at, &mut scan.tallies);
    let judge = |(index, tally): (&u32, &mut Tally)| {
        Judge::new(signatures.get(*index as usize)?, shapes, scan.at, tally).hit(tally, limits, wanted, &told)
    };
    scan.tallies.iter_mut().filter_map(judge).collect()
}

/// Matches that are known and not sure enough to be reported, by what their signatures lack.
pub(crate) fn near_misses(signatures: &[Signature], scan: &mut ObjectScan) -> Vec<NearMiss> {
    let shapes = &scan.shapes;
    let mut found = Vec::new();
    for (index, tally) in &mut scan.tallies {
        let Some(signature) = signatures.get(*index as usize) else { continue };
        let judge = Judge::new(signature, shapes, scan.at, tally);
        let mut reasons: BTreeMap<(u8, String), NearMiss> = BTreeMap::new();
        for kept in &tally.kept {
            let place = kept.start..kept.end;
            let level = judge.level(kept.finder, kept.find, kept.digits, kept.signs, Some(&place));
            let counts = signature.compiled.finds.get(usize::from(kept.find)).is_some_and(|find| find.counts);
            if !counts || level.is_some_and(|level| level >= signature.compiled.report.at) {
                continue;
            }
            let whole = |evidence| match evidence {
                Evidence::Consistent => Some(judge.consistent(kept.finder, kept.digits)),
                Evidence::Mixed => Some(judge.mixed(kept.finder, kept.digits)),
                Evidence::Find(other) => Some(judge.beside(other, &place)),
                Evidence::Many => Some(judge.distinct(kept.finder) >= MANY),
                Evidence::Near | Evidence::Label | Evidence::Mentioned | Evidence::Doubtful => None,
            };
            let reason = near_miss::unlikely(signature, kept.find, kept.signs, &whole);
            let miss = reasons.entry((kept.find, reason)).or_insert_with_key(|(find, reason)| NearMiss {
                signature: signature.id.clone(),
                find: signature
                    .compiled
                    .finds
                    .get(usize::from(*find))
                    .map_or_else(String::new, |find| find.name.clone()),
                reason: reason.clone(),
                count: 0,
                examples: Vec::new(),
            });
            miss.count += 1;
            if miss.examples.len() < NEAR_MISSES_SHOWN {
                let detail = tally.details.get(kept.detail as usize);
                miss.examples.extend(detail.map(|detail| judge.shown(detail, kept)));
            }
        }
        found.extend(reasons.into_values());
    }
    found
}

/// Takes hits with fewer values or matches than their signatures report out of `hits`, and says so.
pub(crate) fn below(signatures: &[Signature], hits: &mut Vec<Hit>, misses: &mut Vec<NearMiss>) {
    let (few, enough): (Vec<Hit>, Vec<Hit>) = std::mem::take(hits).into_iter().partition(|hit| hit.below);
    *hits = enough;
    for hit in few {
        let Some(signature) = signatures.iter().find(|signature| signature.id == hit.signature) else {
            continue;
        };
        let report = &signature.compiled.report;
        let mut reason = format!(
            "too few: {} distinct and {} in all; reported from {} distinct and {} in all",
            hit.unique, hit.count, report.unique, report.count
        );
        if let Some(day) = report.per_sender_day {
            reason.push_str(&format!(", or {day} distinct of one sender in a day"));
        }
        let examples = hit.matches.into_iter().take(NEAR_MISSES_SHOWN).collect();
        misses.push(NearMiss {
            signature: hit.signature,
            find: String::new(),
            reason,
            count: hit.count,
            examples,
        });
    }
}

/// Examples of each reason.
const NEAR_MISSES_SHOWN: usize = 3;

/// Matches that are counted together.
#[derive(Default)]
struct Sum<'a> {
    reached: Option<Confidence>,
    count: u64,
    values: Vec<u64>,
    /// Those that may be shown, with what is known of them.
    matches: Vec<(&'a Detail, &'a Kept)>,
}

impl Sum<'_> {
    fn add(&mut self, level: Confidence, count: u64) {
        self.reached = self.reached.max(Some(level));
        self.count += count;
    }
}

/// The places, by tag, of which signatures tell that do not yield themselves; only of tags that others yield to. Positions are
/// in characters, sorted by their ends.
fn told<'a>(
    signatures: &'a [Signature],
    shapes: &Shapes,
    at: Option<Timestamp>,
    tallies: &mut BTreeMap<u32, Tally>,
) -> BTreeMap<&'a str, Vec<Range<u64>>> {
    let known = |index: &u32| signatures.get(*index as usize);
    let yields_to = |index: &u32| known(index)?.compiled.report.yields_to.as_deref();
    let mut told: BTreeMap<&str, Vec<Range<u64>>> =
        tallies.keys().filter_map(yields_to).map(|tag| (tag, Vec::new())).collect();
    if told.is_empty() {
        return told;
    }
    for (index, tally) in tallies {
        let Some(signature) = known(index).filter(|known| known.compiled.report.yields_to.is_none()) else {
            continue;
        };
        if !signature.tags.iter().any(|tag| told.contains_key(tag.as_str())) {
            continue;
        }
        let places = Judge::new(signature, shapes, at, tally).places_told(tally);
        for tag in signature.tags.iter() {
            if let Some(told) = told.get_mut(tag.as_str()) {
                told.extend(places.iter().cloned());
            }
        }
    }
    for places in told.values_mut() {
        places.sort_by_key(|place| (place.end, place.start));
    }
    told
}

/// Whether one of the places, sorted by their ends, holds a part of `place`.
fn overlaps_one(places: &[Range<u64>], place: &Range<u64>) -> bool {
    let after = places.partition_point(|other| other.end <= place.start);
    // Places of several signatures may hold each other, but few end so near to each other.
    places.iter().skip(after).take(16).any(|other| other.start < place.end)
}

struct Judge<'a> {
    signature: &'a Signature,
    shapes: &'a Shapes,
    at: Option<Timestamp>,
    /// Positions of matches by find, in characters, sorted; only of finds that count as evidence for others.
    places: Vec<Vec<Range<u64>>>,
    /// Distinct values that are no samples by finder, as many as it takes to call them many.
    several: BTreeMap<u32, BTreeSet<u64>>,
}

impl<'a> Judge<'a> {
    fn new(signature: &'a Signature, shapes: &'a Shapes, at: Option<Timestamp>, tally: &mut Tally) -> Self {
        tally.kept.sort_by_key(|kept| (kept.start, kept.end));
        let mut several: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        let mut places = vec![Vec::new(); signature.compiled.finds.len()];
        for kept in &tally.kept {
            if !kept.signs.sample {
                let values = several.entry(kept.finder).or_default();
                if values.len() < MANY {
                    values.insert(kept.value);
                }
            }
            if let Some(places) = places.get_mut(usize::from(kept.find)) {
                places.push(kept.start..kept.end);
            }
        }
        Self { signature, shapes, at, places, several }
    }

    /// Where matches stand that are sure enough to be reported.
    fn places_told(&self, tally: &Tally) -> Vec<Range<u64>> {
        let least = self.signature.compiled.report.at;
        let mut places = Vec::new();
        for Kept { start, end, finder, find, digits, signs, .. } in tally.kept.iter().copied() {
            let level = self.level(finder, find, digits, signs, Some(&(start..end)));
            if level.is_some_and(|level| level >= least) {
                places.push(start..end);
            }
        }
        places
    }

    fn hit(
        &self,
        tally: &Tally,
        limits: &DetectLimits,
        wanted: Wanted,
        told: &BTreeMap<&str, Vec<Range<u64>>>,
    ) -> Option<Hit> {
        let report = &self.signature.compiled.report;
        let least = if wanted == Wanted::All { Confidence::Low } else { report.at };
        let told = report.yields_to.as_deref().and_then(|tag| told.get(tag));
        let mut counted = Sum::default();
        let mut excepted = Sum::default();
        let mut exception = None;
        // Matches that no other find stands beside are alike when their signs are.
        let mut alone = BTreeMap::new();
        for kept in &tally.kept {
            let Kept { finder, find, digits, signs, .. } = *kept;
            let place = kept.start..kept.end;
            if told.is_some_and(|told| overlaps_one(told, &place)) {
                continue;
            }
            let level = if self.accompanied(find, &place) {
                self.level(finder, find, digits, signs, Some(&place))
            } else {
                *alone
                    .entry((finder, find, digits, signs))
                    .or_insert_with(|| self.level(finder, find, digits, signs, None))
            };
            let Some(level) = level.filter(|level| *level >= least) else { continue };
            let by = self.excepted(kept);
            exception = exception.or(by);
            let sum = if by.is_some() { &mut excepted } else { &mut counted };
            sum.add(level, 1);
            sum.values.push(kept.value);
            if sum.matches.len() < limits.matches_reported {
                let detail = tally.details.get(kept.detail as usize);
                sum.matches.extend(detail.map(|detail| (detail, kept)));
            }
        }
        for ((finder, find, digits, signs), more) in &tally.beyond {
            let level = self.level(*finder, *find, *digits, *signs, None);
            if let Some(level) = level.filter(|level| *level >= least) {
                counted.add(level, *more);
            }
        }
        let matches = excepted.count;
        let all = counted.count == 0;
        let mut sum = if all { excepted } else { counted };
        sum.values.sort_unstable();
        sum.values.dedup();
        let unique = sum.values.len() as u64;
        let confidence = sum.reached?;
        let excepted = exception.map(|one| Excepted {
            matches,
            all,
            reason: one.reason.to_string(),
            until: one.until.to_string(),
        });
        let below = unique < report.unique || sum.count < report.count;
        if wanted == Wanted::Reported && below && report.per_sender_day.is_none() {
            return None;
        }
        Some(Hit {
            signature: self.signature.id.clone(),
            title: self.signature.title.clone(),
            owner: self.signature.owner.clone(),
            tags: self.signature.tags.clone(),
            severity: self.severity(unique),
            confidence,
            count: sum.count,
            unique,
            matches: sum.matches.into_iter().map(|(detail, kept)| self.shown(detail, kept)).collect(),
            excepted,
            below,
            per_sender_day: report.per_sender_day,
            values: sum.values,
        })
    }

    /// The exception that lets a value pass.
    fn excepted(&self, kept: &Kept) -> Option<&'a Exception> {
        let compiled = &self.signature.compiled;
        let by_token = usize::from(kept.excepted).checked_sub(1).and_then(|at| compiled.exceptions.get(at));
        if let Some(exception) = by_token.filter(|one| one.holds_at(self.at)) {
            return Some(exception);
        }
        let value = kept.value;
        let values = &compiled.excepted_values;
        let from = values.partition_point(|(known, _)| *known < value);
        let same = values.get(from..)?.iter().take_while(|(known, _)| *known == value);
        same.filter_map(|(_, at)| compiled.exceptions.get(*at)).find(|one| one.holds_at(self.at))
    }

    fn severity(&self, unique: u64) -> Severity {
        let steps = self.signature.compiled.report.escalate.iter();
        steps.rev().find(|step| unique >= step.unique).map_or(self.signature.severity, |step| step.severity)
    }

    /// A match with the evidence of the whole object added to its reasons.
    fn shown(&self, detail: &Detail, kept: &Kept) -> Match {
        let mut shown = Match {
            offset: detail.offset,
            length: detail.length,
            redacted: detail.redacted.clone(),
            context: detail.excerpt.shown(),
            token: detail.token.clone(),
            why: detail
                .reasons
                .iter()
                .map(|why| (*why).to_owned())
                .chain(detail.told.iter().cloned())
                .collect(),
        };
        let words = &self.signature.compiled.near_words;
        let word = detail.word.and_then(|word| words.get(word as usize));
        shown.why.extend(word.map(|word| format!("context: {word}")));
        if !kept.signs.sample && self.consistent(kept.finder, kept.digits) {
            shown.why.push("most numbers like it in this object are valid".into());
        }
        for (find, info) in self.signature.compiled.finds.iter().enumerate() {
            if find != usize::from(kept.find) && self.beside(find, &(kept.start..kept.end)) {
                shown.why.push(format!("beside: {}", info.name));
            }
        }
        shown
    }

    fn level(
        &self,
        finder: u32,
        find: u8,
        digits: u8,
        signs: Signs,
        place: Option<&Range<u64>>,
    ) -> Option<Confidence> {
        let info = self.signature.compiled.finds.get(usize::from(find)).filter(|find| find.counts)?;
        let above_low =
            !signs.sample && info.needs.is_none_or(|needs| signs.known(needs, find) == Some(true));
        let mut holds = |evidence| match evidence {
            Evidence::Near => signs.near,
            Evidence::Label => signs.label,
            Evidence::Mentioned => signs.mentioned,
            Evidence::Doubtful => signs.doubtful,
            Evidence::Consistent => self.consistent(finder, digits),
            Evidence::Many => self.distinct(finder) >= MANY,
            Evidence::Mixed => self.mixed(finder, digits),
            Evidence::Find(other) => {
                other == usize::from(find) || place.is_some_and(|place| self.beside(other, place))
            }
        };
        let mut is =
            |expression: &Option<Expression>| expression.as_ref().is_some_and(|e| e.holds(&mut holds));
        let levels = &self.signature.compiled.levels;
        if above_low && is(&levels.high) {
            Some(Confidence::High)
        } else if above_low && is(&levels.medium) {
            Some(Confidence::Medium)
        } else if levels.low.is_none() || is(&levels.low) {
            Some(Confidence::Low)
        } else {
            None
        }
    }

    fn shape(&self, finder: u32, digits: u8) -> (u64, u64) {
        let shape = self.shapes.get(&(finder, digits)).copied().unwrap_or_default();
        (shape.valid, shape.valid + shape.invalid)
    }

    fn consistent(&self, finder: u32, digits: u8) -> bool {
        let (valid, all) = self.shape(finder, digits);
        valid > 0 && valid * 10 >= all * 6 && self.distinct(finder) >= 2
    }

    fn distinct(&self, finder: u32) -> usize {
        self.several.get(&finder).map_or(0, BTreeSet::len)
    }

    fn mixed(&self, finder: u32, digits: u8) -> bool {
        let (valid, all) = self.shape(finder, digits);
        all >= MIXED_FROM && valid * 10 < all * 3
    }

    /// Whether a match of another find than `find` stands within the signature's distance of `place`.
    fn accompanied(&self, find: u8, place: &Range<u64>) -> bool {
        (0..self.places.len()).any(|other| other != usize::from(find) && self.beside(other, place))
    }

    /// Whether a match of `find` stands within the signature's distance of `place`.
    fn beside(&self, find: usize, place: &Range<u64>) -> bool {
        let within = self.signature.compiled.within as u64;
        let Some(places) = self.places.get(find) else { return false };
        // Matches of one find do not overlap, so that their ends are sorted too.
        let after = places.partition_point(|other| other.end.saturating_add(within) < place.start);
        places.get(after).is_some_and(|other| other.start <= place.end.saturating_add(within))
    }
}
