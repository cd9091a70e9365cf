//! What changes a domain. Whoever moves one locks its row first, then its site's: two who meet wait
//! for each other instead of taking a name that the other gives away.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, UpdateMany,
    sea_query::{Expr, OnConflict},
};
use stoa_model::{
    domain::DomainState,
    host::Hostname,
    id::{DomainId, SiteId},
    site::SiteState,
};

use crate::{
    Constraint, DbError, Tx,
    codec::{REPORT, ms, words},
    db::Raw,
    entity::{domains, hostnames, sites},
    sites::site_address,
};

/// Makes a claimed domain a verified one and gives its name to the site. Does nothing if it is
/// verified already. After a `Conflict` nothing is changed, and the transaction can go on, for
/// instance to say so with [`domain_checked`].
///
/// # Errors
/// `Conflict(Hostname)` if a site has the name, this one by another way included; `Moved` if the
/// domain is removed, or its site (`sites`) is being deleted; `Missing` if there is none.
pub async fn domain_verify(tx: &Tx, id: DomainId, now: Timestamp) -> Result<(), DbError> {
    let row = locked(tx, id).await?;
    if row.state == DomainState::Verified.as_str() {
        return Ok(());
    }
    if row.state != DomainState::Claimed.as_str() {
        return Err(DbError::moved("domains", id, DomainState::Claimed.as_str()));
    }
    site_lasts(tx, SiteId::from_uuid(row.site)).await?;
    let name = hostnames::Model { hostname: row.name.clone(), site: row.site, domain: Some(row.id) };
    // An insertion that fails ends a transaction of PostgreSQL; whose row it is afterwards tells the same.
    let quiet = OnConflict::column(hostnames::Column::Hostname).do_nothing_on([hostnames::Column::Hostname]).to_owned();
    let insert = hostnames::Entity::insert(name.into_active_model()).on_conflict(quiet);
    insert.exec_without_returning(tx.raw()).await?;
    let held = hostnames::Entity::find_by_id(row.name).one(tx.raw()).await?;
    if held.and_then(|held| held.domain) != Some(row.id) {
        return Err(DbError::Conflict(Constraint::Hostname));
    }
    let verified = update(id)
        .col_expr(domains::Column::State, Expr::value(DomainState::Verified.as_str()))
        .col_expr(domains::Column::VerifiedAt, Expr::value(ms(now)));
    set(tx, verified).await
}

/// Notes what is wrong with a domain, if anything is, as a look saw it that began at `begun`; answers
/// whether it did. What a look saw that began later stays, for the last to end may have seen the least;
/// but not one in the future, from before the clock was put back.
///
/// # Errors
/// `Missing` if there is no such domain.
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
        .col_expr(domains::Column::Problem, Expr::value(problem.map(|text| words(text, REPORT))));
    set(tx, seen).await?;
    Ok(true)
}

/// Sets which domain of a site shall become its main address, and that no other one shall.
///
/// # Errors
/// If the database doesn't answer.
pub async fn domains_main_wanted(tx: &Tx, site: SiteId, wanted: Option<DomainId>) -> Result<(), DbError> {
    let its = |on: bool| {
        domains::Entity::update_many()
            .col_expr(domains::Column::MainWanted, Expr::value(on))
            .filter(domains::Column::Site.eq(site.uuid()))
            .filter(domains::Column::MainWanted.eq(!on))
    };
    its(false).exec(tx.raw()).await?;
    if let Some(id) = wanted {
        its(true).filter(domains::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
    }
    Ok(())
}

/// Notes that a name has become its site's main address: that is wanted no more.
///
/// # Errors
/// If the database doesn't answer.
pub async fn domain_main_reached(tx: &Tx, site: SiteId, name: &Hostname) -> Result<(), DbError> {
    let reached = domains::Entity::update_many()
        .col_expr(domains::Column::MainWanted, Expr::value(false))
        .filter(domains::Column::Site.eq(site.uuid()))
        .filter(domains::Column::ActiveName.eq(name.as_str()));
    reached.exec(tx.raw()).await?;
    Ok(())
}

/// Removes a claim that has run out; answers whether it did. One that was proven meanwhile stays.
///
/// # Errors
/// `Missing` if there is no such domain.
pub async fn domain_expire(tx: &Tx, id: DomainId, now: Timestamp) -> Result<bool, DbError> {
    let row = locked(tx, id).await?;
    let over = row.state == DomainState::Claimed.as_str() && row.expires_at <= ms(now);
    if over {
        set(tx, removed(now).filter(domains::Column::Id.eq(row.id))).await?;
    }
    Ok(over)
}

/// Removes a domain, and takes from the site the name that it brought. Does nothing if it is removed
/// already. A site that is being deleted can't be given another main name before: it gets `own`, the
/// one that the platform gave it, and its application is told so when the deletion is taken back.
///
/// # Errors
/// `Moved` if its name is the site's main name: the site must be given another one first. `Missing` if
/// there is no such domain.
pub async fn domain_remove(tx: &Tx, id: DomainId, own: &Hostname, now: Timestamp) -> Result<(), DbError> {
    let row = locked(tx, id).await?;
    if row.state == DomainState::Removed.as_str() {
        return Ok(());
    }
    let site = sites::Entity::find_by_id(row.site).lock_exclusive().one(tx.raw()).await?;
    let verified = row.state == DomainState::Verified.as_str();
    if let Some(site) = site.filter(|site| verified && site.hostname == row.name) {
        if site.state != SiteState::Deleting.as_str() {
            return Err(DbError::moved("domains", id, "an additional name of its site"));
        }
        site_address(tx, SiteId::from_uuid(site.id), own, site.url.as_deref()).await?;
    }
    hostnames::Entity::delete_many().filter(hostnames::Column::Domain.eq(row.id)).exec(tx.raw()).await?;
    set(tx, removed(now).filter(domains::Column::Id.eq(row.id))).await
}

/// Removes all domains of a site that ends, with all the names that they brought, the main one
/// included.
///
/// # Errors
/// If the database doesn't answer.
pub async fn domains_remove_of(tx: &Tx, site: SiteId, now: Timestamp) -> Result<(), DbError> {
    let its = domains::Column::Site.eq(site.uuid());
    removed(now).filter(its).filter(domains::Column::ActiveName.is_not_null()).exec(tx.raw()).await?;
    let brought = hostnames::Entity::delete_many().filter(hostnames::Column::Site.eq(site.uuid()));
    brought.filter(hostnames::Column::Domain.is_not_null()).exec(tx.raw()).await?;
    Ok(())
}

/// Locks a site that a domain is for. One that is being deleted gets none any more: nobody would
/// take it away again.
pub(crate) async fn site_lasts(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    let state = sites::Entity::find_by_id(site.uuid()).select_only().column(sites::Column::State).lock_exclusive();
    let state: Option<String> = state.into_tuple().one(tx.raw()).await?;
    let state = state.ok_or(DbError::Missing("sites"))?;
    let ends = [SiteState::Deleting, SiteState::Deleted].map(SiteState::as_str).contains(&state.as_str());
    if ends { Err(DbError::moved("sites", site, "one that stays")) } else { Ok(()) }
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
