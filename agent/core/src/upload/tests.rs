//! The machine is driven through the whole agent: see `agent/tests.rs`. Here stand its parts.

use super::*;

const T0: Instant = Instant::from_millis(1000);

/// One of each lane.
fn lanes() -> [Lane; 9] {
    let (attempt, at) = (Attempt(7), T0 + Duration::from_secs(1));
    [
        Lane::Idle,
        Lane::Resting { until: at },
        Lane::Creating { attempt, due: at, deadline: at },
        Lane::Asking { attempt, floor: 0, due: at, deadline: at },
        Lane::Ready { attempt, offset: 5 },
        Lane::Appending { attempt, from: 5, heard: T0 },
        Lane::Holding { attempt, heard: T0 },
        Lane::Drained { attempt },
        Lane::Dropping { attempt, until: at },
    ]
}

#[test]
fn a_lane_answers_for_its_attempt_until_it_is_dropped() {
    let owned = lanes().map(|lane| lane.attempt().is_some());

    assert_eq!(owned, [false, false, true, true, true, true, true, true, false]);
}

#[test]
fn a_dropped_lane_tells_the_driver_only_if_there_is_something_to_drop() {
    for lane in lanes() {
        let mut dropped = lane;
        dropped.drop_at(T0);

        let expected = match lane {
            Lane::Idle => Lane::Resting { until: T0 },
            // Never sooner than it was to be.
            Lane::Resting { .. } | Lane::Dropping { .. } => lane,
            Lane::Creating { attempt, .. }
            | Lane::Asking { attempt, .. }
            | Lane::Ready { attempt, .. }
            | Lane::Appending { attempt, .. }
            | Lane::Holding { attempt, .. }
            | Lane::Drained { attempt } => Lane::Dropping { attempt, until: T0 },
        };
        assert_eq!(dropped, expected);
    }
}

#[test]
fn only_a_held_lane_can_be_drained() {
    for lane in lanes() {
        let mut drained = lane;
        drained.drained();

        let expected = match lane {
            Lane::Holding { attempt, .. } => Lane::Drained { attempt },
            Lane::Idle
            | Lane::Resting { .. }
            | Lane::Creating { .. }
            | Lane::Asking { .. }
            | Lane::Ready { .. }
            | Lane::Appending { .. }
            | Lane::Drained { .. }
            | Lane::Dropping { .. } => lane,
        };
        assert_eq!(drained, expected);
    }
}

#[test]
fn an_append_has_a_deadline_only_while_something_is_due() {
    let timeout = Duration::from_secs(30);
    let appending = Lane::Appending { attempt: Attempt(1), from: 0, heard: T0 };

    assert_eq!(appending.deadline(timeout, true), Some(T0 + timeout));
    assert_eq!(appending.deadline(timeout, false), None);
}
