use super::*;
use crate::LinkKey;
use proptest::prelude::*;

const ENTRIES: [Entry<'static>; 5] = [
    Entry::Held("wwan0"),
    Entry::Spent(Spent {
        link: "wwan0",
        month: 24_310,
        carried_bytes: 1 << 33,
        hedged_bytes: 70_000,
        owed_s: 300,
    }),
    Entry::Spent(Spent { link: "eth0", month: 0, carried_bytes: 0, hedged_bytes: 0, owed_s: 0 }),
    Entry::Client(Known {
        id: ClientId::Mac([2, 0, 0, 0, 0, 7]),
        seen_s: 1_800_000_000,
        paths: [
            Some(PathRecord {
                link: LinkKey(0x0102_0304),
                throughput: 625_000,
                reliability_ppm: 990_000,
                window_bytes: 163_840,
                samples: 16,
            }),
            None,
            None,
            None,
        ],
    }),
    Entry::Client(Known { id: ClientId::Address([0xfd; 16]), seen_s: 0, paths: [None; PATHS] }),
];

fn file() -> Vec<u8> {
    let mut buf = [0; 1024];
    let len = encode(&mut buf, ENTRIES).unwrap();
    buf[..len].to_vec()
}

#[test]
fn version_1_is_pinned_byte_by_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/memory/golden/v1");
    let now = file();
    if std::env::var_os("BATON_WRITE_FILES").is_some() {
        std::fs::write(path, &now).unwrap();
    }

    let pinned = std::fs::read(path).unwrap();

    assert_eq!(now, pinned);
    assert_eq!(decode(&pinned).unwrap().collect::<Vec<_>>(), ENTRIES);
}

#[test]
fn what_does_not_fit_is_not_half_written() {
    let len = file().len();

    for room in 0..len {
        assert_eq!(encode(&mut vec![0; room], ENTRIES), Err(Overflow), "{room}");
    }
}

#[test]
fn another_file_another_version_and_a_torn_one_are_told_apart() {
    let file = file();
    let mut newer = file.clone();
    newer[8] = 2;

    assert_eq!(decode(b"").err(), Some(BadMemory::NotOurs));
    assert_eq!(decode(&[b'x'; 40]).err(), Some(BadMemory::NotOurs));
    assert_eq!(decode(&newer).err(), Some(BadMemory::Version(2)));
    assert_eq!(decode(&file[..file.len() - 1]).err(), Some(BadMemory::Damaged));
}

proptest! {
    #[test]
    fn no_changed_byte_goes_unnoticed(at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut file = file();
        let at = at.index(file.len());
        file[at] ^= 1 << bit;

        prop_assert!(decode(&file).is_err());
    }

    #[test]
    fn arbitrary_entries_are_read_without_panic_and_end(
        payload in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let entries = Entries { rest: &payload };

        prop_assert!(entries.count() <= payload.len());
    }
}
