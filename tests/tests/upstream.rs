//! Upstreams that misbehave: never a false success, never a lost byte, a clear word when it is
//! truly impossible, and the agent goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_lab::{Rate, Sandbox};
use baton_tests::{
    Admission, Asked, Deed, Dialect, Early, Scene, Script, Scripted, Setup, Upstream,
};
use baton_wire::resumable::Interop;
use core::time::Duration;
use std::thread;

baton_lab::tests_side_by_side![
    a_slow_server_is_waited_for,
    a_slow_put_server_is_waited_for,
    a_server_that_cuts_connections_at_random_gets_every_byte,
    a_fencing_server_that_cuts_connections_at_random_gets_every_byte,
    a_server_that_keeps_nothing_of_a_cut_request_gets_every_byte,
    a_put_server_that_cuts_connections_at_random_gets_the_file_in_the_end,
    a_server_that_answers_409_for_a_while_after_a_cut_gets_every_byte,
    a_server_that_answers_423_for_a_while_after_a_cut_gets_every_byte,
    a_server_that_answers_503_after_a_cut_is_left_alone_for_as_long_as_it_asks,
    a_put_server_that_answers_503_for_a_while_after_a_cut_gets_the_file,
    a_server_that_is_busy_when_a_link_dies_gets_every_byte,
    a_server_that_locks_a_half_open_upload_gets_every_byte_after_a_black_hole,
    a_killed_store_goes_on_where_it_was,
    a_killed_store_gets_the_put_again,
    an_upload_that_was_forgotten_before_it_was_acknowledged_is_created_again,
    an_upload_that_was_forgotten_is_reported,
    a_server_that_goes_back_behind_its_word_is_reported,
    a_server_that_claims_more_than_was_sent_is_reported,
    a_fencing_server_that_claims_more_than_was_sent_is_reported,
    a_server_that_stays_busy_is_given_up_after_the_configured_time,
    a_broken_file_that_is_in_the_way_is_no_success,
    a_file_whose_answer_was_lost_is_found_whole,
    a_put_server_that_answers_early_and_stores_is_believed_only_in_the_end,
    a_portal_that_answers_a_put_early_is_no_success,
    a_refusal_before_the_body_is_the_verdict_and_no_link_is_blamed,
    a_server_that_signs_the_type_of_the_header_takes_a_file,
    a_server_that_signs_the_type_of_the_name_takes_a_file_and_the_next_at_once,
    a_server_that_takes_neither_type_is_asked_twice,
    a_slot_of_prosody_takes_a_file,
    a_form_is_taken_on_its_receipt,
    a_server_of_the_draft_that_cuts_connections_at_random_gets_every_byte,
    a_server_of_the_draft_that_locks_a_half_open_upload_gets_every_byte_after_a_black_hole,
    a_server_of_the_draft_that_missed_the_end_is_told_again,
    an_empty_file_is_ended_in_the_draft_too,
    appends_are_as_short_as_the_server_wants_them,
    a_server_of_an_older_draft_is_spoken_to_in_its_version,
    a_server_of_the_draft_that_goes_back_behind_its_word_is_reported,
    a_server_of_chunks_that_cuts_connections_at_random_gets_every_byte,
    a_server_of_chunks_gets_every_byte_after_a_black_hole,
    a_server_of_chunks_that_forgets_a_session_gets_the_file_again,
    an_empty_file_is_one_empty_chunk,
    chunks_are_kept_where_the_file_is_larger_than_the_spool,
    of_two_uploads_in_one_session_none_is_mixed_with_the_other,
    auto_finds_what_the_server_speaks_and_remembers_it,
    whatever_links_and_server_do_together_the_file_arrives,
    whatever_links_do_and_whenever_the_store_is_killed_the_file_arrives,
];

const MIB: u64 = 1 << 20;

fn a_slow_server_is_waited_for(sandbox: &Sandbox) {
    let think = Duration::from_millis(150);
    let scene = scene(sandbox, Script { think, ..Script::default() });

    assert_arrives(&scene, 2 * MIB);
}

fn a_slow_put_server_is_waited_for(sandbox: &Sandbox) {
    // It thinks twice, over the file and over the proof, within the 4 s that the client waits.
    let scene = scene(sandbox, Script { think: Duration::from_millis(1500), ..put() });

    assert_arrives(&scene, MIB);
    assert_eq!(requests(&scene, "PUT").len(), 1, "it is not asked twice");
}

