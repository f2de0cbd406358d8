//! The keys that don't act, and what is said of each.
//!
//! | word | value | verdict |
//! |---|---|---|
//! | `always` | what Baton does in any case; any other is refused | acts |
//! | `not_yet` | the templates' or a plain `false`; any other is refused | not yet |
//! | `never` | any | not for a gateway |
//!
//! When a key comes to act, its row moves to a section in `keys`.

use crate::Permille;
use crate::setting::Setting;
use crate::table::Key;
use baton_core::Duration;

/// Rows: a word of the list above, a key, its type and value, and what is said of it.
macro_rules! rows {
    ($($section:literal {$(
        $role:ident $key:ident $(: $Type:ty = $value:literal)?, $text:expr;
    )+})+) => {
        &[$($(
            Key::$role$(::<$Type>)?(
                concat!($section, ".", stringify!($key)), $($value,)? $text,
            ),
        )+)+]
    };
}

pub(crate) const KEYS: &[Key] = rows! {
    "server" {
        not_yet metricsenabled: bool = "true", METRICS;
        not_yet metrics_path: String = "/metrics", METRICS;
        never max_header_bytes,
            "a client costs at most 64 KB, its header included: use relay.max_clients";
        always file_naming: String = "original",
            "`baton serve` stores a file under the path that it was sent to";
        always networkevents: bool = "true", "what the kernel says of links is always heard";
        never precaching, PREFETCH;
    }
    "performance" {
        never adaptive_buffers, POOL;
        never min_buffer_size, POOL;
        never max_buffer_size, POOL;
        never buffer_optimization_interval, POOL;
        never initial_buffer_size, POOL;
        never connection_type_detection, BY_DEEDS;
        never max_memory_usage, POOL;
        never gc_optimization, "there is no garbage collector: use relay.pool_size";
        always buffer_pool_preallocation: bool = "true", "all memory is set aside at start";
    }
    "uploads" {
        always chunked_uploads_enabled: bool = "true",
            "`upstream.protocol = \"put\"` sends a file in one request";
        always resumable_uploads_enabled: bool = "true",
            "`upstream.protocol = \"put\"` replays instead";
        not_yet maxretries: u32 = "3", "an upload is tried until `relay.hold` is over";
        not_yet concurrent_chunk_uploads: u32 = "3", "one upload's chunks go one after the other";
        never upload_acceleration, "there is no slower way to choose: use upstream.protocol";
        always network_aware_chunking: bool = "true",
            "`uploads.chunk_size` fixes the size for all links";
    }
    "downloads" {
        never allowed_extensions, "what is stored may be fetched: use uploads.allowed_extensions";
        never chunk_size, "answers come in the portions that the upstream sends";
        always range_requests: bool = "true",
            "requests for ranges go upstream as they are, and `baton serve` answers them";
        never connection_multiplexing, HTTP;
        never bandwidth_estimation, LINKS;
        never quality_adaptation,
            "bytes are not re-encoded: offer several qualities at the upstream";
        always progressive_download: bool = "true", "bytes are handed on as they come";
        never cache_control_headers, HEADERS;
        never etag_support, HEADERS;
        never last_modified_support, HEADERS;
        never cache_enabled, CACHE;
        never cache_max_size, CACHE;
        never cache_max_age, CACHE;
    }
    "streaming" {
        never adaptive_streaming, LINKS;
        never network_condition_monitoring, "use network_resilience.quality_monitoring";
        never throughput_optimization, LINKS;
        never latency_optimization, LINKS;
        always automatic_retry: bool = "true", "`uploads.maxretries = 0` gives up at once";
        always exponential_backoff: bool = "true",
            "tries that failed are spread out for the sake of the upstream";
        never circuit_breaker, "a link's state is its breaker: use network_resilience";
        never max_retry_attempts, "use uploads.maxretries";
        always retry_backoff_multiplier: Permille = "2.0", "delays double";
        never quality_thresholds,
            "use network_resilience.switch_threshold_latency and .switch_threshold_packet_loss";
    }
    "security" {
        not_yet enablejwt: bool = "false", JWT;
        not_yet jwtsecret: Hidden = "your-jwt-secret-here", JWT;
        not_yet jwtalgorithm: String = "HS256", JWT;
        not_yet jwtexpiration: Duration = "24h", JWT;
        always hmac_algorithm: String = "SHA256", "servers in the field take no other";
        never max_concurrent_uploads, "use relay.max_clients";
        never max_concurrent_downloads, "use relay.max_clients";
    }
    "logging" {
        never file, LOG_FILES;
        never max_size, LOG_FILES;
        never max_backups, LOG_FILES;
        never max_age, LOG_FILES;
        never compress, LOG_FILES;
        never format, "logs are for people: programs use `--json` or the control socket";
        never output, LOG_FILES;
    }
    "network_resilience" {
        always multi_interface_enabled: bool = "true",
            "every link with a default route is used: name others in links.ignore";
        never mobile_optimizations, MOBILE;
        never switch_detection_interval,
            "every observation is acted upon at once: use detection_interval for probes";
        never mobile_buffer_size, MOBILE;
        never mobile_chunk_size, MOBILE;
        never mobile_retry_multiplier, "use uploads.maxretries";
        never mobile_timeout_multiplier, MOBILE;
        never predictive_switching,
            "foresight gained nothing on recorded links, and silence is acted upon within a few round \
             trips: use fast_detection";
    }
    "network_interfaces.<pattern>" {
        never buffer_size, SIZES;
        never chunk_size, SIZES;
        never timeout_multiplier, SIZES;
    }
    "handoff" {
        always seamless_switching: bool = "true",
            "uploads go on over a switch; network_resilience.auto_switch_enabled can forbid it";
        always pause_transfers_on_switch: bool = "false", "a moved upload goes on at once";
        always switch_notification_enabled: bool = "true",
            "every switch is logged, and listed by `baton status`";
        always handoff_strategy: String = "quality_based",
            "order, then quality with a margin, is the one strategy";
        never handoff_timeout, "a switch takes no time of its own: use upstream.connect_timeout";
    }
    "client_optimization" {
        never user_agent_analysis, BY_DEEDS;
        never connection_fingerprinting, BY_DEEDS;
        never performance_classification, BY_DEEDS;
    }
    "client_optimization.strategy_mobile" {
        never buffer_size, BY_DEEDS;
        never chunk_size, BY_DEEDS;
        never retry_multiplier, RETRIES;
        never timeout_multiplier, "timeouts are the link's: use network_interfaces.CLASS.timeout_multiplier";
    }
    "client_optimization.strategy_desktop" {
        never buffer_size, BY_DEEDS;
        never chunk_size, BY_DEEDS;
        never retry_multiplier, RETRIES;
        never timeout_multiplier, "timeouts are the link's: use network_interfaces.CLASS.timeout_multiplier";
    }
    "client_optimization.strategy_server" {
        never buffer_size, BY_DEEDS;
        never chunk_size, BY_DEEDS;
        never retry_multiplier, RETRIES;
        never timeout_multiplier, "timeouts are the link's: use network_interfaces.CLASS.timeout_multiplier";
    }
    "client_network_support" {
        always session_based_tracking: bool = "true", SESSIONS;
        always allow_ip_changes: bool = "true", SESSIONS;
        never session_migration_timeout, "use uploads.sessiontimeout";
        never max_ip_changes_per_session, "an address proves nothing: whoever has the URL goes on";
        never client_connection_detection, BY_DEEDS;
        never adapt_to_client_network, "use client_optimization.enabled";
    }
    "monitoring" {
        not_yet detailed_metrics: bool = "true", METRICS;
        not_yet performance_tracking: bool = "true", METRICS;
        always client_analytics: bool = "true",
            "`baton status` lists what is known; performance.client_profiling = false learns nothing";
        never realtime_interval, HISTORY;
        never aggregate_interval, HISTORY;
        never summary_interval, HISTORY;
        never metrics_retention, HISTORY;
        never performance_history, HISTORY;
    }
    "experimental" {
        never http3_support, HTTP;
        never quic_protocol, HTTP;
        never compression_negotiation, COMPRESSION;
        never adaptive_compression, COMPRESSION;
        never io_uring_support, IO;
        never zero_copy_optimization, IO;
        never memory_mapped_files, IO;
        never ml_optimization, "decisions are rules that can be read: use network_resilience";
        never predictive_caching, PREFETCH;
        never intelligent_prefetching, PREFETCH;
    }
    "timeouts" {
        not_yet writetimeout: Duration = "30s", "`timeouts.readtimeout` bounds a silent client";
        never timeout_adaptation_factor, "use network_interfaces.CLASS.timeout_multiplier";
    }
    "deduplication" {
        always enabled: bool = "true", "`server.deduplication_enabled` decides";
        never directory, "names of one content are hard links in server.storage_path";
        never maxsize, "what is shared takes no room of its own: use server.quota_total";
        always algorithm: String = "sha256", "a content is found by its SHA-256, then compared";
    }
    "iso" {
        never enabled, ISO;
        never mountpoint, ISO;
        never size, ISO;
        never charset, ISO;
    }
    "versioning" {
        never enableversioning, VERSIONS;
        never backend, VERSIONS;
        never maxversions, VERSIONS;
    }
    "clamav" {
        never clamavenabled, SCANNING;
        never clamavsocket, SCANNING;
    }
};

