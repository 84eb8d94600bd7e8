//! What the sending side says: lists of files, then the files (sender.c, match.c and token.c of rsync 3).
//!
//! Owns: the place in that stream, and the transfers. Never does: comparing; what the receiver has already is not seen.

use super::list::{self, Entry, Form, List};
use super::parse::{self, Compression, Options};
use crate::Context;
use crate::inflate::{self, Inflate};
use crate::zstandard::Zstandard;
use egret_model::{Cursor, Protocol, Side, TransferKey, Truncated, Uninspected};
use std::collections::VecDeque;

/// The file follows.
const TRANSFER: u16 = 1 << 15;
const BASIS_FOLLOWS: u16 = 1 << 11;
const NAME_FOLLOWS: u16 = 1 << 12;

/// Numbers that mean something else than a file.
const END_OF_LISTS: i64 = -2;
const STATISTICS: i64 = -3;
const FIRST_FOLDER: i64 = -101;

/// What the two sides have agreed on.
pub(super) struct Agreed {
    pub(super) protocol: u32,
    pub(super) flags: u64,
    pub(super) options: Options,
    pub(super) checksum_length: usize,
    pub(super) compression: Compression,
    /// What the client calls the files' place on the server.
    pub(super) module: String,
}

/// The reader of the stream.
pub(super) struct Sender {
    agreed: Agreed,
    from: Side,
    place: Place,
    /// What has come of an item that is not complete.
    held: Vec<u8>,
    lists: VecDeque<List>,
    list: List,
    last: Entry,
    /// The last number of each sign.
    positive: i64,
    negative: i64,
    file: File,
    inflate: Box<Inflate>,
    /// Compressed bytes have come since the inflater was in step.
    to_flush: bool,
    /// All files in one stream, and those of it whose content has not come out.
    zstandard: Option<Box<Zstandard>>,
    coming: VecDeque<File>,
}

/// Where in the stream the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Rules of what is left out, told to the receiver.
    Filters,
    List,
    /// So many lists of owners.
    Owners(usize),
    /// Before the number of a file.
    Number,
    /// Before a piece of the present file.
    Token,
    /// Within such a piece.
    Content {
        left: usize,
        coded: bool,
    },
    Checksum,
    /// The stream makes no sense any more.
    Lost,
}

/// The present file.
#[derive(Default)]
struct File {
    entry: Option<Entry>,
    transfer: Option<TransferKey>,
    bytes: u64,
    /// Length of the pieces that the receiver has.
    block: u32,
    /// A piece was one of those, or was missing.
    gap: bool,
}

impl Sender {
    pub(super) fn new(agreed: Agreed, from: Side) -> Self {
        let filters = !agreed.options.sender && agreed.options.filters;
        let first = i64::from(agreed.flags & parse::INCREMENTAL != 0);
        Self {
            agreed,
            from,
            place: if filters { Place::Filters } else { Place::List },
            held: Vec::new(),
            lists: VecDeque::new(),
            list: List { first, ..List::default() },
            last: Entry::default(),
            positive: -1,
            negative: 1,
            file: File::default(),
            inflate: Box::default(),
            to_flush: false,
            zstandard: None,
            coming: VecDeque::new(),
        }
    }

    /// True when the stream cannot be followed: its bytes are content of nobody.
    pub(super) fn is_lost(&self) -> bool {
        self.place == Place::Lost
    }

    /// Reads bytes. Returns those that it leaves to others, which are the last ones.
    pub(super) fn push<'a>(&mut self, context: &mut Context<'_>, data: &'a [u8]) -> &'a [u8] {
        let mut rest = data;
        while !rest.is_empty() && !self.is_lost() {
            if let Place::Content { left, coded } = self.place {
                let (content, behind) = rest.split_at(left.min(rest.len()));
                rest = behind;
                self.content(context, content, coded);
                let left = left - content.len();
                self.place = if left > 0 { Place::Content { left, coded } } else { Place::Token };
                continue;
            }
            // An item may stand across two pieces: what was held and as much as is needed of what is new.
            let mut held = std::mem::take(&mut self.held);
            let before = held.len();
            let whole = if before == 0 {
                rest
            } else {
                held.extend_from_slice(rest);
                held.as_slice()
            };
            let mut cursor = Cursor::new(whole);
            match self.item(context, &mut cursor) {
                Ok(()) => {
                    let read = cursor.position().saturating_sub(before);
                    rest = rest.get(read..).unwrap_or_default();
                }
                Err(Truncated { .. }) if whole.len() <= context.limits.head_bytes => {
                    self.held = whole.to_vec();
                    return &[];
                }
                Err(Truncated { .. }) => self.place = Place::Lost,
            }
        }
        rest
    }

