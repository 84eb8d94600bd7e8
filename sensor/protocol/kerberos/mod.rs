//! Kerberos (RFC 4120): a ticket that was granted names its client, who is at the address that the reply goes to.
//!
//! Owns: replies, and requests that no reply to was captured. Never does: decrypting; believing a request that was refused.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::registry::{Prefix, Verdict};
use crate::witness::{Heard, Length, Messages, Witness, ber_length, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, FlowKind, Protocol, Side, Timestamp};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use kerberos_parser::krb5::{AddressType, KdcRep, KdcReq, PrincipalName};
use kerberos_parser::krb5_parser::{parse_as_rep, parse_as_req, parse_tgs_rep};

/// Application tags (RFC 4120 section 5.10).
const AS_REQ: u8 = 0x6a;
const AS_REP: u8 = 0x6b;
const TGS_REQ: u8 = 0x6c;
const TGS_REP: u8 = 0x6d;
const ERROR: u8 = 0x7e;
/// Longest ticket that ends evidence, nanoseconds (24 h): requests often ask for the end of time.
const LONGEST_TICKET_NS: i64 = 24 * 3600 * 1_000_000_000;

/// Recognises the first message.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    let message = match prefix.flow.kind {
        FlowKind::Tcp => match record_length(bytes) {
            Length::NeedMore => return Verdict::NeedMore,
            Length::Malformed => return Verdict::No,
            Length::Bytes(_) | Length::Skip(_) => bytes.get(4..).unwrap_or_default(),
        },
        FlowKind::Udp | FlowKind::Icmp => bytes,
    };
    if prefix.flow.kind == FlowKind::Udp && ber_length(message) != Length::Bytes(message.len()) {
        return Verdict::No;
    }
    let Some(head) = message.get(..20) else {
        return if prefix.flow.kind == FlowKind::Tcp { Verdict::NeedMore } else { Verdict::No };
    };
    // The version, 5, is the first or (in a request) the only field of that form near the start.
    let version = head.windows(4).any(|window| window == [3, 2, 1, 5]);
    let tag = head.first().is_some_and(|tag| matches!(*tag, AS_REQ | AS_REP | TGS_REQ | TGS_REP | ERROR));
    if tag && version { Verdict::Yes } else { Verdict::No }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    let protocol = if context.flow.kind == FlowKind::Tcp { Protocol::Tcp } else { Protocol::Udp };
    watched(context, protocol, Kerberos::default())
}

/// Length of a message over TCP with the four octets of its length (RFC 4120 section 7.2.2).
fn record_length(bytes: &[u8]) -> Length {
    let Some(head) = bytes.first_chunk::<4>() else { return Length::NeedMore };
    let length = u32::from_be_bytes(*head) as usize;
    match ber_length(bytes.get(4..).unwrap_or_default()) {
        Length::NeedMore => Length::NeedMore,
        Length::Bytes(inner) if inner == length => Length::Bytes(length + 4),
        Length::Bytes(_) | Length::Skip(_) | Length::Malformed => Length::Malformed,
    }
}

/// One client and its key distribution centre.
#[derive(Default)]
struct Kerberos {
    initiator: Messages,
    responder: Messages,
    dialogue: Dialogue,
}

/// What is known between request and reply.
#[derive(Default)]
struct Dialogue {
    asked: Option<Asked>,
    told: Option<(Account, Option<String>)>,
}

/// A request for a first ticket that has not been answered.
struct Asked {
    at: Timestamp,
    from: Side,
    account: Option<Account>,
    host: Option<String>,
    until: Option<Timestamp>,
}

impl Witness for Kerberos {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        if context.flow.kind != FlowKind::Tcp {
            self.dialogue.message(context, from, data);
            return Heard::Listening;
        }
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let dialogue = &mut self.dialogue;
        let mut show = |record: &[u8]| dialogue.message(context, from, record.get(4..).unwrap_or_default());
        if messages.push(limits, data, record_length, &mut show) { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        self.dialogue.unanswered(context);
    }
}