fn a_server_that_cuts_connections_at_random_gets_every_byte(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { cuts_within: Some(MIB), ..Script::default() });

    assert_arrives(&scene, 12 * MIB);
    assert!(connections(&scene) > 10, "{}", connections(&scene));
}

fn a_fencing_server_that_cuts_connections_at_random_gets_every_byte(sandbox: &Sandbox) {
    let dialect = Dialect::FencedTus;
    let scene = scene(sandbox, Script { dialect, cuts_within: Some(MIB), ..Script::default() });

    assert_arrives(&scene, 12 * MIB);
    assert!(connections(&scene) > 10, "{}", connections(&scene));
}

fn a_server_that_keeps_nothing_of_a_cut_request_gets_every_byte(sandbox: &Sandbox) {
    let script = Script { cuts_within: Some(MIB), drops_partial: true, ..Script::default() };
    let scene = scene(sandbox, script);

    assert_arrives(&scene, 12 * MIB);
}

fn a_put_server_that_cuts_connections_at_random_gets_the_file_in_the_end(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { cuts_within: Some(6 * MIB), ..put() });

    assert_arrives(&scene, 3 * MIB);
    assert!(requests(&scene, "PUT").len() > 1, "seed 1 cuts the first");
}

fn a_server_that_answers_409_for_a_while_after_a_cut_gets_every_byte(sandbox: &Sandbox) {
    refused_for_a_while(sandbox, 409);
}

fn a_server_that_answers_423_for_a_while_after_a_cut_gets_every_byte(sandbox: &Sandbox) {
    refused_for_a_while(sandbox, 423);
}

fn refused_for_a_while(sandbox: &Sandbox, status: u16) {
    let deed = Deed::Refuse { status, retry_after_s: None, lasts: Duration::from_secs(2) };
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, deed)), ..Script::default() });

    assert_arrives(&scene, 8 * MIB);
    let refused = refusals(&scene);
    assert!((3..10).contains(&refused.len()), "asked ever more slowly: {refused:#?}");
    // The second step of the backoff is at most 400 ms.
    assert!(refused[1].at - refused[0].at < Duration::from_millis(600), "{refused:#?}");
}

fn a_server_that_answers_503_after_a_cut_is_left_alone_for_as_long_as_it_asks(sandbox: &Sandbox) {
    let deed =
        Deed::Refuse { status: 503, retry_after_s: Some(3), lasts: Duration::from_millis(2500) };
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, deed)), ..Script::default() });

    assert_arrives(&scene, 8 * MIB);
    let refused = refusals(&scene);
    assert_eq!(refused.len(), 1, "Retry-After is longer than the trouble: {refused:#?}");
}

fn a_put_server_that_answers_503_for_a_while_after_a_cut_gets_the_file(sandbox: &Sandbox) {
    let deed = Deed::Refuse { status: 503, retry_after_s: Some(1), lasts: Duration::from_secs(2) };
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, deed)), ..put() });

    assert_arrives(&scene, 8 * MIB);
}

fn a_server_that_is_busy_when_a_link_dies_gets_every_byte(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script::default());
    let file = scene.file("a.bin", 8 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);

    scene.wait_for_bytes(3 * MIB);
    scene.lab.link("eth0").carrier(false).unwrap();
    scripted(&scene).refuse(423, None, Duration::from_secs(2));
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

fn a_server_that_locks_a_half_open_upload_gets_every_byte_after_a_black_hole(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { lock: Duration::from_secs(3), ..Script::default() });

    assert_arrives_after_a_hole(&scene);
}

fn a_killed_store_goes_on_where_it_was(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, Setup::default());
    let file = scene.file("a.bin", 16 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);

    for (quarter, pause) in [(1, 0), (2, 500), (3, 3000)] {
        scene.wait_for_bytes(quarter * 4 * MIB);
        scene.kill_upstream();
        thread::sleep(Duration::from_millis(pause));
        scene.start_upstream();
    }
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    assert!(scene.payload_up() < 21 * MIB, "{} crossed for 16 MiB", scene.payload_up());
    assert_goes_on(&scene);
}

