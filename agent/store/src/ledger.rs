//! What this server stored: who, when, and how to tell that it is still there.
//!
//! ```text
//! 1800000000 TAB 1f-400-6b49d200-0 TAB ann TAB ann/x/b.jpg TAB 0123456789abcdef
//! time, Unix s   mark              user    name                first 8 bytes of a SHA-256
//! ```
//!
//! Lines are only appended, to work files `stored.1`, `stored.2`, ... A file's line is written
//! before the file gets its name, so a crash leaves at worst a line without a file; never a
//! file of ours without a line. A line whose file is gone, or has another size or time of change, is
//! dropped at the next [review](Ledger::review): a file that somebody else put under its name, or
//! changed, is theirs.
//!
//! Whoever keeps accounts counts a file when its line is [confirmed](Pending::confirm), or
//! kept by the review at the start, and forgets it when a later review drops the line.

use crate::{digest, folder::Folder, mark::Mark, name::Name, user::User};
use core::hash::{Hash, Hasher};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    hash::DefaultHasher,
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard},
};

/// One file that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When, in Unix seconds, by the clock of then.
    pub(crate) time_s: u64,
    /// What tells that it is still the same file.
    pub(crate) mark: Mark,
    /// Whose it is.
    pub(crate) user: User,
    /// Where it is.
    pub(crate) name: Name,
}

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its file is there.
    Keep,
    /// The same, with another time.
    Retime(u64),
    /// Its file is not there any more.
    Drop,
}

/// Bytes by user.
pub(crate) type Sums = BTreeMap<String, u64>;

/// What a review found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Of the lines that are kept.
    pub(crate) kept: Sums,
    /// Of those that are dropped.
    pub(crate) dropped: Sums,
}

/// The lines, the newest segment open for more.
pub(crate) struct Ledger {
    folder: Arc<Folder>,
    /// Whether a line survives a power loss by itself.
    durable: bool,
    tail: Mutex<Tail>,
    unsettled: Mutex<Unsettled>,
}

/// Lines that are not yet, or not any more, what they seem.
#[derive(Default)]
struct Unsettled {
    pending: Vec<Entry>,
    void: Vec<Entry>,
}

/// A line whose file is about to get its name; void when dropped unless confirmed.
pub(crate) struct Pending<'a> {
    ledger: &'a Ledger,
    entry: Entry,
    confirmed: bool,
}

struct Tail {
    number: u64,
    file: File,
    bytes: u64,
}

/// A segment this long is not appended to; a review holds one in memory.
const SEGMENT: u64 = 64 << 10;

const PREFIX: &str = "stored.";

impl Ledger {
    /// Opens what there is; a line that a crash has torn ends there.
    pub(crate) fn open(folder: Arc<Folder>, durable: bool) -> io::Result<Self> {
        let number = segments(&folder)?.last().copied().unwrap_or(1);
        let tail = Mutex::new(Tail::open(&folder, number)?);
        Ok(Self { folder, durable, tail, unsettled: Mutex::default() })
    }

