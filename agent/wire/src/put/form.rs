//! A file as the one part of a form (RFC 7578).

use crate::http::Unfit;
use core::fmt::{self, Write as _};

/// What is posted: a file in the field `file`.
///
/// hmac-file-server stores it under the last part of its name, whatever stands before.
#[derive(Clone, Copy)]
pub struct Form<'a> {
    /// Path and query, for a bearer token `user` and `expiry` among it.
    pub target: &'a str,
    /// `X-Signature`, where that is what lets it in.
    pub signature: Option<&'a str>,
    /// Name of the file.
    pub filename: &'a str,
    /// Media type of the file.
    pub content_type: &'a str,
    /// Length of the file alone.
    pub length: u64,
    /// What ends the file.
    pub boundary: Boundary,
    /// Whether to wait for a `100 Continue` before the file.
    pub expect_continue: bool,
}

/// What stands between the parts of a form. It must not occur in the file: take random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary(pub [u8; 16]);

impl<'a> Form<'a> {
    /// What stands before the file.
    pub(super) fn start(&self) -> Result<impl fmt::Display + 'a, Unfit> {
        let Self { boundary, filename, content_type, .. } = *self;
        if filename.chars().chain(content_type.chars()).any(char::is_control) {
            return Err(Unfit::Forbidden);
        }
        Ok(fmt::from_fn(move |f| {
            write!(f, "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; ")?;
            write!(f, "filename=\"{}\"\r\n", Escaped(filename))?;
            write!(f, "Content-Type: {content_type}\r\n\r\n")
        }))
    }

    /// What stands behind the file.
    pub fn end(&self) -> [u8; 40] {
        let mut end = *b"\r\n--00000000000000000000000000000000--\r\n";
        end[4..36].copy_from_slice(&self.boundary.digits());
        end
    }
}

impl Boundary {
    fn digits(self) -> [u8; 32] {
        core::array::from_fn(|i| {
            let byte = self.0[i / 2];
            b"0123456789abcdef"[usize::from(if i % 2 == 0 { byte >> 4 } else { byte & 15 })]
        })
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.digits()).expect("hexadecimal digits are ASCII"))
    }
}

/// The inside of a quoted string (RFC 9110 section 5.6.4), as Go's parser undoes it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| {
            if matches!(char, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(char)
        })
    }
}
