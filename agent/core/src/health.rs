//! What is believed of one link.
//!
//! ```text
//!            appeared            carrier, address, route
//!   Absent ───────────▶ Down ──────────────────────────────▶ (standing)
//!     ▲                  ▲                                       ▲
//!     └ vanished,        └ one of them lost,                     │
//!       from any           from any                              │ life
//!                                                                │
//!   (standing) is the first of these that fits:                  │
//!                                                                │
//!     Suppressed   it failed too often        ┐                  │
//!     HoldDown     it failed lately           │ silence, or      ├──────┐
//!     Settling     it came up lately, or      ├────────────▶ Suspect    │
//!                  was not heard since        │ a lost probe     │      │
//!     Healthy      else                       ┘                  │ fault│
//!        │                                                       ▼      │
//!        └──────────────────── certain fault ────────────────▶ Failed ──┘
//! ```
//!
//! Time moves a link down the list. *Life* is a proof of delivery, an answered probe or a
//! connection made. A fault is *certain* if the kernel refuses to send or an impostor answers;
//! silence and lost probes may as well be the upstream's, and are the link's *fault* only once
//! another link delivers.
//!
//! Every state but Absent and Down can carry an upload: the others only order the links.

use crate::{Evidence, Fact, Fault, Instant, LinkPolicy, dampening::Dampening};

/// What is believed of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No such interface.
    Absent,
    /// It can't carry a packet.
    Down {
        /// The first thing that it lacks.
        lost: Fact,
    },
    /// It came up and is not yet trusted.
    Settling {
        /// The up-delay's end; trust takes a sign of life too.
        until: Instant,
    },
    /// It works.
    Healthy,
    /// It is silent where it should not be.
    Suspect {
        /// When the suspicion began.
        since: Instant,
        /// When it may count as healthy, if this is a false alarm.
        settled: Instant,
    },
    /// It does not work.
    Failed {
        /// When it failed.
        since: Instant,
        /// How.
        fault: Fault,
    },
    /// It works again, too soon after a failure.
    HoldDown {
        /// When that is over.
        until: Instant,
    },
    /// It works again, and failed too often.
    Suppressed {
        /// When the penalty will have decayed.
        until: Instant,
    },
}

/// A [`State`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is the state of its name")]
pub enum StateKind {
    Absent,
    Down,
    Settling,
    Healthy,
    Suspect,
    Failed,
    HoldDown,
    Suppressed,
}

impl State {
    /// Which state.
    pub const fn kind(self) -> StateKind {
        match self {
            Self::Absent => StateKind::Absent,
            Self::Down { .. } => StateKind::Down,
            Self::Settling { .. } => StateKind::Settling,
            Self::Healthy => StateKind::Healthy,
            Self::Suspect { .. } => StateKind::Suspect,
            Self::Failed { .. } => StateKind::Failed,
            Self::HoldDown { .. } => StateKind::HoldDown,
            Self::Suppressed { .. } => StateKind::Suppressed,
        }
    }

    /// Whether packets can leave by it: carrier, address and route are there.
    pub const fn is_usable(self) -> bool {
        self.lack().is_none()
    }

    /// What keeps packets from leaving by it, if anything does.
    pub(crate) const fn lack(self) -> Option<Evidence> {
        match self {
            Self::Absent => Some(Evidence::Vanished),
            Self::Down { lost } => Some(Evidence::Lost(lost)),
            Self::Settling { .. }
            | Self::Healthy
            | Self::Suspect { .. }
            | Self::Failed { .. }
            | Self::HoldDown { .. }
            | Self::Suppressed { .. } => None,
        }
    }

    /// Whether it carries and nothing is held against it at the moment.
    pub(crate) const fn is_sound(self) -> bool {
        match self {
            Self::Settling { .. }
            | Self::Healthy
            | Self::HoldDown { .. }
            | Self::Suppressed { .. } => true,
            Self::Absent | Self::Down { .. } | Self::Suspect { .. } | Self::Failed { .. } => false,
        }
    }

    /// Whether it can carry a packet and did not fail.
    pub(crate) const fn is_working(self) -> bool {
        self.is_sound() || matches!(self, Self::Suspect { .. })
    }
}

impl StateKind {
    /// Every state, in the order of the machine.
    pub const ALL: [Self; 8] = [
        Self::Absent,
        Self::Down,
        Self::Settling,
        Self::Healthy,
        Self::Suspect,
        Self::Failed,
        Self::HoldDown,
        Self::Suppressed,
    ];

    /// The name in logs and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Down => "down",
            Self::Settling => "settling",
            Self::Healthy => "healthy",
            Self::Suspect => "suspect",
            Self::Failed => "failed",
            Self::HoldDown => "hold_down",
            Self::Suppressed => "suppressed",
        }
    }
}

/// The machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    state: State,
    /// Last sign of life since the link came up.
    heard: Option<Instant>,
    /// End of the last failure's hold-down; long past for most links.
    held: Instant,
    dampening: Dampening,
    failures: u32,
    false_alarms: u32,
}

impl Health {
    pub(crate) const fn new() -> Self {
        Self {
            state: State::Absent,
            heard: None,
            held: Instant::ZERO,
            dampening: Dampening::new(),
            failures: 0,
            false_alarms: 0,
        }
    }

    pub(crate) const fn state(&self) -> State {
        self.state
    }