fn a_killed_store_gets_the_put_again(sandbox: &Sandbox) {
    let mut scene = Scene::new(sandbox, Setup { protocol: "put", ..Setup::default() });
    let file = scene.file("a.bin", 8 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);

    scene.wait_for_bytes(5 * MIB);
    scene.kill_upstream();
    thread::sleep(Duration::from_secs(1));
    scene.start_upstream();
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    assert_goes_on(&scene);
}

fn an_upload_that_was_forgotten_before_it_was_acknowledged_is_created_again(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { turn: Some((1, Deed::Forget)), ..Script::default() });

    assert_arrives(&scene, 8 * MIB);
    assert_eq!(requests(&scene, "POST").len(), 2);
}

fn an_upload_that_was_forgotten_is_reported(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, Deed::Forget)), ..Script::default() });

    assert_fails(&scene, 502, "now has nothing: send the file again");
}

fn a_server_that_goes_back_behind_its_word_is_reported(sandbox: &Sandbox) {
    let turn = Some((3 * MIB, Deed::GoBack(MIB)));
    let scene = scene(sandbox, Script { turn, ..Script::default() });

    assert_fails(&scene, 502, "now has 1048576 bytes: send the file again");
}

fn a_server_that_claims_more_than_was_sent_is_reported(sandbox: &Sandbox) {
    let turn = Some((3 * MIB, Deed::Boast(700_000)));
    let scene = scene(sandbox, Script { turn, ..Script::default() });

    assert_fails(&scene, 502, "more than it was sent");
}

fn a_fencing_server_that_claims_more_than_was_sent_is_reported(sandbox: &Sandbox) {
    let turn = Some((3 * MIB, Deed::Boast(700_000)));
    let scene = scene(sandbox, Script { dialect: Dialect::FencedTus, turn, ..Script::default() });

    assert_fails(&scene, 502, "more than it was sent");
}

fn a_server_that_stays_busy_is_given_up_after_the_configured_time(sandbox: &Sandbox) {
    for dialect in [Dialect::Tus, Dialect::Put] {
        let deed =
            Deed::Refuse { status: 503, retry_after_s: None, lasts: Duration::from_secs(20) };
        let script = Script { dialect, turn: Some((3 * MIB, deed)), ..Script::default() };
        let scene = scene(sandbox, script);
        let begun = baton_lab::now();

        assert_fails(&scene, 503, "the upstream was busy");
        let took = baton_lab::now() - begun;
        assert!(took < Duration::from_secs(18), "{took:?} for a hold of 6 s");
    }
}

fn a_broken_file_that_is_in_the_way_is_no_success(sandbox: &Sandbox) {
    let script = Script { keeps_broken: true, turn: Some((3 * MIB, Deed::Cut)), ..put() };
    let scene = scene(sandbox, script);

    assert_fails(&scene, 409, "a broken part of this one");
}

fn a_file_whose_answer_was_lost_is_found_whole(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { keeps_broken: true, loses_answer: true, ..put() });

    assert_arrives(&scene, 8 * MIB);
    assert_eq!(requests(&scene, "HEAD").len(), 1, "the proof");
}

fn a_put_server_that_answers_early_and_stores_is_believed_only_in_the_end(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { says_early: Some(Early::Honest), ..put() });
    let file = scene.file("a.bin", 8 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    // To take the early word for a portal's is allowed; to believe it before the end is not.
    match status {
        201 => scene.assert_stored(&file, "a.bin"),
        _ => assert_eq!(status, 503, "{text}"),
    }
    assert_goes_on(&scene);
}

fn a_portal_that_answers_a_put_early_is_no_success(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { says_early: Some(Early::Portal), ..put() });

    assert_fails(&scene, 503, "no connection to the upstream lasted");
}

fn a_refusal_before_the_body_is_the_verdict_and_no_link_is_blamed(sandbox: &Sandbox) {
    for status in [413, 403] {
        let scene = scene(sandbox, Script { says_early: Some(Early::Refusal(status)), ..put() });
        let file = scene.file("a.bin", 8 * MIB);

        let (said, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

        assert_eq!(said, status, "{text}\n{}", scene.agent.log());
        assert_eq!(requests(&scene, "PUT").len(), 1, "one link asked once");
        assert_eq!(scene.status()["active_link"], "eth0");
        assert_goes_on(&scene);
    }
}

fn a_server_that_signs_the_type_of_the_header_takes_a_file(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { admits: Some(Admission::TypeOfHeader), ..put() });

    upload(&scene, "a.txt", "text/markdown");

    assert_eq!(requests(&scene, "PUT").len(), 1);
}

