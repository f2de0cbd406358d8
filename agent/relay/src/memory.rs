//! What outlives a restart: the operator's choice, what links were billed for, and who the clients are.
//!
//! One file in the spool's folder, in the format of [`baton_core::memory`], written as a whole: beside
//! the old one, flushed, renamed, and the folder flushed. Flash wears out, so figures wait for
//! [`SELDOM`], or until [`AT_RISK`] of a budget would be forgotten by a power cut; an order of
//! the operator's is kept before it is acknowledged.

use crate::calendar;
use crate::hub::{Hub, LINKS};
use baton_core::memory::{Entry, Known, Spent, decode, encode};
use baton_core::{Account, ClientProfile, Duration, Event, Instant, LinkId, Observation};
use baton_hal::Transport;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is remembered.
pub(crate) struct Memory {
    dir: PathBuf,
    /// The link that the operator holds everything on, whether it is there or not.
    held: Option<String>,
    accounts: BTreeMap<String, Kept>,
    /// Clients of the last run: the core's from its start on.
    known: Vec<Known>,
    saved_at: Instant,
    is_news: bool,
}

/// What one link carried.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    /// As [`calendar::month`] counts them; 0: the clock was not set.
    month: u32,
    account: Account,
    /// What the file says that it carried.
    saved_bytes: u64,
}

impl Memory {
    /// What was remembered in `dir`, and what can't be read of it.
    pub(crate) fn recall(dir: &Path) -> (Self, Option<String>) {
        let mut memory = Self {
            dir: dir.to_owned(),
            held: None,
            accounts: BTreeMap::new(),
            known: Vec::new(),
            saved_at: Instant::ZERO,
            is_news: false,
        };
        let path = dir.join(FILE);
        let unread = |why: &dyn core::fmt::Display| {
            Some(format!(
                "{}: {why}: the link held by hand, what links carried this month and what clients had are forgotten",
                path.display()
            ))
        };
        let trouble = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => unread(&error),
            Ok(bytes) => match decode(&bytes) {
                Ok(entries) => {
                    entries.for_each(|entry| memory.take(entry));
                    None
                }
                Err(bad) => unread(&bad),
            },
        };
        (memory, trouble)
    }

    /// The link that the operator holds everything on.
    pub(crate) fn held(&self) -> Option<&str> {
        self.held.as_deref()
    }

    fn take(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Client(known) => self.known.push(known),
            Entry::Held(link) => self.held = Some(link.to_owned()),
            Entry::Spent(spent) => {
                let account = Account {
                    carried_bytes: spent.carried_bytes,
                    hedged_bytes: spent.hedged_bytes,
                    owed: Duration::from_secs(spent.owed_s.into()),
                };
                let saved_bytes = spent.carried_bytes;
                let kept = Kept { month: spent.month, account, saved_bytes };
                self.accounts.insert(spent.link.to_owned(), kept);
            }
        }
    }

    /// The clients of the last run, as they are at `now`, which the wall clock says is `now_s`. Where either
    /// clock was not set, nobody can say how long they were away: not at all is believed.
    pub(crate) fn clients(&mut self, now: Instant, now_s: u64) -> Vec<ClientProfile> {
        let away_s = |seen_s| match (seen_s, is_set(now_s)) {
            (0, _) | (_, false) => 0,
            (seen_s, true) => now_s.saturating_sub(seen_s),
        };
        let idle = |known: &Known| Duration::from_secs(away_s(known.seen_s));
        let known = core::mem::take(&mut self.known);
        known
            .iter()
            .map(|known| ClientProfile::recalled(now, known.id, known.paths, idle(known)))
            .collect()
    }

    fn bytes(&self, clients: &[Known]) -> Option<Vec<u8>> {
        let held = self.held.as_deref().map(Entry::Held);
        let spent = self.accounts.iter().map(|(link, kept)| {
            Entry::Spent(Spent {
                link,
                month: kept.month,
                carried_bytes: kept.account.carried_bytes,
                hedged_bytes: kept.account.hedged_bytes,
                owed_s: u32::try_from(kept.account.owed.as_secs()).unwrap_or(u32::MAX),
            })
        });
        let clients = clients.iter().copied().map(Entry::Client);
        let mut buf = vec![0; MOST];
        let len = encode(&mut buf, held.into_iter().chain(spent).chain(clients)).ok()?;
        buf.truncate(len);
        Some(buf)
    }
}

