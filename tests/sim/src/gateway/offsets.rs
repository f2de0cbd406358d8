//! A lane in tus: the machine of `baton-wire` that the relay's lanes have.

use baton_core::{ClassLimits, Failure, UploadView};
use baton_wire::http::{NotSent, Peer};
use baton_wire::resumable::Limits;
use baton_wire::upload::plan::{Bounds, DEPTH};
use baton_wire::upload::{self, Client, Create, Due, Protocol, Standing};
use core::ops::Range;

/// Longest head of an answer.
pub(super) const HEAD: usize = 2048;

/// Room for one request head.
const OUTBOX: usize = 4096;

/// Where uploads are created.
pub(crate) const TARGET: &str = "/files/";

pub(super) const PEER: Peer<'static> = Peer { authority: "203.0.113.10:9000", authorization: None };

pub(super) type Offsets = upload::Offsets<HEAD, DEPTH>;

/// What a lane knows of its upload.
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) total: u64,
    pub(super) received: u64,
    /// Highest byte that was ever handed to a connection.
    pub(super) written: u64,
    pub(super) location: Option<&'a str>,
    pub(super) view: Option<UploadView>,
    pub(super) limits: ClassLimits,
    /// Bytes a second, as the transport last measured it.
    pub(super) delivery_rate: u64,
}

impl Subject<'_> {
    pub(super) fn standing(&self) -> Standing {
        let Self { total, received, written, .. } = *self;
        Standing { total, received, written, acked: self.view.map_or(0, |view| view.acked) }
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            window: u64::from(self.limits.window_bytes),
            chunk: u64::from(self.limits.chunk_bytes),
            delivery_rate: self.delivery_rate,
            pipelined: true,
            limits: Limits::NONE,
        }
    }

    /// The next request, if one is due: its head, and the bytes of the upload that follow it.
    pub(super) fn next(
        &self,
        offsets: &mut Offsets,
        out: &mut Vec<u8>,
    ) -> Result<Option<Range<u64>>, Failure> {
        if self.view.is_none() {
            return Ok(None);
        }
        match offsets.due(&self.standing(), &self.bounds()) {
            None => Ok(None),
            Some(Due::Create) => {
                let create = Create {
                    target: TARGET,
                    length: Some(self.total),
                    filename: self.name,
                    filetype: None,
                    content: 0,
                };
                refill(out, |out| offsets.create(out, &PEER, &create)).map(|()| Some(0..0))
            }
            Some(Due::Request(request)) => {
                let location = self.location.ok_or(Failure::Gone)?;
                refill(out, |out| offsets.request(out, &PEER, location, &request))?;
                Ok(Some(request.body()))
            }
        }
    }
}

/// Has a head written into `out`.
pub(super) fn refill(
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut [u8]) -> Result<usize, NotSent>,
) -> Result<(), Failure> {
    out.clear();
    out.resize(OUTBOX, 0);
    let len = write(out)?;
    out.truncate(len);
    Ok(())
}

/// The question of a probe.
pub(super) fn probe(out: &mut Vec<u8>) -> Client<HEAD, 1> {
    let mut client = Client::new(Protocol::Tus);
    refill(out, |out| client.options(out, &PEER, TARGET)).expect("a short head, and the first");
    client
}
