//! Single values of the whole platform.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};

use crate::{Conn, DbError, Tx, db::Raw, entity::meta};

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
