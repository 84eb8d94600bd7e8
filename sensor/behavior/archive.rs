//! Archives that nobody can open, and those that pass for something else, to destinations that are new to the sender.
//!
//! Owns: which names belong to which contents. Never does: opening anything.

use crate::profile::Habit;
use crate::suspicion::{Peer, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, ObjectState, Severity, TransferRecord};

/// Smaller ones hide little, bytes.
const LEAST: u64 = 4_096;

/// Endings of names whose contents are never archives.
const HARMLESS: [&str; 18] = [
    "jpg", "jpeg", "png", "gif", "bmp", "webp", "mp3", "wav", "mp4", "avi", "mov", "pdf", "txt", "csv",
    "log", "html", "css", "ico",
];
const ARCHIVES: [&str; 8] = [
    "application/zip",
    "application/x-7z-compressed",
    "application/x-rar-compressed",
    "application/vnd.rar",
    "application/gzip",
    "application/x-xz",
    "application/zstd",
    "application/x-bzip2",
];

pub(crate) fn hidden(
    transfer: &TransferRecord,
    habit: Option<&Habit>,
    peer: &Peer,
    setting: Setting<'_>,
) -> Option<Suspicion> {
    if habit.is_some_and(|habit| !habit.is_new(setting.now)) || setting.is_sanctioned(peer) {
        return None;
    }
    let mut worst = None;
    for object in transfer.objects.iter().filter(|object| object.size >= LEAST) {
        let ending =
            object.filename.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending);
        let passes =
            ending.is_some_and(|ending| HARMLESS.iter().any(|known| known.eq_ignore_ascii_case(ending)));
        let archive = ARCHIVES.contains(&object.media_type.as_str());
        let locked = object.state == ObjectState::Encrypted;
        let disguised = archive && passes;
        if (locked || disguised) && worst.is_none_or(|(bytes, _, _)| object.size > bytes) {
            worst = Some((object.size, locked, disguised));
        }
    }
    let (bytes, locked, disguised) = worst?;
    let what = match (locked, disguised) {
        (true, true) => "that nobody can open, under a name of something else",
        (true, false) => "that nobody can open",
        _ => "of an archive that is named as something else",
    };
    let explanation = format!("{} {what}, to a destination that is new to the sender", size(as_f64(bytes)));
    Some(Suspicion {
        severity: if locked && disguised { Severity::High } else { Severity::Medium },
        since: transfer.started_at,
        transfers: vec![transfer.id.clone()],
        ..Suspicion::of_bytes(AnomalyKind::HiddenArchive, setting, bytes, explanation)
            .to(peer)
            .scored(if disguised { 0.8 } else { 0.6 })
    })
}
