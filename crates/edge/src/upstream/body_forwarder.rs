//! Forwards a request's body to the upstream, one frame at a time.
//!
//! The framing is decided here and nowhere else: the client's own framing never passes through. A known
//! length is declared and enforced: more or fewer bytes break the exchange, so that the rest can't be
//! read as another request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, header::CONTENT_LENGTH, request::Parts};
use http_body::{Body, Frame};

use super::{connection::UpstreamConnection, error::UpstreamError};
use crate::{
    headers::may_trail,
    request_body::{RequestBody, RequestBodyError},
    request_head::put_field,
};

/// How much is gathered before it is written.
const BATCH_BYTES: usize = 16 * 1024;

/// The rest of a request.
#[derive(Debug)]
pub(super) struct BodyForwarder {
    body: RequestBody,
    /// The declared length not yet passed on; chunks if none was declared.
    remaining: Option<u64>,
    ended: bool,
}

impl BodyForwarder {
    /// Ends the head with the framing fields; the body, if there is one, is to be driven.
    pub(super) fn start(out: &mut BytesMut, parts: &Parts, body: Option<RequestBody>) -> Option<Self> {
        let Some(body) = body else {
            let expected = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
            let nothing = if expected || parts.headers.contains_key(CONTENT_LENGTH) {
                "content-length: 0\r\n\r\n"
            } else {
                "\r\n"
            };
            out.put_slice(nothing.as_bytes());
            return None;
        };
        let remaining = body.size_hint().exact();
        match remaining {
            Some(length) => out.put_slice(format!("content-length: {length}\r\n\r\n").as_bytes()),
            None => out.put_slice(b"transfer-encoding: chunked\r\n\r\n"),
        }
        Some(Self { body, remaining, ended: false })
    }

    /// Moves the body until its end is written; pending whenever client or upstream must move.
    pub(super) fn poll(
        &mut self,
        conn: &mut UpstreamConnection,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), UpstreamError>> {
        loop {
            let gathered = self.gather(conn, cx)?;
            let full = conn.out.len() >= BATCH_BYTES;
            ready!(conn.poll_flush(cx)).map_err(UpstreamError::Io)?;
            if gathered.is_ready() || !full {
                return gathered.map(Ok);
            }
        }
    }

    /// Takes frames from the client until there is a batch, nothing more is here, or the body has
    /// ended.
    fn gather(&mut self, conn: &mut UpstreamConnection, cx: &mut Context<'_>) -> Result<Poll<()>, UpstreamError> {
        while !self.ended {
            if conn.out.len() >= BATCH_BYTES {
                return Ok(Poll::Pending);
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else { return Ok(Poll::Pending) };
            match frame {
                None => self.finish(&mut conn.out, None)?,
                Some(Err(RequestBodyError::TooLarge(limit))) => return Err(UpstreamError::TooLarge(limit)),
                Some(Err(RequestBodyError::Client(_))) => return Err(UpstreamError::ClientLeft),
                Some(Ok(frame)) => match frame.into_data().map_err(Frame::into_trailers) {
                    Ok(data) => self.append_data(&mut conn.out, &data)?,
                    Err(Ok(trailers)) => self.finish(&mut conn.out, Some(&trailers))?,
                    Err(Err(_)) => {}
                },
            }
        }
        Ok(Poll::Ready(()))
    }

    fn append_data(&mut self, out: &mut BytesMut, data: &Bytes) -> Result<(), UpstreamError> {
        match &mut self.remaining {
            Some(remaining) => {
                *remaining = remaining.checked_sub(data.len() as u64).ok_or(UpstreamError::ClientLeft)?;
                out.put_slice(data);
            }
            None if data.is_empty() => {}
            None => {
                out.put_slice(format!("{:x}\r\n", data.len()).as_bytes());
                out.put_slice(data);
                out.put_slice(b"\r\n");
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut BytesMut, trailers: Option<&HeaderMap>) -> Result<(), UpstreamError> {
        self.ended = true;
        match self.remaining {
            Some(0) => return Ok(()),
            Some(_) => return Err(UpstreamError::ClientLeft),
            None => out.put_slice(b"0\r\n"),
        }
        for (name, value) in trailers.into_iter().flatten().filter(|(name, _)| may_trail(name)) {
            put_field(out, name, value.as_bytes());
        }
        out.put_slice(b"\r\n");
        Ok(())
    }
}
