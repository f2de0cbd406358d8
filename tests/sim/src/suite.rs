//! The scenarios that have names, each with a golden log in `tests/sim/golden`.

use crate::link::{Facts, LinkPlan};
use crate::policy;
use crate::scenario::{Change, Scenario, Step, Way};
use baton_core::{Duration, Roaming, Signal};
use baton_lab::{Bursts, Rate};

/// A scenario, and what its run must come to beside every upload stored.
#[derive(Clone, Debug)]
pub struct Case {
    /// What happens.
    pub scenario: Scenario,
    /// Changes of the active link at most, the first choice not counted.
    pub switches: u32,
}

/// Every one of them.
pub fn suite() -> Vec<Case> {
    vec![
        case(wifi_leaves_range(), 3),
        case(cable_out_wifi_unstable(), 8),
        case(international_roaming(), 2),
        case(vpn_comes_and_goes(), 0),
        case(two_bad_links(), 2),
        case(captive_portal(), 2),
        case(large_packets_vanish(), 2),
        case(large_packets_stay_away(), 4),
        case(asymmetric_loss(), 3),
        case(flapping(), 3),
        case(flapping_standby(), 2),
        case(edge_of_range(), 1),
        case(three_tunnels(), 4),
        case(network_fills_up(), 4),
        case(provider_throttles(), 2),
        case(crawls_forever(), 4),
        case(bad_in_every_way(), 2),
        case(stutters(), 5),
        case(powerline_hums(), 2),
        case(satellite_handovers(), 0),
    ]
}

fn case(scenario: Scenario, switches: u32) -> Case {
    Case { scenario, switches }
}

fn scenario(name: &str, links: Vec<LinkPlan>, until_s: u64) -> Scenario {
    Scenario {
        name: name.into(),
        seed: 1,
        links,
        script: Vec::new(),
        until: Duration::from_secs(until_s),
        policy: policy::defaults(),
        switches_an_hour: 30,
    }
}

fn mib(count: u64) -> u64 {
    count << 20
}

/// Loss grows, the rate falls, then nothing comes through, and only later does the driver say so.
fn wifi_leaves_range() -> Scenario {
    let both = |change| Step::Shape(0, Way::Both, change);
    let leaving = scenario("wifi-leaves-range", vec![LinkPlan::wifi(), LinkPlan::lte()], 120)
        .upload(3_000, mib(24))
        .at(5_000, both(Change::Loss(20_000)))
        .at(6_000, both(Change::Rate(8_000_000)))
        .at(7_000, both(Change::Loss(80_000)))
        .at(8_000, both(Change::Rate(2_000_000)))
        .at(9_000, both(Change::Loss(250_000)))
        .at(10_000, both(Change::Hole(true)))
        .at(14_000, Step::Facts(0, Facts::NO_CARRIER));
    // A reading a second, as `wpa_supplicant` gives it: somebody walks away with the box.
    (4_u64..14).zip([-56, -58, -61, -64, -68, -72, -76, -80, -84, -88]).fold(
        leaving,
        |it, (at, dbm)| {
            let signal = Signal { rssi_dbm: Some(dbm), ..Signal::default() };
            it.at(1000 * at, Step::Signal(0, signal))
        },
    )
}

/// Primary, secondary, tertiary: as the original's documentation promises it.
fn cable_out_wifi_unstable() -> Scenario {
    let links = vec![LinkPlan::ethernet(), LinkPlan::wifi(), LinkPlan::lte()];
    let bursts = Bursts { enter_ppm: 10_000, leave_ppm: 100_000, loss_ppm: 600_000 };
    let wifi = |change| Step::Shape(1, Way::Both, change);
    scenario("cable-out-wifi-unstable", links, 180)
        .upload(3_000, mib(48))
        .at(6_000, Step::Facts(0, Facts::NO_CARRIER))
        .at(9_000, wifi(Change::Bursts(Some(bursts))))
        .at(12_000, wifi(Change::Hole(true)))
        .at(14_000, wifi(Change::Hole(false)))
        .at(17_000, wifi(Change::Hole(true)))
        .at(19_000, wifi(Change::Hole(false)))
        .at(40_000, wifi(Change::Bursts(None)))
        .at(60_000, Step::Facts(0, Facts::UP))
        .upload(61_000, mib(24))
}

