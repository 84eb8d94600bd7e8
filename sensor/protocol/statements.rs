//! What databases have in common: packets of any length, statements, and the transfers that their text, rows and files make.
//!
//! Owns: the words that name a statement, and the joining of statements of one kind into one transfer. Never does: reading a protocol.

use crate::Context;
use crate::witness::Length;
use egret_model::{Protocol, Side, Timestamp, TransferKey, Uninspected};
use std::borrow::Cow;

/// Longest name of a statement, bytes.
const LONGEST_NAME: usize = 100;
/// What a statement is called of which nothing can be said.
const NAMELESS: &str = "statement";

/// Words behind which values come.
const VALUES_FOLLOW: [&str; 8] = ["VALUES", "VALUE", "SET", "WHERE", "HAVING", "LIMIT", "RETURNING", "USING"];
/// Words behind which the name of a table comes, even in quotes.
const NAME_FOLLOWS: [&str; 6] = ["INTO", "FROM", "TABLE", "UPDATE", "JOIN", "COPY"];

/// The first words of a statement, up to the first thing that may be a value: `INSERT INTO customers`.
pub(crate) fn name_of(statement: &[u8]) -> String {
    let mut name = String::new();
    let mut rest = statement;
    let mut before = "";
    while let Some((first, behind)) = rest.split_first() {
        let word = match first {
            _ if first.is_ascii_whitespace() || *first == b',' || *first == b'*' => {
                match first {
                    b',' if !name.is_empty() => name.push(','),
                    b'*' if !name.is_empty() => name.push_str(" *"),
                    _ => {}
                }
                rest = behind;
                continue;
            }
            b'-' if behind.first() == Some(&b'-') => {
                rest = behind_comment(rest, b"\n");
                continue;
            }
            b'#' => {
                rest = behind_comment(rest, b"\n");
                continue;
            }
            b'/' if behind.first() == Some(&b'*') => {
                rest = behind_comment(rest, b"*/");
                continue;
            }
            b'(' => match behind_list(behind) {
                Some(end) => {
                    rest = end;
                    continue;
                }
                None => break,
            },
            b'`' | b'"' if NAME_FOLLOWS.iter().any(|word| word.eq_ignore_ascii_case(before)) => {
                let Some(end) = behind.iter().position(|byte| byte == first) else { break };
                let (quoted, end) = behind.split_at(end);
                if quoted.first().is_none_or(u8::is_ascii_digit) || !quoted.iter().all(is_of_word) {
                    break;
                }
                rest = end.get(1..).unwrap_or_default();
                quoted
            }
            b'_' => words_end(&mut rest),
            _ if first.is_ascii_alphabetic() => words_end(&mut rest),
            _ => break,
        };
        let Ok(word) = std::str::from_utf8(word) else { break };
        let values_follow = VALUES_FOLLOW.iter().any(|known| known.eq_ignore_ascii_case(word));
        if (values_follow && !name.is_empty()) || name.len() + word.len() > LONGEST_NAME {
            break;
        }
        if !name.is_empty() {
            name.push(' ');
        }
        name.push_str(word);
        before = word;
    }
    let name = name.trim_end_matches([',', ' ']);
    if name.is_empty() { NAMELESS.to_owned() } else { name.to_owned() }
}

const fn is_of_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(*byte, b'_' | b'$' | b'.')
}

/// Takes a word off the front.
fn words_end<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|byte| !is_of_word(byte)).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    *rest = behind;
    word
}

fn behind_comment<'a>(statement: &'a [u8], end: &[u8]) -> &'a [u8] {
    let found = statement.windows(end.len()).position(|window| window == end);
    found.and_then(|at| statement.get(at + end.len()..)).unwrap_or_default()
}

/// What stands behind a list of columns or the like; None where it may hold values or does not end.
fn behind_list(list: &[u8]) -> Option<&[u8]> {
    let mut depth = 1_usize;
    for (at, byte) in list.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth == 1 => return list.get(at + 1..),
            b')' => depth -= 1,
            b'\'' | b'"' | b'`' | b'$' => return None,
            _ => {}
        }
    }
    None
}

/// What one side of a session tells: statements and parameters, or rows.
#[derive(Debug)]
struct Told {
    protocol: Protocol,
    from: Side,
    /// The last one is the one that was spoken of last.
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    transfer: TransferKey,
    name: String,
    began: Timestamp,
    gap: bool,
}

