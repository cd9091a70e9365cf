//! Logins between the password and the second factor. Only a hash of the flow's secret is stored, as of sessions.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, ExprTrait as _},
};

use super::subject::Subject;
use crate::{Conn, DbError, Tx, codec::ms, db::Raw, entity::login_flows};

/// Inserts a flow.
pub async fn flow_insert(tx: &Tx, hash: &[u8; 32], subject: &Subject, expires_at: Timestamp) -> Result<(), DbError> {
    let row = login_flows::Model {
        hash: hash.to_vec(),
        subject: subject.as_str().to_owned(),
        tries: 0,
        expires_at: ms(expires_at),
    };
    login_flows::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Whose login this flow is, unless it has ended.
pub async fn flow_get(
    c: &impl Conn,
    hash: &[u8; 32],
    max_tries: i64,
    now: Timestamp,
) -> Result<Option<Subject>, DbError> {
    let row = login_flows::Entity::find_by_id(hash.to_vec()).one(c.raw()).await?;
    let open = row.filter(|row| row.expires_at > ms(now) && row.tries < max_tries);
    Ok(open.map(|row| Subject::from_stored(row.subject)))
}

/// Counts a try; returns false if the flow has ended or all tries are used up. Tries at the same time count each.
pub async fn flow_try(tx: &Tx, hash: &[u8; 32], max_tries: i64, now: Timestamp) -> Result<bool, DbError> {
    let update = login_flows::Entity::update_many()
        .col_expr(login_flows::Column::Tries, Expr::col(login_flows::Column::Tries).add(1))
        .filter(login_flows::Column::Hash.eq(hash.to_vec()))
        .filter(login_flows::Column::Tries.lt(max_tries))
        .filter(login_flows::Column::ExpiresAt.gt(ms(now)));
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Ends a flow; returns whether it was there, so that only one login comes of it.
pub async fn flow_delete(tx: &Tx, hash: &[u8; 32]) -> Result<bool, DbError> {
    Ok(login_flows::Entity::delete_by_id(hash.to_vec()).exec(tx.raw()).await?.rows_affected == 1)
}

/// Ends all flows of an account.
pub async fn flows_delete_of(tx: &Tx, subject: &Subject) -> Result<(), DbError> {
    let own = login_flows::Column::Subject.eq(subject.as_str());
    login_flows::Entity::delete_many().filter(own).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes flows that expired before `before`, and returns how many.
pub async fn flows_delete_expired(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let expired = login_flows::Column::ExpiresAt.lt(ms(before));
    Ok(login_flows::Entity::delete_many().filter(expired).exec(tx.raw()).await?.rows_affected)
}
