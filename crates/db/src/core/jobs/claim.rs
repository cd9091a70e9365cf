//! Who works on a job: taking it, keeping it, giving it back, and what only its holder may write.
//!
//! A claim is a look and then a compare-and-set on the epoch, in two statements: of two claimers who
//! saw the same job one changes no row, and looks again. That is the same on all three databases, and
//! an idle worker never takes SQLite's writer.

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

use super::{claimable, from_row, job_get};
use crate::{
    Db, DbError, Tx,
    codec::{REPORT, ms, words},
    db::Raw,
    entity::jobs,
};

/// Takes the oldest job that nobody works on: queued, or left behind by a worker whose lease ran out.
/// Its new holder has a higher epoch than all before. A queued job becomes running.
///
/// # Errors
/// `Corrupt` if the stored row can't be read; the job is then leased all the same, so that it doesn't
/// block the queue.
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
        let took = db
            .write(|tx| {
                Box::pin(async move {
                    let took = take(id, before, owner, ms(now), until)
                        .filter(jobs::Column::LeaseUntil.lte(ms(now)))
                        .exec(tx.raw())
                        .await?;
                    Ok::<_, DbError>(took.rows_affected == 1)
                })
            })
            .await?;
        if took {
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

/// What makes somebody the holder of a job. A lease that ran out is still his until another takes it.
pub(crate) fn held(id: JobId, epoch: Epoch) -> Condition {
    Condition::all()
        .add(jobs::Column::Id.eq(id.uuid()))
        .add(jobs::Column::Epoch.eq(epoch.0))
        .add(jobs::Column::LeaseOwner.is_not_null())
}

/// Keeps a job until then; `false` if it was lost.
///
/// # Errors
/// If the database doesn't answer.
pub async fn job_heartbeat(db: &Db, id: JobId, epoch: Epoch, until: Timestamp) -> Result<bool, DbError> {
    let update = || jobs::Entity::update_many().col_expr(jobs::Column::LeaseUntil, Expr::value(ms(until)));
    db.write(|tx| {
        Box::pin(async move { Ok(update().filter(held(id, epoch)).exec(tx.raw()).await?.rows_affected == 1) })
    })
    .await
}

/// Gives a job back before the lease ends, for instance when the process stops; others may take it at
/// once. `false` if it was lost.
///
/// # Errors
/// If the database doesn't answer.
pub async fn job_release(db: &Db, id: JobId, epoch: Epoch) -> Result<bool, DbError> {
    let update = || {
        jobs::Entity::update_many()
            .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<String>))
            .col_expr(jobs::Column::LeaseUntil, Expr::value(0_i64))
    };
    db.write(|tx| {
        Box::pin(async move { Ok(update().filter(held(id, epoch)).exec(tx.raw()).await?.rows_affected == 1) })
    })
    .await
}

/// Notes how a job goes: running or unwinding. What ends it is [`job_finish`].
///
/// # Errors
/// `LeaseLost` if another holds it; `Other` if there would be nothing to do in that state.
pub async fn job_set_state(tx: &Tx, id: JobId, epoch: Epoch, state: JobState) -> Result<(), DbError> {
    if !claimable(state) {
        return Err(DbError::other(format!("a job becomes {state} by being finished")));
    }
    let update = jobs::Entity::update_many().col_expr(jobs::Column::State, Expr::value(state.as_str()));
    let done = update.filter(held(id, epoch)).exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::LeaseLost) } else { Ok(()) }
}

/// Ends a job, or leaves it stuck, and gives up the lease. The site is free for another job unless it
/// is stuck.
///
/// # Errors
/// `LeaseLost` if another holds it; `Other` if the state is no end.
pub async fn job_finish(
    tx: &Tx,
    id: JobId,
    epoch: Epoch,
    state: JobState,
    error: Option<&str>,
    detail: Option<&str>,
    now: Timestamp,
) -> Result<(), DbError> {
    if claimable(state) {
        return Err(DbError::other(format!("a job that is {state} is not finished")));
    }
    let mut update = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(state.as_str()))
        .col_expr(jobs::Column::Error, Expr::value(error.map(|text| words(text, REPORT))))
        .col_expr(jobs::Column::ErrorDetail, Expr::value(detail.map(|text| words(text, 8 * REPORT))))
        .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<String>))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(None::<i64>));
    if state.is_over() {
        update = update
            .col_expr(jobs::Column::ActiveSite, Expr::value(None::<uuid::Uuid>))
            .col_expr(jobs::Column::EndedAt, Expr::value(ms(now)));
    }
    let done = update.filter(held(id, epoch)).exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::LeaseLost) } else { Ok(()) }
}
