//! Tasks: deferred effects, executed at least once. A task is inserted in the transaction of the change that
//! requires it, leased by a worker, and deleted when done.
//!
//! `due_at` is when a worker may claim it: `run_at` while it waits, the end of the lease while a worker holds it,
//! NULL once given up. A dedupe key applies while a task waits: once it is claimed, the same key can be inserted
//! again for later changes.

use std::time::Duration;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    UpdateMany,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::Value;
use stoa_model::id::TaskId;
use stoa_saga::Epoch;
use uuid::Uuid;

use crate::{
    Conn, Db, DbError, Page, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms, paged},
    db::Raw,
    entity::tasks,
};

/// A deferred effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Kind of effect.
    pub kind: String,
    /// Its parameters; secrets are sealed.
    pub payload: Value,
    /// Number of claims, the current one included.
    pub attempts: u32,
    /// Earliest time of execution.
    pub run_at: Timestamp,
    /// When it was queued; or, after it was given up, when it was queued again.
    pub created_at: Timestamp,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// Size of the task queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// Waiting for their time or a worker.
    pub waiting: u64,
    /// Held by a worker.
    pub running: u64,
    /// Given up.
    pub failed: u64,
}

/// Inserts a task; returns `false` if one with the same dedupe key is already waiting.
pub async fn task_insert(tx: &Tx, task: &Task, dedupe: Option<&str>) -> Result<bool, DbError> {
    let row = tasks::Model {
        id: task.id.uuid(),
        kind: task.kind.clone(),
        payload: task.payload.to_string(),
        dedupe: dedupe.map(str::to_owned),
        attempts: task.attempts.into(),
        run_at: ms(task.run_at),
        created_at: ms(task.created_at),
        due_at: Some(ms(task.run_at)),
        lease_owner: None,
        epoch: 0,
        last_error: task.last_error.clone(),
    };
    let insert = tasks::Entity::insert(row.into_active_model());
    let Some(key) = dedupe else {
        insert.exec_without_returning(tx.raw()).await?;
        return Ok(true);
    };
    // The affected-rows count differs between databases; the key's owner afterwards doesn't.
    let ignore = OnConflict::column(tasks::Column::Dedupe).do_nothing_on([tasks::Column::Id]).to_owned();
    insert.on_conflict(ignore).exec_without_returning(tx.raw()).await?;
    let holder = tasks::Entity::find().select_only().column(tasks::Column::Id);
    let holder: Option<Uuid> = holder.filter(tasks::Column::Dedupe.eq(key)).into_tuple().one(tx.raw()).await?;
    Ok(holder == Some(task.id.uuid()))
}

/// Claims the task that has been due the longest.
///
/// # Errors
/// `Corrupt` if the stored row can't be read; the task stays leased, so that it doesn't block the queue.
pub async fn task_claim(
    db: &Db,
    owner: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<Option<(Task, Epoch)>, DbError> {
    let until = ms(now).saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX));
    loop {
        let due = tasks::Entity::find()
            .filter(tasks::Column::DueAt.lte(ms(now)))
            .order_by_asc(tasks::Column::DueAt)
            .order_by_asc(tasks::Column::Id);
        let Some(mut seen) = due.one(db.raw()).await? else { return Ok(None) };
        let (id, before) = (seen.id, seen.epoch);
        let take = || {
            tasks::Entity::update_many()
                .col_expr(tasks::Column::LeaseOwner, Expr::value(owner))
                .col_expr(tasks::Column::DueAt, Expr::value(until))
                .col_expr(tasks::Column::Epoch, Expr::col(tasks::Column::Epoch).add(1_i64))
                .col_expr(tasks::Column::Attempts, Expr::col(tasks::Column::Attempts).add(1_i64))
                .col_expr(tasks::Column::Dedupe, Expr::value(None::<String>))
                .filter(tasks::Column::Id.eq(id))
                .filter(tasks::Column::Epoch.eq(before))
                .filter(tasks::Column::DueAt.lte(ms(now)))
        };
        if change(db, take).await? {
            seen.attempts += 1;
            return Ok(Some((from_row(seen)?, Epoch(before + 1))));
        }
    }
}

/// Extends the lease; returns `false` if it was lost.
pub async fn task_heartbeat(db: &Db, id: TaskId, epoch: Epoch, until: Timestamp) -> Result<bool, DbError> {
    let extend = || tasks::Entity::update_many().col_expr(tasks::Column::DueAt, Expr::value(ms(until)));
    change(db, || extend().filter(held_by(id, epoch))).await
}

