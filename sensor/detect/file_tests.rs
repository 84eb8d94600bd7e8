//! Files of signatures as people write them: faults with their places, families, dictionaries, overrides.

use crate::tests::{SHIPPED, scan, set, signature};
use crate::{Scanner, SignatureProblem, SignatureSet};
use egret_model::{Confidence, DetectLimits, Severity};
use std::{path::PathBuf, sync::Arc};

#[test]
fn problems_are_placed_and_good_files_still_load() {
    let good =
        signature("good", "[[find]]\nname = \"w\"\nwords = [\"zorgle\"]\n[[test]]\nmatch = \"a zorgle\"\n");
    for (rest, place, message) in [
        ("[[find]]\nname = \"x\"\nregex = 'a(b'\n", "1.toml:6:11", "unclosed"),
        ("[[find]]\nname = \"x\"\nregex = '\\w+'\n", "1.toml:6:9", "nearly everything"),
        ("[[find]]\nname = \"x\"\nregex = 'a*'\n", "1.toml:6:9", "empty text"),
        ("[[find]]\nname = \"x\"\nwords = [\"the\"]\n", "1.toml:6:10", "everywhere"),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\nvalidate = [\"lhun\"]\n",
            "1.toml:7:13",
            "did you mean `luhn`",
        ),
        ("[[find]]\nname = \"x\"\n", "1.toml:5:8", "exactly one of"),
        ("[[find]]\nname = \"near\"\nwords = [\"zorgle\"]\n", "1.toml:5:8", "can't name"),
        ("[[find]]\nname = \"x\"\nuse = \"goood\"\n", "1.toml:6:7", "did you mean `good`"),
        ("[[find]]\nname = \"x\"\nuse = \"good#v\"\n", "1.toml:6:7", "its finds: w"),
        ("[[find]]\nname = \"x\"\nnumbers = [\"###\"]\n", "1.toml:6:12", "at least 6 digits"),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[confidence]\nhigh = \"y\"\n",
            "1.toml:8:8",
            "no find",
        ),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[[test]]\nmatch = \"nothing\"\n",
            "1.toml:8:9",
            "should match",
        ),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[[test]]\nno_match = \"zorgle\"\n",
            "1.toml:8:12",
            "should not match",
        ),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[near]\nwords = [\"ab\"]\nwithin = 5000\n",
            "1.toml:9:10",
            "takes 1 to",
        ),
        (
            "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[[except]]\ndestination = \"x\"\n",
            "1.toml:7:",
            "needs a reason",
        ),
        ("", "1.toml:1:6", "finds nothing"),
    ] {
        let (loaded, problems) = set(&[&good, &signature("bad", rest)]);
        assert_eq!(
            loaded.signatures().iter().map(crate::Signature::id).collect::<Vec<_>>(),
            ["good"],
            "{rest}"
        );
        let lines: Vec<String> = problems.iter().map(SignatureProblem::one_line).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(place) && lines[0].contains(message), "{rest}\n{}", lines[0]);
    }
    let (_, problems) = set(&[&good, &good]);
    assert!(problems[0].one_line().starts_with("1.toml:1:6: the id `good` is already taken by 0.toml"));
    let user = signature("user", "[[find]]\nname = \"x\"\nuse = \"bad\"\n");
    let (loaded, problems) = set(&[
        &user,
        &signature("bad", "[[find]]\nname = \"x\"\nwords = [\"zorgle\"]\n[[test]]\nmatch = \"-\"\n"),
    ]);
    assert_eq!((loaded.signatures().len(), problems.len()), (0, 2), "{problems:?}");
}

#[test]
fn folders_are_read_in_order_and_faults_are_told() {
    let missing = PathBuf::from("/nonexistent/signatures");
    let (set, problems) = SignatureSet::load(&[missing]);
    assert_eq!(set.signatures().len(), SHIPPED.signatures().len());
    assert!(problems[0].one_line().starts_with("/nonexistent/signatures: cannot be read"));
}

