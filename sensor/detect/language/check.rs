//! Checks of one parsed file, and its translation into what the engine needs.
//!
//! Owns: every rule that one file can break by itself. Never does: anything that needs other files.

use super::{
    dictionary,
    exception::{self, Exception},
    expression::{self, Evidence, Expression, is_reserved},
    fingerprints,
    layout::Layout,
    problem::{Fault, SignatureProblem, nearest},
    schema::{self, Escalation},
    source::{Source, Sources},
    tuning::{self, Tuning},
};
use crate::{
    engine::{
        fingerprints::FileRule,
        numbers::Written,
        pattern::Pattern,
        readers::READERS,
        redact::{MASKS, Mask},
        words::Phrase,
    },
    validators::{self, Validator, ValueForm},
};
use egret_fingerprint::{
    documents::{DocumentIndex, DocumentRule},
    records::{RecordIndex, Rule},
};
use egret_model::{Confidence, Severity};
use std::{collections::BTreeSet, ops::Range, sync::Arc};
use toml::Spanned;

/// Finds of one signature.
const FINDS: usize = 64;
/// Widest distance of context words, characters.
const WITHIN: usize = 1_000;
/// Distance when `[near]` is absent and finds corroborate each other, characters.
const WITHIN_DEFAULT: usize = 200;
/// Length of a phrase, bytes.
const PHRASE_BYTES: usize = 256;

/// A checked signature.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) source: Arc<Source>,
    pub(crate) id: Spanned<String>,
    pub(crate) title: String,
    pub(crate) owner: String,
    pub(crate) description: String,
    pub(crate) severity: Severity,
    pub(crate) tags: Vec<String>,
    pub(crate) finds: Vec<DraftFind>,
    pub(crate) near: Vec<Phrase>,
    pub(crate) near_words: Vec<String>,
    pub(crate) within: usize,
    pub(crate) levels: Levels,
    pub(crate) report: Report,
    pub(crate) exceptions: Vec<Exception>,
    pub(crate) tests: Vec<Test>,
    /// False: an override has switched it off.
    pub(crate) enabled: bool,
    /// Names of the files whose overrides changed it, in order.
    pub(crate) tuned_by: Vec<String>,
}

/// One find, ready for the engine.
#[derive(Clone, Debug)]
pub(crate) struct DraftFind {
    pub(crate) name: String,
    pub(crate) counts: bool,
    /// A match may stand inside a longer word or number.
    pub(crate) inside: bool,
    /// Without this its matches are never above low.
    pub(crate) needs: Option<Evidence>,
    pub(crate) what: What,
    pub(crate) validators: Vec<&'static Validator>,
    pub(crate) value: ValueForm,
    pub(crate) mask: Mask,
}

/// How it finds.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Phrases(Vec<Phrase>),
    Pattern {
        pattern: Box<Pattern>,
        text: String,
    },
    Numbers(Vec<Written>),
    /// Records of a set.
    Records {
        index: Arc<RecordIndex>,
        rule: Rule,
    },
    /// Documents of a set.
    Documents {
        index: Arc<DocumentIndex>,
        rule: DocumentRule,
    },
    /// Files by what they are as a whole.
    Files(FileRule),
    /// All finds of another signature, or one of them.
    Use {
        id: String,
        find: Option<String>,
        span: Range<usize>,
        source: Arc<Source>,
    },
}

/// The expressions of `[confidence]`.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    /// None holds never.
    pub(crate) high: Option<Expression>,
    /// None holds never.
    pub(crate) medium: Option<Expression>,
    /// None holds always.
    pub(crate) low: Option<Expression>,
    /// The signature has no `[confidence]`: medium, and high beside a context word.
    pub(crate) usual: bool,
}

impl Levels {
    /// Without `[confidence]`, a match is medium, and high beside a context word.
    pub(crate) fn usual(near: bool) -> Self {
        let high = near.then_some(Expression::Is(Evidence::Near));
        Self { high, medium: Some(Expression::All(Vec::new())), low: None, usual: true }
    }

    /// Whether a level from `least` on may be reached, given what is known of the evidence.
    fn may_reach_from(&self, least: Confidence, evidence: &impl Fn(Evidence) -> Option<bool>) -> bool {
        let may = |level: &Option<Expression>| level.as_ref().is_some_and(|level| level.may_hold(evidence));
        may(&self.high)
            || least <= Confidence::Medium && may(&self.medium)
            || least <= Confidence::Low && self.low.as_ref().is_none_or(|low| low.may_hold(evidence))
    }

