//! tus on a lane's connection: what the machine of `baton-wire` has due, with bodies from what the journal
//! holds.

use crate::hub::Hub;
use crate::settings::{CONTENT_TYPE, SECRET, TUS_PATH};
use baton_core::token::{self, Claim, Scheme};
use baton_core::{Attempt, Failure, LinkId, Observation, Outcome};
use baton_mps2_an385::journal::Cursor;
use baton_wire::http::{Eof, NotSent, Peer};
use baton_wire::resumable::Limits;
use baton_wire::upload::plan::Bounds;
use baton_wire::upload::{Create, Due, Heard, Offsets, Order, Protocol, Request, Standing};
use core::ops::Range;
use defmt::warn;
use heapless::{String, Vec};

/// Longest head of an answer.
const HEAD: usize = 1024;

/// Requests that may be unanswered: a window of appends, and as many that were refused.
const DEPTH: usize = 8;

/// Room for one head: the longest creates, with a token and a name.
const OUTBOX: usize = 1024;

/// One attempt's requests.
pub(super) struct Appends<'a> {
    hub: &'a Hub,
    link: LinkId,
    attempt: Attempt,
    offsets: Offsets<HEAD, DEPTH>,
    head: Vec<u8, OUTBOX>,
    /// Of the head, so much has left.
    head_at: usize,
    /// What is still to be written of the log in the request under way.
    body: Range<u64>,
}

impl<'a> Appends<'a> {
    pub(super) fn new(hub: &'a Hub, link: LinkId, attempt: Attempt) -> Self {
        Self {
            hub,
            link,
            attempt,
            offsets: Offsets::new(Protocol::Tus),
            head: Vec::new(),
            head_at: 0,
            body: 0..0,
        }
    }

    /// What the core wants.
    pub(super) fn obey(&mut self, order: Order) {
        self.offsets.obey(order, self.is_fenced());
    }

    /// Has the next request due, if the one before is written.
    pub(super) fn begin(&mut self) -> Result<(), Failure> {
        if self.has_output() {
            return Ok(());
        }
        if self.offsets.take_drained() {
            self.report(Outcome::Drained);
        }
        let Some((standing, bounds)) = self.outlook() else { return Ok(()) };
        match self.offsets.due(&standing, &bounds) {
            None => Ok(()),
            Some(Due::Create) => self.create(),
            Some(Due::Request(request)) => self.request(&request),
        }
    }

    pub(super) fn has_output(&self) -> bool {
        self.head_at < self.head.len() || !self.body.is_empty()
    }

    /// Whether what is due needs another connection.
    pub(super) fn is_spent(&self) -> bool {
        self.offsets.is_spent()
    }

    /// Here it is.
    pub(super) fn renew(&mut self) {
        self.offsets.renew();
        (self.head_at, self.body) = (self.head.len(), 0..0);
    }

    /// Whether nothing is unanswered.
    pub(super) fn is_clean(&self) -> bool {
        !self.has_output() && self.offsets.is_answered() && self.offsets.eof() == Eof::Idle
    }

    /// The next bytes to be written.
    pub(super) fn output<'c>(&'c self, cursor: &'c mut Cursor) -> Result<&'c [u8], Failure> {
        let head = &self.head[self.head_at..];
        if !head.is_empty() {
            return Ok(head);
        }
        let chain = self.hub.transfer.borrow().as_ref().map(|transfer| transfer.chain);
        let chain = chain.ok_or(Failure::NotKept)?;
        let read = self.hub.journal.borrow_mut().read(cursor, chain, self.body.start);
        let bytes = read.map_err(|error| {
            warn!("the journal: {}", defmt::Debug2Format(&error));
            Failure::NotKept
        })?;
        let most = usize::try_from(self.body.end - self.body.start).unwrap_or(usize::MAX);
        Ok(&bytes[..bytes.len().min(most)])
    }

    /// Bytes of [`Self::output`] were handed to the connection.
    pub(super) fn wrote(&mut self, count: usize) {
        let head = count.min(self.head.len() - self.head_at);
        self.head_at += head;
        let body = (count - head) as u64;
        if body == 0 {
            return;
        }
        self.body.start += body;
        self.offsets.wrote(body);
        if let Some(transfer) = &mut *self.hub.transfer.borrow_mut() {
            transfer.written = transfer.written.max(self.body.start);
        }
        self.report(Outcome::Sent(self.body.start));
    }

