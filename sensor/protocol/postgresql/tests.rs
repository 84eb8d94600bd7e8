//! Log-ins, statements, rows and copies.

use crate::testing::{Record, Scene};
use egret_model::{Evidence, Protocol, Side};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &u32::try_from(body.len() + 4).unwrap().to_be_bytes(), body].concat()
}

fn startup(user: &str) -> Vec<u8> {
    let body = [&[0, 3, 0, 0][..], b"database\0shop\0user\0", user.as_bytes(), b"\0\0"].concat();
    [&u32::try_from(body.len() + 4).unwrap().to_be_bytes()[..], &body].concat()
}

fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

/// RowDescription of columns with a name and a type, all as text or all in binary form.
fn columns(columns: &[(&str, u32)], binary: u8) -> Vec<u8> {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for (name, kind) in columns {
        body.extend([name.as_bytes(), b"\0", &[0; 6], &kind.to_be_bytes(), &[0; 6], &[0, binary]].concat());
    }
    message(b'T', &body)
}

fn values(values: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
    for value in values {
        let length = value.map_or(u32::MAX, |value| u32::try_from(value.len()).unwrap());
        body.extend(length.to_be_bytes());
        body.extend(value.unwrap_or_default());
    }
    body
}

fn row(of: &[&str]) -> Vec<u8> {
    message(b'D', &values(&of.iter().map(|value| Some(value.as_bytes())).collect::<Vec<_>>()))
}

