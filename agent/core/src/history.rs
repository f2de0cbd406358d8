//! What a link's score usually is.

/// The last scores, as many as are asked for and [`KEPT`] at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History {
    scores: [u8; KEPT],
    len: u8,
    /// Where the next one goes.
    next: u8,
}

impl History {
    pub(crate) const fn new() -> Self {
        Self { scores: [0; KEPT], len: 0, next: 0 }
    }

    /// Takes one more, and lets go of all but the last `keep`.
    pub(crate) fn push(&mut self, score: u8, keep: u8) {
        self.scores[usize::from(self.next)] = score;
        self.next = (self.next + 1) % KEPT as u8;
        self.len = self.len.saturating_add(1).min(keep.clamp(1, KEPT as u8));
    }

    /// The median, which a spell that lasts less than half of the history does not move; `None`
    /// before there is a history.
    pub(crate) fn usual(&self) -> Option<u8> {
        if self.len < LEAST {
            return None;
        }
        let mut scores = [0; KEPT];
        let mut kept = 0;
        for back in 1..=usize::from(self.len) {
            scores[kept] = self.scores[(usize::from(self.next) + KEPT - back) % KEPT];
            kept += 1;
        }
        let scores = scores.get_mut(..kept)?;
        scores.sort_unstable();
        scores.get(kept / 2).copied()
    }
}

/// The seed keeps 50; a score takes a byte.
pub(crate) const KEPT: usize = 64;

/// One minute of looks: before that, nothing is usual.
pub(crate) const LEAST: u8 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_spell_is_not_usual_and_a_long_one_is() {
        let mut history = History::new();
        (0..50).for_each(|_| history.push(95, 50));

        (0..24).for_each(|_| history.push(40, 50));
        assert_eq!(history.usual(), Some(95));
        (0..2).for_each(|_| history.push(40, 50));

        assert_eq!(history.usual(), Some(40));
    }

    #[test]
    fn nothing_is_usual_before_a_minute_has_passed() {
        let mut history = History::new();

        (1..LEAST).for_each(|_| history.push(90, 50));
        assert_eq!(history.usual(), None);
        history.push(90, 50);

        assert_eq!(history.usual(), Some(90));
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_a_list(
            pushed in prop::collection::vec((0..=100u8, 0..=u8::MAX), 1..200),
        ) {
            let mut history = History::new();
            let mut plain: Vec<u8> = vec![];
            for (score, keep) in pushed {
                history.push(score, keep);
                plain.push(score);
                plain.drain(..plain.len().saturating_sub(usize::from(keep.clamp(1, KEPT as u8))));
            }
            plain.sort_unstable();
            let usual = (plain.len() >= usize::from(LEAST)).then(|| plain[plain.len() / 2]);
            prop_assert_eq!(history.usual(), usual);
        }
    }
}
