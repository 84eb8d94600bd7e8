//! The files that one connection has open, and what is asked about them.
//!
//! Owns: which name and which transfers belong to a file; requests that wait for their response. Never does: reading messages.

use super::parse::FileId;
use crate::Context;
use crate::in_order::InOrder;
use egret_model::{Protocol, Side, TransferStart};
use hashbrown::HashMap;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What a response answers.
#[derive(Debug)]
pub(super) enum Request {
    /// To connect to a share, by its path.
    Tree(String),
    /// To open a file.
    Create(u32),
    Read(Target),
    Close(u32),
}

/// Where content goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    file: u32,
    offset: u64,
    written: bool,
}

impl Target {
    /// Content that the server sends.
    pub(super) const fn read(file: u32, offset: u64) -> Self {
        Self { file, offset, written: false }
    }
}

/// A share that the connection uses.
#[derive(Debug)]
struct Share {
    /// The server's name, where it is one.
    server: Option<String>,
    name: String,
    /// Its files are pipes: what goes over them has no offsets.
    pipes: bool,
}

/// One open file.
#[derive(Debug)]
struct File {
    share: Option<Arc<Share>>,
    name: String,
    client: Side,
    user: Option<String>,
    id: Option<FileId>,
    /// Bytes when it was opened.
    size: Option<u64>,
    written: InOrder,
    read: InOrder,
    /// Messages of this side were missing that may have held content of the file.
    doubtful: Option<Side>,
    /// Where a pipe goes on.
    pipe_written: u64,
    pipe_read: u64,
}

/// The files of a connection, and what it asks.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) table: Box<Table>,
    asked: HashMap<u64, Request>,
    order: VecDeque<u64>,
}

/// Files and shares, which connections may have in common.
#[derive(Debug, Default)]
pub(crate) struct Table {
    trees: HashMap<(u64, u32), Arc<Share>>,
    last_share: Option<Arc<Share>>,
    /// In the order in which they were opened.
    open: BTreeMap<u32, File>,
    by_id: HashMap<FileId, u32>,
    opened: u32,
}

impl Share {
    /// Reads `\\server\share`.
    fn parse(path: &str) -> Self {
        let mut parts = path.trim_start_matches('\\').splitn(2, '\\');
        let server = parts.next().unwrap_or_default();
        let name = parts.next().unwrap_or_default().to_owned();
        let pipes = name.eq_ignore_ascii_case("IPC$");
        Self { server: crate::names::host_name(server.as_bytes()), name, pipes }
    }
}

impl File {
    fn new(client: Side, share: Option<Arc<Share>>, name: String, user: Option<String>) -> Self {
        Self {
            share,
            name,
            client,
            user,
            id: None,
            size: None,
            written: InOrder::default(),
            read: InOrder::default(),
            doubtful: None,
            pipe_written: 0,
            pipe_read: 0,
        }
    }

    fn start(&self, context: &Context<'_>, written: bool) -> TransferStart {
        let share = self.share.as_deref();
        let path = match share {
            Some(share) => format!("{}\\{}", share.name, self.name),
            None => self.name.clone(),
        };
        let (verb, from) = if written { ("WRITE", self.client) } else { ("READ", self.client.other()) };
        let mut start = context.start(Protocol::Smb, format!("{verb} {path}").trim_end().to_owned(), from);
        start.server = self.client.other();
        start.server_name = start.server_name.or_else(|| share.and_then(|share| share.server.clone()));
        start.user = self.user.clone().or(start.user);
        start.filename = filename(&self.name);
        start
    }

    fn is_pipe(&self) -> bool {
        self.share.as_ref().is_some_and(|share| share.pipes)
    }

    fn end_written(&mut self, context: &mut Context<'_>, end_seen: bool) {
        let sure = self.doubtful != Some(self.client);
        std::mem::take(&mut self.written).end(context, end_seen && sure, None);
    }

    fn end_read(&mut self, context: &mut Context<'_>, end_seen: bool) {
        // Who reads a file that is being written reads it as it grows.
        let size = self.size.filter(|_| !self.is_pipe());
        let sure = self.doubtful != Some(self.client.other());
        std::mem::take(&mut self.read).end(context, end_seen && sure, size);
    }
}

/// The last part of a path.
fn filename(path: &str) -> Option<String> {
    let name = path.rsplit(['\\', '/']).next().unwrap_or_default();
    // An alternate stream of a file (MS-FSCC section 2.1.4) bears the file's name.
    let name = name.split(':').next().unwrap_or_default();
    (!name.is_empty()).then(|| name.to_owned())
}

impl Files {
    /// True when no file is open.
    pub(super) fn is_empty(&self) -> bool {
        self.table.open.is_empty()
    }

    /// A request waits for its response.
    pub(super) fn ask(&mut self, context: &Context<'_>, id: u64, request: Request) {
        if self.asked.insert(id, request).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > context.limits.file_requests
            && let Some(oldest) = self.order.pop_front()
        {
            self.asked.remove(&oldest);
        }
    }

    /// What a response answers.
    pub(super) fn answer(&mut self, id: u64) -> Option<Request> {
        let request = self.asked.remove(&id);
        if self.asked.is_empty() {
            self.order.clear();
        } else if request.is_some() && self.order.front() == Some(&id) {
            self.order.pop_front();
        }
        request
    }

    /// The connection uses a share.
    pub(super) fn connect(&mut self, context: &Context<'_>, session: u64, tree: u32, path: &str) {
        let share = Arc::new(Share::parse(path));
        if self.table.trees.len() < context.limits.open_files {
            self.table.trees.insert((session, tree), Arc::clone(&share));
        }
        self.table.last_share = Some(share);
    }

