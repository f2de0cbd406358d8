//! What people, disks and networks get wrong: clear errors, nothing lost, nothing leaked, and the
//! agent goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod disks;
mod operators;
mod requests;
mod upstreams;

use baton_lab::Rate;
use baton_tests::{Raw, Said, Scene, Setup, wait_until};
use clients::*;
use core::time::Duration;
use disks::*;
use operators::*;
use requests::*;
use upstreams::*;

baton_lab::tests![
    tokens_that_do_not_fit_are_refused_and_say_what_to_do,
    an_agent_that_wants_tokens_refuses_bad_ones_itself,
    names_that_play_tricks_reach_no_file,
    an_early_no_is_heard_by_a_client_that_is_still_sending,
    bodies_that_are_not_as_long_as_they_claim_are_refused,
    a_client_that_stops_in_the_middle_is_told_so,
    a_byte_a_second_is_served_and_holds_up_nobody,
    a_head_that_trickles_in_does_not_keep_a_seat,
    a_client_that_vanishes_leaves_nothing_behind,
    a_client_that_takes_nothing_of_its_answer_is_let_go,
    a_full_disk_upstream_is_said_to_be_full,
    a_full_disk_under_the_spool_costs_the_replay_and_not_the_upload,
    a_file_larger_than_the_spool_survives_until_a_cut_and_then_names_the_key,
    a_spool_folder_that_can_not_be_is_told_at_start,
    every_kind_of_mistake_in_a_configuration_is_named,
    a_second_agent_is_told_so_and_harms_nothing,
    a_strict_return_path_filter_is_reported_with_its_cure,
    a_request_that_comes_in_by_a_wan_is_refused,
    a_token_lets_uploads_in_by_a_wan_and_opens_no_proxy,
    links_down_for_longer_than_hold_are_a_503_and_shorter_are_not_noticed,
    an_upstream_that_never_answers_is_a_503,
    an_upstream_that_stops_answering_in_the_middle_is_a_503,
    a_captive_portal_on_one_link_is_left_for_another,
    a_captive_portal_on_every_link_never_counts_as_stored,
];

const MIB: u64 = 1 << 20;

/// Links on which waiting is not for bytes.
fn quick() -> Setup {
    Setup { delay: Duration::from_millis(2), rate: Rate::Bps(400_000_000), ..Setup::default() }
}

/// Links on which an upload of some MiB takes long enough to be disturbed.
fn slow() -> Setup {
    Setup { delay: Duration::from_millis(5), rate: Rate::Bps(20_000_000), ..Setup::default() }
}

/// A PUT whose length is right.
fn put(client: &mut Raw, target: &str, body: &str) -> Said {
    let length = body.len();
    client.say(format!(
        "PUT {target} HTTP/1.1\r\nHost: agent\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    client.answer()
}

/// Waits until every upload under way has brought `bytes`, and there are `count`.
fn wait_for_uploads(scene: &Scene, count: usize, bytes: u64) {
    wait_until("uploads to be under way", Duration::from_secs(20), || {
        let uploads = scene.command_json(&["uploads"])?;
        let moving = |upload: &&serde_json::Value| upload["received"].as_u64() >= Some(bytes);
        (uploads.as_array()?.iter().filter(moving).count() == count).then_some(())
    });
}
