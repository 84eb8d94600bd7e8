//! The tests inside signatures again, the way content really travels: as a file, in base64, UTF-16, gzip and docx, and split over
//! packets.
//!
//! Owns: making of carriers, and what was lost in them. Never does: inspection: that is the real content walk and a real replay.

use crate::cli::clock;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use egret_capture::Inputs;
use egret_detect::{Case, SignatureSet};
use egret_model::{Hit, Limits};
use egret_pipeline::{FileInspector, InternalNetworks, Record, ReplayConfig, replay};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

/// The carriers, in the order in which they are told.
pub(crate) const CARRIERS: [&str; 6] = ["file", "base64", "utf-16", "gzip", "docx", "packets"];
/// Bytes of a segment: small, so that most matches are split.
const SEGMENT_BYTES: usize = 37;

/// A test that fails in a carrier.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Failure {
    pub(crate) signature: String,
    pub(crate) carrier: &'static str,
    /// The test's place: FILE:LINE.
    pub(crate) place: String,
    /// It should have been found.
    pub(crate) should_match: bool,
}

/// What came of all tests.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Tests by signature.
    pub(crate) tests: BTreeMap<String, usize>,
    pub(crate) runs: usize,
    pub(crate) failures: Vec<Failure>,
}

/// Runs every test of enabled signatures through every carrier. `own`: only those of the user's files.
pub(crate) fn run(set: SignatureSet, own: bool) -> Result<Outcome> {
    let set = Arc::new(set.without_thresholds());
    let enabled =
        set.signatures().iter().filter(|signature| signature.enabled() && !(own && signature.shipped()));
    let cases: Vec<(&str, Case<'_>)> =
        enabled.flat_map(|signature| signature.cases().map(move |case| (signature.id(), case))).collect();
    let mut outcome = Outcome::default();
    for (id, _) in &cases {
        *outcome.tests.entry((*id).to_owned()).or_default() += 1;
    }
    let mut inspector = FileInspector::new(Arc::clone(&set), &Limits::default());
    for (id, case) in &cases {
        for carrier in CARRIERS {
            let Some((name, bytes)) = carried(carrier, case.text)? else { continue };
            let inspected = inspector.inspect(name, &mut Cursor::new(bytes), &mut |_| {})?;
            let found = inspected.hits.iter().any(|(_, hit): &(usize, Hit)| &*hit.signature == *id);
            outcome.note(id, case, carrier, found);
        }
    }
    let sent = over_packets(&set, &cases)?;
    for (index, (id, case)) in cases.iter().enumerate() {
        outcome.note(id, case, "packets", sent.contains(&(index, (*id).to_owned())));
    }
    Ok(outcome)
}

impl Outcome {
    fn note(&mut self, id: &str, case: &Case<'_>, carrier: &'static str, found: bool) {
        self.runs += 1;
        if found != case.matches {
            self.failures.push(Failure {
                signature: id.to_owned(),
                carrier,
                place: format!("{}:{}", case.file, case.line),
                should_match: case.matches,
            });
        }
    }
}

/// The text in a carrier that is a file: its name and bytes. None for carriers that are none, or that can't hold it.
fn carried(carrier: &str, text: &str) -> Result<Option<(&'static str, Vec<u8>)>> {
    Ok(Some(match carrier {
        "file" => ("test.txt", text.as_bytes().to_vec()),
        "base64" => ("test.eml", mail(text)),
        "utf-16" => {
            let units = std::iter::once(0xfeff).chain(text.encode_utf16());
            ("test.txt", units.flat_map(u16::to_le_bytes).collect())
        }
        "gzip" => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            packed.write_all(text.as_bytes())?;
            ("test.txt.gz", packed.finish()?)
        }
        "docx" if !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) => {
            ("test.docx", docx(text)?)
        }
        _ => return Ok(None),
    }))
}

fn mail(text: &str) -> Vec<u8> {
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    let lines: Vec<&str> =
        encoded.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!(
        "From: Sender\r\nTo: Receiver\r\nSubject: test\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

fn docx(text: &str) -> Result<Vec<u8>> {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\r', "");
    let paragraphs: String = escaped
        .split('\n')
        .map(|line| {
            format!(
                "<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>",
                line.replace('\t', "</w:t><w:tab/><w:t xml:space=\"preserve\">")
            )
        })
        .collect();
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
         <w:body>{paragraphs}</w:body></w:document>"
    );
    let types = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/word/document.xml\" \
         ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>";
    let mut package = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, part) in [("[Content_Types].xml", types), ("word/document.xml", document.as_str())] {
        package.start_file(name, zip::write::SimpleFileOptions::default())?;
        package.write_all(part.as_bytes())?;
    }
    Ok(package.finish()?.into_inner())
}

