//! Sites: how they are stored, found and changed.
//!
//! A hostname lies in a table of its own, unique, so that a site can have more than one later and a
//! deleted site's is free again while the tombstone still tells what it was.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::{Expr, ExprTrait, Func, LikeExpr},
};
use stoa_model::{
    host::{Hostname, Subdomain},
    id::{CustomerId, SiteId},
    limits::{Bytes, Limits, MilliCpu},
    net::Subnet,
    site::{Site, SiteState},
    stack::ProjectName,
    text::{AdminUser, EmailAddress, SiteTitle},
};

use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, int, ms, paged},
    db::Raw,
    entity::{customers, hostnames, sites},
    leases::base,
};

pub use crate::site_moves::{
    site_mark_deleted, site_move, site_observe, site_publish, site_tombstone, site_unmark_deleted,
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
/// `Conflict(Hostname)` if another site has it; `Conflict(SubnetBlock)` and `Conflict(Project)` likewise.
pub async fn site_insert(tx: &Tx, site: &Site) -> Result<(), DbError> {
    sites::Entity::insert(to_row(site)?.into_active_model()).exec_without_returning(tx.raw()).await?;
    let name = hostnames::Model { hostname: site.hostname.as_str().to_owned(), site: site.id.uuid() };
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

/// A site of this customer; another customer's is not there.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn site_of(c: &impl Conn, customer: CustomerId, id: SiteId) -> Result<Option<Site>, DbError> {
    let his = sites::Column::Customer.eq(customer.uuid());
    sites::Entity::find_by_id(id.uuid()).filter(his).one(c.raw()).await?.map(from_row).transpose()
}

/// The site that has this hostname now.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn site_by_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Site>, DbError> {
    let Some(name) = find_hostname(c, hostname).await? else { return Ok(None) };
    site_get(c, SiteId::from_uuid(name.site)).await
}

/// Whether a site has this hostname. Only the insertion is the truth; this is for people who type.
///
/// # Errors
/// If the database doesn't answer.
pub async fn hostname_taken(c: &impl Conn, hostname: &Hostname) -> Result<bool, DbError> {
    Ok(find_hostname(c, hostname).await?.is_some())
}

async fn find_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<hostnames::Model>, DbError> {
    Ok(hostnames::Entity::find_by_id(hostname.as_str()).one(c.raw()).await?)
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

/// A page of all sites, newest first, tombstones too.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn staff_sites(c: &impl Conn, filter: &Filter, page: Page) -> Result<Vec<Site>, DbError> {
    let mut found = sites::Entity::find();
    if let Some(state) = filter.state {
        found = found.filter(sites::Column::State.eq(state.as_str()));
    }
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

fn read(rows: Vec<sites::Model>) -> Result<Vec<Site>, DbError> {
    rows.into_iter().map(from_row).collect()
}

fn to_row(site: &Site) -> Result<sites::Model, DbError> {
    Ok(sites::Model {
        id: site.id.uuid(),
        customer: site.customer.uuid(),
        blueprint: site.blueprint.clone(),
        profiles: serde_json::json!(site.profiles).to_string(),
        title: site.title.as_str().to_owned(),
        subdomain: site.subdomain.as_str().to_owned(),
        hostname: site.hostname.as_str().to_owned(),
        admin_user: site.admin_user.as_str().to_owned(),
        admin_email: site.admin_email.as_str().to_owned(),
        project: site.project.as_str().to_owned(),
        subnet_base: site.subnet.map(|block| block_base(&block)).transpose()?,
        memory: int(site.limits.memory.0),
        cpu: site.limits.cpu.0.into(),
        pids: site.limits.pids.into(),
        max_body: int(site.max_body),
        state: site.state.as_str().to_owned(),
        state_at: ms(site.created_at),
        reason: site.reason.clone(),
        upstream: site.upstream.map(|address| address.to_string()),
        health: site.health.as_str().to_owned(),
        health_at: site.health_at.map(ms),
        created_at: ms(site.created_at),
        deleted_at: site.deleted_at.map(ms),
        purge_at: site.purge_at.map(ms),
    })
}

fn block_base(block: &Subnet) -> Result<i64, DbError> {
    if block.blocks() == 1 && block.block(0) == Some(*block) {
        return Ok(base(block));
    }
    Err(DbError::other(format!("{block} is no block for one site")))
}

/// The block that begins at this address.
pub(crate) fn block_at(read: &Row<'_>, base: i64) -> Result<Subnet, DbError> {
    read.parse(&format!("{}/{}", Ipv4Addr::from(read.number::<u32>(base)?), Subnet::SITE_PREFIX))
}

fn from_row(row: sites::Model) -> Result<Site, DbError> {
    let id = SiteId::from_uuid(row.id);
    let read = Row { table: "sites", id: &id };
    Ok(Site {
        id,
        customer: CustomerId::from_uuid(row.customer),
        blueprint: row.blueprint,
        profiles: read.json(&row.profiles)?,
        title: SiteTitle::parse(&row.title).map_err(|why| read.bad(why))?,
        subdomain: Subdomain::parse(&row.subdomain).map_err(|why| read.bad(why))?,
        hostname: Hostname::parse(&row.hostname).map_err(|why| read.bad(why))?,
        admin_user: AdminUser::parse(&row.admin_user).map_err(|why| read.bad(why))?,
        admin_email: EmailAddress::parse(&row.admin_email).map_err(|why| read.bad(why))?,
        project: ProjectName::from_stored(row.project),
        subnet: row.subnet_base.map(|base| block_at(&read, base)).transpose()?,
        limits: Limits {
            memory: Bytes(read.number(row.memory)?),
            cpu: MilliCpu(read.number(row.cpu)?),
            pids: read.number(row.pids)?,
        },
        max_body: read.number(row.max_body)?,
        state: read.parse(&row.state)?,
        reason: row.reason,
        upstream: row.upstream.map(|address| read.parse(&address)).transpose()?,
        health: read.parse(&row.health)?,
        health_at: read.maybe_time(row.health_at)?,
        created_at: read.time(row.created_at)?,
        deleted_at: read.maybe_time(row.deleted_at)?,
        purge_at: read.maybe_time(row.purge_at)?,
    })
}
