//! The upstream's addresses, asked for over the link that they are for.

use crate::{
    binding,
    dns::{self, Answer, Record},
    netlink::Ip,
    network::Network,
};
use baton_core::{Duration, Instant};
use baton_hal::Clock;
use core::{
    cell::RefCell,
    future::poll_fn,
    hash::{BuildHasher, Hasher},
    net::{IpAddr, SocketAddr},
    task::{Context, Poll},
};
use socket2::{Domain, Socket, Type};
use std::{collections::BTreeMap, fs, hash::RandomState, path::PathBuf};
use tokio::{io::ReadBuf, net::UdpSocket, time::timeout};

/// Where names are looked up.
#[derive(Clone, Debug)]
pub struct ResolveOptions {
    /// Files that name servers, in the format of resolv.conf. All that can be read count.
    pub resolv_conf: Vec<PathBuf>,
    /// Names that are asked of nobody.
    pub hosts: PathBuf,
    /// The servers' port.
    pub port: u16,
}

impl Default for ResolveOptions {
    fn default() -> Self {
        Self {
            // OpenWrt's netifd and systemd-resolved keep the uplinks' servers apart: the last
            // file then names only a resolver on this machine.
            resolv_conf: vec![
                "/tmp/resolv.conf.d/resolv.conf.auto".into(),
                "/run/systemd/resolve/resolv.conf".into(),
                "/etc/resolv.conf".into(),
            ],
            hosts: "/etc/hosts".into(),
            port: 53,
        }
    }
}

/// How long an answer is waited for; a server that is slower than this on a usable link is as
/// good as none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A lost datagram is repeated once: a link that loses two in a row has other troubles.
const TRIES: u32 = 2;

/// Servers that are asked, all at once. resolv.conf's own limit is three a file.
const SERVERS: usize = 6;

/// After a failure, stale addresses are used this long before the next try (RFC 8767, 4); so
/// long it is also believed that a name has none of a family. Seconds.
const STALE: u32 = 30;

/// Bounds on a TTL in seconds: not a question a connection, and not a day's faith in one answer.
const TTL: (u32, u32) = (5, 3600);

/// Looks one name up, and keeps what it finds for each link.
#[derive(Debug)]
pub(crate) struct Resolver {
    host: String,
    options: ResolveOptions,
    clock: Clock,
    /// The last good addresses by link and family, and when to ask again.
    found: RefCell<BTreeMap<(String, Ip), Found>>,
}

#[derive(Clone, Debug)]
struct Found {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Resolver {
    pub(crate) fn new(host: String, options: ResolveOptions) -> Self {
        Self { host, options, clock: Clock::start(), found: RefCell::default() }
    }

    /// Addresses of one family, for use over `link`; empty: there are none, or nobody knows.
    pub(crate) async fn resolve(&self, network: &Network, link: &str, ip: Ip) -> Vec<IpAddr> {
        if let Ok(literal) = self.host.parse() {
            return Some(literal).filter(|literal| Ip::of(*literal) == ip).into_iter().collect();
        }
        let listed = self.listed(ip);
        if !listed.is_empty() {
            return listed;
        }
        let key = (link.to_owned(), ip);
        let kept = self.found.borrow().get(&key).cloned();
        if let Some(kept) = &kept
            && self.clock.now() < kept.until
        {
            return kept.addresses.clone();
        }
        let answer = self.ask(network, link, ip).await;
        let is_denied = answer.is_some();
        let found = match answer.filter(|answer| !answer.addresses.is_empty()) {
            Some(answer) => self.good_for(answer.ttl.clamp(TTL.0, TTL.1), answer.addresses),
            None => {
                let stale = kept.map(|kept| kept.addresses).or_else(|| self.of_another_link(ip));
                self.good_for(STALE, stale.unwrap_or_default())
            }
        };
        let addresses = found.addresses.clone();
        if is_denied || !addresses.is_empty() {
            self.found.borrow_mut().insert(key, found);
        }
        addresses
    }

    fn good_for(&self, seconds: u32, addresses: Vec<IpAddr>) -> Found {
        Found { addresses, until: self.clock.now() + Duration::from_secs(seconds.into()) }
    }

    fn of_another_link(&self, ip: Ip) -> Option<Vec<IpAddr>> {
        let found = self.found.borrow();
        let mut others = found
            .iter()
            .filter(|((_, family), found)| *family == ip && !found.addresses.is_empty());
        others.next().map(|(_, found)| found.addresses.clone())
    }

