//! What a server takes.

use super::Interop;
use crate::{
    http::Headers,
    sf::{Dictionary, Integer, MAX_INTEGER},
};
use core::fmt;

/// `Upload-Limit`, or what another protocol has of it. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The longest file.
    pub max_size: Option<u64>,
    /// The shortest file.
    pub min_size: Option<u64>,
    /// The longest content of one request.
    pub max_append_size: Option<u64>,
    /// The shortest content of a request that does not end the file.
    pub min_append_size: Option<u64>,
    /// Seconds until the upload is gone.
    pub max_age_s: Option<u64>,
}

/// [`Limits`] as a version writes them.
pub(super) struct Shown<'a>(&'a Limits, Option<Interop>);

impl Limits {
    /// No limit is known.
    pub const NONE: Self = Self {
        max_size: None,
        min_size: None,
        max_append_size: None,
        min_append_size: None,
        max_age_s: None,
    };

    /// Those that a message tells. A known key with another value than a count makes all of them
    /// void, an unknown key nothing.
    pub fn read(headers: Headers<'_>) -> Self {
        Self::parse(headers).unwrap_or_default()
    }

    fn parse(headers: Headers<'_>) -> Option<Self> {
        let limits = Dictionary::parse(headers.all("Upload-Limit")).ok()?;
        let read = |key| match limits.get(key) {
            Some(member) => member.count().map(Some),
            None => Some(None),
        };
        Some(Self {
            max_size: read("max-size")?,
            min_size: read("min-size")?,
            max_append_size: read("max-append-size")?,
            min_append_size: read("min-append-size")?,
            max_age_s: match read("max-age")? {
                Some(age) => Some(age),
                None => read("expires")?,
            },
        })
    }

    /// How to write them, unless there are none: an empty Dictionary is not sent at all
    /// (RFC 9651 section 4.1).
    pub(super) fn shown(&self, interop: Option<Interop>) -> Option<Shown<'_>> {
        (*self != Self::NONE).then_some(Shown(self, interop))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(limits, interop) = self;
        let age = if *interop == Some(Interop::V6) { "expires" } else { "max-age" };
        let members = [
            ("max-size", limits.max_size),
            ("min-size", limits.min_size),
            ("max-append-size", limits.max_append_size),
            ("min-append-size", limits.min_append_size),
            (age, limits.max_age_s),
        ];
        let mut comma = "";
        for (key, limit) in members {
            if let Some(limit) = limit {
                // More can't be told, and more is never sent.
                write!(f, "{comma}{key}={}", Integer(limit.min(MAX_INTEGER)))?;
                comma = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ResponseHead;

    fn read(fields: &str) -> Limits {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        Limits::read(ResponseHead::parse(head.as_bytes()).unwrap().headers)
    }

    #[test]
    fn limits_are_read_as_they_are_shown() {
        let limits = Limits {
            max_size: Some(9),
            max_append_size: Some(5),
            max_age_s: Some(60),
            ..Limits::NONE
        };

        for interop in [None, Some(Interop::V6), Some(Interop::V8)] {
            let shown = limits.shown(interop).unwrap().to_string();
            assert_eq!(read(&format!("Upload-Limit: {shown}\r\n")), limits);
        }
        assert_eq!(
            limits.shown(Some(Interop::V6)).unwrap().to_string(),
            "max-size=9, max-append-size=5, expires=60"
        );
        assert!(Limits::NONE.shown(None).is_none());
    }

    #[test]
    fn an_unknown_limit_is_passed_over_and_a_wrong_one_voids_all() {
        let nine = Limits { max_size: Some(9), ..Limits::NONE };

        assert_eq!(read("Upload-Limit: max-size=9;x, colour=red\r\n"), nine);
        assert_eq!(read("Upload-Limit: max-size=1\r\nUpload-Limit: max-size=9\r\n"), nine);
        for value in [
            "max-size=9, min-size=?1",
            "max-size=-1",
            "max-size=(9)",
            "max-size=9,",
            "max-size=9, expires=x",
        ] {
            assert_eq!(read(&format!("Upload-Limit: {value}\r\n")), Limits::NONE, "{value}");
        }
        assert_eq!(read(""), Limits::NONE);
    }

    #[test]
    fn a_limit_beyond_what_can_be_told_is_no_limit_in_practice() {
        let limits = Limits { max_size: Some(u64::MAX), ..Limits::NONE };
        assert_eq!(limits.shown(None).unwrap().to_string(), "max-size=999999999999999");
    }
}
