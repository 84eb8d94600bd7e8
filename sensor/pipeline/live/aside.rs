//! Records for somebody who may be slow: kept on a thread of its own, so that neither a disk nor a database holds up the correlator.
//!
//! Owns: the thread, what waits for it, and trying again. Never does: the keeping itself.

use crate::{Record, SinkError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use egret_model::{FindingRecord, Incident, SightingRecord, TransferRecord};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Records that may wait; with more, all but incidents are lost, which is counted.
const WAITING: usize = 50_000;
/// Incidents that wait beside them, each in its newest state only.
const INCIDENTS: usize = 10_000;
/// Records kept at once.
const BATCH: usize = 1_000;
/// Longest wait for more of them before they are kept.
const GATHER: Duration = Duration::from_millis(100);
/// Between two attempts at the same records.
const AGAIN: Duration = Duration::from_millis(500);
/// Attempts when the run is over.
const LAST_ATTEMPTS: u32 = 20;

/// A record of one's own.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "as `Record`")]
pub enum OwnedRecord {
    Transfer(Box<TransferRecord>),
    Finding(Box<FindingRecord>),
    Sighting(Box<SightingRecord>),
    Incident(Box<Incident>),
}

impl OwnedRecord {
    /// The record.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        match self {
            Self::Transfer(record) => Record::Transfer(record),
            Self::Finding(record) => Record::Finding(record),
            Self::Sighting(record) => Record::Sighting(record),
            Self::Incident(record) => Record::Incident(record),
        }
    }

    fn of(record: Record<'_>) -> Self {
        match record {
            Record::Transfer(record) => Self::Transfer(Box::new(record.clone())),
            Record::Finding(record) => Self::Finding(Box::new(record.clone())),
            Record::Sighting(record) => Self::Sighting(Box::new(record.clone())),
            Record::Incident(record) => Self::Incident(Box::new(record.clone())),
        }
    }
}

/// Keeps records; called by one thread.
pub trait Keeper: Send + 'static {
    /// Keeps all of `records` for good, or none. After an error the same are offered again.
    fn keep(&mut self, records: &[OwnedRecord]) -> Result<(), SinkError>;
}

/// The way to a [`Keeper`] on its own thread.
#[derive(Debug)]
pub struct Aside {
    records: Option<Sender<OwnedRecord>>,
    /// Incidents for which there was no room.
    incidents: BTreeMap<String, OwnedRecord>,
    /// Records that could not be kept, and of those the ones that were told.
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Aside {
    /// Starts the thread.
    pub fn start(name: &str, keeper: impl Keeper) -> std::io::Result<Self> {
        let (records, received) = bounded(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&lost);
        let thread =
            thread::Builder::new().name(name.to_owned()).spawn(move || work(keeper, &received, &count))?;
        Ok(Self { records: Some(records), incidents: BTreeMap::new(), lost, thread: Some(thread) })
    }

    /// Takes a record without waiting. An error says that one is lost, this or an earlier one.
    pub fn take(&mut self, record: Record<'_>) -> Result<(), SinkError> {
        self.offer_incidents();
        let Some(records) = &self.records else { return Ok(()) };
        if let Err(refused) = records.try_send(OwnedRecord::of(record)) {
            match refused.into_inner() {
                OwnedRecord::Incident(incident) if self.incidents.len() < INCIDENTS => {
                    self.incidents.insert(incident.id.clone(), OwnedRecord::Incident(incident));
                }
                _ => return Err("the store cannot keep up: a record is not in it".into()),
            }
        }
        self.tell_lost()
    }

    /// Offers again what found no room.
    pub fn flush(&mut self) -> Result<(), SinkError> {
        self.offer_incidents();
        self.tell_lost()
    }

    fn offer_incidents(&mut self) {
        let Some(records) = &self.records else { return };
        while let Some((id, incident)) = self.incidents.pop_first() {
            if let Err(refused) = records.try_send(incident) {
                self.incidents.insert(id, refused.into_inner());
                return;
            }
        }
    }

    /// One error for each record that could not be kept.
    fn tell_lost(&self) -> Result<(), SinkError> {
        let lost = self.lost.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |lost| lost.checked_sub(1));
        if lost.is_ok() { Err("a record could not be kept in the store".into()) } else { Ok(()) }
    }
}

impl Drop for Aside {
    /// Waits until everything is kept, or has been tried for some seconds.
    fn drop(&mut self) {
        if let Some(records) = self.records.take() {
            for incident in std::mem::take(&mut self.incidents).into_values() {
                let _ = records.send_timeout(incident, AGAIN * LAST_ATTEMPTS);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn work(mut keeper: impl Keeper, records: &Receiver<OwnedRecord>, lost: &AtomicU64) {
    let mut batch = Vec::new();
    let mut failing = false;
    let mut attempts = LAST_ATTEMPTS;
    loop {
        let over = gather(records, &mut batch);
        if !batch.is_empty() {
            match keeper.keep(&batch) {
                Ok(()) => {
                    batch.clear();
                    failing = false;
                }
                Err(error) => {
                    if !failing {
                        tracing::error!(%error, "records cannot be kept in the store; they are offered again");
                    }
                    failing = true;
                    if over {
                        attempts -= 1;
                    }
                    if attempts == 0 {
                        let left = batch.len() + records.len();
                        tracing::error!(
                            records = left,
                            "the run is over, and these records are not in the store"
                        );
                        lost.fetch_add(left as u64, Ordering::Relaxed);
                        return;
                    }
                    thread::sleep(AGAIN);
                }
            }
        }
        if over && batch.is_empty() && records.is_empty() {
            return;
        }
    }
}

/// Fills the batch from what waits, and a moment longer; true when no more can come.
fn gather(records: &Receiver<OwnedRecord>, batch: &mut Vec<OwnedRecord>) -> bool {
    while batch.len() < BATCH {
        match records.recv_timeout(GATHER) {
            Ok(record) => batch.push(record),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use egret_model::{Evidence, Timestamp};
    use std::sync::Mutex;

    fn sighting(number: i64) -> SightingRecord {
        SightingRecord {
            at: Timestamp::from_seconds(number),
            ip: None,
            mac: None,
            host: None,
            user: None,
            domain: None,
            evidence: Evidence::Dhcp,
            until: None,
        }
    }

    /// Fails the first few times.
    struct Moody(Arc<Mutex<Vec<i64>>>, u32);

    impl Keeper for Moody {
        fn keep(&mut self, records: &[OwnedRecord]) -> Result<(), SinkError> {
            if self.1 > 0 {
                self.1 -= 1;
                return Err("not now".into());
            }
            let mut kept = self.0.lock().unwrap();
            for record in records {
                if let Record::Sighting(sighting) = record.as_record() {
                    kept.push(sighting.at.nanos() / 1_000_000_000);
                }
            }
            Ok(())
        }
    }

    #[test]
    fn everything_is_kept_in_order_though_the_keeper_fails_at_times() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let mut aside = Aside::start("store", Moody(Arc::clone(&kept), 2)).unwrap();
        for number in 0..3_000 {
            aside.take(Record::Sighting(&sighting(number))).unwrap();
        }
        drop(aside);
        assert_eq!(*kept.lock().unwrap(), (0..3_000).collect::<Vec<_>>());
    }
}
