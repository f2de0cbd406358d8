//! What every backend of [`Segments`] must do.

use crate::{Error, ErrorKind, Segment, Segments};
use baton_core::spool::Position;

/// Checks all of it on an empty folder.
///
/// # Panics
///
/// With what does not hold.
pub fn run<S: Segments>(folder: &S) {
    for check in [appends_are_read_back::<S>, names_are_kept_apart::<S>, what_is_gone_is_gone::<S>]
    {
        check(folder);
        for (at, _) in listed(folder) {
            folder.remove(at).expect("removed");
        }
        folder.sync().expect("synced");
    }
    another_thread_sees_the_same(folder);
}

fn listed<S: Segments>(folder: &S) -> Vec<(Position, u64)> {
    let mut found = Vec::new();
    folder.list(&mut |at, len| found.push((at, len))).expect("listed");
    found
}

const FIRST: Position = Position { chain: 1, index: 0 };

fn appends_are_read_back<S: Segments>(folder: &S) {
    let mut segment = folder.create(FIRST).expect("created");
    segment.append(b"one").expect("appended");
    segment.append(b"two").expect("appended");
    segment.sync().expect("synced");
    segment.append(b"three").expect("appended");

    let mut buf = [0; 8];
    assert_eq!(segment.read_at(1, &mut buf).expect("read"), 8);
    assert_eq!(&buf, b"netwothr");
    assert_eq!(segment.read_at(9, &mut buf).expect("read"), 2, "less at the end");
    assert_eq!(segment.read_at(11, &mut buf).expect("read"), 0);
    assert_eq!(segment.read_at(u64::from(u32::MAX), &mut buf).expect("read"), 0);

    let mut again = folder.open(FIRST).expect("opened");
    again.append(b"!").expect("appended");
    assert_eq!(segment.read_at(8, &mut buf).expect("read"), 4);
    assert_eq!(&buf[..4], b"ree!");
}

fn names_are_kept_apart<S: Segments>(folder: &S) {
    let places = [(1, 0), (1, 1), (1, 10), (2, 0), (u64::MAX, u32::MAX)];
    let places = places.map(|(chain, index)| Position { chain, index });
    for (at, len) in places.iter().zip(1..) {
        folder.create(*at).expect("created").append(&vec![7; len]).expect("appended");
    }
    folder.sync().expect("synced");

    let mut listed = listed(folder);
    listed.sort_unstable();
    assert_eq!(listed, places.into_iter().zip(1..).collect::<Vec<_>>());
    assert!(folder.create(FIRST).is_err(), "nothing is created twice");
    let mut buf = [0; 4];
    assert_eq!(folder.open(places[1]).expect("opened").read_at(0, &mut buf).expect("read"), 2);
}

fn what_is_gone_is_gone<S: Segments>(folder: &S) {
    let mut segment = folder.create(FIRST).expect("created");
    segment.append(b"still here").expect("appended");

    folder.remove(FIRST).expect("removed");
    folder.remove(FIRST).expect("removing it again is as good");

    assert_eq!(folder.open(FIRST).err().map(|error| error.kind()), Some(ErrorKind::Missing));
    assert_eq!(listed(folder), []);
    let mut buf = [0; 10];
    assert_eq!(segment.read_at(0, &mut buf).expect("read"), 10, "an open handle stays readable");
    folder.create(FIRST).expect("the name is free again");
}

fn another_thread_sees_the_same<S: Segments>(folder: &S) {
    let other = folder.clone();
    let written = std::thread::spawn(move || {
        other.create(FIRST).expect("created").append(b"from afar").expect("appended");
    });
    written.join().expect("no panic");

    let mut buf = [0; 16];
    assert_eq!(folder.open(FIRST).expect("opened").read_at(0, &mut buf).expect("read"), 9);
}
