//! A NOR flash that is none: this board has only memory that can't be written or memory that forgets.
//!
//! It behaves as one: a write clears bits and sets none, an erase sets those of a whole sector, and both
//! want their alignment. It survives a reset of the processor, not the end of the emulator.

use core::cell::UnsafeCell;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};

/// Bytes in all.
pub(crate) const SIZE: usize = 1024 * 1024;

/// What is erased at once, as in every serial NOR flash.
pub(crate) const SECTOR: usize = 4096;

#[repr(C, align(4096))]
struct Cells(UnsafeCell<[u8; SIZE]>);

// SAFETY: only `Nor` uses them, of which there is one.
unsafe impl Sync for Cells {}

#[unsafe(link_section = ".nor")]
static CELLS: Cells = Cells(UnsafeCell::new([0xff; SIZE]));

/// The flash.
pub(crate) struct Nor(());

/// What a flash would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(NorFlashErrorKind);

impl Nor {
    /// # Safety
    ///
    /// It is called once.
    unsafe fn only() -> Self {
        Self(())
    }

    fn cells(&mut self) -> &mut [u8; SIZE] {
        // SAFETY: there is one `Nor`, and this borrows it.
        unsafe { &mut *CELLS.0.get() }
    }
}

/// Starts the flash. Panics if it was started before.
pub(crate) fn start() -> Nor {
    static STARTED: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);
    assert!(!STARTED.swap(true, core::sync::atomic::Ordering::Relaxed), "there is one flash");
    // SAFETY: the assertion above.
    unsafe { Nor::only() }
}

impl NorFlashError for Error {
    fn kind(&self) -> NorFlashErrorKind {
        self.0
    }
}

impl ErrorType for Nor {
    type Error = Error;
}

impl ReadNorFlash for Nor {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Error> {
        check_read(self, offset, bytes.len()).map_err(Error)?;
        bytes.copy_from_slice(&self.cells()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        SIZE
    }
}

impl NorFlash for Nor {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = SECTOR;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Error> {
        check_erase(self, from, to).map_err(Error)?;
        self.cells()[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Error> {
        check_write(self, offset, bytes.len()).map_err(Error)?;
        for (cell, byte) in self.cells()[offset as usize..].iter_mut().zip(bytes) {
            *cell &= byte;
        }
        Ok(())
    }
}