fn named(texts: &[(&str, &str)]) -> (Arc<SignatureSet>, Vec<String>) {
    let sources: Vec<(String, String)> =
        texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let (set, problems) = SignatureSet::from_texts(&sources);
    (Arc::new(set), problems.iter().map(SignatureProblem::one_line).collect())
}

const FAMILY: &str = r#"
owner = "research@acme.example"
severity = "medium"
tags = ["acme"]
description = "Projects of the year."
[[signature]]
id = "acme/heron"
title = "Project Heron"
tags = ["bird"]
[[signature.find]]
name = "name"
phrases = ["project heron"]
[[signature.test]]
match = "Project Heron"
[[signature]]
id = "acme/drugs"
title = "Drugs"
severity = "high"
owner = "pharma@acme.example"
[[signature.find]]
name = "drug"
dictionary = "health/drugs.txt"
[signature.near]
words = ["dose"]
within = 50
"#;
const DRUGS: &str = "# ours\nzorglium\nfloxamine forte\n";

#[test]
fn a_family_shares_what_its_signatures_do_not_say() {
    let broken = FAMILY
        .replace("[[signature.test]]\nmatch = \"Project Heron\"", "[[signature.test]]\nmatch = \"none\"");
    let (set, problems) = named(&[("birds/all.toml", FAMILY), ("health/drugs.txt", DRUGS)]);
    assert_eq!(problems, Vec::<String>::new());
    let [drugs, heron] = set.signatures() else { panic!("two signatures") };
    assert_eq!(
        (heron.severity(), heron.owner(), heron.tags().join(" ")),
        (Severity::Medium, "research@acme.example", "acme bird".into())
    );
    assert_eq!(
        (drugs.severity(), drugs.owner(), drugs.description()),
        (Severity::High, "pharma@acme.example", "Projects of the year.")
    );
    let hits = scan(&set, &DetectLimits::default(), &[b"a dose of Floxamine  Forte"]);
    assert_eq!((hits.len(), hits[0].confidence), (1, Confidence::High));
    // One member that fails leaves the other.
    let (set, problems) = named(&[("birds/all.toml", &broken), ("health/drugs.txt", DRUGS)]);
    assert_eq!(set.signatures().iter().map(crate::Signature::id).collect::<Vec<_>>(), ["acme/drugs"]);
    assert!(
        problems.len() == 1 && problems[0].starts_with("birds/all.toml:14:9: this text should match"),
        "{problems:?}"
    );
    let (set, problems) = named(&[("birds/all.toml", FAMILY), ("health/drug.txt", DRUGS)]);
    assert_eq!(set.signatures().len(), 1);
    assert!(
        problems[0].contains("22:14: there is no dictionary")
            && problems[0].contains("did you mean `health/drug.txt`?"),
        "{problems:?}"
    );
}

