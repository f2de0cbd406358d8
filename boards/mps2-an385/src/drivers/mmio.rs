//! Registers of a device.

/// A device's registers, by their offsets in bytes.
#[derive(Clone, Copy)]
pub(super) struct Registers(usize);

impl Registers {
    /// # Safety
    ///
    /// A device of the board has its registers at `base`, and `size_of::<u32>()` bytes can be read and
    /// written at each offset that is used.
    pub(super) const unsafe fn at(base: usize) -> Self {
        Self(base)
    }

    pub(super) fn read(self, offset: usize) -> u32 {
        // SAFETY: `at` was promised that there is a register; reading one has no effect on memory.
        unsafe { core::ptr::read_volatile((self.0 + offset) as *const u32) }
    }

    pub(super) fn write(self, offset: usize, value: u32) {
        // SAFETY: as above; no device of this board reaches into memory by itself.
        unsafe { core::ptr::write_volatile((self.0 + offset) as *mut u32, value) }
    }
}
