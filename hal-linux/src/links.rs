//! [`NetlinkLinks`]: the machine's links, live.

use crate::{
    binding,
    class::{Interface, classify},
    netlink::{Link, Message, Received, Socket, frames},
    network::{Family, Network, Path, Routing, Tables},
    wireless::Radios,
};
use baton_core::Class;
use baton_hal::{ErrorKind, Facts, LinkChange, LinkName, Links};
use core::fmt;
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    task::{JoinHandle, spawn_blocking},
    time::sleep_until,
};

/// Which interfaces are links.
#[derive(Clone, Debug)]
pub struct LinksOptions {
    /// Address families that lead to the upstream.
    pub family: Family,
    /// Names of interfaces that never are links; one `*` stands for anything.
    pub ignore: Vec<String>,
    /// Links that are configured, with their class where that is configured too. They are
    /// reported also before they have a default route.
    pub configured: BTreeMap<String, Option<Class>>,
    /// Where sysfs is mounted.
    pub sysfs: PathBuf,
}

impl Default for LinksOptions {
    fn default() -> Self {
        Self {
            family: Family::default(),
            ignore: Vec::new(),
            configured: BTreeMap::new(),
            sysfs: PathBuf::from("/sys"),
        }
    }
}

/// Why links can't be observed.
#[derive(Debug)]
pub enum LinksError {
    /// The kernel refused the netlink socket, or reading from it.
    Netlink(io::Error),
}

impl fmt::Display for LinksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netlink(error) => write!(
                f,
                "routing netlink: {error} (a sandbox must allow AF_NETLINK: systemd's RestrictAddressFamilies, a jail's seccomp filter)"
            ),
        }
    }
}

impl baton_hal::Error for LinksError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Netlink(error) => crate::error::kind(error),
        }
    }
}

/// [`Links`] from rtnetlink.
///
/// An interface is a link once it has had a default route of its own, or is configured. From then
/// on it is reported until it vanishes or changes its name, with `metric: None` while it has no
/// such route. Loopback and what is ignored are never links.
///
/// Messages of interfaces and addresses are taken as they come, so that lost carrier is known at once;
/// routes are read anew, on a blocking thread, when something may have moved them.
pub struct NetlinkLinks {
    socket: AsyncFd<Socket>,
    network: Network,
    options: LinksOptions,
    /// By index and name: sysfs is read once an interface.
    classes: BTreeMap<(u32, String), Class>,
    /// Indices of the interfaces that are links by having had a default route.
    proven: BTreeSet<u32>,
    reported: BTreeMap<LinkName, Facts<String>>,
    reading: Reading,
    stale: Stale,
    overruns: u32,
    radios: Radios,
    /// Whether sockets may be bound to an interface.
    can_bind: bool,
}

/// What is being read on the blocking thread.
enum Reading {
    Nothing,
    Routing(JoinHandle<io::Result<Routing>>),
    /// Messages wait in the socket meanwhile: applied later, they repeat what the tables hold
    /// already or carry it on.
    Everything(JoinHandle<io::Result<Tables>>),
}

/// What must be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Stale {
    #[default]
    Nothing,
    /// The routes may have moved.
    Routing,
    /// Messages were lost.
    Everything,
}

/// What woke [`NetlinkLinks::step`].
enum Woken {
    Messages,
    Routing(io::Result<Routing>),
    Everything(io::Result<Tables>),
}

impl NetlinkLinks {
    /// Subscribes, then reads what there is; blocks for well under a millisecond, as a rule.
    /// Needs no privilege, but a tokio runtime with I/O.
    pub fn new(options: LinksOptions) -> Result<Self, LinksError> {
        let socket = Socket::subscribed().and_then(watched).map_err(LinksError::Netlink)?;
        Ok(Self {
            socket,
            network: Network::read().map_err(LinksError::Netlink)?,
            options,
            classes: BTreeMap::new(),
            proven: BTreeSet::new(),
            reported: BTreeMap::new(),
            reading: Reading::Nothing,
            stale: Stale::Nothing,
            overruns: 0,
            radios: Radios::new(),
            can_bind: binding::is_permitted(),
        })
    }

