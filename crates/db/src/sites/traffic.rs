//! Traffic counters, one row per site and hour. Hours are counted since the Unix epoch.
//!
//! The database does the addition, so several processes can count the same hour. Counter columns are used in
//! the order of the entity's fields; [`counter_values`] and [`traffic`] depend on it.

use std::collections::BTreeMap;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Iterable, QueryFilter, QueryResult, QuerySelect,
    sea_query::{Alias, Expr, ExprTrait, Func, InsertStatement, OnConflict, Order, Query, SelectStatement},
};
use stoa_model::{id::SiteId, traffic::Traffic};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    codec::{Row, int},
    db::Raw,
    entity::{sites, traffic},
};

/// Rows per statement: with 24 values each, they stay below SQLite's limit of 32,766 parameters.
const MAX_ROWS_PER_STATEMENT: usize = 1_000;

/// Adds to the counters of sites for one hour. Unknown sites are skipped.
pub async fn traffic_add(tx: &Tx, hour: i64, rows: &[(SiteId, Traffic)]) -> Result<(), DbError> {
    // Sorted, so that concurrent callers lock rows in the same order; each site once, because PostgreSQL can't
    // update a row twice in one statement.
    let mut sums = BTreeMap::<Uuid, Traffic>::new();
    for (site, more) in rows {
        sums.entry(site.uuid()).or_default().add(more);
    }
    let sums: Vec<(Uuid, Traffic)> = sums.into_iter().collect();
    for chunk in sums.chunks(MAX_ROWS_PER_STATEMENT) {
        let known = sites::Entity::find().select_only().column(sites::Column::Id);
        let known = known.filter(sites::Column::Id.is_in(chunk.iter().map(|(site, _)| *site)));
        let known: Vec<Uuid> = known.into_tuple().all(tx.raw()).await?;
        let known: std::collections::HashSet<Uuid> = known.into_iter().collect();
        let rows: Vec<_> = chunk.iter().filter(|(site, _)| known.contains(site)).collect();
        if !rows.is_empty() {
            tx.raw().execute(&upsert(tx.raw().get_database_backend(), hour, &rows)?).await?;
        }
    }
    Ok(())
}

fn upsert(backend: DbBackend, hour: i64, rows: &[&(Uuid, Traffic)]) -> Result<InsertStatement, DbError> {
    let mut insert = Query::insert();
    insert.into_table(traffic::Entity).columns(traffic::Column::iter());
    for (site, sum) in rows {
        let values = [Expr::value(*site), Expr::value(hour)].into_iter();
        insert
            .values(values.chain(counter_values(sum).map(|number| Expr::value(int(number)))))
            .map_err(|why| DbError::Other(why.into()))?;
    }
    let sum = |column: traffic::Column| {
        let new = match backend {
            DbBackend::MySql => Expr::from(Func::cust("VALUES").arg(Expr::col(column))),
            _ => Expr::col((Alias::new("excluded"), column)),
        };
        (column, Expr::col((traffic::Entity, column)).add(new))
    };
    let key = [traffic::Column::Site, traffic::Column::Hour];
    insert.on_conflict(OnConflict::columns(key).values(counters().map(sum)).to_owned());
    Ok(insert)
}

/// Traffic of a site by hour, from `from_hour` and before `to_hour`, oldest first; hours without requests are
/// left out.
pub async fn traffic_of(
    c: &impl Conn,
    site: SiteId,
    from_hour: i64,
    to_hour: i64,
) -> Result<Vec<(i64, Traffic)>, DbError> {
    let mut hours = select(site, from_hour, to_hour);
    hours.column(traffic::Column::Hour).columns(counters()).order_by(traffic::Column::Hour, Order::Asc);
    let rows = c.raw().query_all(&hours).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, traffic(site, row, 1)?))).collect()
}

/// Total traffic of a site from `from_hour` and before `to_hour`.
pub async fn traffic_total(c: &impl Conn, site: SiteId, from_hour: i64, to_hour: i64) -> Result<Traffic, DbError> {
    let mut total = select(site, from_hour, to_hour);
    // Except on SQLite, a sum of bigints has a wider type.
    let integer = match c.raw().get_database_backend() {
        DbBackend::MySql => "signed",
        _ => "bigint",
    };
    total.exprs(counters().map(|column| Expr::col(column).sum().cast_as(integer)));
    let row = c.raw().query_one(&total).await?;
    row.map_or_else(|| Ok(Traffic::default()), |row| traffic(site, &row, 0))
}

/// Deletes all hours before `before_hour`, and returns the number of rows.
pub async fn traffic_prune(tx: &Tx, before_hour: i64) -> Result<u64, DbError> {
    let old = traffic::Column::Hour.lt(before_hour);
    Ok(traffic::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}

fn select(site: SiteId, from_hour: i64, to_hour: i64) -> SelectStatement {
    Query::select()
        .from(traffic::Entity)
        .and_where(traffic::Column::Site.eq(site.uuid()))
        .and_where(traffic::Column::Hour.gte(from_hour))
        .and_where(traffic::Column::Hour.lt(to_hour))
        .to_owned()
}

/// The counter columns, in order.
fn counters() -> impl Iterator<Item = traffic::Column> {
    traffic::Column::iter().filter(|column| !matches!(column, traffic::Column::Site | traffic::Column::Hour))
}

/// The counter values, in the order of their columns.
fn counter_values(of: &Traffic) -> impl Iterator<Item = u64> {
    [of.requests, of.bytes_in, of.bytes_out, of.micros].into_iter().chain(of.statuses).chain(of.latency)
}

/// Reads the counters of a row from index `first` on; a sum of no rows is NULL and counts as 0.
fn traffic(site: SiteId, row: &QueryResult, first: usize) -> Result<Traffic, DbError> {
    let read = Row { table: "traffic", id: &site };
    let mut indexes = first..;
    let mut next = || -> Result<u64, DbError> {
        let number: Option<i64> = row.try_get_by_index(indexes.next().unwrap_or_default())?;
        read.number(number.unwrap_or(0))
    };
    let mut out = Traffic { requests: next()?, bytes_in: next()?, bytes_out: next()?, ..Traffic::default() };
    out.micros = next()?;
    for number in out.statuses.iter_mut().chain(&mut out.latency) {
        *number = next()?;
    }
    Ok(out)
}