fn a_server_that_signs_the_type_of_the_name_takes_a_file_and_the_next_at_once(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { admits: Some(Admission::TypeOfName), ..put() });

    upload(&scene, "a.txt", "text/plain");
    assert_eq!(requests(&scene, "PUT").len(), 2, "it was tried the other way once");
    upload(&scene, "b.txt", "text/plain");
    assert_eq!(requests(&scene, "PUT").len(), 3, "and that is remembered");
}

fn a_server_that_takes_neither_type_is_asked_twice(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { admits: Some(Admission::Slot), ..put() });
    let file = scene.file("a.txt", MIB);

    let curl = scene.curl(&file, "a.txt", &["-H", "Content-Type: text/markdown"]);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 401, "{text}");
    assert!(text.contains("the same secret"), "{text}");
    assert_eq!(requests(&scene, "PUT").len(), 2);
}

fn a_slot_of_prosody_takes_a_file(sandbox: &Sandbox) {
    let scene = signing(sandbox, "jwt", Script { admits: Some(Admission::Slot), ..put() });

    upload(&scene, "0ea8c1b5-7d5c/a b.txt", "text/plain");
}

fn a_form_is_taken_on_its_receipt(sandbox: &Sandbox) {
    let scene = signing(sandbox, "bearer", Script { admits: Some(Admission::Form), ..put() });

    upload(&scene, "a.txt", "text/plain");

    assert_eq!(requests(&scene, "POST").len(), 1);
    assert_eq!(requests(&scene, "HEAD").len(), 0, "the receipt is the proof");
}

const DRAFT: Dialect = Dialect::Draft(Interop::LATEST);

fn draft() -> Script {
    Script { dialect: DRAFT, ..Script::default() }
}

fn chunked() -> Script {
    Script { dialect: Dialect::Chunked, ..Script::default() }
}

fn a_server_of_the_draft_that_cuts_connections_at_random_gets_every_byte(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { cuts_within: Some(MIB), ..draft() });

    assert_arrives(&scene, 12 * MIB);
    assert!(connections(&scene) > 10, "{}", connections(&scene));
}

fn a_server_of_the_draft_that_locks_a_half_open_upload_gets_every_byte_after_a_black_hole(
    sandbox: &Sandbox,
) {
    let scene = scene(sandbox, Script { lock: Duration::from_secs(3), ..draft() });

    assert_arrives_after_a_hole(&scene);
}

fn a_server_of_the_draft_that_missed_the_end_is_told_again(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { forgets_the_end: true, ..draft() });

    assert_arrives(&scene, MIB);
}

fn an_empty_file_is_ended_in_the_draft_too(sandbox: &Sandbox) {
    let scene = scene(sandbox, draft());

    assert_arrives(&scene, 0);
    assert_eq!(requests(&scene, "PATCH").len(), 1, "the creation does not say that this is all");
}

fn appends_are_as_short_as_the_server_wants_them(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { max_append: Some(10_000), ..draft() });

    assert_arrives(&scene, MIB);
}

fn a_server_of_an_older_draft_is_spoken_to_in_its_version(sandbox: &Sandbox) {
    let dialect = Dialect::Draft(Interop::V6);
    let scene = scene(sandbox, Script { dialect, ..Script::default() });

    assert_arrives(&scene, MIB);
}

fn a_server_of_the_draft_that_goes_back_behind_its_word_is_reported(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, Deed::GoBack(MIB))), ..draft() });

    assert_fails(&scene, 502, "now has 1048576 bytes: send the file again");
}

fn a_server_of_chunks_that_cuts_connections_at_random_gets_every_byte(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { cuts_within: Some(4 * MIB), ..chunked() });

    assert_arrives(&scene, 12 * MIB);
    assert!(connections(&scene) > 4, "{}", connections(&scene));
}

fn a_server_of_chunks_gets_every_byte_after_a_black_hole(sandbox: &Sandbox) {
    let scene = scene(sandbox, chunked());

    assert_arrives_after_a_hole(&scene);
}

fn a_server_of_chunks_that_forgets_a_session_gets_the_file_again(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { turn: Some((3 * MIB, Deed::Forget)), ..chunked() });

    assert_arrives(&scene, 8 * MIB);
    assert_eq!(requests(&scene, "POST").len(), 2);
}

