//! Passwords of customers and staff, and the epochs that their sessions belong to.

use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use stoa_model::account::Actor;

use crate::{
    Conn, DbError, Tx,
    db::Raw,
    entity::{customers, staff, users},
};

/// In place of a hash: no password matches it. The operator's own accounts have it, because staff log in as staff, and
/// staff who have not chosen a password yet.
pub const NO_PASSWORD: &str = "!";

/// Replaces a password of a customer's founder or of staff. This ends all sessions of the account.
///
/// # Errors
/// `Missing` if the account does not exist, or this kind of actor has no password.
pub async fn password_set(tx: &Tx, actor: Actor, password_hash: &str) -> Result<(), DbError> {
    let hash = Expr::value(password_hash);
    let (table, done) = match actor {
        Actor::Customer(id) => {
            let update = customers::Entity::update_many().col_expr(customers::Column::PasswordHash, hash);
            let person = users::Entity::update_many()
                .col_expr(users::Column::PasswordHash, Expr::value(password_hash))
                .col_expr(users::Column::AuthEpoch, Expr::col(users::Column::AuthEpoch).add(1_i64));
            person.filter(users::Column::Id.eq(id.uuid())).exec(tx.raw()).await?;
            ("customers", update.filter(customers::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Staff(id, _) => {
            let update = staff::Entity::update_many()
                .col_expr(staff::Column::PasswordHash, hash)
                .col_expr(staff::Column::PasswordExpiresAt, Expr::value(None::<i64>))
                .col_expr(staff::Column::AuthEpoch, Expr::col(staff::Column::AuthEpoch).add(1_i64));
            ("staff", update.filter(staff::Column::Id.eq(id.uuid())).exec(tx.raw()).await?)
        }
        Actor::Nobody | Actor::System => return Err(DbError::Missing("accounts")),
    };
    if done.rows_affected == 0 { Err(DbError::Missing(table)) } else { Ok(()) }
}

/// The epoch of an account: a session of an earlier one has ended. Customers without a person have none yet.
pub async fn auth_epoch(c: &impl Conn, actor: Actor) -> Result<i64, DbError> {
    Ok(match actor {
        Actor::Customer(id) => users::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map_or(0, |row| row.auth_epoch),
        Actor::Staff(id, _) => staff::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map_or(0, |row| row.auth_epoch),
        Actor::Nobody | Actor::System => 0,
    })
}

/// The password hash of an account, as it is compared at log-in.
pub async fn password_hash(c: &impl Conn, actor: Actor) -> Result<Option<String>, DbError> {
    Ok(match actor {
        Actor::Customer(id) => {
            customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(|row| row.password_hash)
        }
        Actor::Staff(id, _) => staff::Entity::find_by_id(id.uuid()).one(c.raw()).await?.map(|row| row.password_hash),
        Actor::Nobody | Actor::System => None,
    })
}
