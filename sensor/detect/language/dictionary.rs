//! Dictionaries: plain text files with a word or phrase a line, which people can edit without knowing the language.
//!
//! Owns: reading of one, with the place of what is wrong in it. Never does: the search for its terms.

use super::{
    phrases,
    problem::{Fault, SignatureProblem},
    source::Source,
};
use crate::engine::words::Phrase;

/// Terms of one dictionary.
const TERMS: usize = 20_000;

/// The terms of a dictionary. `#` begins a comment, blank lines count for nothing; a term that can't be used is a problem and
/// the others still are.
pub(crate) fn terms(source: &Source, problems: &mut Vec<SignatureProblem>) -> Vec<Phrase> {
    let mut terms = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let term = line.split_once(" #").map_or(line, |(term, _)| term).trim();
        if term.is_empty() || term.starts_with('#') {
            continue;
        }
        let begin = start + (line.len() - line.trim_start().len());
        let span = begin..begin + term.len();
        let read = if terms.len() < TERMS {
            phrases::phrase(term, 3)
        } else {
            Err(Fault::new(format!("more than {TERMS} terms"), "split the dictionary"))
        };
        let full = terms.len() >= TERMS;
        match read {
            Ok(phrase) => terms.push(phrase),
            Err(fault) => {
                let problem = SignatureProblem::at(&source.name, &source.text, &span, fault);
                // Several signatures may name one dictionary.
                if !problems.contains(&problem) {
                    problems.push(problem);
                }
                if full {
                    break;
                }
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_comments_and_faults() {
        let text = "# drugs\n\namoxicillin\n  zorglium forte # a brand\nthe\nC#4 minor\r\n#x\n";
        let source =
            Source { name: "d.txt".into(), relative: "d.txt".into(), text: text.into(), shipped: false };
        let mut problems = Vec::new();
        assert_eq!(terms(&source, &mut problems).len(), 3);
        let lines: Vec<String> = problems.iter().map(SignatureProblem::one_line).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("d.txt:5:1: `the` would be found everywhere"), "{lines:?}");
    }

    #[test]
    fn a_dictionary_has_an_end() {
        let text: String = (0..TERMS + 5).map(|n| format!("term{n}\n")).collect();
        let source =
            Source { name: "d.txt".into(), relative: "d.txt".into(), text: text.into(), shipped: false };
        let mut problems = Vec::new();
        assert_eq!((terms(&source, &mut problems).len(), problems.len()), (TERMS, 1));
    }
}
