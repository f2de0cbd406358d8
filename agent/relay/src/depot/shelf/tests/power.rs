//! The power goes at every write and every flush of a script, and again while it recovers.
//!
//! The model is what the callers were told: what returned `Ok` must hold afterwards, what was under
//! way may, and nothing else may be there.

use super::*;
use std::collections::BTreeSet;

/// Cases: each is a script, the write or flush at which the power goes, and what that leaves.
const CASES: u64 = 10_000;

const SMALL: Limits =
    Limits { size: 6 << 10, segment: 320, uploads: 6, piece: 48, eviction: Eviction::EvictOldest };

#[test]
fn no_power_cut_loses_what_was_acknowledged_or_invents_anything() {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let share = |first: u64| {
        let (mut cases, mut script) = (0, first);
        while cases * cores < CASES {
            let device = FakeSegments::new(script);
            Run::new(&device, script).play().expect("nobody cuts the power");
            for cut in 1..=device.writes() {
                survives(script, cut);
                cases += 1;
            }
            script += cores;
        }
        cases
    };
    let cases: u64 = std::thread::scope(|scope| {
        let shares: Vec<_> = (1..=cores).map(|first| scope.spawn(move || share(first))).collect();
        shares
            .into_iter()
            .map(|share| share.join().expect("a case failed: it is named above"))
            .sum()
    });
    println!("{cases} cases");
}

/// One case; to look at one alone, call it with what the panic says.
fn survives(script: u64, cut: u64) {
    let seed = script << 32 ^ cut;
    let context = format!("survives({script}, {cut})");
    let device = FakeSegments::new(seed);
    device.cut_after(cut);
    let mut run = Run::new(&device, script);
    // Nobody is told of it where what failed was to remove what is of no use.
    let _ = run.play();
    let mut model = run.model;

    // It goes again while what is left is read.
    let left = device.reboot();
    left.cut_after(seed % 7);
    if let Ok((shelf, found)) = Shelf::open(left.clone(), SMALL, seed, NOW) {
        model.check(&shelf, &found, &context);
    }
    // What was removed in the first try is not found by the second.
    model.damaged_before = true;
    let device = left.reboot();
    let (shelf, found) = Shelf::open(device.clone(), SMALL, seed, NOW)
        .unwrap_or_else(|error| panic!("{context}: {error}"));
    model.check(&shelf, &found, &context);

    serves_on(shelf, &device, &context);
}

/// After all that it works, and once everything is delivered nothing is left but the ledger.
fn serves_on(mut shelf: Shelf<FakeSegments>, device: &FakeSegments, context: &str) {
    let id =
        stow(&mut shelf, "last", &bytes(700)).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(content(&shelf, id).1, bytes(700), "{context}");
    for id in ids(&shelf) {
        shelf.end(id).unwrap_or_else(|error| panic!("{context}: {error}"));
    }
    let device = device.reboot();
    let (shelf, found) = open(&device, SMALL);
    assert_eq!((ids(&shelf), found), (vec![], vec![]), "{context}");
    assert!(listed(&device).iter().all(|(at, _)| at.chain == LEDGER), "{context}");
}

/// What callers were told.
#[derive(Default)]
struct Model {
    /// Every upload that a commit was begun for.
    uploads: BTreeMap<u64, Upload>,
    /// Losses that were told, by cause.
    evicted: u64,
    dropped: u64,
    /// Uploads that a loss was begun for.
    losing: BTreeSet<u64>,
    /// An earlier recovery may have found damage, and counted it.
    damaged_before: bool,
}

#[derive(Clone, Default)]
struct Upload {
    content: Vec<u8>,
    /// Acknowledged; otherwise it may be there or not.
    is_sure: bool,
    /// Its end was told, or begun.
    is_over: Option<bool>,
    /// Watermark: told, and begun.
    acked: (u64, u64),
    location: Option<&'static str>,
    /// Failed: told; `None`: a change was begun.
    failed: Option<bool>,
}

