#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use stoa_model::account::Actor;
use crate::{Conn, DbError, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session { pub id_hash: [u8; 32], pub actor: Actor, pub csrf: String, pub created_at: Timestamp, pub seen_at: Timestamp }
pub async fn session_insert(tx: &Tx, session: &Session) -> Result<(), DbError> { todo!() }
pub async fn session_get(c: &impl Conn, id_hash: &[u8; 32]) -> Result<Option<Session>, DbError> { todo!() }
pub async fn session_touch(tx: &Tx, id_hash: &[u8; 32], now: Timestamp) -> Result<(), DbError> { todo!() }
pub async fn session_delete(tx: &Tx, id_hash: &[u8; 32]) -> Result<(), DbError> { todo!() }
pub async fn sessions_delete_idle(tx: &Tx, before: Timestamp) -> Result<u64, DbError> { todo!() }
pub async fn sessions_delete_of(tx: &Tx, actor: Actor) -> Result<u64, DbError> { todo!() }
