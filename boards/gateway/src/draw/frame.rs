//! The picture on a terminal.

use super::text::{Line, Style, Tone, millis, size, width};
use super::track::{HISTORY, Parts};
use super::{Entry, LinkTrack, Picture, UploadTrack, What, tone_of};
use crate::span::span;
use baton_core::Duration;
use core::ops::Range;

/// Uploads shown at once; the rest are counted.
const UPLOADS: usize = 4;

/// Happenings shown at once, the last ones.
const HAPPENINGS: usize = 6;

impl Picture {
    /// The picture now, as lines.
    pub(crate) fn frame(&self, style: Style) -> Vec<String> {
        let mut lines = vec![self.title(style), String::new()];
        lines.push(
            link_columns(Line::new(style), Tone::Faint, ["LINK", "STATE", "RTT", "LOSS", "RATE"])
                .finish(),
        );
        let peak = self.links.iter().map(|track| track.rate.peak()).max().unwrap_or(0);
        let rows = self.links.iter().enumerate();
        lines.extend(rows.map(|(at, track)| link_row(style, at, track, peak)));
        for upload in self.uploads.iter().take(UPLOADS) {
            lines.push(String::new());
            lines.extend(self.upload(style, upload));
        }
        if let Some(more @ 1..) = self.uploads.len().checked_sub(UPLOADS) {
            lines.push(Line::new(style).put(Tone::Faint, &format!("and {more} more")).finish());
        }
        if !self.log.is_empty() {
            lines.push(String::new());
        }
        let skipped = self.log.len().saturating_sub(HAPPENINGS);
        lines.extend(self.log[skipped..].iter().map(|entry| self.happening(style, entry)));
        lines
    }

    fn title(&self, style: Style) -> String {
        let status = &self.status;
        let up = span(Duration::from_secs_f64(status.uptime_s.clamp(0.0, 1e9)));
        let line = Line::new(style)
            .put(Tone::Strong, "baton")
            .item(Tone::Faint, &format!("up {up}"))
            .item(Tone::Faint, &format!("{} relayed", size(status.bytes_relayed)));
        match &status.manual {
            Some(link) => line.item(Tone::Doubt, &format!("held on {link}")).finish(),
            None => line.finish(),
        }
    }

    /// An upload in three lines: name and progress, the bar, and who carried how much.
    fn upload(&self, style: Style, track: &UploadTrack) -> [String; 3] {
        let (upload, acked) = (&track.last, track.last.acked);
        let percent = upload.size.map(|total| u128::from(acked) * 100 / u128::from(total.max(1)));
        let progress = match (upload.size, percent) {
            (Some(total), Some(percent)) if style.width >= 60 => {
                format!("{} of {}  {percent:>3} %", size(acked), size(total))
            }
            (_, Some(percent)) => format!("{percent:>3} %"),
            (_, None) => size(acked),
        };
        let pace = match track.over {
            Some(_) if upload.size.is_none_or(|total| acked >= total) => "done".to_owned(),
            Some(_) => "ended".to_owned(),
            None => format!("{}/s", size(track.rate.per_second())),
        };
        let right = format!("{progress}  {pace}");
        let room = style.width.saturating_sub(width(&right) + 2);
        let name = Line::new(style).column(Tone::Strong, room, &upload.path);
        let left = name.left();
        let head = name.right(Tone::Plain, left, &right).finish();
        let bar = self.bar(style, &track.parts, upload.size.unwrap_or(acked));
        let mut totals = Line::new(style);
        for (link, bytes) in track.parts.totals() {
            totals = totals.item(tone_for(link), &format!("{} {}", self.name(link), size(bytes)));
        }
        [head, bar, totals.finish()]
    }

