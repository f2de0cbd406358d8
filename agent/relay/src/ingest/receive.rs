//! PUT from a client: into the pool or the spool, and success only after the upstream's proof.

use super::{Request, credential};
use crate::connection::{Answer, Connection, Ended, Incoming};
use crate::hub::Hub;
use crate::lane::abandon;
use crate::spool::{SpoolError, SpoolFile};
use crate::transfer::{Body, Credential, Proto, Transfer};
use crate::upstream::Spoken;
use baton_core::token::Claim;
use baton_core::{BLOCK_SIZE, Event, Failure, UploadSpec, Verdict};
use baton_hal::Transport;
use baton_wire::http::Framing;
use baton_wire::percent;
use core::net::SocketAddr;
use sha2::{Digest, Sha256};
use std::rc::Rc;
use tokio::net::TcpStream;

/// An upload that ended before the core had a verdict on it.
enum Refusal {
    /// Tell the client.
    Status(u16, String),
    /// Nobody is left to tell.
    Gone,
}

impl Refusal {
    fn forbidden(why: &'static str) -> Self {
        Self::Status(403, why.to_owned())
    }
}

impl From<Ended> for Refusal {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Gone => Self::Gone,
            Ended::Silent => {
                Self::Status(408, "the upload stopped in the middle: send it again".into())
            }
            Ended::Http(error) => Self::Status(error.status(), error.to_string()),
        }
    }
}

impl From<SpoolError> for Refusal {
    fn from(error: SpoolError) -> Self {
        Self::Status(507, format!("the agent's spool can't take this upload: {error}"))
    }
}

impl From<std::io::Error> for Refusal {
    fn from(_: std::io::Error) -> Self {
        Self::Gone
    }
}

/// Whether the connection goes on.
pub(super) async fn put<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: Request,
    peer: SocketAddr,
) -> bool {
    let _open = Open::new(hub);
    let (status, text) = match receive(hub, connection, request, peer).await {
        Ok(()) => (201, String::new()),
        Err(Refusal::Gone) => return false,
        Err(Refusal::Status(status, text)) => (status, text + "\n"),
    };
    let retry: &[(&str, &str)] = if status == 503 { &[("Retry-After", "30")] } else { &[] };
    let answer = Answer { headers: retry, ..Answer::text(status, &text) };
    connection.answer(&answer).await.is_ok()
}

/// One request that a stop waits for, until its answer has gone out.
struct Open<'a, T: Transport>(&'a Hub<T>);

impl<'a, T: Transport> Open<'a, T> {
    fn new(hub: &'a Hub<T>) -> Self {
        hub.requests.update(|count| count + 1);
        Self(hub)
    }
}

impl<T: Transport> Drop for Open<'_, T> {
    fn drop(&mut self) {
        self.0.requests.update(|count| count - 1);
        self.0.room.notify_waiters();
    }
}

async fn receive<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    request: Request,
    peer: SocketAddr,
) -> Result<(), Refusal> {
    if hub.draining.get() {
        return Err(Refusal::Status(503, "the agent is shutting down".into()));
    }
    let name = percent::name(&request.path)
        .map_err(|error| Refusal::Status(error.status(), error.to_string()))?;
    let name = name.as_str().to_owned();
    if !(hub.rules.borrow().takes)(&name) {
        return Err(Refusal::Status(
            400,
            "this kind of file is not taken: see [uploads] allowed_extensions".into(),
        ));
    }
    let credential = credential::of(request.query.as_deref(), request.authorization.clone());
    credential::admit(&hub.rules.borrow(), &credential).map_err(Refusal::forbidden)?;
    let claim = Claim {
        method: "PUT",
        path: &name,
        length: 0,
        content_type: &request.content_type,
        expires: 0,
    };
    let (total, spooled) = match connection.http().framing() {
        Framing::Length(length) => (length, None),
        Framing::None => (0, None),
        Framing::Chunked | Framing::UntilClose => {
            // Its length is not known: it is taken whole first, for a token signs the length.
            credential::admit_unmeasured(&hub.rules.borrow(), &credential, claim)
                .map_err(|why| Refusal::Status(411, why.to_owned()))?;
            connection.invite().await?;
            let file = hub.spool.create(0)?;
            let (total, digest) = spool_whole(connection, &file).await?;
            (total, Some((file, digest)))
        }
    };
    let claim = Claim { length: total, ..claim };
    credential::check(&hub.rules.borrow(), &credential, claim).map_err(Refusal::forbidden)?;
    let (content_type, client) = (request.content_type, peer.to_string());
    let proto = Proto { name, total, content_type, credential, client };
    let transfer = admit(hub, connection, proto, spooled).await?;
    let ended = pump(hub, connection, &transfer).await;
    close(hub, &transfer, ended.is_ok());
    ended
}

