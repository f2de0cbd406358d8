//! A packet socket that receives into memory shared with the kernel (packet(7), TPACKET_V2).
//!
//! The ring absorbs what arrives while the emulator is not scheduled; a plain socket's buffer
//! holds 15 ms of 100 Mbit/s, no more without privilege.
#![expect(unsafe_code, reason = "a receive ring is shared memory")]

use core::{
    cell::Cell,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU32, Ordering},
};
use nix::{
    errno::Errno,
    libc,
    net::if_::if_nametoindex,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, send, socket},
};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Raw frames of one interface, without those sent by this machine through it.
pub(crate) struct PacketSocket {
    socket: OwnedFd,
    ring: NonNull<u8>,
    next: Cell<usize>,
    overrun: Cell<bool>,
}

// SAFETY: the ring is owned by the socket; only its owner's thread reads it.
unsafe impl Send for PacketSocket {}

impl PacketSocket {
    /// Opens `interface` of the calling thread's namespace.
    pub(crate) fn open(interface: &str) -> Result<Self, Errno> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Protocol 0: nothing is received before bind names the interface.
        let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None::<SockProtocol>)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING, &1i32)?;
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V2 as i32))?;
        set(&socket, libc::PACKET_RX_RING, &RING)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping, of the size just agreed on.
        let ring = unsafe {
            libc::mmap(
                ptr::null_mut(),
                RING_BYTES,
                protection,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        if ring == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        let ring = NonNull::new(ring.cast()).ok_or(Errno::EFAULT)?;
        let this = Self { socket, ring, next: Cell::new(0), overrun: Cell::new(false) };
        this.bind(if_nametoindex(interface)?)?;
        Ok(this)
    }

    /// The next frame that has arrived.
    pub(crate) fn read(&self) -> Option<Box<[u8]>> {
        let slot = self.next.get();
        // SAFETY: `slot` is below RING.tp_frame_nr, so the header lies within the ring. Its
        // status word is the kernel's to write until it says "user", and ours until we say
        // "kernel"; the frame's bytes follow the same turns.
        let (status, frame) = unsafe {
            let base = self.ring.as_ptr().add(slot * SLOT_BYTES);
            let header = base.cast::<libc::tpacket2_hdr>();
            let status = AtomicU32::from_ptr(&raw mut (*header).tp_status);
            let flags = status.load(Ordering::Acquire);
            if flags & libc::TP_STATUS_USER == 0 {
                return None;
            }
            self.overrun.set(self.overrun.get() || flags & libc::TP_STATUS_LOSING != 0);
            let (start, len) = ((*header).tp_mac, (*header).tp_snaplen);
            (status, slice::from_raw_parts(base.add(usize::from(start)), len as usize))
        };
        let frame = Box::from(frame);
        status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
        self.next.set((slot + 1) % RING.tp_frame_nr as usize);
        Some(frame)
    }

    /// Sends a frame through the interface, now or not at all.
    pub(crate) fn send(&self, frame: &[u8]) -> Result<(), Errno> {
        send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).map(drop)
    }

    /// How many frames found the ring full since the last call.
    pub(crate) fn take_overruns(&self) -> u64 {
        if !self.overrun.take() {
            return 0;
        }
        let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut len = size_of_val(&stats) as libc::socklen_t;
        // SAFETY: `stats` and `len` are valid for writing and agree in size.
        let done = unsafe {
            let (fd, option) = (self.socket.as_raw_fd(), libc::PACKET_STATISTICS);
            libc::getsockopt(fd, libc::SOL_PACKET, option, (&raw mut stats).cast(), &raw mut len)
        };
        if done == 0 { u64::from(stats.tp_drops) } else { 0 }
    }

    fn bind(&self, index: u32) -> Result<(), Errno> {
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
            sll_ifindex: index as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let len = size_of_val(&address) as libc::socklen_t;
        // SAFETY: `address` is a sockaddr_ll of `len` bytes.
        Errno::result(unsafe {
            libc::bind(self.socket.as_raw_fd(), (&raw const address).cast(), len)
        })?;
        Ok(())
    }
}

impl Drop for PacketSocket {
    fn drop(&mut self) {
        // SAFETY: the mapping of `open`; nothing refers to it any more.
        unsafe { libc::munmap(self.ring.as_ptr().cast(), RING_BYTES) };
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn set<T>(socket: &OwnedFd, option: i32, value: &T) -> Result<(), Errno> {
    let len = size_of::<T>() as libc::socklen_t;
    // SAFETY: `value` is valid for reading `len` bytes.
    Errno::result(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            ptr::from_ref(value).cast(),
            len,
        )
    })?;
    Ok(())
}

/// Holds a frame of a 1500-byte MTU and its header.
const SLOT_BYTES: usize = 2048;

/// 170 ms of full-sized frames at 100 Mbit/s.
const RING_BYTES: usize = 1024 * SLOT_BYTES;

const RING: libc::tpacket_req = libc::tpacket_req {
    tp_block_size: (RING_BYTES / 64) as u32,
    tp_block_nr: 64,
    tp_frame_size: SLOT_BYTES as u32,
    tp_frame_nr: (RING_BYTES / SLOT_BYTES) as u32,
};
