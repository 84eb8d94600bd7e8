use super::*;
use crate::formats::testing::Recording;

/// An attribute (section 2.1.3.2).
fn attribute(level: u8, id: u32, value: &[u8]) -> Vec<u8> {
    let checksum = value.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let length = u32::try_from(value.len()).unwrap();
    [&[level][..], &id.to_le_bytes(), &length.to_le_bytes(), value, &checksum.to_le_bytes()].concat()
}

fn stream(attributes: &[Vec<u8>]) -> Vec<u8> {
    [SIGNATURE, &[1, 0], &attributes.concat()].concat()
}

/// A property whose values have lengths.
fn property(id: u16, kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap();
    let mut bytes =
        [&kind.to_le_bytes()[..], &id.to_le_bytes(), &1_u32.to_le_bytes(), &length.to_le_bytes(), value]
            .concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn list(properties: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(properties.len()).unwrap();
    [&count.to_le_bytes()[..], &properties.concat()].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

/// [MS-OXRTFCP] section 4.1.1.
const HELLO: &[u8] = b"\x2d\0\0\0\x2b\0\0\0LZFu\xf1\xc5\xc7\xa7\x03\0\x0a\0rcpg125\x42\x32\x0a\xf3 hel\x09\0 bw\x05\xb0ld}\x0a\x80\x0f\xa0";

/// A mail as Outlook writes it: text in properties, one file, one link, one mail attached.
fn outlook() -> Vec<u8> {
    let inner = stream(&[attribute(1, 0x0001_8004, b"inner subject\0")]);
    let by_message = [&[7; 16][..], &inner].concat();
    let named =
        [&[3, 0, 0, 0x80][..], &[9; 16], &[1, 0, 0, 0, 6, 0, 0, 0], b"N\0a\0m\0\0\0", &[5, 0, 0, 0]].concat();
    stream(&[
        attribute(1, 0x0006_9007, &[0xe3, 4, 0, 0, 0, 0, 0, 0]),
        attribute(1, 0x0001_8004, b"\xcf\xeb\xe0\xed\0"),
        attribute(
            1,
            0x0006_9003,
            &list(&[
                vec![0x0b, 0, 0x17, 0x0e, 1, 0, 0, 0],
                named,
                property(0x0037, 0x1f, &wide("Quarterly plan")),
                property(0x1009, 0x102, HELLO),
                property(0x1013, 0x102, b"<p>hello</p>"),
            ]),
        ),
        attribute(
            1,
            0x0006_9004,
            &[
                &2_u32.to_le_bytes()[..],
                &list(&[property(0x3003, 0x1e, b"a@b.example\0")]),
                &list(&[property(0x3003, 0x1e, b"c@d.example\0")]),
            ]
            .concat(),
        ),
        attribute(2, 0x0006_9002, &[1, 0]),
        attribute(2, 0x0001_8010, b"REPORT~1.CSV\0"),
        attribute(2, 0x0006_800f, b"id,card\n"),
        attribute(
            2,
            0x0006_9005,
            &list(&[
                property(0x3707, 0x1f, &wide("report of June.csv")),
                property(0x370e, 0x1e, b"text/csv\0"),
            ]),
        ),
        attribute(2, 0x0006_9002, &[1, 0]),
        attribute(2, 0x0001_8010, b"linked.txt\0"),
        attribute(2, 0x0006_9002, &[1, 0]),
        attribute(2, 0x0006_9005, &list(&[property(0x3701, 0x0d, &by_message)])),
    ])
}

#[test]
fn a_mail_with_its_attachments() {
    let recording = Recording::of(read, &outlook());
    assert_eq!(
        recording.text,
        "План\nQuarterly plan\na@b.example\nc@d.example\nreport of June.csv\nlinked.txt\n"
    );
    let found: Vec<(&str, &[u8], Option<ObjectState>)> = recording
        .objects
        .iter()
        .map(|object| (object.name.as_str(), &object.data[..], object.state))
        .collect();
    let inner = stream(&[attribute(1, 0x0001_8004, b"inner subject\0")]);
    let whole = Some(ObjectState::Inspected);
    assert_eq!(
        found,
        [
            ("body.rtf", &b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"[..], whole),
            ("body.html", b"<p>hello</p>", whole),
            ("report of June.csv", b"id,card\n", whole),
            ("attachment-2", &inner, whole),
        ]
    );
    assert_eq!(recording.degraded, []);
}

#[test]
fn rich_text_that_refers_to_itself() {
    // [MS-OXRTFCP] section 4.1.2.
    let crossing = b"\x1a\0\0\0\x1c\0\0\0LZFu\xe2\xd4\x4b\x51\x41\0\x04\x20WXYZ\x0d\x6e\x7d\x01\x0e\xb0";
    let read: crate::Reader = |data, output| {
        begin("x", None, output);
        let state = rich_text::expand(data, output);
        output.end(state, 0);
    };
    for (data, text, state) in [
        (&crossing[..], &b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}"[..], ObjectState::Inspected),
        // Without the end, but with all that was promised.
        (&crossing[..crossing.len() - 3], b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}", ObjectState::Inspected),
        (&crossing[..crossing.len() - 4], b"{\\rtf1 WXYZWXYZWXYZWXYZWXYZ", ObjectState::Partial),
        (b"\x0e\0\0\0\x02\0\0\0MELA\0\0\0\0{}", b"{}", ObjectState::Inspected),
        (b"\x0e\0\0\0\x03\0\0\0MELA\0\0\0\0{}", b"{}", ObjectState::Partial),
        (b"\x0e\0\0\0\x03\0\0\0XXXX\0\0\0\0{}", b"", ObjectState::Malformed),
        (b"\x0e\0", b"", ObjectState::Partial),
    ] {
        let recording = Recording::of(read, data);
        assert_eq!((&recording.objects[0].data[..], recording.objects[0].state), (text, Some(state)));
    }
}

#[test]
fn what_is_cut_or_broken_says_so() {
    let whole = outlook();
    let complete = Recording::of(read, &whole);
    for length in 0..whole.len() {
        let cut = Recording::of(read, &whole[..length]);
        let marked = !cut.degraded.is_empty()
            || cut.objects.iter().any(|object| object.state != Some(ObjectState::Inspected));
        let less = cut.text.len() < complete.text.len() || cut.objects.len() < complete.objects.len();
        // Between two attributes nothing tells that more was to come: the carrier knows.
        let between = [SIGNATURE.len() + 2].into_iter().chain(borders(&whole)).any(|border| border == length);
        assert!(marked || !less || between, "cut to {length} of {}", whole.len());
    }
    let broken = [&outlook()[..], b"\x07what is this"].concat();
    assert_eq!(Recording::of(read, &broken).degraded, [(ObjectState::Malformed, 13)]);
}

/// Where attributes end, with and without their checksums.
fn borders(stream: &[u8]) -> Vec<usize> {
    let mut borders = Vec::new();
    let mut at = SIGNATURE.len() + 2;
    while let Some(length) = stream.get(at + 5..at + 9) {
        let end = at + 9 + u32::from_le_bytes(length.try_into().unwrap()) as usize;
        borders.extend([end, end + 1, end + 2]);
        at = end + 2;
    }
    borders
}

/// Counts that lie are bounded by what there is: no value is handed out twice for the same bytes.
#[test]
fn counts_that_lie_cost_nothing() {
    for count in [u32::MAX, 1 << 20] {
        let mut values = 0;
        let many = [&count.to_le_bytes()[..], &[0x1e, 0x10, 1, 0], &count.to_le_bytes(), &[0; 4000]].concat();
        let read_all = properties::each(&mut Cursor::new(&many), &mut |_| values += 1);
        assert!(read_all.is_err());
        assert!(values <= 1000, "{values} values of 1,000 empty texts");
    }
}
