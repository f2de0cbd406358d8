//! One upload's side of the driver: who sends it, what it is called, where its bytes are.

use crate::depot::ReadAt;
use crate::settings::SignedType;
use crate::spool::SpoolFile;
use crate::upstream::Spoken;
use baton_core::spool::Urgency;
use baton_core::{BLOCK_SIZE, ClientId, Failure, UploadId, Verdict};
use baton_wire::chunked::Session;
use baton_wire::resumable::Limits;
use core::cell::{Cell, RefCell};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// What the client brought to prove that it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Nothing: the agent signs.
    None,
    /// A query string, as it came: `v2=...`.
    Query(String),
    /// An Authorization header's value.
    Header(String),
}

/// Where the client's bytes wait.
pub(crate) enum Body {
    /// In the pool, until the upstream has them.
    Pool,
    /// In the pool, until they have left: a replay is not possible.
    Passing,
    /// In a file, until the end.
    Spool(SpoolFile),
    /// In a file, until the upstream has them.
    Chunks(SpoolFile),
    /// On disk since before the upload was opened, under a number of their own.
    Kept { id: u64, body: Box<dyn ReadAt>, sha256: [u8; 32] },
}

/// What is known of an upload before it has an id.
#[derive(Clone)]
pub(crate) struct Proto {
    pub(crate) name: String,
    pub(crate) content_type: String,
    pub(crate) credential: Credential,
    /// Its client has shown by other means that it knows the secret.
    pub(crate) is_vouched_for: bool,
    /// For any of which a token that signs one is good.
    pub(crate) methods: &'static [&'static str],
    pub(crate) client: String,
    /// The same for its history, where it is at the other end of a connection.
    pub(crate) client_id: Option<ClientId>,
    /// How soon it is delivered, of those that wait for that.
    pub(crate) urgency: Urgency,
}

/// One upload.
pub(crate) struct Transfer {
    pub(crate) id: UploadId,
    /// Decoded path without its leading slash: what tokens sign.
    pub(crate) name: String,
    pub(crate) total: u64,
    pub(crate) content_type: String,
    pub(crate) credential: Credential,
    /// Who sends it, for display.
    pub(crate) client: String,
    pub(crate) client_id: Option<ClientId>,
    /// What the upstream spoke when it was opened: it stays with that.
    pub(crate) spoken: Spoken,
    pub(crate) body: Body,
    /// Bytes held, as lanes see it.
    received: watch::Sender<u64>,
    /// Highest byte that was ever handed to a connection.
    written: Cell<u64>,
    /// Offset of the oldest block.
    held_from: Cell<u64>,
    /// The upstream's URL for it, once it was created.
    pub(crate) location: RefCell<Option<String>>,
    /// What the upstream takes of it at once.
    pub(crate) limits: Cell<Limits>,
    /// The upstream's session for it, where that speaks of sessions.
    pub(crate) session: RefCell<Option<Session>>,
    /// What its token takes the content type from, where it was tried the other way.
    pub(crate) signed_type: Cell<Option<SignedType>>,
    /// What was kept of it on disk can't be read.
    pub(crate) is_damaged: Cell<bool>,
    /// Why the last try ended, if nothing was acknowledged since.
    pub(crate) trouble: Cell<Option<Failure>>,
    /// Of what came, for upstreams that are asked what they hold.
    digest: RefCell<Sha256>,
    verdict: watch::Sender<Option<Verdict>>,
}

impl Transfer {
    pub(crate) fn open(id: UploadId, proto: Proto, total: u64, spoken: Spoken, body: Body) -> Self {
        let Proto { name, content_type, credential, client, client_id, .. } = proto;
        Self {
            id,
            name,
            total,
            content_type,
            credential,
            client,
            client_id,
            spoken,
            body,
            received: watch::Sender::new(0),
            written: Cell::new(0),
            held_from: Cell::new(0),
            location: RefCell::new(None),
            limits: Cell::new(Limits::NONE),
            session: RefCell::new(None),
            signed_type: Cell::new(None),
            is_damaged: Cell::new(false),
            trouble: Cell::new(None),
            digest: RefCell::default(),
            verdict: watch::Sender::new(None),
        }
    }

    /// Bytes that came from the client.
    pub(crate) fn received(&self) -> u64 {
        *self.received.borrow()
    }

    /// More bytes are held.
    pub(crate) fn on_received(&self, offset: u64) {
        self.received.send_replace(offset);
    }

    /// Takes note of bytes that came.
    pub(crate) fn hash(&self, bytes: &[u8]) {
        self.digest.borrow_mut().update(bytes);
    }

    /// What came was hashed already.
    pub(crate) fn adopt(&self, digest: Sha256) {
        self.digest.replace(digest);
    }

    /// SHA-256 of the whole, once all of it came and was noted.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        if let Body::Kept { sha256, .. } = &self.body {
            return Some(*sha256);
        }
        let is_noted = !matches!(self.body, Body::Pool) && self.received() == self.total;
        is_noted.then(|| self.digest.borrow().clone().finalize().into())
    }

    /// Follows what is held.
    pub(crate) fn watch_received(&self) -> watch::Receiver<u64> {
        self.received.subscribe()
    }

    /// A connection took bytes up to `offset`.
    pub(crate) fn on_written(&self, offset: u64) {
        self.written.set(self.written.get().max(offset));
    }

    /// The upstream lost what left: all of it is to leave again.
    pub(crate) fn forget_written(&self) {
        self.written.set(0);
    }

    /// Highest byte that can have left.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Offset of the oldest byte that the pool still holds.
    pub(crate) fn held_from(&self) -> u64 {
        self.held_from.get()
    }

    /// Whether every byte is still held, so that the upload can begin again.
    pub(crate) fn is_held(&self) -> bool {
        self.held_from.get() == 0
    }

    /// Gives back whole blocks below `offset`; whether there were any.
    pub(crate) fn release_below(&self, offset: u64, mut release: impl FnMut(UploadId)) -> bool {
        let before = self.held_from.get();
        match &self.body {
            Body::Spool(_) | Body::Kept { .. } => return false,
            Body::Chunks(file) => {
                self.held_from.set(before.max(offset));
                return file.free(before, offset);
            }
            Body::Pool | Body::Passing => {}
        }
        let mut from = before;
        while from + BLOCK_SIZE as u64 <= offset {
            release(self.id);
            from += BLOCK_SIZE as u64;
        }
        self.held_from.set(from);
        from != before
    }

    /// The core has decided.
    pub(crate) fn conclude(&self, verdict: Verdict) {
        self.verdict.send_replace(Some(verdict));
    }

    /// Whether it has.
    pub(crate) fn is_concluded(&self) -> bool {
        self.verdict.borrow().is_some()
    }

    /// Waits for the core's decision. Cancel-safe.
    pub(crate) async fn concluded(&self) -> Verdict {
        let mut verdict = self.verdict.subscribe();
        let decided = verdict.wait_for(Option::is_some).await;
        decided.ok().and_then(|verdict| *verdict).unwrap_or(Verdict::Abandoned)
    }
}
