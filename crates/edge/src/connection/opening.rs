//! Limits for what comes before HTTP on a connection.

use std::{future::poll_fn, io, pin::pin, task::Poll};

use crate::connection_state::{ConnectionState, ShutdownSignal};

/// Runs for as long as a request's head may take.
pub(super) async fn within_head_timeout<T>(
    state: &ConnectionState,
    opening: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    state.head.start(&state.clock);
    let opened = unless_shut_down(state, opening).await;
    state.head.stop();
    opened
}

/// Runs until the connection gets a shutdown signal.
pub(super) async fn unless_shut_down<T>(
    state: &ConnectionState,
    opening: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut opening = pin!(opening);
    poll_fn(|cx| match state.shutdown_signal(cx) {
        ShutdownSignal::Run | ShutdownSignal::Retire => opening.as_mut().poll(cx),
        ShutdownSignal::Drain | ShutdownSignal::Kill => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
    })
    .await
}