    /// Reads one item; nothing of it is done if it is not complete.
    fn item(&mut self, context: &mut Context<'_>, cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
        match self.place {
            Place::Filters => {
                let length = usize::try_from(cursor.u32_le()?).unwrap_or(usize::MAX);
                cursor.skip(length)?;
                if length == 0 {
                    self.place = Place::List;
                }
            }
            Place::List => self.entry(context, cursor)?,
            Place::Owners(lists) => {
                list::owners(cursor, self.agreed.flags & parse::NAME_OF_ZERO != 0)?;
                self.place = if lists > 1 { Place::Owners(lists - 1) } else { Place::Number };
            }
            Place::Number => self.number(context, cursor)?,
            Place::Token => self.token(context, cursor)?,
            Place::Checksum => {
                cursor.skip(self.agreed.checksum_length)?;
                if self.agreed.compression != Compression::Zstandard {
                    self.end_file(context, true);
                }
                self.place = Place::Number;
            }
            Place::Content { .. } | Place::Lost => {}
        }
        Ok(())
    }

    fn entry(&mut self, context: &Context<'_>, cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
        let form = Form {
            protocol: self.agreed.protocol,
            variable_flags: self.agreed.flags & parse::VARIABLE_FLAGS != 0,
            options: &self.agreed.options,
            checksum_length: self.agreed.checksum_length,
        };
        if let Some(entry) = list::entry(cursor, &form, &self.last)? {
            self.last.clone_from(&entry);
            self.list.count += 1;
            let most = context.limits.file_requests;
            let kept = |lists: &VecDeque<List>| lists.iter().map(|list| list.entries.len()).sum::<usize>();
            // Lists are done with in the order in which they came.
            while kept(&self.lists) + self.list.entries.len() >= most && self.lists.pop_front().is_some() {}
            if self.list.entries.len() < most {
                self.list.entries.push(entry);
            }
            return Ok(());
        }
        let next = self
            .list
            .first
            .saturating_add(i64::try_from(self.list.count).unwrap_or(i64::MAX))
            .saturating_add(1);
        let mut list = std::mem::replace(&mut self.list, List { first: next, ..List::default() });
        list.finish();
        let owners = if self.lists.is_empty() {
            list::owners_follow(&self.agreed.options, self.agreed.flags)
        } else {
            0
        };
        self.lists.push_back(list);
        while self.lists.len() > context.limits.file_requests {
            self.lists.pop_front();
        }
        self.place = if owners > 0 { Place::Owners(owners) } else { Place::Number };
        Ok(())
    }

    /// The number of a file, and what is said of it.
    fn number(&mut self, context: &Context<'_>, cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
        let Some((number, negative)) = self.difference(cursor)? else { return Ok(()) };
        if negative {
            match number {
                END_OF_LISTS => {}
                STATISTICS => {
                    for _ in 0..5 {
                        parse::number(cursor)?;
                    }
                }
                ..=FIRST_FOLDER => {
                    // The first entry of a list repeats nothing of the list before but its name.
                    self.place = Place::List;
                }
                _ => self.place = Place::Lost,
            }
            self.negative = -number;
            return Ok(());
        }
        let flags = cursor.u16_le()?;
        if flags & BASIS_FOLLOWS != 0 {
            cursor.skip(1)?;
        }
        if flags & NAME_FOLLOWS != 0 {
            parse::string(cursor)?;
        }
        if flags & TRANSFER != 0 {
            const LONGEST_BLOCK: u32 = 1 << 29;
            let [_count, block, strong, last] =
                [cursor.u32_le()?, cursor.u32_le()?, cursor.u32_le()?, cursor.u32_le()?];
            if block > LONGEST_BLOCK || strong > 64 || last > block {
                self.place = Place::Lost;
                return Ok(());
            }
            let entry = self.lists.iter().rev().find_map(|list| list.entry(number)).cloned();
            let file = File { entry, block, ..File::default() };
            if self.agreed.compression == Compression::Zstandard {
                self.wait_for(file, context.limits.file_requests);
            } else {
                self.file = file;
            }
            if self.agreed.compression == Compression::Deflate {
                *self.inflate = Inflate::default();
            }
            self.to_flush = false;
            self.place = Place::Token;
        }
        self.positive = number;
        Ok(())
    }

