//! What a request wants, by its head.

use super::credential;
use super::refusal::Refusal;
use crate::hub::Hub;
use crate::settings::Rules;
use crate::transfer::{Credential, Proto};
use baton_core::ClientId;
use baton_core::spool::Urgency;
use baton_hal::{Id, Transport};
use baton_wire::chunked;
use baton_wire::http::{Method, RequestHead};
use baton_wire::resumable::INTEROP;
use baton_wire::resumable::server::is_meant;

/// Where forms are posted.
pub(super) const FORM: &str = "/upload";

/// The methods for which a v3 token may be signed where an upload is created by POST.
pub(super) const UPLOADERS: &[&str] = &["PUT", "POST"];

/// What is passed on with a download's request (RFC 9110 sections 13.1 and 14.2).
const CONDITIONS: [&str; 6] =
    ["Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"];

/// Who takes a request. An id is that of the upload that it is to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Put,
    Form,
    Tus(Option<Id>),
    Draft(Option<Id>),
    Chunked,
    /// The upstream.
    Fetch,
    Nobody,
}

/// What is kept of a request's head while its body comes.
pub(super) struct Request {
    pub(super) method: String,
    /// Undecoded.
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) authorization: Option<String>,
    /// `X-Signature`.
    pub(super) signature: Option<String>,
    /// Which bytes of a file are wanted, and of which state of it.
    pub(super) conditions: Vec<(&'static str, String)>,
    /// Who sends it, for display.
    pub(super) client: String,
    /// The same for its history.
    pub(super) client_id: ClientId,
    /// `Priority`: how soon it is delivered, where that is not at once.
    pub(super) urgency: Urgency,
}

impl Request {
    pub(super) fn of(head: &RequestHead<'_>, client: String, client_id: ClientId) -> Self {
        let text = |name| head.headers.text(name).map(str::to_owned);
        let (path, query) = head.path_and_query();
        Self {
            method: head.method.to_owned(),
            path: path.to_owned(),
            query: query.map(str::to_owned),
            content_type: text("Content-Type"),
            authorization: text("Authorization"),
            signature: text(chunked::SIGNATURE),
            conditions: CONDITIONS
                .into_iter()
                .filter_map(|name| Some((name, text(name)?)))
                .collect(),
            client,
            client_id,
            urgency: head.headers.text("Priority").map(Urgency::parse).unwrap_or_default(),
        }
    }

    /// The upload that it brings: who may bring it is shown as for any file.
    pub(super) fn proto(
        &self,
        name: &str,
        content_type: Option<&str>,
        methods: &'static [&'static str],
    ) -> Proto {
        Proto {
            name: name.to_owned(),
            content_type: content_type.unwrap_or("application/octet-stream").to_owned(),
            credential: credential::of(self.query.as_deref(), self.authorization.clone()),
            is_vouched_for: false,
            methods,
            client: self.client.clone(),
            client_id: Some(self.client_id),
            urgency: self.urgency,
        }
    }

    /// The same at a place that has hmac-file-server's ways of showing it too.
    pub(super) fn vouched(
        &self,
        rules: &Rules,
        name: &str,
        content_type: Option<&str>,
    ) -> Result<Proto, Refusal> {
        let proto = self.proto(name, content_type, UPLOADERS);
        match credential::vouch(rules, self).map_err(Refusal::forbidden)? {
            true => Ok(Proto { credential: Credential::None, is_vouched_for: true, ..proto }),
            false => Ok(proto),
        }
    }
}

impl<T: Transport> Hub<T> {
    /// Who takes a request with that head.
    pub(super) fn route(&self, head: &RequestHead<'_>) -> Route {
        let (path, _) = head.path_and_query();
        if path == chunked::PATH || path == chunked::STATUS_PATH {
            return Route::Chunked;
        }
        let is_tus = head.headers.get("Tus-Resumable").is_some();
        let is_draft = head.headers.get(INTEROP).is_some();
        let tail = path.strip_prefix(self.settings.upstream.tus_path.as_str());
        let id = tail.and_then(Id::parse);
        match (head.known_method(), tail) {
            (Some(Method::Post), Some("")) if is_meant(head) => Route::Draft(None),
            (Some(Method::Post), Some(_)) => Route::Tus(id),
            (Some(Method::Options), Some(_)) if is_draft => Route::Draft(id),
            (Some(Method::Options), _) if is_draft => Route::Draft(None),
            (Some(Method::Options), Some(_)) => Route::Tus(id),
            (Some(Method::Patch | Method::Delete | Method::Head), Some(_)) if is_tus => {
                Route::Tus(id)
            }
            (Some(Method::Patch | Method::Delete), Some(_)) => Route::Draft(id),
            // A file may have such a name upstream.
            (Some(Method::Head), Some(_)) if id.is_some_and(|id| is_draft || self.knows(id)) => {
                Route::Draft(id)
            }
            (Some(Method::Get | Method::Head), _) => Route::Fetch,
            (Some(Method::Put | Method::Post), _) if is_meant(head) => Route::Draft(None),
            (Some(Method::Put), _) => Route::Put,
            (Some(Method::Post), None) if path == FORM => Route::Form,
            (Some(Method::Post | Method::Patch | Method::Delete | Method::Options) | None, _) => {
                Route::Nobody
            }
        }
    }

    /// Whether a path names where uploads are created, and no file.
    pub(super) fn is_folder(&self, path: &str) -> bool {
        path == FORM || path == self.settings.upstream.tus_path
    }
}
