//! What comes before HTTP on a connection, and when it is given up.

use std::{future::poll_fn, io, pin::pin, task::Poll};

use crate::connection_state::{ConnectionState, ShutdownSignal};

/// Goes on with what comes before HTTP for as long as a request's head may take.
pub(super) async fn within_head_timeout<T>(
    state: &ConnectionState,
    opening: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    state.head.start(&state.clock);
    let opened = unless_shut_down(state, opening).await;
    state.head.stop();
    opened
}

/// Goes on with what comes before HTTP for as long as nothing is said against the connection.
pub(super) async fn unless_shut_down<T>(
    state: &ConnectionState,
    opening: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut opening = pin!(opening);
    poll_fn(|cx| match state.shutdown_signal(cx) {
        ShutdownSignal::Run => opening.as_mut().poll(cx),
        ShutdownSignal::Drain | ShutdownSignal::Kill => Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
    })
    .await
}
