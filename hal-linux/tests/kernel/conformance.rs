//! The suite that every backend runs.

use crate::lab::{self, BEST, Lab, OTHER, UPSTREAM_V4, UPSTREAM_V6, ip, route_v4, route_v6};
use baton_hal::conformance::{CASES, Fault, Rig, run};
use baton_hal_linux::{
    BoundStream, BoundTransport, Family, LinksOptions, NetlinkLinks, TransportOptions,
};
use core::cell::RefCell;
use tokio::net::TcpListener;

struct Kernel<'a> {
    lab: &'a Lab,
    family: Family,
    listener: RefCell<Option<TcpListener>>,
}

impl<'a> Kernel<'a> {
    fn new(lab: &'a Lab, family: Family) -> Self {
        let kernel = Self { lab, family, listener: RefCell::default() };
        kernel.listen();
        kernel
    }

    fn upstream(&self) -> &'static str {
        if self.family == Family::V6 { UPSTREAM_V6 } else { UPSTREAM_V4 }
    }

    fn listen(&self) {
        *self.listener.borrow_mut() = Some(self.lab.listen(self.upstream()));
    }

    fn route(&self, link: &str, verb: &str) {
        if self.family == Family::V6 { route_v6(link, verb) } else { route_v4(link, verb) }
    }
}

impl Rig for Kernel<'_> {
    type Links = NetlinkLinks;
    type Transport = BoundTransport;
    type Peer = BoundStream;
    const BEST: &'static str = BEST;
    const OTHER: &'static str = OTHER;

    async fn open(&self) -> (NetlinkLinks, BoundTransport) {
        let options = LinksOptions { family: self.family, ..LinksOptions::default() };
        let links = NetlinkLinks::new(options).expect("netlink is allowed");
        let mut options = TransportOptions::new(self.upstream(), 9000);
        options.family = self.family;
        let transport = BoundTransport::new(links.network(), options);
        (links, transport)
    }

    async fn apply(&self, link: &str, fault: Fault) {
        let number = lab::number(link);
        let address = match self.family {
            Family::V6 => format!("2001:db8:{number}::2/64 dev {link}"),
            Family::V4 | Family::Either => format!("10.0.{number}.2/24 dev {link}"),
        };
        match fault {
            Fault::Carrier(true) => self.lab.raise(link),
            Fault::Carrier(false) => self.lab.lower(link),
            Fault::Route(true) => self.route(link, "add"),
            Fault::Route(false) => self.route(link, "del"),
            Fault::Address(true) => {
                ip(&format!(
                    "addr add {address}{}",
                    if self.family == Family::V6 { " nodad" } else { "" }
                ));
                self.route(link, "replace");
            }
            Fault::Address(false) => ip(&format!("addr del {address}")),
            Fault::Remove => ip(&format!("link del {link}")),
            Fault::Silence(on) => self.lab.silence(link, on),
            Fault::Refuse(true) => *self.listener.borrow_mut() = None,
            Fault::Refuse(false) => self.listen(),
        }
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "the suite never refuses while it accepts"
    )]
    async fn accept(&self) -> (String, BoundStream) {
        let listener = self.listener.borrow();
        let (stream, from) =
            listener.as_ref().expect("the upstream listens").accept().await.unwrap();
        (lab::link_of(from.ip()).to_owned(), stream.into())
    }
}

#[test]
fn passes_the_conformance_suite_over_ipv4() {
    lab::in_user_namespace("conformance::passes_the_conformance_suite_over_ipv4", || {
        passes_over(Family::V4)
    });
}

#[test]
fn passes_the_conformance_suite_over_ipv6() {
    lab::in_user_namespace("conformance::passes_the_conformance_suite_over_ipv6", || {
        passes_over(Family::V6)
    });
}

fn passes_over(family: Family) {
    for case in CASES {
        println!("{case}");
        lab::with_lab(async move |lab| run(case, Kernel::new(lab, family)).await);
    }
}
