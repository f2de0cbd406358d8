//! How packets leave by one interface: which route, which address, whether replies return.

use super::Tables;
use crate::netlink::{Address, Hop, Ip, Link, Prefix, Route, Rule};
use core::net::IpAddr;

/// How packets to the upstream leave by an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// The address they leave with.
    pub(crate) address: Option<IpAddr>,
    /// Next hop, where the route names one.
    pub(crate) gateway: Option<IpAddr>,
    /// The route's metric.
    pub(crate) metric: u32,
    /// Only a socket with this source address takes the route, bound to the interface or not.
    pub(crate) needs_source: bool,
    /// A policy rule leads this source address out by the interface, whatever the socket is bound to.
    pub(crate) has_source_rule: bool,
    /// The kernel's reverse path filter drops what returns by the interface.
    pub(crate) is_filtered: bool,
}

impl Tables {
    /// `None`: no default route leads out by it. Without carrier its routes are `linkdown`.
    pub(crate) fn path(&self, link: &Link, ip: Ip) -> Option<Path> {
        if !link.has_carrier() {
            return None;
        }
        let reachable = self.ways_out(link, ip).filter_map(|(route, hop)| {
            let address = self.address(link, ip, Some((route, hop)));
            let needs_source = !self.leads(route, Some(&link.name), None);
            if needs_source && !self.leads(route, Some(&link.name), Some(address?)) {
                return None;
            }
            Some((route.metric, needs_source, address, hop.gateway))
        });
        let (metric, needs_source, address, gateway) =
            reachable.min_by_key(|(metric, ..)| *metric)?;
        let is_filtered = self.rp_filter(link.index) == STRICT
            && ip == Ip::V4
            && address.is_some_and(|address| !self.answers_by(link, address));
        let has_source_rule = address.is_some_and(|address| self.has_source_rule(link, address));
        Some(Path { address, gateway, metric, needs_source, has_source_rule, is_filtered })
    }

    /// Whether the reverse path filter is strict on an interface: harmless while replies to its
    /// address leave by it.
    pub(crate) fn is_strict(&self, link: &Link) -> bool {
        self.rp_filter(link.index) == STRICT
    }

    /// The address that packets by a route have, or would have by a default route.
    pub(crate) fn address(
        &self,
        link: &Link,
        ip: Ip,
        way: Option<(&Route, Hop)>,
    ) -> Option<IpAddr> {
        if let Some((Route { preferred_source: Some(source), .. }, _)) = way {
            return Some(*source);
        }
        let gateway = way.and_then(|(_, hop)| hop.gateway);
        let source = way.and_then(|(route, _)| route.source);
        let own = self
            .addresses
            .iter()
            .filter(|address| address.index == link.index && is_usable(address, ip));
        let fitting = own.filter(|address| source.is_none_or(|source| source.contains(address.ip)));
        // The kernel's own choice: on the gateway's network, else the first (inet_select_addr).
        fitting
            .min_by_key(|address| {
                (rank(address), !gateway.is_some_and(|hop| network(address).contains(hop)))
            })
            .map(|address| address.ip)
    }

    fn ways_out(&self, link: &Link, ip: Ip) -> impl Iterator<Item = (&Route, Hop)> {
        let routes = self.routing.routes.iter().filter(move |route| route.ip == ip);
        let index = link.index;
        routes.flat_map(move |route| {
            let hops = route.hops.iter().filter(move |hop| hop.index == index && hop.is_alive());
            hops.map(move |hop| (route, *hop))
        })
    }

    /// Whether a route is found by a socket bound to `device`, to `source`, to both or neither.
    fn leads(&self, route: &Route, device: Option<&str>, source: Option<IpAddr>) -> bool {
        if route.source.is_some_and(|prefix| !source.is_some_and(|source| prefix.contains(source)))
        {
            return false;
        }
        let mut rules = self.routing.rules.iter().filter(|rule| rule.ip == route.ip).peekable();
        if rules.peek().is_none() {
            // A kernel without policy routing.
            return route.table == MAIN;
        }
        rules.any(|rule| rule.table == route.table && rule.matches(device, source))
    }

    fn has_source_rule(&self, link: &Link, address: IpAddr) -> bool {
        let ip = Ip::of(address);
        let mut rules = self.routing.rules.iter().filter(|rule| {
            rule.ip == ip && rule.source.is_some() && rule.matches(None, Some(address))
        });
        rules.any(|rule| self.ways_out(link, ip).any(|(route, _)| route.table == rule.table))
    }

    /// Whether what is sent from `address`, by a socket bound to nothing else, leaves by `link`:
    /// what the reverse path filter asks. Only dead hops are passed over; `linkdown` ones are not,
    /// so a cable that is out still decides.
    fn answers_by(&self, link: &Link, address: IpAddr) -> bool {
        let ip = Ip::of(address);
        let best = |table| {
            let routes = self.routing.routes.iter().filter(move |route| {
                route.ip == ip && route.table == table && route.hops.iter().any(Hop::is_alive)
            });
            routes.min_by_key(|route| route.metric)
        };
        let mut rules = self.routing.rules.iter().filter(|rule| rule.ip == ip).peekable();
        let found = match rules.peek() {
            None => best(MAIN),
            Some(_) => rules
                .filter(|rule| rule.matches(None, Some(address)))
                .find_map(|rule| best(rule.table)),
        };
        found.is_some_and(|route| route.hops.iter().any(|hop| hop.index == link.index))
    }
}

impl Rule {
    fn matches(&self, device: Option<&str>, source: Option<IpAddr>) -> bool {
        let by_source =
            self.source.is_none_or(|prefix| source.is_some_and(|source| prefix.contains(source)));
        let by_device = self.device.as_deref().is_none_or(|wanted| device == Some(wanted));
        (by_source && by_device && !self.marked) != self.inverted
    }
}

fn is_usable(address: &Address, ip: Ip) -> bool {
    let unfit = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED | libc::IFA_F_DEPRECATED;
    Ip::of(address.ip) == ip && address.flags & unfit == 0 && address.scope < libc::RT_SCOPE_LINK
}

/// Public addresses before private IPv6 ones (RFC 4193), lasting before temporary ones.
fn rank(address: &Address) -> (bool, bool) {
    let is_temporary = Ip::of(address.ip) == Ip::V6 && address.flags & libc::IFA_F_SECONDARY != 0;
    let is_unique_local = match address.ip {
        IpAddr::V6(ip) => ip.is_unique_local(),
        IpAddr::V4(_) => false,
    };
    (is_unique_local, is_temporary)
}

fn network(address: &Address) -> Prefix {
    Prefix { ip: address.ip, len: address.prefix_len }
}

/// RT_TABLE_MAIN.
const MAIN: u32 = 254;

/// `rp_filter=1`: RFC 3704 strict mode.
const STRICT: u32 = 1;