    /// The content of a file comes out behind that of others. Of more than `most`, nobody tells which content is whose.
    fn wait_for(&mut self, file: File, most: usize) {
        if self.coming.len() >= most {
            self.coming.clear();
            self.coming.push_back(File::default());
        } else {
            self.coming.push_back(file);
        }
    }

    /// Reads a number, which is told by its distance from the one before. None: one that says that something is done.
    fn difference(&self, cursor: &mut Cursor<'_>) -> Result<Option<(i64, bool)>, Truncated> {
        let mut first = cursor.u8()?;
        let negative = first == 0xff;
        if negative {
            first = cursor.u8()?;
        } else if first == 0 {
            return Ok(None);
        }
        let last = if negative { self.negative } else { self.positive };
        let number = if first == 0xfe {
            let [high, low] = cursor.array::<2>()?;
            if high & 0x80 != 0 {
                let [third, fourth] = cursor.array::<2>()?;
                i64::from(u32::from_le_bytes([low, third, fourth, high & 0x7f]))
            } else {
                i64::from(u16::from_be_bytes([high, low])) + last
            }
        } else {
            i64::from(first) + last
        };
        Ok(Some((if negative { -number } else { number }, negative)))
    }

    /// What comes next of the present file.
    fn token(&mut self, context: &mut Context<'_>, cursor: &mut Cursor<'_>) -> Result<(), Truncated> {
        if self.agreed.compression == Compression::None {
            let token = cursor.u32_le()?.cast_signed();
            match token {
                0 => self.place = Place::Checksum,
                1.. => {
                    self.place = Place::Content { left: usize::try_from(token).unwrap_or(0), coded: false }
                }
                _ => self.known_blocks(context, 1),
            }
            return Ok(());
        }
        let flag = cursor.u8()?;
        let coded = flag & 0xc0 == 0x40;
        let mut blocks = 1;
        match flag {
            0 => {}
            0x40..=0x7f => {
                let left = usize::from(flag & 0x3f) << 8 | usize::from(cursor.u8()?);
                self.place = if left > 0 { Place::Content { left, coded: true } } else { Place::Token };
            }
            0x20 => cursor.skip(4)?,
            0x21 => {
                cursor.skip(4)?;
                blocks = u32::from(cursor.u16_le()?) + 1;
            }
            0x80..=0xbf => {}
            0xc0.. => blocks = u32::from(cursor.u16_le()?) + 1,
            _ => self.place = Place::Lost,
        }
        if !coded && std::mem::take(&mut self.to_flush) && self.agreed.compression == Compression::Deflate {
            // What the sender has cut off (as RFC 7692 does).
            self.inflated(context, &inflate::MESSAGE_END);
        }
        match flag {
            0 => self.place = Place::Checksum,
            0x20 | 0x21 | 0x80.. => self.known_blocks(context, blocks),
            _ => {}
        }
        Ok(())
    }

    /// Pieces that the receiver has: they don't move.
    fn known_blocks(&mut self, context: &mut Context<'_>, blocks: u32) {
        if let Some(last) = self.coming.back_mut() {
            // How much of the file comes is not known, nor where the next one begins.
            last.gap = true;
            last.entry = None;
            return;
        }
        self.file.gap = true;
        let transfer = self.transfer(context);
        context.missing(transfer, u64::from(self.file.block) * u64::from(blocks));
    }

