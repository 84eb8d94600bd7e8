//! The pool that unpacks containers off the path of packets.
//!
//! Owns: transfers that were handed on, what waits for them, and what they come to. Never does: deciding which transfers are handed on;
//! the walk, which is the same wherever it runs.
//!
//! A transfer is handed on as it is, with its walk and its open scans, while it holds a container that is not whole yet. What happens to
//! it from then on waits in its queue, in the pieces in which it came, and a thread of the pool goes on with it, portion by portion. So
//! it comes to what it would have come to where it began. At its end its worker tells the correlator that it has ended ([`Promise`]);
//! the correlator takes it in the place of the packet that ended it; that of a live run waits for nothing and takes it when it is known.
//!
//! What waits is bounded. Where there is no room, nothing more is handed on, and what was handed on already waits until there is. That
//! can be no deadlock: threads of the pool wait for nothing but work, and whatever one waits for has been told to them.

use crate::event::FinishedTransfer;
use crate::scanners::Scanners;
use crate::transfer::{Ending, OpenTransfer};
use crossbeam_channel::{Receiver, Sender, unbounded};
use egret_detect::SignatureSet;
use egret_model::{Coverage, DetectLimits, PipelineLimits, Uninspected};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of one transfer from which the pool is told of them (256 KiB): a wake-up for each packet would cost more than the packet.
const PORTION_BYTES: usize = 256 << 10;

/// The way to the pool. It ends when no worker has one any more.
#[derive(Clone)]
pub(crate) struct Pool {
    jobs: Sender<Arc<Away>>,
    room: Arc<Room>,
}

/// One thread of the pool.
#[derive(Clone)]
pub(crate) struct Unpacker {
    jobs: Receiver<Arc<Away>>,
    room: Arc<Room>,
}

/// What waits for the pool.
struct Room {
    load: Mutex<RoomLoad>,
    /// There is less of it than there was.
    less: Condvar,
    /// Bytes that may wait.
    most: usize,
    /// Transfers that may be handed on, however little of them waits.
    most_transfers: usize,
}

#[derive(Default)]
struct RoomLoad {
    /// Bytes that the pool does not know of yet, and bytes that it does.
    gathered: usize,
    told: usize,
    /// Transfers that were handed on and have not come back.
    transfers: usize,
    /// A transfer was lost by a defect.
    failed: bool,
}

/// A transfer that was handed on.
struct Away {
    queue: Mutex<Queue>,
    /// None while a thread works on it, and when it has come to its end.
    transfer: Mutex<Option<Box<OpenTransfer>>>,
    /// Those in force when it was handed on: for objects that begin in it.
    signatures: Arc<SignatureSet>,
    /// What could not be inspected, of all transfers of its shard that were handed on.
    refused: Arc<Mutex<Coverage>>,
    outcome: Mutex<Outcome>,
    decided: Condvar,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    inputs: Vec<Input>,
    /// The pool knows that there is something in it.
    told: bool,
}

/// What happens to a transfer. Bytes of its body are in the queue's, one piece behind the other.
enum Input {
    Body(usize),
    Gap(u64),
    Opaque(u64, Uninspected),
    Named(Option<String>, Option<String>),
    End(Ending),
}

enum Outcome {
    /// It is not known yet.
    Open,
    /// None: a defect has lost it.
    Known(Option<Box<FinishedTransfer>>),
}

/// A worker's end of a transfer that was handed on.
pub(crate) struct Handed {
    away: Arc<Away>,
    pool: Pool,
    ended: bool,
}

/// A transfer that has ended, and comes back from the pool at some time.
pub(crate) struct Promise(Arc<Away>);

impl Pool {
    /// A pool; each of its threads runs a clone of the unpacker.
    pub(crate) fn new(limits: &PipelineLimits) -> (Self, Unpacker) {
        let (jobs, received) = unbounded();
        let room = Room {
            load: Mutex::default(),
            less: Condvar::new(),
            most: limits.unpack_bytes.max(1),
            most_transfers: limits.unpack_transfers,
        };
        let room = Arc::new(room);
        (Self { jobs, room: Arc::clone(&room) }, Unpacker { jobs: received, room })
    }

