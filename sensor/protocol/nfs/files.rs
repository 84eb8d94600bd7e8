//! The files of one connection.
//!
//! Owns: names, and the content of both directions. Never does: reading messages.

use crate::Context;
use crate::in_order::InOrder;
use egret_model::{Protocol, Side, Timestamp, TransferStart};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};

/// What the server calls a file.
pub(super) type Handle = Vec<u8>;

/// The files that are known.
#[derive(Default)]
pub(super) struct Files {
    names: HashMap<Handle, String>,
    /// Handles in the order in which they were named.
    named: VecDeque<Handle>,
    /// Files of which content has come, in the order of the first of it.
    open: BTreeMap<u64, File>,
    by_handle: HashMap<Handle, u64>,
    opened: u64,
}

struct File {
    handle: Handle,
    name: Option<String>,
    client: Side,
    /// Where reading has met its end.
    size: Option<u64>,
    written: InOrder,
    read: InOrder,
    /// Messages of this side were missing that may have held content of the file.
    doubtful: Option<Side>,
    last_at: Timestamp,
}

/// Where content goes.
#[derive(Clone, Debug)]
pub(super) struct Target {
    file: u64,
    offset: u64,
    written: bool,
}

impl File {
    fn start(&self, context: &Context<'_>, written: bool) -> TransferStart {
        let (verb, from) = if written { ("WRITE", self.client) } else { ("READ", self.client.other()) };
        let name = self.name.as_deref().unwrap_or_default();
        let mut start = context.start(Protocol::Nfs, format!("{verb} {name}").trim_end().to_owned(), from);
        start.server = self.client.other();
        start.filename.clone_from(&self.name);
        start
    }

    fn end_written(&mut self, context: &mut Context<'_>, end_seen: bool) {
        let sure = self.doubtful != Some(self.client);
        let next = self.written.next();
        std::mem::replace(&mut self.written, InOrder::at(next)).end(context, end_seen && sure, None);
    }

    fn end_read(&mut self, context: &mut Context<'_>) {
        let sure = self.doubtful != Some(self.client.other()) && self.size.is_some();
        std::mem::take(&mut self.read).end(context, sure, self.size);
    }

    fn end(mut self, context: &mut Context<'_>, end_seen: bool) {
        self.end_written(context, end_seen);
        self.end_read(context);
    }
}

impl Files {
    /// A file has a name.
    pub(super) fn name(&mut self, context: &Context<'_>, file: Handle, name: &str) {
        let shown: String =
            name.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        if self.names.insert(file.clone(), shown).is_none() {
            self.named.push_back(file);
        }
        while self.named.len() > context.limits.file_requests
            && let Some(oldest) = self.named.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    /// Where content of a file goes.
    pub(super) fn target(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        handle: &Handle,
        offset: u64,
        written: bool,
    ) -> Target {
        self.end_idle(context);
        if let Some(file) = self.by_handle.get(handle) {
            return Target { file: *file, offset, written };
        }
        while self.open.len() >= context.limits.open_files.max(1)
            && let Some((_, oldest)) = self.open.pop_first()
        {
            self.forget(context, oldest, false);
        }
        self.opened += 1;
        let file = File {
            handle: handle.clone(),
            name: self.names.get(handle).cloned(),
            client,
            size: None,
            written: InOrder::default(),
            read: InOrder::default(),
            doubtful: None,
            last_at: context.now(),
        };
        self.open.insert(self.opened, file);
        self.by_handle.insert(handle.clone(), self.opened);
        Target { file: self.opened, offset, written }
    }

    /// Nothing tells the end of a file that is read or written in version 3; silence does.
    fn end_idle(&mut self, context: &mut Context<'_>) {
        let (now, idle) = (context.now(), context.limits.range_idle_ns);
        while let Some(entry) = self.open.first_entry()
            && now.since(entry.get().last_at) >= idle
        {
            let file = entry.remove();
            self.forget(context, file, true);
        }
    }

    fn forget(&mut self, context: &mut Context<'_>, file: File, end_seen: bool) {
        self.by_handle.remove(&file.handle);
        file.end(context, end_seen);
    }

    /// The next bytes of a target, or as many of them that are missing.
    pub(super) fn content(
        &mut self,
        context: &mut Context<'_>,
        target: &mut Target,
        data: Result<&[u8], u64>,
    ) {
        let bytes = data.map_or_else(|missing| missing, |data| data.len() as u64);
        let (offset, written) = (target.offset, target.written);
        target.offset = target.offset.saturating_add(bytes);
        let Some(file) = self.open.get_mut(&target.file) else {
            return context.not_inspected(egret_model::Uninspected::OverLimit, bytes);
        };
        file.last_at = context.now();
        let mut content = std::mem::take(if written { &mut file.written } else { &mut file.read });
        let start = |context: &Context<'_>| file.start(context, written);
        match data {
            Ok(data) => content.write(context, &start, offset, data),
            Err(bytes) => content.miss(context, &start, offset, bytes),
        }
        *(if written { &mut file.written } else { &mut file.read }) = content;
        if file.size.is_some_and(|size| !written && file.read.next() >= size) {
            file.end_read(context);
        }
    }

    /// Reading has met the end of a file.
    pub(super) fn size(&mut self, handle: &Handle, size: u64) {
        if let Some(file) = self.by_handle.get(handle).and_then(|file| self.open.get_mut(file)) {
            file.size = Some(size);
        }
    }

    /// What was written of a file is complete, as far as it goes.
    pub(super) fn written(&mut self, context: &mut Context<'_>, handle: &Handle) {
        if let Some(file) = self.by_handle.get(handle).and_then(|file| self.open.get_mut(file)) {
            file.end_written(context, true);
        }
    }

    /// A file is closed.
    pub(super) fn closed(&mut self, context: &mut Context<'_>, handle: &Handle) {
        if let Some(file) = self.by_handle.get(handle).and_then(|file| self.open.remove(file)) {
            self.forget(context, file, true);
        }
    }

    /// Messages of one side were missing.
    pub(super) fn doubt(&mut self, from: Side) {
        for file in self.open.values_mut() {
            file.doubtful = Some(from);
        }
    }

    /// The connection is over.
    pub(super) fn end_all(&mut self, context: &mut Context<'_>) {
        while let Some((_, file)) = self.open.pop_first() {
            self.forget(context, file, true);
        }
    }
}
