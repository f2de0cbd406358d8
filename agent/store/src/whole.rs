//! A file that arrives in one request.

use crate::{
    blocking::blocking,
    folder::{PlaceError, Placed},
    name::Name,
    shelf::Shelf,
    user::User,
};
use baton_hal::Id;
use std::{fs::File, io, io::Write, sync::Arc, time::SystemTime};

/// Ending of its name in the work folder.
pub(crate) const WHOLE: &str = ".put";

/// The temporary file behind a PUT. Dropped before [`Whole::finish`], it leaves nothing behind.
pub(crate) struct Whole {
    shelf: Arc<Shelf>,
    leaf: String,
    file: File,
}

impl Whole {
    /// An empty one.
    pub(crate) fn create(shelf: Arc<Shelf>) -> io::Result<Self> {
        let leaf = format!("{}{WHOLE}", Id::random()?);
        let file = shelf.folder().create_work(&leaf)?;
        Ok(Self { shelf, leaf, file })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its name, durably, or leaves things as they were.
    pub(crate) async fn finish(self, name: Name, user: User) -> Result<Placed, PlaceError> {
        let now = SystemTime::now();
        blocking(move || Ok(self.shelf.place(&self.leaf, &name, &user, now))).await?
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Err(error) = self.shelf.folder().remove_work(&self.leaf) {
            tracing::warn!(%error, "a temporary file stays until the next start");
        }
    }
}
