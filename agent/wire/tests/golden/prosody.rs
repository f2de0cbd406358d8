//! Prosody 0.12.3, `http_file_share`.

use crate::talk::{AUTHORITY, PEER, SECRET, Talk};
use baton_core::token::jwt::{self, Slot};
use baton_wire::http::{NotSent, Peer};
use baton_wire::put::{Client, Put};

const FILE: &[u8] = b"hello";

/// A slot of 5 bytes that lasts as long as this test is likely to.
fn slot(slot: &'static str) -> Slot<'static> {
    Slot {
        subject: "ann@example.org",
        issued_at: 4_000_000_000,
        slot,
        filename: "a b.jpg",
        filesize: 5,
        filetype: "image/jpeg",
        expires: None,
    }
}

/// A PUT to the slot `to` with the token `token`.
fn put(
    token: String,
    to: &'static str,
    length: u64,
) -> impl Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent> {
    let authorization = format!("Bearer {token}");
    move |client, out| {
        let target = format!("/{to}/a%20b.jpg");
        let peer = Peer { authority: AUTHORITY, authorization: Some(&authorization) };
        let content_type = "image/jpeg";
        client.put(
            out,
            &peer,
            &Put { target: &target, length, content_type, expect_continue: false },
        )
    }
}

fn signed(name: &'static str) -> impl Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent> {
    put(jwt::make(SECRET, &slot(name)).to_string(), name, 5)
}

fn head(to: &'static str) -> impl Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent> {
    move |client, out| client.head(out, &PEER, &format!("/{to}/a%20b.jpg"))
}

#[test]
fn prosody_stores_a_file_once_and_tells_its_length() {
    let mut talk = Talk::new("prosody", "stored");

    assert_eq!(talk.ask(signed("slot-1"), FILE), ["Stored { status: 201 }"]);
    let found = "Found(Found { length: Some(5), from: 0, sha256: None })";
    assert_eq!(talk.ask(head("slot-1"), b""), [found]);
    let refused = "Refused { method: Put, status: 409, retry_after_s: None }";
    assert_eq!(talk.ask(signed("slot-1"), FILE), [refused]);

    talk.finish();
}

#[test]
fn prosody_takes_a_file_again_that_was_cut() {
    let mut talk = Talk::new("prosody", "cut");

    talk.cut(signed("slot-2"), FILE, 3);
    let refused = "Refused { method: Head, status: 404, retry_after_s: None }";
    assert_eq!(talk.ask(head("slot-2"), b""), [refused]);
    assert_eq!(talk.ask(signed("slot-2"), FILE), ["Stored { status: 201 }"]);

    talk.finish();
}

#[test]
fn prosody_refuses_a_token_that_does_not_fit() {
    let mut talk = Talk::new("prosody", "refused");
    let token = |slot: &Slot<'_>| jwt::make(SECRET, slot).to_string();
    let ended = token(&Slot { issued_at: 1_000_000_000, ..slot("slot-3") });
    let forged = jwt::make(b"sharedsecreT", &slot("slot-3")).to_string();

    for (write, status) in [
        (put(forged, "slot-3", 5), 401),
        (put(ended, "slot-3", 5), 410),
        (put(token(&slot("slot-4")), "slot-3", 5), 400),
        (put(token(&Slot { filesize: 6, ..slot("slot-3") }), "slot-3", 5), 413),
    ] {
        let refused = format!("Refused {{ method: Put, status: {status}, retry_after_s: None }}");
        assert_eq!(talk.ask(write, FILE), [refused]);
        talk.hang_up();
    }

    talk.finish();
}
