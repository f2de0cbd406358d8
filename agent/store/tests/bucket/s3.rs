//! An object store on loopback, shared by all tests; each has a bucket of its own.

use crate::{
    support::{Client, head},
    temp::TempDir,
};
use core::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Instant,
};

/// Where the object store listens. It ends with this process.
pub(crate) fn addr() -> SocketAddr {
    static STORE: OnceLock<(SocketAddr, Child, TempDir)> = OnceLock::new();
    STORE.get_or_init(start).0
}

fn start() -> (SocketAddr, Child, TempDir) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let python = target.join("peers/s3/bin/python");
    assert!(python.exists(), "no object store in {}: run ci/peers", python.display());
    let temp = TempDir::new();
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = File::create(target.join("peers/s3.log")).unwrap();
    // The pipe closes when this process ends, however that is.
    let script = "\"$@\" & read -r _; kill -9 $!";
    let child = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(python)
        .args(["-m", "localstack.runtime.main"])
        .env("SERVICES", "s3")
        .env("EAGER_SERVICE_LOADING", "1")
        .env("GATEWAY_LISTEN", addr.to_string())
        .env("GATEWAY_SERVER", "hypercorn")
        .env("FILESYSTEM_ROOT", temp.path())
        .env("DISABLE_EVENTS", "1")
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DNS_ADDRESS", "0")
        .current_dir(temp.path())
        .stdin(Stdio::piped())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !answers(addr) {
        assert!(began.elapsed() < Duration::from_secs(120), "see target/peers/s3.log");
        std::thread::sleep(Duration::from_millis(100));
    }
    (addr, child, temp)
}

/// Whether it makes a bucket. The first one takes seconds: only then its code is loaded.
fn answers(addr: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(addr) else { return false };
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(head("PUT /first", &[("Content-Length", "0")]).as_bytes()).unwrap();
    stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

/// A fresh bucket's name.
pub(crate) fn bucket() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("box-{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let made = Client::connect(addr()).request(&format!("PUT /{name}"), &[], b"");
    assert_eq!(made.status, 200, "{made:?}");
    name
}

/// What is stored under a key, if anything.
pub(crate) fn object(bucket: &str, key: &str) -> Option<Vec<u8>> {
    let mut client = Client::connect(addr());
    let got = client.send(head(&format!("GET /{bucket}/{key}"), &[])).response();
    match got.status {
        200 => Some(got.body),
        404 => None,
        _ => panic!("{got:?}"),
    }
}

/// Stores something that no server knows of.
pub(crate) fn put_object(bucket: &str, key: &str, bytes: &[u8]) {
    let put = Client::connect(addr()).request(&format!("PUT /{bucket}/{key}"), &[], bytes);
    assert_eq!(put.status, 200, "{put:?}");
}

/// All keys, in order.
pub(crate) fn keys(bucket: &str) -> Vec<String> {
    let listed = Client::connect(addr()).ask(&format!("GET /{bucket}?list-type=2"), &[]);
    assert_eq!(listed.status, 200, "{listed:?}");
    let keys = listed.text().split("<Key>").skip(1);
    keys.map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect()
}

/// Uploads of parts that were begun and neither completed nor given up.
pub(crate) fn open_parts(bucket: &str) -> usize {
    let listed = Client::connect(addr()).ask(&format!("GET /{bucket}?uploads"), &[]);
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.text().matches("<UploadId>").count()
}
