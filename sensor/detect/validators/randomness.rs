//! What a value is made of: by chance, of words, or by hand on a keyboard.
//!
//! Owns: the judgement of a value without its name. Never does: decisions; see the validators that ask.

use super::entropy::{bits, is_counting, is_placeholder};

/// How a value came about, as far as it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// By chance.
    Random,
    /// By chance, in the form of RFC 9562: more often an identifier than a secret.
    Uuid,
    /// By hand: it counts, or repeats a few signs.
    MadeUp,
    /// Of words, as a name, a path or a sentence is.
    Words,
    /// A stand-in: `your-key-here`, `${KEY}`, `xxxxxxxx`.
    Placeholder,
    /// Too short or too plain to tell.
    Plain,
}

/// Shortest value of which randomness can be told.
const SHORTEST: usize = 8;
/// The share of a value, in percent, from which words in it make it one of words.
const WORDS_PERCENT: usize = 50;

/// The letters that follow each letter in most words of English and of the names that programs are made of. Two of seven
/// pairs in random text are among them, and four of five in words.
const FOLLOWERS: [&[u8]; 26] = [
    b"bcdgiklmnprstuvwy",
    b"aeiloru",
    b"acehiklort",
    b"abdeiorsu",
    b"abcdefgilmnoprstvxy",
    b"aefilortu",
    b"aegilnoru",
    b"aeiot",
    b"abcdefglmnoprstvz",
    b"aeou",
    b"aeinos",
    b"abdefilostuy",
    b"abeimopsu",
    b"acdefgiknostuy",
    b"abcdefglmnoprstuvwk",
    b"aehiloprstu",
    b"u",
    b"abcdegilmnorstuvy",
    b"acehiklmopstuy",
    b"acehilorstuwy",
    b"abcdegilmnprst",
    b"aeio",
    b"aehinor",
    b"ptiaec",
    b"esp",
    b"aeio",
];

