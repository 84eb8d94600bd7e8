//! Lists of files (flist.c of rsync 3): what each entry is, and its number.
//!
//! Owns: entries, their order. Never does: owners, times.

use super::parse::{self, Options, long_number, number};
use egret_model::{Cursor, Truncated};
use std::cmp::Ordering;

const SAME_MODE: u64 = 1 << 1;
const EXTENDED: u64 = 1 << 2;
const SAME_USER: u64 = 1 << 3;
const SAME_GROUP: u64 = 1 << 4;
const SAME_NAME: u64 = 1 << 5;
const LONG_NAME: u64 = 1 << 6;
const SAME_TIME: u64 = 1 << 7;
const SAME_MAJOR: u64 = 1 << 8;
const USER_NAME: u64 = 1 << 10;
const GROUP_NAME: u64 = 1 << 11;
const ERROR_AT_END: u64 = 1 << 12;
const NANOSECONDS: u64 = 1 << 13;
const SAME_ACCESS_TIME: u64 = 1 << 14;
const CREATED_WHEN_CHANGED: u64 = 1 << 17;

const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;
const FILE: u32 = 0o100_000;

/// An entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its path.
    pub(super) name: Vec<u8>,
    mode: u32,
    pub(super) length: u64,
}

/// What both sides have agreed on, as far as it changes entries.
pub(super) struct Form<'a> {
    pub(super) protocol: u32,
    pub(super) variable_flags: bool,
    pub(super) options: &'a Options,
    pub(super) checksum_length: usize,
}

/// Reads an entry, of which `last` came before; None at the end of the list.
pub(super) fn entry(
    cursor: &mut Cursor<'_>,
    form: &Form<'_>,
    last: &Entry,
) -> Result<Option<Entry>, Truncated> {
    let Some(flags) = flags(cursor, form)? else { return Ok(None) };
    let has = |flag: u64| flags & flag != 0;
    let options = form.options;
    let shared = if has(SAME_NAME) { usize::from(cursor.u8()?) } else { 0 };
    let own = if has(LONG_NAME) {
        usize::try_from(number(cursor)?).unwrap_or(usize::MAX)
    } else {
        usize::from(cursor.u8()?)
    };
    let shared = last.name.get(..shared.min(last.name.len())).unwrap_or_default();
    let name = [shared, cursor.take(own)?].concat();
    let length = long_number(cursor, 3)?;
    if !has(SAME_TIME) {
        long_number(cursor, 4)?;
    }
    if has(NANOSECONDS) {
        number(cursor)?;
    }
    if options.has(b'N') && !has(CREATED_WHEN_CHANGED) {
        long_number(cursor, 4)?;
    }
    let mode = if has(SAME_MODE) { last.mode } else { cursor.u32_le()? };
    if options.has(b'U') && mode & KIND != FOLDER && !has(SAME_ACCESS_TIME) {
        long_number(cursor, 4)?;
    }
    for (letter, same, named) in [(b'o', SAME_USER, USER_NAME), (b'g', SAME_GROUP, GROUP_NAME)] {
        if options.has(letter) && !has(same) {
            number(cursor)?;
            if has(named) {
                let length = cursor.u8()?;
                cursor.skip(usize::from(length))?;
            }
        }
    }
    let device = !matches!(mode & KIND, FOLDER | LINK | FILE);
    let special = matches!(mode & KIND, 0o010_000 | 0o140_000);
    if options.has(b'D') && device && (!special || form.protocol < 31) {
        if !has(SAME_MAJOR) {
            number(cursor)?;
        }
        number(cursor)?;
    }
    if options.has(b'l') && mode & KIND == LINK {
        let length = number(cursor)?;
        cursor.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
    }
    if options.has(b'c') && mode & KIND == FILE {
        cursor.skip(form.checksum_length)?;
    }
    Ok(Some(Entry { name, mode, length }))
}

/// Reads the flags of an entry; None: the list ends here.
fn flags(cursor: &mut Cursor<'_>, form: &Form<'_>) -> Result<Option<u64>, Truncated> {
    if form.variable_flags {
        let flags = number(cursor)?;
        if flags == 0 {
            number(cursor)?;
            return Ok(None);
        }
        return Ok(Some(flags));
    }
    let mut flags = u64::from(cursor.u8()?);
    if flags == 0 {
        return Ok(None);
    }
    if flags & EXTENDED != 0 {
        flags |= u64::from(cursor.u8()?) << 8;
    }
    if flags == EXTENDED | ERROR_AT_END {
        number(cursor)?;
        return Ok(None);
    }
    Ok(Some(flags))
}

