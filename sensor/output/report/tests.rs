use super::*;
use egret_model::Handling;

fn case(number: usize, evil: &str) -> Case {
    let record = serde_json::json!({
        "id": format!("i-{number:020x}"), "kind": "sensitive-egress", "severity": "critical", "risk": 90, "title": evil,
        "first_at": "2026-11-23T23:52:53.259967000Z", "last_at": "2026-11-23T23:52:54.000000000Z", "user": "alice", "host": evil,
        "destination": evil, "attack": ["T1048.003"], "complete": true, "reasons": [evil], "bytes": 4096,
        "risk_shares": [{ "what": evil, "points": 12.5 }], "timeline": [{ "at": "2026-11-23T23:52:53Z", "what": evil, "id": "t-1" }],
        "profile": { "kind": "negligent", "share": 0.5, "reasons": [evil] }, "policy": { "verdict": "forbidden", "reason": evil },
    })
    .to_string();
    Case {
        incident: serde_json::from_str(&record).unwrap(),
        record,
        handling: Handling::default(),
        transfers: Vec::new(),
        findings: Vec::new(),
        transfer_records: Vec::new(),
        finding_records: Vec::new(),
    }
}

fn report(evil: &str) -> Report {
    let at = Timestamp::parse("2026-11-23T23:00:00Z").unwrap();
    let hours = vec![Hour { at, bytes: 100 }, Hour { at: at.plus(7_200_000_000_000), bytes: 5_000_000 }];
    Report {
        title: evil.to_owned(),
        made_at: at,
        scope: evil.to_owned(),
        matching: 9,
        cases: vec![case(1, evil), case(2, evil)],
        senders: vec![SenderPart {
            who: "Alice".into(),
            seen: vec![evil.to_owned()],
            hours: hours.clone(),
            destinations: vec![(evil.to_owned(), 1, 2, 3)],
            ..SenderPart::default()
        }],
        hours,
        runs: vec![RunPart {
            id: "run-1".into(),
            kind: "replay".into(),
            began_at: at,
            ended_at: None,
            egret: evil.to_owned(),
            signatures: 7,
            signatures_sha256: "ab".into(),
            inputs: vec![(evil.to_owned(), "cd".into())],
            packets: 3,
            transfers: 2,
            coverage: Coverage { inspected_bytes: 75, encrypted: 25, ..Coverage::default() },
            problems: vec![evil.to_owned()],
        }],
        proof: Proof { entries: 4, head: "ef".into(), flaws: vec![evil.to_owned()] },
    }
}

#[test]
fn the_page_stands_alone_and_holds_everything() {
    let page = report("Ordinary").html().unwrap();
    for part in [
        "i-00000000000000000001",
        "Alice",
        "75.00 %",
        "25.00 %",
        "run-1",
        "+12.5",
        "negligent (50 %)",
        "forbidden",
        "ef</p>",
        "<circle",
        "2 of 9 incidents",
        "still running, or cut off",
        "<rect",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    // Nothing is fetched, nothing runs.
    for part in ["<script", "src=", "http:", "https:", "url(", "@import", "<link", "<iframe"] {
        assert!(!page.contains(part), "{part}");
    }
    let anchors: Vec<&str> =
        page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(
        anchors.len() > 5 && anchors.iter().all(|anchor| page.contains(&format!("id=\"{anchor}\""))),
        "{anchors:?}"
    );
}

#[test]
fn texts_from_the_wire_stay_texts() {
    for evil in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title><svg onload=x>",
        "{{ 7 * 7 }}",
        "\u{1b}[2J\u{202e}gnp.exe",
        "]]>--><b>",
        "javascript:alert(1)",
    ] {
        let plain = report("Ordinary").html().unwrap();
        let page = report(evil).html().unwrap();
        // The same tags in the same order, whatever the texts are.
        let tags = |page: &str| -> Vec<String> {
            page.split('<')
                .skip(1)
                .map(|tag| tag.split(['>', ' ', '\n']).next().unwrap_or_default().to_owned())
                .collect()
        };
        assert_eq!(tags(&page), tags(&plain), "{evil}");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'));
        let inside = page.split('<').skip(1).filter_map(|tag| tag.split_once('>').map(|(inside, _)| inside));
        for tag in inside {
            assert!(
                !tag.contains("onerror")
                    && !tag.contains("onmouseover=")
                    && !tag.contains("href=\"javascript"),
                "{tag}"
            );
        }
    }
}
