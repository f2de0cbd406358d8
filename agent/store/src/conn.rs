//! One connection: requests in, answers out.

use baton_wire::{
    http::{self, Drain, Head, RequestHead, ServerEvent},
    resumable::{Interim, Interop},
};
use core::{fmt, ops::Range, time::Duration};
use std::{io, time::SystemTime};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::{error::Elapsed, timeout},
};

/// The longest request head: room for a JWT and long metadata.
const HEAD: usize = 8192;

/// The longest response head, and the longest answer of a protocol: it may tell a name, escaped.
const ANSWER: usize = 4096;

/// Read at once, and so written to the disk at once.
const BLOCK: usize = 64 << 10;

/// The most that is read of a request that was answered early, to keep its connection.
const DRAINED: u64 = 64 << 10;

/// How long, and how much, a connection is read after its last answer: closing while bytes are
/// unread resets it, and the client might never see the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1 << 20;

/// A connection, and the request on it.
pub(crate) struct Conn {
    stream: TcpStream,
    http: Box<http::Server<HEAD>>,
    input: Box<[u8]>,
    unread: Range<usize>,
    /// An offered answer that the kernel has not taken yet, or a part of it.
    unsent: Vec<u8>,
    idle_timeout: Duration,
    leaving: watch::Receiver<bool>,
    /// An answer to the request has begun.
    answered: bool,
    closing: bool,
}

/// Why a connection can't go on.
#[derive(Debug)]
pub(crate) enum Gone {
    /// The client closed, or the network did.
    Closed,
    /// Nothing moved for too long.
    Idle,
    /// The client does not speak HTTP, or not the way we take it.
    Http(http::Error),
}

impl Conn {
    /// Takes over a fresh connection. Once `leaving` is true, no further request is awaited.
    pub(crate) fn new(
        stream: TcpStream,
        idle_timeout: Duration,
        leaving: watch::Receiver<bool>,
    ) -> Self {
        Self {
            stream,
            http: Box::default(),
            input: vec![0; BLOCK].into(),
            unread: 0..0,
            unsent: Vec::new(),
            idle_timeout,
            leaving,
            answered: false,
            closing: false,
        }
    }

    /// Waits for the next request, dropping the rest of the one before. `false` if none will come.
    pub(crate) async fn next_request(&mut self) -> Result<bool, Gone> {
        if self.closing {
            return Ok(false);
        }
        self.answered &= !self.http.is_idle();
        let mut leaving = self.leaving.clone();
        tokio::select! {
            head = timeout(self.idle_timeout, self.read_head()) => head??,
            _ = leaving.wait_for(|leaving| *leaving) => return Ok(false),
        }
        Ok(true)
    }

    async fn read_head(&mut self) -> Result<(), Gone> {
        loop {
            let (used, event) = self.http.handle_input(&self.input[self.unread.clone()])?;
            self.unread.start += used;
            match event {
                ServerEvent::Request => return Ok(()),
                ServerEvent::Body(_) => {}
                ServerEvent::End => self.answered = false,
                ServerEvent::NeedMore => self.fill().await?,
            }
        }
    }

