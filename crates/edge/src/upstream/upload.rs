//! The rest of a request whose response has already begun. It is sent by a task of its own: the
//! response's body is not polled while the client takes nothing, and a client may well send everything
//! before it reads. If the upload waited for it, both would wait forever.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio_util::task::AbortOnDropHandle;

use super::{error::UpstreamError, exchange::Exchange};

/// An exchange shared by two tasks: this one sends, that of the client's request reads.
#[derive(Debug)]
pub(super) struct Upload {
    /// `None` once it has ended.
    exchange: Arc<Mutex<Option<Exchange>>>,
    task: AbortOnDropHandle<Result<(), UpstreamError>>,
}

impl Upload {
    pub(super) fn start(exchange: Exchange) -> Self {
        let exchange = Arc::new(Mutex::new(Some(exchange)));
        let there = Arc::clone(&exchange);
        let sending = poll_fn(move |cx| match &mut *lock(&there) {
            Some(exchange) => exchange.poll_send(cx),
            None => Poll::Ready(Ok(())),
        });
        Self { exchange, task: AbortOnDropHandle::new(tokio::spawn(sending)) }
    }

    /// The exchange, when everything has been sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Exchange, UpstreamError>> {
        // A task that panicked has broken the exchange.
        ready!(Pin::new(&mut self.task).poll(cx)).map_err(|_| UpstreamError::Closed)??;
        Poll::Ready(lock(&self.exchange).take().ok_or(UpstreamError::Closed))
    }

    /// Calls `look` with the exchange meanwhile.
    pub(super) fn with_exchange<T>(&self, look: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        lock(&self.exchange).as_mut().map(look)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The task ends a moment later; nothing may be sent or held until then.
        lock(&self.exchange).take();
    }
}

fn lock(exchange: &Mutex<Option<Exchange>>) -> MutexGuard<'_, Option<Exchange>> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}
