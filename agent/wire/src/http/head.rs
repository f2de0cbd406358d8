//! Heads as they were received: collected, checked once, then read in place.
//!
//! Nothing here has a `Debug`: targets and fields carry tokens.

use super::{Error, Framing, Method};
use core::mem::MaybeUninit;
use heapless::VecView;

/// The most header fields in a head; more are refused.
const MAX_FIELDS: usize = 64;

/// What a request says before its body.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The request target, as sent.
    pub target: &'a str,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// The header fields.
    pub headers: Headers<'a>,
}

/// What a response says before its body.
#[derive(Clone, Copy)]
pub struct ResponseHead<'a> {
    /// The status code.
    pub status: u16,
    /// The minor version: 0 or 1.
    pub minor: u8,
    /// The header fields.
    pub headers: Headers<'a>,
}

/// Header fields in the order in which they came. Names are compared without regard to case.
#[derive(Clone, Copy)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> RequestHead<'a> {
    /// Reads a whole head, as [`collect`] gives it.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Self, Error> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut []);
        let length = request.parse_with_uninit_headers(head, &mut fields);
        check(length, head)?;
        let this = Self::view(head);
        // RFC 9112 section 3.2
        match (this.minor, this.headers.all("Host").count()) {
            (_, 1) | (0, 0) => Ok(this),
            _ => Err(Error::Malformed),
        }
    }

    /// Reads a head that passed [`Self::parse`] before; of anything else, nothing useful.
    pub(super) fn view(head: &'a [u8]) -> Self {
        let (line, headers) = split_line(head);
        let mut words = line.split(|&byte| byte == b' ').map(text);
        let method = words.next().unwrap_or_default();
        let target = words.next().unwrap_or_default();
        let minor = u8::from(words.next() == Some("HTTP/1.1"));
        Self { method, target, minor, headers: Headers(headers) }
    }

    /// The method, where it is one of those that uploads need.
    pub fn known_method(&self) -> Option<Method> {
        Method::from_name(self.method)
    }

    /// Path and query of the target, undecoded: `/a/b?c` gives `/a/b` and `c`. The absolute form
    /// loses its scheme and authority (RFC 9112 section 3.2.2).
    pub fn path_and_query(&self) -> (&'a str, Option<&'a str>) {
        let origin = match self.target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
                rest.find(['/', '?']).map_or("/", |start| &rest[start..])
            }
            Some(_) | None => self.target,
        };
        match origin.split_once('?') {
            Some((path, query)) => (if path.is_empty() { "/" } else { path }, Some(query)),
            None => (origin, None),
        }
    }

    /// How long the body is (RFC 9112 section 6.3).
    pub fn framing(&self) -> Result<Framing, Error> {
        let length = self.headers.number("Content-Length").map_err(|_| Error::Framing)?;
        match (self.headers.chunked()?, length) {
            // Transfer-Encoding beside Content-Length, or in HTTP/1.0, is how requests are smuggled.
            (true, Some(_)) => Err(Error::Framing),
            (true, None) if self.minor == 0 => Err(Error::Framing),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::None),
        }
    }

    /// Whether another request may follow on the connection. Only HTTP/1.1 persists here.
    pub fn keep_alive(&self) -> bool {
        keep_alive(self.minor, self.headers)
    }

    /// Whether the client waits for a `100 Continue` before its body.
    pub fn expects_continue(&self) -> Result<bool, Error> {
        match self.headers.get("Expect") {
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(self.minor > 0),
            Some(_) => Err(Error::Expectation),
            None => Ok(false),
        }
    }
}

impl<'a> ResponseHead<'a> {
    /// Reads a whole head, as [`collect`] gives it.
    pub(crate) fn parse(head: &'a [u8]) -> Result<Self, Error> {
        let mut fields = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        let length = config.parse_response_with_uninit_headers(&mut response, head, &mut fields);
        check(length, head)?;
        let this = Self::view(head);
        if this.status < 100 { Err(Error::Malformed) } else { Ok(this) }
    }

    /// Reads a head that passed [`Self::parse`] before; of anything else, nothing useful.
    pub(super) fn view(head: &'a [u8]) -> Self {
        let (line, headers) = split_line(head);
        let mut words = line.split(|&byte| byte == b' ').map(text);
        let minor = u8::from(words.next() == Some("HTTP/1.1"));
        let status = words.next().and_then(|status| status.parse().ok()).unwrap_or_default();
        Self { status, minor, headers: Headers(headers) }
    }

