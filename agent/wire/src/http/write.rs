//! Heads to be sent, written into the caller's buffer.

use super::Method;
use core::fmt::{self, Display, Write as _};

/// Why a head can't be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is larger than the buffer.
    Full,
    /// A value holds CR, LF, NUL or another control character, or a target holds a space.
    Forbidden,
}

/// Whom requests go to, and as whom.
#[derive(Clone, Copy)]
pub struct Peer<'a> {
    /// `host[:port]`, for the `Host` field.
    pub authority: &'a str,
    /// The whole value of `Authorization`, if one is needed.
    pub authorization: Option<&'a str>,
}

/// A head under construction. A fault is remembered until [`Self::finish`].
#[must_use]
pub struct Head<'a> {
    out: &'a mut [u8],
    length: usize,
    fault: Option<Unfit>,
}

impl<'a> Head<'a> {
    /// Starts a request; `target` is a path and query, encoded already.
    pub fn request(out: &'a mut [u8], method: Method, target: &str, peer: &Peer<'_>) -> Self {
        let mut head = Self { out, length: 0, fault: None };
        if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
            head.fault = Some(Unfit::Forbidden);
        }
        for part in [method.name(), " ", target, " HTTP/1.1\r\n"] {
            head.push(part.as_bytes());
        }
        head.header("Host", peer.authority).maybe("Authorization", peer.authorization)
    }

    /// Starts a response. Informational ones are written the same way.
    pub fn response(out: &'a mut [u8], status: u16) -> Self {
        debug_assert!((100..600).contains(&status), "not a status");
        let head = Self { out, length: 0, fault: None };
        head.line(format_args!("HTTP/1.1 {status} {}", reason(status)))
    }

    /// Adds a field.
    pub fn header(self, name: &str, value: impl Display) -> Self {
        self.line(format_args!("{name}: {value}"))
    }

    /// Adds a field where there is a value for it.
    pub fn maybe(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.header(name, value),
            None => self,
        }
    }

    /// Adds `Content-Length`.
    pub fn body_length(self, bytes: u64) -> Self {
        self.header("Content-Length", bytes)
    }

    /// Adds `Connection: close` where no further request is wanted.
    pub fn keep_alive(self, keep: bool) -> Self {
        self.maybe("Connection", (!keep).then_some("close"))
    }

    /// Ends the head; its length in bytes.
    pub fn finish(self) -> Result<usize, Unfit> {
        self.finish_with("")
    }

    /// Ends the head, and puts the first bytes of its body behind it; the length of both.
    pub(crate) fn finish_with(mut self, body: impl Display) -> Result<usize, Unfit> {
        self.push(b"\r\n");
        write!(Raw(&mut self), "{body}").expect("what has no room is remembered as a fault");
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(self.length),
        }
    }

    fn line(mut self, text: fmt::Arguments<'_>) -> Self {
        if self.write_fmt(text).is_err() {
            self.fault.get_or_insert(Unfit::Forbidden);
        }
        self.push(b"\r\n");
        self
    }

    fn push(&mut self, bytes: &[u8]) {
        match self.out.get_mut(self.length..self.length + bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length += bytes.len();
            }
            None => {
                self.fault.get_or_insert(Unfit::Full);
            }
        }
    }
}

impl fmt::Write for Head<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Body text: it may hold line ends.
struct Raw<'a, 'b>(&'b mut Head<'a>);

impl fmt::Write for Raw<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.push(text.as_bytes());
        Ok(())
    }
}

/// How many bytes `text` has once written.
pub(crate) fn written_length(text: impl Display) -> u64 {
    struct Count(u64);
    impl fmt::Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len() as u64;
            Ok(())
        }
    }
    let mut count = Count(0);
    write!(count, "{text}").expect("counting does not fail");
    count.0
}

impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "head larger than its buffer",
            Self::Forbidden => "forbidden character in a head",
        })
    }
}

/// For people who read along; programs go by the number.
const fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        104 => "Upload Resumption Supported",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        423 => "Locked",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        // RFC 9112 section 4: the phrase may be empty.
        _ => "",
    }
}

#[cfg(test)]
mod tests;
