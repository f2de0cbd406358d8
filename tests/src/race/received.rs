//! What the far end's kernel has received in order, by the link that it came over: sock_diag(7).

use baton_lab::{Lab, Namespace};
use core::net::Ipv4Addr;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};
use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};

/// Every TCP connection of the far end.
pub(super) struct Received {
    diag: OwnedFd,
    /// Bytes by connection, closed ones included: peer's address and port, and the kernel's cookie.
    connections: BTreeMap<(Ipv4Addr, u16, u64), u64>,
}

impl Received {
    pub(super) fn open(lab: &Lab) -> Self {
        Self { diag: diag_socket(&lab.upstream), connections: BTreeMap::new() }
    }

    /// In-order payload that ever came from `peer`.
    pub(super) fn from(&mut self, peer: Ipv4Addr) -> u64 {
        self.refresh();
        let all = self.connections.iter();
        all.filter(|((address, ..), _)| *address == peer).map(|(_, bytes)| bytes).sum()
    }

    fn refresh(&mut self) {
        send(self.diag.as_raw_fd(), &request(), MsgFlags::empty()).expect("a kernel with tcp_diag");
        let mut buffer = vec![0; 1 << 16];
        loop {
            let length = recv(self.diag.as_raw_fd(), &mut buffer, MsgFlags::empty());
            let mut rest = &buffer[..length.expect("an answer to every request")];
            while let Some((kind, body, next)) = message(rest) {
                if kind == libc::NLMSG_DONE as u16 || kind == libc::NLMSG_ERROR as u16 {
                    return;
                }
                if let Some((key, bytes)) = connection(body) {
                    self.connections.insert(key, bytes);
                }
                rest = next;
            }
        }
    }
}

fn diag_socket(namespace: &Namespace) -> OwnedFd {
    let open = || {
        let flags = SockFlag::SOCK_CLOEXEC;
        socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)
    };
    namespace.run(open).expect("a netlink socket")
}

/// Asks for all IPv4 TCP connections with their TCP_INFO. struct nlmsghdr: length, type, flags,
/// sequence, port; struct inet_diag_req_v2: family, protocol, extensions, padding, states, id.
fn request() -> Vec<u8> {
    const LENGTH: usize = 16 + 8 + 48;
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    /// All but TCP_TIME_WAIT and TCP_LISTEN.
    const STATES: u32 = !(1 << 6 | 1 << 10);
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    let mut bytes = vec![0; LENGTH];
    bytes[..4].copy_from_slice(&(LENGTH as u32).to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
    bytes[16] = libc::AF_INET as u8;
    bytes[17] = libc::IPPROTO_TCP as u8;
    bytes[18] = 1 << (INET_DIAG_INFO - 1);
    bytes[20..24].copy_from_slice(&STATES.to_ne_bytes());
    bytes
}

const INET_DIAG_INFO: u16 = 2;

/// Type and body of the first message, and what follows it.
fn message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = u32::from_ne_bytes(*bytes.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let next = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((kind, bytes.get(16..length)?, next))
}

/// struct inet_diag_msg: 4 bytes, then the id (ports, addresses of 16 bytes, interface, cookie);
/// attributes follow at 72.
fn connection(body: &[u8]) -> Option<((Ipv4Addr, u16, u64), u64)> {
    let port = u16::from_be_bytes(*body.get(6..)?.first_chunk()?);
    let peer = Ipv4Addr::from(*body.get(24..)?.first_chunk::<4>()?);
    let cookie = u64::from_ne_bytes(*body.get(44..)?.first_chunk()?);
    let mut attributes = body.get(72..)?;
    loop {
        let length = u16::from_ne_bytes(*attributes.first_chunk()?) as usize;
        if u16::from_ne_bytes(*attributes.get(2..)?.first_chunk()?) == INET_DIAG_INFO {
            // tcpi_bytes_received of struct tcp_info.
            let info = attributes.get(4..length)?;
            return Some((
                (peer, port, cookie),
                u64::from_ne_bytes(*info.get(128..)?.first_chunk()?),
            ));
        }
        attributes = attributes.get(length.next_multiple_of(4).max(4)..)?;
    }
}
