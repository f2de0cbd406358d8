//! From the configuration to what the agent is given.

use crate::failure::Failure;
use baton_config::{
    Auth, ChunkSize, Config, Link, Mode, Performance, Protocol, Speed, Token, TypeFrom, Uploads,
};
use baton_core::spool::Eviction;
use baton_core::token::Scheme;
use baton_core::{
    Adaptation, Algorithm, BLOCK_SIZE, Class, ClassLimits, ClientId, ClientPolicy, Duration,
    LinkKey, LinkPolicy, LinkSpec, OverBudget, Policy, Roaming, Tariff, UploadPolicy,
};
use baton_hal::Facts;
use baton_hal_linux::{FileSegments, mac_of, volatile};
use baton_relay::{
    Depot, DepotOptions, Rules, Secret, Settings, SignedType, TokenMode, UpstreamSettings,
};
use core::net::IpAddr;
use core::num::NonZeroU64;
use nix::sys::{statvfs::statvfs, sysinfo::sysinfo};
use std::path::Path;
use std::rc::Rc;

/// The agent's settings.
pub(crate) fn settings(config: &Config) -> Result<Settings, Failure> {
    let url = config.upstream.url.as_ref().ok_or_else(no_upstream)?;
    Ok(Settings {
        rules: rules(config)?,
        max_clients: u16::try_from(config.relay.max_clients).unwrap_or(u16::MAX),
        spool_dir: config.relay.spool_dir.clone(),
        spool_size: spool_size(config),
        client_id: Rc::new(client_id),
        upstream: UpstreamSettings {
            scheme: url.scheme(),
            authority: url.authority(),
            base: url.base().to_owned(),
            protocol: match config.upstream.protocol {
                Protocol::Auto => baton_relay::Protocol::Auto,
                Protocol::Put => baton_relay::Protocol::Put,
                Protocol::Tus => baton_relay::Protocol::Tus,
                Protocol::Resumable => baton_relay::Protocol::Resumable,
                Protocol::Chunked => baton_relay::Protocol::Chunked,
            },
            tus_path: config.upstream.tus_path.as_str().to_owned(),
            signed_type: match config.upstream.token_type_from {
                TypeFrom::Header => SignedType::Header,
                TypeFrom::Extension => SignedType::Extension,
            },
            connect_timeout: config.upstream.connect_timeout,
        },
    })
}

/// What `spool` mode delivers from; `None` in `through` mode.
pub(crate) async fn depot(config: &Config) -> Result<Option<Depot>, Failure> {
    let dir = &config.relay.spool_dir;
    if config.relay.mode == Mode::Through {
        return Ok(None);
    }
    if let Some(kind) = volatile(dir).filter(|_| !config.relay.spool_volatile) {
        let dir = dir.display();
        return Err(Failure::No(format!(
            "[relay] mode is \"spool\", and {dir} is on {kind}, which a power cut empties: set spool_dir to a \
             folder on a disk, or spool_volatile = true if that may cost acknowledged uploads"
        )));
    }
    let no = |why: String| Failure::No(format!("the spool: {why}"));
    let segments = FileSegments::open(dir).map_err(|e| no(e.to_string()))?;
    let options = DepotOptions {
        size: spool_size(config),
        eviction: match config.relay.spool_eviction {
            baton_config::Eviction::Refuse => Eviction::Refuse,
            baton_config::Eviction::EvictOldest => Eviction::EvictOldest,
        },
        seed: seed(),
    };
    Depot::open(segments, options).await.map(Some).map_err(|e| no(e.to_string()))
}

fn spool_size(config: &Config) -> u64 {
    let chosen = config.relay.spool_size.map(|size| size.0);
    chosen.unwrap_or_else(|| quarter_of_free(&config.relay.spool_dir))
}

