//! Overrides: what users change of signatures that are not theirs, in files of their own.
//!
//! Owns: checking of overrides and their application. Never does: changes of a file.

use super::{
    check::{Checker, Placed},
    draft::{Draft, DraftFind, Test, What},
    exception::{self, Exception},
    expression::Expression,
    find,
    levels::Levels,
    phrases,
    problem::{Fault, SignatureProblem, nearest},
    schema,
    source::Source,
};
use crate::engine::words::Phrase;
use egret_model::Severity;
use std::sync::Arc;
use toml::Spanned;

/// A checked override.
#[derive(Clone, Debug)]
pub(crate) struct Tuning {
    pub(crate) source: Arc<Source>,
    pub(crate) of: Spanned<String>,
    enabled: Option<bool>,
    severity: Option<Severity>,
    owner: Option<String>,
    tags: Vec<String>,
    finds: Vec<DraftFind>,
    near: Vec<Phrase>,
    near_words: Vec<String>,
    within: Option<usize>,
    confidence: Option<Confidence>,
    report: Report,
    exceptions: Vec<Exception>,
    tests: Vec<Test>,
}

/// Expressions that replace others; parsed when the finds are known that they may name.
#[derive(Clone, Debug)]
struct Confidence {
    high: Option<Spanned<String>>,
    medium: Option<Spanned<String>>,
    low: Option<Spanned<String>>,
}

type Report = Arc<schema::ReportChange>;

/// Checks an override by itself.
pub(crate) fn check(checker: &mut Checker<'_>, change: schema::Override) -> Result<Tuning, Placed> {
    let of = change.of;
    if of.get_ref().trim().is_empty() {
        let fault = Fault::new(
            "an override names what it changes",
            "write the id of a signature, `tag:NAME` for all with a tag, or `FOLDER/` for all of a folder",
        );
        return Err((of.span(), fault));
    }
    let several = of.get_ref().starts_with("tag:") || of.get_ref().ends_with('/');
    if several
        && let Some(place) = change.find.first().map(Spanned::span).or(change.test.first().map(Spanned::span))
    {
        let fault = Fault::new("finds and tests belong to one signature", "name the id of one signature");
        return Err((place, fault));
    }
    let (near_words, within) = change.near.map_or((Vec::new(), None), |near| (near.words, near.within));
    Ok(Tuning {
        source: Arc::clone(checker.source),
        enabled: change.enabled,
        severity: change.severity,
        owner: change.owner,
        tags: change.tags,
        finds: checker.finds(change.find)?,
        near: phrases::near_phrases(&near_words)?,
        near_words: near_words.into_iter().map(Spanned::into_inner).collect(),
        within: within.as_ref().map(phrases::within).transpose()?,
        confidence: change.confidence.map(|levels| Confidence {
            high: levels.high,
            medium: levels.medium,
            low: levels.low,
        }),
        report: Arc::new(change.report),
        exceptions: exception::check(&change.except)?,
        tests: checker.tests(&change.test)?,
        of,
    })
}

/// Applies overrides in order to the signatures that they name. One that names none, or does not fit, is a problem and changes
/// nothing.
pub(crate) fn apply(drafts: &mut [Draft], tunings: &[Tuning], problems: &mut Vec<SignatureProblem>) {
    for tuning in tunings {
        if let Err((span, fault)) = tuning.apply(drafts) {
            problems.push(SignatureProblem::at(&tuning.source.name, &tuning.source.text, &span, fault));
        }
    }
}

impl Tuning {
    /// Whether it is meant for this signature.
    pub(crate) fn names(&self, draft: &Draft) -> bool {
        let of = self.of.get_ref().as_str();
        match of.strip_prefix("tag:") {
            Some(tag) => draft.tags.iter().any(|own| own == tag),
            None if of.ends_with('/') => draft.source.relative.starts_with(of),
            None => draft.id.get_ref() == of,
        }
    }

