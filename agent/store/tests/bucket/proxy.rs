//! The way to the object store, and what happens on it.

use core::{net::SocketAddr, time::Duration};
use socket2::SockRef;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What is done with a connection's first request, if it is one of those that are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    /// It is read, and then nothing is heard any more.
    Swallow,
    /// The connection is reset in the middle of it.
    Reset,
    /// It is carried out, and the connection is reset instead of the answer.
    LoseAnswer,
    /// It is answered 503.
    SlowDown,
    /// Its condition is hidden from the object store.
    Unconditional,
}

/// Tricks to come: on requests in whose head all of this is found (`*` between), so many times.
type Plan = Arc<Mutex<Vec<(String, Trick, usize)>>>;

/// A way with tricks. It goes on until the process ends.
pub(crate) struct Proxy {
    pub(crate) addr: SocketAddr,
    plan: Plan,
}

impl Proxy {
    pub(crate) fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let plan = Plan::default();
        let shared = Arc::clone(&plan);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, plan) = (near.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || pass(near, target, &plan));
            }
        });
        Self { addr, plan }
    }

    /// Plays `trick` on the next `times` requests of the kind: `PUT */p0` is the creation of a piece.
    pub(crate) fn play(&self, on: &str, trick: Trick, times: usize) {
        self.plan.lock().unwrap().push((on.to_owned(), trick, times));
    }

    /// Forgets what was to come.
    pub(crate) fn relent(&self) {
        self.plan.lock().unwrap().clear();
    }

    /// Tricks that were not played yet.
    pub(crate) fn left(&self) -> usize {
        self.plan.lock().unwrap().iter().map(|(_, _, times)| times).sum()
    }
}

fn take(plan: &Plan, head: &str) -> Option<Trick> {
    let mut plan = plan.lock().unwrap();
    let (_, trick, times) = plan
        .iter_mut()
        .find(|(on, _, times)| *times > 0 && on.split('*').all(|part| head.contains(part)))?;
    *times -= 1;
    Some(*trick)
}

/// The object store closes every connection after its answer, and so there is one request in each.
fn pass(mut near: TcpStream, target: SocketAddr, plan: &Plan) {
    let mut input = Vec::new();
    let head = loop {
        if let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
            break String::from_utf8_lossy(&input[..end]).into_owned();
        }
        let mut block = [0; 4096];
        match near.read(&mut block) {
            Ok(count @ 1..) => input.extend(&block[..count]),
            Ok(0) | Err(_) => return,
        }
    };
    let trick = take(plan, &head);
    match trick {
        None | Some(Trick::LoseAnswer) => {}
        Some(Trick::Swallow) => {
            near.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            while matches!(near.read(&mut [0; 65536]), Ok(1..)) {}
            return;
        }
        Some(Trick::Reset) => return reset(&near),
        Some(Trick::SlowDown) => {
            let _ = near.write_all(SLOW_DOWN);
            let _ = near.shutdown(Shutdown::Write);
            while matches!(near.read(&mut [0; 65536]), Ok(1..)) {}
            return;
        }
        Some(Trick::Unconditional) => {
            let at = head.to_ascii_lowercase().find("if-none-match").unwrap();
            input[at..at + 2].copy_from_slice(b"xx");
        }
    }
    let mut far = TcpStream::connect(target).unwrap();
    if far.write_all(&input).is_err() {
        return;
    }
    let (mut from, mut to) = (near.try_clone().unwrap(), far.try_clone().unwrap());
    let sending = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    if trick == Some(Trick::LoseAnswer) {
        let _ = far.read(&mut [0]);
        reset(&near);
        let _ = near.shutdown(Shutdown::Read);
    } else {
        let _ = std::io::copy(&mut far, &mut near);
        let _ = near.shutdown(Shutdown::Both);
    }
    drop((near, far));
    let _ = sending.join();
}

fn reset(stream: &TcpStream) {
    // Closing it, once nobody holds it any more, then resets it.
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

const SLOW_DOWN: &[u8] = b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n\
    Content-Length: 94\r\nConnection: close\r\n\r\n\
    <?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Please reduce it.</Message></Error>\n";
