//! Builds the topology and keeps the emulator running.

use crate::{
    emulator::{self, STOP, Wire},
    link::{Link, LinkSpec, Pair},
    namespace::{Namespace, errno},
    netlink::{Change, Route},
    offload,
    packet::PacketSocket,
    sandbox::Sandbox,
};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use nix::errno::Errno;
use std::{
    io::{PipeReader, PipeWriter, Write},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

/// The upstream server's address, reached over any link.
pub const UPSTREAM_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// The upstream server's IPv6 address, reached over any link.
pub const UPSTREAM_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);

/// The topology of the crate's picture, running until dropped.
pub struct Lab {
    /// Where the agent runs: `eth0`, `wlan0`, ... to the upstream, `lan0` to the client.
    pub gateway: Namespace,
    /// Where the server runs, at [`UPSTREAM_V4`] and [`UPSTREAM_V6`].
    pub upstream: Namespace,
    /// Where the client runs, at 192.168.1.2.
    pub lan: Namespace,
    links: Vec<Link>,
    control: Arc<PipeWriter>,
    emulator: Option<JoinHandle<()>>,
}

impl Lab {
    /// Builds it, with CUBIC. The order of `links` is the order of their route metrics.
    pub fn new(sandbox: &Sandbox, links: &[LinkSpec], seed: u64) -> Result<Self, LabError> {
        Self::with_congestion_control(sandbox, links, seed, "cubic")
    }

    /// Builds it with a congestion control of the kernel's for every connection: `"bbr"`.
    pub fn with_congestion_control(
        _: &Sandbox,
        links: &[LinkSpec],
        seed: u64,
        congestion_control: &'static str,
    ) -> Result<Self, LabError> {
        let [gateway, upstream] = [Namespace::new("gateway")?, Namespace::new("upstream")?];
        let [lan, emulator] = [Namespace::new("lan")?, Namespace::new("emulator")?];
        if emulator.has_ipv6() {
            emulator.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
        }
        // As a router on the way would, it answers ARP for no address but that of its own end.
        upstream.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
        build_lan(&lan, &gateway, congestion_control)?;
        for address in families(&upstream, UPSTREAM_V4, UPSTREAM_V6) {
            upstream.address(Change::Add, "lo", address, host_prefix(address))?;
        }
        let (control_reader, control) = pipe(&emulator)?;
        let control = Arc::new(control);
        let (mut handles, mut wires) = (Vec::new(), Vec::new());
        for (number, spec) in (1..=u8::MAX).zip(links) {
            let plan = Plan { name: spec.name, number, congestion_control };
            plan.build(&gateway, &emulator, &upstream)?;
            let pair = Arc::new(Mutex::new(Pair::new(spec, seed, number)));
            wires.push(Wire {
                to_gateway: open(&emulator, &plan.gateway_end())?,
                to_upstream: open(&emulator, &plan.upstream_end())?,
                pair: Arc::clone(&pair),
            });
            let (gateway, emulator) = (gateway.clone(), emulator.clone());
            handles.push(Link { plan, pair, gateway, emulator, control: Arc::clone(&control) });
        }
        let thread = thread::Builder::new().name("emulator".into());
        let thread = thread
            .spawn(move || emulator::run(&wires, control_reader))
            .map_err(|err| emulator.error("start the thread", errno(err)))?;
        Ok(Self { gateway, upstream, lan, links: handles, control, emulator: Some(thread) })
    }

    /// The link of that name.
    ///
    /// # Panics
    /// If the lab was built without it.
    pub fn link(&self, name: &str) -> &Link {
        let found = self.links.iter().find(|link| link.name() == name);
        found.unwrap_or_else(|| panic!("this lab has no link {name}"))
    }

    /// Every link, in the order of the route metrics.
    pub fn links(&self) -> &[Link] {
        &self.links
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if (&*self.control).write_all(&[STOP]).is_ok()
            && let Some(thread) = self.emulator.take()
        {
            // Its panic has been printed; another one here would abort.
            let _ = thread.join();
        }
    }
}

/// What could not be built or changed, and the kernel's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabError {
    /// Namespace and operation.
    pub doing: String,
    /// The kernel's answer.
    pub errno: Errno,
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.doing, self.errno)
    }
}

impl core::error::Error for LabError {}

/// Names and addresses of one link.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    /// Its place, from 1.
    number: u8,
    congestion_control: &'static str,
}

impl Plan {
    /// The emulator's interface that faces the gateway.
    pub(crate) fn gateway_end(&self) -> String {
        format!("{}-gw", self.name)
    }

    /// The emulator's interface that faces the upstream.
    fn upstream_end(&self) -> String {
        format!("{}-up", self.name)
    }

