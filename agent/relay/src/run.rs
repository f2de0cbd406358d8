//! The agent from start to stop.

use crate::connections;
use crate::control::{self, ControlSocket};
use crate::depot::{self, Depot};
use crate::hub::{Hub, LINKS};
use crate::ingest::{self, Origin};
use crate::memory;
use crate::meter::Metered;
use crate::sampler;
use crate::settings::{Facts, Rules, Settings};
use baton_core::{Duration, Instant, LinkId, Observation, Signal};
use baton_hal::{LinkChange, Links, Transport};
use core::future::Future;
use core::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};

/// What the agent is made of: sockets that are bound already, and a backend.
pub struct Parts<L, T> {
    /// The configuration.
    pub settings: Settings,
    /// LAN listeners.
    pub listeners: Vec<TcpListener>,
    /// The control API's socket, if there is to be one.
    pub control: Option<ControlSocket>,
    /// The machine's links.
    pub links: L,
    /// How connections over one link are made.
    pub transport: T,
    /// In `spool` mode, what is to be delivered.
    pub depot: Option<Depot>,
    /// Which interface a local address belongs to.
    pub origin: Origin,
    /// What this process lacks and what that costs, for the status.
    pub warnings: Vec<String>,
    /// Rules that replace those of the settings, as they come.
    pub reload: mpsc::Receiver<Rules>,
    /// Seeds retry delays.
    pub seed: u64,
}

/// Runs until `shutdown` is ready, then lets uploads end. Must be called on a `LocalSet`.
pub async fn run<L, T>(parts: Parts<L, T>, shutdown: impl Future<Output = ()>)
where
    L: Links + 'static,
    T: Transport + 'static,
{
    let seats = Arc::new(Semaphore::new(usize::from(parts.settings.max_clients)));
    let hub = Hub::new(parts.settings, Metered::new(parts.transport), parts.depot, parts.seed);
    hub.warnings.borrow_mut().extend(parts.warnings);
    hub.listening.replace(
        parts.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect(),
    );
    for listener in parts.listeners {
        tokio::task::spawn_local(ingest::serve(
            hub.clone(),
            listener,
            seats.clone(),
            parts.origin.clone(),
        ));
    }
    if hub.depot.is_none()
        && let Err(error) = hub.spool.create(0)
    {
        let warning = format!(
            "no spool: {error}; until then an upload that can't resume fails when it is cut"
        );
        tracing::warn!("{warning}");
        hub.warnings.borrow_mut().push(warning);
    }
    let control = async {
        match parts.control {
            Some(socket) => control::serve(hub.clone(), socket).await,
            None => core::future::pending().await,
        }
    };
    tokio::select! {
        () = follow_links(&hub, parts.links) => {}
        () = hub.run_timers() => {}
        () = sampler::run(hub.clone()) => {}
        () = depot::deliver(hub.clone()) => {}
        () = hub.sweep_sessions() => {}
        () = connections::tire(hub.clone()) => {}
        () = memory::keep(hub.clone()) => {}
        () = control => {}
        () = follow_rules(&hub, parts.reload) => {}
        () = stop(&hub, shutdown) => {}
    }
    hub.save().await;
}

/// Waits for the signal, then for the uploads that are open, and those that wait to be.
async fn stop<T: Transport + 'static>(hub: &Rc<Hub<T>>, shutdown: impl Future<Output = ()>) {
    shutdown.await;
    hub.draining.set(true);
    tracing::info!(open = hub.requests.get(), "stopping");
    let drained = async {
        loop {
            let room = hub.room.notified();
            if hub.requests.get() == 0 {
                return;
            }
            room.await;
        }
    };
    let patience = hub.rules.borrow().drain;
    if tokio::time::timeout(patience, drained).await.is_err() {
        tracing::warn!(open = hub.requests.get(), "uploads were cut off by the stop");
    }
}

/// Takes new rules in as they come.
async fn follow_rules<T: Transport + 'static>(hub: &Rc<Hub<T>>, mut reload: mpsc::Receiver<Rules>) {
    while let Some(rules) = reload.recv().await {
        hub.adopt(rules);
    }
    core::future::pending().await
}

