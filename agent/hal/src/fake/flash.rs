//! Segments in memory, on a device that loses its power.
//!
//! Between two flushes the device is as unkind as the contract of [`Segments`] allows: of each
//! write any sectors may be there in any order, holes show zeros or what other files held, and
//! each creation and removal is there or not by itself.

use crate::{ErrorKind, Segment, Segments, fake::Failure};
use baton_core::spool::Position;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A folder of segments in memory. A clone is the same one.
#[derive(Clone, Debug)]
pub struct FakeSegments(Arc<Mutex<Device>>);

/// A handle of one segment.
#[derive(Debug)]
pub struct FakeSegment {
    device: FakeSegments,
    file: File,
}

/// Names a file whatever its name in the folder is.
type File = usize;

#[derive(Debug, Default)]
struct Device {
    files: Vec<Content>,
    folder: BTreeMap<Position, File>,
    /// As the last flush of the folder left it.
    durable_folder: BTreeMap<Position, File>,
    /// Bytes that a write tears at.
    sector: usize,
    /// Bytes there are for all files.
    capacity: Option<usize>,
    /// Writes and flushes until the power goes.
    fuel: Option<u64>,
    /// Writes and flushes so far.
    used: u64,
    state: u64,
    refuse: Option<ErrorKind>,
}

#[derive(Clone, Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// How many of them a flush has covered.
    durable: usize,
}

impl FakeSegments {
    /// An empty folder, whose misfortunes are drawn from `seed`.
    pub fn new(seed: u64) -> Self {
        let state = seed ^ 0x9e37_79b9_7f4a_7c15;
        Self(Arc::new(Mutex::new(Device { sector: 64, state, ..Device::default() })))
    }

    /// Lets the power go at the `writes`th write or flush from now on, which happens in part.
    /// Everything after it fails.
    pub fn cut_after(&self, writes: u64) {
        self.device().fuel = Some(writes);
    }

    /// Writes and flushes so far: what [`Self::cut_after`] counts.
    pub fn writes(&self) -> u64 {
        self.device().used
    }

    /// Bounds what all files may hold.
    pub fn set_capacity(&self, bytes: usize) {
        self.device().capacity = Some(bytes);
    }

    /// Everything that writes or flushes fails with this, until it is told otherwise.
    pub fn refuse(&self, kind: Option<ErrorKind>) {
        self.device().refuse = kind;
    }

    /// Inverts one bit of what is stored.
    pub fn damage(&self, at: Position, byte: usize) {
        let mut device = self.device();
        if let Some(file) = device.folder.get(&at).copied() {
            device.files[file].bytes[byte] ^= 1;
        }
    }

    /// The power comes back: what the device holds now. Old handles are of no use any more.
    pub fn reboot(&self) -> Self {
        let mut old = self.device();
        let mut fresh = Device {
            sector: old.sector,
            capacity: old.capacity,
            state: old.draw(),
            ..Device::default()
        };
        let positions: Vec<Position> =
            old.folder.keys().chain(old.durable_folder.keys()).copied().collect();
        for at in positions {
            let (now, before) =
                (old.folder.get(&at).copied(), old.durable_folder.get(&at).copied());
            let survivor = if now == before || old.draw().is_multiple_of(2) { now } else { before };
            if let Some(file) = survivor
                && !fresh.folder.contains_key(&at)
            {
                let content = old.remains(file);
                fresh.folder.insert(at, fresh.files.len());
                fresh.files.push(content);
            }
        }
        fresh.durable_folder = fresh.folder.clone();
        Self(Arc::new(Mutex::new(fresh)))
    }

    fn device(&self) -> MutexGuard<'_, Device> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    /// xorshift64: the same misfortunes for the same seed.
    fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// Counts one write or flush. `Ok(true)`: the power goes in the middle of it.
    fn spend(&mut self) -> Result<bool, Failure> {
        if let Some(kind) = self.refuse {
            return Err(Failure(kind));
        }
        self.used += 1;
        match &mut self.fuel {
            None => Ok(false),
            Some(0) => Err(Failure(ErrorKind::Other)),
            Some(left) => {
                *left -= 1;
                Ok(*left == 0)
            }
        }
    }

