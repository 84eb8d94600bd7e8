//! What the settings name: signatures and the table of users.
//!
//! Owns: loading both and gathering what is wrong with them. Never does: deciding whether that is good enough.

use crate::cli::plan;
use crate::cli::settings::Settings;
use anyhow::Result;
use egret_detect::SignatureSet;
use egret_identity::AddressPlan;
use std::sync::Arc;

/// What a sensor inspects by.
pub(super) struct Loaded {
    pub(super) signatures: Arc<SignatureSet>,
    pub(super) plan: AddressPlan,
    /// What is wrong with files, a sentence each; what is not wrong was loaded.
    pub(super) faults: Vec<String>,
}

/// Loads what `settings` name. A table of users that cannot be used at all is an error.
pub(super) fn load(settings: &Settings) -> Result<Loaded> {
    let (set, problems) = SignatureSet::load(&settings.inspect.signatures);
    let mut faults: Vec<String> = problems.iter().map(egret_detect::SignatureProblem::one_line).collect();
    let plan = plan::read_or_empty(settings.users(), &mut |warning| faults.push(warning))?;
    Ok(Loaded { signatures: Arc::new(set), plan, faults })
}
