//! What changes a site, one writer per column: intent (`state`, `reason`) by [`site_move`] and the
//! tombstone, observation (`health`) by [`site_observe`], the route by [`site_publish`], its main name and what its application was told of it by
//! [`site_address`] and [`site_told`], the limits at the edge by [`site_edge`].

use std::net::SocketAddr;

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, UpdateMany, sea_query::Expr};
use stoa_model::{
    host::Hostname,
    id::SiteId,
    route::RouteLimits,
    site::{Health, SiteState},
};

use crate::{
    DbError, Tx,
    codec::{REPORT, int, ms, words},
    db::Raw,
    domain_updates::domains_remove_of,
    entity::{backup_schedules, certificates, credentials, hostnames, jobs, secrets, sites},
    leases::lease_free,
};

/// Moves a site from one state to another and says why.
///
/// # Errors
/// `Illegal` if the model's table doesn't have the move; `Moved` if the site is not, or no longer, in
/// `from`.
pub async fn site_move(
    tx: &Tx,
    id: SiteId,
    from: SiteState,
    to: SiteState,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    let to = from.to(to)?;
    let done = update(id)
        .col_expr(sites::Column::State, Expr::value(to.as_str()))
        .col_expr(sites::Column::StateAt, Expr::value(ms(now)))
        .col_expr(sites::Column::Reason, Expr::value(reason.map(|text| words(text, REPORT))))
        .filter(sites::Column::State.eq(from.as_str()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::moved("sites", id, from.as_str())) } else { Ok(()) }
}

/// Sets where the edge sends the site's requests, or that there is nothing to send them to.
///
/// # Errors
/// `Missing` if there is no such site.
pub async fn site_publish(tx: &Tx, id: SiteId, upstream: Option<SocketAddr>) -> Result<(), DbError> {
    let address = Expr::value(upstream.map(|address| address.to_string()));
    set(tx, update(id).col_expr(sites::Column::Upstream, address)).await
}

/// Makes one of the site's names its main one, and sets which address its application was told.
///
/// # Errors
/// `Missing("hostnames")` if the name does not lead to the site, `Missing("sites")` if there is none.
pub async fn site_address(tx: &Tx, id: SiteId, hostname: &Hostname, url: Option<&str>) -> Result<(), DbError> {
    // Locked before the look: a domain that is being removed takes its name away only with this lock.
    sites::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?.ok_or(DbError::Missing("sites"))?;
    let name = hostnames::Entity::find_by_id(hostname.as_str()).one(tx.raw()).await?;
    if name.is_none_or(|name| name.site != id.uuid()) {
        return Err(DbError::Missing("hostnames"));
    }
    let moved = update(id)
        .col_expr(sites::Column::Hostname, Expr::value(hostname.as_str()))
        .col_expr(sites::Column::Url, Expr::value(url));
    set(tx, moved).await
}

/// Sets which address the site's application was told.
///
/// # Errors
/// `Missing` if there is no such site.
pub async fn site_told(tx: &Tx, id: SiteId, url: &str) -> Result<(), DbError> {
    set(tx, update(id).col_expr(sites::Column::Url, Expr::value(url))).await
}

/// Sets what the site's visitors may use of the edge.
///
/// # Errors
/// `Missing` if there is no such site.
pub async fn site_edge(tx: &Tx, id: SiteId, limits: &RouteLimits) -> Result<(), DbError> {
    let edge = update(id)
        .col_expr(sites::Column::MaxBody, Expr::value(int(limits.max_body)))
        .col_expr(sites::Column::EdgeRate, Expr::value(i64::from(limits.rate)))
        .col_expr(sites::Column::EdgeBurst, Expr::value(i64::from(limits.burst)))
        .col_expr(sites::Column::EdgeInFlight, Expr::value(i64::from(limits.in_flight)))
        .col_expr(sites::Column::EdgeSeconds, Expr::value(i64::from(limits.response_seconds)));
    set(tx, edge).await
}

/// Notes what was observed.
///
/// # Errors
/// `Missing` if there is no such site.
pub async fn site_observe(tx: &Tx, id: SiteId, health: Health, now: Timestamp) -> Result<(), DbError> {
    let seen = update(id)
        .col_expr(sites::Column::Health, Expr::value(health.as_str()))
        .col_expr(sites::Column::HealthAt, Expr::value(ms(now)));
    set(tx, seen).await
}

/// Sets when the site was marked for deletion and when its purge begins. The state is [`site_move`]'s.
///
/// # Errors
/// `Missing` if there is no such site.
pub async fn site_mark_deleted(tx: &Tx, id: SiteId, now: Timestamp, purge_at: Timestamp) -> Result<(), DbError> {
    set(tx, marks(id, Some(ms(now)), Some(ms(purge_at)))).await
}

/// Takes the marks of [`site_mark_deleted`] away.
///
/// # Errors
/// `Missing` if there is no such site.
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
/// `Moved` if it is not being deleted.
pub async fn site_tombstone(tx: &Tx, id: SiteId, now: Timestamp) -> Result<(), DbError> {
    site_move(tx, id, SiteState::Deleting, SiteState::Deleted, None, now).await?;
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
