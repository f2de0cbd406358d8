use super::*;
use crate::temp::TempDir;
use std::{fs, io::Write, os::unix::fs::MetadataExt};

struct World {
    temp: TempDir,
    shelf: Shelf,
}

impl World {
    fn new() -> Self {
        Self::open(TempDir::new(), true)
    }

    fn open(temp: TempDir, share: bool) -> Self {
        let folder = Arc::new(Folder::open(temp.path()).unwrap());
        let shelf = Shelf::open(folder, share, true).unwrap();
        Self { temp, shelf }
    }

    /// As after a crash.
    fn restart(self) -> Self {
        drop(self.shelf);
        Self::open(self.temp, true)
    }

    fn work(&self, leaf: &str, bytes: &[u8]) {
        self.shelf.folder.create_work(leaf).unwrap().write_all(bytes).unwrap();
    }

    fn store(&self, path: &str, bytes: &[u8]) -> Placed {
        self.work("work", bytes);
        let placed = self.place("work", path).unwrap();
        self.shelf.folder.remove_work("work").unwrap();
        placed
    }

    fn place(&self, leaf: &str, path: &str) -> Result<Placed, PlaceError> {
        self.shelf.place(leaf, &name(path), &User::of(&name(path)), at(0))
    }

    fn review(&self, ttl_s: Option<u64>, now: SystemTime) -> Tally {
        let mut tally = Tally::default();
        self.shelf.review(ttl_s.map(Duration::from_secs), now, &mut tally).unwrap();
        tally
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.temp.path().join(path)
    }

    fn inode(&self, path: &str) -> u64 {
        fs::metadata(self.path(path)).unwrap().ino()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.path(path)).ok()
    }
}

fn name(path: &str) -> Name {
    Name::parse(path).unwrap()
}

/// So many seconds after the tests' files are stored.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn sums(pairs: &[(&str, u64)]) -> crate::ledger::Sums {
    pairs.iter().map(|(user, bytes)| ((*user).to_owned(), *bytes)).collect()
}

#[test]
fn the_same_content_is_stored_once_under_every_name() {
    let world = World::new();

    world.store("ann/1/f", b"hello");
    world.store("bob/2/g", b"hello");
    world.store("bob/2/h", b"other");

    assert_eq!(world.inode("ann/1/f"), world.inode("bob/2/g"));
    assert_ne!(world.inode("ann/1/f"), world.inode("bob/2/h"));
    assert_eq!(world.read("bob/2/g").unwrap(), b"hello");
    assert_eq!(world.shelf.tidy().unwrap(), Savings { files: 1, bytes: 5 });
    fs::remove_file(world.path("ann/1/f")).unwrap();
    assert_eq!(world.read("bob/2/g").unwrap(), b"hello", "each name stands alone");
}

#[test]
fn without_sharing_every_name_has_a_file_of_its_own() {
    let world = World::open(TempDir::new(), false);

    world.store("f", b"hello");
    world.store("g", b"hello");

    assert_ne!(world.inode("f"), world.inode("g"));
    assert!(!world.path(".baton/sha256").exists());
}

#[test]
fn sharing_overwrites_nothing() {
    let world = World::new();
    world.store("f", b"hello");
    fs::write(world.path("g"), b"there").unwrap();
    world.work("work", b"hello");

    assert!(matches!(world.place("work", "g"), Err(PlaceError::Conflict)));
    assert_eq!(world.place("work", "f").unwrap(), Placed::Same);

    assert_eq!(world.read("g").unwrap(), b"there");
    let left = world.shelf.folder.list_work().unwrap();
    assert!(!left.iter().any(|leaf| leaf.ends_with(TWIN)), "{left:?}");
}

#[test]
fn what_somebody_changed_does_not_spread_to_new_names() {
    let world = World::new();
    world.store("f", b"hello");
    fs::write(world.path("f"), b"jello").unwrap();

    world.store("g", b"hello");
    world.store("h", b"hello");

    assert_eq!(world.read("g").unwrap(), b"hello");
    assert_eq!(world.inode("g"), world.inode("h"), "the intact one is shared from now on");
    assert_eq!(world.read("f").unwrap(), b"jello", "it is theirs now");
}

