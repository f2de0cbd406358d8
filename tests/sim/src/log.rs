//! What happened, in lines that are compared byte by byte.

use crate::gateway::Core;
use crate::link::Facts;
use baton_core::{Instant, LinkId, StateKind, UploadId, Verdict};
use core::fmt::Write;

/// The events of a run, one a line: when, who, what.
#[derive(Debug)]
pub(crate) struct Log {
    text: String,
    names: Vec<&'static str>,
    states: Vec<StateKind>,
    switches: u32,
    uploads: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    id: UploadId,
    client: usize,
    state: &'static str,
    link: Option<LinkId>,
}

impl Log {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        Self {
            text: String::new(),
            names: names.to_vec(),
            states: vec![StateKind::Absent; names.len()],
            switches: 0,
            uploads: Vec::new(),
        }
    }

    /// All of it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn facts(&mut self, now: Instant, link: usize, facts: Facts) {
        let said = match facts {
            _ if facts.is_up() => "up",
            Facts { present: false, .. } => "absent",
            Facts { carrier: false, .. } => "no carrier",
            Facts { address: false, .. } => "no address",
            _ => "no route",
        };
        self.line(now, self.names[link], said);
    }

    pub(crate) fn note(&mut self, now: Instant, what: &str) {
        self.line(now, "script", what);
    }

    pub(crate) fn opened(&mut self, now: Instant, id: UploadId, client: usize, bytes: u64) {
        self.uploads.push(Shown { id, client, state: "opened", link: None });
        self.line(now, &format!("upload {client}"), &format!("{bytes} bytes"));
    }

    pub(crate) fn ended(&mut self, now: Instant, id: UploadId, verdict: Verdict) {
        if let Some(place) = self.uploads.iter().position(|shown| shown.id == id) {
            let client = self.uploads.remove(place).client;
            self.line(now, &format!("upload {client}"), &format!("{verdict:?}"));
        }
    }

    /// Compares with what was said last.
    pub(crate) fn changes(&mut self, now: Instant, core: &Core) {
        for link in 0..self.names.len() {
            let state = core.links().state(LinkId(link as u8)).kind();
            if state != self.states[link] {
                let before = core::mem::replace(&mut self.states[link], state);
                self.line(now, self.names[link], &format!("{} -> {}", before.name(), state.name()));
            }
        }
        let total = core.totals().switches;
        let news = (total - self.switches) as usize;
        self.switches = total;
        let kept = core.switches().count();
        for record in core.switches().skip(kept.saturating_sub(news)) {
            let switch = record.switch;
            let said = format!(
                "{} -> {}: {}, {}",
                self.name(switch.from),
                self.name(switch.to),
                switch.reason.name(),
                switch.evidence.name()
            );
            self.line(now, "switch", &said);
        }
        for place in 0..self.uploads.len() {
            let Shown { id, client, state, link } = self.uploads[place];
            let Some(view) = core.view(id) else { continue };
            if (view.state, view.link) != (state, link) {
                let shown = &mut self.uploads[place];
                (shown.state, shown.link) = (view.state, view.link);
                let said = format!("{} on {} at {}", view.state, self.name(view.link), view.acked);
                self.line(now, &format!("upload {client}"), &said);
            }
        }
    }

    fn name(&self, link: Option<LinkId>) -> &'static str {
        link.map_or("none", |link| self.names[usize::from(link.0)])
    }

    fn line(&mut self, now: Instant, who: &str, what: &str) {
        let ms = now.as_micros() / 1000;
        writeln!(self.text, "{:>5}.{:03} {who}: {what}", ms / 1000, ms % 1000)
            .expect("a string takes all");
    }
}
