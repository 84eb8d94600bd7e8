//! LDAP (RFC 4511): who bound to the directory.
//!
//! Owns: bind requests and their responses, in LDAP over TCP. Never does: keeping a password; reading searches.

#[cfg(test)]
mod tests;

use crate::account::Account;
use crate::ntlm;
use crate::registry::{Prefix, Verdict};
use crate::sasl::{Authentication, Mechanism};
use crate::witness::{Heard, Length, Messages, Witness, ber_length, watched};
use crate::{Analyzer, Context};
use egret_model::{Evidence, Protocol, Side, Timestamp};
use ldap_parser::FromBer as _;
use ldap_parser::ldap::{AuthenticationChoice, BindRequest, LdapMessage, ProtocolOp, ResultCode};

/// Recognises the first message: a sequence of a message identifier and an operation (RFC 4511 section 4.1.1).
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let bytes = if prefix.initiator.is_empty() { prefix.responder } else { prefix.initiator };
    match bytes.first() {
        Some(0x30) => {}
        None => return Verdict::NeedMore,
        Some(_) => return Verdict::No,
    }
    let head = match (ber_length(bytes), bytes.get(1)) {
        (Length::Malformed, _) => return Verdict::No,
        (Length::Bytes(_), Some(first)) if *first < 0x80 => 2,
        (Length::Bytes(_), Some(first)) => 2 + usize::from(first & 0x7f),
        (Length::NeedMore | Length::Skip(_), _) | (Length::Bytes(_), None) => return Verdict::NeedMore,
    };
    let Some(identifier) = bytes.get(head..).filter(|rest| rest.len() >= 2) else { return Verdict::NeedMore };
    let length = match identifier {
        [0x02, length @ 1..=4, ..] => usize::from(*length),
        _ => return Verdict::No,
    };
    match identifier.get(2 + length) {
        None => Verdict::NeedMore,
        // Requests and responses that begin or resume a session.
        Some(0x42 | 0x60 | 0x61 | 0x63..=0x65 | 0x77 | 0x78) => Verdict::Yes,
        Some(_) => Verdict::No,
    }
}

/// The analyzer of a flow that [`probe`] has recognised.
pub(crate) fn start(context: &Context<'_>) -> Box<dyn Analyzer> {
    watched(context, Protocol::Tcp, Ldap::default())
}

/// One connection.
#[derive(Default)]
struct Ldap {
    initiator: Messages,
    responder: Messages,
    bind: Bind,
}

/// The bind that waits for its response.
#[derive(Default)]
struct Bind {
    asked: Option<Asked>,
    told: usize,
    /// StartTLS was asked for.
    tls: bool,
    /// StartTLS was granted.
    upgraded: bool,
}

struct Asked {
    at: Timestamp,
    from: Side,
    who: Who,
}

enum Who {
    Simple(Option<Account>),
    Sasl(Authentication),
}

impl Witness for Ldap {
    fn data(&mut self, context: &mut Context<'_>, from: Side, data: &[u8]) -> Heard {
        let messages = if from == Side::Initiator { &mut self.initiator } else { &mut self.responder };
        let limits = context.limits;
        let bind = &mut self.bind;
        // Behind a security layer (RFC 4513 section 5.2.3) nothing is a message any more.
        let in_step =
            messages.push(limits, data, length, &mut |message| bind.message(context, from, message));
        if bind.upgraded {
            return Heard::Upgrade { rest: 0 };
        }
        if in_step && bind.told < limits.witness_names { Heard::Listening } else { Heard::Enough }
    }

    fn closed(&mut self, context: &mut Context<'_>) {
        if let Some(asked) = self.bind.asked.take() {
            self.bind.tell(context, asked, false);
        }
    }
}

/// Length of a message, by its first octets alone.
fn length(bytes: &[u8]) -> Length {
    if bytes.first() == Some(&0x30) { ber_length(bytes) } else { Length::Malformed }
}

impl Bind {
    fn message(&mut self, context: &mut Context<'_>, from: Side, message: &[u8]) {
        const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
        let Ok((_, message)) = LdapMessage::from_ber(message) else {
            return self.sicily(context.now(), from, message);
        };
        match message.protocol_op {
            ProtocolOp::BindRequest(request) => self.asked(context.now(), from, &request),
            ProtocolOp::BindResponse(response) => {
                let code = response.result.result_code;
                if code == ResultCode::SaslBindInProgress {
                    return;
                }
                if let Some(asked) = self.asked.take()
                    && code == ResultCode::Success
                {
                    self.tell(context, asked, true);
                }
            }
            ProtocolOp::ExtendedRequest(request) => self.tls = request.request_name.0 == START_TLS,
            ProtocolOp::ExtendedResponse(response) => {
                self.upgraded = self.tls && response.result.result_code == ResultCode::Success;
            }
            _ => {}
        }
    }

    /// A bind that names NTLM as a choice of its own (MS-ADTS section 5.1.1.1.3), which the standard does not know.
    fn sicily(&mut self, at: Timestamp, from: Side, message: &[u8]) {
        if let Some(ntlm::Message::Authenticate(Some(names))) = ntlm::find(message) {
            self.asked = Some(Asked { at, from, who: Who::Simple(Account::ntlm(names)) });
        }
    }

    fn asked(&mut self, at: Timestamp, from: Side, request: &BindRequest<'_>) {
        let who = match &request.authentication {
            // Without a password it is a request for an anonymous session, whatever the name (RFC 4513 section 5.1.2).
            AuthenticationChoice::Simple(password) if password.is_empty() => Who::Simple(None),
            AuthenticationChoice::Simple(_) => Who::Simple(account(&request.name.0)),
            AuthenticationChoice::Sasl(credentials) => {
                let mut authentication = match self.asked.take() {
                    Some(Asked { who: Who::Sasl(going_on), .. }) => going_on,
                    _ => Authentication::new(Mechanism::named(credentials.mechanism.0.as_bytes()), None),
                };
                if let Some(message) = &credentials.credentials {
                    authentication.decoded(message);
                }
                Who::Sasl(authentication)
            }
        };
        self.asked = Some(Asked { at, from, who });
    }

    fn tell(&mut self, context: &mut Context<'_>, asked: Asked, confirmed: bool) {
        let account = match asked.who {
            Who::Simple(account) => account,
            Who::Sasl(authentication) => authentication.into_account(),
        };
        if let Some(account) = account {
            self.told += 1;
            let ip = context.flow.endpoint(asked.from).ip;
            context.sighting(account.sighting(ip, Evidence::Ldap, confirmed, asked.at));
        }
    }
}

/// The account in the name of a bind: a user principal name, `DOMAIN\user`, or a distinguished name whose first part names a user
/// (RFC 4514).
fn account(name: &str) -> Option<Account> {
    let Some((attribute, rest)) = name.split_once('=') else { return Account::parse(name.as_bytes()) };
    let known = ["cn", "uid", "samaccountname", "userprincipalname"];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(attribute.trim())) {
        return None;
    }
    let mut value = String::new();
    let mut characters = rest.chars();
    while let Some(c) = characters.next() {
        match c {
            ',' | '+' => break,
            '\\' => value.extend(characters.next()),
            c => value.push(c),
        }
    }
    Account::parse(value.as_bytes())
}