fn an_empty_file_is_one_empty_chunk(sandbox: &Sandbox) {
    let scene = scene(sandbox, chunked());

    assert_arrives(&scene, 0);
}

fn chunks_are_kept_where_the_file_is_larger_than_the_spool(sandbox: &Sandbox) {
    let script = Script { cuts_within: Some(4 * MIB), ..chunked() };
    let config = "relay.hold = \"6s\"\nrelay.spool_size = \"3MB\"\n".to_owned();
    let (upstream, protocol) = (Upstream::Scripted(script), "hmac-chunked");
    let scene = Scene::new(sandbox, Setup { upstream, protocol, config, ..Setup::default() });

    assert_arrives(&scene, 12 * MIB);
    assert_eq!(scene.status()["spool"]["free_bytes"], 3 * MIB);
}

fn of_two_uploads_in_one_session_none_is_mixed_with_the_other(sandbox: &Sandbox) {
    let scene = scene(sandbox, Script { collides: true, ..chunked() });
    let files = [scene.file("a.bin", 8 * MIB), scene.file("b.bin", 3 * MIB)];

    let first = scene.curl(&files[0], "a.bin", &[]);
    scene.wait_for_bytes(2 * MIB);
    let second = scene.curl(&files[1], "b.bin", &[]);

    for (curl, (file, name)) in
        [first, second].into_iter().zip(files.iter().zip(["a.bin", "b.bin"]))
    {
        match scene.finish(curl) {
            (201, _) => scene.assert_stored(file, name),
            // Longer than this hold it would have to wait until such a server makes another name.
            (status, text) => assert_eq!(status, 503, "{text}\n{}", scene.agent.log()),
        }
    }
    scene.assert_stored(&files[0], "a.bin");
}

fn auto_finds_what_the_server_speaks_and_remembers_it(sandbox: &Sandbox) {
    for (script, spoken) in [
        (Script::default(), "tus"),
        (draft(), "resumable"),
        (chunked(), "hmac-chunked"),
        (put(), "put"),
    ] {
        let upstream = Upstream::Scripted(script);
        let setup = Setup { upstream, protocol: "auto", ..Setup::default() };
        let mut scene = Scene::new(sandbox, setup);

        assert_arrives(&scene, 3 * MIB);
        assert_eq!(scene.status()["upstream"]["protocol"], spoken);
        let silence = Duration::from_secs(60);
        scripted(&scene).refuse(503, None, silence);
        scene.restart_agent();
        assert_eq!(scene.status()["upstream"]["protocol"], spoken, "nobody told it again");
    }
}

/// An upload arrives though the link that it began on falls silent.
fn assert_arrives_after_a_hole(scene: &Scene) {
    let file = scene.file("a.bin", 8 * MIB);
    let curl = scene.curl(&file, "a.bin", &[]);

    scene.wait_for_bytes(3 * MIB);
    let begun = baton_lab::now();
    scene.lab.link("eth0").black_hole(true);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
    let took = baton_lab::now() - begun;
    assert!(took < Duration::from_secs(10), "{took:?}: more than one lock was waited for");
}

/// A scene whose agent signs so.
fn signing(sandbox: &Sandbox, token: &str, script: Script) -> Scene {
    let (upstream, config) =
        (Upstream::Scripted(script), format!("upstream.token = \"{token}\"\n"));
    Scene::new(sandbox, Setup { upstream, protocol: "put", config, ..Setup::default() })
}

/// Uploads a small file of that name and type.
fn upload(scene: &Scene, name: &str, content_type: &str) {
    let file = scene.file("small.bin", 300_000);
    if let Some((folder, _)) = name.rsplit_once('/') {
        std::fs::create_dir_all(scene.stored(folder)).unwrap();
    }
    let header = format!("Content-Type: {content_type}");

    let curl = scene.curl(&file, &name.replace(' ', "%20"), &["-H", &header]);
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, name);
}

fn whatever_links_and_server_do_together_the_file_arrives(sandbox: &Sandbox) {
    for (dialect, seed) in
        [(Dialect::Tus, 1), (Dialect::FencedTus, 2), (DRAFT, 3), (Dialect::Chunked, 4)]
    {
        let script = Script { dialect, cuts_within: Some(2 * MIB), ..Script::default() };
        let (upstream, protocol) = (Upstream::Scripted(script), "auto");
        let setup = Setup { upstream, protocol, seed, ..Setup::default() };
        let mut scene = Scene::new(sandbox, setup);

        assert_arrives_amid(&mut scene, seed, |_, _| {});
    }
}

