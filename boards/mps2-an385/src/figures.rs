//! What the firmware takes: stack, and instructions.

use crate::drivers::{clock, stack};
use crate::hub::{ETHERNET, MODEM};
use crate::settings::{self, CONTENT_TYPE, POLICY, SECRET};
use baton_core::modem::Line;
use baton_core::token::{self, Claim, Scheme};
use baton_core::{
    Action, Attempt, Duration, Event, Instant, Observation, Outcome, Resume, UploadId, UploadSpec,
};
use baton_mps2_an385::Core;
use core::hint::black_box;
use defmt::info;

/// Marks the stack, so that it can be told how much of it was used.
pub(crate) fn paint() {
    stack::paint();
}

/// Shows how deep the stack went.
pub(crate) fn show() {
    info!("figures: stack {} bytes", stack::used());
}

/// How often each thing is done: the clock is 40 instructions coarse.
const TIMES: u64 = 200;

/// Shows what things take, in nanoseconds of the emulator's time: where it takes each instruction for one
/// (`-icount shift=0`), in instructions.
pub(crate) fn measure() {
    let claim = Claim {
        method: "PUT",
        path: "unit-1/log-0001.csv",
        length: 262_144,
        content_type: CONTENT_TYPE,
        expires: 0,
    };
    let token = of_each(|_| {
        black_box(token::make(black_box(SECRET), Scheme::V2, black_box(&claim)));
    });
    info!("figures: token {}", token);

    // In one place: a core that is handed on by value is on the stack more than once.
    let mut core = Core::new(POLICY, 1);
    let mut world = World::new(&mut core);
    let proof = of_each(|now| world.feed(now, Event::Link(ETHERNET, Observation::Proof)));
    info!("figures: proof {}", proof);
    let rtt = Duration::from_millis(20);
    let answered = Observation::ProbeAnswered { rtt };
    let probe = of_each(|now| world.feed(now, Event::Link(MODEM, answered)));
    info!("figures: probe {}", probe);
    let mut acked = 0;
    let ack = of_each(|now| {
        acked += 1000;
        world.report(now, Outcome::Acked(acked));
    });
    info!("figures: acknowledgement {}", ack);
    let timeout = of_each(|now| world.wake(now));
    info!("figures: timeout {}", timeout);
    let mut line = Line::new();
    let reply = of_each(|_| {
        black_box(line.handle_input(black_box(b"+CESQ: 99,99,255,255,20,50\r")));
    });
    info!("figures: modem line {}", reply);
    info!("figures: core {} bytes", size_of::<Core>());
    show();
}

/// What one of many takes, without interrupts.
fn of_each(mut work: impl FnMut(Instant)) -> u64 {
    cortex_m::interrupt::free(|_| {
        let begin = clock::nanos();
        for time in 0..TIMES {
            work(Instant::from_millis(100_000 + time * 10));
        }
        (clock::nanos() - begin) / TIMES
    })
}

/// Two links that work, and an upload on one of them.
struct World<'a> {
    core: &'a mut Core,
    id: UploadId,
    attempt: Attempt,
}

impl<'a> World<'a> {
    fn new(core: &'a mut Core) -> Self {
        let up = Observation::Facts { carrier: true, address: true, route: true };
        let begin = Instant::from_millis(10_000);
        for (link, spec) in [(ETHERNET, settings::ETHERNET), (MODEM, settings::MODEM)] {
            core.handle_event(begin, Event::Link(link, Observation::Appeared(spec)));
            core.handle_event(begin, Event::Link(link, up));
            let rtt = Duration::from_millis(10);
            core.handle_event(begin, Event::Link(link, Observation::ProbeAnswered { rtt }));
        }
        let id = core.vacancy().expect("it is new");
        let spec = UploadSpec {
            total: 1 << 30,
            resume: Resume::Fenced,
            replayable: true,
            resumes_at: None,
            client: None,
        };
        core.handle_event(begin, Event::Opened { id, spec });
        core.handle_event(begin, Event::Received { id, offset: 1 << 30 });
        let mut world = Self { core, id, attempt: Attempt(0) };
        world.drain(begin);
        world.report(begin, Outcome::Created);
        world
    }

    fn feed(&mut self, now: Instant, event: Event) {
        self.core.handle_event(now, event);
        self.drain(now);
    }

    fn report(&mut self, now: Instant, outcome: Outcome) {
        let (id, attempt) = (self.id, self.attempt);
        self.feed(now, Event::Attempted { id, attempt, outcome });
    }

    fn wake(&mut self, now: Instant) {
        self.core.handle_timeout(now);
        self.drain(now);
    }

    /// As the driver does after each mutation.
    fn drain(&mut self, now: Instant) {
        while let Some(action) = self.core.poll_action(now) {
            if let Action::Create { attempt, .. } = action {
                self.attempt = attempt;
            }
        }
        black_box(self.core.poll_timeout(now));
    }
}