    fn apply(&self, drafts: &mut [Draft]) -> Result<(), Placed> {
        let mut changed = Vec::new();
        for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| self.names(draft)) {
            let mut draft = draft.clone();
            self.change(&mut draft)?;
            changed.push((at, draft));
        }
        if changed.is_empty() {
            return Err((self.of.span(), self.unknown(drafts)));
        }
        for (at, draft) in changed {
            if let Some(place) = drafts.get_mut(at) {
                *place = draft;
            }
        }
        Ok(())
    }

    fn unknown(&self, drafts: &[Draft]) -> Fault {
        let of = self.of.get_ref().as_str();
        if let Some(tag) = of.strip_prefix("tag:") {
            let tags = drafts.iter().flat_map(|draft| draft.tags.iter().map(String::as_str));
            let fix = nearest(tag, tags).map_or("see the tags in `egret signatures list`".into(), |meant| {
                format!("did you mean `tag:{meant}`?")
            });
            return Fault::new(format!("no signature has the tag `{tag}`"), fix);
        }
        if of.ends_with('/') {
            return Fault::new(
                format!("there is no signature in a folder `{of}`"),
                "see the files in `egret signatures list --json`",
            );
        }
        let fix = nearest(of, drafts.iter().map(|draft| draft.id.get_ref().as_str()))
            .map_or("name a signature that is loaded".into(), |meant| format!("did you mean `{meant}`?"));
        Fault::new(format!("there is no signature `{of}`"), fix)
    }

    fn change(&self, draft: &mut Draft) -> Result<(), Placed> {
        draft.enabled = self.enabled.unwrap_or(draft.enabled);
        draft.severity = self.severity.unwrap_or(draft.severity);
        if let Some(owner) = &self.owner {
            draft.owner.clone_from(owner);
        }
        for tag in &self.tags {
            if !draft.tags.contains(tag) {
                draft.tags.push(tag.clone());
            }
        }
        for find in &self.finds {
            self.add(draft, find)?;
        }
        self.change_near(draft);
        self.change_levels(draft)?;
        self.change_report(draft);
        // The signature's own tests hold for it as its author left it. They are texts without a sender or destination, so that
        // only exceptions of texts touch them.
        let excepts_text =
            |exception: &Exception| !exception.texts.is_empty() || !exception.values.is_empty();
        if self.confidence.is_some() || self.report.at.is_some() || self.exceptions.iter().any(excepts_text) {
            draft.tests.clear();
        }
        draft.exceptions.extend(self.exceptions.iter().cloned());
        draft.tests.extend(self.tests.iter().cloned());
        draft.tuned_by.push(self.source.name.clone());
        Ok(())
    }

    fn add(&self, draft: &mut Draft, find: &DraftFind) -> Result<(), Placed> {
        let Some(known) = draft.finds.iter_mut().find(|known| known.name == find.name) else {
            draft.finds.push(find.clone());
            return find::few_enough(&draft.finds).map_err(|fault| (self.of.span(), fault));
        };
        match (&mut known.what, &find.what) {
            (What::Phrases(known), What::Phrases(more)) => known.extend(more.iter().cloned()),
            _ => {
                let message = format!("`{}` has a find `{}` already", draft.id.get_ref(), find.name);
                let fix = "give yours another name; only words, phrases and dictionaries are added to a find";
                return Err((self.of.span(), Fault::new(message, fix)));
            }
        }
        Ok(())
    }

    fn change_near(&self, draft: &mut Draft) {
        let first = draft.near.is_empty() && !self.near.is_empty();
        draft.near.extend(self.near.iter().cloned());
        draft.near_words.extend(self.near_words.iter().cloned());
        draft.within = self.within.unwrap_or(draft.within);
        if first && draft.levels.usual {
            draft.levels = Levels::usual(true);
        }
    }

    fn change_levels(&self, draft: &mut Draft) -> Result<(), Placed> {
        let Some(change) = &self.confidence else { return Ok(()) };
        let names: Vec<&str> = draft.finds.iter().map(|find| find.name.as_str()).collect();
        let parse = |text: &Option<Spanned<String>>, own: &Option<Expression>| match text {
            Some(text) => {
                Expression::parse(text.get_ref(), &names).map(Some).map_err(|fault| (text.span(), fault))
            }
            None => Ok(own.clone()),
        };
        let own = &draft.levels;
        draft.levels = Levels {
            high: parse(&change.high, &own.high)?,
            medium: parse(&change.medium, &own.medium)?,
            low: parse(&change.low, &own.low)?,
            usual: false,
        };
        Ok(())
    }

    fn change_report(&self, draft: &mut Draft) {
        let (own, change) = (&mut draft.report, &self.report);
        own.at = change.at.unwrap_or(own.at);
        own.unique = change.unique.map_or(own.unique, |unique| unique.max(1));
        own.count = change.count.map_or(own.count, |count| count.max(1));
        own.per_sender_day = change.per_sender_day.map(|day| day.unique.max(1)).or(own.per_sender_day);
        if let Some(escalate) = &change.escalate {
            own.escalate.clone_from(escalate);
            own.escalate.sort_by_key(|step| step.unique);
        }
    }
}
