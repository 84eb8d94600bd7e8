//! The walk over one transfer's content.
//!
//! Owns: the body, its content codings, its budget. Never does: anything that an object can do itself.

use crate::budget::Budget;
use crate::codings::{Codings, Outcome};
use crate::header::PartHeader;
use crate::object::{Declared, Object, Walk};
use egret_model::{ContentEvent, ContentHints, ContentLimits, ObjectState};
use std::sync::Arc;

/// Walks one body: bytes go in as they come, objects and their text come out.
///
/// ```
/// use egret_content::Walker;
/// use egret_model::{ContentEvent, ContentHints, ContentLimits};
/// use std::sync::Arc;
///
/// let hints = ContentHints { media_type: Some("application/x-www-form-urlencoded".into()), ..Default::default() };
/// let mut walker = Walker::new(&hints, Arc::new(ContentLimits::default()));
/// let mut paths = Vec::new();
/// let mut sink = |event: ContentEvent<'_>| {
///     if let ContentEvent::End { record, .. } = event {
///         paths.push(record.path);
///     }
/// };
/// walker.push(b"note=the+numbers&to=bob", &mut sink);
/// walker.finish(true, &mut sink);
/// assert_eq!(paths, ["form/note", "form/to", "form"]);
/// ```
pub struct Walker {
    limits: Arc<ContentLimits>,
    budget: Budget,
    codings: Codings,
    body: Option<Object>,
    state: ObjectState,
}

impl Walker {
    /// A walk over a body of which `hints` are known.
    #[must_use]
    pub fn new(hints: &ContentHints, limits: Arc<ContentLimits>) -> Self {
        let codings = Codings::new(&hints.codings, limits.buffer_bytes);
        let declared = Declared { header: declared_header(hints), mail: hints.mail };
        let body = Some(Object::root(declared, !codings.is_empty()));
        Self { limits, budget: Budget::default(), codings, body, state: ObjectState::Inspected }
    }

    /// The next bytes of the body.
    pub fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(ContentEvent<'_>)) {
        let Self { limits, budget, codings, body, .. } = self;
        budget.carry(data.len() as u64);
        let Some(body) = body else { return };
        let walk = &mut Walk { limits, budget, sink };
        if codings.is_empty() {
            body.push(data, walk);
        } else {
            codings.push(data, &mut |decoded| body.push(decoded, walk));
        }
    }

    /// `bytes` bytes of the body are missing here.
    pub fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(ContentEvent<'_>)) {
        self.state = ObjectState::Partial;
        let Self { limits, budget, body, .. } = self;
        if let Some(body) = body {
            body.gap(bytes, &mut Walk { limits, budget, sink });
        }
    }

    /// The body ends. `complete`: all of it was seen. Nothing follows.
    pub fn finish(&mut self, complete: bool, sink: &mut dyn FnMut(ContentEvent<'_>)) {
        let Self { limits, budget, codings, body, state } = self;
        let Some(mut body) = body.take() else { return };
        if !complete {
            *state = ObjectState::Partial;
        }
        let walk = &mut Walk { limits, budget, sink };
        let outcome = codings.finish(&mut |decoded| body.push(decoded, walk));
        let state = match outcome {
            Outcome::Complete => *state,
            Outcome::Cut => ObjectState::Partial,
            Outcome::Damaged => ObjectState::Malformed,
            Outcome::Unknown => ObjectState::Unsupported,
            Outcome::OverLimit => ObjectState::OverLimit,
        };
        let carried = walk.budget.carried();
        body.finish(state, carried, walk);
    }
}

fn declared_header(hints: &ContentHints) -> PartHeader {
    let mut header = match &hints.media_type {
        // The mail parser reads parameters by the rules of RFC 2045 and RFC 2231, which HTTP shares.
        Some(media_type) => crate::header::parse(format!("Content-Type: {media_type}\r\n").as_bytes()),
        None => PartHeader::default(),
    };
    header.filename = hints.filename.clone();
    header.field = None;
    header
}
