//! Passwords of customers and staff.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use stoa_model::account::Actor;

use crate::{
    DbError, Tx,
    db::Raw,
    entity::{customers, staff},
};

/// Replaces a password. Sessions stay open; see [`sessions_delete_of`](super::sessions::sessions_delete_of).
///
/// # Errors
/// `Missing` if the account does not exist, or this kind of actor has no password.
pub async fn password_set(tx: &Tx, actor: Actor, password_hash: &str) -> Result<(), DbError> {
    let hash = Expr::value(password_hash);
    let (table, done) = match actor {
        Actor::Customer(id) => {
            let update = customers::Entity::update_many().col_expr(customers::Column::PasswordHash, hash);
            ("customers", update.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Staff(id, _) => {
            let update = staff::Entity::update_many().col_expr(staff::Column::PasswordHash, hash);
            ("staff", update.filter(staff::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Nobody | Actor::System => return Err(DbError::Missing("accounts")),
    };
    if done.rows_affected == 0 { Err(DbError::Missing(table)) } else { Ok(()) }
}
