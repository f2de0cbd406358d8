//! The transition table, and what one link does by itself.

use super::*;
use crate::{LinkKey, Signal, StateKind};
use StateKind::{Absent, Down, Failed, Healthy, HoldDown, Settling, Suppressed, Suspect};

const SPEC: LinkSpec = LinkSpec {
    class: Class::Lte,
    priority: 30,
    metric: 100,
    metered: false,
    tariff: Tariff::FREE,
    key: LinkKey(0),
    roaming: Roaming::Never,
};
const UP: Observation = Observation::Facts { carrier: true, address: true, route: true };
const CUT: Observation = Observation::Facts { carrier: false, address: true, route: true };
const RTT: Duration = Duration::from_millis(10);
const ANSWER: Observation = Observation::ProbeAnswered { rtt: RTT };

/// A link with the clock that it lives by.
#[derive(Clone, Debug)]
struct Bench {
    link: Monitor,
    policy: LinkPolicy,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            link: Monitor::new(),
            policy: LinkPolicy::default(),
            now: Instant::from_millis(1_000_000),
        }
    }

    fn see(&mut self, observation: Observation) -> &mut Self {
        self.link.observe(self.now, &self.policy, observation);
        self
    }

    fn wait(&mut self, millis: u64) -> &mut Self {
        self.now += Duration::from_millis(millis);
        self.link.handle_timeout(self.now, &self.policy);
        self
    }

    fn probe(&mut self) -> &mut Self {
        self.link.on_probe_sent(self.now, &self.policy);
        self
    }

    fn kind(&self) -> StateKind {
        self.link.state().kind()
    }

    fn view(&self) -> LinkView {
        self.link.view(&self.policy)
    }

    /// A link in that state, with nothing in flight and a probe on its way.
    fn in_state(kind: StateKind) -> Self {
        let mut bench = Self::new();
        match kind {
            Absent => &mut bench,
            Down => bench.see(Observation::Appeared(SPEC)),
            Settling => bench.see(Observation::Appeared(SPEC)).see(UP).see(ANSWER),
            Healthy => bench.see(Observation::Appeared(SPEC)).see(UP).see(ANSWER).wait(2000),
            Suspect => {
                bench = Self::in_state(Healthy);
                bench.wait(1).see(Observation::ProbeLost)
            }
            Failed => {
                bench = Self::in_state(Healthy);
                bench.see(Observation::Unreachable)
            }
            HoldDown => {
                bench = Self::in_state(Failed);
                bench.see(ANSWER)
            }
            Suppressed => {
                bench = Self::in_state(Healthy);
                (0..3).for_each(|_| {
                    bench.see(CUT).see(UP);
                });
                bench.see(ANSWER)
            }
        };
        assert_eq!(bench.kind(), kind);
        bench.probe();
        bench
    }
}

#[test]
fn transition_table() {
    let observations = [
        Observation::Appeared(SPEC),
        Observation::Vanished,
        UP,
        CUT,
        Observation::Connected { rtt: RTT },
        ANSWER,
        Observation::ProbeLost,
        Observation::Impostor,
        Observation::InFlight(true),
        Observation::InFlight(false),
        Observation::Proof,
        Observation::Rtt { srtt: RTT, rttvar: RTT },
        Observation::Segments { sent: 10, lost: 1 },
        Observation::Unreachable,
        Observation::Delivered { bytes: 1000, limited: false },
        Observation::Signal(Signal::default()),
        Observation::Moved,
        Observation::Roaming(false),
        Observation::Roaming(true),
    ];
    let same = |state| [state; 19];
    #[rustfmt::skip]
    let table = [
        //           Appeared    Vanished UP          CUT   Connected   Answered    ProbeLost   Impostor
        (Absent,     [Down,       Absent, Absent,     Absent, Absent,    Absent,     Absent,     Absent]),
        (Down,       [Down,       Absent, Settling,   Down, Down,       Down,       Down,       Down]),
        (Settling,   [Settling,   Absent, Settling,   Down, Settling,   Settling,   Suspect,    Failed]),
        (Healthy,    [Healthy,    Absent, Healthy,    Down, Healthy,    Healthy,    Suspect,    Failed]),
        (Suspect,    [Suspect,    Absent, Suspect,    Down, Healthy,    Healthy,    Suspect,    Failed]),
        (Failed,     [Failed,     Absent, Failed,     Down, HoldDown,   HoldDown,   Failed,     Failed]),
        (HoldDown,   [HoldDown,   Absent, HoldDown,   Down, HoldDown,   HoldDown,   Suspect,    Failed]),
        (Suppressed, [Suppressed, Absent, Suppressed, Down, Suppressed, Suppressed, Suspect,    Failed]),
    ];

    for (state, first) in table {
        let mut expected = same(state);
        expected[..8].copy_from_slice(&first);
        // InFlight, Rtt, Segments, Delivered and Signal say nothing by themselves.
        (expected[10], expected[13]) = match state {
            Absent | Down => (state, state),
            Settling | Healthy | HoldDown | Suppressed => (state, Failed),
            Suspect => (Healthy, Failed),
            Failed => (HoldDown, Failed),
        };
        // Another network is not blamed for the last one; a link that may not roam must not.
        (expected[16], expected[18]) = match state {
            Absent => (Absent, Absent),
            Down => (Down, Down),
            Healthy => (Healthy, Down),
            Suspect => (Healthy, Down),
            Settling | Failed | HoldDown => (Settling, Down),
            Suppressed => (Suppressed, Down),
        };
        for (observation, expected) in observations.into_iter().zip(expected) {
            let mut bench = Bench::in_state(state);
            bench.see(observation);
            assert_eq!(bench.kind(), expected, "{state:?} sees {observation:?}");
        }
    }
}

