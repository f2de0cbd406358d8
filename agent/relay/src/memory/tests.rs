//! What is there after a restart, with real files.

use super::*;
use crate::ingest::tests::settings;
use crate::meter::Metered;
use crate::settings::Settings;
use baton_core::{Class, ClientId, LinkKey, LinkSpec, PATHS, PathRecord, Roaming, Tariff};
use baton_hal::fake::{Fake, FakeTransport};
use baton_hal::{Bytes, Facts};
use core::sync::atomic::{AtomicU32, Ordering};
use tokio::task::LocalSet;

type Agent = Rc<Hub<Metered<FakeTransport>>>;

/// A folder of its own, and the machine that keeps it.
struct Machine {
    dir: PathBuf,
    fake: Fake,
}

impl Machine {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "baton-memory-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let dir = std::env::temp_dir().join(name);
        let fake = Fake::new();
        fake.set_link(facts("wwan0", 2));
        Self { dir, fake }
    }

    /// The agent starts: what it knew is what is in the folder.
    fn start(&self) -> Agent {
        let mut settings = Settings { spool_dir: self.dir.clone(), ..settings() };
        settings.rules.link_spec = Rc::new(|_| LinkSpec {
            class: Class::Lte,
            priority: 10,
            metric: 100,
            metered: true,
            tariff: Tariff::FREE,
            key: LinkKey::of("wwan0"),
            roaming: Roaming::Allow,
        });
        Hub::new(settings, Metered::new(self.fake.transport()), None, 1)
    }

    /// `wwan0` carries something, over a stream that ends.
    async fn carry(&self, hub: &Agent) -> u64 {
        let stream = hub.transport.connect("wwan0").await.unwrap();
        let before = carried(hub, "wwan0");
        stream.try_write(&[&[7; 5000]]).unwrap().unwrap();
        drop(stream);
        hub.bill();
        carried(hub, "wwan0") - before
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn facts<T>(name: &str, index: u32) -> Facts<T> {
    Facts {
        name: name.try_into().unwrap(),
        index,
        class: Class::Lte,
        carrier: true,
        address: Some([192, 0, 2, 1].into()),
        gateway: None,
        metric: Some(100),
        roaming: false,
        trouble: None,
    }
}

fn carried(hub: &Agent, name: &str) -> u64 {
    let link = hub.find_link(name).unwrap();
    hub.core.borrow().links().view(link).carried_bytes
}

async fn on_a_machine(test: impl AsyncFnOnce(Machine)) {
    LocalSet::new().run_until(test(Machine::new())).await;
}

/// 2025-03-15 and 2025-04-15, and a clock that was never set.
const MARCH: u64 = 1_741_996_800;
const APRIL: u64 = 1_744_675_200;
const UNSET: u64 = 60;

#[tokio::test]
async fn the_operators_choice_survives_a_restart_until_it_is_taken_back() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        hub.on_facts(facts("eth0", 1));
        hub.on_facts(facts("wwan0", 2));
        hub.hold(hub.find_link("wwan0").map(|link| (link, "wwan0"))).await;

        let hub = machine.start();
        hub.on_facts(facts("eth0", 1));
        assert_eq!(hub.memory.borrow().held(), Some("wwan0"));
        assert!(hub.held_in_vain().unwrap().contains("wwan0"), "it is not there yet");
        hub.on_facts(facts("wwan0", 2));
        assert_eq!(hub.held_in_vain(), None);
        assert_eq!(hub.core.borrow().links().active(), hub.find_link("wwan0"));

        hub.hold(None).await;
        assert_eq!(machine.start().memory.borrow().held(), None);
    })
    .await;
}

#[tokio::test]
async fn who_takes_a_held_links_place_is_not_held() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        hub.on_facts(facts("wwan0", 2));
        hub.hold(hub.find_link("wwan0").map(|link| (link, "wwan0"))).await;
        machine.carry(&hub).await;

        hub.on_removed("wwan0");
        hub.on_facts(facts("wwan1", 3));

        assert_eq!(hub.override_link(), None);
        assert_eq!(carried(&hub, "wwan1"), 0);
        assert!(hub.held_in_vain().is_some());
        hub.on_facts(facts("wwan0", 4));
        assert_eq!(hub.override_link(), hub.find_link("wwan0"));
        assert!(carried(&hub, "wwan0") >= 5000);
    })
    .await;
}

