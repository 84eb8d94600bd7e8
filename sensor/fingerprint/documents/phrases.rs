//! Phrases that tell a document from others, for its owner to read and edit; and lines that tell nothing.
//!
//! Owns: the choice of phrases, what programs write into documents by themselves. Never does: matching of phrases.

use std::collections::{HashMap, HashSet};

/// Words of a phrase.
const WORDS: usize = 6;
/// Phrases of one document.
const CHOSEN: usize = 3;
/// Phrases of one document that are weighed, spread over it.
const WEIGHED: usize = 400;
/// Bytes of the longest phrase.
const PHRASE_BYTES: usize = 120;

/// Names of properties that programs write into every document, and words of empty templates.
const PROPERTIES: [&str; 45] = [
    "Template",
    "TotalTime",
    "Pages",
    "Words",
    "Characters",
    "Application",
    "DocSecurity",
    "Lines",
    "Paragraphs",
    "Slides",
    "Notes",
    "HiddenSlides",
    "MMClips",
    "ScaleCrop",
    "HeadingPairs",
    "TitlesOfParts",
    "Company",
    "LinksUpToDate",
    "CharactersWithSpaces",
    "SharedDoc",
    "HyperlinksChanged",
    "AppVersion",
    "PresentationFormat",
    "Manager",
    "creator",
    "lastModifiedBy",
    "revision",
    "created",
    "modified",
    "lastPrinted",
    "language",
    "category",
    "version",
    "Producer",
    "Creator",
    "CreationDate",
    "ModDate",
    "Trapped",
    "generator",
    "initial-creator",
    "creation-date",
    "editing-cycles",
    "editing-duration",
    "print-date",
    "printed-by",
];
/// What stands on the master slides of nearly every presentation.
const MASTERS: [&str; 12] = [
    "Click to edit Master",
    "Second level",
    "Third level",
    "Fourth level",
    "Fifth level",
    "Click icon to add",
    "‹#›",
    "<#>",
    "Click to edit the",
    "Click to move the slide",
    "Click to add",
    "Outline Level",
];

/// What Office puts into the data beside a text.
const TEMPLATES: [&str; 4] =
    ["schemas.openxmlformats.org", "schemas.microsoft.com", "purl.oclc.org/ooxml", ".XSL"];

fn contains(line: &[u8], part: &[u8]) -> bool {
    line.windows(part.len()).any(|window| window == part)
}

/// Whether a line is none of the author's.
pub(crate) fn is_property(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let name =
        line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len() && name.len() < 30);
    let is_identifier = line.starts_with(b"{") && line.ends_with(b"}") && line.len() == 38;
    let is_template = is_identifier || TEMPLATES.iter().any(|known| contains(line, known.as_bytes()));
    is_template
        || name.is_some_and(|name| PROPERTIES.iter().any(|known| known.as_bytes() == name))
        || MASTERS.iter().any(|master| line.starts_with(master.as_bytes()))
}

/// Collects phrases of documents.
#[derive(Debug, Default)]
pub(crate) struct Phrases {
    documents: Vec<Vec<String>>,
    words: HashMap<String, u32>,
    ordinary: HashSet<String>,
}

impl Phrases {
    /// The next document.
    pub(crate) fn document(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let found = phrases(&text);
        for word in text.split_whitespace() {
            *self.words.entry(word.to_lowercase()).or_default() += 1;
        }
        let step = found.len().div_ceil(WEIGHED).max(1);
        self.documents.push(found.into_iter().step_by(step).collect());
    }

    /// A text whose phrases tell nothing.
    pub(crate) fn ordinary(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        self.ordinary.extend(phrases(&text).into_iter().map(|phrase| phrase.to_lowercase()));
    }

    /// The best phrases of each document, under the name that `name` gives it.
    pub(crate) fn chosen(self, name: impl Fn(usize) -> Option<String>) -> Vec<(String, Vec<String>)> {
        let mut taken: HashSet<String> = self.ordinary;
        let mut all = Vec::new();
        for (at, candidates) in self.documents.into_iter().enumerate() {
            let mut weighed: Vec<(u64, String)> =
                candidates.into_iter().map(|phrase| (weight(&phrase, &self.words), phrase)).collect();
            weighed.sort_by(|a, b| b.cmp(a));
            let fresh = weighed.into_iter().filter(|(weight, _)| *weight > 0).map(|(_, phrase)| phrase);
            let chosen: Vec<String> =
                fresh.filter(|phrase| taken.insert(phrase.to_lowercase())).take(CHOSEN).collect();
            if let Some(name) = name(at).filter(|_| !chosen.is_empty()) {
                all.push((name, chosen));
            }
        }
        all
    }
}

/// Sequences of words that nothing but one blank stands between; none overlaps another.
fn phrases(text: &str) -> Vec<String> {
    let is_word = |word: &&str| word.chars().all(char::is_alphanumeric) && !word.is_empty();
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !is_property(line.as_bytes())) {
        let words: Vec<&str> = line.split(' ').collect();
        for run in words.chunk_by(|a, b| is_word(a) == is_word(b)).filter(|run| run.iter().all(is_word)) {
            found.extend(
                run.chunks_exact(WORDS)
                    .map(|words| words.join(" "))
                    .filter(|phrase| phrase.len() <= PHRASE_BYTES),
            );
        }
    }
    found
}

/// How much a phrase tells: long words that the documents seldom hold. 0: too little.
fn weight(phrase: &str, words: &HashMap<String, u32>) -> u64 {
    let letters = |word: &str| word.chars().filter(|c| c.is_alphabetic()).count();
    if phrase.split(' ').filter(|word| letters(word) >= 6).count() < 2 {
        return 0;
    }
    let one = |word: &str| {
        let seen = words.get(&word.to_lowercase()).copied().unwrap_or(1).max(1);
        (letters(word).min(12) * 1000) as u64 / u64::from(seen)
    };
    phrase.split(' ').map(one).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_phrases_are_chosen() {
        let mut phrases = Phrases::default();
        phrases.ordinary(b"please consider the environment before printing");
        phrases.document(
            b"Application: Microsoft Word for the whole enterprise edition\n\
              please consider the environment before printing\n\
              the thing is that it was so\n\
              turbine blades annealed beneath argon steam when cold, and so it was that they were as good as it was",
        );
        let chosen = phrases.chosen(|_| Some("a.txt".into()));
        let all: Vec<&str> = chosen.iter().flat_map(|(_, phrases)| phrases).map(String::as_str).collect();
        assert_eq!(all, ["turbine blades annealed beneath argon steam"]);
    }

    #[test]
    fn lines_of_programs_are_known() {
        for line in [
            "TotalTime: 0\n",
            "AppVersion: 16.0\r\n",
            "Click to edit Master title style",
            "/APA.XSL APA ",
            "{EF278816-EC6F-A645-907D-7F25AECB1D4A} ",
        ] {
            assert!(is_property(line.as_bytes()), "{line}");
        }
        for line in ["Pages of history: we read them", "Note: the total time", "version control"] {
            assert!(!is_property(line.as_bytes()), "{line}");
        }
    }
}
