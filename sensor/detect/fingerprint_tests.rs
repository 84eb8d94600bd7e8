//! Indexes beside signatures: loaded, reported by themselves, used as evidence.

use crate::{Scanner, SignatureSet};
use egret_fingerprint::{
    Key,
    documents::Builder as DocumentBuilder,
    records::{Builder, Rows, Survey, SurveyOptions},
};
use egret_model::{Confidence, DetectLimits, Hit};
use proptest::prelude::*;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

const TABLE: &str = "\
mrn,last_name,ssn,dob,ward
8033655,Nguyen,300-56-7185,1946-12-02,North
9694344,Terry,201-96-7610,1967-09-09,North
9085273,Hampton,694-84-5814,1957-04-27,North
4356835,Bennett,332-59-9302,1983-04-17,South
";
const FORM: &str = "The undersigned patient consents to the transplantation of harvested corneal tissue under regional \
    anaesthesia, has been told of rejection, cataract and glaucoma, and waives any claim against the surgeon for astigmatism \
    that corrective lenses can amend. Follow-up visits take place at weekly intervals for the first quarter and monthly \
    afterwards; absence without notice ends the obligation of the clinic to store donated material beyond its expiry.";

fn key() -> Key {
    Key::from_bytes([5; 32])
}

/// A folder with an index of each kind, a key and some signatures.
fn folder(name: &str, with_key: bool, signatures: &[&str]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("egret-fingerprints-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let mut rows = Rows::open(TABLE.as_bytes()).expect("a table");
    let mut survey = Survey::new(rows.header());
    while let Some(row) = rows.next() {
        survey.row(row.expect("a row"));
    }
    let plan = survey.plan(&SurveyOptions::default()).expect("a plan");
    let mut builder = Builder::new("patients", "privacy@clinic.example", 200, &plan, &key());
    let mut rows = Rows::open(TABLE.as_bytes()).expect("a table");
    while let Some(row) = rows.next() {
        builder.row(row.expect("a row")).expect("few");
    }
    let index = builder.finish().expect("small").0;
    index.write(&mut File::create(folder.join("patients.records")).expect("a file")).expect("written");
    let mut builder = DocumentBuilder::new("forms", "", &key());
    builder.document("consent.txt", FORM.as_bytes(), &"ab".repeat(32), false);
    let index = builder.finish().expect("small").index;
    index.write(&mut File::create(folder.join("forms.documents")).expect("a file")).expect("written");
    if with_key {
        fs::write(folder.join("any.key"), key().to_file()).expect("written");
    }
    for (at, text) in signatures.iter().enumerate() {
        fs::write(folder.join(format!("{at}.toml")), text).expect("written");
    }
    folder
}

fn load(folder: &Path) -> Arc<SignatureSet> {
    let (set, problems) = SignatureSet::load(&[folder.to_owned()]);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    Arc::new(set)
}

fn hits(set: &Arc<SignatureSet>, pieces: &[&str]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(set), &DetectLimits::default());
    let mut scan = scanner.begin();
    pieces.iter().for_each(|piece| scanner.push(&mut scan, piece.as_bytes()));
    scanner.finish(scan)
}

fn hit<'a>(hits: &'a [Hit], id: &str) -> Option<&'a Hit> {
    hits.iter().find(|hit| hit.signature.as_ref() == id)
}

