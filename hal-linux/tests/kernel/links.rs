//! What [`NetlinkLinks`] sees.

use crate::lab::{
    BEST, Lab, OTHER, in_user_namespace, ip, refuse_bind_to_device, route_v4, with_lab,
};
use baton_core::{Class, Duration};
use baton_hal::{Facts, LinkChange, Links};
use baton_hal_linux::{Family, LinksOptions, NetlinkLinks, capabilities};
use std::{collections::BTreeMap, fs};
use tokio::time::{Instant, timeout};

/// The links as they were last reported.
struct Seen {
    links: NetlinkLinks,
    facts: BTreeMap<String, Facts<String>>,
}

impl Seen {
    async fn with(options: LinksOptions) -> Self {
        let links = NetlinkLinks::new(options).expect("netlink is allowed");
        let mut seen = Self { links, facts: BTreeMap::new() };
        seen.until("eth0 is usable", |facts| facts.get(BEST).is_some_and(Facts::is_usable)).await;
        seen
    }

    async fn over(family: Family) -> Self {
        Self::with(LinksOptions { family, ..LinksOptions::default() }).await
    }

    async fn next(&mut self, what: &str) {
        let change = timeout(Duration::from_secs(10), self.links.changed()).await;
        match change
            .unwrap_or_else(|_| panic!("never seen: {what}; known: {:#?}", self.facts))
            .unwrap()
        {
            LinkChange::Updated(facts) => {
                self.facts.insert(facts.name.to_string(), facts);
            }
            LinkChange::Heard(..) => {}
            LinkChange::Removed(name) => {
                self.facts.remove(name.as_str());
            }
        }
    }

    async fn until(
        &mut self,
        what: &str,
        holds: impl Fn(&BTreeMap<String, Facts<String>>) -> bool,
    ) {
        while !holds(&self.facts) {
            self.next(what).await;
        }
    }

    /// Whatever is reported within a moment.
    async fn settle(&mut self) {
        while let Ok(change) = timeout(Duration::from_millis(300), self.links.changed()).await {
            match change.unwrap() {
                LinkChange::Updated(facts) => self.facts.insert(facts.name.to_string(), facts),
                LinkChange::Removed(name) => self.facts.remove(name.as_str()),
                LinkChange::Heard(..) => continue,
            };
        }
    }
}

fn lab_test(name: &str, body: impl AsyncFnOnce(&Lab) + Send + 'static) {
    in_user_namespace(&format!("links::{name}"), || with_lab(body));
}

#[test]
fn lost_carrier_is_seen_within_100_ms() {
    lab_test("lost_carrier_is_seen_within_100_ms", async |lab| {
        let mut seen = Seen::over(Family::V4).await;
        let mut delays = Vec::new();

        for _ in 0..11 {
            let start = Instant::now();
            lab.lower(BEST);
            seen.until("carrier lost", |facts| !facts[BEST].carrier).await;
            delays.push(start.elapsed());
            lab.raise(BEST);
            seen.until("carrier back", |facts| facts[BEST].is_usable()).await;
        }

        delays.sort();
        println!(
            "carrier loss, with the start of `ip`: p50 {:?}, worst {:?}",
            delays[5], delays[10]
        );
        assert!(delays[5] < Duration::from_millis(100), "{delays:?}");
    });
}

#[test]
fn interface_that_appears_gets_a_route_is_renamed_and_vanishes() {
    lab_test("interface_that_appears_gets_a_route_is_renamed_and_vanishes", async |_| {
        let mut seen = Seen::over(Family::V4).await;

        ip("link add usb0 type veth peer name other-end");
        ip("link set other-end up");
        ip("addr add 192.168.8.100/24 dev usb0");
        ip("link set usb0 up");
        seen.settle().await;
        assert!(!seen.facts.contains_key("usb0"), "not a link before it has a default route");

        ip("route add default via 192.168.8.1 dev usb0 metric 300");
        seen.until("a new link", |facts| facts.contains_key("usb0")).await;
        let usb0 = seen.facts["usb0"].clone();
        assert!(usb0.is_usable());
        assert_eq!(
            (usb0.class, usb0.metric, usb0.gateway),
            (Class::Lte, Some(300), "192.168.8.1".parse().ok())
        );

        ip("route del default dev usb0");
        seen.until("its route gone", |facts| facts["usb0"].metric.is_none()).await;

        ip("link set usb0 down");
        ip("link set usb0 name modem");
        seen.until("the new name", |facts| {
            facts.contains_key("modem") && !facts.contains_key("usb0")
        })
        .await;
        assert_eq!(seen.facts["modem"].index, usb0.index);
        assert!(!seen.facts["modem"].carrier);

        ip("link del modem");
        seen.until("it vanished", |facts| !facts.contains_key("modem")).await;
    });
}

