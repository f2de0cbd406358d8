//! The shelf on a device in memory.

mod power;

use super::*;
use baton_core::spool::{Eviction, HEADER};
use baton_hal::ErrorKind;
use baton_hal::Segment;
use baton_hal::fake::FakeSegments;

const LIMITS: Limits =
    Limits { size: 24 << 10, segment: 800, uploads: 8, piece: 64, eviction: Eviction::Refuse };

const NOW: u64 = 1_800_000_000;

fn opened(name: &str, total: Option<u64>) -> Opened<'_> {
    Opened {
        name,
        content_type: "image/jpeg",
        token: baton_core::spool::Token::None,
        client: "192.168.1.7:50000",
        total,
        urgency: 3,
        at_s: NOW,
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

fn open(device: &FakeSegments, limits: Limits) -> (Shelf<FakeSegments>, Vec<Found>) {
    Shelf::open(device.clone(), limits, 1, NOW).unwrap()
}

/// Begins, fills and commits an upload.
fn stow(shelf: &mut Shelf<FakeSegments>, name: &str, content: &[u8]) -> Result<u64, ShelfError> {
    let id = shelf.begin(&opened(name, Some(content.len() as u64)), &[])?;
    shelf.push(id, content)?;
    shelf.commit(&[(id, [7; 32])]).remove(0)?;
    Ok(id)
}

/// Everything that is there of an upload, and where that begins.
fn content(shelf: &Shelf<FakeSegments>, id: u64) -> (u64, Vec<u8>) {
    let (segments, extent) = shelf.extent(id).unwrap();
    let (mut from, mut all) = (None, Vec::new());
    for index in extent {
        let mut walk = Walk::open(&segments, Position { chain: id, index }).unwrap();
        while let Some((_, record)) = walk.step().unwrap() {
            if let Record::Data { offset, bytes } = record {
                let from = *from.get_or_insert(offset);
                assert_eq!(offset, from + all.len() as u64, "no gap");
                all.extend_from_slice(bytes);
            }
        }
    }
    (from.unwrap_or(0), all)
}

fn ids(shelf: &Shelf<FakeSegments>) -> Vec<u64> {
    shelf.chains().map(Chain::id).collect()
}

fn listed(device: &FakeSegments) -> Vec<(Position, u64)> {
    let mut found = Vec::new();
    device.list(&mut |at, len| found.push((at, len))).unwrap();
    found
}

#[test]
fn an_upload_over_many_segments_is_there_after_a_restart() {
    let device = FakeSegments::new(1);
    let (mut shelf, found) = open(&device, LIMITS);
    assert_eq!(found, []);
    let id = stow(&mut shelf, "a.jpg", &bytes(1500)).unwrap();

    let (shelf, found) = open(&device.reboot(), LIMITS);

    assert_eq!((ids(&shelf), found), (vec![id], vec![]));
    assert_eq!(content(&shelf, id), (0, bytes(1500)));
    assert_eq!(shelf.describe(id).unwrap().whose, Whose::of(&opened("a.jpg", Some(1500))));
    let chain = *shelf.chains().next().unwrap();
    assert_eq!((chain.end(), chain.begun(), *chain.sha256()), (1500, false, [7; 32]));
}

#[test]
fn what_was_not_committed_is_dropped_and_named() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let id = shelf.begin(&opened("a.jpg", None), &[]).unwrap();
    shelf.push(id, &bytes(100)).unwrap();
    drop(shelf);

    let (shelf, found) = open(&device, LIMITS);

    assert_eq!(found, [Found::Unfinished { id, name: "a.jpg".into(), bytes: 100 }]);
    assert_eq!((ids(&shelf), shelf.used()), (vec![], 0));
    assert_eq!(listed(&device), []);
}

#[test]
fn the_watermark_is_durable_before_the_bytes_below_it_are_gone() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let id = stow(&mut shelf, "a.jpg", &bytes(1500)).unwrap();
    let before = shelf.used();

    shelf.note(id, 1000, Some("/files/1")).unwrap();

    let (from, rest) = content(&shelf, id);
    assert!(from > 0 && from <= 1000, "{from}");
    assert!(shelf.used() < before - 500);
    let (shelf, found) = open(&device.reboot(), LIMITS);
    assert_eq!((ids(&shelf), found), (vec![id], vec![]));
    assert_eq!(content(&shelf, id), (from, rest));
    let chain = *shelf.chains().next().unwrap();
    assert_eq!((chain.acked(), chain.end(), chain.begun()), (1000, 1500, true));
    assert_eq!(shelf.describe(id).unwrap().location.as_deref(), Some("/files/1"));
}

#[test]
fn what_was_delivered_leaves_nothing() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let id = stow(&mut shelf, "a.jpg", &bytes(1500)).unwrap();

    shelf.end(id).unwrap();

    assert_eq!((ids(&shelf), shelf.used()), (vec![], 0));
    assert_eq!(shelf.end(id), Err(ShelfError::NoSuch(id)));
    assert_eq!(listed(&device.reboot()), []);
}

