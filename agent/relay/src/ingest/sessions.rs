//! Uploads that outlive the request that began them: their client may leave, and come back.
//!
//! What is held stays held. Such an upload counts as one of the table, so none is kept for ever:
//! one that nobody came back to expires, and sooner where another client waits for its place.

use super::body::take;
use super::chunked::Chunks;
use super::intake::Intake;
use super::refusal::Refusal;
use crate::connection::Connection;
use crate::hub::{Hub, UPLOADS};
use baton_core::{Duration, Instant};
use baton_hal::{Id, Transport};
use baton_wire::http::Framing;
use baton_wire::resumable::Interop;
use core::cell::{Cell, RefCell};
use core::ops::Deref;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

/// The most that are remembered, those included whose verdict was not asked for yet.
pub(super) const MOST: usize = UPLOADS;

/// How long a client may be away before another may have its place: longer than a phone takes
/// from WiFi to LTE and back.
pub(super) const GRACE: Duration = Duration::from_secs(30);

/// How often is looked for what is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Bytes that come no sooner come no more: a LAN's queue is shorter.
const STILL: Duration = Duration::from_millis(20);

/// Every such upload, by the id in its URL.
pub(crate) struct Sessions<T: Transport> {
    open: RefCell<BTreeMap<Id, Rc<Session<T>>>>,
    /// There is one more.
    news: Notify,
}

/// One such upload.
pub(crate) struct Session<T: Transport> {
    pub(super) id: Id,
    pub(super) intake: Intake<T>,
    chunks: Option<Chunks>,
    /// Whoever takes bytes in follows this, and ends when it changes.
    turns: watch::Sender<()>,
    /// Requests under way.
    visits: Cell<usize>,
    /// When the last one ended.
    left: Cell<Instant>,
}

impl<T: Transport> Default for Sessions<T> {
    fn default() -> Self {
        Self { open: RefCell::default(), news: Notify::new() }
    }
}

impl<T: Transport> Hub<T> {
    /// Remembers an upload beyond the request that began it; one that comes in chunks with these.
    pub(super) fn remember(
        self: &Rc<Self>,
        intake: Intake<T>,
        chunks: Option<Chunks>,
    ) -> Result<Visit<T>, Refusal> {
        let sessions = &self.sessions;
        if sessions.open.borrow().len() >= MOST
            && !sessions
                .forget_longest_left(self.clock.now(), |session, _| session.intake.is_over())
            && !sessions.forget_longest_left(self.clock.now(), Session::gives_way)
        {
            let text = "too many uploads were begun and not ended: try later";
            return Err(Refusal::new(503, text));
        }
        let id =
            Id::random().map_err(|error| Refusal::new(500, format!("no random id: {error}")))?;
        let session = Rc::new(Session {
            id,
            intake,
            chunks,
            turns: watch::Sender::new(()),
            visits: Cell::new(0),
            left: Cell::new(self.clock.now()),
        });
        sessions.open.borrow_mut().insert(id, session.clone());
        sessions.news.notify_one();
        Ok(Visit::new(self, session))
    }

    /// The upload of that id.
    pub(super) fn recall(self: &Rc<Self>, id: Id) -> Option<Visit<T>> {
        let session = self.sessions.open.borrow().get(&id).cloned()?;
        Some(Visit::new(self, session))
    }

    /// Whether there is an upload of that id.
    pub(super) fn knows(&self, id: Id) -> bool {
        self.sessions.open.borrow().contains_key(&id)
    }

    /// Where an upload is resumed: its id stands for the token.
    pub(super) fn location(&self, session: &Session<T>) -> String {
        format!("{}{}", self.settings.upstream.tus_path, session.id)
    }

    /// The client gives an upload up.
    pub(super) fn forget(&self, session: &Session<T>) {
        self.sessions.open.borrow_mut().remove(&session.id);
        session.turns.send_replace(());
        session.intake.give_up();
    }

    /// Another client waits for a slot: of the uploads that have one, that gives way which was
    /// left longest ago.
    pub(super) fn yield_slot(&self) {
        self.sessions.forget_longest_left(self.clock.now(), |session, now| {
            session.intake.is_relayed() && session.gives_way(now)
        });
    }

    /// Lets go of what is over, for as long as the agent runs.
    pub(crate) async fn sweep_sessions(&self) {
        loop {
            let news = self.sessions.news.notified();
            if self.sessions.open.borrow().is_empty() {
                news.await;
            }
            tokio::time::sleep(SWEEP).await;
            self.sessions.settle().await;
            let timeout = self.rules.borrow().session_timeout;
            let expired = |session: &Session<T>, now| session.is_left_for(timeout, now);
            while self.sessions.forget_longest_left(self.clock.now(), expired) {}
        }
    }
}

impl<T: Transport> Sessions<T> {
    /// What was decided with nobody there to hear it frees its place in the table of uploads.
    async fn settle(&self) {
        let decided: Vec<_> = {
            let open = self.open.borrow();
            open.values().filter(|session| session.intake.is_decided()).cloned().collect()
        };
        for session in decided {
            // Whoever comes back is told.
            let _ = session.intake.verdict().await;
        }
    }

