//! Tests of the reader of RTF.

use super::*;
use crate::formats::testing::Recording;
use proptest::prelude::*;

#[test]
fn text_comes_out_in_its_code_page() {
    let cases: &[(&[u8], &str)] = &[
        (br"{\rtf1\ansi Hello {\b bo}ld\par next}", "Hello bold\nnext\n"),
        (br"{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8}", "При\n"),
        (br"{\rtf1{\fonttbl{\f0 Arial;}{\f1\fcharset128 MS;}}\f1 \'93\'fa\'96\'7b\f0  x}", "日本 x\n"),
        (br"{\rtf1 \u8364?5 {\uc2\u8364 ab5} \u-10179?\u-8704?}", "€5 €5 😀\n"),
        (
            br"{\rtf1{\colortbl;\red0;}{\*\generator Tool;}{\stylesheet{\s0 Normal;}}a\tab b\cell c\row}",
            "a\tb\tc\n",
        ),
        (br"{\rtf1{\info{\title Secret plan}{\author Ann}}x}", "Secret plan\nAnn\nx\n"),
        (
            br#"{\rtf1{\field{\*\fldinst HYPERLINK "http://x.example"}{\fldrslt link}}}"#,
            "HYPERLINK \"http://x.example\"link\n",
        ),
        (br"{\rtf1 a\emdash b\~c\_d \{e\}}", "a—b c-d {e}\n"),
        (b"{\\rtf1 one\r\n two\\\nthree}", "one two\nthree\n"),
    ];
    for (source, expected) in cases {
        assert_eq!(Recording::of(read, source).text, *expected, "{}", String::from_utf8_lossy(source));
    }
}

#[test]
fn pictures_and_objects_are_unpacked() {
    let recording =
        Recording::of(read, b"{\\rtf1 a{\\pict\\pngblip 48 656c6c\r\n6f}{\\*\\objdata\\bin3 x}y}bc}");
    assert_eq!(recording.object("object-1").data, b"Hello");
    assert_eq!(recording.object("object-2").data, b"x}y");
    assert_eq!(recording.text, "abc\n");
}

#[test]
fn a_cut_file_is_partial() {
    let recording = Recording::of(read, br"{\rtf1 kept {\b and");
    assert_eq!(recording.text, "kept and\n");
    assert_eq!(recording.degraded, [(ObjectState::Partial, 0)]);
}

#[test]
fn deep_groups_cost_no_more_than_their_length() {
    let source = [&b"{".repeat(1 << 20)[..], b"deep", &b"}".repeat(1 << 20)].concat();
    assert_eq!(Recording::of(read, &source).text, "deep\n");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(source in r"(\{|\}|\\(\*|'|u|uc|bin|f|pict|objdata|fonttbl|fcharset|par|[a-z]{1,4})|-?[0-9]{1,6}|[ -~]|é){0,60}") {
        Recording::of(read, source.as_bytes());
    }
}