/// Judges a value.
pub(super) fn nature(value: &[u8]) -> Nature {
    if is_placeholder(value) || is_template(value) {
        return Nature::Placeholder;
    }
    if is_uuid(value) {
        return if bits(value) < 2.5 { Nature::Plain } else { Nature::Uuid };
    }
    let count = |is: fn(&u8) -> bool| value.iter().filter(|byte| is(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let letters = count(u8::is_ascii_alphabetic);
    let length = value.len();
    if length < SHORTEST || letters == 0 || digits + letters < SHORTEST || digits + letters < length * 6 / 10
    {
        return Nature::Plain;
    }
    let hex = value.iter().all(u8::is_ascii_hexdigit);
    let log = f64::from(u32::try_from(length).unwrap_or(u32::MAX)).log2();
    let least = if hex { (log * 0.66).min(2.8) } else { (log * 0.72).min(3.3) };
    if is_counting(value) {
        return Nature::MadeUp;
    }
    if !hex && words(value) * 100 >= length * WORDS_PERCENT {
        return Nature::Words;
    }
    let entropy = bits(value);
    if entropy < least {
        return if entropy + 0.7 >= least && length >= 16 { Nature::MadeUp } else { Nature::Plain };
    }
    let upper = count(u8::is_ascii_uppercase);
    let kinds = [digits, upper, letters - upper].iter().filter(|count| **count > 0).count();
    // Letters of one case alone are read in pairs, which need a few to be told from a word of another language.
    if kinds == 1 && length < 20 || digits == 0 && length < 12 {
        return Nature::Plain;
    }
    Nature::Random
}

/// Letters in parts that read like words: four or more of one case, most pairs of which are usual ones.
pub(super) fn words(value: &[u8]) -> usize {
    let mut total = 0;
    let mut start = 0;
    for at in 0..=value.len() {
        let previous = at.checked_sub(1).and_then(|at| value.get(at));
        let border = match (previous, value.get(at)) {
            (Some(a), Some(b)) => {
                !b.is_ascii_alphabetic()
                    || !a.is_ascii_alphabetic()
                    || a.is_ascii_lowercase() && b.is_ascii_uppercase()
            }
            _ => true,
        };
        if border {
            let part = value.get(start..at).unwrap_or_default();
            total += if is_word(part) { part.len() } else { 0 };
            start = at;
        }
    }
    total
}

fn is_word(part: &[u8]) -> bool {
    let part = part.strip_prefix(b"_").unwrap_or(part);
    // One case, but for a capital at the start.
    let tail = part.get(1..).unwrap_or_default();
    let even = tail.iter().all(u8::is_ascii_lowercase) || part.iter().all(u8::is_ascii_uppercase);
    if part.len() < 4 || !even {
        return false;
    }
    let usual = part.windows(2).filter(|pair| is_usual(pair)).count();
    usual * 100 >= (part.len() - 1) * 66
}

fn is_usual(pair: &[u8]) -> bool {
    let [first, second] = pair else { return false };
    let at = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a'));
    FOLLOWERS.get(at).is_some_and(|followers| followers.contains(&second.to_ascii_lowercase()))
}

/// Whether a value is made of short parts between dots and underscores, as names of programs and keys of settings are.
pub(super) fn is_dotted(value: &[u8]) -> bool {
    let longest = value.split(|byte| !byte.is_ascii_alphanumeric()).map(<[u8]>::len).max().unwrap_or(0);
    longest < SHORTEST && value.iter().any(|byte| matches!(byte, b'.' | b'_'))
}

/// Something that a program will fill in, or a call that gives the value.
pub(super) fn is_template(value: &[u8]) -> bool {
    const MARKS: [&[u8]; 12] = [
        b"${",
        b"$(",
        b"{{",
        b"<%",
        b"%(",
        b"#{",
        b"%s",
        b"{0}",
        b"getenv",
        b"process.env",
        b"environ",
        b"....",
    ];
    let holds = |mark: &[u8]| value.windows(mark.len()).any(|window| window.eq_ignore_ascii_case(mark));
    value.starts_with(b"$") && value.iter().skip(1).all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        || value.starts_with(b"<") && value.ends_with(b">")
        || MARKS.iter().any(|mark| holds(mark))
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_apart() {
        for (nature_of, values) in [
            (
                Nature::Random,
                &[
                    "vq2fk1qxwn4bker4ukk1",
                    "9D39V79EZ6V3RO0YFV3XUOGLJ",
                    "da5a2e65d83a40d6cebaac60ef01803f",
                    "mbACjpi8P_c_6y2WMu4dUfvnvKWuDb_3",
                    "zpczok4kqgnw5prpfy3ehiylbqvgbjfkdiqkejsxqamy7qbkep7q",
                    "bfQxRkTzWvLmGpHnDcJy",
                    "3lyTWqHMt5UySny2drdPYheRTEzrNux8Cn5JWFHL",
                ][..],
            ),
            (Nature::Uuid, &["64176f2e-e1da-3e29-2a08-19fa8bcb1838"]),
            (Nature::MadeUp, &["abcdef1234567890abcdef1234567890", "abcdefabcdefabcdefabcdefabcdefab"]),
            (
                Nature::Words,
                &[
                    "application/javascript",
                    "the-quick-brown-fox",
                    "getAccessTokenFromRequest",
                    "SOME_CONSTANT_NAME",
                    "user_password_reset_token",
                    "Europe/Istanbul",
                    "session-cookie-2024",
                ],
            ),
            (
                Nature::Placeholder,
                &[
                    "${SECRET_VALUE_OF}",
                    "your-key-goes-here",
                    "xxxxxxxxxxxxxxxx",
                    "<insert key here>",
                    "$github_token",
                ],
            ),
            (Nature::Plain, &["123456789012345678", "abc", "", "-=-=-=-=-=-=-=-=", "90817263"]),
        ] {
            for value in values {
                assert_eq!(nature(value.as_bytes()), nature_of, "{value}");
            }
        }
    }
}
