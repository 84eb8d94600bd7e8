//! Whole sets of records: built, written, read, changed, searched for.

use super::*;
use crate::{IndexError, Key};
use proptest::prelude::*;
use std::sync::Arc;

const TABLE: &str = "\
customer_id,name,ssn,card,email,born,city,balance
C571994,David Gay,645-30-1230,371999384751180,david.gay19@le.example,1996-12-28,Ely,\"1,204.50\"
C361565,Gilbert O'Brien,273-87-8296,6011195717381133,gil.o@mailbox.example,1989-10-06,Ely,17.25
C613185,José Cruz,620-07-7314,5223751567201965,joseph.cruz46@mailbox.example,1987-09-01,Ulm,9.99
C876599,Olivia Martinez,458-49-5833,378173243508917,o.m@mailbox.example,1971-02-03,Ely,100.00
C100983,Michael Johnston,559-56-9796,4315863245892297,mj66@northmail.example,1945-03-09,Ely,55.10
";

fn key() -> Key {
    Key::from_bytes([42; 32])
}

fn index_of(table: &str) -> RecordIndex {
    let mut rows = Rows::open(table.as_bytes()).expect("a table");
    let mut survey = Survey::new(rows.header());
    while let Some(row) = rows.next() {
        survey.row(row.expect("a row"));
    }
    let plan = survey.plan(&SurveyOptions::default()).expect("a plan");
    let mut builder = Builder::new("customers", "", 200, &plan, &key());
    let mut rows = Rows::open(table.as_bytes()).expect("a table");
    while let Some(row) = rows.next() {
        builder.row(row.expect("a row")).expect("few rows");
    }
    builder.finish().expect("a small index").0
}

fn written(index: &RecordIndex) -> Vec<u8> {
    let mut bytes = Vec::new();
    index.write(&mut bytes).expect("memory");
    bytes
}

fn read(bytes: &[u8]) -> Result<RecordIndex, IndexError> {
    RecordIndex::read(&mut &*bytes, bytes.len() as u64, &[Key::from_bytes([1; 32]), key()])
}

/// What is found in a text that comes in pieces, places absolute.
fn search(matcher: &RecordMatcher, pieces: &[&str]) -> Vec<RecordMatch> {
    let text = pieces.concat();
    let (mut scan, mut scratch) = (RecordScan::default(), RecordScratch::default());
    let mut all = Vec::new();
    let (mut have, mut done) = (0_usize, 0_usize);
    for (at, piece) in pieces.iter().enumerate() {
        have += piece.len();
        let last = at + 1 == pieces.len();
        let until = if last { have } else { have.saturating_sub(matcher.reach()) };
        let base = done.saturating_sub(matcher.reach());
        let window = text.as_bytes().get(base..have).expect("within the text");
        if until > done || last {
            let span = done - base..until.max(done) - base;
            matcher.find((window, base as u64), span, 1_000, &mut scan, &mut scratch, &mut |found| {
                all.push(RecordMatch { range: found.range.start + base..found.range.end + base, ..found });
            });
            done = until.max(done);
        }
    }
    all
}

fn matcher(table: &str, rule: &Rule) -> RecordMatcher {
    let mut matcher = RecordMatcher::default();
    matcher.add(&Arc::new(index_of(table)), rule).expect("a rule for these columns");
    matcher
}

fn asked(all: &[&str], any: &[&str]) -> Rule {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Rule::Columns { all: owned(all), any: owned(any) }
}

#[test]
fn columns_are_known_for_what_they_are() {
    let index = index_of(TABLE);
    let kinds: Vec<(&str, ColumnKind, Role)> =
        index.columns().iter().map(|column| (column.name.as_str(), column.kind, column.role)).collect();
    assert_eq!(
        kinds,
        [
            ("customer_id", ColumnKind::Number, Role::Identifying),
            ("name", ColumnKind::Name, Role::Supporting),
            ("ssn", ColumnKind::Number, Role::Identifying),
            ("card", ColumnKind::Number, Role::Identifying),
            ("email", ColumnKind::Email, Role::Identifying),
            ("born", ColumnKind::Date, Role::Supporting),
            ("city", ColumnKind::Name, Role::Common),
            ("balance", ColumnKind::Amount, Role::Supporting),
        ]
    );
}

