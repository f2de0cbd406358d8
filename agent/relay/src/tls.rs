//! TLS to the upstream, over any transport.
//!
//! A connection costs, beyond the one below: rustls' state of some 5 KiB; at most 21 KiB that
//! were encrypted and that the stream below has not taken; and the record that is arriving, of
//! 4 KiB as a rule and 18 KiB at most, 64 KiB while a chain of certificates does. Sessions to
//! resume take 8 tickets, whatever the number of links and connections. Early data is not used:
//! it can be replayed by others.

mod client;
mod error;
mod stream;
#[cfg(test)]
mod tests;
mod trust;

pub use client::TlsClient;
pub use error::TlsError;
pub use stream::TlsStream;
pub use trust::{Trust, TrustError};

use baton_hal::{Handshakes, Transport};

/// A transport whose streams are encrypted, or as they are below: which of the two, the
/// configuration says, and one type for both keeps the program small.
pub struct Tls<T> {
    below: T,
    client: Option<TlsClient>,
}

impl<T: Transport> Tls<T> {
    /// Streams are encrypted if there is a `client`.
    pub fn new(below: T, client: Option<TlsClient>) -> Self {
        Self { below, client }
    }
}

impl<T: Transport> Transport for Tls<T> {
    type Stream = TlsStream<T::Stream>;
    type Error = TlsError<T::Error>;

    async fn connect(&self, link: &str) -> Result<Self::Stream, Self::Error> {
        let below = self.below.connect(link).await.map_err(TlsError::Below)?;
        match &self.client {
            Some(client) => client.secure(below, link).await,
            None => Ok(TlsStream::plain(below)),
        }
    }

    fn handshakes(&self) -> Option<Handshakes> {
        self.client.as_ref().map(TlsClient::handshakes)
    }
}
