//! Whose network it is.

use super::fields::Fields;
use crate::Class;
use core::fmt;

/// The network in use, as `+COPS` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Which network.
    pub plmn: Plmn,
    /// What kind of link its radio makes, if it says.
    pub class: Option<Class>,
}

/// A network's number: country, and network within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plmn {
    /// Mobile country code, three digits.
    pub mcc: u16,
    /// Mobile network code.
    pub mnc: u16,
    /// Digits of the network code: 2 or 3. `01` and `001` are two networks.
    pub mnc_digits: u8,
}

impl Operator {
    /// 27.007 section 7.3, in the numeric format: `mode,2,"26201",AcT`. `None`: no network, or a name
    /// instead of a number.
    pub(super) fn parse(values: &str) -> Option<Self> {
        let mut fields = Fields::of(values);
        let (_mode, format) = (fields.number()?, fields.number()?);
        let plmn = fields.next().filter(|_| format == 2).and_then(Plmn::parse)?;
        let class = fields.number().and_then(|access| match access {
            0 | 2..=6 | 8 => Some(Class::Cellular),
            // NB-IoT is LTE by name, and slower than 2G.
            9 => Some(Class::Cellular),
            7 | 10 => Some(Class::Lte),
            11..=13 => Some(Class::FiveG),
            _ => None,
        });
        Some(Self { plmn, class })
    }
}

impl Plmn {
    fn parse(digits: &str) -> Option<Self> {
        if !matches!(digits.len(), 5 | 6) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let (mcc, mnc) = digits.split_at(3);
        let mnc_digits = mnc.len() as u8;
        Some(Self { mcc: mcc.parse().ok()?, mnc: mnc.parse().ok()?, mnc_digits })
    }
}

impl fmt::Display for Plmn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}{:0width$}", self.mcc, self.mnc, width = usize::from(self.mnc_digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_known_by_number_and_radio() {
        let german = Operator::parse(r#"0,2,"26201",7"#).unwrap();
        let american = Operator::parse(r#"0,2,"310004",13"#).unwrap();

        assert_eq!((german.plmn.to_string().as_str(), german.class), ("26201", Some(Class::Lte)));
        assert_eq!(
            (american.plmn.to_string().as_str(), american.class),
            ("310004", Some(Class::FiveG))
        );
        assert_eq!(Operator::parse(r#"0,2,"26201""#).unwrap().class, None);
    }

    #[test]
    fn no_network_and_names_are_none() {
        for values in ["0", r#"0,0,"Telekom.de",7"#, r#"0,2,"2620",7"#, r#"0,2,"26a01",7"#, ""] {
            assert_eq!(Operator::parse(values), None, "{values}");
        }
    }
}
