//! An upstream that misbehaves as a script says: tus or PUT, one thread a connection.

mod admission;
mod chunked;
mod offsets;
mod put;
mod state;
mod wire;

pub use state::Asked;

use baton_lab::Lab;
use baton_wire::resumable::Interop;
use core::net::SocketAddr;
use core::time::Duration;
use state::{Shared, State};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::{io, thread};
use wire::{Came, Wire};

/// How a scripted upstream behaves. The default is a good tus server without fencing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it speaks.
    pub dialect: Dialect,
    /// How long it thinks before each answer.
    pub think: Duration,
    /// Each connection is cut after a random number of body bytes, at most so many.
    pub cuts_within: Option<u64>,
    /// tus: keeps nothing of a request that did not come whole.
    pub drops_partial: bool,
    /// tus without fencing: how long a half-open append makes others wait, as @tus/server does.
    pub lock: Duration,
    /// The draft: the longest append that it takes, and says so.
    pub max_append: Option<u64>,
    /// The draft: the first append that is said to be the last is taken for one in the middle.
    pub forgets_the_end: bool,
    /// Chunked: every session has the same name.
    pub collides: bool,
    /// PUT: a file that was cut stays, and is in the way of the next try: 409.
    pub keeps_broken: bool,
    /// PUT: the first connection that brought a file whole is cut instead of answered.
    pub loses_answer: bool,
    /// PUT: answers with this status before it has read the body.
    pub says_early: Option<Early>,
    /// PUT: lets in only what is signed so; others are answered 401 at once.
    pub admits: Option<Admission>,
    /// What it does once, when it holds so many bytes of a file.
    pub turn: Option<(u64, Deed)>,
}

/// What a scripted upstream speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// tus 1.0.
    #[default]
    Tus,
    /// tus 1.0 with the fencing of `baton serve`.
    FencedTus,
    /// The IETF's draft in this version, without fencing.
    Draft(Interop),
    /// hmac-file-server's chunked sessions.
    Chunked,
    /// One PUT.
    Put,
}

/// An answer that comes before the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Early {
    /// 200, and the body is stored all the same.
    Honest,
    /// 200, and the connection is closed.
    Portal,
    /// This refusal, and the connection is closed with the body unread: the client may see a reset.
    Refusal(u16),
}

/// How requests are to be signed, with the scene's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// `v2` over the content type of the header, as XEP-0363's companion has it.
    TypeOfHeader,
    /// `v2` over the content type that belongs to the name, as hmac-file-server and prosody-filer have it.
    TypeOfName,
    /// A JSON web token, as Prosody's http_file_share has it: `SLOT/FILE`.
    Slot,
    /// A bearer token and a form at `/upload`, as hmac-file-server has it: the file is stored under
    /// the last part of its name, and a receipt tells how long it is.
    Form,
}

/// What goes wrong once. Every connection is cut with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Nothing more.
    Cut,
    /// Every request is answered so for a while.
    Refuse {
        /// The status.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after_s: Option<u32>,
        /// The while.
        lasts: Duration,
    },
    /// The file is forgotten: 404 from now on.
    Forget,
    /// What is beyond this offset is gone.
    GoBack(u64),
    /// So many bytes more than there are, it says, are there.
    Boast(u64),
}

/// A running one.
pub struct Scripted(Arc<Shared>);

impl Scripted {
    /// Starts it in the upstream's namespace. Finished files are in `dir` under their names, and
    /// others beside them.
    ///
    /// # Panics
    ///
    /// If nothing can listen at `address`.
    pub fn start(lab: &Lab, address: SocketAddr, dir: PathBuf, script: Script, seed: u64) -> Self {
        let shared = Arc::new(Shared::new(script, dir, seed));
        let listener = lab.upstream.run(|| TcpListener::bind(address)).expect("a free address");
        let server = Arc::clone(&shared);
        // It ends with the test's process.
        lab.upstream.spawn_thread(move || accept(&server, &listener));
        Self(shared)
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.0.lock().asked.clone()
    }

    /// From now on every request is answered so, for a while.
    pub fn refuse(&self, status: u16, retry_after_s: Option<u32>, lasts: Duration) {
        self.0.lock().perform(Deed::Refuse { status, retry_after_s, lasts }, "");
    }

    /// From now on it behaves.
    pub fn behave(&self) {
        self.0.lock().behaves = true;
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for (id, stream) in (0..).zip(listener.incoming().flatten()) {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that breaks off is what this is for.
            let _ = Connection::open(&shared, id, stream).and_then(|mut it| it.serve());
            shared.lock().close(id, &shared.script);
            shared.released.notify_all();
        });
    }
}

/// One client's connection.
struct Connection<'a> {
    shared: &'a Shared,
    id: u64,
    wire: Wire,
    /// Body bytes until it is cut.
    left: u64,
}

impl<'a> Connection<'a> {
    fn open(shared: &'a Shared, id: u64, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut state = shared.lock();
        state.open.insert(id, stream.try_clone()?);
        let left = match shared.script.cuts_within {
            Some(most) if !state.behaves => state.random() % most + 1,
            Some(_) | None => u64::MAX,
        };
        drop(state);
        Ok(Self { shared, id, wire: Wire::new(stream), left })
    }

    fn serve(&mut self) -> io::Result<()> {
        while let Some(Came::Request) = self.wire.next()? {
            let head = self.wire.head();
            let refusal = self.lock().refusal();
            let line = format!("{} {}", head.method, head.path_and_query().0);
            self.lock().note(self.id, line, refusal.map(|(status, _)| status));
            if let Some((status, retry_after_s)) = refusal {
                let is_tus =
                    matches!(self.shared.script.dialect, Dialect::Tus | Dialect::FencedTus);
                self.wire.refuse(status, is_tus, retry_after_s)?;
                self.drain()?;
                continue;
            }
            match self.shared.script.dialect {
                Dialect::Tus | Dialect::FencedTus | Dialect::Draft(_) => self.serve_offsets()?,
                Dialect::Chunked => self.serve_chunked()?,
                Dialect::Put => self.serve_put()?,
            }
        }
        Ok(())
    }

    /// Gives each piece of the body to `take`, until that or the script says that it is enough.
    fn read_body(
        &mut self,
        mut take: impl FnMut(&mut State, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        loop {
            match self.wire.next()?.ok_or(io::ErrorKind::UnexpectedEof)? {
                Came::Body(range) => {
                    let bytes = self.wire.bytes(range);
                    let most = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                    take(&mut self.shared.lock(), &bytes[..most])?;
                    self.left -= most as u64;
                    if self.left == 0 {
                        self.wire.cut();
                        return Err(io::ErrorKind::ConnectionAborted.into());
                    }
                }
                Came::End => return Ok(()),
                Came::Request => {}
            }
        }
    }

    fn drain(&mut self) -> io::Result<()> {
        self.read_body(|_, _| Ok(()))
    }

    fn think(&self) {
        thread::sleep(self.shared.script.think);
    }

    fn lock(&self) -> std::sync::MutexGuard<'a, State> {
        self.shared.lock()
    }
}
