//! Kinds of files that matter as a whole, by their first bytes; where these say only what a file is made of, by its name too.
//!
//! Owns: the marks. Sources: the formats' own specifications where there are any (named beside the mark), else what the programs
//! that write them write. Never does: reading.

use crate::formats;
use crate::kind::Kind;
use egret_model::FileFormat;

/// A mark at a fixed place.
struct Mark {
    at: usize,
    bytes: &'static [u8],
    name: &'static str,
}

const fn mark(at: usize, bytes: &'static [u8], name: &'static str) -> Mark {
    Mark { at, bytes, name }
}

/// Marks of files; the first that fits decides.
const MARKS: &[Mark] = &[
    mark(0, b"\xfe\xed\xfe\xed\0\0\0", "jks"),
    mark(0, b"\xce\xce\xce\xce\0\0\0", "jceks"),
    mark(0, b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "keepass"),
    mark(0, b"\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5", "keepass"),
    mark(0, b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", "keepass"),
    mark(0, b"PWS3", "password-safe"),
    mark(8, b"KBXf", "gpg-keybox"),
    mark(0, b"kych\0", "keychain"),
    // A version and the identifier of the provider: [MS-BKRP], Windows SDK.
    mark(0, b"\x01\0\0\0\xd0\x8c\x9d\xdf\x01\x15\xd1\x11\x8c\x7a\0\xc0\x4f\xc2\x97\xeb", "dpapi"),
    mark(0, b"\xcf\xad\x12\xfe", "outlook-express"),
    mark(0, b"\x1a\0\0\x04\0\0", "nsf"),
    mark(0, b"\0\x01\0\0Standard Jet DB\0", "access"),
    mark(0, b"\0\x01\0\0Standard ACE DB\0", "access"),
    mark(4, b"\xef\xcd\xab\x89", "ese"),
    mark(0, b"\x01\x0f\0\0\x08\0\0", "mssql"),
    // Microsoft Tape Format 1.00a: the descriptor of the tape comes first.
    mark(0, b"TAPE\0\0", "mssql-backup"),
    mark(0, b"PGDMP\x01", "pg-dump"),
    mark(3, b"EXPORT:V", "oracle-export"),
    mark(0, b"PAR1\x15", "parquet"),
    mark(0, b"Obj\x01", "avro"),
    mark(0, b"ORC\x08", "orc"),
    mark(0, b"\x89HDF\r\n\x1a\n", "hdf5"),
    mark(0, b"$FL2@(#)", "spss"),
    mark(0, b"<stata_dta><header>", "stata"),
    mark(12, b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\0\x09\xc7\x31\x8c", "sas"),
    mark(0, b"regf", "registry-hive"),
    mark(0, b"\x08\x09\xfe\x02", "dgn"),
    mark(0, b"\xc8\x09\xfe\x02", "dgn"),
    mark(0, b"V5_CFV2\0", "catia"),
    mark(0, b"3D Geometry File Format ", "rhino"),
    mark(0, b"\xff\xfe\xff\x0eS\0k\0e\0t\0c\0h\0U\0p\0 \0M\0", "sketchup"),
    mark(0, b"BLENDER-v", "blender"),
    mark(0, b"BLENDER_v", "blender"),
    mark(0, b"BLENDER17-", "blender"),
    mark(0, b"Kaydara FBX Binary  \0", "fbx"),
    mark(0, b"glTF\x02\0\0\0", "gltf"),
    mark(0, b"PS\0\0\0", "parasolid"),
    mark(0, b"**ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "parasolid"),
    // GDSII stream format: HEADER of six bytes with a version, then BGNLIB of 28.
    mark(6, b"\0\x1c\x01\x02", "gds"),
    mark(0, b"%SEMI-OASIS\r\n", "oasis"),
    mark(0, b"8BPS\0", "photoshop"),
    mark(0, b"\x06\x06\xed\xf5\xd8\x1d\x46\xe5\xbd\x31\xef\xe7\xfe\x74\xb7\x1d", "indesign"),
    mark(0, b"gimp xcf ", "xcf"),
    mark(0, b"KDMV", "vmdk"),
    mark(0, b"QFI\xfb", "qcow"),
    mark(0, b"vhdxfile", "vhdx"),
    mark(0, b"EVF\x09\x0d\x0a\xff\0", "e01"),
    mark(0, b"EVF2\x0d\x0a\x81\0", "e01"),
    mark(0, b"MDMP\x93\xa7", "minidump"),
    mark(0, b"ANDROID BACKUP\n", "android-backup"),
];

/// Compound files and archives that are more than that by their name: what is in them is read all the same.
const NAMED: &[(Kind, &[&str], &str)] = &[
    (Kind::Ole, &["sldprt", "sldasm", "slddrw"], "solidworks"),
    (Kind::Ole, &["rvt", "rfa", "rte", "rft"], "revit"),
    (Kind::Ole, &["ipt", "iam", "idw", "ipn"], "inventor"),
    (Kind::Ole, &["dgn"], "dgn"),
    (Kind::Ole, &["pcbdoc", "schdoc", "pcblib", "schlib", "intlib"], "altium"),
    (Kind::Zip, &["fcstd"], "freecad"),
    (Kind::Zip, &["sketch"], "sketch"),
    (Kind::Zip, &["3mf"], "three-mf"),
    (Kind::Zip, &["olm"], "olm"),
];

/// The kind of the file that begins so, read as `kind` and called `filename`.
pub(crate) fn of(prefix: &[u8], kind: Kind, filename: Option<&str>) -> Option<&'static FileFormat> {
    let name = filename.map(str::to_ascii_lowercase).unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let found = match kind {
        Kind::Binary | Kind::Media | Kind::Text | Kind::Sqlite => by_bytes(prefix, &name, extension)?,
        Kind::Ole | Kind::Zip => {
            let named = NAMED.iter().find(|(of, names, _)| *of == kind && names.contains(&extension));
            named.map(|(_, _, found)| *found)?
        }
        _ => return None,
    };
    FileFormat::named(found)
}

fn by_bytes(prefix: &[u8], name: &str, extension: &str) -> Option<&'static str> {
    let marked = MARKS.iter().find(|mark| at(prefix, mark.at, mark.bytes));
    if let Some(mark) = marked {
        let gds = mark.name != "gds" || at(prefix, 0, b"\0\x06\0\x02");
        return gds.then_some(mark.name);
    }
    // [MS-PST] section 2.2.2.6: dwMagic, and wMagicClient behind the checksum.
    if at(prefix, 0, b"!BDN") {
        return match prefix.get(8..10)? {
            b"SM" => Some("pst"),
            b"SO" => Some("ost"),
            _ => None,
        };
    }
    if at(prefix, 0, formats::SQLITE) {
        return Some(sqlite(prefix, name));
    }
    // The binary tree of Berkeley DB, in either order of bytes, is a wallet by its name only.
    let tree = at(prefix, 12, b"\x62\x31\x05\0") || at(prefix, 12, b"\0\x05\x31\x62");
    if tree && name.contains("wallet") {
        return Some("wallet");
    }
    if is_drawing(prefix) {
        return Some("dwg");
    }
    if is_key_store(prefix) {
        return Some("pkcs12");
    }
    if at(prefix, 0, b"Version ") && prefix.get(..80).is_some_and(|head| holds(head, b" JT ")) {
        return Some("jt");
    }
    match extension {
        "stl" if is_mesh(prefix) => Some("stl"),
        // dBase III and later: version, year, month, day of the last change.
        "dbf" if matches!(prefix, [0x03 | 0x30 | 0x83 | 0x8b | 0xf5, _, 1..=12, 1..=31, ..]) => Some("dbase"),
        _ => None,
    }
}

/// A database of SQLite, by what it is for (SQLite file format, section 1.3.14).
fn sqlite(prefix: &[u8], name: &str) -> &'static str {
    // Bitcoin Core writes the mark of its network as application id.
    if at(prefix, 68, b"\xf9\xbe\xb4\xd9") {
        return "wallet";
    }
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    if matches!(file, "login data" | "key4.db" | "key3.db" | "logins.db") {
        "browser-passwords"
    } else {
        "sqlite"
    }
}