    /// Drops the one that was left longest ago among those that `may` be; whether there was one.
    pub(super) fn forget_longest_left(
        &self,
        now: Instant,
        may: impl Fn(&Session<T>, Instant) -> bool,
    ) -> bool {
        let mut open = self.open.borrow_mut();
        let left = open.values().filter(|session| session.visits.get() == 0 && may(session, now));
        let longest = left.min_by_key(|session| session.left.get());
        let Some(id) = longest.map(|session| session.id) else { return false };
        let session = open.remove(&id);
        drop(open);
        tracing::info!(session = %id.brief(), "upload forgotten: its client did not come back");
        // An upload that ends wakes others, which may look here.
        drop(session);
        true
    }
}

impl<T: Transport> Session<T> {
    /// How much its client is told to be held: never the whole of a file whose proof is still to
    /// come, for tus takes that for success.
    pub(super) fn offset(&self) -> u64 {
        let received = self.intake.received();
        let is_unproved = self.intake.is_whole() && !self.intake.is_over();
        received.saturating_sub(u64::from(is_unproved))
    }

    /// How it is cut into chunks; it comes by another protocol otherwise, and is no such session.
    pub(super) fn chunks(&self) -> Result<&Chunks, Refusal> {
        self.chunks.as_ref().ok_or_else(|| Refusal::new(404, "no such session"))
    }

    /// Whether it goes on; else how it failed.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self.intake.failure() {
            Some(Refusal::Gone) => Err(Refusal::new(410, "the upload was given up: begin again")),
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// The same for one who only asks: it is gone, whatever the reason, and to be begun again.
    pub(super) fn ask(&self) -> Result<(), Refusal> {
        self.check().map_err(|failure| match failure {
            Refusal::Status(_, text) => Refusal::new(410, text),
            Refusal::Conflict { .. } | Refusal::Gone => failure,
        })
    }

    /// Whether a request takes bytes in.
    pub(super) fn is_taking(&self) -> bool {
        self.turns.receiver_count() > 0
    }

    /// Waits for the offset to grow to `offset`, as long as it grows: what was sent over a connection
    /// that is gone by now arrives, or not.
    pub(super) async fn await_offset(&self, offset: u64) {
        let mut held = self.intake.received();
        while held < offset {
            tokio::time::sleep(STILL).await;
            let before = core::mem::replace(&mut held, self.intake.received());
            if held == before {
                return;
            }
        }
    }

    /// Takes a request's body in at `offset`, unless the upload is at another by now. Whoever was
    /// taking one in is told so: its connection is dead, most likely.
    pub(super) async fn append(
        &self,
        connection: &mut Connection<TcpStream>,
        offset: u64,
        hears: Option<Interop>,
    ) -> Result<(), Refusal> {
        let held = self.intake.received();
        if offset != held && offset != self.offset() {
            return Err(self.conflict());
        }
        let content = match connection.http().framing() {
            Framing::Length(content) => content,
            Framing::None | Framing::Chunked | Framing::UntilClose => 0,
        };
        if self.intake.total().is_some_and(|total| content > total.saturating_sub(offset)) {
            return Err(Refusal::too_long());
        }
        let mut turn = self.take_turn();
        tokio::select! {
            biased;
            _ = turn.changed() => Err(self.conflict()),
            taken = take(connection, &self.intake, held - offset, hears) => taken,
        }
    }

    /// Ends the request that takes bytes in, if there is one. What is returned changes when another
    /// does the same.
    pub(super) fn take_turn(&self) -> watch::Receiver<()> {
        self.turns.send_replace(());
        self.turns.subscribe()
    }

    fn conflict(&self) -> Refusal {
        Refusal::Conflict { offset: self.offset() }
    }

    /// Whether another may have its place: nobody is there, and it does not go on by itself.
    pub(super) fn gives_way(&self, now: Instant) -> bool {
        self.is_left_for(GRACE, now) && (self.intake.is_over() || !self.intake.is_whole())
    }

    fn is_left_for(&self, time: Duration, now: Instant) -> bool {
        now.saturating_since(self.left.get()) >= time
    }
}

/// A request to a session, during which it does not expire.
pub(super) struct Visit<T: Transport> {
    hub: Rc<Hub<T>>,
    session: Rc<Session<T>>,
}

impl<T: Transport> Visit<T> {
    fn new(hub: &Rc<Hub<T>>, session: Rc<Session<T>>) -> Self {
        session.visits.update(|count| count + 1);
        Self { hub: hub.clone(), session }
    }

    /// Until when it is kept, unless its client comes back.
    pub(super) fn expires(&self) -> Duration {
        self.hub.rules.borrow().session_timeout
    }
}

impl<T: Transport> Deref for Visit<T> {
    type Target = Session<T>;

    fn deref(&self) -> &Session<T> {
        &self.session
    }
}

impl<T: Transport> Drop for Visit<T> {
    fn drop(&mut self) {
        self.session.visits.update(|count| count - 1);
        self.session.left.set(self.hub.clock.now());
    }
}
