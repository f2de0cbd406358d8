//! The fake passes the suite, and misbehaves exactly as it is told.

use baton_core::{Class, Duration, spool::Position};
use baton_hal::{
    Bytes, Error, ErrorKind, Facts, LinkChange, Links, Segment, Segments, Stream, Transport,
    conformance::{self, Fault, Rig},
    fake::{Fake, FakeLinks, FakeSegments, FakeStream, FakeTransport},
};

struct InMemory(Fake);

impl InMemory {
    fn new() -> Self {
        let fake = Fake::new();
        fake.set_link(link("eth0", 1));
        fake.set_link(link("wwan0", 2));
        for name in ["eth0", "wwan0"] {
            fake.condition(name, |conditions| conditions.delay = Duration::from_millis(20));
        }
        Self(fake)
    }
}

impl Rig for InMemory {
    type Links = FakeLinks;
    type Transport = FakeTransport;
    type Peer = FakeStream;
    const BEST: &'static str = "eth0";
    const OTHER: &'static str = "wwan0";

    async fn open(&self) -> (FakeLinks, FakeTransport) {
        (self.0.links(), self.0.transport())
    }

    async fn apply(&self, name: &str, fault: Fault) {
        let whole = link(name, if name == Self::BEST { 1 } else { 2 });
        match fault {
            Fault::Carrier(up) => self.0.update(name, |facts| {
                facts.carrier = up;
                facts.metric = whole.metric.filter(|_| up);
            }),
            Fault::Route(on) => {
                self.0.update(name, |facts| facts.metric = whole.metric.filter(|_| on))
            }
            Fault::Address(on) => {
                self.0.update(name, |facts| facts.address = whole.address.filter(|_| on))
            }
            Fault::Remove => self.0.remove(name),
            Fault::Silence(on) => self.0.condition(name, |conditions| conditions.silent = on),
            Fault::Refuse(on) => {
                self.0.condition(name, |conditions| {
                    conditions.refuse = on.then_some(ErrorKind::Refused)
                });
            }
        }
    }

    async fn accept(&self) -> (String, FakeStream) {
        self.0.accept().await
    }
}

fn link(name: &str, index: u8) -> Facts {
    Facts {
        name: name.try_into().expect("it is short"),
        index: index.into(),
        class: Class::Ethernet,
        carrier: true,
        address: Some([10, 0, index, 2].into()),
        gateway: Some([10, 0, index, 1].into()),
        metric: Some(u32::from(index) * 100),
        roaming: false,
        trouble: None,
    }
}

#[test]
fn passes_the_conformance_suite() {
    for case in conformance::CASES {
        println!("{case}");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async { conformance::run(case, InMemory::new()).await });
    }
}

#[tokio::test(start_paused = true)]
async fn cut_lets_exactly_so_many_bytes_through() {
    let InMemory(fake) = InMemory::new();
    fake.condition("eth0", |conditions| conditions.cut_after = Some(1000));
    let transport = fake.transport();
    let (near, (_, far)) = tokio::join!(transport.connect("eth0"), fake.accept());
    let near = near.unwrap();

    assert_eq!(near.try_write(&[&[7; 1500]]), Ok(Some(1500)));

    assert_eq!(near.try_write(&[&[7; 1]]).unwrap_err().kind(), ErrorKind::Refused);
    let (mut arrived, mut buf) = (0, [0; 64]);
    let end = loop {
        far.readable().await;
        match far.try_read(&mut buf) {
            Ok(n) => arrived += n.unwrap_or(0),
            Err(error) => break error.kind(),
        }
    };
    assert_eq!((arrived, end), (1000, ErrorKind::Refused));
    assert!(transport.connect("eth0").await.is_ok(), "a cut happens once");
}

#[tokio::test(start_paused = true)]
async fn changes_come_late_and_shuffled_but_never_reordered_within_a_link() {
    let fake = Fake::new();
    let mut links = fake.links();
    let mut orders = std::collections::BTreeSet::new();

    for seed in 0..16 {
        fake.reorder_changes(seed);
        fake.delay_changes(Duration::from_secs(1));
        for (index, name) in [(1, "a"), (2, "b"), (3, "c")] {
            fake.set_link(link(name, index));
        }
        let start = tokio::time::Instant::now();
        let mut order = Vec::new();
        for _ in 0..3 {
            match links.changed().await.unwrap() {
                LinkChange::Updated(facts) => order.push(facts.name),
                LinkChange::Removed(name) => panic!("{name} removed"),
                LinkChange::Heard(name, _) => panic!("{name} has no radio"),
            }
        }
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        orders.insert(order);

        for name in ["a", "b", "c"] {
            fake.remove(name);
        }
        for _ in 0..3 {
            assert!(matches!(links.changed().await, Ok(LinkChange::Removed(_))));
        }
    }

    assert!(orders.len() > 2, "{orders:?}");
}

#[tokio::test(start_paused = true)]
async fn failure_to_observe_is_told_once() {
    let InMemory(fake) = InMemory::new();
    let mut links = fake.links();
    fake.fail_changes(ErrorKind::NotPermitted);

    assert_eq!(links.changed().await.unwrap_err().kind(), ErrorKind::NotPermitted);
    assert!(links.changed().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn link_without_carrier_carries_nothing_and_fails_nothing() {
    let InMemory(fake) = InMemory::new();
    let transport = fake.transport();
    let (near, (_, far)) = tokio::join!(transport.connect("eth0"), fake.accept());
    let near = near.unwrap();

    fake.update("eth0", |facts| facts.carrier = false);
    near.try_write(&[b"into the dark"]).unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;

    assert_eq!(far.try_read(&mut [0; 64]), Ok(None));
    assert_eq!(near.info().unwrap().unacked_segments, 1);
    assert!(near.info().unwrap().last_ack >= Duration::from_secs(60));
}

#[test]
fn segments_pass_the_conformance_suite() {
    conformance::segments::run(&FakeSegments::new(1));
}

const SEGMENT: Position = Position { chain: 1, index: 0 };

#[test]
fn what_was_flushed_survives_every_cut_and_nothing_else_is_sure() {
    let mut kept = [false; 2];
    for seed in 0..64 {
        let device = FakeSegments::new(seed);
        let mut segment = device.create(SEGMENT).unwrap();
        segment.append(&[1; 100]).unwrap();
        segment.sync().unwrap();
        device.sync().unwrap();
        segment.append(&[2; 300]).unwrap();
        device.remove(SEGMENT).unwrap();
        let after = device.reboot();

        let mut there = false;
        after.list(&mut |_, _| there = true).unwrap();
        kept[usize::from(there)] = true;
        if there {
            let mut buf = [0; 400];
            let len = after.open(SEGMENT).unwrap().read_at(0, &mut buf).unwrap();
            assert!(len >= 100 && buf[..100] == [1; 100], "seed {seed}");
        }
    }
    assert_eq!(kept, [true; 2], "a removal that was not flushed holds or does not");
}

#[test]
fn the_write_that_the_power_goes_in_is_the_last() {
    let device = FakeSegments::new(1);
    let mut segment = device.create(SEGMENT).unwrap();
    device.cut_after(2);

    segment.append(&[1; 10]).unwrap();
    assert!(segment.append(&[2; 10]).is_err());
    assert!(
        segment.sync().is_err() && device.sync().is_err() && device.list(&mut |_, _| {}).is_err()
    );
    assert!(segment.read_at(0, &mut [0; 1]).is_err());
    assert!(device.reboot().list(&mut |_, _| {}).is_ok());
}
