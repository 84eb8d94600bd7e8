//! Checks of one parsed file, and its translation into what the engine needs.
//!
//! Owns: every rule that one file can break by itself. Never does: anything that needs other files.

use super::{
    draft::{Draft, Report, Test},
    exception, fingerprints, levels, phrases,
    problem::{Fault, SignatureProblem},
    schema,
    source::{Source, Sources},
    tuning::{self, Tuning},
};
use std::{ops::Range, sync::Arc};
use toml::Spanned;

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
        let near = parsed.near.is_some() || finds.iter().any(|find| find.near.is_some());
        let levels = levels::levels(parsed.confidence.as_ref(), &names, near)?;
        let (near, near_words, within) = phrases::near(parsed.near.as_ref())?;
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

    /// Checks tests.
    pub(crate) fn tests(&self, tests: &[Spanned<schema::Test>]) -> Result<Vec<Test>, Placed> {
        tests.iter().map(|test| self.test(test)).collect()
    }

    fn test(&self, test: &Spanned<schema::Test>) -> Result<Test, Placed> {
        let schema::Test { matches, no_match, match_file, no_match_file } = test.get_ref();
        let given = [
            (matches, true, false),
            (no_match, false, false),
            (match_file, true, true),
            (no_match_file, false, true),
        ];
        let mut given =
            given.into_iter().filter_map(|(given, matches, file)| Some((given.as_ref()?, matches, file)));
        let (Some((given, matches, file)), None) = (given.next(), given.next()) else {
            let fault = Fault::new(
                "a test needs one of `match`, `no_match`, `match_file`, `no_match_file`",
                "write one text a [[test]]",
            );
            return Err((test.span(), fault));
        };
        let media_type = if file {
            fingerprints::formats(given)?.first().map_or("", |format| format.media_type)
        } else {
            ""
        };
        let text = if file { String::new() } else { given.get_ref().clone() };
        Ok(Test { text, media_type, matches, span: given.span(), source: Arc::clone(self.source) })
    }
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
