//! A cellular modem, made up: it talks as a SIM7600 does, and misbehaves on demand.

use crate::session::Session;
use baton_lab::now;
use core::time::Duration;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// How it is ill, until something heals it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Illness {
    #[default]
    None,
    /// It takes everything and says nothing; a new call heals it.
    DeafUntilEscape,
    /// The same; `AT+CFUN=1,1` heals it.
    DeafUntilReset,
    /// It answers what nobody can read; only power heals it.
    Garbage,
}

/// What the test sees of the modem, and does to it.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) illness: Illness,
    /// It ends its call now.
    pub(crate) hang_up: bool,
    /// The next calls do not come about.
    pub(crate) refuse_calls: u32,
    /// Commands, as they came.
    pub(crate) heard: Vec<String>,
    pub(crate) power_cycles: u32,
    /// Bytes of the network's, both ways, over all calls.
    pub(crate) carried: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Handle(Arc<Mutex<Shared>>);

impl Handle {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().expect("nobody panics with it")
    }
}

/// Starts a modem that waits for the unit on two sockets: its line, and its power. Its thread ends with
/// the unit.
pub(crate) fn start(line: &Path, power: &Path, select: &Path) -> (Handle, JoinHandle<()>) {
    let handle = Handle::default();
    let listeners = [line, power].map(|path| UnixListener::bind(path).expect("the path is free"));
    let (shared, select) = (handle.clone(), select.to_owned());
    let thread = std::thread::spawn(move || {
        let [line, power] = listeners.map(|listener| listener.accept().expect("the unit comes").0);
        Modem { shared, select, line, power, mode: Mode::Off, waiting: VecDeque::new() }.run();
    });
    (handle, thread)
}

enum Mode {
    /// Without power.
    Off,
    /// It starts until then.
    Booting(Duration),
    /// It takes commands: what came of the next one, and whether it repeats what it hears.
    Command { held: Vec<u8>, echo: bool },
    /// A call.
    Data { session: Session, plus: Escape },
}

/// V.250's way out of a call: silence, `+++`, silence.
#[derive(Clone, Copy, Debug)]
struct Escape {
    pluses: u8,
    last: Duration,
}

struct Modem {
    shared: Handle,
    select: PathBuf,
    line: UnixStream,
    power: UnixStream,
    mode: Mode,
    /// To the unit.
    waiting: VecDeque<u8>,
}

/// Longer than any modem takes to say nothing in between: V.250's S12.
const GUARD: Duration = Duration::from_millis(1000);

/// A start takes a modem 10 s and more; a test has no such time.
const BOOT: Duration = Duration::from_millis(1500);

/// The network's rate: what it may carry in one turn of 5 ms, 80 KiB a second.
const TURN: Duration = Duration::from_millis(5);
const PER_TURN: usize = 400;

impl Modem {
    fn run(&mut self) {
        let mut next = now();
        loop {
            std::thread::sleep(next.saturating_sub(now()));
            next = now() + TURN;
            if !self.turn() {
                return;
            }
        }
    }

