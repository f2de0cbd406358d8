//! A server on loopback, and a client that says exactly what it is told to.

use crate::temp::TempDir;
use baton_core::token::{self, Claim, Scheme};
use baton_store::{Options, Secret};
use std::{
    fmt::Write as _,
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};
use tokio::{sync::oneshot, task::LocalSet};

pub(crate) const SECRET: &[u8] = b"sharedsecret";

/// Far enough in the future for every test.
pub(crate) const LATER: u64 = 4_000_000_000;

/// A server in a thread of its own. Dropping it drops its runtime between two instructions of
/// its own, without any farewell.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    dir: PathBuf,
    kill: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    _temp: Option<TempDir>,
}

pub(crate) fn options(dir: &Path) -> Options {
    Options {
        idle_timeout: Duration::from_secs(5),
        ..Options::new(vec!["127.0.0.1:0".parse().unwrap()], dir, Secret::new(SECRET))
    }
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl Server {
    /// Serves a fresh folder with the defaults.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// Serves a fresh folder.
    pub(crate) fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let temp = TempDir::new();
        let mut options = options(temp.path());
        change(&mut options);
        Self { _temp: Some(temp), ..Self::serve(options) }
    }

    /// Serves whatever is said.
    pub(crate) fn serve(options: Options) -> Self {
        let dir = options.dir.clone();
        let (kill, killed) = oneshot::channel();
        let (bound, addr) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(LocalSet::new().run_until(async {
                let store = baton_store::Store::open(options).unwrap();
                bound.send(store.local_addrs()[0]).unwrap();
                tokio::select! {
                    served = store.serve(std::future::pending()) => served.unwrap(),
                    _ = killed => {}
                }
            }));
        });
        let addr = addr.recv().expect("the server starts");
        Self { addr, dir, kill: Some(kill), thread: Some(thread), _temp: None }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What is stored under `name`, if anything.
    pub(crate) fn stored(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.dir.join(name)).ok()
    }

    /// Files in the work folder.
    pub(crate) fn work_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.join(".baton")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.kill.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("joined once").expect("the server did not panic");
        }
    }
}

/// One connection.
pub(crate) struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

/// One response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream, input: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends a request with a body of a known length.
    pub(crate) fn request(&mut self, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let length = body.len().to_string();
        self.send(head(line, &[headers, &[("Content-Length", &length)]].concat()));
        self.send(body);
        self.response_to(line.starts_with("HEAD "))
    }

    /// A request without a body.
    pub(crate) fn ask(&mut self, line: &str, headers: &[(&str, &str)]) -> Response {
        self.send(head(line, headers));
        self.response_to(line.starts_with("HEAD "))
    }

    pub(crate) fn response(&mut self) -> Response {
        self.response_to(false)
    }

    fn response_to(&mut self, is_head: bool) -> Response {
        let end = loop {
            if let Some(at) = self.input.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.fill(), "closed instead of answering: {:?}", self.input);
        };
        let head = String::from_utf8(self.input.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: Vec::new() };
        let length = response.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        if !is_head && status >= 200 && status != 204 {
            while self.input.len() < length {
                assert!(self.fill(), "closed in the middle of a body");
            }
            response.body = self.input.drain(..length).collect();
        }
        response
    }

    /// Whether the server closes, with nothing more to say.
    pub(crate) fn is_closed(&mut self) -> bool {
        !self.fill() && self.input.is_empty()
    }

    pub(crate) fn finish_sending(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    fn fill(&mut self) -> bool {
        let mut block = [0; 65536];
        match self.stream.read(&mut block) {
            Ok(count) => {
                self.input.extend(&block[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn offset(&self) -> Option<u64> {
        self.header("Upload-Offset").map(|offset| offset.parse().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Refused with `status`, and told why in one line.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        let text = self.text();
        assert!(text.len() > 5 && text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
    }
}

/// A request's head.
pub(crate) fn head(line: &str, headers: &[(&str, &str)]) -> String {
    let mut text = format!("{line} HTTP/1.1\r\nHost: store\r\n");
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text + "\r\n"
}

pub(crate) fn claim(path: &str, length: u64) -> Claim<'_> {
    Claim {
        method: "PUT",
        path,
        length,
        content_type: "application/octet-stream",
        expires: LATER,
    }
}

/// `v2=...` for a PUT, or the creation of an upload, without a content type.
pub(crate) fn v2(path: &str, length: usize) -> String {
    let token = token::make(SECRET, Scheme::V2, &claim(path, length as u64));
    format!("v2={}", token.as_str())
}

/// The first line of a PUT of `length` bytes.
pub(crate) fn put_line(path: &str, length: usize) -> String {
    format!("PUT /{path}?{}", v2(path, length))
}

/// Bytes that look like nothing.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491u32;
    std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(length)
    .collect()
}
