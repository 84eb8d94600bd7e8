//! The scan of one object: text waits here until it fills a block, and matches until all evidence around them is known.
//!
//! Owns: the walk over normalised text, so that the result depends on the text alone and not on the pieces in which it
//! came. Never does: thresholds (see `verdict`).
//!
//! Offsets are of two kinds: absolute ones count normalised bytes from the object's start, relative ones from the start of
//! the text that is held. Four positions move forward, and text behind all of them is dropped:
//! `scanned` (the matcher has been here) ≥ `verified` (every match that begins an anchor before it is known) ≥ `numbered`
//! (every number before it is known) ≥ what is settled (evidence and context are known).

mod fingerprints;

use crate::near_miss::{NearMisses, Reason};
use crate::{
    SignatureSet,
    engine::{
        CONTEXT_WORD_BYTES, Engine, FindId, Finder, Judgement, Target, Use, boundaries,
        matcher::Occurrence,
        normalise::Normaliser,
        numbers::Armed,
        redact::{self, CONTEXT_BYTES, Excerpt},
    },
    language::{
        build::{Compiled, FindInfo},
        expression::Evidence,
    },
};
use egret_fingerprint::{
    documents::DocumentScan,
    records::{RecordScan, RecordScratch},
};
use egret_model::{DetectLimits, FileFormat, Match, Timestamp};
use fingerprints::Told;
use foldhash::fast::FixedState;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

/// Characters between a label and what it labels.
const LABEL_CHARACTERS: u64 = 40;
/// How far back of its distance a context word may begin, bytes.
const WORD_BYTES: u64 = CONTEXT_WORD_BYTES as u64;

/// The state of one object's scan. Small when idle: it holds less than a block of text.
///
/// Made by [`crate::Scanner::begin`]; ends with [`crate::Scanner::finish`].
#[derive(Debug, Default)]
pub struct ObjectScan {
    normaliser: Normaliser,
    text: Vec<u8>,
    base: u64,
    base_characters: u64,
    /// Characters up to a position that was counted to.
    counted: (usize, u64),
    scanned: usize,
    verified: usize,
    claimed: u64,
    anchors: Vec<(u64, u32)>,
    unanchored: Vec<u64>,
    ends: BTreeMap<u32, u64>,
    near: Vec<NearWord>,
    /// Where numbers have been looked for; behind `verified`, since context words after a number decide whether it counts.
    numbered: usize,
    /// Where the first context word of each signature, or of one of its finds alone, begins, bytes.
    mentioned: BTreeMap<(u32, Option<u8>), u64>,
    armed: Armed,
    /// Where slots are armed that are not yet.
    arming: BTreeSet<(u64, u32)>,
    fresh: Vec<Fresh>,
    shown: Vec<Range<u64>>,
    /// What nearly matched, for a scan that explains itself.
    pub(crate) misses: Option<Box<NearMisses>>,
    /// When the object passed, for exceptions that end.
    pub(crate) at: Option<Timestamp>,
    records: RecordScan,
    documents: DocumentScan,
    /// Text whose prints have been taken.
    printed: u64,
    sha256: Option<String>,
    format: Option<&'static FileFormat>,
    pub(crate) shapes: Shapes,
    pub(crate) tallies: BTreeMap<u32, Tally>,
}

/// A context word that was seen. Positions are in characters.
#[derive(Clone, Copy, Debug)]
struct NearWord {
    start: u64,
    end: u64,
    end_byte: u64,
    signature: u32,
    word: u32,
}

/// A validated match whose evidence is not complete yet.
#[derive(Debug)]
struct Fresh {
    range: Range<u64>,
    finder: u32,
    digits: u8,
    judgement: Judgement,
    /// The record, when it is one.
    record: Option<u64>,
    /// What is shown in place of its text.
    told: Option<Box<Told>>,
}

/// How many numbers of one finder and length passed its validators.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) valid: u64,
    pub(crate) invalid: u64,
}

/// By finder and length.
pub(crate) type Shapes = HashMap<(u32, u8), Shape, FixedState>;

