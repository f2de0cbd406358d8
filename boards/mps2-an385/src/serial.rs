//! A serial line as PPP wants it: `embedded_io_async`'s traits over `baton_hal`'s.

use baton_hal::Bytes;
use core::convert::Infallible;
use core::ops::Range;
use embedded_io_async::{BufRead, ErrorType, Read, Write};

/// A line, and what came of it and was not taken.
pub(crate) struct Serial<B> {
    line: B,
    held: [u8; 128],
    unread: Range<usize>,
}

impl<B> Serial<B> {
    pub(crate) const fn new(line: B) -> Self {
        Self { line, held: [0; 128], unread: 0..0 }
    }

    /// Whether the next bytes are new.
    pub(crate) fn is_empty(&self) -> bool {
        self.unread.is_empty()
    }
}

impl<B> ErrorType for Serial<B> {
    type Error = Infallible;
}

impl<B: Bytes<Error = Infallible>> Read for Serial<B> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let bytes = self.fill_buf().await?;
        let count = bytes.len().min(buf.len());
        buf[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<B: Bytes<Error = Infallible>> BufRead for Serial<B> {
    async fn fill_buf(&mut self) -> Result<&[u8], Infallible> {
        while self.unread.is_empty() {
            self.line.readable().await;
            self.unread = 0..self.line.try_read(&mut self.held)?.unwrap_or(0);
        }
        Ok(&self.held[self.unread.clone()])
    }

    fn consume(&mut self, count: usize) {
        self.unread.start += count;
    }
}

impl<B: Bytes<Error = Infallible>> Write for Serial<B> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        loop {
            if let Some(count) = self.line.try_write(&[bytes])? {
                return Ok(count);
            }
            self.line.writable().await;
        }
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
