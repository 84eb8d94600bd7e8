//! Object paths: where an object stands within its transfer.
//!
//! Owns: joining and cleaning of names that come from untrusted containers. Never does: access to any file system.

/// Longest path or name, characters; the end of a longer one, which names the object, is kept.
const PATH_CHARACTERS: usize = 1024;

/// `outer/name`, with `name` cleaned: no empty, `.` or `..` segments, slashes forward, else as in [`cleaned`].
pub(crate) fn join(outer: &str, name: &str) -> String {
    let mut path = outer.to_owned();
    for segment in name.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "." | "..")) {
        path.push('/');
        path.extend(segment.chars().map(harmless));
    }
    shortened(path)
}

/// A name without characters that could deceive whoever reads it in a terminal or a log.
pub(crate) fn cleaned(name: &str) -> String {
    shortened(name.chars().map(harmless).collect())
}

/// A name as one segment: slashes are no separators in it.
pub(crate) fn segment(name: &str) -> String {
    name.replace(['/', '\\'], "_")
}

/// Controls, line separators and marks that turn the direction of text (Unicode Standard Annex 9) become `_`.
fn harmless(c: char) -> char {
    match c {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '_',
        c if c.is_control() => '_',
        c => c,
    }
}

fn shortened(path: String) -> String {
    let length = path.chars().count();
    if length <= PATH_CHARACTERS {
        return path;
    }
    std::iter::once('…').chain(path.chars().skip(length - PATH_CHARACTERS + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_containers_are_cleaned() {
        assert_eq!(join("body/a.zip", "../..\\etc/./passwd"), "body/a.zip/etc/passwd");
        assert_eq!(join("form", "a\u{0}b\nc"), "form/a_b_c");
        assert_eq!(join("form", &segment("a/b")), "form/a_b");
        assert_eq!(join("body", ""), "body");
        assert_eq!(join("body", &"x".repeat(5000)).chars().count(), PATH_CHARACTERS);
        assert_eq!(cleaned("a\u{202e}fdp.exe\u{1b}[0m\u{2028}"), "a_fdp.exe_[0m_");
    }
}
