//! What goes between the machine and its driver.

use super::{Command, Reply};

/// Something the driver saw or did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The power was switched as wanted.
    Powered,
    /// There is no line to switch it with, or that failed.
    PowerRefused,
    /// The modem said so, in command mode.
    Heard(Reply),
    /// PPP has an address.
    NetworkUp,
    /// The modem has left data mode ([`super::Hangup`], or its carrier line), or PPP was ended by its
    /// peer.
    HungUp,
    /// What is believed of the link over it, when that changes: packets may come to nothing although
    /// the modem says that all is well.
    Link(crate::StateKind),
    /// PPP has let go of the line.
    Stopped,
}

/// Something the driver must do now. Each is idempotent and its outcome comes back as an [`Event`]; the
/// machine bounds the wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Switch the power: [`Event::Powered`] or [`Event::PowerRefused`].
    Power(Power),
    /// Write the text of this command: what the modem says to it comes as [`Event::Heard`].
    Send(Command),
    /// The line is PPP's: [`Event::NetworkUp`] or [`Event::HungUp`].
    Start,
    /// End PPP and give the line back: [`Event::Stopped`].
    Stop,
}

/// What to do with the modem's power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// See to it that it is on.
    On,
    /// Off, and on again.
    Cycle,
}

/// Why [`super::Modem::poll_timeout`] wants to be woken; for logs, never matched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The power should be switched by now.
    Power,
    /// The modem owes an answer.
    Answer(Command),
    /// A pause is over.
    Pause,
    /// A network should have been found behind the call.
    Network,
    /// The session counts as stable.
    Stable,
    /// The link should have been heard again.
    Doubt,
    /// PPP should have let go by now.
    Stop,
    /// The SIM is asked again.
    Recheck,
}
