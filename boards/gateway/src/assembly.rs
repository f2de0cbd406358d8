//! From the configuration to what the agent is given.

use crate::failure::Failure;
use baton_config::{Auth, Config, Mode, Protocol, Token, TypeFrom};
use baton_core::spool::Eviction;
use baton_core::token::Scheme;
use baton_core::{BLOCK_SIZE, ClientId, Duration, Policy};
use baton_hal_linux::{FileSegments, mac_of, volatile};
use baton_relay::{
    Depot, DepotOptions, Rules, Secret, Settings, SignedType, TokenMode, UpstreamSettings,
};
use core::net::IpAddr;
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
        link_spec: Rc::new(move |facts| links.link_spec(&facts.name, facts.class, facts.metric)),
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

fn policy(config: &Config) -> Policy {
    let pool = config.relay.pool_size.map_or_else(default_pool, |size| size.0);
    // The other half is the kernel's: until it is acknowledged, what leaves is in a socket too.
    let pool_blocks = u16::try_from(pool / 2 / BLOCK_SIZE as u64).unwrap_or(u16::MAX);
    config.policy(pool_blocks)
}

/// The smaller of RAM/16 and 8 MB.
fn default_pool() -> u64 {
    sysinfo().map_or(8 << 20, |system| (system.ram_total() / 16).min(8 << 20))
}

/// The default of `spool_size`: a quarter of what is free where the spool is to be.
fn quarter_of_free(dir: &Path) -> u64 {
    let existing = dir.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
    // What counts blocks and what sizes them are of 32 or of 64 bits, by platform.
    let free = |blocks, size| u64::try_from(blocks * size / 4).unwrap_or(u64::MAX);
    statvfs(existing).map_or(0, |disk| {
        free(u128::from(disk.blocks_available()), u128::from(disk.fragment_size()))
    })
}

/// What XEP-0363 servers give a slot.
const TOKEN_LIFETIME: Duration = Duration::from_secs(300);
