//! How requests to the upstream are authorised.

use crate::hub::Hub;
use crate::settings::{Rules, Secret, SignedType, TokenMode};
use crate::transfer::{Credential, Transfer};
use baton_core::token::jwt::{self, Slot};
use baton_core::token::{self, Claim, Scheme};
use baton_hal::Transport;
use baton_wire::media;
use std::time::{SystemTime, UNIX_EPOCH};

/// A request's credential, ready to be sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Query string without `?`, or empty.
    pub(crate) query: String,
    /// Authorization header's value.
    pub(crate) header: Option<String>,
}

impl Signed {
    /// `path` with the token behind it.
    pub(crate) fn target(&self, path: &str) -> String {
        if self.query.is_empty() { path.to_owned() } else { format!("{path}?{}", self.query) }
    }
}

/// Who it is that uploads, where a token says so: no server that checks one knows the LAN's clients.
const SUBJECT: &str = "baton";

impl<T: Transport> Hub<T> {
    /// Signs for the upload as a whole, unless the client brought its own token.
    pub(crate) fn sign(&self, transfer: &Transfer, method: &str) -> Signed {
        let rules = self.rules.borrow();
        match (&transfer.credential, &rules.secret) {
            (Credential::Query(query), _) => Signed { query: query.clone(), header: None },
            (Credential::Header(header), _) => {
                Signed { query: String::new(), header: Some(header.clone()) }
            }
            (Credential::None, Some(secret)) => {
                make(&rules, secret, transfer, method, self.signed_type(transfer))
            }
            (Credential::None, None) => Signed::default(),
        }
    }

    fn signed_type(&self, transfer: &Transfer) -> SignedType {
        transfer.signed_type.get().unwrap_or(self.upstream.signed_type.get())
    }

    /// The token was refused: whether it is worth to take the content type from elsewhere, once.
    pub(crate) fn sign_otherwise(&self, transfer: &Transfer) -> bool {
        let mode = self.rules.borrow().token;
        let is_signed = matches!(mode, TokenMode::Sign(Scheme::V2 | Scheme::Token))
            && transfer.credential == Credential::None;
        let is_other = media::content_type(&transfer.name) != transfer.content_type;
        // What has left can't be repeated where it was not kept.
        if !is_signed || !is_other || transfer.signed_type.get().is_some() || !transfer.is_held() {
            return false;
        }
        transfer.signed_type.set(Some(match self.upstream.signed_type.get() {
            SignedType::Header => SignedType::Extension,
            SignedType::Extension => SignedType::Header,
        }));
        true
    }

    /// The token was taken.
    pub(crate) fn on_admitted(&self, transfer: &Transfer) {
        if let Some(other) = transfer.signed_type.get()
            && self.upstream.signed_type.replace(other) != other
        {
            tracing::warn!(
                from = ?other,
                "tokens with the other content type were refused: see [upstream] token_type_from"
            );
        }
    }
}

fn make(
    rules: &Rules,
    secret: &Secret,
    transfer: &Transfer,
    method: &str,
    signed_type: SignedType,
) -> Signed {
    let (name, now) = (transfer.name.as_str(), unix_now());
    let expires = now + rules.token_lifetime.as_secs();
    let content_type = match signed_type {
        SignedType::Header => transfer.content_type.as_str(),
        SignedType::Extension => media::content_type(name),
    };
    match rules.token {
        TokenMode::Sign(scheme) => {
            let claim = Claim { method, path: name, length: transfer.total, content_type, expires };
            let token = token::make(secret.bytes(), scheme, &claim);
            let mut query = format!("{}={}", scheme.name(), token.as_str());
            if scheme == Scheme::V3 {
                query.push_str(&format!("&expires={expires}"));
            }
            Signed { query, header: None }
        }
        TokenMode::Jwt => {
            let (slot, filename) = name.split_once('/').unwrap_or((name, name));
            let slot = Slot {
                subject: SUBJECT,
                issued_at: now,
                slot,
                filename,
                filesize: transfer.total,
                filetype: &transfer.content_type,
                expires: None,
            };
            let header = Some(format!("Bearer {}", jwt::make(secret.bytes(), &slot)));
            Signed { query: String::new(), header }
        }
        TokenMode::Bearer => {
            let token = token::bearer(secret.bytes(), SUBJECT, expires);
            Signed {
                query: format!("user={SUBJECT}&expiry={expires}"),
                header: Some(format!("Bearer {}", token.as_str())),
            }
        }
        TokenMode::Pass => Signed::default(),
    }
}

/// Seconds since 1970: tokens expire by the wall clock.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
