//! What every backend must do, as one suite.
//!
//! A backend offers a [`Rig`]: a machine with two links to one upstream, and hands on both sides
//! of it. [`CASES`] names what holds; [`run`] checks one of them on a fresh rig and panics with
//! what did not.

pub mod segments;

use crate::{
    Bytes, Error, ErrorKind, Facts, GATHERED, LinkChange, LinkName, Links, Stream, Transport,
};
use baton_core::Duration;
use core::future::Future;
use std::collections::BTreeMap;
use tokio::time::{sleep, timeout};

/// What a rig does to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The cable is out, or in again.
    Carrier(bool),
    /// The default route is there, or not.
    Route(bool),
    /// The link's address (and what the machine's own configuration hangs on it) is there, or not.
    Address(bool),
    /// The interface vanishes for good.
    Remove,
    /// A black hole begins or ends: the link looks well, and nothing from the upstream arrives.
    Silence(bool),
    /// The upstream refuses connections over it, or accepts them again.
    Refuse(bool),
}

/// A machine under test: [`Rig::BEST`] and [`Rig::OTHER`] lead to the upstream, `BEST` by the
/// better metric, both usable at the start.
#[expect(async_fn_in_trait, reason = "drivers are single-threaded: no Send bound is wanted")]
pub trait Rig {
    /// Its links.
    type Links: Links;
    /// Its way to the upstream.
    type Transport: Transport;
    /// The upstream's end of a stream.
    type Peer: Stream;
    /// Name of the link with the better metric.
    const BEST: &'static str;
    /// Name of the other one.
    const OTHER: &'static str;

    /// The backend; called once.
    async fn open(&self) -> (Self::Links, Self::Transport);
    /// Does something to a link and returns once it is done.
    async fn apply(&self, link: &str, fault: Fault);
    /// Plays the upstream: the next stream that arrives, and the link it came over.
    async fn accept(&self) -> (String, Self::Peer);
}

macro_rules! cases {
    ($($case:ident,)+) => {
        /// Every case, by the sentence it checks.
        pub const CASES: &[&str] = &[$(stringify!($case)),+];

        /// Checks the case of that name.
        pub async fn run<R: Rig>(case: &str, rig: R) {
            let mut bench = Bench::open(rig).await;
            match case {
                $(stringify!($case) => bench.$case().await,)+
                other => panic!("no case is called {other}"),
            }
        }
    };
}

cases! {
    existing_links_are_reported_first,
    lost_carrier_is_reported_and_so_is_its_return,
    link_without_default_route_has_no_metric,
    link_without_address_has_none,
    removed_link_is_removed,
    changes_survive_a_dropped_call,
    stream_leaves_by_its_link_though_another_is_better,
    unusable_link_is_unreachable,
    refusal_is_the_peers_not_the_links,
    bytes_arrive_whole_and_in_order_both_ways,
    slices_arrive_in_order_however_many,
    peer_that_closes_ends_the_stream,
    aborted_stream_is_reset,
    writer_waits_for_a_peer_that_does_not_read,
    acknowledged_bytes_are_counted_exactly,
    silence_shows_as_old_unacknowledged_data,
    silent_link_heals_without_loss,
}

/// Longer than anything here takes on a busy machine: TCP's retransmission after a silence of a
/// second comes within two.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough that what has not happened is not about to.
const WHILE: Duration = Duration::from_millis(200);

struct Bench<R: Rig> {
    rig: R,
    links: R::Links,
    transport: R::Transport,
    known: Known<R>,
}

/// The links, as last reported.
type Known<R> = BTreeMap<LinkName, Facts<<<R as Rig>::Links as Links>::Trouble>>;

type Near<R> = <<R as Rig>::Transport as Transport>::Stream;

