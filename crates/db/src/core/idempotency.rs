//! Answers that were given, by the key the client sent: a repeated request gets the same answer and
//! does nothing again. The answer is stored in the transaction of what it answers.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use stoa_model::account::Actor;

use crate::{
    Conn, DbError, Tx,
    codec::{Row, actor_key, ms},
    db::Raw,
    entity::idempotency,
};

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Hash of the request; another request with the same key is a client's mistake.
    pub request_hash: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// The answer's body.
    pub body: String,
}

/// The answer that was given to this actor for this key.
///
/// # Errors
/// `Corrupt` if the stored row can't be read.
pub async fn idempotency_get(c: &impl Conn, actor: Actor, key: &str) -> Result<Option<Reply>, DbError> {
    let row = idempotency::Entity::find_by_id((actor_key(actor), key.to_owned())).one(c.raw()).await?;
    let read = Row { table: "idempotency", id: &key };
    let reply = |row: idempotency::Model| {
        Ok(Reply { request_hash: read.hash(&row.request_hash)?, status: read.number(row.status)?, body: row.body })
    };
    row.map(reply).transpose()
}

/// Keeps an answer.
///
/// # Errors
/// `Conflict(IdempotencyKey)` if another request with this key was quicker.
pub async fn idempotency_put(tx: &Tx, actor: Actor, key: &str, reply: &Reply, now: Timestamp) -> Result<(), DbError> {
    let row = idempotency::Model {
        actor: actor_key(actor),
        idem_key: key.to_owned(),
        request_hash: reply.request_hash.to_vec(),
        status: reply.status.into(),
        body: reply.body.clone(),
        created_at: ms(now),
    };
    idempotency::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Forgets the answers given before this time; says how many.
///
/// # Errors
/// If the database doesn't answer.
pub async fn idempotency_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = idempotency::Column::CreatedAt.lt(ms(before));
    Ok(idempotency::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}
