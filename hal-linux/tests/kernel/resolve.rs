//! How the upstream's name is resolved.

use crate::lab::{
    BEST, Lab, OTHER, UPSTREAM_V4, UPSTREAM_V6, in_user_namespace, link_of, with_lab,
};
use baton_core::Duration;
use baton_hal::{Error, ErrorKind, Transport};
use baton_hal_linux::{BoundTransport, Network, ResolveOptions, TransportOptions};
use core::{cell::RefCell, net::IpAddr};
use std::{fs, path::PathBuf, rc::Rc};
use tokio::{
    net::UdpSocket,
    task::JoinHandle,
    time::{sleep, timeout},
};

fn lab_test(name: &str, body: impl AsyncFnOnce(&Lab) + Send + 'static) {
    in_user_namespace(&format!("resolve::{name}"), || with_lab(body));
}

/// A name server at the upstream: knows `upstream.test`, remembers who asked.
struct Server {
    asked_by: Rc<RefCell<Vec<IpAddr>>>,
    task: JoinHandle<()>,
}

impl Server {
    fn start(lab: &Lab, address: Option<&'static str>, ttl: u32) -> Self {
        let socket = lab.at_upstream(|| std::net::UdpSocket::bind((UPSTREAM_V4, 5353)).unwrap());
        socket.set_nonblocking(true).unwrap();
        let socket = UdpSocket::from_std(socket).unwrap();
        let asked_by = Rc::new(RefCell::new(Vec::new()));
        let log = asked_by.clone();
        let task = tokio::task::spawn_local(async move {
            let mut buf = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut buf).await {
                log.borrow_mut().push(from.ip());
                let _ = socket.send_to(&answer(&buf[..len], address, ttl), from).await;
            }
        });
        Self { asked_by, task }
    }

    fn asked_by(&self) -> Vec<&'static str> {
        self.asked_by.borrow_mut().drain(..).map(link_of).collect()
    }
}

fn answer(question: &[u8], address: Option<&str>, ttl: u32) -> Vec<u8> {
    let kind = question[question.len() - 3];
    let octets = match address.map(|address| address.parse().unwrap()) {
        Some(IpAddr::V4(ip)) if kind == 1 => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) if kind == 28 => ip.octets().to_vec(),
        Some(_) | None => Vec::new(),
    };
    let mut message = question.to_vec();
    message[2..4].copy_from_slice(&[0x81, 0x80]);
    message[7] = u8::from(!octets.is_empty());
    if !octets.is_empty() {
        message.extend([0xc0, 12, 0, kind, 0, 1]);
        message.extend(ttl.to_be_bytes());
        message.extend((octets.len() as u16).to_be_bytes());
        message.extend(octets);
    }
    message
}

fn transport(test: &str, servers: &str, hosts: &str) -> BoundTransport {
    let file = |name: &str, text: &str| -> PathBuf {
        let path = std::env::temp_dir().join(format!("baton-{}-{test}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        path
    };
    let mut options = TransportOptions::new("upstream.test", 9000);
    options.resolve = ResolveOptions {
        resolv_conf: vec![file("resolv", servers)],
        hosts: file("hosts", hosts),
        port: 5353,
    };
    BoundTransport::new(Network::read().unwrap(), options)
}

const SERVERS: &str = "# Interface wan\nsearch example.org\nnameserver 203.0.113.10\n";

async fn kind(transport: &BoundTransport, link: &str) -> Option<ErrorKind> {
    let connect = timeout(Duration::from_secs(10), transport.connect(link)).await;
    connect.expect("resolving is bounded").err().map(|error| error.kind())
}

#[test]
fn question_leaves_by_the_link_it_is_for_and_is_asked_once() {
    lab_test("question_leaves_by_the_link_it_is_for_and_is_asked_once", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let server = Server::start(lab, Some(UPSTREAM_V4), 600);
        let transport = transport("asks", SERVERS, "");

        assert_eq!(kind(&transport, OTHER).await, None);
        assert_eq!(server.asked_by(), [OTHER]);
        assert_eq!(kind(&transport, BEST).await, None);
        assert_eq!(server.asked_by(), [BEST]);
        assert_eq!(kind(&transport, OTHER).await, None);
        assert!(server.asked_by().is_empty(), "the answer is good for ten minutes");
    });
}

#[test]
fn first_question_leaves_at_once() {
    lab_test("first_question_leaves_at_once", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let _server = Server::start(lab, Some(UPSTREAM_V4), 600);
        let transport = transport("first", SERVERS, "");

        let connect = timeout(Duration::from_millis(500), transport.connect(OTHER)).await;

        assert!(connect.expect("only the second leaves a second later").is_ok());
    });
}