fn done() -> Vec<u8> {
    message(b'C', b"SELECT 2\0")
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

/// A session that has been let in.
fn session() -> Vec<(bool, Vec<u8>)> {
    vec![(true, startup("alice")), (false, message(b'R', &[0; 4])), (false, ready())]
}

fn play(exchange: &[(bool, Vec<u8>)], step: usize) -> Record {
    let mut scene = Scene::new();
    let flow = scene.tcp(5432);
    scene.dialogue(flow, exchange, step);
    scene.close(flow);
    let record = scene.end();
    assert!(record.sightings.iter().all(|sighting| sighting.evidence == Evidence::DatabaseLogin));
    assert!(record.transfers.iter().all(|t| t.start.protocol == Protocol::Postgresql));
    record
}

/// Operation, sender, content and completeness of each transfer.
fn told(record: &Record) -> Vec<(&str, Side, String, bool)> {
    let content = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
    record
        .transfers
        .iter()
        .map(|t| (t.start.operation.as_str(), t.start.from, content(&t.body), t.ended == Some(true)))
        .collect()
}

#[test]
fn the_user_is_named_once_accepted() {
    let md5 = message(b'R', b"\0\0\0\x05salt");
    let password = message(b'p', b"abc\0");
    let exchange = [
        (true, [0, 0, 0, 8, 4, 210, 22, 47].to_vec()),
        (false, b"N".to_vec()),
        (true, startup("alice")),
        (false, md5.clone()),
        (true, password.clone()),
        (false, message(b'R', &[0; 4])),
        (true, query("select 1")),
    ];
    for step in [1, 6, 1000] {
        let record = play(&exchange, step);
        let users: Vec<_> = record.sightings.iter().map(|s| (s.user.as_deref(), s.confirmed)).collect();
        assert_eq!(users, [(Some("alice"), true)], "in pieces of {step}");
        assert_eq!(told(&record), [("select", Side::Initiator, "select 1".to_owned(), true)]);
        assert_eq!(record.transfers[0].start.user.as_deref(), Some("alice"));
    }
    let refused = [(true, startup("alice")), (false, md5), (true, password), (false, message(b'E', b"\0"))];
    assert!(play(&refused, 100).sightings.is_empty());
}

#[test]
fn rows_are_lines_and_statements_of_one_kind_are_joined() {
    let mut exchange = session();
    for name in ["Ann", "Bob"] {
        exchange.push((true, query("BEGIN")));
        exchange.push((false, [done(), ready()].concat()));
        exchange.push((true, query(&format!("INSERT INTO people VALUES ('{name}')"))));
        exchange.push((false, [done(), ready()].concat()));
    }
    exchange.push((true, query("SELECT name, ssn FROM people")));
    let result = [
        columns(&[("name", 25), ("ssn", 25)], 0),
        row(&["Ann", "733-09-7814"]),
        row(&["Bob", "241-73-9411"]),
        done(),
        ready(),
    ];
    exchange.push((false, result.concat()));
    for step in [1, 10, 10_000] {
        let record = play(&exchange, step);
        let expected = [
            ("BEGIN", Side::Initiator, "BEGIN\nBEGIN", true),
            (
                "INSERT INTO people",
                Side::Initiator,
                "INSERT INTO people VALUES ('Ann')\nINSERT INTO people VALUES ('Bob')",
                true,
            ),
            ("SELECT name, ssn FROM people", Side::Initiator, "SELECT name, ssn FROM people", true),
            (
                "SELECT name, ssn FROM people",
                Side::Responder,
                "name\tssn\nAnn\t733-09-7814\nBob\t241-73-9411",
                true,
            ),
        ]
        .map(|(name, from, content, complete)| (name, from, content.to_owned(), complete));
        assert_eq!(told(&record), expected, "in pieces of {step}");
        assert!(record.not_inspected.is_empty());
    }
}

#[test]
fn parameters_and_results_of_prepared_statements_are_lines() {
    let prepare = |name: &str, text: &str, kinds: &[u32]| {
        let mut body = [name.as_bytes(), b"\0", text.as_bytes(), b"\0"].concat();
        body.extend(u16::try_from(kinds.len()).unwrap().to_be_bytes());
        kinds.iter().for_each(|kind| body.extend(kind.to_be_bytes()));
        message(b'P', &body)
    };
    let bind = |name: &str, parameters: &[Option<&[u8]>], binary: u8| {
        // All parameters in one form, all columns in the same.
        let body = [b"\0", name.as_bytes(), &[0, 0, 1, 0, binary], &values(parameters), &[0, 1, 0, binary]];
        message(b'B', &body.concat())
    };
    let execute = || message(b'E', b"\0\0\0\0\0");
    let sync = || message(b'S', b"");
    let mut exchange = session();
    exchange.extend([
        (
            true,
            [prepare("s1", "INSERT INTO cards VALUES ($1, $2)", &[20, 25]), message(b'D', b"Ss1\0")].concat(),
        ),
        (
            true,
            [
                bind("s1", &[Some(&4_539_123_412_341_234_i64.to_be_bytes()), Some(b"Ann")], 1),
                execute(),
                sync(),
            ]
            .concat(),
        ),
        (
            false,
            [
                message(b'1', b""),
                message(b't', &[0; 2]),
                message(b'n', b""),
                message(b'2', b""),
                done(),
                ready(),
            ]
            .concat(),
        ),
        // A statement that was described once: its rows come in binary form without a description.
        (true, [prepare("s2", "SELECT id FROM cards", &[]), message(b'D', b"Ss2\0"), sync()].concat()),
        (false, [message(b'1', b""), columns(&[("id", 20)], 0), ready()].concat()),
        (
            true,
            [bind("s2", &[], 1), execute(), bind("s1", &[None, Some(b"Bob")], 1), execute(), sync()].concat(),
        ),
        (false, [message(b'2', b""), message(b'D', &values(&[Some(&7_i64.to_be_bytes())])), done()].concat()),
        (false, [message(b'2', b""), done(), ready()].concat()),
    ]);
    for step in [1, 10, 10_000] {
        let expected = [
            (
                "INSERT INTO cards",
                Side::Initiator,
                "INSERT INTO cards VALUES ($1, $2)\n4539123412341234\tAnn\n\tBob",
                true,
            ),
            ("SELECT id FROM cards", Side::Initiator, "SELECT id FROM cards", true),
            ("SELECT id FROM cards", Side::Responder, "id\n7", true),
        ]
        .map(|(name, from, content, complete)| (name, from, content.to_owned(), complete));
        assert_eq!(told(&play(&exchange, step)), expected, "in pieces of {step}");
    }
}

#[test]
fn a_copy_is_a_transfer_of_its_own_either_way() {
    let mut exchange = session();
    exchange.extend([
        (true, query("COPY people FROM STDIN")),
        (false, message(b'G', &[0; 3])),
        (true, [message(b'd', b"Ann,1\nB"), message(b'd', b"ob,2\n"), message(b'c', b"")].concat()),
        (false, [done(), ready()].concat()),
        (true, query("COPY people TO STDOUT")),
        (false, [message(b'H', &[0; 3]), message(b'd', b"Ann,1\n"), message(b'd', b"Bob,2\n")].concat()),
        (false, [message(b'c', b""), done(), ready()].concat()),
        (true, query("COPY people FROM STDIN")),
        (false, message(b'G', &[0; 3])),
        (true, [message(b'd', b"broken off"), message(b'f', b"\0")].concat()),
    ]);
    for step in [1, 10, 10_000] {
        let expected = [
            (
                "COPY people FROM STDIN",
                Side::Initiator,
                "COPY people FROM STDIN\nCOPY people FROM STDIN",
                true,
            ),
            ("COPY people FROM STDIN", Side::Initiator, "Ann,1\nBob,2\n", true),
            ("COPY people TO STDOUT", Side::Initiator, "COPY people TO STDOUT", true),
            ("COPY people TO STDOUT", Side::Responder, "Ann,1\nBob,2\n", true),
            ("COPY people FROM STDIN", Side::Initiator, "broken off", false),
        ]
        .map(|(name, from, content, complete)| (name, from, content.to_owned(), complete));
        assert_eq!(told(&play(&exchange, step)), expected, "in pieces of {step}");
    }
}

#[test]
fn gaps_within_a_message_keep_step_and_others_find_it_again() {
    let rows: Vec<u8> = (0..6).flat_map(|_| row(&["Ann", "733-09-7814"])).collect();
    let length = row(&["Ann", "733-09-7814"]).len();
    for (from, to) in [(length + 20, length + 25), (length + 3, length * 2 + 4)] {
        let mut scene = Scene::new();
        let flow = scene.tcp(5432);
        scene.dialogue(flow, &session(), 1000);
        scene.client(flow, query("SELECT * FROM people"));
        scene.server(flow, &rows[..from]);
        scene.gap(flow, Side::Responder, (to - from) as u64);
        scene.server(flow, &rows[to..]);
        scene.server(flow, [done(), ready()].concat());
        scene.close(flow);
        let record = scene.end();
        let rows: usize = record
            .transfers
            .iter()
            .filter(|t| t.start.from == Side::Responder)
            .map(|t| String::from_utf8_lossy(&t.body).matches("Ann\t733-09-7814").count())
            .sum();
        assert!(rows >= 4, "{rows} rows of 6 are told with {from}..{to} missing");
        let answers = record.transfers.iter().filter(|t| t.start.from == Side::Responder);
        assert!(answers.clone().any(|t| t.ended == Some(false) && t.missing > 0), "a gap is told");
    }
}

#[test]
fn what_is_no_message_is_read_all_the_same() {
    let mut exchange = session();
    exchange.push((true, b"\x01\x02 plain text of no protocol".to_vec()));
    let record = play(&exchange, 1000);
    assert_eq!(
        told(&record),
        [("statement", Side::Initiator, "\u{1}\u{2} plain text of no protocol".to_owned(), false)]
    );
}

#[test]
fn statements_longer_than_may_be_held_are_read_to_their_end() {
    let long = format!("INSERT INTO t VALUES ('{}')", "x".repeat(200_000));
    let mut exchange = session();
    exchange.push((true, query(&long)));
    for step in [1000, 1_000_000] {
        let record = play(&exchange, step);
        let content = &told(&record)[0].2;
        assert_eq!(content.trim_end_matches('\0'), long);
    }
}
