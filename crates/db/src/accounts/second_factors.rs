//! Second factors: authenticator apps (TOTP, RFC 6238) and recovery codes. A code is spent by an update that only one
//! connection can win, so that it works once even if it arrives twice at the same time.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, sea_query::Expr};
use stoa_model::secret::Sealed;

use super::{login_flows::flows_delete_of, subject::Subject};
use crate::{
    Conn, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{recovery_codes, totp},
};

/// An authenticator app of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totp {
    /// The shared secret, sealed.
    pub sealed: Sealed,
    /// When enrolment was confirmed by a code; until then the app is no second factor.
    pub confirmed_at: Option<Timestamp>,
    /// The newest time step whose code was accepted.
    pub last_step: i64,
}

/// The authenticator app of an account, confirmed or not.
pub async fn totp_get(c: &impl Conn, subject: &Subject) -> Result<Option<Totp>, DbError> {
    let Some(row) = totp::Entity::find_by_id(subject.as_str()).one(c.raw()).await? else { return Ok(None) };
    let confirmed_at = Row { table: "totp", id: subject }.maybe_time(row.confirmed_at)?;
    Ok(Some(Totp { sealed: Sealed(row.sealed), confirmed_at, last_step: row.last_step }))
}

/// Those of these accounts whose authenticator app is confirmed.
pub async fn totp_confirmed_of(c: &impl Conn, subjects: &[Subject]) -> Result<Vec<Subject>, DbError> {
    let of = totp::Entity::find().filter(totp::Column::Subject.is_in(subjects.iter().map(Subject::as_str)));
    let rows = of.filter(totp::Column::ConfirmedAt.is_not_null()).all(c.raw()).await?;
    Ok(rows.into_iter().map(|row| Subject::from_stored(row.subject)).collect())
}

/// Begins the enrolment of an app; one that was begun before is replaced.
///
/// # Errors
/// `Conflict(Key)` if the account has a confirmed app.
pub async fn totp_begin(tx: &Tx, subject: &Subject, sealed: &Sealed, now: Timestamp) -> Result<(), DbError> {
    let pending = totp::Entity::delete_by_id(subject.as_str()).filter(totp::Column::ConfirmedAt.is_null());
    pending.exec(tx.raw()).await?;
    let row = totp::Model {
        subject: subject.as_str().to_owned(),
        sealed: sealed.0.clone(),
        created_at: ms(now),
        confirmed_at: None,
        last_step: 0,
    };
    totp::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Confirms the enrolment of the app with this secret by a code of `step`; returns whether it was still open.
pub async fn totp_confirm(
    tx: &Tx,
    subject: &Subject,
    sealed: &Sealed,
    step: i64,
    now: Timestamp,
) -> Result<bool, DbError> {
    let update = totp::Entity::update_many()
        .col_expr(totp::Column::ConfirmedAt, Expr::value(ms(now)))
        .col_expr(totp::Column::LastStep, Expr::value(step))
        .filter(totp::Column::Subject.eq(subject.as_str()))
        .filter(totp::Column::Sealed.eq(&sealed.0))
        .filter(totp::Column::ConfirmedAt.is_null());
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Accepts a code of `step`; returns false if one of this or a later step was accepted before.
pub async fn totp_accept(tx: &Tx, subject: &Subject, step: i64) -> Result<bool, DbError> {
    let update = totp::Entity::update_many()
        .col_expr(totp::Column::LastStep, Expr::value(step))
        .filter(totp::Column::Subject.eq(subject.as_str()))
        .filter(totp::Column::ConfirmedAt.is_not_null())
        .filter(totp::Column::LastStep.lt(step));
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Replaces all recovery codes of an account.
pub async fn recovery_codes_replace(
    tx: &Tx,
    subject: &Subject,
    hashes: &[[u8; 32]],
    now: Timestamp,
) -> Result<(), DbError> {
    let own = recovery_codes::Column::Subject.eq(subject.as_str());
    recovery_codes::Entity::delete_many().filter(own).exec(tx.raw()).await?;
    let rows = hashes.iter().map(|hash| {
        let row = recovery_codes::Model {
            subject: subject.as_str().to_owned(),
            hash: hash.to_vec(),
            created_at: ms(now),
            used_at: None,
        };
        row.into_active_model()
    });
    recovery_codes::Entity::insert_many(rows).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Uses a recovery code; returns whether it was there and unused.
pub async fn recovery_code_use(tx: &Tx, subject: &Subject, hash: &[u8; 32], now: Timestamp) -> Result<bool, DbError> {
    let update = recovery_codes::Entity::update_many()
        .col_expr(recovery_codes::Column::UsedAt, Expr::value(ms(now)))
        .filter(recovery_codes::Column::Subject.eq(subject.as_str()))
        .filter(recovery_codes::Column::Hash.eq(hash.to_vec()))
        .filter(recovery_codes::Column::UsedAt.is_null());
    Ok(update.exec(tx.raw()).await?.rows_affected == 1)
}

/// Number of unused recovery codes.
pub async fn recovery_codes_left(c: &impl Conn, subject: &Subject) -> Result<u64, DbError> {
    let own = recovery_codes::Column::Subject.eq(subject.as_str());
    let unused = recovery_codes::Column::UsedAt.is_null();
    Ok(recovery_codes::Entity::find().filter(own).filter(unused).count(c.raw()).await?)
}

/// Removes the second factor of an account with its recovery codes, and ends its unfinished logins; returns whether
/// there was a confirmed app.
pub async fn second_factor_delete(tx: &Tx, subject: &Subject) -> Result<bool, DbError> {
    let was_confirmed = totp_get(tx, subject).await?.is_some_and(|totp| totp.confirmed_at.is_some());
    totp::Entity::delete_by_id(subject.as_str()).exec(tx.raw()).await?;
    let own = recovery_codes::Column::Subject.eq(subject.as_str());
    recovery_codes::Entity::delete_many().filter(own).exec(tx.raw()).await?;
    flows_delete_of(tx, subject).await?;
    Ok(was_confirmed)
}
