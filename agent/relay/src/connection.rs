//! A client's HTTP/1.1 connection on tokio: the wire codec with a socket and one buffer.

use baton_core::Duration;
use baton_wire::http::{Drain, Error as HttpError, Head, Server, ServerEvent, Unfit};
use core::ops::Range;
use std::io::{self, IoSliceMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// Longest request head: a token, a long name and what browsers add.
const HEAD: usize = 8 * 1024;

/// Longest head of an answer, and of what a protocol writes with it: the state of a chunked session
/// repeats the name of its file, at most twice 1024 bytes when quoted.
const ANSWER: usize = 3 * 1024;

/// One read: half of what the socket holds, so that it fills again meanwhile.
const BUFFER: usize = 8 * 1024;

/// How soon a client's close is noticed behind bytes that it sent before.
const GONE_POLL: Duration = Duration::from_millis(200);

/// Body bytes that are read and thrown away after an early answer, for the connection's sake.
const DISCARDED: u64 = 64 * 1024;

/// How long a connection is read after its last answer: closing while bytes are unread resets
/// it, and a client that is still sending would never see the answer.
const LINGER: Duration = Duration::from_secs(1);

/// One client connection.
pub(crate) struct Connection<S> {
    stream: S,
    http: Server<HEAD>,
    buffer: Box<[u8; BUFFER]>,
    unread: Range<usize>,
    /// How long a client may be silent, or take nothing.
    patience: Duration,
    /// The request under way has its answer.
    answered: bool,
    /// What the socket was told to hold of what came; 0: nothing yet.
    window: usize,
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client closed, or its connection broke.
    Gone,
    /// It was silent for too long.
    Silent,
    /// It does not speak HTTP/1.1 as it should.
    Http(HttpError),
}

/// What came.
pub(crate) enum Incoming {
    /// A request's head; read it with [`Connection::http`].
    Request,
    /// Body bytes; read them with [`Connection::bytes`].
    Body(Range<usize>),
    /// The request is complete.
    End,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            http: Server::new(),
            buffer: Box::new([0; BUFFER]),
            unread: 0..0,
            patience,
            answered: false,
            window: 0,
        }
    }

    /// Waits for the next request, dropping what is left of the one before. A head that trickles
    /// in has no more time than one that does not come.
    pub(crate) async fn next_request(&mut self) -> Result<(), Ended> {
        let patience = self.patience;
        self.answered &= !self.http.is_idle();
        let request = async {
            loop {
                match self.next().await? {
                    Incoming::Body(_) => {}
                    Incoming::End => self.answered = false,
                    Incoming::Request => {
                        self.answered = false;
                        return Ok(());
                    }
                }
            }
        };
        tokio::time::timeout(patience, request).await.unwrap_or(Err(Ended::Silent))
    }

    /// Whether an answer to what came last would make sense.
    pub(crate) fn awaits_answer(&self) -> bool {
        !self.answered && !self.http.is_idle()
    }

    /// The next thing that the client sent. Cancel-safe: what was read is kept.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Ended> {
        loop {
            let input = &self.buffer[self.unread.clone()];
            let (consumed, event) = self.http.handle_input(input).map_err(Ended::Http)?;
            let incoming = match event {
                ServerEvent::NeedMore => None,
                ServerEvent::Request => Some(Incoming::Request),
                ServerEvent::Body(bytes) => {
                    let at = bytes.as_ptr() as usize - self.buffer.as_ptr() as usize;
                    Some(Incoming::Body(at..at + bytes.len()))
                }
                ServerEvent::End => Some(Incoming::End),
            };
            self.unread.start += consumed;
            if let Some(incoming) = incoming {
                return Ok(incoming);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Ended> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        } else if self.unread.end == BUFFER {
            self.buffer.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
        }
        let read = self.stream.read(&mut self.buffer[self.unread.end..]);
        match tokio::time::timeout(self.patience, read).await {
            Ok(Ok(0) | Err(_)) => Err(Ended::Gone),
            Ok(Ok(n)) => {
                self.unread.end += n;
                Ok(())
            }
            Err(_) => Err(Ended::Silent),
        }
    }

    /// Body bytes of [`Incoming::Body`].
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// The codec: the request's head, framing and what the client expects.
    pub(crate) fn http(&mut self) -> &mut Server<HEAD> {
        &mut self.http
    }

    /// Answers 100 Continue to a client that waits for it.
    pub(crate) async fn invite(&mut self) -> io::Result<()> {
        match self.http.take_continue() {
            Some(invitation) => self.send(invitation).await,
            None => Ok(()),
        }
    }

    /// Says something before the answer, if there is anything to say.
    pub(crate) async fn hint(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Unfit>,
    ) -> io::Result<()> {
        let mut head = [0; ANSWER];
        let len = write(&mut head).map_err(|unfit| io::Error::other(unfit.to_string()))?;
        self.send(&head[..len]).await
    }

    /// Answers with a line of text, or JSON.
    pub(crate) async fn answer(&mut self, answer: &Answer<'_>) -> io::Result<()> {
        // RFC 9110 section 9.3.2: what HEAD is told of a body is its length.
        let is_head = self.http.head().method == "HEAD";
        let body = if is_head { &[] } else { answer.body };
        self.respond(body, |out, keep_alive| {
            let head = Head::response(out, answer.status)
                .header("Content-Type", answer.content_type)
                .body_length(answer.body.len() as u64)
                .keep_alive(keep_alive);
            answer
                .headers
                .iter()
                .fold(head, |head, (name, value)| head.header(name, value))
                .finish()
        })
        .await
    }

    /// Answers with what `write` makes of a buffer, told whether the connection goes on, and with
    /// `body`. An early answer ends the request's body: the rest of it is read and thrown away; where
    /// it is too long for that, an error says that the connection is to be closed.
    pub(crate) async fn respond(
        &mut self,
        body: &[u8],
        write: impl FnOnce(&mut [u8], bool) -> Result<usize, Unfit>,
    ) -> io::Result<()> {
        let must_close = self.http.discard(DISCARDED) == Drain::MustClose;
        let mut head = [0; ANSWER];
        let keep_alive = !must_close && self.http.keep_alive();
        let len =
            write(&mut head, keep_alive).map_err(|unfit| io::Error::other(unfit.to_string()))?;
        self.write(&head[..len]).await?;
        self.write(body).await?;
        if must_close {
            self.linger().await;
            return Err(io::Error::other("the rest of the body is too long to be thrown away"));
        }
        Ok(())
    }

    /// Writes bytes of an answer.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.answered = true;
        self.send(bytes).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        tokio::time::timeout(self.patience, self.stream.write_all(bytes)).await?
    }

    async fn linger(&mut self) {
        let drained = async {
            self.stream.shutdown().await?;
            while self.stream.read(&mut self.buffer[..]).await? > 0 {}
            io::Result::Ok(())
        };
        // However it ends, nothing more is said here.
        let _ = tokio::time::timeout(LINGER, drained).await;
    }
}

