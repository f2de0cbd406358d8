//! One upload on its way in, whatever protocol its client speaks.
//!
//! ```text
//!   unmeasured ──measure──▶ ┌─────────┐
//!                           │ relayed │ ──verdict──▶ ended
//!   open ─────────────────▶ └─────────┘
//! ```
//!
//! Bytes are pushed at the end of what is held, and each push waits until they have a place: the
//! client's socket fills meanwhile, and that is the back-pressure. Another way of keeping bytes is
//! another [`Stage`]: protocols know none of them.

use super::credential;
use super::refusal::{Refusal, settle};
use super::stow::Stow;
use crate::arena::{PLACES, Place};
use crate::connection::Ended;
use crate::hub::Hub;
use crate::lane::abandon;
use crate::spool::{SpoolError, SpoolFile};
use crate::transfer::{Body, Proto, Transfer};
use crate::upstream::Spoken;
use baton_core::{BLOCK_SIZE, Duration, Event, UploadId, UploadSpec};
use baton_hal::Transport;
use core::cell::RefCell;
use core::ops::Range;
use sha2::{Digest, Sha256};
use std::io::IoSliceMut;
use std::rc::Rc;
use tokio::sync::Notify;

/// One upload. Dropping it gives the upload up, unless it has ended.
pub(crate) struct Intake<T: Transport> {
    hub: Rc<Hub<T>>,
    stage: RefCell<Stage>,
    /// It was measured.
    measured: Notify,
}

enum Stage {
    /// Its length is not known yet. Tokens sign that, so all of it is kept until it is.
    Unmeasured(Box<Unmeasured>),
    /// Sent upstream while it comes.
    Relayed(Rc<Transfer>),
    /// Kept until it can be delivered.
    Stowed(Rc<Stow>),
    /// There is a verdict; the slot is another's.
    Ended { received: u64, verdict: Result<(), Refusal> },
}

struct Unmeasured {
    proto: Proto,
    file: SpoolFile,
    digest: Sha256,
    received: u64,
}

impl<T: Transport> Intake<T> {
    /// An upload of `total` bytes, once there is a slot for it and four blocks.
    pub(crate) async fn open(hub: &Rc<Hub<T>>, proto: Proto, total: u64) -> Result<Self, Refusal> {
        permit(hub, &proto)?;
        credential::check(&hub.rules.borrow(), &proto, total).map_err(Refusal::forbidden)?;
        if let Some(depot) = &hub.depot {
            let stow = Stow::new(proto, Some(total));
            stow.begin(hub, depot).await?;
            return Ok(Self::new(hub, Stage::Stowed(Rc::new(stow))));
        }
        let (id, spoken) = vacancy(hub).await?;
        let whole = match spoken {
            Spoken::Tus { .. } | Spoken::Resumable { .. } => None,
            Spoken::Put | Spoken::Chunked => Some(hub.spool.create(total)),
        };
        let body = match whole {
            None => Body::Pool,
            Some(Ok(file)) => Body::Spool(file),
            // Each chunk is kept until it is acknowledged.
            Some(Err(_)) if spoken == Spoken::Chunked => Body::Chunks(hub.spool.create(0)?),
            Some(Err(error)) => {
                tracing::warn!(upload = proto.name, %error, "relayed without replay: a cut will fail it");
                Body::Passing
            }
        };
        let transfer = begin(hub, Transfer::open(id, proto, total, spoken, body), None);
        Ok(Self::new(hub, Stage::Relayed(transfer)))
    }

    /// An upload whose length is told by [`Self::measure`].
    pub(crate) fn unmeasured(hub: &Rc<Hub<T>>, proto: Proto) -> Result<Self, Refusal> {
        permit(hub, &proto)?;
        credential::admit_unmeasured(&hub.rules.borrow(), &proto)
            .map_err(|why| Refusal::new(411, why))?;
        if hub.depot.is_some() {
            return Ok(Self::new(hub, Stage::Stowed(Rc::new(Stow::new(proto, None)))));
        }
        let file = hub.spool.create(0)?;
        let unmeasured = Unmeasured { proto, file, digest: Sha256::new(), received: 0 };
        Ok(Self::new(hub, Stage::Unmeasured(Box::new(unmeasured))))
    }