    /// The baton: each part in its link's colour with the link's name in it, where that fits.
    fn bar(&self, style: Style, parts: &Parts, total: u64) -> String {
        let cell = |offset: u64| {
            let share = u128::from(offset) * style.width as u128 / u128::from(total.max(1));
            (share as usize).min(style.width)
        };
        let mut line = Line::new(style);
        for (start, part) in parts.iter() {
            let cells = cell(start)..cell(part.end);
            line = line.put(tone_for(part.link), &stretch(self.name(part.link), &cells));
        }
        let rest = line.left();
        line.put(Tone::Faint, &"·".repeat(rest)).finish()
    }

    fn happening(&self, style: Style, entry: &Entry) -> String {
        let when = entry.seen.map_or("earlier".to_owned(), |at| self.clock(at));
        let line = Line::new(style).right(Tone::Faint, 7, &when).put(Tone::Plain, "  ");
        let switch = match &entry.what {
            What::Note(text) => return line.put(Tone::Plain, text).finish(),
            What::Switch(_, switch) => switch,
        };
        let ends = [&switch.from, &switch.to].map(|end| end.as_deref());
        let [from, to] = ends.map(|end| end.unwrap_or("none"));
        let [from_tone, to_tone] =
            ends.map(|end| tone_for(end.and_then(|name| self.position(name))));
        let mut line = line
            .put(from_tone, from)
            .put(Tone::Faint, " → ")
            .put(to_tone, to)
            .item(Tone::Plain, &switch.reason);
        if let Some(gap) = switch.gap_ms {
            line = line.item(Tone::Strong, &format!("gap {}", millis(gap)));
        }
        line.item(Tone::Faint, &format!("sent twice {}", size(switch.resent_bytes))).finish()
    }

    fn name(&self, link: Option<usize>) -> &str {
        link.and_then(|at| self.links.get(at)).map_or("earlier", |track| &track.last.name)
    }
}

fn link_row(style: Style, at: usize, track: &LinkTrack, peak: u64) -> String {
    let link = &track.last;
    let rtt = link.rtt_ms.map(millis).unwrap_or_default();
    let loss = link.loss_pct.map(|loss| format!("{loss:.1} %")).unwrap_or_default();
    let rate = match track.rate.per_second() {
        0 => String::new(),
        bytes => format!("{}/s", size(bytes)),
    };
    let mark = if link.active { "▶ " } else { "  " };
    let line = Line::new(style).put(Tone::Link(at), mark);
    let tones = [Tone::Link(at), tone_of(&link.state), Tone::Plain, Tone::Plain, Tone::Plain];
    let line = cells(line, tones, [&link.name, &link.state, &rtt, &loss, &rate]);
    match &link.trouble {
        Some(trouble) => line.put(Tone::Plain, "  ").put(Tone::Bad, trouble).finish(),
        None if line.left() < HISTORY + 2 => line.finish(),
        None => line.item(Tone::Link(at), track.rate.spark(peak).trim_end()).finish(),
    }
}

/// The heads above the columns of [`link_row`].
fn link_columns(line: Line, tone: Tone, heads: [&str; 5]) -> Line {
    cells(line.put(tone, "  "), [tone; 5], heads)
}

/// Name and state, then what is measured.
fn cells(line: Line, tones: [Tone; 5], texts: [&str; 5]) -> Line {
    line.column(tones[0], 10, texts[0])
        .column(tones[1], 11, texts[1])
        .right(tones[2], 8, texts[2])
        .right(tones[3], 8, texts[3])
        .right(tones[4], 12, texts[4])
}

/// A part of the bar: `name` in its middle if there is room around it, else only the line.
fn stretch(name: &str, cells: &Range<usize>) -> String {
    let room = cells.len().saturating_sub(width(name) + 4);
    match cells.len() {
        0 => String::new(),
        len if room == 0 => "━".repeat(len - 1) + "╸",
        _ => format!("{} {name} {}╸", "━".repeat(room / 2 + 1), "━".repeat(room - room / 2)),
    }
}

fn tone_for(link: Option<usize>) -> Tone {
    link.map_or(Tone::Faint, Tone::Link)
}
