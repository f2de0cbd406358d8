//! What the kernel and name servers say.

use baton_hal_linux::fuzz;

/// A datagram of rtnetlink.
pub(crate) fn netlink(data: &[u8]) {
    fuzz::netlink(data);
}

/// `struct tcp_info` of some kernel.
pub(crate) fn tcp_info(data: &[u8]) {
    fuzz::tcp_info(data);
}

/// An answer: the first byte says what was asked for, the rest follows the echo of the question.
pub(crate) fn dns(data: &[u8]) {
    let Some((kind, message)) = data.split_first() else { return };
    if let Some((addresses, _)) = fuzz::dns(kind & 1 == 1, message) {
        assert!(addresses <= 16);
    }
}
