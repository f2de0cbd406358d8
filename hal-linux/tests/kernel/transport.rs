//! What [`BoundTransport`] does.

use crate::lab::{
    BEST, Lab, OTHER, UPSTREAM_V4, UPSTREAM_V6, in_user_namespace, ip, link_of,
    refuse_bind_to_device, route_v4, with_lab,
};
use baton_core::Duration;
use baton_hal::{Bytes, Error, ErrorKind, Stream, Transport};
use baton_hal_linux::{BoundTransport, Family, Network, TransportError, TransportOptions, arrival};
use core::net::SocketAddr;
use std::fs;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

fn lab_test(name: &str, body: impl AsyncFnOnce(&Lab) + Send + 'static) {
    in_user_namespace(&format!("transport::{name}"), || with_lab(body));
}

fn transport(upstream: &str) -> BoundTransport {
    BoundTransport::new(Network::read().unwrap(), TransportOptions::new(upstream, 9000))
}

async fn came_by(listener: &TcpListener) -> (&'static str, TcpStream) {
    let (stream, from) =
        timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap();
    (link_of(from.ip()), stream)
}

#[test]
fn route_lost_behind_the_agents_back_is_enetunreach() {
    lab_test("route_lost_behind_the_agents_back_is_enetunreach", async |_| {
        let transport = transport(UPSTREAM_V6);
        ip("-6 route del default dev wwan0");

        let error = transport.connect(OTHER).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unreachable);
        let TransportError::Socket(error) = error else { panic!("{error}") };
        assert_eq!(error.raw_os_error(), Some(libc::ENETUNREACH));
    });
}

#[test]
fn gateway_that_is_gone_is_unreachable_in_seconds() {
    lab_test("gateway_that_is_gone_is_unreachable_in_seconds", async |_| {
        ip("route replace default via 10.0.2.9 dev wwan0 metric 200");

        let transport = transport(UPSTREAM_V4);
        let connect = timeout(Duration::from_secs(10), transport.connect(OTHER)).await;

        assert_eq!(connect.unwrap().unwrap_err().kind(), ErrorKind::Unreachable);
    });
}

#[test]
fn table_that_only_a_source_address_leads_to_is_used() {
    lab_test("table_that_only_a_source_address_leads_to_is_used", async |lab| {
        let listener = lab.listen(UPSTREAM_V4);
        route_v4(OTHER, "del");
        ip("route add default via 10.0.2.1 dev wwan0 table 100");
        ip("rule add from 10.0.2.2 lookup 100");
        let transport = transport(UPSTREAM_V4);

        let (stream, (link, _)) = tokio::join!(transport.connect(OTHER), came_by(&listener));

        assert_eq!((stream.is_ok(), link), (true, OTHER));
    });
}

#[test]
fn ipv6_route_for_one_source_prefix_is_used() {
    lab_test("ipv6_route_for_one_source_prefix_is_used", async |lab| {
        let listener = lab.listen(UPSTREAM_V6);
        ip("-6 route del default dev wwan0");
        ip("-6 route add default from 2001:db8:2::/64 via 2001:db8:2::1 dev wwan0 metric 512");
        let transport = transport(UPSTREAM_V6);

        let (stream, (link, _)) = tokio::join!(transport.connect(OTHER), came_by(&listener));

        assert_eq!((stream.is_ok(), link), (true, OTHER));
    });
}

#[test]
fn where_binding_is_refused_a_link_needs_a_rule() {
    lab_test("where_binding_is_refused_a_link_needs_a_rule", async |lab| {
        let listener = lab.listen(UPSTREAM_V4);
        refuse_bind_to_device();

        let error = transport(UPSTREAM_V4).connect(OTHER).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotPermitted);
        let text = error.to_string();
        assert!(text.contains("ip route add default via 10.0.2.1 dev wwan0 table 100"), "{text}");
        assert!(text.contains("ip rule add from 10.0.2.2 lookup 100"), "{text}");

        // What the text says mends it.
        ip("route add default via 10.0.2.1 dev wwan0 table 100");
        ip("rule add from 10.0.2.2 lookup 100");
        let transport = transport(UPSTREAM_V4);
        let (stream, (link, _)) = tokio::join!(transport.connect(OTHER), came_by(&listener));
        assert_eq!((stream.is_ok(), link), (true, OTHER));
    });
}

#[test]
fn strict_return_path_really_breaks_the_other_link() {
    lab_test("strict_return_path_really_breaks_the_other_link", async |lab| {
        let _listener = lab.listen(UPSTREAM_V4);
        fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1").unwrap();
        let transport = transport(UPSTREAM_V4);

        assert!(transport.connect(BEST).await.is_ok());
        assert!(timeout(Duration::from_secs(2), transport.connect(OTHER)).await.is_err());

        // A best link without carrier filters all the same: its route is still looked up.
        lab.lower(BEST);
        assert!(timeout(Duration::from_secs(2), transport.connect(OTHER)).await.is_err());
    });
}

