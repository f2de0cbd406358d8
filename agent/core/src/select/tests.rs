use super::*;
use crate::{Duration, Fault, Instant};
use proptest::prelude::*;

const NOW: Instant = Instant::from_millis(60_000);
const WAS_HEALTHY: State = State::Suspect { since: NOW, settled: NOW };
const FAULT: Fault = Fault::ProbesLost { count: 3 };
const FAILED: State = State::Failed { since: NOW, fault: FAULT };
const LOSS: Evidence = Evidence::Loss { ppm: 80_000 };

fn later() -> Instant {
    NOW + Duration::from_secs(5)
}

/// Every usable state, as a standby, best first.
fn states() -> [State; 7] {
    [
        State::Healthy,
        WAS_HEALTHY,
        State::Settling { until: later() },
        State::HoldDown { until: later() },
        State::Suspect { since: NOW, settled: later() },
        State::Suppressed { until: later() },
        FAILED,
    ]
}

const CALM: Calm = Calm { rested: true, may_move: true, may_return: true };

/// With so many points.
fn scored(points: u8) -> Score {
    Score { loss: 100 - points, ..Score::default() }
}

fn link(id: u8, state: State, is_active: bool, degraded: Option<Evidence>, score: u8) -> Candidate {
    let tier = Tier::of(state, is_active).unwrap();
    let rank = Rank {
        tier,
        avoided: false,
        degraded: degraded.is_some(),
        priority: u32::from(id),
        cost: 0,
        metric: 0,
        id: LinkId(id),
    };
    Candidate {
        rank,
        state,
        is_proved: true,
        degraded: degraded.map(|why| Degraded { why, is_critical: false }),
        spent: None,
        score: scored(score),
        rate: None,
        metered: false,
    }
}

fn active(id: u8, state: State) -> Candidate {
    link(id, state, true, None, 100)
}

fn standby(id: u8, state: State) -> Candidate {
    link(id, state, false, None, 100)
}

fn outcome(active: &Candidate, best: &Candidate) -> Option<(Reason, Evidence)> {
    challenge(active, best, &LinkPolicy::default(), CALM)
}

const OUTRANKED: Option<(Reason, Evidence)> =
    Some((Reason::BetterAlternative, Evidence::Outranked));

#[test]
fn state_comes_before_quality_before_priority_before_metric() {
    let tiers = [
        Tier::Healthy,
        Tier::Suspect,
        Tier::Settling,
        Tier::HoldDown,
        Tier::Suppressed,
        Tier::Spent,
        Tier::Failed,
    ];
    assert!(tiers.is_sorted());

    let rank = |tier, degraded, priority, metric| Rank {
        tier,
        avoided: false,
        degraded,
        priority,
        cost: 0,
        metric,
        id: LinkId(0),
    };
    assert!(rank(Tier::Healthy, true, 9, 9) < rank(Tier::Suspect, false, 0, 0));
    assert!(rank(Tier::Healthy, false, 9, 9) < rank(Tier::Healthy, true, 0, 0));
    let avoided = Rank { avoided: true, ..rank(Tier::Healthy, false, 0, 0) };
    assert!(
        rank(Tier::Healthy, true, 9, 9) < avoided && avoided < rank(Tier::Suspect, false, 0, 0)
    );
    assert!(rank(Tier::Healthy, false, 1, 9) < rank(Tier::Healthy, false, 2, 0));
    assert!(rank(Tier::Healthy, false, 1, 1) < rank(Tier::Healthy, false, 1, 2));
}

#[test]
fn standbys_rank_by_how_much_they_promise() {
    let tiers = states().map(|state| Tier::of(state, false).unwrap());

    assert!(tiers.is_sorted(), "{tiers:?}");
    assert_eq!(Tier::of(State::Absent, false), None);
    assert_eq!(Tier::of(State::Down { lost: crate::Fact::Carrier }, true), None);
}

#[test]
fn the_active_link_keeps_its_place_while_suspect() {
    assert_eq!(Tier::of(WAS_HEALTHY, true), Some(Tier::Healthy));
    assert_eq!(
        Tier::of(State::Suspect { since: NOW, settled: later() }, true),
        Some(Tier::Settling)
    );
}

/// Every state of the active link against every state of a preferred standby.
#[test]
fn challenge_table() {
    let [healthy, suspect, settling, hold_down, unsettled, suppressed, failed] = states();
    let timeout = Some((Reason::Timeout, Evidence::Faulty(FAULT)));

    for (state, expected) in [
        // standby:     healthy    suspect  settling hold_down unsettled suppressed failed
        (healthy, [OUTRANKED, None, None, None, None, None, None]),
        (suspect, [OUTRANKED, None, None, None, None, None, None]),
        (settling, [OUTRANKED, None, None, None, None, None, None]),
        (hold_down, [OUTRANKED, None, None, None, None, None, None]),
        (unsettled, [OUTRANKED, None, None, None, None, None, None]),
        (suppressed, [OUTRANKED, None, None, None, None, None, None]),
        (failed, [timeout, timeout, timeout, timeout, timeout, timeout, None]),
    ] {
        for (other, expected) in states().into_iter().zip(expected) {
            let outcome = outcome(&active(2, state), &standby(1, other));
            assert_eq!(outcome, expected, "{state:?} against {other:?}");
        }
    }
}

