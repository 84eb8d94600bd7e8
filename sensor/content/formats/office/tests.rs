//! Tests of the readers of Office Open XML, on small packages made here.

use super::*;
use crate::formats::testing::{Recording, archive};
use egret_model::ObjectState;

#[test]
fn a_text_document_shows_all_that_leaves_with_it() {
    let body = b"<w:document><w:body>
        <w:p><w:pPr><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr><w:r><w:t>Con</w:t></w:r><w:r><w:t>fidential</w:t><w:tab/><w:t>2024</w:t></w:r></w:p>
        <w:p><w:del><w:r><w:delText>deleted words</w:delText></w:r></w:del></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>4539</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>1234</w:t></w:r></w:p></w:tc></w:tr></w:tbl>
        <mc:AlternateContent><mc:Choice><w:t>box</w:t></mc:Choice><mc:Fallback><w:t>b</w:t><w:t>ox</w:t></mc:Fallback></mc:AlternateContent>
        <mc:AlternateContent><mc:Choice><w:t>new</w:t></mc:Choice><mc:Fallback><w:t>old</w:t></mc:Fallback></mc:AlternateContent>
        <v:textpath string='WATERMARK'/><wp:docPr descr='a picture'/></w:body></w:document>";
    let data = archive(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("docProps/custom.xml", b"<Properties><property name='MSIP_Label_1_Name'><vt:lpwstr>Secret</vt:lpwstr></property></Properties>"),
        ("word/styles.xml", b"<w:t>style</w:t>"),
        ("word/media/image1.png", b"picture"),
        ("word/header2.xml", b"<w:hdr><w:p><w:t>second header</w:t></w:p></w:hdr>"),
        ("word/header10.xml", b"<w:hdr><w:p><w:t>tenth header</w:t></w:p></w:hdr>"),
        ("word/_rels/document.xml.rels", b"<Relationships><Relationship Target='http://x.example/?a=1&amp;b' TargetMode='External'/></Relationships>"),
        ("word/document.xml", body),
    ]);
    let recording = Recording::of(document, &data);
    let expected = "Confidential\t2024\ndeleted words\n4539 \t1234 \t\nboxnew\nold\nWATERMARK a picture \nsecond header\ntenth header\n\
        http://x.example/?a=1&b\nMSIP_Label_1_Name: Secret\n";
    assert_eq!(sorted_tail(&recording.text), sorted_tail(expected));
    assert!(recording.text.starts_with("Confidential\t2024\ndeleted words\n4539 \t1234 \t\nboxnew\nold\n"));
    assert_eq!(recording.object("word/media/image1.png").data, b"picture");
    assert_eq!(recording.objects.len(), 1);
    assert_eq!(recording.degraded, []);
}

/// Lines in any order.
fn sorted_tail(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn spreadsheet() -> Vec<u8> {
    archive(&[
        ("xl/workbook.xml", b"<workbook><sheets><sheet name='Second' r:id='r2'/><sheet name='First' r:id='r1'/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", b"<R><R Id='r1' Target='worksheets/sheet1.xml'/><R Id='r2' Target='/xl/worksheets/sheet2.xml'/></R>"),
        ("xl/styles.xml", b"<s><numFmts><numFmt numFmtId='164' formatCode='yyyy'/></numFmts><cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs></s>"),
        ("xl/sharedStrings.xml", "<sst><si><t>caf&#233;</t></si><si><r><t>rich </t></r><r><t>text</t></r><rPh><t>phonetic</t></rPh></si></sst>".as_bytes()),
        ("xl/worksheets/sheet1.xml", b"<w><sheetData><row><c t='s'><v>1</v></c><c><v>4539012341234123</v></c><c t='s'><v>9</v></c></row><row><c s='1'><v>45356</v></c><c t='b'><v>1</v></c></row></sheetData></w>"),
        ("xl/worksheets/sheet2.xml", b"<w><sheetData><row><c t='inlineStr'><is><t>in line</t></is></c><c t='s'><v>0</v></c><c><f>A1&amp;\"x\"</f></c></row></sheetData><headerFooter><oddHeader>&amp;CInternal</oddHeader></headerFooter></w>"),
        ("xl/worksheets/sheet3.xml", b"<w><sheetData><row><c><v>0.1</v></c></row></sheetData></w>"),
        ("xl/comments1.xml", b"<comments><comment><text><r><t>a comment</t></r></text></comment></comments>"),
        ("xl/pivotCache/pivotCacheRecords1.xml", b"<r><r><s v='cached value'/></r></r>"),
    ])
}

#[test]
fn a_spreadsheet_is_read_in_the_order_of_its_workbook() {
    let recording = Recording::of(workbook, &spreadsheet());
    let expected = "Second\nin line\tcaf\u{e9}\tA1&\"x\"\n&CInternal\nFirst\nrich text\t4539012341234123\n2024-03-05\tTRUE\n0.1\n\
        a comment\ncached value \n";
    assert_eq!(recording.text, expected);
    assert_eq!(recording.degraded, []);
}

#[test]
fn strings_of_a_spreadsheet_without_sheets_are_shown() {
    let data = archive(&[("xl/sharedStrings.xml", b"<sst><si><t>one</t></si><si><t>two</t></si></sst>")]);
    assert_eq!(Recording::of(workbook, &data).text, "one\ntwo\n");
}

#[test]
fn a_presentation_is_read_slide_by_slide_then_its_master() {
    let slide = |text: &str| format!("<p:sld><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:sld>").into_bytes();
    let data = archive(&[
        ("ppt/slideMasters/slideMaster1.xml", &slide("master")),
        ("ppt/notesSlides/notesSlide1.xml", &slide("notes")),
        ("ppt/slides/slide10.xml", &slide("ten")),
        ("ppt/slides/slide2.xml", &slide("two")),
        ("ppt/comments/comment1.xml", b"<p:cm><p:text>comment</p:text></p:cm>"),
    ]);
    assert_eq!(Recording::of(presentation, &data).text, "two\nten\nnotes\ncomment\nmaster\n");
}

#[test]
fn a_damaged_part_is_reported_and_the_others_are_read() {
    let data = archive(&[
        ("word/document.xml", b"<w:p><w:t>kept</w:t></w:p><broken"),
        ("word/footer1.xml", b"<w:t>foot</w:t>"),
    ]);
    let recording = Recording::of(document, &data);
    assert_eq!(recording.text, "kept\nfoot\n");
    assert!(matches!(recording.degraded[..], [(ObjectState::Malformed, _)]));
}

#[test]
fn a_string_that_every_cell_repeats_is_limited() {
    let long = "x".repeat(1 << 20);
    let cells = "<c t='s'><v>0</v></c>".repeat(400);
    let data = archive(&[
        ("xl/sharedStrings.xml", format!("<sst><si><t>{long}</t></si></sst>").as_bytes()),
        ("xl/worksheets/sheet1.xml", format!("<w><row>{cells}</row></w>").as_bytes()),
    ]);
    let recording = Recording::of(workbook, &data);
    assert!(recording.text.len() <= crate::formats::text::TEXT_BYTES);
    assert_eq!(recording.degraded, [(ObjectState::OverLimit, data.len() as u64)]);
}
