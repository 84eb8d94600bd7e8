//! Tests of the readers of HTML and XML.

use super::*;
use crate::formats::testing::Recording;
use proptest::prelude::*;

fn html_text(source: &[u8]) -> String {
    Recording::of(html, source).text
}

fn xml_text(source: &[u8]) -> String {
    Recording::of(xml, source).text
}

#[test]
fn visible_text_comes_out_in_lines() {
    let cases: &[(&str, &str)] = &[
        ("<p>One <b>bo</b>ld\n  word</p><p>Two</p>", "One bold word\nTwo\n"),
        ("<table><tr><td>4539<td>1488<tr><td>x</table>", "4539 1488\nx\n"),
        ("a<br>b<hr/>c", "a\nb\nc\n"),
        ("<style>p{color:red}</style>x<script>var s = '1 < 2 && 3';</script>", "x\nvar s = '1 < 2 && 3';\n"),
        ("<!-- hidden 123 --><!DOCTYPE html>shown", "hidden 123\nshown\n"),
        ("&lt;caf&eacute;&gt; &amp; more", "<café> & more\n"),
        ("<input name=ssn value='123-45-6789'><img alt=\"a > b\" class=c>", "ssn: 123-45-6789 \na > b \n"),
        ("<a href=\"mailto:a@b.example\">mail</a>", "mailto:a@b.example mail\n"),
        ("1 < 2 and <3", "1 < 2 and <3\n"),
        ("before <a unclosed=\"4111 1111", "before a unclosed=\"4111 1111\n"),
        ("<p title=it's>x</p>", "it's x\n"),
        ("", ""),
    ];
    for (source, expected) in cases {
        assert_eq!(html_text(source.as_bytes()), *expected, "{source}");
    }
}

#[test]
fn xml_text_stands_behind_its_name() {
    let source = b"<?xml version='1.0'?><!DOCTYPE m [<!ENTITY a 'aa'>]><m xmlns='u'>\n <member id='7'><ssn>123-45-6789</ssn>\
        <note><![CDATA[a <b> &c]]> tail</note></member><empty/></m>";
    assert_eq!(
        xml_text(source),
        "<!DOCTYPE m [<!ENTITY a 'aa'> \nmember: id: 7 \nssn: 123-45-6789 \nnote: a <b> &c tail \n"
    );
}

#[test]
fn character_sets_are_declared_marked_or_guessed() {
    let latin = "<meta charset=\"iso-8859-1\"><p>Stra\u{df}e".chars().map(|c| c as u8).collect::<Vec<_>>();
    assert_eq!(html_text(&latin), "Straße\n");
    let mut utf_16 = vec![0xff, 0xfe];
    utf_16.extend("<p>Straße".encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(html_text(&utf_16), "Straße\n");
    let declared = b"<?xml version='1.0' encoding='windows-1251'?><t>\xcf\xf0\xe8\xe2\xe5\xf2</t>";
    assert_eq!(xml_text(declared), "t: Привет \n");
    assert_eq!(html_text("<meta charset=latin1>".as_bytes()), "");
    // Says UTF-8, is windows-1252.
    assert_eq!(
        html_text(b"<meta charset=utf-8><p>Grundst\xfccke in M\xfcnchen und K\xf6ln"),
        "Grundstücke in München und Köln\n"
    );
}

#[test]
fn data_urls_are_inner_objects() {
    let recording = Recording::of(html, b"<img src='data:image/png;base64,aGVs\nbG8=' alt=x>text");
    assert_eq!(recording.object("data-1").data, b"hello");
    assert_eq!(recording.text, "x text\n");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(data in proptest::collection::vec(prop_oneof![Just(b'<'), Just(b'>'), Just(b'"'), Just(b'='), any::<u8>()], 0..400)) {
        html_text(&data);
        xml_text(&data);
    }

    #[test]
    fn words_outside_tags_are_never_lost(words in proptest::collection::vec("[a-z]{3,8}", 1..20), tags in proptest::collection::vec("</?(p|b|td|x-y|div a='1')>", 1..20)) {
        let source: String = words.iter().zip(tags.iter().cycle()).flat_map(|(word, tag)| [word.as_str(), tag.as_str()]).collect();
        let shown = html_text(source.as_bytes());
        let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
        prop_assert_eq!(letters(&shown), words.concat());
    }
}
