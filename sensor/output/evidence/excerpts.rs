//! The excerpts of one incident, sealed as they come: JSON lines, the first about the incident, the last about what is missing.
//!
//! Owns: the file, and how it is shown to the owner of the key. Never does: writing a byte of it in clear text; there is no such file.

use super::seal::{Sealed, Sealer};
use crate::{OutputError, printable};
use egret_model::{Case, Excerpt};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What the first line says the file is.
const FORMAT: &str = "egret-excerpts-1";
/// Longest line that is shown, bytes (1 MiB).
const LONGEST_LINE: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct Head {
    format: String,
    incident: String,
    title: String,
    egret: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    finding: String,
    transfer: String,
    object: String,
    signature: String,
    title: String,
    offset: u64,
    length: u64,
    before: String,
    #[serde(rename = "match")]
    text: String,
    after: String,
    /// The match is longer than what is shown of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

#[derive(Serialize, Deserialize)]
struct Tail {
    excerpts: u64,
    /// Matches of the incident's findings without an excerpt: their text is not in the captures, or beyond a limit.
    missing: u64,
}

/// The sealed excerpts of one incident.
pub struct ExcerptFile {
    path: PathBuf,
    seal: Sealed,
    written: u64,
    matches: u64,
}

impl ExcerptFile {
    /// Makes `FOLDER/ID.excerpts.age`, readable by its owner alone. A file of that name is replaced. None where nothing of the case
    /// matched.
    pub fn create(
        folder: &Path,
        case: &Case,
        version: &str,
        sealer: &Sealer,
    ) -> Result<Option<Self>, OutputError> {
        let matches: usize = case.findings.iter().map(|finding| finding.matches.len()).sum();
        if matches == 0 {
            return Ok(None);
        }
        let path = folder.join(format!("{}.excerpts.age", case.incident.id));
        let failed = |reason| OutputError { path: path.clone(), reason };
        let file = BufWriter::new(super::create(&path).map_err(failed)?);
        let mut seal = sealer.begin(file).map_err(failed)?;
        let head = Head {
            format: FORMAT.to_owned(),
            incident: case.incident.id.clone(),
            title: case.incident.title.clone(),
            egret: version.to_owned(),
        };
        line(&mut seal, &head).map_err(failed)?;
        Ok(Some(Self { path, seal, written: 0, matches: matches as u64 }))
    }

    /// Adds an excerpt of the case.
    pub fn excerpt(&mut self, case: &Case, excerpt: &Excerpt) -> Result<(), OutputError> {
        let Some(finding) = case.findings.get(excerpt.finding) else { return Ok(()) };
        let Some(found) = finding.matches.get(excerpt.matched) else { return Ok(()) };
        let entry = Line {
            finding: finding.id.clone(),
            transfer: finding.transfer.clone(),
            object: finding.object.clone(),
            signature: finding.signature.clone(),
            title: finding.title.clone(),
            offset: found.offset,
            length: found.length,
            before: shown(excerpt.before.to_be_sealed()),
            text: shown(excerpt.text.to_be_sealed()),
            after: shown(excerpt.after.to_be_sealed()),
            cut: excerpt.cut,
        };
        self.written += 1;
        line(&mut self.seal, &entry).map_err(|reason| OutputError { path: self.path.clone(), reason })
    }

    /// Everything is on the disk when this returns. Gives the excerpts written, and the matches of which there is none.
    pub fn finish(self) -> Result<(u64, u64), OutputError> {
        let Self { path, mut seal, written, matches } = self;
        let missing = matches.saturating_sub(written);
        line(&mut seal, &Tail { excerpts: written, missing })
            .and_then(|()| seal.finish())
            .map_err(|reason| OutputError { path, reason })?;
        Ok((written, missing))
    }
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(value)?;
    text.push(b'\n');
    out.write_all(&text)
}

/// Bytes of text: what is no UTF-8 as `\xe4`, but for a character that the border of the excerpt has cut.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    // Up to three bytes may follow the first of a character (RFC 3629 section 3).
    let follows = rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
    rest = rest.get(follows..).unwrap_or_default();
    let mut chunks = rest.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let begun = chunks.peek().is_none() && chunk.invalid().first().is_some_and(|byte| *byte >= 0xc0);
        if !begun {
            let _ = write!(text, "{}", chunk.invalid().escape_ascii());
        }
    }
    text
}

