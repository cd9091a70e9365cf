//! The body of a response, read from the upstream as fast as the client takes it.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{Exchange, piece::Piece, upload::Upload};
use crate::{
    client::Client,
    upstream::{Fault, Head, decode::Decoder},
};

/// A response's body.
#[derive(Debug)]
pub(crate) struct UpstreamBody {
    from: From,
    decoder: Decoder,
    keep_alive: bool,
    /// The declared length; none if it is framed otherwise.
    declared: bool,
    holds_back: bool,
    client: Arc<Client>,
}

/// Who has the exchange.
#[derive(Debug)]
enum From {
    Exchange(Exchange),
    /// The request is still leaving.
    Upload(Upload),
    /// It is over.
    Nobody,
}

impl UpstreamBody {
    pub(crate) fn new(exchange: Exchange, head: &mut Head, client: Arc<Client>) -> Self {
        let decoder = std::mem::replace(&mut head.body, Decoder::Length(0));
        let declared = matches!(decoder, Decoder::Length(_));
        let from = if exchange.pump.is_some() && !exchange.has_all(&decoder) {
            From::Upload(Upload::start(exchange))
        } else {
            From::Exchange(exchange)
        };
        Self { from, decoder, keep_alive: head.keep_alive, declared, holds_back: false, client }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.from, From::Nobody)
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

    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let From::Upload(upload) = &mut self.from
            && let Poll::Ready(sent) = upload.poll(cx)
        {
            match sent {
                Ok(exchange) => self.from = From::Exchange(exchange),
                Err(fault) => {
                    self.from = From::Nobody;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
        let Some(poll) = self.poll_piece(cx) else { return Poll::Ready(None) };
        let piece = ready!(poll);
        if !matches!(piece, Ok(Piece::Data(_))) || self.decoder.is_done() {
            let from = std::mem::replace(&mut self.from, From::Nobody);
            if let (Ok(_), From::Exchange(exchange)) = (&piece, from) {
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

    /// The next piece; nothing if it is over.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<Piece, Fault>>> {
        let (decoder, watched, holds_back) = (&mut self.decoder, &self.client.watched, &mut self.holds_back);
        let mut poll = |exchange: &mut Exchange| {
            let poll = exchange.poll_piece(decoder, watched, cx);
            *holds_back = exchange.holds_back;
            poll
        };
        match &mut self.from {
            From::Exchange(exchange) => Some(poll(exchange)),
            From::Upload(upload) => upload.with(poll),
            From::Nobody => None,
        }
    }
}
