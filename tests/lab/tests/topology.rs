//! The namespaces, and what the kernel makes of them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{
    Change, Lab, LinkSpec, Route, Sandbox, SandboxError, Shape, UPSTREAM_V4, UPSTREAM_V6, now,
};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use nix::{
    errno::Errno,
    libc,
    sys::{
        signal::Signal,
        socket::{
            AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind,
            getsockopt, recv, setsockopt, socket, sockopt,
        },
    },
};
use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    thread,
};

baton_lab::tests![
    every_namespace_has_the_interfaces_of_the_picture,
    default_routes_prefer_the_links_in_order,
    the_client_reaches_the_agent_and_nothing_beyond,
    programs_run_in_their_namespace_and_die_with_their_thread,
    congestion_control_is_pinned_at_both_ends,
    carrier_loss_is_announced_and_leaves_addresses_and_routes,
    traffic_flows_again_when_carrier_returns,
    an_unplugged_interface_comes_back_usable,
    addresses_and_routes_come_and_go,
    two_labs_live_side_by_side,
    mounts_are_private,
    a_refusal_names_the_kernel_parameter,
];

const MS: Duration = Duration::from_millis(1);

fn every_namespace_has_the_interfaces_of_the_picture(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    let interfaces = |namespace: &baton_lab::Namespace| {
        let list = namespace.run(|| fs::read_dir("/sys/class/net").unwrap());
        let mut names: Vec<String> =
            list.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    };

    assert_eq!(interfaces(&lab.gateway), ["eth0", "lan0", "lo", "wlan0", "wwan0"]);
    assert_eq!(interfaces(&lab.upstream), ["eth0", "lo", "wlan0", "wwan0"]);
    assert_eq!(interfaces(&lab.lan), ["eth0", "lo"]);
}

fn default_routes_prefer_the_links_in_order(sandbox: &Sandbox) {
    let lab = lab(sandbox);

    let routes = lab.gateway.run(|| fs::read_to_string("/proc/thread-self/net/route").unwrap());
    let defaults: Vec<(&str, &str)> = routes
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[1] == "00000000")
        .map(|fields| (fields[0], fields[6]))
        .collect();

    assert_eq!(defaults, [("eth0", "100"), ("wlan0", "200"), ("wwan0", "300")]);
    for upstream in [IpAddr::V4(UPSTREAM_V4), UPSTREAM_V6.into()] {
        reach(&lab, upstream, None).unwrap();
    }
    let carried: Vec<bool> =
        lab.links().iter().map(|link| link.stats().up.passed.frames > 0).collect();
    assert_eq!(carried, [true, false, false]);
}

fn the_client_reaches_the_agent_and_nothing_beyond(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    let agent = (Ipv4Addr::new(192, 168, 1, 1), PORT);
    let listener = lab.gateway.run(|| TcpListener::bind(agent)).unwrap();

    let mut client = lab.lan.run(|| TcpStream::connect(agent)).unwrap();
    client.write_all(b"hello").unwrap();
    listener.accept().unwrap().0.read_exact(&mut [0; 5]).unwrap();
    let beyond = lab.lan.run(|| TcpStream::connect_timeout(&(UPSTREAM_V4, PORT).into(), 300 * MS));

    assert!(beyond.is_err());
}

