//! One connection to an upstream, with its buffers.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::{io::AsyncWrite, net::TcpStream};
use tokio_util::io::poll_read_buf;

use super::limiter::UpstreamPermit;

/// Room for one read: a page of HTML with its head.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// A connection.
#[derive(Debug)]
pub(crate) struct UpstreamConnection {
    pub(crate) stream: TcpStream,
    pub(crate) upstream: SocketAddr,
    /// Received and not yet parsed.
    pub(crate) read: BytesMut,
    /// Not yet written.
    pub(crate) out: BytesMut,
    /// Bytes written so far.
    pub(crate) written: u64,
    /// While it is in use.
    pub(crate) permit: Option<UpstreamPermit>,
}

impl UpstreamConnection {
    pub(crate) async fn open(upstream: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(upstream).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, upstream, read: BytesMut::new(), out: BytesMut::new(), written: 0, permit: None })
    }

    /// Whether an idle connection may be reused: the upstream has neither closed it nor sent
    /// anything. This costs no system call while the kernel has reported nothing.
    pub(crate) fn is_fresh(&self) -> bool {
        let silent =
            matches!(self.stream.try_read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        silent && self.read.is_empty() && self.out.is_empty()
    }

    /// Reads what has arrived; 0 at the end of the stream.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.read.reserve(READ_BUFFER_BYTES);
        poll_read_buf(Pin::new(&mut self.stream), cx, &mut self.read)
    }

    /// Writes out the buffer.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.out.has_remaining() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
            self.written += written as u64;
        }
        Poll::Ready(Ok(()))
    }
}
