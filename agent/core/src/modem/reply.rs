//! What one line means.

use super::{Domain, Operator, Registration, Signal, Sim};

/// One line of the modem's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// The command is over.
    Final(Final),
    /// `+CPIN`: the SIM, asked for or not.
    Sim(Sim),
    /// `+CPINR` of the SIM's PIN: attempts that are left.
    PinTries(u16),
    /// One of the registrations, asked for or not.
    Registration(Domain, Registration),
    /// `+CESQ` or `+CSQ`.
    Signal(Signal),
    /// `+COPS` with a network.
    Operator(Operator),
    /// The modem has started anew, and forgot what it was told.
    Booted,
    /// An echo, or nothing that is needed here.
    Other,
}

/// How a command ended: V.250 section 5.7.1, 27.007 section 9.2, 27.005 section 3.2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Final {
    /// Done.
    Ok,
    /// Refused, or not known.
    Error,
    /// `+CME ERROR` with a number.
    Cme(u16),
    /// `+CMS ERROR` with a number.
    Cms(u16),
    /// The call did not come about, or is over.
    NoCarrier,
    /// The other end is busy.
    Busy,
    /// The other end does not answer.
    NoAnswer,
    /// Nothing to dial on.
    NoDialtone,
    /// What follows is the network's.
    Connect,
}

impl Reply {
    pub(super) fn parse(line: &str) -> Self {
        if let Some(end) = Final::parse(line) {
            return Self::Final(end);
        }
        let known = match line.split_once(':') {
            Some((name, values)) => Self::parse_values(name, values.trim_ascii()),
            None => (line == "RDY").then_some(Self::Booted),
        };
        known.unwrap_or(Self::Other)
    }

    fn parse_values(name: &str, values: &str) -> Option<Self> {
        let registration =
            |domain| Registration::parse(values).map(|state| Self::Registration(domain, state));
        match name {
            "+CPIN" => Some(Self::Sim(Sim::parse(values))),
            "+SIMCARD" => (values == "NOT AVAILABLE").then_some(Self::Sim(Sim::Missing)),
            // 27.007 section 8.65: `SIM PIN,tries,default`.
            "+CPINR" => {
                let mut fields = super::fields::Fields::of(values);
                let is_pin = fields.next() == Some("SIM PIN");
                fields.number().filter(|_| is_pin).map(Self::PinTries)
            }
            "+CEREG" => registration(Domain::Eps),
            "+CGREG" => registration(Domain::Packet),
            "+CREG" => registration(Domain::Circuit),
            "+CSQ" => Signal::parse_csq(values).map(Self::Signal),
            "+CESQ" => Signal::parse_cesq(values).map(Self::Signal),
            "+COPS" => Operator::parse(values).map(Self::Operator),
            _ => None,
        }
    }
}

impl Final {
    fn parse(line: &str) -> Option<Self> {
        Some(match line {
            "OK" => Self::Ok,
            "ERROR" | "COMMAND NOT SUPPORT" => Self::Error,
            "NO CARRIER" => Self::NoCarrier,
            "BUSY" => Self::Busy,
            "NO ANSWER" => Self::NoAnswer,
            "NO DIALTONE" | "NO DIAL TONE" => Self::NoDialtone,
            "CONNECT" => Self::Connect,
            _ if line.starts_with("CONNECT ") => Self::Connect,
            _ => {
                let (name, value) = line.split_once(':')?;
                let number = value.trim_ascii().parse().ok();
                match name {
                    "+CME ERROR" => {
                        number.or_else(|| numbered(value)).map_or(Self::Error, Self::Cme)
                    }
                    "+CMS ERROR" => number.map_or(Self::Error, Self::Cms),
                    _ => return None,
                }
            }
        })
    }
}

/// The numbers of errors in words that matter here: before `AT+CMEE=1` a modem may use them.
fn numbered(text: &str) -> Option<u16> {
    match text.trim_ascii() {
        "SIM not inserted" => Some(10),
        "SIM PIN required" => Some(11),
        "SIM PUK required" => Some(12),
        "SIM failure" => Some(13),
        "SIM busy" => Some(14),
        "SIM wrong" => Some(15),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_final_result_is_known() {
        for (line, end) in [
            ("OK", Final::Ok),
            ("ERROR", Final::Error),
            ("COMMAND NOT SUPPORT", Final::Error),
            ("+CME ERROR: 10", Final::Cme(10)),
            ("+CME ERROR: SIM not inserted", Final::Cme(10)),
            ("+CME ERROR: operation not allowed", Final::Error),
            ("+CMS ERROR: 500", Final::Cms(500)),
            ("NO CARRIER", Final::NoCarrier),
            ("BUSY", Final::Busy),
            ("NO ANSWER", Final::NoAnswer),
            ("NO DIALTONE", Final::NoDialtone),
            ("CONNECT", Final::Connect),
            ("CONNECT 150000000", Final::Connect),
        ] {
            assert_eq!(Reply::parse(line), Reply::Final(end), "{line}");
        }
    }

    #[test]
    fn what_is_not_for_us_is_passed_over() {
        for line in [
            "AT+CPIN?",
            "OKAY",
            "CONNECTED",
            "RING",
            "PB DONE",
            "SMS DONE",
            "+CMTI: \"SM\",1",
            "^MODE: 17",
            "+CSQ: x",
            "+CPINR: SIM PUK,10,10",
            "+COPS: 0",
            "> ",
            ":",
            "+CREG:",
        ] {
            assert_eq!(Reply::parse(line), Reply::Other, "{line}");
        }
    }

    #[test]
    fn the_sim_says_what_it_wants() {
        for (line, sim) in [
            ("+CPIN: READY", Sim::Ready),
            ("+CPIN:READY", Sim::Ready),
            ("+CPIN: SIM PIN", Sim::PinNeeded),
            ("+CPIN: SIM PUK", Sim::PukNeeded),
            ("+CPIN: SIM PUK2", Sim::Ready),
            ("+CPIN: PH-NET PIN", Sim::Locked),
            ("+CPIN: NOT READY", Sim::Busy),
            ("+CPIN: NOT INSERTED", Sim::Missing),
            ("+SIMCARD: NOT AVAILABLE", Sim::Missing),
        ] {
            assert_eq!(Reply::parse(line), Reply::Sim(sim), "{line}");
        }
        assert_eq!(Reply::parse("+CPINR: SIM PIN,3,3"), Reply::PinTries(3));
    }
}