impl Connection<TcpStream> {
    /// How many bytes of the request's body can be read by [`Self::try_read_raw`]: none while there
    /// are some that came with something else.
    pub(crate) fn raw_body(&self) -> u64 {
        if self.unread.is_empty() { self.http.raw_body() } else { 0 }
    }

    /// Waits until there may be some.
    pub(crate) async fn readable(&self) -> Result<(), Ended> {
        match tokio::time::timeout(self.patience, self.stream.readable()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Gone),
            Err(_) => Err(Ended::Silent),
        }
    }

    /// Reads what is there of the body into places that hold no more than [`Self::raw_body`].
    pub(crate) fn try_read_raw(&mut self, places: &mut [IoSliceMut<'_>]) -> Result<usize, Ended> {
        match self.stream.try_read_vectored(places) {
            Ok(0) => Err(Ended::Gone),
            Ok(n) => {
                self.http.took_raw(n as u64);
                Ok(n)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(Ended::Gone),
        }
    }

    /// Lets the client have about so many bytes under way. The kernel doubles it, for its own
    /// bookkeeping.
    pub(crate) fn set_window(&mut self, bytes: usize) {
        if self.window != bytes {
            self.window = bytes;
            // Where the kernel refuses, it stays as it was.
            let _ = socket2::SockRef::from(&self.stream).set_recv_buffer_size(bytes);
        }
    }

    /// Waits until the client has closed or broken its connection. Reads nothing.
    pub(crate) async fn gone(&self) {
        loop {
            match self.stream.ready(Interest::READABLE).await {
                Ok(ready) if !ready.is_read_closed() => {}
                Ok(_) | Err(_) => return,
            }
            // It has sent more, which waits for room: the close can only be seen by looking again.
            tokio::time::sleep(GONE_POLL).await;
        }
    }
}

/// One answer.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) content_type: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    /// A line of text.
    pub(crate) fn text(status: u16, body: &'a str) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            headers: &[],
            body: body.as_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(request: &str) -> String {
        let (mut client, server) = tokio::io::duplex(4096);
        let mut connection = Connection::new(server, Duration::from_secs(1));
        client.write_all(request.as_bytes()).await.expect("room");

        connection.next_request().await.expect("a request");
        connection.answer(&Answer::text(403, "no\n")).await.expect("room");

        drop(connection);
        let mut said = String::new();
        client.read_to_string(&mut said).await.expect("text");
        said
    }

    #[tokio::test(flavor = "current_thread")]
    async fn an_answer_to_head_has_no_body() {
        let get = told("GET /a HTTP/1.1\r\nHost: agent\r\n\r\n").await;
        let head = told("HEAD /a HTTP/1.1\r\nHost: agent\r\n\r\n").await;

        assert!(get.ends_with("\r\n\r\nno\n"), "{get}");
        assert_eq!(get.strip_suffix("no\n"), Some(&*head));
    }
}
