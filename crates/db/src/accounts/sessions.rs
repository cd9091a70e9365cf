//! Browser sessions. Only a hash of the session's secret is stored, so a stolen copy of the database opens
//! no session. The account and its role are read on every request: a revoked role or a deleted account
//! takes effect at the next request, not at the next login.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};
use stoa_model::{
    account::Actor,
    id::{CustomerId, StaffId},
};

use crate::{
    Conn, DbError, Tx,
    accounts::staff_get,
    codec::{Row, actor_key, ms},
    db::Raw,
    entity::{customers, sessions},
};

/// The session of a logged-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the secret in the cookie.
    pub id_hash: [u8; 32],
    /// Who is logged in, with their current role.
    pub actor: Actor,
    /// CSRF token of the session's forms.
    pub csrf: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
    /// When a second factor was used for it, if one was.
    pub second_factor_at: Option<Timestamp>,
}

/// Inserts a session.
///
/// # Errors
/// `Conflict(Key)` if the hash is in use.
pub async fn session_insert(tx: &Tx, session: &Session) -> Result<(), DbError> {
    let row = sessions::Model {
        id_hash: session.id_hash.to_vec(),
        actor: actor_key(session.actor),
        csrf: session.csrf.clone(),
        created_at: ms(session.created_at),
        seen_at: ms(session.seen_at),
        second_factor_at: session.second_factor_at.map(ms),
    };
    sessions::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A session by the hash of its secret; `None` also if the account no longer exists. The caller decides
/// whether it is too old.
pub async fn session_get(c: &impl Conn, id_hash: &[u8; 32]) -> Result<Option<Session>, DbError> {
    let Some(row) = sessions::Entity::find_by_id(id_hash.to_vec()).one(c.raw()).await? else { return Ok(None) };
    let read = Row { table: "sessions", id: &row.actor };
    let Some(actor) = active_actor(c, &read, &row.actor).await? else { return Ok(None) };
    Ok(Some(Session {
        id_hash: *id_hash,
        actor,
        created_at: read.time(row.created_at)?,
        seen_at: read.time(row.seen_at)?,
        second_factor_at: read.maybe_time(row.second_factor_at)?,
        csrf: row.csrf,
    }))
}

/// The account with this key and its current role, or `None` if it no longer exists.
pub(crate) async fn active_actor(c: &impl Conn, read: &Row<'_>, key: &str) -> Result<Option<Actor>, DbError> {
    if key.starts_with(StaffId::PREFIX) {
        let staff = staff_get(c, read.parse(key)?).await?;
        return Ok(staff.map(|staff| Actor::Staff(staff.id, staff.role)));
    }
    let id: CustomerId = read.parse(key)?;
    let found = customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?;
    Ok(found.map(|_| Actor::Customer(id)))
}

/// Records that a session was used.
///
/// # Errors
/// `Missing` if the session has ended.
pub async fn session_touch(tx: &Tx, id_hash: &[u8; 32], now: Timestamp) -> Result<(), DbError> {
    let done = sessions::Entity::update_many()
        .col_expr(sessions::Column::SeenAt, Expr::value(ms(now)))
        .filter(sessions::Column::IdHash.eq(id_hash.to_vec()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::Missing("sessions")) } else { Ok(()) }
}

/// Deletes a session; idempotent.
pub async fn session_delete(tx: &Tx, id_hash: &[u8; 32]) -> Result<(), DbError> {
    sessions::Entity::delete_by_id(id_hash.to_vec()).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes the sessions last used before `before`, and returns how many.
pub async fn sessions_delete_idle(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = sessions::Column::SeenAt.lt(ms(before));
    Ok(sessions::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}

/// Deletes all sessions of an account, for instance after a password change, and returns how many.
pub async fn sessions_delete_of(tx: &Tx, actor: Actor) -> Result<u64, DbError> {
    let own = sessions::Column::Actor.eq(actor_key(actor));
    Ok(sessions::Entity::delete_many().filter(own).exec(tx.raw()).await?.rows_affected)
}