#[test]
fn timeout_table() {
    for (state, answered, unanswered, silent) in [
        // 70 s after its probe was answered; 70 s without; 2 s with data in flight, unproved
        (Absent, Absent, Absent, Absent),
        (Down, Down, Down, Down),
        (Settling, Healthy, Suspect, Suspect),
        (Healthy, Healthy, Suspect, Suspect),
        (Suspect, Healthy, Suspect, Suspect),
        (Failed, Healthy, Failed, Failed),
        (HoldDown, Healthy, Suspect, Suspect),
        (Suppressed, Healthy, Suspect, Suspect),
    ] {
        let mut bench = Bench::in_state(state);
        bench.see(ANSWER).wait(70_000);
        assert_eq!(bench.kind(), answered, "{state:?}, answered");

        let mut bench = Bench::in_state(state);
        bench.wait(70_000);
        assert_eq!(bench.kind(), unanswered, "{state:?}, unanswered");

        let mut bench = Bench::in_state(state);
        bench.see(Observation::InFlight(true)).wait(2000);
        assert_eq!(bench.kind(), silent, "{state:?}, silent");
    }
}

#[test]
fn the_threshold_follows_what_is_known() {
    let mut bench = Bench::in_state(Healthy);
    bench.link.delivery = Delivery::new();
    assert_eq!(bench.view().threshold, Duration::from_secs(1), "nothing");

    let rtt = Duration::from_millis(100);
    bench.see(Observation::InFlight(true)).see(Observation::Rtt { srtt: rtt, rttvar: rtt / 2 });
    assert_eq!(bench.view().threshold, 4 * rtt, "2 * SRTT + 4 * RTTVAR");

    for _ in 0..100 {
        bench.wait(10).see(Observation::Proof);
    }
    assert_eq!(bench.view().threshold, Duration::from_millis(60), "gaps of 10 ms, and the floor");
    assert_eq!(bench.view().srtt, Some(rtt));

    bench.see(Observation::InFlight(false)).see(ANSWER);
    assert_eq!(bench.view().srtt, Some(RTT), "the transfer's own queue is gone with it");
}

#[test]
fn what_is_usual_on_a_full_pipe_is_not_asked_of_the_next_flight() {
    let rtt = Duration::from_millis(100);
    let mut bench = Bench::in_state(Healthy);
    bench.link.delivery = Delivery::new();
    bench.see(Observation::ProbeAnswered { rtt }).see(Observation::InFlight(true));
    for _ in 0..100 {
        bench.wait(10).see(Observation::Proof);
    }
    bench.see(Observation::InFlight(false));

    bench.see(Observation::InFlight(true)).wait(rtt.as_millis() as u64);

    assert_eq!(bench.kind(), Healthy, "a lone request is acknowledged after a round trip");
    assert_eq!(bench.view().threshold, 4 * rtt);
}

