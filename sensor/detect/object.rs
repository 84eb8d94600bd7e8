//! The scan of one object: text waits here until it fills a block, and matches until all evidence around them is known.
//!
//! Owns: the walk over normalised text, so that the result depends on the text alone and not on the pieces in which it
//! came. Never does: thresholds (see `verdict`).
//!
//! Offsets are of two kinds: absolute ones count normalised bytes from the object's start, relative ones from the start of
//! the text that is held. Four positions move forward, and text behind all of them is dropped:
//! `scanned` (the matcher has been here) ≥ `verified` (every match that begins an anchor before it is known) ≥ `numbered`
//! (every number before it is known) ≥ what is settled (evidence and context are known).

mod characters;
mod fingerprints;
mod settle;
mod tally;

pub(crate) use tally::{Detail, Kept, Shapes, Signs, Tally};

use crate::near_miss::{NearMisses, Reason};
use crate::{
    SignatureSet,
    engine::{
        CONTEXT_WORD_BYTES, Engine, FindId, Finder, Judgement, Target, Use, boundaries,
        matcher::Occurrence,
        narrow::Narrowing,
        normalise::Normaliser,
        numbers::Armed,
        redact::{self, CONTEXT_BYTES},
    },
};
use characters::Characters;
use egret_fingerprint::{
    documents::DocumentScan,
    records::{RecordScan, RecordScratch},
};
use egret_model::{DetectLimits, FileFormat, Match, Timestamp};
use fingerprints::Told;
use foldhash::fast::FixedState;
use std::{
    collections::{BTreeMap, HashMap},
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
    /// Of an object whose text is its bytes as they are.
    narrow: Option<Narrowing>,
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
    ends: HashMap<u32, u64, FixedState>,
    near: Vec<NearWord>,
    /// Where numbers have been looked for; behind `verified`, since context words after a number decide whether it counts.
    numbered: usize,
    /// Where the first context word of each signature, or of one of its finds alone, begins, bytes.
    mentioned: HashMap<(u32, Option<u8>), u64, FixedState>,
    armed: Armed,
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
        self.narrow = None;
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
        self.armed.arm_all(&engine.numbers);
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
        match &mut self.narrow {
            Some(narrow) => narrow.append(bytes, &mut self.normaliser, &mut self.text),
            None => self.normaliser.append(bytes, &mut self.text),
        }
    }

    /// Takes in what the normaliser held back at the end.
    pub(crate) fn complete(&mut self) {
        if let Some(narrow) = &mut self.narrow {
            narrow.finish(&mut self.normaliser, &mut self.text);
        }
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
                                }
                                let arms = engine.arms.get(*signature as usize);
                                if let Some(arms) = arms.filter(|arms| !arms.slots.is_empty()) {
                                    // What follows the literal is there that far in any case, in whatever pieces text came in.
                                    let stop = self.text.len().min(end + engine.reach.1);
                                    let around = if characters.wide {
                                        arms.around(&self.text, &(from..to), stop)
                                    } else {
                                        from.saturating_sub(arms.characters)..to + arms.characters
                                    };
                                    let place =
                                        (self.base + around.start as u64, self.base + around.end as u64);
                                    arms.slots
                                        .iter()
                                        .for_each(|slot| self.armed.mention(begin, place, *slot));
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

    /// Looks at the groups of digits that begin before `horizon`.
    fn numbers(&mut self, engine: &Engine, horizon: usize) {
        let stretch = self.numbered..horizon;
        if stretch.is_empty() {
            return;
        }
        self.numbered = horizon;
        let mut claimed = self.relative(self.claimed);
        let Self { text, fresh, shapes, base, armed, misses, normaliser, .. } = self;
        let text = text.as_slice();
        engine.numbers.find((text, *base), stretch, armed, &mut claimed, &mut |candidate| {
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
