//! What a decision costs: instructions an event, and bytes of state.
//!
//! Instructions are counted by callgrind, not timed: the same program counts the same on a busy
//! machine. Each kind of event is fed a few times and many times in processes of their own; the
//! difference is what the events cost, with the actions drained and the deadline read after each,
//! as every driver does.

use baton_core::{
    Action, Adaptation, Agent, Attempt, Class, ClassLimits, ClientId, ClientPolicy, Duration,
    Event, Instant, LinkId, LinkKey, LinkPolicy, LinkSpec, Observation, Outcome, Policy, Resume,
    Roaming, Tariff, UploadId, UploadPolicy, UploadSpec,
};
use clap::Parser;
use std::process::{Command, ExitCode};

/// Counts instructions an event.
#[derive(Parser)]
struct Options {
    /// Feed so many events of one kind, and count nothing: what runs under callgrind.
    #[arg(long, num_args = 2, value_names = ["KIND", "EVENTS"], hide = true)]
    feed: Option<Vec<String>>,
    /// cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// A gateway's: four links, eight uploads, sixteen clients, an arena of 4 MiB.
const LINKS: usize = 4;
const UPLOADS: usize = 8;
const BLOCKS: usize = 256;
const CLIENTS: usize = 16;

type Core = Agent<LINKS, UPLOADS, BLOCKS, CLIENTS>;

/// A kind of event, and how the `n`th of them is made.
type Kind = (&'static str, fn(&mut Gateway, u64));

const KINDS: &[Kind] = &[
    ("bytes received", |gateway, n| {
        let id = gateway.uploads[(n % UPLOADS as u64) as usize].0;
        gateway.feed(Event::Received { id, offset: (1 << 20) + n * 1000 });
    }),
    ("bytes acknowledged", |gateway, n| {
        let (id, attempt) = gateway.uploads[(n % UPLOADS as u64) as usize];
        gateway.feed(Event::Attempted { id, attempt, outcome: Outcome::Acked(n * 10) });
    }),
    ("delivery proved", |gateway, _| gateway.observe(Observation::Proof)),
    ("round trip", |gateway, n| {
        let srtt = Duration::from_micros(20_000 + n % 1000);
        gateway.observe(Observation::Rtt { srtt, rttvar: Duration::from_millis(2) });
    }),
    ("segments", |gateway, n| {
        gateway.observe(Observation::Segments { sent: 20, lost: u32::from(n % 50 == 0) });
    }),
    ("probe answered", |gateway, _| {
        gateway.observe(Observation::ProbeAnswered { rtt: Duration::from_millis(20) });
    }),
    ("deadline", |gateway, _| {
        gateway.core.handle_timeout(gateway.now);
        gateway.drain();
    }),
];

/// Events in the two processes whose difference is taken.
const FEW: u64 = 100;
const MANY: u64 = 2100;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some([kind, events]) = options.feed.as_deref() {
        let (_, event) = KINDS.iter().find(|(name, _)| name == kind).expect("one of the kinds");
        feed(*event, events.parse().expect("a number"));
        return ExitCode::SUCCESS;
    }
    println!("| event | instructions, x86-64 |\n|---|---:|");
    for (kind, _) in KINDS {
        let cost = count(kind, MANY).zip(count(kind, FEW)).map(|(many, few)| many - few);
        let Some(cost) = cost else {
            eprintln!("valgrind counted nothing: is it installed?");
            return ExitCode::FAILURE;
        };
        println!("| {kind} | {} |", cost / (MANY - FEW));
    }
    println!(
        "\nstate: {} bytes for {LINKS} links, {UPLOADS} uploads, {CLIENTS} clients and {BLOCKS} blocks",
        size_of::<Core>()
    );
    ExitCode::SUCCESS
}

fn feed(event: fn(&mut Gateway, u64), events: u64) {
    let mut gateway = Gateway::new();
    for n in 0..events {
        gateway.now += Duration::from_millis(1);
        event(&mut gateway, n);
    }
}

/// Instructions of a process that feeds so many events.
fn count(kind: &str, events: u64) -> Option<u64> {
    let this = std::env::current_exe().ok()?;
    let out = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--feed", kind, &events.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    let (_, counted) = said.split_once("Collected : ")?;
    counted.split_whitespace().next()?.parse().ok()
}

/// A core in the middle of its work: every link healthy, every upload appending on the first.
struct Gateway {
    core: Core,
    now: Instant,
    uploads: Vec<(UploadId, Attempt)>,
    /// What a driver would do.
    actions: Vec<Action>,
}

impl Gateway {
    fn new() -> Self {
        let core = Core::new(policy(), 1);
        let now = Instant::from_millis(1000);
        let mut gateway = Self { core, now, uploads: Vec::new(), actions: Vec::with_capacity(64) };
        for (index, class) in (0..).zip([Class::Ethernet, Class::Wifi, Class::Lte, Class::Cellular])
        {
            let link = LinkId(index);
            let spec = LinkSpec {
                class,
                priority: u32::from(index),
                metric: 100,
                metered: index > 1,
                tariff: Tariff::FREE,
                roaming: Roaming::Allow,
                key: LinkKey(u32::from(index)),
            };
            for observation in [
                Observation::Appeared(spec),
                Observation::Facts { carrier: true, address: true, route: true },
                Observation::ProbeAnswered { rtt: Duration::from_millis(20) },
            ] {
                gateway.feed(Event::Link(link, observation));
            }
        }
        gateway.now += Duration::from_secs(3);
        gateway.core.handle_timeout(gateway.now);
        gateway.drain();
        for _ in 0..UPLOADS {
            gateway.open();
        }
        gateway.observe(Observation::InFlight(true));
        gateway
    }

    fn open(&mut self) {
        let id = self.core.vacancy().expect("a slot");
        let spec = UploadSpec {
            total: 1 << 40,
            resume: Resume::Fenced,
            replayable: false,
            resumes_at: None,
            client: Some(ClientId::Mac([2; 6])),
        };
        self.actions.clear();
        self.feed(Event::Opened { id, spec });
        let attempt = self.actions.iter().find_map(|action| match *action {
            Action::Create { attempt, .. } => Some(attempt),
            Action::Probe(_)
            | Action::Ask { .. }
            | Action::Append { .. }
            | Action::Hold { .. }
            | Action::Unhold { .. }
            | Action::Drop { .. }
            | Action::Answer { .. } => None,
        });
        let attempt = attempt.expect("it is created at once");
        self.feed(Event::Received { id, offset: 1 << 20 });
        self.feed(Event::Attempted { id, attempt, outcome: Outcome::Created });
        self.uploads.push((id, attempt));
    }

    fn observe(&mut self, observation: Observation) {
        self.feed(Event::Link(LinkId(0), observation));
    }

    fn feed(&mut self, event: Event) {
        self.core.handle_event(self.now, event);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(action) = self.core.poll_action(self.now) {
            self.actions.push(action);
        }
        core::hint::black_box(self.core.poll_timeout(self.now));
    }
}

fn policy() -> Policy {
    let limits = ClassLimits {
        window_bytes: 512 * 1024,
        chunk_bytes: 5 << 20,
        budget_blocks: 128,
        timeout_percent: 100,
        answer_timeout: Duration::from_secs(30),
    };
    Policy {
        links: LinkPolicy::default(),
        uploads: UploadPolicy::default(),
        adaptation: Adaptation::default(),
        clients: ClientPolicy::default(),
        classes: [limits; Class::ALL.len()],
        pool_blocks: BLOCKS as u16,
    }
}
