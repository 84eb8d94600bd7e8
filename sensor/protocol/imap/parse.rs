//! Lines of IMAP (RFC 9051, RFC 3501), one at a time and without state.

use crate::account::Account;
use crate::mailbox::word;
use crate::registry::Verdict;
use crate::sasl::Mechanism;

/// A command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    /// LOGIN.
    LogIn {
        arguments: &'a [u8],
    },
    /// AUTHENTICATE (section 6.2.2).
    Authenticate {
        mechanism: Mechanism,
        initial: Option<&'a [u8]>,
    },
    /// STARTTLS.
    StartTls,
    /// COMPRESS DEFLATE (RFC 4978).
    Compress,
    /// APPEND (section 6.3.12), with what it appends to, unless that follows as a literal.
    Append {
        mailbox: Option<String>,
    },
    /// FETCH, also by UID, and how many octets of what is fetched are wanted at most.
    Fetch {
        wanted: Option<u64>,
    },
    /// Another mailbox is opened, or none (sections 6.3.2, 6.3.3, 6.4.1, 6.4.2).
    Mailbox,
    Other,
}

/// An answer to the command that is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Refused,
    /// Something else, or a request to go on.
    Other,
}

/// A literal that a line announces at its end (section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    /// Its octets.
    pub(super) length: u64,
    /// The client sends it only once the server has asked it to go on.
    pub(super) waits: bool,
    /// Length of the line before the announcement.
    pub(super) at: usize,
}

/// What of a message a literal is (section 7.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// As the server calls it, without the offset: `BODY[1.2]`.
    pub(super) name: &'a [u8],
    pub(super) kind: ItemKind<'a>,
    /// Where in the item the literal begins, when only a piece of it was asked for.
    pub(super) offset: Option<u64>,
}

impl Item<'_> {
    /// The server has undone how the part is encoded (RFC 3516).
    pub(super) fn is_decoded(&self) -> bool {
        self.name.get(..6).is_some_and(|name| name.eq_ignore_ascii_case(b"BINARY"))
    }
}

/// The kind of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind<'a> {
    /// A whole message.
    Whole,
    /// A header; of the message, or of the part with this number.
    Header(&'a [u8]),
    /// What follows the header of the message or of that part.
    Body(&'a [u8]),
}

/// Recognises the first bytes of both sides; `midstream`: what came before was not captured.
pub(super) fn verdict(client: &[u8], server: &[u8], midstream: bool) -> Verdict {
    const GREETINGS: [&[u8]; 3] = [b"* OK", b"* PREAUTH", b"* BYE"];
    if !server.is_empty() {
        let begins = |greeting: &&[u8]| {
            server.get(..greeting.len()).is_some_and(|head| head.eq_ignore_ascii_case(greeting))
        };
        return match () {
            () if GREETINGS.iter().any(begins) => Verdict::Yes,
            () if midstream && fetched(first_line(server).0).is_some() => Verdict::Yes,
            () if GREETINGS.iter().any(|greeting| greeting.starts_with(server)) => Verdict::NeedMore,
            () => Verdict::No,
        };
    }
    // Without the server's side, only a log-in tells the protocol; in the middle of a session, a command on mailboxes.
    let (line, complete) = first_line(client);
    if !complete {
        return if may_become_log_in(client) { Verdict::NeedMore } else { Verdict::No };
    }
    match command(line) {
        Some((_, Command::LogIn { .. } | Command::Authenticate { .. })) => Verdict::Yes,
        Some((tag, Command::Append { .. } | Command::Fetch { .. })) if midstream && is_likely_tag(tag) => {
            Verdict::Yes
        }
        _ => Verdict::No,
    }
}

/// The first line without its end, and whether the end is there.
fn first_line(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (crate::lines::without_end(bytes.get(..=end).unwrap_or_default()), true),
        None => (bytes, false),
    }
}

/// Longest tag that a client was seen to use, with room to spare.
const LONGEST_TAG: usize = 16;

fn is_likely_tag(tag: &[u8]) -> bool {
    tag.len() <= LONGEST_TAG && tag.iter().any(u8::is_ascii_digit)
}

