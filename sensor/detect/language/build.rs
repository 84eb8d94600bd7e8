//! From checked files to one engine.
//!
//! Owns: what concerns several files (duplicate ids, `use`), and the tables of the engine. Never does: reading of files.

use super::{
    draft::{Draft, DraftFind, FindNear, Report, Test, What},
    exception::Exception,
    expression::Evidence,
    levels::Levels,
    problem::{Fault, SignatureProblem, nearest},
    source::Source,
};
use crate::{
    CostNote, Signature,
    engine::{
        self, Arms, CONTEXT_WORD_BYTES, Engine, FindId, Finder, Lead, Leads, Target, Use,
        fingerprints::Fingerprints,
        guard::Guards,
        matcher::{Literal, Matcher},
        numbers::{self, Lasts, Numbers, Slot},
        words::Phrase,
    },
    object::Signs,
    validators::{AROUND, ValueForm},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

/// A compiled signature, beside its finders in the engine.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) finds: Vec<FindInfo>,
    /// Context words: of the signature, then those of its finds one after the other.
    pub(crate) near_words: Vec<Arc<str>>,
    /// How many of them are of the signature.
    pub(crate) shared_words: u32,
    pub(crate) within: usize,
    pub(crate) levels: Levels,
    pub(crate) report: Report,
    pub(crate) exceptions: Vec<Exception>,
    /// Values of `text` exceptions, however their finds compare values, and the exception.
    pub(crate) excepted_values: Vec<(u64, usize)>,
    pub(crate) tests: Vec<Test>,
}

impl Compiled {
    /// Within how many characters a context word counts for a find; none where it is of another find.
    pub(crate) fn distance(&self, find: &FindInfo, word: u32) -> Option<usize> {
        if word < self.shared_words {
            return Some(self.within);
        }
        find.own.as_ref().filter(|own| own.words.contains(&word)).map(|own| own.within)
    }

    /// The widest distance at which a context word may count for a find, characters.
    pub(crate) fn widest(&self, find: &FindInfo) -> usize {
        find.own.as_ref().map_or(self.within, |own| own.within.max(self.within))
    }

    /// The context words that count for a find.
    pub(crate) fn words_of(&self, find: &FindInfo) -> impl Iterator<Item = &str> {
        let own = find.own.as_ref().map_or(0..0, |own| own.words.start as usize..own.words.end as usize);
        let shared = self.near_words.iter().take(self.shared_words as usize);
        shared.chain(self.near_words.get(own).unwrap_or_default()).map(|word| &**word)
    }

    /// Whether an exception names values by their tokens.
    pub(crate) fn excepts_values(&self) -> bool {
        self.exceptions.iter().any(|one| !one.values.is_empty())
    }

    /// The exception that names this token, counted from 1; 0 without.
    pub(crate) fn excepted_token(&self, token: &str) -> u16 {
        let at = self.exceptions.iter().position(|one| one.values.iter().any(|value| value == token));
        at.and_then(|at| u16::try_from(at + 1).ok()).unwrap_or(0)
    }
}

/// What remains to be known of a find.
#[derive(Debug)]
pub(crate) struct FindInfo {
    pub(crate) name: String,
    pub(crate) counts: bool,
    /// For each combination of signs, a bit by [`Signs::index`]: whether a match with them may reach any level.
    pub(crate) reachable: u32,
    /// Without this its matches are never above low.
    pub(crate) needs: Option<Evidence>,
    /// Context words of its own.
    pub(crate) own: Option<OwnWords>,
}

/// Where the context words of a find stand among those of its signature.
#[derive(Debug)]
pub(crate) struct OwnWords {
    pub(crate) words: Range<u32>,
    /// Characters.
    pub(crate) within: usize,
}

/// Signatures in order of their ids, their engine, and what they cost.
pub(crate) struct Built {
    pub(crate) signatures: Vec<Signature>,
    pub(crate) engine: Engine,
    pub(crate) notes: Vec<CostNote>,
}

/// Removes drafts with the id of an earlier one.
pub(crate) fn distinct(drafts: Vec<Draft>, problems: &mut Vec<SignatureProblem>) -> Vec<Draft> {
    let mut kept: BTreeMap<String, Draft> = BTreeMap::new();
    for draft in drafts {
        if let Some(first) = kept.get(draft.id.get_ref()) {
            let message =
                format!("the id `{}` is already taken by {}", draft.id.get_ref(), first.source.name);
            let fix = "choose another id, or change the other signature by `override = \"ID\"`";
            problems.push(at(&draft.source, &draft.id.span(), Fault::new(message, fix)));
        } else {
            kept.insert(draft.id.get_ref().clone(), draft);
        }
    }
    kept.into_values().collect()
}

