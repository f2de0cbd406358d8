//! What `ip link`, `ip address` and `ip route` do, as netlink messages of our own (rtnetlink(7)).

use core::{
    net::IpAddr,
    sync::atomic::{AtomicU32, Ordering},
};
use nix::{
    errno::Errno,
    libc,
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket},
};
use std::{
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    sync::{Mutex, PoisonError},
};

/// Whether something is to be there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Add it, or replace what differs.
    Add,
    /// Take it away.
    Remove,
}

/// A route of the main table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// Destination and prefix length; `(0.0.0.0, 0)` and `(::, 0)` are the default routes.
    pub to: (IpAddr, u8),
    /// Next hop, unless the destination is on the link.
    pub via: Option<IpAddr>,
    /// Interface it leaves by.
    pub interface: &'a str,
    /// Preference: the lower, the better.
    pub metric: u32,
    /// Congestion control of connections that take this route; `None`: the namespace's.
    pub congestion_control: Option<&'a str>,
}

/// One end of a veth pair that does not exist yet.
#[derive(Clone, Copy)]
pub(crate) struct End<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: BorrowedFd<'a>,
}

/// A request to one network namespace.
pub(crate) struct Netlink(Mutex<OwnedFd>);

impl Netlink {
    /// Speaks to the namespace that the calling thread is in, from then on.
    pub(crate) fn open() -> Result<Self, Errno> {
        let (family, flags) = (AddressFamily::Netlink, SockFlag::SOCK_CLOEXEC);
        let socket = socket(family, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        Ok(Self(Mutex::new(socket)))
    }

    /// Creates a veth pair between this namespace and another (or the same).
    ///
    /// No two ends have the same index: such a pair the kernel takes for hardware, and tells of a
    /// lost carrier up to a second late (`linkwatch_urgent_event` in `net/core/link_watch.c`).
    pub(crate) fn add_veth(&self, name: &str, peer: End<'_>) -> Result<(), Errno> {
        let [index, peer_index] = [(); 2].map(|()| NEXT_INDEX.fetch_add(1, Ordering::Relaxed));
        let mut message = Message::new(libc::RTM_NEWLINK, CREATE_NEW, &interface(index, 0, 0));
        message.text(libc::IFLA_IFNAME, name);
        message.nest(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, "veth");
            info.nest(libc::IFLA_INFO_DATA, |data| {
                data.nest(VETH_INFO_PEER, |end| {
                    end.0.extend_from_slice(&interface(peer_index, 0, 0));
                    end.text(libc::IFLA_IFNAME, peer.name);
                    end.attribute(libc::IFLA_NET_NS_FD, &peer.namespace.as_raw_fd().to_ne_bytes());
                });
            });
        });
        self.request(message)
    }

    /// Sets an interface administratively up or down.
    pub(crate) fn set_up(&self, name: &str, up: bool) -> Result<(), Errno> {
        let flag = libc::IFF_UP as u32;
        let body = interface(0, if up { flag } else { 0 }, flag);
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &body);
        message.text(libc::IFLA_IFNAME, name);
        self.request(message)
    }

    /// Moves an interface to another namespace, where it arrives down and bare.
    pub(crate) fn move_to(&self, name: &str, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
        let mut message = Message::new(libc::RTM_NEWLINK, 0, &interface(0, 0, 0));
        message.text(libc::IFLA_IFNAME, name);
        message.attribute(libc::IFLA_NET_NS_FD, &namespace.as_raw_fd().to_ne_bytes());
        self.request(message)
    }

    /// Gives an interface an address, usable at once (no duplicate address detection), or takes
    /// it away.
    pub(crate) fn address(
        &self,
        change: Change,
        index: u32,
        address: IpAddr,
        prefix: u8,
    ) -> Result<(), Errno> {
        let (kind, flags) = match change {
            Change::Add => (libc::RTM_NEWADDR, CREATE_OR_REPLACE),
            Change::Remove => (libc::RTM_DELADDR, 0),
        };
        // struct ifaddrmsg: family, prefix length, flags, scope, index.
        let mut body = vec![family(address), prefix, libc::IFA_F_NODAD as u8, 0];
        body.extend_from_slice(&index.to_ne_bytes());
        let mut message = Message::new(kind, flags, &body);
        message.address(libc::IFA_LOCAL, address);
        message.address(libc::IFA_ADDRESS, address);
        self.request(message)
    }

    /// Adds or removes a route; `index` is that of its interface.
    pub(crate) fn route(&self, change: Change, index: u32, route: &Route<'_>) -> Result<(), Errno> {
        let (kind, flags) = match change {
            Change::Add => (libc::RTM_NEWROUTE, CREATE_OR_REPLACE),
            Change::Remove => (libc::RTM_DELROUTE, 0),
        };
        let (to, prefix) = route.to;
        let scope = if route.via.is_some() { libc::RT_SCOPE_UNIVERSE } else { libc::RT_SCOPE_LINK };
        let (table, protocol) = (libc::RT_TABLE_MAIN, libc::RTPROT_STATIC);
        // struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope,
        // type, flags (32 bit).
        let head = [family(to), prefix, 0, 0, table, protocol, scope, libc::RTN_UNICAST];
        let mut message = Message::new(kind, flags, &[head.as_slice(), &[0; 4]].concat());
        if prefix > 0 {
            message.address(libc::RTA_DST, to);
        }
        if let Some(via) = route.via {
            message.address(libc::RTA_GATEWAY, via);
        }
        message.attribute(libc::RTA_OIF, &index.to_ne_bytes());
        message.attribute(libc::RTA_PRIORITY, &route.metric.to_ne_bytes());
        if let Some(name) = route.congestion_control {
            message.nest(libc::RTA_METRICS, |metrics| metrics.text(RTAX_CC_ALGO, name));
        }
        self.request(message)
    }

    fn request(&self, message: Message) -> Result<(), Errno> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        send(socket.as_raw_fd(), &message.finish(), MsgFlags::empty())?;
        let mut answer = [0; 1024];
        let len = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        // NLM_F_ACK: the one answer is struct nlmsgerr, a negative errno or 0 after the header.
        match answer[..len].get(HEADER..HEADER + 4) {
            Some(&[a, b, c, d]) => match i32::from_ne_bytes([a, b, c, d]) {
                0 => Ok(()),
                code => Err(Errno::from_raw(code.saturating_neg())),
            },
            Some(_) | None => Err(Errno::EBADMSG),
        }
    }
}

