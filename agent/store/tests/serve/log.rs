use crate::{chunked, support::*};
use baton_core::token;
use std::{
    io,
    sync::{Mutex, OnceLock},
};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that is logged from now on by any server of this program.
fn log() -> String {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let everything = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE);
        everything.with_ansi(false).with_writer(|| Log).init();
    });
    String::from_utf8_lossy(&LOG.lock().unwrap()).into_owned()
}

#[test]
fn neither_tokens_nor_addresses_of_uploads_reach_the_log() {
    log();
    let server = Server::start();
    let mut client = server.client();
    let wrong = "v2=5ec4e75ec4e75ec4e75ec4e7";

    let upload = create(&mut client, "for-the-log", Some(5));
    append(&mut client, &upload, 3, b"x").assert_refused(409);
    append(&mut client, &upload, 0, b"hello");
    client.request(&format!("PUT /{}?{wrong}", "for-the-log"), &[], b"x").assert_refused(403);
    let bearer = [("Authorization", "Bearer 5ec4e75ec4e7")];
    client.request("PUT /for-the-log", &bearer, b"x").assert_refused(403);
    client.ask(&format!("HEAD {upload}x"), &[TUS]);
    let opened = chunked::open(&mut client, "for-the-log", 5);
    let session = chunked::session(&opened);
    let signature = token::signature(SECRET, "/chunked-upload");
    chunked::send(&mut client, &session, 7, b"").assert_refused(400);
    client.send("GET /5ec4e75ec4e7 HTTP/1.1\r\n\r\n");
    client.response().assert_refused(400);

    let log = log();
    let id = upload.rsplit('/').next().unwrap();
    let token = v2("for-the-log", 5);
    assert!(log.contains("for-the-log") && log.contains(&id[..8]), "it does log: {log}");
    for secret in [
        id,
        &session,
        signature.as_str(),
        "5ec4e7",
        "sharedsecret",
        token.trim_start_matches("v2="),
    ] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
