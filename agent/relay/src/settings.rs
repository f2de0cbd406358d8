//! What the agent is told, already parsed: the configuration package fills it in.

use baton_core::token::Scheme;
use baton_core::{ClientId, Duration, LinkSpec, Policy};
use core::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;

/// Everything that `baton run` needs.
#[derive(Clone)]
pub struct Settings {
    /// What may change while the agent runs.
    pub rules: Rules,
    /// Clients at once; one more waits in the listen backlog.
    pub max_clients: u16,
    /// Folder for replays.
    pub spool_dir: PathBuf,
    /// Bytes that it may hold.
    pub spool_size: u64,
    /// Who has an address on the LAN.
    pub client_id: Rc<dyn Fn(IpAddr) -> ClientId>,
    /// Where uploads go.
    pub upstream: UpstreamSettings,
}

/// What may change while the agent runs: SIGHUP reads it again.
#[derive(Clone)]
pub struct Rules {
    /// How long a client may say nothing in the middle of a request, or before one.
    pub patience: Duration,
    /// How long an upload waits for its client to come back.
    pub session_timeout: Duration,
    /// A download whose link dies goes on over another.
    pub resume_downloads: bool,
    /// A download of unknown length has an end that can be told from a cut.
    pub chunk_downloads: bool,
    /// How long uploads may take to end after the agent was told to stop.
    pub drain: Duration,
    /// Refuse every request without a valid token, wherever it comes from.
    pub require_token: bool,
    /// Whether a file of that name is taken at all.
    pub takes: Rc<dyn Fn(&str) -> bool>,
    /// How requests are signed where the client brought no token.
    pub token: TokenMode,
    /// How long a v3 or bearer token is good for.
    pub token_lifetime: Duration,
    /// The key that signs and checks tokens.
    pub secret: Option<Secret>,
    /// The links' configuration.
    pub link_spec: LinkSpecs,
    /// On which day of a month a link's budget begins anew, by its name.
    pub reset_day: Rc<dyn Fn(&str) -> u8>,
    /// What the core is given. The size of the pool is fixed at start.
    pub policy: Policy,
}

/// Where uploads go, and how.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// `http` or `https`, for people: what it means is the transport's.
    pub scheme: &'static str,
    /// `host:port`, as in the Host header.
    pub authority: String,
    /// Path prefix, without a trailing slash.
    pub base: String,
    /// What the server speaks.
    pub protocol: Protocol,
    /// Where tus uploads are created.
    pub tus_path: String,
    /// What the content type in a token is taken from, until the server is found to differ.
    pub signed_type: SignedType,
    /// How long a connection may take to open.
    pub connect_timeout: Duration,
}

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Ask it.
    Auto,
    /// One PUT.
    Put,
    /// tus 1.0.
    Tus,
    /// The IETF's resumable uploads.
    Resumable,
    /// hmac-file-server's chunked sessions.
    Chunked,
}

/// How upstream requests are authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenMode {
    /// Signed here with this scheme, unless the client brought a token.
    Sign(Scheme),
    /// Signed here for a slot of Prosody's `mod_http_file_share`.
    Jwt,
    /// Signed here for hmac-file-server's `/upload`.
    Bearer,
    /// Only ever the client's own token.
    Pass,
}

/// What the content type in a `v2` or `token` token is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedType {
    /// The request's header.
    Header,
    /// The extension of the file's name.
    Extension,
}

/// What the kernel says of a link, with its trouble in words.
pub type Facts = baton_hal::Facts<String>;

/// What is configured of a link that the kernel describes: class, preference, price.
pub type LinkSpecs = Rc<dyn Fn(&Facts) -> LinkSpec>;

/// A secret that does not print itself.
#[derive(Clone)]
pub struct Secret(Rc<[u8]>);

impl Secret {
    /// Keeps `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}
