//! Leases: numbers from an engine's [`LeasePool`], one per site. What a number stands for is the
//! engine's business; on Docker it is the first address of a private network.
//!
//! - The lease is the column `subnet_base` of the site's own row, and unique: no number is leased
//!   twice, and a site can't forget its lease.
//! - Numbers are leased in turn; one that was given back is used again only after the whole pool. On
//!   Docker a new site then does not get the addresses of one that was just deleted: whatever still
//!   has connections there keeps asking for the old hardware address, and while the new container is
//!   not up yet each of its neighbors waits a second for an answer.
//! - A free number is found by the index: the first leased one whose successor is not. A row of `meta`
//!   stores where to start. It is locked first, so that two orders don't find the same number, and it
//!   is only a hint: if nothing is free from there on, the search starts again from the bottom.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SelectExt,
    sea_query::{Alias, Expr, ExprTrait, Order, Query},
};
use stoa_model::{id::SiteId, placement::LeasePool};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    db::Raw,
    entity::{meta, sites},
    meta::meta_set,
};

/// The row of `meta` that is locked while a number is leased.
const LOCK: &str = "lock.subnets";

/// Leases the next free number of `pool`. A site that holds a lease keeps it, whatever the pool. The
/// site must be stored already.
///
/// # Errors
/// `Exhausted` if nothing is free; `Missing` if there is no such site.
pub async fn lease(tx: &Tx, pool: &LeasePool, site: SiteId) -> Result<i64, DbError> {
    let hint = locked_hint(tx).await?;
    let row = sites::Entity::find_by_id(site.uuid()).select_only().column(sites::Column::SubnetBase);
    let held: Option<i64> = row.into_tuple().one(tx.raw()).await?.ok_or(DbError::Missing("sites"))?;
    if let Some(held) = held {
        return Ok(held);
    }
    let from = hint.filter(|(name, _)| *name == pool.name).map_or(pool.first, |(_, from)| from);
    let leased = match lowest_free(tx, pool, from).await {
        Err(DbError::Exhausted) if from > pool.first => lowest_free(tx, pool, pool.first).await?,
        found => found?,
    };
    set_lease(tx, site, Some(leased)).await?;
    meta_set(tx, LOCK, &format!("{} {}", pool.name, leased + pool.step)).await?;
    Ok(leased)
}

/// Makes other lessors wait; returns the hint: the pool's name, and where to start in it.
async fn locked_hint(tx: &Tx) -> Result<Option<(String, i64)>, DbError> {
    let row = meta::Entity::find_by_id(LOCK).lock_exclusive().one(tx.raw()).await?;
    Ok(row.and_then(|row| {
        let (pool, from) = row.value.rsplit_once(' ')?;
        Some((pool.to_owned(), from.parse().ok()?))
    }))
}

async fn set_lease(tx: &Tx, site: SiteId, lease: Option<i64>) -> Result<(), DbError> {
    sites::Entity::update_many()
        .col_expr(sites::Column::SubnetBase, Expr::value(lease))
        .filter(sites::Column::Id.eq(site.uuid()))
        .exec(tx.raw())
        .await?;
    Ok(())
}

/// The lowest free number from `from` on: skips taken ranges and leased numbers in turn.
async fn lowest_free(tx: &Tx, pool: &LeasePool, from: i64) -> Result<i64, DbError> {
    let mut taken = pool.taken.clone();
    taken.sort_unstable();
    let mut at = lowest_unleased(tx, pool, from).await?;
    while at < pool.end() {
        let clear = above(at, pool.step, &taken);
        if clear == at {
            return Ok(at);
        }
        at = lowest_unleased(tx, pool, clear).await?;
    }
    Err(DbError::Exhausted)
}

/// The lowest lease from `at` on that overlaps none of the taken ranges, which are sorted.
fn above(mut at: i64, step: i64, taken: &[(i64, i64)]) -> i64 {
    for (from, to) in taken {
        if *to > at && *from < at + step {
            at += (to - at + step - 1) / step * step;
        }
    }
    at
}

/// The lowest number from `at` on that no site holds; the pool's end or more if there is none.
async fn lowest_unleased(tx: &Tx, pool: &LeasePool, at: i64) -> Result<i64, DbError> {
    let end = pool.end();
    if at >= end {
        return Ok(end);
    }
    if !sites::Entity::find().filter(sites::Column::SubnetBase.eq(at)).exists(tx.raw()).await? {
        return Ok(at);
    }
    let (this, neighbor) = (Alias::new("this"), Alias::new("neighbor"));
    let own = Expr::col((this.clone(), sites::Column::SubnetBase));
    let leased = Query::select()
        .expr(Expr::value(1))
        .from_as(sites::Entity, neighbor.clone())
        .and_where(Expr::col((neighbor, sites::Column::SubnetBase)).eq(own.clone().add(pool.step)))
        .to_owned();
    let first = Query::select()
        .column((this.clone(), sites::Column::SubnetBase))
        .from_as(sites::Entity, this.clone())
        .and_where(own.clone().gte(at))
        .and_where(own.lt(end))
        .and_where(Expr::exists(leased).not())
        .order_by((this, sites::Column::SubnetBase), Order::Asc)
        .limit(1)
        .to_owned();
    let row = tx.raw().query_one(&first).await?;
    Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.map_or(end, |last| last + pool.step))
}

/// Gives a site's lease back, if it holds one.
pub async fn lease_free(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    set_lease(tx, site, None).await
}

/// All leases, lowest first.
pub async fn leases(c: &impl Conn) -> Result<Vec<(SiteId, i64)>, DbError> {
    let rows: Vec<(Uuid, i64)> = sites::Entity::find()
        .select_only()
        .columns([sites::Column::Id, sites::Column::SubnetBase])
        .filter(sites::Column::SubnetBase.is_not_null())
        .order_by_asc(sites::Column::SubnetBase)
        .into_tuple()
        .all(c.raw())
        .await?;
    Ok(rows.into_iter().map(|(id, lease)| (SiteId::from_uuid(id), lease)).collect())
}
