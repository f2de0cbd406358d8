//! One TLS connection over a stream that does not block.

use super::TlsError;
use baton_hal::{Bytes, Stream, StreamInfo, gather};
use core::cell::{Cell, RefCell};
use heapless::Deque;
use rustls::{Connection, HandshakeKind};
use std::io::{self, IoSlice, Read, Write};

/// Most that one write takes: four blocks of the pool and a request head, which a fast link is given at
/// once. Encrypted it is 22 to 29 bytes more a record, of which there are five.
const WRITE: usize = 68 * 1024;

/// A stream with TLS around it, or without.
pub struct TlsStream<S: Stream> {
    below: S,
    /// Boxed: a stream without TLS does not pay for it.
    session: Option<Box<RefCell<Session>>>,
    is_aborted: Cell<bool>,
}

struct Session {
    tls: Connection,
    /// Decrypted bytes that nobody took yet.
    unread: usize,
    /// The peer said that it sends no more.
    has_ended: bool,
    /// Bytes that the stream below took, the handshake's included.
    sent: u64,
    /// Payload bytes that were written: the stream below took all that was made of them.
    written: u64,
    /// Those of the write under way, of which it did not.
    pending: usize,
    ledger: Ledger,
}

impl<S: Stream> TlsStream<S> {
    pub(super) fn plain(below: S) -> Self {
        Self { below, session: None, is_aborted: Cell::new(false) }
    }

    pub(super) fn new(below: S, mut tls: Connection) -> Self {
        tls.set_buffer_limit(Some(WRITE));
        let session = Session {
            tls,
            unread: 0,
            has_ended: false,
            sent: 0,
            written: 0,
            pending: 0,
            ledger: Ledger::default(),
        };
        Self { below, session: Some(Box::new(RefCell::new(session))), is_aborted: Cell::new(false) }
    }

    /// Lets the stream below go without a word, as a proxy does that gives up.
    #[cfg(test)]
    pub(super) fn forget(mut self) {
        self.session = None;
    }

    /// Waits until both ends trust each other as far as they are going to.
    pub(super) async fn handshake(&self) -> Result<HandshakeKind, TlsError<S::Error>> {
        let session = self.session.as_ref().expect("a stream that is to be encrypted");
        loop {
            let (is_sent, kind) = {
                let mut session = session.borrow_mut();
                let is_sent = session.push(&self.below)?;
                let is_over = !session.tls.is_handshaking();
                (is_sent, session.tls.handshake_kind().filter(|_| is_over))
            };
            match kind {
                Some(kind) if is_sent => return Ok(kind),
                None if is_sent => {
                    self.below.readable().await;
                    if session.borrow_mut().pull(&self.below)? == Some(0) {
                        return Err(TlsError::Cut);
                    }
                }
                Some(_) | None => self.below.writable().await,
            }
        }
    }
}

