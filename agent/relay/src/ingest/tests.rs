use super::intake::Intake;
use super::refusal::Refusal;
use super::sessions::{GRACE, MOST, Session, Visit};
use crate::hub::{Hub, UPLOADS};
use crate::settings::{Protocol, Rules, Secret, Settings, SignedType, TokenMode, UpstreamSettings};
use crate::transfer::{Credential, Proto};
use crate::upstream::{Answerer, Question};
use baton_core::spool::Urgency;
use baton_core::token::Scheme;
use baton_core::{
    Adaptation, Class, ClassLimits, ClientId, ClientPolicy, Duration, LinkId, LinkKey, LinkPolicy,
    LinkSpec, Observation, Policy, Roaming, Tariff, UploadPolicy,
};
use baton_hal::fake::{Fake, FakeStream, FakeTransport};
use baton_hal::{Bytes, Facts};
use baton_wire::http::{Server, ServerEvent};
use baton_wire::tus::server::{Outcome, Request};
use core::cell::RefCell;
use std::rc::Rc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

/// An agent with one link, and a tus server behind it.
struct World {
    hub: Rc<Hub<FakeTransport>>,
    fake: Fake,
    stored: Rc<RefCell<Vec<u8>>>,
}

/// What one upload may hold: the pool has twice as much.
const WINDOW: usize = 256 * 1024;

const SOON: Duration = Duration::from_millis(300);

