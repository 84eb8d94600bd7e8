//! tar archives: every file becomes an inner object.
//!
//! Owns: the naming and the state of members. Never does: links, devices and folders, which hold nothing.

use crate::{Inner, Output};
use egret_model::ObjectState;

/// Reads a tar archive (POSIX.1-2001 pax, GNU and older forms). [`crate::Reader`].
pub(super) fn read(data: &[u8], output: &mut dyn Output) {
    let mut archive = tar::Archive::new(data);
    let Ok(entries) = archive.entries() else {
        output.degrade(ObjectState::Malformed, data.len() as u64);
        return;
    };
    let mut end = 0;
    for entry in entries {
        let Ok(mut entry) = entry else {
            output.degrade(ObjectState::Malformed, (data.len() as u64).saturating_sub(end));
            return;
        };
        let stored = entry.header().entry_size().unwrap_or(0);
        end = entry.raw_file_position().saturating_add(stored);
        let kind = entry.header().entry_type();
        if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).trim_start_matches("./").to_owned();
            let filename = name.rsplit('/').next().map(str::to_owned);
            // What a file is called may be telling.
            output.text(&format!("{name}\n"));
            output.begin(Inner { name, filename, media_type: None });
            let size = entry.size();
            let state = super::copy(&mut entry, Some(size), output);
            output.end(state, stored);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::testing::Recording;

    fn archive(names: &[&str]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for name in names {
            let content = format!("content of {name}");
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn files_become_objects_long_names_too() {
        let long = "folder/".repeat(30) + "end.txt";
        let recording = Recording::of(read, &archive(&["a.txt", &long]));
        assert_eq!(recording.objects.len(), 2);
        assert_eq!(recording.object("a.txt").data, b"content of a.txt");
        assert_eq!(recording.object(&long).data, format!("content of {long}").as_bytes());
        assert!(recording.objects.iter().all(|object| object.state == Some(ObjectState::Inspected)));
        assert!(recording.degraded.is_empty());
    }

    #[test]
    fn a_cut_archive_yields_what_is_there() {
        let whole = archive(&["a.txt", "b.txt"]);
        let recording = Recording::of(read, &whole[..512 * 3 + 9]);
        assert_eq!(recording.object("b.txt").data, b"content o");
        assert_eq!(recording.object("b.txt").state, Some(ObjectState::Partial));
    }

    #[test]
    fn what_is_no_archive_is_malformed() {
        let recording = Recording::of(read, &[b'x'; 1024]);
        assert_eq!(recording.degraded, [(ObjectState::Malformed, 1024)]);
    }
}
