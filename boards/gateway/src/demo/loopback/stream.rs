//! A stream over a line, and the task that keeps it moving.

use super::wire::{Next, Wire};
use super::{LoopbackError, View};
use baton_hal::{Bytes, ErrorKind, Stream, StreamInfo};
use baton_hal_linux::BoundStream;
use core::cell::{Cell, RefCell};
use core::future::pending;
use std::rc::Rc;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A [`Stream`] over a line.
pub(in crate::demo) struct LoopbackStream(Rc<Shared>);

struct Shared {
    wire: RefCell<Wire>,
    /// The stream's owner did something.
    asked: Notify,
    /// Something may have arrived or left.
    moved: Notify,
}

impl LoopbackStream {
    /// Puts `inner` behind the line at `position`. Must be called on a `LocalSet`.
    pub(super) fn open(
        inner: BoundStream,
        view: View,
        position: usize,
        free_at: Rc<Cell<Instant>>,
    ) -> Self {
        let wire = RefCell::new(Wire::new(inner, Instant::now()));
        let shared = Rc::new(Shared { wire, asked: Notify::new(), moved: Notify::new() });
        tokio::task::spawn_local(keep_moving(shared.clone(), view, position, free_at));
        Self(shared)
    }

    async fn until(&self, ready: impl Fn(&Wire) -> bool) {
        loop {
            let moved = self.0.moved.notified();
            if ready(&self.0.wire.borrow()) {
                return;
            }
            moved.await;
        }
    }

    /// Does something to the wire, which may then have to move.
    fn ask<T>(&self, ask: impl FnOnce(&mut Wire) -> T) -> T {
        let answer = ask(&mut self.0.wire.borrow_mut());
        self.0.asked.notify_one();
        answer
    }
}

async fn keep_moving(
    shared: Rc<Shared>,
    mut view: View,
    position: usize,
    free_at: Rc<Cell<Instant>>,
) {
    let inner = shared.wire.borrow().inner.clone();
    loop {
        let next = {
            let lines = view.0.borrow_and_update();
            shared.wire.borrow_mut().step(Instant::now(), &lines[position], &free_at)
        };
        shared.moved.notify_waiters();
        let Some(Next { at, read, write }) = next else { return };
        let due = async {
            match at {
                Some(at) => sleep_until(at).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = due => {}
            () = shared.asked.notified() => {}
            () = view.changed() => {}
            () = inner.readable(), if read => {}
            () = inner.writable(), if write => {}
        }
    }
}

impl Bytes for LoopbackStream {
    type Error = LoopbackError;

    async fn readable(&self) {
        self.until(Wire::is_readable).await;
    }

    async fn writable(&self) {
        self.until(Wire::is_writable).await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, LoopbackError> {
        self.ask(|wire| wire.try_read(buf)).map_err(ended)
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, LoopbackError> {
        self.ask(|wire| wire.try_write(bufs)).map_err(ended)
    }
}

impl Stream for LoopbackStream {
    fn info(&self) -> Option<StreamInfo> {
        Some(self.0.wire.borrow().info(Instant::now()))
    }

    fn abort(&self) {
        self.0.wire.borrow_mut().is_aborted = true;
    }
}

impl Drop for LoopbackStream {
    fn drop(&mut self) {
        self.ask(|wire| wire.is_dropped = true);
    }
}

fn ended(kind: ErrorKind) -> LoopbackError {
    LoopbackError::Ended(kind)
}