#[test]
fn indexes_are_reported_by_themselves() {
    let folder = folder("alone", true, &[]);
    let set = load(&folder);
    let found =
        hits(&set, &["Re: NGUYEN, b. 2 Dec 1946, SSN 300567185; and 9694344 / 201-96-7610, Ward North"]);
    let records = hit(&found, "records/patients").expect("two records");
    assert_eq!((records.unique, records.count, records.confidence), (2, 2, Confidence::High));
    assert_eq!(records.owner.as_ref(), "privacy@clinic.example");
    for shown in &records.matches {
        let all = format!("{shown:?}");
        assert!(!["300", "1946", "NGUYEN", "7610"].iter().any(|clear| all.contains(clear)), "{all}");
        assert!(shown.why[0].starts_with("cells of one record: "), "{all}");
    }
    let weak = hits(&set, &["SSN 300-56-7185 of Mrs. Nguyen"]);
    assert_eq!(hit(&weak, "records/patients").map(|hit| hit.confidence), Some(Confidence::Medium));
    assert!(hit(&hits(&set, &["Ward North, 300-56-7185"]), "records/patients").is_none());
    let form = hits(&set, &["Dear all,\n", &FORM.to_uppercase().replace(' ', "\n")]);
    let form = hit(&form, "document/forms").expect("a document");
    assert_eq!((form.unique, form.confidence), (1, Confidence::High));
    assert_eq!(form.matches[0].redacted, "consent.txt");
    assert!(form.matches[0].why[0].contains("of consent.txt"), "{:?}", form.matches[0].why);
    let excerpt = hits(&set, &["> ", &FORM[40..340]]);
    assert!(hit(&excerpt, "document/forms").is_some(), "300 characters");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn an_exact_file_is_known_without_its_text() {
    let folder = folder(
        "exact",
        true,
        &[
            "id = \"sum\"\ntitle = \"T\"\nseverity = \"low\"\n[[find]]\nname = \"file\"\nsha256 = [\"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\"]\n",
        ],
    );
    let set = load(&folder);
    let mut scanner = Scanner::new(set, &DetectLimits::default());
    for (sum, id) in [("ab", Some("document/forms")), ("cd", Some("sum")), ("ef", None)] {
        let mut scan = scanner.begin();
        scanner.as_bytes(&mut scan);
        let found = scanner.finish_object(scan, &sum.repeat(32), "");
        assert_eq!(found.first().map(|hit| hit.signature.as_ref()), id);
        assert_eq!(found.len(), usize::from(id.is_some()));
    }
    fs::remove_dir_all(folder).expect("removed");
}

const ROW_AND_FORM: &str = r#"
id = "clinic/row"
title = "T"
severity = "high"
[[find]]
name = "row"
records = "patients"
columns = { all = ["last_name"], any = ["ssn", "dob"] }
[[find]]
name = "form"
documents = "forms"
overlap = "60%"
[[find]]
name = "code"
regex = 'CASE-\d{4}'
counts = false
[confidence]
high = "row and form"
medium = "row or form and code"
[report]
at = "medium"
[[test]]
match = "Terry 1967-09-09"
[[test]]
no_match = "Terry 8033655"
"#;

#[test]
fn fingerprints_are_evidence() {
    let folder = folder("evidence", true, &[ROW_AND_FORM]);
    let set = load(&folder);
    let confidence = |text: &str| hit(&hits(&set, &[text]), "clinic/row").map(|hit| hit.confidence);
    assert_eq!(confidence("Terry, * 09.09.1967"), Some(Confidence::Medium));
    assert_eq!(confidence("9694344, 201-96-7610"), None, "no name beside");
    assert_eq!(confidence(FORM), None, "nothing beside the form");
    assert_eq!(confidence(&format!("{FORM} CASE-1234")), Some(Confidence::Medium));
    assert_eq!(confidence(&format!("Terry 201-96-7610. {FORM}")), Some(Confidence::High));
    assert_eq!(confidence(&format!("CASE-1234 {}", &FORM[..200])), None, "less than the overlap");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn faults_are_placed_and_mended() {
    let signature = |rest: &str| {
        format!("id = \"x\"\ntitle = \"T\"\nseverity = \"low\"\n[[find]]\nname = \"f\"\n{rest}\n")
    };
    for (rest, message, fix) in [
        ("records = \"patient\"", "no index of records called `patient`", "did you mean `patients`"),
        ("records = \"other\"", "no index of records", "egret records build"),
        ("records = \"patients\"\ncolumns = { all = [\"surname\"] }", "no column `surname`", "last_name"),
        ("records = \"patients\"\ncolumns = { any = [\"ward\"] }", "too common", "ssn"),
        ("documents = \"forms\"\noverlap = \"0.3\"", "share from 1% to 100%", "30%"),
        ("regex = 'ab-cd'\noverlap = \"30%\"", "goes with `documents`", "add"),
        ("canaries = [\"short\"]", "fewer than 8", "longer"),
        ("sha256 = [\"abc\"]", "64 hexadecimal digits", "sha256sum"),
        ("similar = [\"T1abc\"]", "70 hexadecimal digits", "tlsh"),
        ("labels = [\"x\"]", "three characters", "in full"),
    ] {
        let folder = folder("faults", true, &[&signature(rest)]);
        let (_, problems) = SignatureSet::load(std::slice::from_ref(&folder));
        let told = problems.iter().map(crate::SignatureProblem::one_line).collect::<Vec<_>>().join("\n");
        assert!(problems.len() == 1 && told.contains(message) && told.contains(fix), "{rest}: {told}");
        assert!(told.contains("0.toml:"), "{told}");
        fs::remove_dir_all(folder).expect("removed");
    }
}

#[test]
fn keys_and_damage_are_told() {
    let folder = folder("keys", false, &[]);
    let told = |directories: &[PathBuf]| {
        SignatureSet::load(directories).1.iter().map(crate::SignatureProblem::one_line).collect::<Vec<_>>()
    };
    let without = told(std::slice::from_ref(&folder));
    assert!(without.len() == 2 && without.iter().all(|problem| problem.contains("--key")), "{without:?}");
    let apart = std::env::temp_dir().join(format!("egret-apart-{}.key", std::process::id()));
    fs::write(&apart, key().to_file()).expect("written");
    assert_eq!(told(&[folder.clone(), apart.clone()]), Vec::<String>::new());
    let path = folder.join("patients.records");
    let mut bytes = fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("written");
    let damaged = told(&[folder.clone(), apart.clone()]);
    assert!(damaged.len() == 1 && damaged[0].contains("damaged"), "{damaged:?}");
    fs::remove_file(apart).expect("removed");
    fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn labels_and_canaries_are_found() {
    let folder = folder(
        "labels",
        true,
        &[
            "id = \"label\"\ntitle = \"T\"\nseverity = \"low\"\n[[find]]\nname = \"mark\"\nlabels = [\"Highly Confidential\", \"0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0\"]\n",
            "id = \"canary\"\ntitle = \"T\"\nseverity = \"low\"\n[[find]]\nname = \"canary\"\ncanaries = [\"Quillwort-7731\"]\n",
        ],
    );
    let set = load(&folder);
    for (text, id) in [
        ("MSIP_Label_99999999-4b5a-6978-8796-a5b4c3d2e1f0_Name: Highly Confidential\n", Some("label")),
        (
            "msip_labels: MSIP_Label_99999999-4b5a-6978-8796-a5b4c3d2e1f0_Name=Highly Confidential; x",
            Some("label"),
        ),
        ("MSIP_Label_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0_Enabled: true\n", Some("label")),
        ("id: {0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0}\nenabled: 1\n", Some("label")),
        ("Sensitivity: Highly Confidential\n", Some("label")),
        ("X-Classification: company; highly confidential\n", Some("label")),
        ("MSIP_Label_99999999-4b5a-6978-8796-a5b4c3d2e1f0_Name: General\n", None),
        ("this is highly confidential", None),
        ("xquillwort-7731y", Some("canary")),
        ("Quillwort 7731", None),
    ] {
        let found = hits(&set, &[text]);
        let own = found.iter().map(|hit| hit.signature.as_ref()).find(|id| ["label", "canary"].contains(id));
        assert_eq!(own, id, "{text}");
    }
    fs::remove_dir_all(folder).expect("removed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocks_make_no_difference(order in prop::collection::vec(0_usize..9, 1..24), size in 1_usize..700, block_bytes in 1_usize..4_000) {
        let folder = folder("blocks", true, &[ROW_AND_FORM]);
        let set = load(&folder);
        let parts = [
            "Terry ", "201-96-7610 ", "1967-09-09, ", "\u{ff18}\u{ff10}33655 ", "Nguyen; ", "300-56-7185\n", &FORM[..300], FORM,
            "nothing of note stands in this sentence, nor in the next one, which goes on and on. ",
        ];
        let text: String = order.iter().map(|at| parts[*at]).collect();
        let scan = |limits: &DetectLimits, size: usize| {
            let mut scanner = Scanner::new(Arc::clone(&set), limits);
            let mut scan = scanner.begin();
            text.as_bytes().chunks(size).for_each(|piece| scanner.push(&mut scan, piece));
            scanner.finish_all(scan)
        };
        let whole = scan(&DetectLimits::default(), text.len().max(1));
        prop_assert_eq!(&whole, &scan(&DetectLimits { block_bytes, ..DetectLimits::default() }, size));
        prop_assert_eq!(&whole, &scan(&DetectLimits { held_bytes: 0, ..DetectLimits::default() }, size));
    }
}
