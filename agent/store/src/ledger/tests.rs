use super::*;
use crate::temp::TempDir;
use std::path::PathBuf;

fn open(temp: &TempDir) -> Ledger {
    Ledger::open(Arc::new(Folder::open(temp.path()).unwrap()), true).unwrap()
}

fn segment(temp: &TempDir, number: u64) -> PathBuf {
    temp.path().join(".baton").join(leaf(number))
}

fn entry(name: &str) -> Entry {
    Entry {
        time_s: 1_800_000_000,
        mark: Mark::parse("1f-400-6b49d200-0").unwrap(),
        user: User::parse("ann").unwrap(),
        name: Name::parse(name).unwrap(),
    }
}

fn note(ledger: &Ledger, entry: Entry) {
    ledger.note(entry).unwrap().confirm();
}

fn review(
    ledger: &Ledger,
    judge: impl FnMut(&Entry) -> io::Result<Verdict>,
) -> (Tally, io::Result<()>) {
    let mut tally = Tally::default();
    let reviewed = ledger.review(&mut tally, judge);
    (tally, reviewed)
}

/// What a review shows, the newest first.
fn names(ledger: &Ledger) -> Vec<String> {
    let mut names = Vec::new();
    let (_, reviewed) = review(ledger, |entry| {
        names.push(entry.name.as_str().to_owned());
        Ok(Verdict::Keep)
    });
    reviewed.unwrap();
    names
}

#[test]
fn a_line_on_the_disk_stays_readable() {
    let golden = "1800000000\t1f-400-6b49d200-0\tann\tann/ö b.jpg\t";
    let line = encode(&entry("ann/ö b.jpg"));

    assert!(line.starts_with(golden), "{line}");
    assert_eq!(line.len(), golden.len() + 17);
    assert_eq!(decode(line.trim_end()), Some(entry("ann/ö b.jpg")));
}

#[test]
fn a_line_torn_or_changed_anywhere_is_skipped() {
    let line = encode(&entry("ann/b.jpg"));
    let line = line.trim_end();
    for cut in 0..line.len() {
        assert_eq!(decode(&line[..cut]), None);
    }
    for at in 0..line.len() {
        let mut bytes = line.to_owned().into_bytes();
        bytes[at] ^= 1;
        assert_eq!(decode(&String::from_utf8_lossy(&bytes)), None, "byte {at}");
    }
}

#[test]
fn what_was_noted_is_there_after_a_restart_whatever_a_crash_tore() {
    let temp = TempDir::new();
    let ledger = open(&temp);
    note(&ledger, entry("a/1"));
    note(&ledger, entry("a/2"));
    drop(ledger);
    let mut text = std::fs::read(segment(&temp, 1)).unwrap();
    text.truncate(text.len() - 3);
    std::fs::write(segment(&temp, 1), text).unwrap();

    let ledger = open(&temp);
    note(&ledger, entry("a/3"));

    assert_eq!(names(&ledger), ["a/3", "a/1"]);
}

#[test]
fn a_review_drops_retimes_and_keeps_the_newest_line_of_a_name() {
    let temp = TempDir::new();
    let ledger = open(&temp);
    for name in ["gone", "kept", "old", "kept"] {
        note(&ledger, entry(name));
    }

    let (tally, reviewed) = review(&ledger, |entry| {
        Ok(match entry.name.as_str() {
            "gone" => Verdict::Drop,
            "old" => Verdict::Retime(7),
            _ => Verdict::Keep,
        })
    });

    reviewed.unwrap();
    let sums = |bytes| Sums::from([("ann".to_owned(), bytes)]);
    assert_eq!(tally, Tally { kept: sums(2 * 0x400), dropped: sums(2 * 0x400) });
    note(&ledger, entry("new"));
    let mut left = Vec::new();
    let look = |entry: &Entry| {
        left.push((entry.name.as_str().to_owned(), entry.time_s));
        Ok(Verdict::Keep)
    };
    review(&ledger, look).1.unwrap();
    let left: Vec<_> = left.iter().map(|(name, time_s)| (name.as_str(), *time_s)).collect();
    assert_eq!(left, [("new", 1_800_000_000), ("kept", 1_800_000_000), ("old", 7)]);
}

#[test]
fn a_line_is_in_no_account_while_its_file_has_no_name_nor_if_it_gets_none() {
    let temp = TempDir::new();
    let ledger = open(&temp);
    let nothing_is_there = |_: &Entry| Ok(Verdict::Drop);

    let pending = ledger.note(entry("slow")).unwrap();
    assert_eq!(review(&ledger, nothing_is_there).0, Tally::default());
    pending.confirm();
    assert_eq!(names(&ledger), ["slow"], "it was not forgotten");
    drop(ledger.note(entry("none")).unwrap());
    assert_eq!(names(&ledger), ["slow"]);
    assert_eq!(review(&ledger, nothing_is_there).0.dropped.len(), 1);
    assert!(names(&ledger).is_empty());
}

#[test]
fn a_review_that_the_disk_breaks_off_forgets_nothing() {
    let temp = TempDir::new();
    let ledger = open(&temp);
    for name in ["a", "b", "c"] {
        note(&ledger, entry(name));
    }

    let (tally, broken) = review(&ledger, |entry| match entry.name.as_str() {
        "a" => Err(io::ErrorKind::Other.into()),
        _ => Ok(Verdict::Drop),
    });

    assert!(broken.is_err());
    assert_eq!(tally, Tally::default());
    assert_eq!(names(&ledger), ["c", "b", "a"]);
}

#[test]
fn a_long_ledger_is_many_segments_and_empty_ones_go() {
    let temp = TempDir::new();
    let ledger = open(&temp);
    let long = "x".repeat(200);
    let count = 3 * SEGMENT as usize / 200;
    for number in 0..count {
        note(&ledger, entry(&format!("a/{long}{number}")));
    }
    let last = ledger.tail().number;
    assert!(last >= 3, "{last}");
    drop(ledger);

    let ledger = open(&temp);
    assert_eq!(ledger.tail().number, last);
    assert_eq!(names(&ledger).len(), count);
    review(&ledger, |_| Ok(Verdict::Drop)).1.unwrap();

    assert!(!segment(&temp, 1).exists());
    assert!(names(&ledger).is_empty());
    note(&ledger, entry("a/new"));
    assert_eq!(names(&ledger), ["a/new"]);
}