impl Told {
    const fn new(protocol: Protocol, from: Side) -> Self {
        Self { protocol, from, open: Vec::new() }
    }

    /// Begins a line of the transfer of statements with this name.
    fn line(&mut self, context: &mut Context<'_>, name: &str, user: Option<&str>) -> TransferKey {
        if let Some(at) = self.open.iter().position(|open| open.name == name) {
            let open = self.open.remove(at);
            if context.now().since(open.began) < context.limits.statements_ns {
                let transfer = open.transfer;
                context.body(transfer, b"\n");
                self.open.push(open);
                return transfer;
            }
            context.end(open.transfer, !open.gap);
        }
        if self.open.len() >= context.limits.statement_kinds.max(1) {
            let oldest = self.open.remove(0);
            context.end(oldest.transfer, !oldest.gap);
        }
        let transfer = self.begin(context, name, user, None);
        self.open.push(Open { transfer, name: name.to_owned(), began: context.now(), gap: false });
        transfer
    }

    /// A transfer that stands for itself: a file, a whole table.
    fn begin(
        &self,
        context: &mut Context<'_>,
        name: &str,
        user: Option<&str>,
        path: Option<&str>,
    ) -> TransferKey {
        let mut start = context.start(self.protocol, name.to_owned(), self.from);
        start.user = user.map(str::to_owned).or(start.user);
        start.filename = path
            .and_then(|path| path.rsplit(['/', '\\']).next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned);
        context.begin(start)
    }

    /// Bytes of what was spoken of last are missing, or nobody knows of what.
    fn missing(&mut self, context: &mut Context<'_>, bytes: u64) {
        if let Some(open) = self.open.last_mut() {
            open.gap = true;
            context.missing(open.transfer, bytes);
        }
    }

    /// Nothing follows.
    fn end(&mut self, context: &mut Context<'_>) {
        for open in self.open.drain(..) {
            context.end(open.transfer, !open.gap);
        }
    }
}

/// One side of a session: its packets, and where goes what they hold.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) packets: Packets,
    told: Told,
    /// Where the rest of a long packet goes.
    pub(crate) current: Option<TransferKey>,
    /// What is moved as a whole, a file or a table, and whether something of it is missing.
    bulk: Option<TransferKey>,
    bulk_gap: bool,
    /// The next byte stands in no known packet.
    pub(crate) lost: bool,
    /// Where bytes go of which nobody knows what they are.
    raw: Option<TransferKey>,
}

impl Way {
    pub(crate) fn new(protocol: Protocol, from: Side) -> Self {
        Self {
            packets: Packets::default(),
            told: Told::new(protocol, from),
            current: None,
            bulk: None,
            bulk_gap: false,
            lost: false,
            raw: None,
        }
    }

    /// Bytes of which nobody knows what they are.
    pub(crate) fn raw(&mut self, context: &mut Context<'_>, data: &[u8]) {
        let told = &self.told;
        let transfer = *self.raw.get_or_insert_with(|| told.begin(context, NAMELESS, None, None));
        context.body(transfer, data);
    }

    /// A statement, its parameters or a row, of the kind that `name` names.
    pub(crate) fn line(&mut self, context: &mut Context<'_>, name: &str, user: Option<&str>, line: &[u8]) {
        let transfer = self.told.line(context, name, user);
        context.body(transfer, line);
        self.current = Some(transfer);
    }

    /// More of the packet that was begun last.
    pub(crate) fn more(&mut self, context: &mut Context<'_>, data: &[u8]) {
        if let Some(transfer) = self.current {
            context.body(transfer, data);
        }
    }

    /// The file at `path` is about to come.
    pub(crate) fn begin_file(
        &mut self,
        context: &mut Context<'_>,
        name: &str,
        user: Option<&str>,
        path: &str,
    ) {
        self.bulk = Some(self.told.begin(context, name, user, Some(path)));
    }

    /// The next bytes of a file or table.
    pub(crate) fn bulk(&mut self, context: &mut Context<'_>, name: &str, user: Option<&str>, data: &[u8]) {
        let told = &self.told;
        let transfer = *self.bulk.get_or_insert_with(|| told.begin(context, name, user, None));
        context.body(transfer, data);
        self.current = Some(transfer);
    }

    /// The file or table has ended.
    pub(crate) fn end_bulk(&mut self, context: &mut Context<'_>, complete: bool) {
        if let Some(transfer) = self.bulk.take() {
            // The server may refuse the rest of a packet that is still on its way.
            self.current = self.current.filter(|current| *current != transfer);
            context.end(transfer, complete && !self.bulk_gap);
        }
        self.bulk_gap = false;
    }

