//! Authentication exchanges that several protocols carry (SASL, RFC 4422): whom they name.
//!
//! Owns: the user's name in a client's messages. Never does: keeping anything else of them; deciding whether the server accepted.

use crate::account::Account;
use crate::ntlm;
use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A mechanism of authentication from whose messages the user can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: user and password, each after a challenge.
    Login,
    /// RFC 2195.
    CramMd5,
    /// `user=…` in front of a bearer token.
    Xoauth2,
    /// RFC 7628.
    OauthBearer,
    /// RFC 5802, also with other hashes: the name stands in the first message.
    Scram,
    /// RFC 2831.
    DigestMd5,
    /// MS-NLMP, bare or within SPNEGO (RFC 4178).
    Ntlm,
    /// Any other: its messages are passed over.
    Other,
}

impl Mechanism {
    /// The mechanism of that name, in any case.
    pub(crate) fn named(name: &[u8]) -> Self {
        let name = name.to_ascii_uppercase();
        match name.as_slice() {
            b"PLAIN" => Self::Plain,
            b"LOGIN" => Self::Login,
            b"CRAM-MD5" => Self::CramMd5,
            b"XOAUTH2" => Self::Xoauth2,
            b"OAUTHBEARER" => Self::OauthBearer,
            b"DIGEST-MD5" => Self::DigestMd5,
            b"NTLM" | b"GSSAPI" | b"GSS-SPNEGO" => Self::Ntlm,
            name if name.starts_with(b"SCRAM-") => Self::Scram,
            _ => Self::Other,
        }
    }
}

/// Base64 as clients write it, with or without its padding.
pub(crate) const LENIENT_BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The user in one message of an authentication. `step` counts the client's messages from 0. Nothing but the user's name is
/// kept of the message.
fn user(mechanism: Mechanism, step: u32, message: &[u8]) -> Option<Account> {
    if mechanism == Mechanism::Ntlm {
        return match ntlm::find(message)? {
            ntlm::Message::Authenticate(names) => names.and_then(Account::ntlm),
            ntlm::Message::Negotiate | ntlm::Message::Challenge => None,
        };
    }
    if step > 0 {
        return None;
    }
    let name = match mechanism {
        // [authorize-id] NUL authenticate-id NUL password
        Mechanism::Plain => message.split(|byte| *byte == 0).nth(1)?,
        Mechanism::Login => message,
        // user SP digest; the user may hold blanks
        Mechanism::CramMd5 => message.get(..message.iter().rposition(|byte| *byte == b' ')?)?,
        Mechanism::Xoauth2 => message.strip_prefix(b"user=")?.split(|byte| *byte == 1).next()?,
        // n,a=user,^A…
        Mechanism::OauthBearer => message.split(|byte| *byte == b',').nth(1)?.strip_prefix(b"a=")?,
        // n,,n=user,r=nonce
        Mechanism::Scram => message.split(|byte| *byte == b',').find_map(|part| part.strip_prefix(b"n="))?,
        Mechanism::DigestMd5 => return parameter(message, "username").and_then(|name| Account::parse(&name)),
        Mechanism::Ntlm | Mechanism::Other => return None,
    };
    Account::parse(name)
}

/// The value of `name="value"` or `name=value` in a list of parameters (RFC 9110 section 11.2, RFC 2831 section 2.1.2).
pub(crate) fn parameter(list: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut rest = list;
    while !rest.is_empty() {
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (key, value) = rest.split_at(equals);
        let key = key.rsplit(|byte| matches!(byte, b' ' | b',' | b'\t')).next().unwrap_or_default();
        let value = value.get(1..)?;
        let (value, behind) = match value.strip_prefix(b"\"") {
            Some(quoted) => {
                let end = quoted.iter().position(|byte| *byte == b'"')?;
                (quoted.get(..end)?, quoted.get(end + 1..)?)
            }
            None => value.split_at(value.iter().position(|byte| *byte == b',').unwrap_or(value.len())),
        };
        if key.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(value.trim_ascii().to_vec());
        }
        rest = behind;
    }
    None
}

