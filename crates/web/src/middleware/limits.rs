//! Turns panics and requests that take too long into error responses, and limits what requests take: how many are
//! open, and what their bodies hold in memory. Event streams are not cut off: only the time until the response
//! *begins* is limited.

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    http::{StatusCode, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::{FutureExt, StreamExt};
use http_body::{Frame, SizeHint};
use stoa_model::account::Actor;
use stoa_util::{
    ClientNetwork, Ipv6Prefix,
    concurrency::{ConcurrencyLimit, Full, Place},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::http_error::{ErrorKind, HttpError};

/// Longest time until a response begins.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest body of a request whose sender is logged in.
pub const MAX_BODY_BYTES: usize = 1 << 20;
/// Largest body of anybody else's request.
pub const MAX_ANONYMOUS_BODY_BYTES: usize = 16 << 10;
/// Largest body of a webhook: an event with a long invoice has about 100 KiB.
pub const MAX_WEBHOOK_BODY_BYTES: usize = 512 << 10;
/// What all bodies together may take in memory, besides the first [`MAX_ANONYMOUS_BODY_BYTES`] of each.
const BODY_BUDGET_BYTES: usize = 32 << 20;

/// How long a body may take to arrive; less than [`RESPONSE_TIMEOUT`].
const BODY_TIMEOUT: Duration = Duration::from_secs(25);
/// How long anybody's who is not logged in may take.
const ANONYMOUS_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of an oversized body is read and discarded, so that the client gets the response instead of a
/// connection reset.
const MAX_DISCARDED_BYTES: usize = 16 << 20;

/// Open requests of one client, and of all, until their responses have been sent.
const REQUESTS_PER_CLIENT: usize = 128;
const REQUESTS_IN_ALL: usize = 1024;

/// What all requests together may take.
#[derive(Clone)]
pub struct RequestLimits(Arc<Limits>);

struct Limits {
    requests: ConcurrencyLimit<Option<ClientNetwork>>,
    body_budget: Arc<Semaphore>,
}

impl Default for RequestLimits {
    fn default() -> Self {
        let requests = ConcurrencyLimit::new(REQUESTS_PER_CLIENT, REQUESTS_IN_ALL);
        Self(Arc::new(Limits { requests, body_budget: Arc::new(Semaphore::new(BODY_BUDGET_BYTES)) }))
    }
}

impl RequestLimits {
    /// Admits a request of the client with this address.
    ///
    /// # Errors
    /// `RateLimited` if the client has too many open requests, `Unavailable` if all together have.
    pub fn enter(&self, address: Option<IpAddr>) -> Result<Place<Option<ClientNetwork>>, HttpError> {
        let client = address.map(|address| ClientNetwork::of(address, Ipv6Prefix::Subnet));
        self.0.requests.enter(&client).map_err(|full| {
            let (kind, detail) = match full {
                Full::Key => (ErrorKind::RateLimited, "Too many requests from your network are open. Try again."),
                Full::Total => (ErrorKind::Unavailable, "Too many requests are open. Try again in a few seconds."),
            };
            HttpError { retry_after: Some(Duration::from_secs(5)), ..HttpError::new(kind, detail) }
        })
    }

    /// The limits of a body that this actor sends.
    pub fn of_body(&self, actor: Actor) -> BodyLimits {
        let budget = self.0.body_budget.clone();
        match actor {
            Actor::Nobody => BodyLimits { bytes: MAX_ANONYMOUS_BODY_BYTES, timeout: ANONYMOUS_BODY_TIMEOUT, budget },
            Actor::Customer(_) | Actor::Staff(..) | Actor::System => {
                BodyLimits { bytes: MAX_BODY_BYTES, timeout: BODY_TIMEOUT, budget }
            }
        }
    }
}

/// The limits of one request's body; in the request's extensions.
#[derive(Clone)]
pub struct BodyLimits {
    bytes: usize,
    timeout: Duration,
    budget: Arc<Semaphore>,
}

impl BodyLimits {
    /// For a message whose sender has no login but a signature.
    #[must_use]
    pub fn for_webhook(self) -> Self {
        Self { bytes: MAX_WEBHOOK_BODY_BYTES, ..self }
    }
}

/// A body in memory, and its part of the budget.
struct BufferedBody {
    bytes: Vec<u8>,
    budget: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for BufferedBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl BufferedBody {
    fn append(&mut self, chunk: &[u8], budget: &Arc<Semaphore>) -> Result<(), TryAcquireError> {
        self.bytes.extend_from_slice(chunk);
        let taken = self.budget.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = self.bytes.capacity().saturating_sub(MAX_ANONYMOUS_BODY_BYTES + taken);
        if missing > 0 {
            let more = budget.clone().try_acquire_many_owned(u32::try_from(missing).unwrap_or(u32::MAX))?;
            match &mut self.budget {
                Some(budget) => budget.merge(more),
                none => *none = Some(more),
            }
        }
        Ok(())
    }
}

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

/// Reads a whole body within its [`BodyLimits`].
///
/// # Errors
/// `PayloadTooLarge`; `RequestTimeout` if it comes too slowly; `Unavailable` if the bodies of all requests take too
/// much memory; `BadRequest` if it is incomplete.
pub async fn read_body(request: Request) -> Result<(Parts, Bytes), HttpError> {
    let (parts, body) = request.into_parts();
    let shared = RequestLimits::default;
    let limits = parts.extensions.get().cloned().unwrap_or_else(|| shared().of_body(Actor::Nobody));
    let read = tokio::time::timeout(limits.timeout, limits.read(body)).await;
    let body = read.unwrap_or_else(|_| Err(HttpError::from_status(StatusCode::REQUEST_TIMEOUT)))?;
    Ok((parts, body))
}

impl BodyLimits {
    async fn read(&self, body: Body) -> Result<Bytes, HttpError> {
        let mut chunks = body.into_data_stream();
        let (mut whole, mut seen) = (BufferedBody { bytes: Vec::new(), budget: None }, 0);
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk
                .map_err(|_| HttpError::new(ErrorKind::BadRequest, "The request body is incomplete. Send it again."))?;
            seen += chunk.len();
            if seen <= self.bytes {
                whole.append(&chunk, &self.budget).map_err(|_| HttpError {
                    retry_after: Some(Duration::from_secs(5)),
                    ..HttpError::new(
                        ErrorKind::Unavailable,
                        "Too much is being sent to us. Try again in a few seconds.",
                    )
                })?;
            } else if seen > MAX_DISCARDED_BYTES {
                break;
            }
        }
        if seen > self.bytes {
            let detail = format!("This may hold up to {} KB.", self.bytes >> 10);
            Err(HttpError::new(ErrorKind::PayloadTooLarge, detail))
        } else {
            Ok(Bytes::from_owner(whole))
        }
    }
}

/// A response's body that keeps its request's place until it has been sent.
pub struct GuardedBody<G> {
    body: Body,
    _guard: G,
}

impl<G> GuardedBody<G> {
    /// `body`, which drops `guard` when it is dropped.
    pub const fn new(body: Body, guard: G) -> Self {
        Self { body, _guard: guard }
    }
}

impl<G: Unpin> HttpBody for GuardedBody<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn request(actor: Actor, shared: &RequestLimits, body: Body) -> Request {
        Request::builder().extension(shared.of_body(actor)).body(body).unwrap()
    }

    async fn read(actor: Actor, length: usize) -> Result<usize, ErrorKind> {
        let request = request(actor, &RequestLimits::default(), Body::from(vec![b'x'; length]));
        read_body(request).await.map(|(_, body)| body.len()).map_err(|error| error.kind)
    }

    #[tokio::test]
    async fn a_body_may_be_as_large_as_the_limit_and_no_larger() {
        for (actor, limit) in [(Actor::Nobody, MAX_ANONYMOUS_BODY_BYTES), (Actor::System, MAX_BODY_BYTES)] {
            assert_eq!(read(actor, limit).await, Ok(limit));
            assert_eq!(read(actor, limit + 1).await, Err(ErrorKind::PayloadTooLarge));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_arrive_is_given_up() {
        let shared = RequestLimits::default();
        for (actor, limit) in [(Actor::Nobody, ANONYMOUS_BODY_TIMEOUT), (Actor::System, BODY_TIMEOUT)] {
            let begun = tokio::time::Instant::now();
            let body = stream::iter([Ok::<_, axum::Error>("x")]).chain(stream::pending());
            let error = read_body(request(actor, &shared, Body::from_stream(body))).await.unwrap_err();
            assert_eq!((error.kind, begun.elapsed().as_secs()), (ErrorKind::RequestTimeout, limit.as_secs()));
        }
    }

    #[tokio::test]
    async fn all_large_bodies_share_one_budget_and_small_ones_always_pass() {
        let shared = RequestLimits::default();
        let send = async |length| read_body(request(Actor::System, &shared, Body::from(vec![b'x'; length]))).await;
        let mut bodies = Vec::new();
        let full = loop {
            match send(MAX_BODY_BYTES).await {
                Ok(body) => bodies.push(body),
                Err(error) => break error,
            }
            assert!(bodies.len() <= BODY_BUDGET_BYTES / (MAX_BODY_BYTES - MAX_ANONYMOUS_BODY_BYTES));
        };
        assert_eq!(full.kind, ErrorKind::Unavailable);
        assert!(bodies.len() > 10);
        assert!(send(MAX_ANONYMOUS_BODY_BYTES).await.is_ok());
        bodies.clear();
        assert!(send(MAX_BODY_BYTES).await.is_ok(), "the budget is back");
    }
}
