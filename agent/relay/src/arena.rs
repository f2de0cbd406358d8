//! The bytes behind the core's block handles.

use baton_core::{BLOCK_SIZE, BlockId};
use core::cell::{Ref, RefCell, RefMut};

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

    /// A block to read. Not to be held across an await.
    pub(crate) fn block(&self, id: BlockId) -> Ref<'_, [u8]> {
        let at = id.index() * BLOCK_SIZE;
        Ref::map(self.bytes.borrow(), |bytes| &bytes[at..at + BLOCK_SIZE])
    }

    /// A block to fill. Not to be held across an await.
    pub(crate) fn block_mut(&self, id: BlockId) -> RefMut<'_, [u8]> {
        let at = id.index() * BLOCK_SIZE;
        RefMut::map(self.bytes.borrow_mut(), |bytes| &mut bytes[at..at + BLOCK_SIZE])
    }
}
