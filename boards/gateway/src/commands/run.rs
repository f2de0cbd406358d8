//! `baton run`: the agent on this machine's links.

use super::{logging, reload, settings, stop};
use crate::assembly;
use crate::cli::Globals;
use crate::failure::Failure;
use crate::{socket, tls};
use baton_config::Config;
use baton_hal::{Links, Transport};
use baton_hal_linux::{
    BoundTransport, Family, LinksOptions, NetlinkLinks, TransportOptions, arrival, capabilities,
};
use baton_relay::{Origin, Parts, Rules, Settings};
use core::net::IpAddr;
use std::path::Path;
use std::rc::Rc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// `baton run`: until it is told to stop.
pub(crate) async fn run(globals: &Globals) -> Result<(), Failure> {
    let config = settings::config(globals)?;
    logging::start(config.logging.level);
    let stop = stop::asked().map_err(|e| Failure::No(format!("signals: {e}")))?;
    let control = settings::socket(globals);
    let reload = reload::on_hangup(globals).map_err(|e| Failure::No(format!("signals: {e}")))?;
    agent(&config, assembly::settings(&config)?, reload, &control, stop).await
}

/// The agent on the kernel's links, on whatever thread and in whatever network namespace this is
/// called.
pub(crate) async fn agent(
    config: &Config,
    settings: Settings,
    reload: mpsc::Receiver<Rules>,
    control: &Path,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let upstream = config.upstream.url.as_ref().ok_or_else(assembly::no_upstream)?;
    let family = family_of(upstream.host());
    let links =
        NetlinkLinks::new(links_options(config, family)).map_err(|e| Failure::No(e.to_string()))?;
    let network = links.network();
    let bound = BoundTransport::new(
        network.clone(),
        TransportOptions {
            family,
            receive_buffer: Some(32 * 1024),
            notsent_lowat: Some(NOTSENT_LOWAT),
            keepalive: Some(config.timeouts.idletimeout),
            ..TransportOptions::new(upstream.host(), upstream.port())
        },
    );
    let transport = tls::secured(bound, config)?;
    let warnings: Vec<String> = capabilities(&network, &[])
        .into_iter()
        .filter(|capability| !capability.present)
        .map(|capability| {
            let mend = capability.mend.map(|mend| format!("; to mend: {mend}")).unwrap_or_default();
            format!("no {}: {}{mend}", capability.name, capability.cost)
        })
        .collect();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let origin: Origin = Rc::new(move |stream| network.interface(arrival(stream).ok()?));
    let backend = Backend { links, transport, origin, warnings, reload };
    agent_on(backend, config, settings, control, stop).await
}

/// What an agent runs on.
pub(crate) struct Backend<L, T> {
    /// The machine's links.
    pub(crate) links: L,
    /// Its ways to the upstream.
    pub(crate) transport: T,
    /// Which interface a client came in by.
    pub(crate) origin: Origin,
    /// What this process lacks and what that costs.
    pub(crate) warnings: Vec<String>,
    /// Rules that replace those of the settings.
    pub(crate) reload: mpsc::Receiver<Rules>,
}

/// The agent on any backend.
pub(crate) async fn agent_on<L: Links + 'static, T: Transport + 'static>(
    backend: Backend<L, T>,
    config: &Config,
    settings: Settings,
    control: &Path,
    stop: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let control = socket::bind(control)?;
    let mut listeners = Vec::new();
    for address in &config.relay.listen {
        let listener = TcpListener::bind(address).await.map_err(|e| {
            Failure::No(format!("listening on {address}: {e}: another program has it, or it is not an address of this machine; see [relay] listen"))
        })?;
        listeners.push(listener);
    }
    let depot = assembly::depot(config).await?;
    let Backend { links, transport, origin, warnings, reload } = backend;
    let seed = assembly::seed();
    let upstream = settings.upstream.authority.clone();
    let parts = Parts {
        settings,
        listeners,
        control,
        depot,
        links,
        transport,
        origin,
        warnings,
        reload,
        seed,
    };
    tracing::info!(listen = ?config.relay.listen, upstream, "baton {}", env!("CARGO_PKG_VERSION"));
    baton_relay::run(parts, stop).await;
    Ok(())
}

fn links_options(config: &Config, family: Family) -> LinksOptions {
    LinksOptions {
        family,
        ignore: config.links.ignore.iter().map(|pattern| pattern.as_str().to_owned()).collect(),
        configured: config
            .links
            .exact()
            .map(|name| (name.to_owned(), config.links.of(name).class))
            .collect(),
        ..LinksOptions::default()
    }
}

/// An address has its family; a name may have both.
fn family_of(host: &str) -> Family {
    match host.parse() {
        Ok(IpAddr::V4(_)) => Family::V4,
        Ok(IpAddr::V6(_)) => Family::V6,
        Err(_) => Family::default(),
    }
}

/// Unsent bytes in a socket: one block keeps a link busy between two wake-ups, is little to send
/// twice, and is what 64 clients have room for in the kernel's half of the pool.
const NOTSENT_LOWAT: u32 = 16 * 1024;
