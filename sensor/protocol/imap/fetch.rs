//! What the server sends of messages: whole ones, parts, headers, and pieces of all these, put together again.
//!
//! Owns: which literals make one message. Never does: lines; finding a literal's end.

use super::parse::{self, Item, ItemKind};
use super::structure::{Structures, Which};
use crate::Context;
use crate::mailbox::{Announced, Described, Message, Session};
use egret_model::{Protocol, Side};

/// What the responses to FETCH have left open.
#[derive(Default)]
pub(super) struct Fetch {
    /// A header that came as a literal of its own, until it is known whether its body follows.
    header: Option<Header>,
    /// An item of which a client has fetched the beginning.
    piece: Option<Piece>,
    /// Octets that the client has last asked for at most.
    pub(super) wanted: Option<u64>,
    /// What parts of messages are.
    pub(super) structures: Structures,
}

/// A header, and whose it is.
pub(super) struct Header {
    message: Which,
    part: Vec<u8>,
    /// As the server calls it.
    name: String,
    bytes: Vec<u8>,
}

struct Piece {
    key: (Which, Vec<u8>),
    /// Offset of what comes next.
    next: u64,
    message: Message,
}

/// A literal that is content of a message.
pub(super) struct Fetched {
    message: Message,
    /// Set of a piece: the item, its offset and its length.
    piece: Option<((Which, Vec<u8>), u64, u64)>,
}

/// Whose the messages are.
pub(super) struct Whose<'a> {
    pub(super) client: Side,
    pub(super) session: &'a Session,
}

impl Fetch {
    /// A literal begins that is `item` of this message.
    pub(super) fn begin(
        &mut self,
        context: &mut Context<'_>,
        whose: &Whose<'_>,
        which: Which,
        item: &Item<'_>,
        length: u64,
    ) -> Fetched {
        let key = (which, item.name.to_ascii_uppercase());
        let piece = item.offset.map(|offset| (key, offset, length));
        if let Some((key, offset, _)) = &piece
            && let Some(open) =
                self.piece.take_if(|open| open.key == *key && open.next == *offset && *offset > 0)
        {
            return Fetched { message: open.message, piece };
        }
        self.end_piece(context, false);
        let header = match item.kind {
            ItemKind::Body(part) => {
                self.header.take_if(|header| header.message == which && header.part == part)
            }
            ItemKind::Whole | ItemKind::Header(_) => None,
        };
        let announced = Announced {
            protocol: Protocol::Imap,
            operation: format!("FETCH {}", parse::shown(item.name)),
            from: whose.client.other(),
            client: whose.client,
            mail: item.kind == ItemKind::Whole || header.is_some(),
            described: if header.is_some() { Described::default() } else { self.described(which, item) },
        };
        let mut message = Message::begin(context, announced, whose.session);
        if let Some(header) = header {
            message.body(context, &header.bytes);
        }
        if let Some(before) = item.offset.filter(|offset| *offset > 0) {
            message.missing(context, before);
        }
        Fetched { message, piece }
    }

    /// What the message's structure says of an item.
    fn described(&self, which: Which, item: &Item<'_>) -> Described {
        let ItemKind::Body(section) = item.kind else { return Described::default() };
        let mut described = self.structures.find(which, section).cloned().unwrap_or_default();
        if item.is_decoded() {
            described.encoding = None;
        }
        described
    }

    /// All of a literal has come.
    pub(super) fn end(&mut self, context: &mut Context<'_>, fetched: Fetched) {
        match fetched.piece {
            None => fetched.message.end(context, true),
            // Less than was asked for is the last piece.
            Some((_, _, length)) if self.wanted.is_some_and(|wanted| length < wanted) => {
                fetched.message.end(context, true);
            }
            Some((key, offset, length)) => {
                let next = offset.saturating_add(length);
                self.piece = Some(Piece { key, next, message: fetched.message });
            }
        }
    }

    /// No further piece comes of the item that is open.
    pub(super) fn end_piece(&mut self, context: &mut Context<'_>, seen: bool) {
        if let Some(piece) = self.piece.take() {
            piece.message.end(context, seen);
        }
    }

    /// A header has come.
    pub(super) fn keep(&mut self, header: Header) {
        self.header = Some(header);
    }

    /// The header that is held, if its body has not come.
    pub(super) const fn take_header(&mut self) -> Option<Header> {
        self.header.take()
    }
}

impl Header {
    pub(super) fn new(message: Which, part: &[u8], name: &[u8]) -> Self {
        Self { message, part: part.to_vec(), name: parse::shown(name), bytes: Vec::new() }
    }

    /// All of it has come, and no body: of a message, it is content of its own. Returns the bytes of another one.
    pub(super) fn alone(self, context: &mut Context<'_>, whose: &Whose<'_>) -> Option<Vec<u8>> {
        if !self.part.is_empty() || self.bytes.is_empty() {
            return Some(self.bytes);
        }
        let announced = Announced {
            protocol: Protocol::Imap,
            operation: format!("FETCH {}", self.name),
            from: whose.client.other(),
            client: whose.client,
            mail: true,
            described: Described::default(),
        };
        let message = Message::begin(context, announced, whose.session);
        message.body(context, &self.bytes);
        message.end(context, true);
        None
    }

    /// The next bytes; false when there would be more than `limit`.
    pub(super) fn push(&mut self, data: &[u8], limit: usize) -> bool {
        let fits = self.bytes.len().saturating_add(data.len()) <= limit;
        if fits {
            self.bytes.extend_from_slice(data);
        }
        fits
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Fetched {
    pub(super) fn body(&self, context: &mut Context<'_>, data: &[u8]) {
        self.message.body(context, data);
    }

    pub(super) fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        self.message.missing(context, bytes);
    }

    /// It broke off.
    pub(super) fn abandon(self, context: &mut Context<'_>) {
        self.message.end(context, false);
    }
}
