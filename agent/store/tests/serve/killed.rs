//! Servers that are killed at any instant while clients upload in every way.

use crate::{restart::Killable, support::*, temp::TempDir};
use baton_core::token;
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    sync::Mutex,
    thread,
};

const ROUNDS: u32 = 10;
const CLIENTS: u32 = 6;

/// Small numbers that look like nothing.
struct Dice(u32);

impl Dice {
    fn roll(&mut self, sides: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 16) % sides
    }
}

/// One request on a connection of its own; status and head of the final answer.
fn request(
    addr: SocketAddr,
    line: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len().to_string();
    let own = [("Content-Length", length.as_str()), ("Connection", "close")];
    stream.write_all(head(line, &[headers, &own].concat()).as_bytes())?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::UnexpectedEof)?, answer))
}

fn field(answer: &str, name: &str) -> io::Result<String> {
    let value = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.map(str::to_owned).ok_or(io::ErrorKind::UnexpectedEof.into())
}

/// Uploads a file in one of the ways. Whether it was told to be stored.
fn upload(addr: SocketAddr, way: u32, name: &str, bytes: &[u8]) -> io::Result<bool> {
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    let middle = first.len().to_string();
    match way {
        0 => Ok(request(addr, &put_line(name, bytes.len()), &[], bytes)?.0 == 201),
        1 => {
            let (length, described) = (bytes.len().to_string(), metadata(name));
            let headers = [TUS, ("Upload-Length", &*length), ("Upload-Metadata", &described)];
            let created = request(addr, &create_line(name, bytes.len()), &headers, b"")?.1;
            let line = format!("PATCH {}", field(&created, "Location")?);
            request(addr, &line, &[TUS, OFFSET_STREAM, ("Upload-Offset", "0")], first)?;
            let last = [TUS, OFFSET_STREAM, ("Upload-Offset", &*middle)];
            Ok(request(addr, &line, &last, rest)?.0 == 204)
        }
        2 => {
            let length = bytes.len().to_string();
            let part = [("Upload-Complete", "?0"), ("Upload-Length", &*length)];
            let created = request(addr, &put_line(name, bytes.len()), &part, first)?.1;
            let line = format!("PATCH {}", field(&created, "Location")?);
            let partial = ("Content-Type", "application/partial-upload");
            let last = [("Upload-Complete", "?1"), partial, ("Upload-Offset", &*middle)];
            Ok(request(addr, &line, &last, rest)?.0 == 201)
        }
        _ => {
            let (length, signature) =
                (bytes.len().to_string(), token::signature(SECRET, "/chunked-upload"));
            let named = [("X-Filename", name), ("X-Total-Size", &*length)];
            let signed = [("X-Signature", signature.as_str())];
            let opened =
                request(addr, "POST /chunked-upload", &[&named[..], &signed].concat(), b"")?.1;
            let session = opened.split_once(r#""session_id":""#).map(|(_, rest)| &rest[..32]);
            let session = session.ok_or(io::ErrorKind::UnexpectedEof)?;
            let mut is_done = false;
            for (number, chunk) in bytes.chunks(CHILD_CHUNK as usize).enumerate().rev() {
                let number = number.to_string();
                let headers = [("X-Upload-Session-ID", session), ("X-Chunk-Number", &*number)];
                let answer = request(addr, "PUT /chunked-upload", &headers, chunk)?.1;
                is_done = answer.contains(r#""completed":true"#);
            }
            Ok(is_done)
        }
    }
}

/// Everything below `dir` but Baton's own; folders may vanish meanwhile.
fn files(dir: &Path, name: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir.join(name)).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        let leaf = entry.file_name().into_string().unwrap();
        let path = if name.is_empty() { leaf } else { format!("{name}/{leaf}") };
        if path == ".baton" {
            continue;
        }
        if dir.join(&path).is_dir() { files(dir, &path, found) } else { found.push(path) }
    }
}

#[test]
fn what_was_told_to_be_stored_is_there_however_often_the_server_is_killed() {
    let temp = TempDir::new();
    let told = Mutex::new(BTreeMap::new());
    let mut dice = Dice(42);

    for round in 0..ROUNDS {
        let server = Killable::start(temp.path());
        let (addr, is_over) = (server.addr, AtomicBool::new(false));
        thread::scope(|scope| {
            for client in 0..CLIENTS {
                let (told, is_over, mut dice) = (&told, &is_over, Dice(round * 100 + client));
                scope.spawn(move || {
                    for number in 0.. {
                        if is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        // Few contents, so that many are shared.
                        let bytes = vec![dice.roll(4) as u8; 1 + dice.roll(3) as usize * 2000];
                        let name = format!("u{client}/{round}-{number}/f");
                        if upload(addr, dice.roll(4), &name, &bytes).unwrap_or(false) {
                            told.lock().unwrap().insert(name, bytes);
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(u64::from(30 + dice.roll(150))));
            drop(server);
            is_over.store(true, Ordering::Relaxed);
        });
    }

    let told = told.into_inner().unwrap();
    assert!(told.len() > 20, "{} were stored", told.len());
    drop(Killable::start(temp.path()));
    for (name, bytes) in &told {
        assert_eq!(&fs::read(temp.path().join(name)).unwrap(), bytes, "{name}");
    }
    // Each file is in the ledger: when their time is over, all of them go.
    let options =
        baton_store::Options { file_ttl: Some(Duration::from_millis(1)), ..options(temp.path()) };
    let server = Server::serve(options);
    let left = || {
        let mut left = Vec::new();
        files(temp.path(), "", &mut left);
        left
    };
    until("all are gone", || left().is_empty());
    until("contents, too", || {
        fs::read_dir(temp.path().join(".baton/sha256")).unwrap().count() == 0
    });
    assert!(server.work_files().iter().all(|leaf| !leaf.ends_with(".twin")));
}