/// Which tests were found, with the signature, when each is uploaded over a connection of its own in small segments.
fn over_packets(set: &Arc<SignatureSet>, cases: &[(&str, Case<'_>)]) -> Result<BTreeSet<(usize, String)>> {
    let capture = TemporaryCapture::new(&capture(cases))?;
    let limits = Limits::default();
    let config = ReplayConfig {
        internal: InternalNetworks::default(),
        people: Arc::default(),
        signatures: Arc::clone(set),
        context: Arc::new(egret_context::Context::shipped()),
        workers: 1,
        limits: limits.clone(),
    };
    let mut inputs = Inputs::open(std::slice::from_ref(&capture.path), &limits.capture);
    let mut found = BTreeSet::new();
    let mut index = None;
    replay(&mut inputs, &config, &mut |_| {}, &mut |record| {
        match record {
            Record::Transfer(transfer) => {
                index = transfer.operation.rsplit('/').next().and_then(|n| n.parse().ok());
            }
            Record::Finding(finding) => {
                found.extend(index.map(|index: usize| (index, finding.signature.clone())));
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// A file that goes when it is no longer needed.
struct TemporaryCapture {
    path: PathBuf,
}

impl TemporaryCapture {
    fn new(bytes: &[u8]) -> Result<Self> {
        let name = format!("egret-test-{}-{}.pcap", std::process::id(), clock::now().nanos());
        let path = std::env::temp_dir().join(name);
        let mut file = std::fs::File::create_new(&path)
            .with_context(|| format!("{}: cannot be written", path.display()))?;
        file.write_all(bytes)?;
        Ok(Self { path })
    }
}

impl Drop for TemporaryCapture {
    fn drop(&mut self) {
        // Nothing else can be done about a file that will not go.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A capture of one HTTP upload a test, in segments of [`SEGMENT_BYTES`].
fn capture(cases: &[(&str, Case<'_>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.extend(word.to_le_bytes());
    }
    let mut clock = 1_700_000_000_000_000_u64;
    for (index, (_, case)) in cases.iter().enumerate() {
        let body = case.text.as_bytes();
        let head = format!(
            "POST /test/{index} HTTP/1.1\r\nHost: receiver.example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        let client = [10, 77, (index >> 8) as u8, index as u8];
        let server = [203, 0, 113, 80];
        let (mut sent, mut answered) = (1_000_u32, 5_000_u32);
        let mut frame = |from_client: bool, flags: u8, data: &[u8]| {
            clock += 1_000;
            let (source, target, ports) =
                if from_client { (client, server, [40_000, 80]) } else { (server, client, [80, 40_000]) };
            let (sequence, acknowledged) = if from_client { (sent, answered) } else { (answered, sent) };
            let bytes = segment(source, target, ports, sequence, acknowledged, flags, data);
            for word in [
                (clock / 1_000_000) as u32,
                (clock % 1_000_000) as u32,
                bytes.len() as u32,
                bytes.len() as u32,
            ] {
                out.extend(word.to_le_bytes());
            }
            out.extend(bytes);
            let advance = data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
            if from_client { sent += advance } else { answered += advance }
        };
        frame(true, SYN, b"");
        frame(false, SYN | ACK, b"");
        frame(true, ACK, b"");
        for piece in request.chunks(SEGMENT_BYTES) {
            frame(true, ACK | PSH, piece);
        }
        frame(false, ACK | PSH, b"HTTP/1.1 204 No Content\r\n\r\n");
        frame(true, FIN | ACK, b"");
        frame(false, FIN | ACK, b"");
    }
    out
}

const FIN: u8 = 1;
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// An Ethernet frame with an IPv4 packet with a TCP segment. Checksums are left to the card, as in most captures of a sender.
fn segment(
    source: [u8; 4],
    target: [u8; 4],
    ports: [u16; 2],
    sequence: u32,
    acknowledged: u32,
    flags: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let length = 40 + data.len() as u16;
    frame.extend([0x45, 0]);
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0]);
    frame.extend(source);
    frame.extend(target);
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    frame.extend(sequence.to_be_bytes());
    frame.extend(acknowledged.to_be_bytes());
    frame.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(data);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_tests_hold_through_every_carrier() {
        let outcome = run(SignatureSet::shipped(), false).expect("the carriers can be made");
        assert!(outcome.runs > outcome.tests.values().sum::<usize>() * 5);
        assert!(outcome.failures.is_empty(), "{:#?}", outcome.failures);
    }

    #[test]
    fn what_is_lost_in_a_carrier_is_told() {
        // Found in this text only where the bytes of UTF-16 are not undone: in none of them.
        let text = "id = \"a\"\ntitle = \"A\"\nseverity = \"low\"\n[[find]]\nname = \"w\"\nwords = [\"zorgle\"]\n[[test]]\nmatch = \"zorgle\"\n";
        let (set, problems) = SignatureSet::from_texts(&[("a.toml".into(), text.into())]);
        assert!(problems.is_empty());
        assert!(run(set, false).expect("carriers").failures.is_empty());
        let (set, _) = SignatureSet::from_texts(&[(
            "a.toml".into(),
            text.replace("match = \"zorgle\"", "no_match = \"x\""),
        )]);
        let mut outcome = run(set, false).expect("carriers");
        assert_eq!((outcome.runs, outcome.failures.len()), (CARRIERS.len(), 0));
        let case = Case { text: "x", matches: true, file: "a.toml", line: 8 };
        outcome.note("a", &case, "docx", false);
        assert_eq!(outcome.failures[0].place, "a.toml:8");
    }
}
