use super::{State, *};
use proptest::prelude::*;

const FREE: State<char> = State::Free;
const HELD: State<char> = State::Held { by: 'a' };
const WRITING: State<char> = State::Writing { by: Some('a') };
const ORPHANED: State<char> = State::Writing { by: None };

fn fence(state: State<char>) -> Fence<char> {
    Fence { stored: 100, state }
}

#[test]
fn every_append_in_every_state() {
    let granted = Verdict::Granted { fenced: None };
    let taken_over = Verdict::Granted { fenced: Some('a') };
    let conflict = Verdict::Conflict { stored: 100 };
    let held_by_b = State::Held { by: 'b' };
    let table = [
        (FREE, 99, conflict, FREE),
        (FREE, 100, granted, held_by_b),
        (FREE, 101, conflict, FREE),
        (HELD, 99, conflict, HELD),
        (HELD, 100, taken_over, held_by_b),
        (HELD, 101, conflict, HELD),
        (WRITING, 99, conflict, WRITING),
        (WRITING, 100, Verdict::Wait, WRITING),
        (WRITING, 101, Verdict::Wait, WRITING),
        (ORPHANED, 99, conflict, ORPHANED),
        (ORPHANED, 100, Verdict::Wait, ORPHANED),
        (ORPHANED, 101, Verdict::Wait, ORPHANED),
    ];

    for (before, offset, verdict, after) in table {
        let mut fence = fence(before);
        assert_eq!(fence.append('b', offset), verdict, "{before:?} {offset}");
        assert_eq!(fence, super::Fence { stored: 100, state: after }, "{before:?} {offset}");
    }
    assert_eq!(fence(HELD).append('a', 100), granted, "nobody fences itself");
}

#[test]
fn every_write_in_every_state() {
    let fenced = Err(Fenced { stored: 100 });
    let table = [
        (FREE, 'a', fenced, FREE),
        (HELD, 'a', Ok(100), WRITING),
        (HELD, 'b', fenced, HELD),
        (WRITING, 'a', fenced, WRITING),
        (WRITING, 'b', fenced, WRITING),
        (ORPHANED, 'a', fenced, ORPHANED),
    ];

    for (before, id, result, after) in table {
        let mut fence = fence(before);
        assert_eq!(fence.write(id), result, "{before:?} {id}");
        assert_eq!(fence.state, after, "{before:?} {id}");
    }
}

#[test]
fn every_end_of_a_write_and_of_a_request() {
    for (before, after) in [(WRITING, HELD), (ORPHANED, FREE)] {
        let mut fence = fence(before);
        fence.wrote(5);
        assert_eq!(fence, Fence { stored: 105, state: after });
    }
    let table = [
        (FREE, 'a', FREE),
        (HELD, 'a', FREE),
        (HELD, 'b', HELD),
        (WRITING, 'a', ORPHANED),
        (WRITING, 'b', WRITING),
        (ORPHANED, 'a', ORPHANED),
    ];
    for (before, id, after) in table {
        let mut fence = fence(before);
        fence.release(id);
        assert_eq!(fence, super::Fence { stored: 100, state: after }, "{before:?} {id}");
    }
}

#[test]
fn the_old_link_wins_if_its_bytes_came_first() {
    let mut fence = Fence::new(0);
    assert_eq!(fence.append('a', 0), Verdict::Granted { fenced: None });
    assert_eq!(fence.write('a'), Ok(0));
    assert_eq!(fence.append('b', 0), Verdict::Wait);

    fence.wrote(10);

    assert_eq!(fence.append('b', 0), Verdict::Conflict { stored: 10 });
    assert_eq!(fence.write('a'), Ok(10));
}

#[test]
fn the_new_link_wins_if_the_old_one_was_silent() {
    let mut fence = Fence::new(0);
    fence.append('a', 0);

    assert_eq!(fence.append('b', 0), Verdict::Granted { fenced: Some('a') });

    assert_eq!(fence.write('a'), Err(Fenced { stored: 0 }));
    fence.release('a');
    assert_eq!(fence.holder(), Some('b'));
    assert_eq!(fence.write('b'), Ok(0));
}

proptest! {
    /// Against a file: each byte is written once, in order, by a holder.
    #[test]
    fn no_byte_is_written_twice_or_skipped(steps in prop::collection::vec((0u8..4, 0u8..3, 0u64..4), 0..200)) {
        let mut fence = Fence::new(0);
        let mut file = 0;
        let mut last_writer = None;
        for (verb, id, number) in steps {
            match verb {
                0 => {
                    let verdict = fence.append(id, (file + number).saturating_sub(1));
                    if let Verdict::Granted { .. } = verdict {
                        prop_assert_eq!(number.max(u64::from(file == 0)), 1);
                        last_writer = Some(id);
                    }
                }
                1 => if let Ok(offset) = fence.write(id) {
                    prop_assert_eq!(offset, file);
                    prop_assert_eq!(Some(id), last_writer);
                },
                2 if fence.is_writing() => {
                    fence.wrote(number);
                    file += number;
                }
                2 => {}
                _ => fence.release(id),
            }
            prop_assert_eq!(fence.stored(), file);
        }
    }
}
