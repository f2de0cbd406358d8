//! PUT, GET and HEAD of whole files.

use crate::{
    auth::{self, Wanted},
    blocking::blocking,
    conn::{Conn, Gone, date, unix_s},
    digest,
    folder::Found,
    name::Name,
    refusal::{Refusal, Stop},
    service::Service,
    whole::Whole,
};
use baton_wire::{
    base64,
    http::{Framing, Headers, Method},
    put::{Range, Request},
};
use std::{
    fs::{File, Metadata},
    os::unix::fs::{FileExt, MetadataExt},
    sync::Arc,
    time::SystemTime,
};

/// Read from the disk at once.
const BLOCK: usize = 64 << 10;

impl Service {
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
        auth::check(self.secret.as_bytes(), &head, &wanted, unix_s(SystemTime::now()))?;
        self.put(conn, name, length).await
    }

    async fn put(&self, conn: &mut Conn, name: Name, length: Option<u64>) -> Result<(), Stop> {
        if length.is_some_and(|length| length > self.max) {
            return Err(Refusal::too_large().into());
        }
        let (folder, looked_up) = (Arc::clone(&self.folder), name.clone());
        match blocking(move || folder.find(&looked_up)).await? {
            Found::Nothing => {}
            Found::File(there) if length.is_none_or(|length| length == there) => {}
            Found::File(_) | Found::Other => return Err(Refusal::exists().into()),
        }
        let mut whole = Whole::create(Arc::clone(&self.folder))?;
        conn.invite_body().await?;
        let mut room = self.max;
        while let Some(bytes) = conn.body().await? {
            room = room.checked_sub(bytes.len() as u64).ok_or_else(Refusal::too_large)?;
            whole.write(bytes)?;
        }
        whole.finish(name.clone()).await?;
        tracing::info!(name = name.as_str(), bytes = self.max - room, "stored");
        Ok(conn.answer(201, "", |head| head).await?)
    }

    async fn get(&self, conn: &mut Conn, name: Name, wants: Wants) -> Result<(), Stop> {
        let (folder, media_type) = (Arc::clone(&self.folder), name.media_type());
        let opened = blocking(move || {
            let file = folder.read(&name)?;
            let meta = file.metadata()?;
            Ok((file, meta))
        });
        let (file, meta) = opened.await?;
        let (file, size, tag) = (Arc::new(file), meta.len(), entity_tag(&meta));
        let range = wants.range.filter(|_| wants.only_if.is_none_or(|wanted| wanted == tag));
        let (status, start, length) = match range.map(|range| range.within(size)) {
            None => (200, 0, size),
            Some(Some((start, length))) => (206, start, length),
            Some(None) => {
                let refusal = Refusal::new(416, format!("the file has {size} bytes"));
                return Err(refusal.with("Content-Range", format!("bytes */{size}")).into());
            }
        };
        let digest = match wants.digest {
            true => {
                let digest = digest::of_file(Arc::clone(&file)).await?;
                Some(format!("sha-256=:{}:", base64::Encoded(&digest)))
            }
            false => None,
        };
        let end = start + length;
        let part = (status == 206).then(|| format!("bytes {start}-{}/{size}", end - 1));
        conn.send_head(status, Some(length), |head| {
            head.header("Content-Type", media_type)
                .header("X-Content-Type-Options", "nosniff")
                .header("Accept-Ranges", "bytes")
                .header("ETag", tag)
                .maybe("Last-Modified", meta.modified().ok().map(date))
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
    digest: bool,
}

impl Wants {
    fn of(headers: Headers<'_>, range: Option<Range>) -> Self {
        let only_if = headers.get("If-Range");
        Self {
            range,
            only_if: only_if.map(|tag| String::from_utf8_lossy(tag).into_owned()),
            digest: headers.text("Want-Repr-Digest").is_some_and(wants_sha256),
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

/// Changes whenever the content does: files are replaced, never rewritten.
fn entity_tag(meta: &Metadata) -> String {
    let (ino, size, s, ns) = (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
    format!("\"{ino:x}-{size:x}-{s:x}-{ns:x}\"")
}

async fn send_part(conn: &mut Conn, file: Arc<File>, mut at: u64, end: u64) -> Result<(), Stop> {
    let mut block = vec![0; BLOCK];
    while at < end {
        let length = usize::try_from(end - at).map_or(BLOCK, |left| left.min(BLOCK));
        block.truncate(length);
        let file = Arc::clone(&file);
        // A file that someone cut off meanwhile: the client must not take it for whole.
        block = blocking(move || file.read_exact_at(&mut block, at).map(|()| block))
            .await
            .map_err(Gone::from)?;
        conn.send(&block).await?;
        at += length as u64;
    }
    Ok(())
}