/// The upload is over, whoever ended it: its slot and its blocks are free.
fn close<T: Transport + 'static>(hub: &Rc<Hub<T>>, transfer: &Transfer, is_stored: bool) {
    if !is_stored {
        // Unless the core has ended it itself: then this says nothing new.
        hub.feed(Event::ClientGone { id: transfer.id });
        if let Some(location) = transfer.location.take() {
            tokio::task::spawn_local(abandon::delete(hub.clone(), location));
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

/// Takes a body of unknown length whole.
async fn spool_whole(
    connection: &mut Connection<TcpStream>,
    file: &SpoolFile,
) -> Result<(u64, Sha256), Refusal> {
    let (mut offset, mut digest) = (0, Sha256::new());
    loop {
        match connection.next().await? {
            Incoming::Body(range) => {
                let bytes = connection.bytes(range);
                file.write_at(bytes, offset)?;
                digest.update(bytes);
                offset += bytes.len() as u64;
            }
            Incoming::End => return Ok((offset, digest)),
            Incoming::Request => {}
        }
    }
}

/// Waits for the upstream's protocol, a slot and its blocks: the client has not been invited yet.
async fn admit<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    proto: Proto,
    spooled: Option<(SpoolFile, Sha256)>,
) -> Result<Rc<Transfer>, Refusal> {
    let hold = hub.rules.borrow().policy.uploads.hold;
    let wait = async {
        let spoken = hub.upstream.known().await;
        loop {
            let room = hub.room.notified();
            if hub.core.borrow().vacancy().is_some() {
                return spoken;
            }
            room.await;
        }
    };
    let spoken = tokio::select! {
        spoken = wait => spoken.ok_or(Refusal::Gone)?,
        () = connection.gone() => return Err(Refusal::Gone),
        () = tokio::time::sleep(hold) => {
            return Err(Refusal::Status(503, "no link reaches the upstream, or the agent is full: try later".into()));
        }
    };
    // Between the check and this there is no await, so the vacancy still stands.
    let id = hub.core.borrow().vacancy().ok_or(Refusal::Gone)?;
    let (spooled, digest) = spooled.unzip();
    let body = match (spooled, spoken) {
        (Some(file), _) => Body::Spool(file),
        (None, Spoken::Tus { .. }) => Body::Pool,
        (None, Spoken::Put) => match hub.spool.create(proto.total) {
            Ok(file) => Body::Spool(file),
            Err(error) => {
                tracing::warn!(upload = proto.name, %error, "relayed without replay: a cut will fail it");
                Body::Passing
            }
        },
    };
    let spec = UploadSpec {
        total: proto.total,
        resume: spoken.resume(),
        replayable: !matches!(body, Body::Passing),
    };
    let transfer = Rc::new(Transfer::open(id, proto, spoken, body));
    hub.transfers.borrow_mut().insert(id, transfer.clone());
    tracing::info!(
        upload = transfer.name,
        bytes = transfer.total,
        client = transfer.client,
        protocol = spoken.name(),
        "upload"
    );
    hub.feed(Event::Opened { id, spec });
    if let Some(digest) = digest {
        transfer.adopt(digest);
        arrived(hub, &transfer, transfer.total);
    }
    Ok(transfer)
}

fn arrived<T: Transport + 'static>(hub: &Rc<Hub<T>>, transfer: &Transfer, offset: u64) {
    transfer.on_received(offset);
    hub.feed(Event::Received { id: transfer.id, offset });
}

/// Takes the body in as fast as there is room, then waits for the verdict.
async fn pump<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    transfer: &Rc<Transfer>,
) -> Result<(), Refusal> {
    connection.invite().await?;
    let mut offset = transfer.received();
    while offset < transfer.total {
        make_room(hub, connection, transfer, offset).await?;
        let incoming = tokio::select! {
            incoming = connection.next() => incoming?,
            verdict = transfer.concluded() => return settle(verdict, transfer),
        };
        let Incoming::Body(range) = incoming else { continue };
        let mut at = 0;
        while at < range.len() {
            make_room(hub, connection, transfer, offset).await?;
            let bytes = &connection.bytes(range.clone())[at..];
            let taken = keep(hub, transfer, offset, bytes)?;
            at += taken;
            offset += taken as u64;
        }
        arrived(hub, transfer, offset);
    }
    tokio::select! {
        // The verdict first: what is stored is not deleted because its client left in that moment.
        biased;
        verdict = transfer.concluded() => settle(verdict, transfer),
        () = connection.gone() => Err(Refusal::Gone),
    }
}

