//! What is known of a modem.

use super::{Block, Fault, Operator, Registration, Signal, Sim};

/// What is known of the modem, for display and for those who choose links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The SIM, if it was asked.
    pub sim: Option<Sim>,
    /// The best of its registrations, if it was asked.
    pub registration: Option<Registration>,
    /// How well it heard its cell before it dialled.
    pub signal: Option<Signal>,
    /// Whose network it is.
    pub operator: Option<Operator>,
    /// Why nothing is tried.
    pub block: Option<Block>,
    /// What went wrong last.
    pub fault: Option<Fault>,
    /// Calls that led to a network.
    pub sessions: u32,
    /// How often the modem was started anew by command.
    pub resets: u32,
    /// How often its power was cycled.
    pub power_cycles: u32,
}

/// Where it stands, without the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the state of its name")]
pub enum StateKind {
    Powering,
    Syncing,
    Identifying,
    Registering,
    Attaching,
    Dialling,
    Negotiating,
    Online,
    Stopping,
    Pausing,
    Blocked,
}

impl Status {
    pub(super) const NOTHING: Self = Self {
        sim: None,
        registration: None,
        signal: None,
        operator: None,
        block: None,
        fault: None,
        sessions: 0,
        resets: 0,
        power_cycles: 0,
    };
}

impl StateKind {
    /// Every state, in the order of the machine.
    pub const ALL: [Self; 11] = [
        Self::Powering,
        Self::Syncing,
        Self::Identifying,
        Self::Registering,
        Self::Attaching,
        Self::Dialling,
        Self::Negotiating,
        Self::Online,
        Self::Stopping,
        Self::Pausing,
        Self::Blocked,
    ];

    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Powering => "powering",
            Self::Syncing => "syncing",
            Self::Identifying => "identifying",
            Self::Registering => "registering",
            Self::Attaching => "attaching",
            Self::Dialling => "dialling",
            Self::Negotiating => "negotiating",
            Self::Online => "online",
            Self::Stopping => "stopping",
            Self::Pausing => "pausing",
            Self::Blocked => "blocked",
        }
    }
}
