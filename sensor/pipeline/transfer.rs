//! Open transfers of a shard: each drives its content walk and the scans of its objects.
//!
//! Owns: the state between `Begin` and `End`. Never does: protocol parsing; deciding what a finding means.

use crate::event::FinishedTransfer;
use crate::scanners::{Scan, Scanners};
use egret_content::{Buffers, Walker};
use egret_detect::NearMiss;
use egret_model::{
    ContentEvent, ContentHints, ContentLimits, Coverage, Flow, Hit, ObjectId, ObjectRecord, Timestamp,
    TransferKey, TransferStart, Uninspected,
};
use hashbrown::HashMap;
use std::sync::Arc;

/// The transfers of one shard that have begun and not ended.
pub(crate) struct OpenTransfers {
    open: HashMap<TransferKey, Box<OpenTransfer>, foldhash::fast::RandomState>,
    /// Limits of transfers that begin now: one of the two that follow.
    limits: Arc<ContentLimits>,
    usual: Arc<ContentLimits>,
    strained: Arc<ContentLimits>,
    buffers: Buffers,
}

struct OpenTransfer {
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
    /// Under overload, containers of more than `strained_container_bytes` are not unpacked.
    pub(crate) fn new(limits: &ContentLimits, strained_container_bytes: usize) -> Self {
        let usual = Arc::new(limits.clone());
        let buffer_bytes = limits.buffer_bytes.min(strained_container_bytes);
        let strained = Arc::new(ContentLimits { buffer_bytes, ..limits.clone() });
        let buffers = Buffers::new(limits);
        Self { open: HashMap::default(), limits: Arc::clone(&usual), usual, strained, buffers }
    }

    /// Transfers that have begun and not ended.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
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
        self.open.insert(key, Box::new(open));
    }

    pub(crate) fn body(&mut self, key: TransferKey, data: &[u8], scanners: &mut Scanners) {
        let Some(open) = self.open.get_mut(&key) else { return };
        open.bytes += data.len() as u64;
        let OpenTransfer { start, walker, inspection, .. } = &mut **open;
        let walker = walker.get_or_insert_with(|| {
            Walker::with_buffers(&hints(start), Arc::clone(&self.limits), self.buffers.clone())
        });
        walker.push(data, &mut |event| inspection.take(event, scanners));
    }

    pub(crate) fn gap(&mut self, key: TransferKey, bytes: u64, scanners: &mut Scanners) {
        let Some(open) = self.open.get_mut(&key) else { return };
        open.gap = true;
        open.inspection.uninspected.add(Uninspected::Gap, bytes);
        let OpenTransfer { start, walker, inspection, .. } = &mut **open;
        let walker = walker.get_or_insert_with(|| {
            Walker::with_buffers(&hints(start), Arc::clone(&self.limits), self.buffers.clone())
        });
        walker.gap(bytes, &mut |event| inspection.take(event, scanners));
    }

    pub(crate) fn opaque(&mut self, key: TransferKey, bytes: u64, reason: Uninspected) {
        let Some(open) = self.open.get_mut(&key) else { return };
        open.bytes += bytes;
        open.inspection.uninspected.add(reason, bytes);
        if reason == Uninspected::Encrypted {
            open.encrypted += bytes;
        }
    }

    pub(crate) fn named(&mut self, key: TransferKey, filename: Option<String>, server_name: Option<String>) {
        let Some(open) = self.open.get_mut(&key) else { return };
        open.start.filename = filename.or_else(|| open.start.filename.take());
        open.start.server_name = server_name.or_else(|| open.start.server_name.take());
    }

    /// Ends a transfer. `overlap`: its flow had inconsistent overlaps.
    pub(crate) fn end(
        &mut self,
        key: TransferKey,
        complete: bool,
        ended_at: Timestamp,
        overlap: bool,
        scanners: &mut Scanners,
    ) -> Option<FinishedTransfer> {
        let mut open = *self.open.remove(&key)?;
        let complete = complete && !open.gap;
        if let Some(mut walker) = open.walker.take() {
            let inspection = &mut open.inspection;
            walker.finish(complete, &mut |event| inspection.take(event, scanners));
        }
        let OpenTransfer { start, capture, packet, tunnel, inspection, bytes, encrypted, .. } = open;
        let uninspected = inspection.uninspected;
        let (mut objects, hits) = inspection.close();
        // A name that was learnt on the way is the body's.
        if let Some(body) = objects.first_mut().filter(|body| body.filename.is_none()) {
            body.filename.clone_from(&start.filename);
        }
        Some(FinishedTransfer {
            start,
            capture,
            packet,
            key: key.0,
            tunnel,
            ended_at,
            bytes,
            complete,
            readable: encrypted == 0 || encrypted < bytes,
            inconsistent_overlap: overlap,
            uninspected,
            objects,
            hits,
        })
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
