//! Reconcilers: each keeps one fact true. They take no input, run on a timer and on a nudge, are
//! idempotent and have no retries of their own: the next tick is the retry. Nothing deletes on a
//! (re)start: a purge goes by its row and its date only.

mod answers;
mod behind;
mod cleanup;
mod followed;
mod machine;
mod names;
mod power;
mod purge;
mod routes;
mod target;
mod tidy;
mod touched;
mod traffic;
mod watch;

use std::time::Duration;

use tokio::{sync::Notify, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::Control;

pub(crate) use behind::Behind;
pub(crate) use machine::Machine;
pub use power::{Drift, Repair};
pub(crate) use routes::Routing;
pub(crate) use target::Told;
pub(crate) use traffic::Counted;

/// Runs all reconcilers until `stop`.
pub(crate) async fn run(control: Control, stop: CancellationToken) {
    let (c, never) = (&control, &Notify::new());
    tokio::join!(
        keep("routes", Duration::from_secs(60), never, &stop, || c.routes_keep()),
        keep("routes of others", Duration::from_secs(1), never, &stop, || c.routes_follow()),
        keep("machine", Duration::from_secs(10), never, &stop, || c.machine_keep()),
        keep("power", Duration::from_secs(60), &c.nudges.power, &stop, || c.power_keep()),
        keep("power of some", Duration::from_secs(3600), &c.nudges.touched, &stop, || c.power_keep_touched()),
        keep("purge", Duration::from_secs(60), &c.nudges.purge, &stop, || c.purge_due()),
        keep("certificates", Duration::from_secs(60), &c.nudges.certificates, &stop, || c.certificates_tend()),
        keep("domains", Duration::from_secs(30), &c.nudges.domains, &stop, || c.domains_tend()),
        keep("addresses", Duration::from_secs(300), &c.nudges.addresses, &stop, || c.addresses_tend()),
        keep("names", Duration::from_secs(300), &c.nudges.names, &stop, || c.names_tend()),
        keep("traffic", Duration::from_secs(60), never, &stop, || c.traffic_tend()),
        keep("tidy", Duration::from_secs(600), never, &stop, || c.tidy()),
        watch::follow_engine(c, &stop),
    );
    c.certificates_leave().await;
    // The last minute is counted too.
    if let Err(error) = c.traffic_tend().await {
        tracing::warn!(error = error.for_operator(), "what was served lately could not be written down");
    }
}

/// Calls `tick` at once, then at every nudge and at least every `period`.
async fn keep<F: Future<Output = crate::Result<()>>>(
    name: &'static str,
    period: Duration,
    nudge: &Notify,
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
            () = nudge.notified() => {}
            () = sleep(period) => {}
        }
    }
}
