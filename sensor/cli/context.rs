//! The operator's context and feeds of intelligence.
//!
//! Owns: reading the files, and what is told of their faults. Never does: their meaning, which is `context`'s.

use anyhow::{Context as _, Result, bail};
use egret_context::{Context, Feed};
use egret_model::BehaviorLimits;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest file of either kind, bytes (256 MiB).
const LARGEST: u64 = 256 << 20;

/// The context in `path`, or the shipped one, with the indicators of all feeds. A context that cannot be used is an error; of feeds,
/// each that cannot be is a warning.
pub(crate) fn read(
    path: Option<&Path>,
    feeds: &[PathBuf],
    limits: &BehaviorLimits,
    warn: &mut dyn FnMut(String),
) -> Result<Arc<Context>> {
    let context = match path {
        None => Context::shipped(),
        Some(path) => {
            let text = text_of(path)?;
            Context::parse(&text).with_context(|| format!("{}: not a context", path.display()))?
        }
    };
    let mut feed = Feed::new(limits.indicators);
    for path in feeds {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let added = text_of(path).and_then(|text| Ok(feed.add(&name, &text)?));
        if let Err(error) = added {
            warn(format!("{}: {error:#}; the other feeds hold", path.display()));
        }
    }
    Ok(Arc::new(context.with_feed(feed)))
}

fn text_of(path: &Path) -> Result<String> {
    let at = || format!("{}: cannot be read", path.display());
    let size = std::fs::metadata(path).with_context(at)?.len();
    if size > LARGEST {
        bail!("{}: {size} bytes, but at most {LARGEST} are read", path.display());
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path).with_context(at)?).into_owned())
}
