//! The shape that every whole-buffer format has: a [`Reader`] that turns bytes into text and inner objects.
//!
//! Owns: the interface between the walk and the formats. Never does: reading of any format.

use egret_model::ObjectState;

/// An inner object as its container names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inner {
    /// How the container names it, as a path segment or several (`q3.xlsx`, `docs/a.txt`, `text`).
    pub name: String,
    /// File name, where it has one.
    pub filename: Option<String>,
    /// Media type, where the container declares one.
    pub media_type: Option<String>,
}

/// Where a reader reports. The walk behind it hashes, recurses, counts and caps.
pub trait Output {
    /// The next piece of extracted text of the object that is being read. UTF-8; words of different cells, runs of
    /// different paragraphs and the like are separated by white space.
    fn text(&mut self, text: &str);

    /// Begins an inner object. Every `begin` is followed by its own `end`; they do not nest.
    fn begin(&mut self, inner: Inner);

    /// Unpacked bytes of the inner object begun last. False: a limit is hit, produce no more of it.
    #[must_use]
    fn data(&mut self, data: &[u8]) -> bool;

    /// Ends the inner object. `state` is `Inspected` unless the container knows better (`Encrypted`, `Malformed` …);
    /// `stored` is the size it takes in the container.
    fn end(&mut self, state: ObjectState, stored: u64);

    /// Part of the object that is being read could not be: `bytes` of it, as stored.
    fn degrade(&mut self, state: ObjectState, bytes: u64);
}

/// Reads one complete object held in memory. Never panics; stops where `Output` says so.
pub type Reader = fn(data: &[u8], output: &mut dyn Output);