    /// Whether matches of the find say nothing before a context word has been seen: they can't be reported, and no other
    /// find can become more or less by them.
    pub(crate) fn are_bound(
        &self,
        finds: &[(bool, Option<Evidence>)],
        find: usize,
        least: Confidence,
    ) -> bool {
        let alone = |of: usize, evidence: Evidence| match evidence {
            Evidence::Near | Evidence::Label | Evidence::Mentioned => Some(false),
            Evidence::Find(other) if other == of => Some(true),
            _ => None,
        };
        let reported = |of: usize| {
            let (counts, needs) = finds.get(of).copied().unwrap_or((true, None));
            let capped = needs.is_some() && least > Confidence::Low;
            counts && !capped && self.may_reach_from(least, &|evidence| alone(of, evidence))
        };
        let (counts, _) = finds.get(find).copied().unwrap_or((true, None));
        // What may be reported of others must be the same with and without this find beside them.
        let indifferent = |of: usize| {
            let settled = |beside: bool, bits: u8| {
                let known = |evidence| match evidence {
                    Evidence::Doubtful => Some(bits & 1 != 0),
                    Evidence::Consistent => Some(bits & 2 != 0),
                    Evidence::Mixed => Some(bits & 4 != 0),
                    Evidence::Many => Some(bits & 8 != 0),
                    Evidence::Find(other) if other == find => Some(beside),
                    other => alone(of, other),
                };
                [&self.high, &self.medium, &self.low]
                    .map(|level| level.as_ref().map(|level| level.known(&known)))
            };
            (0..16).all(|bits| {
                let with = settled(true, bits);
                with == settled(false, bits) && !with.contains(&Some(None))
            })
        };
        counts && !reported(find) && (0..finds.len()).all(|of| of == find || !reported(of) || indifferent(of))
    }

    /// Whether any level may be reached, given what is known of the evidence.
    pub(crate) fn may_reach(&self, evidence: &impl Fn(Evidence) -> Option<bool>) -> bool {
        let may = |level: &Option<Expression>| level.as_ref().is_some_and(|level| level.may_hold(evidence));
        self.low.as_ref().is_none_or(|low| low.may_hold(evidence)) || may(&self.high) || may(&self.medium)
    }
}

/// Thresholds.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) at: Confidence,
    pub(crate) unique: u64,
    pub(crate) count: u64,
    pub(crate) escalate: Vec<Escalation>,
    /// Distinct values of one sender in a day from which they are reported together.
    pub(crate) per_sender_day: Option<u64>,
    pub(crate) yields_to: Option<String>,
}

/// A text and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) text: String,
    pub(crate) matches: bool,
    pub(crate) span: Range<usize>,
    pub(crate) source: Arc<Source>,
}

/// A fault with its place.
pub(crate) type Placed = (Range<usize>, Fault);

/// The file that is checked, the dictionaries that it may name, and where faults of those go.
pub(crate) struct Checker<'a> {
    pub(crate) source: &'a Arc<Source>,
    pub(crate) sources: &'a Sources,
    pub(crate) problems: &'a mut Vec<SignatureProblem>,
}

/// What a file holds.
#[derive(Default)]
pub(crate) struct Checked {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) tunings: Vec<Tuning>,
}

/// Checks a file. The first fault of each signature in it is a problem, and takes down that signature only.
pub(crate) fn check(
    source: &Arc<Source>,
    sources: &Sources,
    checked: &mut Checked,
    problems: &mut Vec<SignatureProblem>,
) {
    let parsed = match schema::parse(source) {
        Ok(parsed) => parsed,
        Err(problem) => return problems.push(problem),
    };
    let (family, members, overrides) = match parsed {
        schema::Parsed::Signature(file) => (None, vec![*file], Vec::new()),
        schema::Parsed::Override(change) => (None, Vec::new(), vec![*change]),
        schema::Parsed::Family(mut family) => {
            let members = std::mem::take(&mut family.signature).into_iter().map(Spanned::into_inner);
            let members = members.collect();
            let overrides = std::mem::take(&mut family.overrides).into_iter().map(Spanned::into_inner);
            let overrides = overrides.collect();
            (Some(family), members, overrides)
        }
    };
    let mut checker = Checker { source, sources, problems };
    for mut member in members {
        if let Some(family) = &family {
            family.share(&mut member);
        }
        let draft = checker.draft(member);
        checked.drafts.extend(checker.placed(draft));
    }
    for change in overrides {
        let tuning = tuning::check(&mut checker, change);
        checked.tunings.extend(checker.placed(tuning));
    }
}

