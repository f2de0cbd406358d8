//! The thread that carries frames between the veth ends.

use crate::{
    clock::now,
    link::{Direction, Pair},
    packet::PacketSocket,
};
use core::time::Duration;
use nix::{
    libc,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        prctl::set_timerslack,
        socket::{getsockopt, sockopt::SocketError},
        time::TimeSpec,
    },
};
use std::{
    io::{PipeReader, Read},
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
};

/// The emulator's two ends of a link, and what lies between.
pub(crate) struct Wire {
    pub(crate) to_gateway: PacketSocket,
    pub(crate) to_upstream: PacketSocket,
    pub(crate) pair: Arc<Mutex<Pair>>,
}

/// Written to the control pipe: a shape has changed.
pub(crate) const WAKE: u8 = 0;

/// Written to the control pipe: the lab is gone.
pub(crate) const STOP: u8 = 1;

/// Carries frames until told to stop.
pub(crate) fn run(wires: &[Wire], mut control: PipeReader) {
    // The default of 50 µs late is a loss of precision that costs nothing to avoid.
    let _ = set_timerslack(1);
    loop {
        let wake = wires.iter().filter_map(|wire| wire.pump(now())).min();
        let timeout = wake.map(|at| TimeSpec::from_duration(at.saturating_sub(now())));
        let sockets = wires.iter().flat_map(|wire| [&wire.to_gateway, &wire.to_upstream]);
        let mut polls: Vec<_> =
            sockets.map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        polls.push(PollFd::new(control.as_fd(), PollFlags::POLLIN));
        // A signal is a wake like any other.
        let _ = ppoll(&mut polls, timeout, None);
        for poll in polls.iter().filter(|poll| has(poll, PollFlags::POLLERR)) {
            // Carrier went; reading the error clears it.
            let _ = getsockopt(&poll.as_fd(), SocketError);
        }
        let told = polls.last().is_some_and(|poll| poll.any().unwrap_or(false));
        drop(polls);
        if told {
            let mut orders = [WAKE; 64];
            match control.read(&mut orders) {
                Ok(1..) if !orders.contains(&STOP) => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

impl Wire {
    /// Takes what has arrived, sends what is due, and says when there is more to send.
    fn pump(&self, now: Duration) -> Option<Duration> {
        let mut pair = self.pair.lock().unwrap_or_else(PoisonError::into_inner);
        let ways = [
            (Direction::Up, &self.to_gateway, &self.to_upstream),
            (Direction::Down, &self.to_upstream, &self.to_gateway),
        ];
        let mut wake = None;
        for (direction, from, to) in ways {
            let shaper = pair.direction(direction);
            for _ in 0..BATCH {
                let Some(frame) = from.read() else { break };
                if is_neighbour_discovery(&frame) {
                    let _ = to.send(&frame);
                } else {
                    shaper.offer(now, frame);
                }
            }
            while let Some(frame) = shaper.poll_frame(now) {
                let taken = to.send(&frame).is_ok();
                shaper.sent(now, &frame, taken);
            }
            shaper.stats.overrun += from.take_overruns();
            wake = wake.into_iter().chain(shaper.poll_timeout()).min();
        }
        wake
    }
}

/// Frames read in a row before what is due is sent.
const BATCH: usize = 64;

/// ARP, ICMPv6 of RFC 4861 (types 133 to 137), and everything sent to a group.
fn is_neighbour_discovery(frame: &[u8]) -> bool {
    const ARP: [u8; 2] = [0x08, 0x06];
    const IPV6: [u8; 2] = [0x86, 0xdd];
    let group = frame.first().is_some_and(|octet| octet & 1 == 1);
    let icmp6 =
        frame.get(12..14) == Some(&IPV6) && frame.get(20) == Some(&(libc::IPPROTO_ICMPV6 as u8));
    group
        || frame.get(12..14) == Some(&ARP)
        || (icmp6 && frame.get(54).is_some_and(|kind| (133..=137).contains(kind)))
}

fn has(poll: &PollFd<'_>, flag: PollFlags) -> bool {
    poll.revents().is_some_and(|seen| seen.contains(flag))
}