    /// The view of the machine that this keeps current while [`Links::changed`] is awaited.
    pub fn network(&self) -> Network {
        self.network.clone()
    }

    /// How often the kernel had more to say than the socket holds, so that all was read again.
    pub fn overruns(&self) -> u32 {
        self.overruns
    }

    /// Waits for news and takes them in. Cancel-safe: nothing is taken before the last await.
    async fn step(&mut self) -> io::Result<()> {
        self.read_what_is_stale();
        let woken = match &mut self.reading {
            Reading::Nothing => heard(&mut self.socket).await?,
            Reading::Routing(reading) => tokio::select! {
                heard = heard(&mut self.socket) => heard?,
                routing = reading => Woken::Routing(routing.unwrap_or_else(|panic| Err(panic.into()))),
            },
            Reading::Everything(reading) => {
                Woken::Everything(reading.await.unwrap_or_else(|panic| Err(panic.into())))
            }
        };
        let read = match woken {
            Woken::Messages => return self.receive(),
            Woken::Routing(read) => {
                read.map(|routing| self.network.alter(|tables| tables.set_routing(routing)))
            }
            Woken::Everything(read) => {
                read.map(|everything| self.network.alter(|tables| *tables = everything))
            }
        };
        self.reading = Reading::Nothing;
        read.inspect_err(|_| self.stale = Stale::Everything)
    }

    fn read_what_is_stale(&mut self) {
        match (&self.reading, self.stale) {
            (Reading::Routing(_) | Reading::Everything(_), _)
            | (Reading::Nothing, Stale::Nothing) => return,
            (Reading::Nothing, Stale::Routing) => {
                self.reading = Reading::Routing(spawn_blocking(Routing::read))
            }
            (Reading::Nothing, Stale::Everything) => {
                self.reading = Reading::Everything(spawn_blocking(Tables::read))
            }
        }
        self.stale = Stale::Nothing;
    }

