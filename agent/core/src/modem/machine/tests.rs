//! The table of transitions, and what the diagram does not say.

use super::*;
use crate::modem::{Apn, Pin, Registration};

const T0: Instant = Instant::from_millis(1000);

fn config() -> Config {
    Config { apn: Apn::new("internet").unwrap(), pin: Pin::new("1234"), roaming: false }
}

/// A modem in that state, its action under way, at `now`.
fn reached(kind: StateKind, now: Instant) -> Modem {
    let mut modem = Modem::new(config(), 1);
    let until = now + POLL;
    modem.state = match kind {
        StateKind::Powering => State::Powering { power: Power::On, deadline: None },
        StateKind::Syncing => talking(Step::Attention { left: 2 }),
        StateKind::Identifying => talking(Step::Sim { until }),
        StateKind::Registering => talking(Step::Registration { domain: Domain::Circuit, until }),
        StateKind::Attaching => talking(Step::Attach),
        StateKind::Dialling => talking(Step::Dial),
        StateKind::Negotiating => State::Negotiating { deadline: None },
        StateKind::Online => State::Online { since: now, doubted: None },
        StateKind::Stopping => State::Stopping { fault: Fault::HungUp, deadline: None },
        StateKind::Pausing => State::Pausing { until, then: Next::Reset },
        StateKind::Blocked => State::Blocked { recheck: until },
    };
    modem.ladder.climb(Fault::HungUp);
    while modem.poll_action(now).is_some() {}
    assert_eq!(modem.state(), kind);
    modem
}

fn talking(step: Step) -> State {
    State::Talking { step, deadline: None }
}

fn heard(end: Final) -> Event {
    Event::Heard(Reply::Final(end))
}

#[test]
fn every_event_in_every_state_leads_where_the_diagram_says() {
    use StateKind::*;
    let events = [
        Event::Powered,
        Event::PowerRefused,
        heard(Final::Ok),
        heard(Final::Error),
        heard(Final::Connect),
        heard(Final::NoCarrier),
        Event::Heard(Reply::Sim(Sim::Missing)),
        Event::Heard(Reply::Booted),
        Event::NetworkUp,
        Event::HungUp,
        Event::Link(crate::StateKind::Failed),
        Event::Stopped,
    ];
    #[rustfmt::skip]
    let table = [
        // powered     refused      OK           ERROR        CONNECT      NO CARRIER   SIM missing  RDY          network      hung up      failed       stopped
        [Syncing,     Syncing,     Powering,    Powering,    Powering,    Powering,    Powering,    Powering,    Powering,    Powering,    Powering,    Powering],
        [Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing,     Syncing],
        // Without a word about the SIM an answer is nonsense, and ERROR means that it is not read yet.
        [Identifying, Identifying, Pausing,     Pausing,     Pausing,     Pausing,     Identifying, Syncing,     Identifying, Identifying, Identifying, Identifying],
        // Not registered in the last of three domains: asked again in a while.
        [Registering, Registering, Pausing,     Pausing,     Pausing,     Pausing,     Identifying, Syncing,     Registering, Registering, Registering, Registering],
        [Attaching,   Attaching,   Dialling,    Pausing,     Pausing,     Pausing,     Identifying, Syncing,     Attaching,   Attaching,   Attaching,   Attaching],
        [Dialling,    Dialling,    Pausing,     Pausing,     Negotiating, Pausing,     Identifying, Syncing,     Dialling,    Dialling,    Dialling,    Dialling],
        [Negotiating, Negotiating, Negotiating, Negotiating, Negotiating, Negotiating, Negotiating, Stopping,    Online,      Stopping,    Negotiating, Negotiating],
        [Online,      Online,      Online,      Online,      Online,      Online,      Online,      Stopping,    Online,      Stopping,    Stopping,    Online],
        [Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Stopping,    Pausing],
        [Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing,     Pausing],
        [Blocked,     Blocked,     Blocked,     Blocked,     Blocked,     Blocked,     Identifying, Syncing,     Blocked,     Blocked,     Blocked,     Blocked],
    ];

    for (from, row) in StateKind::ALL.into_iter().zip(table) {
        for (event, to) in events.into_iter().zip(row) {
            let mut modem = reached(from, T0);
            modem.handle_event(T0, event);
            assert_eq!(modem.state(), to, "{from:?} on {event:?}");
        }
    }
}