impl<R: Rig> Bench<R> {
    async fn open(rig: R) -> Self {
        let (links, transport) = rig.open().await;
        let mut bench = Self { rig, links, transport, known: BTreeMap::new() };
        bench
            .until("both links are usable", |links| {
                usable(links, R::BEST) && usable(links, R::OTHER)
            })
            .await;
        bench
    }

    /// Follows the links until `holds`.
    async fn until(&mut self, what: &str, holds: impl Fn(&Known<R>) -> bool) {
        while !holds(&self.known) {
            let change = timeout(PATIENCE, self.links.changed()).await;
            let change =
                change.unwrap_or_else(|_| panic!("never seen: {what}; known: {:#?}", self.known));
            match change.expect("links can be observed") {
                LinkChange::Updated(facts) => {
                    let old = self.known.insert(facts.name.clone(), facts.clone());
                    assert_ne!(old.as_ref(), Some(&facts), "a change that changes nothing");
                }
                LinkChange::Heard(..) => {}
                LinkChange::Removed(name) => {
                    assert!(self.known.remove(&name).is_some(), "{name} removed, never reported");
                }
            }
        }
    }

    async fn connect(&self, link: &str) -> (Near<R>, String, R::Peer) {
        let (near, (came_by, far)) = soon("a connection", async {
            tokio::join!(self.transport.connect(link), self.rig.accept())
        })
        .await;
        (near.expect("the upstream listens"), came_by, far)
    }

    async fn existing_links_are_reported_first(&mut self) {
        let (best, other) = (&self.known[R::BEST], &self.known[R::OTHER]);

        assert!(best.metric < other.metric, "{best:?} is better than {other:?}");
        assert_ne!(best.index, other.index);
        assert_ne!(best.address, other.address);
    }

    async fn lost_carrier_is_reported_and_so_is_its_return(&mut self) {
        self.rig.apply(R::BEST, Fault::Carrier(false)).await;
        self.until("carrier lost", |links| !links[R::BEST].carrier).await;

        assert_eq!(self.known[R::BEST].metric, None, "its route is linkdown");
        assert!(usable(&self.known, R::OTHER), "the other link is as it was");

        self.rig.apply(R::BEST, Fault::Carrier(true)).await;
        self.until("carrier back", |links| usable(links, R::BEST)).await;
    }

    async fn link_without_default_route_has_no_metric(&mut self) {
        let index = self.known[R::BEST].index;

        self.rig.apply(R::BEST, Fault::Route(false)).await;
        self.until("route lost", |links| links[R::BEST].metric.is_none()).await;
        assert!(self.known[R::BEST].carrier);

        self.rig.apply(R::BEST, Fault::Route(true)).await;
        self.until("route back", |links| usable(links, R::BEST)).await;
        assert_eq!(self.known[R::BEST].index, index);
    }

    async fn link_without_address_has_none(&mut self) {
        self.rig.apply(R::BEST, Fault::Address(false)).await;
        self.until("address lost", |links| links[R::BEST].address.is_none()).await;
        assert!(!self.known[R::BEST].is_usable());

        self.rig.apply(R::BEST, Fault::Address(true)).await;
        self.until("address back", |links| links[R::BEST].address.is_some()).await;
    }

    async fn removed_link_is_removed(&mut self) {
        self.rig.apply(R::OTHER, Fault::Remove).await;
        self.until("interface gone", |links| !links.contains_key(R::OTHER)).await;
        assert!(usable(&self.known, R::BEST));
    }

    async fn changes_survive_a_dropped_call(&mut self) {
        let idle = timeout(WHILE, self.links.changed()).await;
        assert!(idle.is_err(), "nothing changed: {idle:?}", idle = idle.map(|change| change.ok()));

        self.rig.apply(R::BEST, Fault::Carrier(false)).await;
        for _ in 0..10 {
            // Polled once and dropped, whatever it was about to do.
            if let Ok(Ok(LinkChange::Updated(facts))) =
                timeout(Duration::ZERO, self.links.changed()).await
            {
                self.known.insert(facts.name.clone(), facts);
            }
        }
        self.until("carrier lost", |links| !links[R::BEST].carrier).await;
    }