/// A message, or the inside of a nested attribute.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: i32, body: &[u8]) -> Self {
        let flags = (flags | libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
        // struct nlmsghdr: length (see finish), type, flags, sequence, port.
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(body);
        Self(bytes)
    }

    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nest(kind, |inside| inside.0.extend_from_slice(value));
    }

    fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat());
    }

    fn address(&mut self, kind: u16, address: IpAddr) {
        match address {
            IpAddr::V4(v4) => self.attribute(kind, &v4.octets()),
            IpAddr::V6(v6) => self.attribute(kind, &v6.octets()),
        }
    }

    fn nest(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&kind.to_ne_bytes());
        fill(self);
        let len = (self.0.len() - start) as u16;
        self.0[start..start + 2].copy_from_slice(&len.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn finish(mut self) -> Vec<u8> {
        let len = self.0.len() as u32;
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// The index of the next interface, above those that the kernel gives.
static NEXT_INDEX: AtomicU32 = AtomicU32::new(101);

/// struct ifinfomsg: family, padding, type (16 bit), index, flags, mask of flags to change. Index
/// 0: the name in IFLA_IFNAME says which.
fn interface(index: u32, flags: u32, change: u32) -> Vec<u8> {
    let words = [0, index, flags, change];
    words.into_iter().flat_map(u32::to_ne_bytes).collect()
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

/// Size of struct nlmsghdr.
const HEADER: usize = 16;

const CREATE_NEW: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
const CREATE_OR_REPLACE: i32 = libc::NLM_F_CREATE | libc::NLM_F_REPLACE;

/// `linux/veth.h`; the libc crate lacks it.
const VETH_INFO_PEER: u16 = 1;

/// `linux/rtnetlink.h`; the libc crate lacks it.
const RTAX_CC_ALGO: u16 = 16;
