//! Domains, certificates and DNS.
//!
//! This module has the custom domains of sites. Several sites may claim the same name; a claim alone grants
//! nothing. The first to verify it gets the name: a row in `hostnames`, where names are unique, that refers to
//! the domain. Removing a domain removes only that row, so a claim can never cost a site the name that the
//! platform gave it. Removed domains are kept as a record of who had a name.

pub mod acme_challenges;
pub mod certificates;
pub mod dns_records;
pub mod edges;
pub(crate) mod hostnames;
pub mod list;
pub mod resting_names;
pub mod route_changes;
pub mod routes;
pub(crate) mod updates;

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Func, NullOrdering},
};
use stoa_model::{
    domain::{Domain, DomainState},
    host::Hostname,
    id::{CustomerId, DomainId, SiteId},
};

use crate::{
    Conn, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::domains,
};
use updates::lock_remaining_site;
pub use updates::{
    domain_checked, domain_expire, domain_main_reached, domain_remove, domain_verify, domains_main_wanted,
    domains_remove_of,
};

/// Inserts a claim. Only [`domain_verify`] adds its name to the site.
///
/// # Errors
/// `Conflict(DomainClaim)` if this site already has an active domain of this name; `StaleWrite` if the site
/// is being deleted.
pub async fn domain_insert(tx: &Tx, domain: &Domain) -> Result<(), DbError> {
    lock_remaining_site(tx, domain.site).await?;
    let name = domain.name.as_str().to_owned();
    let row = domains::Model {
        id: domain.id.uuid(),
        site: domain.site.uuid(),
        customer: domain.customer.uuid(),
        active_name: (domain.state != DomainState::Removed).then(|| name.clone()),
        name,
        token: domain.token.clone(),
        state: domain.state.as_str().to_owned(),
        main_wanted: domain.main_wanted,
        created_at: ms(domain.created_at),
        expires_at: ms(domain.expires_at),
        verified_at: domain.verified_at.map(ms),
        checked_at: domain.checked_at.map(ms),
        problem: domain.problem.as_deref().map(|text| clip(text, MAX_TEXT_BYTES)),
        removed_at: None,
    };
    domains::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A domain by id, removed ones included.
pub async fn domain_get(c: &impl Conn, id: DomainId) -> Result<Option<Domain>, DbError> {
    domains::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// Several domains in one query, removed ones included; unknown ids are left out.
pub async fn domains_by_ids(c: &impl Conn, ids: &[DomainId]) -> Result<HashMap<DomainId, Domain>, DbError> {
    let by_ids = domains::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
    let found = read(domains::Entity::find().filter(by_ids).all(c.raw()).await?)?;
    Ok(found.into_iter().map(|domain| (domain.id, domain)).collect())
}

/// The active domains of a site, by name.
pub async fn domains_of(c: &impl Conn, site: SiteId) -> Result<Vec<Domain>, DbError> {
    let of_site = domains::Column::Site.eq(site.uuid()).and(domains::Column::ActiveName.is_not_null());
    read(domains::Entity::find().filter(of_site).order_by_asc(domains::Column::ActiveName).all(c.raw()).await?)
}

/// All domains of this name, of any site, oldest first, removed ones included.
pub async fn domains_by_name(c: &impl Conn, name: &Hostname) -> Result<Vec<Domain>, DbError> {
    let named = domains::Entity::find().filter(domains::Column::Name.eq(name.as_str()));
    read(named.order_by_asc(domains::Column::Id).all(c.raw()).await?)
}

/// When domains are due for their next check. A domain is *open* if it is claimed, or verified with a problem;
/// an open domain is *fresh* for a while after it was claimed or verified.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// The current time.
    pub now: Timestamp,
    /// Domains claimed or verified after this time are fresh.
    pub fresh_since: Timestamp,
    /// Fresh domains last checked before this time are due.
    pub fresh_before: Timestamp,
    /// Other open domains last checked before this time are due.
    pub open_before: Timestamp,
    /// Verified domains without a problem last checked before this time are due.
    pub well_before: Timestamp,
}

/// Up to `limit` domains to check, the longest-waiting first: those that are [`Due`], those never checked, and
/// those whose last check lies in the future because the clock was set back. Rows that can't be read are left
/// out.
pub async fn domains_due(c: &impl Conn, due: &Due, limit: u64) -> Result<Vec<Domain>, DbError> {
    use domains::Column::{CheckedAt, CreatedAt, Problem, State, VerifiedAt};
    let seen = |before| CheckedAt.is_null().or(CheckedAt.lt(ms(before))).or(CheckedAt.gt(ms(due.now)));
    let verified = State.eq(DomainState::Verified.as_str());
    let open = State.eq(DomainState::Claimed.as_str()).or(verified.clone().and(Problem.is_not_null()));
    let begun = Func::coalesce([Expr::col(VerifiedAt), Expr::col(CreatedAt)]);
    let fresh = Expr::from(begun).gt(ms(due.fresh_since));
    let any = Condition::any()
        .add(open.clone().and(fresh).and(seen(due.fresh_before)))
        .add(open.and(seen(due.open_before)))
        .add(verified.and(seen(due.well_before)));
    let rows = domains::Entity::find()
        .filter(any)
        .order_by_with_nulls(CheckedAt, Order::Asc, NullOrdering::First)
        .order_by_asc(domains::Column::Id)
        .limit(limit);
    Ok(readable(rows.all(c.raw()).await?))
}

/// All domains in this state, by name. Rows that can't be read are left out.
pub async fn domains_in(c: &impl Conn, state: DomainState) -> Result<Vec<Domain>, DbError> {
    let in_state = domains::Column::State.eq(state.as_str());
    Ok(readable(domains::Entity::find().filter(in_state).order_by_asc(domains::Column::Name).all(c.raw()).await?))
}

/// Skips rows that can't be read, so that one doesn't block all others.
fn readable(rows: Vec<domains::Model>) -> Vec<Domain> {
    let logged = |error: &DbError| tracing::error!(%error, "skipped a domain that can't be read");
    rows.into_iter().filter_map(|row| from_row(row).inspect_err(logged).ok()).collect()
}

fn read(rows: Vec<domains::Model>) -> Result<Vec<Domain>, DbError> {
    rows.into_iter().map(from_row).collect()
}

fn from_row(row: domains::Model) -> Result<Domain, DbError> {
    let id = DomainId::from_uuid(row.id);
    let read = Row { table: "domains", id: &id };
    Ok(Domain {
        id,
        site: SiteId::from_uuid(row.site),
        customer: CustomerId::from_uuid(row.customer),
        name: read.host(&row.name)?,
        token: row.token,
        state: read.parse(&row.state)?,
        main_wanted: row.main_wanted,
        created_at: read.time(row.created_at)?,
        expires_at: read.time(row.expires_at)?,
        verified_at: read.maybe_time(row.verified_at)?,
        checked_at: read.maybe_time(row.checked_at)?,
        problem: row.problem,
    })
}
