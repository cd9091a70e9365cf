//! The devices and networks that an account has logged in from: sessions are deleted when they end, and the audit trail is
//! too long to be searched at each login. One value for each account, of a bounded length.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use serde::{Deserialize, Serialize};
use stoa_model::account::Actor;

use crate::{
    DbError, Tx,
    codec::{Row, actor_key},
    db::Raw,
    entity::meta,
};

/// A device and network that an account has logged in from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownLogin {
    /// The browser's name.
    pub device: String,
    /// The network, if the address was known.
    pub network: Option<String>,
    /// The last login from there.
    pub last_at: Timestamp,
}

/// Where an account has logged in from; `None` if it never has. Locked until the transaction ends.
pub async fn known_logins(tx: &Tx, actor: Actor) -> Result<Option<Vec<KnownLogin>>, DbError> {
    let name = name_of(actor);
    let Some(row) = meta::Entity::find_by_id(&name).lock_exclusive().one(tx.raw()).await? else { return Ok(None) };
    let read = Row { table: "meta", id: &name };
    serde_json::from_str(&row.value).map(Some).map_err(|error| read.bad(error))
}

/// Replaces where an account has logged in from.
pub async fn known_logins_set(tx: &Tx, actor: Actor, logins: &[KnownLogin]) -> Result<(), DbError> {
    let (name, value) = (name_of(actor), serde_json::json!(logins).to_string());
    // Two first logins at once are no conflict.
    let ignore = OnConflict::column(meta::Column::Name).do_nothing_on([meta::Column::Name]).to_owned();
    let row = meta::Model { name: name.clone(), value: value.clone() }.into_active_model();
    meta::Entity::insert(row).on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    let update = meta::Entity::update_many().col_expr(meta::Column::Value, Expr::value(value));
    update.filter(meta::Column::Name.eq(name)).exec(tx.raw()).await?;
    Ok(())
}

/// Forgets where an account has logged in from; idempotent.
pub async fn known_logins_delete(tx: &Tx, actor: Actor) -> Result<(), DbError> {
    meta::Entity::delete_by_id(name_of(actor)).exec(tx.raw()).await?;
    Ok(())
}

fn name_of(actor: Actor) -> String {
    format!("logins.{}", actor_key(actor))
}
