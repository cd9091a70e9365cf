//! The body of a response, read from the upstream as fast as the client takes it.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{decode::Decoder, error::UpstreamError, exchange::Exchange, head::Head, piece::Piece, upload::Upload};
use crate::client::ClientConnection;

/// A response's body.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    exchange_state: ExchangeState,
    decoder: Decoder,
    keep_alive: bool,
    /// Whether its length was declared.
    declared: bool,
    holds_back: bool,
    client: Arc<ClientConnection>,
}

/// Where the exchange is.
#[derive(Debug)]
enum ExchangeState {
    Exchange(Exchange),
    /// The request is still being sent.
    Upload(Upload),
    /// It has ended.
    Done,
}

impl UpstreamBody {
    pub(crate) fn new(exchange: Exchange, head: &mut Head, client: Arc<ClientConnection>) -> Self {
        let decoder = std::mem::replace(&mut head.body, Decoder::Length(0));
        let declared = matches!(decoder, Decoder::Length(_));
        let exchange_state = if exchange.forwarder.is_some() && !exchange.has_all(&decoder) {
            ExchangeState::Upload(Upload::start(exchange))
        } else {
            ExchangeState::Exchange(exchange)
        };
        Self { exchange_state, decoder, keep_alive: head.keep_alive, declared, holds_back: false, client }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.exchange_state, ExchangeState::Done)
    }

    /// Whether it is the client's turn.
    pub(crate) fn holds_back(&self) -> bool {
        self.holds_back
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self.decoder {
            Decoder::Length(left) if self.declared => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        if let ExchangeState::Upload(upload) = &mut self.exchange_state
            && let Poll::Ready(sent) = upload.poll(cx)
        {
            match sent {
                Ok(exchange) => self.exchange_state = ExchangeState::Exchange(exchange),
                Err(fault) => {
                    self.exchange_state = ExchangeState::Done;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
        let Some(poll) = self.poll_piece(cx) else { return Poll::Ready(None) };
        let piece = ready!(poll);
        if !matches!(piece, Ok(Piece::Data(_))) || self.decoder.is_done() {
            let exchange_state = std::mem::replace(&mut self.exchange_state, ExchangeState::Done);
            if let (Ok(_), ExchangeState::Exchange(exchange)) = (&piece, exchange_state) {
                exchange.release(self.keep_alive, &self.client);
            }
        }
        Poll::Ready(match piece {
            Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End) => None,
            Err(fault) => Some(Err(fault)),
        })
    }

    /// The next piece; `None` if there is no more.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<Piece, UpstreamError>>> {
        let (decoder, state, holds_back) = (&mut self.decoder, &self.client.state, &mut self.holds_back);
        let mut poll = |exchange: &mut Exchange| {
            let poll = exchange.poll_piece(decoder, state, cx);
            *holds_back = exchange.holds_back;
            poll
        };
        match &mut self.exchange_state {
            ExchangeState::Exchange(exchange) => Some(poll(exchange)),
            ExchangeState::Upload(upload) => upload.with_exchange(poll),
            ExchangeState::Done => None,
        }
    }
}
