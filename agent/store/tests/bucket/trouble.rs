//! A bad way to the object store.

use crate::{
    proxy::{Proxy, Trick},
    s3,
    servers::{Server, Start},
    support::*,
};
use core::time::Duration;
use std::time::Instant;

/// The creation of a piece, the completion of a file of parts, and so on, as a proxy sees them.
const PIECE: &str = "PUT *.baton/*/p0";
const INFO: &str = "PUT *.baton/*/info";
const FILE: &str = "PUT /*/pre/fix/f";
const PART: &str = "PUT /*partNumber=";
const COMPLETE: &str = "POST /*uploadId=";
const LIST: &str = "GET /*list-type=2";

fn behind(bucket: &str) -> (Proxy, Server) {
    let proxy = Proxy::to(s3::addr());
    let silence = Duration::from_secs(2);
    let server = Start { s3: proxy.addr, silence, ..Start::new(bucket) }.go();
    (proxy, server)
}

/// Uploads by halves, and looks in between.
fn upload(server: &Server, name: &str, bytes: &[u8]) {
    let upload = create(&mut server.client(), name, Some(bytes.len()));
    let half = bytes.len() / 2;
    let first = append(&mut server.client(), &upload, 0, &bytes[..half]);
    assert_eq!((first.status, first.offset()), (204, Some(half as u64)), "{first:?}");
    assert_eq!(offset(&mut server.client(), &upload), half as u64);
    let second = append(&mut server.client(), &upload, half, &bytes[half..]);
    assert_eq!((second.status, second.offset()), (204, Some(bytes.len() as u64)), "{second:?}");
}

#[test]
fn whatever_happens_on_the_way_is_repeated_and_counts_once() {
    let bucket = s3::bucket();
    let (proxy, server) = behind(&bucket);
    let small = noise(300_000);
    for trick in [Trick::Swallow, Trick::Reset, Trick::LoseAnswer, Trick::SlowDown] {
        for on in [INFO, PIECE, LIST, FILE] {
            let name = format!("f{trick:?}{}", on.len());
            proxy.play(on, trick, 1);

            upload(&server, &name, &small);

            assert_eq!(proxy.left(), 0, "{trick:?} on {on}");
            let got = server.client().ask(&format!("GET /{name}"), &[]);
            assert!(got.status == 200 && got.body == small, "{trick:?} on {on}");
        }
    }
}

#[test]
fn files_of_parts_come_through_as_well() {
    let bucket = s3::bucket();
    let (proxy, server) = behind(&bucket);
    let large = noise(17_000_000);
    for trick in [Trick::Swallow, Trick::Reset, Trick::LoseAnswer, Trick::SlowDown] {
        for on in [PART, COMPLETE] {
            let name = format!("f{trick:?}{}", on.len());
            proxy.play(on, trick, 1);

            let put = server.client().request(&put_line(&name, large.len()), &[], &large);

            assert_eq!(put.status, 201, "{trick:?} on {on}: {put:?}");
            assert_eq!(proxy.left(), 0, "{trick:?} on {on}");
            assert!(s3::object(&bucket, &format!("pre/fix/{name}")).as_ref() == Some(&large));
        }
    }
    until("no parts stay", || s3::open_parts(&bucket) == 0);
}

#[test]
fn an_object_store_that_stays_away_is_told_as_503_and_the_upload_goes_on_later() {
    let bucket = s3::bucket();
    let (proxy, server) = behind(&bucket);
    let bytes = noise(100_000);
    let upload = create(&mut server.client(), "f", Some(bytes.len()));
    for (trick, at) in [(Trick::SlowDown, 0), (Trick::Swallow, 40_000)] {
        proxy.play(PIECE, trick, 1000);
        let start = Instant::now();

        let refused = append(&mut server.client(), &upload, at, &bytes[at..at + 40_000]);

        refused.assert_refused(503);
        assert_eq!(refused.header("Retry-After"), Some("1"));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        proxy.relent();
        // What was taken is still there, and is safe before it is told.
        assert_eq!(offset(&mut server.client(), &upload), at as u64 + 40_000);
    }
    assert_eq!(append(&mut server.client(), &upload, 80_000, &bytes[80_000..]).status, 204);
    assert_eq!(s3::object(&bucket, "pre/fix/f"), Some(bytes));
}

#[test]
fn a_download_whose_way_is_cut_is_not_taken_for_whole() {
    let bucket = s3::bucket();
    let (proxy, server) = behind(&bucket);
    let bytes = noise(100_000);
    s3::put_object(&bucket, "pre/fix/f", &bytes);
    proxy.play("GET /*pre/fix/f", Trick::Reset, 1);

    let got = server.client().ask("GET /f", &[]);

    assert!(got.status == 200 && got.body == bytes, "asked again");
    assert_eq!(proxy.left(), 0);
}

#[test]
fn an_object_store_that_is_not_fit_is_refused_at_the_start() {
    let bucket = s3::bucket();
    let start = |bucket, s3| Start { s3, ..Start::new(bucket) }.try_go().err().expect("refused");
    for on in ["PUT /*if-none-match", "POST /*uploadId=*if-none-match"] {
        let proxy = Proxy::to(s3::addr());
        proxy.play(on, Trick::Unconditional, 10);

        let said = start(&bucket, proxy.addr);

        assert!(said.contains("overwrites objects"), "{said}");
    }
    let said = start("no-such-bucket", s3::addr());
    assert!(said.contains("s3://no-such-bucket/pre/fix") && said.contains("AWS_"), "{said}");
    assert!(!said.contains("wJalr"), "{said}");
}
