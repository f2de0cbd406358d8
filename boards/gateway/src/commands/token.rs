//! `baton token`: makes upload tokens, and says of one that is refused what is wrong with it.

use super::{print, settings, unix_now};
use crate::cli::{CheckArgs, Globals, MakeArgs, TokenCommand};
use crate::failure::Failure;
use crate::span::span;
use baton_core::token::{self, Claim, Scheme};
use baton_wire::media;
use baton_wire::{credential, percent};
use core::time::Duration;
use serde_json::json;

/// `baton token make` and `baton token check`.
pub(crate) fn run(globals: &Globals, command: &TokenCommand) -> Result<(), Failure> {
    match command {
        TokenCommand::Make(args) => make(globals, args),
        TokenCommand::Check(args) => check(globals, args),
    }
}

fn make(globals: &Globals, args: &MakeArgs) -> Result<(), Failure> {
    let secret = settings::secret(globals, args.signing.secret_file.as_deref())?;
    let needed = |name| Failure::Usage(format!("a {} token signs {name}", args.scheme.name()));
    let (length, expires) = match args.scheme {
        Scheme::V3 => (0, args.expires.ok_or_else(|| needed("when it ends: give --expires"))?),
        Scheme::V | Scheme::V2 | Scheme::Token => {
            (args.size.ok_or_else(|| needed("the length: give --size"))?, 0)
        }
    };
    let path = args.path.trim_start_matches('/');
    let content_type = args.signing.content_type.as_deref();
    let claim = Claim {
        method: &args.signing.method,
        path,
        length,
        content_type: content_type.unwrap_or_else(|| media::content_type(path)),
        expires,
    };
    let query = query(secret.as_bytes(), args.scheme, &claim);
    if globals.json {
        let data = json!({"query": query, "scheme": args.scheme.name(), "path": path,
                          "size": args.size, "type": claim.content_type, "expires": args.expires});
        return print(&data.to_string());
    }
    print(&query)
}

/// The query string that carries the token for `claim`.
pub(crate) fn query(secret: &[u8], scheme: Scheme, claim: &Claim<'_>) -> String {
    let token = token::make(secret, scheme, claim);
    let expires = match scheme {
        Scheme::V3 => format!("&expires={}", claim.expires),
        Scheme::V | Scheme::V2 | Scheme::Token => String::new(),
    };
    format!("{}={}{expires}", scheme.name(), token.as_str())
}

fn check(globals: &Globals, args: &CheckArgs) -> Result<(), Failure> {
    let given = Given::read(&args.url)?;
    if args.size.is_none() && given.scheme != Scheme::V3 {
        let scheme = given.scheme.name();
        return Err(Failure::Usage(format!("a {scheme} token signs the length: give --size")));
    }
    let secret = settings::secret(globals, args.signing.secret_file.as_deref())?;
    let content_type = args.signing.content_type.as_deref();
    let claim = Claim {
        method: &args.signing.method,
        path: &given.path,
        length: args.size.unwrap_or(0),
        content_type: content_type.unwrap_or_else(|| media::content_type(&given.path)),
        expires: given.expires,
    };
    let reason = verdict(secret.as_bytes(), &given, &claim, unix_now());
    if globals.json {
        let data = json!({"valid": reason.is_none(), "reason": reason,
                          "scheme": given.scheme.name(), "path": given.path});
        print(&data.to_string())?;
    }
    match reason {
        Some(reason) => Err(Failure::No(format!("not valid: {reason}"))),
        None if globals.json => Ok(()),
        None => print("valid"),
    }
}

/// What a URL says about itself.
#[derive(Debug)]
struct Given {
    scheme: Scheme,
    token: String,
    /// As it stands in the URL, without its leading slash.
    raw_path: String,
    /// Percent-decoded.
    path: String,
    expires: u64,
}

