//! What the upstream speaks, once a probe has found out, and how requests to it are signed.

use crate::hub::Hub;
use crate::settings::{Protocol, Rules, Secret, TokenMode, UpstreamSettings};
use crate::transfer::{Credential, Transfer};
use baton_core::Resume;
use baton_core::token::{self, Claim, Scheme};
use baton_hal::Transport;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// What the upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// One PUT, nothing else.
    Put,
    /// tus 1.0.
    Tus {
        /// Its appends are a compare-and-swap.
        fenced: bool,
    },
}

impl Spoken {
    /// How it goes on after a cut.
    pub(crate) fn resume(self) -> Resume {
        match self {
            Self::Put => Resume::Replay,
            Self::Tus { fenced: true } => Resume::Fenced,
            Self::Tus { fenced: false } => Resume::Plain,
        }
    }

    /// The name in configuration and output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Tus { .. } => "tus",
        }
    }
}

/// Who answered a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// A server that speaks tus, and whether its appends are a compare-and-swap.
    Tus { fenced: bool },
    /// A server that does not.
    Other,
    /// One in trouble, or a proxy before it: that speaks for the link, and says nothing of the
    /// protocol.
    Troubled,
    /// What sends people elsewhere: no protocol is learned from it.
    Portal,
}

/// What is known of the upstream.
pub(crate) struct Upstream {
    wanted: Protocol,
    spoken: watch::Sender<Option<Spoken>>,
}

impl Upstream {
    pub(crate) fn new(settings: &UpstreamSettings) -> Self {
        let known = match settings.protocol {
            Protocol::Put => Some(Spoken::Put),
            Protocol::Tus | Protocol::Auto => None,
        };
        Self { wanted: settings.protocol, spoken: watch::Sender::new(known) }
    }

    /// What it speaks, if that is known.
    pub(crate) fn spoken(&self) -> Option<Spoken> {
        *self.spoken.borrow()
    }

    /// Waits until it is known.
    pub(crate) async fn known(&self) -> Option<Spoken> {
        let mut spoken = self.spoken.subscribe();
        spoken.wait_for(Option::is_some).await.ok().and_then(|spoken| *spoken)
    }

    /// A probe was answered. Returns whether that can have been the upstream at all.
    pub(crate) fn on_answer(&self, by: Answerer) -> bool {
        let said = match (self.wanted, by) {
            // A file server may do with OPTIONS what it likes.
            (Protocol::Put, _) | (_, Answerer::Troubled) => return true,
            (Protocol::Tus | Protocol::Auto, Answerer::Tus { fenced }) => Spoken::Tus { fenced },
            (Protocol::Tus, Answerer::Other) | (_, Answerer::Portal) => return false,
            // It has spoken tus over another link: this is somebody else, a captive portal say.
            (Protocol::Auto, Answerer::Other)
                if matches!(self.spoken(), Some(Spoken::Tus { .. })) =>
            {
                return false;
            }
            (Protocol::Auto, Answerer::Other) => Spoken::Put,
        };
        self.spoken.send_if_modified(|known| {
            let news = *known != Some(said);
            *known = Some(said);
            news
        });
        true
    }
}

/// A request's credential, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
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

impl<T: Transport> Hub<T> {
    /// Where tus uploads are created.
    pub(crate) fn tus_target(&self) -> String {
        format!("{}{}", self.settings.upstream.base, self.settings.upstream.tus_path)
    }
}

/// Signs for the upload as a whole, unless the client brought its own token.
pub(crate) fn sign(rules: &Rules, transfer: &Transfer, method: &str) -> Signed {
    match &transfer.credential {
        Credential::Query(query) => Signed { query: query.clone(), header: None },
        Credential::Header(header) => Signed { query: String::new(), header: Some(header.clone()) },
        Credential::None => {
            let query = match (rules.token, &rules.secret) {
                (TokenMode::Sign(scheme), Some(secret)) => {
                    let expires = unix_now() + rules.token_lifetime.as_secs();
                    query(secret, scheme, transfer, method, expires)
                }
                (TokenMode::Sign(_) | TokenMode::Pass, _) => String::new(),
            };
            Signed { query, header: None }
        }
    }
}

fn query(
    secret: &Secret,
    scheme: Scheme,
    transfer: &Transfer,
    method: &str,
    expires: u64,
) -> String {
    let claim = Claim {
        method,
        path: &transfer.name,
        length: transfer.total,
        content_type: &transfer.content_type,
        expires,
    };
    let token = token::make(secret.bytes(), scheme, &claim);
    let mut query = format!("{}={}", scheme.name(), token.as_str());
    if scheme == Scheme::V3 {
        query.push_str(&format!("&expires={expires}"));
    }
    query
}

/// Seconds since 1970: tokens expire by the wall clock.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(protocol: Protocol) -> Upstream {
        Upstream::new(&UpstreamSettings {
            authority: "files.example".into(),
            base: String::new(),
            protocol,
            tus_path: "/files/".into(),
            connect_timeout: baton_core::Duration::from_secs(1),
        })
    }

    #[test]
    fn a_portal_teaches_no_protocol_and_is_not_the_upstream() {
        for protocol in [Protocol::Auto, Protocol::Tus] {
            let upstream = upstream(protocol);

            assert!(!upstream.on_answer(Answerer::Portal));
            assert_eq!(upstream.spoken(), None);
        }
    }

    #[test]
    fn a_server_in_trouble_speaks_for_the_link_and_teaches_no_protocol() {
        let upstream = upstream(Protocol::Auto);

        assert!(upstream.on_answer(Answerer::Troubled));
        assert_eq!(upstream.spoken(), None);
    }

    #[test]
    fn who_spoke_tus_once_is_not_believed_to_speak_only_put() {
        let upstream = upstream(Protocol::Auto);

        assert!(upstream.on_answer(Answerer::Other));
        assert_eq!(upstream.spoken(), Some(Spoken::Put));
        assert!(upstream.on_answer(Answerer::Tus { fenced: true }));
        assert!(!upstream.on_answer(Answerer::Other));
        assert_eq!(upstream.spoken(), Some(Spoken::Tus { fenced: true }));
    }
}
