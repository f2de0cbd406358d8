use super::*;
use proptest::prelude::*;

const IDLE: Duration = Duration::from_secs(4);
/// Of a link, in a month.
const ALLOWED: u64 = 5 << 20;
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);
const T0: Instant = Instant::from_millis(1_000_000);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn calm(heard: Option<Instant>) -> Pace {
    Pace { heard, trouble: None, idle: IDLE, slowest: IDLE, allowance: None, seed: 1 }
}

fn troubled(since: Instant) -> Pace {
    Pace { trouble: Some(since), ..calm(None) }
}

/// Sends whatever is due and never answers, for `span`; when each left.
fn unanswered(prober: &mut Prober, pace: Pace, span: Duration) -> Vec<Instant> {
    let mut sent = vec![];
    let mut now = T0;
    while let Some(due) = prober.due(pace) {
        now = now.max(due);
        if now > T0 + span {
            break;
        }
        prober.on_sent(now, now, pace.allowance);
        prober.on_lost(pace.heard);
        sent.push(now);
    }
    sent
}

#[test]
fn a_link_that_appears_is_probed_once_at_once() {
    let mut prober = Prober::new();
    assert!(prober.due(calm(None)).unwrap() <= T0);

    prober.on_sent(T0, T0 + ms(1000), None);
    assert_eq!(prober.due(calm(None)), None, "one in flight at most");
    prober.on_answered();

    let next = prober.due(calm(Some(T0 + ms(50)))).unwrap();
    assert!((T0 + ms(3500)..=T0 + ms(4050)).contains(&next), "{next:?}");
}

#[test]
fn every_sign_of_life_puts_the_next_probe_off() {
    let mut prober = Prober::new();
    prober.on_sent(T0, T0 + ms(1000), None);
    prober.on_answered();

    let next = prober.due(calm(Some(T0 + ms(60_000)))).unwrap();

    assert!(next >= T0 + ms(63_500), "{next:?}");
}

#[test]
fn trouble_is_probed_at_once_then_quickly_then_ever_more_slowly() {
    let mut prober = Prober::new();
    prober.on_sent(T0 - ms(2000), T0, None);
    prober.on_answered();

    let sent = unanswered(&mut prober, troubled(T0), ms(60_000));

    assert_eq!(&sent[..5], [0, 200, 400, 600, 800].map(|at| T0 + ms(at)));
    let intervals: Vec<_> = sent.windows(2).map(|pair| pair[1].saturating_since(pair[0])).collect();
    assert!(intervals.is_sorted());
    assert_eq!(intervals.last(), Some(&IDLE));
    assert!((20..30).contains(&sent.len()), "{}", sent.len());
}

#[test]
fn a_link_that_is_heard_all_the_time_needs_no_probe_in_trouble() {
    let prober = Prober::new();
    let pace = Pace { heard: Some(T0 + ms(500)), ..troubled(T0) };

    assert_eq!(prober.due(pace), Some(T0 + ms(700)));
}

/// Bytes that leave within a month if whatever is due does, each probe at `cost`.
fn spent_in_a_month(pace: Pace, cost: u32) -> u64 {
    let mut prober = Prober::new();
    let mut now = T0;
    let mut bytes = 0;
    while now < T0 + MONTH {
        prober.on_sent(now, now, pace.allowance);
        prober.on_cost(cost, pace.allowance);
        prober.on_lost(pace.heard);
        bytes += u64::from(cost);
        now = now.max(prober.due(pace).unwrap());
    }
    bytes
}

#[test]
fn whatever_a_probe_costs_a_month_of_trouble_stays_within_the_allowance() {
    let allowance = Some(Allowance { monthly_bytes: ALLOWED });

    for cost in [408, 825, 2269, 5132, 60_000] {
        let spent = spent_in_a_month(Pace { allowance, ..troubled(T0) }, cost);

        assert!(spent <= ALLOWED + u64::from(cost), "{cost}: {spent}");
        assert!(spent >= ALLOWED * 9 / 10, "{cost}: {spent}");
    }
}

