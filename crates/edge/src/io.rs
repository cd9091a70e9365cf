//! The client's socket as hyper sees it, noting on the way what the connection waits for.
//!
//! Closing is polite: after our last byte the socket is half-closed and what the client still
//! sends is read and thrown away for a moment. A plain close with unread data makes the kernel
//! send a reset, and the client would lose the very response that explains why (a 413, say). After
//! an upgrade that is no longer ours to decide: what the client still sends is for the other side.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::watch::Watched;

/// A watched byte stream.
#[derive(Debug)]
pub(crate) struct Io<S> {
    inner: TokioIo<S>,
    /// Was read from the stream before, and comes first.
    taken: &'static [u8],
    watched: Arc<Watched>,
    /// HTTP/2 frames come at any time; only HTTP/1 bytes between requests mean a head.
    heads: bool,
    closed: bool,
}

impl<S> Io<S> {
    pub(crate) fn new(stream: S, taken: &'static [u8], watched: Arc<Watched>, heads: bool) -> Self {
        Self { inner: TokioIo::new(stream), taken, watched, heads, closed: false }
    }

    fn took(&self, poll: &Poll<io::Result<usize>>) {
        if matches!(poll, Poll::Ready(Ok(1..))) {
            self.watched.takes();
        }
    }

    fn wrote<T>(&self, poll: Poll<T>) -> Poll<T> {
        match poll {
            Poll::Pending => self.watched.write.start(&self.watched.clock),
            Poll::Ready(_) => {
                // Whole responses may wait here when no request is left. Who reads them is not idle.
                if self.watched.write.stop() {
                    self.watched.idle.go_on(&self.watched.clock);
                }
            }
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> Read for Io<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.taken.is_empty() {
            let (now, later) = self.taken.split_at(self.taken.len().min(buf.remaining()));
            buf.put_slice(now);
            self.taken = later;
            if self.heads {
                self.watched.bytes_came();
            }
            return Poll::Ready(Ok(()));
        }
        let poll = Pin::new(&mut self.inner).poll_read(cx, buf);
        if self.heads && poll.is_ready() {
            self.watched.bytes_came();
        }
        poll
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for Io<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.took(&poll);
        self.wrote(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.took(&poll);
        self.wrote(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS takes what it is given into its own buffer, so a client that does not read shows here.
        let poll = Pin::new(&mut self.inner).poll_flush(cx);
        self.wrote(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.watched.is_upgraded() {
            return Pin::new(&mut self.inner).poll_shutdown(cx);
        }
        self.watched.linger.start(&self.watched.clock);
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