impl Model {
    fn check(&mut self, shelf: &Shelf<FakeSegments>, found: &[Found], context: &str) {
        let there = ids(shelf);
        for (id, upload) in &self.uploads {
            let must = upload.is_sure && upload.is_over.is_none() && !self.losing.contains(id);
            assert!(!must || there.contains(id), "{context}: {id} is lost; {found:?}");
            assert!(upload.is_over != Some(true) || !there.contains(id), "{context}: {id} is back");
        }
        for id in there {
            let upload = self.uploads.get(&id);
            let upload = upload.unwrap_or_else(|| panic!("{context}: {id} was invented"));
            let (from, held) = content(shelf, id);
            assert_eq!(held, upload.content[from as usize..], "{context}: {id} from {from}");
            let chain = shelf.chains().find(|chain| chain.id() == id).unwrap();
            let (told, begun) = upload.acked;
            assert!((told..=begun).contains(&chain.acked()), "{context}: {id}: {}", chain.acked());
            assert!(from <= chain.acked(), "{context}: {id} from {from}");
            let described = shelf.describe(id).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(described.whose.name, name(id), "{context}");
            if told == begun && upload.failed == Some(false) && upload.is_over.is_none() {
                assert_eq!(described.location.as_deref(), upload.location, "{context}: {id}");
            }
            if let Some(failed) = upload.failed {
                assert_eq!(chain.standing() == Standing::Failed, failed, "{context}: {id}");
            }
        }
        let pending = self.losing.len() as u64;
        let tally = shelf.tally();
        let told = self.evicted + self.dropped;
        let counted = tally.evicted + tally.dropped;
        assert!((told..=told + pending).contains(&counted), "{context}: {tally:?}, told {told}");
        for found in found {
            let upload = |id: &u64| self.uploads.get(id).filter(|upload| upload.is_sure);
            let is_just = match found {
                Found::Unfinished { id, .. } => upload(id).is_none(),
                // Half a commit looks like damage: reported, though nobody had been told.
                Found::Damaged(lost) => upload(&lost.id).is_none(),
                Found::NotesMissing { .. } => true,
            };
            assert!(is_just, "{context}: {found:?}");
        }
        assert!(tally.damaged <= 1 + u64::from(self.damaged_before), "{context}: {tally:?}");
    }
}

/// A script being played.
struct Run {
    shelf: Option<Shelf<FakeSegments>>,
    device: FakeSegments,
    model: Model,
    /// Uploads that are coming in, and what came of each.
    filling: BTreeMap<u64, Vec<u8>>,
    state: u64,
}

fn name(id: u64) -> String {
    format!("folder/file-{id}.jpg")
}

