//! Who may store what.

use crate::user::{NotAUser, User};
use baton_core::token::{self, Claim, Scheme, jwt};
use baton_wire::{
    chunked::SIGNATURE,
    credential::{Credential, parameter},
    http::RequestHead,
    percent,
};
use core::fmt;

/// What a request wants to store.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// The methods that a `v3` token may be for: a token made for a PUT is good for the creation
    /// of an upload, too, so that a relay may pass it through.
    pub(crate) methods: &'a [&'a str],
    /// The file's name.
    pub(crate) name: &'a str,
    /// Its length, if that is known.
    pub(crate) length: Option<u64>,
    /// Its media type; `application/octet-stream` if the client does not say.
    pub(crate) content_type: Option<&'a str>,
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It shows no token.
    Missing,
    /// The token is not for this request.
    Wrong,
    /// It was, until its time ran out.
    Expired,
    /// The token vouches for a length, and the request has none.
    NoLength,
    /// The token is for somebody whose name can't be one.
    User(NotAUser),
    /// The JSON web token is not for this request.
    Jwt(jwt::Refusal),
}

/// The same for requests that hmac-file-server takes with an `X-Signature`, too. It signs the path
/// of the request and nothing else.
pub(crate) fn check_signed(
    secret: &[u8],
    head: &RequestHead<'_>,
    wanted: &Wanted<'_>,
    now_s: u64,
) -> Result<Option<User>, Denied> {
    let Some(signature) = head.headers.text(SIGNATURE) else {
        return check(secret, head, wanted, now_s);
    };
    match token::check_signature(secret, signature, head.path_and_query().0) {
        true => Ok(None),
        false => Err(Denied::Wrong),
    }
}

/// Checks the token that the request shows; whom it names, if anybody. A bearer token is
/// `v2=HEX`, as in a query, or only the digits (which tell `v`, `v2` and, beside `expires` in the
/// query, `v3` by trying), the base64 of hmac-file-server beside `user` and `expiry`, or a JSON
/// web token of Prosody's.
pub(crate) fn check(
    secret: &[u8],
    head: &RequestHead<'_>,
    wanted: &Wanted<'_>,
    now_s: u64,
) -> Result<Option<User>, Denied> {
    let (_, query) = head.path_and_query();
    match Credential::of(head) {
        None => Err(Denied::Missing),
        Some(Credential::Query { token, .. }) if is_jwt(token) => {
            wanted.check_jwt(secret, token, now_s)
        }
        Some(Credential::Bearer(token)) if is_jwt(token) => wanted.check_jwt(secret, token, now_s),
        Some(Credential::Query { scheme, token, expires }) => {
            wanted.check(secret, scheme, token, expires, now_s).map(|()| None)
        }
        Some(Credential::Bearer(text)) => {
            let expires = |query| parameter(query, "expires").and_then(|s| s.parse().ok());
            for scheme in Scheme::ALL {
                if let Some(token) = parameter(Some(text), scheme.name()) {
                    let verdict = wanted.check(secret, scheme, token, expires(Some(text)), now_s);
                    return verdict.map(|()| None);
                }
            }
            let user = parameter(query, "user").zip(parameter(query, "expiry"));
            if let Some((user, expiry)) = user {
                let expiry = expiry.parse().map_err(|_| Denied::Wrong)?;
                let user = percent::name(&format!("/{user}")).map_err(|_| Denied::Wrong)?;
                let is_right = token::check_bearer(secret, text, &user, expiry);
                timely(is_right, expiry, now_s)?;
                return User::parse(&user).map(Some).map_err(Denied::User);
            }
            let check = |scheme| wanted.check(secret, scheme, text, expires(query), now_s);
            match check(Scheme::V3) {
                Err(Denied::Wrong) => check(Scheme::V2).or_else(|_| check(Scheme::V)),
                verdict => verdict,
            }
            .map(|()| None)
        }
    }
}

fn is_jwt(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Wanted<'_> {
    fn check_jwt(&self, secret: &[u8], token: &str, now_s: u64) -> Result<Option<User>, Denied> {
        let length = self.length.ok_or(Denied::NoLength)?;
        let mut room = [0; jwt::MAX_CLAIMS];
        let claims = jwt::check(secret, token, &mut room).map_err(Denied::Jwt)?;
        claims.allow(self.name, length, now_s).map_err(Denied::Jwt)?;
        let user = claims.subject().map(|subject| User::parse(&subject.to_string()));
        user.transpose().map_err(Denied::User)
    }

    fn check(
        &self,
        secret: &[u8],
        scheme: Scheme,
        given: &str,
        expires: Option<u64>,
        now_s: u64,
    ) -> Result<(), Denied> {
        let claim = Claim {
            method: "",
            path: self.name,
            length: self.length.unwrap_or_default(),
            content_type: self.content_type.unwrap_or("application/octet-stream"),
            expires: expires.unwrap_or_default(),
        };
        match scheme {
            Scheme::V3 => {
                let expires = expires.ok_or(Denied::Wrong)?;
                let is_right = self
                    .methods
                    .iter()
                    .any(|method| token::check(secret, scheme, given, &Claim { method, ..claim }));
                timely(is_right, expires, now_s)
            }
            Scheme::V | Scheme::V2 | Scheme::Token if self.length.is_none() => {
                Err(Denied::NoLength)
            }
            Scheme::V | Scheme::V2 | Scheme::Token => {
                let is_right = token::check(secret, scheme, given, &claim);
                if is_right { Ok(()) } else { Err(Denied::Wrong) }
            }
        }
    }
}

fn timely(is_right: bool, expires: u64, now_s: u64) -> Result<(), Denied> {
    match is_right {
        false => Err(Denied::Wrong),
        true if expires < now_s => Err(Denied::Expired),
        true => Ok(()),
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => {
                "no token: sign the request with the secret (v, v2, token, v3 or Bearer)"
            }
            Self::Wrong => "the token does not match name, length, type or secret",
            Self::Expired => "the token has expired",
            Self::User(error) => return error.fmt(f),
            Self::Jwt(refusal) => return refusal.fmt(f),
            Self::NoLength => "the token signs a length: declare it, or use v3",
        })
    }
}

#[cfg(test)]
mod tests;