#[test]
fn new_interface_under_an_old_name_has_a_new_index() {
    lab_test("new_interface_under_an_old_name_has_a_new_index", async |_| {
        let mut seen = Seen::over(Family::V4).await;
        seen.until("both", |facts| facts.contains_key(OTHER)).await;
        let old = seen.facts[OTHER].index;

        ip("link del wwan0");
        ip("link add wwan0 type veth peer name other-end");
        ip("link set other-end up");
        ip("addr add 10.0.2.2/24 dev wwan0");
        ip("link set wwan0 up");
        route_v4(OTHER, "add");

        seen.until("a new wwan0", |facts| {
            facts.get(OTHER).is_some_and(|new| new.index != old && new.is_usable())
        })
        .await;
    });
}

#[test]
fn administrator_taking_a_link_down_takes_its_silently_flushed_routes() {
    lab_test("administrator_taking_a_link_down_takes_its_silently_flushed_routes", async |_| {
        let mut seen = Seen::over(Family::V4).await;

        ip("link set eth0 down");
        seen.until("down", |facts| !facts[BEST].carrier).await;
        ip("link set eth0 up");
        seen.until("up", |facts| facts[BEST].carrier).await;
        seen.settle().await;

        assert_eq!(seen.facts[BEST].metric, None, "the kernel dropped the route without a word");
        route_v4(BEST, "add");
        seen.until("usable", |facts| facts[BEST].is_usable()).await;
    });
}

#[test]
fn storm_that_overruns_the_socket_ends_in_the_truth() {
    lab_test("storm_that_overruns_the_socket_ends_in_the_truth", async |lab| {
        let mut seen = Seen::over(Family::V4).await;

        let mut storm = String::new();
        for _ in 0..400 {
            storm += "link set wwan0 down\nlink set wwan0 up\n";
        }
        let file = std::env::temp_dir().join(format!("baton-storm-{}", std::process::id()));
        fs::write(&file, storm).unwrap();
        ip(&format!("-batch {}", file.display()));
        fs::remove_file(file).unwrap();
        // The last words drown in the storm.
        ip("route del default dev eth0");
        route_v4(OTHER, "add");
        lab.lower(BEST);

        seen.until("the truth", |facts| {
            !facts[BEST].carrier && facts[BEST].metric.is_none() && facts[OTHER].is_usable()
        })
        .await;
        assert!(seen.links.overruns() > 0, "a storm that overruns nothing proves nothing");
        lab.raise(BEST);
        seen.until("life goes on", |facts| facts[BEST].carrier).await;
    });
}

#[test]
fn multipath_default_route_is_one_of_each_of_its_links() {
    lab_test("multipath_default_route_is_one_of_each_of_its_links", async |lab| {
        route_v4(BEST, "del");
        route_v4(OTHER, "del");
        ip(
            "route add default metric 50 nexthop via 10.0.1.1 dev eth0 nexthop via 10.0.2.1 dev wwan0",
        );
        let mut seen = Seen::over(Family::V4).await;
        seen.settle().await;

        for (link, gateway) in [(BEST, "10.0.1.1"), (OTHER, "10.0.2.1")] {
            assert_eq!(
                (seen.facts[link].metric, seen.facts[link].gateway),
                (Some(50), gateway.parse().ok())
            );
        }
        lab.lower(OTHER);
        seen.until("a hop gone", |facts| facts[OTHER].metric.is_none()).await;
        assert!(seen.facts[BEST].is_usable());
    });
}

