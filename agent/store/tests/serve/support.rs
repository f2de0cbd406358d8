//! A server on loopback, and a client that says exactly what it is told to.

use crate::temp::TempDir;
use baton_core::token::{self, Claim, Scheme};
use baton_store::{Options, Secret};
use baton_wire::base64;
use core::{fmt::Write as _, net::SocketAddr, time::Duration};
use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Instant,
};
use tokio::{sync::oneshot, task::LocalSet};

pub(crate) const SECRET: &[u8] = b"sharedsecret";

/// How the server that is run as a child cuts files.
pub(crate) const CHILD_CHUNK: u64 = 1500;

/// Far enough in the future for every test.
pub(crate) const LATER: u64 = 4_000_000_000;

/// A server in a thread of its own. Dropping it drops its runtime between two instructions of
/// its own, without any farewell.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    dir: PathBuf,
    kill: Option<oneshot::Sender<()>>,
    shut_down: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    temp: Option<TempDir>,
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
        let mut server = Self::serve(options);
        server.temp = Some(temp);
        server
    }

    /// Serves whatever is said.
    pub(crate) fn serve(options: Options) -> Self {
        let dir = options.dir.clone();
        let (kill, killed) = oneshot::channel();
        let (shut_down, shutdown) = oneshot::channel();
        let (bound, addr) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            runtime().block_on(LocalSet::new().run_until(async {
                let store = baton_store::Store::open(options).await.unwrap();
                bound.send(store.local_addrs()[0]).unwrap();
                tokio::select! {
                    () = store.serve(async { shutdown.await.unwrap() }) => {}
                    _ = killed => {}
                }
            }));
        });
        let addr = addr.recv().expect("the server starts");
        let shut_down = Some(shut_down);
        Self { addr, dir, kill: Some(kill), shut_down, thread: Some(thread), temp: None }
    }

    /// Asks it to drain and stop.
    pub(crate) fn shut_down(&mut self) {
        self.shut_down.take().expect("once").send(()).unwrap();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
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
        work_files(&self.dir)
    }
}

/// Files in the work folder of `dir`, but for what is known of stored ones.
pub(crate) fn work_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join(".baton")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "sha256" && !name.starts_with("stored.")).collect()
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
    pub(crate) fn request(
        &mut self,
        line: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
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

    /// Whether anything comes within `wait`; for showing that nothing does.
    pub(crate) fn has_answer_within(&mut self, wait: Duration) -> bool {
        self.stream.set_read_timeout(Some(wait)).unwrap();
        let came = self.stream.peek(&mut [0]);
        self.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        came.is_ok()
    }

    /// Whether the server closes, with nothing more to say.
    pub(crate) fn is_closed(&mut self) -> bool {
        !self.fill() && self.input.is_empty()
    }

    /// Everything until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        core::mem::take(&mut self.input)
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
        core::str::from_utf8(&self.body).unwrap()
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
    Claim { method: "PUT", path, length, content_type: "application/octet-stream", expires: LATER }
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

pub(crate) const TUS: (&str, &str) = ("Tus-Resumable", "1.0.0");
pub(crate) const OFFSET_STREAM: (&str, &str) = ("Content-Type", "application/offset+octet-stream");

/// The first line of the creation of an upload of `length` bytes.
pub(crate) fn create_line(name: &str, length: usize) -> String {
    format!("POST /files/?{}", v2(name, length))
}

pub(crate) fn metadata(name: &str) -> String {
    format!("filename {}", base64::Encoded(name.as_bytes()))
}

/// Creates an upload; a `length` that is not known is deferred. Where it lives.
pub(crate) fn create(client: &mut Client, name: &str, length: Option<usize>) -> String {
    let described = metadata(name);
    let v3 = token::make(SECRET, Scheme::V3, &claim(name, 0));
    let (line, length) = match length {
        Some(length) => (create_line(name, length), length.to_string()),
        None => (format!("POST /files/?v3={}&expires={LATER}", v3.as_str()), String::new()),
    };
    let length = match length.as_str() {
        "" => ("Upload-Defer-Length", "1"),
        length => ("Upload-Length", length),
    };
    let created = client.request(&line, &[TUS, length, ("Upload-Metadata", &described)], b"");
    assert_eq!(created.status, 201, "{created:?}");
    created.header("Location").unwrap().to_owned()
}

/// What a creation is answered.
pub(crate) fn try_create(client: &mut Client, name: &str, length: usize) -> Response {
    let headers =
        [TUS, ("Upload-Length", &length.to_string()), ("Upload-Metadata", &metadata(name))];
    client.request(&create_line(name, length), &headers, b"")
}

pub(crate) fn append(client: &mut Client, upload: &str, offset: usize, bytes: &[u8]) -> Response {
    let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", &offset.to_string())];
    client.request(&format!("PATCH {upload}"), &headers, bytes)
}

/// How far an upload is.
pub(crate) fn offset(client: &mut Client, upload: &str) -> u64 {
    let state = client.ask(&format!("HEAD {upload}"), &[TUS]);
    assert_eq!(state.status, 200, "{state:?}");
    assert_eq!(state.header("Cache-Control"), Some("no-store"));
    state.offset().expect("a HEAD tells the offset")
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(5), "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes that look like nothing.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491u32;
    core::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    })
    .take(length)
    .collect()
}