/// What one signature has found in the object.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) kept: Vec<Kept>,
    pub(crate) details: Vec<Detail>,
    shown: BTreeMap<(u8, Signs), usize>,
    /// Matches beyond the limit, by what is known of them.
    pub(crate) beyond: BTreeMap<(u32, u8, u8, Signs), u64>,
}

/// What is kept of a match that may be shown. Most never are, so that it is not yet in words.
#[derive(Debug)]
pub(crate) struct Detail {
    /// Place in the given text, bytes.
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) redacted: String,
    pub(crate) excerpt: Excerpt,
    /// What the validators say.
    pub(crate) reasons: Vec<&'static str>,
    /// What fingerprints say.
    pub(crate) told: Vec<String>,
    /// The nearest context word of the signature.
    pub(crate) word: Option<u32>,
    /// See [`crate::ValueKey`].
    pub(crate) token: Option<String>,
}

/// One match. Positions are in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) value: u64,
    pub(crate) finder: u32,
    /// Index of its details, `u32::MAX` without.
    pub(crate) detail: u32,
    pub(crate) find: u8,
    pub(crate) digits: u8,
    pub(crate) signs: Signs,
    /// The exception by token that is for its value, counted from 1; 0 without.
    pub(crate) excepted: u16,
}

/// Evidence that belongs to the match itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signs {
    pub(crate) near: bool,
    pub(crate) label: bool,
    pub(crate) mentioned: bool,
    pub(crate) doubtful: bool,
    pub(crate) sample: bool,
}

impl Signs {
    /// Every combination, in order of [`Signs::index`].
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..32_u16).map(|bits| Self {
            near: bits & 1 != 0,
            label: bits & 2 != 0,
            mentioned: bits & 4 != 0,
            doubtful: bits & 8 != 0,
            sample: bits & 16 != 0,
        })
    }

    /// The number of the combination, below 32.
    pub(crate) fn index(self) -> u16 {
        let Self { near, label, mentioned, doubtful, sample } = self;
        let bits = [near, label, mentioned, doubtful, sample];
        bits.iter().rev().fold(0, |number, bit| number << 1 | u16::from(*bit))
    }

    /// What they say of evidence for a match of `find`; None where the whole object decides.
    pub(crate) fn known(self, evidence: Evidence, find: u8) -> Option<bool> {
        match evidence {
            Evidence::Near => Some(self.near),
            Evidence::Label => Some(self.label),
            Evidence::Mentioned => Some(self.mentioned),
            Evidence::Doubtful => Some(self.doubtful),
            Evidence::Find(other) if other == usize::from(find) => Some(true),
            Evidence::Consistent | Evidence::Many | Evidence::Mixed | Evidence::Find(_) => None,
        }
    }
}

/// Memory that scans share.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    occurrences: Vec<Occurrence>,
    value: Vec<u8>,
    records: RecordScratch,
}

impl ObjectScan {
    /// Ready for another object, keeping memory that is not large.
    pub(crate) fn clear(&mut self, block_bytes: usize) {
        self.normaliser.clear();
        self.text.clear();
        self.text.shrink_to(block_bytes.saturating_mul(2));
        (self.base, self.base_characters, self.scanned, self.verified, self.claimed) = (0, 0, 0, 0, 0);
        self.counted = (0, 0);
        self.anchors.clear();
        self.unanchored.clear();
        self.ends.clear();
        self.near.clear();
        self.near.shrink_to(1024);
        self.numbered = 0;
        self.mentioned.clear();
        self.armed.clear();
        self.arming.clear();
        self.fresh.clear();
        self.shown.clear();
        self.at = None;
        self.misses = None;
        self.records.clear();
        self.documents.clear();
        self.printed = 0;
        self.sha256 = None;
        self.format = None;
        self.shapes.clear();
        self.tallies.clear();
    }

    /// Looks at the numbers of every finder from the start, whatever context words there are.
    pub(crate) fn arm_all(&mut self, engine: &Engine) {
        for slot in 0..engine.numbers.slots() {
            self.armed.arm(slot, &engine.numbers);
        }
    }

    /// Bytes of text held.
    pub(crate) fn held(&self) -> usize {
        self.text.len()
    }