    /// Whether another transfer may be handed on.
    pub(crate) fn has_room(&self) -> bool {
        let load = locked(&self.room.load);
        load.gathered + load.told < self.room.most.div_ceil(2) && load.transfers < self.room.most_transfers
    }

    /// Takes a transfer, whose scans were let go of.
    pub(crate) fn take(
        &self,
        transfer: Box<OpenTransfer>,
        signatures: Arc<SignatureSet>,
        refused: Arc<Mutex<Coverage>>,
    ) -> Handed {
        locked(&self.room.load).transfers += 1;
        let away = Away {
            queue: Mutex::default(),
            transfer: Mutex::new(Some(transfer)),
            signatures,
            refused,
            outcome: Mutex::new(Outcome::Open),
            decided: Condvar::new(),
        };
        Handed { away: Arc::new(away), pool: self.clone(), ended: false }
    }

    /// Waits until everything that was handed on has come back. All of it must have ended, or be about to.
    pub(crate) fn wait_for_all(&self) {
        let load = locked(&self.room.load);
        drop(self.room.less.wait_while(load, |load| load.transfers > 0));
    }

    /// Whether a transfer was lost by a defect.
    pub(crate) fn has_failed(&self) -> bool {
        locked(&self.room.load).failed
    }

    fn tell(&self, away: &Arc<Away>) {
        // The threads of the pool outlive every way to it.
        let _ = self.jobs.send(Arc::clone(away));
    }
}

impl Handed {
    pub(crate) fn body(&self, data: &[u8]) {
        self.queue(Input::Body(data.len()), data);
    }

    pub(crate) fn gap(&self, bytes: u64) {
        self.queue(Input::Gap(bytes), &[]);
    }

    pub(crate) fn opaque(&self, bytes: u64, reason: Uninspected) {
        self.queue(Input::Opaque(bytes, reason), &[]);
    }

    pub(crate) fn named(&self, filename: Option<String>, server_name: Option<String>) {
        self.queue(Input::Named(filename, server_name), &[]);
    }

    pub(crate) fn end(mut self, ending: Ending) -> Promise {
        self.ended = true;
        self.queue(Input::End(ending), &[]);
        Promise(Arc::clone(&self.away))
    }

    /// Lets it wait, and tells the pool if it is worth the while. Blocks while there is no room.
    fn queue(&self, input: Input, data: &[u8]) {
        let Self { away, pool, .. } = self;
        let room = &pool.room;
        let ends = matches!(input, Input::End(_));
        let mut queue = locked(&away.queue);
        queue.bytes.extend_from_slice(data);
        queue.inputs.push(input);
        let mut load = locked(&room.load);
        let mut news = false;
        if queue.told {
            load.told += data.len();
        } else {
            load.gathered += data.len();
            let portion = queue.bytes.len() >= PORTION_BYTES || load.gathered >= room.most.div_ceil(2);
            if portion || ends {
                load.gathered -= queue.bytes.len();
                load.told += queue.bytes.len();
                (queue.told, news) = (true, true);
            }
        }
        let full = load.told >= room.most;
        drop((load, queue));
        if news {
            pool.tell(away);
        }
        if full {
            let load = locked(&room.load);
            drop(room.less.wait_while(load, |load| load.told >= room.most));
        }
    }
}

impl Drop for Handed {
    /// A run that is given up leaves transfers behind that nobody ends: nobody is to wait for them.
    fn drop(&mut self) {
        if !self.ended {
            self.pool.room.one_less();
        }
    }
}

impl Room {
    fn one_less(&self) {
        locked(&self.load).transfers -= 1;
        self.less.notify_all();
    }
}

impl Promise {
    /// What it came to, if that is known. None inside: a defect has lost it, see [`Pool::has_failed`].
    pub(crate) fn poll(&self) -> Option<Option<Box<FinishedTransfer>>> {
        match &mut *locked(&self.0.outcome) {
            Outcome::Open => None,
            Outcome::Known(finished) => Some(finished.take()),
        }
    }

