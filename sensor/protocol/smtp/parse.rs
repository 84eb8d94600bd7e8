//! Commands, replies and authentication messages of SMTP, one at a time and without state.

use crate::sasl::Mechanism;

/// A command line (RFC 5321 section 4.1.1 and the extensions named below).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// EHLO or HELO; LHLO where `lmtp` (RFC 2033 section 4.1).
    Hello { lmtp: bool },
    /// MAIL FROM: the reverse path, empty for a notification.
    Mail { address: String },
    /// RCPT TO.
    Recipient { address: String },
    /// DATA.
    Data,
    /// BDAT (RFC 3030 section 2): `bytes` octets follow the line.
    Chunk { bytes: u64, last: bool },
    /// AUTH (RFC 4954 section 4).
    Auth { mechanism: Mechanism, initial: Option<&'a [u8]> },
    /// STARTTLS (RFC 3207 section 4).
    StartTls,
    /// RSET.
    Reset,
    /// A command that changes nothing here: NOOP, QUIT, VRFY and the like.
    Other,
}

/// One line of a reply (RFC 5321 section 4.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyLine<'a> {
    pub(super) code: u16,
    /// No further line of this reply follows.
    pub(super) last: bool,
    pub(super) text: &'a [u8],
}

/// Reads a command line without its end. `None`: no command of SMTP.
pub(super) fn command(line: &[u8]) -> Option<Command<'_>> {
    let line = line.trim_ascii_end();
    let end = line.iter().position(|byte| *byte == b' ' || *byte == b'\t').unwrap_or(line.len());
    let (verb, arguments) = line.split_at(end);
    let arguments = arguments.trim_ascii_start();
    let bare = arguments.is_empty();
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    match verb.len() {
        4 if is("EHLO") || is("HELO") => (!bare).then_some(Command::Hello { lmtp: false }),
        4 if is("LHLO") => (!bare).then_some(Command::Hello { lmtp: true }),
        4 if is("MAIL") => Some(Command::Mail { address: path(arguments, b"FROM:")? }),
        4 if is("RCPT") => Some(Command::Recipient { address: path(arguments, b"TO:")? }),
        4 if is("DATA") => bare.then_some(Command::Data),
        4 if is("BDAT") => chunk(arguments),
        4 if is("AUTH") => auth(arguments),
        4 if is("RSET") => bare.then_some(Command::Reset),
        4 if is("QUIT") || is("TURN") => bare.then_some(Command::Other),
        4 if is("NOOP") || is("HELP") || is("VRFY") || is("EXPN") || is("ETRN") => Some(Command::Other),
        4 if is("SEND") || is("SOML") || is("SAML") => {
            Some(Command::Mail { address: path(arguments, b"FROM:")? })
        }
        7 if is("XCLIENT") => Some(Command::Other),
        8 if is("XFORWARD") => Some(Command::Other),
        8 if is("STARTTLS") => bare.then_some(Command::StartTls),
        _ => None,
    }
}

/// The address of `FROM:<address> PARAMETERS`, without a source route (RFC 5321 section 4.1.2 and appendix C).
fn path(arguments: &[u8], keyword: &[u8]) -> Option<String> {
    let (head, rest) = arguments.split_at_checked(keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let address = match rest.strip_prefix(b"<") {
        Some(inner) => before_bracket(inner),
        None => rest.split(|byte| *byte == b' ').next().unwrap_or_default(),
    };
    let routed = address.starts_with(b"@");
    let mailbox = address.split(|byte| *byte == b':').next_back().filter(|_| routed).unwrap_or(address);
    Some(String::from_utf8_lossy(mailbox).into_owned())
}

/// What stands before the first `>` outside quotes, or everything.
fn before_bracket(path: &[u8]) -> &[u8] {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |byte: &u8| {
        if escaped {
            escaped = false;
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' => return !quoted,
            _ => {}
        }
        false
    };
    path.split(is_end).next().unwrap_or_default()
}

fn chunk(arguments: &[u8]) -> Option<Command<'_>> {
    let mut words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let bytes = number(words.next()?)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Command::Chunk { bytes, last })
}

fn auth(arguments: &[u8]) -> Option<Command<'_>> {
    let mut words = arguments.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mechanism = Mechanism::named(words.next()?);
    Some(Command::Auth { mechanism, initial: words.next() })
}

fn number(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Reads a line of a reply without its end.
pub(super) fn reply(line: &[u8]) -> Option<ReplyLine<'_>> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = u16::try_from(number(digits)?).ok().filter(|code| (200..600).contains(code))?;
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    Some(ReplyLine { code, last, text })
}

/// The host name at the start of a greeting or of the answer to EHLO (RFC 5321 section 4.2), in lower case.
pub(super) fn host_name(text: &[u8]) -> Option<String> {
    let word = text.split(u8::is_ascii_whitespace).find(|word| !word.is_empty())?;
    crate::names::host_name(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let mail = |address: &str| Some(Command::Mail { address: address.to_owned() });
        let recipient = |address: &str| Some(Command::Recipient { address: address.to_owned() });
        let cases: Vec<(&str, Option<Command<'_>>)> = vec![
            ("EHLO vm", Some(Command::Hello { lmtp: false })),
            ("ehlo", None),
            ("LHLO vm", Some(Command::Hello { lmtp: true })),
            ("mail FROM:<alice@corp.example> size=56107", mail("alice@corp.example")),
            ("MAIL FROM: <alice@corp.example>", mail("alice@corp.example")),
            ("MAIL FROM:<>", mail("")),
            ("MAIL FROM:alice@corp.example BODY=8BITMIME", mail("alice@corp.example")),
            ("MAIL FROM:<\"a> b\"@corp.example>", mail("\"a> b\"@corp.example")),
            ("MAIL FROM:<@relay.example,@x:alice@corp.example>", mail("alice@corp.example")),
            ("MAIL alice", None),
            ("RCPT TO:<friend@postbox.example> NOTIFY=NEVER", recipient("friend@postbox.example")),
            ("data", Some(Command::Data)),
            ("DATA now", None),
            ("BDAT 512", Some(Command::Chunk { bytes: 512, last: false })),
            ("BDAT 0 last", Some(Command::Chunk { bytes: 0, last: true })),
            ("BDAT -1", None),
            ("BDAT 99999999999999999999", None),
            ("BDAT 1 FIRST", None),
            ("AUTH plain AGE=", Some(Command::Auth { mechanism: Mechanism::Plain, initial: Some(b"AGE=") })),
            ("AUTH LOGIN", Some(Command::Auth { mechanism: Mechanism::Login, initial: None })),
            ("AUTH NTLM", Some(Command::Auth { mechanism: Mechanism::Ntlm, initial: None })),
            ("STARTTLS", Some(Command::StartTls)),
            ("RSET ", Some(Command::Reset)),
            ("QUIT", Some(Command::Other)),
            ("VRFY bob", Some(Command::Other)),
            ("Date: Mon, 23 Nov 2026", None),
            ("", None),
        ];
        for (line, expected) in cases {
            assert_eq!(command(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn replies_are_read() {
        assert_eq!(reply(b"250 OK"), Some(ReplyLine { code: 250, last: true, text: b"OK" }));
        assert_eq!(reply(b"250-a b"), Some(ReplyLine { code: 250, last: false, text: b"a b" }));
        assert_eq!(reply(b"354"), Some(ReplyLine { code: 354, last: true, text: b"" }));
        for line in [&b"25"[..], b"2500", b"abc def", b"999 x", b"+50 x", b""] {
            assert_eq!(reply(line), None);
        }
    }
}
