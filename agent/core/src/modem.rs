//! A cellular modem behind a serial line: its AT dialogue, and the way back to data after every
//! kind of trouble.
//!
//! A driver owns the serial line. In command mode it feeds what comes to [`Line`], and each
//! [`Reply`] to [`Modem`]; it writes what [`Modem::text`] says for each command to send. From
//! [`Action::Start`] to [`Action::Stop`] the line belongs to PPP, and [`Hangup`] looks out for a modem
//! that has fallen back.
//!
//! Sources: ITU-T V.250 (commands, result codes), 3GPP TS 27.007 (all that begins with `+C`), and what
//! modems of SIMCom and Quectel do beside it.

mod command;
mod event;
mod fields;
mod hangup;
mod ladder;
mod line;
mod machine;
mod operator;
mod registration;
mod reply;
mod signal;
mod sim;
mod status;
mod step;

pub use crate::Signal;
pub use command::{Apn, Command, Config, Pin, Text};
pub use event::{Action, Event, Power, Wake};
pub use hangup::Hangup;
pub use ladder::Fault;
pub use line::{LINE_MAX, Line, Noise};
pub use machine::Modem;
pub use operator::{Operator, Plmn};
pub use registration::{Domain, Registration};
pub use reply::{Final, Reply};
pub use sim::{Block, Sim};
pub use status::{StateKind, Status};

#[cfg(test)]
mod tests;
