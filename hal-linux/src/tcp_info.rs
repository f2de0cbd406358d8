//! TCP_INFO: what the kernel knows of a connection.

use crate::{netlink::u32_at, sockopt};
use baton_core::Duration;
use baton_hal::StreamInfo;
use std::os::fd::AsFd;

/// Offsets in `struct tcp_info` (linux/tcp.h). Kernels only append to it, and fill in what they
/// have; the libc crate's structure ends before the newer fields.
mod offset {
    /// Bit 0 of the second byte of bit fields, since Linux 4.9.
    pub(super) const DELIVERY_RATE_APP_LIMITED: usize = 7;
    pub(super) const SND_MSS: usize = 16;
    pub(super) const UNACKED: usize = 24;
    pub(super) const LAST_ACK_RECV_MS: usize = 56;
    pub(super) const RTT_US: usize = 68;
    pub(super) const RTTVAR_US: usize = 72;
    pub(super) const TOTAL_RETRANS: usize = 100;
    /// Since Linux 4.1; the last that can't be done without.
    pub(super) const BYTES_ACKED: usize = 120;
    pub(super) const BYTES_RECEIVED: usize = 128;
    pub(super) const SEGS_OUT: usize = 136;
    pub(super) const SEGS_IN: usize = 140;
    pub(super) const NOTSENT_BYTES: usize = 144;
    pub(super) const DATA_SEGS_OUT: usize = 156;
    /// Since Linux 4.9, bytes a second.
    pub(super) const DELIVERY_RATE: usize = 160;
    /// Since Linux 4.19, what was sent again included.
    pub(super) const BYTES_SENT: usize = 200;
    pub(super) const END: usize = 208;
}

/// What the kernel knows of a TCP socket that connected; `None` where it can't tell. Costs one
/// system call and no allocation.
pub(crate) fn stream_info(socket: &impl AsFd) -> Option<StreamInfo> {
    let mut buf = [0; offset::END];
    parse(sockopt::get(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut buf).ok()?)
}

/// What an old kernel leaves out of the end is zero.
pub(crate) fn parse(info: &[u8]) -> Option<StreamInfo> {
    let u32_or_zero = |at| u32_at(info, at).unwrap_or(0);
    Some(StreamInfo {
        // The SYN is acknowledged as if it were a byte.
        acked_bytes: u64_at(info, offset::BYTES_ACKED)?.saturating_sub(1),
        unacked_segments: u32_at(info, offset::UNACKED)?,
        segment_bytes: u32_or_zero(offset::SND_MSS),
        notsent_bytes: u32_or_zero(offset::NOTSENT_BYTES),
        last_ack: Duration::from_millis(u32_or_zero(offset::LAST_ACK_RECV_MS).into()),
        srtt: Duration::from_micros(u32_or_zero(offset::RTT_US).into()),
        rttvar: Duration::from_micros(u32_or_zero(offset::RTTVAR_US).into()),
        retransmitted_segments: u32_or_zero(offset::TOTAL_RETRANS),
        sent_segments: u32_or_zero(offset::DATA_SEGS_OUT),
        delivery_rate: u64_at(info, offset::DELIVERY_RATE).unwrap_or(0),
        carried_bytes: carried(info),
        is_app_limited: info
            .get(offset::DELIVERY_RATE_APP_LIMITED)
            .is_some_and(|fields| fields & APP_LIMITED != 0),
    })
}

fn carried(info: &[u8]) -> u64 {
    let u64_or_zero = |at| u64_at(info, at).unwrap_or(0);
    let sent = u64_or_zero(offset::BYTES_SENT).max(u64_or_zero(offset::BYTES_ACKED));
    let headers = [offset::SEGS_OUT, offset::SEGS_IN]
        .map(|at| u64::from(u32_at(info, at).unwrap_or(0)) * HEADERS);
    [u64_or_zero(offset::BYTES_RECEIVED), headers[0], headers[1]]
        .into_iter()
        .fold(sent, u64::saturating_add)
}

/// Of IPv4 (20 bytes), and of TCP with its timestamps (32). IPv6 has 20 more.
const HEADERS: u64 = 52;

/// C's first bit field is the lowest bit where bytes begin with it, and the highest elsewhere.
const APP_LIMITED: u8 = if cfg!(target_endian = "little") { 0x01 } else { 0x80 };

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_too_old_to_count_acknowledged_bytes_tells_nothing() {
        assert_eq!(parse(&[0; offset::BYTES_ACKED]), None);
    }

    #[test]
    fn what_an_old_kernel_lacks_is_zero() {
        let mut bytes = [0; offset::NOTSENT_BYTES];
        bytes[offset::BYTES_ACKED..][..8].copy_from_slice(&1001u64.to_ne_bytes());
        bytes[offset::UNACKED..][..4].copy_from_slice(&3u32.to_ne_bytes());

        bytes[offset::DELIVERY_RATE_APP_LIMITED] = APP_LIMITED;

        let info = parse(&bytes).unwrap();

        assert_eq!((info.acked_bytes, info.unacked_segments), (1000, 3));
        assert!(info.is_app_limited);
        assert_eq!((info.notsent_bytes, info.delivery_rate), (0, 0));
        assert_eq!(info.carried_bytes, 1001, "as far as it is told");
    }

    #[test]
    fn what_a_link_is_billed_for_are_both_directions_with_their_headers() {
        let mut bytes = [0; offset::END];
        for (at, value) in [
            (offset::BYTES_SENT, 1500u64),
            (offset::BYTES_ACKED, 1001),
            (offset::BYTES_RECEIVED, 300),
        ] {
            bytes[at..][..8].copy_from_slice(&value.to_ne_bytes());
        }
        for (at, value) in [(offset::SEGS_OUT, 5u32), (offset::SEGS_IN, 4)] {
            bytes[at..][..4].copy_from_slice(&value.to_ne_bytes());
        }

        assert_eq!(parse(&bytes).map(|info| info.carried_bytes), Some(1500 + 300 + 9 * 52));
    }
}
