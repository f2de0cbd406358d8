//! What uploads leave behind for the next ones.

use super::super::*;
use super::world::{ETH, MIB, RTT, WLAN, World, policy};
use crate::{Algorithm, ClientId, LinkKey, PathRecord, Resume};

const PHONE: ClientId = ClientId::Mac([2, 0, 0, 0, 0, 1]);
const LAPTOP: ClientId = ClientId::Mac([2, 0, 0, 0, 0, 2]);
const TOTAL: u64 = 4 * MIB;

/// An upload of which all bytes are here, appending on Ethernet.
fn begun(world: &mut World, client: ClientId) -> (UploadId, Attempt) {
    let id = world.open_as(Some(client), TOTAL, Resume::Fenced);
    let (link, attempt) = world.the_create();
    assert_eq!(link, ETH);
    world.outcome(id, attempt, Outcome::Created);
    world.appends();
    world.feed(Event::Received { id, offset: TOTAL });
    (id, attempt)
}

/// The link carries so many bytes a second, from one offset to another.
fn carry(world: &mut World, (id, attempt): (UploadId, Attempt), rate: u64, mut from: u64, to: u64) {
    while from < to {
        world.pass(RTT);
        from = (from + rate / 50).min(to);
        world.outcome(id, attempt, Outcome::Acked(from));
    }
}

fn whole(world: &mut World, client: ClientId, rate: u64) {
    let upload = begun(world, client);
    carry(world, upload, rate, 0, TOTAL);
    assert_eq!(world.verdicts(), [Verdict::Stored]);
    world.feed(Event::Answered { id: upload.0 });
}

fn record(world: &World, client: ClientId, link: LinkId) -> PathRecord {
    let profile = world.agent.profiles().get(client).expect("it is known");
    *profile.path(LinkKey(u32::from(link.0))).expect("it was there")
}

fn first_window(world: &mut World, client: ClientId) -> u32 {
    let (id, _) = begun(world, client);
    let window = world.agent.limits(id).window_bytes;
    world.feed(Event::ClientGone { id });
    assert_eq!(world.verdicts(), [Verdict::Abandoned]);
    world.feed(Event::Answered { id });
    window
}

#[test]
fn an_upload_starts_from_what_its_client_had_and_a_new_client_from_what_others_had() {
    let mut world = World::new();
    assert_eq!(first_window(&mut world, PHONE), 256 * 1024, "nothing is known: the class's");

    whole(&mut world, PHONE, 800_000);

    let record = record(&world, PHONE, ETH);
    assert!((780_000..=820_000).contains(&record.throughput), "{record:?}");
    assert_eq!((record.reliability_ppm, record.samples), (1_000_000, 1));
    for client in [PHONE, LAPTOP] {
        let window = first_window(&mut world, client);
        assert!(window <= 96 * 1024, "800 KB/s * 80 ms, and some jitter: {window}");
    }
}

#[test]
fn what_is_not_to_be_learned_or_applied_is_not() {
    let mut world = World::new();
    let clients = ClientPolicy { learn: false, ..ClientPolicy::default() };
    world.agent.set_policy(Policy { clients, ..policy() });
    whole(&mut world, PHONE, 800_000);
    assert_eq!(world.agent.profiles().iter().count(), 0);

    world.agent.set_policy(policy());
    whole(&mut world, PHONE, 800_000);
    let clients = ClientPolicy { apply: false, ..ClientPolicy::default() };
    world.agent.set_policy(Policy { clients, ..policy() });
    assert_eq!(first_window(&mut world, PHONE), 256 * 1024);

    let adaptation = Adaptation { algorithm: Algorithm::Adaptive, ..Adaptation::default() };
    world.agent.set_policy(Policy { adaptation, ..policy() });
    assert_eq!(first_window(&mut world, PHONE), 256 * 1024);
}

#[test]
fn a_window_shrinks_to_what_a_slow_link_needs_and_the_pool_gives_no_more() {
    let mut world = World::new();
    let upload = begun(&mut world, PHONE);
    carry(&mut world, upload, 200_000, 0, MIB + MIB / 2);

    assert_eq!(world.agent.limits(upload.0).window_bytes, 64 * 1024);
    let blocks = core::iter::from_fn(|| world.agent.try_take_block(upload.0)).count();

    assert_eq!(blocks, 4);
}

#[test]
fn each_link_is_remembered_by_what_it_did_and_the_one_that_failed_as_that() {
    let mut world = World::new();
    let upload = begun(&mut world, PHONE);
    carry(&mut world, upload, 2_000_000, 0, TOTAL / 2);

    world.unplug(ETH);
    world.drops();
    let asks = world.asks();
    let (_, attempt) = *asks.iter().find(|(link, _)| *link == WLAN).expect("it is asked");
    world.outcome(upload.0, attempt, Outcome::Offset(TOTAL / 2));
    carry(&mut world, (upload.0, attempt), 500_000, TOTAL / 2, TOTAL);
    world.feed(Event::Answered { id: upload.0 });

    let (left, taken) = (record(&world, PHONE, ETH), record(&world, PHONE, WLAN));
    assert_eq!((left.reliability_ppm, taken.reliability_ppm), (0, 1_000_000));
    assert!(left.throughput > 1_800_000 && taken.throughput < 520_000, "{left:?} {taken:?}");
    let profile = world.agent.profiles().get(PHONE).unwrap();
    assert_eq!(profile.preferred(), Some(LinkKey(u32::from(WLAN.0))));
}
