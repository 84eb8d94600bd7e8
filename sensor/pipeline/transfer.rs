//! Open transfers of a shard: each drives its content walk and the scans of its objects.
//!
//! Owns: the state between `Begin` and `End`, and which transfers go on in the pool. Never does: protocol parsing; deciding what a
//! finding means.

use crate::event::FinishedTransfer;
use crate::scanners::{Scan, Scanners};
use crate::unpack::{Handed, Pool, Promise};
use egret_content::{Buffers, Walker};
use egret_detect::NearMiss;
use egret_model::{
    ContentEvent, ContentHints, ContentLimits, Coverage, Flow, Hit, ObjectId, ObjectRecord, Timestamp,
    TransferKey, TransferStart, Uninspected,
};
use hashbrown::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The transfers of one shard that have begun and not ended.
pub(crate) struct OpenTransfers {
    open: HashMap<TransferKey, Place, foldhash::fast::RandomState>,
    /// Limits of transfers that begin now: one of the two that follow.
    limits: Arc<ContentLimits>,
    usual: Arc<ContentLimits>,
    strained: Arc<ContentLimits>,
    buffers: Buffers,
    /// Where containers are unpacked; None: here.
    pool: Option<Pool>,
    /// What could not be inspected of transfers that were handed on.
    refused: Arc<Mutex<Coverage>>,
}

/// Where a transfer is.
enum Place {
    Here(Box<OpenTransfer>),
    /// In the pool.
    Away(Handed),
}

/// What an ended transfer comes to.
pub(crate) enum Ended {
    Finished(Box<FinishedTransfer>),
    /// It is told in the pool.
    Promised(Promise),
}

/// How a transfer ends.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    key: u64,
    complete: bool,
    at: Timestamp,
    /// Its flow had inconsistent overlaps.
    overlap: bool,
}

/// A transfer that has begun and not ended.
pub(crate) struct OpenTransfer {
    start: Box<TransferStart>,
    capture: u16,
    packet: u64,
    tunnel: Vec<String>,
    walker: Option<Walker>,
    inspection: Inspection,
    bytes: u64,
    encrypted: u64,
    gap: bool,
}

/// How content is inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// As traffic is.
    #[default]
    Usual,
    /// The same, and what nearly matches is told.
    Explaining,
}

/// The objects of a transfer while it is walked.
#[derive(Default)]
pub(crate) struct Inspection {
    /// When it passed; None for a file.
    pub(crate) at: Option<Timestamp>,
    scans: Vec<(ObjectId, Scan)>,
    /// By object id: in order of discovery.
    objects: Vec<Option<ObjectRecord>>,
    hits: Vec<(ObjectId, Hit)>,
    /// Notes what nearly matches, too.
    pub(crate) how: How,
    /// What nearly matched, by path of its object.
    pub(crate) near_misses: Vec<(String, NearMiss)>,
    uninspected: Coverage,
}

impl OpenTransfers {
    /// Under overload, containers of more than `strained_container_bytes` are not unpacked. Others go on in the pool, if there is one.
    pub(crate) fn new(limits: &ContentLimits, strained_container_bytes: usize, pool: Option<Pool>) -> Self {
        let usual = Arc::new(limits.clone());
        let buffer_bytes = limits.buffer_bytes.min(strained_container_bytes);
        let strained = Arc::new(ContentLimits { buffer_bytes, ..limits.clone() });
        Self {
            open: HashMap::default(),
            limits: Arc::clone(&usual),
            usual,
            strained,
            buffers: Buffers::new(limits),
            pool,
            refused: Arc::default(),
        }
    }

