//! HTTP/1.1 to the agent's control socket or to a server: one request, one connection.

mod error;

pub(crate) use error::Error;

use crate::draw::plain;
use crate::failure::Failure;
use baton_wire::http::{Client, ClientEvent, Eof, Head, Method, Peer};
use core::time::Duration;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

/// A head, ours or theirs: the longest path with its token fits.
const HEAD: usize = 4096;

/// The longest answer that is read: a list of all that the spool may hold is smaller.
const BODY_MAX: usize = 8 << 20;

/// What is read of a file at once.
const CHUNK: usize = 64 * 1024;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// How long the agent may take to say how it is.
const AGENT_ANSWER: Duration = Duration::from_secs(5);

/// How long an upload may stand still. An agent without links holds its clients for minutes.
const UPLOAD_STALL: Duration = Duration::from_secs(15 * 60);

/// How long `100 Continue` is waited for: servers that do not know it never send it
/// (RFC 9110 section 10.1.1).
const CONTINUE: Duration = Duration::from_secs(1);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Its status code.
    pub(crate) status: u16,
    /// Its body.
    pub(crate) body: String,
}

impl Reply {
    /// Whether it is a yes.
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What the server says of its no: `{"error": "..."}`, or the first line of a text.
    pub(crate) fn complaint(&self) -> String {
        let json: Option<serde_json::Value> = serde_json::from_str(&self.body).ok();
        let error = json.as_ref().and_then(|body| body["error"].as_str());
        let line = self.body.lines().next().filter(|line| !line.starts_with(['<', '{']));
        match error.or(line).map(str::trim) {
            Some(text) if !text.is_empty() => format!("{} (status {})", plain(text), self.status),
            Some(_) | None => format!("status {}", self.status),
        }
    }

    /// The agent's answer, read.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.body).map_err(|e| {
            Failure::NoAgent(format!("what answers on the control socket is no agent: {e}"))
        })
    }
}

/// The agent that runs on this machine.
#[derive(Debug)]
pub(crate) struct Agent {
    socket: PathBuf,
}

impl Agent {
    /// The one that listens on `socket`.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// GETs what the agent must know.
    pub(crate) async fn ask(&self, target: &str) -> Result<Reply, Failure> {
        let reply = self.request(Method::Get, target, "").await?;
        if reply.is_success() {
            return Ok(reply);
        }
        Err(Failure::No(format!("the agent does not answer {target}: {}", reply.complaint())))
    }

    /// POSTs an order.
    pub(crate) async fn order(&self, target: &str, json: &str) -> Result<Reply, Failure> {
        self.request(Method::Post, target, json).await
    }

    async fn request(&self, method: Method, target: &str, json: &str) -> Result<Reply, Failure> {
        let exchange = async {
            let connection = Connection::to_socket(&self.socket).await?;
            connection.request(method, target, json).await
        };
        let reply = timeout(AGENT_ANSWER, exchange).await.unwrap_or(Err(Error::Silent));
        reply.map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &Error) -> Failure {
        let is_denied = |e: &io::Error| e.kind() == io::ErrorKind::PermissionDenied;
        let advice = if matches!(error, Error::Connect(e) if is_denied(e)) {
            "ask as the user that it runs as"
        } else {
            "start one with `baton run`, or name its socket with --socket"
        };
        let socket = self.socket.display();
        Failure::NoAgent(format!("no agent answers on {socket}: {error}; {advice}"))
    }
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct Upload<'a> {
    /// Path and query, encoded.
    pub(crate) target: &'a str,
    /// Its media type.
    pub(crate) content_type: &'a str,
    /// Its length.
    pub(crate) length: u64,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

/// A connection that carries one request.
pub(crate) struct Connection {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    authority: String,
    http: Box<Client<HEAD, 1>>,
    /// What was read and not understood yet.
    input: Vec<u8>,
    status: u16,
    body: Vec<u8>,
}

/// How far the answer is.
enum Progress {
    NeedMore,
    Continue,
    Begun,
    Whole,
}

impl Connection {
    async fn to_socket(path: &Path) -> Result<Self, Error> {
        let stream = UnixStream::connect(path).await.map_err(Error::Connect)?;
        Ok(Self::new(Box::new(stream), "localhost".to_owned()))
    }

    /// Connects to a server; `authority` is its name and port.
    pub(crate) async fn to_server(host: &str, port: u16, authority: String) -> Result<Self, Error> {
        let connected = timeout(CONNECT, TcpStream::connect((host, port))).await;
        let stream = connected.map_err(|_| Error::Silent)?.map_err(Error::Connect)?;
        Ok(Self::new(Box::new(stream), authority))
    }

    fn new(stream: Box<dyn Stream>, authority: String) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (http, input, body) = (Box::default(), Vec::new(), Vec::new());
        Self { reader, writer, authority, http, input, status: 0, body }
    }

