//! An exchange in progress: the request being sent, the response arriving.
//!
//! Both directions advance whenever the task of the client's request is polled, until the head of the
//! response has arrived. A response may begin before the request has ended: then the rest of the
//! request is sent by its own task (`upload`). It may even end before (an early 413); then the
//! connection is not reused.

use std::{
    future::{Future, poll_fn},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::Method;
use tokio::{net::TcpStream, time::Instant};

use super::{
    body_forwarder::BodyForwarder,
    connection::UpstreamConnection,
    decode::{self, Decoder, SMALL_PIECE_BYTES},
    error::UpstreamError,
    head::{self, Head},
    piece::{self, Piece},
};
use crate::{
    client::ClientConnection,
    connection_state::{ConnectionState, StreamState, WaitTimer},
};

/// One connection during one exchange.
#[derive(Debug)]
pub(crate) struct Exchange {
    conn: Box<UpstreamConnection>,
    pub(super) forwarder: Option<BodyForwarder>,
    /// The upstream takes no more of the request; its response still counts.
    stopped_reading: bool,
    /// Interim responses so far.
    interim: u32,
    /// How long the upstream may be silent, or not take more of the request.
    limit: Duration,
    wait: WaitTimer,
    /// The next piece of the response was polled for.
    awaiting_piece: bool,
    /// A piece waits for more data, or for the client to take the ones before.
    pub(super) holds_back: bool,
}

impl Exchange {
    pub(super) fn new(
        conn: Box<UpstreamConnection>,
        forwarder: Option<BodyForwarder>,
        limit: Duration,
        stream: &Arc<StreamState>,
    ) -> Self {
        let wait = WaitTimer::new(stream, |stream| &stream.upstream, limit);
        Self {
            conn,
            forwarder,
            stopped_reading: false,
            interim: 0,
            limit,
            wait,
            awaiting_piece: false,
            holds_back: false,
        }
    }

    /// Sends, and waits for the head of the response. The time limit begins when the request has
    /// been sent: a slow upload is not the fault of the upstream.
    pub(super) async fn head(&mut self, method: &Method) -> Result<Head, UpstreamError> {
        let limit = self.limit;
        let mut deadline = std::pin::pin!(tokio::time::sleep(limit));
        let (mut sending, mut first_poll) = (true, true);
        poll_fn(|cx| {
            if sending && self.poll_send(cx)?.is_ready() {
                sending = false;
                if !first_poll {
                    deadline.as_mut().reset(Instant::now() + limit);
                }
            }
            first_poll = false;
            if let Poll::Ready(head) = self.poll_head(method, cx) {
                return Poll::Ready(head);
            }
            if !sending && deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(UpstreamError::Timeout));
            }
            Poll::Pending
        })
        .await
    }

    /// Sends more of the request. An upstream that stops reading may still respond.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), UpstreamError>> {
        if self.stopped_reading {
            return Poll::Ready(Ok(()));
        }
        let before = self.conn.written;
        let sent = match &mut self.forwarder {
            Some(forwarder) => forwarder.poll(&mut self.conn, cx),
            None => self.conn.poll_flush(cx).map_err(UpstreamError::Io),
        };
        if self.conn.written != before || sent.is_ready() {
            self.wait.stop();
        }
        match sent {
            Poll::Pending => {
                // What the upstream takes is a sign of life; but a piece that was
                // polled for is still due.
                if self.awaiting_piece || !self.conn.out.is_empty() {
                    self.wait.start();
                }
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => self.forwarder = None,
            Poll::Ready(Err(UpstreamError::Io(_))) => {
                self.forwarder = None;
                self.stopped_reading = true;
            }
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
        }
        Poll::Ready(Ok(()))
    }

    fn poll_head(&mut self, method: &Method, cx: &mut Context<'_>) -> Poll<Result<Head, UpstreamError>> {
        loop {
            if let Some(head) = head::parse(&mut self.conn.read, method, &mut self.interim)? {
                return Poll::Ready(Ok(head));
            }
            let untouched = self.conn.read.is_empty() && self.interim == 0;
            match ready!(self.conn.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) if untouched => return Poll::Ready(Err(UpstreamError::Stale)),
                Ok(0) => return Poll::Ready(Err(UpstreamError::Closed)),
                Err(error) => return Poll::Ready(Err(UpstreamError::Io(error))),
            }
        }
    }

    /// The next piece of the body.
    pub(super) fn poll_piece(
        &mut self,
        decoder: &mut Decoder,
        state: &ConnectionState,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Piece, UpstreamError>> {
        self.holds_back = false;
        self.awaiting_piece = false;
        if state.is_congested() {
            let enough = piece::poll_enough(&mut self.conn, decoder, cx)?;
            self.holds_back = enough.is_pending() && !self.conn.read.is_empty();
        }
        if self.holds_back {
            // The upstream owes nothing: its next byte would not be sent either.
            self.wait.stop();
            self.wait.wake_when_sent(cx);
            return Poll::Pending;
        }
        let Poll::Ready(piece) = piece::poll_piece(&mut self.conn, decoder, cx) else {
            self.awaiting_piece = true;
            self.wait.start();
            return Poll::Pending;
        };
        self.wait.stop();
        if matches!(&piece, Ok(Piece::Data(data)) if data.len() < SMALL_PIECE_BYTES) {
            state.note_small_piece();
        }
        Poll::Ready(piece)
    }

    /// Whether the rest of the body has arrived already.
    pub(super) fn has_all(&self, body: &Decoder) -> bool {
        matches!(body, Decoder::Length(left) if *left <= self.conn.read.len() as u64)
    }

    /// The raw connection after a 101, and what the upstream has already sent over it.
    pub(crate) fn into_tunnel(self) -> (TcpStream, BytesMut) {
        (self.conn.stream, self.conn.read)
    }

    /// The whole body, if it has arrived already; its connection is free again at once.
    #[expect(clippy::result_large_err, reason = "it is moved once, and a box would be an allocation for each response")]
    pub(crate) fn finish_now(mut self, head: &Head, client: &Arc<ClientConnection>) -> Result<Bytes, Self> {
        match head.body {
            Decoder::Length(left) if left <= self.conn.read.len() as u64 && self.forwarder.is_none() => {
                let body = decode::take_bytes(&mut self.conn.read, left as usize);
                self.release(head.keep_alive, client);
                Ok(body)
            }
            _ => Err(self),
        }
    }

    /// Returns the connection to the pool, if nothing is left on it.
    pub(super) fn release(self, keep_alive: bool, client: &ClientConnection) {
        let clean =
            self.forwarder.is_none() && !self.stopped_reading && self.conn.read.is_empty() && self.conn.out.is_empty();
        if keep_alive && clean {
            client.worker.pool.put(self.conn, &client.state.clock);
        }
    }
}
