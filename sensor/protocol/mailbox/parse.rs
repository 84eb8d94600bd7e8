//! Commands and answers of IMAP and POP3 that have to do with logging in, one line at a time and without state.

use crate::account::Account;
use crate::registry::Verdict;
use crate::sasl::Mechanism;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Imap,
    Pop3,
}

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// POP3 USER.
    User(Option<Account>),
    /// POP3 APOP, which proves the password with the name.
    Digest(Option<Account>),
    /// IMAP LOGIN.
    LogIn { tag: &'a [u8], arguments: &'a [u8] },
    /// AUTHENTICATE (RFC 9051 section 6.2.2) or AUTH (RFC 5034).
    Authenticate { tag: &'a [u8], mechanism: Mechanism, initial: Option<&'a [u8]> },
    /// STARTTLS or STLS (RFC 2595).
    StartTls { tag: &'a [u8] },
}

/// An answer to the command that is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Refused,
    /// Something else, or a request to go on.
    Other,
}

/// Recognises the first bytes of both sides.
pub(super) fn verdict(dialect: Dialect, client: &[u8], server: &[u8]) -> Verdict {
    let greetings: &[&[u8]] = match dialect {
        Dialect::Imap => &[b"* OK", b"* PREAUTH", b"* BYE"],
        Dialect::Pop3 => &[b"+OK"],
    };
    if !server.is_empty() {
        // Redis answers +OK too, but to a client that spoke first, in arrays.
        let other =
            dialect == Dialect::Pop3 && client.first().is_some_and(|byte| !byte.is_ascii_alphabetic());
        let begins = |greeting: &&[u8]| {
            server.get(..greeting.len()).is_some_and(|head| head.eq_ignore_ascii_case(greeting))
        };
        return match () {
            () if other => Verdict::No,
            () if greetings.iter().any(begins) => Verdict::Yes,
            () if greetings.iter().any(|greeting| greeting.starts_with(server)) => Verdict::NeedMore,
            () => Verdict::No,
        };
    }
    // Without the server's side, only a log-in tells the protocol.
    let Some(end) = client.iter().position(|byte| *byte == b'\n') else {
        return if dialect == Dialect::Imap && may_become_log_in(client) {
            Verdict::NeedMore
        } else {
            Verdict::No
        };
    };
    match command(dialect, client.get(..end).unwrap_or_default().trim_ascii_end()) {
        Some(Command::LogIn { .. } | Command::Digest(_)) => Verdict::Yes,
        Some(Command::Authenticate { .. }) if dialect == Dialect::Imap => Verdict::Yes,
        _ => Verdict::No,
    }
}

/// Whether an unfinished line may be a log-in of IMAP.
fn may_become_log_in(line: &[u8]) -> bool {
    /// Longest tag that a client was seen to use, with room to spare.
    const LONGEST_TAG: usize = 16;
    let (tag, rest) = word(line);
    let verb = word(rest).0;
    let begins = |name: &[u8]| name.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb));
    tag.len() <= LONGEST_TAG
        && tag.iter().all(u8::is_ascii_alphanumeric)
        && (begins(b"LOGIN") || begins(b"AUTHENTICATE"))
}

/// Reads a command line without its end.
pub(super) fn command(dialect: Dialect, line: &[u8]) -> Option<Command<'_>> {
    let (first, rest) = word(line);
    let (tag, verb, arguments) = match dialect {
        Dialect::Imap => {
            let (verb, arguments) = word(rest);
            (first, verb, arguments)
        }
        Dialect::Pop3 => (&[][..], first, rest),
    };
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    let authenticate = || {
        let (mechanism, initial) = word(arguments);
        let initial = Some(initial).filter(|initial| !initial.is_empty() && *initial != b"=");
        Command::Authenticate { tag, mechanism: Mechanism::named(mechanism), initial }
    };
    match dialect {
        Dialect::Imap if tag.is_empty() || !tag.iter().all(u8::is_ascii_graphic) => None,
        Dialect::Imap if is("LOGIN") => Some(Command::LogIn { tag, arguments }),
        Dialect::Imap if is("AUTHENTICATE") => Some(authenticate()),
        Dialect::Imap if is("STARTTLS") => Some(Command::StartTls { tag }),
        Dialect::Pop3 if is("USER") => Some(Command::User(Account::parse(arguments))),
        Dialect::Pop3 if is("APOP") => Some(Command::Digest(Account::parse(word(arguments).0))),
        Dialect::Pop3 if is("AUTH") && !arguments.is_empty() => Some(authenticate()),
        Dialect::Pop3 if is("STLS") => Some(Command::StartTls { tag }),
        Dialect::Imap | Dialect::Pop3 => None,
    }
}

/// True for POP3's PASS.
pub(super) fn is_password(line: &[u8]) -> bool {
    word(line).0.eq_ignore_ascii_case(b"PASS")
}

/// What the server says to the command with `tag`.
pub(super) fn answer(dialect: Dialect, tag: &[u8], line: &[u8]) -> Answer {
    match dialect {
        Dialect::Pop3 if line.starts_with(b"+OK") => Answer::Accepted,
        Dialect::Pop3 if line.starts_with(b"-ERR") => Answer::Refused,
        Dialect::Pop3 => Answer::Other,
        Dialect::Imap => {
            let (first, rest) = word(line);
            let status = word(rest).0;
            match () {
                () if first != tag => Answer::Other,
                () if status.eq_ignore_ascii_case(b"OK") => Answer::Accepted,
                () => Answer::Refused,
            }
        }
    }
}

/// Octets of the literal that a line announces at its end: `{12}` or `{12+}` (RFC 7888).
pub(super) fn announced_literal(line: &[u8]) -> Option<usize> {
    let inner = line.strip_suffix(b"}")?;
    let inner = inner.strip_suffix(b"+").unwrap_or(inner);
    let digits = inner.get(inner.iter().rposition(|byte| *byte == b'{')? + 1..)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// The first argument: an atom or a quoted string (RFC 9051 section 9).
pub(super) fn first_argument(arguments: &[u8]) -> Option<Account> {
    let Some(quoted) = arguments.strip_prefix(b"\"") else { return Account::parse(word(arguments).0) };
    let mut name = Vec::new();
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return Account::parse(&name),
            b'\\' => name.extend(bytes.next()),
            byte => name.push(*byte),
        }
    }
    None
}

/// The first word, and what stands behind the blank after it.
fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (first, rest) = line.split_at(end);
    (first, rest.get(1..).unwrap_or_default().trim_ascii_start())
}