/// Counts and saves for as long as the agent runs.
pub(crate) async fn keep<T: Transport + 'static>(hub: Rc<Hub<T>>) {
    loop {
        tokio::time::sleep(BILLING).await;
        hub.bill();
        hub.turn_months(unix_s());
        if hub.is_worth_saving(hub.clock.now()) {
            hub.save().await;
        }
    }
}

impl<T: Transport + 'static> Hub<T> {
    /// A link appeared: what is remembered of it holds from the beginning.
    pub(crate) fn remind(self: &Rc<Self>, link: LinkId, name: &str) {
        let kept = self.memory.borrow().accounts.get(name).copied().unwrap_or_default();
        self.observe(link, Observation::Account(kept.account));
        if self.memory.borrow().held() == Some(name) {
            self.feed(Event::Override(Some(link)));
        }
    }

    /// A link is about to be gone: what it carried is known without it, and its slot is another's.
    pub(crate) fn note_leaving(self: &Rc<Self>, link: LinkId, name: &str) {
        self.bill();
        self.note_accounts();
        if self.memory.borrow().held() == Some(name) && self.override_link() == Some(link) {
            self.feed(Event::Override(None));
        }
    }

    /// Holds everything on a link, by the operator's word, also after a restart.
    pub(crate) async fn hold(self: &Rc<Self>, link: Option<(LinkId, &str)>) {
        self.memory.borrow_mut().held = link.map(|(_, name)| name.to_owned());
        self.feed(Event::Override(link.map(|(link, _)| link)));
        self.save().await;
    }

    /// Says what the operator holds everything on, if that is not there.
    pub(crate) fn held_in_vain(&self) -> Option<String> {
        let held = self.memory.borrow().held().map(str::to_owned)?;
        let text =
            || format!("held on {held} by hand, which is not there: `baton switch auto` ends it");
        self.find_link(&held).is_none().then(text)
    }

    /// Tells the core what streams have carried.
    fn bill(self: &Rc<Self>) {
        self.transport.take_carried(&mut |name, bytes| {
            self.memory.borrow_mut().is_news = true;
            match self.find_link(name) {
                Some(link) => self.observe(link, Observation::Carried(bytes)),
                None => {
                    let mut memory = self.memory.borrow_mut();
                    let kept = memory.accounts.entry(name.to_owned()).or_default();
                    kept.account.carried_bytes += bytes;
                }
            }
        });
    }

    /// What the core knows of links that are there is what is remembered of them.
    fn note_accounts(&self) {
        let now = self.clock.now();
        let mut memory = self.memory.borrow_mut();
        for index in 0..LINKS as u8 {
            if let Some(name) = self.link_name(LinkId(index)) {
                let account = self.core.borrow().links().account(now, LinkId(index));
                memory.accounts.entry(name).or_default().account = account;
            }
        }
    }

    /// Budgets begin anew on their day. While the clock was never set, bytes count and no month ends:
    /// they are the month's that it then turns out to be.
    fn turn_months(self: &Rc<Self>, now_s: u64) {
        self.note_accounts();
        let names: Vec<String> = self.memory.borrow().accounts.keys().cloned().collect();
        for name in names {
            let reset_day = (self.rules.borrow().reset_day)(&name);
            let Some(month) = calendar::month(now_s, reset_day) else { return };
            let link = self.find_link(&name);
            let mut memory = self.memory.borrow_mut();
            let Some(kept) = memory.accounts.get_mut(&name) else { continue };
            // A clock that was set back forgives nothing.
            let is_over = kept.month != 0 && kept.month < month;
            kept.month = month;
            if !is_over {
                continue;
            }
            kept.account = Account { owed: kept.account.owed, ..Account::default() };
            let account = kept.account;
            memory.is_news = true;
            if link.is_none() {
                memory.accounts.remove(&name);
            }
            drop(memory);
            if let Some(link) = link {
                tracing::info!(link = name, "the budget's month begins");
                self.observe(link, Observation::Account(account));
            }
        }
    }

    fn is_worth_saving(&self, now: Instant) -> bool {
        let memory = self.memory.borrow();
        let age = now.saturating_since(memory.saved_at);
        let is_at_risk = |(name, kept): (&String, &Kept)| {
            let Some(link) = self.find_link(name) else { return false };
            let tariff = self.core.borrow().links().view(link).spec.tariff;
            let unsaved = kept.account.carried_bytes.saturating_sub(kept.saved_bytes);
            tariff.budget_bytes.is_some_and(|budget| unsaved >= budget.get() / AT_RISK)
        };
        memory.is_news
            && (age >= SELDOM || age >= AT_MOST && memory.accounts.iter().any(is_at_risk))
    }

    /// Writes down what is known now; returns when it is safe.
    pub(crate) async fn save(self: &Rc<Self>) {
        let _one_at_a_time = self.saving.lock().await;
        self.bill();
        self.note_accounts();
        let clients = self.known_clients(unix_s());
        let (dir, bytes) = {
            let mut memory = self.memory.borrow_mut();
            memory.is_news = false;
            memory.saved_at = self.clock.now();
            for kept in memory.accounts.values_mut() {
                kept.saved_bytes = kept.account.carried_bytes;
            }
            (memory.dir.clone(), memory.bytes(&clients))
        };
        let Some(bytes) = bytes else {
            return tracing::warn!("there is too much to remember over a restart: nothing is kept");
        };
        let written = tokio::task::spawn_blocking(move || replace(&dir, &bytes)).await;
        if let Ok(Err(error)) = written {
            tracing::warn!(%error, "what a restart should not forget is not kept");
        }
    }

    fn known_clients(&self, now_s: u64) -> Vec<Known> {
        let now = self.clock.now();
        let seen_s = |profile: &ClientProfile| match is_set(now_s) {
            true => now_s.saturating_sub(profile.idle(now).as_secs()),
            false => 0,
        };
        let core = self.core.borrow();
        let known = |profile: &ClientProfile| Known {
            id: profile.id,
            seen_s: seen_s(profile),
            paths: profile.paths,
        };
        core.profiles().iter().map(known).collect()
    }

    fn override_link(&self) -> Option<LinkId> {
        self.core.borrow().links().override_link()
    }
}

/// There is always a whole file: the old one, or this one.
fn replace(dir: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let new = dir.join(NEW);
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, dir.join(FILE))?;
    File::open(dir)?.sync_all()
}

/// Whether a wall clock that says so was ever set.
fn is_set(unix_s: u64) -> bool {
    unix_s >= calendar::CLOCK_SET
}

pub(crate) fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

const FILE: &str = "memory";
const NEW: &str = "memory.new";

/// How long a link that is over its budget can go on unnoticed: 5 MB at 20 Mbit/s.
const BILLING: Duration = Duration::from_secs(2);

/// 144 flushes a day: a flash block that bears 10 000 of them lasts for decades with a file system
/// that moves it about, and for months without.
const SELDOM: Duration = Duration::from_secs(10 * 60);

/// However fast a budget is spent.
const AT_MOST: Duration = Duration::from_secs(60);

/// A fiftieth of a budget: what a power cut makes of it is at most that, or a minute's bytes.
const AT_RISK: u64 = 50;

/// Far more than the agent has links.
const MOST: usize = 64 * 1024;

#[cfg(test)]
mod tests;
