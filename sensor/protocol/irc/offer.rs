//! Files that one user sends another over a connection of their own (CTCP DCC SEND, Rollo 1994), which the chat announces.
//!
//! Owns: reading the announcement, and the content of that connection. Never does: offers in which the receiver listens; connections
//! to another host than the chat's other end, which nobody here can tell whose they are.

use crate::{Analyzer, Context, raw};
use egret_model::{Endpoint, FlowKind, Protocol, Side, TransferKey};
use std::net::{IpAddr, Ipv4Addr};

/// A file that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    name: String,
    /// As the sender tells it: behind a translator it is not what is seen here.
    ip: IpAddr,
    port: u16,
    size: Option<u64>,
}

/// Longest name that is believed, bytes: a line of IRC has 512 (RFC 2812 section 2.3).
const LONGEST_NAME: usize = 400;

impl Offer {
    /// Reads a line: `PRIVMSG bob :\x01DCC SEND "q3 plan.pdf" 3405803783 4000 89343\x01`.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        const SEND: &[u8] = b"DCC SEND ";
        let (before, rest) = line.split_at_checked(memchr::memmem::find(line, SEND)?)?;
        memchr::memmem::find(before, b"PRIVMSG ")?;
        let rest = rest.get(SEND.len()..)?;
        let (name, numbers) = match rest.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = quoted.iter().position(|byte| *byte == b'"')?;
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
            None => rest.split_at(rest.iter().position(|byte| *byte == b' ')?),
        };
        let numbers = std::str::from_utf8(numbers).ok()?;
        let mut words = numbers.split([' ', '\u{1}']).filter(|word| !word.is_empty());
        let ip = words.next()?;
        let ip = match ip.parse::<u32>() {
            Ok(number) => Ipv4Addr::from(number).into(),
            Err(_) => ip.parse().ok()?,
        };
        let port = words.next()?.parse().ok().filter(|port| *port > 0)?;
        let name = String::from_utf8_lossy(name);
        let name = name.rsplit(['/', '\\']).next()?;
        let believable = !name.is_empty() && name.len() <= LONGEST_NAME && !name.contains(char::is_control);
        believable.then(|| Self {
            name: name.to_owned(),
            ip,
            port,
            size: words.next().and_then(|size| size.parse().ok()),
        })
    }

    /// `from` has made the offer on a chat: the connection is expected.
    pub(super) fn announce(self, context: &mut Context<'_>, from: Side) {
        let (sender, opener) = (context.flow.endpoint(from).ip, context.flow.endpoint(from.other()).ip);
        // What the client tells of itself, its own address outweighs.
        if from == Side::Responder && self.ip != sender {
            return;
        }
        let listener = Endpoint { ip: sender, port: self.port };
        let until = context.now().plus(context.limits.ftp_connect_ns);
        let start = Box::new(move |context: &mut Context<'_>| {
            let from = if context.flow.responder == listener { Side::Responder } else { Side::Initiator };
            let rest = raw::known(context, Protocol::Irc);
            Box::new(SentFile { offer: self, from, transfer: None, told: 0, gap: false, rest })
                as Box<dyn Analyzer>
        });
        context.shared.expected.announce(FlowKind::Tcp, listener, opener, until, start);
    }
}

/// The connection over which a file is sent.
struct SentFile {
    offer: Offer,
    from: Side,
    transfer: Option<TransferKey>,
    told: u64,
    gap: bool,
    /// What the receiver says: how much has come.
    rest: Box<dyn Analyzer>,
}

impl SentFile {
    fn transfer(&mut self, context: &mut Context<'_>) -> TransferKey {
        if let Some(transfer) = self.transfer {
            return transfer;
        }
        let mut start = context.start(Protocol::Irc, format!("DCC SEND {}", self.offer.name), self.from);
        start.filename = Some(self.offer.name.clone());
        let transfer = context.begin(start);
        self.transfer = Some(transfer);
        transfer
    }

    fn end(&mut self, context: &mut Context<'_>, seen: bool) {
        if let Some(transfer) = self.transfer.take() {
            // The sender may end by closing, or wait for the receiver to do so.
            let whole = self.offer.size.map_or(seen, |size| self.told >= size);
            context.end(transfer, whole && !self.gap);
        }
    }
}

impl Analyzer for SentFile {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) {
        if from != self.from {
            return self.rest.data(context, from, data);
        }
        let transfer = self.transfer(context);
        self.told = self.told.saturating_add(data.len() as u64);
        context.body(transfer, data);
    }

    fn gap(&mut self, context: &mut Context<'_>, from: Side, bytes: u64) {
        if from != self.from {
            return self.rest.gap(context, from, bytes);
        }
        let transfer = self.transfer(context);
        (self.told, self.gap) = (self.told.saturating_add(bytes), true);
        context.missing(transfer, bytes);
    }

    fn finished(&mut self, context: &mut Context<'_>, from: Side) {
        if from == self.from {
            self.end(context, true);
        } else {
            self.rest.finished(context, from);
        }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.end(context, false);
        self.rest.closed(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offers_are_read() {
        type Case<'a> = (&'a [u8], Option<(&'a str, &'a str, u16, Option<u64>)>);
        let cases: &[Case<'_>] = &[
            (
                b"PRIVMSG bob :\x01DCC SEND a.docx 169083147 46325 49064\x01",
                Some(("a.docx", "10.20.1.11", 46325, Some(49064))),
            ),
            (
                b":al!a@h PRIVMSG bob :\x01DCC SEND \"q3 plan.pdf\" 2001:db8::1 4000\x01",
                Some(("q3 plan.pdf", "2001:db8::1", 4000, None)),
            ),
            (b"PRIVMSG b :DCC SEND C:\\x\\y.txt 1.2.3.4 5 6", Some(("y.txt", "1.2.3.4", 5, Some(6)))),
            // The receiver is to listen.
            (b"PRIVMSG b :\x01DCC SEND a.txt 1 0 6 99\x01", None),
            (b"PRIVMSG b :\x01DCC CHAT chat 1 2\x01", None),
            (b"TOPIC #x :DCC SEND a 1 2 3", None),
            (b"PRIVMSG b :DCC SEND a", None),
            (b"PRIVMSG b :DCC SEND \"a 1 2", None),
        ];
        for (line, expected) in cases {
            let told = Offer::parse(line).map(|o| (o.name, o.ip.to_string(), o.port, o.size));
            let expected = expected.map(|(n, ip, port, size)| (n.to_owned(), ip.to_owned(), port, size));
            assert_eq!(told, expected, "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_survived(rest in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = Offer::parse(&[b"PRIVMSG b :\x01DCC SEND ", rest.as_slice()].concat());
        }
    }
}
