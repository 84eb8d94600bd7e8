//! The written form of a number: `###-##-####`, `#{13,19}`, `@@######@`.
//!
//! `#` is a digit, `@` a letter, `*` either; `{4}` or `{13,19}` repeats the sign before it; a space, hyphen, full stop or
//! slash stands for itself. The first unbroken run that may hold digits is the layout's core: the engine finds a group of
//! digits, or a word of letters and digits, of the core's length in the text and compares the layout around it.
//! `~` before a layout says that people write it as they like: a separator, with blanks around it, may stand between any
//! two of its signs.
//! Owns: parsing and comparison of one layout at one place. Never does: boundaries, check digits.

use super::problem::Fault;

/// Fewest digits of a layout of digits alone: with fewer, the digit gate would let half of all text through.
pub(crate) const FEWEST_DIGITS: usize = 6;
/// Fewest digits of a layout of four groups or more.
const FEWEST_DIGITS_IN_GROUPS: usize = 4;
/// Fewest digits of a layout with letters, which tell by themselves. What `*` stands for counts here as well.
pub(crate) const FEWEST_WITH_LETTERS: usize = 2;
/// Widest layout, bytes.
pub(crate) const WIDEST: usize = 40;
/// Widest text that a loose layout takes, bytes: each of the 22 digits of an account by itself.
const WIDEST_LOOSE: usize = 60;
/// Longest gap between two signs of a loose layout, bytes: a separator with two blanks to either side.
pub(crate) const GAP_BYTES: usize = 5;

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
    /// Where the core begins and ends, as indexes of parts.
    core: std::ops::Range<usize>,
    lead: usize,
    separator: Option<u8>,
    /// Separators may stand anywhere in it.
    loose: bool,
}

