//! The upstream's name: a DNS server beyond the links, and the file that says where it is.

use baton_lab::{Lab, UPSTREAM_V4};
use nix::mount::{MsFlags, mount};
use std::net::UdpSocket;
use std::path::Path;

/// The only name that there is.
pub(crate) const UPSTREAM: &str = "upstream.test";

/// Serves it, and lets every program that this process starts from now on know where.
///
/// # Panics
///
/// If the sandbox does not let it.
pub(crate) fn serve(lab: &Lab, dir: &Path) {
    let file = dir.join("resolv.conf");
    std::fs::write(&file, format!("nameserver {UPSTREAM_V4}\n")).expect("a resolv.conf");
    mount(Some(&file), "/etc/resolv.conf", None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .expect("a sandbox has mounts of its own");
    let socket = lab.upstream.run(|| UdpSocket::bind((UPSTREAM_V4, 53))).expect("a free port");
    lab.upstream.spawn_thread(move || {
        let mut question = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut question) {
            if let Some(answer) = answer(&question[..length]) {
                // Nobody misses an answer that can't be sent.
                let _ = socket.send_to(&answer, client);
            }
        }
    });
}

/// RFC 1035 section 4: the question again, and behind it the address if one was asked for.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let name = question.get(HEADER..)?.iter().position(|length| *length == 0)? + 1;
    let mut answer = question.get(..HEADER + name + 4)?.to_vec();
    let is_for_v4 = answer[HEADER + name..] == [0, TYPE_A, 0, CLASS_IN];
    // A response, recursion desired and available, no error; one question, perhaps one answer.
    answer[2..HEADER].copy_from_slice(&[0x81, 0x80, 0, 1, 0, is_for_v4.into(), 0, 0, 0, 0]);
    if is_for_v4 {
        // The name at offset 12, good for 5 s, four bytes.
        answer.extend([0xc0, HEADER as u8, 0, TYPE_A, 0, CLASS_IN, 0, 0, 0, 5, 0, 4]);
        answer.extend(UPSTREAM_V4.octets());
    }
    Some(answer)
}

const HEADER: usize = 12;
const TYPE_A: u8 = 1;
const CLASS_IN: u8 = 1;
