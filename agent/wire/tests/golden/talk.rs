//! A conversation with a server, or with what is left of one.
//!
//! A transcript is a file of lines, each with its escapes: `> ` was sent, `< ` came, `= ` sums up a
//! body that was sent, and `--` ends a connection.

use baton_wire::http::{Error, NotSent, Peer};
use baton_wire::put;
use core::fmt::Write as _;
use core::time::Duration;
use std::collections::VecDeque;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;

/// The authority in every transcript, wherever the server listened.
pub(crate) const AUTHORITY: &str = "files.lab";

pub(crate) const PEER: Peer<'_> = Peer { authority: AUTHORITY, authorization: None };

/// What tokens are signed with.
pub(crate) const SECRET: &[u8] = b"sharedsecret";

/// How long a live server may take to answer.
const PATIENCE: Duration = Duration::from_millis(700);

/// A client machine.
pub(crate) trait Machine {
    /// A connection on which nothing was sent.
    fn begin() -> Self;

    /// Feeds input; how much was used, and the answer.
    fn read(&mut self, input: &[u8]) -> Result<(usize, Option<String>), Error>;

    /// Bytes of the body that are due.
    fn body_left(&self) -> u64;

    fn wrote_body(&mut self, bytes: u64);
}

impl Machine for put::Client {
    fn begin() -> Self {
        Self::new()
    }

    fn read(&mut self, input: &[u8]) -> Result<(usize, Option<String>), Error> {
        let (used, answer) = self.handle_input(input)?;
        Ok((used, answer.map(|answer| format!("{answer:?}"))))
    }

    fn body_left(&self) -> u64 {
        self.body_left()
    }

    fn wrote_body(&mut self, bytes: u64) {
        self.wrote_body(bytes);
    }
}

/// One transcript.
pub(crate) struct Talk<M> {
    path: PathBuf,
    server: Server,
    /// The same connection, its answers fed whole and byte by byte.
    whole: M,
    split: M,
}

enum Server {
    Recorded(VecDeque<String>),
    Live { address: String, stream: Option<TcpStream>, transcript: String },
}

impl<M: Machine> Talk<M> {
    /// The transcript `case` of `server`.
    pub(crate) fn new(server: &str, case: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/golden/{server}/{case}.txt"));
        let server = match std::env::var("BATON_RECORD") {
            Ok(address) => Server::Live { address, stream: None, transcript: String::new() },
            Err(_) => {
                let text = fs::read_to_string(&path)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                Server::Recorded(text.lines().map(str::to_owned).collect())
            }
        };
        Self { path, server, whole: M::begin(), split: M::begin() }
    }

    /// Sends a request with its body, and returns the answers to it.
    pub(crate) fn ask(
        &mut self,
        write: impl Fn(&mut M, &mut [u8]) -> Result<usize, NotSent>,
        body: &[u8],
    ) -> Vec<String> {
        self.send(write, body, body.len());
        self.server.answers(&mut self.whole, &mut self.split)
    }

    /// Sends a request with only `sent` bytes of its body, and hangs up.
    pub(crate) fn cut(
        &mut self,
        write: impl Fn(&mut M, &mut [u8]) -> Result<usize, NotSent>,
        body: &[u8],
        sent: usize,
    ) {
        self.send(write, body, sent);
        self.hang_up();
    }

    /// Ends the connection; the next request goes out on another.
    pub(crate) fn hang_up(&mut self) {
        self.server.hang_up();
        (self.whole, self.split) = (M::begin(), M::begin());
    }

    fn send(
        &mut self,
        write: impl Fn(&mut M, &mut [u8]) -> Result<usize, NotSent>,
        body: &[u8],
        sent: usize,
    ) {
        let mut out = [0; 2048];
        let length = write(&mut self.split, &mut out).unwrap();
        assert_eq!(write(&mut self.whole, &mut out), Ok(length));
        for machine in [&mut self.whole, &mut self.split] {
            assert_eq!(machine.body_left(), body.len() as u64);
            machine.wrote_body(sent as u64);
        }
        self.server.send(&out[..length], &body[..sent]);
    }

    /// Ends the transcript.
    pub(crate) fn finish(mut self) {
        self.hang_up();
        match self.server {
            Server::Recorded(lines) => assert_eq!(lines, [""; 0], "nothing is left over"),
            Server::Live { transcript, .. } => {
                fs::create_dir_all(self.path.parent().unwrap()).unwrap();
                fs::write(&self.path, transcript).unwrap();
            }
        }
    }
}

impl Server {
    fn send(&mut self, head: &[u8], body: &[u8]) {
        let mut lines = escaped("> ", head);
        if !body.is_empty() {
            writeln!(lines, "= {} bytes", body.len()).unwrap();
        }
        match self {
            Self::Recorded(rest) => {
                let recorded: Vec<String> = rest.drain(..lines.lines().count()).collect();
                assert_eq!(recorded, lines.lines().collect::<Vec<_>>());
            }
            Self::Live { address, stream, transcript } => {
                transcript.push_str(&lines);
                let stream = stream.get_or_insert_with(|| TcpStream::connect(&*address).unwrap());
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.write_all(head).unwrap();
                // A server that refuses the head may be gone.
                let _ = stream.write_all(body);
            }
        }
    }

    /// Feeds what comes until it is an answer, to both machines.
    fn answers<M: Machine>(&mut self, whole: &mut M, split: &mut M) -> Vec<String> {
        let input = match self {
            Self::Recorded(rest) => {
                let count = rest.iter().take_while(|line| line.starts_with("< ")).count();
                rest.drain(..count).flat_map(|line| unescaped(&line[2..])).collect()
            }
            Self::Live { stream, transcript, .. } => {
                let (mut input, mut room) = (Vec::new(), [0; 4096]);
                let stream = stream.as_mut().unwrap();
                loop {
                    match stream.read(&mut room) {
                        Ok(0) => break,
                        Ok(n) => input.extend_from_slice(&room[..n]),
                        // It has said all.
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                transcript.push_str(&escaped("< ", &input));
                input
            }
        };
        let told = feed(whole, &input, input.len());
        assert_eq!(feed(split, &input, 1), told);
        told
    }

    fn hang_up(&mut self) {
        match self {
            Self::Recorded(rest) => assert_eq!(rest.pop_front().as_deref(), Some("--")),
            Self::Live { stream, transcript, .. } => {
                transcript.push_str("--\n");
                if let Some(stream) = stream.take() {
                    stream.shutdown(Shutdown::Both).unwrap();
                    // What it does about a cut, it does now.
                    std::thread::sleep(Duration::from_millis(300));
                }
            }
        }
    }
}

fn feed<M: Machine>(machine: &mut M, input: &[u8], step: usize) -> Vec<String> {
    let mut told = Vec::new();
    for mut piece in input.chunks(step.max(1)) {
        loop {
            let (used, answer) = machine.read(piece).unwrap();
            piece = &piece[used..];
            match answer {
                Some(answer) => told.push(answer),
                None => break,
            }
        }
    }
    told
}

fn escaped(mark: &str, bytes: &[u8]) -> String {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| format!("{mark}{}\n", line.escape_ascii())).collect()
}

fn unescaped(line: &str) -> Vec<u8> {
    let (mut bytes, mut out) = (line.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => match bytes.next().unwrap() {
                b'r' => b'\r',
                b'n' => b'\n',
                b't' => b'\t',
                b'x' => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(core::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                byte => byte,
            },
            byte => byte,
        });
    }
    out
}