    /// A file is to be opened in a share; within a chain, in the share of the message before.
    pub(super) fn create(
        &mut self,
        context: &mut Context<'_>,
        client: Side,
        (session, tree): (u64, Option<u32>),
        name: Option<String>,
        user: Option<String>,
    ) -> u32 {
        let share = match tree {
            Some(tree) => self.table.trees.get(&(session, tree)).cloned(),
            None => self.table.last_share.clone(),
        };
        self.add(context, File::new(client, share, name.unwrap_or_default(), user))
    }

    fn add(&mut self, context: &mut Context<'_>, file: File) -> u32 {
        while self.table.open.len() >= context.limits.open_files.max(1)
            && let Some((_, oldest)) = self.table.open.pop_first()
        {
            self.forget(context, oldest, false);
        }
        self.table.opened = self.table.opened.wrapping_add(1);
        self.table.open.insert(self.table.opened, file);
        self.table.opened
    }

    fn forget(&mut self, context: &mut Context<'_>, mut file: File, end_seen: bool) {
        file.end_written(context, end_seen);
        file.end_read(context, end_seen);
        if let Some(id) = file.id {
            self.table.by_id.remove(&id);
        }
    }

    /// The server has opened a file, or has not.
    pub(super) fn created(&mut self, context: &mut Context<'_>, file: u32, created: Option<(u64, FileId)>) {
        match created {
            Some((size, id)) => {
                if let Some(open) = self.table.open.get_mut(&file) {
                    open.size = Some(size);
                    open.id = Some(id);
                    self.table.by_id.insert(id, file);
                }
            }
            None => {
                if let Some(refused) = self.table.open.remove(&file) {
                    self.forget(context, refused, true);
                }
            }
        }
    }

    /// The file of this id; one that was opened before the capture began has no name.
    pub(super) fn by_id(&mut self, context: &mut Context<'_>, client: Side, id: FileId) -> u32 {
        if let Some(file) = self.table.by_id.get(&id) {
            return *file;
        }
        let mut file = File::new(client, None, String::new(), None);
        file.id = Some(id);
        let file = self.add(context, file);
        self.table.by_id.insert(id, file);
        file
    }

    /// Where content goes that the client sends.
    pub(super) fn write(&mut self, file: u32, offset: u64) -> Target {
        let mut target = Target { file, offset, written: true };
        if let Some(open) = self.table.open.get_mut(&file) {
            if open.is_pipe() {
                target.offset = open.pipe_written;
            } else if open.written.is_untouched() && open.size == Some(offset) {
                // It goes on where the file ended.
                open.written = InOrder::at(offset);
            }
        }
        target
    }

    /// Over a pipe, content goes on where it was.
    pub(super) fn append_if_pipe(&self, target: Target) -> Target {
        match self.table.open.get(&target.file).filter(|open| open.is_pipe()) {
            Some(open) => Target { offset: open.pipe_read, ..target },
            None => target,
        }
    }

    /// The next bytes of a target. False: its file is no more.
    pub(super) fn content(&mut self, context: &mut Context<'_>, target: &mut Target, data: &[u8]) -> bool {
        self.with(target, data.len() as u64, |content, start, offset| {
            content.write(context, start, offset, data);
        })
    }

    /// Bytes of a target are missing.
    pub(super) fn missing(&mut self, context: &mut Context<'_>, target: &mut Target, bytes: u64) {
        let _ended = self.with(target, bytes, |content, start, offset| {
            content.miss(context, start, offset, bytes);
        });
    }

    fn with(
        &mut self,
        target: &mut Target,
        bytes: u64,
        act: impl FnOnce(&mut InOrder, crate::in_order::Start<'_>, u64),
    ) -> bool {
        let Some(file) = self.table.open.get_mut(&target.file) else { return false };
        let written = target.written;
        let mut content = std::mem::take(if written { &mut file.written } else { &mut file.read });
        act(&mut content, &|context| file.start(context, written), target.offset);
        target.offset = target.offset.saturating_add(bytes);
        if written {
            (file.written, file.pipe_written) = (content, target.offset);
        } else {
            (file.read, file.pipe_read) = (content, target.offset);
        }
        true
    }

    /// Messages of one side were missing.
    pub(super) fn doubt(&mut self, from: Side) {
        for file in self.table.open.values_mut() {
            file.doubtful = Some(from);
        }
    }

    /// The server has nothing (more) at this place: if there is no hole before it, the whole was read.
    pub(super) fn end_of_file(&mut self, target: Target, status: u32) {
        const END_OF_FILE: u32 = 0xc000_0011;
        if let Some(file) = self.table.open.get_mut(&target.file).filter(|_| status == END_OF_FILE) {
            file.size = Some(target.offset.min(file.read.next()));
        }
    }

    /// A file gets another name while it is open.
    pub(super) fn rename(&mut self, context: &mut Context<'_>, file: u32, name: String) {
        let Some(file) = self.table.open.get_mut(&file) else { return };
        for transfer in [file.written.transfer(), file.read.transfer()].into_iter().flatten() {
            context.named(transfer, filename(&name), None);
        }
        file.name = name;
    }

    /// The client writes no more.
    pub(super) fn end_written(&mut self, context: &mut Context<'_>, file: u32) {
        if let Some(file) = self.table.open.get_mut(&file) {
            file.end_written(context, true);
        }
    }

    /// The server has closed a file.
    pub(super) fn close(&mut self, context: &mut Context<'_>, file: u32) {
        if let Some(file) = self.table.open.remove(&file) {
            self.forget(context, file, true);
        }
    }

    /// The connection is over.
    pub(super) fn end_all(&mut self, context: &mut Context<'_>) {
        while let Some((_, file)) = self.table.open.pop_first() {
            self.forget(context, file, false);
        }
    }
}
