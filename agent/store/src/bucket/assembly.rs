//! A stored file on its way to its name: one object if it is small, else parts.

use super::remote::{Created, Remote};
use crate::folder::PlaceError;
use core::mem;
use hyper::body::Bytes;
use object_store::{multipart::PartId, path::Path};
use sha2::{Digest, Sha256};
use std::{io, rc::Rc};

/// The smallest part: S3 wants 5 MiB, and a larger one is held in memory for each file under way.
const PART: u64 = 8 << 20;

/// Parts that an object may have, of S3.
const PARTS: u64 = 10_000;

/// A file under way. Dropped before [`Assembly::finish`], it leaves nothing behind.
pub(super) struct Assembly {
    remote: Rc<Remote>,
    path: Path,
    part: usize,
    buffer: Vec<u8>,
    hash: Sha256,
    length: u64,
    parts: Option<Parts>,
}

struct Parts {
    id: String,
    done: Vec<PartId>,
}

impl Assembly {
    /// An empty one of at most `max` bytes, for the name `path`.
    pub(super) fn new(remote: Rc<Remote>, path: Path, max: u64) -> Self {
        let part = PART.max(max.div_ceil(PARTS));
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let (buffer, hash) = (Vec::new(), Sha256::new());
        Self { remote, path, part, buffer, hash, length: 0, parts: None }
    }

    /// Bytes so far.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends `bytes`.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        while self.buffer.len() + bytes.len() > self.part {
            let (now, later) = bytes.split_at(self.part - self.buffer.len());
            self.buffer.extend_from_slice(now);
            self.put_part().await?;
            bytes = later;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    async fn put_part(&mut self) -> io::Result<()> {
        let bytes = Bytes::from(mem::take(&mut self.buffer));
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => {
                let id = self.remote.begin_parts(&self.path).await?;
                self.parts.insert(Parts { id, done: Vec::new() })
            }
        };
        let number = parts.done.len();
        parts.done.push(self.remote.put_part(&self.path, &parts.id, number, bytes).await?);
        Ok(())
    }

    /// Gives the file its name, unless the name holds other content. Where it holds the same,
    /// that is as good.
    pub(super) async fn finish(mut self) -> Result<(), PlaceError> {
        if self.parts.is_none() {
            let bytes = Bytes::from(mem::take(&mut self.buffer));
            return match self.remote.create(&self.path, bytes, None).await? {
                Created::Ours(_) => Ok(()),
                Created::Others => self.require_same().await,
            };
        }
        self.put_part().await?;
        let Some(Parts { id, done }) = &mut self.parts else { return Ok(()) };
        match self.remote.complete(&self.path, id, mem::take(done)).await {
            Ok(()) => {
                self.parts = None;
                Ok(())
            }
            // Not there any more: it was completed, and the answer lost.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound
                ) =>
            {
                self.require_same().await
            }
            Err(error) => Err(PlaceError::Io(error)),
        }
    }

    async fn require_same(&mut self) -> Result<(), PlaceError> {
        let Some(there) = self.remote.find(&self.path).await? else {
            // Two conditional writes met and neither was carried out: to be tried again.
            return Err(PlaceError::Io(io::ErrorKind::ResourceBusy.into()));
        };
        let sum = mem::take(&mut self.hash).finalize();
        if there.size != self.length || self.remote.digest(&self.path).await? != *sum {
            return Err(PlaceError::Conflict);
        }
        Ok(())
    }
}

impl Drop for Assembly {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        let (remote, path) = (Rc::clone(&self.remote), self.path.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = remote.abort_parts(&path, &parts.id).await {
                tracing::warn!(%error, "parts stay until the bucket's rules remove them");
            }
        });
    }
}
