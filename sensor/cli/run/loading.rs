//! What the settings name: signatures, files about people, and the context.
//!
//! Owns: loading both and gathering what is wrong with them. Never does: deciding whether that is good enough.

use crate::cli::settings::Settings;
use crate::cli::{cache, context};
use anyhow::Result;
use egret_context::Context;
use egret_detect::SignatureSet;
use egret_identity::People;
use std::sync::Arc;

/// What a sensor inspects by.
pub(super) struct Loaded {
    pub(super) signatures: Arc<SignatureSet>,
    pub(super) people: Arc<People>,
    pub(super) context: Arc<Context>,
    /// What is wrong with files, a sentence each; what is not wrong was loaded.
    pub(super) faults: Vec<String>,
}

/// Loads what `settings` name. A file about people that cannot be used at all is an error.
pub(super) fn load(settings: &Settings) -> Result<Loaded> {
    let (set, problems) = cache::load(&settings.inspect.signatures, settings.cache());
    let mut faults: Vec<String> = problems.iter().map(egret_detect::SignatureProblem::one_line).collect();
    let limits = settings.limits();
    let people = settings.sources().read(&limits.identity, &mut |warning| faults.push(warning))?;
    let feeds = &settings.context.feeds;
    let context =
        context::read(settings.context(), feeds, &limits.behavior, &mut |warning| faults.push(warning))?;
    Ok(Loaded { signatures: Arc::new(set), people, context, faults })
}
