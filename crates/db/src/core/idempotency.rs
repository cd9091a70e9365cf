//! Responses by idempotency key: a repeated request gets the stored response and has no further effect. The
//! response is stored in the transaction of the request's effect.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use stoa_model::account::Actor;

use crate::{
    Conn, DbError, Tx,
    codec::{Row, actor_key, ms},
    db::Raw,
    entity::idempotency,
};

/// A stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Hash of the request; a different request with the same key is a client error.
    pub request_hash: [u8; 32],
    /// HTTP status.
    pub status: u16,
    /// Response body.
    pub body: String,
}

/// The response stored for this actor and key.
pub async fn idempotency_get(c: &impl Conn, actor: Actor, key: &str) -> Result<Option<Reply>, DbError> {
    let row = idempotency::Entity::find_by_id((actor_key(actor), key.to_owned())).one(c.raw()).await?;
    let read = Row { table: "idempotency", id: &key };
    let reply = |row: idempotency::Model| {
        Ok(Reply { request_hash: read.hash(&row.request_hash)?, status: read.number(row.status)?, body: row.body })
    };
    row.map(reply).transpose()
}

/// Stores a response.
///
/// # Errors
/// `Conflict(IdempotencyKey)` if a concurrent request with this key was faster.
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

/// Deletes the responses stored before `before`, and returns how many.
pub async fn idempotency_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = idempotency::Column::CreatedAt.lt(ms(before));
    Ok(idempotency::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}
