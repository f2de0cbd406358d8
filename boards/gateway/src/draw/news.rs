//! The picture in a pipe: a line for each change.

use super::text::{millis, plain, size};
use super::{Picture, What};
use baton_core::Duration;
use std::collections::BTreeMap;

/// An upload's progress is told at each of these steps, in percent.
const STEP: u64 = 10;

/// How long a switch waits for its gap to be known before it is told without.
const PATIENCE: Duration = Duration::from_secs(3);

/// What was told already.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// State by link.
    links: BTreeMap<String, String>,
    /// Steps by upload.
    uploads: BTreeMap<String, u64>,
}

impl Picture {
    /// What changed since the last call, in words.
    pub(crate) fn news(&mut self) -> Vec<String> {
        let mut news = Vec::new();
        self.link_news(&mut news);
        self.log_news(&mut news);
        self.upload_news(&mut news);
        let clock = self.clock(self.now);
        news.into_iter().map(|line| format!("{clock:>8}  {}", plain(&line))).collect()
    }

    fn link_news(&mut self, news: &mut Vec<String>) {
        for link in self.links.iter().map(|track| &track.last) {
            if self.told.links.get(&link.name) != Some(&link.state) {
                self.told.links.insert(link.name.clone(), link.state.clone());
                news.push(format!("{} is {}", link.name, link.state));
            }
        }
    }

    fn log_news(&mut self, news: &mut Vec<String>) {
        for entry in self.log.iter_mut().filter(|entry| !entry.told) {
            let age = entry.seen.map(|at| self.now.saturating_since(at));
            let line = match &entry.what {
                What::Note(text) => text.clone(),
                What::Switch(_, switch) => {
                    if switch.gap_ms.is_none() && age.is_some_and(|age| age < PATIENCE) {
                        continue;
                    }
                    let end = |end: &Option<String>| end.clone().unwrap_or("none".to_owned());
                    let gap = switch.gap_ms.map_or("unknown".to_owned(), millis);
                    format!(
                        "switch {} -> {}: {} ({}), gap {gap}, sent twice {}",
                        end(&switch.from),
                        end(&switch.to),
                        switch.reason,
                        switch.evidence,
                        size(switch.resent_bytes)
                    )
                }
            };
            entry.told = true;
            news.push(line);
        }
    }

    fn upload_news(&mut self, news: &mut Vec<String>) {
        for track in &self.uploads {
            let upload = &track.last;
            let percent = upload
                .size
                .map(|total| (u128::from(upload.acked) * 100 / u128::from(total.max(1))) as u64);
            let step = percent.unwrap_or(0) / STEP + u64::from(track.over.is_some());
            if self.told.uploads.get(&upload.id) == Some(&step) {
                continue;
            }
            self.told.uploads.insert(upload.id.clone(), step);
            let share = percent.map_or(String::new(), |percent| format!(" {percent} %,"));
            let over = if track.over.is_some() { "over: " } else { "" };
            let link = upload.link.as_deref().unwrap_or("no link");
            news.push(format!("{over}{}{share} {} by {link}", upload.path, size(upload.acked)));
        }
        let here = |id: &String| self.uploads.iter().any(|track| track.last.id == *id);
        self.told.uploads.retain(|id, _| here(id));
    }
}
