//! Laws and cases of the whole stage.

use crate::{Scanner, SignatureProblem, SignatureSet};
use egret_model::{Confidence, DetectLimits, Hit, Severity};
use proptest::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, LazyLock},
};

pub(crate) static SHIPPED: LazyLock<Arc<SignatureSet>> = LazyLock::new(|| Arc::new(SignatureSet::shipped()));

pub(crate) fn scan(set: &Arc<SignatureSet>, limits: &DetectLimits, pieces: &[&[u8]]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(set), limits);
    let mut scan = scanner.begin_all();
    for piece in pieces {
        scanner.push(&mut scan, piece);
    }
    scanner.finish_all(scan)
}

/// What signatures report: numbers are looked at only after their context words.
fn reported(set: &Arc<SignatureSet>, limits: &DetectLimits, pieces: &[&[u8]]) -> Vec<Hit> {
    let mut scanner = Scanner::new(Arc::clone(set), limits);
    let mut scan = scanner.begin();
    for piece in pieces {
        scanner.push(&mut scan, piece);
    }
    scanner.finish(scan)
}

pub(crate) fn set(texts: &[&str]) -> (Arc<SignatureSet>, Vec<SignatureProblem>) {
    let sources: Vec<(String, String)> =
        texts.iter().enumerate().map(|(at, text)| (format!("{at}.toml"), (*text).to_owned())).collect();
    let (set, problems) = SignatureSet::from_texts(&sources);
    (Arc::new(set), problems)
}

pub(crate) fn signature(id: &str, rest: &str) -> String {
    format!("id = \"{id}\"\ntitle = \"T\"\nseverity = \"low\"\n{rest}")
}

#[test]
fn a_find_has_context_words_of_its_own() {
    let loans = signature(
        "loans",
        r##"
[[find]]
name = "loan"
regex = 'LN\d{6}'
near = { words = ["mortgage"], within = 20 }
[[find]]
name = "account"
numbers = ["#{8}"]
[[find]]
name = "branch"
numbers = ["#{6}"]
needs = "mentioned"
near = { words = ["branch code"], within = 10 }
[near]
words = ["customer"]
within = 60
[confidence]
high = "near"
medium = "branch and mentioned"
[[test]]
match = "the mortgage LN204417"
[[test]]
match = "customer, as agreed in the letter of last week: LN204417"
[[test]]
match = "customer 20441799"
[[test]]
match = "Branch code of the house, which stands in the middle of the old town: 204499"
[[test]]
no_match = "the mortgage 20441799"
[[test]]
no_match = "the mortgage that the letter of last week was about, LN204417"
[[test]]
no_match = "LN204417, 20441799 and 204499"
"##,
    );
    let (set, problems) = set(&[&loans]);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    let signature = set.signatures().first().expect("one signature");
    let own: Vec<_> = signature.own_context().collect();
    assert_eq!(own, [("loan", vec!["mortgage"], 20), ("branch", vec!["branch code"], 10)]);
    assert_eq!(signature.context().0.collect::<Vec<_>>(), ["customer"]);
    for (find, place, message) in [
        ("words = [\"heron\"]\nnear = { words = [], within = 20 }", ":7:18:", "`near` has no words"),
        ("words = [\"heron\"]\nnear = { words = [\"bird\"], within = 0 }", ":7:37:", "`within` takes"),
        ("words = [\"heron\"]\nnear = { wrods = [\"bird\"] }", ":7:10:", "unknown key `wrods`"),
        ("file = [\"pst\"]\nnear = { words = [\"bird\"], within = 9 }", ":7:8:", "found as a whole"),
    ] {
        let text = crate::tests::signature("a", &format!("[[find]]\nname = \"n\"\n{find}\n"));
        let (_, problems) = crate::tests::set(&[&text]);
        let told = problems.first().map(SignatureProblem::one_line).unwrap_or_default();
        assert!(told.contains(place) && told.contains(message), "{told}");
    }
}

