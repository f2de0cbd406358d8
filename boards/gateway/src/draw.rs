//! The live picture of links and transfers.
//!
//! A [`Picture`] is fed snapshots and remembers what they do not say: the rate of each link,
//! which link carried which part of an upload, what happened and when. It is drawn either as a
//! [`frame`](Picture::frame) for a terminal or as [`news`](Picture::news), a line for each change.

mod frame;
mod news;
mod screen;
mod text;
mod track;

pub(crate) use screen::{Screen, stderr_style};
pub(crate) use text::{Line, Style, Tone, clip, millis, plain, size, width};

use crate::snapshot::{Link, Snapshot, Status, Switch, Upload};
use baton_core::{Duration, Instant};
use news::Told;
use track::{Parts, Rate};

/// How long an upload that is over stays in the picture.
const FAREWELL: Duration = Duration::from_secs(10);

/// Happenings kept; the screen shows fewer.
const LOG: usize = 32;

/// Links, uploads and what happened to them.
#[derive(Debug)]
pub(crate) struct Picture {
    start: Instant,
    now: Instant,
    status: Status,
    links: Vec<LinkTrack>,
    uploads: Vec<UploadTrack>,
    log: Vec<Entry>,
    /// Switches that were in a snapshot before.
    switches_seen: usize,
    told: Told,
}

/// A link, in the order of first appearance: its position is its colour.
#[derive(Debug)]
struct LinkTrack {
    last: Link,
    rate: Rate,
}

#[derive(Debug)]
struct UploadTrack {
    last: Upload,
    parts: Parts,
    rate: Rate,
    /// When it was first missing from a snapshot.
    over: Option<Instant>,
}

/// Something that happened.
#[derive(Debug)]
struct Entry {
    /// When it was first seen here; `None`: before anyone looked.
    seen: Option<Instant>,
    what: What,
    told: bool,
}

#[derive(Debug)]
enum What {
    /// With how many there were before it since the agent started.
    Switch(usize, Switch),
    #[cfg_attr(
        not(any(test, feature = "demo")),
        expect(dead_code, reason = "only the demo has some")
    )]
    Note(String),
}

impl Picture {
    /// An empty picture; times in it count from `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            start: now,
            now,
            status: Status::default(),
            links: Vec::new(),
            uploads: Vec::new(),
            log: Vec::new(),
            switches_seen: 0,
            told: Told::default(),
        }
    }

    /// Adds a line to what happened.
    #[cfg(any(test, feature = "demo"))]
    pub(crate) fn note(&mut self, now: Instant, text: &str) {
        self.log_entry(Some(now), What::Note(text.to_owned()));
    }

    /// Takes in what the agent says at `now`.
    pub(crate) fn observe(&mut self, now: Instant, snapshot: Snapshot) {
        let first_look = self.status.version.is_empty();
        self.now = now;
        for track in &mut self.links {
            // Unless the snapshot says otherwise.
            track.last = Link { state: "absent".to_owned(), active: false, ..track.last.clone() };
        }
        for link in snapshot.links {
            self.observe_link(link);
        }
        let ids: Vec<_> = snapshot.uploads.iter().map(|upload| upload.id.clone()).collect();
        for upload in snapshot.uploads {
            self.observe_upload(upload, first_look);
        }
        for track in &mut self.uploads {
            track.over = if ids.contains(&track.last.id) { None } else { track.over.or(Some(now)) };
        }
        self.uploads.retain(|t| t.over.is_none_or(|at| now.saturating_since(at) < FAREWELL));
        for rate in self.links.iter_mut().map(|track| &mut track.rate) {
            rate.add(now, 0);
        }
        let status = snapshot.status;
        let total = status.switches_total.max(status.switches.len());
        for (number, switch) in (total - status.switches.len()..).zip(&status.switches) {
            self.observe_switch(number, switch, first_look);
        }
        self.switches_seen = total;
        self.status = status;
    }

    fn observe_link(&mut self, link: Link) {
        match self.links.iter_mut().find(|track| track.last.name == link.name) {
            Some(track) => track.last = link,
            None => self.links.push(LinkTrack { last: link, rate: Rate::new(self.now) }),
        }
    }

    fn observe_upload(&mut self, upload: Upload, first_look: bool) {
        let link = upload.link.as_deref().and_then(|name| self.position(name));
        let track = match self.uploads.iter().position(|track| track.last.id == upload.id) {
            Some(at) => &mut self.uploads[at],
            None => {
                let mut parts = Parts::default();
                parts.grow(None, if first_look { upload.acked } else { 0 });
                let rate = Rate::new(self.now);
                self.uploads.push(UploadTrack { last: Upload::default(), parts, rate, over: None });
                self.uploads.last_mut().expect("it was just pushed")
            }
        };
        let new = track.parts.grow(link, upload.acked);
        track.rate.add(self.now, new);
        track.last = upload;
        if let Some(carrier) = link.and_then(|at| self.links.get_mut(at)) {
            carrier.rate.add(self.now, new);
        }
    }

    /// What a switch cost becomes known only after it.
    fn observe_switch(&mut self, number: usize, switch: &Switch, first_look: bool) {
        let known = self.log.iter_mut().find_map(|entry| match &mut entry.what {
            What::Switch(known, old) => (*known == number).then_some(old),
            What::Note(_) => None,
        });
        match known {
            Some(old) => old.clone_from(switch),
            None if number < self.switches_seen => {}
            None => {
                let seen = (!first_look).then_some(self.now);
                self.log_entry(seen, What::Switch(number, switch.clone()));
            }
        }
    }

    fn log_entry(&mut self, seen: Option<Instant>, what: What) {
        if self.log.len() == LOG {
            self.log.remove(0);
        }
        self.log.push(Entry { seen, what, told: false });
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.links.iter().position(|track| track.last.name == name)
    }

    /// Seconds since the picture began.
    fn clock(&self, at: Instant) -> String {
        format!("{:.1} s", at.saturating_since(self.start).as_secs_f64())
    }
}

/// How a link state looks.
fn tone_of(state: &str) -> Tone {
    match state {
        "healthy" => Tone::Good,
        "settling" | "suspect" | "hold_down" | "suppressed" => Tone::Doubt,
        "failed" | "down" => Tone::Bad,
        _ => Tone::Faint,
    }
}

#[cfg(test)]
mod tests;