async fn within(test: impl AsyncFnOnce(World)) {
    let local = LocalSet::new();
    let run = local.run_until(async {
        let fake = Fake::new();
        let hub = Hub::new(settings(), fake.transport(), None, 1);
        let stored = Rc::new(RefCell::new(Vec::new()));
        spawn_local(serve(fake.clone(), stored.clone()));
        let timers = hub.clone();
        spawn_local(async move { timers.run_timers().await });
        fake.set_link(facts());
        hub.upstream.hear(Question::Tus, Answerer::Tus { fenced: true });
        hub.facts.borrow_mut()[0] = Some(facts());
        hub.observe(LinkId(0), Observation::Appeared(spec()));
        hub.observe(LinkId(0), Observation::Facts { carrier: true, address: true, route: true });
        test(World { hub, fake, stored }).await;
    });
    timeout(Duration::from_secs(20), run).await.expect("no test waits for so long");
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_pushed_is_stored_and_its_place_is_free_again() {
    within(async |world| {
        let bytes = pattern(3 * WINDOW + 5);
        let intake = world.open(bytes.len()).await;

        for piece in bytes.chunks(7000) {
            intake.push(piece).await.unwrap();
        }
        intake.verdict().await.unwrap();

        assert!(*world.stored.borrow() == bytes);
        assert!(intake.is_over() && intake.is_whole());
        world.assert_idle();
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_push_waits_for_room_and_loses_nothing_when_cancelled() {
    within(async |world| {
        let bytes = pattern(4 * WINDOW);
        let intake = world.open(bytes.len()).await;
        world.fake.condition("eth0", |link| link.silent = true);

        assert!(timeout(SOON, intake.push(&bytes)).await.is_err());
        let held = intake.received() as usize;
        assert!((WINDOW / 2..=WINDOW + 16 * 1024).contains(&held), "{held}");
        world.fake.condition("eth0", |link| link.silent = false);
        intake.push(&bytes[held..]).await.unwrap();
        intake.verdict().await.unwrap();

        assert!(*world.stored.borrow() == bytes);
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_length_that_comes_late_must_fit_what_came() {
    within(async |world| {
        let bytes = pattern(100_000);
        let intake = Intake::unmeasured(&world.hub, proto()).unwrap();
        intake.push(&bytes[..60_000]).await.unwrap();
        assert_eq!((intake.total(), intake.received()), (None, 60_000));
        assert!(timeout(SOON, intake.verdict()).await.is_err());

        assert_eq!(status(intake.measure(59_999).await), 400);
        intake.measure(100_000).await.unwrap();
        assert_eq!(status(intake.measure(100_001).await), 400);
        assert_eq!(status(intake.push(&bytes).await), 413);
        intake.push(&bytes[60_000..]).await.unwrap();
        intake.verdict().await.unwrap();

        assert!(*world.stored.borrow() == bytes);
        world.assert_idle();
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_upload_that_is_dropped_gives_its_place_back() {
    within(async |world| {
        let mut open = Vec::new();
        for _ in 0..UPLOADS {
            match timeout(SOON, Intake::open(&world.hub, proto(), 1000)).await {
                Ok(intake) => open.push(intake.unwrap()),
                Err(_) => break,
            }
        }
        // Each is sure of four blocks, and there are no more.
        assert_eq!(open.len(), 2 * WINDOW / (4 * 16 * 1024));

        open.pop();

        open.push(world.open(1000).await);
        open.clear();
        world.assert_idle();
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn the_upload_that_was_left_longest_ago_gives_way() {
    within(async |world| {
        let hub = &world.hub;
        let remember = || hub.remember(Intake::unmeasured(hub, proto()).unwrap(), None);
        let visits: Vec<Visit<_>> = (0..MOST).map(|_| remember().unwrap()).collect();
        let ids: Vec<_> = visits.iter().map(|visit| visit.id).collect();
        assert_eq!(status(remember()), 503);

        for visit in visits {
            sleep(Duration::from_millis(1)).await;
            drop(visit);
        }
        let visited = hub.recall(ids[0]).unwrap();
        assert_eq!(status(remember()), 503);
        let later = hub.clock.now() + GRACE;
        assert!(hub.sessions.forget_longest_left(later, Session::gives_way));

        assert!(hub.knows(visited.id) && !hub.knows(ids[1]) && hub.knows(ids[2]));
        assert!(remember().is_ok());
    })
    .await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_verdict_that_nobody_waits_for_is_remembered_and_frees_the_place() {
    within(async |world| {
        let hub = &world.hub;
        world.fake.condition("eth0", |link| link.silent = true);
        let session = hub.remember(world.open(1000).await, None).unwrap();
        session.intake.push(&pattern(1000)).await.unwrap();
        assert_eq!(session.offset(), 999, "nothing is proved yet");
        let id = session.id;
        drop(session);

        world.fake.condition("eth0", |link| link.silent = false);
        let sweeping = hub.clone();
        spawn_local(async move { sweeping.sweep_sessions().await });
        while !hub.transfers.borrow().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }

        let session = hub.recall(id).unwrap();
        assert_eq!(session.offset(), 1000);
        session.intake.verdict().await.unwrap();
        world.assert_idle();
    })
    .await;
}

impl World {
    async fn open(&self, total: usize) -> Intake<FakeTransport> {
        Intake::open(&self.hub, proto(), total as u64).await.unwrap()
    }

    fn assert_idle(&self) {
        let core = self.hub.core.borrow();
        assert_eq!(core.uploads().count(), 0);
        assert_eq!(core.pool().free(), core.pool().total());
        assert_eq!(self.hub.spool.room(), settings().spool_size);
    }
}

fn status<R>(result: Result<R, Refusal>) -> u16 {
    match result {
        Err(Refusal::Status(status, _)) => status,
        Err(Refusal::Conflict { .. }) => 409,
        Err(Refusal::Gone) | Ok(_) => 0,
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 / 7) as u8).collect()
}

fn proto() -> Proto {
    Proto {
        name: "a.bin".into(),
        content_type: "application/octet-stream".into(),
        credential: Credential::None,
        is_vouched_for: false,
        urgency: Urgency::default(),
        methods: &["PUT"],
        client: "a test".into(),
        client_id: None,
    }
}

/// Answers every connection as a tus server would that has one upload.
async fn serve(fake: Fake, stored: Rc<RefCell<Vec<u8>>>) {
    loop {
        let (_, stream) = fake.accept().await;
        let stored = stored.clone();
        spawn_local(async move { converse(stream, &stored).await });
    }
}

async fn converse(stream: FakeStream, stored: &RefCell<Vec<u8>>) -> Option<()> {
    let (mut http, mut input) = (Server::<4096>::new(), Vec::new());
    let mut out = [0; 1024];
    loop {
        let (used, event) = http.handle_input(&input).ok()?;
        let mut is_idle = false;
        match event {
            ServerEvent::NeedMore => is_idle = true,
            ServerEvent::Body(bytes) => stored.borrow_mut().extend_from_slice(bytes),
            ServerEvent::Request => {}
            ServerEvent::End => {
                let offset = stored.borrow().len() as u64;
                let outcome = match Request::parse(&http.head()).ok()? {
                    Request::Options => Outcome::Options { max_size: None },
                    Request::Create(_) => {
                        Outcome::Created { location: "/files/1", offset, expires: None }
                    }
                    Request::Head => Outcome::Offset { offset, length: None, expires: None },
                    Request::Append(_) => Outcome::Appended { offset, expires: None },
                    Request::Terminate => Outcome::Terminated,
                };
                let len = outcome.write(&mut out, true).ok()?;
                stream.writable().await;
                assert_eq!(stream.try_write(&[&out[..len]]).ok()?, Some(len));
            }
        }
        input.drain(..used);
        if is_idle {
            let mut more = [0; 4096];
            stream.readable().await;
            match stream.try_read(&mut more).ok()? {
                Some(0) => return None,
                Some(n) => input.extend_from_slice(&more[..n]),
                None => {}
            }
        }
    }
}

fn facts<T>() -> Facts<T> {
    Facts {
        name: "eth0".try_into().unwrap(),
        index: 1,
        class: Class::Ethernet,
        carrier: true,
        address: Some([192, 0, 2, 1].into()),
        gateway: None,
        metric: Some(100),
        roaming: false,
        trouble: None,
    }
}

fn spec() -> LinkSpec {
    LinkSpec {
        class: Class::Ethernet,
        priority: 10,
        metric: 100,
        metered: false,
        tariff: Tariff::FREE,
        key: LinkKey(0),
        roaming: Roaming::Allow,
    }
}

pub(crate) fn settings() -> Settings {
    let limits = ClassLimits {
        window_bytes: WINDOW as u32,
        chunk_bytes: WINDOW as u32,
        budget_blocks: 32,
        timeout_percent: 100,
        answer_timeout: Duration::from_secs(5),
    };
    Settings {
        rules: Rules {
            patience: Duration::from_secs(5),
            session_timeout: Duration::from_secs(60),
            resume_downloads: true,
            chunk_downloads: true,
            drain: Duration::from_secs(1),
            require_token: false,
            takes: Rc::new(|_| true),
            token: TokenMode::Sign(Scheme::V2),
            token_lifetime: Duration::from_secs(60),
            secret: Some(Secret::new(b"secret")),
            link_spec: Rc::new(|_| spec()),
            reset_day: Rc::new(|_| 1),
            policy: Policy {
                links: LinkPolicy::DEFAULT,
                uploads: UploadPolicy::default(),
                adaptation: Adaptation::default(),
                clients: ClientPolicy::default(),
                classes: [limits; Class::ALL.len()],
                pool_blocks: (2 * WINDOW / baton_core::BLOCK_SIZE) as u16,
            },
        },
        max_clients: 8,
        spool_dir: std::env::temp_dir(),
        spool_size: 1 << 20,
        client_id: Rc::new(|_| ClientId::Mac([2; 6])),
        upstream: UpstreamSettings {
            scheme: "http",
            authority: "files.example".into(),
            base: String::new(),
            protocol: Protocol::Tus,
            tus_path: "/files/".into(),
            signed_type: SignedType::Header,
            connect_timeout: Duration::from_secs(1),
        },
    }
}