impl Layout {
    /// Parses a layout.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let (text, loose) = text.strip_prefix('~').map_or((text, false), |rest| (rest, true));
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
        Self::checked(parts, loose)
    }

    fn checked(parts: Vec<Part>, loose: bool) -> Result<Self, Fault> {
        let holds_digits = |part: &Part| matches!(part.sign, Sign::Digit | Sign::Either);
        let separates = |part: &Part| matches!(part.sign, Sign::Exactly(_));
        let first = parts.iter().position(holds_digits).unwrap_or(parts.len());
        let begin =
            parts.get(..first).and_then(|lead| lead.iter().rposition(separates)).map_or(0, |at| at + 1);
        let end = parts.iter().skip(first).position(separates).map_or(parts.len(), |at| first + at);
        let leading = parts.get(..begin).unwrap_or_default();
        let lead = leading.iter().map(|p| p.least).sum();
        let varying_lead = leading.iter().any(|p| p.least != p.most);
        let separator = parts.iter().find_map(|p| match p.sign {
            Sign::Exactly(byte) => Some(byte),
            _ => None,
        });
        if loose && separator.is_some() {
            return Err(Fault::new(
                "separators may stand anywhere in a layout that begins with `~`",
                "leave them out, or the `~`",
            ));
        }
        let layout = Self { parts, core: begin..end, lead, separator, loose };
        let digits = layout.fewest_digits();
        let letters = layout.has_letters();
        let separators = layout.parts.iter().filter(|part| separates(part)).count();
        let needed = match (letters, separators) {
            (true, _) => FEWEST_WITH_LETTERS,
            (false, 3..) => FEWEST_DIGITS_IN_GROUPS,
            (false, _) => FEWEST_DIGITS,
        };
        if digits < needed {
            return Err(Fault::new(
                format!("a number layout needs at least {needed} digits for certain, this has {digits}"),
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
                "only the last part of a number layout, or digits before letters or a separator, may vary in length",
                "write several layouts instead",
            ));
        }
        Ok(layout)
    }

    /// Whether separators may stand anywhere in it.
    pub(crate) const fn is_loose(&self) -> bool {
        self.loose
    }

    /// Whether nothing of it stands before its core.
    pub(crate) fn begins_at_core(&self) -> bool {
        let digit = || self.parts.first().is_some_and(|part| part.sign == Sign::Digit);
        if self.loose { digit() } else { self.lead == 0 }
    }

    /// Whether letters of it stand before its first digit, with no more than separators between.
    pub(crate) fn begins_with_letters(&self) -> bool {
        let before = self.parts.iter().take_while(|part| part.sign != Sign::Digit);
        let all = before.clone().all(|part| matches!(part.sign, Sign::Letter | Sign::Exactly(_)));
        let signs = before.clone().filter(|part| matches!(part.sign, Sign::Exactly(_)));
        let separators: usize = signs.map(|part| part.most).sum();
        all && !self.begins_at_core()
            && separators <= GAP_BYTES
            && before.clone().any(|part| part.sign == Sign::Letter)
            && self.parts.iter().any(|part| part.sign == Sign::Digit)
    }

    /// Where it would begin, given the place of its core.
    pub(crate) fn begin(&self, text: &[u8], core: &std::ops::Range<usize>) -> Option<usize> {
        if !self.loose {
            return core.start.checked_sub(self.lead);
        }
        let word = text.get(core.clone())?;
        let mut start = core.start + word.iter().position(u8::is_ascii_digit)?;
        let letters = self.parts.iter().take_while(|part| part.sign == Sign::Letter);
        for _ in 0..letters.map(|part| part.most).sum() {
            let lead = text.get(start.saturating_sub(GAP_BYTES + 1)..start)?;
            let gap = gap(lead.iter().rev(), b':');
            start = start.checked_sub(gap + 1)?;
            text.get(start).filter(|byte| byte.is_ascii_alphabetic())?;
        }
        Some(start)
    }

    /// Whether a loose layout at `range` is part of something longer: digits go on beyond a gap.
    pub(crate) fn goes_on(&self, text: &[u8], range: &std::ops::Range<usize>) -> bool {
        let before = text.get(range.start.saturating_sub(GAP_BYTES + 1)..range.start).unwrap_or_default();
        let after = text.get(range.end..text.len().min(range.end + GAP_BYTES + 1)).unwrap_or_default();
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        digit(text.get(range.start)) && digit(before.iter().rev().nth(gap(before.iter().rev(), b'-')))
            || digit(text.get(range.end - 1)) && digit(after.get(gap(after.iter(), b'-')))
    }

    /// The byte that separates its groups, if it has any.
    pub(crate) const fn separator(&self) -> Option<u8> {
        self.separator
    }

    /// Whether it is one group of digits and nothing else.
    pub(crate) fn is_bare(&self) -> bool {
        !self.loose && matches!(self.parts.as_slice(), [part] if part.sign == Sign::Digit)
    }

    /// Whether letters may stand in it.
    pub(crate) fn has_letters(&self) -> bool {
        self.parts.iter().any(|part| matches!(part.sign, Sign::Letter | Sign::Either))
    }

    /// Digits that it has for certain. A layout of "either" signs without enough digits asks for the fewest there may be.
    pub(crate) fn fewest_digits(&self) -> usize {
        let least =
            |sign| self.parts.iter().filter(|part| part.sign == sign).map(|part| part.least).sum::<usize>();
        least(Sign::Digit).max(least(Sign::Either).min(FEWEST_WITH_LETTERS))
    }

    /// Greatest number of bytes it covers.
    pub(crate) fn widest(&self) -> usize {
        self.parts.iter().map(|part| part.most).sum()
    }

    fn core(&self) -> &[Part] {
        self.parts.get(self.core.clone()).unwrap_or_default()
    }

    fn core_length(&self, length: usize) -> bool {
        let least: usize = if self.loose { 1 } else { self.core().iter().map(|part| part.least).sum() };
        let most: usize = self.core().iter().map(|part| part.most).sum();
        (least..=most).contains(&length)
    }

    /// Whether a group of so many digits may be its core.
    pub(crate) fn begins_with_digits(&self, length: usize) -> bool {
        self.core_length(length) && (self.loose || self.core().iter().all(|part| part.sign != Sign::Letter))
    }

    /// Whether a word of so many letters and digits may be its core.
    pub(crate) fn begins_with_word(&self, length: usize) -> bool {
        self.core_length(length) && self.core().iter().any(|part| part.sign != Sign::Digit)
    }

    /// The byte that follows its core, if one does.
    pub(crate) fn follows(&self) -> Option<u8> {
        match self.parts.get(self.core.end)?.sign {
            Sign::Exactly(byte) => Some(byte),
            _ => None,
        }
    }

    /// Fewest and most digits of the group behind the separator that follows its core; any number where no such group
    /// follows.
    pub(crate) fn second_group(&self) -> (usize, usize) {
        let mut parts = self.parts.iter().skip(self.core.end);
        match (parts.next().map(|part| (part.sign, part.most)), parts.next(), parts.next()) {
            (Some((Sign::Exactly(_), 1)), Some(part), after) if part.sign == Sign::Digit => {
                let open = after.is_some_and(|after| after.sign == Sign::Either);
                (part.least, if open { usize::MAX } else { part.most })
            }
            _ => (0, usize::MAX),
        }
    }

    /// Fewest and most letters that its core begins with, and digits that follow them.
    pub(crate) fn first_in_core(&self) -> [(usize, usize); 2] {
        let mut parts = self.core().iter().peekable();
        let mut run = |sign: Sign| {
            let (mut least, mut most) = (0, 0);
            while let Some(part) = parts.next_if(|part| part.sign == sign) {
                least += part.least;
                most += part.most;
            }
            // Both may go on in what either sign stands for.
            let open = self.loose || parts.peek().is_some_and(|part| part.sign == Sign::Either);
            if open { (if self.loose { 0 } else { least }, usize::MAX) } else { (least, most) }
        };
        let letters = run(Sign::Letter);
        // What comes behind either sign may be anywhere.
        let digits = if letters.1 == usize::MAX { (0, usize::MAX) } else { run(Sign::Digit) };
        [letters, digits]
    }

    /// Of a loose layout, how many digits may stand from its first one on, whatever between, before something else does.
    pub(crate) fn first_digits(&self) -> (usize, usize) {
        let mut parts = self.parts.iter().skip_while(|part| part.sign == Sign::Letter).peekable();
        let (mut least, mut most) = (0, 0);
        while let Some(part) = parts.next_if(|part| part.sign == Sign::Digit) {
            least += part.least;
            most += part.most;
        }
        // Digits may go on in what either sign stands for.
        let open = parts.peek().is_some_and(|part| part.sign == Sign::Either);
        (least, if open { usize::MAX } else { most })
    }

    /// Compares at the start of `text`; the length that fits.
    pub(crate) fn fits(&self, text: &[u8]) -> Option<usize> {
        if self.loose {
            return self.fits_loosely(text);
        }
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

    fn fits_loosely(&self, text: &[u8]) -> Option<usize> {
        let text = text.get(..WIDEST_LOOSE).unwrap_or(text);
        let (mut end, mut before) = (0, 0_u8);
        for part in &self.parts {
            for taken in 0..part.most {
                let rest = text.get(end..)?;
                // Most people write nothing between.
                if let Some(byte) = rest.first().filter(|byte| part.sign.is(**byte)) {
                    (end, before) = (end + 1, *byte);
                    continue;
                }
                let between = if before.is_ascii_alphabetic() { b':' } else { b'-' };
                let gap = if end == 0 { 0 } else { gap(rest.iter(), between) };
                match rest.get(gap).filter(|byte| part.sign.is(**byte)) {
                    Some(byte) => (end, before) = (end + gap + 1, *byte),
                    None if taken >= part.least => break,
                    None => return None,
                }
            }
        }
        Some(end)
    }
}