#[test]
fn shipped_signatures_pass_their_tests() {
    let (set, problems) = SignatureSet::load_tested(&[]);
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), Vec::<String>::new());
    for signature in set.signatures() {
        assert!(signature.tests() >= 2, "{}: tests both ways", signature.id());
        assert!(!signature.description().is_empty(), "{}", signature.id());
    }
    let ids: Vec<&str> = set.signatures().iter().map(crate::Signature::id).collect();
    assert!(ids.is_sorted());
    for id in [
        "payment-card",
        "us-ssn",
        "iban",
        "aws-access-key",
        "github-token",
        "private-key",
        "jwt",
        "email-list",
        "confidentiality-marking",
    ] {
        assert!(ids.contains(&id), "{id}");
    }
    assert!(set.notes().is_empty(), "{:?}", set.notes());
}

#[test]
fn what_a_surer_signature_tells_is_not_told_again() {
    let (set, problems) = set(&[
        &signature(
            "general",
            "tags = [\"secret\"]\n[[find]]\nname = \"x\"\nregex = 'key=(?<value>\\w{4,40})'\n[report]\nyields_to = \"secret\"\n",
        ),
        &signature("special", "tags = [\"secret\"]\n[[find]]\nname = \"x\"\nregex = '\\babc_\\w{4,40}'\n"),
        &signature("other", "[[find]]\nname = \"x\"\nregex = '\\bxyz_\\w{4,40}'\n"),
    ]);
    assert!(problems.is_empty());
    let told = |text: &str| {
        let hits = scan(&set, &DetectLimits::default(), &[text.as_bytes()]);
        hits.iter().map(|hit| (hit.signature.to_string(), hit.count)).collect::<Vec<_>>()
    };
    assert_eq!(told("key=plain"), [("general".to_owned(), 1)]);
    assert_eq!(told("key=abc_defg key=plain"), [("general".to_owned(), 1), ("special".to_owned(), 1)]);
    assert_eq!(told("key=abc_defg"), [("special".to_owned(), 1)]);
    assert_eq!(told("key=xyz_defg").len(), 2);
}