    /// The request's head.
    pub(crate) fn head(&self) -> RequestHead<'_> {
        self.http.head()
    }

    /// Lets a client begin its body that waits for leave to do so.
    pub(crate) async fn invite_body(&mut self) -> Result<(), Gone> {
        match self.http.take_continue() {
            Some(invitation) => self.send(invitation).await,
            None => Ok(()),
        }
    }

    /// The next piece of the request's body, until there is none. Loses nothing when cancelled.
    pub(crate) async fn body(&mut self) -> Result<Option<&[u8]>, Gone> {
        let piece = loop {
            let (used, event) = self.http.handle_input(&self.input[self.unread.clone()])?;
            self.unread.start += used;
            match event {
                ServerEvent::Body(data) => break self.unread.start - data.len()..self.unread.start,
                ServerEvent::End | ServerEvent::Request => return Ok(None),
                ServerEvent::NeedMore => timeout(self.idle_timeout, self.fill()).await??,
            }
        };
        Ok(Some(&self.input[piece]))
    }

    async fn fill(&mut self) -> Result<(), Gone> {
        match self.stream.read(&mut self.input).await? {
            0 => Err(Gone::Closed),
            count => {
                self.unread = 0..count;
                Ok(())
            }
        }
    }

    /// Answers with `text` as the body, none if it is empty.
    pub(crate) async fn answer(
        &mut self,
        status: u16,
        text: &str,
        headers: impl for<'h> FnOnce(Head<'h>) -> Head<'h>,
    ) -> Result<(), Gone> {
        let is_head = self.head().method == "HEAD";
        // RFC 9110 8.6
        let length = (status != 204).then_some(text.len() as u64);
        let media_type = (!text.is_empty()).then_some("text/plain; charset=utf-8");
        self.send_head(status, length, |head| headers(head.maybe("Content-Type", media_type)))
            .await?;
        if is_head { Ok(()) } else { self.send(text.as_bytes()).await }
    }

    /// Sends an answer that `write` writes whole; it is told whether another request may follow.
    pub(crate) async fn answer_with(
        &mut self,
        write: impl FnOnce(&mut [u8], bool) -> Result<usize, http::Unfit>,
    ) -> Result<(), Gone> {
        let keep_alive = self.keep_alive();
        let mut out = [0; ANSWER];
        let length = write(&mut out, keep_alive)?;
        self.send(&out[..length]).await
    }

    /// Says something before the answer.
    pub(crate) async fn send_interim(
        &mut self,
        interim: &Interim<'_>,
        interop: Interop,
    ) -> Result<(), Gone> {
        let mut out = [0; ANSWER];
        let length = interim.write(&mut out, interop)?;
        self.send(&out[..length]).await
    }

    /// The same without waiting, or not at all while the client does not read: it may be one that
    /// reads only once it has sent everything.
    pub(crate) fn offer_interim(
        &mut self,
        interim: &Interim<'_>,
        interop: Interop,
    ) -> Result<(), Gone> {
        if self.unsent.is_empty() {
            let mut out = [0; ANSWER];
            let length = interim.write(&mut out, interop)?;
            self.unsent.extend(&out[..length]);
        }
        match self.stream.try_write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Sends an answer's head; `length` bytes are to follow, unless the request is a HEAD.
    pub(crate) async fn send_head(
        &mut self,
        status: u16,
        length: Option<u64>,
        headers: impl for<'h> FnOnce(Head<'h>) -> Head<'h>,
    ) -> Result<(), Gone> {
        let keep_alive = self.keep_alive();
        let mut out = [0; ANSWER];
        let head = Head::response(&mut out, status).header("Date", date(SystemTime::now()));
        let head = headers(head).maybe("Content-Length", length).keep_alive(keep_alive);
        let length = head.finish()?;
        self.send(&out[..length]).await
    }

    /// Whether another request may follow the answer that is about to be sent. Of a request that
    /// was read in part only, a little is dropped for that.
    fn keep_alive(&mut self) -> bool {
        let keep_alive = match self.http.discard(DRAINED) {
            Drain::MustClose => false,
            Drain::Done | Drain::Draining => self.http.keep_alive() && !*self.leaving.borrow(),
        };
        self.answered = true;
        self.closing = !keep_alive;
        keep_alive
    }

    /// Sends bytes as they are.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        if !self.unsent.is_empty() {
            timeout(self.idle_timeout, self.stream.write_all(&self.unsent)).await??;
            self.unsent.clear();
        }
        Ok(timeout(self.idle_timeout, self.stream.write_all(bytes)).await??)
    }

    /// Says what is to be said when nothing more is understood of this connection, and ends it.
    pub(crate) async fn close(mut self, gone: Option<Gone>) {
        let text = gone.as_ref().map(Gone::to_string).unwrap_or_default() + "\n";
        let status = match gone {
            Some(Gone::Closed) => return,
            Some(Gone::Http(error)) => Some(error.status()),
            Some(Gone::Idle) if !self.http.is_idle() => Some(408),
            Some(Gone::Idle) | None => None,
        };
        let said = match status {
            Some(status) if !self.answered => self.answer(status, &text, |head| head).await,
            Some(_) | None => Ok(()),
        };
        if said.is_ok() && self.stream.shutdown().await.is_ok() && !self.http.is_idle() {
            let _ = timeout(LINGER, self.linger()).await;
        }
    }

    async fn linger(&mut self) {
        let mut room = LINGER_BYTES;
        while let Ok(count @ 1..) = self.stream.read(&mut self.input).await
            && count <= room
        {
            room -= count;
        }
    }
}

/// A point in time as header fields write it; before 1970 is 1970.
pub(crate) fn date(time: SystemTime) -> http::date::Date {
    http::date::Date { unix_s: unix_s(time) }
}

/// Unix seconds; before 1970 is 1970.
pub(crate) fn unix_s(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl From<io::Error> for Gone {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "connection lost");
        Self::Closed
    }
}

impl From<http::Unfit> for Gone {
    fn from(unfit: http::Unfit) -> Self {
        tracing::warn!(%unfit, "answer not sent");
        Self::Closed
    }
}

impl From<Elapsed> for Gone {
    fn from(_: Elapsed) -> Self {
        Self::Idle
    }
}

impl From<http::Error> for Gone {
    fn from(error: http::Error) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("connection closed"),
            Self::Idle => f.write_str("nothing came for too long"),
            Self::Http(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
