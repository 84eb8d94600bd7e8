//! Kinds of files that matter as a whole, whatever stands in them: key stores, mail boxes, databases, designs.
//!
//! Owns: their names, families and media types. Never does: recognition, which is the work of `content`.

/// A kind of file.
#[derive(Debug, PartialEq, Eq)]
pub struct FileFormat {
    /// As signatures name it: `pst`.
    pub name: &'static str,
    /// What it is one of: `mailbox`.
    pub family: &'static str,
    /// As objects are recorded; names it among all others. Registered with IANA, or as common programs have it.
    pub media_type: &'static str,
    /// For people.
    pub title: &'static str,
}

const fn format(
    name: &'static str,
    family: &'static str,
    media_type: &'static str,
    title: &'static str,
) -> FileFormat {
    FileFormat { name, family, media_type, title }
}

/// Every kind, in order of names.
pub const FILE_FORMATS: &[FileFormat] = &[
    format("access", "database", "application/vnd.ms-access", "Microsoft Access database"),
    format("altium", "board", "application/x-altium-designer", "Altium design"),
    format("android-backup", "backup", "application/x-android-backup", "Android backup"),
    format("avro", "database", "application/avro", "Avro table"),
    format("blender", "model", "application/x-blender", "Blender scene"),
    format(
        "browser-passwords",
        "key-store",
        "application/x-browser-passwords",
        "passwords kept by a browser",
    ),
    format("catia", "model", "application/x-catia", "CATIA model"),
    format("dbase", "database", "application/vnd.dbf", "dBase table"),
    format("dgn", "drawing", "image/vnd.dgn", "MicroStation drawing"),
    format("dpapi", "key-store", "application/x-ms-dpapi", "secret protected by Windows"),
    format("dwg", "drawing", "image/vnd.dwg", "AutoCAD drawing"),
    format("e01", "disk-image", "application/x-encase", "forensic disk image"),
    format("ese", "database", "application/x-ms-ese", "Extensible Storage Engine database"),
    format("fbx", "model", "application/x-fbx", "FBX model"),
    format("freecad", "model", "application/x-extension-fcstd", "FreeCAD model"),
    format("gds", "chip", "application/x-gdsii", "GDSII chip layout"),
    format("gltf", "model", "model/gltf-binary", "glTF model"),
    format("gpg-keybox", "key-store", "application/x-gnupg-keybox", "GnuPG key box"),
    format("hdf5", "database", "application/x-hdf5", "HDF5 data"),
    format("indesign", "artwork", "application/x-indesign", "InDesign document"),
    format("inventor", "model", "application/x-inventor", "Inventor model"),
    format("jceks", "key-store", "application/x-java-jce-keystore", "Java key store with secret keys"),
    format("jks", "key-store", "application/x-java-keystore", "Java key store"),
    format("jt", "model", "model/jt", "JT model"),
    format("keepass", "key-store", "application/x-keepass2", "KeePass database"),
    format("keychain", "key-store", "application/x-apple-keychain", "macOS key chain"),
    format("minidump", "memory-image", "application/x-dmp", "memory dump of a Windows process"),
    format("mssql", "database", "application/x-mssql-database", "SQL Server database"),
    format("mssql-backup", "database", "application/x-ms-tape-format", "SQL Server or Windows backup"),
    format("nsf", "mailbox", "application/vnd.lotus-notes", "Notes database"),
    format("oasis", "chip", "application/x-oasis-layout", "OASIS chip layout"),
    format("olm", "mailbox", "application/x-olm", "Outlook for Mac archive"),
    format("oracle-export", "database", "application/x-oracle-export", "Oracle export"),
    format("orc", "database", "application/x-orc", "ORC table"),
    format("ost", "mailbox", "application/x-ms-outlook-ost", "Outlook offline folders"),
    format("outlook-express", "mailbox", "application/x-ms-outlook-express", "Outlook Express folder"),
    format("parasolid", "model", "application/x-parasolid", "Parasolid model"),
    format("parquet", "database", "application/vnd.apache.parquet", "Parquet table"),
    format("password-safe", "key-store", "application/x-psafe3", "Password Safe database"),
    format("pg-dump", "database", "application/x-postgresql-dump", "PostgreSQL dump"),
    format("photoshop", "artwork", "image/vnd.adobe.photoshop", "Photoshop document"),
    format("pkcs12", "key-store", "application/x-pkcs12", "PKCS #12 key store"),
    format("pst", "mailbox", "application/vnd.ms-outlook-pst", "Outlook personal folders"),
    format("qcow", "disk-image", "application/x-qemu-disk", "QEMU disk image"),
    format("registry-hive", "registry", "application/x-ms-registry-hive", "Windows registry hive"),
    format("revit", "model", "application/x-revit", "Revit model"),
    format("rhino", "model", "application/x-3dm", "Rhino model"),
    format("sas", "database", "application/x-sas-data", "SAS table"),
    format("sketch", "artwork", "application/x-sketch", "Sketch document"),
    format("sketchup", "model", "application/vnd.sketchup.skp", "SketchUp model"),
    format("solidworks", "model", "application/x-solidworks", "SolidWorks model"),
    format("spss", "database", "application/x-spss-sav", "SPSS table"),
    format("sqlite", "database", "application/vnd.sqlite3", "SQLite database"),
    format("stata", "database", "application/x-stata-dta", "Stata table"),
    format("stl", "model", "model/stl", "STL model"),
    format("three-mf", "model", "model/3mf", "3MF model"),
    format("vhdx", "disk-image", "application/x-vhdx", "Hyper-V disk image"),
    format("vmdk", "disk-image", "application/x-vmdk", "VMware disk image"),
    format("wallet", "key-store", "application/x-bitcoin-wallet", "wallet of a cryptocurrency"),
    format("xcf", "artwork", "image/x-xcf", "GIMP image"),
];

impl FileFormat {
    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let place = FILE_FORMATS.binary_search_by(|known| known.name.cmp(name)).ok()?;
        FILE_FORMATS.get(place)
    }

    /// The kind that is recorded with this media type.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<&'static Self> {
        FILE_FORMATS.iter().find(|known| known.media_type == media_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_and_media_types_tell_kinds_apart() {
        assert!(FILE_FORMATS.is_sorted_by(|a, b| a.name < b.name));
        let types: BTreeSet<&str> = FILE_FORMATS.iter().map(|known| known.media_type).collect();
        assert_eq!(types.len(), FILE_FORMATS.len());
        let families: BTreeSet<&str> = FILE_FORMATS.iter().map(|known| known.family).collect();
        assert!(FILE_FORMATS.iter().all(|known| !families.contains(known.name)), "a name means one thing");
        for known in FILE_FORMATS {
            assert_eq!(FileFormat::named(known.name), Some(known));
            assert_eq!(FileFormat::of_media_type(known.media_type), Some(known));
        }
        assert_eq!(FileFormat::named("zip"), None);
    }
}
