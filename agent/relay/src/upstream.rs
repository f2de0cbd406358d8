//! What the upstream speaks, once a probe has found out; `auto` remembers it for the next start.

use crate::hub::Hub;
use crate::settings::{Protocol, SignedType, UpstreamSettings};
use baton_core::Resume;
use baton_hal::Transport;
use baton_wire::resumable::Interop;
use baton_wire::upload;
use core::cell::Cell;
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// What the upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spoken {
    /// One request a file, nothing else.
    Put,
    /// tus 1.0.
    Tus {
        /// Its appends are a compare-and-swap.
        fenced: bool,
    },
    /// The IETF's draft.
    Resumable {
        /// In this version.
        interop: Interop,
        /// As above.
        fenced: bool,
    },
    /// hmac-file-server's chunked sessions.
    Chunked,
}

impl Spoken {
    /// How it goes on after a cut.
    pub(crate) fn resume(self) -> Resume {
        match self {
            Self::Put => Resume::Replay,
            Self::Tus { fenced: true } => Resume::Fenced,
            Self::Resumable { fenced: true, .. } | Self::Chunked => Resume::Early,
            Self::Tus { fenced: false } | Self::Resumable { fenced: false, .. } => Resume::Plain,
        }
    }

    /// In which words, where uploads go by offset.
    pub(crate) fn by_offset(self) -> Option<upload::Protocol> {
        match self {
            Self::Tus { .. } => Some(upload::Protocol::Tus),
            Self::Resumable { interop, .. } => Some(upload::Protocol::Resumable(interop)),
            Self::Put | Self::Chunked => None,
        }
    }

    /// The name in configuration and output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Tus { .. } => "tus",
            Self::Resumable { .. } => "resumable",
            Self::Chunked => "hmac-chunked",
        }
    }

    /// Every one of them: what was remembered is one.
    fn all() -> impl Iterator<Item = Self> {
        let either = [false, true];
        let drafts = Interop::ALL
            .into_iter()
            .flat_map(move |interop| either.map(|fenced| Self::Resumable { interop, fenced }));
        let tus = either.map(|fenced| Self::Tus { fenced });
        drafts.chain(tus).chain([Self::Put, Self::Chunked])
    }
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// OPTIONS where uploads are created, of a tus server.
    Tus,
    /// The same of a server of the draft.
    Draft {
        /// It was found to fence.
        fenced: bool,
    },
    /// GET of a session's state, without saying which: 400 of hmac-file-server, 404 of most others.
    State,
    /// GET of where its sessions are opened: 405.
    Session,
}

/// Who answered a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// A server that speaks tus, and whether its appends are a compare-and-swap.
    Tus { fenced: bool },
    /// One that speaks the draft, in this version where it is another than was asked for.
    Draft { other: Option<Interop> },
    /// One that says no with this status, or makes nothing of the question.
    Other { status: u16 },
    /// One in trouble, or a proxy before it: that speaks for the link, and says nothing of the
    /// protocol.
    Troubled,
    /// What sends people elsewhere: no protocol is learned from it.
    Portal,
}

/// What an answer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It can have been the upstream.
    Upstream,
    /// It can't.
    Stranger,
    /// It can have been; this is to be known as well.
    Ask(Question),
}

/// What is known of the upstream.
pub(crate) struct Upstream {
    wanted: Protocol,
    spoken: watch::Sender<Option<Spoken>>,
    /// It is known from an earlier run: the first answer may tell otherwise.
    is_recalled: Cell<bool>,
    memory: Memory,
    /// What content types in tokens are taken from.
    pub(crate) signed_type: Cell<SignedType>,
}

