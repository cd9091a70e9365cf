//! Secrets that are mailed to somebody and used once. Only their hash is stored.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::Expr};
use stoa_model::text::EmailAddress;

use super::subject::Subject;
use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::one_time,
};

/// A mailed secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTime {
    /// Hash of the secret.
    pub hash: [u8; 32],
    /// What it is for.
    pub purpose: String,
    /// Whose account it is about.
    pub subject: Subject,
    /// The address that it was mailed to, or is about.
    pub email: EmailAddress,
    /// What must not have changed since, for the caller to compare.
    pub binding: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

/// Inserts a secret.
pub async fn one_time_insert(tx: &Tx, secret: &OneTime) -> Result<(), DbError> {
    let row = one_time::Model {
        hash: secret.hash.to_vec(),
        purpose: secret.purpose.clone(),
        subject: secret.subject.as_str().to_owned(),
        email: secret.email.as_str().to_owned(),
        binding: secret.binding.clone(),
        created_at: ms(secret.created_at),
        expires_at: ms(secret.expires_at),
        used_at: secret.used_at.map(ms),
    };
    one_time::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A secret that was neither used nor has expired.
pub async fn one_time_get(
    c: &impl Conn,
    purpose: &str,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<OneTime>, DbError> {
    let row = one_time::Entity::find_by_id(hash.to_vec())
        .filter(one_time::Column::Purpose.eq(purpose))
        .filter(one_time::Column::UsedAt.is_null())
        .filter(one_time::Column::ExpiresAt.gt(ms(now)));
    row.one(c.raw()).await?.map(secret).transpose()
}

/// Uses a secret; returns `false` if it was used before or has expired. Of two transactions only one gets `true`.
pub async fn one_time_use(tx: &Tx, hash: &[u8; 32], now: Timestamp) -> Result<bool, DbError> {
    let update = one_time::Entity::update_many()
        .col_expr(one_time::Column::UsedAt, Expr::value(ms(now)))
        .filter(one_time::Column::Hash.eq(hash.to_vec()))
        .filter(one_time::Column::UsedAt.is_null())
        .filter(one_time::Column::ExpiresAt.gt(ms(now)));
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Makes all secrets of an account for this purpose useless.
pub async fn one_time_revoke(tx: &Tx, subject: &Subject, purpose: &str, now: Timestamp) -> Result<(), DbError> {
    let update = one_time::Entity::update_many()
        .col_expr(one_time::Column::UsedAt, Expr::value(ms(now)))
        .filter(one_time::Column::Subject.eq(subject.as_str()))
        .filter(one_time::Column::Purpose.eq(purpose))
        .filter(one_time::Column::UsedAt.is_null());
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Deletes secrets that expired before `before`.
pub async fn one_time_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    one_time::Entity::delete_many().filter(one_time::Column::ExpiresAt.lt(ms(before))).exec(tx.raw()).await?;
    Ok(())
}

fn secret(row: one_time::Model) -> Result<OneTime, DbError> {
    let read = Row { table: "one_time", id: &row.subject };
    Ok(OneTime {
        hash: read.hash(&row.hash)?,
        email: EmailAddress::parse(&row.email).map_err(|why| read.bad(why))?,
        created_at: read.time(row.created_at)?,
        expires_at: read.time(row.expires_at)?,
        used_at: read.maybe_time(row.used_at)?,
        purpose: row.purpose,
        subject: Subject::from_stored(row.subject.clone()),
        binding: row.binding,
    })
}
