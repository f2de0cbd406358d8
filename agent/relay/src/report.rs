//! What is going on, in the shapes that others script against.

mod clients;
mod spool;

use crate::hub::{Hub, LINKS};
use crate::transfer::Body;
use baton_core::{BLOCK_SIZE, Class, Duration, Instant, LinkId};
use baton_hal::Transport;
use core::num::NonZeroU64;
use serde::Serialize;
use std::rc::Rc;

/// `GET /v1/status`.
#[derive(Serialize)]
pub(crate) struct Status {
    version: &'static str,
    uptime_s: u64,
    listen: Vec<String>,
    upstream: Upstream,
    active_link: Option<String>,
    #[serde(rename = "override")]
    override_link: Option<String>,
    uploads_active: usize,
    bytes_relayed: u64,
    resent_bytes: u64,
    hedged_bytes: u64,
    switches_total: u32,
    switches: Vec<Switch>,
    pools: Vec<Pool>,
    spool: spool::Spool,
    clients: Vec<clients::Client>,
    /// How many were forgotten because others came.
    clients_displaced: u32,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Upstream {
    url: String,
    /// `null` until a link has reached it.
    protocol: Option<&'static str>,
    fenced: bool,
    /// `null` without TLS.
    handshakes: Option<Handshakes>,
}

#[derive(Serialize)]
struct Handshakes {
    full: u32,
    resumed: u32,
}

#[derive(Serialize)]
struct Switch {
    at: u64,
    from: Option<String>,
    to: Option<String>,
    reason: &'static str,
    evidence: &'static str,
    gap_ms: Option<u64>,
    resent_bytes: u64,
    hedged_bytes: u64,
}

#[derive(Serialize)]
struct Pool {
    name: &'static str,
    size_bytes: u64,
    used_bytes: u64,
}

/// One of `GET /v1/links`.
#[derive(Serialize)]
pub(crate) struct Link {
    name: String,
    index: u32,
    class: &'static str,
    state: &'static str,
    active: bool,
    carrier: bool,
    address: Option<String>,
    gateway: Option<String>,
    metric: Option<u32>,
    priority: u32,
    rtt_ms: Option<f64>,
    rttvar_ms: Option<f64>,
    loss_pct: f64,
    /// Bytes a second, as measured last.
    rate_bps: Option<u32>,
    /// Share of its time without suspicion.
    stability_pct: Option<f64>,
    signal: Option<Signal>,
    score: u8,
    /// What the score lacks to 100, by cause.
    score_parts: ScoreParts,
    /// The score in one word.
    grade: &'static str,
    metered: bool,
    /// Of a megabyte, in the operator's currency.
    cost_per_mb: f64,
    /// In both directions since the budget's month began.
    carried_bytes: u64,
    budget_bytes: Option<u64>,
    over_budget: bool,
    roaming: bool,
    /// Silence, with data in flight, that makes it suspect.
    suspicion_ms: f64,
    trouble: Option<String>,
}

#[derive(Serialize)]
struct ScoreParts {
    loss: u8,
    rtt: u8,
    stability: u8,
    signal: u8,
    rate: u8,
}

#[derive(Serialize)]
struct Signal {
    rsrp_dbm: Option<i16>,
    rsrq_db: Option<i8>,
    sinr_db: Option<i8>,
    rssi_dbm: Option<i16>,
    rscp_dbm: Option<i16>,
    rxlev_dbm: Option<i16>,
    bitrate_kbps: Option<u32>,
}

/// One of `GET /v1/uploads`.
#[derive(Serialize)]
pub(crate) struct Upload {
    id: String,
    path: String,
    client: String,
    size: u64,
    received: u64,
    acked: u64,
    link: Option<String>,
    state: &'static str,
    /// `null` while it waits in the spool.
    protocol: Option<&'static str>,
    /// RFC 9218's, of what the spool holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<u8>,
    /// Why the upstream refused it, if it did and the spool keeps it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

pub(crate) fn status<T: Transport + 'static>(hub: &Rc<Hub<T>>) -> Status {
    let core = hub.core.borrow();
    let name = |link: Option<LinkId>| link.and_then(|link| hub.link_name(link));
    let spoken = hub.upstream.spoken();
    let totals = core.totals();
    let upstream = &hub.settings.upstream;
    Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: hub.clock.now().saturating_since(Instant::from_millis(1000)).as_secs(),
        listen: hub.listening.borrow().iter().map(ToString::to_string).collect(),
        upstream: Upstream {
            url: format!("{}://{}{}", upstream.scheme, upstream.authority, upstream.base),
            protocol: spoken.map(|spoken| spoken.name()),
            fenced: spoken.is_some_and(|spoken| spoken.resume().is_early()),
            handshakes: hub
                .transport
                .handshakes()
                .map(|made| Handshakes { full: made.full, resumed: made.resumed }),
        },
        active_link: name(core.links().active()),
        override_link: hub.memory.borrow().held().map(str::to_owned),
        uploads_active: core.uploads().count(),
        bytes_relayed: totals.acked_bytes,
        resent_bytes: totals.resent_bytes,
        hedged_bytes: totals.hedged_bytes,
        switches_total: totals.switches,
        switches: core
            .switches()
            .map(|record| Switch {
                at: hub.wall_ms(record.switch.at),
                from: name(record.switch.from),
                to: name(record.switch.to),
                reason: record.switch.reason.name(),
                evidence: record.switch.evidence.name(),
                gap_ms: record.dues.gap.map(|gap| gap.as_millis() as u64),
                resent_bytes: record.dues.resent_bytes,
                hedged_bytes: record.dues.hedged_bytes,
            })
            .collect(),
        pools: pools(&core),
        spool: spool::of(hub),
        clients: clients::of(hub),
        clients_displaced: core.profiles().displaced(),
        warnings: hub.warnings.borrow().iter().cloned().chain(hub.held_in_vain()).collect(),
    }
}

