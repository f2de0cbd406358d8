//! One upload's side of the driver: who sends it, what it is called, where its bytes are.

use crate::spool::SpoolFile;
use baton_core::{BLOCK_SIZE, UploadId, Verdict};
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
    pub(crate) body: Body,
    /// Bytes held, as lanes see it.
    received: watch::Sender<u64>,
    /// Offset of the oldest block.
    held_from: Cell<u64>,
    /// The upstream's URL for it, once it was created.
    pub(crate) location: RefCell<Option<String>>,
    /// How often a PUT of it was begun.
    pub(crate) tries: Cell<u32>,
    /// Of what came, for upstreams that are asked what they hold.
    digest: RefCell<Sha256>,
    verdict: watch::Sender<Option<Verdict>>,
}

impl Transfer {
    pub(crate) fn open(
        id: UploadId,
        name: String,
        total: u64,
        content_type: String,
        credential: Credential,
        client: String,
        body: Body,
    ) -> Self {
        Self {
            id,
            name,
            total,
            content_type,
            credential,
            client,
            body,
            received: watch::Sender::new(0),
            held_from: Cell::new(0),
            location: RefCell::new(None),
            tries: Cell::new(0),
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

    /// SHA-256 of everything noted.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest.borrow().clone().finalize().into()
    }

    /// Follows what is held.
    pub(crate) fn watch_received(&self) -> watch::Receiver<u64> {
        self.received.subscribe()
    }

    /// Offset of the oldest byte that the pool still holds.
    pub(crate) fn held_from(&self) -> u64 {
        self.held_from.get()
    }

    /// Gives back whole blocks below `offset`; whether there were any.
    pub(crate) fn release_below(&self, offset: u64, mut release: impl FnMut(UploadId)) -> bool {
        let before = self.held_from.get();
        if matches!(self.body, Body::Spool(_)) {
            return false;
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

    /// Waits for the core's decision. Cancel-safe.
    pub(crate) async fn concluded(&self) -> Verdict {
        let mut verdict = self.verdict.subscribe();
        let decided = verdict.wait_for(Option::is_some).await;
        decided.ok().and_then(|verdict| *verdict).unwrap_or(Verdict::Abandoned)
    }
}
