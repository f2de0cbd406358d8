//! Which texts each type of setting takes.

use crate::units::{self, Bytes, Permille, Ppm};
use crate::{Pattern, Value};
use baton_core::{Class, Duration};
use core::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// A type that a key's value is read into.
pub(crate) trait Setting: Sized {
    /// A right value, for keys whose default is not one.
    const EXAMPLE: &'static str;
    /// Whether it is written as a list.
    const IS_LIST: bool = false;
    /// Whether it is kept out of every output.
    const IS_SECRET: bool = false;

    /// Reads one text; else what is wanted instead.
    fn parse(text: &str) -> Result<Self, &'static str>;

    /// Reads a value.
    fn read(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::One(text) => Self::parse(text.trim()),
            Value::Many(_) | Value::Nested | Value::Empty => Err("takes one value, not a list"),
        }
    }
}

impl Setting for bool {
    const EXAMPLE: &'static str = "true";

    // The words that libuci's own users accept.
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" | "enabled" => Ok(true),
            "false" | "0" | "no" | "off" | "disabled" => Ok(false),
            _ => Err("takes true or false"),
        }
    }
}

impl Setting for u32 {
    const EXAMPLE: &'static str = "10";

    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "takes a whole number")
    }
}

impl Setting for Bytes {
    const EXAMPLE: &'static str = "64MB";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("takes a size: a whole number with KB, MB or GB")
    }
}

impl Setting for Ppm {
    const EXAMPLE: &'static str = "5.0";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("takes percent: 0 to 100 with at most four decimals")
    }
}

impl Setting for Permille {
    const EXAMPLE: &'static str = "1.5";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::parse(text).ok_or("takes a factor with at most three decimals")
    }
}

impl Setting for Duration {
    const EXAMPLE: &'static str = "30s";

    fn parse(text: &str) -> Result<Self, &'static str> {
        units::duration(text).ok_or("takes a duration: a whole number with ms, s, m, h or d")
    }
}

impl Setting for String {
    const EXAMPLE: &'static str = "name";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }
}

impl Setting for PathBuf {
    const EXAMPLE: &'static str = "/etc/baton/secret";

    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() { Err("takes a path") } else { Ok(text.into()) }
    }
}

impl Setting for SocketAddr {
    const EXAMPLE: &'static str = "192.168.1.1:8080";

    /// The seed writes `8080` and Go writes `:8080` for every address.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let port = text.strip_prefix(':').unwrap_or(text).parse();
        port.map(|port: u16| Self::from((Ipv4Addr::UNSPECIFIED, port)))
            .or_else(|_| text.parse())
            .map_err(|_| "takes address:port, such as 192.168.1.1:8080 or [fd00::1]:8080")
    }
}

impl Setting for Class {
    const EXAMPLE: &'static str = "lte";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::from_name(text)
            .ok_or("takes one of ethernet, wifi, 5g, lte, cellular, vpn, satellite")
    }
}

impl Setting for Pattern {
    const EXAMPLE: &'static str = "docker*";

    fn parse(text: &str) -> Result<Self, &'static str> {
        Self::new(text).ok_or("takes interface names of at most 15 characters; * and ? are wild")
    }
}

/// Not set, or `auto`: the program chooses.
impl<T: Setting> Setting for Option<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;
    const IS_LIST: bool = T::IS_LIST;
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, &'static str> {
        if matches!(text, "" | "auto") { Ok(None) } else { T::parse(text).map(Some) }
    }
}

/// A list, or one text with spaces between the items.
impl<T: Setting> Setting for Vec<T> {
    const EXAMPLE: &'static str = T::EXAMPLE;
    const IS_LIST: bool = true;

    fn parse(text: &str) -> Result<Self, &'static str> {
        text.split_whitespace().map(T::parse).collect()
    }

    fn read(value: &Value) -> Result<Self, &'static str> {
        match value {
            Value::One(text) => Self::parse(text),
            Value::Many(items) => items.iter().map(|item| T::parse(item.trim())).collect(),
            Value::Nested | Value::Empty => Err("takes a plain list"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_listening_address_is_understood() {
        for (text, address) in [
            ("8080", "0.0.0.0:8080"),
            (":8080", "0.0.0.0:8080"),
            ("192.168.1.1:80", "192.168.1.1:80"),
            ("[fd00::1]:80", "[fd00::1]:80"),
        ] {
            assert_eq!(SocketAddr::parse(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", "70000", "localhost:80", "1.2.3.4", "fd00::1:80:"] {
            assert!(SocketAddr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_text_with_spaces_is_a_list_too() {
        let names = ["a".to_owned(), "b".to_owned()];

        assert_eq!(Vec::<String>::read(&Value::one(" a  b ")), Ok(names.to_vec()));
        assert_eq!(Vec::<String>::read(&Value::Many(names.to_vec())), Ok(names.to_vec()));
        assert_eq!(Vec::<String>::read(&Value::one("")), Ok(Vec::new()));
    }

    #[test]
    fn auto_and_nothing_leave_the_choice_to_the_program() {
        assert_eq!(Option::<bool>::parse("auto"), Ok(None));
        assert_eq!(Option::<bool>::parse(""), Ok(None));
        assert_eq!(Option::<bool>::parse("no"), Ok(Some(false)));
        assert!(Option::<bool>::parse("maybe").is_err());
    }
}