#[test]
fn a_file_at_its_limit_of_links_gives_way_to_the_next() {
    let world = World::new();
    world.store("f", b"hello");
    // ext4 takes 65000, other file systems more: as many as it takes, up to that.
    let limit = (0..65_000).find(|number| {
        fs::hard_link(world.path("f"), world.path(&format!("link{number}"))).is_err()
    });
    if limit.is_none() {
        return;
    }

    world.store("g", b"hello");
    world.store("h", b"hello");

    assert_ne!(world.inode("f"), world.inode("g"));
    assert_eq!(world.inode("g"), world.inode("h"));
}

/// What every step of placing leaves when the power goes, made by hand.
#[test]
fn a_crash_at_any_step_of_sharing_is_carried_on_from() {
    for step in 0..5 {
        let world = World::new();
        world.store("ann/f", b"hello");
        world.work("work", b"hello");
        let (work, index) = (world.path(".baton"), world.path(".baton/sha256"));
        let twin = work.join("work.twin");
        let entry = fs::read_dir(&index).unwrap().next().unwrap().unwrap().path();
        if step > 0 {
            fs::hard_link(&entry, &twin).unwrap();
        }
        if step > 1 {
            let mark = world.shelf.folder.mark(&name("ann/f")).unwrap().unwrap();
            let user = User::parse("bob").unwrap();
            let time_s = unix_s(at(0));
            let entry = Entry { time_s, mark, user, name: name("bob/g") };
            world.shelf.ledger.note(entry).unwrap().confirm();
        }
        if step > 2 {
            fs::create_dir(world.path("bob")).unwrap();
        }
        if step > 3 {
            fs::hard_link(&twin, world.path("bob/g")).unwrap();
        }

        let world = world.restart();
        let before = world.review(None, at(1));
        let placed = world.place("work", "bob/g").unwrap();
        world.shelf.folder.remove_work("work").unwrap();
        world.shelf.folder.remove_work("work.twin").unwrap();

        assert_eq!(world.read("bob/g").unwrap(), b"hello", "step {step}");
        assert_eq!(world.inode("ann/f"), world.inode("bob/g"), "step {step}");
        let is_there = step > 3;
        assert_eq!(placed, if is_there { Placed::Same } else { Placed::New });
        assert_eq!(before.kept.contains_key("bob"), is_there, "step {step}");
        let world = world.restart();
        assert_eq!(world.review(None, at(2)).kept, sums(&[("ann", 5), ("bob", 5)]), "step {step}");
        assert_eq!(world.shelf.tidy().unwrap(), Savings { files: 1, bytes: 5 });
    }
}

#[test]
fn the_index_may_be_lost_and_comes_back() {
    let world = World::new();
    world.store("f", b"hello");
    fs::remove_dir_all(world.path(".baton/sha256")).unwrap();

    let world = world.restart();
    world.store("g", b"hello");
    world.store("h", b"hello");

    assert_eq!(world.inode("g"), world.inode("h"));
}

#[test]
fn a_file_goes_when_its_time_is_over_and_its_empty_folders_with_it() {
    let world = World::new();
    world.store("ann/1/f", b"hello");
    world.store("ann/2/g", b"other");
    fs::write(world.path("ann/2/notes"), b"theirs").unwrap();

    assert_eq!(world.review(Some(60), at(59)).kept, sums(&[("ann", 10)]));
    let tally = world.review(Some(60), at(60));

    assert_eq!(tally.dropped, sums(&[("ann", 10)]));
    assert!(!world.path("ann/1").exists() && !world.path("ann/2/g").exists());
    assert_eq!(world.read("ann/2/notes").unwrap(), b"theirs", "we did not store it");
    assert_eq!(world.review(Some(60), at(61)), Tally::default());
    world.shelf.tidy().unwrap();
    assert_eq!(fs::read_dir(world.path(".baton/sha256")).unwrap().count(), 0, "the space is free");
}