fn pools(core: &crate::hub::Core) -> Vec<Pool> {
    let pool = core.pool();
    let bytes = |blocks: u16| u64::from(blocks) * BLOCK_SIZE as u64;
    let whole = Pool {
        name: "all",
        size_bytes: bytes(pool.total()),
        used_bytes: bytes(pool.total() - pool.free()),
    };
    let classes = Class::ALL.into_iter().map(|class| {
        let (used, budget) = pool.usage(class);
        Pool { name: class.name(), size_bytes: bytes(budget), used_bytes: bytes(used) }
    });
    core::iter::once(whole).chain(classes).collect()
}

pub(crate) fn links<T: Transport>(hub: &Rc<Hub<T>>) -> Vec<Link> {
    let core = hub.core.borrow();
    let facts = hub.facts.borrow();
    (0..LINKS)
        .filter_map(|index| {
            let facts = facts[index].as_ref()?;
            let link = LinkId(index as u8);
            let view = core.links().view(link);
            Some(Link {
                name: facts.name.to_string(),
                index: facts.index,
                class: view.spec.class.name(),
                state: view.state.name(),
                active: core.links().active() == Some(link),
                carrier: facts.carrier,
                address: facts.address.map(|address| address.to_string()),
                gateway: facts.gateway.map(|gateway| gateway.to_string()),
                metric: facts.metric,
                priority: view.spec.priority,
                rtt_ms: view.srtt.map(ms),
                rttvar_ms: view.srtt.map(|_| ms(view.rttvar)),
                loss_pct: f64::from(view.loss_ppm) / 10_000.0,
                rate_bps: view.rate,
                stability_pct: view.stability_permille.map(|share| f64::from(share) / 10.0),
                signal: view.signal.map(Signal::of),
                score: view.score,
                score_parts: ScoreParts::of(view.score_parts),
                grade: view.rating.name(),
                metered: view.spec.metered,
                cost_per_mb: f64::from(view.spec.tariff.cost) / 1000.0,
                carried_bytes: view.carried_bytes,
                budget_bytes: view.spec.tariff.budget_bytes.map(NonZeroU64::get),
                over_budget: view.spent,
                roaming: view.roams,
                suspicion_ms: ms(view.threshold),
                trouble: facts.trouble.clone().or_else(|| hub.distrust[index].borrow().clone()),
            })
        })
        .collect()
}

impl ScoreParts {
    fn of(score: baton_core::Score) -> Self {
        let baton_core::Score { loss, rtt, stability, signal, rate } = score;
        Self { loss, rtt, stability, signal, rate }
    }
}

impl Signal {
    fn of(signal: baton_core::Signal) -> Self {
        let baton_core::Signal {
            rsrp_dbm,
            rsrq_db,
            sinr_db,
            rssi_dbm,
            rscp_dbm,
            rxlev_dbm,
            bitrate_kbps,
        } = signal;
        Self { rsrp_dbm, rsrq_db, sinr_db, rssi_dbm, rscp_dbm, rxlev_dbm, bitrate_kbps }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

pub(crate) async fn uploads<T: Transport>(hub: &Rc<Hub<T>>) -> Vec<Upload> {
    let waiting = match &hub.depot {
        Some(depot) => spool::waiting(depot).await,
        None => Vec::new(),
    };
    under_way(hub).into_iter().chain(waiting).collect()
}

fn under_way<T: Transport>(hub: &Rc<Hub<T>>) -> Vec<Upload> {
    let core = hub.core.borrow();
    let transfers = hub.transfers.borrow();
    transfers
        .values()
        .filter_map(|transfer| {
            let view = core.view(transfer.id)?;
            Some(Upload {
                id: match &transfer.body {
                    Body::Kept { id, .. } => spool::id(*id),
                    Body::Pool | Body::Passing | Body::Spool(_) | Body::Chunks(_) => {
                        format!("{}.{}", view.id.slot, view.id.generation)
                    }
                },
                path: transfer.name.clone(),
                client: transfer.client.clone(),
                size: view.total,
                received: view.received,
                acked: view.acked,
                link: view.link.and_then(|link| hub.link_name(link)),
                state: view.state,
                protocol: Some(transfer.spoken.name()),
                urgency: None,
                reason: None,
            })
        })
        .collect()
}
