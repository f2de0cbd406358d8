//! The bytes behind the core's block handles.

use baton_core::{BLOCK_SIZE, BlockId, GUARANTEED};
use core::cell::{Ref, RefCell};
use core::ops::Range;
use std::io::IoSliceMut;

/// One allocation for every byte in transit, set aside and touched at start.
pub(crate) struct Arena {
    bytes: RefCell<Box<[u8]>>,
}

impl Arena {
    /// Sets aside `blocks` blocks and touches every page of them: what the kernel promises now
    /// it can't refuse in the middle of an upload.
    pub(crate) fn new(blocks: u16) -> Self {
        let mut bytes = vec![0u8; usize::from(blocks) * BLOCK_SIZE].into_boxed_slice();
        for page in bytes.chunks_mut(4096) {
            page[0] = 1;
        }
        Self { bytes: RefCell::new(bytes) }
    }

    /// Blocks to read, oldest first. Not to be held across an await.
    pub(crate) fn read(&self) -> Ref<'_, [u8]> {
        Ref::map(self.bytes.borrow(), |bytes| &**bytes)
    }

    /// Has the places in `blocks` filled in one go: `fill` is given them in that order.
    pub(crate) fn fill<R>(
        &self,
        places: [Place; PLACES],
        fill: impl FnOnce(&mut [IoSliceMut<'_>]) -> R,
    ) -> R {
        let mut bytes = self.bytes.borrow_mut();
        let slices = bytes
            .get_disjoint_mut(places.map(|place| place.range()))
            .expect("no block is in two places");
        fill(&mut slices.map(IoSliceMut::new))
    }
}

/// Places that are filled at once: four blocks are what every upload is sure of.
pub(crate) const PLACES: usize = GUARANTEED as usize;

/// A part of a block, or nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    start: usize,
    len: usize,
}

impl Place {
    /// The bytes from `at` on in a block.
    pub(crate) fn new(block: BlockId, at: usize) -> Self {
        Self { start: block.index() * BLOCK_SIZE + at, len: BLOCK_SIZE - at }
    }

    /// No more than `len` bytes of it.
    pub(crate) fn at_most(self, len: u64) -> Self {
        Self { len: self.len.min(usize::try_from(len).unwrap_or(usize::MAX)), ..self }
    }

    pub(crate) const fn len(self) -> usize {
        self.len
    }

    /// Where in the arena.
    pub(crate) const fn range(self) -> Range<usize> {
        self.start..self.start + self.len
    }
}
