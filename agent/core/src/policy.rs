//! What can be configured of links.

use crate::Duration;

/// How links are judged and chosen. The defaults suit a gateway with one wired or wireless link
/// and a metered backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPolicy {
    /// How long a link must stay up before it takes over from one that works. 2 s: DHCP renewals
    /// and WiFi roams bounce a link within the first second.
    pub up_delay: Duration,
    /// How long a link is refused after it failed. 5 s: most faults that heal at once come back
    /// within that.
    pub hold_down: Duration,
    /// The least silence that makes a link suspect. 60 ms, as SRT's bonding has it: schedulers,
    /// interrupts and the ACKs of a full pipe stay below 10.
    pub suspect_floor: Duration,
    /// The least silence after which a suspect link is given up. 500 ms: cellular handovers
    /// stall for 300.
    pub commit_floor: Duration,
    /// A link that dies while idle is suspect at most this long after its last sign of life:
    /// its next probe leaves one [`Self::probe_timeout`] before. 5 s.
    pub probe_idle: Duration,
    /// The same for metered links. 30 min: a server has closed the connection by then, and over a
    /// new one a probe takes 0.8 KB, 2.3 KB where TLS is resumed: 1.2 to 3.4 MB a month, which leaves
    /// room for trouble and for uploads that begin. Both ask at once.
    pub probe_idle_metered: Duration,
    /// How long a probe may take, at least; a link whose measured round trips are longer is
    /// given RFC 6298's timeout. 1 s.
    pub probe_timeout: Duration,
    /// Bytes that probes may take of a metered link in a month, troubles included, whatever a probe
    /// takes; an eighth of them may come at once. 5 MB: a hundredth of a small plan.
    pub metered_probe_bytes: u32,
    /// A link is degraded if its shortest round trip of half a minute is longer. 500 ms.
    pub latency_max: Duration,
    /// A link is degraded if it loses more, over ten seconds. 50 000: 5 %.
    pub loss_max_ppm: u32,
    /// How often quality is looked at. Two bad looks in a row make a link degraded. 5 s.
    pub quality_interval: Duration,
    /// Hysteresis: a degraded link yields only to one whose score is better by as much. 10.
    pub margin: u8,
    /// The least time between two switches for quality. A link so left is passed over for twice
    /// as long, and again twice as long each time it must be left again soon after. 30 s.
    pub cooldown: Duration,
    /// Whether the active link may change while it works: for quality, or to fail back.
    pub auto_switch: bool,
}

impl LinkPolicy {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        up_delay: Duration::from_secs(2),
        hold_down: Duration::from_secs(5),
        suspect_floor: Duration::from_millis(60),
        commit_floor: Duration::from_millis(500),
        probe_idle: Duration::from_secs(5),
        probe_idle_metered: Duration::from_secs(30 * 60),
        probe_timeout: Duration::from_secs(1),
        metered_probe_bytes: 5 << 20,
        latency_max: Duration::from_millis(500),
        loss_max_ppm: 50_000,
        quality_interval: Duration::from_secs(5),
        margin: 10,
        cooldown: Duration::from_secs(30),
        auto_switch: true,
    };
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