#[test]
fn records_are_found_however_they_are_written() {
    let matcher = matcher(TABLE, &Rule::Sensible);
    for (text, records) in [
        (TABLE, 5),
        ("Dear Mr. Gay (David), your number 645 30 1230 is", 1),
        ("O'BRIEN G; 273878296", 1),
        ("jose cruz\t620.07.7314\t", 1),
        ("<row><n>Olivia Martinez</n><acct>3781 732435 08917</acct></row>", 1),
        ("born December 28, 1996; SSN 645-30-1230", 1),
        ("09.03.1945 mj66@northmail.example", 1),
        ("{\"ssn\":\"559-56-9796\",\"balance\":55.1}", 1),
        // Nothing but one cell, or cells of different records, or too far apart.
        ("645-30-1230", 0),
        ("David Gay 273-87-8296", 0),
        ("Ely 645-30-1230", 0),
        ("David Gay, born 1996-12-28", 0),
    ] {
        assert_eq!(search(&matcher, &[text]).len(), records, "{text}");
    }
    let far = format!("David Gay{}645-30-1230", ". ".repeat(120));
    assert_eq!(search(&matcher, &[&far]).len(), 0);
    let wide = format!("David Gay{}645-30-1230", " é".repeat(90) + " ");
    assert_eq!(search(&matcher, &[&wide]).len(), 1, "distances count characters");
}

#[test]
fn asked_columns_in_any_order() {
    let rule = asked(&["name"], &["ssn", "born"]);
    let matcher = matcher(TABLE, &rule);
    for (text, records) in [
        ("645-30-1230 belongs to Gay, D.", 1),
        ("David Gay, * 28.12.1996", 1),
        ("David Gay, david.gay19@le.example, C571994", 0),
        ("645-30-1230, 1996-12-28", 0),
    ] {
        assert_eq!(search(&matcher, &[text]).len(), records, "{text}");
    }
    let index = Arc::new(index_of(TABLE));
    let mut other = RecordMatcher::default();
    assert_eq!(other.add(&index, &asked(&["nme"], &[])), Err(RuleError::NoColumn("nme".into())));
    assert_eq!(other.add(&index, &asked(&["city"], &[])), Err(RuleError::NothingLeads));
    other.add(&index, &asked(&["city", "ssn"], &[])).expect("a number leads");
    assert_eq!(
        search(&other, &["of Ely: 645-30-1230"]).len(),
        1,
        "a common column counts where it is asked for"
    );
}

#[test]
fn a_set_of_two_rules_reports_both() {
    let index = Arc::new(index_of(TABLE));
    let mut matcher = RecordMatcher::default();
    matcher.add(&index, &Rule::Sensible).expect("sensible");
    matcher.add(&index, &asked(&["ssn", "city"], &[])).expect("asked");
    let found = search(&matcher, &["David Gay of Ely, 645-30-1230"]);
    let rules: Vec<u32> = found.iter().map(|found| found.rule).collect();
    assert_eq!(rules, [0, 1]);
}

