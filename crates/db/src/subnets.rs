//! Blocks of addresses, one per site. The lease is the column `subnet_base` of the site's own row, and
//! unique: a block can't be leased twice, and a site can't forget its lease.
//!
//! Blocks are leased in turn, and one that was given back only when the pool has been gone through. So
//! a new site does not get the addresses of one that was just deleted: what still has connections
//! there keeps asking for its neighbour's hardware address, and while a new container is not up yet
//! that makes everybody wait a second for the answer.
//!
//! A free block is found by the index: the first leased one whose neighbour is not. A row of `meta`
//! keeps from where to look. It is locked first, so that two orders don't find the same block, and it
//! is only a hint: who finds nothing looks again from the bottom.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SelectExt,
    sea_query::{Alias, Expr, ExprTrait, Order, Query},
};
use stoa_model::{id::SiteId, net::Subnet};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    codec::Row,
    db::Raw,
    entity::{meta, sites},
    meta::meta_set,
    site_row::block_at,
};

/// The row of `meta` that lessors lock.
const LOCK: &str = "lock.subnets";
/// Addresses in one block.
const SIZE: i64 = 1 << (32 - Subnet::SITE_PREFIX);

/// The first address of a network.
pub(crate) fn base(net: &Subnet) -> i64 {
    i64::from(u32::from(net.gateway())) - 1
}

/// Leases the next block of `pool` that is free and shares no address with `taken`, the networks
/// that the engine has already. A site that holds a block keeps it. The site must be stored already.
///
/// # Errors
/// `Exhausted` if there is none; `Missing` if there is no such site.
pub async fn subnet_lease(
    tx: &Tx,
    pool: &Subnet,
    site: SiteId,
    _now: Timestamp,
    taken: &[Subnet],
) -> Result<Subnet, DbError> {
    let hint = locked(tx).await?;
    let row = sites::Entity::find_by_id(site.uuid()).select_only().column(sites::Column::SubnetBase);
    let held: Option<i64> = row.into_tuple().one(tx.raw()).await?.ok_or(DbError::Missing("sites"))?;
    let read = Row { table: "sites", id: &site };
    if let Some(base) = held {
        return block_at(&read, base);
    }
    let from = hint.filter(|(of, _)| *of == pool.to_string()).map_or(base(pool), |(_, from)| from);
    let leased = match lowest(tx, pool, from, taken).await {
        Err(DbError::Exhausted) if from > base(pool) => lowest(tx, pool, base(pool), taken).await?,
        found => found?,
    };
    set(tx, site, Some(leased)).await?;
    meta_set(tx, LOCK, &format!("{pool} {}", leased + SIZE)).await?;
    block_at(&read, leased)
}

/// Makes lessors wait for one another; answers the hint: in which pool, and from where on, to look.
async fn locked(tx: &Tx) -> Result<Option<(String, i64)>, DbError> {
    let row = meta::Entity::find_by_id(LOCK).lock_exclusive().one(tx.raw()).await?;
    Ok(row.and_then(|row| {
        let (pool, from) = row.value.split_once(' ')?;
        Some((pool.to_owned(), from.parse().ok()?))
    }))
}

async fn set(tx: &Tx, site: SiteId, base: Option<i64>) -> Result<(), DbError> {
    sites::Entity::update_many()
        .col_expr(sites::Column::SubnetBase, Expr::value(base))
        .filter(sites::Column::Id.eq(site.uuid()))
        .exec(tx.raw())
        .await?;
    Ok(())
}

/// The lowest free block from `from` on: climbs over what is taken and over what is leased, in turn.
async fn lowest(tx: &Tx, pool: &Subnet, from: i64, taken: &[Subnet]) -> Result<i64, DbError> {
    let end = base(pool) + i64::from(pool.blocks()) * SIZE;
    let mut taken: Vec<(i64, i64)> = taken.iter().filter(|net| net.overlaps(pool)).map(span).collect();
    taken.sort_unstable();
    let mut at = unleased(tx, from, end).await?;
    while at < end {
        let clear = above(at, &taken);
        if clear == at {
            return Ok(at);
        }
        at = unleased(tx, clear, end).await?;
    }
    Err(DbError::Exhausted)
}

/// The lowest block from `at` on that shares no address with what is taken, which is sorted.
fn above(mut at: i64, taken: &[(i64, i64)]) -> i64 {
    for (from, to) in taken {
        if *to > at && *from < at + SIZE {
            at += (to - at + SIZE - 1) / SIZE * SIZE;
        }
    }
    at
}

/// First address of a network, and the first one after it.
fn span(net: &Subnet) -> (i64, i64) {
    let text = net.to_string();
    let prefix: u32 = text.rsplit('/').next().and_then(|prefix| prefix.parse().ok()).unwrap_or(32);
    (base(net), base(net) + (1 << (32 - prefix)))
}

/// The lowest block from `at` on that no site holds; `end` or more if there is none.
async fn unleased(tx: &Tx, at: i64, end: i64) -> Result<i64, DbError> {
    if at >= end {
        return Ok(end);
    }
    if !sites::Entity::find().filter(sites::Column::SubnetBase.eq(at)).exists(tx.raw()).await? {
        return Ok(at);
    }
    let (this, neighbour) = (Alias::new("this"), Alias::new("neighbour"));
    let own = Expr::col((this.clone(), sites::Column::SubnetBase));
    let leased = Query::select()
        .expr(Expr::value(1))
        .from_as(sites::Entity, neighbour.clone())
        .and_where(Expr::col((neighbour, sites::Column::SubnetBase)).eq(own.clone().add(SIZE)))
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
    Ok(row.map(|row| row.try_get_by_index::<i64>(0)).transpose()?.map_or(end, |last| last + SIZE))
}

/// Gives a site's block back, if it has one.
///
/// # Errors
/// If the database doesn't answer.
pub async fn subnet_free(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    set(tx, site, None).await
}

/// All leases, lowest first.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn subnets(c: &impl Conn) -> Result<Vec<(SiteId, Subnet)>, DbError> {
    let rows: Vec<(Uuid, i64)> = sites::Entity::find()
        .select_only()
        .columns([sites::Column::Id, sites::Column::SubnetBase])
        .filter(sites::Column::SubnetBase.is_not_null())
        .order_by_asc(sites::Column::SubnetBase)
        .into_tuple()
        .all(c.raw())
        .await?;
    let read = |(id, base)| {
        let id = SiteId::from_uuid(id);
        Ok((id, block_at(&Row { table: "sites", id: &id }, base)?))
    };
    rows.into_iter().map(read).collect()
}