/// Shows what was opened: excerpts as text that is safe to look at. False: it is something else, of which nothing was written.
pub(super) fn show(clear: &mut impl BufRead, out: &mut dyn Write) -> io::Result<bool> {
    let Some(head) = next::<Head>(clear)? else { return Ok(false) };
    if head.format != FORMAT {
        return Ok(false);
    }
    writeln!(out, "{}: {}", head.incident, printable(&head.title))?;
    let mut last = (String::new(), String::new());
    loop {
        let Some(entry) = next::<serde_json::Value>(clear)? else {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the excerpts end too early"));
        };
        if let Ok(tail) = Tail::deserialize(&entry) {
            writeln!(out, "\nexcerpts: {}; matches without one: {}", tail.excerpts, tail.missing)?;
            return Ok(true);
        }
        let entry = Line::deserialize(entry)?;
        let (object, signature) =
            (printable(&entry.object).into_owned(), printable(&entry.signature).into_owned());
        if (&entry.transfer, &object) != (&last.0, &last.1) {
            writeln!(out, "\n{} {object}", entry.transfer)?;
            last = (entry.transfer, object);
        }
        writeln!(out, "  {signature} ({}), at {}", printable(&entry.title), entry.offset)?;
        let cut = if entry.cut { " …" } else { "" };
        let (before, text, after) = (lines(&entry.before), lines(&entry.text), lines(&entry.after));
        writeln!(out, "    {before}⟦{text}{cut}⟧{after}")?;
    }
}

/// Text with its line ends kept, each line set in, the rest made harmless.
fn lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| printable(line.trim_end_matches('\r')));
    lines.collect::<Vec<_>>().join("\n    ")
}

/// The next line; None at the end, or where it is none of these.
fn next<T: serde::de::DeserializeOwned>(clear: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut bytes = Vec::new();
    io::Read::take(&mut *clear, LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    Ok(serde_json::from_slice(&bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Opener, new_key, open_evidence, show_evidence};
    use crate::format::tests::case;
    use egret_model::ClearText;

    fn excerpt(text: &[u8]) -> Excerpt {
        Excerpt {
            case: 0,
            finding: 0,
            matched: 0,
            before: ClearText::new(b"\xa4\nCard: \x1b[2J".to_vec()),
            text: ClearText::new(text.to_vec()),
            after: ClearText::new("; Größe\u{202e}".as_bytes().to_vec()),
            cut: false,
        }
    }

    #[test]
    fn excerpts_are_sealed_and_shown_to_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, public) = new_key();
        let case = case("zoe");
        let sealer = Sealer::new(&[public]).unwrap();
        let mut file = ExcerptFile::create(folder.path(), &case, "0.1.0", &sealer).unwrap().unwrap();
        file.excerpt(&case, &excerpt(b"4539 1488 0343 6467")).unwrap();
        let path = folder.path().join(format!("{}.excerpts.age", case.incident.id));
        let (written, missing) = file.finish().unwrap();
        assert_eq!(written, 1);
        let on_disk = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&on_disk).contains("4539"));
        let opener = Opener::parse(&secret).unwrap();
        let mut clear = Vec::new();
        open_evidence(&path, &opener, &mut clear).unwrap();
        let clear = String::from_utf8(clear).unwrap();
        assert!(clear.contains(r#""match":"4539 1488 0343 6467""#), "{clear}");
        assert_eq!(clear.lines().count(), 3);
        let mut page = Vec::new();
        assert!(show_evidence(&path, &opener, &mut page).unwrap());
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("Card: \\u{1b}[2J⟦4539 1488 0343 6467⟧; Größe\\u{202e}"), "{page}");
        assert!(page.contains(&format!("excerpts: 1; matches without one: {missing}")));
        let stranger = Opener::parse(&new_key().0).unwrap();
        assert!(show_evidence(&path, &stranger, &mut Vec::new()).is_err());
    }

    #[test]
    fn only_characters_that_the_border_cut_are_left_out() {
        for (bytes, text) in [
            (&b"\xa9 caf\xc3"[..], " caf"),
            (b"caf\xe9 bar", "caf\\xe9 bar"),
            (b"\xff\x00", "\\xff\u{0}"),
            ("größe".as_bytes(), "größe"),
            (b"", ""),
        ] {
            assert_eq!(shown(bytes), text);
        }
    }
}
