use super::*;
use crate::formats::testing::Recording;
use std::io::Write as _;

/// Written by xlwt 1.3: 699 rows, so that the table of strings is continued, and strings of both widths.
const LEDGER: &[u8] = include_bytes!("ledger.xls");

/// A compound file of these streams; storages are made as they are needed.
fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create(std::io::Cursor::new(Vec::new())).unwrap();
    for (path, data) in streams {
        if let Some(storage) = Path::new(path).parent() {
            file.create_storage_all(storage).unwrap();
        }
        file.create_stream(path).unwrap().write_all(data).unwrap();
    }
    file.into_inner().into_inner()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_workbook_is_read_cell_by_cell() {
    let recording = Recording::of(read, LEDGER);
    let lines: Vec<&str> = recording.text.lines().collect();
    assert_eq!(recording.degraded, [], "every part of it is understood");
    for line in [
        "Customers",
        "Name\tCard\tBorn\tPaid",
        "Jean-Luc Fréjus 1\t4539578763621486\t1980-01-02\t0.01",
        "山田太郎 650\t1650\t1981-10-12\t6.5",
        "Ingrid Sørensen 699\t1699\t1981-11-30\t6.99",
        "Sums",
        "end of the book",
    ] {
        assert!(lines.contains(&line), "{line}");
    }
    assert_eq!(lines.iter().filter(|line| line.contains("\t19")).count(), 699);
}

#[test]
fn the_name_of_a_workbook_is_read_without_case() {
    let mut file = CompoundFile::open(std::io::Cursor::new(LEDGER)).expect("compound");
    let mut book = Vec::new();
    file.open_stream("/Workbook").expect("a stream").read_to_end(&mut book).expect("its bytes");
    let named = |name: &str| Recording::of(read, &compound(&[(name, &book)]));
    assert_eq!(named("WORKBOOK").text, named("Workbook").text);
    assert_eq!(named("WORKBOOK").degraded, []);
}

#[test]
fn a_workbook_that_is_cut_yields_what_there_is() {
    for end in (0..LEDGER.len()).step_by(97) {
        let recording = Recording::of(read, &LEDGER[..end]);
        assert!(!recording.degraded.is_empty(), "{end}");
    }
    let recording = Recording::of(read, &LEDGER[..LEDGER.len() - 600]);
    assert!(recording.text.contains("Ingrid"), "runs are shown where the directory is lost");
}

#[test]
fn a_workbook_under_a_password_is_encrypted() {
    let mut stream = vec![0x09, 0x08, 4, 0, 0, 6, 5, 0];
    stream.extend([0x2f, 0, 2, 0, 1, 0]);
    let file = compound(&[("/Workbook", &stream)]);
    assert_eq!(Recording::of(read, &file).degraded, [(ObjectState::Encrypted, stream.len() as u64)]);
}

#[test]
fn a_record_that_lies_costs_no_more_than_itself() {
    let mut stream = vec![0x09, 0x08, 4, 0, 0, 6, 5, 0];
    stream.extend([0xfd, 0, 2, 0, 1, 0]);
    stream.extend(b"account 4539578763621486");
    let recording = Recording::of(read, &compound(&[("/Workbook", &stream)]));
    assert_eq!(recording.degraded, [(ObjectState::Partial, 0)], "the bytes behind it were looked at");
    assert!(recording.text.contains("account 4539578763621486"));
}

#[test]
fn strings_before_unicode_are_read_by_their_code_page() {
    let mut stream = vec![0x09, 0x08, 4, 0, 0, 5, 5, 0];
    stream.extend([0x42, 0, 2, 0, 0xe3, 0x04]); // 1251
    stream.extend([0x04, 0x02, 14, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0xcf, 0xe0, 0xf0, 0xee, 0xeb, 0xfc]);
    stream.extend([0x7e, 0x02, 10, 0, 0, 0, 1, 0, 0, 0, 0x07, 0x12, 0, 0]);
    let file = compound(&[("/Book", &stream)]);
    let recording = Recording::of(read, &file);
    assert_eq!(recording.text, "Пароль\t11.53\n");
    assert_eq!(recording.degraded, []);
}

