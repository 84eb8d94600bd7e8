//! An [`Output`] that records what a reader reports, for tests.

use crate::{Inner, Output, Reader};
use egret_model::ObjectState;
use std::io::Write as _;

/// One inner object as recorded.
#[derive(Debug, Default)]
pub(crate) struct Object {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    pub(crate) state: Option<ObjectState>,
    pub(crate) stored: u64,
}

/// Everything a reader reported.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) text: String,
    pub(crate) objects: Vec<Object>,
    pub(crate) degraded: Vec<(ObjectState, u64)>,
    /// Bytes of one object after which `data` says stop; `None`: never.
    pub(crate) object_limit: Option<usize>,
    pub(crate) open: bool,
}

impl Recording {
    /// What `reader` makes of `data`.
    pub(crate) fn of(reader: Reader, data: &[u8]) -> Self {
        let mut recording = Self::default();
        reader(data, &mut recording);
        assert!(!recording.open, "an object was begun and not ended");
        recording
    }

    /// The object named `name`.
    pub(crate) fn object(&self, name: &str) -> &Object {
        self.objects
            .iter()
            .find(|object| object.name == name)
            .unwrap_or_else(|| panic!("no object {name}: {self:?}"))
    }
}

impl Output for Recording {
    fn text(&mut self, text: &str) {
        assert!(!self.open, "text of the outer object within an inner one");
        self.text.push_str(text);
    }

    fn begin(&mut self, inner: Inner) {
        assert!(!self.open, "objects do not nest");
        self.open = true;
        self.objects.push(Object { name: inner.name, ..Object::default() });
    }

    fn data(&mut self, data: &[u8]) -> bool {
        assert!(self.open, "data outside an object");
        let object = self.objects.last_mut().expect("an open object is the last");
        object.data.extend_from_slice(data);
        self.object_limit.is_none_or(|limit| object.data.len() < limit)
    }

    fn end(&mut self, state: ObjectState, stored: u64) {
        assert!(self.open, "end without begin");
        self.open = false;
        let object = self.objects.last_mut().expect("an open object is the last");
        object.state = Some(state);
        object.stored = stored;
    }

    fn degrade(&mut self, state: ObjectState, bytes: u64) {
        self.degraded.push((state, bytes));
    }
}

/// A zip archive with these members.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for (name, content) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
