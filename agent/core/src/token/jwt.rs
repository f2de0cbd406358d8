//! JSON web tokens (RFC 7519) under HMAC-SHA256 (`HS256`, RFC 7515): a slot of Prosody's
//! `mod_http_file_share`, which is a URL path `SLOT/FILE` and the length of the file.
//!
//! A token is written straight to where it goes, and read in place: nothing here has a buffer of
//! its own but for the head of a token that is checked.

use super::keyed;
use crate::base64::{UrlEncoder, decode_url};
use crate::json::{Object, Quoted, Text};
use core::fmt::{self, Write};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// How long a slot may be used, in seconds, as Prosody has it.
pub const LIFETIME_S: u64 = 300;

/// The longest claims that are read, in bytes.
pub const MAX_CLAIMS: usize = 2048;

/// The right to upload one file.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    /// Who uploads: a bare JID, say.
    pub subject: &'a str,
    /// Unix seconds; the token ends [`LIFETIME_S`] later.
    pub issued_at: u64,
    /// The first part of the URL path.
    pub slot: &'a str,
    /// The last part of the URL path, decoded.
    pub filename: &'a str,
    /// Length in bytes.
    pub filesize: u64,
    /// Media type, under which the file is served.
    pub filetype: &'a str,
    /// Unix seconds after which the server may remove the file.
    pub expires: Option<u64>,
}

/// A token. Whoever sees it may upload: it shows itself only by `Display`, for the request.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    secret: &'a [u8],
    slot: Slot<'a>,
}

/// What a token whose signature holds says.
#[derive(Clone, Copy, Debug)]
pub struct Claims<'a>(Object<'a>);

/// Why a token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Not three parts of base64url, or not JSON in them.
    Malformed,
    /// Signed in another way than HS256, or not at all.
    Algorithm,
    /// Signed with another secret, or changed.
    Signature,
    /// It names no file, no length or no end: it would be good for anything.
    Unbound,
    /// It ended.
    Expired {
        /// When, in Unix seconds.
        at: u64,
    },
    /// It does not hold yet.
    Early {
        /// When it does, in Unix seconds.
        from: u64,
    },
    /// It is for another path.
    Path,
    /// It is for another length.
    Length {
        /// Which.
        signed: u64,
    },
}

/// `{"alg":"HS256","typ":"JWT"}`, encoded.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The longest header that is read, in bytes: ours has 27, and other fields are passed over.
const MAX_HEADER: usize = 256;

/// The token for `slot`.
pub fn make<'a>(secret: &'a [u8], slot: &Slot<'a>) -> Signed<'a> {
    Signed { secret, slot: *slot }
}

/// Checks the signature of `token`, and decodes its claims into `room`, which needs no more than
/// [`MAX_CLAIMS`] bytes. An empty secret vouches for nothing.
pub fn check<'a>(secret: &[u8], token: &str, room: &'a mut [u8]) -> Result<Claims<'a>, Refusal> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let mut header_room = [0; MAX_HEADER];
    let header = object(header, &mut header_room)?;
    // RFC 7515 section 4.1.11: what is critical and not understood makes a token invalid.
    if header.text("alg").is_none_or(|alg| alg != *"HS256") || header.get("crit").is_some() {
        return Err(Refusal::Algorithm);
    }
    let mut given = [0; 32];
    let given = decode_url(signature.as_bytes(), &mut given).map_err(|_| Refusal::Signature)?;
    let mut mac = keyed(secret);
    mac.update(signed.as_bytes());
    let is_ours: bool = mac.finalize().into_bytes()[..].ct_eq(given).into();
    if secret.is_empty() || !is_ours {
        return Err(Refusal::Signature);
    }
    object(claims, room).map(Claims)
}

impl<'a> Claims<'a> {
    /// Whether they allow to upload `length` bytes to `path` at the time `now`, in Unix seconds.
    /// The path is decoded and without its leading slash: `SLOT/FILE`, or `FILE` where they name
    /// no slot.
    pub fn allow(&self, path: &str, length: u64, now: u64) -> Result<(), Refusal> {
        let filename = self.0.text("filename").ok_or(Refusal::Unbound)?;
        let signed = self.0.integer("filesize").ok_or(Refusal::Unbound)?;
        let ends = self.expires().ok_or(Refusal::Unbound)?;
        if ends < now {
            return Err(Refusal::Expired { at: ends });
        }
        if let Some(from) = self.0.integer("nbf").filter(|&from| now < from) {
            return Err(Refusal::Early { from });
        }
        let is_path = match self.0.text("slot") {
            Some(slot) => slot.chars().chain(['/']).chain(filename.chars()).eq(path.chars()),
            None => filename == *path,
        };
        if !is_path {
            return Err(Refusal::Path);
        }
        if signed == length { Ok(()) } else { Err(Refusal::Length { signed }) }
    }

    /// Who uploads.
    pub fn subject(&self) -> Option<Text<'a>> {
        self.0.text("sub")
    }

    /// When the token ends, in Unix seconds.
    pub fn expires(&self) -> Option<u64> {
        self.0.integer("exp")
    }

    /// The media type of the file.
    pub fn filetype(&self) -> Option<Text<'a>> {
        self.0.text("filetype")
    }
}

impl fmt::Display for Signed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Tee { mac: keyed(self.secret), out: &mut *f };
        out.write_str(HEADER)?;
        out.write_char('.')?;
        let mut claims = UrlEncoder::new(&mut out);
        self.slot.write(&mut claims)?;
        claims.finish()?;
        let mac = out.mac.finalize().into_bytes();
        f.write_char('.')?;
        let mut signature = UrlEncoder::new(f);
        signature.write_bytes(&mac)?;
        signature.finish()
    }
}

impl Slot<'_> {
    fn write(&self, out: &mut impl Write) -> fmt::Result {
        let Self { subject, issued_at, slot, filename, filesize, filetype, expires } = *self;
        let ends = issued_at.saturating_add(LIFETIME_S);
        write!(out, "{{\"sub\":{},\"iat\":{issued_at},\"exp\":{ends}", Quoted(subject))?;
        write!(out, ",\"slot\":{},\"filename\":{}", Quoted(slot), Quoted(filename))?;
        write!(out, ",\"filesize\":{filesize},\"filetype\":{}", Quoted(filetype))?;
        if let Some(expires) = expires {
            write!(out, ",\"expires\":{expires}")?;
        }
        out.write_char('}')
    }
}

/// Signs what it passes on.
struct Tee<W> {
    mac: Hmac<Sha256>,
    out: W,
}

impl<W: Write> Write for Tee<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.mac.update(text.as_bytes());
        self.out.write_str(text)
    }
}

fn object<'a>(part: &str, room: &'a mut [u8]) -> Result<Object<'a>, Refusal> {
    let bytes = decode_url(part.as_bytes(), room).map_err(|_| Refusal::Malformed)?;
    let text = core::str::from_utf8(bytes).map_err(|_| Refusal::Malformed)?;
    Object::parse(text).map_err(|_| Refusal::Malformed)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a JSON web token"),
            Self::Algorithm => f.write_str("signed in another way than HS256"),
            Self::Signature => f.write_str("signed with another secret, or changed on the way"),
            Self::Unbound => f.write_str("it lacks filename, filesize or exp"),
            Self::Expired { at } => write!(f, "it ended at {at}"),
            Self::Early { from } => write!(f, "it does not hold before {from}"),
            Self::Path => f.write_str("signed for another path"),
            Self::Length { signed } => write!(f, "signed for {signed} bytes"),
        }
    }
}

#[cfg(test)]
mod tests;