/// How many digits stand from the beginning of `text` on for a loose layout, none of them further from the one before than it
/// allows.
pub(crate) fn digits_loosely(text: &[u8]) -> usize {
    let text = text.get(..WIDEST_LOOSE).unwrap_or(text);
    let (mut at, mut digits) = (0, 0);
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let run = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let gap = gap(rest.get(run..).unwrap_or_default().iter(), b'-');
        (at, digits) = (at + run + gap, digits + run);
        if gap == 0 || !text.get(at).is_some_and(u8::is_ascii_digit) {
            return digits;
        }
    }
}

/// Whether a byte may stand between two digits of a loose layout.
pub(crate) const fn may_stand_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/')
}

/// Length of what may stand between two signs of a loose layout: a separator, or `further`, with blanks around it.
fn gap<'a>(bytes: impl Iterator<Item = &'a u8>, further: u8) -> usize {
    let (mut length, mut blanks, mut separated) = (0, 0, false);
    for byte in bytes {
        match byte {
            b' ' if blanks < 2 => blanks += 1,
            b'-' | b'.' | b'/' if !separated => (blanks, separated) = (0, true),
            other if *other == further && !separated => (blanks, separated) = (0, true),
            _ => break,
        }
        length += 1;
    }
    length
}

/// A part of varying length followed by one that could take the same bytes has no single reading.
fn ambiguous(pair: &[Part]) -> bool {
    let [first, second] = pair else { return false };
    first.least != first.most
        && !matches!(second.sign, Sign::Exactly(_))
        && !matches!(first.sign, Sign::Exactly(_))
        && (first.sign, second.sign) != (Sign::Digit, Sign::Letter)
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
    if sign.starts_with(|sign: char| sign.is_ascii_alphanumeric()) {
        return Fault::new(
            format!("`{sign}` is a fixed sign, and a number layout has none"),
            "for fixed digits or letters write a regex in single quotes: regex = '4711\\d{6}'; in numbers # stands for any digit",
        );
    }
    Fault::new(
        format!("`{sign}` means nothing in a number layout"),
        "use # for a digit, @ for a letter, * for either, {4} to repeat, space, hyphen, full stop or slash between, and ~ before \
         it all for separators anywhere",
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
            ("~@@#########", "DE - 113866163", Some(14)),
            ("~@@#########", "DE 113 866  163", Some(15)),
            ("~@@#########", "EL: 094279805", Some(13)),
            ("~@@#########", "DE 113,866163", None),
            ("~@@#########", "DE 113\n866163", None),
            ("~#######@@@###", "868024 / D/A/M/000", None),
            ("~######@@@###", "868024 / D/A/M/000", Some(18)),
        ] {
            let layout = Layout::parse(layout).expect(layout);
            assert_eq!(layout.fits(text.as_bytes()), expected, "{text}");
        }
        let nino = Layout::parse("@@ ## ## ##").map(|l| (l.begin(b"", &(5..7)), l.separator(), l.follows()));
        assert_eq!(nino, Ok((Some(2), Some(b' '), Some(b' '))));
    }

    #[test]
    fn a_loose_layout_begins_with_its_letters_and_ends_where_digits_end() {
        let layout = Layout::parse("~@@#########").expect("a layout");
        for (text, core, expected) in [
            ("x DE - 113866163", 7..16, Some(2)),
            ("x DE113 866 163", 2..7, Some(2)),
            ("D E 113866163", 4..13, Some(0)),
            ("2 E 113866163", 4..13, None),
            ("1138661631", 0..9, None),
        ] {
            assert_eq!(layout.begin(text.as_bytes(), &core), expected, "{text}");
        }
        let layout = Layout::parse("~#########").expect("a layout");
        for (text, range, expected) in [
            ("113 866 163", 0..11, false),
            ("113 866 163 x 5", 0..11, false),
            ("113 866 163 5", 0..11, true),
            ("7-113 866 163", 2..13, true),
        ] {
            assert_eq!(layout.goes_on(text.as_bytes(), &range), expected, "{text}");
        }
    }

    #[test]
    fn the_core_is_a_group_or_a_word() {
        for (layout, groups, words) in [
            ("#{13,19}", 13..20, 0..0),
            ("@@@@@####@", 0..0, 10..11),
            ("######**", 8..9, 8..9),
            ("@@ ### ### ###", 3..4, 0..0),
            ("@@#{8,12}", 0..0, 10..15),
            ("@@@-###.###.###", 3..4, 0..0),
            ("*{20}", 20..21, 20..21),
        ] {
            let layout = Layout::parse(layout).expect(layout);
            let fitting =
                |fits: &dyn Fn(usize) -> bool| (0..41).filter(|length| fits(*length)).collect::<Vec<_>>();
            assert_eq!(
                fitting(&|length| layout.begins_with_digits(length)),
                groups.collect::<Vec<_>>(),
                "{layout:?}"
            );
            assert_eq!(
                fitting(&|length| layout.begins_with_word(length)),
                words.collect::<Vec<_>>(),
                "{layout:?}"
            );
        }
    }

    #[test]
    fn faulty_layouts_are_refused() {
        for layout in [
            "",
            "###",
            "{3}",
            "#{x}",
            "#{9,3}",
            "x123456",
            "#{1,99}",
            "#{6,9}*",
            "é",
            "@{1,2}######",
            "~###-####",
        ] {
            assert!(Layout::parse(layout).is_err(), "{layout}");
        }
    }
}