/// The modem leaves its network, is without an address for a while, and has another one abroad: on a
/// longer path, over a network that loses more. Its operator lets it be used there only if nothing else
/// works, and the other modem's card is at home everywhere. Then it comes back.
fn international_roaming() -> Scenario {
    let both = |change| Step::Shape(0, Way::Both, change);
    let mut lte = LinkPlan::lte();
    lte.spec.roaming = Roaming::Avoid;
    scenario("international-roaming", vec![lte, LinkPlan::cellular()], 240)
        .upload(3_000, mib(16))
        .at(8_000, both(Change::Loss(50_000)))
        .at(10_000, both(Change::Hole(true)))
        .at(12_000, Step::Facts(0, Facts::NO_ADDRESS))
        .at(20_000, both(Change::Hole(false)))
        .at(20_000, both(Change::Loss(5_000)))
        .at(20_000, both(Change::Delay(Duration::from_millis(90))))
        .at(20_000, Step::Abroad(0, true))
        .at(20_000, Step::Roam(0))
        .at(20_100, Step::Facts(0, Facts::UP))
        // Handed over between two partners abroad: the address changes, and nothing else is said.
        .at(50_000, Step::Roam(0))
        .at(140_000, both(Change::Loss(0)))
        .at(140_000, both(Change::Delay(Duration::from_millis(25))))
        .at(140_000, Step::Roam(0))
        .at(140_000, Step::Abroad(0, false))
        .upload(150_000, mib(8))
}

/// A tunnel over the cable, then over nothing, then over the cable again; the modem is the backup.
fn vpn_comes_and_goes() -> Scenario {
    let links = vec![LinkPlan::ethernet(), LinkPlan::vpn(0).absent(), LinkPlan::lte()];
    scenario("vpn-comes-and-goes", links, 90)
        .upload(3_000, mib(64))
        .at(5_000, Step::Facts(1, Facts::UP))
        .at(10_000, Step::Facts(1, Facts::ABSENT))
        .at(14_000, Step::Facts(1, Facts::UP))
        .at(18_000, Step::Facts(1, Facts::ABSENT))
}

/// Neither is any good; going from one to the other is worse.
fn two_bad_links() -> Scenario {
    let mut wifi = LinkPlan::wifi();
    let mut lte = LinkPlan::lte();
    for shape in [&mut wifi.up, &mut wifi.down] {
        shape.loss_ppm = 60_000;
        shape.jitter = Duration::from_millis(8);
    }
    for shape in [&mut lte.up, &mut lte.down] {
        shape.bursts = Some(Bursts { enter_ppm: 8_000, leave_ppm: 80_000, loss_ppm: 700_000 });
        shape.delay = Duration::from_millis(120);
        shape.jitter = Duration::from_millis(40);
    }
    scenario("two-bad-links", vec![wifi, lte], 300).upload(3_000, mib(8)).upload(60_000, mib(4))
}

/// The WiFi's operator wants to be asked again.
fn captive_portal() -> Scenario {
    scenario("captive-portal", vec![LinkPlan::wifi(), LinkPlan::lte()], 120)
        .upload(3_000, mib(16))
        .at(6_000, Step::Portal(0, true))
        .upload(30_000, mib(2))
        .at(40_000, Step::Portal(0, false))
        .upload(70_000, mib(8))
}

/// A tunnel of the provider's on the way: questions pass, and nothing that carries. Probes can't tell
/// when that is over, so the cable is passed over for a minute.
fn large_packets_vanish() -> Scenario {
    scenario("large-packets-vanish", vec![LinkPlan::ethernet(), LinkPlan::lte()], 120)
        .upload(3_000, mib(12))
        .upload(3_200, mib(12))
        .upload(3_400, mib(12))
        .at(5_000, Step::Shape(0, Way::Up, Change::Largest(Some(1_400))))
        .upload(30_000, mib(2))
        .at(40_000, Step::Shape(0, Way::Up, Change::Largest(None)))
        .upload(80_000, mib(8))
}

