use super::*;
use crate::temp::TempDir;
use std::{fs, io::Write};

struct World {
    temp: TempDir,
    folder: Arc<Folder>,
    contents: Contents,
}

impl World {
    fn new() -> Self {
        let temp = TempDir::new();
        let folder = Arc::new(Folder::open(temp.path()).unwrap());
        let contents = Contents::open(Arc::clone(&folder)).unwrap().unwrap();
        Self { temp, folder, contents }
    }

    fn work(&self, leaf: &str, bytes: &[u8]) -> File {
        let mut file = self.folder.create_work(leaf).unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// Stores `bytes` under `name` without sharing, and remembers the content.
    fn store(&self, name: &str, bytes: &[u8]) {
        self.work(name, bytes);
        fs::hard_link(self.temp.path().join(".baton").join(name), self.temp.path().join(name))
            .unwrap();
        self.contents.remember(name, &SUM);
        self.folder.remove_work(name).unwrap();
    }

    fn twin_of(&self, bytes: &[u8]) -> bool {
        let data = self.work("data", bytes);
        let found = self.contents.twin(&data, &SUM, "data.twin").unwrap();
        self.folder.remove_work("data").unwrap();
        found
    }

    fn entries(&self) -> usize {
        fs::read_dir(&self.contents.path).unwrap().count()
    }
}

const SUM: Sum = [7; 32];

#[test]
fn a_twin_is_the_stored_file_itself() {
    let world = World::new();
    world.store("f", b"hello");

    assert!(world.twin_of(b"hello"));

    let inode = |path: &str| fs::metadata(world.temp.path().join(path)).unwrap().ino();
    assert_eq!(inode(".baton/data.twin"), inode("f"));
}

#[test]
fn a_content_changed_by_somebody_else_is_not_shared_and_leaves_the_index() {
    for changed in [&b"jello"[..], b"hello!", b""] {
        let world = World::new();
        world.store("f", b"hello");
        fs::write(world.temp.path().join("f"), changed).unwrap();

        assert!(!world.twin_of(b"hello"));

        assert_eq!((world.entries(), world.folder.list_work().unwrap().len()), (0, 1));
        assert_eq!(fs::read(world.temp.path().join("f")).unwrap(), changed, "it stays");
        world.store("g", b"hello");
        assert!(world.twin_of(b"hello"), "the next one takes its place");
    }
}

#[test]
fn an_entry_that_is_no_file_of_ours_is_dropped() {
    let world = World::new();
    let entry = world.contents.path.join(hex(&SUM));
    std::os::unix::fs::symlink("/etc/passwd", &entry).unwrap();

    assert!(!world.twin_of(b"hello"));

    assert_eq!(world.entries(), 0);
}

#[test]
fn tidying_drops_what_has_no_name_and_counts_what_is_spared() {
    let world = World::new();
    world.store("f", b"hello");
    let path = |name: &str| world.temp.path().join(name);
    assert_eq!(world.contents.tidy().unwrap(), Savings::default());
    fs::hard_link(path("f"), path("g")).unwrap();
    fs::hard_link(path("f"), path("h")).unwrap();

    assert_eq!(world.contents.tidy().unwrap(), Savings { files: 2, bytes: 10 });

    for name in ["f", "g", "h"] {
        assert_eq!(world.entries(), 1);
        fs::remove_file(path(name)).unwrap();
        world.contents.tidy().unwrap();
    }
    assert_eq!(world.entries(), 0);
}
