//! Randomness: a key is random, an example or an identifier in code is not.

use super::{Subject, Validator, ValueForm, Verdict, randomness};

/// `entropy`: the longest run of key characters in the match looks random.
pub(super) const VALIDATOR: Validator = Validator { name: "entropy", check, value: ValueForm::Exact };

/// `token`: as `entropy`, but words in it raise a doubt only: behind a prefix that nothing else has, people may have chosen
/// them.
pub(super) const TOKEN: Validator = Validator { name: "token", check: token, value: ValueForm::Exact };

/// Shortest run of which randomness can be told.
const SHORTEST: usize = 8;

/// The share of a key, in percent, from which words in it say that it is a name. Prefixes of keys are words too.
const WORDS_PERCENT: usize = 55;

/// Bits a character that random text of this length has with good margin.
fn required(length: usize) -> f64 {
    // A random text of n signs can't show more than log2(n) bits; a third of that is lost to chance in short ones.
    let most = f64::from(u32::try_from(length).unwrap_or(u32::MAX)).log2();
    (most * 0.7).min(3.0)
}

fn check(subject: &Subject<'_>) -> Verdict {
    match token(subject) {
        Verdict::Doubtful(_) => Verdict::Invalid,
        verdict => verdict,
    }
}

fn token(subject: &Subject<'_>) -> Verdict {
    let longest =
        subject.matched.split(|byte| !is_key(*byte)).max_by_key(|run| run.len()).unwrap_or_default();
    if longest.len() < SHORTEST || is_placeholder(subject.matched) || bits(longest) < required(longest.len())
    {
        Verdict::Invalid
    } else if randomness::words(longest) * 100 > longest.len() * WORDS_PERCENT {
        Verdict::Doubtful("made of words")
    } else if is_counting(subject.matched) {
        Verdict::Sample("made up: it counts")
    } else {
        Verdict::Valid("looks random")
    }
}

fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-')
}

/// Shannon entropy in bits a byte.
pub(super) fn bits(text: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

/// Words that people put where a key belongs, and runs of one sign.
pub(super) fn is_placeholder(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 11] = [
        b"example",
        b"placeholder",
        b"xxxxxx",
        b"changeme",
        b"your_",
        b"your-",
        b"insert",
        b"redacted",
        b"replace",
        b"dummy",
        b"-here",
    ];
    let holds = |word: &[u8]| text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    WORDS.iter().any(|word| holds(word))
        || text.windows(8).any(|window| window.iter().all(|byte| window.first() == Some(byte)))
}

/// Whether a short value counts, as values do that were typed for a test: `abcdef`, `123456`, `a1b2c3d4`.
pub(super) fn is_counting(text: &[u8]) -> bool {
    const STEPS: usize = 6;
    let up = |distance: usize| {
        let mut run = 0;
        let mut longest = 0;
        for (a, b) in text.iter().zip(text.iter().skip(distance)) {
            let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
            let next = b == a.wrapping_add(1) || a == b'9' && b == b'0' || b.wrapping_add(1) == a;
            run = if next && a.is_ascii_alphanumeric() && b.is_ascii_alphanumeric() { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest
    };
    // By chance, six steps in a row stand in one of a hundred thousand keys.
    up(1) >= STEPS || up(2) > STEPS
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn random_is_told_from_placeholder() {
        for random in ["0MWZ00r9L3HI/7JshQbqgclYzGSRPUdQ+XAn0siA", "f5ac2d1b9e07486c", "AIzaSyD4k3mVt9Q-pLw7"]
        {
            assert!(matches!(check(&VALIDATOR, random), Verdict::Valid(_)), "{random}");
        }
        for plain in [
            "xxxxxxxxxxxxxxxxxxxx",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aaaaaaaabbbbbbbb",
            "00000000000000000000",
            "",
        ] {
            assert_eq!(check(&VALIDATOR, plain), Verdict::Invalid, "{plain}");
        }
    }
}
