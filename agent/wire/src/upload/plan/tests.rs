use super::*;

const KIB: u64 = 1024;

const BOUNDS: Bounds = Bounds {
    window: 512 * KIB,
    chunk: 5 << 20,
    delivery_rate: 0,
    pipelined: true,
    limits: Limits::NONE,
};

fn at(next: u64, received: u64) -> Progress {
    Progress { total: 10 << 20, received, acked: next, from: 0, next, unanswered: 0 }
}

/// Where appends end that are planned until none is due, and nothing is answered.
fn ends(mut at: Progress, bounds: &Bounds) -> Vec<u64> {
    let mut ends = Vec::new();
    while let Some(plan) = next_append(&at, bounds) {
        assert_eq!(plan.range.start, at.next, "no gap and no overlap");
        (at.next, at.unanswered) = (plan.range.end, at.unanswered + 1);
        ends.push(plan.range.end / KIB);
    }
    ends
}

#[test]
fn appends_fill_the_window_and_no_more() {
    let ends = ends(at(0, 10 << 20), &BOUNDS);

    assert_eq!(ends, [64, 128, 192, 256, 320, 384, 448, 512]);
}

#[test]
fn a_fast_link_is_given_longer_appends_within_a_quarter_of_the_window() {
    let longest = |delivery_rate, window| {
        let bounds = Bounds { delivery_rate, window, ..BOUNDS };
        next_append(&at(0, 10 << 20), &bounds).map(|plan| plan.range.end / KIB)
    };

    assert_eq!(longest(2_500_000, 512 * KIB), Some(64));
    assert_eq!(longest(5_000_000, 512 * KIB), Some(112));
    assert_eq!(longest(100_000_000, 512 * KIB), Some(128));
    assert_eq!(longest(100_000_000, 8 << 20), Some(256));
    assert_eq!(longest(100_000_000, 64 * KIB), Some(16));
}

#[test]
fn what_trickles_in_leaves_at_once_where_nothing_is_unanswered() {
    assert_eq!(ends(at(0, 100), &BOUNDS), [0]);
    assert_eq!(next_append(&Progress { unanswered: 1, ..at(0, 100) }, &BOUNDS), None);
}

#[test]
fn the_end_leaves_whatever_its_length() {
    let end = Progress { total: 100, unanswered: 5, ..at(0, 100) };

    assert_eq!(next_append(&end, &BOUNDS), Some(Plan { range: 0..100, awaits: false }));
}

#[test]
fn a_server_that_takes_one_append_at_a_time_gets_half_of_the_window_in_each() {
    let bounds = Bounds { pipelined: false, ..BOUNDS };

    assert_eq!(ends(at(0, 10 << 20), &bounds), [256]);
}

#[test]
fn ahead_of_what_is_landing_only_the_beginning_is_risked() {
    let taken = Progress { acked: 0, from: 100 * KIB, ..at(100 * KIB, 1 << 20) };
    let window = Bounds { window: 64 * KIB, ..BOUNDS };

    for bounds in [BOUNDS, window] {
        let plan = next_append(&taken, &bounds).expect("room for the beginning");
        assert_eq!(plan, Plan { range: 100 * KIB..116 * KIB, awaits: true });
        let at = Progress { next: plan.range.end, unanswered: 1, ..taken };
        assert_eq!(next_append(&at, &bounds), None);
    }
}

#[test]
fn what_the_server_says_that_it_takes_is_kept_to() {
    let limits = Limits { min_append_size: Some(100 * KIB), ..Limits::NONE };
    let bounds = Bounds { limits, ..BOUNDS };
    assert_eq!(next_append(&at(0, 99 * KIB), &bounds), None);
    assert_eq!(ends(at(0, 10 << 20), &bounds), [100, 200, 300, 400, 500]);

    let limits = Limits { max_append_size: Some(10 * KIB), ..Limits::NONE };
    let bounds = Bounds { limits, ..BOUNDS };
    assert_eq!(ends(at(0, 20 * KIB), &bounds), [10, 20]);
}

#[test]
fn no_more_requests_are_unanswered_than_the_pipeline_holds() {
    let bounds = Bounds { window: 64 << 20, chunk: 16 * KIB, ..BOUNDS };

    assert_eq!(ends(at(0, 10 << 20), &bounds).len(), DEPTH);
}