#[test]
fn of_a_shared_content_each_name_has_its_own_time() {
    let world = World::new();
    world.store("ann/f", b"hello");
    world.work("work", b"hello");
    world.shelf.place("work", &name("bob/g"), &User::default(), at(50)).unwrap();

    world.review(Some(60), at(70));

    assert!(!world.path("ann").exists());
    assert_eq!(world.read("bob/g").unwrap(), b"hello");
}

#[test]
fn what_others_put_in_place_of_a_stored_file_or_changed_is_never_removed() {
    let world = World::new();
    for file in ["replaced", "changed", "untouched"] {
        world.store(file, file.as_bytes());
    }
    fs::write(world.path("new"), b"new").unwrap();
    fs::rename(world.path("new"), world.path("replaced")).unwrap();
    fs::File::options().append(true).open(world.path("changed")).unwrap().write_all(b"!").unwrap();

    let tally = world.review(Some(60), at(3600));

    assert!(world.path("replaced").exists() && world.path("changed").exists());
    assert!(!world.path("untouched").exists());
    assert_eq!(tally.kept, sums(&[]));
}

#[test]
fn a_folder_that_came_from_a_backup_is_still_ours() {
    let world = World::new();
    world.store("ann/f", b"hello");
    let stored = fs::metadata(world.path("ann/f")).unwrap();
    fs::write(world.path("copy"), b"hello").unwrap();
    let copy = fs::File::options().write(true).open(world.path("copy")).unwrap();
    copy.set_modified(stored.modified().unwrap()).unwrap();
    fs::rename(world.path("copy"), world.path("ann/f")).unwrap();
    assert_ne!(world.inode("ann/f"), stored.ino());

    assert_eq!(world.review(Some(60), at(0)).kept, sums(&[("ann", 5)]));
    world.review(Some(60), at(60));

    assert!(!world.path("ann").exists());
}

#[test]
fn a_time_told_by_a_clock_that_was_not_set_is_no_age() {
    let world = World::new();
    world.work("work", b"hello");
    let boot = SystemTime::UNIX_EPOCH + Duration::from_secs(30);
    world.shelf.place("work", &name("f"), &User::default(), boot).unwrap();

    world.review(Some(60), boot + Duration::from_secs(3600));
    assert!(world.path("f").exists(), "the clock is still not set");
    world.review(Some(60), at(0));
    world.review(Some(60), at(59));
    assert!(world.path("f").exists());
    world.review(Some(60), at(60));
    assert!(!world.path("f").exists());
}

#[test]
fn a_name_that_was_stored_again_counts_once_and_by_its_new_time() {
    let world = World::new();
    world.store("ann/f", b"hello");
    fs::remove_file(world.path("ann/f")).unwrap();
    world.work("work", b"hello");
    world.shelf.place("work", &name("ann/f"), &User::of(&name("ann/f")), at(50)).unwrap();

    let tally = world.review(Some(60), at(70));

    assert!(world.path("ann/f").exists());
    assert_eq!((tally.kept, tally.dropped), (sums(&[("ann", 5)]), sums(&[("ann", 5)])));
}

#[test]
fn a_file_that_did_not_get_its_name_is_in_no_account() {
    let world = World::new();
    fs::write(world.path("ann"), b"in the way").unwrap();
    world.work("work", b"hello");

    assert!(matches!(world.place("work", "ann/f"), Err(PlaceError::Conflict)));
    let tally = world.review(None, at(0));

    assert_eq!(tally, Tally::default());
}

#[test]
fn digests_are_known_of_what_was_stored_last() {
    let world = World::new();
    world.store("f", b"hello");
    let mark = |path: &str| world.shelf.folder.mark(&name(path)).unwrap().unwrap();
    let first = mark("f");

    let sum = world.shelf.known_sum(first).unwrap();
    assert_eq!(digest::hex(&sum)[..8], *"2cf24dba");
    for number in 0..SUMS {
        world.store("other", format!("{number}").as_bytes());
        fs::remove_file(world.path("other")).unwrap();
    }
    assert_eq!(world.shelf.known_sum(first), None);
}