    /// Bytes that no pass has seen yet.
    pub(crate) fn unscanned(&self) -> usize {
        self.text.len() - self.scanned
    }

    /// Gives back memory beyond the text held.
    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
    }

    /// Takes more text in.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.documents.file(bytes);
        self.normaliser.append(bytes, &mut self.text);
    }

    /// Takes in what the normaliser held back at the end.
    pub(crate) fn complete(&mut self) {
        self.normaliser.finish(&mut self.text);
    }

    /// Scans what has come, verifies what can be, settles what can be, and drops what is done with.
    pub(crate) fn advance(
        &mut self,
        set: &SignatureSet,
        limits: &DetectLimits,
        scratch: &mut Scratch,
        last: bool,
    ) {
        let engine = &set.engine;
        scratch.occurrences.clear();
        // What follows the last byte decides whether a word ends there.
        let to = if last { self.text.len() } else { self.text.len().saturating_sub(1).max(self.scanned) };
        engine.matcher.find_all(&self.text, self.scanned, to, &mut scratch.occurrences);
        let base = self.base;
        self.anchors.extend(scratch.occurrences.iter().map(|found| (base + found.end as u64, found.literal)));
        self.scanned = to;
        let horizon = if last { self.text.len() } else { self.text.len().saturating_sub(engine.reach.1) };
        if horizon > self.verified || last {
            self.anchored(engine, horizon);
            self.unanchored(engine, horizon, last);
            self.fingerprints(set, limits, scratch, horizon);
            self.verified = self.verified.max(horizon);
            let known = if last { horizon } else { horizon.saturating_sub(engine.foresight()) };
            self.numbers(engine, known);
        }
        self.settle(set, limits, scratch, last);
        self.forget(engine);
    }

    /// Verifies around the literals that end up to `horizon`.
    fn anchored(&mut self, engine: &Engine, horizon: usize) {
        let limit = self.base + horizon as u64;
        let ready = self.anchors.partition_point(|(end, _)| *end <= limit);
        let anchors = std::mem::take(&mut self.anchors);
        let mut characters = self.characters();
        for (end, literal) in anchors.iter().take(ready) {
            let end = self.relative(*end);
            let length = engine.lengths.get(*literal as usize).copied().unwrap_or(0);
            let start = end.saturating_sub(length);
            for lead in engine.leads.of(*literal) {
                if !engine.leads.admit(lead, &self.text, &(start..end)) {
                    continue;
                }
                match lead.to {
                    Use::Phrase(index) => {
                        let Some((phrase, target)) = engine.phrases.get(index as usize) else { continue };
                        let Some((from, to)) = phrase.at(&self.text, start, end) else { continue };
                        match target {
                            Target::Finder(finder) => self.found(engine, *finder, from..to),
                            Target::Near { signature, word, find } => {
                                self.near.push(NearWord {
                                    start: characters.at(&self.text, from),
                                    end: characters.at(&self.text, to),
                                    end_byte: self.base + to as u64,
                                    signature: *signature,
                                    word: *word,
                                });
                                let (begin, first) = (self.base + from as u64, &mut self.mentioned);
                                let whose = (*signature, *find);
                                if first.get(&whose).is_none_or(|first| begin < *first) {
                                    first.insert(whose, begin);
                                    let from = begin.saturating_sub(engine.lookback());
                                    let slots = engine.arms.get(signature).into_iter().flatten();
                                    self.arming.extend(slots.map(|slot| (from, *slot)));
                                }
                            }
                        }
                    }
                    Use::Pattern(index) => {
                        let Some((pattern, finder)) = engine.patterns.get(index as usize) else { continue };
                        // Within the last match of this finder there is no other, so need not be looked for.
                        if self.ends.get(finder).is_some_and(|last| *last >= self.base + end as u64) {
                            continue;
                        }
                        if let Some((from, to)) = pattern.at(&self.text, start, end) {
                            self.found(engine, *finder, from..to);
                        }
                    }
                }
            }
        }
        self.anchors = anchors;
        self.anchors.drain(..ready);
        self.counted = (characters.at, characters.count);
        self.near.sort_by_key(|word| word.start);
    }

    /// Validates a match and keeps it, unless it overlaps the last one of its finder.
    fn found(&mut self, engine: &Engine, finder: u32, range: Range<usize>) {
        let Some(known) = engine.finders.get(finder as usize) else { return };
        let absolute = self.base + range.start as u64..self.base + range.end as u64;
        if range.is_empty() || self.ends.get(&finder).is_some_and(|last| *last > absolute.start) {
            return;
        }
        if known.strict && !boundaries::stands_apart(&self.text, &range) {
            return self.missed(known, &range, Some(Reason::Inside));
        }
        if let Some(judgement) = known.judge(&self.text, &range) {
            self.ends.insert(finder, absolute.end);
            self.fresh.push(Fresh {
                range: absolute,
                finder,
                digits: 0,
                judgement,
                record: None,
                told: None,
            });
        } else {
            self.missed(known, &range, None);
        }
    }

    /// Notes a match that is none, for a scan that explains itself. Without a reason a validator has objected.
    fn missed(&mut self, finder: &Finder, range: &Range<usize>, reason: Option<Reason>) {
        let Self { misses: Some(misses), text, normaliser, base, .. } = self else { return };
        note(misses, finder, text, range, normaliser, *base, reason);
    }

    /// Looks at the groups of digits that begin before `horizon`, in stretches between which finders are armed.
    fn numbers(&mut self, engine: &Engine, horizon: usize) {
        while self.numbered < horizon {
            let here = self.base + self.numbered as u64;
            while let Some((_, slot)) = self.arming.first().copied().filter(|(from, _)| *from <= here) {
                self.arming.pop_first();
                self.armed.arm(slot, &engine.numbers);
            }
            let next = self.arming.first().map_or(horizon, |(from, _)| self.relative(*from));
            let stretch = self.numbered..horizon.min(next);
            self.numbered = stretch.end;
            self.numbers_in(engine, stretch);
        }
    }

    fn numbers_in(&mut self, engine: &Engine, stretch: Range<usize>) {
        let mut claimed = self.relative(self.claimed);
        let Self { text, fresh, shapes, base, armed, misses, normaliser, .. } = self;
        let text = text.as_slice();
        engine.numbers.find(text, stretch, armed, &mut claimed, &mut |candidate| {
            let Some(finder) = engine.finders.get(candidate.finder as usize) else { return false };
            let shape = shapes.entry((candidate.finder, candidate.digits)).or_default();
            let Some(judgement) = finder.judge(text, &candidate.range) else {
                shape.invalid += 1;
                if let Some(misses) = misses {
                    note(misses, finder, text, &candidate.range, normaliser, *base, None);
                }
                return false;
            };
            shape.valid += u64::from(!judgement.sample);
            fresh.push(Fresh {
                range: *base + candidate.range.start as u64..*base + candidate.range.end as u64,
                finder: candidate.finder,
                digits: candidate.digits,
                judgement,
                record: None,
                told: None,
            });
            true
        });
        self.claimed = self.base + claimed as u64;
    }

    /// Runs the expressions that no literal leads to.
    fn unanchored(&mut self, engine: &Engine, horizon: usize, last: bool) {
        self.unanchored.resize(engine.unanchored.len(), 0);
        for (slot, index) in engine.unanchored.iter().enumerate() {
            let Some((pattern, finder)) = engine.patterns.get(*index as usize) else { continue };
            let mut from = self.relative(self.unanchored.get(slot).copied().unwrap_or(0));
            while from < horizon || last && from < self.text.len() {
                match pattern.scan(&self.text, from, last) {
                    Ok((start, end)) => {
                        self.found(engine, *finder, start..end);
                        from = end.max(start + 1);
                    }
                    Err(undecided) => {
                        from = undecided;
                        break;
                    }
                }
            }
            if let Some(position) = self.unanchored.get_mut(slot) {
                *position = self.base + from as u64;
            }
        }
    }

    /// Gives evidence and contexts to the matches around which everything is verified.
    fn settle(&mut self, set: &SignatureSet, limits: &DetectLimits, scratch: &mut Scratch, last: bool) {
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

    /// Drops text and words that nothing to come can look at.
    fn forget(&mut self, engine: &Engine) {
        let back = engine.reach.0 + CONTEXT_BYTES.max(LABEL_CHARACTERS as usize * 4) + 8;
        let overlap = self.scanned.saturating_sub(engine.matcher.overlap());
        let unsettled = self.fresh.iter().map(|found| self.relative(found.range.start)).min();
        let unread = self.unanchored.iter().map(|position| self.relative(*position)).min();
        let oldest = [Some(self.verified), Some(self.numbered), Some(overlap), unsettled, unread]
            .into_iter()
            .flatten()
            .min();
        let oldest = oldest.unwrap_or(0);
        let cut = oldest.saturating_sub(back);
        // Small steps cost more than they free.
        if cut < back.min(4096) {
            return;
        }
        self.base_characters = self.characters().at(&self.text, cut);
        let (at, count) = self.counted;
        self.counted = at.checked_sub(cut).map_or((0, self.base_characters), |at| (at, count));
        self.text.drain(..cut);
        self.base += cut as u64;
        self.scanned -= cut;
        self.verified -= cut;
        self.numbered -= cut;
        self.normaliser.forget_before(self.base);
        let (base, first) =
            (self.base, self.base_characters.saturating_sub(engine.within as u64 + WORD_BYTES));
        self.near.retain(|word| word.start >= first);
        self.shown.retain(|range| range.end > base);
    }

    fn relative(&self, absolute: u64) -> usize {
        usize::try_from(absolute.saturating_sub(self.base)).unwrap_or(usize::MAX)
    }

    fn span(&self, range: &Range<u64>) -> Range<usize> {
        self.relative(range.start)..self.relative(range.end)
    }

    fn characters(&self) -> Characters {
        Characters {
            wide: self.normaliser.is_wide(),
            at: self.counted.0,
            count: self.counted.1,
            base: self.base_characters,
        }
    }
}