#[tokio::test]
async fn what_a_link_carried_is_counted_on_after_a_restart() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        hub.on_facts(facts("wwan0", 2));
        let first = machine.carry(&hub).await;
        assert!(first >= 5000, "{first}");
        hub.save().await;

        let hub = machine.start();
        hub.on_facts(facts("wwan0", 2));
        assert_eq!(carried(&hub, "wwan0"), first);
        let second = machine.carry(&hub).await;

        assert_eq!(carried(&hub, "wwan0"), first + second);
    })
    .await;
}

#[tokio::test]
async fn a_month_ends_once_the_clock_is_known_and_not_before() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        hub.on_facts(facts("wwan0", 2));
        let first = machine.carry(&hub).await;

        hub.turn_months(UNSET);
        assert_eq!(carried(&hub, "wwan0"), first, "no clock, no month");
        hub.turn_months(MARCH);
        assert_eq!(carried(&hub, "wwan0"), first, "it is this month's");
        hub.turn_months(UNSET);
        hub.turn_months(MARCH + 1);
        assert_eq!(carried(&hub, "wwan0"), first);
        hub.turn_months(APRIL);
        assert_eq!(carried(&hub, "wwan0"), 0);

        let second = machine.carry(&hub).await;
        hub.turn_months(MARCH);
        assert_eq!(carried(&hub, "wwan0"), second, "a clock set back forgives nothing");
    })
    .await;
}

#[tokio::test]
async fn a_budget_that_is_spent_fast_is_written_down_sooner() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        hub.on_facts(facts("wwan0", 2));
        machine.carry(&hub).await;
        hub.note_accounts();
        let after = |age: Duration| hub.is_worth_saving(hub.memory.borrow().saved_at + age);
        assert!(!after(AT_MOST) && after(SELDOM));

        let link = hub.find_link("wwan0").unwrap();
        let spec = hub.core.borrow().links().view(link).spec;
        let budget_bytes = core::num::NonZeroU64::new(5000 * AT_RISK);
        let tariff = Tariff { budget_bytes, ..Tariff::FREE };
        hub.observe(link, Observation::Appeared(LinkSpec { tariff, ..spec }));

        assert!(!after(BILLING) && after(AT_MOST));
        hub.save().await;
        assert!(!after(SELDOM), "there is no news");
    })
    .await;
}

#[tokio::test]
async fn a_damaged_file_is_said_and_replaced_and_stops_nothing() {
    on_a_machine(async |machine| {
        fs::create_dir_all(&machine.dir).unwrap();
        fs::write(machine.dir.join(FILE), b"BATONMEM and then nonsense").unwrap();

        let hub = machine.start();
        assert!(hub.warnings.borrow()[0].contains("forgotten"), "{:?}", hub.warnings);
        hub.save().await;

        assert!(machine.start().warnings.borrow().is_empty());
        assert!(!machine.dir.join(NEW).exists());
    })
    .await;
}

#[tokio::test]
async fn a_client_is_known_after_a_restart_and_as_old_as_the_wall_clock_says() {
    on_a_machine(async |machine| {
        let hub = machine.start();
        let path = PathRecord {
            link: LinkKey::of("wwan0"),
            throughput: 625_000,
            reliability_ppm: 1_000_000,
            window_bytes: 163_840,
            samples: 3,
        };
        let mut paths = [None; PATHS];
        paths[0] = Some(path);
        let now = hub.clock.now();
        let id = ClientId::Mac([2, 0, 0, 0, 0, 1]);
        let hour = Duration::from_secs(3600);
        hub.core.borrow_mut().recall_client(now, ClientProfile::recalled(now, id, paths, hour));
        hub.save().await;

        let hub = machine.start();
        let core = hub.core.borrow();
        let profile = core.profiles().get(id).unwrap();

        assert_eq!(profile.path(path.link), Some(&path));
        let idle = profile.idle(hub.clock.now());
        assert!(idle >= hour && idle < hour + Duration::from_secs(30), "{idle:?}");
    })
    .await;
}

#[test]
fn without_a_clock_nobody_was_away() {
    let id = ClientId::Mac([2; 6]);
    let idle = |seen_s, now_s| {
        let mut memory = Memory::recall(Path::new("/nowhere")).0;
        memory.known = vec![Known { id, seen_s, paths: [None; PATHS] }];
        memory.clients(Instant::ZERO, now_s)[0].idle(Instant::ZERO).as_secs()
    };

    assert_eq!(idle(MARCH, APRIL), APRIL - MARCH);
    assert_eq!(idle(MARCH, UNSET), 0);
    assert_eq!(idle(0, APRIL), 0);
    assert_eq!(idle(APRIL, MARCH), 0, "the clock was set back");
}