fn whatever_links_do_and_whenever_the_store_is_killed_the_file_arrives(sandbox: &Sandbox) {
    for (protocol, seed) in [("tus", 1), ("put", 2), ("tus", 3), ("put", 4)] {
        let mut scene = Scene::new(sandbox, Setup { protocol, seed, ..Setup::default() });

        assert_arrives_amid(&mut scene, seed, |scene, random| {
            if random.below(6) == 0 {
                scene.kill_upstream();
                thread::sleep(Duration::from_millis(random.below(600)));
                scene.start_upstream();
            }
        });
    }
}

/// An upload arrives while links break and mend at random, and `more` happens in between.
fn assert_arrives_amid(scene: &mut Scene, seed: u64, more: impl Fn(&mut Scene, &mut Random)) {
    let mut random = Random(seed * 0x9e37_79b9);
    let file = scene.file("a.bin", 8 * MIB);
    let mut curl = scene.curl(&file, "a.bin", &[]);

    while curl.try_wait().unwrap().is_none() {
        let link = &scene.lab.links()[random.below(3) as usize];
        match random.below(6) {
            0 | 1 => link.carrier(true).unwrap(),
            2 | 3 => link.black_hole(false),
            4 => link.carrier(false).unwrap(),
            _ => link.black_hole(true),
        }
        thread::sleep(Duration::from_millis(random.below(800)));
        more(scene, &mut random);
    }
    let (status, text) = scene.finish(curl);

    assert_eq!(status, 201, "seed {seed}: {text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

/// xorshift64: Marsaglia, "Xorshift RNGs", 2003.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn put() -> Script {
    Script { dialect: Dialect::Put, ..Script::default() }
}

fn scene(sandbox: &Sandbox, script: Script) -> Scene {
    let protocol = match script.dialect {
        Dialect::Tus | Dialect::FencedTus => "tus",
        Dialect::Draft(_) => "resumable",
        Dialect::Chunked => "hmac-chunked",
        Dialect::Put => "put",
    };
    let upstream = Upstream::Scripted(script);
    // Longer than the last of the retries that meet a server busy for two seconds.
    let config = "relay.hold = \"6s\"\n".to_owned();
    let rate = Rate::Bps(40_000_000);
    Scene::new(sandbox, Setup { upstream, protocol, config, rate, ..Setup::default() })
}

fn scripted(scene: &Scene) -> &Scripted {
    scene.scripted.as_ref().unwrap()
}

fn requests(scene: &Scene, method: &str) -> Vec<Asked> {
    let asked = scripted(scene).asked().into_iter();
    asked.filter(|asked| asked.what.starts_with(method)).collect()
}

/// Refused requests that were about the upload.
fn refusals(scene: &Scene) -> Vec<Asked> {
    let asked = scripted(scene).asked().into_iter();
    asked.filter(|asked| asked.refused.is_some() && !asked.what.starts_with("OPTIONS")).collect()
}

fn connections(scene: &Scene) -> u64 {
    scripted(scene).asked().iter().map(|asked| asked.connection).max().unwrap_or(0)
}

/// An upload is told that it succeeded, and it did.
fn assert_arrives(scene: &Scene, size: u64) {
    let file = scene.file("a.bin", size);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "a.bin");
}

/// An upload is told that it failed, and how; the next one succeeds.
fn assert_fails(scene: &Scene, expected: u16, word: &str) {
    let file = scene.file("a.bin", 8 * MIB);

    let (status, text) = scene.finish(scene.curl(&file, "a.bin", &[]));

    println!("{text}");
    assert_eq!(status, expected, "{text}\n{}", scene.agent.log());
    assert!(text.contains(word), "{text}");
    assert_goes_on(scene);
}

/// Now that the upstream behaves, another upload succeeds.
fn assert_goes_on(scene: &Scene) {
    if let Some(scripted) = &scene.scripted {
        scripted.behave();
    }
    let file = scene.file("next.bin", MIB);

    let (status, text) = scene.finish(scene.curl(&file, "next.bin", &[]));

    assert_eq!(status, 201, "{text}\n{}", scene.agent.log());
    scene.assert_stored(&file, "next.bin");
}