    async fn stream_leaves_by_its_link_though_another_is_better(&mut self) {
        for link in [R::OTHER, R::BEST] {
            let (_near, came_by, _far) = self.connect(link).await;
            assert_eq!(came_by, link);
        }
    }

    async fn unusable_link_is_unreachable(&mut self) {
        let absent = self.transport.connect("no-such-link").await;
        assert_eq!(absent.err().map(|error| error.kind()), Some(ErrorKind::Unreachable));

        self.rig.apply(R::BEST, Fault::Carrier(false)).await;
        self.until("carrier lost", |links| !links[R::BEST].carrier).await;
        let down = soon("an answer", self.transport.connect(R::BEST)).await;
        assert_eq!(down.err().map(|error| error.kind()), Some(ErrorKind::Unreachable));

        let (_near, came_by, _far) = self.connect(R::OTHER).await;
        assert_eq!(came_by, R::OTHER, "one link down leaves the other alone");
    }

    async fn refusal_is_the_peers_not_the_links(&mut self) {
        self.rig.apply(R::OTHER, Fault::Refuse(true)).await;
        let refused = soon("an answer", self.transport.connect(R::OTHER)).await;
        assert_eq!(refused.err().map(|error| error.kind()), Some(ErrorKind::Refused));

        self.rig.apply(R::OTHER, Fault::Refuse(false)).await;
        let (_near, came_by, _far) = self.connect(R::OTHER).await;
        assert_eq!(came_by, R::OTHER);
    }

    async fn bytes_arrive_whole_and_in_order_both_ways(&mut self) {
        let (near, _, far) = self.connect(R::OTHER).await;
        let sent = pattern(1 << 20);

        let ((), up) = soon("a mebibyte up", async {
            tokio::join!(write_all(&near, &sent), read_n(&far, sent.len()))
        })
        .await;
        assert!(up == sent);

        let ((), down) = soon("a mebibyte down", async {
            tokio::join!(write_all(&far, &sent), read_n(&near, sent.len()))
        })
        .await;
        assert!(down == sent);
    }

    /// More than any backend takes at once, and hardly two of one length.
    async fn slices_arrive_in_order_however_many(&mut self) {
        let (near, _, far) = self.connect(R::OTHER).await;
        let lengths: Vec<usize> = (0..3 * GATHERED).map(|place| place * 41 % 257).collect();
        let sent = pattern(lengths.iter().sum());

        let gathered = async {
            let mut done = 0;
            while done < sent.len() {
                let mut end = 0;
                let slices = lengths.iter().map(|length| {
                    end += length;
                    &sent[done.max(end - length)..done.max(end)]
                });
                let slices: Vec<&[u8]> = slices.filter(|slice| !slice.is_empty()).collect();
                near.writable().await;
                done += near.try_write(&slices).expect("the stream lives").unwrap_or(0);
            }
        };
        let ((), come) =
            soon("every slice", async { tokio::join!(gathered, read_n(&far, sent.len())) }).await;

        assert!(come == sent);
    }

    async fn peer_that_closes_ends_the_stream(&mut self) {
        let (near, _, far) = self.connect(R::BEST).await;
        write_all(&far, b"last words").await;
        drop(far);

        assert_eq!(soon("the words", read_n(&near, 10)).await, b"last words");
        for _ in 0..2 {
            assert_eq!(soon("the end", read(&near, &mut [0; 8])).await.ok(), Some(0));
        }
    }

    async fn aborted_stream_is_reset(&mut self) {
        let (near, _, far) = self.connect(R::BEST).await;
        write_all(&near, b"x").await;
        soon("a byte", read_n(&far, 1)).await;
        near.abort();
        drop(near);

        let end = soon("the reset", read(&far, &mut [0; 8])).await;
        assert_eq!(end.err().map(|error| error.kind()), Some(ErrorKind::Refused));
    }

