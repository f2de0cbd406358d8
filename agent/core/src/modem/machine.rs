//! The modem from power to data.
//!
//! ```text
//!             done            OK              READY            home, or roaming
//!   Powering ──────▶ Syncing ─────▶ Identify ───────▶ Register ─────────────────┐
//!      ▲               ▲   ▲        AT+CPIN?          CEREG, CGREG, CREG        │
//!      │               │   │            │ missing, PIN, PUK, lock   │ not its own
//!      │ power cycle   │   │            ▼                           │           ▼
//!      │               │   └──────── Blocked ◀──────────────────────┘        Attach
//!      │    CFUN=1,1   │  it changed, or a minute                 CESQ, COPS, CGDCONT, CGATT
//!      │               │                                                        │
//!      └── (ladder) ───┴── redial                                               ▼
//!             ▲                                                               Dial
//!             │ a delay that grows                                              │ CONNECT
//!             │            stopped              hung up, or failed              ▼
//!          Pausing ◀──────────── Stopping ◀──────────────────── Negotiating ──▶ Online
//!             ▲                                                     network up
//!             └── no answer in time, nonsense, a refusal, no network: from everywhere
//! ```
//!
//! Every question has a deadline, and so has every pause: there is no state from which only luck leads on.
//! `Blocked` waits for a person; asking it about the SIM each minute costs nothing. A PIN is said once at
//! most.

use super::ladder::{Ladder, Rung};
use super::step::Step;
use super::{
    Action, Block, Command, Config, Domain, Event, Fault, Final, Power, Reply, Sim, StateKind,
    Status, Text, Wake,
};
use crate::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `deadline` once the action is under way: so in all of them.
    Powering {
        power: Power,
        deadline: Option<Instant>,
    },
    Talking {
        step: Step,
        deadline: Option<Instant>,
    },
    Pausing {
        until: Instant,
        then: Next,
    },
    Negotiating {
        deadline: Option<Instant>,
    },
    Online {
        since: Instant,
        /// Since when nothing comes back.
        doubted: Option<Instant>,
    },
    Stopping {
        fault: Fault,
        deadline: Option<Instant>,
    },
    Blocked {
        recheck: Instant,
    },
}

/// What follows a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Talk(Step),
    Reset,
    PowerCycle,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Modem {
    config: Config,
    state: State,
    ladder: Ladder,
    status: Status,
    /// Attempts at the PIN that the SIM has left, if it was asked.
    pin_tries: Option<u16>,
}

