//! Who may upload: a client's own token passes through, others are signed for.

use super::request::Request;
use crate::depot::OwnedToken;
use crate::settings::{Rules, Secret, TokenMode};
use crate::sign::unix_now;
use crate::transfer::{Credential, Proto};
use baton_core::token::{self, Claim, Scheme};
use baton_wire::credential::parameter;

/// What the client brought.
pub(super) fn of(query: Option<&str>, authorization: Option<String>) -> Credential {
    let is_signed = Scheme::ALL.into_iter().any(|scheme| parameter(query, scheme.name()).is_some());
    match (query, authorization) {
        (Some(query), _) if is_signed => Credential::Query(query.to_owned()),
        (_, Some(header)) => Credential::Header(header),
        (_, None) => Credential::None,
    }
}

/// Whether the client shows in another way that it knows the secret, as hmac-file-server has it: by
/// a signature of the path, or a bearer token for `user` until `expiry`. Else why what it shows is
/// wrong.
pub(super) fn vouch(rules: &Rules, request: &Request) -> Result<bool, &'static str> {
    let secret = rules.secret.as_ref().map(Secret::bytes).unwrap_or_default();
    if let Some(signature) = &request.signature {
        return match token::check_signature(secret, signature, &request.path) {
            true => Ok(true),
            false => Err("X-Signature does not fit this path and the agent's secret"),
        };
    }
    let value = |name| parameter(request.query.as_deref(), name);
    let bearer = request.authorization.as_deref().and_then(|header| header.split_once(' '));
    let (Some((_, given)), Some(user), Some(expires)) = (bearer, value("user"), value("expiry"))
    else {
        return Ok(false);
    };
    let expires = expires.parse().unwrap_or(0);
    Ok(expires > unix_now() && token::check_bearer(secret, given.trim(), user, expires))
}

/// Whether a body may be taken at all; else why not. Asked before it comes.
pub(super) fn admit(rules: &Rules, proto: &Proto) -> Result<(), &'static str> {
    let signs = rules.token != TokenMode::Pass && rules.secret.is_some();
    match proto.credential {
        Credential::None if rules.require_token && !proto.is_vouched_for => {
            Err("a token is needed: [relay] auth is \"token\"")
        }
        Credential::None if !signs => {
            Err("no token came with the upload, and the agent has no secret to sign with: \
                 set [security] secret_file")
        }
        Credential::Header(_) if rules.require_token => {
            Err("only v, v2, token and v3 tokens are checked here")
        }
        Credential::None | Credential::Query(_) | Credential::Header(_) => Ok(()),
    }
}

/// With `auth = "token"`, whether the token fits an upload of `total` bytes; else why not. Where
/// tokens only pass through, the upstream judges them.
pub(super) fn check(rules: &Rules, proto: &Proto, total: u64) -> Result<(), &'static str> {
    if is_credible(rules, proto, &Scheme::ALL, total) {
        return Ok(());
    }
    Err("the token does not fit this upload, or has expired")
}

/// Whether a body of unknown length may be taken whole before [`check`]: with `auth = "token"` only
/// on the word of a token that does not sign the length.
pub(super) fn admit_unmeasured(rules: &Rules, proto: &Proto) -> Result<(), &'static str> {
    if is_credible(rules, proto, &[Scheme::V3], 0) {
        return Ok(());
    }
    Err("say the length: [relay] auth is \"token\", and of the tokens only v3 fits a chunked body")
}

/// What is kept of it until the delivery: a token that this agent could have made is not, for it
/// may expire. The agent signs then.
pub(super) fn to_keep(rules: &Rules, proto: &Proto, total: Option<u64>) -> OwnedToken {
    let signs = rules.token != TokenMode::Pass && rules.secret.is_some();
    match &proto.credential {
        Credential::None => OwnedToken::None,
        Credential::Query(query) => {
            let schemes = if total.is_some() { &Scheme::ALL[..] } else { &[Scheme::V3] };
            let is_ours = signs && fits(rules, proto, query, schemes, total.unwrap_or(0));
            if is_ours { OwnedToken::None } else { OwnedToken::Query(query.clone()) }
        }
        Credential::Header(header) => OwnedToken::Header(header.clone()),
    }
}

fn is_credible(rules: &Rules, proto: &Proto, schemes: &[Scheme], length: u64) -> bool {
    match &proto.credential {
        Credential::Query(query) if rules.require_token => {
            fits(rules, proto, query, schemes, length)
        }
        Credential::Query(_) | Credential::Header(_) | Credential::None => true,
    }
}

fn fits(rules: &Rules, proto: &Proto, query: &str, schemes: &[Scheme], length: u64) -> bool {
    let Some(secret) = rules.secret.as_ref().filter(|secret| !secret.bytes().is_empty()) else {
        return false;
    };
    let value = |name| parameter(Some(query), name);
    let expires = value("expires").and_then(|at| at.parse().ok()).unwrap_or(0);
    let fits = |scheme: Scheme, method| {
        let claim =
            Claim { method, path: &proto.name, length, content_type: &proto.content_type, expires };
        value(scheme.name())
            .is_some_and(|given| token::check(secret.bytes(), scheme, given, &claim))
    };
    schemes.iter().any(|&scheme| {
        (scheme != Scheme::V3 || expires > unix_now())
            && proto.methods.iter().any(|method| fits(scheme, method))
    })
}
