//! Whom to believe: the system's authorities, a file of them, or a pinned key.

use baton_core::base64::Encoded;
use core::fmt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Who vouches for the upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Any authority that the system trusts.
    System,
    /// Only the authorities in this PEM file.
    Authorities(PathBuf),
    /// Only who holds one of these keys: the SHA-256 of the certificate's SubjectPublicKeyInfo
    /// (RFC 7469 section 2.4). No authority, name or date is asked, so that it works with
    /// self-signed certificates and before the clock is set.
    Keys(Vec<[u8; 32]>),
}

/// Why no connection can be judged.
#[derive(Debug)]
pub enum TrustError {
    /// A certificate can't be for that.
    Name {
        /// What is neither a name nor an address.
        host: String,
    },
    /// The file can't be read.
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file has no certificate.
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// The file has something that is not a certificate.
    Malformed {
        /// Which file.
        path: PathBuf,
    },
    /// The system has no authorities.
    NoSystem,
    /// What was put together is refused.
    Tls(Error),
}

/// Where systems keep the authorities that they trust, in one file each.
const BUNDLES: [&str; 4] = [
    // Debian, OpenWrt (package ca-bundle), Alpine, Arch.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora and its kin.
    "/etc/pki/tls/certs/ca-bundle.crt",
    // openSUSE.
    "/etc/ssl/ca-bundle.pem",
    // OpenSSL's own place.
    "/etc/ssl/cert.pem",
];

/// Far more than all authorities of the world: a wrong path does not fill the memory.
const FILE_LEN_MAX: u64 = 4 << 20;

/// A client that believes as `trust` says.
pub(super) fn config(trust: &Trust) -> Result<ClientConfig, TrustError> {
    let provider = Arc::new(provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Tls)?;
    let builder = match trust {
        Trust::System => builder.with_root_certificates(system()?),
        Trust::Authorities(path) => builder.with_root_certificates(authorities(path)?),
        Trust::Keys(keys) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { keys: keys.clone(), algorithms })),
    };
    Ok(builder.with_no_client_auth())
}

/// ring's ciphers. Where the processor does not help with AES, ChaCha20 goes first: it is several
/// times faster there.
fn provider() -> CryptoProvider {
    let mut provider = crypto::ring::default_provider();
    if !has_aes() {
        let is_aes = |suite: rustls::CipherSuite| format!("{suite:?}").contains("AES");
        provider.cipher_suites.sort_by_key(|suite| is_aes(suite.suite()));
    }
    provider
}

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
fn has_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes")
}

#[cfg(target_arch = "aarch64")]
fn has_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
fn has_aes() -> bool {
    false
}

/// A certificate that can't be read is left out: systems have one now and then.
fn system() -> Result<RootCertStore, TrustError> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let usual = BUNDLES.iter().map(PathBuf::from).find(|path| path.exists());
    let path = named.or(usual).ok_or(TrustError::NoSystem)?;
    let mut roots = RootCertStore::empty();
    let pem = read(&path)?;
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    if roots.is_empty() { Err(TrustError::Empty { path }) } else { Ok(roots) }
}

fn authorities(path: &Path) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(path)?) {
        let malformed = || TrustError::Malformed { path: path.to_owned() };
        let certificate = certificate.map_err(|_| malformed())?;
        roots.add(certificate).map_err(|_| malformed())?;
    }
    if roots.is_empty() { Err(TrustError::Empty { path: path.to_owned() }) } else { Ok(roots) }
}

fn read(path: &Path) -> Result<Vec<u8>, TrustError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LEN_MAX).read_to_end(&mut bytes))
        .map_err(|error| TrustError::Unreadable { path: path.to_owned(), error })?;
    Ok(bytes)
}

/// Believes who holds one of the keys.
#[derive(Debug)]
struct Pinned {
    keys: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let found = <[u8; 32]>::from(Sha256::digest(&key));
        if self.keys.contains(&found) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::Other(OtherError(Arc::new(NotPinned(found)))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        crypto::verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The key that was found instead.
#[derive(Debug)]
struct NotPinned([u8; 32]);

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "its key is not the pinned one: a captive portal, or the server has a new key, with \
             [upstream] pin = \"sha256/{}\"",
            Encoded(&self.0)
        )
    }
}

impl core::error::Error for NotPinned {}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { host } => write!(f, "{host} is no name that a certificate can be for"),
            Self::Unreadable { path, error } => {
                write!(f, "certificates in {}: {error}", path.display())
            }
            Self::Empty { path } => {
                write!(f, "{} has no certificate: it takes PEM, BEGIN CERTIFICATE", path.display())
            }
            Self::Malformed { path } => {
                write!(f, "{} has something that is not a certificate in PEM", path.display())
            }
            Self::NoSystem => write!(
                f,
                "this system has no certificates of authorities (looked for {}): install ca-certificates (OpenWrt: \
                 ca-bundle), or set [upstream] ca_file or pin",
                BUNDLES.join(", ")
            ),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for TrustError {}
