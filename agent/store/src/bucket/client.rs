//! HTTP to the object store: what `object_store` asks for, over hyper and rustls with `ring`, so
//! that there is one TLS in the program.

use core::{
    future::Future as _,
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    task::{Context, Poll, ready},
    time::Duration,
};
use hyper::{
    Method,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::{HeaderValue, IF_NONE_MATCH},
};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions,
    client::{
        self, HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use std::{io, sync::Arc};
use tokio::time::{Instant, Sleep, sleep, timeout};

/// Handed to the connection at once: how fine progress is seen.
const STEP: usize = 64 << 10;

/// How often it is looked at within the silence that is borne.
const LOOKS: u32 = 4;

/// A connection that was not used for this long is not trusted to be alive.
const IDLE: Duration = Duration::from_secs(15);

/// Makes the client.
#[derive(Debug)]
pub(super) struct Connector {
    /// How long the object store may be silent.
    pub(super) silence: Duration,
}

impl client::HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(self.silence));
        let crypto = rustls::crypto::ring::default_provider();
        let tls = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(crypto)
            .map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(tls);
        Ok(HttpClient::new(Client { http, silence: self.silence }))
    }
}

#[derive(Debug)]
struct Client {
    http: legacy::Client<HttpsConnector<HttpConnector>, Taken>,
    silence: Duration,
}

#[async_trait::async_trait]
impl HttpService for Client {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if completes(&request) {
            // `object_store` has no way to ask for it: nothing stored is ever overwritten.
            request.headers_mut().insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let taken = Arc::new(AtomicU32::new(0));
        let request =
            request.map(|body| Taken { body, rest: Bytes::new(), taken: Arc::clone(&taken) });
        let mut answering = self.http.request(request);
        let (mut before, mut silent_for) = (0, 0);
        let answered = loop {
            if silent_for == LOOKS {
                return Err(silent());
            }
            if let Ok(answered) = timeout(self.silence / LOOKS, &mut answering).await {
                break answered;
            }
            let now = taken.load(Relaxed);
            silent_for = if now == before { silent_for + 1 } else { 0 };
            before = now;
        };
        let answer = answered.map_err(|error| {
            let kind = match error.is_connect() {
                true => HttpErrorKind::Connect,
                // It may have been carried out.
                false => HttpErrorKind::Interrupted,
            };
            HttpError::new(kind, error)
        })?;
        let silence = self.silence;
        Ok(answer.map(|body| {
            HttpResponseBody::new(Heard { body, silence, patience: Box::pin(sleep(silence)) })
        }))
    }
}

/// A request's body, of which is counted what the connection takes.
struct Taken {
    body: HttpRequestBody,
    rest: Bytes,
    taken: Arc<AtomicU32>,
}

impl Body for Taken {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        self.taken.fetch_add(1, Relaxed);
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                end => return Poll::Ready(end),
            }
        }
        let step = self.rest.len().min(STEP);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(step)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64 + self.body.size_hint().lower())
    }
}

/// Whether this is `CompleteMultipartUpload`.
fn completes(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::POST && query.starts_with("uploadId=")
}

fn silent() -> HttpError {
    HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut))
}

/// A body that fails once nothing more of it comes.
struct Heard {
    body: Incoming,
    silence: Duration,
    patience: Pin<Box<Sleep>>,
}

impl Body for Heard {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.silence;
                self.patience.as_mut().reset(next);
                let lost = |error| HttpError::new(HttpErrorKind::Interrupted, error);
                Poll::Ready(frame.map(|frame| frame.map_err(lost)))
            }
            Poll::Pending => self.patience.as_mut().poll(context).map(|()| Some(Err(silent()))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