/// Removes drafts that use a signature that is not there, and what one that is switched off would search for in vain.
/// Drafts are in order of their ids.
pub(crate) fn resolve(drafts: Vec<Draft>, problems: &mut Vec<SignatureProblem>) -> Vec<Draft> {
    let mut kept: BTreeMap<String, Draft> =
        drafts.into_iter().map(|draft| (draft.id.get_ref().clone(), draft)).collect();
    // A signature that goes may take others with it that use it.
    loop {
        let broken =
            kept.values().find_map(|draft| Some((draft.id.get_ref().clone(), bad_use(draft, &kept)?)));
        let Some((id, problem)) = broken else { break };
        problems.push(problem);
        kept.remove(&id);
    }
    let uses = kept.values().filter(|draft| draft.enabled).flat_map(|draft| &draft.finds);
    let used: BTreeSet<String> = uses
        .filter_map(|find| match &find.what {
            What::Use { id, .. } => Some(id.clone()),
            _ => None,
        })
        .collect();
    for (id, draft) in kept.iter_mut().filter(|(_, draft)| !draft.enabled) {
        draft.near.clear();
        if !used.contains(id) {
            draft.finds.clear();
        }
    }
    kept.into_values().collect()
}

fn bad_use(draft: &Draft, kept: &BTreeMap<String, Draft>) -> Option<SignatureProblem> {
    draft.finds.iter().find_map(|find| {
        let What::Use { id, find, span, source } = &find.what else { return None };
        let Some(other) = kept.get(id) else {
            let fix = nearest(id, kept.keys().map(String::as_str))
                .map_or("name a signature that is loaded".into(), |meant| format!("did you mean `{meant}`?"));
            return Some(at(source, span, Fault::new(format!("there is no signature `{id}`"), fix)));
        };
        let own = || other.finds.iter().filter(|find| !matches!(find.what, What::Use { .. }));
        if own().any(|own| find.as_ref().is_none_or(|find| *find == own.name)) {
            return None;
        }
        let names: Vec<&str> = own().map(|own| own.name.as_str()).collect();
        let (message, fix) = match find {
            Some(find) => (
                format!("`{id}` has no find `{find}` of its own"),
                format!("its finds: {}", names.join(", ")),
            ),
            None => {
                (format!("`{id}` itself only uses others"), "name the signature that finds the data".into())
            }
        };
        Some(at(source, span, Fault::new(message, fix)))
    })
}

/// A problem within a file.
pub(crate) fn at(source: &Source, span: &Range<usize>, fault: Fault) -> SignatureProblem {
    SignatureProblem::at(&source.name, &source.text, span, fault)
}

#[derive(Default)]
struct Tables {
    literals: BTreeMap<Literal, Vec<Lead>>,
    guards: Vec<Guards>,
    phrases: Vec<(Phrase, Target)>,
    patterns: Vec<(engine::pattern::Pattern, u32)>,
    unanchored: Vec<u32>,
    written: Vec<(u32, numbers::Written)>,
    fingerprints: Fingerprints,
    finders: Vec<Finder>,
    /// Finds that say nothing before a context word has been seen, and how long they do behind one.
    bound: BTreeMap<FindId, Lasts>,
    reach: (usize, usize),
    notes: Vec<CostNote>,
}

