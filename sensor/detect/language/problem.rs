//! What is wrong with a signature file, where, and what would mend it.
//!
//! Owns: positions, the caret excerpt and both printed forms. Never does: reading of files.

use std::{fmt, ops::Range};

/// One reason why a signature file, or the whole of its signature, is not used.
///
/// `Display` prints several lines: the message, the line with a caret under the culprit, and the likely fix.
/// [`SignatureProblem::one_line`] prints the same without the excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureProblem {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1; 0 when the file could not be read at all.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What would probably mend it, where that can be told.
    pub fix: Option<String>,
    excerpt: String,
    width: usize,
}

impl SignatureProblem {
    /// A problem of a file that cannot be read.
    pub(crate) fn unreadable(file: String, message: String, fix: &str) -> Self {
        Self { file, line: 0, column: 0, message, fix: Some(fix.into()), excerpt: String::new(), width: 0 }
    }

    /// A problem at a byte range of the file's text.
    pub(crate) fn at(file: &str, text: &str, range: &Range<usize>, fault: Fault) -> Self {
        let start = floor_boundary(text, range.start);
        let end = floor_boundary(text, range.end).max(start);
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let excerpt =
            text.get(line_start..).and_then(|rest| rest.lines().next()).unwrap_or_default().to_owned();
        let column = text.get(line_start..start).map_or(0, |lead| lead.chars().count());
        let marked = text.get(start..end).and_then(|span| span.lines().next()).unwrap_or_default();
        let room = excerpt.chars().count().saturating_sub(column).max(1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            message: fault.message,
            fix: fault.fix,
            excerpt,
            width: marked.chars().count().clamp(1, room),
        }
    }

    /// `FILE:LINE:COLUMN: MESSAGE; FIX` on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut line = self.place();
        line.push_str(": ");
        line.push_str(&self.message);
        if let Some(fix) = &self.fix {
            line.push_str("; ");
            line.push_str(fix);
        }
        line
    }

    /// The line, or of a long one as much as a terminal shows, around the culprit; and how many characters are cut off
    /// before it.
    fn shown(&self) -> (String, usize) {
        /// Characters of a line that are shown.
        const SHOWN: usize = 72;
        /// Characters before the culprit.
        const BEFORE: usize = 24;
        let length = self.excerpt.chars().count();
        if length <= SHOWN {
            return (self.excerpt.clone(), 0);
        }
        let cut = self.column.saturating_sub(1 + BEFORE).min(length - SHOWN);
        let part: String = self.excerpt.chars().skip(cut).take(SHOWN).collect();
        let begin = if cut > 0 { "…" } else { "" };
        let end = if cut + SHOWN < length { "…" } else { "" };
        (format!("{begin}{part}{end}"), cut)
    }

    fn place(&self) -> String {
        if self.line == 0 {
            self.file.clone()
        } else {
            format!("{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)?;
        if self.line > 0 {
            let number = self.line.to_string();
            let gutter = " ".repeat(number.len());
            // Tabs keep their width under the excerpt, so that the caret stands where it should.
            let (shown, cut) = self.shown();
            let before = self.column.saturating_sub(1) - cut + usize::from(cut > 0);
            let lead: String =
                shown.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let room = shown.chars().count().saturating_sub(before).max(1);
            write!(f, "\n {gutter} |\n {number} | {shown}")?;
            write!(f, "\n {gutter} | {lead}{}", "^".repeat(self.width.min(room)))?;
        }
        if let Some(fix) = &self.fix {
            write!(f, "\n   fix: {fix}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SignatureProblem {}

/// A fault without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) fix: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { message: message.into(), fix: Some(fix.into()) }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The name among `known` that a writer of `given` probably meant: at most two edits away, or a third of its length.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (edits(given, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(2))
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein distance, over the first 64 bytes of each.
fn edits(left: &str, right: &str) -> usize {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let right = right.get(..right.len().min(64)).unwrap_or_default();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().take(64).enumerate() {
        let mut corner = i;
        let mut previous = i + 1;
        let mut next = vec![previous];
        for (b, &above) in right.iter().zip(row.iter().skip(1)) {
            let cost = corner + usize::from(!a.eq_ignore_ascii_case(b));
            previous = cost.min(above + 1).min(previous + 1);
            next.push(previous);
            corner = above;
        }
        row = next;
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_culprit() {
        let text = "id = \"a\"\n\tähm = 'x['\n";
        let at = text.find("x[").expect("in the text");
        let problem =
            SignatureProblem::at("a.toml", text, &(at..at + 2), Fault::new("bad class", "close it"));
        assert_eq!(problem.one_line(), "a.toml:2:9: bad class; close it");
        assert_eq!(
            problem.to_string(),
            "a.toml:2:9: bad class\n   |\n 2 | \tähm = 'x['\n   | \t       ^^\n   fix: close it"
        );
    }

    #[test]
    fn a_range_beyond_the_text_is_survived() {
        let problem = SignatureProblem::at("a", "é", &(1..99), Fault::new("m", "f"));
        assert_eq!((problem.line, problem.column), (1, 1));
    }

    #[test]
    fn nearest_names_the_slip_and_nothing_else() {
        let known = ["severity", "title", "owner"];
        assert_eq!(nearest("sevrity", known), Some("severity"));
        assert_eq!(nearest("Title", known), Some("title"));
        assert_eq!(nearest("regex", known), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
