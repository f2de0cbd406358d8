//! By which interface a client came in.

use crate::{netlink::u32_at, sockopt};
use nix::sys::socket::{
    setsockopt,
    sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo},
};
use std::{io, os::fd::AsFd};

/// The index of the interface by which an accepted TCP connection came in, as its SYN did;
/// [`Network::interface`](crate::Network::interface) names it.
///
/// The local address does not tell: Linux answers for every address of its own on every
/// interface, so a client on a WAN may reach the LAN's address.
pub fn arrival(socket: &impl AsFd) -> io::Result<u32> {
    let mut buf = [0; CMSG_HEADER + IN6_PKTINFO];
    // An IPv6 socket takes the first as well, and answers with no interface.
    let index = by_ipv4(socket, &mut buf).or_else(|| by_ipv6(socket, &mut buf));
    index.ok_or_else(|| io::Error::other("the kernel does not tell the interface of this socket"))
}

fn by_ipv4(socket: &impl AsFd, buf: &mut [u8]) -> Option<u32> {
    setsockopt(socket, Ipv4PacketInfo, &true).ok()?;
    let message = sockopt::get(socket, libc::IPPROTO_IP, libc::IP_PKTOPTIONS, buf).ok()?;
    // struct in_pktinfo begins with the index.
    u32_at(message, CMSG_HEADER).filter(|index| *index != 0)
}

fn by_ipv6(socket: &impl AsFd, buf: &mut [u8]) -> Option<u32> {
    setsockopt(socket, Ipv6RecvPacketInfo, &true).ok()?;
    let message = sockopt::get(socket, libc::IPPROTO_IPV6, IPV6_2292PKTOPTIONS, buf).ok()?;
    // struct in6_pktinfo ends with the index, after 16 bytes of address.
    u32_at(message, CMSG_HEADER + 16).filter(|index| *index != 0)
}

/// Where a control message's data begin.
const CMSG_HEADER: usize = size_of::<libc::cmsghdr>();

/// `struct in6_pktinfo`, the longer of the two.
const IN6_PKTINFO: usize = 20;

/// linux/in6.h
const IPV6_2292PKTOPTIONS: i32 = 6;