impl Given {
    fn read(url: &str) -> Result<Self, Failure> {
        let no = |why: &str| Failure::No(format!("not valid: {why}"));
        let url = url.split('#').next().unwrap_or(url);
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let start = rest.find('/').ok_or_else(|| no("the URL has no path"))?;
        let (raw_path, query) =
            rest[start..].split_once('?').ok_or_else(|| no("the URL has no query"))?;
        let value = |name| credential::parameter(Some(query), name);
        // The order in which servers look, where a URL carries several.
        let (scheme, token) = [Scheme::V2, Scheme::Token, Scheme::V, Scheme::V3]
            .into_iter()
            .find_map(|scheme| Some((scheme, value(scheme.name())?)))
            .ok_or_else(|| no("none of v, v2, token, v3 is in its query"))?;
        let expires = match scheme {
            Scheme::V3 => value("expires")
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| no("a v3 token needs expires=SECONDS beside it"))?,
            Scheme::V | Scheme::V2 | Scheme::Token => 0,
        };
        let path = percent::name(raw_path).map_err(|e| no(&e.to_string()))?.to_string();
        let raw_path = raw_path.trim_start_matches('/').to_owned();
        Ok(Self { scheme, token: token.to_owned(), raw_path, path, expires })
    }
}

/// Why the token is refused; `None`: it is valid.
fn verdict(secret: &[u8], given: &Given, claim: &Claim<'_>, now: u64) -> Option<String> {
    if given.token.len() != 64 || !given.token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let length = given.token.len();
        return Some(format!("a token is 64 hexadecimal digits, this is {length} characters"));
    }
    if !token::check(secret, given.scheme, &given.token, claim) {
        return Some(usual_mistake(secret, given, claim).unwrap_or_else(|| {
            "signed with another secret, for another path, length, type or time, or changed on \
             the way; none of the usual mistakes explains it"
                .to_owned()
        }));
    }
    let late = now.saturating_sub(claim.expires);
    let ended = given.scheme == Scheme::V3 && late > 0;
    ended.then(|| format!("it ended {} ago", span(Duration::from_secs(late))))
}

/// The one slip of a signer that would explain the token.
fn usual_mistake(secret: &[u8], given: &Given, claim: &Claim<'_>) -> Option<String> {
    let signed = |secret: &[u8], scheme, claim: &Claim<'_>| {
        token::check(secret, scheme, &given.token, claim)
    };
    if signed(&[secret, b"\n"].concat(), given.scheme, claim) {
        return Some("the newline that ends the secret file was taken for a part of it".to_owned());
    }
    for path in other_paths(given) {
        if signed(secret, given.scheme, &Claim { path: &path, ..*claim }) {
            return Some(format!("it is signed for the path {path}, not {}", claim.path));
        }
    }
    for content_type in CONTENT_TYPES {
        if signed(secret, given.scheme, &Claim { content_type, ..*claim }) {
            let claimed = claim.content_type;
            return Some(format!("it is signed for type \"{content_type}\", not \"{claimed}\""));
        }
    }
    for method in ["PUT", "POST", "GET", "HEAD"] {
        if signed(secret, given.scheme, &Claim { method, ..*claim }) {
            return Some(format!("it is signed for {method}, not {}", claim.method));
        }
    }
    let scheme = Scheme::ALL.into_iter().find(|scheme| signed(secret, *scheme, claim))?;
    Some(format!("it is a {} token under the name {}", scheme.name(), given.scheme.name()))
}

/// Types that signers fall back to, or that servers derive.
const CONTENT_TYPES: [&str; 8] = [
    media::UNKNOWN,
    "",
    "text/plain",
    "text/plain; charset=utf-8",
    "image/jpeg",
    "image/png",
    "video/mp4",
    "application/pdf",
];

/// The path as it stands in the URL, with its slash, and without each base path it may have.
fn other_paths(given: &Given) -> Vec<String> {
    let below = given.path.match_indices('/').map(|(slash, _)| given.path[slash + 1..].to_owned());
    let mut paths: Vec<String> = below.collect();
    paths.push(given.raw_path.clone());
    paths.push(format!("/{}", given.path));
    paths
}
