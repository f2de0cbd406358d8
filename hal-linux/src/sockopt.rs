//! Socket options that no safe wrapper reads at the length that the kernel has.

use std::{
    io,
    os::fd::{AsFd, AsRawFd},
};

/// Reads an option into `buf`; how much of it the kernel filled.
#[expect(unsafe_code, reason = "getsockopt of a kernel-defined length has no safe wrapper")]
pub(crate) fn get<'b>(
    socket: &impl AsFd,
    level: i32,
    name: i32,
    buf: &'b mut [u8],
) -> io::Result<&'b [u8]> {
    let mut len = libc::socklen_t::try_from(buf.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the kernel writes at most `len` bytes into `buf`, then their number into `len`;
    // both are borrowed across the call.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            name,
            buf.as_mut_ptr().cast(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    let filled = buf.len().min(len as usize);
    Ok(&buf[..filled])
}
