//! Turns panics and requests that take too long into error responses, and limits request bodies. Event streams
//! are not cut off: only the time until the response *begins* is limited.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, StreamExt};

use crate::http_error::{ErrorKind, HttpError};

/// Longest time until a response begins.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest body of a form or an API call.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// How much of an oversized body is read and discarded, so that the client gets the response instead of a
/// connection reset.
const MAX_DISCARDED_BYTES: usize = 16 << 20;

/// The middleware.
pub async fn contain_failures(request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(RESPONSE_TIMEOUT, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let message = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = message, "a handler panicked");
            HttpError::new(ErrorKind::Internal, ErrorKind::Internal.advice()).into_response()
        }
        Err(_) => {
            tracing::warn!("a handler took longer than {} s", RESPONSE_TIMEOUT.as_secs());
            HttpError::new(ErrorKind::Timeout, ErrorKind::Timeout.advice()).into_response()
        }
    }
}

/// Reads a whole body of at most [`MAX_BODY_BYTES`].
///
/// # Errors
/// `PayloadTooLarge`, or `BadRequest` if the body is incomplete.
pub async fn read_body(body: Body) -> Result<Bytes, HttpError> {
    let mut chunks = body.into_data_stream();
    let (mut whole, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk
            .map_err(|_| HttpError::new(ErrorKind::BadRequest, "The request body is incomplete. Send it again."))?;
        seen += chunk.len();
        if seen <= MAX_BODY_BYTES {
            whole.extend_from_slice(&chunk);
        } else if seen > MAX_DISCARDED_BYTES {
            break;
        }
    }
    if seen > MAX_BODY_BYTES {
        Err(HttpError::new(ErrorKind::PayloadTooLarge, ErrorKind::PayloadTooLarge.advice()))
    } else {
        Ok(whole.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        let fits = read_body(Body::from(vec![b'x'; MAX_BODY_BYTES])).await;
        assert_eq!(fits.unwrap().len(), MAX_BODY_BYTES);
        let error = read_body(Body::from(vec![b'x'; MAX_BODY_BYTES + 1])).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PayloadTooLarge);
    }
}
