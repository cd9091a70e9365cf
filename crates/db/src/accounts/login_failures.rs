//! Failed logins in a row, by account. They are counted for every address that is typed, whether or not it has an
//! account, so that the count reveals nothing.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{CaseStatement, Expr, ExprTrait as _, OnConflict},
};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::login_failures,
};

/// Number of failures in a row; those whose last one was before `since` are forgotten.
pub async fn login_failures(c: &impl Conn, account: &str, since: Timestamp) -> Result<u64, DbError> {
    let row = login_failures::Entity::find_by_id(account).one(c.raw()).await?;
    let recent = row.filter(|row| row.last_at >= ms(since));
    recent.map_or(Ok(0), |row| Row { table: "login_failures", id: &account }.number(row.failures))
}

/// Counts a failure.
pub async fn login_failed(tx: &Tx, account: &str, since: Timestamp, now: Timestamp) -> Result<(), DbError> {
    let row = login_failures::Model { account: account.to_owned(), failures: 0, last_at: ms(now) };
    let key = login_failures::Column::Account;
    let ignore = OnConflict::column(key).do_nothing_on([key]).to_owned();
    let insert = login_failures::Entity::insert(row.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    let (failures, last_at) = (login_failures::Column::Failures, login_failures::Column::LastAt);
    let next = CaseStatement::new().case(Expr::col(last_at).lt(ms(since)), 1).finally(Expr::col(failures).add(1));
    // MySQL assigns from left to right: `failures` is computed before `last_at` changes.
    let update = login_failures::Entity::update_many()
        .col_expr(failures, next.into())
        .col_expr(last_at, Expr::value(ms(now)))
        .filter(key.eq(account));
    update.exec(tx.raw()).await?;
    Ok(())
}

/// Forgets the failures of an account, after a login or a changed password.
pub async fn login_failures_clear(tx: &Tx, account: &str) -> Result<(), DbError> {
    login_failures::Entity::delete_by_id(account).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes counts whose last failure was before `before`, and returns how many.
pub async fn login_failures_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let old = login_failures::Column::LastAt.lt(ms(before));
    Ok(login_failures::Entity::delete_many().filter(old).exec(tx.raw()).await?.rows_affected)
}
