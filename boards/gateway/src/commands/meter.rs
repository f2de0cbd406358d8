//! The progress of one file, on one line of standard error.

use crate::draw::{Line, Style, Tone, size, stderr_style};
use baton_core::{Duration, Instant};
use baton_hal::Clock;
use std::io::Write;

/// How often the line is redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// Shows how far a file is. On anything but a terminal it shows nothing.
#[derive(Debug)]
pub(crate) struct Meter<'a> {
    clock: &'a Clock,
    style: Option<Style>,
    name: &'a str,
    total: u64,
    start: Instant,
    drawn: Option<Instant>,
}

impl<'a> Meter<'a> {
    /// Starts at 0 of `total` bytes.
    pub(crate) fn new(clock: &'a Clock, name: &'a str, total: u64) -> Self {
        Self { clock, style: stderr_style(), name, total, start: clock.now(), drawn: None }
    }

    /// `done` bytes are sent.
    pub(crate) fn show(&mut self, done: u64) {
        let now = self.clock.now();
        let recent = self.drawn.is_some_and(|at| now.saturating_since(at) < REDRAW);
        let Some(style) = self.style else { return };
        if recent && done < self.total {
            return;
        }
        self.drawn = Some(now);
        let line = draw(style, self.name, done, self.total, now.saturating_since(self.start));
        // Progress that can't be shown is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{line}\x1b[K");
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Name, bar, share, rate and the time left; the bar takes what room there is.
fn draw(style: Style, name: &str, done: u64, total: u64, elapsed: Duration) -> String {
    let millis = elapsed.as_millis().max(1);
    let rate = (u128::from(done) * 1000 / millis) as u64;
    let percent = u128::from(done) * 100 / u128::from(total.max(1));
    let eta = match (total - done.min(total)).checked_div(rate) {
        Some(seconds) if done < total => crate::span::span(Duration::from_secs(seconds)),
        Some(_) | None => String::new(),
    };
    let line = Line::new(style).column(Tone::Strong, style.width.min(60) / 3, name);
    let room = line.left().saturating_sub(32);
    let full = (u128::from(done) * room as u128 / u128::from(total.max(1))) as usize;
    line.put(Tone::Plain, "  ")
        .put(Tone::Link(0), &"━".repeat(full.min(room)))
        .put(Tone::Faint, &"·".repeat(room - full.min(room)))
        .right(Tone::Plain, 6, &format!("{percent} %"))
        .right(Tone::Plain, 13, &format!("{}/s", size(rate)))
        .right(Tone::Faint, 10, &eta)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    #[test]
    fn the_bar_fills_the_room_between_name_and_numbers() {
        let style = Style { width: 79, colour: false };

        let half = draw(style, "a.jpg", 32 * MB, 64 * MB, Duration::from_secs(2));
        let done = draw(style, "a.jpg", 64 * MB, 64 * MB, Duration::from_secs(4));

        assert_eq!(
            half,
            "a.jpg                 ━━━━━━━━━━━━━··············  50 %    16.0 MB/s        2s"
        );
        assert_eq!(done, "a.jpg                 ━━━━━━━━━━━━━━━━━━━━━━━━━━━ 100 %    16.0 MB/s");
    }

    #[test]
    fn no_width_and_no_length_is_too_small() {
        for width in 0..120 {
            for (done, total) in [(0, 0), (5, 0), (0, MB), (2 * MB, MB), (u64::MAX, u64::MAX)] {
                let style = Style { width, colour: false };
                let line = draw(style, "a-long-name-日本語.jpg", done, total, Duration::ZERO);
                assert!(crate::draw::width(&line) <= width, "{width}: {line}");
            }
        }
    }
}
