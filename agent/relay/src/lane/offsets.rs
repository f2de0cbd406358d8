//! A lane in tus or in the IETF's draft: creates, asks, and appends in pipelined requests whose
//! bodies are what is held.

use super::session::{Dialect, HEAD, nonsense};
use super::{Lane, Order, Outbox};
use baton_core::{Failure, Outcome};
use baton_hal::Transport;
use baton_wire::http::{Eof, Peer};
use baton_wire::resumable::Limits;
use baton_wire::upload::plan::{Bounds, DEPTH};
use baton_wire::upload::{Create, Due, Heard, Location, Offsets, Protocol, Standing};
use core::ops::Range;

/// The machine, on one connection after the other.
pub(super) struct ByOffset(Offsets<HEAD, DEPTH>);

impl ByOffset {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self(Offsets::new(protocol))
    }
}

impl<T: Transport + 'static> Dialect<T> for ByOffset {
    fn obey(&mut self, lane: &Lane<T>, order: Order) -> Result<(), Failure> {
        self.0.obey(order, lane.is_fenced());
        Ok(())
    }

    fn next(&mut self, lane: &Lane<T>, out: &mut Outbox) -> Result<Option<Range<u64>>, Failure> {
        if self.0.take_drained() {
            lane.report(Outcome::Drained);
        }
        let Some(bounds) = lane.bounds() else { return Ok(None) };
        match self.0.due(&lane.standing(), &bounds) {
            None => Ok(None),
            Some(Due::Create) => lane.create(&mut self.0, out).map(|()| Some(0..0)),
            Some(Due::Request(request)) => {
                let location = lane.transfer.location.borrow();
                let location = location.as_deref().ok_or(Failure::Gone)?;
                out.refill(|out| self.0.request(out, &lane.peer(), location, &request))?;
                Ok(Some(request.body()))
            }
        }
    }

    fn wrote(&mut self, bytes: u64) {
        self.0.wrote(bytes);
    }

    fn hear(&mut self, lane: &Lane<T>, mut input: &[u8]) -> Result<(), Failure> {
        loop {
            let (used, heard) = self.0.hear(&lane.standing(), input)?;
            input = &input[used..];
            match heard {
                None => return Ok(()),
                Some(Heard::Nothing) => {}
                Some(Heard::Outcome(outcome)) => lane.report(outcome),
                Some(Heard::Created { location, limits, outcome }) => {
                    lane.on_location(location, limits)?;
                    if let Some(outcome) = outcome {
                        lane.report(outcome);
                    }
                }
                Some(Heard::Other(interop)) => {
                    lane.hub.upstream.adopt(interop);
                    return Err(Failure::Cut);
                }
                Some(Heard::Impostor { status }) => {
                    tracing::warn!(
                        status,
                        "something that is not the upstream answered: a captive portal?"
                    );
                    return Err(lane.impostor());
                }
                Some(Heard::Nonsense(error)) => return Err(nonsense(error)),
            }
        }
    }

    fn is_spent(&self) -> bool {
        self.0.is_spent()
    }

    fn renew(&mut self) {
        self.0.renew();
    }

    fn is_sending(&self) -> bool {
        self.0.is_sending()
    }

    fn is_settled(&self) -> bool {
        self.0.is_answered()
    }

    fn is_asking(&self) -> bool {
        self.0.is_asking()
    }

    fn eof(&self) -> Eof {
        self.0.eof()
    }
}

impl<T: Transport + 'static> Lane<T> {
    fn create(&self, machine: &mut Offsets<HEAD, DEPTH>, out: &mut Outbox) -> Result<(), Failure> {
        let transfer = &self.transfer;
        let upstream = &self.hub.settings.upstream;
        let signed = self.hub.sign(transfer, "PUT");
        let target = signed.target(&self.hub.tus_target());
        let create = Create {
            target: &target,
            length: Some(transfer.total),
            filename: &transfer.name,
            filetype: Some(&transfer.content_type),
            content: 0,
        };
        let peer = Peer { authority: &upstream.authority, authorization: signed.header.as_deref() };
        out.refill(|out| machine.create(out, &peer, &create))
    }

    /// The upload's URL stands for its token.
    fn peer(&self) -> Peer<'_> {
        Peer { authority: &self.hub.settings.upstream.authority, authorization: None }
    }

    /// Whether the server refuses what is under way behind a refused append in good order.
    fn is_fenced(&self) -> bool {
        self.transfer.spoken.resume().is_early()
    }

    fn standing(&self) -> Standing {
        let transfer = &self.transfer;
        let acked = self.hub.core.borrow().view(transfer.id).map_or(0, |view| view.acked);
        let (total, received) = (transfer.total, transfer.received());
        Standing { total, received, written: transfer.written(), acked }
    }

    /// What bounds an append; `None` once the core knows the upload no more.
    fn bounds(&self) -> Option<Bounds> {
        let core = self.hub.core.borrow();
        core.view(self.transfer.id)?;
        let limits = core.limits(self.transfer.id);
        Some(Bounds {
            window: u64::from(limits.window_bytes),
            chunk: u64::from(limits.chunk_bytes),
            delivery_rate: self.gauge.last.get().delivery_rate,
            pipelined: self.is_fenced(),
            limits: self.transfer.limits.get(),
        })
    }

    /// The upload exists.
    fn on_location(&self, location: Location<'_>, limits: Limits) -> Result<(), Failure> {
        let target = location.resolve(&self.peer(), &self.hub.tus_target()).map_err(|error| {
            tracing::warn!(%error, "the upstream's Location");
            Failure::Refused(502)
        })?;
        self.transfer.location.replace(Some(target.as_str().to_owned()));
        self.transfer.limits.set(limits);
        Ok(())
    }
}
