use super::*;
use baton_hal::Error;
use baton_hal::conformance;

struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("baton-{name}-{}", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn passes_the_conformance_suite() {
    let folder = Temporary::new("segments");

    conformance::segments::run(&FileSegments::open(&folder.0.join("made")).unwrap());
}

#[test]
fn a_folder_has_one_user_at_a_time() {
    let folder = Temporary::new("one-user");
    let first = FileSegments::open(&folder.0).unwrap();

    let second = FileSegments::open(&folder.0).unwrap_err();
    assert_eq!(second.kind(), ErrorKind::NotPermitted);
    assert!(second.to_string().contains("another agent"), "{second}");

    drop(first);
    assert!(FileSegments::open(&folder.0).is_ok());
}

#[test]
fn foreign_files_are_overlooked_and_ours_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Temporary::new("foreign");
    let segments = FileSegments::open(&folder.0).unwrap();
    for name in ["lost+found", "+1-1.spool", "1-1.spool", "x.spool", "0000000000000001-00000000"] {
        std::fs::write(folder.0.join(name), "").unwrap();
    }

    segments.create(Position { chain: 1, index: 0 }).unwrap();

    let mut listed = Vec::new();
    segments.list(&mut |at, len| listed.push((at, len))).unwrap();
    assert_eq!(listed, [(Position { chain: 1, index: 0 }, 0)]);
    let ours = folder.0.join("0000000000000001-00000000.spool");
    assert_eq!(std::fs::metadata(ours).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_disk_in_memory_is_told_from_one_that_lasts() {
    assert_eq!(volatile(Path::new("/dev/shm/none/such")), Some("tmpfs"));
    assert_eq!(volatile(Path::new("/proc")), None);
}
