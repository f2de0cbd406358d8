//! Names of uploads that can't be guessed.

use core::fmt;
#[cfg(feature = "std")]
use std::{fs::File, io, io::Read};

/// 128 random bits, written as 32 hexadecimal digits. Who knows it may continue the upload, so
/// only [`Id::brief`] goes to logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// A fresh one.
    #[cfg(feature = "std")]
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        Ok(Self(u128::from_ne_bytes(bytes)))
    }

    /// Reads exactly what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(digit) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(Self)
    }

    /// Enough to tell uploads apart in a log, too little to continue one.
    pub fn brief(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:08x}", self.0 >> 96))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_and_nothing_else_is_one() {
        let id = Id::random().unwrap();
        let text = id.to_string();

        assert!(Id::parse(&text) == Some(id));
        assert!(text.starts_with(&id.brief().to_string()));
        for other in ["", "../../x", &text[1..], &format!("{text}0"), &format!("+{}", &text[1..])] {
            assert!(Id::parse(other).is_none(), "{other:?}");
        }
        assert!(Id::parse(&"A".repeat(32)).is_none());
    }
}