    /// Takes all messages in. After an overrun the kernel drops everything until the socket is
    /// empty, so only then it is of use to read the tables again.
    fn receive(&mut self) -> io::Result<()> {
        loop {
            match self.socket.get_mut().receive() {
                Ok(Received::Datagram(datagram)) => {
                    for message in frames(datagram).filter_map(Message::parse) {
                        if self.network.alter(|tables| tables.apply(message)) {
                            self.stale = self.stale.max(Stale::Routing);
                        }
                    }
                }
                Ok(Received::Overrun) => {
                    tracing::debug!("netlink messages were lost: everything is read again");
                    self.overruns = self.overruns.saturating_add(1);
                    self.stale = Stale::Everything;
                    self.reading = Reading::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// The first difference between what is and what was reported.
    fn next_change(&mut self) -> Option<LinkChange<String>> {
        let network = self.network.clone();
        let current = network.with(|tables| self.current(tables));
        let gone = self.reported.keys().find(|name| !current.contains_key(*name)).cloned();
        if let Some(name) = gone {
            self.reported.remove(&name);
            return Some(LinkChange::Removed(name));
        }
        let changed =
            current.into_values().find(|facts| self.reported.get(&facts.name) != Some(facts))?;
        self.reported.insert(changed.name.clone(), changed.clone());
        Some(LinkChange::Updated(changed))
    }

    fn current(&mut self, tables: &Tables) -> BTreeMap<LinkName, Facts<String>> {
        self.proven.retain(|index| tables.links.contains_key(index));
        self.classes.retain(|(index, name), _| {
            tables.links.get(index).is_some_and(|link| link.name == *name)
        });
        let mut current = BTreeMap::new();
        for link in tables.links.values() {
            if link.is_loopback() || self.options.ignores(&link.name) {
                continue;
            }
            let path = self.path(tables, link);
            if path.is_some() {
                self.proven.insert(link.index);
            }
            if self.proven.contains(&link.index) || self.options.configured.contains_key(&link.name)
            {
                let facts = self.facts(tables, link, path);
                current.insert(facts.name.clone(), facts);
            }
        }
        current
    }

    /// By the preferred family that is whole, else by one that lacks its address.
    fn path(&self, tables: &Tables, link: &Link) -> Option<Path> {
        let paths = self.options.family.preferred().iter().filter_map(|ip| tables.path(link, *ip));
        paths.clone().find(|path| path.address.is_some()).or_else(|| paths.into_iter().next())
    }

    fn facts(&mut self, tables: &Tables, link: &Link, path: Option<Path>) -> Facts<String> {
        let idle = || {
            self.options.family.preferred().iter().find_map(|ip| tables.address(link, *ip, None))
        };
        Facts {
            address: path.map_or_else(idle, |path| path.address),
            name: name(&link.name),
            index: link.index,
            class: self.class(link),
            carrier: link.has_carrier(),
            gateway: path.and_then(|path| path.gateway),
            metric: path.map(|path| path.metric),
            roaming: false,
            trouble: path.and_then(|path| self.trouble(link, path)),
        }
    }

    fn class(&mut self, link: &Link) -> Class {
        if let Some(Some(class)) = self.options.configured.get(&link.name) {
            return *class;
        }
        *self.classes.entry((link.index, link.name.clone())).or_insert_with(|| {
            let (name, kind) = (link.name.as_str(), link.kind.as_deref());
            classify(
                &self.options.sysfs,
                Interface { name, index: link.index, hardware: link.hardware, kind },
            )
        })
    }

    fn trouble(&self, link: &Link, path: Path) -> Option<String> {
        if path.is_filtered {
            let mend = rp_filter_mend(&link.name);
            Some(format!("rp_filter=1 drops what returns by {}: run `{mend}`", link.name))
        } else if self.can_bind || path.has_source_rule {
            None
        } else {
            Some(binding::refusal(&link.name, &path))
        }
    }
}

impl Links for NetlinkLinks {
    type Error = LinksError;
    type Trouble = String;

    async fn changed(&mut self) -> Result<LinkChange<String>, LinksError> {
        loop {
            if let Some(change) = self.next_change() {
                return Ok(change);
            }
            if let Some((name, signal)) = self.radios.next() {
                return Ok(LinkChange::Heard(self::name(&name), signal));
            }
            let has_radio = self.reported.values().any(is_radio);
            let due = self.radios.due();
            tokio::select! {
                step = self.step() => step.map_err(LinksError::Netlink)?,
                () = sleep_until(due), if has_radio => {
                    let reported = &self.reported;
                    self.radios.read(|name| reported.get(name).is_some_and(is_radio));
                }
            }
        }
    }
}

/// As the kernel has it.
fn name(link: &str) -> LinkName {
    LinkName::try_from(link).expect("the kernel has no longer names")
}

/// Whether it may have something to say.
fn is_radio<T>(facts: &Facts<T>) -> bool {
    facts.class == Class::Wifi && facts.carrier
}

impl LinksOptions {
    fn ignores(&self, name: &str) -> bool {
        self.ignore.iter().any(|pattern| match pattern.split_once('*') {
            None => name == pattern,
            Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
        })
    }
}

#[expect(unsafe_code, reason = "tokio registers a descriptor by number, not by ownership")]
fn watched(socket: Socket) -> io::Result<AsyncFd<Socket>> {
    // SAFETY: the socket owns its descriptor, always answers with it, and closes it only when it
    // is dropped, which is after AsyncFd has deregistered it.
    let watched = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
    watched.map_err(io::Error::from)
}

/// Readiness is cleared before the socket is emptied, so that what comes in between shows.
async fn heard(socket: &mut AsyncFd<Socket>) -> io::Result<Woken> {
    socket.readable_mut().await?.clear_ready();
    Ok(Woken::Messages)
}

/// Makes the filter of one interface loose; the kernel takes the larger of its own value and
/// everyone's. Slashes, because names may have dots in them.
pub(crate) fn rp_filter_mend(link: &str) -> String {
    format!("sysctl -w net/ipv4/conf/{link}/rp_filter=2")
}
