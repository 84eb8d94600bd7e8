//! The operator's table of users.
//!
//! Owns: reading it, and what is told of its faults. Never does: its meaning, which is `identity`'s.

use anyhow::{Context, Result};
use egret_identity::AddressPlan;
use std::path::Path;

/// The plan in `path`, or an empty one without a path. A file without a good line is an error; of others, each bad line is one
/// warning.
pub(crate) fn read_or_empty(path: Option<&Path>, warn: &mut dyn FnMut(String)) -> Result<AddressPlan> {
    let Some(path) = path else { return Ok(AddressPlan::default()) };
    let text = std::fs::read(path)
        .with_context(|| format!("{}: the table of users cannot be read", path.display()))?;
    let (plan, errors) = AddressPlan::parse(&String::from_utf8_lossy(&text));
    if plan.is_empty()
        && let Some(first) = errors.first()
    {
        anyhow::bail!("{}: {first}", path.display());
    }
    for error in &errors {
        warn(format!("{}: {error}; the other lines hold", path.display()));
    }
    Ok(plan)
}
