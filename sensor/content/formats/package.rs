//! The package that holds an office document's parts: a zip archive, in Office Open XML with relationships between its
//! members (ECMA-376 part 2).
//!
//! Owns: finding parts, the budget of what is unpacked of them, the states of parts that cannot be read. Never does: the meaning of a part.

use super::text::Text;
use super::xml::{self, Node};
use super::zip::{self, Archive};
use crate::Output;
use egret_model::ObjectState;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Unpacked XML, or records in its place, that is read of one document, all parts together; further parts are over-limit. 1 GiB.
const XML_BYTES: u64 = 1 << 30;

/// A package held in memory.
pub(super) struct Package<'a> {
    archive: Archive<'a>,
    xml_left: Cell<u64>,
}

impl<'a> Package<'a> {
    /// The package in `data`; what is no archive is an empty package, which [`Self::report`] says.
    pub(super) fn open(data: &'a [u8]) -> Self {
        let mut archive = Archive::read(data);
        archive.members.retain(|member| !member.is_folder());
        for member in &mut archive.members {
            if let Some(name) = member.name.strip_prefix('/') {
                member.name = name.to_owned();
            }
        }
        Self { archive, xml_left: Cell::new(XML_BYTES) }
    }

    /// Puts the parts in the order of `rank`, then of their names, numbers in names by value.
    pub(super) fn order_by(&mut self, rank: impl Fn(&str) -> u8) {
        self.archive.members.sort_by_cached_key(|member| {
            let stem = member.name.rsplit_once('.').map_or(member.name.as_str(), |(stem, _)| stem);
            let letters = stem.trim_end_matches(|c: char| c.is_ascii_digit());
            let number: u64 = stem.get(letters.len()..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
            (rank(&member.name), letters.to_owned(), number)
        });
    }

    /// Indexes and names of all parts.
    pub(super) fn names(&self) -> impl DoubleEndedIterator<Item = (usize, &str)> {
        self.archive.members.iter().enumerate().map(|(index, member)| (index, member.name.as_str()))
    }

    /// The indexes of all parts by name, in lower case: names compare without case (part 2 section 6.2.2.3). Of several
    /// with one name it is the first.
    pub(super) fn indexes(&self) -> BTreeMap<String, usize> {
        self.names().map(|(index, name)| (name.to_ascii_lowercase(), index)).rev().collect()
    }

    /// Shows the nodes of an XML part to `visit`. What cannot be read is reported.
    pub(super) fn read(
        &self,
        index: usize,
        text: &mut Text<'_>,
        visit: &mut dyn FnMut(Node<'_>, &mut Text<'_>),
    ) {
        self.stream(index, text, &mut |content, text| xml::read(content, &mut |node| visit(node, text)));
    }

    /// Gives the unpacked bytes of a part to `read`. What cannot be read is reported.
    pub(super) fn stream(
        &self,
        index: usize,
        text: &mut Text<'_>,
        read: &mut dyn FnMut(&mut dyn Read, &mut Text<'_>) -> Result<(), ObjectState>,
    ) {
        let Some(member) = self.archive.members.get(index) else { return };
        let result = match member.content() {
            Err(state) => Err(state),
            Ok(_) if self.xml_left.get() == 0 => Err(ObjectState::OverLimit),
            Ok(content) => read(&mut Counted { inner: content, left: &self.xml_left }, text),
        };
        if let Err(state) = result {
            let state = if member.is_truncated() { ObjectState::Partial } else { state };
            text.output().degrade(state, member.data.len() as u64);
        }
    }

    /// Unpacks a part as an inner object.
    pub(super) fn unpack(&self, index: usize, text: &mut Text<'_>) {
        if let Some(member) = self.archive.members.get(index) {
            zip::unpack(member, text.output());
        }
    }

    /// What the relationships part at `index` relates, of a part in `folder`: names of parts by relationship id.
    pub(super) fn relationships(
        &self,
        index: usize,
        folder: &str,
        text: &mut Text<'_>,
    ) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        self.read(index, text, &mut |node, _| {
            if let Node::Start(element) = node
                && let (Some(id), Some(target)) = (element.attribute("Id"), element.attribute("Target"))
            {
                found.insert(id, resolved(folder, &target));
            }
        });
        found
    }

    /// Says what of the package, `bytes` long, could not be listed.
    pub(super) fn report(&self, bytes: usize, output: &mut dyn Output) {
        self.archive.report(bytes, output);
    }
}

/// `target` seen from `folder` (part 2 section 6.4).
fn resolved(folder: &str, target: &str) -> String {
    if let Some(absolute) = target.strip_prefix('/') {
        return absolute.to_owned();
    }
    let mut path: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            ".." => drop(path.pop()),
            "." | "" => {}
            step => path.push(step),
        }
    }
    path.join("/")
}

/// A reader that takes what it yields from a budget, and ends with it.
struct Counted<'a, R> {
    inner: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(count as u64));
        if self.left.get() == 0 { Err(io::ErrorKind::QuotaExceeded.into()) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_resolved_from_their_folder() {
        assert_eq!(resolved("xl", "worksheets/sheet1.xml"), "xl/worksheets/sheet1.xml");
        assert_eq!(resolved("ppt/slides", "../notesSlides/n.xml"), "ppt/notesSlides/n.xml");
        assert_eq!(resolved("xl", "/xl/a.xml"), "xl/a.xml");
        assert_eq!(resolved("", "../../a.xml"), "a.xml");
    }
}
