//! The codec on a blocking socket.

use baton_wire::http::{Head, RequestHead, Server, ServerEvent, Unfit};
use core::ops::Range;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// What came.
pub(super) enum Came {
    /// A request's head.
    Request,
    /// A part of its body.
    Body(Range<usize>),
    /// Its end.
    End,
}

pub(super) struct Wire {
    stream: TcpStream,
    http: Server<8192>,
    buffer: Vec<u8>,
    unread: Range<usize>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, http: Server::new(), buffer: vec![0; 1 << 16], unread: 0..0 }
    }

    /// The next thing; `None` once the client has closed.
    pub(super) fn next(&mut self) -> io::Result<Option<Came>> {
        loop {
            let input = &self.buffer[self.unread.clone()];
            let (used, event) = self
                .http
                .handle_input(input)
                .map_err(|error| io::Error::other(error.to_string()))?;
            let came = match event {
                ServerEvent::NeedMore => None,
                ServerEvent::Request => Some(Came::Request),
                ServerEvent::Body(bytes) => {
                    let at = self.unread.start + used - bytes.len();
                    Some(Came::Body(at..at + bytes.len()))
                }
                ServerEvent::End => Some(Came::End),
            };
            self.unread.start += used;
            if came.is_some() {
                return Ok(came);
            }
            let read = self.stream.read(&mut self.buffer)?;
            if read == 0 {
                return Ok(None);
            }
            self.unread = 0..read;
        }
    }

    pub(super) fn head(&self) -> RequestHead<'_> {
        self.http.head()
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Answers with what `write` puts into the buffer that it is given.
    pub(super) fn answer(
        &mut self,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Unfit>,
    ) -> io::Result<()> {
        let mut out = [0; 1024];
        let length = write(&mut out).map_err(|error| io::Error::other(error.to_string()))?;
        self.stream.write_all(&out[..length])
    }

    /// A no without a body.
    pub(super) fn refuse(
        &mut self,
        status: u16,
        is_tus: bool,
        retry_after_s: Option<u32>,
    ) -> io::Result<()> {
        self.answer(|out| {
            Head::response(out, status)
                .maybe("Tus-Resumable", is_tus.then_some(baton_wire::tus::VERSION))
                .maybe("Retry-After", retry_after_s)
                .body_length(0)
                .finish()
        })
    }

    /// Answers with a body.
    pub(super) fn answer_with(&mut self, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
        self.answer(|out| {
            Head::response(out, status)
                .header("Content-Type", kind)
                .body_length(body.len() as u64)
                .finish()
        })?;
        self.stream.write_all(body)
    }

    /// Ends it both ways, whatever the client still sends.
    pub(super) fn cut(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
