//! The client's socket as hyper sees it. It notes what the connection waits for.
//!
//! After our last byte the socket is half-closed, and what the client still sends is read and discarded for a
//! moment. Closing with unread data would make the kernel send a reset, and the client would lose the response
//! that explains why (such as a 413). After an upgrade, what the client still sends is for the other side.

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{connection_state::ConnectionState, head_reader::HeadReader};

/// The most that is read at once.
const READ_BYTES: usize = 32 * 1024;

/// A byte stream with the state of its connection.
#[derive(Debug)]
pub(crate) struct ClientStream<S> {
    inner: TokioIo<S>,
    heads: HeadReader,
    state: Arc<ConnectionState>,
    /// HTTP/2 frames come at any time; only HTTP/1 bytes between requests mean a head.
    tracks_heads: bool,
    closed: bool,
}

impl<S> ClientStream<S> {
    /// A stream of HTTP/1.
    pub(crate) fn http1(stream: S, heads: HeadReader, state: Arc<ConnectionState>) -> Self {
        Self { inner: TokioIo::new(stream), heads, state, tracks_heads: true, closed: false }
    }

    /// A stream of HTTP/2 that begins with `prefix`.
    pub(crate) fn http2(stream: S, prefix: &[u8], state: Arc<ConnectionState>) -> Self {
        let heads = HeadReader::pass_through(prefix);
        Self { inner: TokioIo::new(stream), heads, state, tracks_heads: false, closed: false }
    }

    fn note_progress(&self, poll: &Poll<io::Result<usize>>) {
        if matches!(poll, Poll::Ready(Ok(1..))) {
            self.state.note_sent();
        }
    }

    fn note_write<T>(&self, poll: Poll<T>) -> Poll<T> {
        match poll {
            Poll::Pending => self.state.write.start(&self.state.clock),
            Poll::Ready(_) => {
                // Whole responses may wait here when no request is left. A client that reads them is not idle.
                if self.state.write.stop() {
                    self.state.idle.restart_if_running(&self.state.clock);
                }
            }
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> ClientStream<S> {
    /// Reads into `room`, and notes that bytes have come.
    fn poll_read_into(&mut self, cx: &mut Context<'_>, room: &mut tokio::io::ReadBuf<'_>) -> Poll<io::Result<()>> {
        let poll = Pin::new(self.inner.inner_mut()).poll_read(cx, room);
        if self.tracks_heads && poll.is_ready() {
            self.state.note_received();
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> Read for ClientStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.heads.has_ended() {
            let poll = Pin::new(&mut this.inner).poll_read(cx, buf);
            if this.tracks_heads && poll.is_ready() {
                this.state.note_received();
            }
            return poll;
        }
        let mut room = [const { MaybeUninit::uninit() }; READ_BYTES];
        loop {
            let passing = usize::try_from(this.heads.passing(&this.state)).unwrap_or(usize::MAX).min(buf.remaining());
            if passing == 0 {
                if this.heads.has_refused() {
                    // The response ends the connection.
                    return Poll::Pending;
                }
                let mut room = tokio::io::ReadBuf::uninit(&mut room);
                ready!(this.poll_read_into(cx, &mut room))?;
                if room.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                this.heads.receive(room.filled());
                continue;
            }
            let received = this.heads.received();
            let length = if received.is_empty() {
                let mut room = tokio::io::ReadBuf::uninit(&mut room[..passing.min(READ_BYTES)]);
                ready!(this.poll_read_into(cx, &mut room))?;
                buf.put_slice(room.filled());
                room.filled().len()
            } else {
                let length = passing.min(received.len());
                buf.put_slice(&received[..length]);
                length
            };
            this.heads.note_passed(length);
            return Poll::Ready(Ok(()));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for ClientStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_progress(&poll);
        self.note_write(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_progress(&poll);
        self.note_write(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS has its own buffer, so only a flush shows that a client does not read.
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.note_write(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.is_upgraded() {
            return Pin::new(&mut self.inner).poll_shutdown(cx);
        }
        self.state.linger.start(&self.state.clock);
        if !self.closed {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            self.closed = true;
        }
        let mut waste = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut waste);
            ready!(Pin::new(&mut self.inner).poll_read(cx, buf.unfilled()))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
