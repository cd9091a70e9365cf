//! Single values of the platform as a whole.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, sea_query::Expr};

use crate::{Conn, DbError, Tx, codec::Row, db::Raw, entity::meta};

const ROUTES: &str = "routes_version";

/// A value by its key.
///
/// # Errors
/// If the database doesn't answer.
pub async fn meta_get(c: &impl Conn, key: &str) -> Result<Option<String>, DbError> {
    Ok(meta::Entity::find_by_id(key).one(c.raw()).await?.map(|row| row.value))
}

/// Sets a value.
///
/// # Errors
/// `Conflict(Key)` if another transaction sets it for the first time at the same moment.
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

/// The version of the routing table; it grows with every change.
///
/// # Errors
/// `Corrupt` if the stored value is no number.
pub async fn routes_version(c: &impl Conn) -> Result<u64, DbError> {
    version(meta::Entity::find_by_id(ROUTES).one(c.raw()).await?)
}

/// Says that the routes change with this transaction; answers the new version. Call it last: other
/// transactions that change routes wait for this one from here on.
///
/// # Errors
/// `Corrupt` if the stored value is no number.
pub async fn routes_version_bump(tx: &Tx) -> Result<u64, DbError> {
    let next = version(meta::Entity::find_by_id(ROUTES).lock_exclusive().one(tx.raw()).await?)? + 1;
    meta_set(tx, ROUTES, &next.to_string()).await?;
    Ok(next)
}

fn version(row: Option<meta::Model>) -> Result<u64, DbError> {
    row.map_or(Ok(0), |row| Row { table: "meta", id: &ROUTES }.parse(&row.value))
}
