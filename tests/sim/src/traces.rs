//! Recorded radio links, as `shared/traces/README.md` tells of them.

use baton_core::Class;
use baton_lab::{Rate, Shape};
use core::time::Duration;
use std::{fs, io, path::Path, sync::Arc};

/// What a recorded link could carry.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// The file's name.
    pub name: String,
    /// Bytes for each 100 ms.
    pub slots: Arc<[u32]>,
    /// By what the name says of the network.
    pub class: Class,
}

/// What a slot covers.
pub(crate) const SLOT: Duration = Duration::from_millis(100);

impl Capacity {
    /// Every capacity trace of a folder, by name.
    pub fn read_all(folder: &Path) -> io::Result<Vec<Self>> {
        let read = |(name, text): (String, String)| {
            let slots =
                text.lines().skip(1).filter_map(|line| line.split(',').nth(1)?.parse().ok());
            let class = if name.contains("lte") { Class::Lte } else { Class::Cellular };
            Self { slots: slots.collect(), class, name }
        };
        Ok(files(&folder.join("capacity"))?.into_iter().map(read).collect())
    }

    /// A link with this capacity upwards, and enough for answers downwards.
    pub(crate) fn up(&self) -> Shape {
        Shape { rate: Rate::Trace(self.slots.clone()), ..radio() }
    }

    pub(crate) fn down() -> Shape {
        Shape { rate: Rate::Bps(5_000_000), ..radio() }
    }

    /// Bits a second, on average.
    pub fn mean_bps(&self) -> u64 {
        let sum: u64 = self.slots.iter().map(|bytes| u64::from(*bytes)).sum();
        sum * 80 / self.slots.len().max(1) as u64
    }
}

/// The rest of a radio link: a core network a country wide, and a queue that fills.
fn radio() -> Shape {
    Shape {
        delay: Duration::from_millis(30),
        jitter: Duration::from_millis(3),
        queue_bytes: 128 * 1024,
        ..Shape::default()
    }
}

pub(crate) fn files(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            all.push((name, fs::read_to_string(&path)?));
        }
    }
    all.sort();
    Ok(all)
}
