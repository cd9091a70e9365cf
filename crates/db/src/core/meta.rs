//! Single values of the whole platform.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{Conn, DbError, Tx, codec::Row, db::Raw, entity::meta};

const ROUTES_VERSION_KEY: &str = "routes_version";

/// A value by its key.
pub async fn meta_get(c: &impl Conn, key: &str) -> Result<Option<String>, DbError> {
    Ok(meta::Entity::find_by_id(key).one(c.raw()).await?.map(|row| row.value))
}

/// Sets a value.
///
/// # Errors
/// `Conflict(Key)` if a concurrent transaction sets it for the first time too.
pub async fn meta_set(tx: &Tx, key: &str, value: &str) -> Result<(), DbError> {
    let done = meta::Entity::update_many()
        .col_expr(meta::Column::Value, Expr::value(value))
        .filter(meta::Column::Name.eq(key))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 {
        let row = meta::Model { name: key.to_owned(), value: value.to_owned() };
        meta::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    }
    Ok(())
}

/// Version of the routing table; every change increments it.
pub async fn routes_version(c: &impl Conn) -> Result<u64, DbError> {
    version(meta::Entity::find_by_id(ROUTES_VERSION_KEY).one(c.raw()).await?)
}

/// Increments the version of the routing table and returns it. Call it last in the transaction: it blocks
/// other transactions that change routes until this one ends.
pub async fn routes_version_bump(tx: &Tx) -> Result<u64, DbError> {
    let next = version(meta::Entity::find_by_id(ROUTES_VERSION_KEY).lock_exclusive().one(tx.raw()).await?)? + 1;
    meta_set(tx, ROUTES_VERSION_KEY, &next.to_string()).await?;
    Ok(next)
}

fn version(row: Option<meta::Model>) -> Result<u64, DbError> {
    row.map_or(Ok(0), |row| Row { table: "meta", id: &ROUTES_VERSION_KEY }.parse(&row.value))
}