    /// Notes a file that is about to get its name.
    pub(crate) fn note(&self, entry: Entry) -> io::Result<Pending<'_>> {
        self.unsettled().pending.push(entry.clone());
        let pending = Pending { ledger: self, entry, confirmed: false };
        self.append(&encode(&pending.entry))?;
        Ok(pending)
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut tail = self.tail();
        if tail.bytes >= SEGMENT {
            *tail = Tail::open(&self.folder, tail.number + 1)?;
        }
        let written = tail.file.write_all(line.as_bytes());
        if written.is_err() {
            // A full disk may have taken a part: it must not spoil the next line.
            tail.file.set_len(tail.bytes)?;
            return written;
        }
        tail.bytes += line.len() as u64;
        if self.durable { tail.file.sync_data() } else { Ok(()) }
    }

    /// Shows the lines to `judge`, the newest first, and drops what it says. Of several lines
    /// about one name only the newest is kept.
    pub(crate) fn review(
        &self,
        tally: &mut Tally,
        mut judge: impl FnMut(&Entry) -> io::Result<Verdict>,
    ) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        for number in segments(&self.folder)?.into_iter().rev() {
            // Nothing is appended to the tail meanwhile. To the others, never.
            let tail = Some(self.tail()).filter(|tail| tail.number == number);
            let leaf = leaf(number);
            let text = self.folder.read_work(&leaf)?;
            let mut segment = Segment::default();
            for line in text.split(|byte| *byte == b'\n').rev() {
                let entry = core::str::from_utf8(line).ok().and_then(decode);
                if let Some(entry) = entry {
                    self.review_line(entry, &mut segment, &mut seen, &mut judge)?;
                }
            }
            let kept = segment.text();
            if kept.is_empty() && tail.is_none() {
                self.folder.remove_work(&leaf)?;
            } else if kept != text {
                self.folder.write_work(&leaf, &kept, self.durable)?;
                if let Some(mut tail) = tail {
                    *tail = Tail::open(&self.folder, number)?;
                }
            }
            add(&mut tally.kept, segment.tally.kept);
            add(&mut tally.dropped, segment.tally.dropped);
        }
        Ok(())
    }

    fn review_line(
        &self,
        mut entry: Entry,
        segment: &mut Segment,
        seen: &mut BTreeSet<u64>,
        judge: &mut impl FnMut(&Entry) -> io::Result<Verdict>,
    ) -> io::Result<()> {
        let mut unsettled = self.unsettled();
        if unsettled.pending.contains(&entry) {
            segment.lines.push(encode(&entry));
            return Ok(());
        }
        let count = unsettled.void.len();
        unsettled.void.retain(|void| *void != entry);
        if unsettled.void.len() < count {
            return Ok(());
        }
        drop(unsettled);
        let mut hasher = DefaultHasher::new();
        entry.name.as_str().hash(&mut hasher);
        let name = hasher.finish();
        let verdict = if seen.contains(&name) { Verdict::Drop } else { judge(&entry)? };
        let sums = match verdict {
            Verdict::Drop => &mut segment.tally.dropped,
            Verdict::Keep | Verdict::Retime(_) => &mut segment.tally.kept,
        };
        *sums.entry(entry.user.as_str().to_owned()).or_default() += entry.mark.size;
        if let Verdict::Retime(time_s) = verdict {
            entry.time_s = time_s;
        }
        if verdict != Verdict::Drop {
            seen.insert(name);
            segment.lines.push(encode(&entry));
        }
        Ok(())
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

impl Pending<'_> {
    /// The file has its name.
    pub(crate) fn confirm(mut self) {
        self.confirmed = true;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut unsettled = self.ledger.unsettled();
        unsettled.pending.retain(|pending| *pending != self.entry);
        if !self.confirmed {
            unsettled.void.push(self.entry.clone());
        }
    }
}

/// One segment under review.
#[derive(Default)]
struct Segment {
    /// The newest first.
    lines: Vec<String>,
    tally: Tally,
}

impl Segment {
    fn text(&mut self) -> Vec<u8> {
        self.lines.reverse();
        self.lines.concat().into_bytes()
    }
}

fn add(sums: &mut Sums, more: Sums) {
    for (user, bytes) in more {
        *sums.entry(user).or_default() += bytes;
    }
}

impl Tail {
    fn open(folder: &Folder, number: u64) -> io::Result<Self> {
        let mut file = folder.append_work(&leaf(number))?;
        let mut bytes = file.metadata()?.len();
        if !folder.read_work(&leaf(number))?.ends_with(b"\n") && bytes > 0 {
            file.write_all(b"\n")?;
            bytes += 1;
        }
        Ok(Self { number, file, bytes })
    }
}

/// The numbers of all segments, in order.
fn segments(folder: &Folder) -> io::Result<Vec<u64>> {
    let leaves = folder.list_work()?;
    let number = |leaf: &String| leaf.strip_prefix(PREFIX)?.parse().ok();
    let mut numbers: Vec<u64> = leaves.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

fn leaf(number: u64) -> String {
    format!("{PREFIX}{number}")
}

pub(crate) fn encode(entry: &Entry) -> String {
    let Entry { time_s, mark, user, name } = entry;
    let body = format!("{time_s}\t{mark}\t{}\t{}\t", user.as_str(), name.as_str());
    let check = digest::check(&body);
    format!("{body}{check}\n")
}

/// Reads a line without its end; `None` if it is torn or foreign.
pub(crate) fn decode(line: &str) -> Option<Entry> {
    let (body, check) = line.rsplit_once('\t')?;
    let mut parts = body.split('\t');
    let entry = Entry {
        time_s: parts.next()?.parse().ok()?,
        mark: Mark::parse(parts.next()?)?,
        user: User::parse(parts.next()?).ok()?,
        name: Name::parse(parts.next()?).ok()?,
    };
    let intact = parts.next().is_none() && digest::check(&format!("{body}\t")) == check;
    intact.then_some(entry)
}

#[cfg(test)]
mod tests;
