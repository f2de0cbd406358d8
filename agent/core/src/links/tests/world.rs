//! A small world: wires that deliver, stall or lie, and an upload on the active link.

use super::super::*;
use crate::{Class, LinkKey, LinkSpec, OverBudget, Roaming, StateKind, Tariff};

pub(super) const ETH: LinkId = LinkId(0);
pub(super) const WIFI: LinkId = LinkId(1);
pub(super) const LTE: LinkId = LinkId(2);

pub(super) const UP: Observation = Observation::Facts { carrier: true, address: true, route: true };
pub(super) const CUT: Observation =
    Observation::Facts { carrier: false, address: true, route: true };

pub(super) fn spec(id: LinkId, metered: bool) -> LinkSpec {
    let priority = 10 * (u32::from(id.0) + 1);
    LinkSpec {
        class: Class::ALL[usize::from(id.0)],
        priority,
        metric: 100,
        metered,
        tariff: Tariff::FREE,
        key: LinkKey(u32::from(id.0)),
        roaming: Roaming::Avoid,
    }
}

pub(super) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    /// Whether anything gets through.
    pub(super) delivers: bool,
    /// Whether probes alone are answered, and what is carried is lost.
    pub(super) swallows: bool,
    /// Whether somebody else answers.
    pub(super) lies: bool,
    pub(super) rtt: Duration,
    /// Of 100 segments.
    pub(super) lost_percent: u32,
    /// Bytes a second.
    pub(super) rate: u32,
    /// When the probe under way is answered.
    pub(super) answer: Option<Instant>,
    pub(super) probes: u32,
}

/// A table and what it looks at.
pub(super) struct World {
    pub(super) table: Links<3>,
    pub(super) wires: [Wire; 3],
    pub(super) now: Instant,
    /// How long a turn takes.
    pub(super) tick_ms: u64,
    /// Whether somebody uploads, and over which link just now.
    pub(super) uploading: bool,
    pub(super) carrier: Option<LinkId>,
    pub(super) switches: Vec<Switch>,
}

impl World {
    pub(super) fn new() -> Self {
        let wire = Wire {
            delivers: true,
            swallows: false,
            lies: false,
            rtt: ms(20),
            lost_percent: 0,
            rate: 1 << 20,
            answer: None,
            probes: 0,
        };
        Self {
            table: Links::new(LinkPolicy::default(), 7),
            wires: [wire; 3],
            now: Instant::from_millis(1000),
            tick_ms: 10,
            uploading: true,
            carrier: None,
            switches: vec![],
        }
    }

    /// These links, healthy, and the switch at start forgotten.
    pub(super) fn with(links: &[LinkId]) -> Self {
        let mut world = Self::new();
        links.iter().for_each(|link| world.plug(*link));
        world.run(5000);
        assert_eq!(world.table.active(), links.iter().min().copied());
        assert!(links.iter().all(|link| world.kind(*link) == StateKind::Healthy));
        world.switches.clear();
        world
    }

    pub(super) fn plug(&mut self, id: LinkId) {
        self.see(id, Observation::Appeared(spec(id, false)));
        self.see(id, UP);
    }

    pub(super) fn see(&mut self, id: LinkId, observation: Observation) {
        self.table.observe(self.now, id, observation);
        self.switches.extend(self.table.poll_switch());
    }

    pub(super) fn wire(&mut self, id: LinkId) -> &mut Wire {
        &mut self.wires[usize::from(id.0)]
    }

    pub(super) fn kind(&self, id: LinkId) -> StateKind {
        self.table.state(id).kind()
    }

    pub(super) fn run(&mut self, millis: u64) {
        for _ in 0..millis / self.tick_ms {
            self.now += ms(self.tick_ms);
            self.turn();
            assert_sane(&self.table, self.now);
        }
    }

