//! Changes of sites. Each column has one writer: intent (`state`, `reason`) [`lifecycle_move`] and the tombstone,
//! observation (`health`) [`site_observe`], the route [`site_publish`], the main name and the URL that the
//! application was configured with [`site_address`] and [`site_told`], the limits at the edge [`site_edge`].

use std::net::SocketAddr;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, UpdateMany, sea_query::Expr};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    limits::Limits,
    placement::Placement,
    route::RouteLimits,
    site::{Health, Lifecycle, Power, Site, Suspension},
};

use crate::{
    DbError, Tx,
    codec::{MAX_TEXT_BYTES, clip, int, ms},
    db::Raw,
    domains::domains_remove_of,
    entity::{backup_schedules, certificates, credentials, hostnames, jobs, secrets, sites},
    site_row::{from_row, health_name, suspensions_column},
    sites::{leases::lease_free, mail::mail_delete_of},
};

/// Moves a site from one lifecycle state to another, with a reason.
///
/// # Errors
/// `Illegal` if the lifecycle doesn't allow the transition; `StaleWrite` if the site is not in `from`.
pub async fn lifecycle_move(
    tx: &Tx,
    id: SiteId,
    from: Lifecycle,
    to: Lifecycle,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let to = from.to(to)?;
    let done = update(id)
        .col_expr(sites::Column::State, Expr::value(to.as_str()))
        .col_expr(sites::Column::StateAt, Expr::value(ms(now)))
        .col_expr(sites::Column::Reason, Expr::value(reason.map(|text| clip(text, MAX_TEXT_BYTES))))
        .filter(sites::Column::State.eq(from.as_str()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::stale_write("sites", id, from.as_str())) } else { Ok(()) }
}

/// Sets whether the site's owner wants it to run.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn power_set(tx: &Tx, id: SiteId, power: Power) -> Result<(), DbError> {
    set(tx, update(id).col_expr(sites::Column::Power, Expr::value(power.as_str()))).await
}

/// Replaces the reasons for which the site is suspended. Read them in the same transaction, with
/// [`site_lock`].
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn suspensions_set(tx: &Tx, id: SiteId, suspensions: &[Suspension]) -> Result<(), DbError> {
    set(tx, update(id).col_expr(sites::Column::Suspensions, Expr::value(suspensions_column(suspensions)))).await
}

/// Reads a site and keeps others from changing it until the transaction ends.
pub async fn site_lock(tx: &Tx, id: SiteId) -> Result<Option<Site>, DbError> {
    sites::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?.map(from_row).transpose()
}

/// Sets what is deployed: the revision, its blueprint, and where it lies.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_deployed(
    tx: &Tx,
    id: SiteId,
    revision: u32,
    blueprint_version: &str,
    placement: &Placement,
) -> Result<(), DbError> {
    let deployed = update(id)
        .col_expr(sites::Column::Revision, Expr::value(i64::from(revision)))
        .col_expr(sites::Column::BlueprintVersion, Expr::value(blueprint_version))
        .col_expr(sites::Column::Placement, Expr::value(serde_json::json!(placement).to_string()));
    set(tx, deployed).await
}

/// Sets the upstream of the site's requests, or clears it.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_publish(tx: &Tx, id: SiteId, upstream: Option<SocketAddr>) -> Result<(), DbError> {
    let address = Expr::value(upstream.map(|address| address.to_string()));
    set(tx, update(id).col_expr(sites::Column::Upstream, address)).await
}

/// Sets the site's main name, and the URL that its application was configured with.
///
/// # Errors
/// `Missing("hostnames")` if the name does not belong to the site, `Missing("sites")` if the site does not exist.
pub async fn site_address(tx: &Tx, id: SiteId, hostname: &Hostname, url: Option<&str>) -> Result<(), DbError> {
    // Lock before reading: removing a domain deletes its name only while holding this lock.
    sites::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?.ok_or(DbError::Missing("sites"))?;
    let name = hostnames::Entity::find_by_id(hostname.as_str()).one(tx.raw()).await?;
    if name.is_none_or(|name| name.site != id.uuid()) {
        return Err(DbError::Missing("hostnames"));
    }
    let renamed = update(id)
        .col_expr(sites::Column::Hostname, Expr::value(hostname.as_str()))
        .col_expr(sites::Column::Url, Expr::value(url));
    set(tx, renamed).await
}

/// Sets the URL that the site's application was configured with.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_told(tx: &Tx, id: SiteId, url: &str) -> Result<(), DbError> {
    set(tx, update(id).col_expr(sites::Column::Url, Expr::value(url))).await
}

