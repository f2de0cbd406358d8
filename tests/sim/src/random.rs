//! Scenarios by chance: any links, any faults at any time, all of it healed in the end.

use crate::cast::shape;
use crate::gateway::Arrival;
use crate::link::{Facts, LinkPlan};
use crate::policy;
use crate::scenario::{Change, Scenario, Step, Way};
use baton_core::{Class, Duration};
use baton_lab::{Bursts, Rng, Shape, Stalls};

/// The last fault is healed by then: well within the time for which clients are held.
const HEALED_MS: u64 = 60_000;

/// And by then every upload must have ended: hold-down, dampening and retries included.
const UNTIL: Duration = Duration::from_secs(1200);

/// Switches that nothing in the script gives reason for: the first choice, a degraded link left and
/// come back to, twice over.
const SWITCHES: usize = 6;

/// Each fault may have a link left, and come back to; one that comes and goes, again and again.
const SWITCHES_A_FAULT: usize = 3;

const NAMES: [&str; 4] = ["net0", "net1", "net2", "net3"];

/// The scenario of that seed.
pub fn random(seed: u64) -> Scenario {
    let mut dice = Dice(Rng::new(seed, 77));
    let count = 1 + dice.below(4) as usize;
    let links: Vec<LinkPlan> = (0..count).map(|number| dice.link(number)).collect();
    let mut script = Vec::new();
    let mut busy = Vec::new();
    for _ in 0..=dice.below(4) {
        let at = Duration::from_millis(dice.below(HEALED_MS));
        // 4 KiB to 2 MiB, each size as likely as its double.
        let bytes = (4096 << dice.below(10)) + dice.below(4096);
        let lan_bps = 1_000_000 << dice.below(8);
        script.push((at, Step::Upload(Arrival { at, bytes, lan_bps })));
        busy.push(at.as_millis() as u64);
    }
    let faults = dice.below(16) as usize;
    for _ in 0..faults {
        // Most of them where they hurt.
        let link = if dice.one_in(2) { best(&links) } else { dice.below(count as u64) as usize };
        let upload = busy[dice.below(busy.len() as u64) as usize];
        let near = (upload + dice.below(2_000)).min(HEALED_MS - 1);
        let begin = if dice.one_in(3) { dice.below(HEALED_MS) } else { near };
        dice.fault(begin, link, &links[link], &mut script);
    }
    Scenario {
        name: format!("random-{seed}"),
        seed,
        links,
        script,
        until: UNTIL,
        policy: policy::defaults(),
        switches_an_hour: SWITCHES + SWITCHES_A_FAULT * faults,
    }
}

/// The link that is used while all are well.
fn best(links: &[LinkPlan]) -> usize {
    let rank = |link: &usize| (links[*link].spec.priority, *link);
    (0..links.len()).min_by_key(rank).unwrap_or(0)
}

struct Dice(Rng);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn link(&mut self, number: usize) -> LinkPlan {
        let class = Class::ALL[self.below(Class::ALL.len() as u64) as usize];
        let plan = LinkPlan::symmetric(NAMES[number], class, number as u32, Shape::default());
        let (up, down) = (self.shape(), self.shape());
        let rides_on = (class == Class::Vpn && number > 0).then_some(0);
        LinkPlan { up, down, rides_on, ..plan }
    }

    fn shape(&mut self) -> Shape {
        let delay = self.between(1, 150);
        let jitter = self.below(1 + delay / 4);
        let rate = 1 << self.below(6);
        let queue = self.between(30, 300);
        let mut shape = shape(delay, jitter, rate, queue);
        // A queue of two segments at least.
        shape.queue_bytes = shape.queue_bytes.max(4096);
        if self.one_in(3) {
            shape.loss_ppm = self.below(20_000) as u32;
        }
        if self.one_in(6) {
            let every = Duration::from_millis(self.between(5_000, 20_000));
            let lasts = Duration::from_millis(self.between(50, 400));
            shape.stalls = Some(Stalls { every, lasts });
        }
        shape
    }

    /// Something goes wrong, and is well again later.
    fn fault(
        &mut self,
        begin: u64,
        link: usize,
        plan: &LinkPlan,
        script: &mut Vec<(Duration, Step)>,
    ) {
        // 50 ms to 50 s, each length as likely as its double.
        let end = (begin + (50 << self.below(11))).min(HEALED_MS);
        let [begin, end] = [begin, end].map(Duration::from_millis);
        let way = [Way::Both, Way::Up, Way::Down][self.below(3) as usize];
        let mut change = |from, to| {
            script.push((begin, Step::Shape(link, way, from)));
            script.push((end, Step::Shape(link, way, to)));
        };
        match self.below(10) {
            0 => change(Change::Hole(true), Change::Hole(false)),
            1 => {
                let loss = self.between(10_000, 500_000) as u32;
                change(Change::Loss(loss), Change::Loss(plan.up.loss_ppm));
            }
            2 => {
                let bursts = Bursts {
                    enter_ppm: self.between(1_000, 50_000) as u32,
                    leave_ppm: self.between(20_000, 300_000) as u32,
                    loss_ppm: self.between(300_000, 1_000_000) as u32,
                };
                change(Change::Bursts(Some(bursts)), Change::Bursts(None));
            }
            3 => {
                let delay = Duration::from_millis(self.between(50, 1500));
                change(Change::Delay(delay), Change::Delay(plan.up.delay));
            }
            4 => change(Change::Rate(self.between(20_000, 500_000)), Change::Rate(4_000_000)),
            5 => change(Change::Largest(Some(1_400)), Change::Largest(None)),
            6 => {
                script.push((begin, Step::Portal(link, true)));
                script.push((end, Step::Portal(link, false)));
            }
            7 => script.push((begin, Step::Stall(link, end - begin))),
            8 => script.push((begin, Step::Roam(link))),
            _ => {
                let facts =
                    [Facts::NO_CARRIER, Facts::NO_ADDRESS, Facts::ABSENT][self.below(3) as usize];
                script.push((begin, Step::Facts(link, facts)));
                script.push((end, Step::Facts(link, Facts::UP)));
            }
        }
    }
}