#[test]
fn overrides_tune_what_is_not_theirs() {
    let texts = |tuning: &'static str| {
        [("birds/all.toml", FAMILY), ("health/drugs.txt", DRUGS), ("own/tuning.toml", tuning)]
    };
    let (set, problems) = named(&texts(
        "override = \"acme/drugs\"\nseverity = \"critical\"\ntags = [\"ours\"]\n[near]\nwords = [\"ward\"]\n[report]\nunique = 2\n\
         [[find]]\nname = \"drug\"\nwords = [\"quuxol\"]\n[[find]]\nname = \"code\"\nregex = 'DRG-\\d{6}'\n\
         [confidence]\nmedium = \"drug or code\"\n[[test]]\nmatch = \"quuxol in ward 7\"\n[[test]]\nmatch = \"DRG-123456\"\n",
    ));
    assert_eq!(problems, Vec::<String>::new());
    let drugs = &set.signatures()[0];
    assert_eq!(
        (drugs.severity(), drugs.tags().join(" "), drugs.tuned_by()),
        (Severity::Critical, "acme ours".into(), ["own/tuning.toml".to_owned()].as_slice())
    );
    let mut scanner = Scanner::new(Arc::clone(&set), &DetectLimits::default());
    let mut reported = |text: &str| {
        let mut scan = scanner.begin();
        scanner.push(&mut scan, text.as_bytes());
        scanner.finish(scan).len()
    };
    assert_eq!((reported("zorglium"), reported("zorglium, DRG-123456")), (0, 1));

    for (of, left) in [
        ("acme/heron", vec!["acme/drugs"]),
        ("tag:bird", vec!["acme/drugs"]),
        ("birds/", vec![]),
        ("tag:acme", vec![]),
    ] {
        let text = format!("[[override]]\nof = \"{of}\"\nenabled = false\n");
        let (set, problems) =
            named(&[("birds/all.toml", FAMILY), ("health/drugs.txt", DRUGS), ("off.toml", &text)]);
        assert_eq!(problems, Vec::<String>::new(), "{of}");
        let on: Vec<&str> =
            set.signatures().iter().filter(|s| s.enabled()).map(crate::Signature::id).collect();
        assert_eq!(on, left, "{of}");
        let found = scan(&set, &DetectLimits::default(), &[b"project heron, zorglium"]);
        assert_eq!(found.iter().map(|hit| &*hit.signature).collect::<Vec<_>>(), left, "{of}");
    }
    // What is switched off still serves those that use it.
    let user = signature("user", "[[find]]\nname = \"x\"\nuse = \"acme/heron\"\n");
    let (set, _) = named(&[
        ("birds/all.toml", FAMILY),
        ("user.toml", &user),
        ("off.toml", "override = \"acme/heron\"\nenabled = false\n"),
    ]);
    assert_eq!(scan(&set, &DetectLimits::default(), &[b"project heron"]).len(), 1);
}

#[test]
fn overrides_that_do_not_fit_are_told_and_change_nothing() {
    for (tuning, place, message) in [
        ("override = \"acme/hero\"\nenabled = false\n", "t.toml:1:12", "did you mean `acme/heron`?"),
        ("override = \"tag:brid\"\n", "t.toml:1:12", "did you mean `tag:bird`?"),
        ("override = \"fish/\"\n", "t.toml:1:12", "no signature in a folder"),
        ("override = \"\"\n", "t.toml:1:12", "names what it changes"),
        ("override = \"acme/heron\"\nenabeld = false\n", "t.toml:2:1", "did you mean `enabled`?"),
        ("override = \"acme/heron\"\n[confidence]\nhigh = \"nmae\"\n", "t.toml:3:8", "did you mean `name`?"),
        (
            "override = \"acme/heron\"\n[[find]]\nname = \"name\"\nregex = 'HRN-\\d+'\n",
            "t.toml:1:12",
            "find `name` already",
        ),
        ("override = \"tag:acme\"\n[[test]]\nmatch = \"x\"\n", "t.toml:2:1", "belong to one signature"),
        (
            "override = \"acme/heron\"\nseverity = \"low\"\n[[test]]\nmatch = \"x\"\n",
            "t.toml:4:9",
            "should match",
        ),
        (
            "[[override]]\nof = \"tag:acme\"\ntags = [\"new\"]\n[[override]]\nof = \"acme/heron\"\nseverity = \"low\"\n[[override.test]]\nmatch = \"x\"\n",
            "t.toml:8:9",
            "should match",
        ),
    ] {
        let (set, problems) =
            named(&[("birds/all.toml", FAMILY), ("health/drugs.txt", DRUGS), ("t.toml", tuning)]);
        assert!(
            problems.len() == 1 && problems[0].starts_with(place) && problems[0].contains(message),
            "{tuning}\n{problems:?}"
        );
        let heron =
            set.signatures().iter().find(|signature| signature.id() == "acme/heron").expect("still there");
        assert!(heron.enabled() && heron.severity() == Severity::Medium, "{tuning}");
    }
}