#[test]
fn a_refused_upload_is_kept_with_its_reason_until_it_is_retried_or_dropped() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let (one, other) =
        (stow(&mut shelf, "a", &bytes(9)).unwrap(), stow(&mut shelf, "b", &bytes(9)).unwrap());
    for id in [one, other] {
        shelf.note(id, 0, Some("/files/1")).unwrap();
        shelf.fail(id, 413, "too large").unwrap();
    }

    let device = device.reboot();
    let (mut shelf, _) = open(&device, LIMITS);
    assert_eq!(shelf.next(&[]), None, "nobody asks the upstream again by himself");
    assert_eq!(shelf.describe(one).unwrap().failure, Some((413, "too large".into())));
    shelf.retry(one).unwrap();
    shelf.lose(other, NOW, Cause::Dropped).unwrap();

    let (shelf, _) = open(&device.reboot(), LIMITS);
    assert_eq!(shelf.next(&[]).map(|chain| chain.id()), Some(one));
    assert_eq!(shelf.next(&[one]), None);
    let described = shelf.describe(one).unwrap();
    assert_eq!((described.failure, described.location), (None, None));
    assert_eq!(shelf.tally().dropped, 1);
    let lost = Lost { id: other, name: "b".into(), total: 9, at_s: NOW, cause: Cause::Dropped };
    assert_eq!(shelf.losses().collect::<Vec<_>>(), [&lost]);
}

#[test]
fn the_same_file_again_is_kept_once() {
    let (mut shelf, _) = open(&FakeSegments::new(1), LIMITS);
    let first = stow(&mut shelf, "a", &bytes(90)).unwrap();
    let before = shelf.used();

    stow(&mut shelf, "a", &bytes(90)).unwrap();
    assert_eq!((ids(&shelf), shelf.used()), (vec![first], before));

    stow(&mut shelf, "b", &bytes(90)).unwrap();
    stow(&mut shelf, "a", &bytes(91)).unwrap();
    shelf.fail(first, 409, "taken").unwrap();
    stow(&mut shelf, "a", &bytes(90)).unwrap();
    assert_eq!(ids(&shelf).len(), 4, "another name, another length, and a new try");
}

#[test]
fn the_urgent_go_before_the_old() {
    let (mut shelf, _) = open(&FakeSegments::new(1), LIMITS);
    for (name, urgency) in [("a", 3), ("b", 5), ("c", 0), ("d", 3)] {
        let id = shelf.begin(&Opened { urgency, ..opened(name, Some(0)) }, &[]).unwrap();
        shelf.commit(&[(id, [0; 32])]).remove(0).unwrap();
    }

    let mut order = Vec::new();
    while let Some(chain) = shelf.next(&order) {
        order.push(chain.id());
    }
    assert_eq!(order, [3, 1, 4, 2]);
}

#[test]
fn a_full_spool_refuses_and_loses_nothing() {
    let (mut shelf, _) = open(&FakeSegments::new(1), LIMITS);
    let first = stow(&mut shelf, "a", &bytes(9000)).unwrap();

    let refused = stow(&mut shelf, "b", &bytes(9000)).unwrap_err();
    assert!(matches!(refused, ShelfError::Full { .. }), "{refused}");
    assert!(refused.to_string().contains("spool_size"));

    let growing = shelf.begin(&opened("c", None), &[]).unwrap();
    assert!(matches!(shelf.push(growing, &bytes(9000)), Err(ShelfError::Full { .. })));
    assert_eq!(shelf.push(growing, b"more"), Err(ShelfError::NoSuch(growing)));
    assert_eq!(ids(&shelf), [first]);
    assert!(shelf.used() <= LIMITS.size);
}

#[test]
fn what_the_upstream_has_gives_way_before_anything_is_refused_or_evicted() {
    let evicting = Limits { eviction: Eviction::EvictOldest, ..LIMITS };
    let (mut shelf, _) = open(&FakeSegments::new(1), evicting);
    let first = stow(&mut shelf, "a", &bytes(9000)).unwrap();

    let second = shelf.begin(&opened("b", Some(8000)), &[(first, 8000)]).unwrap();

    assert_eq!(ids(&shelf), [first, second]);
    assert_eq!(shelf.tally().evicted, 0);
    assert!(content(&shelf, first).0 > 6000);
}