    async fn writer_waits_for_a_peer_that_does_not_read(&mut self) {
        let (near, _, far) = self.connect(R::BEST).await;
        let block = pattern(64 * 1024);

        let mut accepted = Vec::new();
        while timeout(WHILE, near.writable()).await.is_ok() {
            if let Some(n) = near.try_write(&[&block]).expect("the stream lives") {
                accepted.extend_from_slice(&block[..n]);
            }
            assert!(accepted.len() < 64 << 20, "a peer that reads nothing must stop the writer");
        }
        assert!(soon("what was accepted", read_n(&far, accepted.len())).await == accepted);
        soon("room again", near.writable()).await;
    }

    async fn acknowledged_bytes_are_counted_exactly(&mut self) {
        let (near, _, far) = self.connect(R::BEST).await;
        let Some(start) = near.info() else { return };
        assert_eq!((start.acked_bytes, start.unacked_segments), (0, 0));

        write_all(&near, &pattern(100_000)).await;
        soon("the bytes", read_n(&far, 100_000)).await;
        soon("their acknowledgement", async {
            while near.info().expect("told once, told always").unacked_segments > 0 {
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await;

        let info = near.info().expect("told once, told always");
        assert_eq!((info.acked_bytes, info.notsent_bytes), (100_000, 0));
        assert!(info.sent_segments > 0);
        assert!(info.last_ack < PATIENCE);
    }

    async fn silence_shows_as_old_unacknowledged_data(&mut self) {
        let (near, _, far) = self.connect(R::OTHER).await;
        write_all(&near, b"heard").await;
        soon("the bytes", read_n(&far, 5)).await;
        self.rig.apply(R::OTHER, Fault::Silence(true)).await;
        let before = near.info();

        write_all(&near, b"lost").await;
        sleep(2 * WHILE).await;

        let (Some(before), Some(now)) = (before, near.info()) else { return };
        assert!(now.unacked_segments > 0, "{now:?}");
        assert_eq!(now.acked_bytes, before.acked_bytes);
        assert!(now.last_ack >= WHILE, "{now:?}");
    }

    async fn silent_link_heals_without_loss(&mut self) {
        let (near, _, far) = self.connect(R::OTHER).await;
        self.rig.apply(R::OTHER, Fault::Silence(true)).await;
        write_all(&near, b"held back").await;
        sleep(WHILE).await;

        self.rig.apply(R::OTHER, Fault::Silence(false)).await;

        assert_eq!(soon("the bytes", read_n(&far, 9)).await, b"held back");
        soon("their acknowledgement", async {
            while near.info().is_some_and(|info| info.unacked_segments > 0) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

fn usable<T>(links: &BTreeMap<LinkName, Facts<T>>, link: &str) -> bool {
    links.get(link).is_some_and(Facts::is_usable)
}

/// Bytes in which a shift or a swap shows.
fn pattern(len: usize) -> Vec<u8> {
    (0u32..).flat_map(|word| word.wrapping_mul(2_654_435_761).to_le_bytes()).take(len).collect()
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("never came: {what}"))
}

async fn read<S: Stream>(stream: &S, buf: &mut [u8]) -> Result<usize, S::Error> {
    loop {
        stream.readable().await;
        if let Some(n) = stream.try_read(buf)? {
            return Ok(n);
        }
    }
}

async fn read_n<S: Stream>(stream: &S, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let n = read(stream, &mut bytes[filled..]).await.expect("the stream lives");
        assert_ne!(n, 0, "the peer closed after {filled} of {len} bytes");
        filled += n;
    }
    bytes
}

async fn write_all<S: Stream>(stream: &S, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        stream.writable().await;
        if let Some(n) = stream.try_write(&[bytes]).expect("the stream lives") {
            bytes = &bytes[n..];
        }
    }
}
