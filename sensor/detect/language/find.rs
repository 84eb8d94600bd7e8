//! Checks of one `[[find]]`, and its translation into what the engine looks for.
//!
//! Owns: which keys go together, expressions, written forms, validators and masks by name. Never does: fingerprints
//! (see `fingerprints`), evidence (see `levels`).

use super::{
    check::{Checker, Placed},
    dictionary,
    draft::{DraftFind, FindNear, What},
    expression::{self, Evidence, is_reserved},
    fingerprints,
    layout::Layout,
    phrases::{self, placed_phrase},
    problem::{Fault, nearest},
    schema,
};
use crate::{
    engine::{
        matcher::Literal,
        numbers::Written,
        pattern::Pattern,
        readers::READERS,
        redact::{MASKS, Mask},
    },
    validators::{self, Validator, ValueForm},
};
use std::{collections::BTreeSet, sync::Arc};
use toml::Spanned;

/// Finds of one signature.
const FINDS: usize = 64;

impl Checker<'_> {
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
            !find.file.is_empty(),
            !find.labels.is_empty(),
            !find.canaries.is_empty(),
        ];
        if ways.iter().filter(|way| **way).count() != 1 {
            let fault = Fault::new(
                "a find needs exactly one of words, phrases or dictionary, regex, numbers, use, records, documents, sha256 or \
                 similar, file, labels, canaries",
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
        let near = find_near(&find)?;
        let (what, default_value) = match fingerprints::what(self.sources, &find)? {
            Some(what) => (what, ValueForm::Words),
            None => self.what(&find)?,
        };
        let value = validators.last().map_or(default_value, |validator| validator.value);
        let mask = mask(find.show.as_ref())?;
        let needs = find.needs.as_ref().map(needs).transpose()?;
        if let (None, Some(loose)) = (needs, find.numbers.iter().find(|text| text.get_ref().starts_with('~')))
        {
            let fault = Fault::new(
                "separators anywhere make a number of half of all text",
                "add `needs = \"near\"`, so that it is looked at beside its words alone",
            );
            return Err((loose.span(), fault));
        }
        // A canary is planted within words too, and a label ends where its line does.
        let inside = find.inside || !find.canaries.is_empty() || !find.labels.is_empty();
        let counts = find.counts;
        Ok(DraftFind { name, counts, inside, needs, near, what, validators, value, mask })
    }

    fn what(&mut self, find: &schema::Find) -> Result<(What, ValueForm), Placed> {
        if let Some(regex) = &find.regex {
            let pattern = self.sources.kept.pattern(regex.get_ref(), || pattern(regex))?;
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
        let form = find.numbers.iter().map(|text| value_form(text.get_ref())).max();
        let written = written.collect::<Result<_, _>>()?;
        Ok((What::Numbers(written), form.unwrap_or(ValueForm::Digits)))
    }
}

/// How numbers of a written form are compared. Of several forms the greatest goes for all.
fn value_form(written: &str) -> ValueForm {
    match written {
        "street" | "town" => ValueForm::Words,
        "iban" | "ipv6" | "mac" | "postcode" => ValueForm::Alphanumeric,
        layout if layout.contains(['@', '*']) => ValueForm::Alphanumeric,
        _ => ValueForm::Digits,
    }
}

/// Whether a signature may have these finds.
pub(crate) fn few_enough(finds: &[DraftFind]) -> Result<(), Fault> {
    if finds.len() > FINDS { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> Fault {
    Fault::new(format!("more than {FINDS} finds"), "split the signature")
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

/// Context words of a find, which what is no text can't have.
fn find_near(find: &schema::Find) -> Result<Option<FindNear>, Placed> {
    let Some(near) = &find.near else { return Ok(None) };
    let whole = [&find.file, &find.sha256, &find.similar, &find.labels];
    if whole.iter().any(|kind| !kind.is_empty()) || find.documents.is_some() {
        let fault =
            Fault::new("no words stand beside what is found as a whole", "remove `near` from this find");
        return Err((near.span(), fault));
    }
    let (phrases, words, within) = phrases::near(Some(near.get_ref()))?;
    Ok(Some(FindNear { phrases, words, within }))
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
    // Where none of its literals stands there is no match.
    let ordinary = ORDINARY.to_ascii_lowercase();
    let stands = |literal: &Literal| {
        ordinary.as_bytes().windows(literal.bytes().len()).any(|at| at == literal.bytes())
    };
    let literals = compiled.pattern.literals();
    if !literals.is_empty() && !literals.iter().any(stands) {
        return Ok(compiled.pattern);
    }
    let found = compiled.pattern.count_in(ORDINARY.as_bytes());
    if found >= ORDINARY_MATCHES {
        return Err(everywhere(&format!("{found} times in a page of ordinary text")));
    }
    Ok(compiled.pattern)
}
