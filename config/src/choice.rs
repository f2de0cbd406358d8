//! Settings that are one of a few words.

use crate::Bytes;
use crate::setting::Setting;
use baton_core::token::Scheme;

/// Defines an enum with the word that each variant is written as, and a text for the rest.
macro_rules! choice {
    ($(#[$doc:meta])* $Choice:ident, $takes:literal, $(
        $(#[$variant_doc:meta])* $Variant:ident = $word:literal $(| $other:literal)*,
    )+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[$variant_doc])* $Variant,)+
        }

        impl Setting for $Choice {
            const EXAMPLE: &'static str = [$($word),+][0];

            fn parse(text: &str) -> Result<Self, &'static str> {
                match text.to_ascii_lowercase().as_str() {
                    $($word $(| $other)* => Ok(Self::$Variant),)+
                    _ => Err($takes),
                }
            }
        }
    };
}

choice! {
    /// Whose uploads Baton signs.
    Auth, "takes lan or token",
    /// Those of clients on interfaces that are not links.
    Lan = "lan",
    /// Nobody's without a valid token of its own.
    Token = "token",
}

choice! {
    /// When a client is told of success.
    Mode, "takes through or spool",
    /// Once the upstream has proved it.
    Through = "through",
    /// Once the file is durable in the spool.
    Spool = "spool",
}

choice! {
    /// What gives way when the spool is full.
    Eviction, "takes refuse or evict_oldest",
    /// Nothing.
    Refuse = "refuse",
    /// The oldest.
    EvictOldest = "evict_oldest",
}

choice! {
    /// What becomes of a link whose budget is spent.
    OverBudget, "takes last_resort or refuse",
    /// It carries only what no other link can.
    LastResort = "last_resort",
    /// It carries nothing.
    Refuse = "refuse",
}

choice! {
    /// Whether a link is used in foreign networks.
    Roaming, "takes allow, avoid or never",
    /// As at home.
    Allow = "allow",
    /// Only if no other link works.
    Avoid = "avoid",
    /// Not at all.
    Never = "never",
}

choice! {
    /// How files are carried upstream.
    Protocol, "takes auto, tus, resumable, hmac-chunked or put",
    /// The upstream is asked.
    Auto = "auto",
    /// tus 1.0: resumes.
    Tus = "tus",
    /// The IETF's resumable uploads for HTTP.
    Resumable = "resumable",
    /// hmac-file-server's chunked sessions: resumes by whole chunks.
    Chunked = "hmac-chunked",
    /// One PUT: replayed from the spool after a cut.
    Put = "put",
}

choice! {
    /// How requests upstream are signed when the client brought no token.
    Token, "takes v2, v, token, v3, jwt, bearer or pass",
    /// XEP-0363 external upload, with the content type signed.
    V2 = "v2",
    /// The same without the content type.
    V = "v",
    /// As `v2`, under hmac-file-server's name for it.
    Token = "token",
    /// Method, path and expiry.
    V3 = "v3",
    /// A JSON web token for a slot of Prosody's http_file_share.
    Jwt = "jwt",
    /// A bearer token for hmac-file-server's `/upload`.
    Bearer = "bearer",
    /// Not at all: only what brings its own token goes upstream.
    Pass = "pass",
}

impl Token {
    /// The scheme to sign by; `None` where that is not a query parameter.
    pub const fn scheme(self) -> Option<Scheme> {
        match self {
            Self::V2 => Some(Scheme::V2),
            Self::V => Some(Scheme::V),
            Self::Token => Some(Scheme::Token),
            Self::V3 => Some(Scheme::V3),
            Self::Jwt | Self::Bearer | Self::Pass => None,
        }
    }
}

choice! {
    /// What the content type in a `v2` token is taken from.
    TypeFrom, "takes header or extension",
    /// The request's header: Prosody's specification, xmpp-http-upload.
    Header = "header",
    /// The file's name: hmac-file-server, prosody-filer.
    Extension = "extension",
}

choice! {
    /// How much an offset that `baton serve` returned survives.
    Sync, "takes completion or always",
    /// A crash of the program; the finished file survives a power loss too.
    Completion = "completion",
    /// A power loss.
    Always = "always",
}

choice! {
    /// What is logged: this and everything graver.
    Level, "takes error, warn, info, debug or trace",
    /// What can't be repaired.
    Error = "error",
    /// What is worth waking someone.
    Warn = "warn" | "warning",
    /// State changes.
    Info = "info",
    /// What peers do wrong, too.
    Debug = "debug",
    /// Everything.
    Trace = "trace",
}

choice! {
    /// How what is on its way at once is fitted to a link.
    Algorithm, "takes predictive, adaptive or fixed",
    /// By what is to be expected of client and link.
    Predictive = "predictive",
    /// By what is measured of the upload.
    Adaptive = "adaptive",
    /// Not at all.
    Fixed = "fixed",
}

choice! {
    /// How soon the last upload outweighs those before.
    Speed, "takes slow, medium or fast",
    /// A mean of 64.
    Slow = "slow",
    /// A mean of 16.
    Medium = "medium",
    /// A mean of 4.
    Fast = "fast",
}

/// The most one upstream request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkSize {
    /// As the class of the link has it.
    Adaptive,
    /// The same on every link.
    Fixed(Bytes),
}

impl Setting for ChunkSize {
    const EXAMPLE: &'static str = "adaptive";

    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "adaptive" => Ok(Self::Adaptive),
            size => Bytes::parse(size)
                .map(Self::Fixed)
                .ok_or("takes adaptive, or a size: a whole number with KB, MB or GB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_written_as_its_query_parameter() {
        for scheme in Scheme::ALL {
            assert_eq!(Token::parse(scheme.name()).map(Token::scheme), Ok(Some(scheme)));
        }
        assert_eq!(Token::parse("pass").map(Token::scheme), Ok(None));
    }

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!(Level::parse("INFO"), Ok(Level::Info));
        assert_eq!(Level::parse("Warning"), Ok(Level::Warn));
        assert!(Level::parse("loud").is_err());
    }
}