    /// Transfers that have begun and not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// What could not be inspected of transfers that were handed on and have come back.
    pub(crate) fn refused(&self) -> Coverage {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether large containers are unpacked in bodies that begin from now on. One that is not is hashed and read as it is, and
    /// its state is over-limit.
    pub(crate) fn unpack_large_containers(&mut self, unpack: bool) {
        self.limits = Arc::clone(if unpack { &self.usual } else { &self.strained });
    }

    pub(crate) fn begin(&mut self, key: TransferKey, start: Box<TransferStart>, flow: &Flow) {
        let mut tunnel = flow.tunnel.layers().to_vec();
        tunnel.extend(start.inner_tunnel.iter().cloned());
        let at = start.at;
        let open = OpenTransfer {
            start,
            capture: flow.first_packet.capture,
            packet: flow.first_packet.number,
            tunnel,
            walker: None,
            inspection: Inspection { at: Some(at), ..Inspection::default() },
            bytes: 0,
            encrypted: 0,
            gap: false,
        };
        self.open.insert(key, Place::Here(Box::new(open)));
    }

    pub(crate) fn body(&mut self, key: TransferKey, data: &[u8], scanners: &mut Scanners) {
        let Self { open, limits, buffers, .. } = self;
        match open.get_mut(&key) {
            Some(Place::Here(transfer)) => {
                transfer.walk(limits, buffers);
                transfer.body(data, scanners);
                if transfer.holds_container() {
                    self.hand_on(key, scanners);
                }
            }
            Some(Place::Away(handed)) => handed.body(data),
            None => {}
        }
    }

    /// Lets a transfer go on in the pool, where there is one and it has room.
    #[cold]
    fn hand_on(&mut self, key: TransferKey, scanners: &mut Scanners) {
        let Some(pool) = self.pool.as_ref().filter(|pool| pool.has_room()) else { return };
        let Some(Place::Here(mut transfer)) = self.open.remove(&key) else { return };
        transfer.scans().for_each(|scan| scanners.hand_over(scan));
        let handed = pool.take(transfer, Arc::clone(scanners.in_force()), Arc::clone(&self.refused));
        self.open.insert(key, Place::Away(handed));
    }

    pub(crate) fn gap(&mut self, key: TransferKey, bytes: u64, scanners: &mut Scanners) {
        let Self { open, limits, buffers, .. } = self;
        match open.get_mut(&key) {
            Some(Place::Here(transfer)) => {
                transfer.walk(limits, buffers);
                transfer.gap(bytes, scanners);
            }
            Some(Place::Away(handed)) => handed.gap(bytes),
            None => {}
        }
    }

    pub(crate) fn opaque(&mut self, key: TransferKey, bytes: u64, reason: Uninspected) {
        match self.open.get_mut(&key) {
            Some(Place::Here(transfer)) => transfer.opaque(bytes, reason),
            Some(Place::Away(handed)) => handed.opaque(bytes, reason),
            None => {}
        }
    }

    pub(crate) fn named(&mut self, key: TransferKey, filename: Option<String>, server_name: Option<String>) {
        match self.open.get_mut(&key) {
            Some(Place::Here(transfer)) => transfer.named(filename, server_name),
            Some(Place::Away(handed)) => handed.named(filename, server_name),
            None => {}
        }
    }

    /// Ends a transfer. `overlap`: its flow had inconsistent overlaps.
    pub(crate) fn end(
        &mut self,
        key: TransferKey,
        complete: bool,
        at: Timestamp,
        overlap: bool,
        scanners: &mut Scanners,
    ) -> Option<Ended> {
        if let Some(Place::Here(transfer)) = self.open.get(&key)
            && transfer.holds_container()
        {
            self.hand_on(key, scanners);
        }
        let ending = Ending { key: key.0, complete, at, overlap };
        Some(match self.open.remove(&key)? {
            Place::Here(transfer) => Ended::Finished(Box::new(transfer.end(ending, scanners))),
            Place::Away(handed) => Ended::Promised(handed.end(ending)),
        })
    }
}

impl OpenTransfer {
    /// Begins the walk, if it has not begun.
    fn walk(&mut self, limits: &Arc<ContentLimits>, buffers: &Buffers) {
        let Self { walker, start, .. } = self;
        walker
            .get_or_insert_with(|| Walker::with_buffers(&hints(start), Arc::clone(limits), buffers.clone()));
    }

    fn holds_container(&self) -> bool {
        self.walker.as_ref().is_some_and(Walker::holds_container)
    }

    /// The open scans of its objects.
    pub(crate) fn scans(&mut self) -> impl Iterator<Item = &mut Scan> {
        self.inspection.scans.iter_mut().map(|(_, scan)| scan)
    }

    pub(crate) fn body(&mut self, data: &[u8], scanners: &mut Scanners) {
        self.bytes += data.len() as u64;
        let Self { walker, inspection, .. } = self;
        if let Some(walker) = walker {
            walker.push(data, &mut |event| inspection.take(event, scanners));
        }
    }

    pub(crate) fn gap(&mut self, bytes: u64, scanners: &mut Scanners) {
        self.gap = true;
        self.inspection.uninspected.add(Uninspected::Gap, bytes);
        let Self { walker, inspection, .. } = self;
        if let Some(walker) = walker {
            walker.gap(bytes, &mut |event| inspection.take(event, scanners));
        }
    }

