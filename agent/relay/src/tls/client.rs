//! This end of every TLS connection: what is trusted, and the sessions that can be resumed.

use super::trust::{self, Trust, TrustError};
use super::{TlsError, TlsStream};
use crate::sign::unix_now;
use baton_hal::{Handshakes, Stream};
use core::cell::Cell;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, HandshakeKind};
use std::sync::Arc;

/// Sessions to resume: rustls keeps up to eight tickets for one server, and there is one. Servers
/// give two with a connection, and each is used once (RFC 8446 appendix C.4).
const SESSIONS: usize = 8;

/// One upstream, and what its connections share: a session begun over one link is resumed over
/// another.
pub struct TlsClient {
    config: Arc<ClientConfig>,
    host: ServerName<'static>,
    made: Cell<Handshakes>,
}

impl TlsClient {
    /// For the upstream of that name or address, by which its certificate is judged.
    pub fn new(host: &str, trust: &Trust) -> Result<Self, TrustError> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| TrustError::Name { host: host.to_owned() })?;
        let mut config = trust::config(trust)?;
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Self { config: Arc::new(config), host: name, made: Cell::default() })
    }

    pub(super) fn handshakes(&self) -> Handshakes {
        self.made.get()
    }

    /// The handshake, over a stream that is open.
    pub(super) async fn secure<S: Stream>(
        &self,
        below: S,
        link: &str,
    ) -> Result<TlsStream<S>, TlsError<S::Error>> {
        let tls = ClientConnection::new(self.config.clone(), self.host.clone());
        let stream = TlsStream::new(below, tls.map_err(TlsError::Tls)?.into());
        let kind = stream.handshake().await.map_err(|error| match error {
            TlsError::Tls(error) => {
                TlsError::Untrusted { host: self.host.to_str().into(), error, now: unix_now() }
            }
            TlsError::Below(_) | TlsError::Cut | TlsError::Untrusted { .. } => error,
        })?;
        let mut made = self.made.get();
        let count = match kind {
            HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest => &mut made.full,
            HandshakeKind::Resumed => &mut made.resumed,
        };
        *count = count.wrapping_add(1);
        self.made.set(made);
        tracing::debug!(link, ?kind, "TLS handshake");
        Ok(stream)
    }
}
