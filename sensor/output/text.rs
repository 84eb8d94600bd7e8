//! Text from the wire, made harmless for people's eyes.
//!
//! Owns: which characters do something other than show themselves. Never does: escaping for a format, which is each format's.
//!
//! User names, file names, server names and mail subjects come from attackers. A control character can rewrite a terminal, and a change of
//! direction (Unicode Standard Annex 9) can make a name read as another.

use std::borrow::Cow;
use std::fmt::Write as _;

/// `text` with everything that does not show itself written as `\u{1b}`. Line ends count as such: what is given is one line.
///
/// ```
/// assert_eq!(egret_output::printable("q3\u{202e}xslx.exe\x1b[2J"), r"q3\u{202e}xslx.exe\u{1b}[2J");
/// ```
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Controls, changes of direction, what has no width, and line ends of Unicode.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_text_in_any_script_stays() {
        for text in ["", "alice", "Jürgen Müller", "数据.xlsx", "עברית", "a b\u{a0}c", "👩🏽"] {
            assert!(matches!(printable(text), Cow::Borrowed(_)), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(hidden));
        }
    }
}