    async fn request(mut self, method: Method, target: &str, json: &str) -> Result<Reply, Error> {
        let mut head = vec![0; HEAD];
        let peer = Peer { authority: &self.authority, authorization: None };
        let fields = Head::request(&mut head, method, target, &peer);
        let fields = match json.is_empty() {
            true => fields,
            false => {
                fields.header("Content-Type", "application/json").body_length(json.len() as u64)
            }
        };
        let length = fields.keep_alive(false).finish()?;
        self.http.sent(method, json.len() as u64)?;
        let request = [&head[..length], json.as_bytes()].concat();
        self.writer.write_all(&request).await.map_err(Error::Cut)?;
        self.answer().await
    }

    /// PUTs what `file` holds, telling `progress` how many bytes are sent. An answer that comes
    /// early ends it.
    pub(crate) async fn put(
        mut self,
        upload: &Upload<'_>,
        file: &mut File,
        mut progress: impl FnMut(u64),
    ) -> Result<Reply, Error> {
        let mut head = vec![0; HEAD];
        let expect = (upload.length > 0).then_some("100-continue");
        let peer = Peer { authority: &self.authority, authorization: None };
        let length = Head::request(&mut head, Method::Put, upload.target, &peer)
            .header("Content-Type", upload.content_type)
            .body_length(upload.length)
            .maybe("Expect", expect)
            .keep_alive(false)
            .finish()?;
        self.http.sent(Method::Put, upload.length)?;
        self.writer.write_all(&head[..length]).await.map_err(Error::Cut)?;
        if expect.is_some() && timeout(CONTINUE, self.leave()).await.unwrap_or(Ok(true))? {
            self.send_body(upload.length, file, &mut progress).await?;
        }
        timeout(UPLOAD_STALL, self.answer()).await.unwrap_or(Err(Error::Silent))
    }

    /// Waits until the server says whether it wants the body.
    async fn leave(&mut self) -> Result<bool, Error> {
        loop {
            match self.advance()? {
                Progress::NeedMore => self.fill().await?,
                Progress::Continue => return Ok(true),
                Progress::Begun | Progress::Whole => return Ok(false),
            }
        }
    }

    /// Sends the body, or as much of it as the server wants to see.
    async fn send_body(
        &mut self,
        length: u64,
        file: &mut File,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK];
        let mut sent = 0;
        while sent < length {
            let most = CHUNK.min(usize::try_from(length - sent).unwrap_or(CHUNK));
            let read = file.read(&mut chunk[..most]).await.map_err(Error::File)?;
            if read == 0 {
                return Err(Error::Shrunk { at: sent });
            }
            let step = timeout(UPLOAD_STALL, self.write_or_hear(&chunk[..read])).await;
            if !step.unwrap_or(Err(Error::Silent))? {
                return Ok(());
            }
            sent += read as u64;
            self.http.wrote_body(read as u64);
            progress(sent);
        }
        Ok(())
    }

    /// Writes `bytes` unless the answer begins before they are out; whether it did write them.
    async fn write_or_hear(&mut self, mut bytes: &[u8]) -> Result<bool, Error> {
        while !bytes.is_empty() {
            tokio::select! {
                written = self.writer.write(bytes) => match written {
                    Ok(count) => bytes = &bytes[count..],
                    // Who answers early may close before it has read everything.
                    Err(_) => return Ok(false),
                },
                read = self.reader.read_buf(&mut self.input) => {
                    let closed = read.map_err(Error::Cut)? == 0;
                    match self.advance()? {
                        Progress::Begun | Progress::Whole => return Ok(false),
                        Progress::NeedMore | Progress::Continue => {}
                    }
                    if closed {
                        return Err(Error::Closed);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Reads the rest of the answer.
    async fn answer(mut self) -> Result<Reply, Error> {
        loop {
            match self.advance()? {
                Progress::NeedMore => match self.fill().await {
                    Err(Error::Closed) if self.http.eof() == Eof::Complete => break,
                    filled => filled?,
                },
                Progress::Continue | Progress::Begun => {}
                Progress::Whole => break,
            }
        }
        Ok(Reply { status: self.status, body: String::from_utf8_lossy(&self.body).into_owned() })
    }

    async fn fill(&mut self) -> Result<(), Error> {
        match self.reader.read_buf(&mut self.input).await.map_err(Error::Cut)? {
            0 => Err(Error::Closed),
            _ => Ok(()),
        }
    }

    /// Takes in what was read.
    fn advance(&mut self) -> Result<Progress, Error> {
        loop {
            let (used, event) = self.http.handle_input(&self.input)?;
            let progress = match event {
                ClientEvent::NeedMore => Some(Progress::NeedMore),
                ClientEvent::Interim(100) => Some(Progress::Continue),
                ClientEvent::Interim(_) => None,
                ClientEvent::Response(status) => {
                    self.status = status;
                    Some(Progress::Begun)
                }
                ClientEvent::Body(bytes) if self.body.len() + bytes.len() > BODY_MAX => {
                    return Err(Error::TooLong);
                }
                ClientEvent::Body(bytes) => {
                    self.body.extend_from_slice(bytes);
                    None
                }
                ClientEvent::End { .. } => Some(Progress::Whole),
            };
            self.input.drain(..used);
            if let Some(progress) = progress {
                return Ok(progress);
            }
        }
    }
}
