//! Sites: how they are stored, found and changed.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};
use stoa_model::{
    id::{CustomerId, SiteId},
    site::{Site, SiteState},
};

pub use crate::site_names::{hostname_taken, hostnames_of, site_by_hostname};
pub use crate::site_updates::{
    site_address, site_edge, site_mark_deleted, site_move, site_observe, site_publish, site_told, site_tombstone,
    site_unmark_deleted,
};
use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, ms, paged},
    db::Raw,
    entity::{customers, hostnames, sites},
    site_row::{from_row, to_row},
};

/// Which sites the staff wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<SiteState>,
    /// Only those with this text in their hostname or title, or in their customer's address.
    pub text: Option<String>,
}

/// Stores a new site and takes its hostname.
///
/// # Errors
/// `Conflict(Hostname)` if another site has it; `Conflict(Lease)` and `Conflict(Project)` likewise.
pub async fn site_insert(tx: &Tx, site: &Site) -> Result<(), DbError> {
    sites::Entity::insert(to_row(site)?.into_active_model()).exec_without_returning(tx.raw()).await?;
    let name = hostnames::Model { hostname: site.hostname.as_str().to_owned(), site: site.id.uuid(), domain: None };
    hostnames::Entity::insert(name.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A site by id; tombstones too.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn site_get(c: &impl Conn, id: SiteId) -> Result<Option<Site>, DbError> {
    sites::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// These sites, in one query; tombstones too.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn sites_by_ids(c: &impl Conn, ids: &[SiteId]) -> Result<HashMap<SiteId, Site>, DbError> {
    let wanted = sites::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
    let found = read(sites::Entity::find().filter(wanted).all(c.raw()).await?)?;
    Ok(found.into_iter().map(|site| (site.id, site)).collect())
}

/// A site of this customer; another customer's is not there.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn site_of(c: &impl Conn, customer: CustomerId, id: SiteId) -> Result<Option<Site>, DbError> {
    let his = sites::Column::Customer.eq(customer.uuid());
    sites::Entity::find_by_id(id.uuid()).filter(his).one(c.raw()).await?.map(from_row).transpose()
}

/// A page of a customer's sites, newest first, without tombstones.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn sites_of(c: &impl Conn, customer: CustomerId, page: Page) -> Result<Vec<Site>, DbError> {
    let his = sites::Entity::find()
        .filter(sites::Column::Customer.eq(customer.uuid()))
        .filter(sites::Column::State.ne(SiteState::Deleted.as_str()));
    read(paged(his, sites::Column::Id, page).all(c.raw()).await?)
}

/// A page of all sites, newest first; tombstones only when asked for by their state.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn staff_sites(c: &impl Conn, filter: &Filter, page: Page) -> Result<Vec<Site>, DbError> {
    let state = match filter.state {
        Some(state) => sites::Column::State.eq(state.as_str()),
        None => sites::Column::State.ne(SiteState::Deleted.as_str()),
    };
    let mut found = sites::Entity::find().filter(state);
    if let Some(text) = filter.text.as_deref().filter(|text| !text.trim().is_empty()) {
        found = found.filter(mentions(text));
    }
    read(paged(found, sites::Column::Id, page).all(c.raw()).await?)
}

/// The text as people search: anywhere, upper or lower case, and no character is a wildcard.
fn mentions(text: &str) -> Condition {
    let text = text.trim().to_lowercase().replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let like = || LikeExpr::new(format!("%{text}%")).escape('!');
    let customers = customers::Entity::find()
        .select_only()
        .column(customers::Column::Id)
        .filter(customers::Column::Email.like(like()))
        .into_query();
    let title = Func::lower(Expr::col((sites::Entity, sites::Column::Title)));
    Condition::any()
        .add(sites::Column::Hostname.like(like()))
        .add(Expr::from(title).like(like()))
        .add(sites::Column::Customer.in_subquery(customers))
}

/// How many sites of each blueprint are in one of `states`.
///
/// # Errors
/// If the database doesn't answer.
pub async fn site_counts_by_blueprint(c: &impl Conn, states: &[SiteState]) -> Result<Vec<(String, u64)>, DbError> {
    let counted = sites::Entity::find()
        .select_only()
        .column(sites::Column::Blueprint)
        .column_as(sites::Column::Id.count(), "n")
        .filter(sites::Column::State.is_in(states.iter().map(|state| state.as_str())))
        .group_by(sites::Column::Blueprint);
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    rows.into_iter().map(|(blueprint, n)| Ok((blueprint, read.number(n)?))).collect()
}

/// How many sites are in each state; states without sites are left out.
///
/// # Errors
/// `Corrupt` if a stored state is none.
pub async fn site_counts(c: &impl Conn, customer: Option<CustomerId>) -> Result<Vec<(SiteState, u64)>, DbError> {
    let mut counted = sites::Entity::find()
        .select_only()
        .column(sites::Column::State)
        .column_as(sites::Column::Id.count(), "n")
        .group_by(sites::Column::State);
    if let Some(customer) = customer {
        counted = counted.filter(sites::Column::Customer.eq(customer.uuid()));
    }
    let rows: Vec<(String, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    rows.into_iter().map(|(state, n)| Ok((read.parse(&state)?, read.number(n)?))).collect()
}

/// The sites whose grace has ended, the most overdue first.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn sites_to_purge(c: &impl Conn, now: Timestamp) -> Result<Vec<Site>, DbError> {
    let due = sites::Entity::find()
        .filter(sites::Column::PurgeAt.lte(ms(now)))
        .filter(sites::Column::State.eq(SiteState::Deleting.as_str()))
        .order_by_asc(sites::Column::PurgeAt);
    read(due.all(c.raw()).await?)
}

/// All sites but tombstones, oldest first. Fails as a whole if one can't be read: a reconciler that
/// doesn't see a site might take it for gone.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn sites_all_live(c: &impl Conn) -> Result<Vec<Site>, DbError> {
    let live = sites::Column::State.ne(SiteState::Deleted.as_str());
    read(sites::Entity::find().filter(live).order_by_asc(sites::Column::Id).all(c.raw()).await?)
}

/// The first `limit` of these, from the one that follows `after` on: for who looks at all of them and
/// need not hold all of them at once.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn sites_live_after(c: &impl Conn, after: Option<SiteId>, limit: u64) -> Result<Vec<Site>, DbError> {
    let mut live = sites::Entity::find().filter(sites::Column::State.ne(SiteState::Deleted.as_str()));
    if let Some(after) = after {
        live = live.filter(sites::Column::Id.gt(after.uuid()));
    }
    read(live.order_by_asc(sites::Column::Id).limit(limit).all(c.raw()).await?)
}

fn read(rows: Vec<sites::Model>) -> Result<Vec<Site>, DbError> {
    rows.into_iter().map(from_row).collect()
}
