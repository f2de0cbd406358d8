//! The few routing messages and attributes that links are made of.

use super::{Frame, attributes, u16_at, u32_at};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel says; what is of no use here is not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    Link(Link),
    /// The interface of this index is gone.
    LinkGone(u32),
    Address(Address),
    AddressGone(Address),
    Route(Route),
    Rule(Rule),
    Netconf(Netconf),
    /// A default route or a rule is gone or became another.
    RoutesChanged,
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ip {
    V4,
    V6,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// ARPHRD_*.
    pub(crate) hardware: u16,
    /// What created it: `wireguard`, `tun`, `bridge`...
    pub(crate) kind: Option<String>,
    /// IFF_*.
    pub(crate) flags: u32,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) index: u32,
    pub(crate) ip: IpAddr,
    pub(crate) prefix_len: u8,
    /// IFA_F_*.
    pub(crate) flags: u32,
    /// RT_SCOPE_*.
    pub(crate) scope: u8,
}

/// A default route for unicast.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) ip: Ip,
    pub(crate) table: u32,
    pub(crate) metric: u32,
    /// Only packets from here take it (IPv6 source-specific routing).
    pub(crate) source: Option<Prefix>,
    /// The address that packets leave with.
    pub(crate) preferred_source: Option<IpAddr>,
    pub(crate) hops: Vec<Hop>,
}

/// One way that a route goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    pub(crate) index: u32,
    pub(crate) gateway: Option<IpAddr>,
    /// RTNH_F_*.
    pub(crate) flags: u8,
}

/// A policy rule that looks a table up for what this process sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) ip: Ip,
    pub(crate) table: u32,
    pub(crate) source: Option<Prefix>,
    /// Only sockets bound to this interface.
    pub(crate) device: Option<String>,
    /// Everything but what it names.
    pub(crate) inverted: bool,
    /// It names a mark, which our sockets don't bear.
    pub(crate) marked: bool,
}

/// An IPv4 sysctl that is worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Netconf {
    /// An interface index, or [`Self::ALL`].
    pub(crate) index: u32,
    pub(crate) rp_filter: u32,
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    pub(crate) ip: IpAddr,
    pub(crate) len: u8,
}

impl Message {
    /// Parses one message; `None`: of no use here, or malformed.
    pub(crate) fn parse(frame: Frame<'_>) -> Option<Self> {
        let body = frame.body;
        match frame.kind {
            libc::RTM_NEWLINK => Link::parse(body).map(Self::Link),
            libc::RTM_DELLINK => Link::parse(body).map(|link| Self::LinkGone(link.index)),
            libc::RTM_NEWADDR => Address::parse(body).map(Self::Address),
            libc::RTM_DELADDR => Address::parse(body).map(Self::AddressGone),
            libc::RTM_NEWROUTE => is_default(body)?
                .then(|| Route::parse(body).map_or(Self::RoutesChanged, Self::Route)),
            libc::RTM_DELROUTE => is_default(body)?.then_some(Self::RoutesChanged),
            libc::RTM_NEWRULE => Some(Rule::parse(body).map_or(Self::RoutesChanged, Self::Rule)),
            libc::RTM_DELRULE | RTM_NEWNEXTHOP | RTM_DELNEXTHOP => Some(Self::RoutesChanged),
            libc::RTM_NEWNETCONF => Netconf::parse(body).map(Self::Netconf),
            _ => None,
        }
    }
}

impl Ip {
    /// AF_*.
    pub(crate) const fn family(self) -> i32 {
        match self {
            Self::V4 => libc::AF_INET,
            Self::V6 => libc::AF_INET6,
        }
    }

    /// The family of an address.
    pub(crate) const fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn parse(family: u8) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|ip| ip.family() == i32::from(family))
    }
}

