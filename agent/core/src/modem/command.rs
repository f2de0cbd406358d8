//! What is said to a modem.

use super::Domain;
use crate::Duration;
use core::fmt;

/// What the operator of the device has to say.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Where the network leads to.
    pub apn: Apn,
    /// The SIM's PIN, if it has one.
    pub pin: Option<Pin>,
    /// Whether networks other than the SIM's own may be used.
    pub roaming: bool,
}

/// An access point's name that can stand between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apn {
    bytes: [u8; Self::MAX],
    len: u8,
}

/// The PIN of a SIM. It has no `Debug` worth reading, so that it stays out of logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    digits: [u8; 8],
    len: u8,
}

/// One command. [`super::Modem::text`] has its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `AT`: is anybody there?
    Attention,
    /// `+++`: out of a data session that nobody knows of any more.
    Escape,
    /// `ATH`: ends it.
    HangUp,
    /// `ATE0`: no echoes.
    EchoOff,
    /// `AT+CMEE=1`: errors by number.
    NumericErrors,
    /// `AT+CPIN?`
    Sim,
    /// `AT+CPINR="SIM PIN"`: attempts that are left.
    PinTries,
    /// `AT+CPIN="..."`
    Pin,
    /// `AT+CEREG?` and the like.
    Registration(Domain),
    /// `AT+CESQ`
    Signal,
    /// `AT+CSQ`: what modems know that don't know CESQ.
    PlainSignal,
    /// `AT+COPS=3,2`: networks by number.
    OperatorFormat,
    /// `AT+COPS?`
    Operator,
    /// `AT+CGDCONT=1,"IP","..."`
    Context,
    /// `AT+CGATT=1`
    Attach,
    /// `ATD*99***1#`
    Dial,
    /// `AT+CFUN=1,1`: start anew.
    Reset,
}

impl Apn {
    /// 3GPP TS 23.003 section 9.1: at most 100 octets, network and operator identifier together, one of
    /// which each label's length takes.
    pub const MAX: usize = 99;

    /// `None`: it can't be one. An empty name lets the network choose.
    pub fn new(name: &str) -> Option<Self> {
        let is_plain = name.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'"');
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        is_plain.then_some(Self { bytes, len: name.len() as u8 })
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("it was made from ASCII")
    }
}

impl Pin {
    /// `None`: it can't be one. 3GPP TS 11.11 section 9.3: four to eight digits.
    pub fn new(pin: &str) -> Option<Self> {
        let is_pin = pin.len() >= 4 && pin.bytes().all(|byte| byte.is_ascii_digit());
        let mut digits = [0; 8];
        digits.get_mut(..pin.len())?.copy_from_slice(pin.as_bytes());
        is_pin.then_some(Self { digits, len: pin.len() as u8 })
    }

    fn as_str(&self) -> &str {
        core::str::from_utf8(&self.digits[..usize::from(self.len)]).expect("it was made from ASCII")
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin")
    }
}

impl Command {
    /// How long the modem may take to answer: what the manuals of SIM7600 and EC25 allow where they say
    /// so, or else more than was ever seen of a modem at work.
    pub(super) const fn patience(self) -> Duration {
        match self {
            // Also the guard time of V.250's escape, before and after it.
            Self::Attention | Self::Escape | Self::EchoOff | Self::NumericErrors => {
                Duration::from_millis(1200)
            }
            Self::Sim
            | Self::PinTries
            | Self::Registration(_)
            | Self::Signal
            | Self::PlainSignal
            | Self::OperatorFormat
            | Self::Context => Duration::from_secs(5),
            Self::HangUp | Self::Pin | Self::Reset => Duration::from_secs(10),
            // Reading it may wait for a search that is under way.
            Self::Operator => Duration::from_secs(20),
            // EC25's manual allows 140 s to the one and 150 s to the other; a network that takes half of
            // that does better with another try.
            Self::Attach | Self::Dial => Duration::from_secs(75),
        }
    }
}

/// The bytes of a command, to be written with [`fmt::Display`].
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    pub(super) command: Command,
    pub(super) config: &'a Config,
}

impl Text<'_> {
    /// Longest of them: the context with the longest name.
    pub const MAX: usize = Apn::MAX + "AT+CGDCONT=1,\"IP\",\"\"\r".len();
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.command {
            Command::Attention => f.write_str("AT\r"),
            // The only one without a CR: with one it would be no escape.
            Command::Escape => f.write_str("+++"),
            Command::HangUp => f.write_str("ATH\r"),
            Command::EchoOff => f.write_str("ATE0\r"),
            Command::NumericErrors => f.write_str("AT+CMEE=1\r"),
            Command::Sim => f.write_str("AT+CPIN?\r"),
            Command::PinTries => f.write_str("AT+CPINR=\"SIM PIN\"\r"),
            Command::Pin => {
                let pin = self.config.pin.as_ref().map_or("", Pin::as_str);
                write!(f, "AT+CPIN=\"{pin}\"\r")
            }
            Command::Registration(domain) => write!(f, "AT+{}?\r", domain.name()),
            Command::Signal => f.write_str("AT+CESQ\r"),
            Command::PlainSignal => f.write_str("AT+CSQ\r"),
            Command::OperatorFormat => f.write_str("AT+COPS=3,2\r"),
            Command::Operator => f.write_str("AT+COPS?\r"),
            Command::Context => write!(f, "AT+CGDCONT=1,\"IP\",\"{}\"\r", self.config.apn.as_str()),
            Command::Attach => f.write_str("AT+CGATT=1\r"),
            Command::Dial => f.write_str("ATD*99***1#\r"),
            Command::Reset => f.write_str("AT+CFUN=1,1\r"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_pins_that_would_break_a_command_are_refused() {
        assert!(Apn::new("internet.example").is_some() && Apn::new("").is_some());
        for name in ["a\"b", "a b", "a\rAT+CFUN=0", "ü", &"a".repeat(100)] {
            assert_eq!(Apn::new(name), None, "{name:?}");
        }
        assert!(Pin::new("0000").is_some() && Pin::new("12345678").is_some());
        for pin in ["", "123", "123456789", "12a4", "1234\r"] {
            assert_eq!(Pin::new(pin), None, "{pin:?}");
        }
    }

    #[test]
    fn the_longest_text_is_as_long_as_it_says() {
        let apn = Apn::new(&"a".repeat(Apn::MAX)).unwrap();
        let config = Config { apn, pin: Pin::new("12345678"), roaming: false };
        let text = Text { command: Command::Context, config: &config };

        assert_eq!(text.to_string().len(), Text::MAX);
    }

    #[test]
    fn a_pin_stays_out_of_logs() {
        assert_eq!(format!("{:?}", Pin::new("1234").unwrap()), "Pin");
    }
}