const BY_DEEDS: &str =
    "a client is known by what its uploads did, not by what it seems: use client_optimization";
const RETRIES: &str = "tries go by what the upstream does: use relay.hold";
const SESSIONS: &str = "an upload is resumed by its URL, from whatever address";
const JWT: &str = "tokens are v, v2, token and v3";
const METRICS: &str = "there is no metrics page; `baton status --json` has the figures";
const POOL: &str =
    "memory is fixed at start: use relay.pool_size, and network_interfaces.CLASS.buffer_size";
const MOBILE: &str = "mobile links are classes: use network_interfaces.lte, .cellular or .5g";
const CACHE: &str = "nothing is cached: put a caching proxy before the upstream";
const HEADERS: &str = "answers pass through unchanged: set it at the upstream";
const LOG_FILES: &str =
    "logs go to the standard error: procd's logd or systemd's journal keeps and rotates them";
const HISTORY: &str = "no history is kept: let Prometheus collect and keep figures";
const SCANNING: &str = "files are not opened here: scan them where they are stored";
const ISO: &str = "uploads are stored upstream: make the container there";
const VERSIONS: &str = "files are stored upstream: keep versions there";
const HTTP: &str =
    "LAN clients and upload servers speak HTTP/1.1, and so does Baton: use a proxy upstream";
const COMPRESSION: &str = "what is uploaded arrives byte for byte: compress at the client";
const IO: &str = "the link is the bottleneck, not copying: nothing to set";
const PREFETCH: &str = "nothing is fetched ahead: the way is up, and links cost money";
const LINKS: &str = "links are judged as a whole: use network_resilience";
const SIZES: &str = "sizes go by class: set `class` in [links.NAME], or the class's own section";

/// Other spellings in use, and the keys that they mean.
pub(crate) const SAME_AS: &[(&str, &str)] = &[
    ("handoff.enabled", "network_resilience.auto_switch_enabled"),
    ("handoff.seamless_handoff", "handoff.seamless_switching"),
    ("server.metrics_enabled", "server.metricsenabled"),
    ("network_interfaces.<pattern>", "links.<link>.priority"),
    ("network_interfaces.<pattern>.priority", "links.<link>.priority"),
];

/// A text that is kept out of every output.
#[derive(PartialEq)]
struct Hidden(String);

impl Setting for Hidden {
    const EXAMPLE: &'static str = "";
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self(text.to_owned()))
    }
}
