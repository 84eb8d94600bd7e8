//! Object paths: where an object stands within its transfer.
//!
//! Owns: joining and cleaning of names that come from untrusted containers. Never does: access to any file system.

/// Longest path, characters; the end of a longer one, which names the object, is kept.
const PATH_CHARACTERS: usize = 1024;

/// `outer/name`, with `name` cleaned: no control characters, no empty, `.` or `..` segments, slashes forward.
pub(crate) fn join(outer: &str, name: &str) -> String {
    let mut path = outer.to_owned();
    for segment in name.split(['/', '\\']).filter(|segment| !matches!(*segment, "" | "." | "..")) {
        path.push('/');
        path.extend(segment.chars().map(|c| if c.is_control() { '_' } else { c }));
    }
    let length = path.chars().count();
    if length > PATH_CHARACTERS {
        path = std::iter::once('…').chain(path.chars().skip(length - PATH_CHARACTERS + 1)).collect();
    }
    path
}

/// A name as one segment: slashes are no separators in it.
pub(crate) fn segment(name: &str) -> String {
    name.replace(['/', '\\'], "_")
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
    }
}
