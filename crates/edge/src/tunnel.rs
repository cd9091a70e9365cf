//! Upgraded connections (WebSocket and others that use `Upgrade`): bytes both ways until one side
//! closes, both are silent for too long, or the edge stops.

use std::{
    future::poll_fn,
    io::{self, IoSlice},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BytesMut};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional},
    net::TcpStream,
    time::timeout,
};

use crate::{
    client::ClientConnection,
    connection_state::{ConnectionState, ShutdownSignal},
    frame_boundary::FrameBoundary,
    record::RequestRecord,
};

/// A WebSocket's close frame with status 1001, "going away" (RFC 6455 5.5.1, 7.4.1).
const GOING_AWAY: [u8; 4] = [0x88, 0x02, 0x03, 0xE9];
/// How long the client may take to read it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs a tunnel to its end. A WebSocket that the edge ends gets a close frame, unless it is in the middle of another
/// frame. The record is written then, like any request's.
pub(crate) async fn run(
    on_client: OnUpgrade,
    upstream: (TcpStream, BytesMut),
    is_websocket: bool,
    client: Arc<ClientConnection>,
    mut record: RequestRecord,
) {
    let near = match on_client.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => return tracing::debug!(%error, "upgrading a client connection"),
    };
    let bytes_in = record.bytes_in();
    let bytes_out = Arc::default();
    let (stream, early) = upstream;
    let state = || Arc::clone(&client.state);
    let frames = is_websocket.then(FrameBoundary::default);
    let mut near = MeteredStream { inner: near, early: BytesMut::new(), read: bytes_in, frames, state: state() };
    let mut far = MeteredStream { inner: stream, early, read: Arc::clone(&bytes_out), frames: None, state: state() };
    client.state.tunnel.restart(&client.state.clock);
    let is_over = {
        let copy = async { drop(copy_bidirectional(&mut near, &mut far).await) };
        let mut copy = pin!(copy);
        poll_fn(|cx| match client.state.shutdown_signal(cx) {
            ShutdownSignal::Drain | ShutdownSignal::Kill => Poll::Ready(false),
            ShutdownSignal::Run | ShutdownSignal::Retire => copy.as_mut().poll(cx).map(|()| true),
        })
        .await
    };
    if !is_over && near.frames.as_ref().is_some_and(FrameBoundary::is_between_frames) {
        let close = async {
            near.write_all(&GOING_AWAY).await?;
            near.shutdown().await
        };
        if let Ok(Err(error)) = timeout(CLOSE_TIMEOUT, close).await {
            tracing::debug!(%error, "saying goodbye on a WebSocket");
        }
    }
    record.bytes_out = bytes_out.load(Relaxed);
    client.state.tunnel.stop();
}

/// A stream that counts what is read from it and resets the timeout.
struct MeteredStream<S> {
    inner: S,
    /// Arrived with the head.
    early: BytesMut,
    read: Arc<AtomicU64>,
    /// Follows the WebSocket frames that are written to the client.
    frames: Option<FrameBoundary>,
    state: Arc<ConnectionState>,
}

impl<S> MeteredStream<S> {
    fn note_written(&mut self, written: &Poll<io::Result<usize>>, pieces: &[IoSlice<'_>]) {
        let (Some(frames), Poll::Ready(Ok(written))) = (&mut self.frames, written) else { return };
        let mut left = *written;
        for piece in pieces {
            let length = left.min(piece.len());
            frames.follow(&piece[..length]);
            left -= length;
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MeteredStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = if self.early.is_empty() {
            Pin::new(&mut self.inner).poll_read(cx, buf)
        } else {
            let length = self.early.len().min(buf.remaining());
            buf.put_slice(&self.early[..length]);
            self.early.advance(length);
            Poll::Ready(Ok(()))
        };
        if poll.is_ready() {
            self.read.fetch_add((buf.filled().len() - before) as u64, Relaxed);
            self.state.tunnel.restart(&self.state.clock);
        }
        poll
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MeteredStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_written(&written, &[IoSlice::new(buf)]);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_written(&written, bufs);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