/// An authentication that has not been answered. Holds the user's name and no other part of it.
#[derive(Debug)]
pub(crate) struct Authentication {
    mechanism: Mechanism,
    /// Messages of the client so far.
    step: u32,
    account: Option<Account>,
}

impl Authentication {
    /// More messages than any mechanism has: what follows is no authentication.
    const LONGEST: u32 = 16;

    /// `initial`: the first message, where it comes with the command, in base64.
    pub(crate) fn new(mechanism: Mechanism, initial: Option<&[u8]>) -> Self {
        let mut authentication = Self { mechanism, step: 0, account: None };
        if let Some(message) = initial {
            authentication.message(message);
        }
        authentication
    }

    /// A message of the client in base64; false when there are too many.
    pub(crate) fn message(&mut self, message: &[u8]) -> bool {
        match LENIENT_BASE64.decode(message.trim_ascii()) {
            Ok(message) => self.decoded(&message),
            Err(_) => self.decoded(&[]),
        }
    }

    /// A message of the client as it is; false when there are too many.
    pub(crate) fn decoded(&mut self, message: &[u8]) -> bool {
        if let Some(account) = user(self.mechanism, self.step, message) {
            self.account = Some(account);
        }
        self.step = self.step.saturating_add(1);
        self.step <= Self::LONGEST
    }

    /// The user, as far as it was told.
    pub(crate) fn into_account(self) -> Option<Account> {
        self.account
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ntlm::samples;

    #[test]
    fn users_are_read_by_mechanism() {
        let ntlm = samples::authenticate("alice", "CORP", "LT");
        type Case<'a> = (&'a str, &'a [&'a [u8]], Option<&'a str>);
        let cases: &[Case<'_>] = &[
            ("plain", &[b"\0alice\0secret"], Some("alice")),
            ("PLAIN", &[b"admin\0alice\0secret"], Some("alice")),
            ("LOGIN", &[b"alice", b"secret"], Some("alice")),
            ("CRAM-MD5", &[b"alice b 0123abcd"], Some("alice b")),
            ("XOAUTH2", &[b"user=alice\x01auth=Bearer x"], Some("alice")),
            ("OAUTHBEARER", &[b"n,a=alice,\x01host=x"], Some("alice")),
            ("SCRAM-SHA-256", &[b"n,,n=alice,r=abc", b"c=biws,r=abc"], Some("alice")),
            ("DIGEST-MD5", &[b"charset=utf-8,username=\"alice\",realm=\"x\""], Some("alice")),
            ("NTLM", &[b"NTLMSSP\0\x01\0\0\0", &ntlm], Some("alice")),
            ("KERBEROS_V4", &[b"alice"], None),
        ];
        for (name, messages, expected) in cases {
            let mut authentication = Authentication::new(Mechanism::named(name.as_bytes()), None);
            for message in *messages {
                assert!(authentication.message(LENIENT_BASE64.encode(message).as_bytes()));
            }
            let account = authentication.into_account();
            assert_eq!(account.map(|account| account.user).as_deref(), *expected, "{name}");
        }
    }

    #[test]
    fn padding_may_be_missing_and_a_star_is_no_name() {
        let user = |message: &[u8]| Authentication::new(Mechanism::Login, Some(message)).into_account();
        assert_eq!(user(b"YWxpY2U"), Account::parse(b"alice"));
        assert_eq!(user(b"*"), None);
    }

    #[test]
    fn parameters_are_found_quoted_or_not() {
        let list = b"realm=\"a, b=c\", username=alice , nonce=\"x\"";
        assert_eq!(parameter(list, "username").as_deref(), Some(&b"alice"[..]));
        assert_eq!(parameter(list, "nonce").as_deref(), Some(&b"x"[..]));
        assert_eq!(parameter(list, "b"), None);
        assert_eq!(parameter(b"username=\"open", "username"), None);
    }
}
