//! A stored file, open for reading.

use super::remote::{Remote, told};
use crate::{
    digest::Sum,
    storage::{Meta, Stored},
};
use futures_util::{StreamExt, stream::BoxStream};
use hyper::body::Bytes;
use object_store::{GetOptions, GetRange, ObjectMeta};
use std::{io, rc::Rc, time::SystemTime};

/// An object, and the part of it that is being read.
pub(crate) struct Object {
    remote: Rc<Remote>,
    meta: ObjectMeta,
    body: Option<Body>,
    chunk: Bytes,
}

/// What comes of a GET.
struct Body {
    /// The offset of its next byte.
    at: u64,
    stream: BoxStream<'static, object_store::Result<Bytes>>,
}

impl Object {
    /// The object of which so much is known.
    pub(super) fn new(remote: Rc<Remote>, meta: ObjectMeta) -> Self {
        Self { remote, meta, body: None, chunk: Bytes::new() }
    }

    async fn get(&self, at: u64, end: u64) -> io::Result<Body> {
        let options = GetOptions {
            // Whoever else writes to the bucket may have replaced it meanwhile.
            if_match: self.meta.e_tag.clone(),
            range: Some(GetRange::Bounded(at..end)),
            ..GetOptions::default()
        };
        let stream = self.remote.get(&self.meta.location, options).await?.into_stream();
        Ok(Body { at, stream })
    }
}

impl Stored for Object {
    fn meta(&self) -> Meta {
        let meta = &self.meta;
        let modified = SystemTime::from(meta.last_modified);
        let tag = meta.e_tag.clone().unwrap_or_else(|| {
            let age = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            format!("\"{:x}-{:x}\"", meta.size, age.as_millis())
        });
        Meta { size: meta.size, tag, modified: Some(modified) }
    }

    fn known_digest(&self) -> Option<Sum> {
        None
    }

    async fn digest(&mut self) -> io::Result<Sum> {
        self.remote.digest(&self.meta.location).await
    }

    async fn read(&mut self, at: u64, end: u64) -> io::Result<&[u8]> {
        let mut body = match self.body.take().filter(|body| body.at == at) {
            Some(body) => body,
            None => self.get(at, end).await?,
        };
        loop {
            let chunk = body.stream.next().await.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.chunk = chunk.map_err(told)?;
            if !self.chunk.is_empty() {
                break;
            }
        }
        body.at += self.chunk.len() as u64;
        self.body = Some(body);
        Ok(&self.chunk)
    }
}
