//! What the handlers of requests need of whatever keeps the files.

use crate::{
    digest::Sum,
    folder::PlaceError,
    name::Name,
    sessions::Sessions,
    upload::{Intent, Receipt, Upload, WriteError},
    uploads::{AppendError, Failure},
    user::User,
};
use baton_hal::Id;
use std::{io, rc::Rc, time::SystemTime};
use tokio::time::Instant;

/// Keeps finished files under their names, and uploads until they are finished.
///
/// Nothing stored is ever overwritten: a name that holds the same content already is as good as
/// stored, any other content is a conflict. Success means durable.
pub(crate) trait Storage: 'static {
    /// A finished file, open for reading.
    type Stored: Stored;
    /// A file that arrives in one request. Dropped unfinished, it leaves nothing behind.
    type Whole: Whole;
    /// The right to append (see [`Upload::take_over`]).
    type Turn: Appender;

    /// Opens a finished file; whatever is none is [`io::ErrorKind::NotFound`].
    async fn open(&self, name: &Name) -> io::Result<Self::Stored>;

    /// Begins a file that arrives in one request.
    async fn whole(&self, new: New) -> Result<Self::Whole, Failure>;

    /// Begins an upload.
    async fn create(&self, new: New) -> Result<Rc<Upload>, Failure>;

    /// The upload of that name, ended ones included.
    async fn upload(&self, id: Id) -> io::Result<Option<Rc<Upload>>>;

    /// Takes the upload over, if the append may.
    async fn append(&self, upload: &Rc<Upload>, intent: Intent) -> Result<Self::Turn, AppendError>;

    /// Makes known what others than this process have done to the upload.
    async fn refresh(&self, upload: &Upload) -> io::Result<()>;

    /// The offset that may be told to the client. Told of the last byte only once the file is in
    /// its place, durably.
    async fn settle(&self, upload: &Upload) -> Result<u64, Failure>;

    /// The same for an offset that was reached earlier; less is returned if bytes were lost since.
    async fn settle_at(&self, upload: &Upload, offset: u64) -> Result<u64, Failure>;

    /// Ends an upload at the client's wish. A file in its place stays there.
    async fn remove(&self, upload: &Upload) -> io::Result<()>;

    /// When an upload will be given up if nothing more comes, by the wall clock of now.
    fn expires(&self, upload: &Upload) -> SystemTime;

    /// Files whose parts come in any order, where this storage keeps such.
    fn sessions(&self) -> Option<&Sessions>;

    /// Gives up what has waited too long.
    async fn sweep(&self, now: Instant);

    /// Looks through what is stored: removes files whose time is over, and what only takes space.
    async fn tidy(&self, now: SystemTime);
}

/// A file that is to be stored, by whoever was let in to do so.
#[derive(Clone, Debug)]
pub(crate) struct New {
    /// What it will be called.
    pub(crate) name: Name,
    /// Whose it will be.
    pub(crate) user: User,
    /// Its length in bytes, if that is known already.
    pub(crate) length: Option<u64>,
}

/// A finished file, open for reading.
pub(crate) trait Stored {
    /// What is known without reading it.
    fn meta(&self) -> Meta;

    /// SHA-256 of the whole file, where it is known without reading it.
    fn known_digest(&self) -> Option<Sum>;

    /// SHA-256 of the whole file. Dropping the future stops the work.
    async fn digest(&mut self) -> io::Result<Sum>;

    /// Some of the bytes at `at` and before `end`: at least one. Reading on where the last read
    /// ended is quick.
    async fn read(&mut self, at: u64, end: u64) -> io::Result<&[u8]>;
}

/// What is known of a finished file.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Its entity tag, quotes included: changes whenever the content does.
    pub(crate) tag: String,
    /// When it came into being.
    pub(crate) modified: Option<SystemTime>,
}

/// A file that arrives in one request.
pub(crate) trait Whole {
    /// Appends `bytes`.
    async fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError>;

    /// Gives the file its name, durably, or leaves things as they were.
    async fn finish(self) -> Result<(), PlaceError>;
}

/// The right to append to an upload, until somebody else takes it or it is dropped.
pub(crate) trait Appender {
    /// What was written so far.
    fn receipt(&self) -> Receipt;

    /// Resolves when the turn is lost.
    async fn lost(&self);

    /// Appends `bytes`. After an error what was written of them stays and counts.
    async fn write(&self, bytes: &[u8]) -> Result<(), WriteError>;
}
