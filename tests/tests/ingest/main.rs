//! What clients on the LAN speak: every protocol end to end, with the client cut off and links lost
//! on the way; and what they get wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chunked;
mod downloads;
mod draft;
mod form;
mod tus;

use baton_lab::{Rate, now};
use baton_tests::{Raw, Said, Scene, Setup};
use chunked::*;
use core::fmt::Display;
use core::time::Duration;
use downloads::*;
use draft::*;
use form::*;
use std::path::Path;
use tus::*;

baton_lab::tests_side_by_side![
    a_tus_client_that_was_cut_goes_on_over_a_lost_link,
    a_tus_upload_is_whole_only_once_the_upstream_has_it,
    a_tus_length_may_come_late_and_not_be_too_small,
    a_tus_upload_is_given_up_here_and_upstream,
    a_tus_upload_is_forgotten_by_a_restart_and_begun_again,
    a_tus_upload_that_nobody_comes_back_to_expires,
    what_tus_clients_get_wrong_is_refused,
    a_draft_client_of_every_version_is_told_where_to_resume,
    a_draft_client_creates_carefully_and_ends_later,
    what_draft_clients_get_wrong_is_refused,
    a_form_brings_a_file_over_a_lost_link,
    who_knows_the_secret_may_post_where_tokens_are_wanted,
    what_is_wrong_with_a_form_is_said,
    chunks_in_reverse_order_are_put_together,
    a_chunk_that_was_cut_is_sent_again,
    what_chunked_clients_get_wrong_is_refused,
    a_download_crosses_a_lost_carrier_and_a_black_hole_unbroken,
    a_part_of_a_file_stays_that_part_over_a_switch,
    a_file_that_changes_on_the_way_is_never_glued_together,
    a_download_breaks_off_where_that_is_configured,
    conditions_of_a_client_are_the_upstreams_to_judge,
];

const MIB: u64 = 1 << 20;

/// Links on which waiting is not for bytes.
fn quick() -> Setup {
    Setup { delay: Duration::from_millis(2), rate: Rate::Bps(400_000_000), ..Setup::default() }
}

/// A request with these fields, and its answer.
fn ask(client: &mut Raw, line: impl Display, fields: &str, body: &[u8]) -> Said {
    let line = line.to_string();
    send(client, &line, fields, body.len(), body);
    if line.starts_with("HEAD") { client.answer_to_head() } else { client.answer() }
}

/// A request that says another length than it has, or waits for nothing.
fn send(client: &mut Raw, line: impl Display, fields: &str, length: usize, body: &[u8]) {
    client
        .say(format!("{line} HTTP/1.1\r\nHost: agent\r\nContent-Length: {length}\r\n{fields}\r\n"));
    client.say(body);
}

/// A file and what is in it.
fn file(scene: &Scene, size: u64) -> (std::path::PathBuf, Vec<u8>) {
    let path = scene.file("original", size);
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

/// Waits until a number that `read` gives stands still.
fn settled(mut read: impl FnMut() -> u64) -> u64 {
    let end = now() + Duration::from_secs(10);
    let mut before = read();
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let next = read();
        if next == before {
            return next;
        }
        assert!(now() < end, "it goes on and on: {next}");
        before = next;
    }
}

fn assert_stored(scene: &Scene, file: &Path, name: &str) {
    scene.assert_stored(file, name);
    let left = scene.command_json(&["uploads"]).unwrap();
    assert!(left.as_array().unwrap().is_empty(), "{left}");
}
