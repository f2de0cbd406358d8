//! Replays every file that discovery or a person has put into `corpus/`.

use baton_fuzz::TARGETS;
use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("every target has a corpus");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_promise_holds_for_every_file_of_the_corpora() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let files = files(&corpus().join(target.name));
        assert!(!files.is_empty(), "{} has no seed", target.name);
        for path in files {
            let data = fs::read(&path).expect("it can be read");
            if catch_unwind(|| (target.run)(&data)).is_err() {
                broken.push(path);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_corpus_has_a_target() {
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();

    assert_eq!(names.len(), TARGETS.len(), "a name stands for one target");
    for path in files(&corpus()) {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII");
        assert!(names.contains(name), "{name} is no target");
    }
}

#[test]
fn every_target_survives_what_breaks_parsers() {
    let long = vec![b'a'; 70_000];
    let cases: [&[u8]; 8] =
        [b"", b"\0", b"\r\n", b"\xff\xff\xff\xff", b"\xef\xbb\xbf", b"\"", b"%", &long];

    for target in TARGETS {
        cases.iter().for_each(|case| (target.run)(case));
    }
}
