//! Leases on jobs: claiming, keeping and releasing one, and the writes that only its holder may do.
//!
//! A claim reads a job and then does a compare-and-set on its epoch, in two statements: of two workers that
//! read the same job, one updates no row and reads again. This works the same on all three databases, and an
//! idle worker never occupies SQLite's writer.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, UpdateMany,
    sea_query::{Expr, ExprTrait, Func},
};
use stoa_model::{
    id::JobId,
    job::{Job, JobState},
};
use stoa_saga::Epoch;

use super::{from_row, is_claimable, job_get};
use crate::{
    Db, DbError, Tx,
    codec::{MAX_TEXT_BYTES, clip, ms},
    db::Raw,
    entity::jobs,
};

/// Claims the oldest available job: a queued one, or one whose lease expired. The new holder's epoch is higher
/// than all earlier ones. A queued job becomes running.
///
/// # Errors
/// `Corrupt` if the stored row can't be read; the job stays leased, so that it doesn't block the queue.
pub async fn job_claim(db: &Db, owner: &str, now: Timestamp, lease: Duration) -> Result<Option<(Job, Epoch)>, DbError> {
    let until = ms(now).saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    loop {
        let free = jobs::Entity::find()
            .filter(jobs::Column::LeaseUntil.lte(ms(now)))
            .order_by_asc(jobs::Column::LeaseUntil)
            .order_by_asc(jobs::Column::Id);
        let Some(seen) = free.one(db.raw()).await? else { return Ok(None) };
        let id = JobId::from_uuid(seen.id);
        let (epoch, before) = (Epoch(seen.epoch + 1), Epoch(seen.epoch));
        let claimed = db
            .write(|tx| {
                Box::pin(async move {
                    let updated = take(id, before, owner, ms(now), until)
                        .filter(jobs::Column::LeaseUntil.lte(ms(now)))
                        .exec(tx.raw())
                        .await?;
                    Ok::<_, DbError>(updated.rows_affected == 1)
                })
            })
            .await?;
        if claimed {
            let job = job_get(db, id).await?;
            return Ok(Some((job.map_or_else(|| from_row(seen), Ok)?, epoch)));
        }
    }
}

fn take(id: JobId, before: Epoch, owner: &str, now: i64, until: i64) -> UpdateMany<jobs::Entity> {
    let queued = jobs::Column::State.eq(JobState::Queued.as_str());
    let state = Expr::case(queued, Expr::value(JobState::Running.as_str())).finally(Expr::col(jobs::Column::State));
    let started = Func::coalesce([Expr::col(jobs::Column::StartedAt), Expr::value(now)]);
    jobs::Entity::update_many()
        .col_expr(jobs::Column::LeaseOwner, Expr::value(owner))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(until))
        .col_expr(jobs::Column::Epoch, Expr::col(jobs::Column::Epoch).add(1_i64))
        .col_expr(jobs::Column::StartedAt, started.into())
        .col_expr(jobs::Column::State, state.into())
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::Epoch.eq(before.0))
}

/// Matches a job that the holder of `epoch` still holds. An expired lease is held until another worker claims it.
pub(crate) fn held_by(id: JobId, epoch: Epoch) -> Condition {
    Condition::all()
        .add(jobs::Column::Id.eq(id.uuid()))
        .add(jobs::Column::Epoch.eq(epoch.0))
        .add(jobs::Column::LeaseOwner.is_not_null())
}

/// Extends the lease; returns `false` if it was lost.
pub async fn job_heartbeat(db: &Db, id: JobId, epoch: Epoch, until: Timestamp) -> Result<bool, DbError> {
    let update = || jobs::Entity::update_many().col_expr(jobs::Column::LeaseUntil, Expr::value(ms(until)));
    db.write(|tx| {
        Box::pin(async move { Ok(update().filter(held_by(id, epoch)).exec(tx.raw()).await?.rows_affected == 1) })
    })
    .await
}

/// Releases a job before its lease ends, for instance on shutdown, so that others can claim it at once.
/// Returns `false` if the lease was lost.
pub async fn job_release(db: &Db, id: JobId, epoch: Epoch) -> Result<bool, DbError> {
    let update = || {
        jobs::Entity::update_many()
            .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<String>))
            .col_expr(jobs::Column::LeaseUntil, Expr::value(0_i64))
    };
    db.write(|tx| {
        Box::pin(async move { Ok(update().filter(held_by(id, epoch)).exec(tx.raw()).await?.rows_affected == 1) })
    })
    .await
}

/// Sets the state of a held job to running or unwinding; [`job_finish`] sets all others.
///
/// # Errors
/// `LeaseLost` if the caller doesn't hold it; `Other` for a state in which no worker is needed.
pub async fn job_set_state(tx: &Tx, id: JobId, epoch: Epoch, state: JobState) -> Result<(), DbError> {
    if !is_claimable(state) {
        return Err(DbError::other(format!("only job_finish sets a job to {state}")));
    }
    let update = jobs::Entity::update_many().col_expr(jobs::Column::State, Expr::value(state.as_str()));
    let done = update.filter(held_by(id, epoch)).exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::LeaseLost) } else { Ok(()) }
}

/// Finishes a job, or marks it stuck, and releases the lease. Unless the job is stuck, its site is free for
/// another one.
///
/// # Errors
/// `LeaseLost` if the caller doesn't hold it; `Other` if the state is not final.
pub async fn job_finish(
    tx: &Tx,
    id: JobId,
    epoch: Epoch,
    state: JobState,
    error: Option<&str>,
    detail: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    if is_claimable(state) {
        return Err(DbError::other(format!("job_finish can't set a job to {state}")));
    }
    let mut update = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(state.as_str()))
        .col_expr(jobs::Column::Error, Expr::value(error.map(|text| clip(text, MAX_TEXT_BYTES))))
        .col_expr(jobs::Column::ErrorDetail, Expr::value(detail.map(|text| clip(text, 8 * MAX_TEXT_BYTES))))
        .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<String>))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(None::<i64>));
    if state.is_over() {
        update = update
            .col_expr(jobs::Column::ActiveSite, Expr::value(None::<uuid::Uuid>))
            .col_expr(jobs::Column::EndedAt, Expr::value(ms(now)));
    }
    let done = update.filter(held_by(id, epoch)).exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::LeaseLost) } else { Ok(()) }
}