impl Session {
    /// Hands down what is encrypted; whether all of it went.
    fn push<S: Stream>(&mut self, below: &S) -> Result<bool, TlsError<S::Error>> {
        while self.tls.wants_write() {
            let mut pipe = Pipe::new(below);
            let done = self.tls.write_tls(&mut pipe);
            match pipe.outcome(done)? {
                Some(sent) => self.sent += sent as u64,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Reads once below, and decrypts. `None`: nothing now. 0: the end.
    fn pull<S: Stream>(&mut self, below: &S) -> Result<Option<usize>, TlsError<S::Error>> {
        let mut pipe = Pipe::new(below);
        let done = self.tls.read_tls(&mut pipe);
        let read = pipe.outcome(done)?;
        match self.tls.process_new_packets() {
            Ok(state) => {
                self.unread = state.plaintext_bytes_to_read();
                self.has_ended |= state.peer_has_closed();
                Ok(read)
            }
            Err(error) => {
                // The peer is told why, if it still listens.
                let _ = self.push(below);
                Err(TlsError::Tls(error))
            }
        }
    }

    fn read<S: Stream>(
        &mut self,
        below: &S,
        buf: &mut [u8],
    ) -> Result<Option<usize>, TlsError<S::Error>> {
        if self.pending == 0 {
            // An answer of TLS itself. What can't be sent is no reason not to hear what was said.
            let _ = self.push(below);
        }
        while self.unread == 0 && !self.has_ended {
            match self.pull(below)? {
                None => return Ok(None),
                Some(0) if self.unread == 0 && !self.has_ended => return Err(TlsError::Cut),
                Some(_) => {}
            }
        }
        let n = self.tls.reader().read(buf).map_err(odd)?;
        self.unread -= n;
        Ok(Some(n))
    }

    fn write<S: Stream>(
        &mut self,
        below: &S,
        bufs: &[&[u8]],
    ) -> Result<Option<usize>, TlsError<S::Error>> {
        if self.pending == 0 {
            if !self.push(below)? {
                return Ok(None);
            }
            let (slices, count) = gather(bufs.iter().copied(), IoSlice::new);
            self.pending = self.tls.writer().write_vectored(&slices[..count]).map_err(odd)?;
            let wire = self.sent + self.held()? as u64;
            self.ledger.add(Mark { wire, payload: self.written + self.pending as u64 });
        }
        if !self.push(below)? {
            return Ok(None);
        }
        self.written += self.pending as u64;
        Ok(Some(core::mem::take(&mut self.pending)))
    }

    /// Bytes that are encrypted and that the stream below has not taken.
    fn held<E>(&mut self) -> Result<usize, TlsError<E>> {
        // Nothing is read here; rustls tells its state as the outcome of processing.
        let state = self.tls.process_new_packets().map_err(TlsError::Tls)?;
        Ok(state.tls_bytes_to_write())
    }

    /// The transport counts bytes of TLS: those of the payload are in records that have left, or
    /// were acknowledged, wholly.
    fn translate(&self, info: StreamInfo) -> StreamInfo {
        let left = self.sent.saturating_sub(u64::from(info.notsent_bytes));
        let unsent = self.written.saturating_sub(self.ledger.payload_at(left));
        StreamInfo {
            acked_bytes: self.ledger.payload_at(info.acked_bytes),
            notsent_bytes: u32::try_from(unsent).unwrap_or(u32::MAX),
            ..info
        }
    }
}

impl<S: Stream> Bytes for TlsStream<S> {
    type Error = TlsError<S::Error>;

    async fn readable(&self) {
        let has_news = |session: &RefCell<Session>| {
            let session = session.borrow();
            session.unread > 0 || session.has_ended
        };
        if !self.session.as_deref().is_some_and(has_news) {
            self.below.readable().await;
        }
    }

    async fn writable(&self) {
        self.below.writable().await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, Self::Error> {
        match &self.session {
            Some(session) => session.borrow_mut().read(&self.below, buf),
            None => self.below.try_read(buf).map_err(TlsError::Below),
        }
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, Self::Error> {
        match &self.session {
            Some(session) => session.borrow_mut().write(&self.below, bufs),
            None => self.below.try_write(bufs).map_err(TlsError::Below),
        }
    }
}

impl<S: Stream> Stream for TlsStream<S> {
    fn info(&self) -> Option<StreamInfo> {
        let info = self.below.info()?;
        Some(match &self.session {
            Some(session) => session.borrow().translate(info),
            None => info,
        })
    }

    fn abort(&self) {
        self.is_aborted.set(true);
        self.below.abort();
    }
}

/// Says goodbye, as far as there is room for that below.
impl<S: Stream> Drop for TlsStream<S> {
    fn drop(&mut self) {
        if let Some(session) = &mut self.session
            && !self.is_aborted.get()
        {
            let session = session.get_mut();
            session.tls.send_close_notify();
            let _ = session.push(&self.below);
        }
    }
}

/// The stream below as rustls wants it; the error that `io::Error` has no place for.
struct Pipe<'a, S: Stream> {
    below: &'a S,
    error: Option<S::Error>,
}

impl<'a, S: Stream> Pipe<'a, S> {
    fn new(below: &'a S) -> Self {
        Self { below, error: None }
    }

    fn told(&mut self, done: Result<Option<usize>, S::Error>) -> io::Result<usize> {
        match done {
            Ok(Some(n)) => Ok(n),
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => {
                self.error = Some(error);
                Err(io::ErrorKind::Other.into())
            }
        }
    }

    fn outcome(self, done: io::Result<usize>) -> Result<Option<usize>, TlsError<S::Error>> {
        match (done, self.error) {
            (_, Some(error)) => Err(TlsError::Below(error)),
            (Ok(n), None) => Ok(Some(n)),
            (Err(error), None) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            (Err(error), None) => Err(odd(error)),
        }
    }
}

impl<S: Stream> Read for Pipe<'_, S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let done = self.below.try_read(buf);
        self.told(done)
    }
}

impl<S: Stream> Write for Pipe<'_, S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let (slices, count) = gather(bufs.iter().map(|buf| &**buf), |buf| buf);
        let done = self.below.try_write(&slices[..count]);
        self.told(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// rustls fails so only on what its state rules out.
fn odd<E>(error: io::Error) -> TlsError<E> {
    TlsError::Tls(rustls::Error::General(error.to_string()))
}

/// Writes whose place in the stream is remembered: those that can be in part unsent, since the
/// kernel takes little more than it sends, and some for the sake of what is unacknowledged.
const MARKS: usize = 32;

/// Where a write ended: in the stream below, and in the payload.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    wire: u64,
    payload: u64,
}

/// How much payload is in so many bytes of the stream.
#[derive(Debug, Default)]
struct Ledger {
    /// The last mark that was forgotten.
    floor: Mark,
    marks: Deque<Mark, MARKS>,
}

impl Ledger {
    fn add(&mut self, mark: Mark) {
        if self.marks.is_full() {
            self.floor = self.marks.pop_front().unwrap_or(self.floor);
        }
        // There is room now.
        let _ = self.marks.push_back(mark);
    }

    /// Payload whose records end within the first `wire` bytes. Below what is remembered it is
    /// too little, by what TLS adds.
    fn payload_at(&self, wire: u64) -> u64 {
        match self.marks.iter().rev().find(|mark| mark.wire <= wire) {
            Some(mark) => mark.payload,
            None => self.floor.payload.saturating_sub(self.floor.wire.saturating_sub(wire)),
        }
    }
}
