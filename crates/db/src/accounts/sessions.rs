//! Browser sessions. Only the hash of a session's secret is stored, so that a stolen copy of the
//! database opens none. What the account may do is read fresh each time: a role that was taken away, or
//! an account that is gone, ends at the next request and not at the next login.

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

/// A browser that is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the secret in the cookie.
    pub id_hash: [u8; 32],
    /// Who is logged in, with the role of this moment.
    pub actor: Actor,
    /// The secret that the session's forms carry.
    pub csrf: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub seen_at: Timestamp,
}

/// Begins a session.
///
/// # Errors
/// `Conflict(Key)` if there is one with this hash.
pub async fn session_insert(tx: &Tx, session: &Session) -> Result<(), DbError> {
    let row = sessions::Model {
        id_hash: session.id_hash.to_vec(),
        actor: actor_key(session.actor),
        csrf: session.csrf.clone(),
        created_at: ms(session.created_at),
        seen_at: ms(session.seen_at),
    };
    sessions::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A session by the hash of its secret; `None` also if the account is gone. How old is too old the
/// caller decides.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn session_get(c: &impl Conn, id_hash: &[u8; 32]) -> Result<Option<Session>, DbError> {
    let Some(row) = sessions::Entity::find_by_id(id_hash.to_vec()).one(c.raw()).await? else { return Ok(None) };
    let read = Row { table: "sessions", id: &row.actor };
    let Some(actor) = active_actor(c, &read, &row.actor).await? else { return Ok(None) };
    Ok(Some(Session {
        id_hash: *id_hash,
        actor,
        created_at: read.time(row.created_at)?,
        seen_at: read.time(row.seen_at)?,
        csrf: row.csrf,
    }))
}

/// The account that `key` means, with its role of this moment, unless it is gone.
pub(crate) async fn active_actor(c: &impl Conn, read: &Row<'_>, key: &str) -> Result<Option<Actor>, DbError> {
    if key.starts_with(StaffId::PREFIX) {
        let staff = staff_get(c, read.parse(key)?).await?;
        return Ok(staff.map(|staff| Actor::Staff(staff.id, staff.role)));
    }
    let id: CustomerId = read.parse(key)?;
    let found = customers::Entity::find_by_id(id.uuid()).one(c.raw()).await?;
    Ok(found.map(|_| Actor::Customer(id)))
}

/// Notes that a session was used.
///
/// # Errors
/// `Missing` if it has ended.
pub async fn session_touch(tx: &Tx, id_hash: &[u8; 32], now: Timestamp) -> Result<(), DbError> {
    let done = sessions::Entity::update_many()
        .col_expr(sessions::Column::SeenAt, Expr::value(ms(now)))
        .filter(sessions::Column::IdHash.eq(id_hash.to_vec()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::Missing("sessions")) } else { Ok(()) }
}

/// Ends a session, if it hasn't ended.
///
/// # Errors
/// If the database doesn't answer.
pub async fn session_delete(tx: &Tx, id_hash: &[u8; 32]) -> Result<(), DbError> {
    sessions::Entity::delete_by_id(id_hash.to_vec()).exec(tx.raw()).await?;
    Ok(())
}

/// Ends the sessions that were last used before this time; says how many.
///
/// # Errors
/// If the database doesn't answer.
pub async fn sessions_delete_idle(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = sessions::Column::SeenAt.lt(ms(before));
    Ok(sessions::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}

/// Ends all sessions of one account, for instance after a change of password; says how many.
///
/// # Errors
/// If the database doesn't answer.
pub async fn sessions_delete_of(tx: &Tx, actor: Actor) -> Result<u64, DbError> {
    let his = sessions::Column::Actor.eq(actor_key(actor));
    Ok(sessions::Entity::delete_many().filter(his).exec(tx.raw()).await?.rows_affected)
}
