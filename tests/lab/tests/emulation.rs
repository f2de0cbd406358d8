//! What real sockets measure through the emulator.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Direction, Lab, LinkSpec, Rate, Sandbox, Shape, UPSTREAM_V4, UPSTREAM_V6, now};
use core::{net::IpAddr, time::Duration};
use nix::sys::socket::{setsockopt, sockopt::BindToDevice};
use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
};

baton_lab::tests![
    a_round_trip_takes_both_delays,
    ipv6_passes_over_every_link,
    tcp_fills_the_rate_and_no_more,
    a_hundred_megabits_leave_room,
    loss_is_as_often_as_told,
    one_seed_loses_the_same_datagrams_again,
    a_black_hole_is_silent_and_heals,
    one_direction_may_die_alone,
    a_stall_delays_and_loses_nothing,
    large_packets_vanish_in_an_mtu_hole,
];

const MS: Duration = Duration::from_millis(1);

fn a_round_trip_takes_both_delays(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape { delay: 25 * MS, ..Shape::default() }, 1);
    let client = client(&lab, UPSTREAM_V4, "eth0");
    echo(&lab, UPSTREAM_V4);

    // The first one waits for ARP.
    ping(&client, 0);
    let mut trips: Vec<Duration> = (1..=40).map(|number| ping(&client, number)).collect();
    trips.sort_unstable();

    assert!(trips[0] >= 50 * MS, "at least {:?}", trips[0]);
    assert!(trips[20] <= 52 * MS, "median {:?}", trips[20]);
}

fn ipv6_passes_over_every_link(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape::default(), 1);
    echo(&lab, UPSTREAM_V6);

    for link in lab.links() {
        let client = client(&lab, UPSTREAM_V6, link.name());

        ping(&client, 1);

        assert_eq!(link.stats().up.passed.frames, 1, "{} and no other", link.name());
        assert_eq!(link.stats().down.passed.frames, 1);
    }
}

fn tcp_fills_the_rate_and_no_more(sandbox: &Sandbox) {
    let shape = Shape { delay: 10 * MS, rate: Rate::Bps(20_000_000), ..Shape::default() };
    let lab = lab(sandbox, shape, 1);

    let rate = upload_rate(&lab, 4000 * MS);

    assert!((19_000_000..=21_000_000).contains(&rate), "{rate} bit/s");
}

fn a_hundred_megabits_leave_room(sandbox: &Sandbox) {
    let shape = Shape { delay: 5 * MS, rate: Rate::Bps(100_000_000), ..Shape::default() };
    let lab = lab(sandbox, shape, 1);

    let rate = upload_rate(&lab, 3000 * MS);

    println!("{rate} bit/s");
    assert!((95_000_000..=105_000_000).contains(&rate), "{rate} bit/s");
    assert_eq!(lab.link("eth0").stats().up.overrun, 0);
}

fn loss_is_as_often_as_told(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape { loss_ppm: 100_000, ..Shape::default() }, 1);

    let arrived = send_numbered(&lab, 5000);

    // Five standard deviations of a binomial distribution: 5 * sqrt(5000 * 0.1 * 0.9).
    assert!((4394..=4606).contains(&arrived.len()), "{} of 5000 arrived", arrived.len());
    assert_eq!(arrived.len() as u64, lab.link("eth0").stats().up.passed.frames);
}

fn one_seed_loses_the_same_datagrams_again(sandbox: &Sandbox) {
    let run = |seed| {
        let shape = Shape { loss_ppm: 200_000, delay: MS, jitter: MS, ..Shape::default() };
        send_numbered(&lab(sandbox, shape, seed), 500)
    };

    let first = run(7);

    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
}

fn a_black_hole_is_silent_and_heals(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape { delay: 5 * MS, ..Shape::default() }, 1);
    let (mut sender, mut receiver) = connect(&lab);
    sender.write_all(b"before").unwrap();
    receiver.read_exact(&mut [0; 6]).unwrap();

    lab.link("eth0").black_hole(true);
    sender.write_all(b"within").unwrap();
    receiver.set_read_timeout(Some(1000 * MS)).unwrap();
    let silence = receiver.read(&mut [0; 6]).unwrap_err();
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    assert_eq!(sender.take_error().unwrap().map(|err| err.to_string()), None);
    assert!(lab.link("eth0").stats().up.black_holed.frames >= 2, "first sending and a retry");

    lab.link("eth0").black_hole(false);
    receiver.set_read_timeout(Some(10_000 * MS)).unwrap();
    let mut late = [0; 6];
    receiver.read_exact(&mut late).unwrap();
    assert_eq!(&late, b"within");
}