impl Upstream {
    /// What was learned is remembered in `dir`.
    pub(crate) fn new(settings: &UpstreamSettings, dir: &Path) -> Self {
        let memory = Memory::new(settings, dir);
        let recalled = memory.recall().filter(|_| settings.protocol == Protocol::Auto);
        let known = match settings.protocol {
            Protocol::Put => Some(Spoken::Put),
            Protocol::Chunked => Some(Spoken::Chunked),
            Protocol::Tus | Protocol::Resumable => None,
            Protocol::Auto => recalled,
        };
        Self {
            wanted: settings.protocol,
            spoken: watch::Sender::new(known),
            is_recalled: Cell::new(recalled.is_some()),
            memory,
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

    /// What a probe asks first: once the answer is known, what it is recognised by.
    pub(crate) fn question(&self) -> Question {
        match self.proved() {
            Some(Spoken::Put | Spoken::Chunked) => Question::State,
            Some(Spoken::Resumable { fenced, .. }) => Question::Draft { fenced },
            Some(Spoken::Tus { .. }) | None => Question::Tus,
        }
    }

    /// What it said itself since the start.
    fn proved(&self) -> Option<Spoken> {
        self.spoken().filter(|_| !self.is_recalled.get())
    }

    /// A probe was answered.
    pub(crate) fn hear(&self, question: Question, by: Answerer) -> Heard {
        match by {
            // A file server may do with questions what it likes.
            _ if matches!(self.wanted, Protocol::Put | Protocol::Chunked) => Heard::Upstream,
            Answerer::Troubled => Heard::Upstream,
            Answerer::Portal => Heard::Stranger,
            Answerer::Tus { fenced } if self.wanted == Protocol::Resumable => {
                Heard::Ask(Question::Draft { fenced })
            }
            Answerer::Tus { fenced } => self.learn(Spoken::Tus { fenced }),
            Answerer::Draft { other } => {
                let fenced = question == (Question::Draft { fenced: true });
                let interop = other.or(self.interop()).unwrap_or(Interop::LATEST);
                self.learn(Spoken::Resumable { interop, fenced })
            }
            Answerer::Other { status } => self.hear_other(question, status),
        }
    }

    fn hear_other(&self, question: Question, status: u16) -> Heard {
        match (self.wanted, question) {
            (Protocol::Tus, _) => Heard::Stranger,
            (Protocol::Resumable, Question::Tus) => Heard::Ask(Question::Draft { fenced: false }),
            (Protocol::Resumable, _) => Heard::Stranger,
            // Whoever has a page for every path is no file server.
            (_, Question::State | Question::Session) if status < 300 => Heard::Stranger,
            // It has spoken otherwise over another link: this is somebody else, a captive portal say.
            (_, Question::Tus | Question::Draft { .. }) if self.proved().is_some() => {
                Heard::Stranger
            }
            (_, Question::Tus) => Heard::Ask(Question::Draft { fenced: false }),
            (_, Question::Draft { .. }) => Heard::Ask(Question::State),
            (_, Question::State) if self.proved().is_some() => Heard::Upstream,
            (_, Question::State) if status == 400 => Heard::Ask(Question::Session),
            (_, Question::Session) if status == 405 => self.learn(Spoken::Chunked),
            (_, Question::State | Question::Session) => self.learn(Spoken::Put),
        }
    }

    /// The version of the draft that it speaks, if it does.
    pub(crate) fn interop(&self) -> Option<Interop> {
        match self.spoken()? {
            Spoken::Resumable { interop, .. } => Some(interop),
            Spoken::Put | Spoken::Tus { .. } | Spoken::Chunked => None,
        }
    }

    /// It refused a version of the draft, and named its own.
    pub(crate) fn adopt(&self, other: Interop) {
        if let Some(Spoken::Resumable { fenced, .. }) = self.spoken() {
            self.learn(Spoken::Resumable { interop: other, fenced });
        }
    }

    fn learn(&self, said: Spoken) -> Heard {
        self.is_recalled.set(false);
        let is_news = self.spoken.send_if_modified(|known| known.replace(said) != Some(said));
        if is_news {
            tracing::info!(protocol = said.name(), "the upstream speaks");
            if self.wanted == Protocol::Auto {
                self.memory.keep(said);
            }
        }
        Heard::Upstream
    }
}

/// One line in a file: which upstream, and what it speaks.
struct Memory {
    file: PathBuf,
    upstream: String,
}

impl Memory {
    fn new(settings: &UpstreamSettings, dir: &Path) -> Self {
        let UpstreamSettings { scheme, authority, base, tus_path, .. } = settings;
        Self {
            file: dir.join("upstream"),
            upstream: format!("{scheme}://{authority}{base}{tus_path}"),
        }
    }

    fn line(&self, spoken: Spoken) -> String {
        let details = match spoken {
            Spoken::Put | Spoken::Chunked => String::new(),
            Spoken::Tus { fenced } => format!(" fenced={fenced}"),
            Spoken::Resumable { interop, fenced } => {
                format!(" interop={} fenced={fenced}", interop.number())
            }
        };
        format!("{} {}{details}\n", self.upstream, spoken.name())
    }

    fn recall(&self) -> Option<Spoken> {
        let line = std::fs::read_to_string(&self.file).ok()?;
        Spoken::all().find(|spoken| self.line(*spoken) == line)
    }

    /// Without it, the next start asks before the first upload.
    fn keep(&self, spoken: Spoken) {
        if let Err(error) = std::fs::write(&self.file, self.line(spoken)) {
            tracing::debug!(%error, file = %self.file.display(), "what the upstream speaks is not kept");
        }
    }
}

impl<T: Transport> Hub<T> {
    /// Where tus uploads are created.
    pub(crate) fn tus_target(&self) -> String {
        format!("{}{}", self.settings.upstream.base, self.settings.upstream.tus_path)
    }
}

#[cfg(test)]
mod tests;
