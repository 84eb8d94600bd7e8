//! Finds by fingerprints: what a signature file says of records, documents, files, labels and canaries.
//!
//! Owns: checks of those keys. Never does: reading of indexes.

use super::{
    check::Placed,
    draft::What,
    problem::{Fault, nearest},
    schema::{Columns, Find},
    source::Sources,
};
use crate::engine::{fingerprints::FileRule, pattern::Pattern};
use egret_fingerprint::{
    documents::{self, DocumentRule},
    records::{RecordMatcher, Rule, RuleError},
};
use egret_model::{FILE_FORMATS, FileFormat};
use std::{collections::BTreeSet, sync::Arc};
use toml::Spanned;

/// Distance of similarity digests when none is given: much the same file.
const DISTANCE: u32 = 30;
/// Greatest distance that says anything.
const FARTHEST: u32 = 100;
/// Shortest canary, characters.
const CANARY: usize = 8;

/// What a find looks for, when it is one of these.
pub(crate) fn what(sources: &Sources, find: &Find) -> Result<Option<What>, Placed> {
    let stray = |given: Option<std::ops::Range<usize>>, key: &str, belongs: &str| match given {
        Some(span) => {
            Err((span, Fault::new(format!("`{key}` goes with `{belongs}`"), format!("add `{belongs}`"))))
        }
        None => Ok(()),
    };
    if find.records.is_none() {
        stray(find.columns.as_ref().map(Spanned::span), "columns", "records")?;
    }
    if find.documents.is_none() {
        stray(find.overlap.as_ref().map(Spanned::span), "overlap", "documents")?;
    }
    if find.similar.is_empty() {
        stray(find.distance.as_ref().map(Spanned::span), "distance", "similar")?;
    }
    if let Some(name) = &find.records {
        return records(sources, name, find.columns.as_ref()).map(Some);
    }
    if let Some(name) = &find.documents {
        let index = sources.indexes.documents(name.get_ref()).map_err(|fault| (name.span(), fault))?;
        let rule = DocumentRule { overlap: find.overlap.as_ref().map(overlap).transpose()? };
        return Ok(Some(What::Documents { index: Arc::clone(index), rule }));
    }
    if !find.sha256.is_empty() || !find.similar.is_empty() {
        return files(find).map(Some);
    }
    if !find.file.is_empty() {
        let formats = find.file.iter().map(formats).collect::<Result<Vec<_>, _>>()?.concat();
        return Ok(Some(What::Files(FileRule { formats, ..FileRule::default() })));
    }
    if !find.labels.is_empty() {
        return labels(&find.labels).map(Some);
    }
    if !find.canaries.is_empty() {
        return canaries(&find.canaries).map(Some);
    }
    Ok(None)
}

fn records(
    sources: &Sources,
    name: &Spanned<String>,
    columns: Option<&Spanned<Columns>>,
) -> Result<What, Placed> {
    let index = sources.indexes.records(name.get_ref()).map_err(|fault| (name.span(), fault))?;
    let rule = columns.map_or(Rule::Sensible, |columns| {
        let Columns { all, any } = columns.get_ref();
        Rule::Columns { all: all.clone(), any: any.clone() }
    });
    // Tried here, so that a fault has its place.
    RecordMatcher::default().add(index, &rule).map_err(|error| {
        let span = columns.map_or(name.span(), Spanned::span);
        let names = |leading: bool| {
            let columns = index.columns().iter().filter(|column| !leading || column.leads());
            columns.map(|column| column.name.as_str()).collect::<Vec<&str>>().join(", ")
        };
        let fault = match error {
            RuleError::NoColumn(column) => Fault::new(
                format!("`{}` has no column `{column}`", name.get_ref()),
                format!("its columns: {}", names(false)),
            ),
            RuleError::NothingLeads => Fault::new(
                "these columns are too common to tell one record from another",
                format!("name one of these too: {}", names(true)),
            ),
        };
        (span, fault)
    })?;
    Ok(What::Records { index: Arc::clone(index), rule })
}

fn overlap(text: &Spanned<String>) -> Result<f64, Placed> {
    let percent =
        text.get_ref().trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = percent.map(|percent| percent / 100.0).filter(|share| (0.01..=1.0).contains(share));
    share.ok_or_else(|| {
        (text.span(), Fault::new("an overlap is a share from 1% to 100%", "write it like \"30%\""))
    })
}