    /// Waits until it is known.
    pub(crate) fn wait(&self) {
        let outcome = locked(&self.0.outcome);
        drop(self.0.decided.wait_while(outcome, |outcome| matches!(outcome, Outcome::Open)));
    }
}

impl std::fmt::Debug for Promise {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Promise")
    }
}

impl Unpacker {
    /// Works until no worker has a way to the pool any more.
    pub(crate) fn run(self, signatures: &Arc<SignatureSet>, limits: &DetectLimits) {
        let mut scanners = Scanners::new(Arc::clone(signatures), limits);
        for away in &self.jobs {
            // Whoever waits for a transfer must hear of it, whatever happens to it. What is left of its queue is thrown away.
            while catch_unwind(AssertUnwindSafe(|| away.work(&mut scanners, &self.room))).is_err() {
                locked(&self.room.load).failed = true;
                scanners = Scanners::new(Arc::clone(signatures), limits);
            }
        }
    }
}

impl Away {
    /// Goes on with the transfer until nothing waits for it.
    fn work(&self, scanners: &mut Scanners, room: &Room) {
        loop {
            let (bytes, inputs) = {
                let mut queue = locked(&self.queue);
                if queue.inputs.is_empty() {
                    queue.told = false;
                    return;
                }
                (std::mem::take(&mut queue.bytes), std::mem::take(&mut queue.inputs))
            };
            let ends = matches!(inputs.last(), Some(Input::End(_)));
            let mut taken = Taken { away: self, room, bytes: bytes.len(), ends, finished: None };
            let transfer = locked(&self.transfer).take();
            taken.finished = self.portion(transfer, &bytes, inputs, scanners);
        }
    }

    /// Goes on with the transfer for what has come; what it comes to, if it ends with that.
    fn portion(
        &self,
        mut transfer: Option<Box<OpenTransfer>>,
        bytes: &[u8],
        inputs: Vec<Input>,
        scanners: &mut Scanners,
    ) -> Option<FinishedTransfer> {
        scanners.put_in_force(&self.signatures);
        if let Some(transfer) = &mut transfer {
            transfer.scans().for_each(|scan| scanners.take_up(scan));
        }
        let mut rest = bytes;
        for input in inputs {
            if let Input::End(ending) = input {
                return transfer.take().map(|transfer| transfer.end(ending, scanners));
            }
            let piece;
            (piece, rest) = match input {
                Input::Body(length) => rest.split_at_checked(length).unwrap_or((rest, &[])),
                _ => (&[][..], rest),
            };
            let Some(transfer) = &mut transfer else { continue };
            match input {
                Input::Body(_) => transfer.body(piece, scanners),
                Input::Gap(bytes) => transfer.gap(bytes, scanners),
                Input::Opaque(bytes, reason) => transfer.opaque(bytes, reason),
                Input::Named(filename, server_name) => transfer.named(filename, server_name),
                Input::End(_) => {}
            }
        }
        if let Some(transfer) = &mut transfer {
            transfer.scans().for_each(|scan| scanners.hand_over(scan));
        }
        *locked(&self.transfer) = transfer;
        None
    }

    fn come_back(&self, finished: Option<FinishedTransfer>) {
        if let Some(finished) = &finished {
            locked(&self.refused).merge(&finished.refused());
        }
        *locked(&self.outcome) = Outcome::Known(finished.map(Box::new));
        self.decided.notify_all();
    }
}

/// What a thread of the pool works on. With it go its bytes, and a transfer that has ended, whatever has become of it.
struct Taken<'a> {
    away: &'a Away,
    room: &'a Room,
    bytes: usize,
    ends: bool,
    finished: Option<FinishedTransfer>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        locked(&self.room.load).told -= self.bytes;
        if self.ends {
            self.away.come_back(self.finished.take());
            self.room.one_less();
        } else {
            self.room.less.notify_all();
        }
    }
}

/// Nothing is left half done in what is locked here, so that what a panic has left is as good as ever.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
mod tests;