    pub(crate) fn opaque(&mut self, bytes: u64, reason: Uninspected) {
        self.bytes += bytes;
        self.inspection.uninspected.add(reason, bytes);
        if reason == Uninspected::Encrypted {
            self.encrypted += bytes;
        }
    }

    pub(crate) fn named(&mut self, filename: Option<String>, server_name: Option<String>) {
        self.start.filename = filename.or_else(|| self.start.filename.take());
        self.start.server_name = server_name.or_else(|| self.start.server_name.take());
    }

    pub(crate) fn end(mut self: Box<Self>, ending: Ending, scanners: &mut Scanners) -> FinishedTransfer {
        let complete = ending.complete && !self.gap;
        if let Some(mut walker) = self.walker.take() {
            let inspection = &mut self.inspection;
            walker.finish(complete, &mut |event| inspection.take(event, scanners));
        }
        let Self { start, capture, packet, tunnel, inspection, bytes, encrypted, .. } = *self;
        let uninspected = inspection.uninspected;
        let (mut objects, hits) = inspection.close();
        // A name that was learnt on the way is the body's.
        if let Some(body) = objects.first_mut().filter(|body| body.filename.is_none()) {
            body.filename.clone_from(&start.filename);
        }
        FinishedTransfer {
            start,
            capture,
            packet,
            key: ending.key,
            tunnel,
            ended_at: ending.at,
            bytes,
            complete,
            readable: encrypted == 0 || encrypted < bytes,
            inconsistent_overlap: ending.overlap,
            uninspected,
            objects,
            hits,
        }
    }
}

impl Inspection {
    pub(crate) fn take(&mut self, event: ContentEvent<'_>, scanners: &mut Scanners) {
        match event {
            ContentEvent::Begin(start) => {
                let scan = match self.how {
                    How::Usual => scanners.begin(self.at, start.raw),
                    How::Explaining => scanners.begin_explained(start.raw),
                };
                self.scans.push((start.id, scan));
            }
            ContentEvent::Text { object, text } => {
                // Text belongs to the innermost open object, the last one, but for the odd heading of an outer one.
                if let Some((_, scan)) = self.scans.iter_mut().rev().find(|(id, _)| *id == object) {
                    scanners.push(scan, text);
                }
            }
            ContentEvent::End { object, record, uninspected } => {
                if let Some(place) = self.scans.iter().rposition(|(id, _)| *id == object) {
                    let (_, scan) = self.scans.remove(place);
                    let hits = match self.how {
                        How::Usual => scanners.finish(scan, &record.sha256, &record.media_type),
                        How::Explaining => {
                            let (hits, misses) =
                                scanners.finish_explained(scan, &record.sha256, &record.media_type);
                            let path = &record.path;
                            self.near_misses.extend(misses.into_iter().map(|miss| (path.clone(), miss)));
                            hits
                        }
                    };
                    self.hits.extend(hits.into_iter().map(|hit| (object, hit)));
                }
                if let Some((reason, bytes)) = uninspected
                    && reason != Uninspected::Gap
                {
                    self.uninspected.add(reason, bytes);
                }
                let place = object.0 as usize;
                if self.objects.len() <= place {
                    self.objects.resize_with(place + 1, || None);
                }
                if let Some(slot) = self.objects.get_mut(place) {
                    *slot = Some(record);
                }
            }
        }
    }

    /// The objects in order of discovery, and the hits by index into them.
    pub(crate) fn close(self) -> (Vec<ObjectRecord>, Vec<(usize, Hit)>) {
        let mut index_of = Vec::with_capacity(self.objects.len());
        let mut objects = Vec::with_capacity(self.objects.len());
        for record in self.objects {
            index_of.push(objects.len());
            objects.extend(record);
        }
        let mut hits: Vec<(usize, Hit)> = self
            .hits
            .into_iter()
            .filter_map(|(object, hit)| Some((*index_of.get(object.0 as usize)?, hit)))
            .collect();
        hits.sort_by(|(a, x), (b, y)| (a, &x.signature).cmp(&(b, &y.signature)));
        (objects, hits)
    }
}

/// What the protocol says of the content.
pub(crate) fn hints(start: &TransferStart) -> ContentHints {
    ContentHints {
        media_type: start.media_type.clone(),
        filename: start.filename.clone(),
        codings: start.codings.clone(),
        mail: start.mail,
    }
}