    pub(super) fn turn(&mut self) {
        if self.table.poll_timeout().is_some_and(|(at, _)| at <= self.now) {
            self.table.handle_timeout(self.now);
        }
        for id in [ETH, WIFI, LTE] {
            self.answer(id);
        }
        self.carry();
        while let Some(id) = self.table.poll_probe(self.now) {
            let answer = self.now + self.wire(id).rtt;
            self.wire(id).answer = Some(answer);
            self.wire(id).probes += 1;
        }
        self.switches.extend(self.table.poll_switch());
    }

    pub(super) fn answer(&mut self, id: LinkId) {
        let now = self.now;
        let wire = self.wire(id);
        let Wire { delivers, lies, rtt, .. } = *wire;
        if wire.answer.take_if(|at| *at <= now).is_some() && delivers {
            self.see(
                id,
                if lies { Observation::Impostor } else { Observation::ProbeAnswered { rtt } },
            );
        }
    }

    /// The upload follows the active link; what gets through is proved each turn.
    pub(super) fn carry(&mut self) {
        let carrier = self.table.active().filter(|_| self.uploading);
        if carrier != self.carrier {
            self.carrier.into_iter().for_each(|id| self.see(id, Observation::InFlight(false)));
            carrier.into_iter().for_each(|id| self.see(id, Observation::InFlight(true)));
            self.carrier = carrier;
        }
        let Some(id) = carrier else { return };
        let Wire { delivers, swallows, lies, lost_percent, rate, .. } = *self.wire(id);
        if delivers && !swallows && !lies {
            let bytes = (u64::from(rate) * self.tick_ms / 1000) as u32;
            self.see(id, Observation::Delivered { bytes, limited: false });
            self.see(id, Observation::Segments { sent: 100, lost: lost_percent });
            self.see(id, Observation::Proof);
        }
    }

    pub(super) fn told(&self) -> Vec<(Option<LinkId>, Reason)> {
        self.switches.iter().map(|switch| (switch.to, switch.reason)).collect()
    }
}

/// What holds whatever was observed, once probes and switches are drained.
pub(super) fn assert_sane<const N: usize>(table: &Links<N>, now: Instant) {
    let ranked: Vec<LinkId> = table.ranked().collect();
    let is_refused = |id: LinkId| {
        let view = table.view(id);
        let refuses = view.spec.tariff.over_budget == OverBudget::Refuse;
        view.spent && refuses && table.override_link() != Some(id)
    };
    let mut usable: Vec<LinkId> =
        (0..N as u8).map(LinkId).filter(|id| table.is_usable(*id) && !is_refused(*id)).collect();
    assert_eq!(
        table.active(),
        ranked.first().copied(),
        "the active link leads, and there is one if any is usable"
    );
    if let Some(id) = table.override_link().filter(|id| table.is_usable(*id)) {
        assert_eq!(table.active(), Some(id));
    }

    if usable.iter().any(|id| table.view(*id).spec.class == Class::Vpn) {
        return;
    }
    usable.sort_by_key(|id| {
        let view = table.view(*id);
        let is_active = table.active() == Some(*id);
        (
            !is_active,
            promise(table.state(*id)).max(if view.spent { 5 } else { 0 }),
            view.roams,
            view.degraded,
            view.spec.priority,
            view.spec.metric,
            id.0,
        )
    });
    assert_eq!(ranked, usable);
    if let Some((at, wake)) = table.poll_timeout() {
        assert!(at > now, "{wake:?} would spin");
    }
}

/// The order of states, said once more in plain words.
pub(super) fn promise(state: State) -> u8 {
    match state {
        State::Healthy => 0,
        State::Suspect { since, settled } if settled <= since => 1,
        State::Settling { .. } => 2,
        State::HoldDown { .. } | State::Suspect { .. } => 3,
        State::Suppressed { .. } => 4,
        // 5: its budget is spent.
        State::Failed { .. } => 6,
        State::Absent | State::Down { .. } => unreachable!("not usable"),
    }
}