/// Sets the limits of the site's main service, and its optional services.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_limits(tx: &Tx, id: SiteId, limits: &Limits, profiles: &[String]) -> Result<(), DbError> {
    let change = update(id)
        .col_expr(sites::Column::Memory, Expr::value(int(limits.memory.0)))
        .col_expr(sites::Column::Cpu, Expr::value(i64::from(limits.cpu.0)))
        .col_expr(sites::Column::Pids, Expr::value(i64::from(limits.pids)))
        .col_expr(sites::Column::Profiles, Expr::value(serde_json::json!(profiles).to_string()));
    set(tx, change).await
}

/// Sets the limits for the site's visitors at the edge.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_edge(tx: &Tx, id: SiteId, limits: &RouteLimits) -> Result<(), DbError> {
    let edge = update(id)
        .col_expr(sites::Column::MaxBody, Expr::value(int(limits.max_body)))
        .col_expr(sites::Column::EdgeRate, Expr::value(i64::from(limits.rate)))
        .col_expr(sites::Column::EdgeBurst, Expr::value(i64::from(limits.burst)))
        .col_expr(sites::Column::EdgeInFlight, Expr::value(i64::from(limits.in_flight)))
        .col_expr(sites::Column::EdgeSeconds, Expr::value(i64::from(limits.response_seconds)));
    set(tx, edge).await
}

/// Records the observed health.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_observe(tx: &Tx, id: SiteId, health: Health, now: Timestamp) -> Result<(), DbError> {
    let seen = update(id)
        .col_expr(sites::Column::Health, Expr::value(health_name(health)))
        .col_expr(sites::Column::HealthAt, Expr::value(ms(now)));
    set(tx, seen).await
}

/// Sets when the site was marked for deletion and when its purge begins. [`lifecycle_move`] sets the state.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_mark_deleted(tx: &Tx, id: SiteId, now: Timestamp, purge_at: Timestamp) -> Result<(), DbError> {
    set(tx, marks(id, Some(ms(now)), Some(ms(purge_at)))).await
}

/// Clears what [`site_mark_deleted`] set.
///
/// # Errors
/// `Missing` if the site does not exist.
pub async fn site_unmark_deleted(tx: &Tx, id: SiteId) -> Result<(), DbError> {
    set(tx, marks(id, None, None)).await
}

fn marks(id: SiteId, deleted_at: Option<i64>, purge_at: Option<i64>) -> UpdateMany<sites::Entity> {
    update(id)
        .col_expr(sites::Column::DeletedAt, Expr::value(deleted_at))
        .col_expr(sites::Column::PurgeAt, Expr::value(purge_at))
}

/// Ends a site that is being deleted. All its hostnames and its lease are free again, its
/// domains are removed; its secrets, credentials, backup schedule, the certificates uploaded for it and
/// the plans of its jobs, which hold sealed secrets, are erased. The row stays, and so do its history,
/// its jobs and its traffic, and the DNS records that are still to be taken away.
///
/// # Errors
/// `StaleWrite` if the site is not being deleted.
pub async fn site_tombstone(tx: &Tx, id: SiteId, now: Timestamp) -> Result<(), DbError> {
    lifecycle_move(tx, id, Lifecycle::Deleting, Lifecycle::Deleted, None, now).await?;
    let ended = update(id)
        .col_expr(sites::Column::Upstream, Expr::value(None::<String>))
        .col_expr(sites::Column::PurgeAt, Expr::value(None::<i64>))
        .col_expr(sites::Column::DeletedAt, Expr::value(ms(now)));
    set(tx, ended).await?;
    lease_free(tx, id).await?;
    domains_remove_of(tx, id, now).await?;
    let (c, site) = (tx.raw(), id.uuid());
    hostnames::Entity::delete_many().filter(hostnames::Column::Site.eq(site)).exec(c).await?;
    secrets::Entity::delete_many().filter(secrets::Column::Site.eq(site)).exec(c).await?;
    credentials::Entity::delete_many().filter(credentials::Column::Site.eq(site)).exec(c).await?;
    certificates::Entity::delete_many().filter(certificates::Column::Site.eq(site)).exec(c).await?;
    backup_schedules::Entity::delete_many().filter(backup_schedules::Column::Site.eq(site)).exec(c).await?;
    mail_delete_of(tx, id).await?;
    jobs::Entity::update_many()
        .col_expr(jobs::Column::Plan, Expr::value("null"))
        .filter(jobs::Column::Site.eq(site))
        .filter(jobs::Column::ActiveSite.is_null())
        .exec(c)
        .await?;
    Ok(())
}

fn update(id: SiteId) -> UpdateMany<sites::Entity> {
    sites::Entity::update_many().filter(sites::Column::Id.eq(id.uuid()))
}

async fn set(tx: &Tx, update: UpdateMany<sites::Entity>) -> Result<(), DbError> {
    let done = update.exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::Missing("sites")) } else { Ok(()) }
}
