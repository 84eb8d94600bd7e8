//! Any bytes as an index, a key, a table of records; and as text in which records and documents are looked for.

use egret_fingerprint::{
    Key,
    documents::{DocumentIndex, DocumentMatcher, DocumentRule, DocumentScan},
    records::{
        Builder, RecordIndex, RecordMatcher, RecordScan, RecordScratch, Rows, Rule, Survey, SurveyOptions,
    },
};
use sha2::{Digest, Sha256};
use std::sync::{Arc, LazyLock};

/// Longest input; longer ones only take longer.
const BYTES: usize = 16 << 10;
const TABLE: &[u8] = b"id,name,born,mail,sum,town\nA12345,Ann O'Lee,1990-01-02,a@b.example,1.50,Ely\nB54321,Bo Fox,1980-10-12,b@b.example,7.25,Ely\n";

static RECORDS: LazyLock<RecordMatcher> = LazyLock::new(|| {
    let index = Arc::new(built(TABLE).expect("a good table"));
    let mut matcher = RecordMatcher::default();
    matcher.add(&index, &Rule::Sensible).expect("numbers lead");
    let all = ["name", "born", "sum", "town"].map(str::to_owned).to_vec();
    matcher.add(&index, &Rule::Columns { all, any: Vec::new() }).expect("names lead");
    matcher
});

fn key() -> Key {
    Key::from_bytes([0; 32])
}

pub(crate) fn run(data: &[u8]) {
    let data = data.get(..BYTES).unwrap_or(data);
    let _ = Key::parse(&String::from_utf8_lossy(data));
    index(data);
    // A good checksum leads past the first door.
    let mut signed = data.to_vec();
    signed.extend_from_slice(&Sha256::digest(data));
    index(&signed);
    if let Some(index) = built(data) {
        let mut bytes = Vec::new();
        index.write(&mut bytes).expect("memory");
        let again = RecordIndex::read(&mut &*bytes, bytes.len() as u64, &[key()]).expect("its own bytes");
        assert_eq!(again.len(), index.len());
    }
    let (mut scan, mut scratch) = (RecordScan::default(), RecordScratch::default());
    RECORDS.find((data, 0), 0..data.len(), 100, &mut scan, &mut scratch, &mut |found| {
        assert!(found.range.end <= data.len() && found.columns.count_ones() > 1);
    });
}

fn index(data: &[u8]) {
    let length = data.len() as u64;
    if let Ok(index) = RecordIndex::read(&mut &*data, length, &[key()]) {
        let mut matcher = RecordMatcher::default();
        if matcher.add(&Arc::new(index), &Rule::Sensible).is_ok() {
            let (mut scan, mut scratch) = (RecordScan::default(), RecordScratch::default());
            matcher.find((TABLE, 0), 0..TABLE.len(), 100, &mut scan, &mut scratch, &mut |_| {});
        }
    }
    if let Ok(index) = DocumentIndex::read(&mut &*data, length, &[key()]) {
        let mut matcher = DocumentMatcher::default();
        matcher.add(&Arc::new(index), DocumentRule { overlap: None });
        let mut scan = DocumentScan::default();
        matcher.push(&mut scan, data, |at| at as u64, 100);
        matcher.finish(&mut scan, Some("00"), 100);
    }
}

fn built(table: &[u8]) -> Option<RecordIndex> {
    let mut rows = Rows::open(table).ok()?;
    let mut survey = Survey::new(rows.header());
    while let Some(row) = rows.next() {
        survey.row(row.ok()?);
    }
    let plan = survey.plan(&SurveyOptions::default()).ok()?;
    let mut builder = Builder::new("fuzz", "", 200, &plan, &key());
    let mut rows = Rows::open(table).ok()?;
    while let Some(row) = rows.next() {
        builder.row(row.ok()?).ok()?;
    }
    Some(builder.finish().ok()?.0)
}
