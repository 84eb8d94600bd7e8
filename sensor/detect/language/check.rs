//! Checks of one parsed file, and its translation into what the engine needs.
//!
//! Owns: every rule that one file can break by itself. Never does: anything that needs other files.

use super::{
    expression::{Evidence, Expression, is_reserved},
    layout::Layout,
    problem::{Fault, SignatureProblem, nearest},
    schema::{self, Escalation},
};
use crate::{
    engine::{
        numbers::Written,
        pattern::Pattern,
        redact::{MASKS, Mask},
        words::Phrase,
    },
    validators::{self, Validator, ValueForm},
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

/// A checked file.
pub(crate) struct Draft {
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
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
    pub(crate) tests: Vec<Test>,
}

/// One find, ready for the engine.
pub(crate) struct DraftFind {
    pub(crate) name: String,
    pub(crate) counts: bool,
    pub(crate) what: What,
    pub(crate) validators: Vec<&'static Validator>,
    pub(crate) value: ValueForm,
    pub(crate) mask: Mask,
}

/// How it finds.
pub(crate) enum What {
    Phrases(Vec<Phrase>),
    Pattern {
        pattern: Box<Pattern>,
        text: String,
    },
    Numbers(Vec<Written>),
    /// All finds of another signature, or one of them.
    Use {
        id: String,
        find: Option<String>,
        span: Range<usize>,
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
}

impl Levels {
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
}

/// A text and what is expected of it.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) text: String,
    pub(crate) matches: bool,
    pub(crate) span: Range<usize>,
}

/// A fault with its place.
type Placed = (Range<usize>, Fault);

/// Checks a file; the first fault is the file's problem.
pub(crate) fn check(file: &str, text: &str) -> Result<Draft, SignatureProblem> {
    let parsed = schema::parse(file, text)?;
    draft(file, text, parsed).map_err(|(span, fault)| SignatureProblem::at(file, text, &span, fault))
}

fn draft(file: &str, text: &str, parsed: schema::File) -> Result<Draft, Placed> {
    identity(&parsed)?;
    if parsed.find.is_empty() {
        let fault = Fault::new(
            "the signature finds nothing",
            "add a [[find]] with a name and words, a regex or numbers",
        );
        return Err((parsed.id.span(), fault));
    }
    if let Some(extra) = parsed.find.get(FINDS) {
        return Err((extra.span(), Fault::new(format!("more than {FINDS} finds"), "split the signature")));
    }
    let mut names = BTreeSet::new();
    let mut finds = Vec::with_capacity(parsed.find.len());
    for find in parsed.find {
        let name = &find.get_ref().name;
        if !names.insert(name.get_ref().clone()) {
            return Err((name.span(), Fault::new("two finds have this name", "give each find its own name")));
        }
        finds.push(self::find(find)?);
    }
    if !finds.iter().any(|find| find.counts) {
        return Err((
            parsed.id.span(),
            Fault::new("no find of the signature counts", "remove `counts = false` from one"),
        ));
    }
    let names: Vec<&str> = finds.iter().map(|find| find.name.as_str()).collect();
    let levels = levels(parsed.confidence.as_ref(), &names, parsed.near.is_some())?;
    let (near, near_words, within) = near(parsed.near.as_ref())?;
    let tests = parsed.test.iter().map(test).collect::<Result<_, _>>()?;
    let mut escalate = parsed.report.escalate;
    escalate.sort_by_key(|step| step.unique);
    let report = Report {
        at: parsed.report.at,
        unique: parsed.report.unique.max(1),
        count: parsed.report.count.max(1),
        escalate,
    };
    Ok(Draft {
        file: file.to_owned(),
        text: text.into(),
        title: parsed.title.into_inner(),
        id: parsed.id,
        owner: parsed.owner,
        description: parsed.description,
        severity: parsed.severity,
        tags: parsed.tags,
        finds,
        near,
        near_words,
        within,
        levels,
        report,
        tests,
    })
}

fn identity(parsed: &schema::File) -> Result<(), Placed> {
    let id = parsed.id.get_ref();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/');
    if id.is_empty() || id.len() > 100 || !id.chars().all(plain) || id.starts_with('/') || id.ends_with('/') {
        let fault = Fault::new(
            "an id is made of small letters, digits, hyphens and slashes",
            "write it like \"acme/patient-record\"",
        );
        return Err((parsed.id.span(), fault));
    }
    if ["records/", "document/"].iter().any(|kept| id.starts_with(kept)) {
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

fn find(find: Spanned<schema::Find>) -> Result<DraftFind, Placed> {
    let span = find.span();
    let find = find.into_inner();
    let name = find.name.get_ref().clone();
    let name_sign = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || is_reserved(&name) || !name.chars().all(name_sign) {
        let fault =
            Fault::new(format!("`{name}` can't name a find"), "use one word that is not a name of evidence");
        return Err((find.name.span(), fault));
    }
    let validators = find.validate.iter().map(validator).collect::<Result<Vec<_>, _>>()?;
    let ways = [
        !find.words.is_empty() || !find.phrases.is_empty(),
        find.regex.is_some(),
        !find.numbers.is_empty(),
        find.uses.is_some(),
    ];
    if ways.iter().filter(|way| **way).count() != 1 {
        let fault = Fault::new(
            "a find needs exactly one of words or phrases, regex, numbers, use",
            "add one, or split it into several [[find]]",
        );
        return Err((find.name.span(), fault));
    }
    if find.uses.is_some() && (!validators.is_empty() || find.show.is_some()) {
        let fault = Fault::new("`use` takes over validators and masks", "remove validate and show");
        return Err((span, fault));
    }
    let (what, default_value) = what(&find)?;
    let value = validators.last().map_or(default_value, |validator| validator.value);
    let mask = mask(find.show.as_ref())?;
    Ok(DraftFind { name, counts: find.counts, what, validators, value, mask })
}

fn what(find: &schema::Find) -> Result<(What, ValueForm), Placed> {
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
        return Ok((What::Use { id: id.to_owned(), find, span: other.span() }, ValueForm::Exact));
    }
    if find.numbers.is_empty() {
        let phrases =
            find.words.iter().chain(&find.phrases).map(|text| phrase(text, 3)).collect::<Result<_, _>>()?;
        return Ok((What::Phrases(phrases), ValueForm::Words));
    }
    let written = find.numbers.iter().map(|text| match text.get_ref().as_str() {
        "iban" => Ok(Written::Iban),
        layout => Layout::parse(layout).map(Written::Layout).map_err(|fault| (text.span(), fault)),
    });
    let letters = find.numbers.iter().any(|text| text.get_ref().contains(['@', '*', 'i']));
    Ok((
        What::Numbers(written.collect::<Result<_, _>>()?),
        if letters { ValueForm::Alphanumeric } else { ValueForm::Digits },
    ))
}

fn validator(name: &Spanned<String>) -> Result<&'static Validator, Placed> {
    validators::named(name.get_ref()).ok_or_else(|| {
        let known = || validators::VALIDATORS.iter().map(|validator| validator.name);
        let fix = nearest(name.get_ref(), known()).map_or_else(
            || format!("use one of: {}", known().collect::<Vec<_>>().join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        (name.span(), Fault::new(format!("there is no validator `{}`", name.get_ref()), fix))
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

/// A phrase of at least `least` bytes, in which at least one word is no mere filler.
fn phrase(text: &Spanned<String>, least: usize) -> Result<Phrase, Placed> {
    let given = text.get_ref().trim();
    let fault = if given.len() < least {
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
        return Phrase::new(given)
            .ok_or_else(|| (text.span(), Fault::new("the phrase is empty", "remove it")));
    };
    Err((text.span(), fault))
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

fn levels(levels: Option<&schema::Levels>, finds: &[&str], near: bool) -> Result<Levels, Placed> {
    let Some(levels) = levels else {
        // Without `[confidence]`, a match is medium, and high beside a context word.
        let high =
            near.then(|| Expression::parse("near", finds)).transpose().map_err(|fault| (0..0, fault))?;
        let always = Expression::All(Vec::new());
        return Ok(Levels { high, medium: Some(always), low: None });
    };
    let parse = |text: &Option<Spanned<String>>| {
        text.as_ref()
            .map(|text| Expression::parse(text.get_ref(), finds).map_err(|fault| (text.span(), fault)))
            .transpose()
    };
    Ok(Levels { high: parse(&levels.high)?, medium: parse(&levels.medium)?, low: parse(&levels.low)? })
}

fn near(near: Option<&schema::Near>) -> Result<(Vec<Phrase>, Vec<String>, usize), Placed> {
    let Some(near) = near else { return Ok((Vec::new(), Vec::new(), WITHIN_DEFAULT)) };
    let within = *near.within.get_ref();
    if !(1..=WITHIN).contains(&within) {
        let fault = Fault::new(format!("`within` takes 1 to {WITHIN} characters"), "200 is a good distance");
        return Err((near.within.span(), fault));
    }
    let words = near.words.get_ref();
    if words.is_empty() {
        return Err((
            near.words.span(),
            Fault::new("[near] has no words", "list words that stand beside the data"),
        ));
    }
    let phrases = words.iter().map(|text| phrase(text, 2)).collect::<Result<_, _>>()?;
    Ok((phrases, words.iter().map(|word| word.get_ref().clone()).collect(), within))
}

fn test(test: &Spanned<schema::Test>) -> Result<Test, Placed> {
    match (&test.get_ref().matches, &test.get_ref().no_match) {
        (Some(text), None) => Ok(Test { text: text.get_ref().clone(), matches: true, span: text.span() }),
        (None, Some(text)) => Ok(Test { text: text.get_ref().clone(), matches: false, span: text.span() }),
        _ => {
            Err((test.span(), Fault::new("a test needs `match` or `no_match`", "write one text a [[test]]")))
        }
    }
}
