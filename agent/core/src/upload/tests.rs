//! Uploads are driven through the whole agent in `agent/tests.rs`. Here stand the machine's parts.

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

const A: LinkId = LinkId(0);
const B: LinkId = LinkId(1);

/// What may happen to an upload on [`A`], with [`B`] as its standby.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Event {
    ASilent,
    AHeard,
    AGone,
    ACut,
    ADrained,
    BAnswered,
    BothHeard,
    BGone,
    BCut,
    BActive,
}

const EVENTS: [Event; 10] = [
    Event::ASilent,
    Event::AHeard,
    Event::AGone,
    Event::ACut,
    Event::ADrained,
    Event::BAnswered,
    Event::BothHeard,
    Event::BGone,
    Event::BCut,
    Event::BActive,
];

fn fenced<const LINKS: usize>() -> Upload<LINKS> {
    let spec = UploadSpec {
        total: 100,
        resume: Resume::Fenced,
        replayable: false,
        resumes_at: None,
        client: None,
    };
    let id = UploadId { slot: 0, generation: 0 };
    let upload = Upload::new(T0, id, spec, &UploadPolicy::default(), 1);
    Upload { created: true, ..upload }
}

/// All links are sound, and the first is active.
fn outlook<const LINKS: usize>() -> Outlook<LINKS> {
    Outlook {
        now: T0,
        hold: Duration::from_secs(300),
        hedge: true,
        tunnel: [false; LINKS],
        standing: [Standing::Sound; LINKS],
        purse: [Purse::Open; LINKS],
        patience: [Duration::from_secs(1); LINKS],
        timeout: [Duration::from_secs(30); LINKS],
        order: core::array::from_fn(|slot| LinkId(slot as u8)),
        usable: LINKS,
        active: Some(A),
    }
}

/// Where an upload that fences stands on `course`, once `event` happened to it.
fn after(course: Course, event: Event) -> Course {
    let (mut upload, mut outlook) = (fenced::<2>(), outlook::<2>());
    let (a, b, at) = (Attempt(1), Attempt(2), T0 + Duration::from_secs(1));
    let asking = |attempt| Lane::Asking { attempt, floor: 0, due: at, deadline: at };
    let appending = |attempt| Lane::Appending { attempt, from: 0, heard: T0 };
    (upload.course, upload.carrier) = (course, Some((A, T0)));
    upload.lanes = match course {
        Course::Seeking => [Lane::Resting { until: at }, asking(b)],
        Course::Carried(_) => [appending(a), Lane::Idle],
        Course::Doubted(_) => [appending(a), asking(b)],
        Course::Hedged { .. } => [Lane::Holding { attempt: a, heard: T0 }, appending(b)],
        Course::Returning { .. } => [Lane::Holding { attempt: a, heard: T0 }, Lane::Idle],
        Course::Ended(_) | Course::Answering(_) => [Lane::Idle; 2],
    };
    match course {
        Course::Doubted(_) => outlook.standing[0] = Standing::Suspect,
        Course::Hedged { .. } => {
            outlook.standing[0] = Standing::Suspect;
            upload.left = upload.carrier.replace((B, T0));
        }
        Course::Returning { .. } => outlook.active = Some(B),
        Course::Seeking | Course::Carried(_) | Course::Ended(_) | Course::Answering(_) => {}
    }
    match event {
        Event::ASilent => outlook.standing[0] = Standing::Suspect,
        Event::AHeard => outlook.standing[0] = Standing::Sound,
        Event::AGone => outlook.standing[0] = Standing::Gone,
        Event::ACut => upload.lanes[0] = Lane::Resting { until: at },
        Event::ADrained => upload.lanes[0].drained(),
        Event::BAnswered => upload.lanes[1] = Lane::Ready { attempt: b, offset: 0 },
        // The old link is alive again, and the upstream took what came over the new one.
        Event::BothHeard => {
            outlook.standing[0] = Standing::Sound;
            upload.arrive(T0, B);
        }
        Event::BGone => outlook.standing[1] = Standing::Gone,
        Event::BCut => upload.lanes[1] = Lane::Resting { until: at },
        Event::BActive => outlook.active = Some(B),
    }
    upload.steer(&outlook);
    upload.course
}

#[test]
fn every_course_changes_by_these_transitions_and_no_other() {
    use Event::*;
    let on = Course::Carried;
    let hedged = Course::Hedged { old: A, new: B };
    let back = Course::Returning { from: B, to: A };
    let ended = Course::Ended(Verdict::Stored);
    let table: [(Course, &[(Event, Course)]); 6] = [
        (Course::Seeking, &[(BAnswered, on(B))]),
        (
            on(A),
            &[
                (ASilent, Course::Doubted(A)),
                (AGone, Course::Seeking),
                (ACut, Course::Seeking),
                (BActive, Course::Returning { from: A, to: B }),
            ],
        ),
        (
            Course::Doubted(A),
            &[
                (AHeard, on(A)),
                (BothHeard, on(A)),
                (AGone, Course::Seeking),
                (ACut, Course::Seeking),
                (BAnswered, hedged),
            ],
        ),
        (
            hedged,
            &[
                (AGone, on(B)),
                (ACut, on(B)),
                (BothHeard, back),
                (BGone, Course::Doubted(A)),
                (BCut, Course::Doubted(A)),
                (BActive, on(B)),
            ],
        ),
        (
            Course::Returning { from: A, to: B },
            &[
                (ASilent, Course::Doubted(A)),
                (AGone, Course::Seeking),
                (ACut, Course::Seeking),
                (ADrained, on(B)),
                (BGone, on(A)),
            ],
        ),
        (ended, &[]),
    ];
    for (course, transitions) in table {
        for event in EVENTS {
            let to = transitions.iter().find(|(on, _)| *on == event).map_or(course, |(_, to)| *to);
            assert_eq!(after(course, event), to, "{course:?} on {event:?}");
        }
    }
}

#[test]
fn a_suspect_link_does_not_take_over_from_another() {
    let (mut upload, mut outlook) = (fenced::<3>(), outlook::<3>());
    let ready = |attempt| Lane::Ready { attempt: Attempt(attempt), offset: 0 };
    upload.lanes =
        [Lane::Asking { attempt: Attempt(1), floor: 0, due: T0, deadline: T0 }, ready(2), ready(3)];
    outlook.standing = [Standing::Sound, Standing::Suspect, Standing::Suspect];

    upload.steer(&outlook);
    assert_eq!(upload.course, Course::Doubted(B));

    upload.lanes[0] = ready(1);
    upload.steer(&outlook);
    assert_eq!(upload.course, Course::Carried(A));
}

#[test]
fn a_failed_link_is_left_for_one_whose_money_does_not_allow_suspicion() {
    let mut outlook = outlook::<2>();
    outlook.purse[1] = Purse::Careful;

    outlook.standing[0] = Standing::Suspect;
    assert!(!outlook.has_standby(A));
    outlook.standing[0] = Standing::Failed;

    assert!(outlook.is_lost(A));
}

#[test]
fn a_failed_link_is_not_left_for_a_tunnel_that_may_ride_on_it() {
    let mut outlook = outlook::<2>();
    outlook.standing[0] = Standing::Failed;
    outlook.tunnel[1] = true;

    assert!(!outlook.is_lost(A));
    outlook.tunnel[0] = true;

    assert!(outlook.is_lost(A), "another tunnel may do better");
}
