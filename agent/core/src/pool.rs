//! Fixed block pool: one arena, one budget per interface class, fair shares.
//!
//! The pool hands out handles; the driver owns the bytes. An upload keeps its blocks in a
//! [`Chain`], oldest first, linked through the pool itself, so no upload has a table of its own.
//!
//! Three bounds, from the firmest: every admitted upload can always take [`GUARANTEED`] blocks;
//! the uploads of one class together take no more than the class's budget beyond that; no
//! upload takes more than an equal share of the pool. A refusal is back-pressure: the driver
//! stops reading from that client until a block is given back.

use crate::Class;

/// Bytes in one block: a multiple of every common page, small enough that four of them
/// are what a slow client may cost.
pub const BLOCK_SIZE: usize = 16 * 1024;

/// Blocks that every admitted upload may hold whatever the others do.
pub const GUARANTEED: u16 = 4;

/// Handle of one block in the driver's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockId(u16);

impl BlockId {
    /// Position in the arena, in blocks.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The blocks of one upload, oldest first.
#[derive(Debug, Default)]
pub struct Chain {
    head: Option<BlockId>,
    tail: Option<BlockId>,
    len: u16,
}

impl Chain {
    /// Blocks held.
    pub const fn len(&self) -> u16 {
        self.len
    }

    /// Whether it holds no block.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The pool: at most `BLOCKS` blocks, of which the driver's arena has [`Pool::total`].
#[derive(Debug)]
pub struct Pool<const BLOCKS: usize> {
    next: [Option<BlockId>; BLOCKS],
    free: Chain,
    total: u16,
    admitted: u16,
    /// Blocks owed: the guarantees not yet taken up.
    owed: u16,
    /// Blocks held beyond guarantees, by class.
    held: [u16; Class::ALL.len()],
    budgets: [u16; Class::ALL.len()],
}

impl<const BLOCKS: usize> Pool<BLOCKS> {
    /// A pool of `total` blocks (at most `BLOCKS`) with a budget in blocks for each class.
    pub fn new(total: u16, budgets: [u16; Class::ALL.len()]) -> Self {
        const { assert!(BLOCKS <= u16::MAX as usize) };
        let total = usize::from(total).min(BLOCKS) as u16;
        let mut pool = Self {
            next: [None; BLOCKS],
            free: Chain::default(),
            total,
            admitted: 0,
            owed: 0,
            held: [0; Class::ALL.len()],
            budgets,
        };
        for index in 0..total {
            pool.give_back(BlockId(index));
        }
        pool
    }

    /// Sets other budgets. A class above its own gets nothing until it has drained below it.
    pub const fn set_budgets(&mut self, budgets: [u16; Class::ALL.len()]) {
        self.budgets = budgets;
    }

    /// Blocks in the arena.
    pub const fn total(&self) -> u16 {
        self.total
    }

    /// Blocks that nobody holds.
    pub const fn free(&self) -> u16 {
        self.free.len
    }

    /// Blocks held beyond the guarantees by uploads on links of `class`, and its budget.
    pub const fn usage(&self, class: Class) -> (u16, u16) {
        (self.held[class.index()], self.budgets[class.index()])
    }

    /// Blocks that one upload may hold, as many as there are uploads now.
    pub const fn share(&self) -> u16 {
        let admitted = if self.admitted > 0 { self.admitted } else { 1 };
        let share = self.total / admitted;
        if share > GUARANTEED { share } else { GUARANTEED }
    }

    /// Whether the guarantee of one more upload could be kept.
    pub const fn can_admit(&self) -> bool {
        self.free.len >= self.owed + GUARANTEED
    }

    /// Admits one more upload, if its guarantee can be kept.
    pub fn try_admit(&mut self) -> bool {
        let fits = self.can_admit();
        if fits {
            self.admitted += 1;
            self.owed += GUARANTEED;
        }
        fits
    }

    /// Ends an admission. The chain must have been emptied with [`Self::release_all`].
    pub fn dismiss(&mut self) {
        debug_assert!(self.admitted > 0, "dismissed once per admission");
        self.admitted = self.admitted.saturating_sub(1);
        self.owed = self.owed.saturating_sub(GUARANTEED);
    }

    /// Takes a block for an upload on a link of `class` that may hold `window` blocks.
    pub fn try_take(&mut self, chain: &mut Chain, class: Class, window: u16) -> Option<BlockId> {
        if chain.len < GUARANTEED {
            self.owed -= 1;
        } else {
            let class = class.index();
            let fits = chain.len < window.min(self.share())
                && self.held[class] < self.budgets[class]
                && self.free.len > self.owed;
            if !fits {
                return None;
            }
            self.held[class] += 1;
        }
        let mut free = core::mem::take(&mut self.free);
        let block = self.pop(&mut free);
        self.free = free;
        self.push(chain, block?);
        block
    }

    /// Gives back the oldest block of `chain`.
    pub fn release(&mut self, chain: &mut Chain, class: Class) {
        let Some(block) = self.pop(chain) else { return };
        if chain.len < GUARANTEED {
            self.owed += 1;
        } else {
            let held = &mut self.held[class.index()];
            *held = held.saturating_sub(1);
        }
        self.give_back(block);
    }

    /// Gives back every block of `chain`.
    pub fn release_all(&mut self, chain: &mut Chain, class: Class) {
        while !chain.is_empty() {
            self.release(chain, class);
        }
    }

    /// Books what `chain` holds on another class: its upload moved to another link.
    pub fn rebook(&mut self, chain: &Chain, from: Class, to: Class) {
        let extra = chain.len.saturating_sub(GUARANTEED);
        let held = &mut self.held[from.index()];
        *held = held.saturating_sub(extra);
        self.held[to.index()] += extra;
    }

    /// The blocks of `chain` from the `index`th oldest on.
    pub fn blocks(&self, chain: &Chain, index: u16) -> impl Iterator<Item = BlockId> {
        core::iter::successors(self.nth(chain, index), |block| self.next[block.index()])
    }

    fn nth(&self, chain: &Chain, index: u16) -> Option<BlockId> {
        if index + 1 == chain.len {
            return chain.tail;
        }
        let mut block = chain.head;
        for _ in 0..index {
            block = self.next[block?.index()];
        }
        block
    }

    fn push(&mut self, chain: &mut Chain, block: BlockId) {
        match chain.tail {
            Some(tail) => self.next[tail.index()] = Some(block),
            None => chain.head = Some(block),
        }
        self.next[block.index()] = None;
        chain.tail = Some(block);
        chain.len += 1;
    }

    fn pop(&mut self, chain: &mut Chain) -> Option<BlockId> {
        let block = chain.head?;
        chain.head = self.next[block.index()].take();
        chain.len -= 1;
        if chain.len == 0 {
            chain.tail = None;
        }
        Some(block)
    }

    fn give_back(&mut self, block: BlockId) {
        let mut free = core::mem::take(&mut self.free);
        self.push(&mut free, block);
        self.free = free;
    }
}

#[cfg(test)]
mod tests;
