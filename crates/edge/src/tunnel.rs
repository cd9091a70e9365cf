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
};

use bytes::{Buf, BytesMut};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional},
    net::TcpStream,
};

use crate::{
    client::ClientConnection,
    connection_state::{ConnectionState, ShutdownSignal},
    record::RequestRecord,
};

/// Runs a tunnel to its end. The record is written then, like any request's.
pub(crate) async fn run(
    on_client: OnUpgrade,
    upstream: (TcpStream, BytesMut),
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
    let mut near =
        MeteredStream { inner: near, early: BytesMut::new(), read: bytes_in, state: Arc::clone(&client.state) };
    let mut far =
        MeteredStream { inner: stream, early, read: Arc::clone(&bytes_out), state: Arc::clone(&client.state) };
    client.state.tunnel.restart(&client.state.clock);
    let copy = async { drop(copy_bidirectional(&mut near, &mut far).await) };
    let mut copy = pin!(copy);
    poll_fn(|cx| match client.state.shutdown_signal(cx) {
        ShutdownSignal::Kill => Poll::Ready(()),
        _ => copy.as_mut().poll(cx),
    })
    .await;
    record.bytes_out = bytes_out.load(Relaxed);
    client.state.tunnel.stop();
}

/// A stream that counts what is read from it and resets the timeout.
struct MeteredStream<S> {
    inner: S,
    /// Arrived with the head.
    early: BytesMut,
    read: Arc<AtomicU64>,
    state: Arc<ConnectionState>,
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
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