/// `AC1032` and what follows it: a drawing's version, zeros (Open Design Alliance, DWG specification, section 2).
fn is_drawing(prefix: &[u8]) -> bool {
    at(prefix, 0, b"AC10")
        && prefix.get(4..6).is_some_and(|version| version.iter().all(u8::is_ascii_digit))
        && prefix.get(6..11).is_some_and(|rest| rest.iter().all(|byte| *byte < 16))
}

/// A PFX of version 3 whose first content is data or signed data (RFC 7292 section 4).
fn is_key_store(prefix: &[u8]) -> bool {
    const CONTENT: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    let header = match prefix {
        [0x30, 0x80, ..] => 2,
        [0x30, 0x81, ..] => 3,
        [0x30, 0x82, ..] => 4,
        [0x30, 0x83, ..] => 5,
        [0x30, 0x84, ..] => 6,
        _ => return false,
    };
    at(prefix, header, b"\x02\x01\x03\x30")
        && prefix.get(header..header + 32).is_some_and(|start| holds(start, CONTENT))
}

/// A binary STL says how many triangles of fifty bytes follow its title; those that are seen lie in space.
fn is_mesh(prefix: &[u8]) -> bool {
    let count = prefix.get(80..84).and_then(|count| count.try_into().ok()).map(u32::from_le_bytes);
    count.is_some_and(|count| (1..100_000_000).contains(&count))
        && prefix.get(84..134).is_some_and(|triangle| {
            let (numbers, _) = triangle.as_chunks::<4>();
            numbers.iter().all(|number| f32::from_le_bytes(*number).is_finite())
        })
}