impl Modem {
    /// A modem whose state is not known, to be brought online. Equal seeds give equal delays.
    pub const fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            state: State::Powering { power: Power::On, deadline: None },
            ladder: Ladder::new(seed),
            status: Status::NOTHING,
            pin_tries: None,
        }
    }

    /// Feeds one observation. `now` must not go backwards. Afterwards, drain [`Self::poll_action`] and
    /// read [`Self::poll_timeout`] again.
    pub fn handle_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Heard(reply) => self.on_reply(now, reply),
            Event::Powered => {
                if let State::Powering { power, deadline: Some(_) } = self.state {
                    self.status.power_cycles += u32::from(power == Power::Cycle);
                    self.talk(Step::Attention { left: BOOT_TRIES });
                }
            }
            Event::PowerRefused => {
                if let State::Powering { power, deadline: Some(_) } = self.state {
                    // It may be on: facts are found out by talking.
                    self.talk(match power {
                        Power::On => Step::Attention { left: BOOT_TRIES },
                        Power::Cycle => Step::Reset,
                    });
                }
            }
            Event::NetworkUp => {
                if let State::Negotiating { deadline: Some(_) } = self.state {
                    self.status.sessions += 1;
                    self.status.fault = None;
                    self.state = State::Online { since: now, doubted: None };
                }
            }
            Event::HungUp => self.end_session(Fault::HungUp),
            Event::Link(state) => self.on_link(now, state),
            Event::Stopped => {
                if let State::Stopping { fault, deadline: Some(_) } = self.state {
                    self.fail(now, fault);
                }
            }
        }
    }

    /// Advances timers. Calling early or twice is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|(at, _)| now < at) {
            return;
        }
        match self.state {
            State::Powering { .. } => self.handle_event(now, Event::PowerRefused),
            State::Talking { step, .. } => self.on_silence(now, step),
            State::Pausing { then, .. } => match then {
                Next::Talk(step) => self.talk(step),
                Next::Reset => self.talk(Step::Reset),
                Next::PowerCycle => {
                    self.state = State::Powering { power: Power::Cycle, deadline: None }
                }
            },
            State::Negotiating { .. } => self.end_session(Fault::NoNetwork),
            State::Online { doubted: Some(since), .. } if now >= since + DOUBT => {
                self.end_session(Fault::Failed);
            }
            State::Online { .. } => self.ladder.reset(),
            State::Stopping { fault, .. } => self.fail(now, fault),
            State::Blocked { .. } => self.talk(Step::Sim { until: now + SIM_PATIENCE }),
        }
    }

    /// The next moment at which [`Self::handle_timeout`] has work, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Wake)> {
        match self.state {
            State::Powering { deadline, .. } => deadline.map(|at| (at, Wake::Power)),
            State::Talking { step, deadline } => {
                deadline.map(|at| (at, Wake::Answer(step.command())))
            }
            State::Pausing { until, .. } => Some((until, Wake::Pause)),
            State::Negotiating { deadline } => deadline.map(|at| (at, Wake::Network)),
            State::Online { since, doubted } => {
                let stable = self.ladder.is_climbed().then_some((since + STABLE, Wake::Stable));
                let doubt = doubted.map(|since| (since + DOUBT, Wake::Doubt));
                stable.into_iter().chain(doubt).min_by_key(|(at, _)| *at)
            }
            State::Stopping { deadline, .. } => deadline.map(|at| (at, Wake::Stop)),
            State::Blocked { recheck } => Some((recheck, Wake::Recheck)),
        }
    }

    /// The next action, derived from the state and what is under way.
    pub fn poll_action(&mut self, now: Instant) -> Option<Action> {
        match &mut self.state {
            State::Powering { power, deadline: deadline @ None } => {
                *deadline = Some(now + POWER_PATIENCE);
                Some(Action::Power(*power))
            }
            State::Talking { step, deadline: deadline @ None } => {
                let command = step.command();
                *deadline = Some(now + command.patience());
                self.forget(command);
                Some(Action::Send(command))
            }
            State::Negotiating { deadline: deadline @ None } => {
                *deadline = Some(now + NETWORK_PATIENCE);
                Some(Action::Start)
            }
            State::Stopping { deadline: deadline @ None, .. } => {
                *deadline = Some(now + STOP_PATIENCE);
                Some(Action::Stop)
            }
            State::Powering { .. }
            | State::Talking { .. }
            | State::Pausing { .. }
            | State::Negotiating { .. }
            | State::Online { .. }
            | State::Stopping { .. }
            | State::Blocked { .. } => None,
        }
    }

    /// The bytes of a command.
    pub const fn text(&self, command: Command) -> Text<'_> {
        Text { command, config: &self.config }
    }

    /// What is known of the modem.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// Where it stands.
    pub const fn state(&self) -> StateKind {
        match self.state {
            State::Powering { .. } => StateKind::Powering,
            State::Talking { step, .. } => step.kind(),
            State::Pausing { .. } => StateKind::Pausing,
            State::Negotiating { .. } => StateKind::Negotiating,
            State::Online { .. } => StateKind::Online,
            State::Stopping { .. } => StateKind::Stopping,
            State::Blocked { .. } => StateKind::Blocked,
        }
    }

    /// What an answer must tell anew.
    fn forget(&mut self, command: Command) {
        match command {
            Command::Sim => self.status.sim = None,
            Command::PinTries => self.pin_tries = None,
            Command::Registration(Domain::Eps) => self.status.registration = None,
            Command::Signal => self.status.signal = None,
            Command::Operator => self.status.operator = None,
            Command::Attention
            | Command::Escape
            | Command::HangUp
            | Command::EchoOff
            | Command::NumericErrors
            | Command::Pin
            | Command::Registration(_)
            | Command::PlainSignal
            | Command::OperatorFormat
            | Command::Context
            | Command::Attach
            | Command::Dial
            | Command::Reset => {}
        }
    }

    fn on_reply(&mut self, now: Instant, reply: Reply) {
        match reply {
            Reply::Final(end) => {
                if let State::Talking { step, deadline: Some(_) } = self.state {
                    self.on_final(now, step, end);
                }
            }
            Reply::Sim(sim) => self.on_sim(now, sim),
            Reply::PinTries(tries) => self.pin_tries = Some(tries),
            Reply::Registration(_, registration) => {
                let is_news = self.status.registration.is_none_or(|known| !known.carries_data());
                if is_news || registration.carries_data() {
                    self.status.registration = Some(registration);
                }
            }
            Reply::Signal(signal) => self.status.signal = Some(signal),
            Reply::Operator(operator) => self.status.operator = Some(operator),
            Reply::Booted => self.on_booted(),
            Reply::Other => {}
        }
    }

    /// Also unasked: a SIM that was put in or taken out.
    fn on_sim(&mut self, now: Instant, sim: Sim) {
        let is_news = self.status.sim.replace(sim) != Some(sim);
        match self.state {
            State::Blocked { .. } if is_news => self.talk(Step::Sim { until: now + SIM_PATIENCE }),
            State::Talking { step, .. }
                if step.kind() > StateKind::Identifying && sim != Sim::Ready =>
            {
                self.talk(Step::Sim { until: now + SIM_PATIENCE });
            }
            State::Powering { .. }
            | State::Talking { .. }
            | State::Pausing { .. }
            | State::Negotiating { .. }
            | State::Online { .. }
            | State::Stopping { .. }
            | State::Blocked { .. } => {}
        }
    }

    fn on_link(&mut self, now: Instant, state: crate::StateKind) {
        use crate::StateKind as Link;
        let State::Online { doubted, .. } = &mut self.state else { return };
        match state {
            Link::Failed => self.end_session(Fault::Failed),
            Link::Suspect => {
                doubted.get_or_insert(now);
            }
            Link::Absent
            | Link::Down
            | Link::Settling
            | Link::Healthy
            | Link::HoldDown
            | Link::Suppressed => *doubted = None,
        }
    }

    fn on_booted(&mut self) {
        match self.state {
            State::Talking { .. } | State::Blocked { .. } => self.sync(),
            // It was sent to boot, and is done sooner than expected.
            State::Pausing { then: Next::Talk(Step::Attention { .. }), .. } => self.sync(),
            State::Pausing { .. } | State::Powering { .. } => {}
            State::Negotiating { .. } | State::Online { .. } => self.end_session(Fault::Booted),
            State::Stopping { .. } => {}
        }
    }

    fn on_final(&mut self, now: Instant, step: Step, end: Final) {
        match step {
            Step::Attention { .. } if end == Final::Ok => self.talk(Step::EchoOff),
            // Something stood before it on the line; or a call has just ended.
            Step::Attention { left } => self.attend(now, left),
            Step::Escape { left } => self.talk(Step::HangUp { left }),
            Step::HangUp { left } => self.talk(Step::Attention { left }),
            Step::EchoOff => self.talk(Step::NumericErrors),
            Step::NumericErrors => self.talk(Step::Sim { until: now + SIM_PATIENCE }),
            Step::Sim { until } => self.on_sim_answer(now, until, end),
            Step::PinTries if end == Final::Ok && self.pin_tries == Some(PIN_TRIES) => {
                self.talk(Step::Pin);
            }
            Step::PinTries => self.block(now, Block::PinNeeded),
            Step::Pin => {
                self.config.pin = None;
                if end == Final::Ok {
                    self.talk(Step::Sim { until: now + SIM_PATIENCE });
                } else {
                    self.block(now, Block::PinRefused);
                }
            }
            Step::Registration { domain, until } => self.on_registration(now, domain, until),
            Step::Signal if end == Final::Ok => self.talk(Step::OperatorFormat),
            Step::Signal => self.talk(Step::PlainSignal),
            Step::PlainSignal => self.talk(Step::OperatorFormat),
            Step::OperatorFormat => self.talk(Step::Operator),
            Step::Operator => self.talk(Step::Context),
            Step::Context if end == Final::Ok => self.talk(Step::Attach),
            Step::Attach if end == Final::Ok => self.talk(Step::Dial),
            Step::Dial if end == Final::Connect => {
                self.state = State::Negotiating { deadline: None };
            }
            Step::Context | Step::Attach | Step::Dial => {
                self.fail(now, Fault::Refused(step.command()));
            }
            Step::Reset => self.reboot(now),
        }
    }

    fn on_silence(&mut self, now: Instant, step: Step) {
        match step {
            Step::Attention { left } => self.attend(now, left),
            Step::Escape { left } => self.talk(Step::HangUp { left }),
            Step::HangUp { left } => self.talk(Step::Attention { left }),
            Step::Reset => self.reboot(now),
            Step::EchoOff
            | Step::NumericErrors
            | Step::Sim { .. }
            | Step::PinTries
            | Step::Pin
            | Step::Registration { .. }
            | Step::Signal
            | Step::PlainSignal
            | Step::OperatorFormat
            | Step::Operator
            | Step::Context
            | Step::Attach
            | Step::Dial => self.fail(now, Fault::Silent),
        }
    }

    /// Asks once more whether anybody is there.
    fn attend(&mut self, now: Instant, left: u8) {
        match left.checked_sub(1) {
            None => self.fail(now, Fault::Silent),
            Some(left) if left == ESCAPE_AT => self.talk(Step::Escape { left }),
            Some(left) => self.talk(Step::Attention { left }),
        }
    }

    fn on_sim_answer(&mut self, now: Instant, until: Instant, end: Final) {
        let told = match end {
            Final::Ok => self.status.sim,
            Final::Cme(code) => Sim::from_cme(code).or(Some(Sim::Busy)),
            // What SIM7600 says while it starts.
            Final::Error => Some(Sim::Busy),
            Final::Cms(_)
            | Final::NoCarrier
            | Final::Busy
            | Final::NoAnswer
            | Final::NoDialtone
            | Final::Connect => None,
        };
        self.status.sim = told;
        match told {
            None => self.fail(now, Fault::Confused(Command::Sim)),
            Some(Sim::Ready) => {
                let until = now + REGISTRATION_PATIENCE;
                self.talk(Step::Registration { domain: Domain::Eps, until });
            }
            Some(Sim::Busy) if now >= until => self.fail(now, Fault::SimBusy),
            Some(Sim::Busy) => self.pause(now, POLL, Next::Talk(Step::Sim { until })),
            Some(Sim::PinNeeded) if self.config.pin.is_some() => self.talk(Step::PinTries),
            // The one that was said was taken a moment ago, or else it was forgotten.
            Some(Sim::PinNeeded) => self.block(now, Block::PinNeeded),
            Some(Sim::PukNeeded) => self.block(now, Block::PukNeeded),
            Some(Sim::Locked) => self.block(now, Block::Locked),
            Some(Sim::Missing) => self.block(now, Block::SimMissing),
            Some(Sim::Broken) => self.block(now, Block::SimBroken),
        }
    }

    fn on_registration(&mut self, now: Instant, domain: Domain, until: Instant) {
        let known = self.status.registration.filter(|known| known.carries_data());
        match known {
            Some(known) if known.is_roaming() && !self.config.roaming => {
                self.block(now, Block::Roaming);
            }
            Some(_) => self.talk(Step::Signal),
            None => match domain.next() {
                Some(domain) => self.talk(Step::Registration { domain, until }),
                None if now >= until => self.fail(now, Fault::NotRegistered),
                None => {
                    let again = Step::Registration { domain: Domain::Eps, until };
                    self.pause(now, POLL, Next::Talk(again));
                }
            },
        }
    }

    fn talk(&mut self, step: Step) {
        if step.kind() > StateKind::Registering {
            self.status.block = None;
        }
        self.state = State::Talking { step, deadline: None };
    }

    fn sync(&mut self) {
        self.talk(Step::Attention { left: TRIES });
    }

    fn pause(&mut self, now: Instant, length: Duration, then: Next) {
        self.state = State::Pausing { until: now + length, then };
    }

    /// The modem starts anew: it says nothing for a while.
    fn reboot(&mut self, now: Instant) {
        self.status.resets += 1;
        self.pause(now, BOOT, Next::Talk(Step::Attention { left: BOOT_TRIES }));
    }

    fn block(&mut self, now: Instant, block: Block) {
        self.status.block = Some(block);
        self.state = State::Blocked { recheck: now + RECHECK };
    }

    fn end_session(&mut self, fault: Fault) {
        if let State::Negotiating { .. } | State::Online { .. } = self.state {
            self.state = State::Stopping { fault, deadline: None };
        }
    }

    fn fail(&mut self, now: Instant, fault: Fault) {
        self.status.fault = Some(fault);
        let (rung, delay) = self.ladder.climb(fault);
        let then = match rung {
            Rung::Redial => Next::Talk(Step::Attention { left: TRIES }),
            Rung::Reset => Next::Reset,
            Rung::PowerCycle => Next::PowerCycle,
        };
        self.pause(now, delay, then);
    }
}