#[test]
fn a_healthy_link_that_is_not_preferred_takes_over_only_from_a_lower_tier() {
    let backup = standby(2, State::Healthy);

    assert_eq!(outcome(&active(1, State::Healthy), &backup), None);
    assert_eq!(outcome(&active(1, WAS_HEALTHY), &backup), None);
    assert_eq!(outcome(&active(1, State::HoldDown { until: later() }), &backup), OUTRANKED);
}

#[test]
fn a_link_at_work_yields_to_a_less_preferred_one_only_by_failing() {
    let backup = standby(2, State::Healthy);
    let settling = State::Settling { until: later() };

    assert_eq!(outcome(&active(1, settling), &backup), None);
    assert_eq!(outcome(&active(1, State::Suspect { since: NOW, settled: later() }), &backup), None);
    assert_eq!(
        outcome(&active(1, FAILED), &backup),
        Some((Reason::Timeout, Evidence::Faulty(FAULT)))
    );
    let unproved = Candidate { is_proved: false, ..active(1, settling) };
    assert_eq!(outcome(&unproved, &backup), OUTRANKED, "it has shown nothing yet");
}

#[test]
fn at_start_a_preferred_link_may_settle_in_the_active_ones_place() {
    let settling = State::Settling { until: later() };
    let unproved = Candidate { is_proved: false, ..active(2, settling) };

    assert_eq!(outcome(&unproved, &standby(1, settling)), OUTRANKED);
    assert_eq!(outcome(&unproved, &standby(3, settling)), None);
    assert_eq!(outcome(&unproved, &standby(1, WAS_HEALTHY)), None);
    assert_eq!(outcome(&active(2, settling), &standby(1, settling)), None, "it carries");
}

#[test]
fn a_degraded_link_yields_with_margin_and_after_the_cooldown() {
    let policy = LinkPolicy { margin: 10, ..LinkPolicy::default() };
    let degraded = link(1, State::Healthy, true, Some(LOSS), 60);
    let with_score = |score| link(2, State::Healthy, false, None, score);

    let verdict =
        |score, rested| challenge(&degraded, &with_score(score), &policy, Calm { rested, ..CALM });

    assert_eq!(verdict(70, true), Some((Reason::QualityDegradation, LOSS)));
    assert_eq!(verdict(69, true), None, "no margin");
    assert_eq!(verdict(100, false), None, "no cooldown");
}

#[test]
fn nobody_moves_to_a_degraded_link_for_its_priority() {
    let preferred = link(1, State::Healthy, false, Some(LOSS), 60);
    let degraded = link(2, State::Healthy, true, Some(LOSS), 60);

    assert_eq!(outcome(&degraded, &preferred), None);
}

#[test]
fn without_auto_switch_only_a_failure_moves_anything() {
    let policy = LinkPolicy { auto_switch: false, ..LinkPolicy::default() };
    let preferred = standby(1, State::Healthy);
    let moves = |state, degraded| {
        challenge(&link(2, state, true, degraded, 0), &preferred, &policy, CALM).is_some()
    };

    assert!(!moves(State::Healthy, None));
    assert!(!moves(State::Healthy, Some(LOSS)));
    assert!(!moves(WAS_HEALTHY, None));
    assert!(moves(FAILED, None));
}

fn any_candidate(is_active: bool) -> impl Strategy<Value = Candidate> {
    (0..7usize, 0..4u8, any::<bool>(), 0..=100u8).prop_map(move |(state, id, degraded, score)| {
        link(id, states()[state], is_active, degraded.then_some(LOSS), score)
    })
}

proptest! {
    /// Two links never take the lead from each other in turn while nothing changes but which of
    /// them is active.
    #[test]
    fn no_pair_of_links_oscillates(
        one in any_candidate(true),
        other in any_candidate(false),
        margin in 1..=100u8,
    ) {
        prop_assume!(one.rank.id != other.rank.id);
        let policy = LinkPolicy { margin, ..LinkPolicy::default() };
        let seated = |candidate: Candidate, is_active| Candidate {
            rank: Rank { tier: Tier::of(candidate.state, is_active).unwrap(), ..candidate.rank },
            ..candidate
        };

        let there = challenge(&seated(one, true), &seated(other, false), &policy, CALM);
        let back = challenge(&seated(other, true), &seated(one, false), &policy, CALM);

        prop_assert!(there.is_none() || back.is_none(), "{there:?} and {back:?}");
    }
}

