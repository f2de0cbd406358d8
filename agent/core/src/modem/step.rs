//! The dialogue, question by question.

use super::{Command, Domain, StateKind};
use crate::Instant;

/// Where in the dialogue a modem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Is anybody there? So often it is asked again.
    Attention {
        left: u8,
    },
    /// It may be in a data session that began before us.
    Escape {
        left: u8,
    },
    HangUp {
        left: u8,
    },
    EchoOff,
    NumericErrors,
    /// Until then it may be busy.
    Sim {
        until: Instant,
    },
    PinTries,
    Pin,
    /// Until then a network is waited for.
    Registration {
        domain: Domain,
        until: Instant,
    },
    Signal,
    PlainSignal,
    OperatorFormat,
    Operator,
    Context,
    Attach,
    Dial,
    Reset,
}

impl Step {
    pub(super) const fn command(self) -> Command {
        match self {
            Self::Attention { .. } => Command::Attention,
            Self::Escape { .. } => Command::Escape,
            Self::HangUp { .. } => Command::HangUp,
            Self::EchoOff => Command::EchoOff,
            Self::NumericErrors => Command::NumericErrors,
            Self::Sim { .. } => Command::Sim,
            Self::PinTries => Command::PinTries,
            Self::Pin => Command::Pin,
            Self::Registration { domain, .. } => Command::Registration(domain),
            Self::Signal => Command::Signal,
            Self::PlainSignal => Command::PlainSignal,
            Self::OperatorFormat => Command::OperatorFormat,
            Self::Operator => Command::Operator,
            Self::Context => Command::Context,
            Self::Attach => Command::Attach,
            Self::Dial => Command::Dial,
            Self::Reset => Command::Reset,
        }
    }

    pub(super) const fn kind(self) -> StateKind {
        match self {
            Self::Attention { .. }
            | Self::Escape { .. }
            | Self::HangUp { .. }
            | Self::EchoOff
            | Self::NumericErrors
            | Self::Reset => StateKind::Syncing,
            Self::Sim { .. } | Self::PinTries | Self::Pin => StateKind::Identifying,
            Self::Registration { .. }
            | Self::Signal
            | Self::PlainSignal
            | Self::OperatorFormat
            | Self::Operator => StateKind::Registering,
            Self::Context | Self::Attach => StateKind::Attaching,
            Self::Dial => StateKind::Dialling,
        }
    }
}
