//! The written form of a number: `###-##-####`, `#{13,19}`, `@@######@`.
//!
//! `#` is a digit, `@` a letter, `*` either; `{4}` or `{13,19}` repeats the sign before it; a space, hyphen, full stop or
//! slash stands for itself. The engine finds the first group of digits in the text and compares the layout around it.
//! Owns: parsing and comparison of one layout at one place. Never does: boundaries, check digits.

use super::problem::Fault;

/// Fewest digits of a layout: with fewer, the digit gate would let half of all text through.
pub(crate) const FEWEST_DIGITS: usize = 6;
/// Widest layout, bytes.
pub(crate) const WIDEST: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Digit,
    Letter,
    Either,
    Exactly(u8),
}

impl Sign {
    fn is(self, byte: u8) -> bool {
        match self {
            Self::Digit => byte.is_ascii_digit(),
            Self::Letter => byte.is_ascii_alphabetic(),
            Self::Either => byte.is_ascii_alphanumeric(),
            Self::Exactly(expected) => byte == expected,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    sign: Sign,
    least: usize,
    most: usize,
}

/// A parsed layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    parts: Vec<Part>,
    lead: usize,
    separator: Option<u8>,
}

impl Layout {
    /// Parses a layout.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            let sign = match byte {
                b'#' => Sign::Digit,
                b'@' => Sign::Letter,
                b'*' => Sign::Either,
                b' ' | b'-' | b'.' | b'/' => Sign::Exactly(byte),
                b'{' => {
                    let inner: Vec<u8> = rest.by_ref().take_while(|byte| *byte != b'}').collect();
                    let (least, most) = repeats(&inner)?;
                    let part = parts.last_mut().ok_or_else(|| stray("{"))?;
                    // The sign itself was counted once already.
                    part.least = part.least.saturating_sub(1).saturating_add(least);
                    part.most = part.most.saturating_sub(1).saturating_add(most);
                    continue;
                }
                _ => {
                    return Err(stray(
                        &text
                            .chars()
                            .find(|c| !"#@* -./{},0123456789".contains(*c))
                            .unwrap_or(char::from(byte))
                            .to_string(),
                    ));
                }
            };
            match parts.last_mut() {
                Some(part) if part.sign == sign => {
                    part.least += 1;
                    part.most += 1;
                }
                _ => parts.push(Part { sign, least: 1, most: 1 }),
            }
        }
        Self::checked(parts)
    }

    fn checked(parts: Vec<Part>) -> Result<Self, Fault> {
        let leading = || parts.iter().take_while(|p| p.sign != Sign::Digit);
        let lead = leading().map(|p| p.least).sum();
        let varying_lead = leading().any(|p| p.least != p.most);
        let separator = parts.iter().find_map(|p| match p.sign {
            Sign::Exactly(byte) => Some(byte),
            _ => None,
        });
        let layout = Self { parts, lead, separator };
        let digits = layout.fewest_digits();
        if digits < FEWEST_DIGITS {
            return Err(Fault::new(
                format!(
                    "a number layout needs at least {FEWEST_DIGITS} digits for certain, this has {digits}"
                ),
                "use `regex` for shorter numbers, with a word that stands before them",
            ));
        }
        if layout.widest() > WIDEST {
            return Err(Fault::new(
                format!("a number layout takes at most {WIDEST} characters"),
                "make it shorter",
            ));
        }
        if varying_lead || layout.parts.windows(2).any(ambiguous) {
            return Err(Fault::new(
                "only the last part of a number layout, or one before a separator, may vary in length",
                "write several layouts instead",
            ));
        }
        Ok(layout)
    }

    /// Bytes before the first digit.
    pub(crate) const fn lead(&self) -> usize {
        self.lead
    }

    /// The byte that separates its groups, if it has any.
    pub(crate) const fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// Whether it is one group of digits and nothing else.
    pub(crate) fn is_bare(&self) -> bool {
        matches!(self.parts.as_slice(), [part] if part.sign == Sign::Digit)
    }

    /// Digits that it has for certain.
    pub(crate) fn fewest_digits(&self) -> usize {
        self.parts.iter().filter(|part| part.sign == Sign::Digit).map(|part| part.least).sum()
    }

    /// Greatest number of bytes it covers.
    pub(crate) fn widest(&self) -> usize {
        self.parts.iter().map(|part| part.most).sum()
    }

    /// Whether its first group of digits may have this length. A group that is followed by "either" signs may be longer.
    pub(crate) fn begins_with(&self, digits: usize) -> bool {
        let mut parts = self.parts.iter().skip_while(|part| part.sign != Sign::Digit);
        let first = parts.next();
        let open = parts.next().is_some_and(|part| part.sign == Sign::Either);
        first.is_some_and(|part| digits >= part.least && (open || digits <= part.most))
    }

    /// The byte that follows its first group of digits in every case, if one does.
    pub(crate) fn follows(&self) -> Option<u8> {
        match self.parts.iter().skip_while(|part| part.sign != Sign::Digit).nth(1)?.sign {
            Sign::Exactly(byte) => Some(byte),
            _ => None,
        }
    }

    /// Fewest and most digits of the group behind the separator that follows its first group; any number where no such
    /// group follows.
    pub(crate) fn second_group(&self) -> (usize, usize) {
        let mut parts = self.parts.iter().skip_while(|part| part.sign != Sign::Digit).skip(1);
        match (parts.next().map(|part| (part.sign, part.most)), parts.next(), parts.next()) {
            (Some((Sign::Exactly(_), 1)), Some(part), after) if part.sign == Sign::Digit => {
                let open = after.is_some_and(|after| after.sign == Sign::Either);
                (part.least, if open { usize::MAX } else { part.most })
            }
            _ => (0, usize::MAX),
        }
    }

    /// Compares at the start of `text`; the length that fits.
    pub(crate) fn fits(&self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for part in &self.parts {
            let rest = text.get(at..)?;
            let rest = rest.get(..part.most).unwrap_or(rest);
            // The commonest sign without a choice at every byte.
            let run = match part.sign {
                Sign::Digit => rest.iter().take_while(|byte| byte.is_ascii_digit()).count(),
                sign => rest.iter().take_while(|byte| sign.is(**byte)).count(),
            };
            if run < part.least {
                return None;
            }
            at += run;
        }
        Some(at)
    }
}