// A microcontroller has one; most of it is the access point's name.
const _: () = assert!(size_of::<Modem>() <= 320);

/// Switching off takes a SIM7600 up to 18 s, on up to 20 (its HAT's demo waits so long).
const POWER_PATIENCE: Duration = Duration::from_secs(45);

/// Questions to a modem that may still start, 1.2 s each: 36 s, where 20 are usual.
const BOOT_TRIES: u8 = 30;

/// Questions to one that was heard before.
const TRIES: u8 = 6;

/// With so many questions left it is tried whether it is in a data session.
const ESCAPE_AT: u8 = 3;

/// Between questions about something that takes its time.
const POLL: Duration = Duration::from_secs(2);

/// A SIM is read within 10 s of power; twice that.
const SIM_PATIENCE: Duration = Duration::from_secs(20);

/// A search over all bands takes up to a minute and a half.
const REGISTRATION_PATIENCE: Duration = Duration::from_secs(120);

/// LCP and IPCP take some round trips, and ten times as many if replies are lost (RFC 1661 section 4.6:
/// 3 s, ten times).
const NETWORK_PATIENCE: Duration = Duration::from_secs(30);

/// PPP takes leave of its peer, which may be gone.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// A session that lasts longer was not the end of the trouble by chance: what comes next is new trouble.
const STABLE: Duration = Duration::from_secs(60);

/// Where no other link delivers it can't be told whether the upstream is silent or the modem: it is dialled
/// anew after as long as a handover between networks may take. An upstream that is down costs a call
/// each time, ever more rarely.
const DOUBT: Duration = Duration::from_secs(15);

/// After `AT+CFUN=1,1` modems vanish from the line for about as long.
const BOOT: Duration = Duration::from_secs(5);

/// Between two looks at a SIM that a person must see to.
const RECHECK: Duration = Duration::from_secs(60);

/// Attempts of a SIM whose PIN nobody has got wrong (TS 11.11 section 9.3 allows three).
const PIN_TRIES: u16 = 3;

#[cfg(test)]
mod tests;
