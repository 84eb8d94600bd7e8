//! Tests of the reader of PDF, on small documents made here.

use super::*;
use crate::formats::testing::Recording;
use lopdf::{Stream, dictionary};

/// A document of one page with this content; `more` may add to it.
fn made(content: &str, more: impl FnOnce(&mut Document, &mut Dictionary)) -> Vec<u8> {
    let mut document = Document::with_version("1.7");
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
        "FirstChar" => 32, "Widths" => vec![Object::Integer(500); 95],
    });
    let mut page = dictionary! {
        "Type" => "Page", "Resources" => dictionary! { "Font" => dictionary! { "F1" => font } },
    };
    let content = document.add_object(Stream::new(Dictionary::new(), content.as_bytes().to_vec()));
    page.set("Contents", content);
    more(&mut document, &mut page);
    let pages = document.new_object_id();
    page.set("Parent", pages);
    let page = document.add_object(page);
    document
        .objects
        .insert(pages, dictionary! { "Type" => "Pages", "Kids" => vec![page.into()], "Count" => 1 }.into());
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
    document.trailer.set("Root", catalog);
    document.compress();
    let mut data = Vec::new();
    document.save_to(&mut data).unwrap();
    data
}

fn page_text(content: &str) -> String {
    Recording::of(read, &made(content, |_, _| {})).text
}

#[test]
fn places_decide_on_words_and_lines() {
    let cases = [
        ("BT /F1 10 Tf 50 700 Td (Hello) Tj 0 -12 Td (world) Tj ET", "Hello\nworld\n"),
        // Each glyph is half the size wide: 5 units.
        ("BT /F1 10 Tf 0 0 Td (ab) Tj 10 0 Td (cd) Tj 14 0 Td (ef) Tj ET", "abcd ef\n"),
        ("BT /F1 10 Tf [(wo) -50 (rd) -300 (next)] TJ ET", "word next\n"),
        (
            "BT /F1 1 Tf 10 0 0 10 0 0 Tm (ab) Tj 10 0 0 10 10 0 Tm (c) Tj 10 0 0 10 0 50 Tm (d) Tj ET",
            "abc\nd\n",
        ),
        ("BT /F1 10 Tf 12 TL (one) Tj T* (two) Tj (three) ' ET", "one\ntwo\nthree\n"),
        (
            "BT /F1 10 Tf 0 50 Td (con-) Tj 0 -12 Td (fidential) Tj 0 -12 Td (4111-) Tj 0 -12 Td (1111) Tj ET",
            "confidential\n4111-\n1111\n",
        ),
        // Letters set apart.
        ("BT /F1 10 Tf 6 Tc (apart) Tj ET", "apart\n"),
        // Written from bottom to top.
        ("BT /F1 10 Tf 0 1 -1 0 0 0 Tm (up) Tj 0 10 Td (x) Tj ET", "up\nx\n"),
        ("q 2 0 0 2 0 0 cm BT /F1 10 Tf (a) Tj 5 0 Td (b) Tj ET Q", "ab\n"),
        ("BI /W 1 /H 1 ID \u{1}\u{2} EI BT /F1 10 Tf (\\050x\\051) Tj ET", "(x)\n"),
    ];
    for (content, expected) in cases {
        assert_eq!(page_text(content), expected, "{content}");
    }
}

#[test]
fn composite_fonts_are_read_by_their_map() {
    let data = made("BT /F2 10 Tf <00010002> Tj ET", |document, page| {
        let map = Stream::new(Dictionary::new(), b"begincodespacerange <0000> <ffff> endcodespacerange beginbfrange <0001> <0002> <0416> endbfrange".to_vec());
        let map = document.add_object(map);
        let font = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type0", "Encoding" => "Identity-H", "ToUnicode" => map,
            "DescendantFonts" => vec![dictionary! { "Type" => "Font", "W" => vec![1.into(), vec![500.into(), 500.into()].into()] }.into()],
        });
        page.set("Resources", dictionary! { "Font" => dictionary! { "F2" => font } });
    });
    let recording = Recording::of(read, &data);
    assert_eq!(recording.text, "ЖЗ\n");
    assert_eq!(recording.degraded, []);
}

