//! Lines of known width, and numbers as people read them.

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// Columns there are.
    pub(crate) width: usize,
    /// Whether ANSI colours may be used.
    pub(crate) colour: bool,
}

/// What a piece of text says beside its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing.
    Plain,
    /// Look here.
    Strong,
    /// Look here last.
    Faint,
    /// As it should be.
    Good,
    /// In doubt.
    Doubt,
    /// Out of order.
    Bad,
    /// Belongs to the link with this position.
    Link(usize),
}

impl Tone {
    /// ANSI "select graphic rendition" parameter.
    fn sgr(self) -> &'static str {
        /// Six hues that read on dark and on light ground, the first three far apart.
        const LINKS: [&str; 6] = ["36", "35", "33", "34", "32", "31"];
        match self {
            Self::Plain => "",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Doubt => "33",
            Self::Bad => "31",
            Self::Link(position) => LINKS[position % LINKS.len()],
        }
    }
}

/// One line on the screen: never wider than its style allows.
#[derive(Debug)]
pub(crate) struct Line {
    style: Style,
    used: usize,
    text: String,
}

impl Line {
    /// An empty one.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, used: 0, text: String::new() }
    }

    /// Columns not yet used.
    pub(crate) fn left(&self) -> usize {
        self.style.width - self.used
    }

    /// Appends `text`, cut where the line ends. Control characters, which a client may well
    /// have put into a file's name, become `?`.
    pub(crate) fn put(mut self, tone: Tone, text: &str) -> Self {
        let mut cut = String::with_capacity(text.len());
        for c in text.chars().map(printable) {
            if columns(c) > self.left() {
                break;
            }
            self.used += columns(c);
            cut.push(c);
        }
        if self.style.colour && tone != Tone::Plain && !cut.trim().is_empty() {
            self.text.push_str(&format!("\x1b[{}m{cut}\x1b[0m", tone.sgr()));
        } else {
            self.text.push_str(&cut);
        }
        self
    }

    /// Appends a column `columns` wide, or nothing if it does not fit whole.
    pub(crate) fn column(self, tone: Tone, columns: usize, text: &str) -> Self {
        if columns > self.left() {
            return self;
        }
        let end = self.used + columns;
        self.put(tone, &clip(text, columns)).skip_to(end)
    }

    /// As [`Self::column`], with the text at its right end.
    pub(crate) fn right(self, tone: Tone, columns: usize, text: &str) -> Self {
        if columns > self.left() {
            return self;
        }
        let text = clip(text, columns);
        let start = self.used + columns - width(&text);
        self.skip_to(start).put(tone, &text)
    }

    /// Appends `text` behind two blanks, or nothing if it does not fit whole.
    pub(crate) fn item(self, tone: Tone, text: &str) -> Self {
        if width(text) + 2 > self.left() {
            return self;
        }
        self.put(Tone::Plain, "  ").put(tone, text)
    }

    /// Blanks up to `column`.
    pub(crate) fn skip_to(mut self, column: usize) -> Self {
        let blanks = column.min(self.style.width).saturating_sub(self.used);
        self.text.push_str(&" ".repeat(blanks));
        self.used += blanks;
        self
    }

    /// The line, without the blanks at its end.
    pub(crate) fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text
    }
}

/// `text` as it can be shown: what others may have put into it does not steer the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// Columns that `text` takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|c| columns(printable(c))).sum()
}

/// `text`, or as much of it as fits `limit` columns with an ellipsis behind it.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    if width(text) <= limit {
        return text.to_owned();
    }
    let mut left = limit.saturating_sub(1);
    let fits = |c: &char| match left.checked_sub(columns(printable(*c))) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    };
    let head: String = text.chars().take_while(fits).collect();
    if limit == 0 { head } else { head + "…" }
}

/// Bytes: 1024-based, as in the configuration.
pub(crate) fn size(bytes: u64) -> String {
    const KB: f64 = 1024.0;
    let bytes_f = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.0} KB", bytes_f / KB),
        1_048_576..1_073_741_824 => format!("{:.1} MB", bytes_f / KB / KB),
        1_073_741_824.. => format!("{:.2} GB", bytes_f / KB / KB / KB),
    }
}

/// Milliseconds, with as many digits as matter.
pub(crate) fn millis(ms: f64) -> String {
    match ms {
        ..10.0 => format!("{ms:.1} ms"),
        10.0..10_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.0} s", ms / 1000.0),
    }
}

/// `c`, unless it would move the cursor, ring the bell or turn the text around.
fn printable(c: char) -> char {
    match c {
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
        c if c.is_control() => '?',
        c => c,
    }
}

/// Columns of one character: Unicode's wide ranges in use, and combining marks.
fn columns(c: char) -> usize {
    match u32::from(c) {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff => 2,
        0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 => 2,
        0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}
