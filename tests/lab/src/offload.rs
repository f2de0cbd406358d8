//! Switching off what a network card would do for the kernel.

use nix::{
    errno::Errno,
    libc,
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};
use std::os::fd::AsRawFd;

/// Makes `interface` of the calling thread's namespace send frames as a wire carries them: none
/// larger than the MTU, each with its checksum; and check the checksums of those it receives.
#[expect(unsafe_code, reason = "SIOCETHTOOL takes pointers")]
pub(crate) fn switch_off(interface: &str) -> Result<(), Errno> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    for command in [STSO, SGSO, SGRO, STXCSUM, SRXCSUM] {
        let mut off = Value { command, data: 0 };
        let mut request = Request { name: [0; libc::IFNAMSIZ], value: &raw mut off, rest: [0; 16] };
        let name = request.name.get_mut(..interface.len()).ok_or(Errno::ENAMETOOLONG)?;
        name.copy_from_slice(interface.as_bytes());
        // SAFETY: both structs have the kernel's layout and outlive the call.
        Errno::result(unsafe {
            libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request)
        })?;
    }
    Ok(())
}

/// struct ifreq with `ifr_data`, padded to its size of at most 40 bytes.
#[repr(C)]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: *mut Value,
    rest: [u8; 16],
}

/// struct ethtool_value.
#[repr(C)]
struct Value {
    command: u32,
    data: u32,
}

// `linux/ethtool.h`.
const SRXCSUM: u32 = 0x15;
const STXCSUM: u32 = 0x17;
const STSO: u32 = 0x1f;
const SGSO: u32 = 0x24;
const SGRO: u32 = 0x2c;