fn one_direction_may_die_alone(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape::default(), 1);
    let client = client(&lab, UPSTREAM_V4, "eth0");
    let server = bind(&lab, UPSTREAM_V4);
    lab.link("eth0").set_one(Direction::Down, |shape| shape.black_hole = true);

    client.send(b"there").unwrap();
    let (_, from) = server.recv_from(&mut [0; 5]).unwrap();
    server.send_to(b"back", from).unwrap();

    client.set_read_timeout(Some(300 * MS)).unwrap();
    assert_eq!(client.recv(&mut [0; 5]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(lab.link("eth0").stats().down.black_holed.frames, 1);
}

fn a_stall_delays_and_loses_nothing(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape { delay: 5 * MS, ..Shape::default() }, 1);
    let client = client(&lab, UPSTREAM_V4, "eth0");
    echo(&lab, UPSTREAM_V4);
    ping(&client, 0);

    lab.link("eth0").stall(300 * MS);
    let stalled = ping(&client, 1);
    let after = ping(&client, 2);

    assert!((295 * MS..=325 * MS).contains(&stalled), "{stalled:?}");
    assert!(after < 20 * MS, "{after:?}");
}

fn large_packets_vanish_in_an_mtu_hole(sandbox: &Sandbox) {
    let lab = lab(sandbox, Shape { largest_packet: Some(1400), ..Shape::default() }, 1);
    let client = client(&lab, UPSTREAM_V4, "eth0");
    let server = bind(&lab, UPSTREAM_V4);

    // With 8 bytes of UDP and 20 of IP: one too many, then just right.
    client.send(&[0; 1373]).unwrap();
    client.send(&[0; 1372]).unwrap();

    assert_eq!(server.recv(&mut [0; 1500]).unwrap(), 1372);
    assert_eq!(lab.link("eth0").stats().up.oversized.frames, 1);
}

fn lab(sandbox: &Sandbox, shape: Shape, seed: u64) -> Lab {
    let links = ["eth0", "wlan0", "wwan0"].map(|name| LinkSpec::symmetric(name, shape.clone()));
    Lab::new(sandbox, &links, seed).unwrap()
}

const PORT: u16 = 9000;

fn bind(lab: &Lab, address: impl Into<IpAddr>) -> UdpSocket {
    let address = address.into();
    let server = lab.upstream.run(|| UdpSocket::bind((address, PORT))).unwrap();
    server.set_read_timeout(Some(2000 * MS)).unwrap();
    server
}

/// Sends back whatever comes, until the process ends.
fn echo(lab: &Lab, address: impl Into<IpAddr>) {
    let server = bind(lab, address);
    thread::spawn(move || {
        let mut datagram = [0; 1500];
        loop {
            if let Ok((len, from)) = server.recv_from(&mut datagram) {
                server.send_to(&datagram[..len], from).unwrap();
            }
        }
    });
}

/// A socket of the gateway, bound to a link and connected to the upstream.
fn client(lab: &Lab, upstream: impl Into<IpAddr>, link: &'static str) -> UdpSocket {
    let upstream = upstream.into();
    let any = match upstream {
        IpAddr::V4(_) => "0.0.0.0:0",
        IpAddr::V6(_) => "[::]:0",
    };
    let client = lab.gateway.run(|| UdpSocket::bind(any)).unwrap();
    setsockopt(&client, BindToDevice, &link.into()).unwrap();
    client.connect((upstream, PORT)).unwrap();
    client.set_read_timeout(Some(5000 * MS)).unwrap();
    client
}

fn ping(client: &UdpSocket, number: u64) -> Duration {
    let sent = now();
    client.send(&number.to_ne_bytes()).unwrap();
    let mut answer = [0; 8];
    client.recv(&mut answer).unwrap();
    assert_eq!(u64::from_ne_bytes(answer), number);
    now() - sent
}

/// The numbers that arrive of `count` sent over eth0.
fn send_numbered(lab: &Lab, count: u32) -> Vec<u32> {
    let (server, client) = (bind(lab, UPSTREAM_V4), client(lab, UPSTREAM_V4, "eth0"));
    server.set_read_timeout(Some(300 * MS)).unwrap();
    let receiver = thread::spawn(move || {
        let mut number = [0; 4];
        let mut arrived = Vec::new();
        while server.recv(&mut number).is_ok() {
            arrived.push(u32::from_ne_bytes(number));
        }
        arrived
    });
    for number in 0..count {
        client.send(&number.to_ne_bytes()).unwrap();
        if number % 20 == 0 {
            thread::sleep(MS);
        }
    }
    receiver.join().unwrap()
}

fn connect(lab: &Lab) -> (TcpStream, TcpStream) {
    let listener = lab.upstream.run(|| TcpListener::bind((UPSTREAM_V4, PORT))).unwrap();
    let sender = lab.gateway.run(|| TcpStream::connect((UPSTREAM_V4, PORT))).unwrap();
    (sender, listener.accept().unwrap().0)
}

/// Bits a second on the wire of an upload that lasts this long, its start left out.
fn upload_rate(lab: &Lab, lasts: Duration) -> u64 {
    const WARM_UP: Duration = Duration::from_millis(500);
    const PAYLOAD: u64 = 1448;
    const FRAME: u64 = 1514;
    let (mut sender, mut receiver) = connect(lab);
    thread::spawn(move || while sender.write_all(&[0; 65_536]).is_ok() {});
    let start = now();
    let (mut buffer, mut bytes) = (vec![0; 65_536], 0);
    while now() < start + WARM_UP + lasts {
        let len = receiver.read(&mut buffer).unwrap() as u64;
        if now() > start + WARM_UP {
            bytes += len;
        }
    }
    bytes * FRAME / PAYLOAD * 8 * 1000 / lasts.as_millis() as u64
}