/// The same for longer than a minute.
fn large_packets_stay_away() -> Scenario {
    let start =
        scenario("large-packets-stay-away", vec![LinkPlan::ethernet(), LinkPlan::lte()], 300);
    (0..4)
        .fold(start, |it, upload| it.upload(3_000 + 200 * upload, mib(64)))
        .at(5_000, Step::Shape(0, Way::Up, Change::Largest(Some(1_400))))
        .at(150_000, Step::Shape(0, Way::Up, Change::Largest(None)))
        .upload(220_000, mib(8))
}

/// What is sent is lost, what comes back is not; later the other way round.
fn asymmetric_loss() -> Scenario {
    scenario("asymmetric-loss", vec![LinkPlan::ethernet(), LinkPlan::lte()], 150)
        .upload(3_000, mib(32))
        .at(5_000, Step::Shape(0, Way::Up, Change::Loss(150_000)))
        .at(40_000, Step::Shape(0, Way::Up, Change::Loss(0)))
        .at(40_000, Step::Shape(0, Way::Down, Change::Loss(300_000)))
        .upload(60_000, mib(8))
        .at(90_000, Step::Shape(0, Way::Down, Change::Loss(0)))
        .upload(120_000, mib(8))
}

/// A loose connector: carrier comes and goes every second for ten minutes.
fn flapping() -> Scenario {
    let links = vec![LinkPlan::ethernet(), LinkPlan::lte()];
    let start = scenario("flapping", links, 900).upload(3_000, mib(16));
    let flaps = (0..600).fold(start, |scenario, flap| {
        let facts = if flap % 2 == 0 { Facts::NO_CARRIER } else { Facts::UP };
        scenario.at(5_000 + 1000 * flap, Step::Facts(0, facts))
    });
    flaps.upload(120_000, mib(4)).upload(400_000, mib(4)).upload(640_000, mib(4))
}

/// The WiFi is out for two seconds of every fifteen while nobody needs it. Then the cable is pulled: a
/// modem that is worse by its priority is the better standby.
fn flapping_standby() -> Scenario {
    let links = vec![LinkPlan::ethernet(), LinkPlan::wifi(), LinkPlan::lte()];
    let start = scenario("flapping-standby", links, 200).upload(95_000, mib(64));
    let flaps = (0..12).fold(start, |it, flap| {
        it.at(5_000 + 15_000 * flap, Step::Facts(1, Facts::NO_CARRIER))
            .at(7_000 + 15_000 * flap, Step::Facts(1, Facts::UP))
    });
    flaps.at(97_000, Step::Facts(0, Facts::NO_CARRIER))
}

/// A WiFi at the edge of its range: it associates for a second and a half, once a minute and a half.
fn edge_of_range() -> Scenario {
    let links = vec![LinkPlan::wifi(), LinkPlan::lte()];
    let start = scenario("edge-of-range", links, 600)
        .at(1_000, Step::Facts(0, Facts::NO_CARRIER))
        .upload(75_000, mib(200));
    (0..5).fold(start, |it, time| {
        it.at(80_000 + 90_000 * time, Step::Facts(0, Facts::UP))
            .at(81_500 + 90_000 * time, Step::Facts(0, Facts::NO_CARRIER))
    })
}

/// A train's modem: nothing comes through for a second and a half, thrice, with a few seconds of sky between.
fn three_tunnels() -> Scenario {
    let links = vec![LinkPlan::lte(), LinkPlan::cellular()];
    let start = scenario("three-tunnels", links, 200).upload(3_000, mib(40));
    (0..3).fold(start, |it, time| {
        let at = 10_000 + 6_500 * time;
        it.at(at, Step::Shape(0, Way::Both, Change::Hole(true)))
            .at(at + 1_500, Step::Shape(0, Way::Both, Change::Hole(false)))
    })
}

