//! Evidence: the packets of an incident as a capture that Wireshark opens, sealed to its owner's key where one is named, and with a seal
//! what stood around its matches.
//!
//! Owns: the files, their comments, and the seal. Never does: choosing packets, which is `pipeline`'s.

mod excerpts;
mod pcapng;
mod seal;

pub use excerpts::ExcerptFile;
pub use seal::{Opener, SealError, Sealer, new_key};

use crate::{OutputError, printable};
use egret_model::{Case, Packet};
use pcapng::Writer;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A capture that holds the packets of one incident.
pub struct EvidenceFile {
    path: PathBuf,
    writer: Writer<Box<dyn Write + Send>>,
    seal: Option<seal::Sealed>,
    /// Transfers that were commented on.
    told: BTreeSet<usize>,
    packets: u64,
}

impl EvidenceFile {
    /// Makes `FOLDER/ID.pcapng`, or `FOLDER/ID.pcapng.age` with a seal; readable by its owner alone. A file of that name is replaced.
    pub fn create(
        folder: &Path,
        case: &Case,
        version: &str,
        sealer: Option<&Sealer>,
    ) -> Result<Self, OutputError> {
        let extension = if sealer.is_some() { "pcapng.age" } else { "pcapng" };
        let path = folder.join(format!("{}.{extension}", case.incident.id));
        let failed = |reason| OutputError { path: path.clone(), reason };
        let file = BufWriter::new(create(&path).map_err(failed)?);
        let (out, seal): (Box<dyn Write + Send>, _) = match sealer {
            None => (Box::new(file), None),
            Some(sealer) => {
                let sealed = sealer.begin(file).map_err(failed)?;
                (Box::new(sealed.clone()), Some(sealed))
            }
        };
        let incident = &case.incident;
        let about = format!("{}: {}\n{}", incident.id, printable(&incident.title), reasons(case));
        let writer = Writer::begin(out, &format!("egret {version}"), &about).map_err(failed)?;
        Ok(Self { path, writer, seal, told: BTreeSet::new(), packets: 0 })
    }

    /// Adds a packet of the capture called `name`. `carries`: the transfer of the case whose content it carries.
    pub fn packet(
        &mut self,
        case: &Case,
        name: &str,
        packet: &Packet<'_>,
        carries: Option<usize>,
    ) -> Result<(), OutputError> {
        let comment = carries.and_then(|index| self.comment(case, index));
        self.packets += 1;
        let source = (packet.reference.capture, name);
        let failed = |reason| OutputError { path: self.path.clone(), reason };
        self.writer.packet(source, packet, comment.as_deref()).map_err(failed)
    }

    /// Everything is on the disk when this returns. Gives the path and the number of packets.
    pub fn finish(self) -> Result<(PathBuf, u64), OutputError> {
        let Self { path, writer, seal, packets, .. } = self;
        let finished = writer.finish().and_then(|out| {
            drop(out);
            seal.map_or(Ok(()), seal::Sealed::finish)
        });
        finished.map_err(|reason| OutputError { path: path.clone(), reason })?;
        Ok((path, packets))
    }

    /// What is said of a packet: of the first of a transfer what was found in it, of the others that they belong to it. None where
    /// nothing was found.
    fn comment(&mut self, case: &Case, index: usize) -> Option<String> {
        let transfer = case.transfers.get(index)?;
        let findings: Vec<String> = case
            .findings
            .iter()
            .filter(|finding| finding.transfer == transfer.id)
            .map(|finding| {
                let example = finding.matches.first().map(|one| format!(", such as {}", one.redacted));
                format!(
                    "{} ({}): {} distinct in {}{}",
                    finding.title,
                    finding.signature,
                    finding.unique,
                    finding.object,
                    example.unwrap_or_default()
                )
            })
            .collect();
        if findings.is_empty() {
            return None;
        }
        if !self.told.insert(index) {
            return Some(format!("egret: part of {}", transfer.id));
        }
        let what =
            format!("egret: {} {} begins; found: {}", transfer.protocol, transfer.id, findings.join("; "));
        Some(printable(&what).into_owned())
    }
}

