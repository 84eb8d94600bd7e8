//! Any bytes as a document or archive that a carrier declares: the first byte picks the declaration.

use egret_content::Walker;
use egret_model::{ContentHints, ContentLimits};
use std::sync::Arc;

/// File names that stand for every reader; recognition by content comes first.
const NAMES: &[&str] = &[
    "a.zip", "a.docx", "a.xlsx", "a.pptx", "a.odt", "a.pdf", "a.rtf", "a.doc", "a.tar", "a.gz", "a.bz2",
    "a.xz", "a.zst", "a.html", "a.xml", "a.7z", "a.iwa",
];

/// Walks the rest as a body of that name, within small limits.
pub(crate) fn run(data: &[u8]) {
    let Some((pick, body)) = data.split_first() else { return };
    let name = NAMES.get(usize::from(*pick) % NAMES.len()).copied().unwrap_or_default();
    let hints = ContentHints { filename: Some(name.to_owned()), ..ContentHints::default() };
    let limits = ContentLimits {
        objects: 100,
        object_bytes: 1 << 20,
        transfer_bytes: 4 << 20,
        ..ContentLimits::default()
    };
    let mut walker = Walker::new(&hints, Arc::new(limits));
    walker.push(body, &mut |_| {});
    walker.finish(true, &mut |_| {});
}
