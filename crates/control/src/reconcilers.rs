//! All reconcilers and their periods. Nothing deletes on a start or restart: a purge goes by its row
//! and its date only.

use std::time::Duration;

use stoa_core::{Wakeup, reconciler::Reconciler, relay};
use tokio_util::sync::CancellationToken;

use crate::{Control, Roles};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Others wait for an edge until they have not heard from it for three of these.
const EDGE_REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// So long an entry of the audit trail waits for its place in the chain and in the log file.
const AUDIT_SEAL_INTERVAL: Duration = Duration::from_secs(2);
/// The reconciler that compares what should run with what runs; those beside it tell it where to look.
const RUNTIME: &str = "runtime";

/// Calls a method of a service as a tick.
macro_rules! tick {
    ($method:ident) => {
        |service| async move { service.$method().await }
    };
}

/// Runs the reconcilers of these roles until `retire`, and those of what this process holds in memory until `stop`.
pub(crate) async fn run(control: Control, roles: Roles, retire: &CancellationToken, stop: &CancellationToken) {
    tokio::join!(maintain_own(&control, roles, stop), async {
        if roles.worker {
            maintain_shared(&control, retire).await;
        }
    });
}

/// What each process holds in memory.
async fn maintain_own(control: &Control, roles: Roles, stop: &CancellationToken) {
    let (sites, domains, supervisor) = (&control.sites, &control.domains, &control.reconcilers);
    let every = |period, name| Reconciler::every(period, name).everywhere();
    let edge = async {
        if roles.edge {
            tokio::join!(
                supervisor.run(every(MINUTE, "routes"), domains, stop, tick!(reconcile_routes)),
                supervisor.run(every(EDGE_REPORT_INTERVAL, "edge status"), domains, stop, tick!(report_edge)),
                supervisor.run(every(MINUTE, "traffic"), sites, stop, tick!(reconcile_traffic)),
            );
            domains.retire_edge().await;
            // The last minute counts too.
            if let Err(error) = sites.reconcile_traffic().await {
                tracing::warn!(error = error.for_operator(), "the traffic of the last minute could not be recorded");
            }
        }
    };
    let engine = async {
        if roles.web || roles.worker {
            supervisor.run(every(10 * SECOND, "engine cache"), sites, stop, tick!(reconcile_engine_cache)).await;
        }
    };
    let follow = every(relay::poll_interval(&control.core), "changes of other processes").on(Wakeup::Routes);
    tokio::join!(edge, engine, supervisor.run(follow, domains, stop, tick!(follow_changes)));
}

/// What all processes share: one at a time maintains it.
async fn maintain_shared(control: &Control, retire: &CancellationToken) {
    let (sites, domains, supervisor) = (&control.sites, &control.domains, &control.reconcilers);
    let (every, billing) = (Reconciler::every, &control.billing);
    tokio::join!(
        supervisor.keep(retire),
        supervisor.run(every(MINUTE, RUNTIME).on(Wakeup::Runtime), sites, retire, tick!(reconcile_runtime)),
        supervisor.run(every(2 * SECOND, "engine events").beside(RUNTIME), sites, retire, tick!(follow_engines)),
        supervisor.run(
            every(HOUR, "dirty sites").beside(RUNTIME).on(Wakeup::DirtySites),
            sites,
            retire,
            tick!(reconcile_dirty_sites)
        ),
        supervisor.run(every(HOUR, "adoption"), sites, retire, tick!(adopt_sites)),
        supervisor.run(every(MINUTE, "storage"), sites, retire, tick!(reconcile_storage)),
        supervisor.run(every(MINUTE, "purge").on(Wakeup::Purge), sites, retire, tick!(purge_due)),
        supervisor.run(every(MINUTE, "outage notices"), sites, retire, tick!(send_outage_notices)),
        supervisor.run(every(10 * MINUTE, "deletion reminders"), sites, retire, tick!(send_deletion_reminders)),
        supervisor.run(
            every(MINUTE, "certificates").on(Wakeup::Certificates),
            domains,
            retire,
            tick!(reconcile_certificates)
        ),
        supervisor.run(every(30 * SECOND, "domains").on(Wakeup::Domains), domains, retire, tick!(reconcile_domains)),
        supervisor.run(
            every(5 * MINUTE, "main addresses").on(Wakeup::MainAddresses),
            sites,
            retire,
            tick!(reconcile_main_addresses)
        ),
        supervisor.run(
            every(5 * MINUTE, "environments").on(Wakeup::Environments),
            sites,
            retire,
            tick!(reconcile_environments)
        ),
        supervisor.run(
            every(5 * MINUTE, "dns records").on(Wakeup::DnsRecords),
            domains,
            retire,
            tick!(reconcile_dns_records)
        ),
        supervisor.run(every(10 * MINUTE, "retention"), control, retire, tick!(prune)),
        supervisor.run(every(AUDIT_SEAL_INTERVAL, "audit chain"), &control.core, retire, tick!(seal_audit)),
        supervisor.run(every(HOUR, "audit check"), &control.core, retire, tick!(verify_audit_daily)),
        supervisor.run(every(10 * SECOND, "subscriptions"), billing, retire, tick!(reconcile_subscriptions)),
        supervisor.run(every(MINUTE, "checkouts"), billing, retire, tick!(expire_checkouts)),
        supervisor.run(every(HOUR, "stripe"), billing, retire, tick!(reconcile_stripe)),
        supervisor.run(every(10 * MINUTE, "account closings"), control, retire, tick!(close_due_accounts)),
    );
    domains.abort_orders().await;
    supervisor.release().await;
}
