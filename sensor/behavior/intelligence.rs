//! Destinations, software and files that intelligence warns of.
//!
//! Owns: what is looked up. Never does: reading feeds, which is `context`'s.

use crate::suspicion::{Contact, Peer, Setting, Suspicion};
use egret_context::Indicator;
use egret_model::{AnomalyKind, Severity, TransferRecord};

pub(crate) fn flow(contact: &Contact<'_>, setting: Setting<'_>) -> Option<Suspicion> {
    let feed = setting.context.feed();
    if feed.is_empty() {
        return None;
    }
    let named = contact.peer.host_name().and_then(|name| feed.domain(name));
    let software = contact.flow.ja4.as_deref().and_then(|ja4| feed.exact(ja4));
    let indicator = named.or_else(|| feed.address(contact.peer.ip)).or(software)?;
    let bytes = contact.out().bytes;
    Some(told(indicator, "contact with", bytes, setting).to(contact.peer))
}

/// A name that was asked for.
pub(crate) fn name(name: &str, setting: Setting<'_>) -> Option<Suspicion> {
    let indicator = setting.context.feed().domain(name)?;
    let suspicion = told(indicator, "a question for", 0, setting);
    Some(Suspicion { destination: Some(name.to_owned()), severity: Severity::Medium, ..suspicion })
}

/// A file that left.
pub(crate) fn file(transfer: &TransferRecord, peer: &Peer, setting: Setting<'_>) -> Option<Suspicion> {
    let feed = setting.context.feed();
    if feed.is_empty() {
        return None;
    }
    let (object, indicator) =
        transfer.objects.iter().find_map(|object| Some((object, feed.exact(&object.sha256)?)))?;
    let suspicion = told(indicator, "a file with the hash", object.size, setting).to(peer);
    Some(Suspicion { transfers: vec![transfer.id.clone()], ..suspicion })
}

fn told(indicator: &Indicator, what: &str, bytes: u64, setting: Setting<'_>) -> Suspicion {
    let note = indicator.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    let explanation = format!("{what} {}, which the feed {} warns of{note}", indicator.value, indicator.feed);
    Suspicion {
        severity: Severity::High,
        ..Suspicion::of_bytes(AnomalyKind::Intelligence, setting, bytes, explanation).scored(0.8)
    }
}
