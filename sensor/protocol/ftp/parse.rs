//! Commands and replies of FTP, one line at a time and without state.

use std::net::{IpAddr, Ipv4Addr};

/// A command line (RFC 959 section 4.1 and the extensions named below).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// USER.
    User(&'a [u8]),
    /// PASS; the password is not kept.
    Password,
    /// AUTH (RFC 2228).
    Security,
    /// REIN: as if just connected.
    Reinitialize,
    /// PASV, EPSV (RFC 2428).
    Passive,
    /// PORT, EPRT (RFC 2428): the client listens there. No address: that of the client.
    Active(Option<IpAddr>, u16),
    /// A command that opens a data connection.
    Transfer(Verb, &'a [u8]),
    /// REST (RFC 3659 section 5): where the next transfer begins.
    Restart(u64),
    /// MODE.
    Mode(u8),
    /// TYPE, first letter in upper case.
    Type(u8),
    /// CWD; CDUP is `..`.
    Directory(&'a [u8]),
    /// PWD.
    WhichDirectory,
    /// SIZE (RFC 3659 section 4).
    Size(&'a [u8]),
    /// HOST (RFC 7151).
    Host(&'a [u8]),
    /// A command that changes nothing here.
    Other,
}

/// A command that opens a data connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Stor,
    Appe,
    Stou,
    Retr,
    List,
    Nlst,
    Mlsd,
}

impl Verb {
    const ALL: [Self; 7] =
        [Self::Stor, Self::Appe, Self::Stou, Self::Retr, Self::List, Self::Nlst, Self::Mlsd];

    /// As on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stor => "STOR",
            Self::Appe => "APPE",
            Self::Stou => "STOU",
            Self::Retr => "RETR",
            Self::List => "LIST",
            Self::Nlst => "NLST",
            Self::Mlsd => "MLSD",
        }
    }

    /// The client sends.
    pub(super) const fn uploads(self) -> bool {
        matches!(self, Self::Stor | Self::Appe | Self::Stou)
    }

    /// The server sends text about files, no file.
    pub(super) const fn lists(self) -> bool {
        matches!(self, Self::List | Self::Nlst | Self::Mlsd)
    }
}

/// Commands that need no further reading; recognition counts on them.
const OTHERS: [&str; 29] = [
    "ABOR", "ACCT", "ADAT", "ALLO", "AUTH", "CCC", "CLNT", "DELE", "FEAT", "HELP", "LANG", "MDTM", "MFMT",
    "MKD", "MLST", "NOOP", "OPTS", "PBSZ", "PROT", "QUIT", "RMD", "RNFR", "RNTO", "SITE", "SMNT", "STAT",
    "STRU", "SYST", "XPWD",
];

/// Reads a command line without its end. `None`: no command of FTP.
pub(super) fn command(line: &[u8]) -> Option<Command<'_>> {
    // ABOR comes behind Telnet's interrupt signals (RFC 959 section 4.1.3), which are no part of it.
    let start = line.iter().position(|byte| *byte < 0xf0)?;
    let line = line.get(start..)?;
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let (verb, rest) = line.split_at(end);
    let argument = rest.strip_prefix(b" ").unwrap_or_default();
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    if let Some(verb) = Verb::ALL.into_iter().find(|verb| is(verb.name())) {
        return Some(Command::Transfer(verb, argument));
    }
    let command = match () {
        () if is("USER") => Command::User(argument),
        () if is("PASS") => Command::Password,
        () if is("AUTH") => Command::Security,
        () if is("REIN") => Command::Reinitialize,
        () if is("PASV") || is("EPSV") => Command::Passive,
        () if is("PORT") => {
            let (address, port) = host_port(argument)?;
            Command::Active(Some(address.into()), port)
        }
        () if is("EPRT") => {
            let (address, port) = extended_port(argument)?;
            Command::Active(address, port)
        }
        () if is("REST") => Command::Restart(std::str::from_utf8(argument).ok()?.trim().parse().ok()?),
        () if is("MODE") => Command::Mode(argument.first()?.to_ascii_uppercase()),
        () if is("TYPE") => Command::Type(argument.trim_ascii_start().first()?.to_ascii_uppercase()),
        () if is("CWD") || is("XCWD") => Command::Directory(argument),
        () if is("CDUP") || is("XCUP") => Command::Directory(b".."),
        () if is("PWD") || is("XPWD") => Command::WhichDirectory,
        () if is("SIZE") => Command::Size(argument),
        () if is("HOST") => Command::Host(argument),
        () if OTHERS.iter().any(|name| is(name)) => Command::Other,
        () => return None,
    };
    Some(command)
}

