//! What goes wrong, in words that say what to do about it.

use baton_hal::ErrorKind;
use baton_wire::http::date::Date;
use core::fmt;
use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no stream, or none any more.
#[derive(Debug)]
pub enum TlsError<E> {
    /// The stream below says so.
    Below(E),
    /// It ended without TLS having said so: what came last may lack its end.
    Cut,
    /// TLS was broken on a stream that was trusted.
    Tls(Error),
    /// Whatever answers is not to be trusted.
    Untrusted {
        /// Who was to answer.
        host: Box<str>,
        /// Why it is not believed.
        error: Error,
        /// This machine's clock, in seconds since 1970.
        now: u64,
    },
}

/// The 1st of January 2026: no clock that was ever set while this program exists says less.
const EARLIEST: u64 = 1_767_225_600;

impl<E: fmt::Display> fmt::Display for TlsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(error) => error.fmt(f),
            Self::Cut => f.write_str("the connection ended in the middle of TLS"),
            Self::Tls(error) => error.fmt(f),
            Self::Untrusted { host, error, now } => untrusted(f, host, error, *now),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "rustls has many, and adds to them")]
fn untrusted(f: &mut fmt::Formatter<'_>, host: &str, error: &Error, now: u64) -> fmt::Result {
    let clock = Date { unix_s: now };
    match error {
        Error::InvalidCertificate(why) => match why {
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
                if now < EARLIEST =>
            {
                write!(
                    f,
                    "this machine's clock says {clock}: set it (ntpd); until then no certificate can be checked"
                )
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                let from = Date { unix_s: not_before.as_secs() };
                write!(
                    f,
                    "the certificate of {host} is not valid before {from}, and this machine's clock says {clock}: if that is wrong, set it (ntpd)"
                )
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                let until = Date { unix_s: not_after.as_secs() };
                write!(
                    f,
                    "the certificate of {host} expired on {until}: renew it there (this machine's clock says {clock})"
                )
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                write!(
                    f,
                    "the certificate is not for {host} but for {}: a captive portal, or [upstream] url has another name than the server",
                    presented.join(", ")
                )
            }
            CertificateError::UnknownIssuer => {
                write!(
                    f,
                    "the certificate of {host} is from an authority that is not trusted here: a captive portal, or name its authority in [upstream] ca_file, or its key in [upstream] pin"
                )
            }
            CertificateError::Other(other) => write!(f, "the certificate of {host}: {other}"),
            why => write!(f, "the certificate of {host}: {why}"),
        },
        Error::InvalidMessage(_) => {
            write!(
                f,
                "what answers for {host} does not speak TLS: a captive portal, or [upstream] url is to begin with http://"
            )
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion) => {
            write!(f, "{host} speaks only versions of TLS older than 1.2: bring it up to date")
        }
        Error::AlertReceived(alert) => write!(f, "{host} refused the handshake: {alert:?}"),
        error => write!(f, "TLS with {host}: {error}"),
    }
}

impl<E: baton_hal::Error> baton_hal::Error for TlsError<E> {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Below(error) => error.kind(),
            Self::Cut => ErrorKind::Closed,
            Self::Tls(_) | Self::Untrusted { .. } => ErrorKind::Untrusted,
        }
    }
}
