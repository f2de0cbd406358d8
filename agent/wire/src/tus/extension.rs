//! What a server can do beyond the core of tus.

use crate::http::Headers;
use core::fmt;

/// One extension of tus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Uploads can be created.
    Creation,
    /// The first bytes may come with the creation.
    CreationWithUpload,
    /// The length may be declared later.
    CreationDeferLength,
    /// Unfinished uploads expire.
    Expiration,
    /// Uploads can be given up.
    Termination,
    /// Appends can be checked by digest.
    Checksum,
    /// Uploads can be joined.
    Concatenation,
    /// Baton's own, announced by `baton serve`: HEAD disturbs no append, and an append takes over
    /// exactly if its offset is the stored one; see [`super::Fence`].
    Fencing,
}

/// A set of extensions, shown as `Tus-Extension` lists it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions(u8);

impl Extension {
    /// Every extension.
    pub const ALL: [Self; 8] = [
        Self::Creation,
        Self::CreationWithUpload,
        Self::CreationDeferLength,
        Self::Expiration,
        Self::Termination,
        Self::Checksum,
        Self::Concatenation,
        Self::Fencing,
    ];

    /// Its token.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::CreationWithUpload => "creation-with-upload",
            Self::CreationDeferLength => "creation-defer-length",
            Self::Expiration => "expiration",
            Self::Termination => "termination",
            Self::Checksum => "checksum",
            Self::Concatenation => "concatenation",
            Self::Fencing => "baton-fencing",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Extensions {
    /// What [`super::server`] offers: bytes are kept as they come, so nothing is checked or joined.
    pub const SERVED: Self = Self(!(Extension::Checksum.bit() | Extension::Concatenation.bit()));

    /// Whether it is in the set.
    pub const fn has(self, extension: Extension) -> bool {
        self.0 & extension.bit() != 0
    }

    pub(super) fn read(headers: Headers<'_>) -> Self {
        let listed =
            Extension::ALL.into_iter().filter(|it| headers.lists("Tus-Extension", it.name()));
        Self(listed.fold(0, |set, extension| set | extension.bit()))
    }
}

impl fmt::Display for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for extension in Extension::ALL.into_iter().filter(|&extension| self.has(extension)) {
            write!(f, "{comma}{}", extension.name())?;
            comma = ",";
        }
        Ok(())
    }
}
