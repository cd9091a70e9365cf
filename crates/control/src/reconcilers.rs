//! All reconcilers and their periods. Nothing deletes on a start or restart: a purge goes by its row
//! and its date only.

use std::time::Duration;

use stoa_core::reconciler::run_every;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::Control;

/// Runs all reconcilers until `stop`.
pub(crate) async fn run(control: Control, stop: CancellationToken) {
    let (sites, domains, stop) = (&control.sites, &control.domains, &stop);
    let (wakeups, never) = (&control.core.wakeups, &Notify::new());
    let (second, minute, hour) = (Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(3600));
    tokio::join!(
        run_every("routes", minute, never, stop, || domains.reconcile_routes()),
        run_every("routes of other processes", second, never, stop, || domains.follow_other_processes()),
        run_every("engine cache", 10 * second, never, stop, || sites.reconcile_engine_cache()),
        run_every("runtime", minute, &wakeups.runtime, stop, || sites.reconcile_runtime()),
        run_every("dirty sites", hour, &wakeups.dirty_sites, stop, || sites.reconcile_dirty_sites()),
        run_every("adoption", hour, never, stop, || sites.adopt_sites()),
        run_every("purge", minute, &wakeups.purge, stop, || sites.purge_due()),
        run_every("certificates", minute, &wakeups.certificates, stop, || domains.reconcile_certificates()),
        run_every("domains", 30 * second, &wakeups.domains, stop, || domains.reconcile_domains()),
        run_every("main addresses", 5 * minute, &wakeups.main_addresses, stop, || sites.reconcile_main_addresses()),
        run_every("environments", 5 * minute, &wakeups.environments, stop, || sites.reconcile_environments()),
        run_every("dns records", 5 * minute, &wakeups.dns_records, stop, || domains.reconcile_dns_records()),
        run_every("traffic", minute, never, stop, || sites.reconcile_traffic()),
        run_every("retention", 10 * minute, never, stop, || control.prune()),
        sites.follow_engines(stop),
    );
    domains.abort_orders().await;
    // The last minute counts too.
    if let Err(error) = sites.reconcile_traffic().await {
        tracing::warn!(error = error.for_operator(), "the traffic of the last minute could not be recorded");
    }
}