/// What may change while it runs.
pub(crate) fn rules(config: &Config) -> Result<Rules, Failure> {
    let secret = config.security.load().map_err(|e| Failure::No(e.to_string()))?;
    let links = config.clone();
    let said = config.links.clone();
    let extensions = config.uploads.allowed_extensions.clone();
    Ok(Rules {
        patience: config.timeouts.readtimeout,
        session_timeout: config.uploads.sessiontimeout,
        resume_downloads: config.downloads.resumable_downloads_enabled,
        chunk_downloads: config.downloads.chunked_downloads_enabled,
        drain: config.timeouts.shutdown,
        require_token: config.relay.auth == Auth::Token,
        takes: Rc::new(move |name| extensions.allow(name)),
        token: match config.upstream.token {
            Token::V => TokenMode::Sign(Scheme::V),
            Token::V2 => TokenMode::Sign(Scheme::V2),
            Token::Token => TokenMode::Sign(Scheme::Token),
            Token::V3 => TokenMode::Sign(Scheme::V3),
            Token::Jwt => TokenMode::Jwt,
            Token::Bearer => TokenMode::Bearer,
            Token::Pass => TokenMode::Pass,
        },
        token_lifetime: TOKEN_LIFETIME,
        secret: secret.map(|secret| Secret::new(secret.as_bytes())),
        link_spec: Rc::new(move |facts| link_spec(&links, facts)),
        reset_day: Rc::new(move |name| said.of(name).budget_reset_day.map_or(1, |day| day as u8)),
        policy: policy(config),
    })
}

/// There is nowhere to send anything.
pub(crate) fn no_upstream() -> Failure {
    Failure::No(
        "no upstream: set [upstream] url = \"http://HOST:PORT\" in /etc/baton/baton.toml".into(),
    )
}

/// Seeds retry delays, so that gateways that lost the same upstream don't come back together.
pub(crate) fn seed() -> u64 {
    use core::hash::{BuildHasher, Hasher};
    use std::hash::RandomState;
    RandomState::new().build_hasher().finish()
}

/// By its MAC, which outlives its lease; else by its address.
fn client_id(address: IpAddr) -> ClientId {
    let mapped = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    mac_of(address).map_or(ClientId::Address(mapped.octets()), ClientId::Mac)
}

fn link_spec(config: &Config, facts: &Facts) -> LinkSpec {
    let class = config.links.of(&facts.name).class.unwrap_or(facts.class);
    LinkSpec {
        class,
        priority: config.priority(&facts.name, class),
        metric: facts.metric.unwrap_or(u32::MAX),
        metered: config.is_metered(&facts.name, class),
        tariff: tariff(&config.links.of(&facts.name)),
        key: LinkKey::of(&facts.name),
        roaming: match config.links.of(&facts.name).roaming {
            None | Some(baton_config::Roaming::Allow) => Roaming::Allow,
            Some(baton_config::Roaming::Avoid) => Roaming::Avoid,
            Some(baton_config::Roaming::Never) => Roaming::Never,
        },
    }
}

fn tariff(link: &Link) -> Tariff {
    Tariff {
        cost: link.cost_per_mb.map_or(0, |cost| cost.0),
        budget_bytes: link.monthly_budget.and_then(|budget| NonZeroU64::new(budget.0)),
        probe_share: link.probe_share.map_or(Tariff::FREE.probe_share, |share| share as u8),
        over_budget: match link.over_budget {
            Some(baton_config::OverBudget::Refuse) => OverBudget::Refuse,
            Some(baton_config::OverBudget::LastResort) | None => OverBudget::LastResort,
        },
    }
}

fn policy(config: &Config) -> Policy {
    let resilience = &config.network_resilience;
    let pool = config.relay.pool_size.map_or_else(default_pool, |size| size.0);
    // The other half is the kernel's: until it is acknowledged, what leaves is in a socket too.
    let pool_blocks = u16::try_from(pool / 2 / BLOCK_SIZE as u64).unwrap_or(u16::MAX);
    Policy {
        links: link_policy(config),
        uploads: UploadPolicy {
            hold: config.relay.hold,
            hedge: resilience.enabled
                && resilience.fast_detection
                && config.handoff.chunk_retry_on_switch,
            ..UploadPolicy::default()
        },
        adaptation: adaptation(&config.uploads),
        clients: clients(config),
        classes: Class::ALL.map(|class| limits(config, class, pool_blocks)),
        pool_blocks,
    }
}

