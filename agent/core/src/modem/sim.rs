//! What the SIM lets us do.

/// The SIM, as `+CPIN` or an error tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sim {
    /// It can be used.
    Ready,
    /// It wants its PIN.
    PinNeeded,
    /// Its PIN was wrong too often.
    PukNeeded,
    /// The device or a network's lock wants a code.
    Locked,
    /// It is being read, or the modem still starts.
    Busy,
    /// There is none.
    Missing,
    /// There is one that can't be read.
    Broken,
}

/// Why nothing is tried until something changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Block {
    /// Put a SIM in.
    SimMissing,
    /// The SIM can't be read.
    SimBroken,
    /// The SIM wants a PIN, and none is configured, or an attempt was lost before: a PIN is tried only
    /// while the SIM says that all attempts are left.
    PinNeeded,
    /// The configured PIN is wrong; it is not tried again.
    PinRefused,
    /// The SIM wants its PUK.
    PukNeeded,
    /// The modem is locked to another SIM or network.
    Locked,
    /// The network is not the SIM's own, and roaming is not allowed.
    Roaming,
}

impl Sim {
    /// From the value of `+CPIN` (27.007 section 8.3, and words of SIMCom's and Quectel's).
    pub(super) fn parse(code: &str) -> Self {
        match code {
            // The second PIN guards settings of the SIM that are not used here.
            "READY" | "SIM PIN2" | "SIM PUK2" => Self::Ready,
            "SIM PIN" => Self::PinNeeded,
            "SIM PUK" => Self::PukNeeded,
            "NOT READY" => Self::Busy,
            "NOT INSERTED" | "SIM REMOVED" | "REMOVED" => Self::Missing,
            _ => Self::Locked,
        }
    }

    /// From a `+CME ERROR` (27.007 section 9.2.1).
    pub(super) const fn from_cme(code: u16) -> Option<Self> {
        match code {
            10 => Some(Self::Missing),
            11 => Some(Self::PinNeeded),
            12 => Some(Self::PukNeeded),
            13 | 15 => Some(Self::Broken),
            14 => Some(Self::Busy),
            _ => None,
        }
    }
}

impl Block {
    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SimMissing => "sim_missing",
            Self::SimBroken => "sim_broken",
            Self::PinNeeded => "pin_needed",
            Self::PinRefused => "pin_refused",
            Self::PukNeeded => "puk_needed",
            Self::Locked => "locked",
            Self::Roaming => "roaming",
        }
    }
}