/// Whether an unfinished line may be a log-in.
fn may_become_log_in(line: &[u8]) -> bool {
    let (tag, rest) = word(line);
    let verb = word(rest).0;
    let begins = |name: &[u8]| name.get(..verb.len()).is_some_and(|head| head.eq_ignore_ascii_case(verb));
    tag.len() <= LONGEST_TAG
        && tag.iter().all(u8::is_ascii_alphanumeric)
        && (begins(b"LOGIN") || begins(b"AUTHENTICATE"))
}

/// Reads the first line of a command without its end: its tag, and what it wants.
pub(super) fn command(line: &[u8]) -> Option<(&[u8], Command<'_>)> {
    let (tag, rest) = word(line);
    let (mut verb, mut arguments) = word(rest);
    if tag.is_empty() || verb.is_empty() || !tag.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    if verb.eq_ignore_ascii_case(b"UID") {
        (verb, arguments) = word(arguments);
    }
    let is = |name: &str| verb.eq_ignore_ascii_case(name.as_bytes());
    let command = match () {
        () if is("LOGIN") => Command::LogIn { arguments },
        () if is("AUTHENTICATE") => {
            let (mechanism, initial) = word(arguments);
            let initial = Some(initial).filter(|initial| !initial.is_empty() && *initial != b"=");
            Command::Authenticate { mechanism: Mechanism::named(mechanism), initial }
        }
        () if is("STARTTLS") => Command::StartTls,
        () if is("COMPRESS") && arguments.eq_ignore_ascii_case(b"DEFLATE") => Command::Compress,
        () if is("APPEND") => Command::Append { mailbox: string(arguments).map(|name| shown(&name)) },
        () if is("FETCH") => Command::Fetch { wanted: wanted(arguments) },
        () if ["SELECT", "EXAMINE", "CLOSE", "UNSELECT"].into_iter().any(is) => Command::Mailbox,
        () => Command::Other,
    };
    Some((tag, command))
}

/// How many octets `BODY[]<0.65536>` asks for; with several pieces, of the last.
fn wanted(arguments: &[u8]) -> Option<u64> {
    let open = arguments.iter().rposition(|byte| *byte == b'<')?;
    let inside = arguments.get(open + 1..)?.split(|byte| *byte == b'>').next()?;
    number(inside.get(inside.iter().position(|byte| *byte == b'.')? + 1..)?)
}

/// What the server says to the command with `tag`.
pub(super) fn answer(tag: &[u8], line: &[u8]) -> Answer {
    let (first, rest) = word(line);
    match () {
        () if first != tag => Answer::Other,
        () if word(rest).0.eq_ignore_ascii_case(b"OK") => Answer::Accepted,
        () => Answer::Refused,
    }
}

/// The human part of a greeting: `* OK [CAPABILITY …] mail.example ready`.
pub(super) fn greeting(line: &[u8]) -> Option<&[u8]> {
    let text = word(line.strip_prefix(b"* ")?).1;
    let code = if text.starts_with(b"[") { text.iter().position(|byte| *byte == b']')? + 1 } else { 0 };
    text.get(code..)
}

/// The number of the message of which a response tells something: `* 12 FETCH (`.
pub(super) fn fetched(line: &[u8]) -> Option<u64> {
    let (message, rest) = word(line.strip_prefix(b"* ")?);
    let (verb, rest) = word(rest);
    (verb.eq_ignore_ascii_case(b"FETCH") && rest.starts_with(b"(")).then(|| number(message))?
}

/// The lasting number that a response to FETCH tells of its message: `(UID 7 `.
pub(super) fn uid(line: &[u8]) -> Option<u64> {
    let mut words = line.split(|byte| matches!(byte, b' ' | b'(' | b')'));
    words.find(|word| word.eq_ignore_ascii_case(b"UID"))?;
    number(words.next()?)
}

/// Whether a line of the server's tells that messages are gone (sections 7.5.1 and 7.4, VANISHED of RFC 7162).
pub(super) fn removes(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"* ") else { return false };
    let (first, rest) = word(rest);
    first.eq_ignore_ascii_case(b"VANISHED") || word(rest).0.eq_ignore_ascii_case(b"EXPUNGE")
}

