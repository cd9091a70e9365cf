//! The platform's own handler, which answers for its own names on the same port.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};

use crate::request_body::{BoxError, RequestBody};

/// The body of a platform's response.
pub type FallbackBody = UnsyncBoxBody<Bytes, BoxError>;

/// Answers requests for the platform's own names. It runs on the runtime that called `serve`, not on
/// the edge's threads, so a slow portal page does not slow down the shops.
///
/// Any `Fn(Request<RequestBody>) -> impl Future<Output = Response<impl Body>>` is one; an axum router
/// is `move |request| router.clone().oneshot(request)` with its error, which can't happen, removed.
/// Requests carry a [`ClientInfo`](crate::ClientInfo) extension and the same forwarded headers as for
/// an upstream.
pub trait Fallback: Send + Sync + 'static {
    /// Answers one request.
    fn call(&self, request: Request<RequestBody>) -> BoxFuture<'static, Response<FallbackBody>>;
}

impl<F, A, B> Fallback for F
where
    F: Fn(Request<RequestBody>) -> A + Send + Sync + 'static,
    A: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn call(&self, request: Request<RequestBody>) -> BoxFuture<'static, Response<FallbackBody>> {
        let answer = self(request);
        Box::pin(async move { answer.await.map(|body| body.map_err(Into::into).boxed_unsync()) })
    }
}
