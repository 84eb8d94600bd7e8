//! Recognising SMTP by its first bytes.
//!
//! Owns: the verdict. Never does: anything with the bytes beyond that.

use super::parse::{self, Command};
use crate::lines::without_end;
use crate::registry::{Prefix, Verdict};

/// Recognises a session. Both ends are tried as the client, since a capture may begin in the middle.
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
        (Verdict::NeedMore, Verdict::NeedMore) => Verdict::NeedMore,
        (Verdict::NeedMore, _) if server.is_empty() => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// What the server's first line tells. FTP greets with the same code (RFC 959 section 5.4), so 220 alone does not do.
fn by_server(server: &[u8], midstream: bool) -> Verdict {
    let Some(line) = first_line(server) else {
        let begun = server.iter().zip(b"220").all(|(byte, expected)| byte == expected);
        return if begun || (midstream && server.first() == Some(&b'2')) {
            Verdict::NeedMore
        } else {
            Verdict::No
        };
    };
    match parse::reply(line) {
        Some(reply) if reply.code == 220 && is_named(reply.text) => Verdict::Yes,
        Some(reply) if reply.code == 220 => Verdict::NeedMore,
        // 354: only a mail is asked for like this.
        Some(reply) if reply.code == 354 && midstream => Verdict::Yes,
        Some(_) if midstream => Verdict::NeedMore,
        _ => Verdict::No,
    }
}

/// The word SMTP, ESMTP or LMTP.
fn is_named(text: &[u8]) -> bool {
    text.windows(4).any(|word| word.eq_ignore_ascii_case(b"SMTP") || word.eq_ignore_ascii_case(b"LMTP"))
}

/// What the client's first line tells: only commands that no other protocol has are enough.
fn by_client(client: &[u8]) -> Verdict {
    const OPENINGS: [&[u8]; 5] = [b"EHLO ", b"HELO ", b"LHLO ", b"MAIL FROM:", b"RCPT TO:"];
    if let Some(line) = first_line(client) {
        return match parse::command(line) {
            Some(
                Command::Hello { .. }
                | Command::Mail { .. }
                | Command::Recipient { .. }
                | Command::Chunk { .. },
            ) => Verdict::Yes,
            // Other protocols have the rest too; a later line tells.
            Some(_) => after_first_line(client),
            None => Verdict::No,
        };
    }
    let opens = OPENINGS.iter().any(|opening| {
        let length = opening.len().min(client.len());
        opening.get(..length).zip(client.get(..length)).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
    });
    if opens { Verdict::NeedMore } else { Verdict::No }
}

fn after_first_line(client: &[u8]) -> Verdict {
    let lines = client.split_inclusive(|byte| *byte == b'\n').skip(1);
    let commands = lines.filter(|line| line.ends_with(b"\n")).map(|line| parse::command(without_end(line)));
    for command in commands {
        match command {
            Some(Command::Hello { .. } | Command::Mail { .. } | Command::Recipient { .. }) => {
                return Verdict::Yes;
            }
            Some(_) => {}
            None => return Verdict::No,
        }
    }
    Verdict::NeedMore
}

/// The first line without its end, if it is complete.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    bytes.get(..=end).map(without_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smtp_is_told_from_its_neighbours() {
        let cases: &[(&[u8], &[u8], bool, Verdict)] = &[
            (b"", b"220 mx.postbox.example ESMTP Exim\r\n", false, Verdict::Yes),
            (b"", b"220-mx.postbox.example smtp\r\n", false, Verdict::Yes),
            (b"", b"220 mx.postbox.example ready\r\n", false, Verdict::NeedMore),
            (b"", b"22", false, Verdict::NeedMore),
            (b"", b"220 mx.postbox", false, Verdict::NeedMore),
            (b"", b"+OK ready\r\n", false, Verdict::No),
            (b"", b"250 OK\r\n", false, Verdict::No),
            (b"EHLO vm\r\n", b"220 mx.postbox.example ready\r\n", false, Verdict::Yes),
            (b"USER alice\r\n", b"220 ftp.dropfile.example ready\r\n", false, Verdict::No),
            (b"EHLO vm\r\n", b"", false, Verdict::Yes),
            (b"eh", b"", false, Verdict::NeedMore),
            (b"EHLO", b"", false, Verdict::NeedMore),
            (b"GET", b"", false, Verdict::No),
            (b"GET / HTTP/1.1\r\n", b"", false, Verdict::No),
            (b"NOOP\r\n", b"", false, Verdict::NeedMore),
            (b"NOOP\r\nMAIL FROM:<a@b>\r\n", b"", false, Verdict::Yes),
            (b"NOOP\r\nSELECT x\r\n", b"", false, Verdict::No),
            (b"RCPT TO:<a@b>\r\n", b"250 OK\r\n", true, Verdict::Yes),
            (b"", b"250 OK\r\n", true, Verdict::NeedMore),
            (b"Date: x\r\n", b"354 go\r\n", true, Verdict::Yes),
            (b"Date: x\r\n", b"250 OK\r\n", true, Verdict::No),
            (b"\x16\x03\x01", b"", false, Verdict::No),
        ];
        for (client, server, midstream, expected) in cases {
            let shown = (String::from_utf8_lossy(client), String::from_utf8_lossy(server));
            assert_eq!(verdict(client, server, *midstream), *expected, "{shown:?}");
        }
    }
}
