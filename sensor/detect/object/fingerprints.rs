//! Fingerprints in the scan of an object: records as text comes, documents and files when it ends.
//!
//! Owns: how their matches become matches of finds. Never does: searching, which is the work of `egret-fingerprint`.

use super::{Detail, Fresh, Kept, ObjectScan, Scratch, Signs};
use crate::{
    SignatureSet,
    engine::{FindId, Judgement, narrow::Narrowing, redact::Excerpt},
};
use egret_fingerprint::documents::{DocumentMatch, Passage};
use egret_model::{DetectLimits, FileFormat};
use foldhash::quality::FixedState;
use std::{hash::BuildHasher as _, ops::Range};

/// What is shown of a match in place of its redacted text, and why it counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) redacted: String,
    pub(crate) why: Vec<String>,
}

impl ObjectScan {
    /// The object is a file of no known format. It may be `compared` as a whole.
    pub(crate) fn as_bytes(&mut self, compared: bool) {
        self.narrow = Some(Narrowing::default());
        if compared {
            self.documents.compare_file();
        }
    }

    /// The object is the file with this SHA-256 and of this media type.
    pub(crate) fn is_file(&mut self, sha256: &str, media_type: &str) {
        self.sha256 = Some(sha256.to_owned());
        self.format = FileFormat::of_media_type(media_type);
    }

    /// Looks for records by values that begin before `horizon`, and takes the prints of all text.
    pub(super) fn fingerprints(
        &mut self,
        set: &SignatureSet,
        limits: &DetectLimits,
        scratch: &mut Scratch,
        horizon: usize,
    ) {
        let known = &set.engine.fingerprints;
        if !known.records.is_empty() {
            let Self { text, base, verified, fresh, records, .. } = self;
            let span = *verified..horizon.max(*verified);
            let window = (text.as_slice(), *base);
            known.records.find(
                window,
                span,
                limits.values_tracked,
                records,
                &mut scratch.records,
                &mut |found| {
                    let Some((finder, names)) = known.record_rules.get(found.rule as usize) else { return };
                    let columns = names
                        .iter()
                        .enumerate()
                        .filter(|(at, _)| found.columns >> at & 1 != 0)
                        .map(|(_, name)| name);
                    let columns = columns.map(String::as_str).collect::<Vec<&str>>().join(", ");
                    fresh.push(Fresh {
                        range: *base + found.range.start as u64..*base + found.range.end as u64,
                        finder: *finder,
                        digits: 0,
                        judgement: Judgement { sample: false, doubtful: found.doubtful },
                        record: Some(found.record),
                        told: Some(Box::new(Told {
                            redacted: format!("[{columns}]"),
                            why: vec![format!("cells of one record: {columns}")],
                        })),
                    });
                },
            );
        }
        if !known.documents.is_empty() {
            let from = self.relative(self.printed);
            let Self { text, base, normaliser, documents, .. } = self;
            let place = |at: usize| normaliser.original(*base + (from + at) as u64);
            known.documents.push(
                documents,
                text.get(from..).unwrap_or_default(),
                place,
                limits.values_tracked,
            );
            self.printed = self.base + self.text.len() as u64;
        }
    }

    /// What the object is as a whole, once all of it was seen.
    pub(crate) fn whole(&mut self, set: &SignatureSet, limits: &DetectLimits) {
        let known = &set.engine.fingerprints;
        let sum = self.sha256.take();
        for (rule, finder) in &known.files {
            if let Some(why) = rule.says(sum.as_deref(), self.documents.digest().as_ref(), self.format) {
                let value = hash(sum.as_deref().unwrap_or(&why));
                let told = Told { redacted: "[file]".into(), why: vec![why] };
                self.keep_whole(set, limits, *finder, value, Signs::default(), &[(0..0, told)]);
            }
        }
        if known.documents.is_empty() {
            return;
        }
        let found = known.documents.finish(&mut self.documents, sum.as_deref(), limits.values_tracked);
        for document in found {
            let Some(finder) = known.document_rules.get(document.rule as usize) else { continue };
            let signs = Signs { doubtful: document.doubtful, ..Signs::default() };
            self.keep_whole(set, limits, *finder, hash(&document.name), signs, &told(&document));
        }
    }

    /// Keeps what holds for the whole object: it stands beside every other match.
    fn keep_whole(
        &mut self,
        set: &SignatureSet,
        limits: &DetectLimits,
        finder: u32,
        value: u64,
        signs: Signs,
        told: &[(Range<u64>, Told)],
    ) {
        let Some(known) = set.engine.finders.get(finder as usize) else { return };
        for FindId { signature, find } in &known.finds {
            let info = set
                .signatures
                .get(*signature as usize)
                .and_then(|known| known.compiled.finds.get(usize::from(*find)));
            let Some(info) = info.filter(|info| info.reachable >> signs.index() & 1 != 0) else { continue };
            let tally = self.tallies.entry(*signature).or_default();
            for (place, told) in told {
                if tally.kept.len() >= limits.values_tracked {
                    break;
                }
                let mut detail = u32::MAX;
                if info.counts && tally.details.len() < limits.values_tracked {
                    detail = u32::try_from(tally.details.len()).unwrap_or(u32::MAX);
                    tally.details.push(Detail {
                        offset: place.start,
                        length: place.end - place.start,
                        redacted: told.redacted.clone(),
                        excerpt: Excerpt::default(),
                        reasons: Vec::new(),
                        told: told.why.clone(),
                        word: None,
                        token: None,
                    });
                }
                let (start, end, digits, find) = (0, u64::MAX, 0, *find);
                tally.kept.push(Kept { start, end, value, finder, detail, find, digits, signs, excepted: 0 });
            }
        }
    }
}

/// What is told of a document: a match a passage.
fn told(found: &DocumentMatch) -> Vec<(Range<u64>, Told)> {
    let percent = |share: f64| format!("{:.0}%", (share * 100.0).clamp(1.0, 100.0));
    let mut why = Vec::new();
    if found.exact {
        why.push(format!("the file is {}, byte for byte", found.name));
    } else {
        if let Some(distance) = found.distance {
            why.push(format!("the file is much like {}: TLSH distance {distance}", found.name));
        }
        if !found.passages.is_empty() {
            let (share, of_stream) = (percent(found.share), percent(found.of_stream));
            why.push(format!("{share} of {}, which is {of_stream} of this content", found.name));
        }
    }
    let part = |passage: &Passage| {
        let Range { start, end } = passage.characters;
        let part = format!("its characters {start} to {} of {}", end.min(found.length), found.length);
        let why = why.iter().cloned().chain([part]).collect();
        (passage.range.clone(), Told { redacted: found.name.clone(), why })
    };
    let mut all: Vec<(Range<u64>, Told)> = found.passages.iter().map(part).collect();
    if all.is_empty() {
        all.push((0..0, Told { redacted: found.name.clone(), why }));
    }
    all
}

fn hash(text: &str) -> u64 {
    FixedState::with_seed(0x6567_7265_7420_6670).hash_one(text)
}