/// The literal that a line announces at its end: `{12}`, `{12+}` (RFC 7888) or `~{12}` (RFC 3516).
pub(super) fn literal(line: &[u8]) -> Option<Literal> {
    let inner = line.strip_suffix(b"}")?;
    let (inner, waits) = match inner.strip_suffix(b"+") {
        Some(inner) => (inner, false),
        None => (inner, true),
    };
    let brace = inner.iter().rposition(|byte| *byte == b'{')?;
    let length = number(inner.get(brace + 1..)?)?;
    let at = if brace.checked_sub(1).and_then(|before| line.get(before)) == Some(&b'~') {
        brace - 1
    } else {
        brace
    };
    Some(Literal { length, waits, at })
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

/// What the literal behind `line`, of a response to FETCH, is. None: something of a message that is none of its content.
pub(super) fn item(line: &[u8]) -> Option<Item<'_>> {
    let line = line.strip_suffix(b" ")?;
    let (line, offset) = match line.strip_suffix(b">") {
        Some(inner) => {
            let open = inner.iter().rposition(|byte| *byte == b'<')?;
            (inner.get(..open)?, Some(number(inner.get(open + 1..)?)?))
        }
        None => (line, None),
    };
    // A section may hold blanks and parentheses (HEADER.FIELDS), but no brackets of its own.
    let open = if line.ends_with(b"]") { line.iter().rposition(|byte| *byte == b'[')? } else { line.len() };
    let begins = |byte: &u8| matches!(byte, b' ' | b'(');
    let begin = line.get(..open)?.iter().rposition(begins).map_or(0, |place| place + 1);
    let name = line.get(begin..)?;
    let section = line.get(open..)?.strip_prefix(b"[").and_then(|section| section.strip_suffix(b"]"));
    let is =
        |name: &str| line.get(begin..open).is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()));
    let kind = match section {
        Some(section) if is("BODY") || is("BINARY") => section_kind(section),
        None if is("RFC822") => ItemKind::Whole,
        None if is("RFC822.HEADER") => ItemKind::Header(b""),
        None if is("RFC822.TEXT") => ItemKind::Body(b""),
        _ => return None,
    };
    Some(Item { name, kind, offset })
}

/// `1.2.MIME` and the like.
fn section_kind(section: &[u8]) -> ItemKind<'_> {
    let digits = section.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (part, text) = section.split_at(digits);
    let part = part.strip_suffix(b".").unwrap_or(part);
    let text = word(text).0.to_ascii_uppercase();
    match text.as_slice() {
        b"" if part.is_empty() => ItemKind::Whole,
        b"" | b"TEXT" => ItemKind::Body(part),
        _ => ItemKind::Header(part),
    }
}

/// The account that LOGIN names.
pub(super) fn first_account(arguments: &[u8]) -> Option<Account> {
    Account::parse(&string(arguments)?)
}

/// The first argument: an atom or a quoted string (section 9). None for a literal.
fn string(arguments: &[u8]) -> Option<Vec<u8>> {
    let Some(quoted) = arguments.strip_prefix(b"\"") else {
        let atom = word(arguments).0;
        return (!atom.is_empty() && literal(atom).is_none()).then(|| atom.to_vec());
    };
    let mut name = Vec::new();
    let mut bytes = quoted.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return Some(name),
            b'\\' => name.extend(bytes.next()),
            byte => name.push(*byte),
        }
    }
    None
}

/// Longest name shown in an operation, characters.
const SHOWN_NAME: usize = 64;