    fn new(hub: &Rc<Hub<T>>, stage: Stage) -> Self {
        Self { hub: hub.clone(), stage: RefCell::new(stage), measured: Notify::new() }
    }

    /// The length is known: what is held begins to leave, once there is a slot for it. Does nothing
    /// if that was known already.
    pub(crate) async fn measure(&self, total: u64) -> Result<(), Refusal> {
        match &*self.stage.borrow() {
            Stage::Unmeasured(upload) if upload.received > total => {
                return Err(Refusal::new(
                    400,
                    "more bytes are here than the upload is said to have",
                ));
            }
            Stage::Unmeasured(upload) => {
                credential::check(&self.hub.rules.borrow(), &upload.proto, total)
                    .map_err(Refusal::forbidden)?
            }
            Stage::Relayed(transfer) if transfer.total != total => {
                return Err(Refusal::new(400, "the upload was said to have another length"));
            }
            Stage::Stowed(stow) => return stow.measure(&self.hub.rules.borrow(), total),
            Stage::Relayed(_) | Stage::Ended { .. } => return Ok(()),
        }
        let (id, spoken) = vacancy(&self.hub).await?;
        let ended = Stage::Ended { received: 0, verdict: Err(Refusal::Gone) };
        match self.stage.replace(ended) {
            Stage::Unmeasured(upload) => {
                let Unmeasured { proto, file, digest, received } = *upload;
                let transfer = Transfer::open(id, proto, total, spoken, Body::Spool(file));
                let transfer = begin(&self.hub, transfer, None);
                transfer.adopt(digest);
                self.stage.replace(Stage::Relayed(transfer.clone()));
                arrived(&self.hub, &transfer, received);
                self.measured.notify_waiters();
            }
            // Ended, or measured by another, while this waited.
            other @ (Stage::Relayed(_) | Stage::Stowed(_) | Stage::Ended { .. }) => {
                self.stage.replace(other);
            }
        }
        Ok(())
    }

