#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use stoa_model::account::Actor;
use crate::{Conn, DbError, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply { pub request_hash: [u8; 32], pub status: u16, pub body: String }
pub async fn idempotency_get(c: &impl Conn, actor: Actor, key: &str) -> Result<Option<Reply>, DbError> { todo!() }
/// `Conflict(IdempotencyKey)` if another request was quicker.
pub async fn idempotency_put(tx: &Tx, actor: Actor, key: &str, reply: &Reply, now: Timestamp) -> Result<(), DbError> { todo!() }
pub async fn idempotency_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> { todo!() }