/// Passes a list of owners behind the list of files.
pub(super) fn owners(cursor: &mut Cursor<'_>, name_of_zero: bool) -> Result<(), Truncated> {
    loop {
        let id = number(cursor)?;
        if id != 0 || name_of_zero {
            let length = cursor.u8()?;
            cursor.skip(usize::from(length))?;
        }
        if id == 0 {
            return Ok(());
        }
    }
}

/// The entries of one list, by the numbers that both sides give them.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Number of the first.
    pub(super) first: i64,
    pub(super) entries: Vec<Entry>,
    /// Entries, also those that are not kept.
    pub(super) count: usize,
}

impl List {
    /// All entries have come.
    pub(super) fn finish(&mut self) {
        if self.entries.len() < self.count {
            // Without all of them, nobody knows the place of any.
            self.entries.clear();
        }
        self.entries.sort_by(order);
    }

    pub(super) fn entry(&self, number: i64) -> Option<&Entry> {
        self.entries.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

/// The order in which entries are numbered: what is in a folder stands behind it, files before folders.
fn order(one: &Entry, other: &Entry) -> Ordering {
    let parts = |entry: &Entry| -> Vec<(bool, Vec<u8>)> {
        let folder = entry.mode & KIND == FOLDER;
        let names: Vec<&[u8]> = entry.name.split(|byte| *byte == b'/').collect();
        let last = names.len() - 1;
        let part = |(place, name): (usize, &&[u8])| {
            let inner = place < last || folder;
            let end: &[u8] = if inner { b"/" } else { b"" };
            (inner, [*name, end].concat())
        };
        names.iter().enumerate().map(part).collect()
    };
    parts(one).cmp(&parts(other))
}

/// The last part of a path.
pub(super) fn filename(path: &[u8]) -> Option<String> {
    let name = path.rsplit(|byte| *byte == b'/').next()?;
    let name: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    (!name.is_empty()).then_some(name)
}

/// Whether lists of owners follow the list of files.
pub(super) fn owners_follow(options: &Options, flags: u64) -> usize {
    if flags & parse::INCREMENTAL != 0 || options.numeric_ids {
        return 0;
    }
    b"og".iter().filter(|letter| options.has(**letter)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_a_real_list_are_read() {
        // From a push of rsync 3.2 with -tr.
        let bytes = [
            &[0xa0, 0x19, 0x0a][..],
            b"engine-src",
            &[0, 0, 0x10, 0x6b, 0x4c, 0xc5, 4, 0xf0, 0x24, 0xcc, 0xd2, 0x35, 0xed, 0x41, 0, 0],
            &[0xa0, 0xb8, 0x0a, 5],
            b"/.env",
            &[0, 0x6e, 0, 0xf0, 0xd9, 1, 0xe8, 0x35, 0xa4, 0x81, 0, 0],
            &[0, 0],
        ]
        .concat();
        let options = Options::parse([&b"-tre.iLsfxCIvu"[..]].into_iter());
        let form = Form { protocol: 32, variable_flags: true, options: &options, checksum_length: 16 };
        let mut cursor = Cursor::new(&bytes);
        let first = entry(&mut cursor, &form, &Entry::default()).unwrap().unwrap();
        assert_eq!((first.name.as_slice(), first.length, first.mode), (&b"engine-src"[..], 4096, 0o040_755));
        let second = entry(&mut cursor, &form, &first).unwrap().unwrap();
        assert_eq!(
            (second.name.as_slice(), second.length, second.mode),
            (&b"engine-src/.env"[..], 110, 0o100_644)
        );
        assert_eq!(entry(&mut cursor, &form, &second), Ok(None));
        assert!(cursor.is_empty());
    }

    #[test]
    fn files_stand_before_folders() {
        let names = [
            "src/engine/",
            "src/README",
            "src/",
            "src/.env",
            "src/engine/a",
            "src/deploy/",
            "src/engine-x/",
            "b",
            "a",
        ];
        let entries = names.map(|name| Entry {
            name: name.trim_end_matches('/').as_bytes().to_vec(),
            mode: if name.ends_with('/') { FOLDER } else { FILE },
            length: 0,
        });
        let mut list = List { first: 1, count: entries.len(), entries: entries.to_vec() };
        list.finish();
        let sorted: Vec<String> =
            list.entries.iter().map(|e| String::from_utf8_lossy(&e.name).into_owned()).collect();
        let expected = [
            "a",
            "b",
            "src",
            "src/.env",
            "src/README",
            "src/deploy",
            "src/engine-x",
            "src/engine",
            "src/engine/a",
        ];
        assert_eq!(sorted, expected);
        assert_eq!(list.entry(2).unwrap().name, b"b");
    }
}