#[test]
fn what_is_bad_beyond_measure_does_not_wait_for_the_cooldown() {
    let unrested = Calm { rested: false, ..CALM };
    let mut bad = link(1, State::Healthy, true, Some(LOSS), 20);
    let verdict = |bad: &Candidate, calm| {
        challenge(bad, &standby(2, State::Healthy), &LinkPolicy::DEFAULT, calm)
    };
    assert_eq!(verdict(&bad, unrested), None);

    bad.degraded = Some(Degraded { why: LOSS, is_critical: true });

    assert_eq!(verdict(&bad, unrested), Some((Reason::QualityDegradation, LOSS)));
    assert_eq!(verdict(&bad, Calm { may_move: false, ..unrested }), None, "but is bounded too");
}

#[test]
fn bounds_of_what_nothing_forces_bind_nothing_else() {
    let stay = Calm { rested: true, may_move: false, may_return: false };
    let preferred = standby(1, State::Healthy);
    let verdict = |state| challenge(&active(2, state), &preferred, &LinkPolicy::DEFAULT, stay);

    assert_eq!(verdict(State::Healthy), None);
    assert!(verdict(FAILED).is_some());
    let last = Calm { may_move: true, ..stay };
    let degraded = link(2, State::Healthy, true, Some(LOSS), 20);
    assert_eq!(challenge(&active(2, State::Healthy), &preferred, &LinkPolicy::DEFAULT, last), None);
    assert!(
        challenge(&degraded, &standby(3, State::Healthy), &LinkPolicy::DEFAULT, last).is_some(),
        "the last move is kept for leaving a bad link"
    );
}

#[test]
fn only_a_limit_or_a_poor_link_is_worth_money() {
    let metered = Candidate { metered: true, ..standby(2, State::Healthy) };
    let moves = |why, points| {
        let bad = link(1, State::Healthy, true, Some(why), points);
        challenge(&bad, &metered, &LinkPolicy::DEFAULT, CALM).is_some()
    };
    let low = Evidence::LowScore { score: 60 };

    assert!(moves(LOSS, 60));
    assert!(!moves(low, 60));
    assert!(!moves(Evidence::Dropped { from: 100, to: 30 }, 30));
    assert!(moves(low, 29), "below poor");
}

#[test]
fn a_rate_that_is_not_known_wins_nothing() {
    let link = |points, rate| Candidate {
        score: Score { rate: points, ..scored(80) },
        rate,
        ..standby(1, State::Healthy)
    };
    let slow = link(40, Some(64 << 10));

    assert_eq!(link(0, None).gain_over(&slow, LOSS), 0);
    assert_eq!(link(10, Some(512 << 10)).gain_over(&slow, LOSS), 30);
}

#[test]
fn what_a_link_lost_another_may_be_worth_although_its_rate_is_not_known() {
    let dropped = |to| Some(Evidence::Dropped { from: 95, to });
    let slowed = |to: u8| Candidate {
        score: Score { rate: 100 - to, ..Score::default() },
        rate: Some(50 << 10),
        ..link(1, State::Healthy, true, dropped(to), to)
    };

    let moved = outcome(&slowed(56), &standby(2, State::Healthy));
    assert_eq!(moved.map(|(_, why)| why), dropped(56));
    assert_eq!(outcome(&slowed(56), &link(2, State::Healthy, false, None, 65)), None, "by margin");
    let known = Candidate { rate: Some(40 << 10), score: scored(60), ..standby(2, State::Healthy) };
    assert_eq!(outcome(&slowed(56), &known), None, "it was tried");
}

#[test]
fn a_link_at_its_limit_yields_to_one_that_is_four_times_as_fast() {
    let slow = active(1, State::Healthy);
    let fast = |rate| Candidate { rate: Some(rate), ..standby(2, State::Healthy) };
    let verdict = |rival: &Candidate| outrun(&slow, 100, rival, &LinkPolicy::DEFAULT);

    let evidence = Evidence::Slow { rate: 100, other: 400 };
    assert_eq!(verdict(&fast(400)), Some((Reason::BetterAlternative, evidence)));
    assert_eq!(verdict(&fast(399)), None);
    assert_eq!(verdict(&standby(2, State::Healthy)), None, "not measured");
    let bad = Degraded { why: LOSS, is_critical: false };
    assert_eq!(verdict(&Candidate { degraded: Some(bad), ..fast(9000) }), None);
    let suspect = Candidate { rate: Some(9000), ..standby(2, WAS_HEALTHY) };
    assert_eq!(verdict(&suspect), None);
}

#[test]
fn speed_alone_is_not_worth_money_before_a_link_is_poor() {
    let fast = Candidate { rate: Some(9000), metered: true, ..standby(2, State::Healthy) };
    let moves = |points| {
        let slow = link(1, State::Healthy, true, None, points);
        outrun(&slow, 100, &fast, &LinkPolicy::DEFAULT).is_some()
    };

    assert!(!moves(30) && moves(29));
}