    /// How long the body is (RFC 9112 section 6.3).
    pub fn framing(&self, asked: Method) -> Result<Framing, Error> {
        let length = self.headers.number("Content-Length").map_err(|_| Error::Framing)?;
        if asked == Method::Head || matches!(self.status, 100..=199 | 204 | 304) {
            return Ok(Framing::None);
        }
        match (self.headers.chunked()?, length) {
            (true, Some(_)) => Err(Error::Framing),
            (true, None) if self.minor == 0 => Err(Error::Framing),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }

    /// Whether another request may follow on the connection. Only HTTP/1.1 persists here.
    pub fn keep_alive(&self) -> bool {
        keep_alive(self.minor, self.headers)
    }

    /// Seconds of `Retry-After`; a date there is not read.
    pub fn retry_after_s(&self) -> Option<u32> {
        let seconds = self.headers.number("Retry-After").ok()??;
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl<'a> Headers<'a> {
    /// Fields that passed [`collect`], without a line before them; of anything else, nothing
    /// useful.
    pub(crate) const fn view(fields: &'a [u8]) -> Self {
        Self(fields)
    }

    /// Name and value of every field; values are without the white space around them.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> + Clone {
        self.0.split(|&byte| byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            let (name, value) = line.split_at(colon);
            Some((text(name), value[1..].trim_ascii()))
        })
    }

    /// The values of every field of that name.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The value of the first field of that name.
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The value of the first field of that name, unless it is not UTF-8.
    pub fn text(self, name: &str) -> Option<&'a str> {
        core::str::from_utf8(self.get(name)?).ok()
    }

    /// A field that is one number. Repeated fields must agree.
    pub fn number(self, name: &str) -> Result<Option<u64>, Error> {
        self.all(name).try_fold(None, |before, value| {
            let number = decimal(value).ok_or(Error::Malformed)?;
            match before {
                Some(other) if other != number => Err(Error::Malformed),
                Some(_) | None => Ok(Some(number)),
            }
        })
    }

    /// Whether a comma-separated list holds `member`, without regard to case.
    pub fn lists(self, name: &str, member: &str) -> bool {
        let is_member = |item: &[u8]| item.trim_ascii().eq_ignore_ascii_case(member.as_bytes());
        self.all(name).any(|value| value.split(|&byte| byte == b',').any(is_member))
    }

    fn chunked(self) -> Result<bool, Error> {
        let mut codings = self.all("Transfer-Encoding");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(false),
            (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") => Ok(true),
            (Some(_), _) => Err(Error::Coding),
        }
    }
}

/// Moves bytes of a head from `input`; how many, and whether the head is now whole.
pub(crate) fn collect(head: &mut VecView<u8>, input: &[u8]) -> Result<(usize, bool), Error> {
    for (index, &byte) in input.iter().enumerate() {
        // A CR is followed by LF, and only a CR is.
        let after_cr = head.last() == Some(&b'\r');
        let is_text = matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        if after_cr != (byte == b'\n') || !(is_text || matches!(byte, b'\r' | b'\n')) {
            return Err(Error::Malformed);
        }
        if head.push(byte).is_err() {
            let in_first_line = !head.contains(&b'\n');
            return Err(if in_first_line { Error::TargetTooLong } else { Error::HeadTooLong });
        }
        if byte == b'\n' && **head == *b"\r\n" {
            // RFC 9112 section 2.2: an empty line before the start line is ignored.
            head.clear();
        } else if head.ends_with(b"\r\n\r\n") {
            return Ok((index + 1, true));
        }
    }
    Ok((input.len(), false))
}

/// A decimal number, digits only.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn check(length: httparse::Result<usize>, head: &[u8]) -> Result<(), Error> {
    match length {
        Ok(httparse::Status::Complete(length)) if length == head.len() => Ok(()),
        Ok(_) => Err(Error::Malformed),
        Err(httparse::Error::TooManyHeaders) => Err(Error::HeadTooLong),
        Err(httparse::Error::Version) => Err(Error::Version),
        Err(_) => Err(Error::Malformed),
    }
}

fn keep_alive(minor: u8, headers: Headers<'_>) -> bool {
    minor > 0 && !headers.lists("Connection", "close")
}

fn split_line(head: &[u8]) -> (&[u8], &[u8]) {
    let end = head.iter().position(|&byte| byte == b'\n').unwrap_or(head.len());
    let (line, rest) = head.split_at(end);
    (line.trim_ascii_end(), rest)
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
