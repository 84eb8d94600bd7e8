//! Matches whose surroundings are known: their evidence, and what may be shown of them.
//!
//! Owns: context words beside a match, its tally. Never does: searching; thresholds, see [`crate::verdict`].

use super::{
    CONTEXT_BYTES, Fresh, LABEL_CHARACTERS, ObjectScan, Scratch, WORD_BYTES,
    tally::{Detail, Kept, Signs},
};
use crate::{
    SignatureSet,
    engine::{
        FindId,
        redact::{self, Excerpt},
    },
    language::build::{Compiled, FindInfo},
    near_miss::Reason,
};
use egret_model::{DetectLimits, Match};
use std::ops::Range;

impl ObjectScan {
    /// Gives evidence and contexts to the matches around which everything is verified.
    pub(super) fn settle(
        &mut self,
        set: &SignatureSet,
        limits: &DetectLimits,
        scratch: &mut Scratch,
        last: bool,
    ) {
        if self.fresh.is_empty() {
            return;
        }
        let engine = &set.engine;
        let distance = (engine.within * 4).max(CONTEXT_BYTES) + engine.reach.0 + WORD_BYTES as usize;
        let limit = (self.base + self.numbered.min(self.verified) as u64).saturating_sub(distance as u64);
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_by(|a, b| {
            (a.range.start, a.range.end, a.finder).cmp(&(b.range.start, b.range.end, b.finder))
        });
        let ready = if last { fresh.len() } else { fresh.partition_point(|found| found.range.start < limit) };
        // Matches already settled may still stand in the context of later ones.
        let mut all: Vec<Range<usize>> = Vec::with_capacity(self.shown.len() + fresh.len());
        all.extend(
            self.shown.iter().chain(fresh.iter().map(|found| &found.range)).map(|range| self.span(range)),
        );
        // The furthest end of each and all before it: those that end near a match begin where this comes near.
        let ends: Vec<usize> = all
            .iter()
            .scan(0, |furthest, range| {
                *furthest = range.end.max(*furthest);
                Some(*furthest)
            })
            .collect();
        let mut characters = self.characters();
        for found in fresh.iter().take(ready) {
            let range = self.span(&found.range);
            let place = characters.at(&self.text, range.start)..characters.at(&self.text, range.end);
            self.keep(set, limits, scratch, found, &range, &place, &Neighbours { all: &all, ends: &ends });
        }
        self.counted = (characters.at, characters.count);
        self.shown.extend(fresh.iter().take(ready).map(|found| found.range.clone()));
        fresh.drain(..ready);
        self.fresh = fresh;
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one match in all its coordinates; a bundle would be made for this call only"
    )]
    fn keep(
        &mut self,
        set: &SignatureSet,
        limits: &DetectLimits,
        scratch: &mut Scratch,
        found: &Fresh,
        range: &Range<usize>,
        place: &Range<u64>,
        neighbours: &Neighbours<'_>,
    ) {
        let Some(finder) = set.engine.finders.get(found.finder as usize) else { return };
        let matched = self.text.get(range.clone()).unwrap_or_default();
        let mut value = None;
        for FindId { signature, find } in &finder.finds {
            let Some(known) = set.signatures.get(*signature as usize) else { continue };
            let Some(info) = known.compiled.finds.get(usize::from(*find)) else { continue };
            let (label, word) = self.evidence(*signature, &known.compiled, info, &found.range, place);
            let mentioned = |find| self.mentioned.get(&(*signature, find));
            let before = |find| mentioned(find).is_some_and(|first| *first < found.range.start);
            let before = before(None) || info.own.is_some() && before(Some(*find));
            let signs = Signs {
                near: word.is_some(),
                label,
                mentioned: before || word.is_some(),
                doubtful: found.judgement.doubtful,
                sample: found.judgement.sample,
            };
            // Most bare numbers can be told to be nothing as soon as no context word stands near.
            if info.reachable >> signs.index() & 1 == 0 {
                if let Some(misses) = self.misses.as_mut().filter(|_| info.counts && known.enabled) {
                    let offset = self.normaliser.original(found.range.start);
                    misses.add(*signature, *find, Reason::Unlikely(signs), || Match {
                        offset,
                        length: self.normaliser.original(found.range.end) - offset,
                        redacted: redact::redacted(finder.mask, matched),
                        context: Excerpt::new(&self.text, range, neighbours.of(range)).shown(),
                        token: None,
                        why: finder.reasons(&self.text, range).into_iter().map(str::to_owned).collect(),
                    });
                }
                continue;
            }
            let value = found
                .record
                .unwrap_or_else(|| *value.get_or_insert_with(|| finder.value(matched, &mut scratch.value)));
            let tally = self.tallies.entry(*signature).or_default();
            if tally.kept.len() >= limits.values_tracked {
                *tally.beyond.entry((found.finder, *find, found.digits, signs)).or_default() += 1;
                continue;
            }
            let shown = tally.shown.entry((*find, signs)).or_default();
            let mut detail = u32::MAX;
            let showing = info.counts && *shown < limits.matches_reported;
            // Tokens cost a keyed hash each: only where somebody may look at them.
            let asked = showing || known.compiled.excepts_values();
            let token = set.key.as_ref().filter(|_| asked).map(|key| key.token(finder.value, matched));
            let excepted = token.as_ref().map_or(0, |token| known.compiled.excepted_token(token));
            if showing {
                *shown += 1;
                detail = u32::try_from(tally.details.len()).unwrap_or(u32::MAX);
                let offset = self.normaliser.original(found.range.start);
                tally.details.push(Detail {
                    offset,
                    length: self.normaliser.original(found.range.end) - offset,
                    redacted: match &found.told {
                        Some(told) => told.redacted.clone(),
                        None => redact::redacted(finder.mask, matched),
                    },
                    excerpt: Excerpt::new(&self.text, range, neighbours.of(range)),
                    reasons: finder.reasons(&self.text, range),
                    told: found.told.iter().flat_map(|told| told.why.iter().cloned()).collect(),
                    word,
                    token,
                });
            }
            tally.kept.push(Kept {
                start: place.start,
                end: place.end,
                value,
                finder: found.finder,
                detail,
                find: *find,
                digits: found.digits,
                signs,
                excepted,
            });
        }
    }

    /// Whether a context word stands as a label before a match, and the context word nearest to it.
    fn evidence(
        &self,
        signature: u32,
        known: &Compiled,
        find: &FindInfo,
        range: &Range<u64>,
        place: &Range<u64>,
    ) -> (bool, Option<u32>) {
        if known.near_words.is_empty() || self.near.is_empty() {
            return (false, None);
        }
        let within = known.widest(find) as u64;
        let from = self.near.partition_point(|word| word.start + within + WORD_BYTES < place.start);
        let mut label = false;
        let mut nearest: Option<(u64, u32)> = None;
        for word in self.near.iter().skip(from).take_while(|word| word.start <= place.end + within) {
            if word.signature != signature || word.start < place.end && word.end > place.start {
                continue;
            }
            let gap = if word.end <= place.start { place.start - word.end } else { word.start - place.end };
            if known.distance(find, word.word).is_none_or(|within| gap > within as u64) {
                continue;
            }
            if nearest.is_none_or(|(least, _)| gap < least) {
                nearest = Some((gap, word.word));
            }
            if word.end <= place.start && gap <= LABEL_CHARACTERS {
                let between = self.text.get(self.relative(word.end_byte)..self.relative(range.start));
                label |= between.is_some_and(|between| !between.contains(&b'\n'));
            }
        }
        (label, nearest.map(|(_, word)| word))
    }
}

/// Matches in order of their places, some of which stand in the context of another.
struct Neighbours<'a> {
    all: &'a [Range<usize>],
    /// The furthest end of each and all before it.
    ends: &'a [usize],
}

impl<'a> Neighbours<'a> {
    /// Those that stand in the context of the one at `range`, and few others.
    fn of(&self, range: &Range<usize>) -> &'a [Range<usize>] {
        let from = self.ends.partition_point(|end| *end + CONTEXT_BYTES <= range.start);
        let to = self.all.partition_point(|other| other.start < range.end + CONTEXT_BYTES);
        self.all.get(from..to).unwrap_or_default()
    }
}