fn at(prefix: &[u8], place: usize, bytes: &[u8]) -> bool {
    prefix.get(place..).is_some_and(|rest| rest.starts_with(bytes))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::recognise;

    fn media_type(bytes: &[u8], name: &str) -> String {
        recognise(bytes, None, Some(name)).media_type
    }

    #[test]
    fn every_mark_names_a_kind() {
        let named = NAMED.iter().map(|(_, _, name)| *name);
        for name in MARKS.iter().map(|mark| mark.name).chain(named) {
            assert!(FileFormat::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn marks_are_seen_wherever_they_stand() {
        for mark in MARKS {
            let mut bytes = vec![0; mark.at];
            if mark.name == "gds" {
                bytes = b"\0\x06\0\x02\x02\x58".to_vec();
            }
            bytes.extend_from_slice(mark.bytes);
            bytes.resize(512, 0);
            let expected = FileFormat::named(mark.name).expect("checked above").media_type;
            assert_eq!(media_type(&bytes, "x"), expected, "{}", mark.name);
        }
    }

    #[test]
    fn kinds_that_need_a_second_look() {
        let padded = |start: &[u8]| [start, &[0; 400]].concat();
        let mut wallet = padded(b"SQLite format 3\0");
        wallet.splice(68..72, *b"\xf9\xbe\xb4\xd9");
        let mut tree = vec![0; 400];
        tree.splice(12..16, *b"\x62\x31\x05\0");
        let pfx = b"\x30\x82\x0a\x03\x02\x01\x03\x30\x82\x09\xc9\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
        let mut mesh = vec![b' '; 80];
        mesh.extend(2_u32.to_le_bytes());
        mesh.extend([0; 100]);
        for (bytes, name, expected) in [
            (padded(b"!BDN\0\0\0\0SM"), "mail.dat", "application/vnd.ms-outlook-pst"),
            (padded(b"!BDN\0\0\0\0SO"), "mail.dat", "application/x-ms-outlook-ost"),
            (padded(b"!BDN\0\0\0\0XX"), "mail.dat", "application/octet-stream"),
            (padded(b"SQLite format 3\0"), "x.db", "application/vnd.sqlite3"),
            (padded(b"SQLite format 3\0"), "Login Data", "application/x-browser-passwords"),
            (wallet, "x.dat", "application/x-bitcoin-wallet"),
            (tree.clone(), "wallet.dat", "application/x-bitcoin-wallet"),
            (tree, "other.db", "application/octet-stream"),
            (padded(b"AC1032\0\0\0\0\0"), "plan.bin", "image/vnd.dwg"),
            (padded(pfx), "x", "application/x-pkcs12"),
            (padded(b"\x30\x82\x0a\x03\x02\x01\x02\x30\x82"), "x", "application/x-x509-ca-cert"),
            (padded(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "Gear.SLDPRT", "application/x-solidworks"),
            (padded(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "a.doc", "application/x-ole-storage"),
            (padded(b"PK\x03\x04"), "part.FCStd", "application/x-extension-fcstd"),
            (mesh, "part.stl", "model/stl"),
            (b"AC10 is a class of circuit breakers".to_vec(), "x.txt", "text/plain"),
            (b"TAPE and glue".to_vec(), "x.txt", "text/plain"),
        ] {
            assert_eq!(media_type(&bytes, name), expected, "{name} {:?}", bytes.get(..12));
        }
    }
}