/// A line that begins or ends a reply (RFC 959 section 4.2).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReplyLine<'a> {
    pub(super) code: u16,
    /// No further line of this reply follows.
    pub(super) last: bool,
    pub(super) text: &'a [u8],
}

/// Reads a line of a reply without its end. `None`: free text within a reply of several lines, or no reply.
pub(super) fn reply(line: &[u8]) -> Option<ReplyLine<'_>> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = digits
        .iter()
        .try_fold(0, |code, digit| digit.is_ascii_digit().then(|| code * 10 + u16::from(digit - b'0')))?;
    let (last, text) = match rest.split_first() {
        None => (true, rest),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return None,
    };
    (100..700).contains(&code).then_some(ReplyLine { code, last, text })
}

/// `h1,h2,h3,h4,p1,p2`, anywhere in the text of a 227 reply: with parentheses or without (RFC 1123 section 4.1.2.6).
pub(super) fn passive(text: &[u8]) -> Option<(Ipv4Addr, u16)> {
    text.split(|byte| !byte.is_ascii_digit() && *byte != b',').find_map(host_port)
}

fn host_port(text: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let mut numbers = [0; 6];
    let mut words = text.trim_ascii().split(|byte| *byte == b',');
    for number in &mut numbers {
        *number = std::str::from_utf8(words.next()?).ok()?.trim().parse::<u8>().ok()?;
    }
    let [a, b, c, d, high, low] = numbers;
    words.next().is_none().then(|| (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

/// `|||port|` in the text of a 229 reply, with any delimiter (RFC 2428 section 3).
pub(super) fn extended_passive(text: &[u8]) -> Option<u16> {
    let (_, inner) = text.split_at(text.iter().position(|byte| *byte == b'(')? + 1);
    extended_port(inner).map(|(_, port)| port)
}

/// `|protocol|address|port|` with any delimiter (RFC 2428 section 2).
fn extended_port(text: &[u8]) -> Option<(Option<IpAddr>, u16)> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let delimiter = text.chars().next().filter(char::is_ascii_punctuation)?;
    let mut fields = text.split(delimiter).skip(2);
    let address = fields.next()?;
    let address = if address.is_empty() { None } else { Some(address.parse().ok()?) };
    Some((address, fields.next()?.parse().ok()?))
}

/// The directory of a 257 reply: quoted, quotes within it doubled (RFC 959 appendix II).
pub(super) fn quoted_path(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let inner = text.strip_prefix('"')?;
    let mut path = String::new();
    let mut characters = inner.chars().peekable();
    loop {
        match characters.next()? {
            '"' if characters.peek() == Some(&'"') => {
                characters.next();
                path.push('"');
            }
            '"' => return Some(path),
            other => path.push(other),
        }
    }
}

/// `path` as seen from `directory`, without `.` and `..`: a key for telling whether two commands mean one file.
pub(super) fn resolve(directory: &str, path: &str) -> String {
    let path = path.replace('\\', "/");
    let base = if path.starts_with('/') { "" } else { directory };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The last part of a path, if it is not empty.
pub(super) fn filename(path: &str) -> Option<String> {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).map(str::to_owned)
}

/// The first host name in a greeting: `ProFTPD Server (ftp.dropfile.example)`.
pub(super) fn greeting_name(text: &[u8]) -> Option<String> {
    text.split(u8::is_ascii_whitespace).find_map(crate::names::host_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let address = |text: &str| Some(text.parse().expect("an address"));
        let cases: Vec<(&[u8], Option<Command<'_>>)> = vec![
            (b"USER alice", Some(Command::User(b"alice"))),
            (b"pass secret", Some(Command::Password)),
            (b"AUTH TLS", Some(Command::Security)),
            (b"EPSV", Some(Command::Passive)),
            (b"EPSV ALL", Some(Command::Passive)),
            (b"PORT 10,20,1,11,147,75", Some(Command::Active(address("10.20.1.11"), 37707))),
            (b"PORT 10,20,1,11,147", None),
            (b"PORT 10,20,1,11,147,75,1", None),
            (b"PORT 10,20,1,11,300,75", None),
            (b"EPRT |1|10.20.1.11|37707|", Some(Command::Active(address("10.20.1.11"), 37707))),
            (b"EPRT !2!2001:db8::1!37707!", Some(Command::Active(address("2001:db8::1"), 37707))),
            (b"EPRT |1|10.20.1.11|", None),
            (b"STOR my file.csv", Some(Command::Transfer(Verb::Stor, b"my file.csv"))),
            (b"LIST", Some(Command::Transfer(Verb::List, b""))),
            (b"REST 100", Some(Command::Restart(100))),
            (b"REST x", None),
            (b"mode z", Some(Command::Mode(b'Z'))),
            (b"CDUP", Some(Command::Directory(b".."))),
            (b"XPWD", Some(Command::WhichDirectory)),
            (b"HOST ftp.dropfile.example", Some(Command::Host(b"ftp.dropfile.example"))),
            (b"\xff\xf4\xff\xf2ABOR", Some(Command::Other)),
            (b"\xff\xf4", None),
            (b"EHLO x", None),
            (b"", None),
        ];
        for (line, expected) in cases {
            assert_eq!(command(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn replies_are_read() {
        assert_eq!(reply(b"230 in"), Some(ReplyLine { code: 230, last: true, text: b"in" }));
        assert_eq!(reply(b"220-hi"), Some(ReplyLine { code: 220, last: false, text: b"hi" }));
        assert_eq!(reply(b"631"), Some(ReplyLine { code: 631, last: true, text: b"" }));
        for line in [&b" 220 x"[..], b"22x", b"2200", b"999 x", b"+10 x", b""] {
            assert_eq!(reply(line), None);
        }
        let listener = Some((Ipv4Addr::new(203, 0, 113, 21), 50058));
        assert_eq!(passive(b"Entering Passive Mode (203,0,113,21,195,138)."), listener);
        assert_eq!(passive(b"=203,0,113,21,195,138"), listener);
        assert_eq!(passive(b"Entering Passive Mode"), None);
        assert_eq!(extended_passive(b"Entering Extended Passive Mode (|||50058|)"), Some(50058));
        assert_eq!(extended_passive(b"Entering Extended Passive Mode (!!!50058!)"), Some(50058));
        assert_eq!(extended_passive(b"Entering (|||500580|)"), None);
        assert_eq!(extended_passive(b"("), None);
        assert_eq!(quoted_path(b"\"/a \"\"b\"\"\" is current"), Some("/a \"b\"".to_owned()));
        assert_eq!(quoted_path(b"\"/a"), None);
    }

    #[test]
    fn paths_and_names() {
        let cases = [
            ("", "q3.csv", "q3.csv"),
            ("/in", "q3.csv", "in/q3.csv"),
            ("/in/", "./../q3.csv", "q3.csv"),
            ("in", "/out/q3.csv", "out/q3.csv"),
            ("", "../../q3.csv", "q3.csv"),
            ("in", "a\\q3.csv", "in/a/q3.csv"),
        ];
        for (directory, path, expected) in cases {
            assert_eq!(resolve(directory, path), expected, "{directory} {path}");
        }
        assert_eq!(filename("/in/my file.csv").as_deref(), Some("my file.csv"));
        assert_eq!(filename("C:\\in\\q3.csv").as_deref(), Some("q3.csv"));
        assert_eq!(filename("in/"), None);
        assert_eq!(
            greeting_name(b"ProFTPD Server (ftp.dropfile.example) [::1]").as_deref(),
            Some("ftp.dropfile.example")
        );
        assert_eq!(greeting_name(b"(vsFTPd 3.0.3)"), None);
    }
}
