//! The walk over one transfer's content.
//!
//! Owns: the body, its content codings, its budget. Never does: anything that an object can do itself.

use crate::budget::Budget;
use crate::buffers::Buffers;
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
    buffers: Buffers,
    codings: Codings,
    coded: Coded,
    body: Option<Object>,
    state: ObjectState,
}

/// How the undoing of the codings goes.
enum Coded {
    /// There is nothing to undo: bytes are taken as they are.
    Plain,
    /// Nothing came out yet: the first bytes, should nothing ever do so.
    Begun(Vec<u8>),
    /// Bytes come out.
    Yields,
    /// By a gap or limit: so many carried bytes were not undone any more.
    Stopped(u64),
}

/// Coded bytes that are held until something comes out of them, bytes. A decoder yields after a few kilobytes.
const UNDECODED_BYTES: usize = 256 << 10;

impl Walker {
    /// A walk over a body of which `hints` are known.
    ///
    /// A declared coding is a claim: bytes that cannot be undone at all are hashed and read as they are. If they make sense,
    /// as text or as a known format, the claim was wrong and nothing is lost: the body's state is its own. If they do not,
    /// it is `unsupported` (a coding that is not known) or `malformed`.
    #[must_use]
    pub fn new(hints: &ContentHints, limits: Arc<ContentLimits>) -> Self {
        let buffers = Buffers::new(&limits);
        Self::with_buffers(hints, limits, buffers)
    }

    /// The same with the spare memory of other walks.
    #[must_use]
    pub fn with_buffers(hints: &ContentHints, limits: Arc<ContentLimits>, buffers: Buffers) -> Self {
        let codings = Codings::new(&hints.codings, limits.buffer_bytes);
        let declared = Declared { header: declared_header(hints), mail: hints.mail };
        let plain = codings.is_empty() || codings.has_failed();
        let body = Some(Object::root(declared, !plain));
        let coded = if plain { Coded::Plain } else { Coded::Begun(Vec::new()) };
        Self {
            limits,
            budget: Budget::default(),
            buffers,
            codings,
            coded,
            body,
            state: ObjectState::Inspected,
        }
    }

    /// The next bytes of the body.
    pub fn push(&mut self, data: &[u8], sink: &mut dyn FnMut(ContentEvent<'_>)) {
        let Self { limits, budget, buffers, codings, coded, body, .. } = self;
        budget.carry(data.len() as u64);
        let Some(body) = body else { return };
        let walk = &mut Walk { limits, budget, buffers, sink };
        match coded {
            Coded::Plain => {
                body.push(data, walk);
            }
            Coded::Stopped(lost) => *lost = lost.saturating_add(data.len() as u64),
            Coded::Begun(_) | Coded::Yields => {
                let mut yielded = false;
                let goes_on = codings.push(data, &mut |decoded| {
                    yielded = true;
                    body.push(decoded, walk)
                });
                if !goes_on {
                    *coded = Coded::Stopped(data.len() as u64);
                } else if yielded {
                    *coded = Coded::Yields;
                } else if let Coded::Begun(held) = coded {
                    held.extend_from_slice(data);
                    if codings.has_failed() {
                        body.carried_as_is();
                        body.push(held, walk);
                        *coded = Coded::Plain;
                    } else if held.len() > UNDECODED_BYTES {
                        *coded = Coded::Yields;
                    }
                }
            }
        }
    }

    /// Whether a container is held until it is whole: what follows may bring its unpacking, which takes long for the few bytes that
    /// cause it.
    #[must_use]
    pub const fn holds_container(&self) -> bool {
        self.budget.holds_container()
    }

    /// `bytes` bytes of the body are missing here. Nothing behind a gap can be decompressed.
    pub fn gap(&mut self, bytes: u64, sink: &mut dyn FnMut(ContentEvent<'_>)) {
        self.state = ObjectState::Partial;
        let Self { limits, budget, buffers, codings, coded, body, .. } = self;
        let Some(body) = body else { return };
        let walk = &mut Walk { limits, budget, buffers, sink };
        match coded {
            Coded::Plain => body.gap(bytes, bytes, walk),
            Coded::Begun(held) if held.is_empty() => {
                // Its beginning is lost: whatever it was, bytes are all there is.
                body.carried_as_is();
                body.gap(bytes, bytes, walk);
                *coded = Coded::Plain;
            }
            Coded::Begun(_) | Coded::Yields => {
                codings.finish(&mut |decoded| body.push(decoded, walk));
                body.gap(bytes, bytes, walk);
                *coded = Coded::Stopped(0);
            }
            Coded::Stopped(_) => body.gap(0, bytes, walk),
        }
    }

    /// The body ends. `complete`: all of it was seen. Nothing follows.
    pub fn finish(&mut self, complete: bool, sink: &mut dyn FnMut(ContentEvent<'_>)) {
        let Self { limits, budget, buffers, codings, coded, body, state } = self;
        let Some(mut body) = body.take() else { return };
        if !complete {
            *state = ObjectState::Partial;
        }
        let walk = &mut Walk { limits, budget, buffers, sink };
        let carried = walk.budget.carried();
        match coded {
            Coded::Plain => {
                let outcome =
                    if codings.is_empty() { Outcome::Complete } else { codings.finish(&mut |_| false) };
                let state = match state_of(outcome) {
                    Some(failed) if *state == ObjectState::Inspected && !body.settled_with_sense(walk) => {
                        failed
                    }
                    _ => *state,
                };
                body.finish(state, carried, walk);
            }
            Coded::Stopped(lost) => {
                if *state == ObjectState::Partial {
                    body.gap(0, *lost, walk);
                    body.finish(*state, carried, walk);
                } else {
                    body.finish(ObjectState::OverLimit, *lost, walk);
                }
            }
            Coded::Begun(_) | Coded::Yields => {
                let mut yielded = false;
                let outcome = codings.finish(&mut |decoded| {
                    yielded = true;
                    body.push(decoded, walk)
                });
                let mut ended = state_of(outcome).unwrap_or(*state);
                if let Coded::Begun(held) = coded
                    && !yielded
                    && outcome != Outcome::Complete
                {
                    body.carried_as_is();
                    body.push(held, walk);
                    if body.settled_with_sense(walk) {
                        ended = *state;
                    }
                }
                if *state == ObjectState::Partial {
                    ended = *state;
                }
                body.finish(ended, carried, walk);
            }
        }
    }
}

/// What an outcome makes of a body; None: nothing.
const fn state_of(outcome: Outcome) -> Option<ObjectState> {
    match outcome {
        Outcome::Complete => None,
        Outcome::Cut => Some(ObjectState::Partial),
        Outcome::Damaged => Some(ObjectState::Malformed),
        Outcome::Unknown => Some(ObjectState::Unsupported),
        Outcome::OverLimit => Some(ObjectState::OverLimit),
    }
}

fn declared_header(hints: &ContentHints) -> PartHeader {
    let mut header = match &hints.media_type {
        Some(media_type) => crate::header::of_media_type(media_type),
        None => PartHeader::default(),
    };
    header.filename = hints.filename.clone();
    header.field = None;
    header
}
