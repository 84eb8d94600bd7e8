//! Host names as servers announce them.
//!
//! Owns: telling a host name from other words. Never does: resolving one.

/// `word` as a host name in lower case, if it is one with at least two labels (RFC 1123 section 2.1): an address, a bare
/// word or anything with other characters says nothing about who the server is.
pub(crate) fn host_name(word: &[u8]) -> Option<String> {
    let name =
        std::str::from_utf8(word).ok()?.trim_end_matches(['.', ',', ';', ':', ')']).trim_start_matches('(');
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let named = name.len() <= 253 && name.contains('.') && name.split('.').all(label);
    // No top-level domain begins with a digit: `3.0.5rc1` is a version.
    let last = name.rsplit('.').next().unwrap_or_default();
    let domain = last.len() > 1 && last.starts_with(|first: char| first.is_ascii_alphabetic());
    (named && domain).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_told_from_other_words() {
        let cases: &[(&str, Option<&str>)] = &[
            ("mx.postbox.example", Some("mx.postbox.example")),
            ("MX1.Postbox.Example.", Some("mx1.postbox.example")),
            ("(ftp.dropfile.example)", Some("ftp.dropfile.example")),
            ("3.0.3", None),
            ("3.0.5rc1", None),
            ("[198.51.100.25]", None),
            ("198.51.100.25", None),
            ("vsFTPd", None),
            ("localhost", None),
            ("a..b", None),
            ("*****.example", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(host_name(word.as_bytes()).as_deref(), *expected, "{word}");
        }
    }
}
