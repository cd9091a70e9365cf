//! Sites, with their secrets and traffic.

pub mod events;
pub mod leases;
pub mod list;
pub mod mail;
pub mod revisions;
pub mod secrets;
pub mod storage;
pub mod traffic;
mod updates;

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, SimpleExpr},
};
use stoa_model::{
    id::{CustomerId, SiteId},
    site::{Health, Lifecycle, ORDER_CANCELLED, Power, Site, SiteState},
    stack::ProjectName,
};

pub use crate::domains::hostnames::{hostname_claim, hostname_taken, hostnames_free, hostnames_of, site_by_hostname};
use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, ms, paged},
    db::Raw,
    entity::sites,
    site_row::{from_row, to_row},
};
pub use updates::{
    lifecycle_move, power_set, site_address, site_deployed, site_edge, site_limits, site_lock, site_mark_deleted,
    site_observe, site_publish, site_told, site_tombstone, site_unmark_deleted, suspensions_set,
};

/// Inserts a site and its hostname.
///
/// # Errors
/// `Conflict(Hostname)` if another site has it; `Conflict(Lease)` and `Conflict(Project)` likewise.
pub async fn site_insert(tx: &Tx, site: &Site) -> Result<(), DbError> {
    sites::Entity::insert(to_row(site)?.into_active_model()).exec_without_returning(tx.raw()).await?;
    hostname_claim(tx, site).await
}

/// A site by id, tombstones included.
pub async fn site_get(c: &impl Conn, id: SiteId) -> Result<Option<Site>, DbError> {
    sites::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(from_row).transpose()
}

/// Several sites in one query, tombstones included; unknown ids are left out.
pub async fn sites_by_ids(c: &impl Conn, ids: &[SiteId]) -> Result<HashMap<SiteId, Site>, DbError> {
    let by_ids = sites::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
    let found = read(sites::Entity::find().filter(by_ids).all(c.raw()).await?)?;
    Ok(found.into_iter().map(|site| (site.id, site)).collect())
}

/// A site of this customer; `None` for another customer's.
pub async fn site_of(c: &impl Conn, customer: CustomerId, id: SiteId) -> Result<Option<Site>, DbError> {
    let own = sites::Column::Customer.eq(customer.uuid());
    sites::Entity::find_by_id(id.uuid()).filter(own).one(c.raw()).await?.map(from_row).transpose()
}

/// The site of an engine's project.
pub async fn site_of_project(c: &impl Conn, project: &ProjectName) -> Result<Option<Site>, DbError> {
    let of_project = sites::Column::Project.eq(project.as_str());
    sites::Entity::find().filter(of_project).one(c.raw()).await?.map(from_row).transpose()
}

/// A page of a customer's sites, newest first, without tombstones.
pub async fn sites_of(c: &impl Conn, customer: CustomerId, page: Page) -> Result<Vec<Site>, DbError> {
    let own = sites::Entity::find()
        .filter(sites::Column::Customer.eq(customer.uuid()))
        .filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()));
    read(paged(own, sites::Column::Id, page).all(c.raw()).await?)
}

/// A page of all sites, newest first, without tombstones.
pub async fn sites_all(c: &impl Conn, page: Page) -> Result<Vec<Site>, DbError> {
    let found = sites::Entity::find().filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()));
    read(paged(found, sites::Column::Id, page).all(c.raw()).await?)
}

