//! All captures of a run, merged in time order.
//!
//! Owns: opening, the order of packets over all captures, and the list of what could not be read. Never does: parsing.
//!
//! The order: the capture whose next packet is earliest gives that packet; at equal times, the capture named first. So a
//! capture whose times jump back is read in its own order. A file is opened to learn when it begins, closed, and opened
//! again when its turn comes: a thousand files of a rotating recorder need one open file and one buffer, not a thousand.

mod expand;
mod progress;
#[cfg(test)]
mod tests;

use crate::{Capture, CaptureError, PacketBatch, Secret, reader::display_name};
use egret_model::{CaptureLimits, Timestamp};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use progress::Progress;

use expand::{Candidate, expand};
use progress::Counted;

/// The captures of a run as one stream of packets.
pub struct Inputs {
    limits: CaptureLimits,
    sources: Vec<Source>,
    /// When each source's next packet was captured, and the source's index.
    turns: BinaryHeap<Reverse<(Timestamp, u16)>>,
    ordinal: u64,
    problems: Vec<CaptureError>,
    secrets: Vec<Secret>,
    progress: Arc<Progress>,
}

struct Source {
    name: String,
    /// Of a file.
    path: Option<PathBuf>,
    state: State,
    /// What was read of it last; the packets before `position` are merged already.
    batch: PacketBatch,
    position: usize,
    /// Its secrets were taken before its turn.
    secrets_taken: bool,
}

enum State {
    /// To be opened when its turn comes.
    Waiting(PathBuf),
    Open(Box<Capture>),
    Over,
}

/// Comes before any packet: the time of a source whose next packet is not known yet.
const NOT_KNOWN: Timestamp = Timestamp::from_nanos(i64::MIN);

/// Bytes read of a file to learn when it begins, and the least a source reads at once.
const LEAST_BLOCK_BYTES: usize = 64 << 10;

impl Inputs {
    /// Opens `paths`: captures, directories that are searched for captures, `-` for standard input. Whatever cannot be read
    /// is told by [`Self::problems`], and the rest is read all the same.
    pub fn open<P: AsRef<Path>>(paths: &[P], limits: &CaptureLimits) -> Self {
        let mut problems = Vec::new();
        let candidates = expand(paths, &mut problems);
        let mut inputs = Self {
            limits: limits.clone(),
            sources: Vec::new(),
            turns: BinaryHeap::new(),
            ordinal: 0,
            problems,
            secrets: Vec::new(),
            progress: Arc::default(),
        };
        for candidate in candidates {
            match candidate {
                Candidate::StandardInput => inputs.add_stream("-", io::stdin()),
                Candidate::File(path) => inputs.add_file(path, true),
                Candidate::Directory(directory, files) => {
                    let before = (inputs.sources.len(), inputs.problems.len());
                    files.into_iter().for_each(|file| inputs.add_file(file, false));
                    if before == (inputs.sources.len(), inputs.problems.len()) {
                        inputs.problems.push(CaptureError::NoCaptures { name: display_name(&directory) });
                    }
                }
            }
        }
        if inputs.sources.len() > 1 {
            let share = limits.merge_bytes / inputs.sources.len();
            inputs.limits.block_bytes =
                share.clamp(LEAST_BLOCK_BYTES, limits.block_bytes.max(LEAST_BLOCK_BYTES));
        }
        inputs
    }

    /// Fills `batch` with the next packets of the run; false, and no packets, at the end.
    pub fn next_batch(&mut self, batch: &mut PacketBatch) -> bool {
        batch.clear();
        while batch.used_bytes() < self.limits.block_bytes
            && let Some(Reverse((_, index))) = self.turns.pop()
        {
            if !self.load(index) {
                continue;
            }
            let rival = self.turns.peek().map(|Reverse(turn)| *turn);
            let Some(source) = self.sources.get_mut(usize::from(index)) else { continue };
            let precedes = |at: Timestamp| rival.is_none_or(|rival| (at, index) < rival);
            let whole = source.position == 0 && source.batch.latest().is_some_and(precedes);
            if whole && batch.is_empty() {
                // The common case: the whole batch goes on as it is.
                std::mem::swap(batch, &mut source.batch);
                source.batch.clear();
                self.turns.push(Reverse((NOT_KNOWN, index)));
                break;
            }
            if !whole {
                while batch.used_bytes() < self.limits.block_bytes
                    && let Some(packet) =
                        source.batch.packet(source.position).filter(|next| precedes(next.at))
                {
                    batch.push(&packet);
                    source.position += 1;
                }
            }
            let next = source.batch.packet(source.position).map_or(NOT_KNOWN, |packet| packet.at);
            self.turns.push(Reverse((next, index)));
            if whole {
                break;
            }
        }
        batch.number_from(self.ordinal);
        self.ordinal += batch.len() as u64;
        !batch.is_empty()
    }