impl Run {
    fn new(device: &FakeSegments, script: u64) -> Self {
        Self {
            shelf: None,
            device: device.clone(),
            model: Model::default(),
            filling: BTreeMap::new(),
            state: script.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    fn pick(&mut self, from: &[u64]) -> Option<u64> {
        (!from.is_empty()).then(|| from[self.draw(from.len() as u64) as usize])
    }

    /// Until it ends, or the device fails.
    fn play(&mut self) -> Result<(), ShelfError> {
        self.shelf = Some(Shelf::open(self.device.clone(), SMALL, self.state, NOW)?.0);
        for _ in 0..24 {
            match self.draw(12) {
                0..3 => self.begin()?,
                3..6 => self.push()?,
                6..8 => self.commit()?,
                8 => self.note()?,
                9 => self.end()?,
                10 => self.judge()?,
                _ => self.drop_one()?,
            }
        }
        Ok(())
    }

    fn shelf(&mut self) -> &mut Shelf<FakeSegments> {
        self.shelf.as_mut().expect("it is open")
    }

    fn begin(&mut self) -> Result<(), ShelfError> {
        let total = [None, Some(self.draw(900))][self.draw(2) as usize];
        let id = self.shelf().tally().next_chain.max(1);
        let name = name(id);
        let progress: Vec<(u64, u64)> = Vec::new();
        // Whoever may be evicted is at risk until the call returns.
        let at_risk = ids(self.shelf());
        self.model.losing.extend(&at_risk);
        let before = self.shelf().tally().evicted;
        let begun = self.shelf().begin(&opened(&name, total), &progress);
        let evicted = self.shelf().tally().evicted - before;
        match begun {
            Ok(_) | Err(ShelfError::Full { .. } | ShelfError::Crowded { .. }) => {}
            Err(error) => {
                self.model.evicted += evicted;
                return Err(error);
            }
        }
        self.model.losing.clear();
        self.model.evicted += evicted;
        let there = ids(self.shelf());
        for id in at_risk.iter().filter(|id| !there.contains(id)) {
            if let Some(upload) = self.model.uploads.get_mut(id) {
                upload.is_over = Some(true);
            }
        }
        if begun.is_ok() {
            self.filling.insert(id, Vec::new());
        }
        Ok(())
    }

    fn push(&mut self) -> Result<(), ShelfError> {
        let all: Vec<u64> = self.filling.keys().copied().collect();
        let Some(id) = self.pick(&all) else { return Ok(()) };
        let len = self.draw(260) as usize;
        let piece: Vec<u8> =
            (0..len).map(|at| (at as u64 * 31 + id * 7 + self.state) as u8).collect();
        match self.shelf().push(id, &piece) {
            Ok(()) => self.filling.entry(id).or_default().extend(piece),
            Err(ShelfError::Full { .. }) => {
                self.filling.remove(&id);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// One or all of those that come in: a flush of the folder serves several.
    fn commit(&mut self) -> Result<(), ShelfError> {
        let mut all: Vec<u64> = self.filling.keys().copied().collect();
        if self.draw(2) == 0 {
            all.truncate(1);
        }
        for id in &all {
            let content = self.filling.remove(id).unwrap_or_default();
            let upload = Upload { content, failed: Some(false), ..Upload::default() };
            self.model.uploads.insert(*id, upload);
        }
        let commits: Vec<_> = all.iter().map(|id| (*id, [*id as u8; 32])).collect();
        let results = self.shelf().commit(&commits);
        for (id, result) in all.iter().zip(&results) {
            self.model.uploads.get_mut(id).expect("just put there").is_sure = result.is_ok();
        }
        results.into_iter().collect()
    }

    fn kept(&mut self, standing: Standing) -> Option<u64> {
        let all: Vec<u64> = self
            .shelf()
            .chains()
            .filter(|chain| chain.standing() == standing)
            .map(Chain::id)
            .collect();
        self.pick(&all)
    }

    fn upload(&mut self, id: u64) -> &mut Upload {
        self.model.uploads.get_mut(&id).expect("it was committed")
    }

    fn note(&mut self) -> Result<(), ShelfError> {
        let Some(id) = self.kept(Standing::Kept) else { return Ok(()) };
        let len = self.upload(id).content.len() as u64;
        let acked = self.draw(len + 1).max(self.upload(id).acked.0);
        let location = [None, Some("/files/0123456789abcdef")][self.draw(2) as usize];
        let before = self.upload(id).location;
        self.upload(id).acked.1 = acked;
        if location.is_some() && before.is_none() {
            // Until it is told, it may be noted or not: then the location is not looked at.
            self.upload(id).failed = None;
        }
        self.shelf().note(id, acked, location)?;
        let upload = self.upload(id);
        upload.acked.0 = acked;
        upload.failed = Some(false);
        upload.location = location.or(upload.location);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ShelfError> {
        let Some(id) = self.kept(Standing::Kept) else { return Ok(()) };
        self.upload(id).is_over = Some(false);
        self.shelf().end(id)?;
        self.upload(id).is_over = Some(true);
        Ok(())
    }

    /// Fails one that is kept, or retries one that has failed.
    fn judge(&mut self) -> Result<(), ShelfError> {
        let (standing, failed) =
            [(Standing::Kept, true), (Standing::Failed, false)][self.draw(2) as usize];
        let Some(id) = self.kept(standing) else { return Ok(()) };
        self.upload(id).failed = None;
        if failed {
            self.shelf().fail(id, 413, "too large")?;
        } else {
            self.shelf().retry(id)?;
            let upload = self.upload(id);
            upload.location = upload.location.filter(|_| upload.acked.0 > 0);
        }
        self.upload(id).failed = Some(failed);
        Ok(())
    }

    fn drop_one(&mut self) -> Result<(), ShelfError> {
        let Some(id) = self.kept(Standing::Failed) else { return Ok(()) };
        self.model.losing.insert(id);
        self.upload(id).is_over = Some(false);
        self.shelf().lose(id, NOW, Cause::Dropped)?;
        self.model.losing.clear();
        self.model.dropped += 1;
        self.upload(id).is_over = Some(true);
        Ok(())
    }
}