#[test]
fn point_to_point_route_names_no_gateway() {
    lab_test("point_to_point_route_names_no_gateway", async |_| {
        let mut seen = Seen::over(Family::V4).await;

        ip("route replace default dev eth0 metric 100");

        seen.until("no gateway", |facts| facts[BEST].gateway.is_none()).await;
        assert!(seen.facts[BEST].is_usable());
    });
}

#[test]
fn ipv6_address_is_used_once_it_is_proven_unique_and_until_it_is_deprecated() {
    lab_test(
        "ipv6_address_is_used_once_it_is_proven_unique_and_until_it_is_deprecated",
        async |_| {
            let mut seen = Seen::over(Family::V6).await;

            ip("addr del 2001:db8:1::2/64 dev eth0");
            seen.until("no address: link-local ones don't count", |facts| {
                facts[BEST].address.is_none()
            })
            .await;

            let start = Instant::now();
            ip("addr add 2001:db8:1::3/64 dev eth0");
            seen.until("an address", |facts| facts[BEST].address.is_some()).await;
            assert_eq!(seen.facts[BEST].address, "2001:db8:1::3".parse().ok());
            assert!(
                start.elapsed() > Duration::from_millis(500),
                "duplicate address detection takes a second"
            );

            ip("addr change 2001:db8:1::3/64 dev eth0 preferred_lft 0");
            seen.until("deprecated", |facts| facts[BEST].address.is_none()).await;

            // Private addresses (RFC 4193) yield to public ones.
            ip("addr add fd00:1::5/64 dev eth0 nodad");
            seen.until("private", |facts| facts[BEST].address == "fd00:1::5".parse().ok()).await;
            ip("addr add 2001:db8:1::4/64 dev eth0 nodad");
            seen.until("public", |facts| facts[BEST].address == "2001:db8:1::4".parse().ok()).await;
        },
    );
}

#[test]
fn router_advertisement_route_by_link_local_gateway_counts() {
    lab_test("router_advertisement_route_by_link_local_gateway_counts", async |_| {
        let mut seen = Seen::over(Family::V6).await;

        ip("-6 route del default dev eth0");
        seen.until("no route", |facts| facts[BEST].metric.is_none()).await;
        ip("-6 route add default via fe80::1 dev eth0 proto ra metric 1024 pref high expires 600");

        seen.until("route back", |facts| facts[BEST].metric == Some(1024)).await;
        assert_eq!(seen.facts[BEST].gateway, "fe80::1".parse().ok());
    });
}

#[test]
fn either_family_will_do_and_ipv4_comes_first() {
    lab_test("either_family_will_do_and_ipv4_comes_first", async |_| {
        let mut seen = Seen::over(Family::Either).await;
        assert!(seen.facts[BEST].address.is_some_and(|address| address.is_ipv4()));

        route_v4(BEST, "del");

        seen.until("IPv6", |facts| facts[BEST].address.is_some_and(|address| address.is_ipv6()))
            .await;
        assert!(seen.facts[BEST].is_usable());
    });
}

#[test]
fn unreachable_default_route_is_none() {
    lab_test("unreachable_default_route_is_none", async |_| {
        let mut seen = Seen::over(Family::V4).await;

        ip("route replace unreachable default metric 100");

        seen.until("replaced", |facts| facts[BEST].metric.is_none()).await;
    });
}

#[test]
fn route_in_a_table_counts_where_a_rule_leads_there() {
    lab_test("route_in_a_table_counts_where_a_rule_leads_there", async |_| {
        let mut seen = Seen::over(Family::V4).await;
        route_v4(OTHER, "del");
        ip("route add default via 10.0.2.1 dev wwan0 table 100");
        seen.until("no route", |facts| {
            facts.get(OTHER).is_some_and(|facts| facts.metric.is_none())
        })
        .await;

        ip("rule add from 10.0.2.2 lookup 100");
        seen.until("by source", |facts| facts[OTHER].is_usable()).await;
        ip("rule del from 10.0.2.2 lookup 100");
        seen.until("rule gone", |facts| facts[OTHER].metric.is_none()).await;
        ip("rule add oif wwan0 lookup 100");
        seen.until("by device", |facts| facts[OTHER].is_usable()).await;
    });
}

