//! Commands of LPD (RFC 1179 sections 5 to 7), one line at a time and without state.

use crate::registry::Verdict;

/// A file that a command announces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// It tells about the job (section 7); otherwise it is what is to be printed.
    pub(super) control: bool,
    /// Its octets; None: it ends with the connection.
    pub(super) length: Option<u64>,
    /// `dfA001host`.
    pub(super) name: String,
}

/// What a control file tells of one job.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) user: Option<String>,
    /// Names of what is printed, by the names of their data files.
    pub(super) names: Vec<(String, String)>,
}

/// Recognises the first bytes of a client: the queue, then the first file.
pub(super) fn verdict(client: &[u8]) -> Verdict {
    const LONGEST_QUEUE: usize = 64;
    let Some((2, rest)) = client.split_first().map(|(first, rest)| (*first, rest)) else {
        return Verdict::No;
    };
    let queue = rest.iter().take_while(|byte| byte.is_ascii_graphic()).count();
    match rest.get(queue..) {
        Some([]) if queue <= LONGEST_QUEUE => Verdict::NeedMore,
        Some([b'\n', rest @ ..]) if (1..=LONGEST_QUEUE).contains(&queue) => match rest {
            [] => Verdict::NeedMore,
            [2 | 3, line @ ..] => match line.iter().position(|byte| *byte == b'\n') {
                None if line.len() < LONGEST_QUEUE => Verdict::NeedMore,
                Some(end) if line.get(..end).and_then(size_and_name).is_some() => Verdict::Yes,
                _ => Verdict::No,
            },
            _ => Verdict::No,
        },
        _ => Verdict::No,
    }
}

/// Reads a line of the client without its end. None: it announces no file.
pub(super) fn announced(line: &[u8]) -> Option<Announced> {
    let (first, rest) = line.split_first()?;
    let (length, name) = size_and_name(rest)?;
    match first {
        2 => Some(Announced { control: true, length: Some(length), name }),
        // Section 6.3: a data file of no length ends with the connection.
        3 => Some(Announced { control: false, length: Some(length).filter(|length| *length > 0), name }),
        _ => None,
    }
}

/// `1234 cfA001host`.
fn size_and_name(line: &[u8]) -> Option<(u64, String)> {
    let (size, name) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    let name = name.get(1..)?.trim_ascii();
    let sound =
        !size.is_empty() && size.iter().all(u8::is_ascii_digit) && name.iter().all(u8::is_ascii_graphic);
    let kind = name.starts_with(b"cf") || name.starts_with(b"df");
    let length = std::str::from_utf8(size).ok().filter(|_| sound && kind)?.parse().ok()?;
    Some((length, String::from_utf8_lossy(name).into_owned()))
}

/// Reads a control file.
pub(super) fn job(control: &[u8]) -> Job {
    let mut job = Job::default();
    let mut last = None;
    for line in control.split(|byte| *byte == b'\n') {
        let Some((code, operand)) = line.split_first() else { continue };
        let operand = String::from_utf8_lossy(operand).into_owned();
        match code {
            b'P' => job.user = Some(operand).filter(|user| !user.is_empty()),
            // The lines that print a file name its data file; the name of the file itself follows (section 7.2).
            b'N' => job.names.extend(last.clone().map(|file| (file, operand))),
            b'U' => {}
            b'a'..=b'z' => last = Some(operand),
            _ => {}
        }
    }
    job
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_recognised() {
        let cases: &[(&[u8], Verdict)] = &[
            (b"\x02lp\n\x0259 cfA001pc\n", Verdict::Yes),
            (b"\x02lp\n\x033352 dfA001pc\nSTRICTLY", Verdict::Yes),
            (b"\x02lp\n\x0259 cf", Verdict::NeedMore),
            (b"\x02lp\n", Verdict::NeedMore),
            (b"\x02", Verdict::NeedMore),
            (b"\x02lp\n\x0259 xx\n", Verdict::No),
            (b"\x02\n", Verdict::No),
            (b"\x02\0\0", Verdict::No),
            (b"\x03lp\n", Verdict::No),
            (b"", Verdict::No),
        ];
        for (bytes, expected) in cases {
            assert_eq!(verdict(bytes), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn control_files_name_what_is_printed() {
        let told = job(b"Hpc\nPalice\nJjob\nldfA001pc\nUdfA001pc\nNcontract.txt\nfdfB001pc\nNb.txt\n");
        let names =
            [("dfA001pc", "contract.txt"), ("dfB001pc", "b.txt")].map(|(f, n)| (f.to_owned(), n.to_owned()));
        assert_eq!(told, Job { user: Some("alice".to_owned()), names: names.to_vec() });
        assert_eq!(job(b""), Job::default());
    }
}
