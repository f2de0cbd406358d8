//! What a modem says, or the noise on its line.

use crate::pieces::however_cut;
use baton_core::{
    Duration, Instant, StateKind as LinkState,
    modem::{
        Action, Apn, Command, Config, Event, Hangup, Line, Modem, Pin, Power, StateKind, Text,
    },
};

/// To a modem that is spoken to, all the time; each NUL is the next deadline.
pub(crate) fn dialogue(data: &[u8]) {
    however_cut(data, |pieces| {
        let (mut line, mut seen) = (Line::new(), Vec::new());
        for piece in pieces {
            let mut input = *piece;
            while let (used, Some(reply)) = line.handle_input(input) {
                input = &input[used..];
                seen.push(reply);
            }
        }
        (seen, line.noise())
    });
    however_cut(data, |pieces| {
        let mut watch = Hangup::new();
        pieces.iter().any(|piece| watch.handle_input(piece))
    });
    let (mut talk, mut line) = (Talk::new(), Line::new());
    for part in data.split(|&byte| byte == 0) {
        let mut input = part;
        while let (used, Some(reply)) = line.handle_input(input) {
            input = &input[used..];
            talk.modem.handle_event(talk.now, Event::Heard(reply));
            talk.act();
        }
        talk.wait();
    }
}

struct Talk {
    modem: Modem,
    now: Instant,
    pins: u32,
}

impl Talk {
    fn new() -> Self {
        let apn = Apn::new("internet").expect("it is one");
        let config = Config { apn, pin: Pin::new("1234"), roaming: false };
        let mut talk =
            Self { modem: Modem::new(config, 1), now: Instant::from_millis(1000), pins: 0 };
        talk.act();
        talk
    }

    fn act(&mut self) {
        while let Some(action) = self.modem.poll_action(self.now) {
            match action {
                Action::Power(Power::On | Power::Cycle) => {
                    self.modem.handle_event(self.now, Event::Powered);
                }
                Action::Send(command) => {
                    self.pins += u32::from(command == Command::Pin);
                    let text = self.modem.text(command).to_string();
                    assert!(text.len() <= Text::MAX && text.is_ascii());
                    assert_eq!(text.ends_with('\r'), command != Command::Escape);
                }
                Action::Start => self.modem.handle_event(self.now, Event::NetworkUp),
                Action::Stop => self.modem.handle_event(self.now, Event::Stopped),
            }
        }
        assert!(self.pins <= 1, "a PIN is said once");
    }

    fn wait(&mut self) {
        match self.modem.poll_timeout() {
            Some((at, _)) => {
                assert!(at.saturating_since(self.now) <= Duration::from_secs(600));
                self.now = self.now.max(at);
                self.modem.handle_timeout(self.now);
            }
            None => {
                assert_eq!(self.modem.state(), StateKind::Online);
                self.modem.handle_event(self.now, Event::Link(LinkState::Failed));
            }
        }
        self.act();
    }
}
