//! The engine: finds candidates in text and verifies them.
//!
//! Owns: the compiled finders of all signatures together. Never does: reading of signature files, thresholds.

pub(crate) mod boundaries;
pub(crate) mod fingerprints;
pub(crate) mod guard;
mod halves;
pub(crate) mod instructions;
mod line_ends;
pub(crate) mod matcher;
pub(crate) mod narrow;
pub(crate) mod normalise;
pub(crate) mod numbers;
pub(crate) mod pattern;
mod postal;
pub(crate) mod readers;
pub(crate) mod redact;
pub(crate) mod words;

use crate::validators::{AROUND, Subject, Validator, ValueForm, Verdict};
use fingerprints::Fingerprints;
use foldhash::quality::FixedState;
use guard::Guards;
use matcher::Matcher;
use numbers::Numbers;
use pattern::Pattern;
use redact::Mask;
use std::{hash::BuildHasher as _, ops::Range};
use words::Phrase;

/// Key of the hashes of values. They are compared within one run and never written, so that a fixed key will do until
/// record indexes bring a secret one.
const VALUE_KEY: u64 = 0x6567_7265_7420_7631;

/// Longest context word, bytes, white space between its words included.
pub(crate) const CONTEXT_WORD_BYTES: usize = 512;

/// Where the literals of the matcher lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A phrase, by index.
    Phrase(u32),
    /// A regular expression, by index.
    Pattern(u32),
}

/// Where an occurrence of a literal leads, if what stands beside it admits that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lead {
    pub(crate) to: Use,
    /// Guards, by index.
    pub(crate) guards: u32,
}

/// The leads of all literals.
#[derive(Debug, Default)]
pub(crate) struct Leads {
    /// By literal, where its leads end; they begin where those of the one before end.
    ends: Vec<u32>,
    leads: Vec<Lead>,
    guards: Vec<Guards>,
}

impl Leads {
    /// Those of literals in their order, with the guards that they name by index.
    pub(crate) fn new(literals: impl IntoIterator<Item = Vec<Lead>>, guards: Vec<Guards>) -> Self {
        let mut all = Self { guards, ..Self::default() };
        for leads in literals {
            all.leads.extend(leads);
            all.ends.push(u32::try_from(all.leads.len()).unwrap_or(u32::MAX));
        }
        all
    }

    /// Number of literals.
    pub(crate) fn literals(&self) -> usize {
        self.ends.len()
    }

    /// Where occurrences of a literal lead.
    pub(crate) fn of(&self, literal: u32) -> &[Lead] {
        let literal = literal as usize;
        let begin = literal.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let end = self.ends.get(literal).copied().unwrap_or(begin);
        self.leads.get(begin as usize..end as usize).unwrap_or_default()
    }

    /// Whether what stands beside an occurrence at `range` lets it lead there.
    pub(crate) fn admit(&self, lead: &Lead, text: &[u8], range: &Range<usize>) -> bool {
        self.guards.get(lead.guards as usize).is_none_or(|guards| guards.admit(text, range, true))
    }
}

/// What a phrase stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Matches of a finder.
    Finder(u32),
    /// A context word of a signature.
    Near {
        /// Which signature.
        signature: u32,
        /// Which of its words.
        word: u32,
        /// The find that it is of; none: of all of them.
        find: Option<u8>,
    },
}

/// A find of a signature, by indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FindId {
    /// Which signature.
    pub(crate) signature: u32,
    /// Which of its finds.
    pub(crate) find: u8,
}

/// What all ways of finding have in common.
#[derive(Debug)]
pub(crate) struct Finder {
    /// Matches of an expression must stand free, see [`boundaries::stands_apart`].
    pub(crate) strict: bool,
    /// Run in order; the first that objects decides.
    pub(crate) validators: Vec<&'static Validator>,
    /// How values are compared.
    pub(crate) value: ValueForm,
    /// What may be shown.
    pub(crate) mask: Mask,
    /// The finds that it serves: its own, and those that `use` it.
    pub(crate) finds: Vec<FindId>,
}

/// What the validators said together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    /// A published example: low confidence at most.
    pub(crate) sample: bool,
    /// Evidence `doubtful`.
    pub(crate) doubtful: bool,
}

impl Finder {
    /// Validates a match; None when it is none.
    pub(crate) fn judge(&self, text: &[u8], range: &Range<usize>) -> Option<Judgement> {
        let subject = subject(text, range)?;
        let mut judgement = Judgement::default();
        for validator in &self.validators {
            match (validator.check)(&subject) {
                Verdict::Invalid => return None,
                Verdict::Sample(_) => judgement.sample = true,
                Verdict::Doubtful(_) => judgement.doubtful = true,
                Verdict::Valid(_) => {}
            }
        }
        Some(judgement)
    }

    /// The validator that objects to a match.
    pub(crate) fn objection(&self, text: &[u8], range: &Range<usize>) -> Option<&'static str> {
        let subject = subject(text, range)?;
        let objects = |validator: &&&'static Validator| (validator.check)(&subject) == Verdict::Invalid;
        self.validators.iter().find(objects).map(|validator| validator.name)
    }

    /// What the validators say for people of a match that they let pass. Asked of the few matches that may be shown.
    pub(crate) fn reasons(&self, text: &[u8], range: &Range<usize>) -> Vec<&'static str> {
        let Some(subject) = subject(text, range) else { return Vec::new() };
        let reason = |validator: &&'static Validator| match (validator.check)(&subject) {
            Verdict::Invalid => None,
            Verdict::Sample(why) | Verdict::Doubtful(why) | Verdict::Valid(why) => Some(why),
        };
        self.validators.iter().filter_map(reason).collect()
    }

    /// The keyed hash of a match's normalised value.
    pub(crate) fn value(&self, matched: &[u8], scratch: &mut Vec<u8>) -> u64 {
        value(self.value, matched, scratch)
    }
}

