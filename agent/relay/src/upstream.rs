//! What the upstream speaks, once a probe has found out.

use crate::hub::Hub;
use crate::settings::{Protocol, SignedType, UpstreamSettings};
use baton_core::Resume;
use baton_hal::Transport;
use core::cell::Cell;
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
    /// What content types in tokens are taken from.
    pub(crate) signed_type: Cell<SignedType>,
}

impl Upstream {
    pub(crate) fn new(settings: &UpstreamSettings) -> Self {
        let known = match settings.protocol {
            Protocol::Put => Some(Spoken::Put),
            Protocol::Tus | Protocol::Auto => None,
        };
        Self {
            wanted: settings.protocol,
            spoken: watch::Sender::new(known),
            signed_type: Cell::new(settings.signed_type),
        }
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

impl<T: Transport> Hub<T> {
    /// Where tus uploads are created.
    pub(crate) fn tus_target(&self) -> String {
        format!("{}{}", self.settings.upstream.base, self.settings.upstream.tus_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream(protocol: Protocol) -> Upstream {
        Upstream::new(&UpstreamSettings {
            scheme: "http",
            authority: "files.example".into(),
            base: String::new(),
            protocol,
            tus_path: "/files/".into(),
            signed_type: SignedType::Header,
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