impl schema::Family {
    fn share(&self, member: &mut schema::File) {
        if member.owner.is_empty() {
            member.owner = self.owner.clone().unwrap_or_default();
        }
        member.severity = member.severity.or(self.severity);
        let mut tags = self.tags.clone();
        tags.extend(member.tags.drain(..).filter(|tag| !self.tags.contains(tag)));
        member.tags = tags;
        if !self.description.is_empty() {
            member.description = format!("{} {}", self.description.trim_end(), member.description);
            member.description.truncate(member.description.trim_end().len());
        }
    }
}

impl Checker<'_> {
    fn placed<T>(&mut self, outcome: Result<T, Placed>) -> Option<T> {
        outcome
            .map_err(|(span, fault)| {
                self.problems.push(SignatureProblem::at(&self.source.name, &self.source.text, &span, fault));
            })
            .ok()
    }

    fn draft(&mut self, parsed: schema::File) -> Result<Draft, Placed> {
        identity(&parsed, self.source.is_generated())?;
        let Some(severity) = parsed.severity else {
            let fault =
                Fault::new("missing field `severity`", "severities are info, low, medium, high, critical");
            return Err((parsed.id.span(), fault));
        };
        if parsed.find.is_empty() {
            let fault = Fault::new(
                "the signature finds nothing",
                "add a [[find]] with a name and words, a regex or numbers",
            );
            return Err((parsed.id.span(), fault));
        }
        let finds = self.finds(parsed.find)?;
        if !finds.iter().any(|find| find.counts) {
            return Err((
                parsed.id.span(),
                Fault::new("no find of the signature counts", "remove `counts = false` from one"),
            ));
        }
        let names: Vec<&str> = finds.iter().map(|find| find.name.as_str()).collect();
        let levels = levels(parsed.confidence.as_ref(), &names, parsed.near.is_some())?;
        let (near, near_words, within) = near(parsed.near.as_ref())?;
        let tests = self.tests(&parsed.test)?;
        let mut escalate = parsed.report.escalate;
        escalate.sort_by_key(|step| step.unique);
        let report = Report {
            at: parsed.report.at,
            unique: parsed.report.unique.max(1),
            count: parsed.report.count.max(1),
            escalate,
            per_sender_day: parsed.report.per_sender_day.map(|day| day.unique.max(1)),
            yields_to: parsed.report.yields_to,
        };
        let exceptions = exception::check(&parsed.except)?;
        Ok(Draft {
            source: Arc::clone(self.source),
            title: parsed.title.into_inner(),
            id: parsed.id,
            owner: parsed.owner,
            description: parsed.description,
            severity,
            tags: parsed.tags,
            finds,
            near,
            near_words,
            within,
            levels,
            report,
            exceptions,
            tests,
            enabled: true,
            tuned_by: Vec::new(),
        })
    }

    /// Checks finds, whose names must differ.
    pub(crate) fn finds(&mut self, finds: Vec<Spanned<schema::Find>>) -> Result<Vec<DraftFind>, Placed> {
        if let Some(extra) = finds.get(FINDS) {
            return Err((extra.span(), too_many()));
        }
        let mut names = BTreeSet::new();
        let mut checked = Vec::with_capacity(finds.len());
        for find in finds {
            let name = &find.get_ref().name;
            if !names.insert(name.get_ref().clone()) {
                let fault = Fault::new("two finds have this name", "give each find its own name");
                return Err((name.span(), fault));
            }
            checked.push(self.find(find)?);
        }
        Ok(checked)
    }

    /// Checks tests.
    pub(crate) fn tests(&self, tests: &[Spanned<schema::Test>]) -> Result<Vec<Test>, Placed> {
        tests.iter().map(|test| self.test(test)).collect()
    }

    fn find(&mut self, find: Spanned<schema::Find>) -> Result<DraftFind, Placed> {
        let span = find.span();
        let find = find.into_inner();
        let name = find.name.get_ref().clone();
        let name_sign = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || is_reserved(&name) || !name.chars().all(name_sign) {
            let fault = Fault::new(
                format!("`{name}` can't name a find"),
                "use one word that is not a name of evidence",
            );
            return Err((find.name.span(), fault));
        }
        let validators = find.validate.iter().map(validator).collect::<Result<Vec<_>, _>>()?;
        let ways = [
            !find.words.is_empty() || !find.phrases.is_empty() || find.dictionary.is_some(),
            find.regex.is_some(),
            !find.numbers.is_empty(),
            find.uses.is_some(),
            find.records.is_some(),
            find.documents.is_some(),
            !find.sha256.is_empty() || !find.similar.is_empty(),
            !find.labels.is_empty(),
            !find.canaries.is_empty(),
        ];
        if ways.iter().filter(|way| **way).count() != 1 {
            let fault = Fault::new(
                "a find needs exactly one of words, phrases or dictionary, regex, numbers, use, records, documents, sha256 or \
                 similar, labels, canaries",
                "add one, or split it into several [[find]]",
            );
            return Err((find.name.span(), fault));
        }
        if find.uses.is_some() && (!validators.is_empty() || find.show.is_some()) {
            let fault = Fault::new("`use` takes over validators and masks", "remove validate and show");
            return Err((span, fault));
        }
        if find.inside && find.regex.is_none() {
            return Err((span, Fault::new("`inside` belongs to a regex", "remove it")));
        }
        let (what, default_value) = match fingerprints::what(self.sources, &find)? {
            Some(what) => (what, ValueForm::Words),
            None => self.what(&find)?,
        };
        let value = validators.last().map_or(default_value, |validator| validator.value);
        let mask = mask(find.show.as_ref())?;
        let needs = find.needs.as_ref().map(needs).transpose()?;
        // A canary is planted within words too, and a label ends where its line does.
        let inside = find.inside || !find.canaries.is_empty() || !find.labels.is_empty();
        let counts = find.counts;
        Ok(DraftFind { name, counts, inside, needs, what, validators, value, mask })
    }

    fn what(&mut self, find: &schema::Find) -> Result<(What, ValueForm), Placed> {
        if let Some(regex) = &find.regex {
            let pattern = pattern(regex)?;
            return Ok((
                What::Pattern { pattern: Box::new(pattern), text: regex.get_ref().clone() },
                ValueForm::Exact,
            ));
        }
        if let Some(other) = &find.uses {
            let (id, find) = match other.get_ref().split_once('#') {
                Some((id, find)) => (id, Some(find.to_owned())),
                None => (other.get_ref().as_str(), None),
            };
            return Ok((
                What::Use { id: id.to_owned(), find, span: other.span(), source: Arc::clone(self.source) },
                ValueForm::Exact,
            ));
        }
        if find.numbers.is_empty() {
            let listed = find.words.iter().chain(&find.phrases).map(|text| placed_phrase(text, 3));
            let mut phrases = listed.collect::<Result<Vec<_>, _>>()?;
            for name in find.dictionary.iter().flat_map(|names| names.get_ref().each()) {
                let placed = |fault| (find.dictionary.as_ref().map_or(0..0, Spanned::span), fault);
                let source = self.sources.dictionary(name).map_err(placed)?;
                let terms = dictionary::terms(source, self.problems);
                if terms.is_empty() {
                    let fault =
                        Fault::new(format!("the dictionary `{name}` has no term"), "write a term a line");
                    return Err(placed(fault));
                }
                phrases.extend(terms);
            }
            return Ok((What::Phrases(phrases), ValueForm::Words));
        }
        let written = find.numbers.iter().map(|text| match text.get_ref().as_str() {
            "iban" => Ok(Written::Iban),
            name => match READERS.iter().find(|(known, _)| *known == name) {
                Some((_, reader)) => Ok(Written::Reader(*reader)),
                None => Layout::parse(name).map(Written::Layout).map_err(|fault| (text.span(), fault)),
            },
        });
        let letters = find.numbers.iter().any(|text| text.get_ref().contains(['@', '*', 'i']));
        Ok((
            What::Numbers(written.collect::<Result<_, _>>()?),
            if letters { ValueForm::Alphanumeric } else { ValueForm::Digits },
        ))
    }

    fn test(&self, test: &Spanned<schema::Test>) -> Result<Test, Placed> {
        match (&test.get_ref().matches, &test.get_ref().no_match) {
            (Some(text), None) => Ok(Test {
                text: text.get_ref().clone(),
                matches: true,
                span: text.span(),
                source: Arc::clone(self.source),
            }),
            (None, Some(text)) => Ok(Test {
                text: text.get_ref().clone(),
                matches: false,
                span: text.span(),
                source: Arc::clone(self.source),
            }),
            _ => Err((
                test.span(),
                Fault::new("a test needs `match` or `no_match`", "write one text a [[test]]"),
            )),
        }
    }
}

