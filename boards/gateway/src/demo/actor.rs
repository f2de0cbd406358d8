//! Those who play: each on a thread with an event loop of its own.

use super::world::{Place, World};
use crate::commands::block_on;
use crate::failure::Failure;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Someone at work. Dropping it ends the work at once and waits for the thread.
pub(super) struct Actor<T> {
    stop: Option<oneshot::Sender<()>>,
    outcome: oneshot::Receiver<Result<T, Failure>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Actor<T> {
    /// Has `part` played at `place`.
    pub(super) fn start<F: Future<Output = Result<T, Failure>>>(
        world: &World,
        place: Place,
        part: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, outcome) = oneshot::channel();
        let thread = world.spawn(place, move || {
            let played = block_on(async {
                tokio::select! {
                    ended = part() => ended.map(Some),
                    _ = stopped => Ok(None),
                }
            });
            if let Some(ended) = played.transpose() {
                // Nobody listens any more to who was stopped.
                let _ = tell.send(ended);
            }
        });
        Self { stop: Some(stop), outcome, thread: Some(thread) }
    }

    /// How the part ended; asked once.
    pub(super) async fn ended(&mut self) -> Result<T, Failure> {
        let broken = |_| Err(Failure::No("a thread of the demo panicked: please report it".into()));
        (&mut self.outcome).await.unwrap_or_else(broken)
    }
}

impl<T> Drop for Actor<T> {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed.
            let _ = thread.join();
        }
    }
}
