//! The terminal: how large it is, and redrawing in place.

use super::Style;
use crate::commands::is_colour_refused;
use std::io::{self, IsTerminal, Write};

/// A terminal that shows one frame at a time. The cursor is hidden until it is dropped.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Lines of the frame that is shown.
    shown: usize,
}

impl Screen {
    /// Takes the terminal; `None` if standard output is none that can be drawn on.
    pub(crate) fn open() -> Option<Self> {
        let drawable = io::stdout().is_terminal() && !is_env("TERM", "dumb");
        drawable.then(|| {
            print!("\x1b[?25l");
            Self { shown: 0 }
        })
    }

    /// How to draw on it now.
    pub(crate) fn style(&self) -> Style {
        Style { width: usable(size().0), colour: !is_colour_refused() }
    }

    /// Replaces the frame; what does not fit the height is left out at its end.
    pub(crate) fn show(&mut self, lines: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let fitting = lines.len().min(size().1.saturating_sub(1));
        let mut text = match self.shown {
            0 => String::new(),
            shown => format!("\x1b[{shown}A"),
        };
        for line in &lines[..fitting] {
            text.push_str(line);
            text.push_str("\x1b[K\r\n");
        }
        text.push_str("\x1b[J");
        self.shown = fitting;
        out.write_all(text.as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        print!("\x1b[?25h");
        // The terminal may be gone: then its cursor does not matter.
        let _ = io::stdout().flush();
    }
}

/// How to draw a line of progress on standard error; `None` if nobody would see it there.
pub(crate) fn stderr_style() -> Option<Style> {
    let drawable = io::stderr().is_terminal() && !is_env("TERM", "dumb");
    drawable.then(|| Style { width: usable(size().0), colour: !is_colour_refused() })
}

/// A line that fills the last column makes some terminals wrap.
fn usable(columns: usize) -> usize {
    columns.saturating_sub(1)
}

/// Columns and rows; a terminal that does not tell is an 80 by 24 one.
fn size() -> (usize, usize) {
    terminal_size::terminal_size().map_or((80, 24), |(w, h)| (w.0.into(), h.0.into()))
}

fn is_env(name: &str, value: &str) -> bool {
    std::env::var_os(name).is_some_and(|found| found == value)
}
