use crate::support::*;
use std::{path::Path, process::Command};

/// Runs `test` of this program in namespaces of its own, in which `BATON_STORE_DISK` is a file
/// system of 1 MiB.
fn on_a_small_disk(test: &str) -> bool {
    if std::env::var_os("BATON_STORE_DISK").is_some() {
        return true;
    }
    let temp = crate::temp::TempDir::new();
    let script = r#"mount -t tmpfs -o size=1m none "$BATON_STORE_DISK" && exec "$0" --exact "$1""#;
    let ran = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env("BATON_STORE_DISK", temp.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{ran:?}");
    false
}

fn small_disk() -> Server {
    let dir = std::env::var_os("BATON_STORE_DISK").unwrap();
    Server::serve(options(Path::new(&dir)))
}

#[test]
fn a_full_disk_keeps_the_partial_upload_for_later() {
    if !on_a_small_disk("disk::a_full_disk_keeps_the_partial_upload_for_later") {
        return;
    }
    let server = small_disk();
    let ballast = server.dir().join("ballast");
    std::fs::write(&ballast, noise(600_000)).unwrap();
    let bytes = noise(700_000);
    let mut client = server.client();
    let upload = create(&mut client, "f", Some(bytes.len()));

    let full = append(&mut client, &upload, 0, &bytes);

    full.assert_refused(507);
    let kept = full.offset().unwrap() as usize;
    assert!(kept > 200_000 && kept < 500_000, "{kept}");
    let mut client = server.client();
    assert_eq!(offset(&mut client, &upload) as usize, kept);
    append(&mut client, &upload, kept, &bytes[kept..kept + 50_000]).assert_refused(507);
    std::fs::remove_file(&ballast).unwrap();
    let mut client = server.client();
    let kept = offset(&mut client, &upload) as usize;
    assert_eq!(append(&mut client, &upload, kept, &bytes[kept..]).status, 204);
    assert_eq!(server.stored("f"), Some(bytes));
}

#[test]
fn a_put_on_a_full_disk_is_507_and_leaves_nothing() {
    if !on_a_small_disk("disk::a_put_on_a_full_disk_is_507_and_leaves_nothing") {
        return;
    }
    let server = small_disk();
    let bytes = noise(2_000_000);

    server.client().request(&put_line("f", bytes.len()), &[], &bytes).assert_refused(507);

    assert_eq!(server.stored("f"), None);
    until("nothing is left", || server.work_files().is_empty());
    let small = noise(500_000);
    assert_eq!(server.client().request(&put_line("g", small.len()), &[], &small).status, 201);
}

#[test]
fn no_upload_is_created_on_a_full_disk() {
    if !on_a_small_disk("disk::no_upload_is_created_on_a_full_disk") {
        return;
    }
    let server = small_disk();
    let ballast = server.dir().join("ballast");
    let filled = std::fs::write(&ballast, noise(2_000_000));
    assert!(filled.is_err(), "the disk is full now");

    try_create(&mut server.client(), "f", 5).assert_refused(507);

    assert!(server.work_files().is_empty());
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(try_create(&mut server.client(), "f", 5).status, 201);
}
