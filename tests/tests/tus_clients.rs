//! Other people's tus clients, before `baton serve` and before the agent.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use baton_core::token::{self, Claim, Scheme};
use baton_lab::{Namespace, Sandbox};
use baton_tests::{Process, SECRET, Scene, Setup, TusClient, reset, wait_until};
use core::time::Duration;
use std::thread;

baton_lab::tests_side_by_side![
    tus_js_client_sends_the_store_a_file,
    tus_js_client_goes_on_after_a_reset_at_the_store,
    tus_js_client_goes_on_after_a_silence_before_the_store,
    tuspy_sends_the_store_a_file,
    tuspy_goes_on_after_a_reset_at_the_store,
    tuspy_goes_on_after_a_silence_before_the_store,
    tus_js_client_sends_the_agent_a_file,
    tus_js_client_goes_on_after_a_reset_at_the_agent,
    tus_js_client_goes_on_after_a_silence_before_the_agent,
    tus_js_client_does_not_notice_a_silence_behind_the_agent,
    tuspy_sends_the_agent_a_file,
    tuspy_goes_on_after_a_reset_at_the_agent,
    tuspy_goes_on_after_a_silence_before_the_agent,
    tuspy_does_not_notice_a_silence_behind_the_agent,
];

const SIZE: u64 = 8 << 20;
const NAME: &str = "b.jpg";

fn tus_js_client_sends_the_store_a_file(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::JavaScript).assert_arrives(|_| {});
}

fn tus_js_client_goes_on_after_a_reset_at_the_store(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::JavaScript).assert_arrives(Run::reset);
}

fn tus_js_client_goes_on_after_a_silence_before_the_store(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::JavaScript).assert_arrives(Run::silence);
}

fn tuspy_sends_the_store_a_file(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::Python).assert_arrives(|_| {});
}

fn tuspy_goes_on_after_a_reset_at_the_store(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::Python).assert_arrives(Run::reset);
}

fn tuspy_goes_on_after_a_silence_before_the_store(sandbox: &Sandbox) {
    Run::to_store(sandbox, TusClient::Python).assert_arrives(Run::silence);
}

fn tus_js_client_sends_the_agent_a_file(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::JavaScript).assert_arrives(|_| {});
}

fn tus_js_client_goes_on_after_a_reset_at_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::JavaScript).assert_arrives(Run::reset);
}

fn tus_js_client_goes_on_after_a_silence_before_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::JavaScript).assert_arrives(Run::silence);
}

fn tus_js_client_does_not_notice_a_silence_behind_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::JavaScript).assert_arrives(Run::silence_behind);
}

fn tuspy_sends_the_agent_a_file(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::Python).assert_arrives(|_| {});
}

fn tuspy_goes_on_after_a_reset_at_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::Python).assert_arrives(Run::reset);
}

fn tuspy_goes_on_after_a_silence_before_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::Python).assert_arrives(Run::silence);
}

fn tuspy_does_not_notice_a_silence_behind_the_agent(sandbox: &Sandbox) {
    Run::to_agent(sandbox, TusClient::Python).assert_arrives(Run::silence_behind);
}

/// A client and whom it uploads to.
struct Run {
    scene: Scene,
    client: TusClient,
    to: To,
}

#[derive(Clone, Copy)]
enum To {
    /// `baton serve`, from the gateway and over its first link.
    Store,
    /// The agent, from the LAN.
    Agent,
}

impl Run {
    fn to_store(sandbox: &Sandbox, client: TusClient) -> Self {
        Self { scene: Scene::new(sandbox, Setup::default()), client, to: To::Store }
    }

    fn to_agent(sandbox: &Sandbox, client: TusClient) -> Self {
        Self { scene: Scene::new(sandbox, Setup::default()), client, to: To::Agent }
    }

    /// The client's file arrives though that befalls it in the middle.
    fn assert_arrives(&self, befalls: impl FnOnce(&Self)) {
        let file = self.scene.file("a.bin", SIZE);
        let line = self.client.command(&file, NAME, &self.url());
        let mut command = self.namespace().command(&line[0]);
        let log = self.scene.dir().join("client.log");
        let mut client = Process::start(command.args(&line[1..]), log).unwrap();

        self.scene.wait_for_bytes(SIZE / 2);
        befalls(self);
        wait_until("the client ends", Duration::from_secs(60), || {
            (!client.is_running()).then_some(())
        });

        let log = client.log();
        assert!(log.starts_with("http://"), "{log}\n{}", self.scene.agent.log());
        self.scene.assert_stored(&file, NAME);
    }

    fn url(&self) -> String {
        let claim = Claim {
            method: "POST",
            path: NAME,
            length: SIZE,
            content_type: "image/jpeg",
            expires: 0,
        };
        let token = token::make(SECRET.as_bytes(), Scheme::V2, &claim);
        match self.to {
            To::Store => format!("http://203.0.113.10:9000/files/?v2={}", token.as_str()),
            To::Agent => "http://192.168.1.1:8080/files/".into(),
        }
    }

    /// Where the client runs.
    fn namespace(&self) -> &Namespace {
        match self.to {
            To::Store => &self.scene.lab.gateway,
            To::Agent => &self.scene.lab.lan,
        }
    }

    /// The server resets the client's connection.
    fn reset(&self) {
        match self.to {
            To::Store => self.scene.reset_connections(),
            To::Agent => reset(&self.scene.lab.gateway, "sport = :8080"),
        }
    }

    /// Nothing is heard of the client any more, and the server is not told why: the client gives its
    /// connection up, and comes back on another.
    fn silence(&self) {
        self.cut(true);
        thread::sleep(Duration::from_millis(300));
        match self.to {
            To::Store => reset(&self.scene.lab.gateway, "dport = :9000"),
            To::Agent => reset(&self.scene.lab.lan, "dport = :8080"),
        }
        thread::sleep(Duration::from_millis(300));
        self.cut(false);
    }

    fn cut(&self, on: bool) {
        match self.to {
            To::Store => self.scene.lab.link("eth0").black_hole(on),
            To::Agent => self.scene.lab.lan.interface_up("eth0", !on).unwrap(),
        }
    }

    /// The link that carries the upload delivers nothing any more.
    fn silence_behind(&self) {
        let uploads = self.scene.command_json(&["uploads"]).unwrap();
        self.scene.lab.link(uploads[0]["link"].as_str().unwrap()).black_hole(true);
    }
}
