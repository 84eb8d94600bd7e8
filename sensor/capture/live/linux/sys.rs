//! The system calls behind packet sockets, and the memory that the kernel shares through them.
//!
//! Owns: every unsafe line of this crate. Never does: deciding anything; it offers sockets, options and blocks of bytes as safe
//! values. Constants and layouts are those of linux/if_packet.h, linux/filter.h and linux/ethtool.h.
//!
//! Why unsafe, and why own code: no safe crate offers packet sockets (rustix has neither their address nor their options), and the
//! ring is memory that the kernel writes to. The crates that wrap it are GPL (af_packet), or fifty thousand lines with a runtime of
//! their own that can neither take a fan-out program nor bind spare sockets again (netring).

use super::program::Instruction;
use rustix::io::Errno;
use std::ffi::c_void;
use std::io;
use std::mem::size_of;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// Capture every protocol.
const ALL: u16 = libc::ETH_P_ALL as u16;
/// Where the state of a block stands in its first bytes (`tpacket_block_desc`), and its number of bytes in use.
const BLOCK_STATUS: usize = 8;
const BLOCK_USED: usize = 20;
/// Bytes of a block's own header.
pub(super) const BLOCK_HEADER: usize = 48;

/// A packet socket. It takes nothing until it is bound.
pub(super) struct PacketSocket(OwnedFd);

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl PacketSocket {
    /// A socket whose ring will be of version 3. Needs CAP_NET_RAW, as nothing else here does.
    pub(super) fn open() -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no memory is passed; a result that is not an error is a descriptor that nobody else owns.
        let socket = unsafe {
            let descriptor = checked(libc::socket(libc::AF_PACKET, kind, 0))?;
            Self(OwnedFd::from_raw_fd(descriptor))
        };
        socket.set(
            libc::SOL_PACKET,
            libc::PACKET_VERSION,
            &(libc::tpacket_versions::TPACKET_V3 as libc::c_int),
        )?;
        Ok(socket)
    }

    /// Has the kernel stamp packets once, on arrival, for all sockets alike.
    pub(super) fn stamp_on_arrival(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1)
    }

    /// Leaves out frames that this host sends.
    pub(super) fn ignore_outgoing(&self) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1)
    }

    /// Replaces the filter: it answers how many bytes of a frame are kept, 0 for none of it.
    pub(super) fn filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    /// Binds to an interface: packets come in from now on. Binding again moves the socket.
    pub(super) fn bind(&self, index: u32) -> io::Result<()> {
        // SAFETY: all-zero is a valid value of this plain structure.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = ALL.to_be();
        address.sll_ifindex = index.cast_signed();
        // SAFETY: the pointer is to a live structure of the length given.
        checked(unsafe {
            libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), size_of::<libc::sockaddr_ll>() as u32)
        })?;
        Ok(())
    }

    /// Takes frames for other hosts, too, as long as the socket is open.
    pub(super) fn promiscuous(&self, index: u32) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Joins the fan-out group `group`, whose members are chosen by a program; None founds one with a number that is free.
    pub(super) fn join(&self, group: Option<u16>) -> io::Result<()> {
        let kind = libc::PACKET_FANOUT_CBPF;
        let argument = match group {
            Some(group) => kind << 16 | u32::from(group),
            None => (kind | libc::PACKET_FANOUT_FLAG_UNIQUEID) << 16,
        };
        self.set(libc::SOL_PACKET, libc::PACKET_FANOUT, &argument)
    }

    /// The number of the group that it is in.
    pub(super) fn group(&self) -> io::Result<u16> {
        let mut answer = 0u32;
        self.ask(libc::SOL_PACKET, libc::PACKET_FANOUT, &mut answer)?;
        Ok((answer & 0xffff) as u16)
    }

    /// Sets the program of the group: its answer, modulo the number of members, is the member that gets the packet.
    pub(super) fn group_program(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
    }

    /// Packets received, those dropped included, and packets dropped, since the last call.
    pub(super) fn statistics(&self) -> io::Result<(u32, u32)> {
        let mut answer = [0u32; 3];
        self.ask(libc::SOL_PACKET, libc::PACKET_STATISTICS, &mut answer)?;
        Ok((answer[0], answer[1]))
    }

    /// Takes an error that the socket has come by, such as that its interface went down.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        match rustix::net::sockopt::socket_error(self) {
            Ok(Ok(())) => None,
            Ok(Err(error)) | Err(error) => Some(error.into()),
        }
    }

    fn set<T>(&self, level: libc::c_int, option: libc::c_int, value: &T) -> io::Result<()> {
        // SAFETY: the pointer is to a live value of the length given, and the kernel only reads it.
        checked(unsafe {
            let value: *const T = value;
            libc::setsockopt(self.0.as_raw_fd(), level, option, value.cast(), size_of::<T>() as u32)
        })?;
        Ok(())
    }

    fn set_program(
        &self,
        level: libc::c_int,
        option: libc::c_int,
        program: &[Instruction],
    ) -> io::Result<()> {
        let mut filter: Vec<libc::sock_filter> = program
            .iter()
            .map(|one| libc::sock_filter {
                code: one.code,
                jt: one.jump_true,
                jf: one.jump_false,
                k: one.operand,
            })
            .collect();
        let len = u16::try_from(filter.len()).map_err(|_| io::Error::from(Errno::TOOBIG))?;
        // The kernel copies the program that this points to, and does not write to it.
        self.set(level, option, &libc::sock_fprog { len, filter: filter.as_mut_ptr() })
    }

    /// `T` is plain numbers, for which any bytes are a value.
    fn ask<T: Answer>(&self, level: libc::c_int, option: libc::c_int, answer: &mut T) -> io::Result<()> {
        let mut length = size_of::<T>() as u32;
        // SAFETY: the pointer is to a live value of the length given; whatever the kernel writes there is a value of `T`.
        checked(unsafe {
            let answer: *mut T = answer;
            libc::getsockopt(self.0.as_raw_fd(), level, option, answer.cast(), &raw mut length)
        })?;
        Ok(())
    }
}