/// The name of a mailbox or item as records show it.
pub(super) fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    text.chars()
        .take(SHOWN_NAME)
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        let append = |name: &str| Command::Append { mailbox: Some(name.to_owned()) };
        let cases: Vec<(&str, Option<(&str, Command<'_>)>)> = vec![
            ("a1 login alice x", Some(("a1", Command::LogIn { arguments: b"alice x" }))),
            ("a1 APPEND \"Sent Items\" (\\Seen) {310}", Some(("a1", append("Sent Items")))),
            ("a1 APPEND Sent {310+}", Some(("a1", append("Sent")))),
            ("a1 APPEND {4}", Some(("a1", Command::Append { mailbox: None }))),
            ("a1 UID FETCH 1:* (FLAGS)", Some(("a1", Command::Fetch { wanted: None }))),
            ("a1 fetch 1 BODY.PEEK[1]<0.2048>", Some(("a1", Command::Fetch { wanted: Some(2048) }))),
            ("a1 COMPRESS DEFLATE", Some(("a1", Command::Compress))),
            ("a1 STARTTLS", Some(("a1", Command::StartTls))),
            ("a1 examine Sent", Some(("a1", Command::Mailbox))),
            ("a1 NOOP", Some(("a1", Command::Other))),
            ("DONE", None),
            ("", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(tag, command)| (tag.as_bytes(), command));
            assert_eq!(command(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        let told = |line: &str| literal(line.as_bytes()).map(|told| (told.length, told.waits, told.at));
        assert_eq!(told("a {12}"), Some((12, true, 2)));
        assert_eq!(told("a {12+}"), Some((12, false, 2)));
        assert_eq!(told("a ~{12}"), Some((12, true, 2)));
        assert_eq!(told("{0}"), Some((0, true, 0)));
        for line in ["a {12} b", "a {}", "a {-1}", "a 12}", "a {99999999999999999999}", "}"] {
            assert_eq!(told(line), None, "{line}");
        }
    }

    #[test]
    fn items_of_a_message_are_told_apart() {
        type Told<'a> = (&'a str, ItemKind<'a>, Option<u64>);
        let cases: &[(&str, Option<Told<'_>>)] = &[
            ("* 1 FETCH (FLAGS (\\Seen) BODY[] ", Some(("BODY[]", ItemKind::Whole, None))),
            ("* 1 FETCH (BODY[]<65536> ", Some(("BODY[]", ItemKind::Whole, Some(65536)))),
            (" body[1.2] ", Some(("body[1.2]", ItemKind::Body(b"1.2"), None))),
            (" BODY[1.MIME] ", Some(("BODY[1.MIME]", ItemKind::Header(b"1"), None))),
            (" BODY[TEXT] ", Some(("BODY[TEXT]", ItemKind::Body(b""), None))),
            (
                "(BODY[HEADER.FIELDS (FROM TO)] ",
                Some(("BODY[HEADER.FIELDS (FROM TO)]", ItemKind::Header(b""), None)),
            ),
            ("(RFC822 ", Some(("RFC822", ItemKind::Whole, None))),
            ("(RFC822.TEXT ", Some(("RFC822.TEXT", ItemKind::Body(b""), None))),
            ("(BINARY[2] ", Some(("BINARY[2]", ItemKind::Body(b"2"), None))),
            ("(ENVELOPE (NIL ", None),
            ("BODY[]", None),
            ("] ", None),
            ("> ", None),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|(name, kind, offset)| Item { name: name.as_bytes(), kind, offset });
            assert_eq!(item(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn responses_are_read() {
        assert_eq!(fetched(b"* 12 FETCH (UID 3"), Some(12));
        assert_eq!(uid(b"* 12 FETCH (UID 3 BODY[] "), Some(3));
        assert_eq!(uid(b"* 12 FETCH (FLAGS (\\Seen) uid 4)"), Some(4));
        assert_eq!(uid(b"* 12 FETCH (BODY[] "), None);
        assert!(removes(b"* 12 EXPUNGE") && removes(b"* VANISHED 3:4") && !removes(b"* 12 EXISTS"));
        for line in [&b"* 12 EXISTS"[..], b"* FETCH (", b"12 FETCH (", b"* 12 FETCH"] {
            assert_eq!(fetched(line), None);
        }
        assert_eq!(answer(b"a", b"a ok done"), Answer::Accepted);
        assert_eq!(answer(b"a", b"a NO"), Answer::Refused);
        assert_eq!(answer(b"a", b"+ go on"), Answer::Other);
        assert_eq!(greeting(b"* OK [CAPABILITY IMAP4rev1] mail.example"), Some(&b" mail.example"[..]));
        assert_eq!(greeting(b"* PREAUTH hello"), Some(&b"hello"[..]));
    }
}
