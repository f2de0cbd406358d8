//! The keys that act, section by section. The help of a key is the doc of its field.

use crate::choice::{
    Algorithm, Auth, ChunkSize, Eviction, Level, Mode, Protocol, Speed, Sync, Token, TypeFrom,
};
use crate::config::Values;
use crate::setting::Setting;
use crate::table::Key;
use crate::{Bytes, Pattern, Permille, Pin, Ppm, Secret, SecretError, Url, UrlPath};
use baton_core::Duration;
use core::net::SocketAddr;
use std::path::PathBuf;

/// Defines a section: the struct that it is read into, and its rows of the table. A field is
/// written `key: Type = "default"`, with `, "least" to "greatest"` where there are bounds.
macro_rules! section {
    ($(#[$doc:meta])* $Section:ident in $section:literal {$(
        $(#[doc = $help:literal])+
        $key:ident: $Type:ty = $default:literal $(, $min:literal to $max:literal of $Bounded:ty)?;
    )+}) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $Section {
            $($(#[doc = $help])+ pub $key: $Type,)+
        }

        impl $Section {
            pub(crate) const KEYS: &[Key] = &[$(
                Key::acts::<$Type>(
                    concat!($section, ".", stringify!($key)),
                    $default,
                    concat!($($help),+),
                )$(.within::<$Bounded>($min, $max))?,
            )+];

            /// What `values` has for it; `name` stands for a name in the section's path.
            pub(crate) fn read(values: &Values, name: &str) -> Self {
                Self {$(
                    $key: values.get(concat!($section, ".", stringify!($key)), name),
                )+}
            }
        }
    };
}
pub(crate) use section;

section! {
    /// `[relay]`: what clients on the LAN meet.
    Relay in "relay" {
        /// Addresses that clients upload to.
        listen: Vec<SocketAddr> = "0.0.0.0:8080";
        /// Whose uploads are signed: `lan`, those of clients on interfaces that are not links;
        /// `token`, only those that bring a valid token.
        auth: Auth = "lan";
        /// How long a client waits with every link down, before it gets 503.
        hold: Duration = "5m", "1s" to "24h" of Duration;
        /// Clients served at once; each costs at most 64 KB. More wait to be accepted.
        max_clients: u32 = "64", "1" to "1024" of u32;
        /// Memory for bytes on their way: half of it set aside at start, half for the kernel's copies;
        /// `auto`: 1/16 of the RAM, at most 8MB.
        pool_size: Option<Bytes> = "auto", "256KB" to "1GB" of Bytes;
        /// When a client is told of success: `through`, once the upstream has proved it; `spool`, once
        /// the file is safe in the spool, to be delivered later. A file that the upstream then refuses
        /// is kept there: `baton uploads` lists it.
        mode: Mode = "through";
        /// Folder for what must be kept until the upstream has it.
        spool_dir: PathBuf = "/var/lib/baton";
        /// The most that the spool takes; `auto`: a quarter of the free space.
        spool_size: Option<Bytes> = "auto";
        /// In `spool` mode, what gives way when the spool is full: `refuse`, nothing, the client gets
        /// 507; `evict_oldest`, the oldest, refused ones first, each with a loss record.
        spool_eviction: Eviction = "refuse";
        /// Let `spool` mode use a file system in memory, which a power cut empties.
        spool_volatile: bool = "false";
    }
}

section! {
    /// `[upstream]`: where uploads go.
    Upstream in "upstream" {
        /// The file server, `http://` or `https://`; a request's path is appended to it.
        url: Option<Url> = "";
        /// File in PEM with the only authorities that may vouch for an `https` server; not set:
        /// those that the system trusts.
        ca_file: Option<PathBuf> = "";
        /// Keys of which an `https` server must have one, as `sha256/BASE64` of RFC 7469; no
        /// authority, name or date is asked then.
        pin: Vec<Pin> = "";
        /// How files are carried: `tus`, `resumable`, `hmac-chunked`, `put`, or `auto` to ask the server.
        protocol: Protocol = "auto";
        /// Where uploads of `tus` and `resumable` are created.
        tus_path: UrlPath = "/files/";
        /// How requests are signed: `v2`, `v`, `token`, `v3`, `jwt`, `bearer`, or `pass` for the client's own.
        token: Token = "v2";
        /// What `v2` and `token` sign as the content type: that of the request's `header`, or that of the
        /// name's `extension`; the other is tried once where one is refused.
        token_type_from: TypeFrom = "header";
        /// How long a connection may take to come about.
        connect_timeout: Duration = "5s", "100ms" to "5m" of Duration;
        /// How long the server may take to answer.
        answer_timeout: Duration = "30s", "100ms" to "1h" of Duration;
    }
}

section! {
    /// `[security]`: the secret that tokens are signed with.
    Security in "security" {
        /// File with the secret; one trailing newline is not part of it.
        secret_file: Option<PathBuf> = "";
        /// The secret itself, instead of a file.
        secret: Option<Secret> = "";
    }
}

impl Security {
    /// The secret, wherever it is; `None` if there is none.
    pub fn load(&self) -> Result<Option<Secret>, SecretError> {
        match &self.secret_file {
            Some(path) => Secret::from_file(path).map(Some),
            None => Ok(self.secret.clone()),
        }
    }
}

section! {
    /// `[control]`: how the other commands reach the agent.
    Control in "control" {
        /// Unix socket of the control API.
        socket: PathBuf = "/run/baton/control.sock";
    }
}

section! {
    /// `[network_resilience]`: when uploads leave a link.
    NetworkResilience in "network_resilience" {
        /// Watch the links and move uploads between them. Off: the best link at start is kept.
        enabled: bool = "true";
        /// Move by itself; off, only `baton switch` moves.
        auto_switch_enabled: bool = "true";
        /// Suspect a link as soon as a transfer on it falls silent, and try a standby at once.
        fast_detection: bool = "true";
        /// Probe links that carry nothing, so that the choice among them is informed.
        quality_monitoring: bool = "true";
        /// Links in order of preference; the first counts as `priority = 10`, the next as 20.
        interface_priority: Vec<Pattern> = "eth0 wlan0 wwan0 ppp0";
        /// A link is bad if its shortest round trip of half a minute is longer; on satellites, four times
        /// as long.
        switch_threshold_latency: Duration = "500ms", "1ms" to "1m" of Duration;
        /// A link is bad if it loses more, in percent, over ten seconds.
        switch_threshold_packet_loss: Ppm = "5.0";
        /// A longer round trip costs points and makes the next bad look at the link the second; what is
        /// bad stays so until it is shorter.
        rtt_warning_threshold: Duration = "200ms", "1ms" to "1m" of Duration;
        /// A link is left at once if it is longer.
        rtt_critical_threshold: Duration = "1s", "1ms" to "5m" of Duration;
        /// More loss in percent costs points and makes the next bad look the second.
        packet_loss_warning: Ppm = "2.0";
        /// A link is left at once if it loses more, in percent.
        packet_loss_critical: Ppm = "10.0";
        /// A link is bad if its score has fallen by a larger share of what it usually is; `1.0`: never.
        quality_degradation_threshold: Permille = "0.3", "0.01" to "1.0" of Permille;
        /// A link is bad if a smaller share of its time in service was without suspicion; `0`: never.
        stability_minimum: Permille = "0.8", "0.0" to "0.999" of Permille;
        /// Moves that nothing forces, for quality or preference, in a `handoff.performance_comparison_window`.
        /// From a link that failed, uploads always move.
        max_switch_attempts: u32 = "3", "1" to "16" of u32;
        /// How often a link in doubt is probed.
        detection_interval: Duration = "1s", "10ms" to "1h" of Duration;
        /// How rarely a link that failed is probed at most.
        max_detection_interval: Duration = "10s", "1s" to "1h" of Duration;
        /// How often an idle link is probed.
        quality_check_interval: Duration = "5s", "100ms" to "24h" of Duration;
    }
}

section! {
    /// `[handoff]`: how calm the choice of a link is.
    Handoff in "handoff" {
        /// How much better in percent a link must be to replace a working one.
        handoff_hysteresis: Ppm = "10";
        /// Least time between two moves that nothing forces.
        handoff_cooldown: Duration = "30s", "0s" to "24h" of Duration;
        /// A link is bad if its score is lower, whatever that comes from; `0`: never. 70 is the score of a
        /// link with one thing at its limit.
        min_quality_threshold: u32 = "70", "0" to "100" of u32;
        /// A link is called excellent from this score on.
        quality_excellent: u32 = "90", "0" to "100" of u32;
        /// Good.
        quality_good: u32 = "70", "0" to "100" of u32;
        /// Fair.
        quality_fair: u32 = "50", "0" to "100" of u32;
        /// Poor; below, it is bad, and a metered link takes over also where no limit was passed.
        quality_poor: u32 = "30", "0" to "100" of u32;
        /// How many scores tell what is usual of a link; one is taken every five seconds.
        interface_quality_history: u32 = "50", "12" to "64" of u32;
        /// How long a measured rate is remembered for comparison, stability is measured over, and
        /// `network_resilience.max_switch_attempts` counts.
        performance_comparison_window: Duration = "5m", "30s" to "24h" of Duration;
        /// Send what was on its way again on the new link at once; off, wait for the old link
        /// to fail for good.
        chunk_retry_on_switch: bool = "true";
    }
}

section! {
    /// `[uploads]`: what is taken, and in what portions it is sent.
    Uploads in "uploads" {
        /// File name endings that are taken, with or without a dot; `*` for all.
        allowed_extensions: Extensions = "*";
        /// The most one request carries: `adaptive` as the link's class has it, or a size.
        chunk_size: ChunkSize = "adaptive", "64KB" to "1GB" of Bytes;
        /// How what is on its way at once is fitted to what a link delivers, within its class: `predictive`
        /// starts from what the client had before and leans on the trend, `adaptive` goes by this upload
        /// alone, `fixed` always uses the class's sizes.
        chunk_adaptation_algorithm: Algorithm = "predictive";
        /// `adaptive` lets one request carry at least as much; a server that is to acknowledge more often
        /// is sent less at once.
        min_chunk_size: Bytes = "256KB", "16KB" to "1GB" of Bytes;
        /// `adaptive` lets no request carry more, whatever the class says.
        max_chunk_size: Bytes = "10MB", "64KB" to "1GB" of Bytes;
        /// How long an unfinished upload waits for its client to come back and resume it; from
        /// 30 seconds on it gives way to another that finds no place.
        sessiontimeout: Duration = "1h", "1s" to "24h" of Duration;
    }
}

section! {
    /// `[performance]`: what is remembered of clients.
    #[derive(Copy)]
    Performance in "performance" {
        /// Remember of each client what its uploads came to, by link.
        client_profiling: bool = "true";
        /// How long after its last upload a new one starts from that.
        profile_persistence_duration: Duration = "24h", "1m" to "365d" of Duration;
        /// Uploads that a mean spans at most.
        performance_history_samples: u32 = "100", "1" to "1000" of u32;
    }
}

section! {
    /// `[client_optimization]`: what is made of it.
    #[derive(Copy)]
    ClientOptimization in "client_optimization" {
        /// Start an upload from what its client had before.
        enabled: bool = "true";
        /// Learn from new uploads; off, what is known stays as it is.
        learning_enabled: bool = "true";
        /// Uploads that a mean spans: `slow` 64, `medium` 16, `fast` 4.
        adaptation_speed: Speed = "medium";
    }
}

section! {
    /// `[monitoring]`: how long is remembered.
    #[derive(Copy)]
    Monitoring in "monitoring" {
        /// How long a client that does not come back is remembered.
        client_profile_retention: Duration = "30d", "1h" to "36500d" of Duration;
    }
}

section! {
    /// `[downloads]`: what is fetched from the upstream, through the agent.
    Downloads in "downloads" {
        /// A download whose link dies goes on by Range over another; off, it breaks off.
        resumable_downloads_enabled: bool = "true";
        /// A download whose length is not known comes in chunks, so that its end can be told from a
        /// cut; off, it ends with its connection.
        chunked_downloads_enabled: bool = "true";
    }
}

section! {
    /// `[timeouts]`: how long silence is borne.
    Timeouts in "timeouts" {
        /// Silence of a client in the middle of a request.
        readtimeout: Duration = "30s", "1s" to "24h" of Duration;
        /// A kept-alive connection between requests.
        idletimeout: Duration = "60s", "1s" to "24h" of Duration;
        /// What running uploads get to finish at SIGTERM.
        shutdown: Duration = "30s", "0s" to "1h" of Duration;
        /// Stretch the timeouts upstream by the `timeout_multiplier` of the link's class.
        adaptive_timeouts: bool = "true";
        /// No stretched timeout is shorter.
        min_timeout: Duration = "5s", "100ms" to "1h" of Duration;
        /// No stretched timeout is longer.
        max_timeout: Duration = "300s", "1s" to "24h" of Duration;
    }
}

section! {
    /// `[logging]`: what is said on the standard error.
    Logging in "logging" {
        /// `error`, `warn`, `info`, `debug` or `trace`.
        level: Level = "info";
    }
}

section! {
    /// `[server]`: the receiving end, `baton serve`.
    Server in "server" {
        /// Addresses that uploads arrive at.
        listen_address: Vec<SocketAddr> = "0.0.0.0:8080";
        /// Folder that files are stored in.
        storage_path: PathBuf = "/data/uploads";
        /// The largest file that is taken.
        max_upload_size: Bytes = "10GB", "1B" to "1024TB" of Bytes;
        /// How long an unfinished upload is kept after its last byte.
        upload_expiry: Duration = "24h", "1m" to "365d" of Duration;
        /// What an offset that was told survives: `completion`, a crash of the program;
        /// `always`, a power loss too, at the cost of a flush each.
        sync: Sync = "completion";
        /// Store a content once under however many names, by hard links.
        deduplication_enabled: bool = "true";
        /// How long a stored file is kept; empty: for ever. Only what `baton serve` stored goes, and
        /// nothing that was changed since.
        file_ttl: Option<Duration> = "", "1m" to "36500d" of Duration;
        /// The most that one user may store, names of the same content counted each. The user is the
        /// one whom the token names (`sub`, `user`), else the first folder of the path.
        quota_per_user: Option<Bytes> = "", "1B" to "1024TB" of Bytes;
        /// The most that all users together may store.
        quota_total: Option<Bytes> = "", "1B" to "1024TB" of Bytes;
    }
}

section! {
    /// `[deduplication]`: what `baton serve` does with what it stored.
    Deduplication in "deduplication" {
        /// How often stored files are looked through: for those whose `server.file_ttl` is over, and
        /// for contents that have no name any more.
        cleanup_interval: Duration = "1h", "1s" to "24h" of Duration;
    }
}

/// File name endings, in lower case and without a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extensions(Vec<String>);

impl Extensions {
    /// Whether a file of that path is taken.
    pub fn allow(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        self.0.iter().any(|known| known == "*" || known.eq_ignore_ascii_case(extension))
    }
}

impl Setting for Extensions {
    const EXAMPLE: &'static str = "jpg png pdf";
    const IS_LIST: bool = true;

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::read(&crate::Value::Many(text.split_whitespace().map(str::to_owned).collect()))
    }

    fn read(value: &crate::Value) -> Result<Self, &'static str> {
        let bare = |item: String| match item.strip_prefix('.').unwrap_or(&item) {
            "" => Err("takes endings such as jpg"),
            bare if bare.contains(['.', '/']) => Err("takes the last ending only: gz for .tar.gz"),
            bare => Ok(bare.to_ascii_lowercase()),
        };
        let items: Vec<String> = Setting::read(value)?;
        if items.is_empty() {
            return Err("takes at least one ending: * takes every file");
        }
        items.into_iter().map(bare).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_the_same_with_and_without_a_dot() {
        let dotted = Extensions::parse(".jpg .PNG").unwrap();

        assert_eq!(dotted, Extensions::parse("JPG png").unwrap());
        assert!(dotted.allow("a/b.jpg") && dotted.allow("B.JPG"));
        assert!(!dotted.allow("a.jpg/b") && !dotted.allow("jpg") && !dotted.allow("a.gif"));
        assert!(Extensions::parse("*").unwrap().allow("no-ending"));
    }

    #[test]
    fn endings_that_match_nothing_are_refused() {
        for text in ["", ".", "tar.gz", "a/b"] {
            assert!(Extensions::parse(text).is_err(), "{text}");
        }
    }
}
