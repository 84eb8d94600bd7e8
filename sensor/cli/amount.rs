//! Quantities as people read them.
//!
//! Owns: formatting of bytes, counts and rates. Never does: arithmetic that matters.

/// Bytes with a binary unit, three significant digits: `1.23 GiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// A count with its digits grouped: `1,234,567`.
pub(crate) fn count(count: u64) -> String {
    indicatif::HumanCount(count).to_string()
}

/// A count with its noun: `1 packet`, `2 packets`.
pub(crate) fn of(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// `text`, at most `most` characters of it.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