#[test]
fn characters_without_a_meaning_make_it_partial() {
    let data = made("BT /F2 10 Tf <0001> Tj ET", |document, page| {
        let font = document
            .add_object(dictionary! { "Type" => "Font", "Subtype" => "Type0", "Encoding" => "Identity-H" });
        page.set("Resources", dictionary! { "Font" => dictionary! { "F2" => font } });
    });
    assert_eq!(Recording::of(read, &data).degraded, [(ObjectState::Partial, 0)]);
}

#[test]
fn forms_run_and_do_not_run_away() {
    let data = made("/X Do", |document, page| {
        let id = document.new_object_id();
        let resources = page.get_mut(b"Resources").unwrap().as_dict_mut().unwrap();
        resources.set("XObject", dictionary! { "X" => id });
        // It calls itself, twice.
        let form =
            Stream::new(dictionary! { "Subtype" => "Form" }, b"BT /F1 10 Tf (x) Tj ET /X Do /X Do".to_vec());
        document.objects.insert(id, form.into());
    });
    let text = Recording::of(read, &data).text;
    assert!(text.starts_with('x') && text.len() < 1 << 16, "{}", text.len());
}

#[test]
fn what_stands_beside_the_pages_is_shown() {
    let data = made("", |document, page| {
        let note = document
            .add_object(dictionary! { "Type" => "Annot", "Contents" => Object::string_literal("a note") });
        page.set("Annots", vec![note.into()]);
        let link = dictionary! { "A" => dictionary! { "URI" => Object::string_literal("http://x.example") } };
        document.add_object(link);
        let file =
            document.add_object(Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"attached".to_vec()));
        document.add_object(
            dictionary! { "F" => Object::string_literal("a.txt"), "EF" => dictionary! { "F" => file } },
        );
        let packet = b"<x:xmpmeta><dc:title>in metadata</dc:title></x:xmpmeta>".to_vec();
        document.add_object(Stream::new(dictionary! { "Type" => "Metadata", "Subtype" => "XML" }, packet));
        document.add_object(Stream::new(
            dictionary! { "Subtype" => "Image", "Filter" => "DCTDecode" },
            b"jpeg".to_vec(),
        ));
        let information = document.add_object(dictionary! { "Title" => Object::string_literal("Plan"), "Label" => lopdf::text_string("Geheim – ü") });
        document.trailer.set("Info", information);
    });
    let recording = Recording::of(read, &data);
    assert_eq!(
        recording.text,
        "Title: Plan\nLabel: Geheim – ü\na note\nhttp://x.example\ndc:title: in metadata \n"
    );
    assert_eq!(recording.object("a.txt").data, b"attached");
    assert_eq!(recording.objects.len(), 2);
    assert_eq!(recording.objects[1].data, b"jpeg");
}

#[test]
fn a_cut_document_shows_the_pages_it_has() {
    let whole = made("BT /F1 10 Tf (still here) Tj ET", |_, _| {});
    let end = memchr::memmem::find(&whole, b"/Catalog").unwrap();
    let recording = Recording::of(read, &whole[..end]);
    assert_eq!(recording.text, "still here\n");
    assert_eq!(recording.degraded, [(ObjectState::Partial, 0)]);
}

#[test]
fn what_is_no_document_is_malformed() {
    for data in [&b""[..], b"%PDF-1.7", b"%PDF-1.7\n1 0 obj\n"] {
        let recording = Recording::of(read, data);
        assert_eq!(recording.text, "");
        assert_eq!(recording.degraded.len(), 1, "{data:?}");
    }
}

#[test]
fn a_bomb_of_object_streams_keeps_within_its_share() {
    assert_eq!(object_stream_limit(b"no object stream"), STREAM_BYTES);
    assert_eq!(object_stream_limit(&b"/Type/ObjStm ".repeat(16)), 16 << 20);
    assert_eq!(object_stream_limit(&b"/Type/Obj#53tm endstream ".repeat(16)), 16 << 20);
    assert_eq!(object_stream_limit(&b"/ObjStm".repeat(1 << 20)), 64 << 10);
}