/// The keyed hash of a value, compared as `form` says.
pub(crate) fn value(form: ValueForm, matched: &[u8], scratch: &mut Vec<u8>) -> u64 {
    normal_value(form, matched, scratch);
    FixedState::with_seed(VALUE_KEY).hash_one(scratch.as_slice())
}

/// A value in the form in which values are compared.
pub(crate) fn normal_value(form: ValueForm, matched: &[u8], scratch: &mut Vec<u8>) {
    scratch.clear();
    match form {
        ValueForm::Exact => scratch.extend_from_slice(matched.trim_ascii()),
        ValueForm::Digits => keep(matched, scratch, u8::is_ascii_digit),
        ValueForm::Alphanumeric => {
            keep(matched, scratch, |byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
            scratch.make_ascii_uppercase();
        }
        ValueForm::Words => {
            let words = matched.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            for word in words {
                scratch.extend(word.iter().map(u8::to_ascii_lowercase));
                scratch.push(b' ');
            }
        }
    }
}

/// Some of the bytes, without a choice at each.
#[inline]
fn keep(matched: &[u8], scratch: &mut Vec<u8>, wanted: impl Fn(&u8) -> bool) {
    scratch.resize(matched.len(), 0);
    let mut count = 0;
    for byte in matched {
        if let Some(slot) = scratch.get_mut(count) {
            *slot = *byte;
        }
        count += usize::from(wanted(byte));
    }
    scratch.truncate(count);
}

impl Engine {
    /// Whether similarity digests of files are of use.
    pub(crate) fn compares_files(&self) -> bool {
        self.fingerprints.compares_files()
    }
}

fn subject<'a>(text: &'a [u8], range: &Range<usize>) -> Option<Subject<'a>> {
    Some(Subject {
        matched: text.get(range.clone())?,
        before: text.get(range.start.saturating_sub(AROUND)..range.start)?,
        after: text.get(range.end..text.len().min(range.end + AROUND))?,
    })
}

/// What the context words of a signature arm.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arms {
    /// Slots of number finders.
    pub(crate) slots: Vec<u32>,
    /// How far from a word they are armed in any case, characters: the distance of the word to a number, and that of this number
    /// to another that is evidence for it.
    pub(crate) characters: usize,
}

impl Arms {
    /// The text around a word at `range` in which they are armed, which is looked at up to `stop`. Where it is not ASCII, each
    /// character may be of four bytes.
    pub(crate) fn around(&self, text: &[u8], range: &Range<usize>, stop: usize) -> Range<usize> {
        let bytes = |near: Option<&[u8]>| match near {
            Some(near) if near.is_ascii() => self.characters,
            _ => 4 * self.characters,
        };
        let before = bytes(text.get(range.start.saturating_sub(self.characters)..range.start));
        let after = bytes(text.get(range.end..stop).unwrap_or_default().get(..self.characters));
        range.start.saturating_sub(before)..range.end + after
    }
}

/// All finders of a set of signatures.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) matcher: Matcher,
    /// By literal.
    pub(crate) leads: Leads,
    /// Lengths of the literals, bytes.
    pub(crate) lengths: Vec<usize>,
    pub(crate) phrases: Vec<(Phrase, Target)>,
    pub(crate) patterns: Vec<(Pattern, u32)>,
    /// Indexes of patterns that no literal leads to.
    pub(crate) unanchored: Vec<u32>,
    pub(crate) numbers: Numbers,
    /// By signature, what its context words arm.
    pub(crate) arms: Vec<Arms>,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) finders: Vec<Finder>,
    /// Bytes before and after an anchor that a verification may look at.
    pub(crate) reach: (usize, usize),
    /// Widest distance of context words, characters.
    pub(crate) within: usize,
}

impl Engine {
    /// Bytes after a number that must be known before it is looked at, so that every word that arms its finder is.
    pub(crate) fn foresight(&self) -> usize {
        (4 * (2 * self.within + numbers::WIDE)).max(numbers::COMPARED_BYTES) + CONTEXT_WORD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_word_there_is_as_much_text_as_it_arms_its_finders_in() {
        let signature = "id = \"x\"\ntitle = \"T\"\nseverity = \"low\"\n[[find]]\nname = \"n\"\nnumbers = [\"#########\"]\n\
                         [near]\nwords = [\"loan\"]\nwithin = 400\n[confidence]\nmedium = \"near\"\nlow = \"near\"\n";
        let (set, problems) = crate::SignatureSet::from_texts(&[("x.toml".to_owned(), signature.to_owned())]);
        assert!(problems.is_empty(), "{problems:?}");
        let engine = &set.engine;
        assert!(engine.arms.iter().any(|arms| !arms.slots.is_empty()));
        for arms in &engine.arms {
            assert!(engine.reach.1 >= arms.characters + CONTEXT_WORD_BYTES, "{arms:?}, {:?}", engine.reach);
        }
    }
}