#[test]
fn rows_come_and_go_without_the_table() {
    let mut index = index_of(TABLE);
    let gone = "name,ssn\nDavid Gay,645301230\nNobody Here,111-22-3333\n";
    let mut rows = Rows::open(gone.as_bytes()).expect("a table");
    assert_eq!(index.remove_rows(&mut rows).expect("columns that lead"), (1, 1));
    assert_eq!(index.len(), 4);
    let more = TABLE.lines().next().expect("a header").to_owned()
        + "\nC777777,Ann Lee,111-22-3333,4000000000000002,al@x.example,1990-01-01,Ely,1.00\n";
    let rows = Rows::open(more.as_bytes()).expect("a table");
    let mut builder = Builder::add(index, rows.header()).expect("the same columns");
    let mut rows = rows;
    builder.row(rows.next().expect("a row").expect("well formed")).expect("one row");
    let index = Arc::new(read(&written(&builder.finish().expect("small").0)).expect("its own bytes"));
    assert_eq!(index.len(), 5);
    let mut matcher = RecordMatcher::default();
    matcher.add(&index, &Rule::Sensible).expect("sensible");
    assert_eq!(search(&matcher, &[TABLE]).len(), 4);
    assert_eq!(search(&matcher, &["Ann Lee 111-22-3333"]).len(), 1);
    let fewer = Rows::open(&b"name\nx\n"[..]).expect("a table");
    assert!(Builder::add(index_of(TABLE), fewer.header()).is_err());
}

#[test]
fn an_index_tells_nothing_without_its_key() {
    let index = index_of(TABLE);
    let bytes = written(&index);
    assert_eq!(bytes, written(&index_of(TABLE)), "the same table and key give the same bytes");
    let other = RecordIndex::read(&mut &*bytes, bytes.len() as u64, &[Key::from_bytes([1; 32])]);
    assert!(matches!(other, Err(IndexError::WrongKey { .. })));
    let text = String::from_utf8_lossy(&bytes).to_lowercase();
    for cell in ["gay", "645", "david", "c571994", "1996"] {
        assert!(!text.contains(cell), "{cell}");
    }
    // Equal cells (four customers live in Ely) can't be told to be equal.
    let columns = index.columns().len();
    let mut cities: Vec<&[u8]> = index.cells.chunks(4).skip(6).step_by(columns).collect();
    cities.sort_unstable();
    cities.dedup();
    assert_eq!(cities.len(), 5);
    let mut numbers: Vec<u64> = index.table.entries().map(|entry| entry.hash).collect();
    let all = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), all);
}

#[test]
fn rows_with_one_value_are_all_found() {
    let rows: String = (0..40).map(|n| format!("F{:05},ACC{:06},Ann Number{n}\n", n / 2, n)).collect();
    let table = format!("family,account,name\n{rows}");
    let index = Arc::new(index_of(&table));
    let mut matcher = RecordMatcher::default();
    matcher.add(&index, &asked(&["family"], &["account", "name"])).expect("asked");
    assert_eq!(search(&matcher, &["F00003 ACC000006; F00003 ACC000007"]).len(), 2);
}

#[test]
fn damage_is_an_error() {
    let bytes = written(&index_of(TABLE));
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert!(read(&damaged).is_err(), "a changed byte at {at}");
        assert!(read(&bytes[..at]).is_err(), "cut at {at}");
    }
    assert!(read(&bytes).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pieces_make_no_difference(
        order in prop::collection::vec(0_usize..12, 1..30),
        cuts in prop::collection::vec(0_usize..6_000, 0..8),
    ) {
        let index = Arc::new(index_of(TABLE));
        let mut matcher = RecordMatcher::default();
        matcher.add(&index, &Rule::Sensible).expect("sensible");
        matcher.add(&index, &asked(&["name"], &["ssn", "born"])).expect("asked");
        let parts = [
            "David Gay ", "645-30-1230 ", "david.gay19@le.example, ", "December 28, 1996 ", "C361565 ", "gil.o@mailbox.example ",
            "O'Brien, G. ", "3781 732435 08917 ", "Martinez O ", "lorem ipsum ", "é漢 ", "0 1 2 3 4 5 6 7 8 9 10 11 12 ",
        ];
        let text: String = order.iter().map(|at| parts[*at].repeat(if *at > 8 { 30 } else { 1 })).collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut from = 0;
        let pieces: Vec<&str> = cuts.iter().map(|cut| { let piece = &text[from..*cut]; from = *cut; piece }).collect();
        prop_assert_eq!(search(&matcher, &[&text]), search(&matcher, &pieces));
    }
}
