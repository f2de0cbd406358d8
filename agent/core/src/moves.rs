//! How many switches nothing forced.

use crate::{Duration, Instant};

/// The last moments at which the active link was changed without need.
///
/// A plain list, and not a bucket that refills: the promise is *no more than so many within any
/// span of that length*.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moves {
    at: [Option<Instant>; KEPT],
    next: u8,
}

impl Moves {
    pub(crate) const fn new() -> Self {
        Self { at: [None; KEPT], next: 0 }
    }

    /// One was made.
    pub(crate) fn add(&mut self, now: Instant) {
        self.at[usize::from(self.next)] = Some(now);
        self.next = (self.next + 1) % KEPT as u8;
    }

    /// Whether one more leaves no more than `most` within `window`; [`KEPT`] count as no bound.
    pub(crate) fn may_add(&self, now: Instant, most: u8, window: Duration) -> bool {
        let lately = self.at.iter().flatten().filter(|at| now.saturating_since(**at) < window);
        usize::from(most) >= KEPT || lately.count() < usize::from(most)
    }
}

/// The most that can be counted: at the default window, one switch in 19 s.
const KEPT: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: Duration = Duration::from_secs(300);

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_bound(
            steps in prop::collection::vec(0..60u64, 1..300),
            most in 1..16u8,
        ) {
            let mut moves = Moves::new();
            let (mut now, mut made): (_, Vec<Instant>) = (Instant::from_millis(1_000_000), vec![]);
            for step in steps {
                now += Duration::from_secs(step);
                let recent = made.iter().filter(|at| now.saturating_since(**at) < WINDOW).count();
                let may = moves.may_add(now, most, WINDOW);
                prop_assert_eq!(may, recent < usize::from(most));
                if may {
                    moves.add(now);
                    made.push(now);
                }
            }
        }
    }

    #[test]
    fn sixteen_is_no_bound() {
        let mut moves = Moves::new();
        (0..100).for_each(|second| moves.add(Instant::from_millis(second)));

        assert!(moves.may_add(Instant::from_millis(100), 16, WINDOW));
        assert!(!moves.may_add(Instant::from_millis(100), 15, WINDOW));
        assert!(!moves.may_add(Instant::from_millis(100), 0, WINDOW));
    }
}
