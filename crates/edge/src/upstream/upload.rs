//! The rest of a request whose response is already here. It moves in a task of its own: the body of the
//! response is asked for nothing while the client takes nothing, and a client may well send all he has
//! before he reads. Were the upload to wait for him, both would wait for ever.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio_util::task::AbortOnDropHandle;

use super::{error::UpstreamError, exchange::Exchange};

/// An exchange that two tasks move: this one sends, that of the client's request reads.
#[derive(Debug)]
pub(super) struct Upload {
    /// Nothing once it is over.
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

    /// The exchange, when all has been sent.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Exchange, UpstreamError>> {
        // A task that panicked has broken the exchange off.
        ready!(Pin::new(&mut self.task).poll(cx)).map_err(|_| UpstreamError::Closed)??;
        Poll::Ready(lock(&self.exchange).take().ok_or(UpstreamError::Closed))
    }

    /// What `look` finds of the exchange meanwhile.
    pub(super) fn with_exchange<T>(&self, look: impl FnOnce(&mut Exchange) -> T) -> Option<T> {
        lock(&self.exchange).as_mut().map(look)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // The task ends a moment later; nothing is to be sent or held meanwhile.
        lock(&self.exchange).take();
    }
}

fn lock(exchange: &Mutex<Option<Exchange>>) -> MutexGuard<'_, Option<Exchange>> {
    exchange.lock().unwrap_or_else(PoisonError::into_inner)
}
