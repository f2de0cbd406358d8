//! Whether a network has taken the modem in.

use super::fields::Fields;

/// Which of the modem's registrations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// LTE and 5G: `+CEREG`.
    Eps,
    /// Packets of 2G and 3G: `+CGREG`.
    Packet,
    /// Calls, and all that oldest firmware knows: `+CREG`.
    Circuit,
}

/// 27.007 section 10.1.22, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the state of its name")]
pub enum Registration {
    Idle,
    Home,
    Searching,
    Denied,
    OutOfCoverage,
    Roaming,
    SmsHome,
    SmsRoaming,
    EmergencyOnly,
    /// At home, calls by 2G or 3G not preferred.
    CsfbHome,
    /// Roaming, calls by 2G or 3G not preferred.
    CsfbRoaming,
}

impl Registration {
    /// Whether data can be asked for.
    pub const fn carries_data(self) -> bool {
        match self {
            Self::Home | Self::Roaming | Self::CsfbHome | Self::CsfbRoaming => true,
            Self::Idle
            | Self::Searching
            | Self::Denied
            | Self::OutOfCoverage
            | Self::SmsHome
            | Self::SmsRoaming
            | Self::EmergencyOnly => false,
        }
    }

    /// Whether the network is not the SIM's own.
    pub const fn is_roaming(self) -> bool {
        matches!(self, Self::Roaming | Self::SmsRoaming | Self::CsfbRoaming)
    }

    /// From the values of an answer (`n,stat,...`) or of an unsolicited line (`stat,...`). The area
    /// code tells them apart: it follows the state, and has four hexadecimal digits or more.
    pub(super) fn parse(values: &str) -> Option<Self> {
        let mut fields = Fields::of(values);
        let first = fields.next()?;
        let state = match fields.next() {
            Some(second) if second.len() <= 2 => second,
            Some(_) | None => first,
        };
        Some(match state.parse().ok()? {
            0u8 => Self::Idle,
            1 => Self::Home,
            2 => Self::Searching,
            3 => Self::Denied,
            4 => Self::OutOfCoverage,
            5 => Self::Roaming,
            6 => Self::SmsHome,
            7 => Self::SmsRoaming,
            8 => Self::EmergencyOnly,
            9 => Self::CsfbHome,
            10 => Self::CsfbRoaming,
            _ => return None,
        })
    }
}

impl Domain {
    /// The next one to ask about.
    pub(super) const fn next(self) -> Option<Self> {
        match self {
            Self::Eps => Some(Self::Packet),
            Self::Packet => Some(Self::Circuit),
            Self::Circuit => None,
        }
    }

    /// The name in commands and answers.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Eps => "CEREG",
            Self::Packet => "CGREG",
            Self::Circuit => "CREG",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_and_unsolicited_lines_are_told_apart_by_the_area_code() {
        for (values, state) in [
            ("0,1", Registration::Home),
            ("2,5,\"1A2B\",\"01A2B3C4\",7", Registration::Roaming),
            ("2,5,1A2B,01A2B3C4,7", Registration::Roaming),
            ("0,2", Registration::Searching),
            ("1", Registration::Home),
            ("5,\"1A2B\",\"01A2B3C4\",7", Registration::Roaming),
            ("1,1A2B,01A2B3C4,7", Registration::Home),
            ("3", Registration::Denied),
            ("2,10", Registration::CsfbRoaming),
            ("0, 8", Registration::EmergencyOnly),
        ] {
            assert_eq!(Registration::parse(values), Some(state), "{values}");
        }
        for nonsense in ["", "x", "0,99", "11", "-1", "0,"] {
            assert_eq!(Registration::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn every_state_of_the_standard_says_whether_it_carries_data_and_is_at_home() {
        let carries = [1, 5, 9, 10];
        let roams = [5, 7, 10];
        for number in 0..=10 {
            let state = Registration::parse(&format!("0,{number}")).unwrap();
            assert_eq!(state.carries_data(), carries.contains(&number), "{state:?}");
            assert_eq!(state.is_roaming(), roams.contains(&number), "{state:?}");
        }
    }
}