/// Waits until the byte at `offset` has a place. Meanwhile the client's socket fills: that is
/// the back-pressure.
async fn make_room<T: Transport + 'static>(
    hub: &Rc<Hub<T>>,
    connection: &mut Connection<TcpStream>,
    transfer: &Transfer,
    offset: u64,
) -> Result<(), Refusal> {
    if matches!(transfer.body, Body::Spool(_)) || hub.locate(transfer, offset).is_some() {
        return Ok(());
    }
    loop {
        let room = hub.room.notified();
        if hub.core.borrow_mut().try_take_block(transfer.id).is_some() {
            return Ok(());
        }
        tokio::select! {
            () = room => {}
            verdict = transfer.concluded() => settle(verdict, transfer)?,
            () = connection.gone() => return Err(Refusal::Gone),
        }
    }
}

/// Keeps what fits in the block at `offset`.
fn keep<T: Transport + 'static>(
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
    let Some((block, at)) = hub.locate(transfer, offset) else { return Ok(0) };
    let len = bytes.len().min(BLOCK_SIZE - at);
    if matches!(transfer.body, Body::Passing) {
        transfer.hash(&bytes[..len]);
    }
    hub.arena.block_mut(block)[at..at + len].copy_from_slice(&bytes[..len]);
    Ok(len)
}

/// What the client is told.
fn settle(verdict: Verdict, transfer: &Transfer) -> Result<(), Refusal> {
    let (status, text) = match verdict {
        Verdict::Stored => return Ok(()),
        Verdict::Abandoned => return Err(Refusal::Gone),
        Verdict::Refused(status) => (status, refused(status, &transfer.credential)),
        Verdict::Lost { acked, offset } => {
            let now = offset.map_or("nothing".into(), |offset| format!("{offset} bytes"));
            let text = format!(
                "the upstream acknowledged {acked} bytes and now has {now}: send the file again"
            );
            tracing::error!(upload = transfer.name, text);
            (502, text)
        }
        Verdict::Absurd { offset } => {
            let text = format!(
                "the upstream claims {offset} bytes, more than it was sent: check what answers there"
            );
            tracing::error!(upload = transfer.name, text);
            (502, text)
        }
        Verdict::Stalled => {
            let trouble = stalled(transfer.trouble.get());
            (503, format!("{trouble} for as long as [relay] hold allows: try later"))
        }
        Verdict::NotReplayable => (
            502,
            format!(
                "the connection to the upstream was cut, it can't resume, and the file ({} bytes) did not fit the \
                 spool: raise [relay] spool_size, then send it again",
                transfer.total
            ),
        ),
    };
    Err(Refusal::Status(status, text))
}

fn stalled(trouble: Option<Failure>) -> &'static str {
    match trouble {
        Some(Failure::Busy(_)) => "the upstream was busy",
        Some(Failure::TimedOut) => "the upstream did not answer",
        Some(Failure::Cut | Failure::Gone) => "no connection to the upstream lasted",
        Some(Failure::Conflict { .. } | Failure::Absurd { .. } | Failure::Refused(_)) | None => {
            "no link moved a byte"
        }
    }
}

fn refused(status: u16, credential: &Credential) -> String {
    match (status, credential) {
        (400 | 414, _) => "the upstream does not take a file of this name".into(),
        (401 | 403, Credential::None) => {
            "the upstream refused the agent's token: check that both have the same secret, token scheme and time"
                .into()
        }
        (401 | 403, Credential::Query(_) | Credential::Header(_)) => {
            "the upstream refused the token that came with it: it is wrong, has expired, or is for \
             another name, length or type"
                .into()
        }
        (409, _) => "the upstream has another file of this name, or a broken part of this one: \
                     delete that there, or use another name"
            .into(),
        (413, _) => "the file is larger than the upstream takes".into(),
        (431, Credential::Query(_) | Credential::Header(_)) => {
            "the token that came with it is too long to be passed on with this name and type".into()
        }
        (431, Credential::None) => "its name and media type are too long to be passed on".into(),
        (507, _) => "the upstream's disk is full".into(),
        (other, _) => format!("the upstream refused with {other}"),
    }
}
