//! The body of a response, counted. Like a request's, it is never collected.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;

use crate::{connection_state::WaitTimer, record::RequestRecord, request_body::BoxError, upstream::UpstreamBody};

/// The body of a response, whatever its source.
#[derive(Debug)]
pub(crate) struct EdgeBody {
    source: Source,
    /// `None` if something else keeps it, like a tunnel.
    record: Option<RequestRecord>,
    /// Times the client.
    send_timer: Option<WaitTimer>,
}

/// The source of a response's body.
#[derive(Debug)]
pub(crate) enum Source {
    /// Complete.
    Whole(Bytes),
    Upstream(UpstreamBody),
    Platform(UnsyncBoxBody<Bytes, BoxError>),
}

impl Source {
    /// Whether it has data that must wait for the client.
    fn holds_back(&self) -> bool {
        matches!(self, Self::Upstream(body) if body.holds_back())
    }
}

impl EdgeBody {
    pub(crate) fn new(source: Source, record: Option<RequestRecord>) -> Self {
        let send_timer = record.as_ref().map(RequestRecord::send_timer);
        Self { source, record, send_timer }
    }

    /// Drops the content that is ours, and returns its length, if known.
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
