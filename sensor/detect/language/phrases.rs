//! Words and phrases of finds and of `[near]`.
//!
//! Owns: which of them say too little to be looked for. Never does: matching (see `engine::words`).

use super::{check::Placed, problem::Fault, schema};
use crate::engine::words::Phrase;
use toml::Spanned;

/// Widest distance of context words, characters.
const WITHIN: usize = 1_000;
/// Distance when `[near]` is absent and finds corroborate each other, characters.
const WITHIN_DEFAULT: usize = 200;
/// Length of a phrase, bytes.
const PHRASE_BYTES: usize = 256;

/// A phrase, and where it is faulty.
pub(crate) fn placed_phrase(text: &Spanned<String>, least: usize) -> Result<Phrase, Placed> {
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

/// Context words, as they are looked for and as they are written, and their distance.
pub(crate) fn near(near: Option<&schema::Near>) -> Result<(Vec<Phrase>, Vec<String>, usize), Placed> {
    let Some(near) = near else { return Ok((Vec::new(), Vec::new(), WITHIN_DEFAULT)) };
    let within = within(&near.within)?;
    let words = near.words.get_ref();
    if words.is_empty() {
        return Err((
            near.words.span(),
            Fault::new("`near` has no words", "list words that stand beside the data"),
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
