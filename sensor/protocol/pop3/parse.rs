//! Commands and replies of POP3 (RFC 1939, RFC 2449, RFC 5034), one line at a time and without state.

use crate::account::Account;
use crate::mailbox::word;
use crate::registry::Verdict;
use crate::sasl::Mechanism;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// USER, before PASS.
    User(Option<Account>),
    Password,
    /// APOP, which proves the password with the name.
    Digest(Option<Account>),
    /// AUTH with a mechanism.
    Authenticate {
        mechanism: Mechanism,
        initial: Option<&'a [u8]>,
    },
    StartTls,
    /// RETR or TOP: as records show it.
    Message(String),
    /// Answered with several lines: LIST and UIDL without an argument, CAPA.
    Lines,
    Other,
}

/// The first line of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    /// With the text behind it.
    Accepted(&'a [u8]),
    Refused,
    /// `+ `: the server wants more of an authentication.
    GoOn,
}

/// Recognises the first bytes of both sides; `midstream`: what came before was not captured.
pub(super) fn verdict(client: &[u8], server: &[u8], midstream: bool) -> Verdict {
    const GREETING: &[u8] = b"+OK";
    if !server.is_empty() {
        // Redis answers +OK too, but to a client that spoke first, in arrays.
        let other = client.first().is_some_and(|byte| !byte.is_ascii_alphabetic());
        return match () {
            () if other => Verdict::No,
            () if server.starts_with(GREETING) => Verdict::Yes,
            () if GREETING.starts_with(server) => Verdict::NeedMore,
            () => Verdict::No,
        };
    }
    // Without the server's side, only a log-in tells the protocol; in the middle of a session, a message that is asked for.
    let Some(end) = client.iter().position(|byte| *byte == b'\n') else { return Verdict::No };
    match command(client.get(..end).unwrap_or_default().trim_ascii_end()) {
        Command::Digest(_) => Verdict::Yes,
        Command::Message(_) if midstream && is_ask_for_message(client.get(..end).unwrap_or_default()) => {
            Verdict::Yes
        }
        _ => Verdict::No,
    }
}

/// FTP has a RETR too, of files by name; here it is messages by number.
fn is_ask_for_message(line: &[u8]) -> bool {
    let argument = word(word(line.trim_ascii_end()).1).0;
    (1..=6).contains(&argument.len()) && argument.iter().all(u8::is_ascii_digit)
}

/// Reads a command line without its end.
pub(super) fn command(line: &[u8]) -> Command<'_> {
    let (verb, arguments) = word(line);
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("USER") => Command::User(Account::parse(arguments)),
        () if is("PASS") => Command::Password,
        () if is("APOP") => Command::Digest(Account::parse(word(arguments).0)),
        () if is("AUTH") && !arguments.is_empty() => {
            let (mechanism, initial) = word(arguments);
            let initial = Some(initial).filter(|initial| !initial.is_empty() && *initial != b"=");
            Command::Authenticate { mechanism: Mechanism::named(mechanism), initial }
        }
        () if is("STLS") => Command::StartTls,
        () if is("RETR") || is("TOP") => Command::Message(shown(line)),
        () if is("CAPA") => Command::Lines,
        () if (is("LIST") || is("UIDL") || is("AUTH")) && arguments.is_empty() => Command::Lines,
        () => Command::Other,
    }
}

/// `RETR 1` as records show it.
fn shown(line: &[u8]) -> String {
    const LONGEST: usize = 32;
    let text = String::from_utf8_lossy(line);
    text.chars().take(LONGEST).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Reads the first line of a reply without its end.
pub(super) fn reply(line: &[u8]) -> Option<Reply<'_>> {
    match line {
        [b'+', b'O', b'K', text @ ..] => Some(Reply::Accepted(text.trim_ascii_start())),
        [b'-', b'E', b'R', b'R', ..] => Some(Reply::Refused),
        [b'+'] | [b'+', b' ', ..] => Some(Reply::GoOn),
        _ => None,
    }
}

/// Whether a message follows for which nobody was seen to ask: `+OK 13811 octets`.
pub(super) fn announces_message(text: &[u8]) -> bool {
    let (size, unit) = word(text);
    !size.is_empty() && size.iter().all(u8::is_ascii_digit) && unit.starts_with(b"octets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let cases: Vec<(&str, Command<'_>)> = vec![
            ("USER alice", Command::User(Account::parse(b"alice"))),
            ("pass x y", Command::Password),
            ("APOP alice 0123", Command::Digest(Account::parse(b"alice"))),
            (
                "AUTH PLAIN AGE=",
                Command::Authenticate { mechanism: Mechanism::Plain, initial: Some(b"AGE=") },
            ),
            ("AUTH", Command::Lines),
            ("retr 12", Command::Message("retr 12".to_owned())),
            ("TOP 1 0", Command::Message("TOP 1 0".to_owned())),
            ("LIST", Command::Lines),
            ("LIST 1", Command::Other),
            ("UIDL", Command::Lines),
            ("STLS", Command::StartTls),
            ("QUIT", Command::Other),
            ("", Command::Other),
        ];
        for (line, expected) in cases {
            assert_eq!(command(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn replies_are_read() {
        assert_eq!(reply(b"+OK 120 octets"), Some(Reply::Accepted(b"120 octets")));
        assert_eq!(reply(b"-ERR no"), Some(Reply::Refused));
        assert_eq!(reply(b"+ "), Some(Reply::GoOn));
        assert_eq!(reply(b"Received: from x"), None);
        assert!(announces_message(b"120 octets follow") && !announces_message(b"Logged in."));
    }
}
