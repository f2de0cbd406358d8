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
    /// Whether a link that fails often is suppressed for a while (RFC 2439).
    pub dampen: bool,
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
    /// The longest interval between probes of a link that failed. 10 s, as the seed has it.
    pub probe_trouble: Duration,
    /// A shortest round trip of half a minute that is longer costs points, makes the next bad look
    /// the second, and keeps a degraded link so. 200 ms, the seed's. Satellites' are stretched.
    pub latency_warning: Duration,
    /// A link is degraded if that is longer. 500 ms.
    pub latency_max: Duration,
    /// A link is left at the first look, cooldown or not, if that is longer. 1 s.
    pub latency_critical: Duration,
    /// Loss over ten seconds, with the same three meanings. 20 000: 2 %.
    pub loss_warning_ppm: u32,
    /// 50 000: 5 %.
    pub loss_max_ppm: u32,
    /// 100 000: 10 %, where TCP comes to a crawl; of a sender that has sent for ten seconds.
    pub loss_critical_ppm: u32,
    /// A link is degraded if a smaller share of its time was without suspicion. 800: one stall of
    /// a second in five. 0: never.
    pub stability_min_permille: u16,
    /// A link is degraded if its score is lower, whatever adds up to that. 70, the score at one
    /// limit. 0: never.
    pub score_min: u8,
    /// A link is degraded if its score has fallen from its usual one by a larger share. 300, the
    /// seed's. 1000: never.
    pub drop_max_permille: u16,
    /// How many scores tell what is usual, one a look, 64 at most. 50: four minutes.
    pub history: u8,
    /// How long a rate is remembered for comparison, stability is measured over, and
    /// [`Self::moves_max`] counts. 5 min.
    pub comparison: Duration,
    /// Score from which a link is called excellent; 90.
    pub excellent: u8,
    /// Called good; 70.
    pub good: u8,
    /// Called fair; 50.
    pub fair: u8,
    /// Called poor. Below, a link yields to a metered one for what is no hard limit. 30.
    pub poor: u8,
    /// How often quality is looked at. Two bad looks in a row make a link degraded. 5 s.
    pub quality_interval: Duration,
    /// Hysteresis: a degraded link yields only to one whose score is better by as much. 10.
    pub margin: u8,
    /// The least time between two switches for quality. A link so left is passed over for twice
    /// as long, and again twice as long each time it must be left again soon after. 30 s.
    pub cooldown: Duration,
    /// A link that delivers all it can yields to a standby that was measured to deliver so many
    /// times as much. Radios halve and double within seconds, so twice is no news, and a mean of
    /// some seconds that is off by two on either side still leaves nothing to lose at 4. 0: never.
    pub faster: u8,
    /// Switches that nothing forces, for quality or preference, within [`Self::comparison`]; 16 at
    /// most. 3.
    pub moves_max: u8,
    /// The longest stall of a passing satellite's link that is no trouble. 1 s: reconfigurations
    /// cost up to that where another satellite must be found.
    pub stall: Duration,
    /// Whether the active link may change while it works: for quality, or to fail back.
    pub auto_switch: bool,
}

impl LinkPolicy {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        up_delay: Duration::from_secs(2),
        hold_down: Duration::from_secs(5),
        dampen: true,
        suspect_floor: Duration::from_millis(60),
        commit_floor: Duration::from_millis(500),
        probe_idle: Duration::from_secs(5),
        probe_idle_metered: Duration::from_secs(30 * 60),
        probe_timeout: Duration::from_secs(1),
        metered_probe_bytes: 5 << 20,
        probe_trouble: Duration::from_secs(10),
        latency_warning: Duration::from_millis(200),
        latency_max: Duration::from_millis(500),
        latency_critical: Duration::from_secs(1),
        loss_warning_ppm: 20_000,
        loss_max_ppm: 50_000,
        loss_critical_ppm: 100_000,
        stability_min_permille: 800,
        score_min: 70,
        drop_max_permille: 300,
        history: 50,
        comparison: Duration::from_secs(300),
        excellent: 90,
        good: 70,
        fair: 50,
        poor: 30,
        quality_interval: Duration::from_secs(5),
        margin: 10,
        cooldown: Duration::from_secs(30),
        faster: 4,
        moves_max: 3,
        stall: Duration::from_secs(1),
        auto_switch: true,
    };
}

impl Default for LinkPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