/// Deletes a finished task; returns `false` if the lease was lost.
pub async fn task_done(db: &Db, id: TaskId, epoch: Epoch) -> Result<bool, DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let done = tasks::Entity::delete_many().filter(held_by(id, epoch)).exec(tx.raw()).await?;
            Ok(done.rows_affected == 1)
        })
    })
    .await
}

/// Returns a task to the queue, to run again at `run_at`; returns `false` if the lease was lost.
pub async fn task_retry(db: &Db, id: TaskId, epoch: Epoch, run_at: Timestamp, error: &str) -> Result<bool, DbError> {
    let retry = || failed(error, Some(ms(run_at))).col_expr(tasks::Column::RunAt, Expr::value(ms(run_at)));
    change(db, || retry().filter(held_by(id, epoch))).await
}

/// Gives a task up and keeps it as failed; returns `false` if the lease was lost.
pub async fn task_give_up(db: &Db, id: TaskId, epoch: Epoch, error: &str) -> Result<bool, DbError> {
    change(db, || failed(error, None).filter(held_by(id, epoch))).await
}

fn failed(error: &str, due_at: Option<i64>) -> UpdateMany<tasks::Entity> {
    tasks::Entity::update_many()
        .col_expr(tasks::Column::LeaseOwner, Expr::value(None::<String>))
        .col_expr(tasks::Column::DueAt, Expr::value(due_at))
        .col_expr(tasks::Column::LastError, Expr::value(clip(error, MAX_TEXT_BYTES)))
}

/// Returns a task to the queue that was given up, as if it were new; returns `false` for any other.
pub async fn task_reopen(tx: &Tx, id: TaskId, now: Timestamp) -> Result<bool, DbError> {
    let reopen = tasks::Entity::update_many()
        .col_expr(tasks::Column::DueAt, Expr::value(ms(now)))
        .col_expr(tasks::Column::RunAt, Expr::value(ms(now)))
        .col_expr(tasks::Column::CreatedAt, Expr::value(ms(now)))
        .col_expr(tasks::Column::Attempts, Expr::value(0_i64));
    Ok(reopen.filter(given_up(id)).exec(tx.raw()).await?.rows_affected == 1)
}

/// Deletes a task that was given up, and returns it; `None` for any other.
pub async fn task_discard(tx: &Tx, id: TaskId) -> Result<Option<Task>, DbError> {
    let Some(row) = tasks::Entity::find().filter(given_up(id)).lock_exclusive().one(tx.raw()).await? else {
        return Ok(None);
    };
    tasks::Entity::delete_many().filter(given_up(id)).exec(tx.raw()).await?;
    from_row(row).map(Some)
}

fn given_up(id: TaskId) -> Condition {
    Condition::all().add(tasks::Column::Id.eq(id.uuid())).add(tasks::Column::DueAt.is_null())
}

/// Number of waiting, running and failed tasks.
pub async fn task_counts(c: &impl Conn) -> Result<TaskCounts, DbError> {
    let waits = tasks::Column::DueAt.is_not_null().and(tasks::Column::LeaseOwner.is_null());
    Ok(TaskCounts {
        waiting: tasks::Entity::find().filter(waits).count(c.raw()).await?,
        running: tasks::Entity::find().filter(tasks::Column::LeaseOwner.is_not_null()).count(c.raw()).await?,
        failed: tasks::Entity::find().filter(tasks::Column::DueAt.is_null()).count(c.raw()).await?,
    })
}

/// A page of failed tasks, newest first.
pub async fn tasks_failed(c: &impl Conn, page: Page<TaskId>) -> Result<Vec<Task>, DbError> {
    let failed = tasks::Entity::find().filter(tasks::Column::DueAt.is_null());
    let rows = paged(failed, tasks::Column::Id, page).all(c.raw()).await?;
    rows.into_iter().map(from_row).collect()
}

fn held_by(id: TaskId, epoch: Epoch) -> Condition {
    Condition::all()
        .add(tasks::Column::Id.eq(id.uuid()))
        .add(tasks::Column::Epoch.eq(epoch.0))
        .add(tasks::Column::LeaseOwner.is_not_null())
}

async fn change(db: &Db, update: impl Fn() -> UpdateMany<tasks::Entity> + Send + Sync) -> Result<bool, DbError> {
    let update = &update;
    db.write(|tx| Box::pin(async move { Ok(update().exec(tx.raw()).await?.rows_affected == 1) })).await
}

fn from_row(row: tasks::Model) -> Result<Task, DbError> {
    let id = TaskId::from_uuid(row.id);
    let read = Row { table: "tasks", id: &id };
    Ok(Task {
        id,
        kind: row.kind,
        payload: read.json(&row.payload)?,
        attempts: read.number(row.attempts)?,
        run_at: read.time(row.run_at)?,
        created_at: read.time(row.created_at)?,
        last_error: row.last_error,
    })
}
