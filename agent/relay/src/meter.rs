//! What every link is billed for: each stream's bytes are counted, whoever uses it and however it
//! ends.

use baton_hal::{Bytes, Handshakes, Stream, StreamInfo, Transport};
use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

/// A transport whose streams are counted.
pub(crate) struct Metered<T: Transport> {
    below: T,
    open: RefCell<Vec<Weak<Tab<T::Stream>>>>,
    sums: Rc<Sums>,
}

/// Bytes that were not told yet, by link.
type Sums = RefCell<BTreeMap<String, u64>>;

impl<T: Transport> Metered<T> {
    pub(crate) fn new(below: T) -> Self {
        Self { below, open: RefCell::default(), sums: Rc::default() }
    }
}

impl<T: Transport> Transport for Metered<T> {
    type Stream = MeteredStream<T::Stream>;
    type Error = T::Error;

    async fn connect(&self, link: &str) -> Result<Self::Stream, Self::Error> {
        let stream = self.below.connect(link).await?;
        let tab =
            Tab { stream, link: link.to_owned(), billed: Cell::new(0), sums: self.sums.clone() };
        let tab = Rc::new(tab);
        self.open.borrow_mut().push(Rc::downgrade(&tab));
        Ok(MeteredStream(tab))
    }

    fn handshakes(&self) -> Option<Handshakes> {
        self.below.handshakes()
    }

    fn take_carried(&self, tell: &mut dyn FnMut(&str, u64)) {
        self.open.borrow_mut().retain(|tab| tab.upgrade().inspect(|tab| tab.bill()).is_some());
        self.sums.take().iter().for_each(|(link, bytes)| tell(link, *bytes));
    }
}

/// A stream that is counted.
pub(crate) struct MeteredStream<S: Stream>(Rc<Tab<S>>);

struct Tab<S: Stream> {
    stream: S,
    link: String,
    /// Bytes that are in the sums.
    billed: Cell<u64>,
    sums: Rc<Sums>,
}

impl<S: Stream> Tab<S> {
    fn bill(&self) {
        let carried = self.stream.info().map_or(0, |info| info.carried_bytes);
        let news = carried.saturating_sub(self.billed.get());
        if news > 0 {
            self.billed.set(carried);
            *self.sums.borrow_mut().entry(self.link.clone()).or_default() += news;
        }
    }
}

impl<S: Stream> Drop for Tab<S> {
    fn drop(&mut self) {
        self.bill();
    }
}

impl<S: Stream> Bytes for MeteredStream<S> {
    type Error = S::Error;

    async fn readable(&self) {
        self.0.stream.readable().await;
    }

    async fn writable(&self) {
        self.0.stream.writable().await;
    }

    fn try_read(&self, buf: &mut [u8]) -> Result<Option<usize>, S::Error> {
        self.0.stream.try_read(buf)
    }

    fn try_write(&self, bufs: &[&[u8]]) -> Result<Option<usize>, S::Error> {
        self.0.stream.try_write(bufs)
    }
}

impl<S: Stream> Stream for MeteredStream<S> {
    fn info(&self) -> Option<StreamInfo> {
        self.0.stream.info()
    }

    fn abort(&self) {
        self.0.stream.abort();
    }
}
