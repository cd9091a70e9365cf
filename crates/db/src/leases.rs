//! Blocks of addresses, one per site. The lease is the column `subnet_base` of the site's own row, and
//! unique: a block can't be leased twice, and a site can't forget its lease.
//!
//! The lowest free block is found by the index: the first leased one whose neighbour is not. On MySQL
//! and PostgreSQL a lessor first locks one row of `meta`, so that two orders don't find the same block.

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
    sites::block_at,
};

/// Addresses in one block.
const SIZE: i64 = 1 << (32 - Subnet::SITE_PREFIX);

/// The first address of a network.
pub(crate) fn base(net: &Subnet) -> i64 {
    i64::from(u32::from(net.gateway())) - 1
}

/// Leases the lowest block of `pool` that is free and shares no address with `taken`, the networks
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
    meta::Entity::find_by_id("lock.subnets").lock_exclusive().one(tx.raw()).await?;
    let row = sites::Entity::find_by_id(site.uuid()).select_only().column(sites::Column::SubnetBase);
    let held: Option<i64> = row.into_tuple().one(tx.raw()).await?.ok_or(DbError::Missing("sites"))?;
    let read = Row { table: "sites", id: &site };
    if let Some(base) = held {
        return block_at(&read, base);
    }
    let found = lowest(tx, pool, taken).await?;
    sites::Entity::update_many()
        .col_expr(sites::Column::SubnetBase, Expr::value(found))
        .filter(sites::Column::Id.eq(site.uuid()))
        .exec(tx.raw())
        .await?;
    block_at(&read, found)
}

/// Climbs from the bottom of the pool, over what is taken and over what is leased, in turn.
async fn lowest(tx: &Tx, pool: &Subnet, taken: &[Subnet]) -> Result<i64, DbError> {
    let end = base(pool) + i64::from(pool.blocks()) * SIZE;
    let mut taken: Vec<(i64, i64)> = taken.iter().filter(|net| net.overlaps(pool)).map(span).collect();
    taken.sort_unstable();
    let mut at = base(pool);
    let mut next = taken.iter().peekable();
    loop {
        while let Some((from, to)) = next.next_if(|(from, _)| *from < at + SIZE) {
            if *to > at && *from < at + SIZE {
                at += (to - at + SIZE - 1) / SIZE * SIZE;
            }
        }
        let free = unleased(tx, at, end).await?;
        if free >= end {
            return Err(DbError::Exhausted);
        }
        let clear = next.peek().is_none_or(|(from, _)| *from >= free + SIZE);
        if clear {
            return Ok(free);
        }
        at = free;
    }
}

/// First address of a network, and the first one after it.
fn span(net: &Subnet) -> (i64, i64) {
    let text = net.to_string();
    let prefix: u32 = text.rsplit('/').next().and_then(|prefix| prefix.parse().ok()).unwrap_or(32);
    (base(net), base(net) + (1 << (32 - prefix)))
}

/// The lowest block from `at` on that no site holds; `end` or more if there is none.
async fn unleased(tx: &Tx, at: i64, end: i64) -> Result<i64, DbError> {
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
    sites::Entity::update_many()
        .col_expr(sites::Column::SubnetBase, Expr::value(None::<i64>))
        .filter(sites::Column::Id.eq(site.uuid()))
        .exec(tx.raw())
        .await?;
    Ok(())
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