/// Plain numbers: types for which any bytes are a value.
trait Answer {}
impl Answer for u32 {}
impl Answer for [u32; 3] {}

/// The memory through which a socket hands over packets: blocks that belong to the kernel until it has filled them, then to us
/// until we give them back.
pub(super) struct Ring {
    memory: NonNull<u8>,
    bytes: NonZeroUsize,
    block_bytes: usize,
    blocks: usize,
    /// The block that is filled next.
    next: usize,
}

// SAFETY: the memory is owned by this value alone, and not tied to a thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Sets up `blocks` blocks of `block_bytes` bytes, a power of two of at least a page. A block that holds packets is handed over
    /// after `gather_ms` milliseconds even if it is not full.
    pub(super) fn new(
        socket: &PacketSocket,
        blocks: usize,
        block_bytes: usize,
        gather_ms: u32,
    ) -> io::Result<Self> {
        /// Any size that divides a block will do: packets of version 3 take what they need.
        const FRAME_BYTES: usize = 2048;
        let too_big = |_| io::Error::from(Errno::OVERFLOW);
        let request = libc::tpacket_req3 {
            tp_block_size: u32::try_from(block_bytes).map_err(too_big)?,
            tp_block_nr: u32::try_from(blocks).map_err(too_big)?,
            tp_frame_size: FRAME_BYTES as u32,
            tp_frame_nr: u32::try_from(block_bytes / FRAME_BYTES * blocks).map_err(too_big)?,
            tp_retire_blk_tov: gather_ms,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        let bytes = block_bytes.checked_mul(blocks).and_then(NonZeroUsize::new).ok_or(Errno::INVAL)?;
        socket.set(libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place that the kernel chooses; nothing that exists is touched.
        let memory = unsafe {
            let place = libc::mmap(
                std::ptr::null_mut(),
                bytes.get(),
                protection,
                libc::MAP_SHARED,
                socket.0.as_raw_fd(),
                0,
            );
            if place == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            place.cast::<u8>()
        };
        let memory = NonNull::new(memory).ok_or(Errno::FAULT)?;
        Ok(Self { memory, bytes, block_bytes, blocks, next: 0 })
    }

    /// The next block, if the kernel has handed it over: its header and the packets in it.
    pub(super) fn block(&self) -> Option<&[u8]> {
        if self.status().load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let start = self.start();
        // SAFETY: `start` is the start of a block within the mapping, whose memory is initialised and ours until `release`, which
        // borrows `self` mutably. The number of bytes in use is read as the kernel wrote it and kept within the block.
        Some(unsafe {
            let used = start.add(BLOCK_USED).cast::<u32>().read() as usize;
            std::slice::from_raw_parts(start.as_ptr(), used.clamp(BLOCK_HEADER, self.block_bytes))
        })
    }

    /// Gives the block back that [`Self::block`] showed.
    pub(super) fn release(&mut self) {
        self.status().store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next = (self.next + 1) % self.blocks;
    }

    fn start(&self) -> NonNull<u8> {
        // SAFETY: `next` is below `blocks`, so the sum stays within the mapping.
        unsafe { self.memory.add(self.next * self.block_bytes) }
    }

    fn status(&self) -> &AtomicU32 {
        // SAFETY: blocks are aligned to pages and 8 to 4; the word is shared with the kernel, and accessed atomically only.
        unsafe { AtomicU32::from_ptr(self.start().add(BLOCK_STATUS).cast().as_ptr()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; no reference into it outlives `self`.
        unsafe { libc::munmap(self.memory.as_ptr().cast::<c_void>(), self.bytes.get()) };
    }
}

/// What the system says of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InterfaceState {
    pub(super) is_up: bool,
    pub(super) is_loopback: bool,
}

/// Asks for the flags of the interface `name`, through any socket.
pub(super) fn interface_state(socket: impl AsFd, name: &str) -> io::Result<InterfaceState> {
    let mut request = request_for(name)?;
    interface_call(socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: the call has filled in the flags, and any bytes are a value of them.
    let flags = libc::c_int::from(unsafe { request.ifr_ifru.ifru_flags });
    Ok(InterfaceState { is_up: flags & libc::IFF_UP != 0, is_loopback: flags & libc::IFF_LOOPBACK != 0 })
}

/// Asks the driver of `name` for the 32-bit answer to an ethtool command that takes no argument.
pub(super) fn ethtool_value(socket: impl AsFd, name: &str, command: u32) -> io::Result<u32> {
    let mut value = [command, 0];
    let mut request = request_for(name)?;
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    interface_call(socket, libc::SIOCETHTOOL, &mut request)?;
    Ok(value[1])
}

/// A request about the interface `name`; all else is 0.
fn request_for(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: all-zero is a valid value of this plain structure.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays 0 and ends the name.
    if name.len() >= request.ifr_name.len() || name.contains('\0') {
        return Err(Errno::NODEV.into());
    }
    for (target, byte) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *target = byte as libc::c_char;
    }
    Ok(request)
}

/// `request` must hold what `number` takes: both callers above pass pointers to live values only.
fn interface_call(socket: impl AsFd, number: libc::c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the pointer is to a live request, and so is what it points to in turn.
    checked(unsafe {
        let request: *mut libc::ifreq = request;
        libc::ioctl(socket.as_fd().as_raw_fd(), number as libc::Ioctl, request)
    })?;
    Ok(())
}

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