/// The sites in a state, as [`Site::state`] computes it.
fn in_state(state: SiteState) -> Condition {
    let suspended = sites::Column::Suspensions.is_not_null();
    let running = |power: Power| {
        Condition::all()
            .add(sites::Column::State.eq(Lifecycle::Active.as_str()))
            .add(sites::Column::Suspensions.is_null())
            .add(sites::Column::Power.eq(power.as_str()))
    };
    let failed = || Condition::all().add(sites::Column::State.eq(Lifecycle::Failed.as_str()));
    match state {
        SiteState::Active => running(Power::On),
        SiteState::Stopped => running(Power::Off),
        SiteState::Sleeping => running(Power::Asleep),
        SiteState::Suspended => Condition::all()
            .add(sites::Column::State.is_in([Lifecycle::Active.as_str(), Lifecycle::Updating.as_str()]))
            .add(suspended),
        SiteState::Updating => Condition::all()
            .add(sites::Column::State.eq(Lifecycle::Updating.as_str()))
            .add(sites::Column::Suspensions.is_null()),
        SiteState::Failed => failed()
            .add(Condition::any().add(sites::Column::Reason.is_null()).add(sites::Column::Reason.ne(ORDER_CANCELLED))),
        SiteState::Cancelled => failed().add(sites::Column::Reason.eq(ORDER_CANCELLED)),
        SiteState::Pending | SiteState::Provisioning | SiteState::Deleting | SiteState::Deleted => {
            Condition::all().add(sites::Column::State.eq(state.as_str()))
        }
    }
}

/// Sites that were made with the same version of a blueprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlueprintUse {
    /// The blueprint's name.
    pub blueprint: String,
    /// Its version; `None` for sites that are not adopted yet.
    pub version: Option<String>,
    /// How many sites there are.
    pub sites: u64,
    /// The memory limits of their main services in bytes, all together.
    pub memory: u64,
}

