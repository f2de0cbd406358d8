//! Netlink framing: requests out, messages and attributes in, and the socket.
//!
//! Written by hand: through netlink-packet-route the handful of attributes read here costs 330 KB
//! of a stripped, size-optimised program, and five crates.

mod message;

pub(crate) use message::{Address, Hop, Ip, Link, Message, Netconf, Prefix, Route, Rule};

use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recvmsg, send,
    socket,
};
use std::{
    io::{self, IoSliceMut},
    os::fd::{AsRawFd, OwnedFd, RawFd},
};

/// Everything that moves a link: interfaces, addresses, routes, rules, IPv4 sysctls. A kernel
/// that lacks one of the groups ignores its bit.
const GROUPS: u32 = group(libc::RTNLGRP_LINK)
    | group(libc::RTNLGRP_IPV4_IFADDR)
    | group(libc::RTNLGRP_IPV6_IFADDR)
    | group(libc::RTNLGRP_IPV4_ROUTE)
    | group(libc::RTNLGRP_IPV6_ROUTE)
    | group(libc::RTNLGRP_IPV4_RULE)
    | group(libc::RTNLGRP_IPV6_RULE)
    | group(libc::RTNLGRP_IPV4_NETCONF)
    | group(libc::RTNLGRP_NEXTHOP);

/// The most that the kernel puts into one datagram of a dump (netlink_dump, since Linux 4.10).
const DATAGRAM: usize = 32 * 1024;

/// How often a dump that the kernel calls inconsistent is begun again.
const DUMP_TRIES: u32 = 8;

/// `struct nlmsghdr`.
const HEADER: usize = 16;

/// `struct ifinfomsg`, the longest fixed part of what is asked for; the kernel ignores the excess
/// of the others.
const BODY: usize = 16;

/// What is left of an attribute's type without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
const NLA_TYPE_MASK: u16 = 0x3fff;

/// IFLA_EXT_MASK with RTEXT_FILTER_SKIP_STATS: a link's counters are two thirds of its message.
const SKIP_STATS: (u16, u32) = (29, 1 << 3);

/// A routing netlink socket.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    buf: Box<[u8]>,
}

/// What [`Socket::receive`] found.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// Messages, for [`frames`].
    Datagram(&'a [u8]),
    /// Messages were lost: only a dump tells the truth now.
    Overrun,
}

impl Socket {
    /// Hears of changes, without blocking.
    pub(crate) fn subscribed() -> io::Result<Self> {
        Self::open(SockFlag::SOCK_NONBLOCK, GROUPS)
    }

    fn open(flags: SockFlag, groups: u32) -> io::Result<Self> {
        let flags = flags | SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        Ok(Self { fd, buf: vec![0; DATAGRAM].into() })
    }

    /// The next datagram of the kernel; those of other processes are dropped.
    pub(crate) fn receive(&mut self) -> io::Result<Received<'_>> {
        loop {
            let fd = self.fd.as_raw_fd();
            let mut iov = [IoSliceMut::new(&mut self.buf)];
            let (len, sender, truncated) =
                match recvmsg::<NetlinkAddr>(fd, &mut iov, None, MsgFlags::empty()) {
                    Ok(message) => {
                        let sender = message.address.map(|address| address.pid());
                        (message.bytes, sender, message.flags.contains(MsgFlags::MSG_TRUNC))
                    }
                    Err(nix::Error::ENOBUFS) => return Ok(Received::Overrun),
                    Err(nix::Error::EINTR) => continue,
                    Err(error) => return Err(error.into()),
                };
            match (sender, truncated) {
                (Some(0), false) => return Ok(Received::Datagram(&self.buf[..len])),
                (Some(0), true) => return Ok(Received::Overrun),
                (_, _) => {}
            }
        }
    }

    /// Collects a dump's objects; whether it is consistent.
    fn collect(&mut self, objects: &mut Vec<Message>) -> io::Result<bool> {
        let mut consistent = true;
        loop {
            let Received::Datagram(datagram) = self.receive()? else {
                return Err(io::Error::from(io::ErrorKind::OutOfMemory));
            };
            for frame in frames(datagram) {
                consistent &= frame.flags & NLM_F_DUMP_INTR == 0;
                match frame.kind {
                    NLMSG_DONE => return Ok(consistent),
                    NLMSG_ERROR => {
                        let negated = u32_at(frame.body, 0).unwrap_or(0).cast_signed();
                        return Err(io::Error::from_raw_os_error(negated.saturating_neg()));
                    }
                    _ => objects.extend(Message::parse(frame)),
                }
            }
        }
    }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Asks for all objects of a kind (RTM_GET...) and an address family.
///
/// Blocks, on Linux before 6.9 until whoever holds the kernel's RTNL lock is done: a driver that
/// takes its interface down may hold it for tens of milliseconds.
pub(crate) fn dump(kind: u16, family: i32) -> io::Result<Vec<Message>> {
    for _ in 0..DUMP_TRIES {
        // A new socket each time: what is left of an inconsistent dump dies with the old one.
        let mut socket = Socket::open(SockFlag::empty(), 0)?;
        send(socket.as_raw_fd(), &dump_request(kind, family), MsgFlags::empty())?;
        let mut objects = Vec::new();
        if socket.collect(&mut objects)? {
            return Ok(objects);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::ResourceBusy,
        "the tables change faster than they can be read",
    ))
}

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u16,
    flags: u16,
    pub(crate) body: &'a [u8],
}

/// The messages of a datagram; ends at the first that is malformed.
pub(crate) fn frames(datagram: &[u8]) -> impl Iterator<Item = Frame<'_>> {
    let mut rest = datagram;
    core::iter::from_fn(move || {
        let len = usize::try_from(u32_at(rest, 0)?).ok()?;
        let frame =
            Frame { kind: u16_at(rest, 4)?, flags: u16_at(rest, 6)?, body: rest.get(HEADER..len)? };
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(frame)
    })
}

/// The attributes from `offset` on, type and value; ends at the first that is malformed.
pub(crate) fn attributes(body: &[u8], offset: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body.get(offset..).unwrap_or(&[]);
    core::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & NLA_TYPE_MASK;
        let value = rest.get(4..len)?;
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some((kind, value))
    })
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

const NLMSG_ERROR: u16 = libc::NLMSG_ERROR as u16;
const NLMSG_DONE: u16 = libc::NLMSG_DONE as u16;

/// The tables changed during the dump.
const NLM_F_DUMP_INTR: u16 = 0x10;

const fn group(number: u32) -> u32 {
    1 << (number - 1)
}

fn dump_request(kind: u16, family: i32) -> Vec<u8> {
    let (mask, skip) = SKIP_STATS;
    let len = HEADER + BODY + 8;
    let mut request = Vec::with_capacity(len);
    request.extend((len as u32).to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(((libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16).to_ne_bytes());
    request.extend([0; 8]);
    request.push(family as u8);
    request.resize(HEADER + BODY, 0);
    request.extend(8u16.to_ne_bytes());
    request.extend(mask.to_ne_bytes());
    request.extend(skip.to_ne_bytes());
    request
}

#[cfg(test)]
mod tests;