    /// Reads answers, until all of `input` is used.
    pub(super) fn hear(&mut self, mut input: &[u8]) -> Result<(), Failure> {
        loop {
            let (hub, standing) = (self.hub, self.standing().ok_or(Failure::Gone)?);
            let (used, heard) = self.offsets.hear(&standing, input)?;
            input = &input[used..];
            match heard {
                None => return Ok(()),
                Some(Heard::Nothing) => {}
                Some(Heard::Outcome(outcome)) => self.report(outcome),
                Some(Heard::Created { location, outcome, .. }) => {
                    let target = location.resolve(&peer(hub), TUS_PATH);
                    hub.on_location(target.map_err(|_| Failure::Refused(502))?);
                    if let Some(outcome) = outcome {
                        self.report(outcome);
                    }
                }
                Some(Heard::Impostor { .. }) => {
                    hub.observe(self.link, Observation::Impostor);
                    return Err(Failure::Cut);
                }
                Some(Heard::Other(_) | Heard::Nonsense(_)) => return Err(Failure::Cut),
            }
        }
    }

    fn create(&mut self) -> Result<(), Failure> {
        let (name, total) = {
            let transfer = self.hub.transfer.borrow();
            let transfer = transfer.as_ref().ok_or(Failure::NotKept)?;
            (transfer.name.clone(), transfer.total)
        };
        let claim = Claim {
            method: "PUT",
            path: &name,
            length: total,
            content_type: CONTENT_TYPE,
            expires: 0,
        };
        let token = token::make(SECRET, Scheme::V2, &claim);
        let mut target = String::<96>::new();
        core::fmt::write(&mut target, format_args!("{TUS_PATH}?v2={}", token.as_str()))
            .expect("a token has 64 digits");
        let create = Create {
            target: &target,
            length: Some(total),
            filename: &name,
            filetype: Some(CONTENT_TYPE),
            content: 0,
        };
        let peer = peer(self.hub);
        let offsets = &mut self.offsets;
        refill(&mut self.head, &mut self.head_at, |out| offsets.create(out, &peer, &create))
    }

    fn request(&mut self, request: &Request) -> Result<(), Failure> {
        let peer = peer(self.hub);
        let transfer = self.hub.transfer.borrow();
        let location = transfer.as_ref().and_then(|transfer| transfer.location.as_ref());
        let target = location.ok_or(Failure::Gone)?;
        let offsets = &mut self.offsets;
        refill(&mut self.head, &mut self.head_at, |out| {
            offsets.request(out, &peer, target, request)
        })?;
        self.body = request.body();
        Ok(())
    }

    fn standing(&self) -> Option<Standing> {
        let transfer = self.hub.transfer.borrow();
        let transfer = transfer.as_ref()?;
        let acked = self.hub.core.borrow().view(transfer.id)?.acked;
        let (total, written) = (transfer.total, transfer.written);
        Some(Standing { total, received: total, written, acked })
    }

    fn outlook(&self) -> Option<(Standing, Bounds)> {
        let id = self.hub.transfer.borrow().as_ref()?.id;
        let limits = self.hub.core.borrow().limits(id);
        let bounds = Bounds {
            window: u64::from(limits.window_bytes),
            chunk: u64::from(limits.chunk_bytes),
            // smoltcp does not measure it.
            delivery_rate: 0,
            pipelined: self.is_fenced(),
            limits: Limits::NONE,
        };
        Some((self.standing()?, bounds))
    }

    fn is_fenced(&self) -> bool {
        let transfer = self.hub.transfer.borrow();
        transfer.as_ref().is_some_and(|transfer| transfer.resume.is_early())
    }

    fn report(&self, outcome: Outcome) {
        self.hub.report(self.attempt, outcome);
    }
}

/// The upload's URL stands for its token.
fn peer(hub: &Hub) -> Peer<'_> {
    Peer { authority: &hub.settings.authority, authorization: None }
}

/// Has a head written; what was there has left.
fn refill(
    head: &mut Vec<u8, OUTBOX>,
    at: &mut usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize, NotSent>,
) -> Result<(), Failure> {
    *at = 0;
    head.resize_default(OUTBOX).expect("it is its capacity");
    let length = write(head);
    head.truncate(*length.as_ref().unwrap_or(&0));
    length?;
    Ok(())
}
