//! All reconcilers and their periods. Nothing deletes on a start or restart: a purge goes by its row
//! and its date only.

use std::time::Duration;

use stoa_core::reconciler::Reconciler;
use tokio_util::sync::CancellationToken;

use crate::Control;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Calls a method of a service as a tick.
macro_rules! tick {
    ($method:ident) => {
        |service| async move { service.$method().await }
    };
}

/// Runs all reconcilers until `retire`, and those of what this process holds in memory until `stop`.
pub(crate) async fn run(control: Control, retire: CancellationToken, stop: CancellationToken) {
    let (sites, domains, retire, stop) = (&control.sites, &control.domains, &retire, &stop);
    let supervisor = &control.reconcilers;
    let every = Reconciler::every;
    let own = async {
        tokio::join!(
            // What a process holds in memory.
            supervisor.run(every(MINUTE, "routes").everywhere(), domains, stop, tick!(reconcile_routes)),
            supervisor.run(
                every(SECOND, "routes of other processes").everywhere(),
                domains,
                stop,
                tick!(follow_other_processes)
            ),
            supervisor.run(every(10 * SECOND, "engine cache").everywhere(), sites, stop, tick!(reconcile_engine_cache)),
            supervisor.run(
                every(HOUR, "dirty sites").everywhere().on(|wakeups| &wakeups.dirty_sites),
                sites,
                stop,
                tick!(reconcile_dirty_sites)
            ),
            supervisor.run(every(MINUTE, "traffic").everywhere(), sites, stop, tick!(reconcile_traffic)),
            supervisor.run(every(10 * MINUTE, "rate limits").everywhere(), &control, stop, tick!(prune_rate_limits)),
        );
    };
    let shared = async {
        tokio::join!(
            supervisor.keep(retire),
            sites.follow_engines(retire),
            // What all processes share.
            supervisor.run(
                every(MINUTE, "runtime").on(|wakeups| &wakeups.runtime),
                sites,
                retire,
                tick!(reconcile_runtime)
            ),
            supervisor.run(every(HOUR, "adoption"), sites, retire, tick!(adopt_sites)),
            supervisor.run(every(MINUTE, "purge").on(|wakeups| &wakeups.purge), sites, retire, tick!(purge_due)),
            supervisor.run(
                every(MINUTE, "certificates").on(|wakeups| &wakeups.certificates),
                domains,
                retire,
                tick!(reconcile_certificates)
            ),
            supervisor.run(
                every(30 * SECOND, "domains").on(|wakeups| &wakeups.domains),
                domains,
                retire,
                tick!(reconcile_domains)
            ),
            supervisor.run(
                every(5 * MINUTE, "main addresses").on(|wakeups| &wakeups.main_addresses),
                sites,
                retire,
                tick!(reconcile_main_addresses)
            ),
            supervisor.run(
                every(5 * MINUTE, "environments").on(|wakeups| &wakeups.environments),
                sites,
                retire,
                tick!(reconcile_environments)
            ),
            supervisor.run(
                every(5 * MINUTE, "dns records").on(|wakeups| &wakeups.dns_records),
                domains,
                retire,
                tick!(reconcile_dns_records)
            ),
            supervisor.run(every(10 * MINUTE, "retention"), &control, retire, tick!(prune)),
        );
        domains.abort_orders().await;
        supervisor.release().await;
    };
    tokio::join!(own, shared);
    // The last minute counts too.
    if let Err(error) = sites.reconcile_traffic().await {
        tracing::warn!(error = error.for_operator(), "the traffic of the last minute could not be recorded");
    }
}
