//! Line ends that an expression writes down, as they arrive in documents, mails and web pages.
//!
//! Owns: the widening of a written `\n`. Never does: line ends that a class merely contains (`\s`, `[^x]`), or `^` and `$`.
//!
//! What was a line end where a text was written need not be one where it is read: mail and web forms carry CRLF, and word
//! processors and web pages join lines with a blank. So `\n` stands for LF, CRLF or one blank.

use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

/// The expression with every written line end widened.
pub(super) fn widened(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => {
            let mut parts = Vec::new();
            for (place, line) in literal.0.split(|byte| *byte == b'\n').enumerate() {
                if place > 0 {
                    parts.push(line_end());
                }
                parts.push(Hir::literal(line.to_vec()));
            }
            Hir::concat(parts)
        }
        HirKind::Class(class) if is_line_end(class) => line_end(),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            min: repetition.min,
            max: repetition.max,
            greedy: repetition.greedy,
            sub: Box::new(widened(&repetition.sub)),
        }),
        HirKind::Capture(capture) => Hir::capture(Capture {
            index: capture.index,
            name: capture.name.clone(),
            sub: Box::new(widened(&capture.sub)),
        }),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(widened).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(widened).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => hir.clone(),
    }
}

/// `\r?[\n ]`
fn line_end() -> Hir {
    let class = |bytes: &[u8]| {
        let ranges = bytes.iter().map(|byte| ClassBytesRange::new(*byte, *byte));
        Hir::class(Class::Bytes(ClassBytes::new(ranges)))
    };
    let carriage_return = Repetition { min: 0, max: Some(1), greedy: true, sub: Box::new(class(b"\r")) };
    Hir::concat(vec![Hir::repetition(carriage_return), class(b"\n ")])
}

/// `[\r\n]`: a line end of either kind. (A class of `\n` alone is a literal.)
fn is_line_end(class: &Class) -> bool {
    let both = |ranges: &[(u32, u32)]| ranges == [(10, 10), (13, 13)];
    match class {
        Class::Unicode(class) => {
            both(&class.iter().map(|range| (range.start().into(), range.end().into())).collect::<Vec<_>>())
        }
        Class::Bytes(class) => {
            both(&class.iter().map(|range| (range.start().into(), range.end().into())).collect::<Vec<_>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::pattern::Pattern;

    #[test]
    fn a_written_line_end_is_found_however_it_arrives() {
        for expression in [
            r"key-----\r?\n[a-z]{4}",
            r"key-----\n[a-z]{4}",
            r"(?:key-----[\r\n]+)[a-z]{4}",
            "key-----\n[a-z]{4}",
        ] {
            let pattern = Pattern::compile(expression).unwrap().pattern;
            for (text, count) in [
                ("key-----\nabcd", 1),
                ("key-----\r\nabcd", 1),
                ("key----- abcd", 1),
                ("key-----abcd", 0),
                ("key-----\tabcd", 0),
            ] {
                assert_eq!(pattern.count_in(text.as_bytes()), count, "{expression:?} in {text:?}");
            }
        }
    }

    #[test]
    fn classes_that_contain_a_line_end_stay_as_they_are() {
        let pattern = Pattern::compile(r"a[\n\t]b[^ ]c").unwrap().pattern;
        assert_eq!(pattern.count_in(b"a\nb\nc a bxc a\tb c"), 1);
    }
}