/// Tells the core what the kernel says of links.
async fn follow_links<L: Links, T: Transport + 'static>(hub: &Rc<Hub<T>>, mut links: L) {
    loop {
        match links.changed().await {
            Ok(LinkChange::Updated(facts)) => {
                hub.on_facts(facts.map_trouble(|trouble| trouble.to_string()));
            }
            Ok(LinkChange::Removed(name)) => hub.on_removed(&name),
            Ok(LinkChange::Heard(name, signal)) => hub.on_signal(&name, signal),
            Err(error) => {
                tracing::warn!(%error, "links are not followed; trying again");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Which network a link leads to, as far as its address and gateway tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// IPv6 addresses change by themselves (RFC 8981): the network is in their first half.
    prefix: IpAddr,
    gateway: Option<IpAddr>,
}

impl Network {
    /// `None` without an address.
    fn of(facts: &Facts) -> Option<Self> {
        let prefix = match facts.address? {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        };
        Some(Self { prefix, gateway: facts.gateway })
    }

    /// Whether this is another one. A gateway that is gone for a moment is no other gateway.
    fn differs(&self, other: &Self) -> bool {
        self.prefix != other.prefix
            || self.gateway.zip(other.gateway).is_some_and(|(one, other)| one != other)
    }
}

/// Between tries to hear of links: uploads go on meanwhile over those that are known.
const RETRY: Duration = Duration::from_secs(1);

impl<T: Transport + 'static> Hub<T> {
    /// The table's slot of a link.
    pub(crate) fn find_link(&self, name: &str) -> Option<LinkId> {
        let facts = self.facts.borrow();
        let index = facts
            .iter()
            .position(|facts| facts.as_ref().is_some_and(|facts| facts.name == name))?;
        Some(LinkId(index as u8))
    }

    pub(crate) fn on_facts(self: &Rc<Self>, facts: Facts) {
        let replaced = self.find_link(&facts.name).filter(|link| {
            self.facts.borrow()[usize::from(link.0)]
                .as_ref()
                .is_some_and(|known| known.index != facts.index)
        });
        if replaced.is_some() {
            self.on_removed(&facts.name);
        }
        let known = self.find_link(&facts.name);
        let Some(link) = known.or_else(|| self.vacant_link()) else {
            tracing::warn!(
                link = %facts.name,
                "more than {LINKS} links: ignored; name it in [links] ignore"
            );
            self.excess.borrow_mut().insert(facts.name.to_string());
            return;
        };
        self.excess.borrow_mut().remove(facts.name.as_str());
        let spec = (self.rules.borrow().link_spec)(&facts);
        let (carrier, address, route) = (
            facts.carrier,
            facts.address.is_some(),
            facts.metric.is_some() && facts.trouble.is_none(),
        );
        let before = self.facts.borrow_mut()[usize::from(link.0)].replace(facts.clone());
        if let Some(trouble) = &facts.trouble
            && before.as_ref().is_none_or(|before| before.trouble != facts.trouble)
        {
            tracing::warn!(link = %facts.name, "{trouble}");
        }
        let moved = before.is_some_and(|before| before.address != facts.address);
        if moved || !(carrier && address && route) {
            self.connections.forget(link);
            // What has left by it is known best now: that much may still arrive.
            sampler::sample(self);
        }
        self.observe(link, Observation::Appeared(spec));
        if known.is_none() {
            self.remind(link, &facts.name);
        }
        self.observe(link, Observation::Facts { carrier, address, route });
        if self.is_elsewhere(link, &facts) {
            tracing::info!(link = %facts.name, "on another network");
            self.observe(link, Observation::Moved);
        }
        self.observe(link, Observation::Roaming(facts.roaming));
    }

    /// Whether it is on another network than when it last had an address.
    fn is_elsewhere(&self, link: LinkId, facts: &Facts) -> bool {
        let Some(now) = Network::of(facts) else { return false };
        let before = self.networks[usize::from(link.0)].replace(Some(now));
        before.is_some_and(|before| before.differs(&now))
    }

    fn on_signal(self: &Rc<Self>, name: &str, signal: Signal) {
        if let Some(link) = self.find_link(name) {
            self.observe(link, Observation::Signal(signal));
        }
    }

    /// New rules hold from here on, for links that are there already as well.
    fn adopt(self: &Rc<Self>, rules: Rules) {
        self.core.borrow_mut().set_policy(rules.policy);
        self.rules.replace(rules);
        for index in 0..LINKS {
            let spec = self.facts.borrow()[index]
                .as_ref()
                .map(|facts| (self.rules.borrow().link_spec)(facts));
            if let Some(spec) = spec {
                self.observe(LinkId(index as u8), Observation::Appeared(spec));
            }
        }
    }

    pub(crate) fn on_removed(self: &Rc<Self>, name: &str) {
        self.excess.borrow_mut().remove(name);
        if let Some(link) = self.find_link(name) {
            self.note_leaving(link, name);
            self.observe(link, Observation::Vanished);
            self.connections.forget(link);
            self.facts.borrow_mut()[usize::from(link.0)] = None;
            self.distrust[usize::from(link.0)].take();
            self.networks[usize::from(link.0)].take();
        }
    }

    fn vacant_link(&self) -> Option<LinkId> {
        let index = self.facts.borrow().iter().position(Option::is_none)?;
        Some(LinkId(index as u8))
    }

    /// A point of the agent's clock as milliseconds since 1970.
    pub(crate) fn wall_ms(&self, at: Instant) -> u64 {
        let ago = self.clock.now().saturating_since(at);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.saturating_sub(ago).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_core::Class;

    fn facts(address: &str, gateway: &str) -> Facts {
        Facts {
            name: "wwan0".try_into().unwrap(),
            index: 3,
            class: Class::Lte,
            carrier: true,
            address: address.parse().ok(),
            gateway: gateway.parse().ok(),
            metric: Some(100),
            roaming: false,
            trouble: None,
        }
    }

    #[test]
    fn another_address_or_gateway_is_another_network_and_a_temporary_address_is_not() {
        let moved = |before: (&str, &str), now: (&str, &str)| {
            let network = |(address, gateway)| Network::of(&facts(address, gateway));
            network(before).zip(network(now)).is_some_and(|(before, now)| before.differs(&now))
        };

        assert!(moved(("10.0.0.2", ""), ("10.0.0.3", "")));
        assert!(moved(("192.168.1.2", "192.168.1.1"), ("192.168.1.2", "192.168.1.254")));
        assert!(moved(("2001:db8::1", ""), ("2001:db8:1::1", "")));
        assert!(moved(("10.0.0.2", ""), ("2001:db8::1", "")));
        assert!(!moved(("2001:db8::1", "fe80::1"), ("2001:db8::99ff", "fe80::1")));
        assert!(!moved(("10.0.0.2", ""), ("", "")), "no address is no network");
        assert!(!moved(("", ""), ("10.0.0.2", "")));
    }
}
