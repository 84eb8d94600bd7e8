//! Recognising an FTP control connection by its first bytes.
//!
//! Owns: the verdict. Never does: anything with the bytes beyond that.

use super::parse::{self, Command};
use crate::lines::without_end;
use crate::registry::{Prefix, Verdict};

/// Recognises a control connection. Both ends are tried as the client, since a capture may begin in the middle.
pub(crate) fn probe(prefix: &Prefix<'_>) -> Verdict {
    let usual = verdict(prefix.initiator, prefix.responder, prefix.flow.midstream);
    if usual != Verdict::No || !prefix.flow.midstream {
        return usual;
    }
    verdict(prefix.responder, prefix.initiator, true)
}

fn verdict(client: &[u8], server: &[u8], midstream: bool) -> Verdict {
    let spoken = by_server(server, midstream);
    if client.is_empty() || spoken == Verdict::Yes {
        return spoken;
    }
    match (by_client(client), spoken) {
        (Verdict::Yes, _) => Verdict::Yes,
        // USER belongs to POP3 and IRC too, but their servers do not greet with 220.
        (Verdict::NeedMore, Verdict::NeedMore) if !midstream && has_line(client) && has_line(server) => {
            Verdict::Yes
        }
        (Verdict::NeedMore, Verdict::NeedMore) => Verdict::NeedMore,
        (Verdict::NeedMore, _) if server.is_empty() => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// What the server's first line tells. SMTP greets with the same code (RFC 5321 section 4.2), so 220 alone does not do.
fn by_server(server: &[u8], midstream: bool) -> Verdict {
    let Some(line) = lines(server).next() else {
        let begun = server.iter().zip(b"220").all(|(byte, expected)| byte == expected);
        return if begun || (midstream && server.first() == Some(&b'2')) {
            Verdict::NeedMore
        } else {
            Verdict::No
        };
    };
    let Some(reply) = parse::reply(line) else { return Verdict::No };
    let names = |name: &[u8]| reply.text.windows(name.len()).any(|word| word.eq_ignore_ascii_case(name));
    match reply.code {
        220 if names(b"SMTP") || names(b"LMTP") => Verdict::No,
        220 if names(b"FTP") => Verdict::Yes,
        220 => Verdict::NeedMore,
        227 if midstream && parse::passive(reply.text).is_some() => Verdict::Yes,
        229 if midstream && parse::extended_passive(reply.text).is_some() => Verdict::Yes,
        _ if midstream => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// What the client's lines tell.
fn by_client(client: &[u8]) -> Verdict {
    let mut complete = 0;
    for line in lines(client) {
        complete += line.len();
        match parse::command(line) {
            Some(command) if is_own(&command, line) => return Verdict::Yes,
            Some(_) => {}
            None => return Verdict::No,
        }
    }
    let letters = |bytes: &[u8]| bytes.iter().take(4).all(u8::is_ascii_alphabetic);
    if complete > 0 || letters(client) { Verdict::NeedMore } else { Verdict::No }
}

/// True for commands that no other protocol with such lines has: POP3, SMTP, IRC, NNTP.
fn is_own(command: &Command<'_>, line: &[u8]) -> bool {
    match command {
        Command::Passive
        | Command::Active(..)
        | Command::Directory(_)
        | Command::Host(_)
        | Command::Size(_) => true,
        Command::Transfer(verb, path) => verb.uploads() && !path.is_empty(),
        Command::Security => line
            .get(5..)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"TLS") || kind.eq_ignore_ascii_case(b"SSL")),
        Command::Other => {
            let known: [&[u8]; 6] = [b"FEAT", b"SYST", b"TYPE I", b"TYPE A", b"OPTS UTF8 ON", b"PBSZ 0"];
            known.iter().any(|known| line.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

fn has_line(bytes: &[u8]) -> bool {
    lines(bytes).next().is_some()
}

/// The complete lines, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")).map(without_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ftp_is_told_from_its_neighbours() {
        let cases: &[(&[u8], &[u8], bool, Verdict)] = &[
            (b"", b"220 (vsFTPd 3.0.3)\r\n", false, Verdict::Yes),
            (b"", b"220 ready\r\n", false, Verdict::NeedMore),
            (b"", b"2", false, Verdict::NeedMore),
            (b"", b"220 mx.postbox.example ESMTP\r\n", false, Verdict::No),
            (b"", b"+OK\r\n", false, Verdict::No),
            (b"USER alice\r\n", b"220 ready\r\n", false, Verdict::Yes),
            (b"USER al", b"220 ready\r\n", false, Verdict::NeedMore),
            (b"EHLO vm\r\n", b"220 ready\r\n", false, Verdict::No),
            (b"USER alice\r\n", b"+OK\r\n", false, Verdict::No),
            (b"USER alice\r\n", b"", false, Verdict::NeedMore),
            (b"USER alice\r\nPASS x\r\nPASV\r\n", b"", false, Verdict::Yes),
            (b"USER alice\r\nPASS x\r\nSTAT\r\n", b"", false, Verdict::NeedMore),
            (b"USER alice\r\nPASS x\r\nUIDL\r\n", b"", false, Verdict::No),
            (b"AUTH TLS\r\n", b"", false, Verdict::Yes),
            (b"GET / HTTP/1.1\r\n", b"", false, Verdict::No),
            (b"\x16\x03\x01", b"", false, Verdict::No),
            (b"", b"227 Entering Passive Mode (203,0,113,21,195,138).\r\n", true, Verdict::Yes),
            (b"", b"200 OK\r\n", true, Verdict::NeedMore),
            (b"STOR a.csv\r\n", b"200 OK\r\n", true, Verdict::Yes),
            (b"RETR 1\r\n", b"200 OK\r\n", true, Verdict::NeedMore),
        ];
        for (client, server, midstream, expected) in cases {
            let shown = (String::from_utf8_lossy(client), String::from_utf8_lossy(server));
            assert_eq!(verdict(client, server, *midstream), *expected, "{shown:?}");
        }
    }
}
