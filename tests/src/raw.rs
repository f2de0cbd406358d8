//! A client that says exactly what it is told to, whatever HTTP would have it say.

use crate::Scene;
use baton_lab::Namespace;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

/// A connection, and what came on it that was not read yet.
pub struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// The body.
    pub text: String,
}

impl Scene {
    /// A connection from the LAN to the agent.
    ///
    /// # Panics
    ///
    /// If the agent takes none.
    pub fn raw(&self) -> Raw {
        Raw::connect(&self.lab.lan, ([192, 168, 1, 1], 8080).into())
    }
}

impl Raw {
    /// Connects from a namespace of the lab.
    ///
    /// # Panics
    ///
    /// If nobody listens there.
    pub fn connect(from: &Namespace, to: SocketAddr) -> Self {
        let stream = from
            .run(|| TcpStream::connect_timeout(&to, PATIENCE))
            .unwrap_or_else(|error| panic!("{to}: {error}"));
        stream.set_read_timeout(Some(PATIENCE)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, unread: Vec::new() }
    }

    /// Sends bytes as they are. The far end may have closed already: what it said shows why.
    pub fn say(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// The next answer that is not an interim one.
    ///
    /// # Panics
    ///
    /// If the connection ends before it is whole, or nothing comes.
    pub fn answer(&mut self) -> Said {
        loop {
            let said = self.any_answer();
            if said.status >= 200 {
                return said;
            }
        }
    }

    /// Whether the far end has closed, and said nothing more.
    pub fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }

    /// The next answer, interim ones among them.
    ///
    /// # Panics
    ///
    /// If the connection ends before it is whole, or nothing comes.
    pub fn any_answer(&mut self) -> Said {
        self.read_answer(true)
    }

    /// The next answer, which has no body whatever length it tells: one to HEAD.
    ///
    /// # Panics
    ///
    /// If the connection ends before it is whole, or nothing comes.
    pub fn answer_to_head(&mut self) -> Said {
        self.read_answer(false)
    }

    fn read_answer(&mut self, has_body: bool) -> Said {
        let end = loop {
            match self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => self.fill(),
            }
        };
        let head = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end);
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("not an answer: {head}"));
        let length = field(&head, "content-length").and_then(|digits| digits.parse().ok());
        let length = if status < 200 || !has_body { 0 } else { length.unwrap_or(0) };
        while self.unread.len() < length {
            self.fill();
        }
        let text = String::from_utf8_lossy(&self.unread[..length]).into_owned();
        self.unread.drain(..length);
        Said { status, head, text }
    }

    fn fill(&mut self) {
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => {
                panic!("closed without an answer: {:?}", String::from_utf8_lossy(&self.unread))
            }
            Ok(n) => self.unread.extend_from_slice(&bytes[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                panic!("no answer in {PATIENCE:?}")
            }
            Err(error) => panic!("{error} before the answer was whole"),
        }
    }
}

impl Said {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

/// Longer than any answer takes that a test waits for.
const PATIENCE: Duration = Duration::from_secs(30);