    /// Last sign of life since the link came up.
    pub(crate) const fn heard(&self) -> Option<Instant> {
        self.heard
    }

    /// How often it went from carrying to not.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// How many suspicions proved wrong.
    pub(crate) const fn false_alarms(&self) -> u32 {
        self.false_alarms
    }

    pub(crate) fn on_appeared(&mut self) {
        if self.state == State::Absent {
            self.state = State::Down { lost: Fact::Carrier };
        }
    }

    pub(crate) fn on_vanished(&mut self, now: Instant, policy: &LinkPolicy) {
        self.fall(now, policy, State::Absent);
        self.heard = None;
    }

    /// The kernel says that something is lost, or that nothing is.
    pub(crate) fn on_facts(&mut self, now: Instant, policy: &LinkPolicy, lost: Option<Fact>) {
        match lost {
            _ if self.state == State::Absent => {}
            None if self.state.is_usable() => {}
            None => self.rise(now, policy),
            Some(lost) => {
                self.fall(now, policy, State::Down { lost });
                self.heard = None;
            }
        }
    }

    /// It is on another network: what the old one was suspected of is not held against it.
    pub(crate) fn on_moved(&mut self, now: Instant, policy: &LinkPolicy) {
        self.held = Instant::ZERO;
        match self.state {
            State::Suspect { settled, .. } => self.stand(now, settled),
            State::HoldDown { .. } => self.rise(now, policy),
            State::Failed { .. } => {
                self.heard = None;
                self.rise(now, policy);
            }
            State::Absent
            | State::Down { .. }
            | State::Settling { .. }
            | State::Healthy
            | State::Suppressed { .. } => {}
        }
    }

    /// The link delivered something.
    pub(crate) fn on_life(&mut self, now: Instant, policy: &LinkPolicy) {
        self.on_faint_life(now);
        match self.state {
            State::Failed { .. } => self.rise(now, policy),
            State::Settling { until } => self.stand(now, until),
            State::Suspect { settled, .. } => {
                self.false_alarms = self.false_alarms.saturating_add(1);
                self.stand(now, settled);
            }
            // Down: an answer that was under way when the link went.
            State::Absent | State::Down { .. } => {}
            State::Healthy | State::HoldDown { .. } | State::Suppressed { .. } => {}
        }
    }

    /// Life without the end of a suspicion: the link answers, but what it carries stands still.
    pub(crate) fn on_faint_life(&mut self, now: Instant) {
        if self.state.is_usable() {
            self.heard = Some(now);
        }
    }

    /// The link is silent where it should not be.
    pub(crate) fn on_doubt(&mut self, now: Instant, policy: &LinkPolicy) {
        let settled = match self.state {
            State::Healthy => now,
            // It must stay up for the whole delay.
            State::Settling { .. } => now + policy.up_delay,
            State::HoldDown { until } | State::Suppressed { until } => until + policy.up_delay,
            State::Absent | State::Down { .. } | State::Suspect { .. } | State::Failed { .. } => {
                return;
            }
        };
        self.state = State::Suspect { since: now, settled };
    }

    /// The link does not work, and it is the link's fault.
    pub(crate) fn on_fault(&mut self, now: Instant, policy: &LinkPolicy, fault: Fault) {
        match self.state {
            State::Absent | State::Down { .. } => {}
            State::Failed { since, .. } => self.state = State::Failed { since, fault },
            State::Settling { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => {
                self.fall(now, policy, State::Failed { since: now, fault })
            }
        }
    }

    /// Lets delays end.
    pub(crate) fn on_timeout(&mut self, now: Instant, policy: &LinkPolicy) {
        match self.state {
            State::Settling { until } if until <= now => self.stand(now, until),
            State::HoldDown { until } | State::Suppressed { until } if until <= now => {
                self.stand(now, until + policy.up_delay);
            }
            State::Absent
            | State::Down { .. }
            | State::Settling { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::Failed { .. }
            | State::HoldDown { .. }
            | State::Suppressed { .. } => {}
        }
    }

    /// When [`Self::on_timeout`] has work. A link that only lacks a sign of life has none.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        match self.state {
            State::Settling { until } => self.heard.map(|_| until),
            State::HoldDown { until } | State::Suppressed { until } => Some(until),
            State::Absent
            | State::Down { .. }
            | State::Healthy
            | State::Suspect { .. }
            | State::Failed { .. } => None,
        }
    }

    /// Takes the place of a link that came back.
    fn rise(&mut self, now: Instant, policy: &LinkPolicy) {
        self.stand(now, now + policy.up_delay);
    }

    /// Takes the place of a link that works, and may count as healthy from `settled` on.
    fn stand(&mut self, now: Instant, settled: Instant) {
        self.state = if let Some(until) = self.dampening.suppressed_until(now) {
            State::Suppressed { until }
        } else if now < self.held {
            State::HoldDown { until: self.held }
        } else if now < settled || self.heard.is_none() {
            State::Settling { until: settled }
        } else {
            State::Healthy
        };
    }

    /// Goes out of service. One trouble counts once, however many states it runs through.
    fn fall(&mut self, now: Instant, policy: &LinkPolicy, to: State) {
        if self.state.is_working() {
            self.held = now + policy.hold_down;
            if policy.dampen {
                self.dampening.charge(now);
            }
            self.failures = self.failures.saturating_add(1);
        }
        self.state = to;
    }
}

#[cfg(test)]
mod tests;
