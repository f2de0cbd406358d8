use core::fmt;

/// Why a connection can't be understood any further. Answer [`Self::status`] where that is still
/// possible, then close it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// Not HTTP, a control character, a bare CR or LF, or no `Host`.
    Malformed,
    /// Lengths that contradict each other, or that an intermediary may read otherwise.
    Framing,
    /// A broken chunk.
    Chunk,
    /// The request target alone fills the head buffer.
    TargetTooLong,
    /// The head is larger than its buffer, has too many fields, or the trailers do.
    HeadTooLong,
    /// A transfer coding other than `chunked`.
    Coding,
    /// An expectation other than `100-continue`.
    Expectation,
    /// Not HTTP/1.0 or HTTP/1.1.
    Version,
    /// A response that nobody asked for, or a switch to another protocol.
    Unsolicited,
    /// The body of a request that was answered early is longer than what may be drained.
    Undrained,
}

impl Error {
    /// The status by which a server answers it.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed | Self::Framing | Self::Chunk | Self::Unsolicited => 400,
            Self::Undrained => 413,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::HeadTooLong => 431,
            Self::Coding => 501,
            Self::Version => 505,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed http",
            Self::Framing => "contradictory body length",
            Self::Chunk => "malformed chunk",
            Self::TargetTooLong => "request target too long",
            Self::HeadTooLong => "head too long",
            Self::Coding => "transfer coding other than chunked",
            Self::Expectation => "expectation other than 100-continue",
            Self::Version => "http version other than 1.0 and 1.1",
            Self::Unsolicited => "response to no request",
            Self::Undrained => "too much left of a body answered early",
        })
    }
}