#[test]
fn every_state_but_a_stable_session_ends_by_itself() {
    use StateKind::*;
    let after = [
        Syncing,
        Syncing,
        Pausing,
        Pausing,
        Pausing,
        Pausing,
        Stopping,
        Online,
        Pausing,
        Syncing,
        Identifying,
    ];

    for (from, to) in StateKind::ALL.into_iter().zip(after) {
        let mut modem = reached(from, T0);
        let (at, _) = modem.poll_timeout().expect("time leads on");
        assert!(at > T0, "{from:?}");

        modem.handle_timeout(at - Duration::from_micros(1));
        assert_eq!(modem.state(), from, "early is harmless");
        modem.handle_timeout(at);
        assert_eq!(modem.state(), to, "{from:?} when its time is up");
        assert_eq!(modem.ladder.is_climbed(), from != Online);
    }
}

/// Answers each command as a modem would that has no trouble; `Some`: instead of the usual answer.
fn answer(modem: &mut Modem, now: Instant, command: Command, instead: Option<Event>) {
    if let Some(event) = instead {
        return modem.handle_event(now, event);
    }
    if command == Command::Sim {
        modem.handle_event(now, Event::Heard(Reply::Sim(Sim::Ready)));
    }
    if let Command::Registration(domain) = command {
        let home = Reply::Registration(domain, Registration::Home);
        modem.handle_event(now, Event::Heard(home));
    }
    let end = if command == Command::Dial { Final::Connect } else { Final::Ok };
    modem.handle_event(now, heard(end));
}

/// Runs until the modem is online, or has nothing to do before `end`; the actions on the way.
fn drive(
    modem: &mut Modem,
    now: &mut Instant,
    end: Instant,
    mut instead: impl FnMut(Command) -> Option<Event>,
) -> Vec<Action> {
    let mut actions = Vec::new();
    loop {
        while let Some(action) = modem.poll_action(*now) {
            actions.push(action);
            match action {
                Action::Power(_) => modem.handle_event(*now, Event::Powered),
                Action::Send(command) => {
                    let instead = instead(command);
                    answer(modem, *now, command, instead);
                }
                Action::Start => modem.handle_event(*now, Event::NetworkUp),
                Action::Stop => modem.handle_event(*now, Event::Stopped),
            }
        }
        match modem.poll_timeout() {
            Some((at, _)) if at < end && modem.state() != StateKind::Online => {
                *now = at.max(*now);
                modem.handle_timeout(*now);
            }
            Some(_) | None => return actions,
        }
    }
}

#[test]
fn a_pin_is_said_once_and_only_while_no_attempt_was_lost() {
    for (left, expected) in [(Some(3), 1), (Some(2), 0), (None, 0)] {
        let (mut modem, mut now) = (Modem::new(config(), 1), T0);

        let mut said = 0;
        let day = T0 + Duration::from_secs(86_400);
        while now < day && modem.state() != StateKind::Online {
            while let Some(action) = modem.poll_action(now) {
                let Action::Send(command) = action else {
                    modem.handle_event(now, Event::Powered);
                    continue;
                };
                if command == Command::Sim {
                    modem.handle_event(now, Event::Heard(Reply::Sim(Sim::PinNeeded)));
                }
                if let (Command::PinTries, Some(left)) = (command, left) {
                    modem.handle_event(now, Event::Heard(Reply::PinTries(left)));
                }
                said += u32::from(command == Command::Pin);
                let end = if command == Command::Pin { Final::Cme(16) } else { Final::Ok };
                modem.handle_event(now, heard(end));
            }
            now = modem.poll_timeout().expect("it asks again").0;
            modem.handle_timeout(now);
        }

        assert_eq!(said, expected, "with {left:?} attempts left");
    }
}

#[test]
fn a_sim_that_is_put_in_is_used_at_once() {
    let (mut modem, mut now) = (Modem::new(config(), 1), T0);
    drive(&mut modem, &mut now, T0 + Duration::from_secs(30), |command| {
        (command == Command::Sim).then_some(heard(Final::Cme(10)))
    });
    assert_eq!(modem.status().block, Some(Block::SimMissing));
    assert_eq!(modem.state(), StateKind::Blocked);

    modem.handle_event(now, Event::Heard(Reply::Sim(Sim::Ready)));
    drive(&mut modem, &mut now, T0 + Duration::from_secs(40), |_| None);

    assert_eq!((modem.state(), modem.status().block), (StateKind::Online, None));
}