fn reasons(case: &Case) -> String {
    case.incident.reasons.iter().map(|reason| printable(reason).into_owned()).collect::<Vec<_>>().join("\n")
}

/// A file that its owner alone can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens sealed excerpts and shows them as text that is safe to look at. False: what was sealed is something else, and nothing was
/// written.
pub fn show_evidence(path: &Path, opener: &Opener, out: &mut dyn Write) -> Result<bool, SealError> {
    let unreadable = |reason| SealError::Read { path: path.to_owned(), reason };
    let file = File::open(path).map_err(unreadable)?;
    let clear = opener.open(path, io::BufReader::new(file))?;
    excerpts::show(&mut io::BufReader::new(clear), out).map_err(unreadable)
}

/// Opens what was sealed and writes it to `out`.
pub fn open_evidence(path: &Path, opener: &Opener, out: &mut dyn Write) -> Result<u64, SealError> {
    let file = File::open(path).map_err(|reason| SealError::Read { path: path.to_owned(), reason })?;
    let mut clear = opener.open(path, io::BufReader::new(file))?;
    io::copy(&mut clear, out).map_err(|reason| SealError::Read { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::tests::case;
    use egret_model::{LinkType, PacketRef, Timestamp};

    fn packet(number: u64, data: &[u8]) -> Packet<'_> {
        Packet {
            reference: PacketRef { ordinal: number, capture: 0, number },
            at: Timestamp::from_nanos(1_764_000_000_123_456_789),
            link: LinkType::ETHERNET,
            original_length: 100,
            data,
        }
    }

    fn write(folder: &Path, sealer: Option<&Sealer>) -> PathBuf {
        let case = case("Zoe\u{1b}");
        let mut file = EvidenceFile::create(folder, &case, "0.1.0", sealer).unwrap();
        for (number, carries) in [(1, None), (2, Some(0)), (3, Some(0))] {
            file.packet(&case, "a.pcap", &packet(number, b"12345"), carries).unwrap();
        }
        let (path, packets) = file.finish().unwrap();
        assert_eq!(packets, 3);
        path
    }

    #[test]
    fn packets_come_back_with_comments_on_those_that_carry_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(write(folder.path(), None)).unwrap();
        assert!(bytes.len().is_multiple_of(4));
        assert!(bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(text.matches("found: Payment card numbers (payment-card): 2 distinct").count(), 1);
        assert_eq!(text.matches("egret: part of t-1").count(), 1);
        assert!(!text.contains("Zoe\u{1b}") && text.contains("Zoe\\u{1b}"));
        assert_eq!(text.matches("12345").count(), 3);
    }

    #[test]
    fn what_is_sealed_only_its_owner_opens() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, public) = new_key();
        let (stranger, _) = new_key();
        let sealer = Sealer::new(&[public]).unwrap();
        let path = write(folder.path(), Some(&sealer));
        assert!(path.to_string_lossy().ends_with(".pcapng.age"));
        let sealed = std::fs::read(&path).unwrap();
        assert!(sealed.starts_with(b"age-encryption.org/v1"));
        assert!(!String::from_utf8_lossy(&sealed).contains("12345"));
        let mut clear = Vec::new();
        open_evidence(&path, &Opener::parse(&secret).unwrap(), &mut clear).unwrap();
        let plain = std::fs::read(write(folder.path(), None)).unwrap();
        assert_eq!(clear, plain);
        assert!(open_evidence(&path, &Opener::parse(&stranger).unwrap(), &mut Vec::new()).is_err());
        // One changed bit is told.
        let mut bent = sealed.clone();
        *bent.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bent).unwrap();
        assert!(open_evidence(&path, &Opener::parse(&secret).unwrap(), &mut Vec::new()).is_err());
        assert!(Sealer::new(&["age1nonsense".to_owned()]).is_err() && Sealer::new(&[]).is_err());
        assert!(Opener::parse("# no key\n").is_err());
    }
}