    /// A turn of everything; `false`: the unit is gone.
    fn turn(&mut self) -> bool {
        if is_readable(&self.power) {
            let mut level = [0; 1];
            match self.power.read(&mut level) {
                Ok(1) => self.switch(level[0] == b'1'),
                Ok(_) | Err(_) => return false,
            }
        }
        let mut bytes = [0; PER_TURN];
        if is_readable(&self.line) {
            match self.line.read(&mut bytes) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.hear(&bytes[..count]),
            }
        }
        self.live();
        let (part, _) = self.waiting.as_slices();
        let part = &part[..part.len().min(PER_TURN)];
        match self.line.write(part) {
            Ok(count) => drop(self.waiting.drain(..count)),
            Err(_) => return false,
        }
        true
    }

    fn switch(&mut self, is_on: bool) {
        match (&self.mode, is_on) {
            (Mode::Off, true) => self.boot(),
            (_, true) => {}
            (_, false) => {
                let mut shared = self.shared.lock();
                shared.power_cycles += 1;
                shared.illness = Illness::None;
                drop(shared);
                self.waiting.clear();
                self.mode = Mode::Off;
            }
        }
    }

    fn boot(&mut self) {
        self.mode = Mode::Booting(now() + BOOT);
    }

    fn hear(&mut self, bytes: &[u8]) {
        let illness = self.shared.lock().illness;
        match &mut self.mode {
            Mode::Off | Mode::Booting(_) => {}
            Mode::Command { held, echo } => {
                if *echo && illness == Illness::None {
                    self.waiting.extend(bytes);
                }
                held.extend_from_slice(bytes);
                while let Mode::Command { held, .. } = &mut self.mode
                    && let Some(end) = held.iter().position(|byte| *byte == b'\r')
                {
                    let command: Vec<u8> = held.drain(..=end).collect();
                    let command = String::from_utf8_lossy(&command).trim().to_owned();
                    self.obey(&command);
                }
            }
            Mode::Data { session, plus } => {
                let is_fresh = now().saturating_sub(plus.last) >= GUARD;
                let is_plus = bytes.iter().all(|byte| *byte == b'+');
                plus.pluses = match plus.pluses {
                    0 if is_plus && is_fresh => bytes.len() as u8,
                    1 | 2 if is_plus => plus.pluses + bytes.len() as u8,
                    _ => 0,
                };
                plus.last = now();
                if illness == Illness::None && plus.pluses == 0 {
                    self.shared.lock().carried += bytes.len() as u64;
                    session.write(bytes);
                }
            }
        }
    }

    /// What happens by itself.
    fn live(&mut self) {
        let (illness, hang_up) = {
            let mut shared = self.shared.lock();
            (shared.illness, core::mem::take(&mut shared.hang_up))
        };
        match &mut self.mode {
            Mode::Off => {}
            Mode::Booting(until) => {
                if now() >= *until {
                    self.mode = Mode::Command { held: Vec::new(), echo: true };
                    self.say("RDY");
                    self.say("+CPIN: READY");
                }
            }
            Mode::Command { .. } => {}
            Mode::Data { session, plus } => {
                if hang_up {
                    self.mode = Mode::Command { held: Vec::new(), echo: false };
                    return self.say("NO CARRIER");
                }
                if plus.pluses == 3 && now().saturating_sub(plus.last) >= GUARD {
                    if illness == Illness::DeafUntilEscape {
                        self.shared.lock().illness = Illness::None;
                    }
                    self.mode = Mode::Command { held: Vec::new(), echo: false };
                    return self.say("OK");
                }
                if self.waiting.len() < PER_TURN && is_readable(&session.terminal()) {
                    match session.read() {
                        Some(bytes) if illness == Illness::None => {
                            self.shared.lock().carried += bytes.len() as u64;
                            self.waiting.extend(bytes);
                        }
                        Some(_) => {}
                        None => {
                            self.mode = Mode::Command { held: Vec::new(), echo: false };
                            self.say("NO CARRIER");
                        }
                    }
                }
            }
        }
    }

    fn obey(&mut self, command: &str) {
        let illness = {
            let mut shared = self.shared.lock();
            shared.heard.push(command.to_owned());
            if shared.illness == Illness::DeafUntilReset && command == "AT+CFUN=1,1" {
                shared.illness = Illness::None;
            }
            shared.illness
        };
        if command == "AT+CFUN=1,1" && illness == Illness::None {
            self.say("OK");
            return self.boot();
        }
        if command.starts_with("ATD") && illness == Illness::None {
            return self.call();
        }
        if let ("ATE0", Mode::Command { echo, .. }) = (command, &mut self.mode) {
            *echo = false;
        }
        for line in answer(command) {
            self.say(line);
        }
    }

    fn call(&mut self) {
        let is_refused = {
            let mut shared = self.shared.lock();
            let is_refused = shared.refuse_calls > 0;
            shared.refuse_calls -= u32::from(is_refused);
            is_refused
        };
        if is_refused {
            return self.say("NO CARRIER");
        }
        self.say("CONNECT 921600");
        let plus = Escape { pluses: 0, last: now() };
        self.mode = Mode::Data { session: Session::start(&self.select), plus };
    }

    /// A line, or what its illness makes of it.
    fn say(&mut self, line: &str) {
        let bytes = format!("\r\n{line}\r\n").into_bytes();
        match self.shared.lock().illness {
            Illness::None => self.waiting.extend(bytes),
            Illness::DeafUntilEscape | Illness::DeafUntilReset => {}
            Illness::Garbage => {
                self.waiting.extend(bytes.iter().map(|byte| byte.rotate_left(3) | 0x80))
            }
        }
    }
}

fn answer(command: &str) -> &'static [&'static str] {
    match command {
        "AT" | "ATE0" | "ATH" | "AT+CMEE=1" | "AT+COPS=3,2" | "AT+CGATT=1" => &["OK"],
        "AT+CPIN?" => &["+CPIN: READY", "OK"],
        "AT+CEREG?" => &["+CEREG: 0,1", "OK"],
        "AT+CGREG?" => &["+CGREG: 0,1", "OK"],
        "AT+CREG?" => &["+CREG: 0,1", "OK"],
        "AT+CESQ" => &["+CESQ: 99,99,255,255,20,50", "OK"],
        "AT+COPS?" => &["+COPS: 0,2,\"26201\",7", "OK"],
        _ if command.starts_with("AT+CGDCONT=1,\"IP\",") => &["OK"],
        _ => &["ERROR"],
    }
}

fn is_readable(of: &impl AsFd) -> bool {
    let mut polled = [PollFd::new(of.as_fd(), PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}
