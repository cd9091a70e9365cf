//! Bodies on their way through: the client's, limited and counted; ours, counted. Nothing is ever
//! collected: one frame is in memory at a time, and the next is asked for when it has left.

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
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use crate::{connection_state::WaitTimer, record::RequestRecord, upstream::UpstreamBody};

/// Any error of a body.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a request's body ended early.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// It is larger than the route allows.
    #[error("reading the request body: it exceeds {0} bytes, the limit of this route")]
    TooLarge(u64),
    /// The client broke off, stalled or sent something that is no HTTP.
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
    /// `wait` is for the client to send more.
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

/// The body of a response, whoever made it.
#[derive(Debug)]
pub(crate) struct EdgeBody {
    source: Source,
    /// None if somebody else keeps it, like a tunnel.
    record: Option<RequestRecord>,
    /// For the client to ask for the next piece.
    send_timer: Option<WaitTimer>,
}

/// Who makes a response's body.
#[derive(Debug)]
pub(crate) enum Source {
    /// Here already.
    Whole(Bytes),
    Upstream(UpstreamBody),
    Platform(UnsyncBoxBody<Bytes, BoxError>),
}

impl Source {
    /// Whether it has something that the client must make room for first.
    fn holds_back(&self) -> bool {
        matches!(self, Self::Upstream(body) if body.holds_back())
    }
}

impl EdgeBody {
    pub(crate) fn new(source: Source, record: Option<RequestRecord>) -> Self {
        let send_timer = record.as_ref().map(RequestRecord::send_timer);
        Self { source, record, send_timer }
    }

    /// Leaves out what is ours to say; its length, if it is known.
    pub(crate) fn empty(&mut self) -> Option<u64> {
        let length = self.size_hint().exact();
        if matches!(self.source, Source::Upstream(_)) {
            return None;
        }
        self.source = Source::Whole(Bytes::new());
        length
    }
}

impl Body for EdgeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Some(send_timer) = &mut this.send_timer {
            send_timer.stop();
        }
        let poll = match &mut this.source {
            Source::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Upstream(body) => body.poll_frame(cx).map_err(Into::into),
            Source::Platform(body) => Pin::new(body).poll_frame(cx),
        };
        if let (Some(record), Some(send_timer)) = (&mut this.record, &mut this.send_timer) {
            match &poll {
                Poll::Ready(Some(Ok(frame))) => {
                    send_timer.start();
                    record.bytes_out += frame.data_ref().map_or(0, Bytes::len) as u64;
                }
                Poll::Pending if this.source.holds_back() => send_timer.start(),
                _ => {}
            }
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Upstream(body) => body.is_done(),
            Source::Platform(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Upstream(body) => body.size_hint(),
            Source::Platform(body) => body.size_hint(),
        }
    }
}
