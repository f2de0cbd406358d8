//! HMAC-SHA256 upload tokens, as the servers in the field sign and check them.
//!
//! | scheme | signed bytes |
//! |---|---|
//! | `v` | path, space, length |
//! | `v2`, `token` | path, NUL, length, NUL, content type |
//! | `v3` | method, LF, expiry, LF, `/`, path |
//! | `X-Signature` | the URL path, with its `/` |
//! | bearer | user, NUL, expiry |
//! | JWT | see [`jwt`] |
//!
//! A check tells whether the token belongs to the claim; whether an expiry has passed is for
//! the caller, who has the clock.

pub mod jwt;

use crate::base64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How a token in the query string is signed; each is the value of the parameter of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Path and length: mod_http_upload_external's first version, and ejabberd's only one.
    V,
    /// Path, length and content type.
    V2,
    /// Signed as [`Self::V2`], under hmac-file-server's name for it.
    Token,
    /// Method, path and expiry, but no length; `expires` goes beside it in the query.
    V3,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 4] = [Self::V, Self::V2, Self::Token, Self::V3];

    /// The query parameter, and the name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V => "v",
            Self::V2 => "v2",
            Self::Token => "token",
            Self::V3 => "v3",
        }
    }

    /// The scheme of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scheme| scheme.name() == name)
    }
}

/// What a token vouches for. Each scheme signs a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// HTTP method, upper case.
    pub method: &'a str,
    /// URL path, percent-decoded, without its leading slash.
    pub path: &'a str,
    /// Content-Length in bytes.
    pub length: u64,
    /// Media type, exactly as the checking server sees it.
    pub content_type: &'a str,
    /// Unix seconds; only `v3` signs it.
    pub expires: u64,
}

/// A token's text. Whoever holds it may upload: it has no `Debug`, so that it stays out of logs.
#[derive(Clone, Copy)]
pub struct Text<const N: usize>([u8; N]);

/// 64 lower-case hexadecimal digits.
pub type Hex = Text<64>;

/// 32 bytes in standard base64, padded.
pub type Base64 = Text<44>;

impl<const N: usize> Text<N> {
    /// The text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("only ASCII is ever put in")
    }

    fn matches(&self, given: &[u8]) -> bool {
        self.0[..].ct_eq(given).into()
    }
}

/// The token for `claim`.
pub fn make(secret: &[u8], scheme: Scheme, claim: &Claim<'_>) -> Hex {
    let path = claim.path.as_bytes();
    let length = Decimal::new(claim.length);
    let mac = match scheme {
        Scheme::V => mac(secret, &[path, b" ", length.as_bytes()]),
        Scheme::V2 | Scheme::Token => {
            let content_type = claim.content_type.as_bytes();
            mac(secret, &[path, b"\0", length.as_bytes(), b"\0", content_type])
        }
        Scheme::V3 => {
            let expires = Decimal::new(claim.expires);
            mac(secret, &[claim.method.as_bytes(), b"\n", expires.as_bytes(), b"\n/", path])
        }
    };
    hex(&mac)
}

/// Whether `given`, in upper or lower case, is the token for `claim`. Takes the same time
/// however much of it is right. An empty secret vouches for nothing.
pub fn check(secret: &[u8], scheme: Scheme, given: &str, claim: &Claim<'_>) -> bool {
    is_hex(secret, given, &make(secret, scheme, claim))
}

/// The `X-Signature` header for a request to `path`, which keeps its leading slash.
pub fn signature(secret: &[u8], path: &str) -> Hex {
    hex(&mac(secret, &[path.as_bytes()]))
}

/// Whether `given` is the [`signature`] of `path`; see [`check`].
pub fn check_signature(secret: &[u8], given: &str, path: &str) -> bool {
    is_hex(secret, given, &signature(secret, path))
}

/// The `Authorization: Bearer` value for `user` until `expires` (unix seconds).
pub fn bearer(secret: &[u8], user: &str, expires: u64) -> Base64 {
    base64(&mac(secret, &[user.as_bytes(), b"\0", Decimal::new(expires).as_bytes()]))
}

/// Whether `given` is the [`bearer`] value for `user` and `expires`; see [`check`].
pub fn check_bearer(secret: &[u8], given: &str, user: &str, expires: u64) -> bool {
    !secret.is_empty() && bearer(secret, user, expires).matches(given.as_bytes())
}

fn is_hex(secret: &[u8], given: &str, expected: &Hex) -> bool {
    let Ok(given) = <[u8; 64]>::try_from(given.as_bytes()) else {
        return false;
    };
    !secret.is_empty() && expected.matches(&given.map(|digit| digit.to_ascii_lowercase()))
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = keyed(secret);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    KeyInit::new_from_slice(secret).expect("HMAC takes a key of any length")
}

fn hex(mac: &[u8; 32]) -> Hex {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    Text(core::array::from_fn(|i| {
        let byte = mac[i / 2];
        DIGITS[usize::from(if i % 2 == 0 { byte >> 4 } else { byte & 15 })]
    }))
}

// 32 bytes are ten groups of three and one of two: exactly one `=`.
fn base64(mac: &[u8; 32]) -> Base64 {
    let mut text = [0; 44];
    for (digits, bytes) in text.chunks_exact_mut(4).zip(mac.chunks(3)) {
        digits.copy_from_slice(&base64::standard_group(bytes));
    }
    Text(text)
}

/// A number in decimal, right-aligned; 20 digits hold any `u64`.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn new(mut number: u64) -> Self {
        let mut decimal = Self { digits: [b'0'; 20], start: 20 };
        loop {
            decimal.start -= 1;
            decimal.digits[decimal.start] += (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return decimal;
            }
        }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.digits[self.start..]
    }
}

#[cfg(test)]
mod tests;