#[test]
fn silent_servers_leave_the_addresses_of_another_link() {
    lab_test("silent_servers_leave_the_addresses_of_another_link", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let _server = Server::start(lab, Some(UPSTREAM_V4), 600);
        let both = format!("{SERVERS}nameserver 127.0.0.1\n");
        let transport = transport("silent", &both, "");
        assert_eq!(kind(&transport, BEST).await, None);

        // Only the name server falls silent: its port closes on that address.
        lab.ip("addr add 203.0.113.53/32 dev lo");
        let file = std::env::temp_dir().join(format!("baton-{}-silent-resolv", std::process::id()));
        fs::write(file, "nameserver 203.0.113.53\n").unwrap();

        assert_eq!(kind(&transport, OTHER).await, None, "what eth0 learnt serves wwan0");
    });
}

#[test]
fn expired_addresses_are_asked_for_again_and_serve_while_nobody_answers() {
    lab_test("expired_addresses_are_asked_for_again_and_serve_while_nobody_answers", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let server = Server::start(lab, Some(UPSTREAM_V4), 1);
        let transport = transport("stale", SERVERS, "");
        assert_eq!(kind(&transport, OTHER).await, None);

        // Five seconds are the least that an answer is believed.
        sleep(Duration::from_secs(4)).await;
        assert_eq!(kind(&transport, OTHER).await, None);
        assert_eq!(server.asked_by().len(), 1);
        sleep(Duration::from_millis(1500)).await;
        assert_eq!(kind(&transport, OTHER).await, None);
        assert_eq!(server.asked_by().len(), 1);

        server.task.abort();
        sleep(Duration::from_millis(5500)).await;
        assert_eq!(kind(&transport, OTHER).await, None, "nobody answers");
        let start = tokio::time::Instant::now();
        assert_eq!(kind(&transport, OTHER).await, None);
        assert!(start.elapsed() < Duration::from_millis(500), "and nobody is asked for a while");
    });
}

#[test]
fn unanswered_name_is_unresolved_within_seconds() {
    lab_test("unanswered_name_is_unresolved_within_seconds", async |lab| {
        lab.silence(OTHER, true);
        let transport = transport("unanswered", SERVERS, "");

        assert_eq!(kind(&transport, OTHER).await, Some(ErrorKind::Unresolved));
    });
}

#[test]
fn name_with_ipv6_alone_is_reached_by_it() {
    lab_test("name_with_ipv6_alone_is_reached_by_it", async |lab| {
        let _listener = lab.listen(UPSTREAM_V6);
        let _server = Server::start(lab, Some(UPSTREAM_V6), 600);

        assert_eq!(kind(&transport("v6", SERVERS, ""), OTHER).await, None);
    });
}

#[test]
fn name_that_does_not_exist_is_unresolved() {
    lab_test("name_that_does_not_exist_is_unresolved", async |lab| {
        let _server = Server::start(lab, None, 0);

        assert_eq!(kind(&transport("none", SERVERS, ""), OTHER).await, Some(ErrorKind::Unresolved));
    });
}

#[test]
fn hosts_file_is_believed_and_nobody_asked() {
    lab_test("hosts_file_is_believed_and_nobody_asked", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let server = Server::start(lab, None, 0);
        let hosts = format!("127.0.0.1 localhost\n{UPSTREAM_V4} other Upstream.TEST # ours\n");

        assert_eq!(kind(&transport("hosts", SERVERS, &hosts), OTHER).await, None);
        assert!(server.asked_by().is_empty());
    });
}

#[test]
fn dead_address_is_passed_over_and_the_good_one_kept() {
    lab_test("dead_address_is_passed_over_and_the_good_one_kept", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        let hosts = format!("203.0.113.99 upstream.test\n{UPSTREAM_V4} upstream.test\n");
        // 203.0.113.99 swallows everything.
        lab.ip("route add blackhole 203.0.113.99/32");
        let transport = transport("dead", SERVERS, &hosts);

        assert_eq!(kind(&transport, OTHER).await, None);
        let start = tokio::time::Instant::now();
        assert_eq!(kind(&transport, BEST).await, None);
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "the last good address comes first on every link"
        );
    });
}