/// A TrueType program of three glyphs, of which the second and third are drawn for `characters` in a row.
fn font_program(characters: [char; 2]) -> Vec<u8> {
    let [first, last] = characters.map(u32::from);
    let mut head = [0; 54];
    head[..4].copy_from_slice(&[0, 1, 0, 0]);
    head[18..20].copy_from_slice(&1000_u16.to_be_bytes());
    let mut metrics = [0; 36];
    metrics[1] = 1;
    metrics[35] = 1;
    let glyphs = [0, 0, 0x50, 0, 0, 3];
    // One map of format 12 (Windows, all of Unicode), with one group.
    let words = [u32::from(12_u16) << 16, 28, 0, 1, first, last, 1].map(u32::to_be_bytes).concat();
    let map = [&[0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12][..], &words].concat();
    let tables: [(&[u8; 4], &[u8]); 4] =
        [(b"cmap", &map), (b"head", &head), (b"hhea", &metrics), (b"maxp", &glyphs)];
    let mut program = [&[0, 1, 0, 0][..], &[0, 4, 0, 0, 0, 0, 0, 0]].concat();
    let mut at = program.len() + tables.len() * 16;
    for (name, table) in tables {
        program.extend_from_slice(name);
        program.extend(
            [0, u32::try_from(at).unwrap(), u32::try_from(table.len()).unwrap()]
                .map(u32::to_be_bytes)
                .concat(),
        );
        at += table.len();
    }
    tables.iter().for_each(|(_, table)| program.extend_from_slice(table));
    program
}

/// A page in a composite font without a map, whose program draws glyphs 1 and 2 for these characters.
fn with_program(content: &str, characters: [char; 2], glyphs: Option<&[u8]>) -> Recording {
    let data = made(content, |document, page| {
        let program = document.add_object(Stream::new(Dictionary::new(), font_program(characters)));
        let mut descendant = dictionary! {
            "Type" => "Font", "Subtype" => "CIDFontType2", "DW" => 500,
            "FontDescriptor" => dictionary! { "Type" => "FontDescriptor", "FontFile2" => program },
        };
        if let Some(glyphs) = glyphs {
            let table = document.add_object(Stream::new(Dictionary::new(), glyphs.to_vec()));
            descendant.set("CIDToGIDMap", table);
        }
        let font = document.add_object(dictionary! {
            "Type" => "Font", "Subtype" => "Type0", "Encoding" => "Identity-H", "DescendantFonts" => vec![descendant.into()],
        });
        page.set("Resources", dictionary! { "Font" => dictionary! { "F2" => font } });
    });
    Recording::of(read, &data)
}

#[test]
fn a_font_without_a_map_is_read_by_its_program() {
    let known = with_program("BT /F2 10 Tf <00010002> Tj ET", ['A', 'B'], None);
    assert_eq!((known.text.as_str(), known.degraded), ("AB\n", vec![]));
    // By way of a table of glyphs: code 2 is glyph 1.
    let mapped = with_program("BT /F2 10 Tf <00020003> Tj ET", ['A', 'B'], Some(&[0, 0, 0, 0, 0, 1, 0, 2]));
    assert_eq!(mapped.text, "AB\n");
    // What it does not draw for a character leaves a gap.
    let gap = with_program("BT /F2 10 Tf <000100070002> Tj ET", ['A', 'B'], None);
    assert_eq!((gap.text.as_str(), gap.degraded), ("A B\n", vec![(ObjectState::Partial, 0)]));
}

#[test]
fn a_map_that_claims_everything_is_no_harm() {
    let known = with_program("BT /F2 10 Tf <0001> Tj ET", ['\u{1}', '\u{10ffff}'], None);
    assert_eq!((known.text.as_str(), known.degraded), ("", vec![(ObjectState::Partial, 0)]));
}

#[test]
fn right_to_left_lines_are_read_from_their_beginning() {
    // Drawn from left to right, its last letter first.
    let reversed = with_program("BT /F2 10 Tf <00020001> Tj ET", ['א', 'ב'], None);
    assert_eq!(reversed.text, "אב\n");
    // Each letter to the left of the one before.
    let placed = with_program(
        "BT /F2 10 Tf 50 0 Td <0001> Tj -5 0 Td <0002> Tj -20 0 Td <0001> Tj ET",
        ['א', 'ב'],
        None,
    );
    assert_eq!(placed.text, "אב א\n");
}