impl Link {
    /// `struct ifinfomsg`: family, pad, type u16, index i32, flags u32, change u32.
    fn parse(body: &[u8]) -> Option<Self> {
        // A bridge speaks of its ports under AF_BRIDGE: leaving it is not vanishing.
        if i32::from(*body.first()?) != libc::AF_UNSPEC {
            return None;
        }
        let mut name = None;
        let mut kind = None;
        for (attribute, value) in attributes(body, 16) {
            match attribute {
                IFLA_IFNAME => name = text(value),
                IFLA_LINKINFO => {
                    kind = attributes(value, 0)
                        .find(|(kind, _)| *kind == IFLA_INFO_KIND)
                        .and_then(|(_, value)| text(value));
                }
                _ => {}
            }
        }
        Some(Self {
            index: u32_at(body, 4)?,
            name: name?,
            hardware: u16_at(body, 2)?,
            kind,
            flags: u32_at(body, 8)?,
        })
    }
}

impl Address {
    /// `struct ifaddrmsg`: family, prefix length, flags, scope, index u32.
    fn parse(body: &[u8]) -> Option<Self> {
        let &[family, prefix_len, flags, scope, ..] = body else { return None };
        let ip = Ip::parse(family)?;
        let (mut address, mut local, mut flags) = (None, None, u32::from(flags));
        for (attribute, value) in attributes(body, 8) {
            match attribute {
                IFA_ADDRESS => address = ip_address(ip, value),
                // On a point-to-point link IFA_ADDRESS is the peer's.
                IFA_LOCAL => local = ip_address(ip, value),
                IFA_FLAGS => flags = u32_at(value, 0)?,
                _ => {}
            }
        }
        Some(Self { index: u32_at(body, 4)?, ip: local.or(address)?, prefix_len, flags, scope })
    }
}

/// Whether a route is a default route of IPv4 or IPv6.
fn is_default(body: &[u8]) -> Option<bool> {
    let &[family, destination_len, ..] = body else { return None };
    Some(destination_len == 0 && Ip::parse(family).is_some())
}

impl Route {
    /// `struct rtmsg`: family, lengths of destination and source, tos, table, protocol, scope,
    /// type, flags u32.
    fn parse(body: &[u8]) -> Option<Self> {
        let &[family, _, source_len, _, table, _, _, kind, ..] = body else { return None };
        let ip = Ip::parse(family)?;
        let flags = u32_at(body, 8)?;
        if kind != libc::RTN_UNICAST || flags & libc::RTM_F_CLONED != 0 {
            return None;
        }
        let mut route = Self {
            ip,
            table: table.into(),
            metric: 0,
            source: None,
            preferred_source: None,
            hops: Vec::new(),
        };
        // The kernel keeps RTNH_F_* in the lowest byte of rtm_flags.
        let mut hop = Hop { index: 0, gateway: None, flags: flags as u8 };
        for (attribute, value) in attributes(body, 12) {
            match attribute {
                libc::RTA_TABLE => route.table = u32_at(value, 0)?,
                libc::RTA_PRIORITY => route.metric = u32_at(value, 0)?,
                libc::RTA_PREFSRC => route.preferred_source = ip_address(ip, value),
                libc::RTA_SRC => {
                    route.source = ip_address(ip, value).map(|ip| Prefix { ip, len: source_len })
                }
                libc::RTA_OIF => hop.index = u32_at(value, 0)?,
                libc::RTA_MULTIPATH => route.hops = hops(ip, value).collect(),
                _ => hop.gateway = hop.gateway.or_else(|| gateway(ip, attribute, value)),
            }
        }
        if route.hops.is_empty() {
            route.hops.push(hop);
        }
        Some(route)
    }
}

/// `struct rtnexthop`: length u16, flags, hops, index i32; each with attributes of its own.
fn hops(ip: Ip, value: &[u8]) -> impl Iterator<Item = Hop> {
    let mut rest = value;
    core::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let body = rest.get(..len)?;
        let gateway =
            attributes(body, 8).find_map(|(attribute, value)| gateway(ip, attribute, value));
        let hop = Hop { index: u32_at(body, 4)?, gateway, flags: body[2] };
        rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
        Some(hop)
    })
}

