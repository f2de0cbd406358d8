//! Handles by which a running link is changed and measured.

use crate::{
    clock::now,
    emulator::WAKE,
    lab::{LabError, Plan},
    namespace::Namespace,
    shape::{Shape, Shaper, Stats},
};
use core::time::Duration;
use std::{
    io::{PipeWriter, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A link to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkSpec {
    /// Its interface in `gateway` and in `upstream`; at most 12 bytes.
    pub name: &'static str,
    /// From the gateway to the upstream.
    pub up: Shape,
    /// From the upstream to the gateway.
    pub down: Shape,
}

impl LinkSpec {
    /// A link of the same shape both ways: its round trip takes twice the delay.
    pub fn symmetric(name: &'static str, shape: Shape) -> Self {
        Self { name, up: shape.clone(), down: shape }
    }
}

/// A way across a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the gateway to the upstream.
    Up,
    /// From the upstream to the gateway.
    Down,
}

/// What a link carried and dropped, each way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkStats {
    /// From the gateway to the upstream.
    pub up: Stats,
    /// From the upstream to the gateway.
    pub down: Stats,
}

/// The two directions of a link.
pub(crate) struct Pair {
    up: Shaper,
    down: Shaper,
}

impl Pair {
    pub(crate) fn new(spec: &LinkSpec, seed: u64, number: u8) -> Self {
        let stream = 2 * u64::from(number);
        let epoch = now();
        Self {
            up: Shaper::new(spec.up.clone(), seed, stream, epoch),
            down: Shaper::new(spec.down.clone(), seed, stream + 1, epoch),
        }
    }

    pub(crate) fn direction(&mut self, direction: Direction) -> &mut Shaper {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }
}

/// A running link. Clones are the same link; any thread may hold one.
#[derive(Clone)]
pub struct Link {
    pub(crate) plan: Plan,
    pub(crate) pair: Arc<Mutex<Pair>>,
    pub(crate) gateway: Namespace,
    pub(crate) emulator: Namespace,
    pub(crate) control: Arc<PipeWriter>,
}

impl Link {
    /// Its interface in `gateway` and in `upstream`.
    pub fn name(&self) -> &'static str {
        self.plan.name
    }

    /// Changes both directions: `link.set(|shape| shape.loss_ppm = 100_000)`.
    pub fn set(&self, change: impl Fn(&mut Shape)) {
        self.set_one(Direction::Up, &change);
        self.set_one(Direction::Down, &change);
    }

    /// Changes one direction.
    pub fn set_one(&self, direction: Direction, change: impl FnOnce(&mut Shape)) {
        change(&mut self.pair().direction(direction).shape);
        self.wake();
    }

    /// Drops everything, silently, or no longer.
    pub fn black_hole(&self, on: bool) {
        self.set(|shape| shape.black_hole = on);
    }

    /// Holds everything from now on, then lets it go.
    pub fn stall(&self, lasts: Duration) {
        let end = now() + lasts;
        let mut pair = self.pair();
        pair.up.stall_until(end);
        pair.down.stall_until(end);
        drop(pair);
        self.wake();
    }

    /// Pulls the cable from the gateway's end, or puts it back. The interface keeps its addresses
    /// and routes; IPv4 ones are flagged `linkdown`. The upstream's end notices nothing.
    pub fn carrier(&self, on: bool) -> Result<(), LabError> {
        self.emulator.interface_up(&self.plan.gateway_end(), on)
    }

    /// Takes the interface itself away from the gateway, or brings it back with its addresses and
    /// routes, as a USB modem comes and goes.
    pub fn plugged(&self, on: bool) -> Result<(), LabError> {
        if on {
            self.emulator.move_interface(self.name(), &self.gateway)?;
            self.plan.configure_gateway(&self.gateway)
        } else {
            self.gateway.move_interface(self.name(), &self.emulator)
        }
    }

    /// What it carried and dropped so far.
    pub fn stats(&self) -> LinkStats {
        let pair = self.pair();
        LinkStats { up: pair.up.stats, down: pair.down.stats }
    }

    fn pair(&self) -> MutexGuard<'_, Pair> {
        self.pair.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // Refused only once the emulator is gone, and then there is nothing to wake.
        let _ = (&*self.control).write_all(&[WAKE]);
    }
}
