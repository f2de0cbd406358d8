//! Whole dialogues, as the manuals of SIM7600 and EC25 and public logs have them, and bytes without end.

use super::*;
use crate::{Duration, Instant};
use proptest::prelude::*;

const T0: Instant = Instant::from_millis(1000);

fn config() -> Config {
    Config { apn: Apn::new("internet").unwrap(), pin: None, roaming: true }
}

/// A machine, the codec before it, and a clock.
struct Bench {
    modem: Modem,
    line: Line,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { modem: Modem::new(config(), 1), line: Line::new(), now: T0 }
    }

    fn hear(&mut self, mut input: &[u8]) {
        loop {
            let (used, reply) = self.line.handle_input(input);
            input = &input[used..];
            let Some(reply) = reply else { return };
            self.modem.handle_event(self.now, Event::Heard(reply));
        }
    }

    fn tell(&mut self, event: Event) {
        self.modem.handle_event(self.now, event);
    }

    fn action(&mut self) -> Option<Action> {
        self.modem.poll_action(self.now)
    }

    /// On to the next deadline.
    fn advance(&mut self) {
        self.now = self.modem.poll_timeout().expect("time leads on").0;
        self.modem.handle_timeout(self.now);
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let byte = match char {
            '\\' => match chars.next() {
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('x') => {
                    let digits: String = chars.by_ref().take(2).collect();
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                other => panic!("no escape: {other:?}"),
            },
            char => u8::try_from(char).expect("ASCII"),
        };
        bytes.push(byte);
    }
    bytes
}

/// `>` what is said, `<` what is heard, `!` an action that is not said and its outcome, `+` milliseconds
/// at most until the next deadline, `~ silence` deadlines until it gives up, `=` the state.
fn replay(name: &str, transcript: &str) -> Modem {
    let mut bench = Bench::new();
    for (line, at) in transcript.lines().zip(1..) {
        let place = format!("{name}:{at}: {line}");
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "#" => {}
            ">" => {
                let Some(Action::Send(command)) = bench.action() else { panic!("{place}") };
                let said = bench.modem.text(command).to_string();
                assert_eq!(said.as_bytes(), unescaped(rest), "{place}");
                assert_eq!(bench.action(), None, "{place}: one at a time");
            }
            "<" => bench.hear(&unescaped(rest)),
            "!" => outcome(&mut bench, rest, &place),
            "+" => {
                let before = bench.now;
                bench.advance();
                let passed = bench.now.saturating_since(before).as_millis();
                let most: u128 = rest.parse().expect("milliseconds");
                assert!(passed <= most && passed * 2 >= most, "{place}: {passed}");
            }
            "~" => {
                while bench.modem.state() != StateKind::Pausing {
                    bench.advance();
                    while bench.action().is_some() {}
                }
            }
            "=" => assert_eq!(bench.modem.state().name(), rest, "{place}"),
            other => panic!("{place}: no mark: {other}"),
        }
    }
    bench.modem
}

fn outcome(bench: &mut Bench, what: &str, place: &str) {
    let (action, event) = match what {
        "power on" => (Some(Action::Power(Power::On)), Some(Event::Powered)),
        "power refused" => {
            let action = bench.action();
            assert!(matches!(action, Some(Action::Power(_))), "{place}: {action:?}");
            return bench.tell(Event::PowerRefused);
        }
        "start" => (Some(Action::Start), None),
        "stop" => (Some(Action::Stop), Some(Event::Stopped)),
        "network up" => (None, Some(Event::NetworkUp)),
        "hung up" => (None, Some(Event::HungUp)),
        other => panic!("{place}: {other}"),
    };
    if action.is_some() {
        assert_eq!(bench.action(), action, "{place}");
    }
    if let Some(event) = event {
        bench.tell(event);
    }
}

#[test]
fn a_sim7600_comes_from_power_to_data() {
    let modem = replay("sim7600", include_str!("transcripts/sim7600.txt"));

    let status = modem.status();
    assert_eq!(status.registration, Some(Registration::Home));
    assert_eq!(status.signal.unwrap().rsrp_dbm, Some(-91));
    assert_eq!(status.operator.unwrap().class, Some(crate::Class::Lte));
}

#[test]
fn an_ec25_that_roams_in_3g_is_redialled_after_the_call_ended() {
    let modem = replay("ec25", include_str!("transcripts/ec25.txt"));

    let status = modem.status();
    assert_eq!(status.signal.unwrap().rxlev_dbm, Some(-71));
    assert_eq!(status.operator.unwrap().plmn.to_string(), "23410");
    assert_eq!((status.sessions, status.fault), (1, Some(Fault::HungUp)));
}

#[test]
fn a_modem_without_a_sim_waits_for_one() {
    let modem = replay("no_sim", include_str!("transcripts/no_sim.txt"));

    assert_eq!(modem.status().fault, None, "nothing is tried in vain");
}

#[test]
fn a_modem_that_speaks_garbage_climbs_the_ladder() {
    let modem = replay("garbage", include_str!("transcripts/garbage.txt"));

    assert_eq!(modem.status().fault, Some(Fault::Silent));
}

#[derive(Clone, Debug)]
enum Happening {
    Bytes(Vec<u8>),
    Event(Event),
    Time,
}

fn happening() -> impl Strategy<Value = Happening> {
    let answers = "((OK|ERROR|NO CARRIER|CONNECT|RDY|[+]CPIN: (READY|SIM PIN|SIM PUK|NOT READY)|[+]CPINR: SIM PIN,[0-3],3|[+]C[EG]?REG: [0-2],[0-9]|[+]CME ERROR: 1[0-6])\r\n){1,3}";
    prop_oneof![
        8 => answers.prop_map(|text| Happening::Bytes(text.into_bytes())),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Happening::Bytes),
        4 => prop::sample::select(vec![
            Event::Powered,
            Event::PowerRefused,
            Event::NetworkUp,
            Event::HungUp,
            Event::Link(crate::StateKind::Suspect),
            Event::Link(crate::StateKind::Failed),
            Event::Stopped,
        ])
        .prop_map(Happening::Event),
        4 => Just(Happening::Time),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_there_is_a_next_step_and_the_pin_is_said_once(
        happenings in prop::collection::vec(happening(), 0..200),
    ) {
        let mut bench = Bench::new();
        bench.modem = Modem::new(Config { pin: Pin::new("1234"), ..config() }, 1);
        let mut pins = 0;
        for happening in happenings {
            match happening {
                Happening::Bytes(bytes) => bench.hear(&bytes),
                Happening::Event(event) => bench.tell(event),
                Happening::Time => {
                    if let Some((at, _)) = bench.modem.poll_timeout() {
                        bench.now = bench.now.max(at);
                        bench.modem.handle_timeout(bench.now);
                    }
                }
            }
            let mut actions = 0;
            while let Some(action) = bench.action() {
                pins += u32::from(action == Action::Send(Command::Pin));
                actions += 1;
            }
            prop_assert!(actions <= 1);
            let next = bench.modem.poll_timeout();
            prop_assert!(next.is_some() || bench.modem.state() == StateKind::Online);
            prop_assert!(
                next.is_none_or(|(at, _)| at > bench.now || bench.modem.state() == StateKind::Online),
                "no deadline stays in the past"
            );
            prop_assert!(
                next.is_none_or(|(at, _)| at.saturating_since(bench.now) <= Duration::from_secs(600))
            );
        }
        prop_assert!(pins <= 1);
    }
}
