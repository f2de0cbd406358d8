//! What a request shows to be let in.

use crate::http::{RequestHead, head::decimal};
use baton_core::token::Scheme;
use core::fmt;

/// A token, unchecked. Its `Debug` hides it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// A query parameter of one of the token schemes.
    Query {
        /// Which.
        scheme: Scheme,
        /// Its value.
        token: &'a str,
        /// `expires` beside it, in Unix seconds; the scheme `v3` has it.
        expires: Option<u64>,
    },
    /// `Authorization: Bearer`.
    Bearer(&'a str),
}

/// The schemes in the order in which hmac-file-server looks for them, its `v3` last.
const PRECEDENCE: [Scheme; 4] = [Scheme::V2, Scheme::Token, Scheme::V, Scheme::V3];

impl<'a> Credential<'a> {
    /// The one that a request shows. A token in the query goes before the header.
    pub fn of(head: &RequestHead<'a>) -> Option<Self> {
        let (_, query) = head.path_and_query();
        let in_query = PRECEDENCE.into_iter().find_map(|scheme| {
            let token = parameter(query, scheme.name())?;
            let expires = parameter(query, "expires").and_then(|s| decimal(s.as_bytes()));
            Some(Self::Query { scheme, token, expires })
        });
        in_query.or_else(|| {
            let (kind, token) = head.headers.text("Authorization")?.split_once(' ')?;
            kind.eq_ignore_ascii_case("Bearer").then_some(Self::Bearer(token.trim()))
        })
    }
}

/// The first value of a query parameter, undecoded.
pub fn parameter<'a>(query: Option<&'a str>, name: &str) -> Option<&'a str> {
    query?.split('&').find_map(|pair| match pair.split_once('=') {
        Some((other, value)) => (other == name).then_some(value),
        None => (pair == name).then_some(""),
    })
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query { scheme, .. } => write!(f, "Query({})", scheme.name()),
            Self::Bearer(_) => f.write_str("Bearer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &str) -> Option<Credential<'_>> {
        Credential::of(&RequestHead::parse(request.as_bytes()).unwrap())
    }

    #[test]
    fn v2_goes_before_token_before_v_before_v3_before_bearer() {
        let query = |scheme, token| Some(Credential::Query { scheme, token, expires: None });
        let cases = [
            ("?v3=d&v=c&token=b&v2=a", query(Scheme::V2, "a")),
            ("?v3=d&v=c&token=b", query(Scheme::Token, "b")),
            ("?v3=d&v=c", query(Scheme::V, "c")),
            ("?v3=d", query(Scheme::V3, "d")),
            ("?v22=a&x=v2", Some(Credential::Bearer("s3cret"))),
            ("", Some(Credential::Bearer("s3cret"))),
        ];

        for (suffix, expected) in cases {
            let head = format!(
                "PUT /a{suffix} HTTP/1.1\r\nHost: h\r\nauthorization: bearer  s3cret \r\n\r\n"
            );
            assert_eq!(of(&head), expected, "{suffix}");
        }
    }

    #[test]
    fn an_expiry_is_read_beside_the_token() {
        let head = "PUT /a?v3=d&expires=1800000000 HTTP/1.1\r\nHost: h\r\n\r\n";
        let expires = Some(1_800_000_000);
        assert_eq!(of(head), Some(Credential::Query { scheme: Scheme::V3, token: "d", expires }));

        let head = "PUT /a?v3=d&expires=-1 HTTP/1.1\r\nHost: h\r\n\r\n";
        assert_eq!(
            of(head),
            Some(Credential::Query { scheme: Scheme::V3, token: "d", expires: None })
        );
    }

    #[test]
    fn other_authentication_is_no_credential() {
        assert_eq!(of("PUT /a HTTP/1.1\r\nHost: h\r\nAuthorization: Basic eDp5\r\n\r\n"), None);
        assert_eq!(of("PUT /a HTTP/1.1\r\nHost: h\r\n\r\n"), None);
    }

    #[test]
    fn debug_output_hides_the_token() {
        let bearer = format!("{:?}", Credential::Bearer("s3cret"));
        let query = Credential::Query { scheme: Scheme::V2, token: "s3cret", expires: None };

        assert_eq!(bearer, "Bearer");
        assert_eq!(format!("{query:?}"), "Query(v2)");
    }
}
