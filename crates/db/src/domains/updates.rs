//! Changes of domains. Every change locks the domain's row first and its site's second, so that
//! concurrent changes are serialized: none takes a name that another one is giving away.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, UpdateMany,
    sea_query::{Expr, OnConflict},
};
use stoa_model::{
    domain::DomainState,
    host::Hostname,
    id::{DomainId, SiteId},
    site::Lifecycle,
};

use crate::{
    Constraint, DbError, Tx,
    codec::{MAX_TEXT_BYTES, clip, ms},
    db::Raw,
    entity::{domains, hostnames, sites},
    sites::site_address,
};

/// Marks a claimed domain as verified and adds its name to the site; idempotent. After a `Conflict`
/// nothing is changed and the transaction stays usable, for instance to record the problem with
/// [`domain_checked`].
///
/// # Errors
/// `Conflict(Hostname)` if any site already has the name, even this one by other means; `StaleWrite` if
/// the domain was removed or its site (`sites`) is being deleted; `Missing` if it does not exist.
pub async fn domain_verify(tx: &Tx, id: DomainId, now: Timestamp) -> Result<(), DbError> {
    let row = locked(tx, id).await?;
    if row.state == DomainState::Verified.as_str() {
        return Ok(());
    }
    if row.state != DomainState::Claimed.as_str() {
        return Err(DbError::stale_write("domains", id, DomainState::Claimed.as_str()));
    }
    lock_remaining_site(tx, SiteId::from_uuid(row.site)).await?;
    let name = hostnames::Model { hostname: row.name.clone(), site: row.site, domain: Some(row.id) };
    // A failed insert would abort PostgreSQL's transaction; reading the row's owner afterwards doesn't.
    let ignore =
        OnConflict::column(hostnames::Column::Hostname).do_nothing_on([hostnames::Column::Hostname]).to_owned();
    let insert = hostnames::Entity::insert(name.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    let existing = hostnames::Entity::find_by_id(row.name).one(tx.raw()).await?;
    if existing.and_then(|row| row.domain) != Some(row.id) {
        return Err(DbError::Conflict(Constraint::Hostname));
    }
    let verified = update(id)
        .col_expr(domains::Column::State, Expr::value(DomainState::Verified.as_str()))
        .col_expr(domains::Column::VerifiedAt, Expr::value(ms(now)));
    set(tx, verified).await
}

/// Records the result of a check that began at `begun`, and returns whether it was recorded. The result of
/// a check that began later is kept, because checks may finish out of order; a result from the future, from
/// before the clock was set back, is replaced.
///
/// # Errors
/// `Missing` if the domain does not exist.
pub async fn domain_checked(
    tx: &Tx,
    id: DomainId,
    begun: Timestamp,
    now: Timestamp,
    problem: Option<&str>,
) -> Result<bool, DbError> {
    let row = locked(tx, id).await?;
    if row.checked_at.is_some_and(|seen| ms(begun) < seen && seen <= ms(now)) {
        return Ok(false);
    }
    let seen = update(id)
        .col_expr(domains::Column::CheckedAt, Expr::value(ms(begun)))
        .col_expr(domains::Column::Problem, Expr::value(problem.map(|text| clip(text, MAX_TEXT_BYTES))));
    set(tx, seen).await?;
    Ok(true)
}

/// Sets which domain of a site is to become its main address, and clears the wish on all others.
pub async fn domains_main_wanted(tx: &Tx, site: SiteId, wanted: Option<DomainId>) -> Result<(), DbError> {
    let set_flag = |on: bool| {
        domains::Entity::update_many()
            .col_expr(domains::Column::MainWanted, Expr::value(on))
            .filter(domains::Column::Site.eq(site.uuid()))
            .filter(domains::Column::MainWanted.eq(!on))
    };
    set_flag(false).exec(tx.raw()).await?;
    if let Some(id) = wanted {
        set_flag(true).filter(domains::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    }
    Ok(())
}

/// Clears the wish for a main address once the name has become it.
pub async fn domain_main_reached(tx: &Tx, site: SiteId, name: &Hostname) -> Result<(), DbError> {
    let reached = domains::Entity::update_many()
        .col_expr(domains::Column::MainWanted, Expr::value(false))
        .filter(domains::Column::Site.eq(site.uuid()))
        .filter(domains::Column::ActiveName.eq(name.as_str()));
    reached.exec(tx.raw()).await?;
    Ok(())
}

/// Removes an expired claim, and returns whether it did. A domain verified meanwhile stays.
///
/// # Errors
/// `Missing` if the domain does not exist.
pub async fn domain_expire(tx: &Tx, id: DomainId, now: Timestamp) -> Result<bool, DbError> {
    let row = locked(tx, id).await?;
    let is_expired = row.state == DomainState::Claimed.as_str() && row.expires_at <= ms(now);
    if is_expired {
        set(tx, removed(now).filter(domains::Column::Id.eq(row.id))).await?;
    }
    Ok(is_expired)
}

/// Removes a domain and its name from the site; idempotent. If it is the main name of a site that is being
/// deleted, the site falls back to `own`, the name given by the platform; the application is updated if the
/// deletion is undone.
///
/// # Errors
/// `StaleWrite` if its name is the site's main name: set another main name first. `Missing` if the domain
/// does not exist.
pub async fn domain_remove(tx: &Tx, id: DomainId, own: &Hostname, now: Timestamp) -> Result<(), DbError> {
    let row = locked(tx, id).await?;
    if row.state == DomainState::Removed.as_str() {
        return Ok(());
    }
    let site = sites::Entity::find_by_id(row.site).lock_exclusive().one(tx.raw()).await?;
    let verified = row.state == DomainState::Verified.as_str();
    if let Some(site) = site.filter(|site| verified && site.hostname == row.name) {
        if site.state != Lifecycle::Deleting.as_str() {
            return Err(DbError::stale_write("domains", id, "an additional name of its site"));
        }
        site_address(tx, SiteId::from_uuid(site.id), own, site.url.as_deref()).await?;
    }
    hostnames::Entity::delete_many().filter(hostnames::Column::Domain.eq(row.id)).exec(tx.raw()).await?;
    set(tx, removed(now).filter(domains::Column::Id.eq(row.id))).await
}

/// Removes all domains of a purged site and all their names, the main one included.
pub async fn domains_remove_of(tx: &Tx, site: SiteId, now: Timestamp) -> Result<(), DbError> {
    let of_site = domains::Column::Site.eq(site.uuid());
    removed(now).filter(of_site).filter(domains::Column::ActiveName.is_not_null()).exec(tx.raw()).await?;
    let names = hostnames::Entity::delete_many().filter(hostnames::Column::Site.eq(site.uuid()));
    names.filter(hostnames::Column::Domain.is_not_null()).exec(tx.raw()).await?;
    Ok(())
}

/// Locks the site of a domain. A site that is being deleted gets no more domains, as nothing would remove
/// them again.
pub(crate) async fn lock_remaining_site(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    let state = sites::Entity::find_by_id(site.uuid()).select_only().column(sites::Column::State).lock_exclusive();
    let state: Option<String> = state.into_tuple().one(tx.raw()).await?;
    let state = state.ok_or(DbError::Missing("sites"))?;
    let is_ending = [Lifecycle::Deleting, Lifecycle::Deleted].map(Lifecycle::as_str).contains(&state.as_str());
    if is_ending { Err(DbError::stale_write("sites", site, "one that stays")) } else { Ok(()) }
}

async fn locked(tx: &Tx, id: DomainId) -> Result<domains::Model, DbError> {
    let row = domains::Entity::find_by_id(id.uuid()).lock_exclusive().one(tx.raw()).await?;
    row.ok_or(DbError::Missing("domains"))
}

fn removed(now: Timestamp) -> UpdateMany<domains::Entity> {
    domains::Entity::update_many()
        .col_expr(domains::Column::State, Expr::value(DomainState::Removed.as_str()))
        .col_expr(domains::Column::ActiveName, Expr::value(None::<String>))
        .col_expr(domains::Column::RemovedAt, Expr::value(ms(now)))
}

fn update(id: DomainId) -> UpdateMany<domains::Entity> {
    domains::Entity::update_many().filter(domains::Column::Id.eq(id.uuid()))
}

async fn set(tx: &Tx, update: UpdateMany<domains::Entity>) -> Result<(), DbError> {
    let done = update.exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::Missing("domains")) } else { Ok(()) }
}