    /// Its length, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        match &*self.stage.borrow() {
            Stage::Unmeasured(_) => None,
            Stage::Relayed(transfer) => Some(transfer.total),
            Stage::Stowed(stow) => stow.total(),
            Stage::Ended { received, .. } => Some(*received),
        }
    }

    /// Bytes held here or upstream.
    pub(crate) fn received(&self) -> u64 {
        match &*self.stage.borrow() {
            Stage::Unmeasured(upload) => upload.received,
            Stage::Relayed(transfer) => transfer.received(),
            Stage::Stowed(stow) => stow.received(),
            Stage::Ended { received, .. } => *received,
        }
    }

    /// Whether all of it is held.
    pub(crate) fn is_whole(&self) -> bool {
        self.total() == Some(self.received())
    }

    /// How it failed, if it did.
    pub(crate) fn failure(&self) -> Option<Refusal> {
        match &*self.stage.borrow() {
            Stage::Ended { verdict, .. } => verdict.clone().err(),
            Stage::Unmeasured(_) | Stage::Relayed(_) | Stage::Stowed(_) => None,
        }
    }

    /// Takes the next bytes, as there is room for them. Cancelled, it has taken some of them:
    /// [`Self::received`] tells.
    pub(crate) async fn push(&self, mut bytes: &[u8]) -> Result<(), Refusal> {
        if let (Some(stow), Some(depot)) = (self.stow(), &self.hub.depot) {
            return stow.push(&self.hub, depot, bytes).await;
        }
        loop {
            let room = self.hub.room.notified();
            let taken = self.try_push(bytes)?;
            bytes = &bytes[taken..];
            if bytes.is_empty() {
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                verdict = self.verdict() => verdict?,
            }
        }
    }

    /// Takes what there is room for.
    fn try_push(&self, bytes: &[u8]) -> Result<usize, Refusal> {
        let transfer = match &mut *self.stage.borrow_mut() {
            Stage::Unmeasured(upload) => {
                upload.file.write_at(bytes, upload.received)?;
                upload.digest.update(bytes);
                upload.received += bytes.len() as u64;
                return Ok(bytes.len());
            }
            Stage::Relayed(transfer) => transfer.clone(),
            // The depot takes its bytes.
            Stage::Stowed(_) => return Ok(0),
            Stage::Ended { verdict, .. } => {
                verdict.clone()?;
                return Err(Refusal::too_long());
            }
        };
        let offset = transfer.received();
        if bytes.len() as u64 > transfer.total - offset {
            return Err(Refusal::too_long());
        }
        let taken = keep(&self.hub, &transfer, offset, bytes)?;
        if taken > 0 {
            arrived(&self.hub, &transfer, offset + taken as u64);
        }
        Ok(taken)
    }

    /// Whether bytes can be read straight to where they are kept, by [`Self::pull`].
    pub(crate) fn pulls(&self) -> bool {
        match &*self.stage.borrow() {
            Stage::Relayed(transfer) => match transfer.body {
                Body::Pool | Body::Spool(_) => true,
                Body::Passing | Body::Chunks(_) | Body::Kept { .. } => false,
            },
            Stage::Unmeasured(_) | Stage::Stowed(_) | Stage::Ended { .. } => false,
        }
    }

    /// Waits until there is room for one byte at least. Cancel-safe.
    pub(crate) async fn roomy(&self) -> Result<(), Refusal> {
        loop {
            let room = self.hub.room.notified();
            let Some(transfer) = self.relayed() else { return Ok(()) };
            if !matches!(transfer.body, Body::Pool)
                || reserve(&self.hub, &transfer, transfer.received(), 1)[0].len() > 0
            {
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                verdict = self.verdict() => verdict?,
            }
        }
    }

    /// Has `read` fill in what comes next, `most` bytes or fewer, in the places that it is given.
    pub(crate) fn pull(
        &self,
        most: u64,
        read: impl FnOnce(&mut [IoSliceMut<'_>]) -> Result<usize, Ended>,
    ) -> Result<(), Refusal> {
        let Some(transfer) = self.relayed() else { return Ok(()) };
        let offset = transfer.received();
        let most = most.min(transfer.total - offset);
        let taken = if let Body::Spool(file) = &transfer.body {
            let mut scratch = self.hub.scratch.borrow_mut();
            let most = usize::try_from(most).map_or(scratch.len(), |most| most.min(scratch.len()));
            let taken = read(&mut [IoSliceMut::new(&mut scratch[..most])])?;
            file.write_at(&scratch[..taken], offset)?;
            transfer.hash(&scratch[..taken]);
            taken
        } else {
            self.hub.arena.fill(reserve(&self.hub, &transfer, offset, most), read)?
        };
        if taken > 0 {
            arrived(&self.hub, &transfer, offset + taken as u64);
        }
        Ok(())
    }

    /// How much the socket of a client may hold: a share of what is set aside for sockets, once it has
    /// sent so much that the others which came with it are counted.
    pub(crate) fn lan_window(&self) -> usize {
        let pool = usize::from(self.hub.core.borrow().pool().total()) * BLOCK_SIZE;
        let share = pool / 16 / self.hub.requests.get().max(1);
        // In steps: each is a system call.
        let earned = 1 << (self.received() / 4).clamp(1, LAN_WINDOW.end as u64).ilog2();
        share.min(earned).clamp(LAN_WINDOW.start, LAN_WINDOW.end)
    }

    /// Waits for the upstream's proof, or what there is instead. Cancel-safe.
    pub(crate) async fn verdict(&self) -> Result<(), Refusal> {
        if let (Some(stow), Some(depot)) = (self.stow(), &self.hub.depot) {
            let verdict = stow.stowed(&self.hub, depot).await;
            self.end(verdict.clone());
            return verdict;
        }
        loop {
            let measured = self.measured.notified();
            let transfer = match &*self.stage.borrow() {
                Stage::Unmeasured(_) | Stage::Stowed(_) => None,
                Stage::Relayed(transfer) => Some(transfer.clone()),
                Stage::Ended { verdict, .. } => return verdict.clone(),
            };
            match transfer {
                None => measured.await,
                Some(transfer) => {
                    let verdict = settle(transfer.concluded().await, &transfer)
                        .map_err(|refusal| refusal.because(self.hub.distrusted()));
                    self.end(verdict);
                }
            }
        }
    }

    /// Gives the upload up, unless it has ended.
    pub(crate) fn give_up(&self) {
        self.end(Err(Refusal::Gone));
    }

    /// Whether it has ended, for better or worse.
    pub(crate) fn is_over(&self) -> bool {
        matches!(&*self.stage.borrow(), Stage::Ended { .. })
    }

    /// Whether there is a verdict that nobody took yet.
    pub(crate) fn is_decided(&self) -> bool {
        matches!(&*self.stage.borrow(), Stage::Relayed(transfer) if transfer.is_concluded())
    }

    /// Whether it has a slot among the uploads under way.
    pub(crate) fn is_relayed(&self) -> bool {
        matches!(&*self.stage.borrow(), Stage::Relayed(_))
    }

    fn relayed(&self) -> Option<Rc<Transfer>> {
        match &*self.stage.borrow() {
            Stage::Relayed(transfer) => Some(transfer.clone()),
            Stage::Unmeasured(_) | Stage::Stowed(_) | Stage::Ended { .. } => None,
        }
    }

    fn stow(&self) -> Option<Rc<Stow>> {
        match &*self.stage.borrow() {
            Stage::Stowed(stow) => Some(stow.clone()),
            Stage::Unmeasured(_) | Stage::Relayed(_) | Stage::Ended { .. } => None,
        }
    }

    fn end(&self, verdict: Result<(), Refusal>) {
        let received = self.received();
        let stored = verdict.is_ok();
        let before = self.stage.replace(Stage::Ended { received, verdict });
        match before {
            Stage::Relayed(transfer) => close(&self.hub, &transfer, stored),
            Stage::Unmeasured(_) => {}
            Stage::Stowed(stow) => {
                if let (Some(depot), Some(id), false) = (&self.hub.depot, stow.id(), stored) {
                    depot.abandon(id);
                }
            }
            ended @ Stage::Ended { .. } => {
                self.stage.replace(ended);
            }
        }
    }
}

impl<T: Transport> Drop for Intake<T> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// Whether a body may be taken at all.
fn permit<T: Transport>(hub: &Rc<Hub<T>>, proto: &Proto) -> Result<(), Refusal> {
    let rules = hub.rules.borrow();
    if hub.draining.get() {
        return Err(Refusal::new(503, "the agent is shutting down"));
    }
    if !(rules.takes)(&proto.name) {
        let text = "this kind of file is not taken: see [uploads] allowed_extensions";
        return Err(Refusal::new(400, text));
    }
    credential::admit(&rules, proto).map_err(Refusal::forbidden)
}

/// Waits until the upstream's protocol is known and there is a slot. It is for whoever takes it
/// first: between this and [`Event::Opened`] there is no await.
pub(crate) async fn vacancy<T: Transport>(hub: &Rc<Hub<T>>) -> Result<(UploadId, Spoken), Refusal> {
    let hold = hub.rules.borrow().policy.uploads.hold;
    let wait = async {
        let spoken = hub.upstream.known().await?;
        loop {
            let room = hub.room.notified();
            let vacancy = hub.core.borrow().vacancy();
            match vacancy {
                Some(id) => return Some((id, spoken)),
                None => {
                    hub.yield_slot();
                    // Of those whose clients are away, one may be old enough in a while.
                    let _ = tokio::time::timeout(GLANCE, room).await;
                }
            }
        }
    };
    let text = "no link reaches the upstream, or the agent is full: try later";
    let found = tokio::time::timeout(hold, wait).await;
    let stuck = |_| Refusal::new(503, text).because(hub.distrusted());
    found.map_err(stuck)?.ok_or(Refusal::Gone)
}

/// The core takes charge of an upload.
pub(crate) fn begin<T: Transport>(
    hub: &Rc<Hub<T>>,
    transfer: Transfer,
    resumes_at: Option<u64>,
) -> Rc<Transfer> {
    let transfer = Rc::new(transfer);
    let id = transfer.id;
    hub.transfers.borrow_mut().insert(id, transfer.clone());
    tracing::info!(
        upload = transfer.name,
        bytes = transfer.total,
        client = transfer.client,
        protocol = transfer.spoken.name(),
        "upload"
    );
    let spec = UploadSpec {
        total: transfer.total,
        resume: transfer.spoken.resume(),
        replayable: match &transfer.body {
            Body::Spool(_) => true,
            Body::Kept { .. } => resumes_at.is_none_or(|at| at == 0),
            Body::Pool | Body::Passing | Body::Chunks(_) => false,
        },
        resumes_at,
        client: transfer.client_id,
    };
    hub.feed(Event::Opened { id, spec });
    transfer
}

/// Its bytes are held up to `offset`.
pub(crate) fn arrived<T: Transport>(hub: &Rc<Hub<T>>, transfer: &Transfer, offset: u64) {
    transfer.on_received(offset);
    hub.feed(Event::Received { id: transfer.id, offset });
}

/// Keeps what there is room for, behind `offset`.
fn keep<T: Transport>(
    hub: &Rc<Hub<T>>,
    transfer: &Transfer,
    offset: u64,
    bytes: &[u8],
) -> Result<usize, Refusal> {
    if let Body::Spool(file) = &transfer.body {
        file.write_at(bytes, offset)?;
        transfer.hash(bytes);
        return Ok(bytes.len());
    }
    if let Body::Chunks(file) = &transfer.body {
        return match file.write_at(bytes, offset) {
            Ok(()) => {
                transfer.hash(bytes);
                Ok(bytes.len())
            }
            // Until a chunk is acknowledged.
            Err(SpoolError::Full { .. }) => Ok(0),
            Err(error @ SpoolError::Io(_)) => Err(error.into()),
        };
    }
    let mut taken = 0;
    while taken < bytes.len() {
        let left = &bytes[taken..];
        let places = reserve(hub, transfer, offset + taken as u64, left.len() as u64);
        let filled = hub.arena.fill(places, |places| copy(left, places));
        if filled == 0 {
            break;
        }
        taken += filled;
    }
    if matches!(transfer.body, Body::Passing) {
        transfer.hash(&bytes[..taken]);
    }
    Ok(taken)
}

/// Where the next bytes go, `most` of them or fewer: in blocks that it has, and in more as there are.
fn reserve<T: Transport>(
    hub: &Rc<Hub<T>>,
    transfer: &Transfer,
    offset: u64,
    most: u64,
) -> [Place; PLACES] {
    let room = |places: &[Place]| places.iter().map(|place| place.len() as u64).sum::<u64>();
    let mut places = hub.places::<PLACES>(transfer, offset, most);
    while !places.is_full() && room(&places) < most {
        if hub.core.borrow_mut().try_take_block(transfer.id).is_none() {
            break;
        }
        places = hub.places(transfer, offset, most);
    }
    core::array::from_fn(|index| places.get(index).copied().unwrap_or_default())
}

/// Copies what fits.
fn copy(mut from: &[u8], places: &mut [IoSliceMut<'_>]) -> usize {
    let whole = from.len();
    for place in places {
        let (piece, rest) = from.split_at(place.len().min(from.len()));
        place[..piece.len()].copy_from_slice(piece);
        from = rest;
    }
    whole - from.len()
}

/// The upload is over, whoever ended it: its slot and its blocks are free.
pub(crate) fn close<T: Transport>(hub: &Rc<Hub<T>>, transfer: &Transfer, is_stored: bool) {
    if !is_stored {
        // Unless the core has ended it itself: then this says nothing new.
        hub.feed(Event::ClientGone { id: transfer.id });
        if let Some((location, protocol)) =
            transfer.location.take().zip(transfer.spoken.by_offset())
        {
            tokio::task::spawn_local(abandon::delete(hub.clone(), location, protocol));
        }
    }
    let acked = hub.core.borrow().view(transfer.id).map_or(0, |view| view.acked);
    hub.transfers.borrow_mut().remove(&transfer.id);
    hub.feed(Event::Answered { id: transfer.id });
    hub.room.notify_waiters();
    tracing::info!(
        upload = transfer.name,
        bytes = transfer.total,
        acked,
        outcome = if is_stored { "stored" } else { "not stored" },
        "upload ended"
    );
}

/// Least and most bytes that the socket of a client may hold. The least counts in what a client costs;
/// the most carries 400 Mbit/s over a WiFi of 5 ms.
pub(super) const LAN_WINDOW: Range<usize> = 16 * 1024..256 * 1024;

/// How often is looked for a slot that another may be made to give up.
const GLANCE: Duration = Duration::from_secs(1);
