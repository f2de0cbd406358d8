//! PUT, GET and HEAD of whole files.

use crate::{
    auth::{self, Wanted},
    conn::{Conn, Gone, date, unix_s},
    name::Name,
    refusal::{Refusal, Stop},
    service::Service,
    storage::{Meta, New, Storage, Stored, Whole},
    user::User,
};
use baton_wire::{
    base64,
    http::{Framing, Headers, Method},
    put::{Range, Request},
};
use std::time::SystemTime;

impl<S: Storage> Service<S> {
    /// Answers a request outside the uploads' path.
    pub(crate) async fn file(&self, conn: &mut Conn) -> Result<(), Stop> {
        let head = conn.head();
        let request = Request::parse(&head)?;
        let name = Name::parse(&request.name)?;
        if request.method != Method::Put {
            let wants = Wants::of(head.headers, request.range);
            return self.get(conn, name, wants).await;
        }
        let length = length(request.content);
        let wanted = Wanted {
            methods: &["PUT"],
            name: name.as_str(),
            length,
            content_type: request.content_type,
        };
        let user = auth::check(self.secret.as_bytes(), &head, &wanted, unix_s(SystemTime::now()))?;
        let user = user.unwrap_or_else(|| User::of(&name));
        self.put(conn, New { name, user, length }).await
    }

    async fn put(&self, conn: &mut Conn, new: New) -> Result<(), Stop> {
        let name = new.name.clone();
        let mut whole = self.storage.whole(new).await?;
        conn.invite_body().await?;
        let mut count = 0;
        while let Some(bytes) = conn.body().await? {
            count += bytes.len();
            whole.write(bytes).await?;
        }
        whole.finish().await?;
        tracing::info!(name = name.as_str(), bytes = count, "stored");
        Ok(conn.answer(201, "", |head| head).await?)
    }

    async fn get(&self, conn: &mut Conn, name: Name, wants: Wants) -> Result<(), Stop> {
        let mut file = self.storage.open(&name).await?;
        let Meta { size, tag, modified } = file.meta();
        let range = wants.range.filter(|_| wants.only_if.is_none_or(|wanted| wanted == tag));
        let (status, start, length) = match range.map(|range| range.within(size)) {
            None => (200, 0, size),
            Some(Some((start, length))) => (206, start, length),
            Some(None) => {
                let refusal = Refusal::new(416, format!("the file has {size} bytes"));
                return Err(refusal.with("Content-Range", format!("bytes */{size}")).into());
            }
        };
        let sum = match (wants.digest, file.known_digest()) {
            (Some(false), _) => None,
            (Some(true), None) => Some(file.digest().await?),
            (Some(true) | None, known) => known,
        };
        let digest = sum.map(|sum| format!("sha-256=:{}:", base64::Encoded(&sum)));
        let end = start + length;
        let part = (status == 206).then(|| format!("bytes {start}-{}/{size}", end - 1));
        conn.send_head(status, Some(length), |head| {
            head.header("Content-Type", name.media_type())
                .header("X-Content-Type-Options", "nosniff")
                .header("Accept-Ranges", "bytes")
                .header("ETag", tag)
                .maybe("Last-Modified", modified.map(date))
                .maybe("Content-Range", part)
                .maybe("Repr-Digest", digest)
        })
        .await?;
        if conn.head().method == "HEAD" {
            return Ok(());
        }
        send_part(conn, file, start, end).await
    }
}

/// What a GET or HEAD asks for beside the file.
struct Wants {
    range: Option<Range>,
    /// `If-Range`: the range only of this very content.
    only_if: Option<String>,
    /// A yes makes us read the file, a no keeps us from telling.
    digest: Option<bool>,
}

impl Wants {
    fn of(headers: Headers<'_>, range: Option<Range>) -> Self {
        let only_if = headers.get("If-Range");
        Self {
            range,
            only_if: only_if.map(|tag| String::from_utf8_lossy(tag).into_owned()),
            digest: headers.text("Want-Repr-Digest").map(wants_sha256),
        }
    }
}

/// RFC 9530 section 4: `sha-256=5, sha-512=10`; a weight of 0 is a no.
fn wants_sha256(value: &str) -> bool {
    value.split(',').any(|item| match item.trim().split_once('=') {
        Some((key, weight)) => key == "sha-256" && weight.trim() != "0",
        None => item.trim() == "sha-256",
    })
}

/// The length of a request's body; `None` for one that ends when it ends.
pub(crate) fn length(content: Framing) -> Option<u64> {
    match content {
        Framing::None => Some(0),
        Framing::Length(length) => Some(length),
        Framing::Chunked | Framing::UntilClose => None,
    }
}

async fn send_part(
    conn: &mut Conn,
    mut file: impl Stored,
    mut at: u64,
    end: u64,
) -> Result<(), Stop> {
    while at < end {
        // Should there be no more than that, the client must not take it for whole.
        let bytes = file.read(at, end).await.map_err(Gone::from)?;
        conn.send(bytes).await?;
        at += bytes.len() as u64;
    }
    Ok(())
}