#[test]
fn half_of_what_is_saved_up_is_left_for_trouble() {
    let allowance = Some(Allowance { monthly_bytes: ALLOWED });
    let greedy = Pace { allowance, idle: ms(10), ..calm(None) };
    let mut prober = Prober::new();
    prober.owe(T0, Duration::ZERO);

    let calm_ones = unanswered(&mut prober, greedy, ms(60_000)).len();
    let troubled_ones =
        unanswered(&mut prober, Pace { slowest: ms(10), allowance, ..troubled(T0) }, ms(60_000))
            .len();

    let half = (ALLOWED / 9 / 2 / u64::from(FIRST_COST)) as usize;
    assert!(
        calm_ones.abs_diff(half) <= 1 && troubled_ones.abs_diff(half) <= 1,
        "{calm_ones} {troubled_ones} {half}"
    );
    prober.reset();
    assert!(prober.due(greedy).unwrap() > T0 + ms(120_000), "going down and up restores nothing");
}

#[test]
fn what_was_spent_before_a_restart_is_owed_after_it() {
    let allowance = Some(Allowance { monthly_bytes: ALLOWED });
    let pace = Pace { allowance, ..troubled(T0) };
    let mut prober = Prober::new();
    unanswered(&mut prober, pace, MONTH);
    let owed = prober.owed(T0);

    let mut next = Prober::new();
    next.owe(T0, owed);

    assert!(next.due(pace).unwrap() > T0 + MONTH - BURST);
}

#[test]
fn a_wanted_probe_leaves_at_once_within_the_budget() {
    let mut prober = Prober::new();
    prober.on_sent(T0, T0, None);
    prober.on_answered();

    prober.want(T0 + ms(100));

    assert_eq!(prober.due(calm(Some(T0))), Some(T0 + ms(100)));
    prober.on_sent(T0 + ms(100), T0, None);
    prober.want(T0 + ms(200));
    assert_eq!(prober.due(calm(Some(T0))), None, "the one in flight will tell");
}

#[test]
fn losses_count_in_a_row() {
    let mut prober = Prober::new();
    for expected in [1, 2] {
        prober.on_sent(T0, T0, None);
        assert!(prober.on_lost(None));
        assert_eq!(prober.lost(), expected);
    }

    prober.on_life();

    assert_eq!(prober.lost(), 0);
}

#[test]
fn a_loss_tells_nothing_if_traffic_was_proved_since_or_none_is_in_flight() {
    let mut prober = Prober::new();
    assert!(!prober.on_lost(None), "never sent, or reported after its deadline");

    prober.on_sent(T0, T0 + ms(1000), None);
    assert!(!prober.on_lost(Some(T0 + ms(1))));
    assert_eq!(prober.lost(), 0);
}

proptest! {
    #[test]
    fn idle_probes_are_spread_over_an_eighth_and_never_late(seed: u64, heard_us in 0..u64::MAX / 2) {
        let heard = Instant::from_micros(heard_us);
        let due = Prober::new().due(Pace { seed, ..calm(Some(heard)) }).unwrap();

        prop_assert!(due <= heard + IDLE);
        prop_assert!(due >= heard + IDLE - IDLE / 8);
    }

    #[test]
    fn any_pace_is_survived(heard: Option<u64>, trouble: Option<u64>, idle: Duration, seed: u64) {
        let instant = Instant::from_micros;
        let pace = Pace {
            heard: heard.map(instant),
            trouble: trouble.map(instant),
            idle,
            slowest: idle,
            allowance: Some(Allowance { monthly_bytes: 1 << 20 }),
            seed,
        };
        let mut prober = Prober::new();
        prober.on_sent(T0, T0, pace.allowance);
        prober.on_answered();
        prober.due(pace);
    }
}