    /// Bytes are missing; None: nobody knows how many. False: what comes next stands in no known packet.
    pub(crate) fn gap(
        &mut self,
        context: &mut Context<'_>,
        bytes: Option<u64>,
        length: impl Fn(&[u8]) -> Length,
    ) -> bool {
        let gap = self.packets.gap(bytes.unwrap_or(u64::MAX), length);
        let within = gap.is_ok();
        let (Ok(held) | Err(OutOfStep(held))) = gap;
        if !held.is_empty() {
            self.raw(context, &held);
            self.current = self.raw;
        }
        self.lost |= !within;
        let bytes = bytes.unwrap_or_default();
        if let Some(transfer) = self.bulk {
            self.bulk_gap = true;
            context.missing(transfer, bytes);
        } else if self.current.is_some() || !within {
            self.told.missing(context, bytes);
        }
        within
    }

    /// Nothing follows. What comes all the same goes to no transfer that has ended.
    pub(crate) fn end(&mut self, context: &mut Context<'_>) {
        if !self.packets.is_between() {
            context.not_inspected(Uninspected::Malformed, self.packets.held_bytes() as u64);
            self.told.missing(context, 0);
        }
        (self.packets, self.current) = (Packets::default(), None);
        self.end_bulk(context, false);
        self.told.end(context);
        if let Some(transfer) = self.raw.take() {
            context.end(transfer, false);
        }
    }
}

/// A part of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// A packet begins: the whole of it, or as much as may be held.
    Head(Cow<'a, [u8]>),
    /// What comes behind that.
    More(&'a [u8]),
}

/// The packets of one side. At most a given number of bytes is held; of longer packets the rest is passed on as it comes.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    held: Vec<u8>,
    /// Bytes still to come of a packet whose head was shown.
    left: usize,
}

/// What comes is no packet: the bytes held of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfStep(pub(crate) Vec<u8>);

impl Packets {
    /// Takes the next part off the front of `data`; None: more bytes are needed.
    pub(crate) fn next<'a>(
        &mut self,
        most: usize,
        data: &mut &'a [u8],
        length: impl Fn(&[u8]) -> Length,
    ) -> Result<Option<Part<'a>>, OutOfStep> {
        if self.left > 0 {
            let part = take(data, self.left);
            self.left -= part.len();
            return Ok((!part.is_empty()).then_some(Part::More(part)));
        }
        if self.held.is_empty()
            && let Length::Bytes(whole) = length(data)
            && data.len() >= whole.min(most)
            && whole > 0
        {
            let head = take(data, whole.min(most));
            self.left = whole - head.len();
            return Ok(Some(Part::Head(Cow::Borrowed(head))));
        }
        loop {
            let wanted = match length(&self.held) {
                Length::NeedMore if self.held.len() < most => self.held.len() + 1,
                Length::Bytes(whole) if whole > 0 => whole.min(most),
                _ => return Err(OutOfStep(std::mem::take(&mut self.held))),
            };
            if let Length::Bytes(whole) = length(&self.held)
                && self.held.len() >= wanted
            {
                self.left = whole.saturating_sub(self.held.len());
                return Ok(Some(Part::Head(Cow::Owned(std::mem::take(&mut self.held)))));
            }
            let more = take(data, wanted.saturating_sub(self.held.len()));
            if more.is_empty() {
                return Ok(None);
            }
            self.held.extend_from_slice(more);
        }
    }

    /// Bytes are missing. Ok: they end within a packet, whose rest will still be passed on; what was held of it is given back.
    pub(crate) fn gap(&mut self, bytes: u64, length: impl Fn(&[u8]) -> Length) -> Result<Vec<u8>, OutOfStep> {
        let held = std::mem::take(&mut self.held);
        let left = match length(&held) {
            Length::Bytes(whole) if !held.is_empty() => whole.saturating_sub(held.len()),
            _ => self.left,
        };
        match usize::try_from(bytes).ok().and_then(|bytes| left.checked_sub(bytes)) {
            Some(left) => {
                self.left = left;
                Ok(held)
            }
            None => {
                self.left = 0;
                Err(OutOfStep(held))
            }
        }
    }

    /// Bytes held of a packet that is not whole.
    pub(crate) const fn held_bytes(&self) -> usize {
        self.held.len()
    }

    /// True when nothing of a packet is here that is not whole.
    pub(crate) const fn is_between(&self) -> bool {
        self.left == 0 && self.held.is_empty()
    }
}