/// Builds the engine of resolved drafts, which stand in order of their ids. None: too many literals for one automaton.
pub(crate) fn build(drafts: Vec<Draft>) -> Option<Built> {
    let mut tables = Tables { reach: (numbers::BACKWARD, numbers::FORWARD), ..Tables::default() };
    let ids: Vec<String> = drafts.iter().map(|draft| draft.id.get_ref().clone()).collect();
    let mut users: Vec<(FindId, usize, Option<String>)> = Vec::new();
    let mut own: Vec<Vec<(String, u32)>> = Vec::new();
    let mut signatures = Vec::with_capacity(drafts.len());
    for (signature, mut draft) in (0_u32..).zip(drafts) {
        let mut finders = Vec::new();
        let mut finds = Vec::new();
        let needs: Vec<_> = draft.finds.iter().map(|find| (find.counts, find.needs)).collect();
        let shared_words = index(draft.near_words.len());
        for (number, mut find) in (0_u8..).zip(std::mem::take(&mut draft.finds)) {
            let id = FindId { signature, find: number };
            let may_reach =
                |signs: &Signs| draft.levels.may_reach(&|evidence| signs.known(evidence, id.find));
            let enabled = draft.enabled;
            let reachable = Signs::all().filter(|signs| enabled && may_reach(signs));
            let reachable = reachable.fold(0, |bits, signs| bits | 1 << signs.index());
            let bound = || draft.levels.are_bound(&needs, usize::from(number), draft.report.at);
            if !enabled || (!draft.near.is_empty() || find.near.is_some()) && bound() {
                let lasts = draft.levels.lasts(&needs, usize::from(number), draft.report.at);
                tables.bound.insert(id, if enabled { lasts } else { Lasts::Beside });
            }
            let own = find.near.take().map(|near| tables.own_words(near, &mut draft, id));
            let (counts, needs) = (find.counts, find.needs);
            finds.push(FindInfo { name: find.name.clone(), counts, reachable, needs, own });
            if let What::Use { id: other, find, .. } = find.what {
                users.extend(ids.binary_search(&other).ok().map(|other| (id, other, find)));
            } else {
                finders.push((find.name.clone(), tables.add(id, find, draft.id.get_ref())));
            }
        }
        own.push(finders);
        for (word, phrase) in (0_u32..).zip(std::mem::take(&mut draft.near)) {
            tables.phrase(phrase, Target::Near { signature, word, find: None });
        }
        signatures.push(signature_of(draft, finds, shared_words));
    }
    for (user, other, wanted) in users {
        let finders = own.get(other).into_iter().flatten();
        for (_, finder) in finders.filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name)) {
            if let Some(finder) = tables.finders.get_mut(*finder as usize) {
                finder.finds.push(user);
            }
        }
    }
    let own = |signature: &Signature| {
        let compiled = &signature.compiled;
        compiled.finds.iter().map(|find| compiled.widest(find)).max().unwrap_or(0)
    };
    let within: Vec<usize> = signatures.iter().map(own).collect();
    tables.finish(&within).map(|(engine, notes)| Built { signatures, engine, notes })
}

fn signature_of(draft: Draft, finds: Vec<FindInfo>, shared_words: u32) -> Signature {
    Signature {
        id: draft.id.into_inner().into(),
        title: draft.title.into(),
        owner: draft.owner.into(),
        description: draft.description,
        source: draft.source,
        enabled: draft.enabled,
        tuned_by: draft.tuned_by,
        severity: draft.severity,
        tags: draft.tags.into(),
        compiled: Compiled {
            finds,
            near_words: draft.near_words.into_iter().map(Into::into).collect(),
            shared_words,
            within: draft.within,
            levels: draft.levels,
            excepted_values: excepted_values(&draft.exceptions),
            report: draft.report,
            exceptions: draft.exceptions,
            tests: draft.tests,
        },
    }
}

/// The hashes of the texts of exceptions, in every form in which a find may compare its values.
fn excepted_values(exceptions: &[Exception]) -> Vec<(u64, usize)> {
    let texts =
        exceptions.iter().enumerate().flat_map(|(at, one)| one.texts.iter().map(move |text| (at, text)));
    let mut values: Vec<(u64, usize)> = texts
        .flat_map(|(at, text)| {
            ValueForm::ALL.map(|form| (engine::value(form, text.as_bytes(), &mut Vec::new()), at))
        })
        .collect();
    values.sort_unstable();
    values
}

impl Tables {
    /// Adds a find that is not a `use`; the index of its finder.
    fn add(&mut self, id: FindId, find: DraftFind, signature: &str) -> u32 {
        let finder = index(self.finders.len());
        self.finders.push(Finder {
            strict: !find.inside && matches!(find.what, What::Pattern { .. }),
            validators: find.validators,
            value: find.value,
            mask: find.mask,
            finds: vec![id],
        });
        match find.what {
            What::Phrases(phrases) => {
                for phrase in phrases {
                    self.phrase(phrase, Target::Finder(finder));
                }
            }
            What::Pattern { pattern, text } => {
                let at = index(self.patterns.len());
                if pattern.literals().is_empty() {
                    self.unanchored.push(at);
                    self.notes.push(CostNote {
                        signature: signature.to_owned(),
                        find: find.name,
                        note: format!(
                            "`{text}` requires no fixed text, so it is run over everything that is scanned"
                        ),
                    });
                }
                for (literal, guards) in pattern.literals().iter().zip(pattern.guards()) {
                    self.lead(literal.clone(), Use::Pattern(at), guards.clone());
                }
                self.widen(pattern.reach());
                self.patterns.push((*pattern, finder));
            }
            What::Numbers(written) => self.written.extend(written.into_iter().map(|form| (finder, form))),
            What::Records { index, rule } => {
                // The rule was tried when the file was checked.
                let _ = self.fingerprints.add_records(&index, &rule, finder);
                let reach = self.fingerprints.records.reach();
                self.widen((reach, reach));
            }
            What::Documents { index, rule } => self.fingerprints.add_documents(&index, rule, finder),
            What::Files(rule) => self.fingerprints.files.push((rule, finder)),
            What::Use { .. } => {}
        }
        finder
    }

