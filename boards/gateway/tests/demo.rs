//! `baton demo` from outside, with a small file of one's own.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

#[test]
fn a_file_arrives_whole_though_links_in_namespaces_are_taken_away() {
    the_file_arrives("kernel");
}

#[test]
fn a_file_arrives_whole_though_links_over_loopback_are_taken_away() {
    the_file_arrives("loopback");
}

fn the_file_arrives(links: &str) {
    let folder = Folder::new(links);
    let (file, hash) = folder.file("holiday.mp4", 8 << 20);

    let output = folder.demo(&["--links", links, "--file", &file]).output().unwrap();

    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let last: Vec<&str> = told.lines().rev().take(3).collect();
    assert_eq!(last[0], "SHA-256 equal", "{told}");
    assert_eq!(last[1], format!("stored  {hash}"), "{told}");
    assert_eq!(last[2], format!("sent    {hash}"), "{told}");
    for evidence in ["carrier_lost", "silent", "outranked"] {
        assert!(rows(&told).any(|row| row.contains(evidence)), "no switch by {evidence}: {told}");
    }
    assert!(!told.contains('\x1b'), "no escapes in a pipe");
    assert_eq!(folder.left_behind(), Vec::<PathBuf>::new());
}

/// The table at the end.
fn rows(told: &str) -> impl Iterator<Item = &str> {
    told.lines()
        .skip_while(|line| !line.trim_start().starts_with("AT "))
        .skip(1)
        .take_while(|line| !line.is_empty())
}

#[test]
fn scripts_get_one_object_and_a_file_too_short_for_the_play_arrives_as_well() {
    let folder = Folder::new("json");
    let (file, hash) = folder.file("note.txt", 70_000);

    let output = folder.demo(&["--json", "--links", "loopback", "--file", &file]).output().unwrap();

    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["links"], "loopback");
    assert_eq!(told["size"], 70_000);
    assert_eq!(told["sha256_sent"], hash);
    assert_eq!(told["sha256_stored"], hash);
    assert_eq!(told["equal"], true);
}

#[test]
fn where_the_kernel_refuses_namespaces_it_says_so_and_plays_over_loopback() {
    let folder = Folder::new("refused");
    let (file, _) = folder.file("note.txt", 70_000);
    let demo = folder.demo(&["--file", &file]);
    let refuse = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"";
    let mut within = Command::new("unshare");
    within.args(["--user", "--map-root-user", "sh", "-c", refuse, "sh"]);
    within.arg(demo.get_program()).args(demo.get_args()).env("TMPDIR", folder.temp());

    let output = within.stdin(Stdio::null()).output().expect("unshare (package util-linux) runs");

    let told = text(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("user.max_user_namespaces=0"), "{told}");
    assert!(told.contains("over loopback") && told.ends_with("SHA-256 equal\n"), "{told}");
    assert_eq!(folder.left_behind(), Vec::<PathBuf>::new());
}

#[test]
fn without_a_file_of_that_name_it_does_not_begin() {
    let folder = Folder::new("missing");

    let output = folder.demo(&["--file", "/nonexistent/file"]).output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("/nonexistent/file"), "{}", text(&output));
}

#[test]
fn interrupted_it_leaves_nothing_behind() {
    for links in ["kernel", "loopback"] {
        let folder = Folder::new("interrupted");
        let (file, _) = folder.file("holiday.mp4", 8 << 20);
        let mut demo = folder
            .demo(&["--links", links, "--file", &file])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(demo.stdout.take().unwrap()).lines();
        told.find(|line| line.as_ref().unwrap().contains("pulls the cable")).unwrap().unwrap();

        Command::new("kill").args(["-INT", &demo.id().to_string()]).status().unwrap();
        let status = demo.wait().unwrap();

        assert_eq!((status.code(), status.signal()), (Some(1), None));
        assert_eq!(folder.left_behind(), Vec::<PathBuf>::new());
    }
}

/// A folder with a TMPDIR in it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("baton-test-demo-{name}-{}", std::process::id()));
        fs::create_dir_all(path.join("tmp")).unwrap();
        Self(path)
    }

    /// A file of `size` bytes in it, and their SHA-256.
    fn file(&self, name: &str, size: u64) -> (String, String) {
        let mut bytes = Vec::new();
        fs::File::open("/dev/urandom").unwrap().take(size).read_to_end(&mut bytes).unwrap();
        fs::write(self.0.join(name), &bytes).unwrap();
        let hash = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (self.0.join(name).to_str().unwrap().to_owned(), hash)
    }

    fn demo(&self, arguments: &[&str]) -> Command {
        let mut demo = Command::new(env!("CARGO_BIN_EXE_baton"));
        demo.arg("demo").args(arguments).env("TMPDIR", self.temp()).stdin(Stdio::null());
        demo
    }

    fn temp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        list(&self.temp())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}
