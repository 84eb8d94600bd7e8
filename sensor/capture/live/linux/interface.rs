//! One interface and the sockets on it, for all sources.
//!
//! Owns: when sockets are put on the interface, and the news of its going and coming. Never does: reading packets.
//!
//! An interface that only goes down and up again keeps its sockets, and the kernel resumes by itself. One that vanishes and comes
//! back is another to the kernel, and a socket that has been in a fan-out group can never be bound again. Opening a new socket needs
//! a privilege that is long gone then. So sets of spare sockets are opened at the start, unbound and without memory, and each
//! return of the interface takes one set. A single source needs none: it is in no group, and its socket is bound again.

use super::fanout;
use super::filter::{self, NOTHING};
use super::program::Instruction;
use super::socket::Tap;
use super::sys::{self, PacketSocket};
use crate::live::{LiveError, LiveOptions, Turn};
use rustix::net::netdevice::{index_to_name, name_to_index};
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Returns of a vanished interface that are provided for.
const RETURNS: usize = 32;
/// Spare sockets in all, so that descriptors are left for everything else.
const SPARES: usize = 384;

/// An interface, shared by all sources.
pub(super) struct Interface {
    name: String,
    promiscuous: bool,
    buffer_bytes: usize,
    group: Option<u16>,
    filter: Vec<Instruction>,
    fanout: Vec<Instruction>,
    sources: usize,
    /// Any socket, to ask about interfaces through.
    asking: PacketSocket,
    /// Grows with each set of sockets put on the interface.
    generation: AtomicU64,
    state: Mutex<State>,
}

struct State {
    /// Sets of sockets that were never bound.
    spares: Vec<Vec<PacketSocket>>,
    returns: usize,
    /// The sockets on the interface, and its number; the number is None once it has vanished.
    taps: Vec<Arc<PacketSocket>>,
    index: Option<u32>,
    /// Rings made and not yet fetched, one a source.
    fresh: Vec<Option<Tap>>,
    is_up: bool,
    told: Option<String>,
    news: VecDeque<Turn>,
    /// What the card's own counter of missed packets said last, and what it has grown by since the start.
    missed_before: Option<u64>,
    missed: u64,
}

impl Interface {
    /// Opens the sockets, and puts the first on the interface if it is there.
    pub(super) fn open(
        options: &LiveOptions,
        name: &str,
        place: usize,
        sources: usize,
    ) -> Result<Self, LiveError> {
        let denied = |error: io::Error| explain(name, error);
        let sets = if sources == 1 {
            1
        } else {
            1 + RETURNS.min(SPARES / (sources * options.interfaces.len())).max(1)
        };
        let mut spares = Vec::with_capacity(sets);
        for _ in 0..sets {
            let set = (0..sources).map(|_| PacketSocket::open()).collect::<Result<Vec<_>, _>>();
            spares.push(set.map_err(denied)?);
        }
        // Taken from the end, so that the sockets that are used first were opened first.
        spares.reverse();
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        let interface = Self {
            name: name.to_owned(),
            promiscuous: options.promiscuous,
            buffer_bytes: options.buffer_bytes,
            group: options.fanout_group.map(|first| first.wrapping_add(place)),
            filter: filter::compile(options, name)?,
            fanout: fanout::program(),
            sources,
            asking: PacketSocket::open().map_err(denied)?,
            generation: AtomicU64::new(0),
            state: Mutex::new(State {
                spares,
                returns: 0,
                taps: Vec::new(),
                index: None,
                fresh: Vec::new(),
                is_up: false,
                told: None,
                news: VecDeque::new(),
                missed_before: None,
                missed: 0,
            }),
        };
        interface.missed();
        interface.watch();
        Ok(interface)
    }

    /// How many sets of sockets have been put on the interface.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The new ring of source `source`, once.
    pub(super) fn fetch(&self, source: usize) -> Option<Tap> {
        self.lock().fresh.get_mut(source)?.take()
    }

    /// The next piece of news.
    pub(super) fn news(&self) -> Option<Turn> {
        self.lock().news.pop_front()
    }

    /// Packets that the card has missed since the start, because the host was too slow to take them; where the driver tells.
    pub(super) fn missed(&self) -> u64 {
        let path = format!("/sys/class/net/{}/statistics/rx_missed_errors", self.name);
        let now = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
        let mut state = self.lock();
        if let (Some(now), Some(before)) = (now, state.missed_before) {
            // A card that was taken out and put back counts anew.
            state.missed += now.checked_sub(before).unwrap_or(now);
        }
        state.missed_before = now.or(state.missed_before);
        state.missed
    }

