//! The URLs that are configured, and those that servers answer with.

use core::fmt;
use heapless::{String, Vec};

/// The longest path and query of an upload's URL.
pub const MAX_TARGET: usize = 512;

/// A path and query, encoded, as it goes into a request line.
pub type Target = String<MAX_TARGET>;

/// `http(s)://host:port/base`, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Whether it is `https`.
    pub tls: bool,
    /// Host and port as written, which is what `Host` carries.
    pub authority: &'a str,
    /// The host alone; an IPv6 address is without its brackets.
    pub host: &'a str,
    /// The port, the scheme's own if none is written.
    pub port: u16,
    /// The path without a slash at its end: empty, or `/a/b`.
    pub base: &'a str,
}

/// Why a URL is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// No host, a bad port, or a user name.
    Authority,
    /// A query, a fragment, or a character that has to be encoded.
    Path,
}

/// Why the `Location` of an answer is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocationError {
    /// It points to another server.
    Foreign,
    /// It is no URL.
    Malformed,
    /// It has more than [`MAX_TARGET`] bytes.
    TooLong,
}

impl<'a> Url<'a> {
    /// Splits an absolute URL.
    pub fn parse(url: &'a str) -> Result<Self, UrlError> {
        let (tls, rest) = split_scheme(url).ok_or(UrlError::Scheme)?;
        let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(start);
        if path.contains(['?', '#']) || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlError::Path);
        }
        let (host, port) = split_authority(authority, tls).ok_or(UrlError::Authority)?;
        Ok(Self { tls, authority, host, port, base: path.trim_end_matches('/') })
    }
}

/// What a reference in `Location` means (RFC 3986 section 5.2), on the same server only.
/// `authority` and `base` are those of the request that it answers. The scheme may be the other
/// one: a proxy that ends TLS often hides it from the server behind.
pub fn resolve(authority: &str, base: &str, location: &str) -> Result<Target, LocationError> {
    let location = location.split('#').next().unwrap_or_default();
    if location.is_empty() || !location.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(LocationError::Malformed);
    }
    let absolute = split_scheme(location).map(|(_, rest)| rest);
    if let Some(rest) = absolute.or_else(|| location.strip_prefix("//")) {
        let start = rest.find(['/', '?']).unwrap_or(rest.len());
        let (other, path) = rest.split_at(start);
        return if same_authority(authority, other) {
            normalise("", path)
        } else {
            Err(LocationError::Foreign)
        };
    }
    let base = base.split('?').next().unwrap_or_default();
    if location.starts_with('/') {
        normalise("", location)
    } else if location.starts_with('?') {
        normalise(base, location)
    } else if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
        // Another scheme.
        Err(LocationError::Foreign)
    } else {
        normalise(&base[..base.rfind('/').map_or(0, |slash| slash + 1)], location)
    }
}

/// Puts `path` behind `folder` and removes dot segments (RFC 3986 section 5.2.4).
fn normalise(folder: &str, path: &str) -> Result<Target, LocationError> {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut out = Vec::<u8, MAX_TARGET>::new();
    let add = |out: &mut Vec<u8, MAX_TARGET>, text: &str| {
        out.extend_from_slice(text.as_bytes()).map_err(|_| LocationError::TooLong)
    };
    let folder = folder.strip_prefix('/').unwrap_or(folder);
    let path = if folder.is_empty() { path.strip_prefix('/').unwrap_or(path) } else { path };
    add(&mut out, "/")?;
    let whole = folder.split_inclusive('/').chain(path.split_inclusive('/'));
    for part in whole {
        match part.trim_end_matches('/') {
            "." => {}
            ".." => {
                let parent = out[..out.len() - 1].iter().rposition(|&byte| byte == b'/');
                out.truncate(parent.map_or(1, |slash| slash + 1));
            }
            _ => add(&mut out, part)?,
        }
    }
    add(&mut out, query)?;
    String::from_utf8(out).map_err(|_| LocationError::Malformed)
}

fn split_scheme(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    if scheme.eq_ignore_ascii_case("http") {
        Some((false, rest))
    } else {
        scheme.eq_ignore_ascii_case("https").then_some((true, rest))
    }
}

fn split_authority(authority: &str, tls: bool) -> Option<(&str, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            let is_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
            (host.bytes().all(is_address).then_some(host)?, port)
        }
        None => {
            let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            (host.bytes().all(is_name).then_some(host)?, port)
        }
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => u16::try_from(crate::http::head::decimal(digits.as_bytes())?).ok()?,
        None if port.is_empty() => {
            if tls {
                443
            } else {
                80
            }
        }
        None => return None,
    };
    (!host.is_empty() && port > 0).then_some((host, port))
}

/// Equal but for case and a default port that only one of them writes.
fn same_authority(ours: &str, theirs: &str) -> bool {
    let bare = |authority| {
        ["80", "443"].into_iter().find_map(|port| strip_port(authority, port)).unwrap_or(authority)
    };
    ours.eq_ignore_ascii_case(theirs) || bare(ours).eq_ignore_ascii_case(bare(theirs))
}

fn strip_port<'a>(authority: &'a str, port: &str) -> Option<&'a str> {
    authority.strip_suffix(port)?.strip_suffix(':')
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "not http:// or https://",
            Self::Authority => "bad host or port",
            Self::Path => "query, fragment or unencoded character",
        })
    }
}

impl fmt::Display for LocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "location on another server",
            Self::Malformed => "malformed location",
            Self::TooLong => "location too long",
        })
    }
}

#[cfg(test)]
mod tests;
