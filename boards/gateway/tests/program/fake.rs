//! A scripted HTTP peer, and a folder that goes away with its test.

use core::sync::atomic::{AtomicU32, Ordering};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};

/// A folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("baton-test-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Writes a file in it and gives its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A request as the peer got it.
#[derive(Debug)]
pub(crate) struct Request {
    /// `GET /v1/status`
    pub(crate) line: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (key, value) = header.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What to do with a request.
pub(crate) enum Play {
    /// Take the body, then answer with this status and text.
    Answer(u16, String),
    /// Answer without asking for the body.
    Refuse(u16, String),
    /// Take this much of the body and close.
    Cut(usize),
    /// Answer when this much of the body is there, then read on until the client stops.
    Interrupt(usize, u16, String),
}

/// Serves on a Unix socket until the test ends. What came in is received from the channel.
pub(crate) fn unix(
    path: &Path,
    script: impl Fn(&Request) -> Play + Send + 'static,
) -> Receiver<Request> {
    let listener = UnixListener::bind(path).unwrap();
    let (told, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let reader = stream.try_clone().unwrap();
            serve(reader, stream, &script, &mut |request| drop(told.send(request)));
        }
    });
    requests
}

/// As [`unix`], on a free port of 127.0.0.1, which is given too.
pub(crate) fn tcp(
    script: impl Fn(&Request) -> Play + Send + 'static,
) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, requests) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let reader = stream.try_clone().unwrap();
            serve(reader, stream, &script, &mut |request| drop(told.send(request)));
        }
    });
    (address, requests)
}

fn serve(
    reader: impl Read,
    mut writer: impl Write,
    script: &impl Fn(&Request) -> Play,
    told: &mut impl FnMut(Request),
) {
    let mut reader = BufReader::new(reader);
    while let Some(mut request) = head(&mut reader) {
        let length = request.header("Content-Length").map_or(0, |n| n.parse().unwrap());
        let waits = request.header("Expect").is_some();
        let mut taken = 0;
        let mut take = |request: &mut Request, count: usize| {
            request.body = vec![0; count];
            reader.read_exact(&mut request.body).unwrap();
            taken = count;
        };
        if !waits {
            take(&mut request, length);
        }
        let play = script(&request);
        let asked = match play {
            Play::Cut(count) | Play::Interrupt(count, ..) => count,
            Play::Answer(..) | Play::Refuse(..) => length,
        };
        if waits && asked > 0 && !matches!(play, Play::Refuse(..)) {
            writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
            take(&mut request, asked);
        }
        told(request);
        let (status, text) = match play {
            Play::Answer(status, text) | Play::Refuse(status, text) => (status, text),
            Play::Interrupt(_, status, text) => (status, text),
            Play::Cut(_) => return,
        };
        let close = if taken < length { "Connection: close\r\n" } else { "" };
        let head = format!("HTTP/1.1 {status} X\r\n{close}Content-Length: {}\r\n\r\n", text.len());
        let _ = writer.write_all((head + &text).as_bytes());
        if taken < length {
            let _ = std::io::copy(&mut reader, &mut std::io::sink());
            return;
        }
    }
}

fn head(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = reader.lines().map(|line| line.unwrap_or_default());
    let line = lines.next().filter(|line| !line.is_empty())?;
    let headers = lines.take_while(|line| !line.is_empty()).collect();
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { line, headers, body: Vec::new() })
}
