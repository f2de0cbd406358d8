//! One upload on its way into the depot: acknowledged when it is durable there, delivered later.

use super::credential;
use super::refusal::Refusal;
use crate::depot::{Depot, ShelfError, Whose};
use crate::hub::Hub;
use crate::settings::Rules;
use crate::sign::unix_now;
use crate::transfer::Proto;
use baton_core::spool::PIECE;
use baton_hal::Transport;
use core::cell::{Cell, RefCell};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

/// An upload that the depot takes in.
pub(super) struct Stow {
    /// The depot's number for it, once that has room for it.
    id: Cell<Option<u64>>,
    proto: Proto,
    total: Cell<Option<u64>>,
    received: Cell<u64>,
    /// Bytes on their way to the depot: it takes whole pieces.
    piece: RefCell<Vec<u8>>,
    digest: RefCell<Sha256>,
    whole: Notify,
}

impl From<ShelfError> for Refusal {
    fn from(error: ShelfError) -> Self {
        let status = match &error {
            ShelfError::Full { .. } | ShelfError::Crowded { .. } | ShelfError::DeviceFull(_) => 507,
            ShelfError::TooLong => 431,
            ShelfError::NoSuch(_)
            | ShelfError::UnderWay(_)
            | ShelfError::Newer { .. }
            | ShelfError::Damaged(_)
            | ShelfError::LetGo(_)
            | ShelfError::Device(_) => 500,
        };
        tracing::warn!(%error, "not spooled");
        Self::new(status, format!("the agent's spool can't take this upload: {error}"))
    }
}

impl Stow {
    /// An upload of `total` bytes, if that is known.
    pub(super) fn new(proto: Proto, total: Option<u64>) -> Self {
        Self {
            id: Cell::new(None),
            proto,
            total: Cell::new(total),
            received: Cell::new(0),
            piece: RefCell::new(Vec::with_capacity(PIECE)),
            digest: RefCell::default(),
            whole: Notify::new(),
        }
    }

    /// Has the depot keep room for it, if that was not done yet; its number there.
    pub(super) async fn begin<T: Transport>(
        &self,
        hub: &Hub<T>,
        depot: &Depot,
    ) -> Result<u64, Refusal> {
        if let Some(id) = self.id.get() {
            return Ok(id);
        }
        let (proto, total) = (&self.proto, self.total.get());
        let whose = Whose {
            name: proto.name.clone(),
            content_type: proto.content_type.clone(),
            token: credential::to_keep(&hub.rules.borrow(), proto, total),
            client: proto.client.clone(),
            total,
            urgency: proto.urgency.get(),
            at_s: unix_now(),
        };
        let id = depot.begin(whose, hub.progress()).await?;
        self.id.set(Some(id));
        Ok(id)
    }

    pub(super) fn id(&self) -> Option<u64> {
        self.id.get()
    }

    pub(super) fn total(&self) -> Option<u64> {
        self.total.get()
    }

    pub(super) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Its length is told, or told again.
    pub(super) fn measure(&self, rules: &Rules, total: u64) -> Result<(), Refusal> {
        match self.total.get() {
            Some(known) if known != total => {
                Err(Refusal::new(400, "the upload was said to have another length"))
            }
            Some(_) => Ok(()),
            None if self.received.get() > total => {
                Err(Refusal::new(400, "more bytes are here than the upload is said to have"))
            }
            None => {
                credential::check(rules, &self.proto, total).map_err(Refusal::forbidden)?;
                self.total.set(Some(total));
                self.whole.notify_waiters();
                Ok(())
            }
        }
    }

    /// Takes the next bytes. Cancelled, it has taken those that [`Self::received`] tells of.
    pub(super) async fn push<T: Transport>(
        &self,
        hub: &Hub<T>,
        depot: &Depot,
        mut bytes: &[u8],
    ) -> Result<(), Refusal> {
        let room = self.total.get().map(|total| total - self.received.get());
        if room.is_some_and(|room| bytes.len() as u64 > room) {
            return Err(Refusal::too_long());
        }
        let id = self.begin(hub, depot).await?;
        while !bytes.is_empty() {
            let taken = self.fill(bytes);
            bytes = &bytes[taken..];
            if self.piece.borrow().len() == PIECE {
                depot.push(id, &self.piece).await?;
            }
        }
        if self.is_whole() {
            self.whole.notify_waiters();
        }
        Ok(())
    }

    fn fill(&self, bytes: &[u8]) -> usize {
        let mut piece = self.piece.borrow_mut();
        let taken = bytes.len().min(PIECE - piece.len());
        piece.extend_from_slice(&bytes[..taken]);
        self.digest.borrow_mut().update(&bytes[..taken]);
        self.received.set(self.received.get() + taken as u64);
        taken
    }

    fn is_whole(&self) -> bool {
        self.total.get() == Some(self.received.get())
    }

    /// Waits until all of it is there and durable.
    pub(super) async fn stowed<T: Transport>(
        &self,
        hub: &Hub<T>,
        depot: &Depot,
    ) -> Result<(), Refusal> {
        loop {
            let news = self.whole.notified();
            if self.is_whole() {
                break;
            }
            news.await;
        }
        let id = self.begin(hub, depot).await?;
        if !self.piece.borrow().is_empty() {
            depot.push(id, &self.piece).await?;
        }
        let sha256 = self.digest.borrow().clone().finalize().into();
        depot.commit(id, sha256).await?;
        tracing::info!(
            upload = self.proto.name,
            bytes = self.received.get(),
            spooled = id,
            "spooled"
        );
        Ok(())
    }
}
