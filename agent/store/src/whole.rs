//! A file that arrives in one request.

use crate::{
    blocking::blocking,
    folder::{Folder, PlaceError},
    id::Id,
    name::Name,
};
use std::{fs::File, io, io::Write, sync::Arc};

/// The temporary file behind a PUT. Dropped before [`Whole::finish`], it leaves nothing behind.
pub(crate) struct Whole {
    folder: Arc<Folder>,
    leaf: String,
    file: File,
}

impl Whole {
    /// An empty one.
    pub(crate) fn create(folder: Arc<Folder>) -> io::Result<Self> {
        let leaf = format!("{}.put", Id::random()?);
        let file = folder.create_work(&leaf)?;
        Ok(Self { folder, leaf, file })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name, durably, or leaves things as they were.
    pub(crate) async fn finish(self, name: Name) -> Result<(), PlaceError> {
        blocking(move || Ok(self.folder.place(&self.leaf, &name))).await?
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Err(error) = self.folder.remove_work(&self.leaf) {
            tracing::warn!(%error, "a temporary file stays until the next start");
        }
    }
}