fn adaptation(uploads: &Uploads) -> Adaptation {
    let least = match uploads.chunk_size {
        // There is nothing to fit.
        ChunkSize::Fixed(size) => size,
        ChunkSize::Adaptive => uploads.min_chunk_size,
    };
    Adaptation {
        algorithm: match uploads.chunk_adaptation_algorithm {
            baton_config::Algorithm::Fixed => Algorithm::Fixed,
            baton_config::Algorithm::Adaptive => Algorithm::Adaptive,
            baton_config::Algorithm::Predictive => Algorithm::Predictive,
        },
        min_chunk_bytes: u32::try_from(least.0).unwrap_or(u32::MAX),
    }
}

fn clients(config: &Config) -> ClientPolicy {
    let Performance { client_profiling, profile_persistence_duration, performance_history_samples } =
        config.performance;
    let speed = match config.client_optimization.adaptation_speed {
        Speed::Slow => 64,
        Speed::Medium => 16,
        Speed::Fast => 4,
    };
    ClientPolicy {
        learn: client_profiling && config.client_optimization.learning_enabled,
        apply: config.client_optimization.enabled,
        span: u16::try_from(performance_history_samples).map_or(speed, |most| most.min(speed)),
        trust: profile_persistence_duration,
        keep: config.monitoring.client_profile_retention,
    }
}

fn link_policy(config: &Config) -> LinkPolicy {
    let (resilience, handoff) = (&config.network_resilience, &config.handoff);
    LinkPolicy {
        probe_idle: if resilience.quality_monitoring {
            resilience.quality_check_interval
        } else {
            DAY
        },
        probe_timeout: resilience.detection_interval,
        probe_trouble: resilience.max_detection_interval,
        latency_warning: resilience.rtt_warning_threshold,
        latency_max: resilience.switch_threshold_latency,
        latency_critical: resilience.rtt_critical_threshold,
        loss_warning_ppm: resilience.packet_loss_warning.0,
        loss_max_ppm: resilience.switch_threshold_packet_loss.0,
        loss_critical_ppm: resilience.packet_loss_critical.0,
        stability_min_permille: u16::try_from(resilience.stability_minimum.0).unwrap_or(999),
        drop_max_permille: u16::try_from(resilience.quality_degradation_threshold.0)
            .unwrap_or(1000),
        score_min: small(handoff.min_quality_threshold),
        history: small(handoff.interface_quality_history),
        comparison: handoff.performance_comparison_window,
        excellent: small(handoff.quality_excellent),
        good: small(handoff.quality_good),
        fair: small(handoff.quality_fair),
        poor: small(handoff.quality_poor),
        margin: small(handoff.handoff_hysteresis.0 / 10_000),
        cooldown: handoff.handoff_cooldown,
        moves_max: small(resilience.max_switch_attempts),
        predict: resilience.predictive_switching,
        auto_switch: resilience.enabled && resilience.auto_switch_enabled,
        ..LinkPolicy::default()
    }
}

/// What the table of keys bounds well below 256.
fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn limits(config: &Config, class: Class, pool_blocks: u16) -> ClassLimits {
    let settings = config.classes.of(class);
    let window_bytes = u32::try_from(settings.buffer_size.0).unwrap_or(u32::MAX);
    let window_blocks = window_bytes.div_ceil(BLOCK_SIZE as u32);
    ClassLimits {
        window_bytes,
        chunk_bytes: u32::try_from(config.chunk_size(class).0).unwrap_or(u32::MAX),
        budget_blocks: u16::try_from(window_blocks * WINDOWS_IN_A_BUDGET)
            .unwrap_or(u16::MAX)
            .min(pool_blocks),
        timeout_percent: u16::try_from(settings.timeout_multiplier.0 / 10).unwrap_or(u16::MAX),
        answer_timeout: config.timeout(config.upstream.answer_timeout, class),
    }
}

/// The smaller of RAM/16 and 8 MB.
fn default_pool() -> u64 {
    sysinfo().map_or(8 << 20, |system| (system.ram_total() / 16).min(8 << 20))
}

/// The default of `spool_size`: a quarter of what is free where the spool is to be.
fn quarter_of_free(dir: &Path) -> u64 {
    let existing = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    statvfs(existing).map_or(0, |disk| disk.blocks_available() * disk.fragment_size() / 4)
}

/// Uploads of one class that may have a full window at once; more of them share.
const WINDOWS_IN_A_BUDGET: u32 = 8;

/// Without quality monitoring, a link that carries nothing is left alone.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What XEP-0363 servers give a slot.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
