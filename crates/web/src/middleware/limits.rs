//! Panics and endless requests become ordinary failures. Event streams are not cut: only the time
//! until the response *begins* is limited.

use std::{panic::AssertUnwindSafe, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, StreamExt};

use crate::fault::{Fault, Kind};

/// Longest time until a response begins.
const PATIENCE: Duration = Duration::from_secs(30);

/// Largest body of a form or an API call.
pub const MAX_BODY: usize = 1 << 20;

/// So much of a body that is too large is read and thrown away, so that the answer arrives instead
/// of a broken connection.
const MAX_DISCARDED: usize = 16 << 20;

/// The middleware.
pub async fn contain(request: Request, next: Next) -> Response {
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(PATIENCE, handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => {
            let words = panic.downcast_ref::<&str>().copied().map(str::to_owned);
            let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            tracing::error!(panic = words, "a handler panicked");
            Fault::new(Kind::Internal, Kind::Internal.advice()).into_response()
        }
        Err(_) => {
            tracing::warn!("a handler took longer than {} s", PATIENCE.as_secs());
            Fault::new(Kind::Timeout, Kind::Timeout.advice()).into_response()
        }
    }
}

/// Reads a whole body of at most [`MAX_BODY`].
///
/// # Errors
/// `TooLarge`, or `BadRequest` if it breaks off.
pub async fn read_body(body: Body) -> Result<Bytes, Fault> {
    let mut chunks = body.into_data_stream();
    let (mut whole, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Fault::new(Kind::BadRequest, "The request broke off."))?;
        seen += chunk.len();
        if seen <= MAX_BODY {
            whole.extend_from_slice(&chunk);
        } else if seen > MAX_DISCARDED {
            break;
        }
    }
    if seen > MAX_BODY { Err(Fault::new(Kind::TooLarge, Kind::TooLarge.advice())) } else { Ok(whole.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        let fits = read_body(Body::from(vec![b'x'; MAX_BODY])).await;
        assert_eq!(fits.unwrap().len(), MAX_BODY);
        let fault = read_body(Body::from(vec![b'x'; MAX_BODY + 1])).await.unwrap_err();
        assert_eq!(fault.kind, Kind::TooLarge);
    }
}
