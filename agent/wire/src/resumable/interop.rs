//! The versions of the draft that don't understand each other.

use super::{INTEROP, count};
use crate::http::Headers;

/// A version of the draft; its number stands in `Upload-Draft-Interop-Version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interop {
    /// Draft -01. Apple's iOS 17. Says `Upload-Incomplete` for `Upload-Complete`.
    V3 = 3,
    /// Draft -02.
    V4 = 4,
    /// Draft -03. iOS 18.0. From here on 104 also tells progress.
    V5 = 5,
    /// Drafts -04 and -05. iOS 18.1. Has limits, and a media type for appends.
    V6 = 6,
    /// Drafts -06 to -08. The limit `expires` is now `max-age`.
    V7 = 7,
    /// Drafts -09 to -12.
    V8 = 8,
}

impl Interop {
    /// Every version, the oldest first.
    pub const ALL: [Self; 6] = [Self::V3, Self::V4, Self::V5, Self::V6, Self::V7, Self::V8];

    /// The newest, which a client tries first.
    pub const LATEST: Self = Self::V8;

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The version of that number, if it is known here.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|version| u64::from(version.number()) == number)
    }

    /// The version to try next where a server does not understand this one.
    pub fn older(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|&version| version < self)
    }

    /// The version that a message names.
    pub fn of(headers: Headers<'_>) -> Option<Self> {
        Self::from_number(count(headers, INTEROP)?)
    }
}
