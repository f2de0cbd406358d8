//! A file as the one part of a form (RFC 7578).

use crate::http::Unfit;
use core::fmt::{self, Write as _};
use heapless::String;

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

/// Room for what stands before the file: a name of 255 bytes, each escaped, and the rest.
const START: usize = 1024;

/// Room for what stands behind it.
const END: usize = 40;

impl Form<'_> {
    /// What stands before the file.
    pub(super) fn start(&self) -> Result<String<START>, Unfit> {
        if self.filename.chars().chain(self.content_type.chars()).any(char::is_control) {
            return Err(Unfit::Forbidden);
        }
        let mut start = String::new();
        write!(
            start,
            "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.boundary,
            Escaped(self.filename),
            self.content_type
        )
        .map_err(|_| Unfit::Full)?;
        Ok(start)
    }

    /// What stands behind the file.
    pub fn end(&self) -> String<END> {
        let mut end = String::new();
        write!(end, "\r\n--{}--\r\n", self.boundary).expect("a boundary has 32 digits");
        end
    }
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