#[test]
fn a_first_answer_that_waited_for_arp_is_forgotten_over_a_quick_one() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(CUT).see(UP).see(Observation::ProbeAnswered { rtt: 95 * RTT });

    bench.see(ANSWER);

    assert_eq!(bench.view().srtt, Some(RTT));
}

#[test]
fn silence_is_suspect_exactly_when_the_threshold_has_passed() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(Observation::InFlight(true));
    let threshold = bench.view().threshold;
    assert_eq!(bench.link.suspicion(&bench.policy), Some(bench.now + threshold));

    let mut early = bench.clone();
    early.wait(threshold.as_millis() as u64 - 1);
    assert_eq!(early.kind(), Healthy);

    bench.wait(threshold.as_millis() as u64);
    assert_eq!(bench.kind(), Suspect);
    assert_eq!(bench.link.suspicion(&bench.policy), None);
}

#[test]
fn an_idle_time_is_no_gap() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER);
    for _ in 0..50 {
        bench.see(Observation::InFlight(true));
        for _ in 0..10 {
            bench.wait(5).see(Observation::Proof);
        }
        bench.see(Observation::InFlight(false)).see(ANSWER).wait(3000);
    }

    assert_eq!(bench.kind(), Healthy);
    assert_eq!(bench.view().threshold, bench.policy.suspect_floor);
    assert_eq!(bench.view().false_alarms, 0);
}

#[test]
fn an_answered_probe_ends_the_suspicion_of_an_idle_link_only() {
    let mut idle = Bench::in_state(Suspect);
    idle.see(ANSWER);
    assert_eq!(idle.kind(), Healthy);

    let mut busy = Bench::in_state(Healthy);
    busy.see(ANSWER).see(Observation::InFlight(true)).wait(100).see(ANSWER);
    assert_eq!(busy.kind(), Suspect, "it answers, but what it carries stands still");
    busy.see(Observation::Proof);
    assert_eq!(busy.kind(), Healthy);
    assert_eq!(busy.view().false_alarms, 1);
}

#[test]
fn one_long_stall_does_not_blind_the_next_suspicion() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(Observation::InFlight(true));
    for _ in 0..50 {
        bench.wait(10).see(Observation::Proof);
    }

    bench.wait(10_000).see(Observation::Proof).wait(10).see(Observation::Proof);

    assert!(bench.view().threshold < Duration::from_millis(80), "{:?}", bench.view().threshold);
}

#[test]
fn a_slow_link_is_given_up_after_four_thresholds() {
    let mut bench = Bench::in_state(Healthy);
    let rtt = Duration::from_millis(100);
    bench.see(Observation::InFlight(true)).see(Observation::Rtt { srtt: rtt, rttvar: rtt / 2 });
    let began = bench.now;

    bench.wait(400);

    assert_eq!(bench.kind(), Suspect);
    assert_eq!(bench.link.commit(&bench.policy), Some(began + 16 * rtt));
}

#[test]
fn a_link_that_comes_up_is_probed_at_once() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(CUT).wait(10).see(UP);

    assert!(bench.link.probe_due(&bench.policy, None, 0).unwrap() <= bench.now);
}

#[test]
fn an_answered_probe_puts_the_commit_off_but_not_for_ever() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(Observation::InFlight(true)).wait(100);
    let began = bench.now;
    let commit = bench.link.commit(&bench.policy).unwrap();
    assert_eq!(commit, began + Duration::from_millis(400), "500 ms of silence");

    bench.wait(200).see(ANSWER);
    assert_eq!(bench.link.commit(&bench.policy), Some(commit + Duration::from_millis(300)));

    for _ in 0..50 {
        bench.wait(200).see(ANSWER);
    }
    assert_eq!(bench.link.commit(&bench.policy), Some(began + STUCK));
}

#[test]
fn what_was_taken_away_under_suspicion_counts_as_silence() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(Observation::InFlight(true)).wait(100).see(Observation::InFlight(false));

    bench.wait(399);
    assert_eq!(bench.link.verdict(bench.now, &bench.policy), None);
    bench.wait(1);
    let quiet = Duration::from_millis(500);
    assert_eq!(bench.link.verdict(bench.now, &bench.policy), Some(Fault::Silent { quiet }));

    bench.see(ANSWER);
    assert_eq!(bench.kind(), Healthy);
    bench.wait(3000).see(Observation::InFlight(true)).wait(10);
    assert_eq!(bench.kind(), Healthy, "and is forgotten with the suspicion");
}

