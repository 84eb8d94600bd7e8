//! What each find of a signature costs: how often its fixed texts stand in a text, how often that leads to a match, and how long
//! verification takes.
//!
//! Owns: the count, one find after the other so that times can be told apart. Never does: a clock of its own: the caller brings it.

use crate::{
    SignatureSet,
    engine::{Engine, Lead, Target, Use, numbers::Armed},
};
use std::collections::BTreeMap;

/// What one find costs in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Signature id.
    pub signature: String,
    /// Name of the find; `[near]` for context words.
    pub find: String,
    /// How often something in the text had to be looked at closer.
    pub anchors: u64,
    /// How often it then was what the pattern describes, before validators.
    pub matches: u64,
    /// Time of all closer looks, in ticks of the caller's clock.
    pub ticks: u64,
    /// It has no fixed text: the whole text is searched for it.
    pub everywhere: bool,
}

/// Whose cost it is: a finder, or the context words of a signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Finder(u32),
    Near(u32),
}

impl SignatureSet {
    /// What each find costs in `text`, the dearest first. `clock` gives ticks that only grow, nanoseconds say.
    #[must_use]
    pub fn costs(&self, text: &[u8], clock: &mut dyn FnMut() -> u64) -> Vec<Cost> {
        let engine = &self.engine;
        let mut sums: BTreeMap<Whose, Cost> = BTreeMap::new();
        for (whose, places) in anchors(engine, text) {
            let sum = sums.entry(whose).or_default();
            // Once before the clock runs: expressions are compiled when they are first used, which a long run does not feel.
            for (which, start, end) in &places {
                verify(engine, which, text, *start, *end);
            }
            let before = clock();
            for (which, start, end) in &places {
                sum.anchors += 1;
                sum.matches += u64::from(verify(engine, which, text, *start, *end));
            }
            sum.ticks += clock().saturating_sub(before);
        }
        for index in &engine.unanchored {
            let Some((pattern, finder)) = engine.patterns.get(*index as usize) else { continue };
            let sum = sums.entry(Whose::Finder(*finder)).or_default();
            let before = clock();
            let mut from = 0;
            while let Ok((start, end)) = pattern.scan(text, from, true) {
                sum.matches += 1;
                from = end.max(start + 1);
            }
            sum.ticks += clock().saturating_sub(before);
            sum.everywhere = true;
        }
        self.numbers(text, clock, &mut sums);
        let mut costs: Vec<Cost> =
            sums.into_iter().filter_map(|(whose, cost)| self.named(whose, &cost)).collect();
        costs.sort_by(|a, b| (b.ticks, &a.signature, &a.find).cmp(&(a.ticks, &b.signature, &b.find)));
        costs
    }

    /// Numbers are all looked for at once, as if every context word stood in the text: their time is shared out by how often each
    /// form was there.
    fn numbers(&self, text: &[u8], clock: &mut dyn FnMut() -> u64, sums: &mut BTreeMap<Whose, Cost>) {
        let mut seen: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        let before = clock();
        let mut armed = Armed::default();
        armed.arm_all(&self.engine.numbers);
        self.engine.numbers.find((text, 0), 0..text.len(), &mut armed, &mut 0, &mut |candidate| {
            let valid = self.engine.finders.get(candidate.finder as usize);
            let valid = valid.is_some_and(|finder| finder.judge(text, &candidate.range).is_some());
            let (anchors, matches) = seen.entry(candidate.finder).or_default();
            (*anchors, *matches) = (*anchors + 1, *matches + u64::from(valid));
            valid
        });
        let ticks = clock().saturating_sub(before);
        let all: u64 = seen.values().map(|(anchors, _)| anchors).sum::<u64>().max(1);
        for (finder, (anchors, matches)) in seen {
            let sum = sums.entry(Whose::Finder(finder)).or_default();
            sum.anchors += anchors;
            sum.matches += matches;
            sum.ticks += (u128::from(ticks) * u128::from(anchors) / u128::from(all)) as u64;
        }
    }

    fn named(&self, whose: Whose, cost: &Cost) -> Option<Cost> {
        let (signature, find) = match whose {
            Whose::Finder(finder) => {
                let id = self.engine.finders.get(finder as usize)?.finds.first()?;
                let signature = self.signatures.get(id.signature as usize)?;
                (signature, signature.compiled.finds.get(usize::from(id.find))?.name.clone())
            }
            Whose::Near(signature) => (self.signatures.get(signature as usize)?, "[near]".to_owned()),
        };
        Some(Cost { signature: signature.id.to_string(), find, ..cost.clone() })
    }
}

/// Where a closer look is taken, and what for: from the start of a literal to its end.
type Place = (Use, usize, usize);

/// The places to look at closer, by whose they are.
fn anchors(engine: &Engine, text: &[u8]) -> BTreeMap<Whose, Vec<Place>> {
    let mut occurrences = Vec::new();
    engine.matcher.find_all(text, 0, text.len(), &mut occurrences);
    let mut places: BTreeMap<Whose, Vec<Place>> = BTreeMap::new();
    for found in &occurrences {
        let length = engine.lengths.get(found.literal as usize).copied().unwrap_or(0);
        let start = found.end.saturating_sub(length);
        let admitted = |lead: &&Lead| engine.leads.admit(lead, text, &(start..found.end));
        for Lead { to, .. } in engine.leads.of(found.literal).iter().filter(admitted) {
            let whose = match to {
                Use::Pattern(index) => {
                    engine.patterns.get(*index as usize).map(|(_, finder)| Whose::Finder(*finder))
                }
                Use::Phrase(index) => engine.phrases.get(*index as usize).map(|(_, target)| match target {
                    Target::Finder(finder) => Whose::Finder(*finder),
                    Target::Near { signature, .. } => Whose::Near(*signature),
                }),
            };
            if let Some(whose) = whose {
                places.entry(whose).or_default().push((*to, start, found.end));
            }
        }
    }
    places
}

fn verify(engine: &Engine, which: &Use, text: &[u8], start: usize, end: usize) -> bool {
    match which {
        Use::Pattern(index) => engine
            .patterns
            .get(*index as usize)
            .is_some_and(|(pattern, _)| pattern.at(text, start, end).is_some()),
        Use::Phrase(index) => engine
            .phrases
            .get(*index as usize)
            .is_some_and(|(phrase, _)| phrase.at(text, start, end).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_at_is_counted() {
        let text = |find: &str| {
            format!(
                "id = \"a\"\ntitle = \"A\"\nseverity = \"low\"\n[[find]]\nname = \"x\"\n{find}\n[near]\nwords = [\"zorgle\"]\nwithin = 9\n"
            )
        };
        for (find, anchors, matches) in
            [("regex = 'MRN-\\d{3}'", 2, 2), ("words = [\"blimp\"]", 1, 1), ("numbers = [\"######\"]", 1, 1)]
        {
            let (set, problems) = SignatureSet::from_texts(&[("a.toml".into(), text(find))]);
            assert!(problems.is_empty(), "{problems:?}");
            let mut time = 0;
            let costs = set.costs(b"zorgle MRN-123 MRN-456 mrn-x blimp blimps 123456", &mut || {
                time += 1;
                time
            });
            let cost = costs.iter().find(|cost| cost.find == "x").expect(find);
            assert_eq!((cost.anchors, cost.matches), (anchors, matches), "{find}");
            assert!(costs.iter().any(|cost| cost.find == "[near]" && cost.anchors == 1));
        }
    }
}
