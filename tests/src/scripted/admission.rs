//! Who is let in: tokens of every kind, checked as the servers in the field check them.

use super::Admission;
use baton_core::token::{self, Claim, Scheme, jwt};
use baton_wire::credential::parameter;
use baton_wire::http::RequestHead;
use baton_wire::{media, percent};
use std::time::{SystemTime, UNIX_EPOCH};

/// The scene's.
const SECRET: &[u8] = b"a secret of the lab";

impl Admission {
    pub(super) fn admits(self, head: &RequestHead<'_>, length: u64) -> bool {
        let (path, query) = head.path_and_query();
        let Ok(name) = percent::name(path) else { return false };
        let header = head.headers.text("Authorization");
        let bearer = header.and_then(|value| value.strip_prefix("Bearer "));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match self {
            Self::TypeOfHeader => {
                let content_type = head.headers.text("Content-Type").unwrap_or_default();
                is_signed(query, name.as_str(), length, content_type)
            }
            Self::TypeOfName => {
                is_signed(query, name.as_str(), length, media::content_type(name.as_str()))
            }
            Self::Slot => {
                let mut room = [0; jwt::MAX_CLAIMS];
                bearer.is_some_and(|token| {
                    jwt::check(SECRET, token, &mut room)
                        .is_ok_and(|claims| claims.allow(name.as_str(), length, now).is_ok())
                })
            }
            Self::Form => {
                let value = |name| parameter(query, name);
                let expiry = value("expiry").and_then(|text| text.parse().ok()).unwrap_or(0);
                let signed = value("user").zip(bearer);
                name.as_str() == "upload"
                    && now < expiry
                    && signed.is_some_and(|(user, token)| {
                        token::check_bearer(SECRET, token, user, expiry)
                    })
            }
        }
    }
}

fn is_signed(query: Option<&str>, path: &str, length: u64, content_type: &str) -> bool {
    let claim = Claim { method: "PUT", path, length, content_type, expires: 0 };
    parameter(query, "v2").is_some_and(|given| token::check(SECRET, Scheme::V2, given, &claim))
}
