//! Why the active link changed: one reason, and the evidence for it.

use crate::{Duration, Instant, LinkId};

/// A change of the active link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// When.
    pub at: Instant,
    /// The link left; `None`: there was none.
    pub from: Option<LinkId>,
    /// The link taken; `None`: none is left.
    pub to: Option<LinkId>,
    /// Why, in one word.
    pub reason: Reason,
    /// What was seen.
    pub evidence: Evidence,
}

/// Why the active link changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There was no active link before.
    Started,
    /// The kernel says that the old link can't carry anything.
    InterfaceDown,
    /// The old link stayed silent past commit.
    Timeout,
    /// The old link works, and badly.
    QualityDegradation,
    /// The old link is as good as it was; a preferred one is there, or a far faster one.
    BetterAlternative,
    /// The old link's budget is spent.
    Budget,
    /// The operator wants it.
    Manual,
}

impl Reason {
    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::InterfaceDown => "interface_down",
            Self::Timeout => "timeout",
            Self::QualityDegradation => "quality_degradation",
            Self::BetterAlternative => "better_alternative",
            Self::Budget => "budget",
            Self::Manual => "manual",
        }
    }
}

/// What was seen of the link that was left; of the one taken, where none was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It can carry packets.
    Usable,
    /// The interface is gone.
    Vanished,
    /// The kernel took away what it needs.
    Lost(Fact),
    /// It failed.
    Faulty(Fault),
    /// It loses too much.
    Loss {
        /// Over the window.
        ppm: u32,
    },
    /// It is too slow.
    Latency {
        /// Shortest round trip of the window.
        rtt: Duration,
    },
    /// It stalls too often.
    Unstable {
        /// The share of its time without suspicion.
        permille: u16,
    },
    /// Its score is too low, by nothing alone.
    LowScore {
        /// Out of 100.
        score: u8,
    },
    /// It is much worse than it usually is.
    Dropped {
        /// Its usual score.
        from: u8,
        /// Its score.
        to: u8,
    },
    /// It delivers all it can, and that is far less than the link taken did.
    Slow {
        /// Bytes a second.
        rate: u32,
        /// Of the link taken.
        other: u32,
    },
    /// The link taken ranks higher.
    Outranked,
    /// It has carried what it may in a month.
    Spent {
        /// In the month under way.
        bytes: u64,
    },
    /// The operator's word.
    Operator,
}

impl Evidence {
    /// Whether it was measured while the link worked.
    pub(crate) const fn is_of_quality(self) -> bool {
        match self {
            Self::Loss { .. }
            | Self::Latency { .. }
            | Self::Unstable { .. }
            | Self::LowScore { .. }
            | Self::Dropped { .. }
            | Self::Slow { .. } => true,
            Self::Usable
            | Self::Vanished
            | Self::Lost(_)
            | Self::Faulty(_)
            | Self::Outranked
            | Self::Spent { .. }
            | Self::Operator => false,
        }
    }

    /// Whether there was no choice but to switch.
    pub(crate) const fn is_forced(self) -> bool {
        match self {
            Self::Usable
            | Self::Vanished
            | Self::Lost(_)
            | Self::Faulty(_)
            | Self::Spent { .. }
            | Self::Operator => true,
            Self::Loss { .. }
            | Self::Latency { .. }
            | Self::Unstable { .. }
            | Self::LowScore { .. }
            | Self::Dropped { .. }
            | Self::Slow { .. }
            | Self::Outranked => false,
        }
    }

    /// Whether it is worth money. What is a limit of the operator's is; what is only worse than
    /// something else is not.
    pub(crate) const fn is_worth_money(self) -> bool {
        match self {
            Self::LowScore { .. } | Self::Dropped { .. } | Self::Slow { .. } => false,
            Self::Usable
            | Self::Vanished
            | Self::Lost(_)
            | Self::Faulty(_)
            | Self::Loss { .. }
            | Self::Latency { .. }
            | Self::Unstable { .. }
            | Self::Outranked
            | Self::Spent { .. }
            | Self::Operator => true,
        }
    }

    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Vanished => "vanished",
            Self::Lost(Fact::Carrier) => "carrier_lost",
            Self::Lost(Fact::Address) => "address_lost",
            Self::Lost(Fact::Route) => "route_lost",
            Self::Lost(Fact::Home) => "roaming",
            Self::Faulty(Fault::Silent { .. }) => "silent",
            Self::Faulty(Fault::Stuck { .. }) => "stuck",
            Self::Faulty(Fault::ProbesLost { .. }) => "probes_lost",
            Self::Faulty(Fault::Unreachable) => "unreachable",
            Self::Faulty(Fault::Impostor) => "impostor",
            Self::Loss { .. } => "loss",
            Self::Latency { .. } => "latency",
            Self::Unstable { .. } => "unstable",
            Self::LowScore { .. } => "low_score",
            Self::Dropped { .. } => "dropped",
            Self::Slow { .. } => "slow",
            Self::Outranked => "outranked",
            Self::Spent { .. } => "budget_spent",
            Self::Operator => "operator",
        }
    }
}

/// What a link needs before it can carry a packet, in the order it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Physical layer up.
    Carrier,
    /// An address of its own.
    Address,
    /// A default route of its own.
    Route,
    /// Its home network, where it must not roam.
    Home,
}

impl Fact {
    pub(crate) const ALL: [Self; 4] = [Self::Carrier, Self::Address, Self::Route, Self::Home];
}

/// How a link that the kernel takes for good failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Data was in flight and nothing came back.
    Silent {
        /// For how long.
        quiet: Duration,
    },
    /// Data was in flight and nothing of it came through, while probes were answered: packets that
    /// are large vanish, or something on the way lost the connection.
    Stuck {
        /// For how long.
        quiet: Duration,
    },
    /// Probes were not answered.
    ProbesLost {
        /// How many in a row.
        count: u8,
    },
    /// A send failed: network or host unreachable, or network down.
    Unreachable,
    /// Somebody else answered in the upstream's place: a captive portal.
    Impostor,
}

impl Fault {
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Silent { .. } | Self::Stuck { .. } | Self::ProbesLost { .. } => Reason::Timeout,
            Self::Unreachable => Reason::InterfaceDown,
            // The link carries packets, only not to where they should go.
            Self::Impostor => Reason::QualityDegradation,
        }
    }
}
