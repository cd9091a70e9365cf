//! Custom domains: names that customers bring along for their sites.
//!
//! Many may claim a name, and a claim gives nobody anything. Who proves it takes the name: it then
//! lies in `hostnames`, where it is unique, with the domain that brought it. Removing a domain takes
//! away what that domain brought and nothing else, so a claim can never cost a site the name that
//! the platform gave it. Removed domains stay, as they tell who had a name.

pub mod certificates;
pub mod dns_records;
pub(crate) mod hostnames;
pub mod routes;
pub(crate) mod updates;

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
    codec::{REPORT, Row, ms, words},
    db::Raw,
    entity::domains,
};
use updates::site_lasts;
pub use updates::{
    domain_checked, domain_expire, domain_main_reached, domain_remove, domain_verify, domains_main_wanted,
    domains_remove_of,
};

/// Stores a new domain. Only [`domain_verify`] takes its name for the site.
///
/// # Errors
/// `Conflict(DomainClaim)` if this site has a domain of this name that is not removed; `Moved` if the
/// site is being deleted.
pub async fn domain_insert(tx: &Tx, domain: &Domain) -> Result<(), DbError> {
    site_lasts(tx, domain.site).await?;
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
        problem: domain.problem.as_deref().map(|text| words(text, REPORT)),
        removed_at: None,
    };
    domains::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A domain by id; removed ones too.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn domain_get(c: &impl Conn, id: DomainId) -> Result<Option<Domain>, DbError> {
    domains::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// The domains of a site by name, without removed ones.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn domains_of(c: &impl Conn, site: SiteId) -> Result<Vec<Domain>, DbError> {
    let its = domains::Column::Site.eq(site.uuid()).and(domains::Column::ActiveName.is_not_null());
    read(domains::Entity::find().filter(its).order_by_asc(domains::Column::ActiveName).all(c.raw()).await?)
}

/// All domains of this name, of any site, oldest first; removed ones too, as they tell who had it.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn domains_by_name(c: &impl Conn, name: &Hostname) -> Result<Vec<Domain>, DbError> {
    let named = domains::Entity::find().filter(domains::Column::Name.eq(name.as_str()));
    read(named.order_by_asc(domains::Column::Id).all(c.raw()).await?)
}

/// When a domain is to be looked at again. Open ones are claimed, or verified and with a problem; they
/// are fresh if they were claimed, or then verified, a short while ago.
#[derive(Debug, Clone, Copy)]
pub struct Due {
    /// This moment.
    pub now: Timestamp,
    /// Since when open ones are fresh.
    pub fresh_since: Timestamp,
    /// Fresh ones last looked at before.
    pub fresh_before: Timestamp,
    /// Other open ones last looked at before.
    pub open_before: Timestamp,
    /// Verified ones without a problem last looked at before.
    pub well_before: Timestamp,
}

/// The first `limit` domains that are to be looked at: those that are [`Due`], those never looked at,
/// and those that a clock that has been put back since says were looked at later than now. The one
/// that waits the longest comes first. Those that can't be read are left out.
///
/// # Errors
/// If the database doesn't answer.
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

/// All domains in this state, by name, without those that can't be read.
///
/// # Errors
/// If the database doesn't answer.
pub async fn domains_in(c: &impl Conn, state: DomainState) -> Result<Vec<Domain>, DbError> {
    let there = domains::Column::State.eq(state.as_str());
    Ok(readable(domains::Entity::find().filter(there).order_by_asc(domains::Column::Name).all(c.raw()).await?))
}

/// Those that can be read; one that can't be must not stop all others.
fn readable(rows: Vec<domains::Model>) -> Vec<Domain> {
    let logged = |error: &DbError| tracing::error!(%error, "a domain is left out");
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