#[test]
fn a_link_that_comes_back_is_not_blamed_for_what_it_was_given_while_failed() {
    let mut bench = Bench::in_state(Failed);
    bench.see(Observation::InFlight(true)).wait(3000).see(ANSWER).wait(10);

    assert_eq!(bench.kind(), HoldDown);
}

#[test]
fn a_captive_portal_takes_connections_and_stays_failed() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(Observation::Impostor).see(Observation::Connected { rtt: RTT });
    assert_eq!(bench.kind(), Failed);

    bench.see(ANSWER);
    assert_eq!(bench.kind(), HoldDown, "until the upstream itself answers");
}

#[test]
fn three_probes_lost_in_a_row_are_a_verdict() {
    let mut bench = Bench::in_state(Healthy);
    for _ in 0..2 {
        bench.see(Observation::ProbeLost).see(Observation::ProbeLost).wait(200).probe();
        assert_eq!(bench.link.verdict(bench.now, &bench.policy), None);
    }
    bench.wait(1000);

    let verdict = bench.link.verdict(bench.now, &bench.policy);

    assert_eq!(verdict, Some(Fault::ProbesLost { count: 3 }));
}

#[test]
fn a_new_path_is_measured_anew() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(Observation::Segments { sent: 1000, lost: 500 }).see(CUT).see(UP);

    let view = bench.view();

    assert_eq!((view.srtt, view.rtt_min, view.loss_ppm, view.heard), (None, None, 0, None));
}

#[test]
fn a_slow_link_is_given_time_to_answer() {
    let mut bench = Bench::in_state(Healthy);
    let patience = |bench: &Bench| bench.link.probe_deadline().unwrap().saturating_since(bench.now);
    assert_eq!(patience(&bench), bench.policy.probe_timeout);

    for _ in 0..60 {
        bench.see(Observation::ProbeAnswered { rtt: Duration::from_millis(1500) }).probe();
    }

    assert!((1500..1600).contains(&patience(&bench).as_millis()), "{:?}", patience(&bench));
}

#[test]
fn work_begins_with_a_probe_of_whoever_was_not_heard_lately() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).wait(70_000);
    let due = |bench: &Bench| bench.link.probe_due(&bench.policy, None, 0);
    bench.link.spec.metered = true;
    assert!(due(&bench).unwrap() > bench.now);

    bench.link.refresh(bench.now, &bench.policy);
    assert_eq!(due(&bench), Some(bench.now));

    bench.see(ANSWER);
    bench.link.refresh(bench.now, &bench.policy);
    assert!(due(&bench).unwrap() > bench.now);
}

#[test]
fn every_state_has_a_name_of_its_own() {
    let names = StateKind::ALL.map(StateKind::name);

    assert_eq!(
        names,
        ["absent", "down", "settling", "healthy", "suspect", "failed", "hold_down", "suppressed"]
    );
}

#[test]
fn what_is_known_of_a_link_is_shown() {
    let mut bench = Bench::in_state(Healthy);
    let signal = Signal { rsrp_dbm: Some(-110), ..Signal::default() };
    bench.see(Observation::InFlight(true)).see(Observation::Signal(signal));
    for _ in 0..80 {
        bench.wait(50).see(Observation::Proof);
        bench.see(Observation::Delivered { bytes: 5 << 10, limited: false });
    }

    let view = bench.view();

    assert_eq!((view.rate, view.signal), (Some(100 << 10), Some(signal)));
    assert_eq!((view.score_parts.rate, view.score_parts.signal), (32, 15));
    assert_eq!((view.score, view.rating), (53, Rating::Fair));
}

#[test]
fn a_link_that_stalls_again_and_again_is_unstable() {
    let mut bench = Bench::in_state(Healthy);
    bench.see(ANSWER).see(Observation::InFlight(true));

    for _ in 0..60 {
        for _ in 0..300 {
            bench.wait(10).see(Observation::Proof);
        }
        bench.wait(60).wait(940).see(Observation::Proof);
        bench.link.review(bench.now, &bench.policy);
    }

    let view = bench.view();
    assert!(view.stability_permille.is_some_and(|share| (750..780).contains(&share)), "{view:?}");
    assert_eq!(view.state, StateKind::Healthy);
    assert!(view.degraded);
}
