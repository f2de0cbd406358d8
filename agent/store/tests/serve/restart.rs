use crate::{support::*, temp::TempDir};
use baton_store::{Options, ServeError, Store, Sync};
use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

#[test]
fn a_partial_upload_survives_its_server() {
    let temp = TempDir::new();
    let bytes = noise(100_000);
    let server = Server::serve(options(temp.path()));
    let upload = create(&mut server.client(), "f", Some(bytes.len()));
    append(&mut server.client(), &upload, 0, &bytes[..30_000]);
    let mut cut = server.client();
    let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", "30000"), ("Content-Length", "70000")];
    cut.send(head(&format!("PATCH {upload}"), &headers)).send(&bytes[30_000..50_000]);
    until("a HEAD sees it", || offset(&mut server.client(), &upload) == 50_000);

    drop(server);
    assert!(cut.is_closed());

    let server = Server::serve(options(temp.path()));
    let mut client = server.client();
    assert_eq!(offset(&mut client, &upload), 50_000);
    assert_eq!(append(&mut client, &upload, 50_000, &bytes[50_000..]).status, 204);
    assert_eq!(server.stored("f"), Some(bytes));
}

/// Not a test of its own: the server of the next ones, run as a child to be killed.
#[test]
fn child() {
    let Some(dir) = std::env::var_os("BATON_STORE_CHILD") else { return };
    let options =
        Options { sync: Sync::Always, chunk_size: CHILD_CHUNK, ..options(Path::new(&dir)) };
    runtime().block_on(tokio::task::LocalSet::new().run_until(async {
        let store = Store::open(options).await.unwrap();
        println!("at {}", store.local_addrs()[0]);
        std::io::stdout().flush().unwrap();
        store.serve(core::future::pending()).await;
    }));
}

pub(crate) struct Killable {
    child: Child,
    pub(crate) addr: core::net::SocketAddr,
}

impl Killable {
    pub(crate) fn start(dir: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "restart::child", "--nocapture"])
            .env("BATON_STORE_CHILD", dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let addr = lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("at 127.").map(|(_, rest)| format!("127.{rest}")))
            .expect("the child tells its address");
        Self { child, addr: addr.parse().unwrap() }
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        // SIGKILL.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn every_offset_that_was_told_survives_sigkill() {
    let temp = TempDir::new();
    let bytes = noise(400_000);
    let server = Killable::start(temp.path());
    let upload = create(&mut Client::connect(server.addr), "a/f", Some(bytes.len()));
    drop(server);
    let mut told = 0;

    for round in 1..=4 {
        let server = Killable::start(temp.path());
        let mut client = Client::connect(server.addr);
        let at = offset(&mut client, &upload) as usize;
        assert!(at >= told, "{at} of {told} in round {round}");
        let answered = append(&mut client, &upload, at, &bytes[at..round * 90_000]);
        told = answered.offset().unwrap() as usize;
        assert_eq!((answered.status, told), (204, round * 90_000));
        // Killed in the middle of the next.
        let at = told.to_string();
        let headers = [TUS, OFFSET_STREAM, ("Upload-Offset", &at), ("Content-Length", "40000")];
        client.send(head(&format!("PATCH {upload}"), &headers)).send(&bytes[told..told + 5000]);
    }

    let server = Killable::start(temp.path());
    let mut client = Client::connect(server.addr);
    let at = offset(&mut client, &upload) as usize;
    assert!(at >= told && at <= told + 5000);
    assert_eq!(append(&mut client, &upload, at, &bytes[at..]).status, 204);
    assert_eq!(std::fs::read(temp.path().join("a/f")).unwrap(), bytes);
    drop(server);
    let server = Killable::start(temp.path());
    assert_eq!(offset(&mut Client::connect(server.addr), &upload), 400_000);
}

#[test]
fn a_put_that_sigkill_cuts_leaves_nothing_after_the_restart() {
    let temp = TempDir::new();
    let server = Killable::start(temp.path());
    let mut client = Client::connect(server.addr);
    client.send(head(&put_line("f", 100_000), &[("Content-Length", "100000")])).send(noise(50_000));
    until("it is on its way", || !work_files(temp.path()).is_empty());
    drop(server);

    let _server = Killable::start(temp.path());

    assert!(work_files(temp.path()).is_empty());
    assert!(!temp.path().join("f").exists());
}

#[test]
fn a_folder_is_served_by_one_process() {
    let temp = TempDir::new();
    let _server = Killable::start(temp.path());

    assert!(matches!(try_open(options(temp.path())), Err(ServeError::Busy(_))));
}

#[test]
fn what_can_not_be_served_is_said_so() {
    let temp = TempDir::new();
    std::fs::write(temp.path().join("file"), "").unwrap();
    let no_folder = options(&temp.path().join("file"));
    assert!(matches!(try_open(no_folder), Err(ServeError::Folder(..))));
    for tus_path in ["files", "/files", "/", "/a b/", "/%41/"] {
        let options = Options { tus_path: tus_path.to_owned(), ..options(temp.path()) };
        assert!(matches!(try_open(options), Err(ServeError::TusPath(_))), "{tus_path}");
    }
    let server = Server::start();
    let options = Options { listen: vec![server.addr], ..options(temp.path()) };
    assert!(matches!(try_open(options), Err(ServeError::Listen(..))));
}

fn try_open(options: Options) -> Result<Store, ServeError> {
    runtime().block_on(Store::open(options))
}