    /// The captures by index, named as given.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sources.iter().map(|source| source.name.as_str())
    }

    /// The files by index; None for a stream.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = Option<&Path>> {
        self.sources.iter().map(|source| source.path.as_deref())
    }

    /// What could not be read so far; complete when [`Self::next_batch`] has returned false.
    #[must_use]
    pub fn problems(&self) -> &[CaptureError] {
        &self.problems
    }

    /// The decryption secrets known so far: those of files from the start on, those of streams once they were met.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }

    /// Adds a TLS key log that lies beside the captures: it is in force from the first packet on.
    pub fn add_key_log(&mut self, text: Vec<u8>) {
        self.secrets.push(Secret { capture: u16::MAX, kind: Secret::TLS_KEY_LOG, data: text });
    }

    /// How much has been read; may be watched from another thread.
    #[must_use]
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Adds what stands at a path. A file found in a directory may be something else than a capture.
    fn add_file(&mut self, path: PathBuf, must_be_capture: bool) {
        let name = display_name(&path);
        match path.metadata() {
            Ok(metadata) if metadata.is_file() => match first_look(&path, &self.limits) {
                Ok((at, may_hold_secrets)) => {
                    let before = self.sources.len();
                    self.add(name, Some(path.clone()), State::Waiting(path), (at, Some(metadata.len())));
                    if may_hold_secrets {
                        self.take_secrets_of(before);
                    }
                }
                Err(CaptureError::NotACapture { .. } | CaptureError::Empty { .. }) if !must_be_capture => {}
                Err(problem) => self.problems.push(problem),
            },
            Ok(_) => match File::open(&path) {
                Ok(pipe) => self.add_stream(&name, pipe),
                Err(source) => self.problems.push(CaptureError::Open { name, source }),
            },
            Err(source) => self.problems.push(CaptureError::Open { name, source }),
        }
    }

    /// Takes all secrets of a file before its first packet is read: they may stand behind the packets that they open, and open those of
    /// other files. Damage is told when the packets are read.
    fn take_secrets_of(&mut self, index: usize) {
        let Some(source) = self.sources.get_mut(index) else { return };
        let Some(mut capture) = source.path.as_ref().and_then(|path| Capture::open(path, &self.limits).ok())
        else {
            return;
        };
        capture.set_index(u16::try_from(index).unwrap_or(u16::MAX));
        let mut batch = PacketBatch::default();
        while capture.next_batch(&mut batch).is_ok_and(|more| more) {}
        self.secrets.append(&mut capture.take_secrets());
        source.secrets_taken = true;
    }

    fn add_stream(&mut self, name: &str, stream: impl io::Read + Send + 'static) {
        let counted = Counted::new(stream, 0, Arc::clone(&self.progress));
        match Capture::from_reader(name, Box::new(counted), &self.limits) {
            Ok(capture) => {
                self.add(name.to_owned(), None, State::Open(Box::new(capture)), (NOT_KNOWN, None));
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    fn add(
        &mut self,
        name: String,
        path: Option<PathBuf>,
        state: State,
        (first, length): (Timestamp, Option<u64>),
    ) {
        let Ok(index) = u16::try_from(self.sources.len()) else {
            self.problems.push(CaptureError::TooMany { name });
            return;
        };
        self.progress.expect(length);
        self.sources.push(Source {
            name,
            path,
            state,
            batch: PacketBatch::default(),
            position: 0,
            secrets_taken: false,
        });
        self.turns.push(Reverse((first, index)));
    }

    /// Makes sure that a source has a packet at hand; false when it is over.
    fn load(&mut self, index: u16) -> bool {
        let Some(source) = self.sources.get_mut(usize::from(index)) else { return false };
        if source.position < source.batch.len() {
            return true;
        }
        source.position = 0;
        if let State::Waiting(path) = &source.state {
            source.state = match open_counted(path, &self.limits, &self.progress) {
                Ok(capture) => State::Open(Box::new(capture)),
                Err(problem) => {
                    self.problems.push(problem);
                    State::Over
                }
            };
        }
        let State::Open(capture) = &mut source.state else { return false };
        capture.set_index(index);
        let more = capture.next_batch(&mut source.batch).unwrap_or_else(|problem| {
            self.problems.push(problem);
            false
        });
        let mut secrets = capture.take_secrets();
        if !source.secrets_taken {
            self.secrets.append(&mut secrets);
        }
        if !more {
            let bytes = capture.secrets_over_limit_bytes();
            if bytes > 0 {
                self.problems.push(CaptureError::SecretsOverLimit { name: source.name.clone(), bytes });
            }
            source.state = State::Over;
            source.batch = PacketBatch::default();
        }
        more
    }
}

/// When the first packet of a capture was captured, and whether its format may hold secrets. A capture that has no packet, or is damaged
/// before it, is to be read at once: that tells the damage.
fn first_look(path: &Path, limits: &CaptureLimits) -> Result<(Timestamp, bool), CaptureError> {
    let limits = CaptureLimits { block_bytes: LEAST_BLOCK_BYTES, ..limits.clone() };
    let mut capture = Capture::open(path, &limits)?;
    let mut batch = PacketBatch::default();
    // An error here comes again when the file's turn has come, and is told then.
    let _any = capture.next_batch(&mut batch);
    Ok((batch.packet(0).map_or(NOT_KNOWN, |packet| packet.at), capture.may_hold_secrets()))
}

fn open_counted(
    path: &Path,
    limits: &CaptureLimits,
    progress: &Arc<Progress>,
) -> Result<Capture, CaptureError> {
    let name = display_name(path);
    let failed = |source| CaptureError::Open { name: name.clone(), source };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let counted = Counted::new(file, length, Arc::clone(progress));
    Ok(Capture::from_reader(&name, Box::new(counted), limits)?.with_length(length))
}
