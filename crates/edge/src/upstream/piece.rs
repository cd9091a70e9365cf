//! The next piece of a response's body. How small it may be depends on the client: one that reads gets
//! every byte at once, and for one that does not, small pieces are combined. Each takes hundreds of
//! bytes while it waits in h2, however small it is.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;

use super::{
    connection::UpstreamConnection,
    decode::{Decoder, SMALL_PIECE_BYTES, Step},
    error::UpstreamError,
};

/// The next part of a body.
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

pub(super) fn poll_piece(
    conn: &mut UpstreamConnection,
    decoder: &mut Decoder,
    cx: &mut Context<'_>,
) -> Poll<Result<Piece, UpstreamError>> {
    loop {
        match decoder.step(&mut conn.read)? {
            Step::Data(data) => return Poll::Ready(Ok(Piece::Data(data))),
            Step::Trailers(trailers) => return Poll::Ready(Ok(Piece::Trailers(trailers))),
            Step::Done => return Poll::Ready(Ok(Piece::End)),
            Step::More => match ready!(conn.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) if matches!(decoder, Decoder::Eof) => return Poll::Ready(Ok(Piece::End)),
                Ok(0) => return Poll::Ready(Err(UpstreamError::Closed)),
                Err(error) => return Poll::Ready(Err(UpstreamError::Io(error))),
            },
        }
    }
}

/// Reads until there is more than a small piece, or no more will come. Nothing is decoded meanwhile:
/// the bytes stay in the connection's buffer.
pub(super) fn poll_enough(
    conn: &mut UpstreamConnection,
    decoder: &Decoder,
    cx: &mut Context<'_>,
) -> Poll<Result<(), UpstreamError>> {
    while conn.read.len() < SMALL_PIECE_BYTES
        && !matches!(decoder, Decoder::Length(left) if *left <= conn.read.len() as u64)
    {
        match ready!(conn.poll_fill(cx)) {
            Ok(1..) => {}
            Ok(0) => break,
            Err(error) => return Poll::Ready(Err(UpstreamError::Io(error))),
        }
    }
    Poll::Ready(Ok(()))
}
