//! What crosses a link: TCP segments without their bytes, which stay with the connection.

use baton_core::Instant;
use baton_lab::Frame;

/// Ethernet, IPv4, and TCP with timestamps.
pub(crate) const HEADERS: usize = 14 + 20 + 32;

/// Payload of a full segment: 1500 bytes of Ethernet less IP and TCP with timestamps.
pub(crate) const MSS: u64 = 1448;

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// At the gateway.
    Client,
    /// Upstream.
    Server,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// A connection; never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConnId(pub(crate) u32);

/// Bytes that the receiver holds beyond what it acknowledges.
pub(crate) type Sacks = heapless::Vec<(u64, u64), 3>;

/// One segment.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) conn: ConnId,
    pub(crate) from: Side,
    /// The gateway's address on the link when the connection was opened.
    pub(crate) address: u32,
    pub(crate) kind: Kind,
    /// Rides in a tunnel: the link whose packet this is, when the carrier of the tunnel has it.
    pub(crate) tunnel: Option<u8>,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Syn,
    SynAck,
    /// Ends the connection for both.
    Reset,
    /// Bytes (none: a pure acknowledgement), and what their sender has received.
    Data {
        start: u64,
        len: u64,
        /// Timestamp, as RFC 7323 has it.
        sent: Instant,
        ack: u64,
        echo: Option<Instant>,
        sacks: Sacks,
    },
}

impl Frame for Packet {
    fn length(&self) -> usize {
        let payload = match self.kind {
            Kind::Syn | Kind::SynAck | Kind::Reset => 0,
            Kind::Data { len, .. } => len as usize,
        };
        HEADERS + payload + if self.tunnel.is_some() { TUNNEL } else { 0 }
    }
}

/// What a tunnel adds: outer IP, UDP and WireGuard's own.
const TUNNEL: usize = 60;
