//! The machine's links, addresses, routes and rules, as the kernel last told them.

mod path;

pub(crate) use path::Path;

use crate::netlink::{self, Address, Hop, Ip, Link, Message, Netconf, Route, Rule};
use core::{cell::RefCell, net::IpAddr};
use std::{collections::BTreeMap, io, rc::Rc};

/// Which address families lead to the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// Its address is an IPv4 one.
    V4,
    /// Its address is an IPv6 one.
    V6,
    /// It has a name, which may have addresses of both; IPv4 first, where a link has it.
    #[default]
    Either,
}

impl Family {
    pub(crate) fn preferred(self) -> &'static [Ip] {
        match self {
            Self::V4 => &[Ip::V4],
            Self::V6 => &[Ip::V6],
            Self::Either => &[Ip::V4, Ip::V6],
        }
    }
}

/// A view of the machine's interfaces, kept current by the [`NetlinkLinks`](crate::NetlinkLinks)
/// that it comes from. Reading it asks the kernel nothing.
#[derive(Clone, Debug, Default)]
pub struct Network(Rc<RefCell<Tables>>);

impl Network {
    /// Reads everything once; blocks for well under a millisecond, as a rule.
    pub fn read() -> io::Result<Self> {
        Tables::read().map(|tables| Self(Rc::new(RefCell::new(tables))))
    }

    /// The interface of that index: that of an accepted socket says where a client came in.
    pub fn interface(&self, index: u32) -> Option<String> {
        self.0.borrow().links.get(&index).map(|link| link.name.clone())
    }

    /// The interface that has this address. A client may reach it by another interface all the
    /// same (Linux answers for all its addresses on all of them): [`crate::arrival`] can't be led astray.
    pub fn interface_of(&self, address: IpAddr) -> Option<String> {
        let tables = self.0.borrow();
        let owner = tables.addresses.iter().find(|owned| owned.ip == address)?;
        tables.links.get(&owner.index).map(|link| link.name.clone())
    }

    /// How packets to the upstream leave by an interface, if they can.
    pub(crate) fn path(&self, link: &str, ip: Ip) -> Option<Path> {
        self.with(|tables| {
            let link = tables.links.values().find(|known| known.name == link)?;
            tables.path(link, ip)
        })
    }

    /// Whether there is an interface of that name.
    pub(crate) fn knows(&self, link: &str) -> bool {
        self.with(|tables| tables.links.values().any(|known| known.name == link))
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.0.borrow())
    }

    pub(crate) fn alter<T>(&self, change: impl FnOnce(&mut Tables) -> T) -> T {
        change(&mut self.0.borrow_mut())
    }
}

/// What the kernel's tables hold, as far as it matters to default routes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
    routing: Routing,
    /// By interface index; [`Netconf::ALL`] counts for every one.
    rp_filter: BTreeMap<u32, u32>,
}

/// Default routes and rules, each in the kernel's order, which is that of precedence.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routing {
    routes: Vec<Route>,
    rules: Vec<Rule>,
}

impl Routing {
    /// Blocks: see [`netlink::dump`].
    pub(crate) fn read() -> io::Result<Self> {
        let mut routing = Self::default();
        for ip in [Ip::V4, Ip::V6] {
            let routes = dump_family(libc::RTM_GETROUTE, ip)?;
            let rules = dump_family(libc::RTM_GETRULE, ip)?;
            for object in routes.into_iter().chain(rules) {
                match object {
                    Message::Route(route) => routing.routes.push(route),
                    Message::Rule(rule) => routing.rules.push(rule),
                    // Routes to nowhere, and rules that do not concern us.
                    Message::RoutesChanged => {}
                    Message::Link(_)
                    | Message::LinkGone(_)
                    | Message::Address(_)
                    | Message::AddressGone(_)
                    | Message::Netconf(_) => {}
                }
            }
        }
        Ok(routing)
    }
}

/// A dump of one family; empty where the kernel was built without it.
fn dump_family(kind: u16, ip: Ip) -> io::Result<Vec<Message>> {
    netlink::dump(kind, ip.family()).or_else(|error| match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::EAFNOSUPPORT) => Ok(Vec::new()),
        _ => Err(error),
    })
}

impl Tables {
    /// Blocks: see [`netlink::dump`].
    pub(crate) fn read() -> io::Result<Self> {
        let mut tables = Self::default();
        for object in netlink::dump(libc::RTM_GETLINK, libc::AF_UNSPEC)? {
            tables.apply(object);
        }
        for ip in [Ip::V4, Ip::V6] {
            dump_family(libc::RTM_GETADDR, ip)?.into_iter().for_each(|object| {
                tables.apply(object);
            });
        }
        dump_family(libc::RTM_GETNETCONF, Ip::V4)?.into_iter().for_each(|object| {
            tables.apply(object);
        });
        tables.routing = Routing::read()?;
        Ok(tables)
    }

    pub(crate) fn set_routing(&mut self, routing: Routing) {
        self.routing = routing;
    }

    /// Takes one message in; whether the routes must be read again.
    ///
    /// Routes are never patched: the kernel flushes those of IPv4 in silence when an interface
    /// goes down or loses its last address, and a replaced one is named by what replaced it.
    pub(crate) fn apply(&mut self, message: Message) -> bool {
        match message {
            Message::Link(link) => {
                let flags = link.flags;
                let old = self.links.insert(link.index, link).map_or(0, |old| old.flags);
                (old ^ flags) & (UP | LOWER_UP) != 0
            }
            Message::LinkGone(index) => {
                self.links.remove(&index);
                self.addresses.retain(|address| address.index != index);
                self.rp_filter.remove(&index);
                true
            }
            Message::Address(address) => {
                match self.addresses.iter_mut().find(|known| is_same(known, &address)) {
                    Some(known) => *known = address,
                    None => self.addresses.push(address),
                }
                true
            }
            Message::AddressGone(address) => {
                self.addresses.retain(|known| !is_same(known, &address));
                true
            }
            Message::Netconf(netconf) => {
                self.rp_filter.insert(netconf.index, netconf.rp_filter);
                false
            }
            Message::Route(_) | Message::Rule(_) | Message::RoutesChanged => true,
        }
    }

    /// The stricter of the interface's own rp_filter and everyone's, as the kernel has it.
    fn rp_filter(&self, index: u32) -> u32 {
        let of = |index| self.rp_filter.get(&index).copied().unwrap_or(0);
        of(index).max(of(Netconf::ALL))
    }
}

impl Link {
    /// Physical layer up, and the administrator wants it so.
    pub(crate) fn has_carrier(&self) -> bool {
        self.flags & (UP | LOWER_UP) == UP | LOWER_UP
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.flags & libc::IFF_LOOPBACK as u32 != 0
    }
}

impl Hop {
    /// Usable but for the carrier, which is newer on the link than on the route.
    fn is_alive(&self) -> bool {
        self.flags & RTNH_F_DEAD == 0
    }
}

fn is_same(a: &Address, b: &Address) -> bool {
    (a.index, a.ip, a.prefix_len) == (b.index, b.ip, b.prefix_len)
}

/// linux/rtnetlink.h: its interface is down for good.
const RTNH_F_DEAD: u8 = 1;
const UP: u32 = libc::IFF_UP as u32;
const LOWER_UP: u32 = libc::IFF_LOWER_UP as u32;
