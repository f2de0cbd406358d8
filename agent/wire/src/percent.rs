//! Percent-encoding (RFC 3986 section 2.1), and the names that a server may take from a path.

use core::fmt::{self, Write as _};
use heapless::String;

/// The longest name in bytes, decoded.
pub const MAX_NAME: usize = 1024;

/// A decoded URL path without its leading slash; its parts are not empty, `.` or `..`.
pub type Name = String<MAX_NAME>;

/// Why a path names nothing that could be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// No leading slash, or an empty part.
    Empty,
    /// A `%` without two hexadecimal digits, or not UTF-8.
    Encoding,
    /// An encoded slash: what it means differs from server to server.
    EncodedSlash,
    /// `.` or `..`.
    Dots,
    /// A control character, NUL among them.
    Control,
    /// More than [`MAX_NAME`] bytes.
    TooLong,
}

/// The name in an undecoded URL path: `/a%20b/c` gives `a b/c`.
pub fn name(path: &str) -> Result<Name, PathError> {
    let path = path.strip_prefix('/').ok_or(PathError::Empty)?;
    let mut name = heapless::Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => match decode_byte(&mut rest)? {
                b'/' => return Err(PathError::EncodedSlash),
                byte => byte,
            },
            _ => byte,
        };
        name.push(byte).map_err(|_| PathError::TooLong)?;
    }
    let name = String::from_utf8(name).map_err(|_| PathError::Encoding)?;
    check(&name)?;
    Ok(name)
}

/// Checks a name that came unencoded and without a leading slash as [`name`] checks one.
pub fn check(name: &str) -> Result<(), PathError> {
    name.split('/').try_for_each(check_part)?;
    if name.len() > MAX_NAME { Err(PathError::TooLong) } else { Ok(()) }
}

/// Text that shows encoded so that [`name`] gives it back: everything but the unreserved
/// characters and `/` is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a>(pub &'a str);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.bytes().try_for_each(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                f.write_char(char::from(byte))
            }
            _ => write!(f, "%{byte:02X}"),
        })
    }
}

/// What the two digits behind a `%` stand for.
pub(crate) fn decode_byte(digits: &mut core::str::Bytes<'_>) -> Result<u8, PathError> {
    let mut digit = || char::from(digits.next()?).to_digit(16);
    let (high, low) = digit().zip(digit()).ok_or(PathError::Encoding)?;
    Ok((high << 4 | low) as u8)
}

fn check_part(part: &str) -> Result<(), PathError> {
    match part {
        "" => Err(PathError::Empty),
        "." | ".." => Err(PathError::Dots),
        _ if part.chars().any(char::is_control) => Err(PathError::Control),
        _ => Ok(()),
    }
}

impl PathError {
    /// The status by which a server answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::TooLong => 414,
            Self::Empty | Self::Encoding | Self::EncodedSlash | Self::Dots | Self::Control => 400,
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty part in the path",
            Self::Encoding => "malformed encoding in the path",
            Self::EncodedSlash => "encoded slash in the path",
            Self::Dots => "dot segment in the path",
            Self::Control => "control character in the path",
            Self::TooLong => "path too long",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_are_decoded() {
        let cases = [
            ("/a", "a"),
            ("/a/b.jpg", "a/b.jpg"),
            ("/a%20b/%C3%A4", "a b/ä"),
            ("/..a/b../...", "..a/b../..."),
            ("/100%25", "100%"),
            ("/a+b", "a+b"),
        ];

        for (path, decoded) in cases {
            assert_eq!(name(path).as_deref(), Ok(decoded), "{path}");
        }
    }

    #[test]
    fn path_tricks_are_refused() {
        let long = format!("/{}", "x".repeat(MAX_NAME + 1));
        let long_encoded = format!("/{}", "%41".repeat(MAX_NAME + 1));
        let cases = [
            ("", PathError::Empty),
            ("*", PathError::Empty),
            ("a", PathError::Empty),
            ("/", PathError::Empty),
            ("//a", PathError::Empty),
            ("/a//b", PathError::Empty),
            ("/a/", PathError::Empty),
            ("/..", PathError::Dots),
            ("/a/../b", PathError::Dots),
            ("/./a", PathError::Dots),
            ("/%2e%2e/a", PathError::Dots),
            ("/a/.%2E", PathError::Dots),
            ("/a%2fb", PathError::EncodedSlash),
            ("/..%2F..%2Fetc", PathError::EncodedSlash),
            ("/a%00", PathError::Control),
            ("/a%0d%0ab", PathError::Control),
            ("/%7F", PathError::Control),
            ("/%C2%85", PathError::Control),
            ("/%", PathError::Encoding),
            ("/%4", PathError::Encoding),
            ("/%4g", PathError::Encoding),
            ("/%+1", PathError::Encoding),
            ("/%ff", PathError::Encoding),
            // An overlong encoding of a slash.
            ("/%c0%af", PathError::Encoding),
            (&long, PathError::TooLong),
            (&long_encoded, PathError::TooLong),
        ];

        for (path, error) in cases {
            assert_eq!(name(path), Err(error), "{path}");
        }
    }

    #[test]
    fn an_unencoded_name_is_checked_and_not_decoded() {
        assert_eq!(check("a/100%25 \u{e4}"), Ok(()));
        for name in ["../../x", "/etc/passwd", "a/..", "a//b", "", "a\0"] {
            assert!(check(name).is_err(), "{name:?}");
        }
        assert_eq!(check(&"x".repeat(MAX_NAME + 1)), Err(PathError::TooLong));
    }

    proptest! {
        #[test]
        fn no_path_gives_a_name_that_could_escape(path in "/[./%2eEfF0a]{0,20}") {
            if let Ok(name) = name(&path) {
                prop_assert!(name.split('/').all(|part| !["", ".", ".."].contains(&part)));
            }
        }

        #[test]
        fn an_encoded_name_decodes_to_itself(part in "[^\\pC/.][^\\pC/]{0,30}") {
            let path = format!("/{}", Encoded(&part));
            prop_assert!(path.is_ascii());
            let decoded = name(&path);
            prop_assert_eq!(decoded.as_deref(), Ok(&part[..]));
        }
    }
}