fn programs_run_in_their_namespace_and_die_with_their_thread(sandbox: &Sandbox) {
    let lab = lab(sandbox);

    let listing = lab.lan.command("ls").arg("/sys/class/net").output().unwrap();
    let mut orphan = thread::scope(|scope| {
        let start = || lab.lan.command("sleep").arg("1000").spawn().unwrap();
        scope.spawn(start).join().unwrap()
    });

    assert_eq!(String::from_utf8_lossy(&listing.stdout), "eth0\nlo\n");
    assert_eq!(orphan.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
}

fn congestion_control_is_pinned_at_both_ends(sandbox: &Sandbox) {
    let congestion_control = |socket: &TcpStream| {
        let name = getsockopt(socket, sockopt::TcpCongestion).unwrap();
        name.to_string_lossy().trim_end_matches('\0').to_owned()
    };
    for pinned in ["cubic", "reno"] {
        let lab = Lab::with_congestion_control(sandbox, &links(), 1, pinned).unwrap();
        for upstream in [IpAddr::V4(UPSTREAM_V4), UPSTREAM_V6.into()] {
            let (client, server) = reach(&lab, upstream, Some("wlan0")).unwrap();

            assert_eq!([&client, &server].map(congestion_control), [pinned, pinned]);
        }
    }
}

fn carrier_loss_is_announced_and_leaves_addresses_and_routes(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    let news = lab.gateway.run(link_news);
    let before = lab.gateway.run(addresses_and_routes);

    let pulled = now();
    lab.link("eth0").carrier(false).unwrap();
    let announced = wait_for_carrier(&news, false) - pulled;
    let after = lab.gateway.run(addresses_and_routes);
    lab.link("eth0").carrier(true).unwrap();
    wait_for_carrier(&news, true);

    assert!(announced < 100 * MS, "{announced:?}");
    assert_eq!(before, after);
}

fn traffic_flows_again_when_carrier_returns(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    for upstream in [IpAddr::V4(UPSTREAM_V4), UPSTREAM_V6.into()] {
        let (mut client, mut server) = reach(&lab, upstream, Some("eth0")).unwrap();

        lab.link("eth0").carrier(false).unwrap();
        client.write_all(b"held").unwrap();
        server.set_read_timeout(Some(500 * MS)).unwrap();
        assert_eq!(server.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        lab.link("eth0").carrier(true).unwrap();

        server.set_read_timeout(Some(10_000 * MS)).unwrap();
        server.read_exact(&mut [0; 4]).unwrap();
        reach(&lab, upstream, Some("eth0")).unwrap();
    }
}

fn an_unplugged_interface_comes_back_usable(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    let present = || lab.gateway.run(|| fs::exists("/sys/class/net/wwan0").unwrap());

    lab.link("wwan0").plugged(false).unwrap();
    assert!(!present());
    assert!(reach(&lab, UPSTREAM_V4.into(), Some("wwan0")).is_err());

    lab.link("wwan0").plugged(true).unwrap();
    assert!(present());
    for upstream in [IpAddr::V4(UPSTREAM_V4), UPSTREAM_V6.into()] {
        reach(&lab, upstream, Some("wwan0")).unwrap();
    }
}

fn addresses_and_routes_come_and_go(sandbox: &Sandbox) {
    let lab = lab(sandbox);
    let route = Route {
        to: (Ipv4Addr::UNSPECIFIED.into(), 0),
        via: Some(Ipv4Addr::new(10, 0, 1, 1).into()),
        interface: "eth0",
        metric: 100,
        congestion_control: None,
    };
    let address = Ipv4Addr::new(10, 0, 1, 2).into();

    lab.gateway.route(Change::Remove, &route).unwrap();
    assert!(reach(&lab, UPSTREAM_V4.into(), Some("eth0")).is_err());
    lab.gateway.route(Change::Add, &route).unwrap();
    reach(&lab, UPSTREAM_V4.into(), Some("eth0")).unwrap();

    lab.gateway.address(Change::Remove, "eth0", address, 24).unwrap();
    assert!(!lab.gateway.run(addresses_and_routes).contains("0A000102"));
    let gone = lab.gateway.address(Change::Remove, "eth0", address, 24).unwrap_err();
    assert_eq!(gone.errno, Errno::EADDRNOTAVAIL);
    assert_eq!(gone.to_string().split(':').next(), Some("gateway"));
}

fn two_labs_live_side_by_side(sandbox: &Sandbox) {
    let (one, other) = (lab(sandbox), lab(sandbox));

    one.link("eth0").black_hole(true);

    assert!(reach(&one, UPSTREAM_V4.into(), Some("eth0")).is_err());
    reach(&other, UPSTREAM_V4.into(), Some("eth0")).unwrap();
    drop(one);
    reach(&other, UPSTREAM_V4.into(), Some("eth0")).unwrap();
}

fn mounts_are_private(_: &Sandbox) {
    let flags = nix::mount::MsFlags::empty();
    nix::mount::mount(Some("tmpfs"), "/mnt", Some("tmpfs"), flags, Some("size=64k")).unwrap();

    let full = fs::write("/mnt/file", [0; 128 * 1024]).unwrap_err();

    assert_eq!(full.raw_os_error(), Some(libc::ENOSPC));
}

fn a_refusal_names_the_kernel_parameter(_: &Sandbox) {
    fs::write("/proc/sys/user/max_user_namespaces", "0").unwrap();

    let refusal = Sandbox::enter().unwrap_err();

    assert!(matches!(refusal, SandboxError::Refused { errno: Errno::ENOSPC, .. }));
    assert!(refusal.to_string().ends_with("(user.max_user_namespaces=0)"), "{refusal}");
}

fn lab(sandbox: &Sandbox) -> Lab {
    Lab::new(sandbox, &links(), 1).unwrap()
}

fn links() -> [LinkSpec; 3] {
    ["eth0", "wlan0", "wwan0"].map(|name| LinkSpec::symmetric(name, Shape::default()))
}

const PORT: u16 = 9000;

/// Connects from the gateway to the upstream, by one link or the preferred one.
fn reach(
    lab: &Lab,
    upstream: IpAddr,
    link: Option<&str>,
) -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = lab.upstream.run(|| TcpListener::bind((upstream, PORT))).unwrap();
    let family = match upstream {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let open = || socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
    let client = lab.gateway.run(open)?;
    if let Some(link) = link {
        setsockopt(&client, sockopt::BindToDevice, &link.into())?;
    }
    // Bounds connect too.
    let timeout = nix::sys::time::TimeVal::new(2, 0);
    setsockopt(&client, sockopt::SendTimeout, &timeout)?;
    let address = nix::sys::socket::SockaddrStorage::from(SocketAddr::from((upstream, PORT)));
    nix::sys::socket::connect(client.as_raw_fd(), &address)?;
    Ok((client.into(), listener.accept()?.0))
}

fn addresses_and_routes() -> String {
    let files = ["fib_trie", "if_inet6", "route", "ipv6_route"];
    let read = |file| fs::read_to_string(format!("/proc/thread-self/net/{file}")).unwrap();
    files.map(read).concat()
}

/// A socket that hears of every change of an interface.
fn link_news() -> OwnedFd {
    let flags = SockFlag::SOCK_CLOEXEC;
    let news =
        socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute).unwrap();
    bind(news.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_LINK as u32)).unwrap();
    setsockopt(&news, sockopt::ReceiveTimeout, &nix::sys::time::TimeVal::new(2, 0)).unwrap();
    news
}

/// When the first RTM_NEWLINK with that IFF_LOWER_UP arrived.
fn wait_for_carrier(news: &OwnedFd, wanted: bool) -> Duration {
    loop {
        let mut message = [0; 8192];
        recv(news.as_fd().as_raw_fd(), &mut message, MsgFlags::empty()).unwrap();
        let kind = u16::from_ne_bytes(message[4..6].try_into().unwrap());
        // struct nlmsghdr, then ifi_flags at the 8th byte of struct ifinfomsg.
        let flags = u32::from_ne_bytes(message[24..28].try_into().unwrap());
        if kind == libc::RTM_NEWLINK && (flags & libc::IFF_LOWER_UP as u32 != 0) == wanted {
            return now();
        }
    }
}