/// A part of varying length followed by one that could take the same bytes has no single reading.
fn ambiguous(pair: &[Part]) -> bool {
    let [first, second] = pair else { return false };
    first.least != first.most
        && !matches!(second.sign, Sign::Exactly(_))
        && !matches!(first.sign, Sign::Exactly(_))
}

fn repeats(inner: &[u8]) -> Result<(usize, usize), Fault> {
    let text = str::from_utf8(inner).unwrap_or_default();
    let (least, most) = text.split_once(',').unwrap_or((text, text));
    match (least.trim().parse(), most.trim().parse()) {
        (Ok(least), Ok(most)) if least >= 1 && least <= most && most <= WIDEST => Ok((least, most)),
        _ => Err(Fault::new(
            format!("`{{{text}}}` is no number of repeats"),
            format!("write {{4}} or {{13,19}}, at most {WIDEST}"),
        )),
    }
}

fn stray(sign: &str) -> Fault {
    Fault::new(
        format!("`{sign}` means nothing in a number layout"),
        "use # for a digit, @ for a letter, * for either, {4} to repeat, and space, hyphen, full stop or slash between",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_fit_what_they_show() {
        for (layout, text, expected) in [
            ("###-##-####", "123-45-6789 x", Some(11)),
            ("###-##-####", "123 45 6789", None),
            ("#{13,19}", "4111111111111111,", Some(16)),
            ("#{13,19}", "411111111111", None),
            ("@@######@", "AB123456C", Some(9)),
            ("@@ ## ## ##", "AB 12 34 56", Some(11)),
            ("######**", "1234567A", Some(8)),
        ] {
            let layout = Layout::parse(layout).expect(layout);
            assert_eq!(layout.fits(text.as_bytes()), expected, "{text}");
        }
        let nino = Layout::parse("@@ ## ## ##").map(|l| (l.lead(), l.separator(), l.follows()));
        assert_eq!(nino, Ok((3, Some(b' '), Some(b' '))));
        assert!(
            Layout::parse("#{13,19}")
                .is_ok_and(|l| l.begins_with(13) && l.begins_with(19) && !l.begins_with(20))
        );
    }

    #[test]
    fn faulty_layouts_are_refused() {
        for layout in
            ["", "###", "{3}", "#{x}", "#{9,3}", "x123456", "#{1,99}", "#{6,9}*", "é", "@{1,2}######"]
        {
            assert!(Layout::parse(layout).is_err(), "{layout}");
        }
    }
}
