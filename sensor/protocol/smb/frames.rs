//! The frames of one side of a connection, taken apart into messages and the content in them.
//!
//! Owns: where in a frame the next byte stands, across packets and gaps. Never does: holding content; knowing what a message means.

use super::old;
use super::parse::{self, COMPRESSED, ENCRYPTED, FRAME_HEAD, Frame, HEADER, Header, SMB1, SMB2};

/// A part of what a side sends, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A message, as far as it is no content. `first`: no other stands before it in its frame.
    Message {
        header: Header,
        message: &'a [u8],
        first: bool,
    },
    /// Content of the message before, or as many bytes of it that are missing.
    Content(&'a [u8]),
    Missing(u64),
    /// Bytes of what is not taken apart, or of which nobody knows where they stand.
    Raw(&'a [u8]),
    /// Bytes of an encrypted message.
    Encrypted(usize),
    /// Bytes of a compressed message.
    Compressed(usize),
}

/// Where the next byte stands.
#[derive(Debug)]
enum Place {
    /// In the head of a frame or of a message: what has come of it.
    FrameHead(Vec<u8>),
    Head(Vec<u8>),
    /// In a message that was shown: so many bytes, then content, then what ends the message.
    Behind {
        skip: usize,
        content: usize,
    },
    /// In the rest of a frame that is not taken apart.
    Whole(Kind),
    /// In no frame: behind a gap.
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Nothing,
    Raw,
    Encrypted,
    Compressed,
}

/// One side.
#[derive(Debug)]
pub(super) struct Frames {
    place: Place,
    /// Bytes of the frame, and of its present message, that are still to come.
    frame: usize,
    message: usize,
    first: bool,
}

impl Default for Frames {
    fn default() -> Self {
        Self { place: Place::FrameHead(Vec::new()), frame: 0, message: 0, first: true }
    }
}

/// Further commands of the old dialect that carry no content (MS-CIFS section 2.2.2.1): echo, disconnect, negotiate, log-off.
const WITHOUT_CONTENT_1: [u8; 4] = [0x2b, 0x71, 0x72, 0x74];

impl Frames {
    /// Takes bytes apart. At most `most` bytes of one message are held.
    pub(super) fn push(&mut self, most: usize, data: &[u8], show: &mut dyn FnMut(Piece<'_>)) {
        let mut rest = data;
        while !rest.is_empty() {
            rest = match &mut self.place {
                Place::FrameHead(_) => self.frame_head(rest, show),
                Place::Head(_) => self.head(most, rest, show),
                Place::Behind { .. } => self.behind(rest, show),
                Place::Whole(_) => self.whole(rest, show),
                Place::Lost => {
                    let found = parse::find_frame(rest);
                    let (lost, frame) = rest.split_at(found.unwrap_or(rest.len()));
                    if found.is_some() {
                        self.place = Place::FrameHead(Vec::new());
                    }
                    if !lost.is_empty() {
                        show(Piece::Raw(lost));
                    }
                    frame
                }
            };
        }
    }

    /// Bytes that were missing.
    pub(super) fn gap(&mut self, bytes: u64, show: &mut dyn FnMut(Piece<'_>)) {
        // The head of a message that is not whole tells nothing.
        if let Place::FrameHead(held) | Place::Head(held) = &mut self.place {
            let held = std::mem::take(held);
            pass(Kind::Raw, &held, show);
            self.frame = self.frame.saturating_sub(held.len());
            self.place = Place::Whole(Kind::Raw);
        }
        let Some(mut left) = usize::try_from(bytes).ok().filter(|bytes| *bytes <= self.frame) else {
            self.place = Place::Lost;
            return;
        };
        self.frame -= left;
        if let Place::Behind { skip, content } = &mut self.place {
            let skipped = (*skip).min(left);
            let lost = (*content).min(left - skipped);
            (*skip, *content) = (*skip - skipped, *content - lost);
            let end = if *skip + *content == 0 {
                (left - skipped - lost).min(self.message - skipped - lost)
            } else {
                0
            };
            self.message -= skipped + lost + end;
            left -= skipped + lost + end;
            if lost > 0 {
                show(Piece::Missing(lost as u64));
            }
            if left == 0 {
                return self.end_message_if_done();
            }
            // Further messages of the chain: where they begin is not known, but where the next frame does.
            self.place = Place::Whole(Kind::Raw);
        }
        self.end_frame_if_done();
    }

    fn frame_head<'a>(&mut self, data: &'a [u8], show: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let Place::FrameHead(held) = &mut self.place else { return data };
        let (head, rest) = data.split_at((FRAME_HEAD - held.len()).min(data.len()));
        held.extend_from_slice(head);
        let Some(whole) = held.first_chunk() else { return rest };
        match parse::frame(*whole) {
            Some(Frame::Message(length)) => {
                (self.frame, self.message, self.first) = (length, length, true);
                self.place = Place::Head(Vec::new());
            }
            Some(Frame::Session(length)) => {
                self.frame = length;
                self.place = Place::Whole(Kind::Nothing);
            }
            None => {
                show(Piece::Raw(held));
                self.place = Place::Lost;
            }
        }
        self.end_frame_if_done();
        rest
    }

    /// Collects the head of a message: as much of it as its header says.
    fn head<'a>(&mut self, most: usize, data: &'a [u8], show: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let Place::Head(held) = &mut self.place else { return data };
        let wanted = wanted(held, self.message, most);
        let (more, rest) = data.split_at(wanted.saturating_sub(held.len()).min(data.len()));
        held.extend_from_slice(more);
        if held.len() < wanted || self::wanted(held, self.message, most) > held.len() {
            return rest;
        }
        let held = std::mem::take(held);
        self.frame -= held.len();
        self.message -= held.len();
        self.message(&held, show);
        rest
    }

    /// The head of a message is here.
    fn message(&mut self, held: &[u8], show: &mut dyn FnMut(Piece<'_>)) {
        let kind = match held.first_chunk::<4>() {
            Some(magic) if *magic == SMB2 => return self.smb2(held, show),
            Some(magic) if *magic == SMB1 => match (old::header(held), held.get(4)) {
                (Some(header), _) => {
                    let content = old::content(held, held.len().saturating_add(self.message));
                    if content.is_some() || old::wanted(held).is_none() {
                        show(Piece::Message { header, message: held, first: true });
                        return self.expect(held, content);
                    }
                    Kind::Raw
                }
                (None, Some(command)) if WITHOUT_CONTENT_1.contains(command) => Kind::Nothing,
                _ if old::locks_alone(held) => Kind::Nothing,
                _ => Kind::Raw,
            },
            Some(magic) if *magic == ENCRYPTED => Kind::Encrypted,
            Some(magic) if *magic == COMPRESSED => Kind::Compressed,
            _ => Kind::Raw,
        };
        pass(kind, held, show);
        self.place = Place::Whole(kind);
        self.end_frame_if_done();
    }

    fn smb2(&mut self, held: &[u8], show: &mut dyn FnMut(Piece<'_>)) {
        let Ok(header) = parse::header(held) else {
            show(Piece::Raw(held));
            self.place = Place::Whole(Kind::Raw);
            return self.end_frame_if_done();
        };
        // Of the chain's rest, what is not this message's.
        let whole = held.len().saturating_add(self.message);
        let length = if header.next == 0 { whole } else { header.next.clamp(held.len(), whole) };
        self.message = length - held.len();
        show(Piece::Message { header, message: held, first: self.first });
        self.first = false;
        self.expect(held, parse::content(&header, held));
    }

    /// Behind what is held of a message comes its content, by its offset and length.
    fn expect(&mut self, held: &[u8], content: Option<(usize, usize)>) {
        let (skip, content) = match content {
            Some((offset, content)) => {
                let skip = offset.saturating_sub(held.len()).min(self.message);
                (skip, content.min(self.message - skip))
            }
            None => (0, 0),
        };
        self.place = Place::Behind { skip, content };
        self.end_message_if_done();
    }

    /// Behind the head of a message: its content, and what ends it.
    fn behind<'a>(&mut self, data: &'a [u8], show: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let Place::Behind { skip, content } = &mut self.place else { return data };
        let (skipped, rest) = data.split_at((*skip).min(data.len()));
        *skip -= skipped.len();
        let (bytes, rest) = rest.split_at(if *skip == 0 { (*content).min(rest.len()) } else { 0 });
        *content -= bytes.len();
        let ended = *skip == 0 && *content == 0;
        self.message -= skipped.len() + bytes.len();
        let (end, rest) = rest.split_at(if ended { self.message.min(rest.len()) } else { 0 });
        self.message -= end.len();
        self.frame -= skipped.len() + bytes.len() + end.len();
        if !bytes.is_empty() {
            show(Piece::Content(bytes));
        }
        self.end_message_if_done();
        rest
    }

    /// The rest of a frame that is not taken apart.
    fn whole<'a>(&mut self, data: &'a [u8], show: &mut dyn FnMut(Piece<'_>)) -> &'a [u8] {
        let Place::Whole(kind) = self.place else { return data };
        let (bytes, rest) = data.split_at(self.frame.min(data.len()));
        self.frame -= bytes.len();
        pass(kind, bytes, show);
        self.end_frame_if_done();
        rest
    }

    fn end_message_if_done(&mut self) {
        if self.message == 0 {
            self.message = self.frame;
            self.place = Place::Head(Vec::new());
        }
        self.end_frame_if_done();
    }

    fn end_frame_if_done(&mut self) {
        if self.frame == 0 && !matches!(self.place, Place::Lost) {
            self.place = Place::FrameHead(Vec::new());
        }
    }
}

fn pass(kind: Kind, bytes: &[u8], show: &mut dyn FnMut(Piece<'_>)) {
    match kind {
        _ if bytes.is_empty() => {}
        Kind::Nothing => {}
        Kind::Raw => show(Piece::Raw(bytes)),
        Kind::Encrypted => show(Piece::Encrypted(bytes.len())),
        Kind::Compressed => show(Piece::Compressed(bytes.len())),
    }
}

/// Bytes of a message that must be held before it can be shown, of which `held` are here and `length` are to come in all.
fn wanted(held: &[u8], length: usize, most: usize) -> usize {
    let header = || match held.first_chunk::<4>() {
        None => 5,
        Some(magic) if *magic == SMB1 && held.len() < old::HEADER => old::HEADER,
        Some(magic) if *magic == SMB1 && held.len() < old::head(held) => old::head(held),
        Some(magic) if *magic == SMB1 && old::header(held).is_none() => held.len(),
        Some(magic) if *magic == SMB1 => old::wanted(held).unwrap_or(most),
        Some(magic) if *magic == SMB2 && held.len() < HEADER => HEADER,
        Some(magic) if *magic == SMB2 => match parse::header(held) {
            Ok(header) => {
                let whole = if header.next == 0 { length } else { header.next };
                header.wanted().unwrap_or(most).min(whole)
            }
            Err(_) => HEADER,
        },
        Some(_) => 4,
    };
    header().min(length).min(most.max(HEADER))
}
