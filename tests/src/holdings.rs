//! What an agent holds, and that it gives it back.

use crate::{Scene, wait_until};
use core::time::Duration;
use std::fs::read_dir;

/// What an agent holds for its clients. After a mistake, it is what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Open file descriptors.
    pub descriptors: usize,
    /// Uploads that are open.
    pub uploads: u64,
    /// Bytes of the pool in use.
    pub pool_bytes: u64,
    /// Bytes of the spool that are free.
    pub spool_free: u64,
}

/// Connections to the upstream that may be kept open for later: two a link.
const KEPT: usize = 6;

impl Scene {
    /// What the agent holds now.
    ///
    /// # Panics
    ///
    /// If there is no agent.
    pub fn holdings(&self) -> Holdings {
        let status = self.status();
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        let descriptors = read_dir(format!("/proc/{}/fd", self.agent.id())).expect("a process");
        Holdings {
            descriptors: descriptors.count(),
            uploads: number(&status["uploads_active"]),
            pool_bytes: number(&status["pools"][0]["used_bytes"]),
            spool_free: number(&status["spool"]["free_bytes"]),
        }
    }

    /// Waits until the agent has given back what it took since `before`.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub fn assert_nothing_leaked(&self, before: Holdings) {
        let end = baton_lab::now() + Duration::from_secs(10);
        loop {
            let now = self.holdings();
            let descriptors = now.descriptors;
            let is_back = now == (Holdings { descriptors, ..before });
            if is_back && descriptors <= before.descriptors + KEPT {
                return;
            }
            let log = if baton_lab::now() < end { None } else { Some(self.agent.log()) };
            assert!(
                log.is_none(),
                "before {before:?}\nnow    {now:?}\n{}",
                log.unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asserts that nothing leaked since `before`, and that the next upload succeeds.
    ///
    /// # Panics
    ///
    /// If not so.
    pub fn assert_goes_on(&self, before: Holdings) {
        self.assert_nothing_leaked(before);
        let file = self.file("afterwards.bin", 300_000);
        // Had it been stored before, an upload could succeed without a byte.
        let _ = std::fs::remove_file(self.stored("afterwards.bin"));
        let (status, text) = self.finish(self.curl(&file, "afterwards.bin", &[]));
        assert_eq!(status, 201, "{text}\n{}", self.agent.log());
        self.assert_stored(&file, "afterwards.bin");
    }

    /// Waits until the agent's log says `text`.
    ///
    /// # Panics
    ///
    /// If it never does.
    pub fn wait_for_log(&self, text: &str) {
        wait_until(text, Duration::from_secs(20), || self.agent.log().contains(text).then_some(()));
    }
}