#[test]
fn black_hole_shows_within_half_a_second_and_carrier_loss_does_not_end_the_stream() {
    lab_test(
        "black_hole_shows_within_half_a_second_and_carrier_loss_does_not_end_the_stream",
        async |lab| {
            let listener = lab.listen(UPSTREAM_V4);
            let transport = transport(UPSTREAM_V4);
            let (stream, (_, _far)) = tokio::join!(transport.connect(BEST), came_by(&listener));
            let stream = stream.unwrap();
            assert!(stream.info().unwrap().srtt > Duration::ZERO);

            lab.silence(BEST, true);
            for _ in 0..50 {
                stream.try_write(&[&[0; 5000]]).unwrap();
                sleep(Duration::from_millis(10)).await;
            }

            let info = stream.info().unwrap();
            assert!(
                info.unacked_segments > 0 && info.last_ack >= Duration::from_millis(400),
                "{info:?}"
            );
            assert!(info.retransmitted_segments > 0, "{info:?}");

            lab.lower(BEST);
            assert!(matches!(stream.try_read(&mut [0; 8]), Ok(None)), "the kernel keeps trying");
        },
    );
}

#[test]
fn unsent_bytes_stay_below_the_low_water_mark() {
    lab_test("unsent_bytes_stay_below_the_low_water_mark", async |lab| {
        let listener = lab.listen(UPSTREAM_V4);
        let mut unsent = Vec::new();
        for lowat in [Some(16 * 1024), None] {
            let mut options = TransportOptions::new(UPSTREAM_V4, 9000);
            (options.send_buffer, options.notsent_lowat) = (Some(512 * 1024), lowat);
            (options.receive_buffer, options.keepalive) =
                (Some(64 * 1024), Some(Duration::from_secs(30)));
            let transport = BoundTransport::new(Network::read().unwrap(), options);
            let (stream, (_, _far)) = tokio::join!(transport.connect(BEST), came_by(&listener));
            let stream = stream.unwrap();

            while timeout(Duration::from_millis(200), stream.writable()).await.is_ok() {
                stream.try_write(&[&[0; 4096]]).unwrap();
            }
            unsent.push(stream.info().unwrap().notsent_bytes);
        }

        // The kernel lets one segment of its own size (64 KiB) pass the mark.
        assert!(unsent[0] <= (16 + 64) * 1024 && unsent[1] >= 256 * 1024, "{unsent:?}");
    });
}

#[test]
fn client_is_told_by_the_interface_it_came_in_by_not_by_the_address_it_called() {
    lab_test(
        "client_is_told_by_the_interface_it_came_in_by_not_by_the_address_it_called",
        async |lab| {
            // The machine answers on wwan0 for the address of eth0, and on a dual-stack socket too.
            lab.ip("route add 10.0.1.2/32 via 10.0.2.2 dev p-wwan0");
            lab.ip("-6 route add 2001:db8:1::2/128 via 2001:db8:2::2 dev p-wwan0");
            ip("route del default dev eth0");
            let network = Network::read().unwrap();

            for (listen, call) in
                [("0.0.0.0", "10.0.1.2"), ("::", "10.0.1.2"), ("::", "2001:db8:1::2")]
            {
                let listener =
                    TcpListener::bind(SocketAddr::new(listen.parse().unwrap(), 0)).await.unwrap();
                let to =
                    SocketAddr::new(call.parse().unwrap(), listener.local_addr().unwrap().port());
                let client = lab.at_upstream(move || {
                    std::net::TcpStream::connect_timeout(&to, Duration::from_secs(5))
                        .expect("the machine listens")
                });
                let (accepted, _) = listener.accept().await.unwrap();

                assert_eq!(
                    network.interface(arrival(&accepted).unwrap()).as_deref(),
                    Some(OTHER),
                    "{listen} {call}"
                );
                assert_eq!(network.interface_of(to.ip()).as_deref(), Some(BEST));
                drop(client);
            }
        },
    );
}

#[test]
fn local_client_comes_in_by_loopback() {
    lab_test("local_client_comes_in_by_loopback", async |_| {
        let network = Network::read().unwrap();
        for address in ["127.0.0.1", "::1"] {
            let listener = TcpListener::bind((address, 0)).await.unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap());
            let (_client, accepted) = tokio::join!(client, listener.accept());
            assert_eq!(
                network.interface(arrival(&accepted.unwrap().0).unwrap()).as_deref(),
                Some("lo")
            );
        }
    });
}

#[test]
fn family_is_chosen_by_what_the_link_has() {
    lab_test("family_is_chosen_by_what_the_link_has", async |lab| {
        let listener = lab.listen(UPSTREAM_V6);
        let mut options = TransportOptions::new(UPSTREAM_V6, 9000);
        options.family = Family::Either;
        let transport = BoundTransport::new(Network::read().unwrap(), options);
        let (stream, (link, _)) = tokio::join!(transport.connect(OTHER), came_by(&listener));
        assert_eq!((stream.is_ok(), link), (true, OTHER));

        ip("-6 route del default dev wwan0");
        let options = TransportOptions::new(UPSTREAM_V6, 9000);
        let without = BoundTransport::new(Network::read().unwrap(), options);
        assert_eq!(without.connect(OTHER).await.unwrap_err().kind(), ErrorKind::Unresolved);
    });
}