#[test]
fn a_mail_its_attachments_and_the_mail_within() {
    let attachment = [b"%PDF-1.4 ".as_slice(), &[7; 9000]].concat();
    let mut properties = vec![0; 32];
    properties.extend([3, 0, 0xfd, 0x3f, 0, 0, 0, 0, 0xe3, 0x04, 0, 0, 0, 0, 0, 0]);
    let file = compound(&[
        ("/__properties_version1.0", &properties),
        ("/__substg1.0_0037001F", &wide("Quarterly figures")),
        ("/__substg1.0_1000001E", b"\xcf\xe0\xf0\xee\xeb\xfc"),
        ("/__substg1.0_10130102", b"<html><p>Hello</p></html>"),
        ("/__recip_version1.0_#00000000/__substg1.0_39FE001F", &wide("eve@rival.example")),
        ("/__attach_version1.0_#00000000/__substg1.0_3707001F", &wide("figures.pdf")),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", &attachment),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__properties_version1.0", &[0; 24]),
        ("/__attach_version1.0_#00000001/__substg1.0_3701000D/__substg1.0_0037001F", &wide("Forwarded")),
        (
            "/__attach_version1.0_#00000001/__substg1.0_3701000D/__attach_version1.0_#00000000/__substg1.0_37010102",
            b"small",
        ),
    ]);
    let recording = Recording::of(read, &file);
    for line in ["Quarterly figures", "Пароль", "eve@rival.example", "figures.pdf", "Forwarded"] {
        assert!(recording.text.lines().any(|known| known == line), "{line}: {}", recording.text);
    }
    assert_eq!(recording.object("body.html").data, b"<html><p>Hello</p></html>");
    assert_eq!(recording.object("figures.pdf").data, attachment);
    assert_eq!(recording.object("object-1").data, b"small");
    assert_eq!(recording.degraded, []);
}

#[test]
fn what_is_embedded_in_a_document_is_an_object() {
    let mut native = 30_u32.to_le_bytes().to_vec();
    native.extend(b"\x02\x00list.csv\0C:\\in\\list.csv\0\0\0\x03\0\x04\0\0\0C:\\\0\x05\0\0\0a,b,c");
    let file = compound(&[
        ("/WordDocument", b"\0\0\0 The contract text \0\0"),
        ("/ObjectPool/_1/\u{1}Ole10Native", &native),
        ("/ObjectPool/_2/Package", b"PK\x03\x04 and so on"),
    ]);
    let recording = Recording::of(read, &file);
    assert!(recording.text.contains("The contract text"));
    assert_eq!(recording.object("list.csv").data, b"a,b,c");
    assert_eq!(recording.object("object-1").data, b"PK\x03\x04 and so on");
    assert_eq!(recording.degraded, [(ObjectState::Partial, 0)], "of documents only runs are read");
}

#[test]
fn an_encrypted_package_is_said() {
    let data: Vec<u8> = [b"xx".to_vec(), wide("EncryptedPackage")].concat();
    let recording = Recording::of(read, &data);
    assert_eq!(recording.degraded, [(ObjectState::Encrypted, data.len() as u64)]);
    assert_eq!(recording.text, "");
}

#[test]
fn bytes_that_changed_do_no_harm() {
    let mail = compound(&[
        ("/__properties_version1.0", &[0; 32]),
        ("/__attach_version1.0_#00000000/__substg1.0_37010102", &[9; 5000]),
    ]);
    let mut state = 1_u64;
    for file in [LEDGER, &mail] {
        for _ in 0..400 {
            let mut changed = file.to_vec();
            for _ in 0..8 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (state >> 33) as usize % changed.len();
                // The directory and the table of sectors decide most: they stand in the first and the last kilobytes.
                let at = if state & 1 == 0 { at % 512 } else { at };
                changed[at] = (state >> 24) as u8;
            }
            let recording = Recording::of(read, &changed);
            let inner: usize = recording.objects.iter().map(|object| object.data.len()).sum();
            assert!(inner <= changed.len());
        }
    }
}