impl Dialogue {
    fn message(&mut self, context: &mut Context<'_>, from: Side, message: &[u8]) {
        match message.first() {
            Some(&AS_REQ) => {
                self.unanswered(context);
                if let Ok((_, request)) = parse_as_req(message) {
                    self.asked = Some(Asked::new(context.now(), from, &request));
                }
            }
            Some(&AS_REP) => self.granted(context, from, parse_as_rep(message).ok().map(|(_, reply)| reply)),
            Some(&TGS_REP) => {
                self.granted(context, from, parse_tgs_rep(message).ok().map(|(_, reply)| reply));
            }
            // Refused, or asked to prove itself first: then it asks again.
            Some(&ERROR) => self.asked = None,
            _ => {}
        }
    }

    fn granted(&mut self, context: &mut Context<'_>, from: Side, reply: Option<KdcRep<'_>>) {
        let asked = self.asked.take();
        let Some(account) = reply.and_then(|reply| account(&reply.cname, &reply.crealm.0)) else { return };
        let (host, until) = asked.map_or((None, None), |asked| (asked.host, asked.until));
        // A client asks for many tickets one after the other; once is enough.
        let told = (account, host);
        if until.is_none() && self.told.as_ref() == Some(&told) {
            return;
        }
        let (account, host) = &told;
        let ip = context.flow.endpoint(from.other()).ip;
        let mut sighting = account.sighting(ip, Evidence::Kerberos, true, context.now());
        (sighting.host, sighting.until) = (host.clone(), until);
        context.sighting(sighting);
        self.told = Some(told);
    }

    fn unanswered(&mut self, context: &mut Context<'_>) {
        if let Some(Asked { at, from, account: Some(account), host, until }) = self.asked.take() {
            let ip = context.flow.endpoint(from).ip;
            let mut sighting = account.sighting(ip, Evidence::Kerberos, false, at);
            (sighting.host, sighting.until) = (host, until);
            context.sighting(sighting);
        }
    }
}

impl Asked {
    fn new(at: Timestamp, from: Side, request: &KdcReq<'_>) -> Self {
        /// Type of a NetBIOS name (RFC 4120 section 7.5.3).
        const NETBIOS: AddressType = AddressType(20);
        let body = &request.req_body;
        let host = body.addresses.iter().find(|known| known.addr_type == NETBIOS).and_then(|known| {
            let name = std::str::from_utf8(known.address).ok()?.trim_matches(['\0', ' ', '\u{20}']);
            (!name.is_empty() && !name.chars().any(char::is_control)).then(|| name.to_owned())
        });
        let till = till(request).map(Timestamp::from_seconds);
        Self {
            at,
            from,
            account: body.cname.as_ref().and_then(|name| account(name, &body.realm.0)),
            host,
            until: till.filter(|till| *till > at && till.since(at) <= LONGEST_TICKET_NS),
        }
    }
}

/// The end of a ticket that a request asks for, in seconds since the epoch; times of Kerberos are UTC (RFC 4120 section 5.2.3).
fn till(request: &KdcReq<'_>) -> Option<i64> {
    let time = &request.req_body.till.0;
    let part = |number: u8| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(time.year).ok()?, part(time.month)?, part(time.day)?).ok()?;
    let of_day = Time::new(part(time.hour)?, part(time.minute)?, part(time.second)?, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(date.to_datetime(of_day)).ok()?.as_second())
}

/// The client's account. Names of services (`host/…`) are no person's; an enterprise name holds its own domain.
fn account(name: &PrincipalName, realm: &str) -> Option<Account> {
    let [user] = name.name_string.as_slice() else { return None };
    let account = Account::parse(user.as_bytes())?;
    let realm = Some(realm)
        .filter(|realm| !realm.is_empty() && realm.len() <= 255 && !realm.chars().any(char::is_control));
    Some(Account { domain: account.domain.or_else(|| realm.map(str::to_owned)), ..account })
}
