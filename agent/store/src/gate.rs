//! Who of those that were let in may store what they want to, and the room for it.

use crate::{
    blocking::blocking,
    folder::{Folder, Found},
    options::Options,
    quota::{Quota, Room},
    storage::New,
    uploads::Failure,
};
use std::{rc::Rc, sync::Arc};

/// What stands between a wish and the folder.
pub(crate) struct Gate {
    folder: Arc<Folder>,
    quota: Rc<Quota>,
    /// The largest file in bytes.
    pub(crate) max: u64,
}

impl Gate {
    /// The gate of a folder in which nothing is counted yet.
    pub(crate) fn new(folder: Arc<Folder>, options: &Options) -> Self {
        let quota = Rc::new(Quota::new(options.quota_per_user, options.quota_total));
        Self { folder, quota, max: options.max_upload_size }
    }

    /// What counts.
    pub(crate) fn quota(&self) -> &Quota {
        &self.quota
    }

    /// Lets a file in, with room for it; none is needed for what seems to be there already.
    pub(crate) async fn admit(&self, new: &New) -> Result<Option<Room>, Failure> {
        let length = new.length;
        if length.is_some_and(|length| length > self.max) {
            return Err(Failure::TooLarge);
        }
        let (folder, name) = (Arc::clone(&self.folder), new.name.clone());
        match (blocking(move || folder.find(&name)).await?, length) {
            (Found::Nothing, _) | (Found::File(_), None) => {
                let room = self.quota.reserve(new.user.as_str(), length.unwrap_or_default());
                Ok(Some(room.map_err(Failure::OverQuota)?))
            }
            (Found::File(there), Some(length)) if length == there => Ok(None),
            (Found::File(_) | Found::Other, _) => Err(Failure::Exists),
        }
    }

    /// The room of what was let in before a restart.
    pub(crate) fn admit_again(&self, user: &str, bytes: u64) -> Room {
        self.quota.admit(user, bytes)
    }
}
