//! Bytes both ways: streams to the upstream, each bound to one link.

use baton_core::Duration;

/// What the transport knows of a stream: TCP_INFO on Linux.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// Payload bytes the peer's host acknowledged, since connect.
    pub acked_bytes: u64,
    /// Segments sent and not acknowledged; more than zero means that data is in flight.
    pub unacked_segments: u32,
    /// Payload of a full segment, in bytes.
    pub segment_bytes: u32,
    /// Bytes handed over and not yet sent for the first time.
    pub notsent_bytes: u32,
    /// Time since the peer's last acknowledgement arrived.
    pub last_ack: Duration,
    /// Smoothed round-trip time; zero if not measured.
    pub srtt: Duration,
    /// Its mean deviation.
    pub rttvar: Duration,
    /// Segments sent again, since connect.
    pub retransmitted_segments: u32,
    /// Segments sent, since connect.
    pub sent_segments: u32,
    /// Bytes a second, as the transport last measured it; zero if not measured.
    pub delivery_rate: u64,
    /// Bytes in both directions since the first packet, headers of TCP and IP and what was sent again
    /// included: what a metered link is billed for. Zero if not counted.
    pub carried_bytes: u64,
    /// That was measured while there was too little to send to fill the path.
    pub is_app_limited: bool,
}

impl StreamInfo {
    /// Bytes handed over that the peer's host did not acknowledge, rounded up to whole segments.
    pub fn unacked_bytes(&self) -> u64 {
        u64::from(self.unacked_segments) * u64::from(self.segment_bytes)
            + u64::from(self.notsent_bytes)
    }
}

/// Bytes both ways, of a connection or of a serial line. All methods take `&self`, so that one task may
/// wait for reading and writing side by side; waiting and moving bytes are apart, so that no buffer is
/// borrowed while a task sleeps.
#[expect(async_fn_in_trait, reason = "drivers are single-threaded: no Send bound is wanted")]
pub trait Bytes {
    /// What goes wrong.
    type Error: crate::Error;

    /// Waits until [`Self::try_read`] has something to say: bytes, the end, or an error.
    /// May wake without cause. Cancel-safe.
    async fn readable(&self);

    /// Waits until [`Self::try_write`] has something to say. May wake without cause. Cancel-safe.
    async fn writable(&self);

    /// Reads what is there. `Ok(None)`: nothing now. `Ok(Some(0))`: the peer closed; a serial line does not.
    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, Self::Error>;

    /// Writes what fits now of these bytes, one slice behind the other; a backend may take fewer than there
    /// is room for, and need not look beyond the first [`GATHERED`] slices. `Ok(None)`: nothing fits, and the
    /// next write begins with the same bytes: a stream that encrypts may have begun to send them.
    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, Self::Error>;
}

/// Slices of the longest write that is worth gathering: a head, and 256 KiB in blocks. Linux takes 1024.
pub const GATHERED: usize = 17;

/// Slices in a backend's own form, on the stack: the array, and how many of it are meant. What there is no place
/// for waits for the next write.
pub fn gather<'a, T: Copy>(
    bufs: impl IntoIterator<Item = &'a [u8]>,
    form: impl Fn(&'a [u8]) -> T,
) -> ([T; GATHERED], usize) {
    let mut slices = [form(&[]); GATHERED];
    let mut count = 0;
    for (slice, buf) in slices.iter_mut().zip(bufs) {
        *slice = form(buf);
        count += 1;
    }
    (slices, count)
}

/// A connection to the upstream.
pub trait Stream: Bytes {
    /// What the transport knows; `None` where it can't tell.
    fn info(&self) -> Option<StreamInfo>;

    /// Makes the drop of this stream send nothing more: what waits unsent or unacknowledged is
    /// thrown away (a reset on TCP). Without it, a drop closes in good order in the background.
    fn abort(&self);
}

/// Opens streams to the upstream. Tasks hold one for as long as they like.
#[expect(async_fn_in_trait, reason = "drivers are single-threaded: no Send bound is wanted")]
pub trait Transport: 'static {
    /// The streams it opens.
    type Stream: Stream<Error = Self::Error> + 'static;
    /// What goes wrong.
    type Error: crate::Error + 'static;

    /// Connects to the upstream (its name and port are the backend's configuration) over `link`
    /// and no other; never falls back to another link. Name resolution goes over the same link.
    ///
    /// Waits as long as the transport does: the caller bounds it. Dropping the call abandons the
    /// attempt.
    async fn connect(&self, link: &str) -> Result<Self::Stream, Self::Error>;

    /// Handshakes so far; `None`: its streams are not encrypted.
    fn handshakes(&self) -> Option<Handshakes> {
        None
    }

    /// Tells what streams have carried since the last call, by link: see
    /// [`StreamInfo::carried_bytes`]. Nothing where nobody counts.
    fn take_carried(&self, _: &mut dyn FnMut(&str, u64)) {}
}

/// How many streams were encrypted, by what that took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Handshakes {
    /// With certificates and their signatures.
    pub full: u32,
    /// By what was agreed on in an earlier one.
    pub resumed: u32,
}