    /// Asks every server at once; the first that knows wins.
    async fn ask(&self, network: &Network, link: &str, ip: Ip) -> Option<Answer> {
        let record = match ip {
            Ip::V4 => Record::A,
            Ip::V6 => Record::Aaaa,
        };
        let servers = self.servers(link);
        let sockets: Vec<_> =
            servers.into_iter().filter_map(|server| self.socket(network, link, server)).collect();
        if sockets.is_empty() {
            return None;
        }
        for _ in 0..TRIES {
            let question = dns::question(random_id(), &self.host, record)?;
            for socket in &sockets {
                // What can't be sent is not answered: that is all there is to know. A new
                // socket is not known to be writable yet, so it is waited for.
                let _ = socket.send(&question).await;
            }
            let answer = poll_fn(|context| first_answer(context, &sockets, &question, record));
            if let Ok(answer) = timeout(PATIENCE, answer).await {
                return Some(answer);
            }
        }
        None
    }

    /// A socket that only that server can answer. A resolver on this machine is asked as anyone
    /// would: it chooses its own way.
    fn socket(&self, network: &Network, link: &str, server: IpAddr) -> Option<UdpSocket> {
        let socket = if server.is_loopback() {
            let domain = if server.is_ipv6() { Domain::IPV6 } else { Domain::IPV4 };
            Socket::new(domain, Type::DGRAM.nonblocking(), None).ok()?
        } else {
            let path = network.path(link, Ip::of(server))?;
            binding::socket(link, &path, Type::DGRAM).ok()?
        };
        socket.connect(&SocketAddr::new(server, self.options.port).into()).ok()?;
        UdpSocket::from_std(socket.into()).ok()
    }

    /// The servers to ask: those beyond the links first.
    fn servers(&self, link: &str) -> Vec<IpAddr> {
        let texts =
            self.options.resolv_conf.iter().filter_map(|path| fs::read_to_string(path).ok());
        let mut servers = Vec::new();
        for text in texts {
            for server in text.lines().filter_map(|line| nameserver(line, link)) {
                if !servers.contains(&server) {
                    servers.push(server);
                }
            }
        }
        servers.sort_by_key(IpAddr::is_loopback);
        servers.truncate(SERVERS);
        servers
    }

    fn listed(&self, ip: Ip) -> Vec<IpAddr> {
        let text = fs::read_to_string(&self.options.hosts).unwrap_or_default();
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|name| name.eq_ignore_ascii_case(&self.host)).then_some(address)
        });
        lines.filter(|address| Ip::of(*address) == ip).collect()
    }
}

fn first_answer(
    context: &mut Context<'_>,
    sockets: &[UdpSocket],
    question: &[u8],
    record: Record,
) -> Poll<Answer> {
    let mut buf = [0; dns::DATAGRAM];
    for socket in sockets {
        loop {
            let mut message = ReadBuf::new(&mut buf);
            match socket.poll_recv(context, &mut message) {
                Poll::Ready(Ok(())) => {
                    if let Some(answer) = dns::answer(question, record, message.filled()) {
                        return Poll::Ready(answer);
                    }
                }
                // Nobody listens there: the other servers may still answer.
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
    }
    Poll::Pending
}

/// The server that a line of resolv.conf names. A zone (`fe80::1%wwan0`) is one of `link` alone.
fn nameserver(line: &str, link: &str) -> Option<IpAddr> {
    let mut words = line.split_ascii_whitespace();
    let server = words.next().filter(|word| *word == "nameserver").and(words.next())?;
    match server.split_once('%') {
        None => server.parse().ok(),
        Some((address, zone)) => address.parse().ok().filter(|_| zone == link),
    }
}

/// Unguessable: the standard library keys its hash maps with the system's randomness.
fn random_id() -> u16 {
    RandomState::new().build_hasher().finish() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_name_no_server_of_this_link_are_passed_over() {
        let named = |line| nameserver(line, "wwan0");

        assert_eq!(named("nameserver 192.0.2.53"), "192.0.2.53".parse().ok());
        assert_eq!(named("  nameserver\t2001:db8::53 # theirs"), "2001:db8::53".parse().ok());
        assert_eq!(named("nameserver fe80::1%wwan0"), "fe80::1".parse().ok());
        for line in [
            "nameserver fe80::1%eth0",
            "nameserver",
            "nameserver x",
            "search nameserver 192.0.2.53",
            "# Interface",
            "",
        ] {
            assert_eq!(named(line), None, "{line}");
        }
    }

    #[test]
    fn ids_differ() {
        let ids: std::collections::BTreeSet<_> = (0..64).map(|_| random_id()).collect();

        assert!(ids.len() > 32, "{ids:?}");
    }
}
