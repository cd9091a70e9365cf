//! A request's body on its way to the upstream, one frame at a time.
//!
//! The framing is decided here and nowhere else: what the client wrote about it never passes
//! through. A known length is declared and kept to: more or fewer bytes break the exchange rather
//! than letting the rest be read as another request.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Method, header::CONTENT_LENGTH, request::Parts};
use http_body::{Body, Frame};

use super::{Conn, Fault};
use crate::{
    body::{RequestBody, RequestBodyError},
    headers::may_trail,
};

/// How much is gathered before it is written.
const BATCH: usize = 16 * 1024;

/// The rest of a request.
#[derive(Debug)]
pub(super) struct Pump {
    body: RequestBody,
    /// The declared length not yet passed on; chunks if none was declared.
    left: Option<u64>,
    ended: bool,
}

impl Pump {
    /// Ends the head with the framing fields; the body, if there is one, is to be driven.
    pub(super) fn begin(out: &mut BytesMut, parts: &Parts, body: Option<RequestBody>) -> Option<Self> {
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
        let left = body.size_hint().exact();
        match left {
            Some(length) => out.put_slice(format!("content-length: {length}\r\n\r\n").as_bytes()),
            None => out.put_slice(b"transfer-encoding: chunked\r\n\r\n"),
        }
        Some(Self { body, left, ended: false })
    }

    /// Moves the body until its end is written; pending whenever client or upstream must move.
    pub(super) fn poll(&mut self, conn: &mut Conn, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        loop {
            let gathered = self.gather(conn, cx)?;
            let full = conn.out.len() >= BATCH;
            ready!(conn.poll_flush(cx)).map_err(Fault::Io)?;
            if gathered.is_ready() || !full {
                return gathered.map(Ok);
            }
        }
    }

    /// Takes frames from the client until there is a batch, nothing more is here, or the body has
    /// ended.
    fn gather(&mut self, conn: &mut Conn, cx: &mut Context<'_>) -> Result<Poll<()>, Fault> {
        while !self.ended {
            if conn.out.len() >= BATCH {
                return Ok(Poll::Pending);
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else { return Ok(Poll::Pending) };
            match frame {
                None => self.end(&mut conn.out, None)?,
                Some(Err(RequestBodyError::TooLarge(limit))) => return Err(Fault::TooLarge(limit)),
                Some(Err(RequestBodyError::Client(_))) => return Err(Fault::ClientLeft),
                Some(Ok(frame)) => match frame.into_data().map_err(Frame::into_trailers) {
                    Ok(data) => self.put(&mut conn.out, &data)?,
                    Err(Ok(trailers)) => self.end(&mut conn.out, Some(&trailers))?,
                    Err(Err(_)) => {}
                },
            }
        }
        Ok(Poll::Ready(()))
    }

    fn put(&mut self, out: &mut BytesMut, data: &Bytes) -> Result<(), Fault> {
        match &mut self.left {
            Some(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Fault::ClientLeft)?;
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

    fn end(&mut self, out: &mut BytesMut, trailers: Option<&HeaderMap>) -> Result<(), Fault> {
        self.ended = true;
        match self.left {
            Some(0) => return Ok(()),
            Some(_) => return Err(Fault::ClientLeft),
            None => out.put_slice(b"0\r\n"),
        }
        for (name, value) in trailers.into_iter().flatten().filter(|(name, _)| may_trail(name)) {
            out.put_slice(name.as_str().as_bytes());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
        out.put_slice(b"\r\n");
        Ok(())
    }
}