fn gateway(ip: Ip, attribute: u16, value: &[u8]) -> Option<IpAddr> {
    match attribute {
        libc::RTA_GATEWAY => ip_address(ip, value),
        // An IPv4 route by an IPv6 gateway (RFC 5549): the family, then the address.
        RTA_VIA => ip_address(Ip::V6, value.get(2..)?),
        _ => None,
    }
}

impl Rule {
    /// `struct fib_rule_hdr`: family, lengths of destination and source, tos, table, two
    /// reserved, action, flags u32.
    fn parse(body: &[u8]) -> Option<Self> {
        let &[family, destination_len, source_len, tos, table, _, _, action, ..] = body else {
            return None;
        };
        let ip = Ip::parse(family)?;
        if action != FR_ACT_TO_TBL || destination_len != 0 || tos != 0 {
            return None;
        }
        let inverted = u32_at(body, 8)? & FIB_RULE_INVERT != 0;
        let mut rule =
            Self { ip, table: table.into(), source: None, device: None, inverted, marked: false };
        for (attribute, value) in attributes(body, 12) {
            match attribute {
                FRA_TABLE => rule.table = u32_at(value, 0)?,
                FRA_SRC => {
                    rule.source = ip_address(ip, value).map(|ip| Prefix { ip, len: source_len })
                }
                FRA_OIFNAME => rule.device = text(value),
                FRA_FWMARK => rule.marked = u32_at(value, 0)? != 0,
                // Not for default routes (wg-quick's `suppress_prefixlength 0`); -1: none.
                FRA_SUPPRESS_PREFIXLEN if u32_at(value, 0)? != u32::MAX => return None,
                // Only what is forwarded from there; `lo` is what is sent from here.
                FRA_IIFNAME if text(value).as_deref() != Some("lo") => return None,
                FRA_L3MDEV | FRA_UID_RANGE | FRA_IP_PROTO | FRA_SPORT_RANGE | FRA_DPORT_RANGE => {
                    return None;
                }
                _ => {}
            }
        }
        Some(rule)
    }
}

impl Netconf {
    /// NETCONFA_IFINDEX_ALL, -1.
    pub(crate) const ALL: u32 = u32::MAX;

    /// `struct netconfmsg`: family, padded.
    fn parse(body: &[u8]) -> Option<Self> {
        if i32::from(*body.first()?) != libc::AF_INET {
            return None;
        }
        let value = |wanted| {
            attributes(body, 4)
                .find(|(kind, _)| *kind == wanted)
                .and_then(|(_, value)| u32_at(value, 0))
        };
        Some(Self { index: value(NETCONFA_IFINDEX)?, rp_filter: value(NETCONFA_RP_FILTER)? })
    }
}

impl Prefix {
    /// Whether an address lies in it.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        fn common(a: u128, b: u128, width: u32) -> u32 {
            (a ^ b).leading_zeros() + width - 128
        }
        let len = u32::from(self.len);
        match (self.ip, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                common(net.to_bits().into(), ip.to_bits().into(), 32) >= len
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => common(net.to_bits(), ip.to_bits(), 128) >= len,
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn ip_address(ip: Ip, value: &[u8]) -> Option<IpAddr> {
    match ip {
        Ip::V4 => <[u8; 4]>::try_from(value).ok().map(|octets| Ipv4Addr::from(octets).into()),
        Ip::V6 => <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).into()),
    }
}

/// A C string.
fn text(value: &[u8]) -> Option<String> {
    let bytes = value.split(|byte| *byte == 0).next()?;
    core::str::from_utf8(bytes).ok().map(str::to_owned)
}

// linux/if_link.h
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_FLAGS: u16 = 8;
// linux/rtnetlink.h
const RTA_VIA: u16 = 18;
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;
// linux/fib_rules.h
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_FWMARK: u16 = 10;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_OIFNAME: u16 = 17;
const FRA_L3MDEV: u16 = 19;
const FRA_UID_RANGE: u16 = 20;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
const FR_ACT_TO_TBL: u8 = 1;
const FIB_RULE_INVERT: u32 = 2;
// linux/netconf.h
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_RP_FILTER: u16 = 3;