#[test]
fn a_foreign_network_is_waited_out_unless_roaming_is_allowed() {
    for (roaming, state) in [(false, StateKind::Blocked), (true, StateKind::Attaching)] {
        let mut modem = reached(StateKind::Registering, T0);
        modem.config.roaming = roaming;

        let abroad = Reply::Registration(Domain::Circuit, Registration::Roaming);
        modem.handle_event(T0, Event::Heard(abroad));
        modem.handle_event(T0, heard(Final::Ok));
        // What is asked about the network does not matter.
        while modem.state() == StateKind::Registering && modem.poll_action(T0).is_some() {
            modem.handle_event(T0, heard(Final::Error));
        }

        assert_eq!(modem.state(), state);
        assert_eq!(modem.status().block, (!roaming).then_some(Block::Roaming));
    }
}

#[test]
fn a_modem_that_never_dials_is_reset_and_then_power_cycled_ever_more_rarely() {
    let (mut modem, mut now) = (Modem::new(config(), 7), T0);

    let actions = drive(&mut modem, &mut now, T0 + Duration::from_secs(3600), |command| {
        (command == Command::Dial).then_some(heard(Final::NoCarrier))
    });

    let count = |wanted| actions.iter().filter(|action| **action == wanted).count();
    let means: Vec<_> = actions
        .iter()
        .filter(|action| {
            matches!(action, Action::Send(Command::Dial | Command::Reset) | Action::Power(_))
        })
        .collect();
    let dial = &Action::Send(Command::Dial);
    let reset = &Action::Send(Command::Reset);
    let cycle = &Action::Power(Power::Cycle);
    let on = &Action::Power(Power::On);
    assert_eq!(means[..9], [on, dial, dial, dial, reset, dial, reset, dial, cycle]);
    assert_eq!(count(*reset), 2);
    assert!((8..=16).contains(&count(*cycle)), "{} in an hour", count(*cycle));
    assert_eq!(modem.status().fault, Some(Fault::Refused(Command::Dial)));
}

#[test]
fn without_a_line_to_its_power_a_modem_is_reset_by_command() {
    let (mut modem, mut now) = (Modem::new(config(), 7), T0);
    let mut resets = 0;
    for _ in 0..200 {
        while let Some(action) = modem.poll_action(now) {
            match action {
                Action::Power(_) => modem.handle_event(now, Event::PowerRefused),
                Action::Send(Command::Dial) => modem.handle_event(now, heard(Final::Error)),
                Action::Send(command) => {
                    resets += u32::from(command == Command::Reset);
                    answer(&mut modem, now, command, None);
                }
                Action::Start | Action::Stop => unreachable!("it never dials"),
            }
        }
        now = modem.poll_timeout().expect("it goes on").0;
        modem.handle_timeout(now);
    }
    assert!(resets > 4, "{resets}");
    assert_eq!((modem.status().resets, modem.status().power_cycles), (resets, 0));
}

#[test]
fn a_link_that_stays_silent_is_dialled_anew_and_one_that_is_heard_again_is_not() {
    use crate::StateKind as Link;
    for (heard_again, state) in [(false, StateKind::Stopping), (true, StateKind::Online)] {
        let mut modem = reached(StateKind::Online, T0);
        modem.handle_event(T0, Event::Link(Link::Suspect));
        modem.handle_event(T0 + DOUBT / 2, Event::Link(Link::Suspect));
        if heard_again {
            modem.handle_event(T0 + DOUBT / 2, Event::Link(Link::Healthy));
        }

        modem.handle_timeout(T0 + DOUBT);

        assert_eq!(modem.state(), state);
    }
}

#[test]
fn a_session_that_nobody_knows_of_is_left_first() {
    let mut modem = Modem::new(config(), 1);
    let mut now = T0;
    let mut said = Vec::new();
    // It takes all that is said for data, until it is told to listen.
    while said.len() < 40 && modem.state() != StateKind::Identifying {
        while let Some(action) = modem.poll_action(now) {
            match action {
                Action::Power(_) => modem.handle_event(now, Event::PowerRefused),
                Action::Send(command) => {
                    said.push((now, command));
                    if command == Command::Escape || said.iter().any(|(_, c)| *c == Command::Escape)
                    {
                        modem.handle_event(now, heard(Final::Ok));
                    }
                }
                Action::Start | Action::Stop => unreachable!("it has not dialled"),
            }
        }
        now = modem.poll_timeout().expect("it goes on").0;
        modem.handle_timeout(now);
    }

    let escape = said.iter().position(|(_, command)| *command == Command::Escape).unwrap();
    assert!(said[escape].0.saturating_since(said[escape - 1].0) >= Duration::from_secs(1));
    assert_eq!(said[escape + 1].1, Command::HangUp);
}
