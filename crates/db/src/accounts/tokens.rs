//! API tokens. As with sessions, only a hash is stored and the role is read on every request.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, sea_query::Expr,
};
use stoa_model::{ability::Abilities, account::Actor, id::TokenId};

use super::sessions::active_actor;
use crate::{
    Conn, DbError, Tx,
    codec::{Row, actor_key, ms},
    db::Raw,
    entity::tokens,
};

/// An API token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id.
    pub id: TokenId,
    /// Whom it acts for, with their current role.
    pub actor: Actor,
    /// Name given by its owner.
    pub name: String,
    /// The start of its secret, by which people recognize it; empty for tokens of earlier releases.
    pub prefix: String,
    /// What it may do.
    pub abilities: Abilities,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

/// Inserts a token.
///
/// # Errors
/// `Conflict(TokenHash)` if the hash is in use.
pub async fn token_insert(tx: &Tx, token: &ApiToken, hash: &[u8; 32]) -> Result<(), DbError> {
    let row = tokens::Model {
        id: token.id.uuid(),
        hash: hash.to_vec(),
        actor: actor_key(token.actor),
        name: token.name.clone(),
        created_at: ms(token.created_at),
        expires_at: token.expires_at.map(ms),
        last_used_at: token.last_used_at.map(ms),
        prefix: token.prefix.clone(),
        abilities: token.abilities.to_string(),
    };
    tokens::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A token by its hash; `None` also if the account no longer exists. Expired tokens are returned; the
/// caller checks `expires_at`.
pub async fn token_by_hash(c: &impl Conn, hash: &[u8; 32]) -> Result<Option<ApiToken>, DbError> {
    let row = tokens::Entity::find().filter(tokens::Column::Hash.eq(hash.to_vec())).one(c.raw()).await?;
    let Some(row) = row else { return Ok(None) };
    let id = TokenId::from_uuid(row.id);
    let actor = active_actor(c, &Row { table: "tokens", id: &id }, &row.actor).await?;
    actor.map(|actor| token(row, actor)).transpose()
}

/// All tokens of an account, newest first.
pub async fn token_list(c: &impl Conn, actor: Actor) -> Result<Vec<ApiToken>, DbError> {
    let own = tokens::Column::Actor.eq(actor_key(actor));
    let rows = tokens::Entity::find().filter(own).order_by_desc(tokens::Column::Id).all(c.raw()).await?;
    rows.into_iter().map(|row| token(row, actor)).collect()
}

/// Number of unexpired tokens of an account.
pub async fn token_count(c: &impl Conn, actor: Actor, now: Timestamp) -> Result<u64, DbError> {
    let own = tokens::Column::Actor.eq(actor_key(actor));
    let expires_at = tokens::Column::ExpiresAt;
    let valid = Condition::any().add(expires_at.is_null()).add(expires_at.gt(ms(now)));
    Ok(tokens::Entity::find().filter(own).filter(valid).count(c.raw()).await?)
}

/// Deletes tokens that expired before `before`, and returns how many.
pub async fn tokens_delete_expired(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let expired = tokens::Column::ExpiresAt.lt(ms(before));
    Ok(tokens::Entity::delete_many().filter(expired).exec(tx.raw()).await?.rows_affected)
}

/// Deletes a token of this account, and returns whether there was one.
pub async fn token_delete(tx: &Tx, actor: Actor, id: TokenId) -> Result<bool, DbError> {
    let own = tokens::Column::Actor.eq(actor_key(actor));
    Ok(tokens::Entity::delete_by_id(id.uuid()).filter(own).exec(tx.raw()).await?.rows_affected > 0)
}

/// Deletes all tokens of an account, and returns how many.
pub async fn tokens_delete_of(tx: &Tx, actor: Actor) -> Result<u64, DbError> {
    let own = tokens::Column::Actor.eq(actor_key(actor));
    Ok(tokens::Entity::delete_many().filter(own).exec(tx.raw()).await?.rows_affected)
}

/// Records that a token was used.
///
/// # Errors
/// `Missing` if the token was deleted.
pub async fn token_used(tx: &Tx, id: TokenId, now: Timestamp) -> Result<(), DbError> {
    let done = tokens::Entity::update_many()
        .col_expr(tokens::Column::LastUsedAt, Expr::value(ms(now)))
        .filter(tokens::Column::Id.eq(id.uuid()))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::Missing("tokens")) } else { Ok(()) }
}

fn token(row: tokens::Model, actor: Actor) -> Result<ApiToken, DbError> {
    let id = TokenId::from_uuid(row.id);
    let read = Row { table: "tokens", id: &id };
    Ok(ApiToken {
        id,
        actor,
        abilities: read.parse(&row.abilities)?,
        name: row.name,
        prefix: row.prefix,
        created_at: read.time(row.created_at)?,
        expires_at: read.maybe_time(row.expires_at)?,
        last_used_at: read.maybe_time(row.last_used_at)?,
    })
}