fn take<'a>(data: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = data.split_at(count.min(data.len()));
    *data = rest;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn statements_are_named_by_words_that_hold_no_value() {
        let cases = [
            ("INSERT INTO customers VALUES (1, 'Ann')", "INSERT INTO customers"),
            ("insert into crm.customers (id, ssn) values (1, '733-09-7814')", "insert into crm.customers"),
            ("INSERT INTO `customers` VALUES (1)", "INSERT INTO customers"),
            ("INSERT INTO \"Customers\" (a) VALUES (1)", "INSERT INTO Customers"),
            ("SELECT id, name FROM customers WHERE ssn = '733-09-7814'", "SELECT id, name FROM customers"),
            ("SELECT * FROM t LIMIT 5", "SELECT * FROM t"),
            ("select count(*) from t", "select count from t"),
            ("SELECT f('secret)word', 1) FROM t", "SELECT f"),
            ("SELECT \"secret\"", "SELECT"),
            ("SELECT 4539123412341234", "SELECT"),
            ("/* app:secret */ UPDATE users SET name='x'", "UPDATE users"),
            ("-- secret\nSET PASSWORD = 'secret'", "SET PASSWORD"),
            ("COPY customers FROM STDIN (FORMAT csv)", "COPY customers FROM STDIN"),
            ("COPY  \"public\".\"orders\" (\"id\") FROM STDIN", "COPY public"),
            ("LOAD DATA LOCAL INFILE '/tmp/q3.csv' INTO TABLE t", "LOAD DATA LOCAL INFILE"),
            ("/*!40101 SET NAMES utf8 */", "statement"),
            ("'secret'", "statement"),
            ("SELECT $$secret$$", "SELECT"),
            ("", "statement"),
        ];
        for (statement, expected) in cases {
            assert_eq!(name_of(statement.as_bytes()), expected, "{statement}");
        }
    }

    fn short(bytes: &[u8]) -> Length {
        match bytes.first() {
            None => Length::NeedMore,
            Some(0) => Length::Malformed,
            Some(length) => Length::Bytes(usize::from(*length)),
        }
    }

    proptest! {
        /// What stands in quotes is no part of a name.
        #[test]
        fn what_is_quoted_is_no_name(before in "[a-zA-Z ,*(]{0,20}", value in "[0-9a-z]{1,9}zqz", after in "\\PC{0,20}") {
            let statement = format!("{before}'{value}'{after}");
            prop_assert!(!name_of(statement.as_bytes()).contains("zqz"), "{statement}");
        }

        /// The parts of packets are the bytes that came, however they are cut.
        #[test]
        fn parts_make_the_stream(lengths in prop::collection::vec(1_u8..40, 1..12), cut in 1_usize..50, most in 1_usize..20) {
            let stream: Vec<u8> = lengths.iter().flat_map(|n| std::iter::once(*n).chain((1..*n).map(|at| at | 0x40))).collect();
            let (mut packets, mut heads, mut whole) = (Packets::default(), 0, Vec::new());
            for mut piece in stream.chunks(cut) {
                while let Some(part) = packets.next(most, &mut piece, short).unwrap() {
                    match part {
                        Part::Head(bytes) => {
                            heads += 1;
                            prop_assert!(bytes.len() <= most);
                            whole.extend_from_slice(&bytes);
                        }
                        Part::More(bytes) => whole.extend_from_slice(bytes),
                    }
                }
            }
            prop_assert_eq!(whole, stream);
            prop_assert_eq!(heads, lengths.len());
            prop_assert!(packets.is_between());
        }
    }

    #[test]
    fn gaps_within_a_packet_keep_step() {
        let mut packets = Packets::default();
        let mut data = &[9, 1, 2][..];
        assert_eq!(packets.next(20, &mut data, short), Ok(None));
        assert_eq!(packets.gap(4, short), Ok(vec![9, 1, 2]));
        let mut data = &[7, 8, 2, 5][..];
        assert_eq!(packets.next(20, &mut data, short), Ok(Some(Part::More(&[7, 8]))));
        assert_eq!(packets.next(20, &mut data, short), Ok(Some(Part::Head(Cow::Borrowed(&[2, 5])))));
        assert_eq!(packets.gap(1, short), Err(OutOfStep(vec![])));
        let mut data = &[0][..];
        assert!(packets.next(20, &mut data, short).is_err());
    }
}
