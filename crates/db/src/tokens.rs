#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use stoa_model::{account::Actor, id::TokenId};
use crate::{Conn, DbError, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken { pub id: TokenId, pub actor: Actor, pub name: String, pub created_at: Timestamp, pub expires_at: Option<Timestamp>, pub last_used_at: Option<Timestamp> }
pub async fn token_insert(tx: &Tx, token: &ApiToken, hash: &[u8; 32]) -> Result<(), DbError> { todo!() }
/// Expired ones too: the caller compares `expires_at`. `None` if the account is gone.
pub async fn token_by_hash(c: &impl Conn, hash: &[u8; 32]) -> Result<Option<ApiToken>, DbError> { todo!() }
pub async fn token_list(c: &impl Conn, actor: Actor) -> Result<Vec<ApiToken>, DbError> { todo!() }
/// Only if it belongs to `actor`; whether there was one.
pub async fn token_delete(tx: &Tx, actor: Actor, id: TokenId) -> Result<bool, DbError> { todo!() }
pub async fn token_used(tx: &Tx, id: TokenId, now: Timestamp) -> Result<(), DbError> { todo!() }
