//! The body of a client's request, limited and counted. It is never collected: one frame is in memory
//! at a time, and the next is requested when it has left.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::connection_state::WaitTimer;

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// It is larger than the route allows.
    #[error("reading the request body: it exceeds {0} bytes, the limit of this route")]
    TooLarge(u64),
    /// The client aborted, stalled or sent something that is not HTTP.
    #[error("reading the request body from the client: {0}")]
    Client(#[source] hyper::Error),
}

/// The body of a client's request.
#[derive(Debug)]
pub struct RequestBody {
    inner: Incoming,
    wait: WaitTimer,
    limit: u64,
    /// Bytes so far; shared with the record of the request.
    seen: Arc<AtomicU64>,
}

impl RequestBody {
    /// `wait` times the client.
    pub(crate) fn new(inner: Incoming, wait: WaitTimer, limit: u64, seen: Arc<AtomicU64>) -> Self {
        Self { inner, wait, limit, seen }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) else {
            self.wait.start();
            return Poll::Pending;
        };
        self.wait.stop();
        let frame = match frame {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(RequestBodyError::Client(error)))),
            Some(Ok(frame)) => frame,
        };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let seen = self.seen.fetch_add(length, Relaxed) + length;
        Poll::Ready(Some(if seen > self.limit { Err(RequestBodyError::TooLarge(self.limit)) } else { Ok(frame) }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