    /// Adds the context words of a find behind those that its signature has so far.
    fn own_words(&mut self, near: FindNear, draft: &mut Draft, id: FindId) -> OwnWords {
        let first = index(draft.near_words.len());
        draft.near_words.extend(near.words);
        for (word, phrase) in (first..).zip(near.phrases) {
            self.phrase(phrase, Target::Near { signature: id.signature, word, find: Some(id.find) });
        }
        OwnWords { words: first..index(draft.near_words.len()), within: near.within }
    }

    fn phrase(&mut self, phrase: Phrase, target: Target) {
        let at = index(self.phrases.len());
        for literal in phrase.literals() {
            self.lead(literal, Use::Phrase(at), phrase.guards());
        }
        let (before, after) = phrase.reach();
        let longest = phrase.literals().map(|literal| literal.bytes().len()).max().unwrap_or(0);
        self.widen((before, after + longest));
        self.phrases.push((phrase, target));
    }

    fn lead(&mut self, literal: Literal, to: Use, guards: Guards) {
        // One that admits everything needs no look.
        let known = if guards.are_open() { u32::MAX } else { index(self.guards.len()) };
        if known != u32::MAX {
            self.guards.push(guards);
        }
        self.literals.entry(literal).or_default().push(Lead { to, guards: known });
    }

    fn widen(&mut self, reach: (usize, usize)) {
        self.reach.0 = self.reach.0.max(reach.0);
        self.reach.1 = self.reach.1.max(reach.1);
    }

    /// Slots of the finders of numbers all of whose finds are bound, by finder; and by signature what its words arm.
    fn slots(&self) -> (BTreeMap<u32, Slot>, BTreeMap<u32, Vec<u32>>) {
        let mut slots: BTreeMap<u32, Slot> = BTreeMap::new();
        let mut arms: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (finder, _) in &self.written {
            let Some(known) = self.finders.get(*finder as usize) else { continue };
            if slots.contains_key(finder) {
                continue;
            }
            let lasts: Option<Vec<Lasts>> =
                known.finds.iter().map(|find| self.bound.get(find).copied()).collect();
            let Some(lasts) = lasts.and_then(|lasts| lasts.into_iter().max()) else { continue };
            let slot = Slot { number: index(slots.len()), lasts };
            slots.insert(*finder, slot);
            for find in &known.finds {
                arms.entry(find.signature).or_default().push(slot.number);
            }
        }
        (slots, arms)
    }

    /// `within`: by signature, the widest distance of its context words, characters.
    fn finish(self, within: &[usize]) -> Option<(Engine, Vec<CostNote>)> {
        let (slots, mut armed) = self.slots();
        let arms = within.iter().enumerate().map(|(signature, within)| Arms {
            slots: armed.remove(&index(signature)).unwrap_or_default(),
            characters: 2 * within + numbers::WIDE,
        });
        let arms: Vec<Arms> = arms.collect();
        let within = within.iter().copied().max().unwrap_or(0);
        // Behind a word, the text in which it arms its finders is there, in whatever pieces it comes.
        let armed_behind = arms.iter().map(|arms| arms.characters + CONTEXT_WORD_BYTES).max().unwrap_or(0);
        let (literals, leads): (Vec<Literal>, Vec<Vec<Lead>>) = self.literals.into_iter().unzip();
        // A literal is looked at where any of its leads may want it.
        let wanted = leads.iter().map(|leads| {
            let mut guards = leads.iter().map(|lead| self.guards.get(lead.guards as usize));
            let first = guards.next().flatten().cloned();
            guards.fold(first, |all, one| Some(all?.or(one?))).filter(|all| !all.are_open())
        });
        let matcher = Matcher::guarded(&literals, wanted.collect()).ok()?;
        let engine = Engine {
            matcher,
            lengths: literals.iter().map(|literal| literal.bytes().len()).collect(),
            leads: Leads::new(leads, self.guards),
            phrases: self.phrases,
            patterns: self.patterns,
            unanchored: self.unanchored,
            numbers: Numbers::new(self.written, &|finder| slots.get(&finder).copied()),
            arms,
            fingerprints: self.fingerprints,
            finders: self.finders,
            // Validators look around a match; characters next to a window decide about word boundaries.
            reach: (self.reach.0 + AROUND + 8, self.reach.1.max(armed_behind) + AROUND + 8),
            within,
        };
        Some((engine, self.notes))
    }
}

/// Tables hold far fewer than 2^32 entries: each comes from bytes of a file that is at most a megabyte.
fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