    fn check_power(&self) -> Result<(), Failure> {
        if self.fuel == Some(0) { Err(Failure(ErrorKind::Other)) } else { Ok(()) }
    }

    /// What a power cut leaves of a file: what was flushed, and of the rest some sectors.
    fn remains(&mut self, file: File) -> Content {
        let Content { bytes, durable } = self.files[file].clone();
        let fate = self.draw();
        // Often all of it has made its way, or nothing: both are tempting to rely on.
        let end = match fate % 4 {
            0 => durable,
            1 => bytes.len(),
            _ => durable + (fate >> 8) as usize % (bytes.len() - durable + 1),
        };
        let mut left = bytes[..end].to_vec();
        let mut at = durable;
        while at < end && fate % 4 > 1 {
            let stop = ((at / self.sector + 1) * self.sector).min(end);
            match self.draw() % 4 {
                0 => left[at..stop].fill(0),
                1 => {
                    let stale = self.stale(stop - at);
                    left[at..stop].copy_from_slice(&stale);
                }
                _ => {}
            }
            at = stop;
        }
        Content { durable: left.len(), bytes: left }
    }

    /// What a sector held that belonged to another file before.
    fn stale(&mut self, len: usize) -> Vec<u8> {
        let file = self.draw() as usize % self.files.len();
        let from = self.draw() as usize;
        let old = &self.files[file].bytes;
        (0..len)
            .map(|at| if old.is_empty() { 0xff } else { old[(from + at) % old.len()] })
            .collect()
    }
}

impl Segments for FakeSegments {
    type Error = Failure;
    type Segment = FakeSegment;

    fn create(&self, at: Position) -> Result<FakeSegment, Failure> {
        let mut device = self.device();
        if device.folder.contains_key(&at) {
            return Err(Failure(ErrorKind::Other));
        }
        let is_last = device.spend()?;
        let file = device.files.len();
        device.files.push(Content::default());
        device.folder.insert(at, file);
        if is_last {
            Err(Failure(ErrorKind::Other))
        } else {
            Ok(FakeSegment { device: self.clone(), file })
        }
    }

    fn open(&self, at: Position) -> Result<FakeSegment, Failure> {
        let device = self.device();
        device.check_power()?;
        let file = device.folder.get(&at).copied().ok_or(Failure(ErrorKind::Missing))?;
        Ok(FakeSegment { device: self.clone(), file })
    }

    fn remove(&self, at: Position) -> Result<(), Failure> {
        let mut device = self.device();
        let is_last = device.spend()?;
        device.folder.remove(&at);
        if is_last { Err(Failure(ErrorKind::Other)) } else { Ok(()) }
    }

    fn list(&self, found: &mut dyn FnMut(Position, u64)) -> Result<(), Failure> {
        let device = self.device();
        device.check_power()?;
        for (at, file) in &device.folder {
            found(*at, device.files[*file].bytes.len() as u64);
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Failure> {
        let mut device = self.device();
        if device.spend()? {
            // Some of it was made durable, and nobody was told.
            return Err(Failure(ErrorKind::Other));
        }
        device.durable_folder = device.folder.clone();
        Ok(())
    }
}

impl Segment for FakeSegment {
    type Error = Failure;

    fn append(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut device = self.device.device();
        let is_last = device.spend()?;
        let held: usize = device.folder.values().map(|file| device.files[*file].bytes.len()).sum();
        let room = device.capacity.map_or(bytes.len(), |most| most.saturating_sub(held));
        let taken = bytes.len().min(room);
        device.files[self.file].bytes.extend_from_slice(&bytes[..taken]);
        if taken < bytes.len() {
            return Err(Failure(ErrorKind::Full));
        }
        if is_last { Err(Failure(ErrorKind::Other)) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let mut device = self.device.device();
        if device.spend()? {
            return Err(Failure(ErrorKind::Other));
        }
        let content = &mut device.files[self.file];
        content.durable = content.bytes.len();
        Ok(())
    }

    fn read_at(&self, at: u64, buf: &mut [u8]) -> Result<usize, Failure> {
        let device = self.device.device();
        device.check_power()?;
        let bytes = &device.files[self.file].bytes;
        let from = usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
        let len = buf.len().min(bytes.len() - from);
        buf[..len].copy_from_slice(&bytes[from..from + len]);
        Ok(len)
    }
}
