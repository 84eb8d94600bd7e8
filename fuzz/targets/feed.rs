//! Any text as a feed of intelligence and as a context: no panic, and what was added can be found.

use egret_context::{Context, Feed};

/// Reads the text as both.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut feed = Feed::new(1000);
    let added = feed.add("fuzz", &text);
    assert!(added.map_or(0, |added| added) <= feed.len());
    for name in text.lines() {
        let _ = (feed.domain(name), feed.exact(name), name.parse().ok().and_then(|ip| feed.address(ip)));
    }
    drop(Context::parse(&text));
}
