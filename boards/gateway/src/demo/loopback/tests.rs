use super::*;
use baton_hal::conformance::{CASES, Fault, Rig, run};
use baton_hal_linux::BoundStream;
use core::cell::RefCell;
use tokio::net::TcpListener;

/// Two lines to a listener.
struct Emulated {
    lines: Lines,
    address: SocketAddr,
    listener: RefCell<Option<TcpListener>>,
}

impl Emulated {
    fn new() -> Self {
        let listener = listen((Ipv4Addr::LOCALHOST, 0).into());
        let address = listener.local_addr().unwrap();
        let line = |name, number| {
            Line::new(name, number, Class::Ethernet, 200_000_000, Duration::from_millis(5))
        };
        let lines = Lines::new(vec![line("eth0", 1), line("wwan0", 2)]);
        Self { lines, address, listener: RefCell::new(Some(listener)) }
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(16).unwrap()
}

impl Rig for Emulated {
    type Links = LoopbackLinks;
    type Transport = LoopbackTransport;
    type Peer = BoundStream;
    const BEST: &'static str = "eth0";
    const OTHER: &'static str = "wwan0";

    async fn open(&self) -> (LoopbackLinks, LoopbackTransport) {
        super::open(self.lines.view(), self.address)
    }

    async fn apply(&self, link: &str, fault: Fault) {
        self.lines.change(link, |line| {
            let Some(facts) = &mut line.facts else { return };
            let number = facts.index as u8;
            match fault {
                Fault::Carrier(on) => line.set_carrier(on),
                Fault::Route(on) => facts.metric = on.then_some(100 * facts.index),
                Fault::Address(on) => {
                    facts.address = on.then_some(Ipv4Addr::new(127, 0, number, 2).into())
                }
                Fault::Remove => line.facts = None,
                Fault::Silence(on) => line.black_hole = on,
                Fault::Refuse(true) => *self.listener.borrow_mut() = None,
                Fault::Refuse(false) => *self.listener.borrow_mut() = Some(listen(self.address)),
            }
        });
    }

    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "the suite never refuses while it accepts"
    )]
    async fn accept(&self) -> (String, BoundStream) {
        let listener = self.listener.borrow();
        let (stream, from) = listener.as_ref().unwrap().accept().await.unwrap();
        let link = if from.ip() == IpAddr::from([127, 0, 1, 2]) { "eth0" } else { "wwan0" };
        (link.to_owned(), stream.into())
    }
}

#[test]
fn passes_the_conformance_suite() {
    for case in CASES {
        println!("{case}");
        crate::commands::block_on(async {
            run(case, Emulated::new()).await;
            Ok(())
        })
        .unwrap();
    }
}
