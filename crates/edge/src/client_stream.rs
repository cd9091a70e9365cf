//! The client's socket as hyper sees it. It notes what the connection waits for.
//!
//! After our last byte the socket is half-closed, and what the client still sends is read and discarded for a
//! moment. Closing with unread data would make the kernel send a reset, and the client would lose the response
//! that explains why (such as a 413). After an upgrade, what the client still sends is for the other side.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection_state::ConnectionState;

/// A byte stream with the state of its connection.
#[derive(Debug)]
pub(crate) struct ClientStream<S> {
    inner: TokioIo<S>,
    /// Already read from the stream; comes first.
    prefix: &'static [u8],
    state: Arc<ConnectionState>,
    /// HTTP/2 frames come at any time; only HTTP/1 bytes between requests mean a head.
    tracks_heads: bool,
    closed: bool,
}

impl<S> ClientStream<S> {
    pub(crate) fn new(stream: S, prefix: &'static [u8], state: Arc<ConnectionState>, tracks_heads: bool) -> Self {
        Self { inner: TokioIo::new(stream), prefix, state, tracks_heads, closed: false }
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

impl<S: AsyncRead + Unpin> Read for ClientStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.prefix.is_empty() {
            let (now, later) = self.prefix.split_at(self.prefix.len().min(buf.remaining()));
            buf.put_slice(now);
            self.prefix = later;
            if self.tracks_heads {
                self.state.note_received();
            }
            return Poll::Ready(Ok(()));
        }
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.tracks_heads && poll.is_ready() {
            self.state.note_received();
        }
        poll
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
