//! Reconcilers: each keeps one fact true. A reconciler takes no input, runs on a timer and when it is
//! woken, is idempotent, and has no retries of its own: the next tick is the retry.

use std::time::Duration;

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

/// Calls `tick` at once, then at every wakeup and at least every `period`, until `stop`. A tick that
/// fails is logged, and the next one tries again.
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
                tracing::warn!(reconciler = name, error = error.for_operator(), "a tick failed; the next one tries again");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = wakeup.notified() => {}
            () = sleep(period) => {}
        }
    }
}
