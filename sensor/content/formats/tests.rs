//! Tests of all readers on documents written by real programs, whole and damaged.

use super::testing::Recording;
use super::{compressed, markup, office, opendocument, pdf, rtf, seven_zip, tar, zip};
use crate::Reader;
use egret_model::ObjectState;
use proptest::prelude::*;
use std::path::Path;

/// A document, its reader, and what must come out of it: words, inner objects, and what it could not do.
struct Sample {
    name: &'static str,
    reader: Reader,
    words: &'static [&'static str],
    objects: &'static [(&'static str, ObjectState)],
}

const INSPECTED: ObjectState = ObjectState::Inspected;

const SAMPLES: &[Sample] = &[
    Sample {
        name: "accounts.xlsx",
        reader: office::workbook,
        words: &["Samantha Stone\t4262684801927274\tPL71475265090385447198888877\t115-64-4526\n"],
        objects: &[],
    },
    Sample {
        name: "contract.docx",
        reader: office::document,
        words: &["STRICTLY CONFIDENTIAL\n", "subject to a cap of USD 947,566"],
        objects: &[],
    },
    Sample {
        name: "roadmap.pptx",
        reader: office::presentation,
        words: &[
            "CONFIDENTIAL – INTERNAL ONLY\n",
            "Cover owner now about prove particular child within down.\n",
        ],
        objects: &[],
    },
    Sample {
        name: "contract.odt",
        reader: opendocument::read,
        words: &["STRICTLY CONFIDENTIAL\n", "subject to a cap of USD 947,566"],
        objects: &[],
    },
    Sample {
        name: "price_list.ods",
        reader: opendocument::read,
        words: &[
            "INTERNAL ONLY – price list",
            "XU-6060-B \tRoyalty Cornsilk 71 \tB \t416.65 \t2834.95 \t50 \t",
        ],
        objects: &[],
    },
    Sample {
        name: "roadmap.odp",
        reader: opendocument::read,
        words: &["CONFIDENTIAL – INTERNAL ONLY\n"],
        objects: &[],
    },
    Sample {
        name: "note.rtf",
        reader: rtf::read,
        words: &["Karte 4539 0123 4123 4127, Müller, Жуков, 日本\n", "quarterly note\n"],
        objects: &[("object-1", INSPECTED)],
    },
    Sample {
        name: "roadmap.pdf",
        reader: pdf::read,
        words: &["CONFIDENTIAL – INTERNAL ONLY", "particular child within down."],
        objects: &[],
    },
    Sample {
        name: "members.xml",
        reader: markup::xml,
        words: &["n: Melanie Pugh \nssn: 151-32-7565 \nacct: NL44ACPK7306628594 \n"],
        objects: &[],
    },
    Sample {
        name: "locked.zip",
        reader: zip::read,
        words: &["customers.csv\n"],
        objects: &[("customers.csv", ObjectState::Encrypted)],
    },
    Sample {
        name: "outer.zip",
        reader: zip::read,
        words: &[],
        objects: &[("readme.txt", INSPECTED), ("inner.zip", INSPECTED)],
    },
    Sample {
        name: "bundle.tar",
        reader: tar::read,
        words: &[],
        objects: &[("q3_refunds.csv", INSPECTED), ("price_list.xlsx", INSPECTED)],
    },
    Sample {
        name: "records.7z",
        reader: seven_zip::read,
        words: &["customers.csv\nprice_list.xlsx\n"],
        objects: &[("customers.csv", INSPECTED), ("price_list.xlsx", INSPECTED)],
    },
    Sample {
        name: "q3_refunds.csv.bz2",
        reader: compressed::bzip2,
        words: &[],
        objects: &[(compressed::UNNAMED, INSPECTED)],
    },
];

fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/documents").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn documents_of_real_programs_are_read() {
    for Sample { name, reader, words, objects } in SAMPLES {
        let recording = Recording::of(*reader, &bytes(name));
        for words in *words {
            assert!(recording.text.contains(words), "{name}: {words:?} is not in {:?}", recording.text);
        }
        for (object, state) in *objects {
            assert_eq!(recording.object(object).state, Some(*state), "{name}: {object}");
        }
        assert_eq!(recording.degraded, [], "{name}");
    }
}

/// Cutting a document must leave a trace: less text without a state would be a silent loss.
#[test]
fn cut_documents_are_never_silently_complete() {
    for Sample { name, reader, .. } in SAMPLES {
        let whole = bytes(name);
        let complete = Recording::of(*reader, &whole);
        for part in 1..4 {
            let cut = Recording::of(*reader, &whole[..whole.len() * part / 4]);
            let is_marked =
                !cut.degraded.is_empty() || cut.objects.iter().any(|object| object.state != Some(INSPECTED));
            let is_less = cut.text.len() < complete.text.len() || cut.objects.len() < complete.objects.len();
            assert!(is_marked || !is_less, "{name} cut to {part}/4: {:?}", cut.degraded);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn damaged_documents_are_survived(
        sample in 0..SAMPLES.len(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..32),
        cut in any::<prop::sample::Index>(),
        reader in 0..SAMPLES.len(),
    ) {
        let mut data = bytes(SAMPLES[sample].name);
        for (index, value) in flips {
            let position = index.index(data.len());
            data[position] = value;
        }
        Recording::of(SAMPLES[sample].reader, &data);
        Recording::of(SAMPLES[reader].reader, &data);
        data.truncate(cut.index(data.len()));
        Recording::of(SAMPLES[sample].reader, &data);
    }
}