fn files(find: &Find) -> Result<What, Placed> {
    let sum = |text: &Spanned<String>| {
        let sum = text.get_ref().trim().to_ascii_lowercase();
        let good = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fault = || Fault::new("no SHA-256 sum: 64 hexadecimal digits", "copy it from `sha256sum FILE`");
        good.then_some(sum).ok_or_else(|| (text.span(), fault()))
    };
    let digest = |text: &Spanned<String>| {
        let fault =
            || Fault::new("no TLSH digest: T1 and 70 hexadecimal digits", "copy it from `tlsh -f FILE`");
        documents::digest(text.get_ref()).ok_or_else(|| (text.span(), fault()))
    };
    let distance = match &find.distance {
        Some(given) if !(1..=FARTHEST).contains(given.get_ref()) => {
            let fault = Fault::new(format!("a distance is from 1 to {FARTHEST}"), "30 is much the same file");
            return Err((given.span(), fault));
        }
        given => given.as_ref().map_or(DISTANCE, |given| *given.get_ref()),
    };
    Ok(What::Files(FileRule {
        sums: find.sha256.iter().map(sum).collect::<Result<_, _>>()?,
        digests: find.similar.iter().map(digest).collect::<Result<_, _>>()?,
        distance,
        formats: Vec::new(),
    }))
}

/// The kinds of files that a name stands for: one, or a family.
pub(crate) fn formats(name: &Spanned<String>) -> Result<Vec<&'static FileFormat>, Placed> {
    let given = name.get_ref().as_str();
    let named: Vec<_> =
        FILE_FORMATS.iter().filter(|known| known.name == given || known.family == given).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let families: BTreeSet<&str> = FILE_FORMATS.iter().map(|known| known.family).collect();
    let known = || FILE_FORMATS.iter().map(|known| known.name).chain(families.iter().copied());
    let fix = nearest(given, known()).map_or_else(
        || {
            let families: Vec<&str> = families.iter().copied().collect();
            format!("name a kind of file, or one of: {}", families.join(", "))
        },
        |meant| format!("did you mean `{meant}`?"),
    );
    Err((name.span(), Fault::new(format!("there is no kind of file `{given}`"), fix)))
}

/// Labels stand in metadata that become lines of text: `MSIP_Label_GUID_Name: Confidential` in documents of Office and in PDF,
/// `msip_labels: MSIP_Label_GUID_Name=Confidential;` and `Sensitivity: Company-Confidential` (RFC 2156 section 5.3.4) in mails.
fn labels(labels: &[Spanned<String>]) -> Result<What, Placed> {
    let mut ways = Vec::with_capacity(labels.len());
    for label in labels {
        let given = label.get_ref().trim();
        if given.chars().count() < 3 {
            return Err((
                label.span(),
                Fault::new("a label has at least three characters", "write its name or id in full"),
            ));
        }
        ways.push(escaped(given));
    }
    let any = ways.join("|");
    let text = format!(
        "(?i)(?:MSIP_Label_[0-9a-f-]{{36}}_[a-z]{{2,20}}\\s?[:=]\\s?\"?(?:{any})\\b\
         |MSIP_Label_(?:{any})_|\\bid: \\{{(?:{any})\\}}\
         |(?:sensitivity|classification|protective-marking)(?:-label)?\\s?[:=][^\\n]{{0,80}}?\\b(?:{any})\\b)"
    );
    compiled(&text, labels)
}

fn canaries(canaries: &[Spanned<String>]) -> Result<What, Placed> {
    for canary in canaries {
        if canary.get_ref().trim().chars().count() < CANARY {
            let fault = Fault::new(
                format!("a canary of fewer than {CANARY} characters may stand in any text"),
                "plant a longer one, such as a made-up name with a number",
            );
            return Err((canary.span(), fault));
        }
    }
    let ways: Vec<String> = canaries.iter().map(|canary| escaped(canary.get_ref().trim())).collect();
    compiled(&format!("(?i)(?:{})", ways.join("|")), canaries)
}

fn escaped(text: &str) -> String {
    regex_syntax::escape(text)
}

fn compiled(text: &str, given: &[Spanned<String>]) -> Result<What, Placed> {
    let span = given.first().map_or(0..0, Spanned::span);
    match Pattern::compile(text) {
        Ok(compiled) => Ok(What::Pattern { pattern: Box::new(compiled.pattern), text: text.to_owned() }),
        Err((_, fault)) => Err((span, fault)),
    }
}