/// Everybody is at home: the cable's network slows to a fiftieth of what it carried. Nothing is known of the WiFi,
/// which costs nothing to try; there, it is the same later.
fn network_fills_up() -> Scenario {
    let rate = |link, bps| Step::Shape(link, Way::Up, Change::Rate(bps));
    let slows = |it: Scenario, link, at_s: u64| {
        [8_000_000, 3_000_000, 1_000_000, 400_000]
            .into_iter()
            .zip(at_s..)
            .fold(it, |it, (bps, at)| it.at(1000 * at, rate(link, bps)))
    };
    let links = vec![LinkPlan::ethernet(), LinkPlan::wifi()];
    let start = scenario("network-fills-up", links, 600).upload(3_000, mib(4));
    let start = slows(start.upload(75_000, mib(40)), 0, 80);
    slows(start, 1, 300).at(280_000, rate(0, 20_000_000)).upload(290_000, mib(24))
}

/// The month's fair use is used up: from here on the provider lets 640 kbit/s pass, with a queue too short to show in
/// round trips. Nothing is known of the WiFi.
fn provider_throttles() -> Scenario {
    let mut cable = LinkPlan::ethernet();
    cable.up.queue_bytes = 32_000;
    scenario("provider-throttles", vec![cable, LinkPlan::wifi()], 300)
        .upload(3_000, mib(4))
        .upload(75_000, mib(60))
        .at(80_000, Step::Shape(0, Way::Up, Change::Rate(640_000)))
}

/// The cable's line was never any good, and what the WiFi can do shows only while it is cut.
fn crawls_forever() -> Scenario {
    let mut cable = LinkPlan::ethernet();
    cable.up.rate = Rate::Bps(300_000);
    scenario("crawls-forever", vec![cable, LinkPlan::wifi()], 300)
        .upload(15_000, mib(4))
        .at(20_000, Step::Facts(0, Facts::NO_CARRIER))
        .at(40_000, Step::Facts(0, Facts::UP))
        .upload(60_000, mib(16))
}

/// Loss and round trip, each below its limit, and both together.
fn bad_in_every_way() -> Scenario {
    let both = |change| Step::Shape(0, Way::Both, change);
    scenario("bad-in-every-way", vec![LinkPlan::ethernet(), LinkPlan::wifi()], 300)
        .at(1_000, Step::Shape(0, Way::Up, Change::Loss(30_000)))
        .at(1_000, both(Change::Delay(Duration::from_millis(200))))
        .upload(3_000, mib(64))
}

/// Nothing comes through for a third of a second, again and again. It is come back to twice.
fn stutters() -> Scenario {
    let links = vec![LinkPlan::ethernet(), LinkPlan::wifi()];
    let start = scenario("stutters", links, 300).upload(3_000, mib(160));
    (0..60).fold(start, |it, time| {
        let at = 5_000 + 1_200 * time;
        it.at(at, Step::Shape(0, Way::Both, Change::Hole(true)))
            .at(at + 350, Step::Shape(0, Way::Both, Change::Hole(false)))
    })
}

/// The cable ends in a powerline adapter that holds everything back for a quarter of a second, again and again: too
/// short to give it up for, and no packet is lost.
fn powerline_hums() -> Scenario {
    let mut cable = LinkPlan::ethernet();
    cable.up.rate = Rate::Bps(20_000_000);
    let start =
        scenario("powerline-hums", vec![cable, LinkPlan::wifi()], 300).upload(3_000, mib(160));
    (0..300).fold(start, |it, time| {
        it.at(4_000 + 700 * time, Step::Stall(0, Duration::from_millis(250)))
    })
}

/// Nothing moves for 180 ms every 15 s, and twice for nearly a second, until another satellite is found. That
/// is no reason to go to the metered modem.
fn satellite_handovers() -> Scenario {
    let links = vec![LinkPlan::satellite().preferred(10), LinkPlan::lte()];
    scenario("satellite-handovers", links, 150)
        .upload(3_000, mib(96))
        .at(33_000, Step::Stall(0, Duration::from_millis(900)))
        .at(51_500, Step::Stall(0, Duration::from_millis(950)))
}