    fn content(&mut self, context: &mut Context<'_>, data: &[u8], coded: bool) {
        match (coded, self.agreed.compression) {
            (false, _) => self.plain(context, data),
            (true, Compression::Deflate) => {
                self.to_flush = true;
                self.inflated(context, data);
            }
            (true, Compression::Zstandard) => {
                let window = context.limits.zstandard_window_bytes as u64;
                let mut zstandard = self.zstandard.take().unwrap_or_else(|| Box::new(Zstandard::new(window)));
                let sound = zstandard.push(data, &mut |content| self.out(context, content));
                self.zstandard = Some(zstandard);
                if !sound {
                    context.not_inspected(Uninspected::Unsupported, data.len() as u64);
                }
            }
            (true, Compression::Other | Compression::None) => {
                context.not_inspected(Uninspected::Unsupported, data.len() as u64);
            }
        }
    }

    fn inflated(&mut self, context: &mut Context<'_>, data: &[u8]) {
        let mut inflate = std::mem::take(&mut self.inflate);
        let sound = inflate.push(data, &mut |content| self.plain(context, content));
        self.inflate = inflate;
        if !sound {
            self.file.gap = true;
            context.not_inspected(Uninspected::Malformed, data.len() as u64);
        }
    }

    /// Content of all files together: each is as long as its entry says.
    fn out(&mut self, context: &mut Context<'_>, content: &[u8]) {
        let mut rest = content;
        while !rest.is_empty() {
            if self.file.transfer.is_none() {
                self.file = self.coming.pop_front().unwrap_or_default();
                if self.file.entry.as_ref().is_some_and(|entry| entry.length == 0) {
                    continue;
                }
            }
            let left = self.file.entry.as_ref().map(|entry| entry.length.saturating_sub(self.file.bytes));
            let count =
                left.map_or(rest.len(), |left| usize::try_from(left).unwrap_or(usize::MAX).min(rest.len()));
            let (own, behind) = rest.split_at(count);
            self.plain(context, own);
            rest = behind;
            if left == Some(count as u64) {
                self.end_file(context, true);
            }
        }
    }

    fn plain(&mut self, context: &mut Context<'_>, data: &[u8]) {
        let transfer = self.transfer(context);
        self.file.bytes += data.len() as u64;
        context.body(transfer, data);
    }

    /// The transfer of the present file.
    fn transfer(&mut self, context: &mut Context<'_>) -> TransferKey {
        if let Some(transfer) = self.file.transfer {
            return transfer;
        }
        let start = start(context, &self.agreed, self.from);
        let transfer = context.begin(start);
        self.file.transfer = Some(transfer);
        transfer
    }

    /// The present file ends. Its name is told now: that it is the right one is seen by its length.
    fn end_file(&mut self, context: &mut Context<'_>, end_seen: bool) {
        let File { entry, transfer, bytes, gap, .. } = std::mem::take(&mut self.file);
        let Some(transfer) = transfer else { return };
        let named = entry.filter(|entry| gap || entry.length == bytes);
        if let Some(name) = named.and_then(|entry| list::filename(&entry.name)) {
            context.named(transfer, Some(name), None);
        }
        context.end(transfer, end_seen && !gap);
    }

    /// Bytes of the stream are missing, or it is over.
    pub(super) fn end(&mut self, context: &mut Context<'_>) -> Vec<u8> {
        if let Some(mut zstandard) = self.zstandard.take() {
            zstandard.finish(&mut |content| self.out(context, content));
        }
        self.end_file(context, false);
        self.place = Place::Lost;
        std::mem::take(&mut self.held)
    }
}

fn start(context: &Context<'_>, agreed: &Agreed, from: Side) -> egret_model::TransferStart {
    let verb = if agreed.options.sender { "get from" } else { "put to" };
    let mut start = context.start(Protocol::Rsync, format!("{verb} {}", agreed.module), from);
    start.server = Side::Responder;
    start
}