    fn build(
        &self,
        gateway: &Namespace,
        emulator: &Namespace,
        upstream: &Namespace,
    ) -> Result<(), LabError> {
        for (namespace, end) in [(gateway, self.gateway_end()), (upstream, self.upstream_end())] {
            namespace.add_veth(self.name, emulator, &end)?;
            switch_off_offloads(namespace, self.name)?;
            switch_off_offloads(emulator, &end)?;
            emulator.interface_up(&end, true)?;
        }
        self.configure_gateway(gateway)?;
        self.configure_upstream(upstream)
    }

    /// Brings the gateway's interface up, with addresses and default routes.
    pub(crate) fn configure_gateway(&self, gateway: &Namespace) -> Result<(), LabError> {
        gateway.interface_up(self.name, true)?;
        for address in self.addresses(gateway, GATEWAY_HOST) {
            gateway.address(Change::Add, self.name, address, link_prefix(address))?;
        }
        for via in self.addresses(gateway, UPSTREAM_HOST) {
            gateway.route(Change::Add, &self.route(default_of(via), Some(via)))?;
        }
        Ok(())
    }

    fn configure_upstream(&self, upstream: &Namespace) -> Result<(), LabError> {
        upstream.interface_up(self.name, true)?;
        for address in self.addresses(upstream, UPSTREAM_HOST) {
            upstream.address(Change::Add, self.name, address, link_prefix(address))?;
        }
        for peer in self.addresses(upstream, GATEWAY_HOST) {
            upstream.route(Change::Add, &self.route((peer, host_prefix(peer)), None))?;
        }
        Ok(())
    }

    fn route(&self, to: (IpAddr, u8), via: Option<IpAddr>) -> Route<'static> {
        Route {
            to,
            via,
            interface: self.name,
            metric: u32::from(self.number) * 100,
            congestion_control: Some(self.congestion_control),
        }
    }

    fn addresses(&self, namespace: &Namespace, host: u8) -> Vec<IpAddr> {
        let v4 = Ipv4Addr::new(10, 0, self.number, host);
        let v6 = Ipv6Addr::new(0xfd00, 0, 0, self.number.into(), 0, 0, 0, host.into());
        families(namespace, v4, v6)
    }
}

/// Last part of the upstream's address on a link: the gateway's next hop.
const UPSTREAM_HOST: u8 = 1;

/// Last part of the gateway's address on a link.
const GATEWAY_HOST: u8 = 2;

fn build_lan(
    lan: &Namespace,
    gateway: &Namespace,
    congestion_control: &'static str,
) -> Result<(), LabError> {
    let addresses = |host: u8| {
        let v4 = Ipv4Addr::new(192, 168, 1, host);
        families(lan, v4, Ipv6Addr::new(0xfd00, 0, 0, 0x1a, 0, 0, 0, host.into()))
    };
    lan.add_veth("eth0", gateway, "lan0")?;
    for (namespace, interface, host, peer) in [(gateway, "lan0", 1, 2), (lan, "eth0", 2, 1)] {
        namespace.interface_up(interface, true)?;
        for address in addresses(host) {
            namespace.address(Change::Add, interface, address, link_prefix(address))?;
        }
        for peer in addresses(peer) {
            let to = (peer, host_prefix(peer));
            let congestion_control = Some(congestion_control);
            let route = Route { to, via: None, interface, metric: 1, congestion_control };
            namespace.route(Change::Add, &route)?;
            if host == 2 {
                lan.route(Change::Add, &Route { to: default_of(peer), via: Some(peer), ..route })?;
            }
        }
    }
    Ok(())
}

/// Both addresses, or one where the kernel has no IPv6.
fn families(namespace: &Namespace, v4: Ipv4Addr, v6: Ipv6Addr) -> Vec<IpAddr> {
    let v6 = namespace.has_ipv6().then_some(IpAddr::V6(v6));
    [IpAddr::V4(v4)].into_iter().chain(v6).collect()
}

fn link_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 64,
    }
}

fn host_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn default_of(address: IpAddr) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), 0),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), 0),
    }
}

fn switch_off_offloads(namespace: &Namespace, interface: &str) -> Result<(), LabError> {
    namespace
        .run_briefly(|| offload::switch_off(interface))
        .map_err(|errno| namespace.error(&format!("switch off offloads of {interface}"), errno))
}

fn open(emulator: &Namespace, interface: &str) -> Result<PacketSocket, LabError> {
    emulator
        .run_briefly(|| PacketSocket::open(interface))
        .map_err(|errno| emulator.error(&format!("open a packet socket on {interface}"), errno))
}

fn pipe(emulator: &Namespace) -> Result<(PipeReader, PipeWriter), LabError> {
    std::io::pipe().map_err(|err| emulator.error("create the control pipe", errno(err)))
}