#[test]
fn strict_return_path_is_trouble_for_all_but_the_best_link() {
    lab_test("strict_return_path_is_trouble_for_all_but_the_best_link", async |_| {
        let mut seen = Seen::over(Family::V4).await;
        seen.until("both", |facts| facts.get(OTHER).is_some_and(Facts::is_usable)).await;
        let names = [BEST.to_owned(), OTHER.to_owned()];
        assert!(capabilities(&seen.links.network(), &names).iter().all(|one| one.present));

        fs::write("/proc/sys/net/ipv4/conf/all/rp_filter", "1").unwrap();
        seen.until("trouble", |facts| facts[OTHER].trouble.is_some()).await;
        assert!(seen.facts[BEST].is_usable(), "{:?}", seen.facts[BEST]);
        let lacking = capabilities(&seen.links.network(), &names);
        let lacking: Vec<_> =
            lacking.iter().filter(|one| !one.present).map(|one| one.name.as_str()).collect();
        assert_eq!(lacking, ["return-path:eth0", "return-path:wwan0"]);

        // What the text says mends it.
        let trouble = seen.facts[OTHER].trouble.clone().unwrap();
        assert!(trouble.contains("sysctl -w net/ipv4/conf/wwan0/rp_filter=2"), "{trouble}");
        fs::write("/proc/sys/net/ipv4/conf/wwan0/rp_filter", "2").unwrap();
        seen.until("mended", |facts| facts[OTHER].is_usable()).await;

        fs::write("/proc/sys/net/ipv4/conf/wwan0/rp_filter", "0").unwrap();
        seen.until("trouble", |facts| facts[OTHER].trouble.is_some()).await;
        ip("route add default via 10.0.2.1 dev wwan0 table 100");
        ip("rule add from 10.0.2.2 lookup 100");
        seen.until("mended by a rule", |facts| facts[OTHER].is_usable()).await;
        ip("rule del from 10.0.2.2 lookup 100");
        seen.until("trouble", |facts| facts[OTHER].trouble.is_some()).await;

        route_v4(BEST, "del");
        seen.until("best now", |facts| facts[OTHER].is_usable()).await;
    });
}

#[test]
fn link_that_no_socket_may_be_bound_to_is_in_trouble_until_a_rule_leads_out_by_it() {
    lab_test(
        "link_that_no_socket_may_be_bound_to_is_in_trouble_until_a_rule_leads_out_by_it",
        async |_| {
            refuse_bind_to_device();
            for (number, link) in [(1, BEST), (2, OTHER)] {
                ip(&format!("route add default via 10.0.{number}.1 dev {link} table 10{number}"));
            }
            ip("rule add from 10.0.1.2 lookup 101");
            let mut seen = Seen::over(Family::V4).await;
            seen.until("trouble", |facts| {
                facts.get(OTHER).is_some_and(|facts| facts.trouble.is_some())
            })
            .await;
            let lacking = &capabilities(&seen.links.network(), &[])[0];
            assert_eq!((lacking.name.as_str(), lacking.present), ("bind-to-device", false));

            ip("rule add from 10.0.2.2 lookup 102");

            seen.until("no trouble", |facts| facts[OTHER].is_usable()).await;
        },
    );
}

#[test]
fn configuration_names_links_ignores_others_and_sets_their_class() {
    lab_test("configuration_names_links_ignores_others_and_sets_their_class", async |_| {
        ip("link add sat0 type veth peer name other-end");
        let configured = [("sat0", Some(Class::Satellite)), (BEST, None)];
        let mut seen = Seen::with(LinksOptions {
            ignore: vec!["ww*".to_owned(), "lo".to_owned()],
            configured: configured.map(|(name, class)| (name.to_owned(), class)).into(),
            ..LinksOptions::default()
        })
        .await;
        seen.settle().await;

        assert_eq!(seen.facts.keys().collect::<Vec<_>>(), [BEST, "sat0"]);
        assert_eq!(seen.facts["sat0"].class, Class::Satellite);
        assert_eq!(seen.facts["sat0"].metric, None);
        assert_eq!(seen.facts[BEST].class, Class::Ethernet);
    });
}
