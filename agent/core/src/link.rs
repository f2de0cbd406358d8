//! The words in which links are spoken of.

use crate::{Account, Class, Duration, Instant, LinkKey, Rating, Score, Signal, StateKind, Tariff};

/// A link's slot in the table, assigned by the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u8);

/// What a link is, and how it compares with others that work as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// What kind of link.
    pub class: Class,
    /// Lower is preferred.
    pub priority: u32,
    /// The route metric; lower is preferred among equal priorities.
    pub metric: u32,
    /// Whether its bytes cost.
    pub metered: bool,
    /// How much, and how many of them.
    pub tariff: Tariff,
    /// What it is remembered by.
    pub key: LinkKey,
    /// Whether it is used in foreign networks.
    pub roaming: Roaming,
}

/// Whether a link is used while it roams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Roaming {
    /// As if it were at home.
    #[default]
    Allow,
    /// Only if no other link works.
    Avoid,
    /// Not at all.
    Never,
}

/// Something seen of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The interface is there, or its description changed.
    Appeared(LinkSpec),
    /// The interface is gone.
    Vanished,
    /// What the kernel says; with all three it can carry packets.
    Facts {
        /// Physical layer up.
        carrier: bool,
        /// It has an address.
        address: bool,
        /// It has a default route of its own.
        route: bool,
    },
    /// It is on another network than before: another address, gateway or operator. What was
    /// measured is of the old one, and so is what was held against it.
    Moved,
    /// Whether it is in a foreign network.
    Roaming(bool),
    /// A connection to the upstream was made.
    Connected {
        /// From asking to having it.
        rtt: Duration,
    },
    /// The upstream answered a probe. A refusal by its host is an answer: the link works.
    ProbeAnswered {
        /// From asking to the answer.
        rtt: Duration,
    },
    /// A probe failed. Its deadline passing is the same; reporting it after that is harmless.
    ProbeLost,
    /// Something answered that is not the upstream.
    Impostor,
    /// Whether a transfer on this link has unacknowledged data: report changes.
    InFlight(bool),
    /// Data of a transfer was proved delivered.
    Proof,
    /// The transport's view of a transfer.
    Rtt {
        /// Smoothed round-trip time.
        srtt: Duration,
        /// Its mean deviation.
        rttvar: Duration,
    },
    /// What a transfer sent since the last report.
    Segments {
        /// Segments sent.
        sent: u32,
        /// Segments sent again.
        lost: u32,
    },
    /// What transfers delivered since the last report, while data was in flight.
    Delivered {
        /// Bytes.
        bytes: u32,
        /// Each sender had less to send than the link would have taken.
        limited: bool,
    },
    /// What the radio says of itself.
    Signal(Signal),
    /// A send failed: network or host unreachable, or network down.
    Unreachable,
    /// What it carried in the month under way before it was there, or the month is a new one.
    Account(Account),
    /// So many bytes more, in both directions.
    Carried(u64),
    /// What a probe took of those, on the wire.
    Probed(u32),
}

/// One link, for display and for those who build on the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkView {
    /// What it is.
    pub spec: LinkSpec,
    /// What is believed of it.
    pub state: StateKind,
    /// Smoothed round-trip time: the transfer's while there is one, else the probes'.
    pub srtt: Option<Duration>,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Shortest round trip of the last half minute.
    pub rtt_min: Option<Duration>,
    /// Loss over the last ten seconds; zero if too little was sent to tell.
    pub loss_ppm: u32,
    /// Bytes a second that it delivers, as measured last.
    pub rate: Option<u32>,
    /// The share of its time without suspicion; `None` if it served too short to tell.
    pub stability_permille: Option<u16>,
    /// What its radio said last, lately.
    pub signal: Option<Signal>,
    /// 0 to 100; 70 is at a limit, 0 also if it does not work.
    pub score: u8,
    /// What the score lacks to 100, by cause.
    pub score_parts: Score,
    /// The score in one word.
    pub rating: Rating,
    /// Whether its quality counts against it.
    pub degraded: bool,
    /// Whether it is in a foreign network.
    pub roams: bool,
    /// Silence in flight that makes it suspect.
    pub threshold: Duration,
    /// Last sign of life since it came up.
    pub heard: Option<Instant>,
    /// How often it went out of service.
    pub failures: u32,
    /// How many suspicions proved wrong.
    pub false_alarms: u32,
    /// Bytes that it carried in the budget's month.
    pub carried_bytes: u64,
    /// Whether its budget is spent.
    pub spent: bool,
}
