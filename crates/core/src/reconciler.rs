//! Reconcilers: each maintains one invariant. A reconciler takes no input, runs on a timer and when woken, is
//! idempotent, and does not retry: the next tick is the retry.

use std::time::Duration;

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

/// Calls `tick` immediately, then at every wakeup and at least every `period`, until `stop`. A failed tick is
/// logged, and the next one retries.
pub async fn run_every<F: Future<Output = crate::Result<()>>>(
    name: &'static str,
    period: Duration,
    wakeup: &Notify,
    stop: &CancellationToken,
    tick: impl Fn() -> F,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            done = tick() => if let Err(error) = done {
                tracing::warn!(reconciler = name, error = error.for_operator(), "tick failed; the next one retries");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wakeup.notified() => {}
            () = sleep(period) => {}
        }
    }
}