#[test]
fn eviction_takes_the_refused_then_the_oldest_and_says_so() {
    let device = FakeSegments::new(1);
    let evicting = Limits { eviction: Eviction::EvictOldest, ..LIMITS };
    let (mut shelf, _) = open(&device, evicting);
    let all: Vec<u64> =
        ["a", "b", "c"].iter().map(|name| stow(&mut shelf, name, &bytes(4500)).unwrap()).collect();
    shelf.fail(all[1], 403, "no").unwrap();

    let more = stow(&mut shelf, "d", &bytes(4500)).unwrap();
    assert_eq!(ids(&shelf), [all[0], all[2], more]);
    let busy = shelf.begin(&opened("e", Some(4500)), &[(all[0], 0)]).unwrap();
    assert_eq!(ids(&shelf), [all[0], more, busy], "what is on its way stays");

    let huge = shelf.begin(&opened("f", Some(1 << 20)), &[]);
    assert!(matches!(huge, Err(ShelfError::Full { .. })), "nobody gives way in vain");
    let (shelf, _) = open(&device.reboot(), evicting);
    assert_eq!(shelf.tally().evicted, 2);
    let names: Vec<&str> = shelf.losses().map(|lost| &*lost.name).collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn the_index_is_bounded() {
    let (mut shelf, _) = open(&FakeSegments::new(1), LIMITS);
    for name in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        stow(&mut shelf, name, b"").unwrap();
    }

    assert_eq!(stow(&mut shelf, "i", b""), Err(ShelfError::Crowded { uploads: 8 }));
}

#[test]
fn damage_in_the_middle_is_reported_by_name_and_counted() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let (hurt, whole) =
        (stow(&mut shelf, "a", &bytes(900)).unwrap(), stow(&mut shelf, "b", &bytes(90)).unwrap());
    device.damage(Position { chain: hurt, index: 1 }, 300);

    let (shelf, found) = open(&device, LIMITS);

    let lost = Lost { id: hurt, name: "a".into(), total: 900, at_s: NOW, cause: Cause::Damaged };
    assert_eq!(found, [Found::Damaged(lost)]);
    assert_eq!((ids(&shelf), shelf.tally().damaged), (vec![whole], 1));
    let (shelf, found) = open(&device, LIMITS);
    assert_eq!((found, shelf.tally().damaged), (vec![], 1), "it is told once");
}

#[test]
fn a_damaged_note_costs_no_upload() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let id = stow(&mut shelf, "a", &bytes(90)).unwrap();
    let at = listed(&device)[0].1 as usize;
    shelf.note(id, 0, Some("/files/1")).unwrap();
    shelf.note(id, 50, None).unwrap();
    device.damage(Position { chain: id, index: 0 }, at + 14);

    let (shelf, found) = open(&device, LIMITS);

    assert_eq!(found, [Found::NotesMissing { id, name: "a".into(), records: 1 }]);
    assert_eq!((ids(&shelf), content(&shelf, id).1), (vec![id], bytes(90)));
}

#[test]
fn what_a_newer_program_wrote_is_left_alone() {
    let device = FakeSegments::new(1);
    let mut header = baton_core::spool::Header {
        position: Position { chain: 4, index: 0 },
        salt: 0,
        first_seq: 0,
    }
    .encode();
    header[8] = 9;
    let crc = baton_core::spool::crc32c(&[&header[..36]]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    device.create(Position { chain: 4, index: 0 }).unwrap().append(&header).unwrap();

    let refused = Shelf::open(device.clone(), LIMITS, 1, NOW).err();

    assert_eq!(refused, Some(ShelfError::Newer { version: 9 }));
    assert_eq!(listed(&device), [(Position { chain: 4, index: 0 }, HEADER as u64)]);
}

#[test]
fn a_device_that_fails_costs_what_was_not_acknowledged_alone() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) = open(&device, LIMITS);
    let safe = stow(&mut shelf, "a", &bytes(90)).unwrap();
    let id = shelf.begin(&opened("b", Some(9)), &[]).unwrap();

    device.refuse(Some(ErrorKind::Full));
    let refused = shelf.push(id, &bytes(9)).unwrap_err();
    assert!(matches!(refused, ShelfError::DeviceFull(_)), "{refused}");
    assert!(shelf.fail(safe, 403, "no").is_err());
    device.refuse(None);

    assert_eq!(shelf.next(&[]).map(|chain| chain.id()), Some(safe), "it is not taken for failed");
    shelf.fail(safe, 403, "no").unwrap();
    let (shelf, found) = open(&device.reboot(), LIMITS);
    assert_eq!((ids(&shelf), shelf.next(&[])), (vec![safe], None));
    assert_eq!(content(&shelf, safe).1, bytes(90));
    assert!(found.iter().all(|found| !matches!(found, Found::Damaged(_))), "{found:?}");
}

#[test]
fn wear_is_counted_and_survives_a_restart() {
    let device = FakeSegments::new(1);
    let (mut shelf, _) =
        open(&device, Limits { size: 64 << 20, segment: 1 << 20, piece: PIECE, ..LIMITS });
    for _ in 0..17 {
        let id = stow(&mut shelf, "a", &bytes(1 << 20)).unwrap();
        shelf.end(id).unwrap();
    }
    let worn = *shelf.tally();
    assert!(worn.written_bytes > 17 << 20 && worn.flushes >= 17 * 4, "{worn:?}");

    let (shelf, _) = open(&device, LIMITS);
    assert!(shelf.tally().written_bytes > 16 << 20, "{:?}", shelf.tally());
}
