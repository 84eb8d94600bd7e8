//! Any bytes as a body that comes in pieces with gaps: the first bytes pick what is declared and where it is cut.

use egret_content::Walker;
use egret_model::{ContentHints, ContentLimits};
use std::sync::Arc;

/// What may be declared: a media type, a coding.
const DECLARED: &[(&str, &str)] = &[
    ("", ""),
    ("text/plain; charset=koi8-r", ""),
    ("multipart/form-data; boundary=xx", ""),
    ("message/rfc822", ""),
    ("application/json", ""),
    ("application/x-www-form-urlencoded", ""),
    ("", "gzip"),
    ("", "deflate"),
    ("", "br"),
    ("", "zstd"),
    ("text/plain; charset=utf-16", "nonsense"),
];

/// Walks the rest as such a body, within small limits.
pub(crate) fn run(data: &[u8]) {
    let Some(([pick, cut, gap], body)) = data.split_first_chunk() else { return };
    let (media_type, coding) = DECLARED.get(usize::from(*pick) % DECLARED.len()).copied().unwrap_or_default();
    let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    let hints = ContentHints {
        media_type: named(media_type),
        codings: named(coding).into_iter().collect(),
        ..ContentHints::default()
    };
    let limits = ContentLimits {
        objects: 100,
        object_bytes: 1 << 20,
        transfer_bytes: 4 << 20,
        buffer_bytes: 1 << 20,
        ..ContentLimits::default()
    };
    let mut walker = Walker::new(&hints, Arc::new(limits));
    for (index, piece) in body.chunks(usize::from(*cut) * 16 + 1).enumerate() {
        if index > 0 && index == usize::from(*gap) {
            walker.gap(u64::from(*cut) * 7, &mut |_| {});
        }
        walker.push(piece, &mut |_| {});
    }
    walker.finish(true, &mut |_| {});
}