#[test]
fn files_of_the_laboratory() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/detect");
    let expected = fs::read_to_string(folder.join("expected.toml")).expect("the expectations");
    let expected: BTreeMap<String, BTreeMap<String, u64>> = toml::from_str(&expected).expect("TOML");
    let mut scanner = Scanner::new(Arc::clone(&SHIPPED), &DetectLimits::default());
    for (file, expected) in expected {
        let text = fs::read(folder.join(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut scan = scanner.begin();
        scanner.push(&mut scan, &text);
        let hits = scanner.finish(scan);
        let found: BTreeMap<String, u64> =
            hits.iter().map(|hit| (hit.signature.to_string(), hit.unique)).collect();
        assert_eq!(found, expected, "{file}");
        for hit in &hits {
            for one in &hit.matches {
                let (from, to) = (one.offset as usize, (one.offset + one.length) as usize);
                let clear = String::from_utf8_lossy(&text[from..to]).into_owned();
                let marking = &*hit.signature == "confidentiality-marking";
                assert!(marking || clear != one.redacted, "{file}: {} is not masked", hit.signature);
                assert!(!one.context.chars().any(|c| c.is_ascii_digit()), "{file}: {}", one.context);
            }
        }
    }
}

/// Pieces of text from which the laws' texts are made.
const FRAGMENTS: [&str; 22] = [
    "SSN 536-90-4399, ",
    "card 4539 1488 0343 6467 ",
    "5513448572824399",
    "DE89 3704 0044 0532 0130 00 ",
    "a.b@corp.example ",
    "AWS_ACCESS_KEY_ID=AKIALGEKBWFQ22G2SXHO\n",
    "STRICTLY CONFIDENTIAL\n",
    "the quick brown fox jumps over the lazy dog. ",
    "\r\n",
    ",",
    " ",
    "naïve café — ",
    "４５３９１４８８０３４３６４６７ ",
    "карта ",
    "\u{200b}",
    "0123456789",
    "social security ",
    "漢字かな",
    "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 ",
    "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0K.x ",
    "MRN-12345674 ",
    "zorgle",
];

/// A set with everything the engine can do: shipped signatures' kinds, `use`, an expression without literals.
static OWN: LazyLock<Arc<SignatureSet>> = LazyLock::new(|| {
    let mut sources: Vec<(String, String)> =
        // Texts by themselves have no dictionaries beside them.
        crate::shipped::SHIPPED
            .iter()
            .filter(|(_, text)| !text.contains("\ndictionary = "))
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect();
    sources.push(("mrn.toml".into(), signature(
        "acme/mrn",
        "[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{8}'\nvalidate = [\"luhn\"]\n[[find]]\nname = \"ssn\"\nuse = \"us-ssn\"\n\
         [near]\nwords = [\"fox jumps\", \"карта\"]\nwithin = 60\n[confidence]\nhigh = \"mrn and ssn and near\"\nmedium = \"mrn\"\n",
    )));
    sources.push((
        "scan.toml".into(),
        signature("acme/scan", "[[find]]\nname = \"five\"\nregex = '\\b\\d{5,7}\\b'\n"),
    ));
    let (set, problems) = SignatureSet::from_texts(&sources);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(set.notes().len(), 1);
    Arc::new(set)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hits_do_not_depend_on_pieces_or_blocks(
        fragments in prop::collection::vec((0..FRAGMENTS.len(), 1_usize..60), 1..60),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        block in prop_oneof![1_usize..200, 200_usize..9_000],
        held in prop_oneof![Just(0_usize), Just(1 << 20)],
    ) {
        // Long fillers put fragments into different blocks.
        let text: String = fragments.iter().map(|(at, repeats)| {
            if *at == 7 || *at == 10 { FRAGMENTS[*at].repeat(*repeats) } else { FRAGMENTS[*at].to_owned() }
        }).collect();
        let bytes = text.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let whole = DetectLimits { block_bytes: 1 << 20, ..DetectLimits::default() };
        let small = DetectLimits { block_bytes: block, held_bytes: held, ..DetectLimits::default() };
        prop_assert_eq!(scan(&OWN, &whole, &[bytes]), scan(&OWN, &small, &pieces));
        prop_assert_eq!(reported(&OWN, &whole, &[bytes]), reported(&OWN, &small, &pieces));
    }

    #[test]
    fn each_match_is_found_exactly_once(gaps in prop::collection::vec(0_usize..700, 1..30), block in 64_usize..4_096) {
        let mut text = String::new();
        let mut places = Vec::new();
        for gap in &gaps {
            text.push_str(&"lorem ipsum ".repeat(*gap / 8));
            places.push(text.len() as u64 + 5);
            text.push_str("\nSSN: 536-90-4399\n");
        }
        let limits = DetectLimits { block_bytes: block, matches_reported: gaps.len(), ..DetectLimits::default() };
        let hits = scan(&SHIPPED, &limits, &[text.as_bytes()]);
        prop_assert_eq!(hits.len(), 1);
        prop_assert_eq!((hits[0].count, hits[0].unique), (gaps.len() as u64, 1));
        let found: Vec<u64> = hits[0].matches.iter().map(|found| found.offset - 1).collect();
        prop_assert_eq!(found, places);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = scan(&OWN, &DetectLimits { block_bytes: 100, ..DetectLimits::default() }, &[&bytes]);
    }

    #[test]
    fn nothing_of_a_card_but_its_ends_is_shown(middle in 0_u32..99_999_999, after in "[ -~]{0,30}") {
        let mut digits: Vec<u32> = format!("4539{middle:08}646").chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits.iter().rev().enumerate().map(|(at, d)| if at % 2 == 0 { d * 2 / 10 + d * 2 % 10 } else { *d }).sum();
        digits.push((10 - sum % 10) % 10);
        let number: String = digits.iter().map(ToString::to_string).collect();
        let text = format!("card {number} and card {number} {after}");
        for hit in scan(&SHIPPED, &DetectLimits::default(), &[text.as_bytes()]) {
            for one in &hit.matches {
                let shown = format!("{one:?}");
                prop_assert!(!shown.contains(&number[4..12]), "{}", shown);
            }
        }
    }
}

#[test]
fn offsets_are_those_of_the_given_text() {
    let text = "préfixe\u{200b} ４５３９ １４８８ ０３４３ ６４６７ carte";
    let mut scanner = Scanner::new(Arc::clone(&SHIPPED), &DetectLimits::default());
    let hits = scanner.scan_text(text);
    let found = &hits[0].matches[0];
    let (from, to) = (found.offset as usize, (found.offset + found.length) as usize);
    assert_eq!(&text[from..to], "４５３９ １４８８ ０３４３ ６４６７");
    assert_eq!(found.redacted, "4539 **** **** 6467");
    assert_eq!(found.context, "préfixe ▮ carte");
}

#[test]
fn thresholds_escalation_and_order() {
    let text = signature(
        "b",
        "[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{3}'\n[report]\nunique = 2\n\
         escalate = [{ unique = 3, severity = \"high\" }, { unique = 9, severity = \"critical\" }]\n",
    );
    let other = signature("a", "[[find]]\nname = \"w\"\nwords = [\"zorgle\"]\n");
    let (set, problems) = set(&[&text, &other]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut scanner = Scanner::new(set, &DetectLimits { matches_reported: 2, ..DetectLimits::default() });
    let mut run = |text: &str| {
        let mut scan = scanner.begin();
        scanner.push(&mut scan, text.as_bytes());
        scanner.finish(scan)
    };
    assert!(run("MRN-001 MRN-001 MRN-001").is_empty());
    let hits = run("Zorgle MRN-001 MRN-002 MRN-003 MRN-003");
    assert_eq!(hits.iter().map(|hit| &*hit.signature).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((hits[1].count, hits[1].unique, hits[1].severity), (4, 3, Severity::High));
    assert_eq!((hits[1].matches.len(), hits[1].values.len()), (2, 3));
    assert_eq!(hits[1].confidence, Confidence::Medium);
}

#[test]
fn values_beyond_the_limit_still_count() {
    let text: String = (0..500).map(|n| format!("user{n}@corp.example\n")).collect();
    let limits = DetectLimits { values_tracked: 100, ..DetectLimits::default() };
    let hits = scan(&SHIPPED, &limits, &[text.as_bytes()]);
    assert_eq!((hits[0].count, hits[0].unique, hits[0].values.len()), (500, 100, 100));
}

#[test]
fn texts_are_excepted_for_a_time_and_counted_still() {
    let text = signature(
        "mrn",
        "[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{3}'\n[[find]]\nname = \"ward\"\nwords = [\"ward seven\"]\n\
         [[except]]\ntext = [\"MRN-001\", \"Ward  Seven\"]\nreason = \"training data\"\nuntil = 2027-06-30\n",
    );
    let (set, problems) = set(&[&text]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut scanner = Scanner::new(set, &DetectLimits::default());
    let mut run = |text: &str, day: (i16, i8, i8)| {
        let at = egret_model::Timestamp::of_day(day.0, day.1, day.2).expect("a day");
        let mut scan = scanner.begin_at(at);
        scanner.push(&mut scan, text.as_bytes());
        let hit = scanner.finish(scan).remove(0);
        (hit.count, hit.unique, hit.excepted.map(|one| (one.matches, one.all, one.reason, one.until)))
    };
    let excepted = |matches, all| Some((matches, all, "training data".to_owned(), "2027-06-30".to_owned()));
    assert_eq!(run("MRN-001 MRN-001 MRN-002", (2027, 6, 30)), (1, 1, excepted(2, false)));
    assert_eq!(run("MRN-001 and ward seven", (2027, 6, 30)), (2, 2, excepted(2, true)));
    assert_eq!(run("MRN-001 MRN-002", (2027, 7, 1)), (2, 2, None));
}

#[test]
fn matches_of_expressions_stand_free_unless_they_need_not() {
    let strict = signature("strict", "[[find]]\nname = \"n\"\nregex = 'MRN-\\d{4}|\\d{4}-\\d{4}|=\\d+='\n");
    let inside = signature("inside", "[[find]]\nname = \"n\"\nregex = 'MRN-\\d{4}'\ninside = true\n");
    let (set, problems) = set(&[&strict, &inside]);
    assert!(problems.is_empty(), "{problems:?}");
    for (text, expected) in [
        ("MRN-1234", vec!["inside", "strict"]),
        ("MRN-12345", vec!["inside"]),
        ("xMRN-1234", vec!["inside"]),
        ("(MRN-1234).", vec!["inside", "strict"]),
        ("1234-5678", vec!["strict"]),
        ("1234-5678.90", vec![]),
        ("550e8400-1234-5678-a716-446655440000", vec![]),
        ("+1234-5678", vec![]),
        ("x=12=x", vec!["strict"]),
    ] {
        let hits = scan(&set, &DetectLimits::default(), &[text.as_bytes()]);
        assert_eq!(hits.iter().map(|hit| &*hit.signature).collect::<Vec<_>>(), expected, "{text}");
    }
}

#[test]
fn portions_of_a_day_are_told_below_their_threshold() {
    let text = signature(
        "mrn",
        "[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{3}'\n[report]\nunique = 5\nper_sender_day = { unique = 20 }\n",
    );
    let (set, problems) = set(&[&text]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut scanner = Scanner::new(set, &DetectLimits::default());
    let mut run = |text: &str| {
        let mut scan = scanner.begin();
        scanner.push(&mut scan, text.as_bytes());
        let hit = scanner.finish(scan).remove(0);
        (hit.unique, hit.below, hit.per_sender_day)
    };
    assert_eq!(run("MRN-001 MRN-002"), (2, true, Some(20)));
    assert_eq!(run("MRN-001 MRN-002 MRN-003 MRN-004 MRN-005"), (5, false, Some(20)));
}

#[test]
fn a_scan_that_explains_itself_tells_what_nearly_matched() {
    let text = signature(
        "mrn",
        "[[find]]\nname = \"mrn\"\nregex = 'MRN-\\d{8}'\nvalidate = [\"luhn\"]\n[near]\nwords = [\"patient\"]\nwithin = 40\n\
         [confidence]\nmedium = \"mrn and near\"\n[report]\nunique = 2\n",
    );
    let (set, problems) = set(&[&text]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut scanner = Scanner::new(set, &DetectLimits::default());
    for (text, reason) in [
        ("patient MRN-12345678", Some("fails the check `luhn`")),
        ("number MRN-12345674", Some("no context word (patient) within 40 characters")),
        ("patient MRN-123456741", Some("inside a longer word or number")),
        ("patient MRN-12345674", Some("too few: 1 distinct")),
        ("patient MRN-12345674, patient MRN-80000003", None),
    ] {
        let mut scan = scanner.begin_explained();
        scanner.push(&mut scan, text.as_bytes());
        let (hits, misses) = scanner.finish_explained(scan, "", "");
        assert_eq!(hits.len(), usize::from(reason.is_none()), "{text}");
        let told: String = misses.iter().map(|miss| miss.reason.clone() + "\n").collect();
        assert!(reason.map_or(misses.is_empty(), |reason| told.contains(reason)), "{text}: {told}");
        assert!(!format!("{misses:?}").contains("123456"), "{misses:?}");
    }
}