/// Notes a match that is none. Of what stands around it nothing is shown: it may be a match that is not known yet.
fn note(
    misses: &mut NearMisses,
    finder: &Finder,
    text: &[u8],
    range: &Range<usize>,
    normaliser: &Normaliser,
    base: u64,
    reason: Option<Reason>,
) {
    let Some(reason) = reason.or_else(|| finder.objection(text, range).map(Reason::Invalid)) else { return };
    let Some(FindId { signature, find }) = finder.finds.first() else { return };
    misses.add(*signature, *find, reason, || {
        let offset = normaliser.original(base + range.start as u64);
        Match {
            offset,
            length: normaliser.original(base + range.end as u64) - offset,
            redacted: redact::redacted(finder.mask, text.get(range.clone()).unwrap_or_default()),
            context: String::new(),
            token: None,
            why: Vec::new(),
        }
    });
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

/// Counts characters up to positions that mostly lie near each other.
struct Characters {
    wide: bool,
    /// The last position, and the characters up to it. Without wide text positions are counts, and these stay at the start.
    at: usize,
    count: u64,
    base: u64,
}

impl Characters {
    fn at(&mut self, text: &[u8], position: usize) -> u64 {
        if !self.wide {
            return self.base + position as u64;
        }
        if position >= self.at {
            self.count += count(text, self.at..position);
        } else if self.at - position < position {
            self.count -= count(text, position..self.at);
        } else {
            self.count = self.base + count(text, 0..position);
        }
        self.at = position;
        self.count
    }
}

/// Characters that begin in a part of a text: every byte but the continuation bytes of UTF-8 begins one.
fn count(text: &[u8], range: Range<usize>) -> u64 {
    // Chunks whose count fits a byte make vectors.
    let begin = |chunk: &[u8]| chunk.iter().map(|byte| u8::from(byte & 0xc0 != 0x80)).sum::<u8>();
    let chunks = text.get(range).unwrap_or_default().chunks(usize::from(u8::MAX));
    chunks.map(|chunk| u64::from(begin(chunk))).sum()
}