/// The sites in one of `states`, by the blueprint version that they were made with.
pub async fn sites_by_blueprint(c: &impl Conn, states: &[SiteState]) -> Result<Vec<BlueprintUse>, DbError> {
    let any = states.iter().fold(Condition::any(), |any, state| any.add(in_state(*state)));
    let counted = sites::Entity::find()
        .select_only()
        .column(sites::Column::Blueprint)
        .column(sites::Column::BlueprintVersion)
        .column_as(sites::Column::Memory, "memory")
        .column_as(sites::Column::Id.count(), "n")
        .filter(any)
        .group_by(sites::Column::Blueprint)
        .group_by(sites::Column::BlueprintVersion)
        .group_by(sites::Column::Memory);
    // By memory, and added up here: the databases disagree about the type of a sum.
    let rows: Vec<(String, Option<String>, i64, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    let mut found: Vec<BlueprintUse> = Vec::new();
    for (blueprint, version, memory, n) in rows {
        let (sites, memory) = (read.number(n)?, read.number::<u64>(memory)?);
        let memory = memory.saturating_mul(sites);
        match found.iter_mut().find(|known| known.blueprint == blueprint && known.version == version) {
            Some(known) => {
                known.sites += sites;
                known.memory = known.memory.saturating_add(memory);
            }
            None => found.push(BlueprintUse { blueprint, version, sites, memory }),
        }
    }
    Ok(found)
}

/// Number of sites by state, of one customer or of all; states without sites are left out.
pub async fn site_counts(c: &impl Conn, customer: Option<CustomerId>) -> Result<Vec<(SiteState, u64)>, DbError> {
    let mut found = sites::Entity::find();
    if let Some(customer) = customer {
        found = found.filter(sites::Column::Customer.eq(customer.uuid()));
    }
    let cancelled: SimpleExpr = CaseStatement::new().case(in_state(SiteState::Cancelled), 1).into();
    let counted = found
        .select_only()
        .column(sites::Column::State)
        .column(sites::Column::Power)
        // How many of a group are suspended: all or none.
        .column_as(sites::Column::Suspensions.count(), "suspended")
        .column_as(cancelled.count(), "cancelled")
        .column_as(sites::Column::Id.count(), "n")
        .group_by(sites::Column::State)
        .group_by(sites::Column::Power)
        .group_by(Expr::col(sites::Column::Suspensions).is_not_null());
    let rows: Vec<(String, String, i64, i64, i64)> = counted.into_tuple().all(c.raw()).await?;
    let read = Row { table: "sites", id: &"(counts)" };
    let mut counts = Vec::with_capacity(rows.len());
    for (lifecycle, power, suspended, cancelled, n) in rows {
        let state = SiteState::of(read.parse(&lifecycle)?, read.parse(&power)?, suspended != 0);
        counts.push((state, read.number(n - cancelled)?));
        counts.push((SiteState::Cancelled, read.number(cancelled)?));
    }
    Ok(summed(counts))
}

/// One sum for each state, in the order in which they first occur; those of 0 are left out.
fn summed(counts: Vec<(SiteState, u64)>) -> Vec<(SiteState, u64)> {
    let mut sums: Vec<(SiteState, u64)> = Vec::new();
    for (state, n) in counts.into_iter().filter(|(_, n)| *n > 0) {
        match sums.iter_mut().find(|(known, _)| *known == state) {
            Some((_, sum)) => *sum += n,
            None => sums.push((state, n)),
        }
    }
    sums
}

/// Living sites of earlier releases that are not pinned to a blueprint version yet, in the order of
/// their ids.
pub async fn sites_unpinned_after(c: &impl Conn, after: Option<SiteId>, limit: u64) -> Result<Vec<Site>, DbError> {
    let mut unpinned = sites::Entity::find()
        .filter(sites::Column::BlueprintVersion.is_null())
        .filter(sites::Column::State.is_in([
            Lifecycle::Active.as_str(),
            Lifecycle::Updating.as_str(),
            Lifecycle::Deleting.as_str(),
        ]))
        .order_by_asc(sites::Column::Id)
        .limit(limit);
    if let Some(after) = after {
        unpinned = unpinned.filter(sites::Column::Id.gt(after.uuid()));
    }
    read(unpinned.all(c.raw()).await?)
}

/// The sites whose grace period has ended, the most overdue first.
pub async fn sites_to_purge(c: &impl Conn, now: Timestamp) -> Result<Vec<Site>, DbError> {
    let due = sites::Entity::find()
        .filter(sites::Column::PurgeAt.lte(ms(now)))
        .filter(sites::Column::State.eq(Lifecycle::Deleting.as_str()))
        .order_by_asc(sites::Column::PurgeAt);
    read(due.all(c.raw()).await?)
}

/// The active sites that have not been healthy since `before` or earlier, oldest first.
pub async fn sites_down_since(c: &impl Conn, before: Timestamp) -> Result<Vec<Site>, DbError> {
    let down = sites::Entity::find()
        .filter(sites::Column::State.eq(Lifecycle::Active.as_str()))
        .filter(sites::Column::Health.is_in([Health::Down.as_str(), Health::Unhealthy.as_str()]))
        .filter(sites::Column::HealthAt.lte(ms(before)))
        .order_by_asc(sites::Column::Id);
    read(down.all(c.raw()).await?)
}

/// All sites except tombstones, oldest first. Fails as a whole if one can't be read: a reconciler that misses a
/// site might treat it as deleted.
pub async fn sites_all_live(c: &impl Conn) -> Result<Vec<Site>, DbError> {
    let live = sites::Column::State.ne(Lifecycle::Deleted.as_str());
    read(sites::Entity::find().filter(live).order_by_asc(sites::Column::Id).all(c.raw()).await?)
}

/// Up to `limit` sites except tombstones, oldest first, that follow `after`: for iterating over all sites in
/// batches.
pub async fn sites_live_after(c: &impl Conn, after: Option<SiteId>, limit: u64) -> Result<Vec<Site>, DbError> {
    let mut live = sites::Entity::find().filter(sites::Column::State.ne(Lifecycle::Deleted.as_str()));
    if let Some(after) = after {
        live = live.filter(sites::Column::Id.gt(after.uuid()));
    }
    read(live.order_by_asc(sites::Column::Id).limit(limit).all(c.raw()).await?)
}

fn read(rows: Vec<sites::Model>) -> Result<Vec<Site>, DbError> {
    rows.into_iter().map(from_row).collect()
}
