//! Archives that nobody can open, and those that pass for something else, to destinations that are new to the sender.
//!
//! Owns: which names belong to which contents. Never does: opening anything.

use crate::profile::Habit;
use crate::suspicion::{Peer, Setting, Suspicion, as_f64, size};
use egret_model::{AnomalyKind, ObjectRecord, ObjectState, Severity, TransferRecord};

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

/// Put behind the bytes of a picture, a sound or a film, which shows as that.
fn is_behind_a_picture(object: &ObjectRecord, transfer: &TransferRecord) -> bool {
    let Some(outer) = object.path.strip_suffix("/appended") else { return false };
    transfer.objects.iter().any(|other| {
        other.path == outer
            && ["image/", "audio/", "video/"].iter().any(|kind| other.media_type.starts_with(kind))
    })
}

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
        let disguised = archive && (passes || is_behind_a_picture(object, transfer));
        if (locked || disguised) && worst.is_none_or(|(bytes, _, _)| object.size > bytes) {
            worst = Some((object.size, locked, disguised));
        }
    }
    let (bytes, locked, disguised) = worst?;
    let what = match (locked, disguised) {
        (true, true) => "that nobody can open and that pass for something else",
        (true, false) => "that nobody can open",
        _ => "of an archive that passes for something else",
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

#[cfg(test)]
mod tests {
    use super::*;
    use egret_context::Context;
    use egret_model::{BehaviorLimits, Direction, Party, Protocol, Timestamp};

    fn object(path: &str, filename: Option<&str>, media_type: &str, state: ObjectState) -> ObjectRecord {
        ObjectRecord {
            path: path.to_owned(),
            filename: filename.map(str::to_owned),
            media_type: media_type.to_owned(),
            size: 2 * LEAST,
            sha256: String::new(),
            state,
        }
    }

    fn told(objects: Vec<ObjectRecord>) -> Option<Severity> {
        let (limits, context, now) =
            (BehaviorLimits::default(), Context::shipped(), Timestamp::from_seconds(1_000_000));
        let party = |ip: [u8; 4]| Party::new(ip.into(), 80);
        let transfer = TransferRecord {
            id: "t-1".to_owned(),
            capture: String::new(),
            protocol: Protocol::Http,
            operation: String::new(),
            direction: Direction::Egress,
            started_at: now,
            ended_at: now,
            tunnel: Vec::new(),
            sender: party([10, 0, 0, 1]),
            receiver: party([198, 51, 100, 7]),
            bytes: 2 * LEAST,
            complete: true,
            readable: true,
            inconsistent_overlap: false,
            uninspected: Vec::new(),
            facts: Vec::new(),
            objects,
            findings: Vec::new(),
        };
        let peer =
            Peer { ip: [198, 51, 100, 7].into(), name: Some("drop.example".to_owned()), internal: false };
        let setting = Setting { limits: &limits, context: &context, now };
        hidden(&transfer, None, &peer, setting).map(|suspicion| suspicion.severity)
    }

    #[test]
    fn what_nobody_can_open_and_what_passes_for_something_else_is_told() {
        use ObjectState::{Encrypted, Inspected, Unsupported};
        let picture = || object("body", Some("cat.jpg"), "image/jpeg", Unsupported);
        let appended = |media_type, state| object("body/appended", None, media_type, state);
        for (objects, expected) in [
            (vec![object("body", Some("q3.zip"), "application/zip", Inspected)], None),
            (vec![picture()], None),
            (
                vec![object("body", Some("q3.gpg"), "application/pgp-encrypted", Encrypted)],
                Some(Severity::Medium),
            ),
            (vec![object("body", Some("cat.jpg"), "application/vnd.rar", Inspected)], Some(Severity::Medium)),
            (vec![picture(), appended("application/zip", Inspected)], Some(Severity::Medium)),
            (vec![picture(), appended("application/vnd.rar", Encrypted)], Some(Severity::High)),
            // A program that unpacks itself is what it says.
            (
                vec![
                    object("body", Some("setup.exe"), "application/x-executable", Inspected),
                    appended("application/zip", Inspected),
                ],
                None,
            ),
        ] {
            let names: Vec<_> = objects.iter().map(|object| object.path.clone()).collect();
            assert_eq!(told(objects), expected, "{names:?}");
        }
    }
}
