//! Tests of the reader of OpenDocument, on small packages made here.

use super::*;
use crate::formats::testing::{Recording, archive};

#[test]
fn content_headers_and_properties_are_shown() {
    let data = archive(&[
        ("mimetype", b"application/vnd.oasis.opendocument.text"),
        ("meta.xml", b"<d><office:meta><dc:title>Plan</dc:title><meta:user-defined meta:name='Label'>Secret</meta:user-defined></office:meta></d>"),
        ("styles.xml", b"<d><text:p>style</text:p><office:master-styles><text:p>page header</text:p></office:master-styles></d>"),
        ("content.xml", b"<d>\n <text:p>one<text:s/>two<text:tab/>three</text:p><text:p><text:span>sp</text:span>an</text:p>
            <table:table table:name='Sheet'><table:table-row><table:table-cell><text:p>4539</text:p></table:table-cell><table:table-cell><text:p>12</text:p></table:table-cell></table:table-row></table:table>
            <text:a xlink:href='mailto:a@b.example'>mail</text:a></d>"),
        ("Pictures/a.png", b"picture"),
        ("META-INF/manifest.xml", b"<manifest/>"),
    ]);
    let recording = Recording::of(read, &data);
    let expected = "one two\tthree\nspan\nSheet\n4539 \t12 \t\nmailto:a@b.example mail\npage header\nTitle: Plan\nLabel: Secret\n";
    assert_eq!(recording.text, expected.replace("Title", "title"));
    assert_eq!(recording.object("Pictures/a.png").data, b"picture");
    assert_eq!(recording.objects.len(), 1);
    assert_eq!(recording.degraded, []);
}

#[test]
fn an_encrypted_document_says_so() {
    let data = archive(&[
        ("content.xml", b"\x01\x02\x03"),
        ("META-INF/manifest.xml", b"<m><file-entry><manifest:encryption-data/></file-entry></m>"),
    ]);
    let recording = Recording::of(read, &data);
    assert_eq!(recording.degraded, [(ObjectState::Encrypted, data.len() as u64)]);
    assert_eq!((recording.text.as_str(), recording.objects.len()), ("", 0));
}
