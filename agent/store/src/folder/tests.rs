use super::*;
use crate::temp::TempDir;
use std::os::unix::fs::symlink;

fn name(path: &str) -> Name {
    Name::parse(path).unwrap()
}

fn put(folder: &Folder, leaf: &str, bytes: &[u8]) {
    folder.create_work(leaf).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_placed_file_appears_whole_in_folders_made_for_it() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();
    put(&folder, "w", b"hello");

    folder.place("w", &name("a/b/c.txt")).unwrap();
    folder.remove_work("w").unwrap();

    assert_eq!(std::fs::read(temp.path().join("a/b/c.txt")).unwrap(), b"hello");
    assert_eq!(folder.find(&name("a/b/c.txt")).unwrap(), Found::File(5));
    assert_eq!(folder.find(&name("a/b")).unwrap(), Found::Other);
    assert_eq!(folder.find(&name("a/x")).unwrap(), Found::Nothing);
    assert_eq!(folder.find(&name("a/b/c.txt/d")).unwrap(), Found::Other);
    assert!(folder.list_work().unwrap().is_empty());
}

#[test]
fn placing_again_or_the_same_content_is_success_and_other_content_is_a_conflict() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();
    for (leaf, bytes) in [("one", b"same"), ("two", b"same"), ("three", b"diff")] {
        put(&folder, leaf, bytes);
    }
    put(&folder, "four", b"longer");
    let target = name("f");

    folder.place("one", &target).unwrap();
    folder.place("one", &target).unwrap();
    folder.place("two", &target).unwrap();

    assert!(matches!(folder.place("three", &target), Err(PlaceError::Conflict)));
    assert!(matches!(folder.place("four", &target), Err(PlaceError::Conflict)));
    assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"same");
}

#[test]
fn where_links_are_impossible_renaming_overwrites_nothing_either() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();
    for (leaf, bytes) in [("one", b"same"), ("two", b"same"), ("three", b"diff")] {
        put(&folder, leaf, bytes);
    }
    let rename =
        |leaf| folder.rename(leaf, &folder.open_work(leaf).unwrap(), &folder.root, &name("f"));

    rename("one").unwrap();
    rename("two").unwrap();

    assert!(matches!(rename("three"), Err(PlaceError::Conflict)));
    assert_eq!(std::fs::read(temp.path().join("f")).unwrap(), b"same");
    assert!(!folder.list_work().unwrap().contains(&"one".to_owned()));
}

#[test]
fn differences_beyond_the_first_block_are_seen() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();
    let mut bytes = vec![7; COMPARED * 2 + 10];
    put(&folder, "one", &bytes);
    *bytes.last_mut().unwrap() = 8;
    put(&folder, "two", &bytes);

    folder.place("one", &name("f")).unwrap();

    assert!(matches!(folder.place("two", &name("f")), Err(PlaceError::Conflict)));
}

#[test]
fn links_are_neither_read_nor_written_through() {
    let temp = TempDir::new();
    let outside = TempDir::new();
    std::fs::write(outside.path().join("secret"), b"x").unwrap();
    let folder = Folder::open(temp.path()).unwrap();
    symlink(outside.path(), temp.path().join("dir")).unwrap();
    symlink(outside.path().join("secret"), temp.path().join("file")).unwrap();
    symlink(outside.path().join("new"), temp.path().join("dangling")).unwrap();
    put(&folder, "w", b"y");

    for path in ["dir/secret", "file", "dangling"] {
        let error = folder.read(&name(path)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound, "{path}");
        assert_eq!(folder.find(&name(path)).unwrap(), Found::Other, "{path}");
    }
    for path in ["dir/new", "dir/sub/new", "file", "dangling"] {
        let placed = folder.place("w", &name(path));
        assert!(matches!(placed, Err(PlaceError::Conflict)), "{path}: {placed:?}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"x");
}

#[test]
fn a_fifo_is_not_found_and_blocks_nobody() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();
    nix::unistd::mkfifo(&temp.path().join("pipe"), Mode::S_IRWXU).unwrap();

    let error = folder.read(&name("pipe")).unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(folder.find(&name("pipe")).unwrap(), Found::Other);
}

#[test]
fn the_folder_is_served_once_at_a_time() {
    let temp = TempDir::new();
    let first = Folder::open(temp.path()).unwrap();

    assert!(matches!(Folder::open(temp.path()), Err(OpenError::Busy)));
    drop(first);
    assert!(Folder::open(temp.path()).is_ok());
}

#[test]
fn a_work_folder_that_is_a_link_is_refused() {
    let temp = TempDir::new();
    let outside = TempDir::new();
    symlink(outside.path(), temp.path().join(WORK_FOLDER)).unwrap();

    assert!(matches!(Folder::open(temp.path()), Err(OpenError::Io(_))));
}

#[test]
fn a_small_file_is_replaced_as_a_whole() {
    let temp = TempDir::new();
    let folder = Folder::open(temp.path()).unwrap();

    folder.write_work("i", b"long text", true).unwrap();
    folder.write_work("i", b"short", false).unwrap();

    assert_eq!(std::fs::read(temp.path().join(WORK_FOLDER).join("i")).unwrap(), b"short");
    assert_eq!(folder.list_work().unwrap(), ["i"]);
}
