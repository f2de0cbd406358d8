//! Where the upstream is.

use crate::setting::Setting;
use core::fmt;

/// An `http://` or `https://` URL that request paths are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    is_https: bool,
    host: String,
    port: u16,
    base: String,
}

impl Url {
    /// Name or address; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    /// The port, the scheme's own if the URL names none: 80 or 443.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What goes before every request path: empty, or a path that starts with a slash and does
    /// not end with one.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The value of a `Host` header: the port only where it is not the scheme's own.
    pub fn authority(&self) -> String {
        let host =
            if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_https) {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority(), self.base)
    }
}

impl Setting for Url {
    const EXAMPLE: &'static str = "http://203.0.113.10:9000";

    fn parse(text: &str) -> Result<Self, &'static str> {
        let wanted = "takes a URL that starts with http:// or https://";
        let (scheme, rest) = text.split_once("://").ok_or(wanted)?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        if !is_https && !scheme.eq_ignore_ascii_case("http") {
            return Err(wanted);
        }
        let (authority, base) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("takes no user or password in the URL: the secret goes in [security]");
        }
        let base = base.trim_end_matches('/');
        if !base.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#')) {
            return Err("takes a path of ASCII without ?, # or spaces: percent-encode it");
        }
        let (host, port) = split_authority(authority, default_port(is_https))?;
        Ok(Self { is_https, host: host.to_ascii_lowercase(), port, base: base.to_owned() })
    }
}

const fn default_port(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

fn split_authority(authority: &str, default: u16) -> Result<(&str, u16), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, port) = v6.split_once(']').ok_or("lacks the ] of its IPv6 address")?;
            host.parse::<core::net::Ipv6Addr>()
                .map_err(|_| "takes an IPv6 address within [ and ]")?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || !host.bytes().all(is_host) {
        return Err("lacks a host name or address after ://");
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok((host, default)),
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => Err("takes a port from 1 to 65535"),
            Ok(port) => Ok((host, port)),
        },
        None => Err("takes nothing but :port after the address"),
    }
}

/// A path on a server that starts and ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPath(String);

impl UrlPath {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Setting for UrlPath {
    const EXAMPLE: &'static str = "/files/";

    fn parse(text: &str) -> Result<Self, &'static str> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#'));
        if plain && text.starts_with('/') && text.ends_with('/') {
            Ok(Self(text.to_owned()))
        } else {
            Err("takes a path of ASCII that starts and ends with /")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_port_defaults_and_the_path_loses_its_last_slash() {
        for (text, host, port, base, authority) in [
            ("http://Example.org", "example.org", 80, "", "example.org"),
            ("http://example.org:80/", "example.org", 80, "", "example.org"),
            ("http://203.0.113.10:9000/up//", "203.0.113.10", 9000, "/up", "203.0.113.10:9000"),
            ("HTTP://[2001:db8::1]:81/a/b", "2001:db8::1", 81, "/a/b", "[2001:db8::1]:81"),
            ("http://[::1]", "::1", 80, "", "[::1]"),
            ("https://example.org/a/", "example.org", 443, "/a", "example.org"),
            ("HTTPS://example.org:443", "example.org", 443, "", "example.org"),
            ("https://example.org:80", "example.org", 80, "", "example.org:80"),
            ("http://example.org:443", "example.org", 443, "", "example.org:443"),
        ] {
            let url = Url::parse(text).unwrap();
            let scheme = if text.to_lowercase().starts_with("https") { "https" } else { "http" };

            assert_eq!((url.host(), url.port(), url.base()), (host, port, base), "{text}");
            assert_eq!(url.authority(), authority);
            assert_eq!(url.to_string(), format!("{scheme}://{authority}{base}"));
        }
    }

    #[test]
    fn what_can_not_be_reached_is_refused_with_the_reason() {
        for (text, reason) in [
            ("example.org:80", "starts with http://"),
            ("ftp://example.org", "starts with http://"),
            ("https://", "host name"),
            ("https://:443", "host name"),
            ("http://", "host name"),
            ("http://:80/", "host name"),
            ("http://a b/", "host name"),
            ("http://me:pw@example.org/", "[security]"),
            ("http://example.org:0", "65535"),
            ("http://example.org:65536", "65535"),
            ("http://example.org:", "65535"),
            ("http://[::1", "]"),
            ("http://[zz]", "IPv6"),
            ("http://[::1]80", ":port"),
            ("http://example.org/a?b=c", "percent-encode"),
            ("http://example.org?b=c", "percent-encode"),
            ("http://example.org/a b", "percent-encode"),
        ] {
            let why = Url::parse(text).unwrap_err();
            assert!(why.contains(reason), "{text}: {why}");
        }
    }

    #[test]
    fn a_url_path_has_both_slashes() {
        assert!(UrlPath::parse("/").is_ok() && UrlPath::parse("/files/").is_ok());
        for text in ["", "files/", "/files", "/a b/", "/a?/"] {
            assert!(UrlPath::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(
            scheme in "https?",
            host in "[a-z][a-z0-9.-]{0,9}|[0-9]{1,3}\\.0\\.0\\.1|\\[fd00::[1-9]\\]",
            port in 1u16..,
            base in "(/[a-z0-9%]{1,4}){0,3}",
        ) {
            let url = Url::parse(&format!("{scheme}://{host}:{port}{base}")).unwrap();
            prop_assert_eq!(Url::parse(&url.to_string()), Ok(url));
        }

        #[test]
        fn no_text_panics(text in "(https?://)?\\PC{0,20}") {
            let _ = Url::parse(&text);
        }
    }
}