/// Whether a signature may have these finds.
pub(crate) fn few_enough(finds: &[DraftFind]) -> Result<(), Fault> {
    if finds.len() > FINDS { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> Fault {
    Fault::new(format!("more than {FINDS} finds"), "split the signature")
}

fn identity(parsed: &schema::File, generated: bool) -> Result<(), Placed> {
    let id = parsed.id.get_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
    if id.is_empty() || id.len() > 100 || !id.chars().all(plain) || id.starts_with('/') || id.ends_with('/') {
        let fault = Fault::new(
            "an id is made of small letters, digits, hyphens and slashes",
            "write it like \"acme/patient-record\"",
        );
        return Err((parsed.id.span(), fault));
    }
    if !generated && ["records/", "document/"].iter().any(|kept| id.starts_with(kept)) {
        return Err((
            parsed.id.span(),
            Fault::new("this prefix is kept for indexes", "choose another first word"),
        ));
    }
    if parsed.title.get_ref().trim().is_empty() {
        return Err((
            parsed.title.span(),
            Fault::new("the title is empty", "say in a few words what leaves"),
        ));
    }
    Ok(())
}

fn validator(name: &Spanned<String>) -> Result<&'static Validator, Placed> {
    validators::named(name.get_ref()).ok_or_else(|| {
        let known = || validators::all().map(|validator| validator.name);
        // Names of national numbers are told by signatures; the list of the general ones is short enough to be read.
        let general = || validators::VALIDATORS.iter().map(|validator| validator.name);
        let fix = nearest(name.get_ref(), known()).map_or_else(
            || format!("use one of: {}", general().collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        (name.span(), Fault::new(format!("there is no validator `{}`", name.get_ref()), fix))
    })
}

fn needs(name: &Spanned<String>) -> Result<Evidence, Placed> {
    expression::context(name.get_ref()).ok_or_else(|| {
        let fault = Fault::new(
            format!("`needs` can't be `{}`", name.get_ref()),
            "use one of: near, label, mentioned; anything else goes into [confidence]",
        );
        (name.span(), fault)
    })
}

fn mask(show: Option<&Spanned<String>>) -> Result<Mask, Placed> {
    let Some(show) = show else { return Ok(Mask::default()) };
    MASKS.iter().find(|(name, _)| name == show.get_ref()).map(|(_, mask)| *mask).ok_or_else(|| {
        let names: Vec<&str> = MASKS.iter().map(|(name, _)| *name).collect();
        let fix = format!("use one of: {}", names.join(", "));
        (show.span(), Fault::new(format!("there is no mask `{}`", show.get_ref()), fix))
    })
}

fn placed_phrase(text: &Spanned<String>, least: usize) -> Result<Phrase, Placed> {
    phrase(text.get_ref(), least).map_err(|fault| (text.span(), fault))
}

/// A phrase of at least `least` bytes, in which at least one word is no mere filler.
pub(crate) fn phrase(text: &str, least: usize) -> Result<Phrase, Fault> {
    let given = text.trim();
    Err(if given.len() < least {
        Fault::new(
            format!("`{given}` would be found everywhere"),
            format!("use words of at least {least} letters"),
        )
    } else if given.len() > PHRASE_BYTES {
        Fault::new(
            format!("a phrase takes at most {PHRASE_BYTES} bytes"),
            "a characteristic part of it will do",
        )
    } else if given.split_whitespace().all(|word| FILLERS.contains(&word.to_lowercase().as_str())) {
        Fault::new(
            format!("`{given}` would be found everywhere"),
            "add a word that is particular to the data",
        )
    } else if !given.chars().any(char::is_alphanumeric) {
        Fault::new("a phrase needs a letter or digit", "use `regex` for signs")
    } else {
        return Phrase::new(given).ok_or_else(|| Fault::new("the phrase is empty", "remove it"));
    })
}

/// Words that every text is full of.
const FILLERS: [&str; 40] = [
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "but", "by", "can", "for",
    "from", "has", "have", "in", "is", "it", "its", "not", "of", "on", "or", "our", "that", "the", "their",
    "this", "to", "was", "we", "were", "which", "will", "with", "you", "your",
];

/// Ordinary text; a pattern that is found all over it is not a signature.
const ORDINARY: &str = "Dear all, thank you for your message of 14 March 2024. The meeting is at 10:30 in room B-12, on floor 3.\n\
    Please send the report to the usual place, and keep a copy for yourself; the deadline is Friday.\n\
    id,name,quantity,price\n1001,Widget,12,3.50\n1002,Gadget,7,19.99\n1003,Sprocket,250,0.75\n\
    2024-03-14T10:30:00Z INFO server started on port 8080, pid 4711, version 2.10.3\n\
    function add(a, b) { return a + b; } // see https://www.example.org/docs/index.html?page=2\n\
    In the beginning there was nothing that anyone could have called a plan, and yet the work went on.\n";
/// Matches in it from which a pattern matches nearly everything.
const ORDINARY_MATCHES: usize = 12;

fn pattern(regex: &Spanned<String>) -> Result<Pattern, Placed> {
    let compiled = Pattern::compile(regex.get_ref()).map_err(|(inner, fault)| {
        // Inside a quoted string the expression starts one byte after the quote; three for a multi-line string.
        let quotes = (regex.span().len().saturating_sub(regex.get_ref().len())) / 2;
        let start = regex.span().start + quotes;
        let span = inner
            .map_or(regex.span(), |inner| start + inner.start..(start + inner.end).min(regex.span().end));
        (span, fault)
    })?;
    let everywhere = |why: &str| {
        let fix = "make it more particular: a fixed word or prefix, an exact number of digits";
        (regex.span(), Fault::new(format!("the expression matches nearly everything: {why}"), fix))
    };
    if compiled.matches_nothing {
        return Err(everywhere("it matches the empty text"));
    }
    let found = compiled.pattern.count_in(ORDINARY.as_bytes());
    if found >= ORDINARY_MATCHES {
        return Err(everywhere(&format!("{found} times in a page of ordinary text")));
    }
    Ok(compiled.pattern)
}

/// The expressions of `[confidence]`, or the usual ones without it.
pub(crate) fn levels(levels: Option<&schema::Levels>, finds: &[&str], near: bool) -> Result<Levels, Placed> {
    let Some(levels) = levels else {
        return Ok(Levels::usual(near));
    };
    let parse = |text: &Option<Spanned<String>>| {
        text.as_ref()
            .map(|text| Expression::parse(text.get_ref(), finds).map_err(|fault| (text.span(), fault)))
            .transpose()
    };
    Ok(Levels {
        high: parse(&levels.high)?,
        medium: parse(&levels.medium)?,
        low: parse(&levels.low)?,
        usual: false,
    })
}

fn near(near: Option<&schema::Near>) -> Result<(Vec<Phrase>, Vec<String>, usize), Placed> {
    let Some(near) = near else { return Ok((Vec::new(), Vec::new(), WITHIN_DEFAULT)) };
    let within = within(&near.within)?;
    let words = near.words.get_ref();
    if words.is_empty() {
        return Err((
            near.words.span(),
            Fault::new("[near] has no words", "list words that stand beside the data"),
        ));
    }
    let phrases = near_phrases(words)?;
    Ok((phrases, words.iter().map(|word| word.get_ref().clone()).collect(), within))
}

/// Context words.
pub(crate) fn near_phrases(words: &[Spanned<String>]) -> Result<Vec<Phrase>, Placed> {
    words.iter().map(|text| placed_phrase(text, 2)).collect()
}

/// The distance of context words.
pub(crate) fn within(within: &Spanned<usize>) -> Result<usize, Placed> {
    let distance = *within.get_ref();
    if !(1..=WITHIN).contains(&distance) {
        let fault = Fault::new(format!("`within` takes 1 to {WITHIN} characters"), "200 is a good distance");
        return Err((within.span(), fault));
    }
    Ok(distance)
}
