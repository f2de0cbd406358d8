//! Whole files.

use crate::{s3, servers::Start, support::*};
use baton_wire::base64;
use sha2::{Digest, Sha256};

#[test]
fn a_put_is_stored_whole_small_or_large_and_given_back_in_part() {
    let bucket = s3::bucket();
    let server = Start::new(&bucket).go();
    let mut client = server.client();
    for (name, length) in
        [("a/empty", 0), ("small", 10_000), ("parts", 16_777_216), ("l", 20_000_000)]
    {
        let bytes = noise(length);

        let put = client.request(&put_line(name, length), &[], &bytes);

        assert_eq!(put.status, 201, "{put:?}");
        assert!(s3::object(&bucket, &format!("pre/fix/{name}")).as_ref() == Some(&bytes));
        let got = client.ask(&format!("GET /{name}"), &[]);
        assert!(got.status == 200 && got.body == bytes);
        let digest = format!("sha-256=:{}:", base64::Encoded(&Sha256::digest(&bytes)));
        let head = client.ask(&format!("HEAD /{name}"), &[("Want-Repr-Digest", "sha-256=1")]);
        assert_eq!(head.header("Repr-Digest"), Some(&*digest));
        assert_eq!(head.header("Content-Length"), Some(&*length.to_string()));
        assert!(head.header("Last-Modified").is_some());
        let tag = head.header("ETag").expect("an object has a tag").to_owned();
        if length > 0 {
            let (from, to) = (length / 3, length / 2);
            let range = format!("bytes={from}-{to}");
            let part =
                client.ask(&format!("GET /{name}"), &[("Range", &range), ("If-Range", &tag)]);
            assert!(part.status == 206 && part.body == bytes[from..=to]);
            assert_eq!(client.ask(&format!("GET /{name}"), &[("Range", "bytes=-1")]).body.len(), 1);
        }
    }
    assert_eq!(client.ask("GET /a", &[]).status, 404);
    assert_eq!(client.ask("GET /nothing", &[]).status, 404);
}

#[test]
fn nothing_stored_is_overwritten() {
    let bucket = s3::bucket();
    let server = Start::new(&bucket).go();
    for length in [5000, 10_000_000] {
        let (mut bytes, name) = (noise(length), format!("f{length}"));
        let put = |bytes: &[u8]| {
            server.client().request(&put_line(&name, bytes.len()), &[], bytes).status
        };
        assert_eq!(put(&bytes), 201);

        assert_eq!(put(&bytes), 201, "the same content is as good");
        bytes[length - 1] ^= 1;
        assert_eq!(put(&bytes), 409);

        bytes[length - 1] ^= 1;
        assert!(server.client().ask(&format!("GET /{name}"), &[]).body == bytes);
    }
    assert_eq!(server.client().request(&put_line("f5000", 4999), &[], &noise(4999)).status, 409);
    assert_eq!(s3::open_parts(&bucket), 0);
}

#[test]
fn a_put_that_is_cut_leaves_nothing() {
    let bucket = s3::bucket();
    let server = Start::new(&bucket).go();
    let mut client = server.client();

    client.send(head(&put_line("f", 30_000_000), &[("Content-Length", "30000000")]));
    client.send(noise(20_000_000));
    until("parts are under way", || s3::open_parts(&bucket) == 1);
    drop(client);

    until("they are given up", || s3::open_parts(&bucket) == 0);
    assert_eq!(s3::keys(&bucket), ["pre/fix/.baton/probe"]);
}

#[test]
fn what_others_put_into_the_bucket_is_served_and_kept() {
    let bucket = s3::bucket();
    let server = Start::new(&bucket).go();
    s3::put_object(&bucket, "pre/fix/theirs", b"theirs");
    s3::put_object(&bucket, "elsewhere", b"private");

    assert_eq!(server.client().ask("GET /theirs", &[]).body, b"theirs");
    assert_eq!(server.client().ask("GET /elsewhere", &[]).status, 404);
    assert_eq!(server.client().ask("GET /.baton/probe", &[]).status, 400);
    assert_eq!(server.client().request(&put_line("theirs", 4), &[], b"ours").status, 409);
    assert_eq!(server.client().request(&put_line("theirs", 6), &[], b"theirs").status, 201);
}