    /// The kernel has told a socket of this interface that something is wrong, and that has to be told even if it has passed.
    pub(super) fn failed(&self, error: &io::Error) {
        let reason = match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::NETDOWN.raw_os_error() => "is down".to_owned(),
            _ => error.to_string(),
        };
        let mut state = self.lock();
        if state.is_up {
            state.is_up = false;
            state.tell_down(&self.name, reason);
        }
    }

    /// Looks whether the interface has gone or come, and puts sockets on one that has come. Another thread that is at it does it
    /// for all.
    pub(super) fn watch(&self) {
        let Ok(mut state) = self.state.try_lock() else { return };
        if let Some(index) = state.index
            && index_to_name(&self.asking, index).is_err()
        {
            state.index = None;
            state.is_up = false;
            state.tell_down(&self.name, "has vanished".to_owned());
        }
        // An interface that was given another name since is still the same.
        let name = match state.index.map(|index| index_to_name(&self.asking, index)) {
            Some(Ok(name)) => name,
            _ => self.name.clone(),
        };
        match sys::interface_state(&self.asking, &name) {
            Err(_) => state.tell_down(&self.name, "does not exist".to_owned()),
            Ok(interface) if !interface.is_up => {
                state.is_up = false;
                state.tell_down(&self.name, "is down".to_owned());
            }
            Ok(interface) => {
                if state.index.is_none() {
                    let attached = self.attach(&mut state, interface.is_loopback);
                    if let Err(reason) = attached {
                        state.tell_down(&self.name, reason);
                        return;
                    }
                }
                if !state.is_up {
                    state.is_up = true;
                    state.told = None;
                    state.news.push_back(Turn::Up { interface: self.name.clone() });
                }
            }
        }
    }

    /// Puts a set of sockets on the interface. Nothing passes until all are in place, so that no packet goes to a source that will not
    /// get the rest of its conversation.
    fn attach(&self, state: &mut State, is_loopback: bool) -> Result<(), String> {
        let index =
            name_to_index(&self.asking, &self.name).map_err(|error| format!("does not exist ({error})"))?;
        if let ([only], 1) = (state.taps.as_slice(), self.sources) {
            self.move_to(only, index).map_err(|error| format!("cannot be taken up again: {error}"))?;
            state.index = Some(index);
            return Ok(());
        }
        let Some(set) = state.spares.pop() else {
            return Err(format!(
                "has come back, but the sockets for {} returns are used up: restart egret to capture it again",
                state.returns
            ));
        };
        match self.set_up(set, index, is_loopback) {
            Ok(taps) => {
                if !state.taps.is_empty() {
                    state.returns += 1;
                }
                state.taps = taps.iter().map(Tap::socket).collect();
                state.fresh = taps.into_iter().map(Some).collect();
                state.index = Some(index);
                self.generation.fetch_add(1, Ordering::Release);
                Ok(())
            }
            Err((set, error)) => {
                state.spares.extend(set);
                Err(error)
            }
        }
    }

    /// Gives the sockets back where they are still good.
    fn set_up(
        &self,
        set: Vec<PacketSocket>,
        index: u32,
        is_loopback: bool,
    ) -> Result<Vec<Tap>, (Option<Vec<PacketSocket>>, String)> {
        let shut = |socket: &PacketSocket| -> io::Result<()> {
            socket.filter(&NOTHING)?;
            socket.stamp_on_arrival()?;
            // What loops back would be seen twice.
            if is_loopback { socket.ignore_outgoing() } else { Ok(()) }
        };
        if let Err(error) = set.iter().try_for_each(shut) {
            return Err((Some(set), format!("socket cannot be prepared: {error}")));
        }
        let mut taps = Vec::with_capacity(set.len());
        for socket in set {
            match Tap::new(socket, self.buffer_bytes) {
                Ok(tap) => taps.push(tap),
                Err(error) => {
                    return Err((
                        None,
                        format!("no memory for {} bytes of buffer: {error}", self.buffer_bytes),
                    ));
                }
            }
        }
        self.connect(&taps, index).map_err(|error| (None, error.to_string()))?;
        Ok(taps)
    }

    fn connect(&self, taps: &[Tap], index: u32) -> io::Result<()> {
        let mut group = self.group;
        for (place, tap) in taps.iter().enumerate() {
            let socket = tap.socket();
            socket.bind(index)?;
            if self.promiscuous {
                socket.promiscuous(index)?;
            }
            if taps.len() > 1 {
                socket.join(group)?;
                group = Some(socket.group()?);
            }
            if taps.len() > 1 && place == 0 {
                socket.group_program(&self.fanout)?;
            }
        }
        taps.iter().try_for_each(|tap| tap.socket().filter(&self.filter))
    }

    fn move_to(&self, socket: &PacketSocket, index: u32) -> io::Result<()> {
        // The kernel may have left word that the old interface went away.
        let _ = socket.take_error();
        socket.bind(index)?;
        if self.promiscuous { socket.promiscuous(index) } else { Ok(()) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells it once, until something else is the case.
    fn tell_down(&mut self, name: &str, reason: String) {
        if self.told.as_ref() != Some(&reason) {
            self.news.push_back(Turn::Down { interface: name.to_owned(), reason: reason.clone() });
            self.told = Some(reason);
        }
    }
}

/// Why a packet socket could not be opened.
fn explain(name: &str, error: io::Error) -> LiveError {
    use rustix::io::Errno;
    let interface = name.to_owned();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::PERM | Errno::ACCESS) => LiveError::Permission { interface, reason: error.to_string() },
        Some(Errno::AFNOSUPPORT | Errno::NOPROTOOPT | Errno::INVAL | Errno::NOSYS) => {
            LiveError::Unsupported { interface, what: "packet sockets with shared memory", source: error }
        }
        _ => LiveError::System { interface, what: "open a packet socket", source: error },
    }
}
