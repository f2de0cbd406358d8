//! xmpp-http-upload 0.4.0, `v2` tokens.

use crate::talk::{PEER, SECRET, Talk};
use baton_core::token::{self, Claim, Scheme};
use baton_wire::http::NotSent;
use baton_wire::put::{Client, Put};

const TYPE: &str = "image/jpeg";

fn target(name: &str, content_type: &str, length: usize) -> String {
    let path = &format!("slot/{name}");
    let length = length as u64;
    let claim = Claim { method: "PUT", path, length, content_type, expires: 0 };
    let token = token::make(SECRET, Scheme::V2, &claim);
    format!("/slot/{name}?v2={}", token.as_str())
}

fn put(target: String, length: usize) -> impl Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent> {
    move |client, out| {
        let length = length as u64;
        let put = Put { target: &target, length, content_type: TYPE, expect_continue: false };
        client.put(out, &PEER, &put)
    }
}

fn head(name: &'static str) -> impl Fn(&mut Client, &mut [u8]) -> Result<usize, NotSent> {
    move |client, out| client.head(out, &PEER, &format!("/slot/{name}"))
}

#[test]
fn xmpp_http_upload_stores_a_file_once_and_tells_its_length() {
    let mut talk = Talk::new("xmpp_http_upload", "stored");
    // Of what is larger than 32 KiB it would say only that it comes in chunks.
    let file = vec![b'x'; 40_000];
    let target = target("a.jpg", TYPE, file.len());

    assert_eq!(talk.ask(put(target.clone(), file.len()), &file), ["Stored { status: 200 }"]);
    let found = "Found(Found { length: Some(40000), from: 0, sha256: None })";
    assert_eq!(talk.ask(head("a.jpg"), b""), [found]);
    let refused = "Refused { method: Put, status: 409, retry_after_s: None }";
    assert_eq!(talk.ask(put(target, file.len()), &file), [refused]);

    talk.finish();
}

#[test]
fn xmpp_http_upload_keeps_what_was_cut_and_calls_it_found() {
    let mut talk = Talk::new("xmpp_http_upload", "cut");
    // What is shorter than 1 KiB it takes in before it looks at it.
    let file = vec![b'x'; 40_000];
    let target = target("b.jpg", TYPE, file.len());

    talk.cut(put(target.clone(), file.len()), &file, 20_000);
    let refused = "Refused { method: Put, status: 409, retry_after_s: None }";
    assert_eq!(talk.ask(put(target, file.len()), &file), [refused]);
    talk.hang_up();
    let found = "Found(Found { length: Some(20000), from: 0, sha256: None })";
    assert_eq!(talk.ask(head("b.jpg"), b""), [found]);

    talk.finish();
}

#[test]
fn xmpp_http_upload_signs_the_content_type_of_the_header() {
    let mut talk = Talk::new("xmpp_http_upload", "refused");

    for (target, status) in [(target("c.jpg", "", 5), 403), ("/slot/c.jpg?v2=00".into(), 400)] {
        let refused = format!("Refused {{ method: Put, status: {status}, retry_after_s: None }}");
        assert_eq!(talk.ask(put(target, 5), b"hello"), [refused]);
        talk.hang_up();
    }

    talk.finish();
}
