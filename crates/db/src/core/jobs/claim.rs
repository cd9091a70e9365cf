//! Leases on jobs: claiming, keeping and releasing one, and the writes that only its holder may do.
//!
//! A claim reads a job and then does a compare-and-set on its epoch, in two statements: of two workers that
//! read the same job, one updates no row and reads again. This works the same on all three databases, and an
//! idle worker never occupies SQLite's writer.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    prelude::Uuid,
    sea_query::{Expr, ExprTrait, Func, Query},
};
use stoa_model::{
    id::JobId,
    job::{Job, JobState, Lane},
};
use stoa_saga::Epoch;

use super::{JobRow, from_row, is_claimable, job_get, without_plan};
use crate::{
    Conn, Db, DbError, Tx,
    codec::{MAX_TEXT_BYTES, clip, ms},
    db::Raw,
    entity::{jobs, sites},
};

/// No database takes any number of ids in one query.
const MAX_IDS: usize = 500;

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The process and its run; unique among all that use this database.
    pub owner: &'a str,
    /// The kind of work that it has room for.
    pub lane: Lane,
    /// Whether this is its last free slot in the lane: only a customer with no running job there gets it, so that
    /// nobody can occupy a whole lane.
    pub last_slot: bool,
    /// The time.
    pub now: Timestamp,
    /// How long it may work without a heartbeat.
    pub lease: Duration,
}

/// Claims an available job of a lane: a queued one, or one whose lease expired. Of the customers who have one, the
/// one with the fewest running jobs in this lane is served, and of their jobs the oldest. The new holder's epoch is
/// higher than all earlier ones. A queued job becomes running.
///
/// # Errors
/// `Corrupt` if the stored row can't be read; the job stays leased, so that it doesn't block the queue.
pub async fn job_claim(db: &Db, claim: &Claim<'_>) -> Result<Option<(Job, Epoch)>, DbError> {
    let (now, owner) = (ms(claim.now), claim.owner);
    let until = now.saturating_add(i64::try_from(claim.lease.as_millis()).unwrap_or(i64::MAX));
    loop {
        let Some(seen) = next_available(db, claim).await? else { return Ok(None) };
        let id = JobId::from_uuid(seen.id);
        let (epoch, before) = (Epoch(seen.epoch + 1), Epoch(seen.epoch));
        let claimed = db
            .write(|tx| {
                Box::pin(async move {
                    let updated = take(id, before, owner, now, until)
                        .filter(jobs::Column::LeaseUntil.lte(now))
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

/// Whether a worker could claim any job, of any lane.
pub async fn job_is_available(c: &impl Conn, now: Timestamp) -> Result<bool, DbError> {
    let available = jobs::Entity::find().select_only().column(jobs::Column::Id);
    let found: Option<Uuid> =
        available.filter(jobs::Column::LeaseUntil.lte(ms(now))).limit(1).into_tuple().one(c.raw()).await?;
    Ok(found.is_some())
}

async fn next_available(db: &Db, claim: &Claim<'_>) -> Result<Option<JobRow>, DbError> {
    let running = running_by_customer(db, claim).await?;
    let oldest = || {
        jobs::Entity::find()
            .filter(jobs::Column::Lane.eq(claim.lane.as_str()))
            .filter(jobs::Column::LeaseUntil.lte(ms(claim.now)))
            // A run whose lease expired by a jump of the clock still works, and notices soon.
            .filter(jobs::Column::LeaseOwner.is_null().or(jobs::Column::LeaseOwner.ne(claim.owner)))
            .order_by_asc(jobs::Column::LeaseUntil)
            .order_by_asc(jobs::Column::Id)
    };
    let of = |customers: &[Uuid]| {
        let sites = Query::select()
            .column(sites::Column::Id)
            .from(sites::Entity)
            .and_where(sites::Column::Customer.is_in(customers.iter().copied()))
            .to_owned();
        jobs::Column::Site.in_subquery(sites)
    };
    let everyone: Vec<Uuid> = running.values().flatten().copied().collect();
    let first = if everyone.is_empty() { oldest() } else { oldest().filter(of(&everyone).not()) };
    if let Some(job) = without_plan(first).one(db.raw()).await? {
        return Ok(Some(job));
    }
    if claim.last_slot {
        return Ok(None);
    }
    for customers in running.values() {
        if let Some(job) = without_plan(oldest().filter(of(customers))).one(db.raw()).await? {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// The customers with running jobs in the claim's lane, by the number of these.
async fn running_by_customer(db: &Db, claim: &Claim<'_>) -> Result<BTreeMap<i64, Vec<Uuid>>, DbError> {
    let counted = jobs::Entity::find()
        .select_only()
        .column(sites::Column::Customer)
        .column_as(jobs::Column::Id.count(), "running")
        .join(
            JoinType::InnerJoin,
            jobs::Entity::belongs_to(sites::Entity).from(jobs::Column::Site).to(sites::Column::Id).into(),
        )
        .filter(jobs::Column::Lane.eq(claim.lane.as_str()))
        .filter(jobs::Column::LeaseUntil.gt(ms(claim.now)))
        .group_by(sites::Column::Customer);
    let rows: Vec<(Uuid, i64)> = counted.into_tuple().all(db.raw()).await?;
    let mut by_count = BTreeMap::<i64, Vec<Uuid>>::new();
    for (customer, running) in rows {
        by_count.entry(running).or_default().push(customer);
    }
    Ok(by_count)
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

/// A job that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The job.
    pub job: JobId,
    /// The holder's epoch.
    pub epoch: Epoch,
    /// Whether a person has asked to cancel it.
    pub cancel_requested: bool,
}

/// Extends the leases of `owner` on these jobs, and returns those that it still holds.
pub async fn jobs_heartbeat(db: &Db, owner: &str, jobs: &[JobId], until: Timestamp) -> Result<Vec<Held>, DbError> {
    let mut held = Vec::with_capacity(jobs.len());
    for some in jobs.chunks(MAX_IDS) {
        let own = || {
            Condition::all()
                .add(jobs::Column::LeaseOwner.eq(owner))
                .add(jobs::Column::Id.is_in(some.iter().map(|job| job.uuid())))
        };
        let rows: Vec<(Uuid, i64, bool)> = db
            .write(|tx| {
                let (update, select) = (own(), own());
                Box::pin(async move {
                    let until = Expr::value(ms(until));
                    let update = jobs::Entity::update_many().col_expr(jobs::Column::LeaseUntil, until).filter(update);
                    update.exec(tx.raw()).await?;
                    let columns = [jobs::Column::Id, jobs::Column::Epoch, jobs::Column::CancelRequested];
                    let found = jobs::Entity::find().select_only().columns(columns).filter(select);
                    Ok::<_, DbError>(found.into_tuple().all(tx.raw()).await?)
                })
            })
            .await?;
        held.extend(rows.into_iter().map(|(job, epoch, cancel_requested)| Held {
            job: JobId::from_uuid(job),
            epoch: Epoch(epoch),
            cancel_requested,
        }));
    }
    Ok(held)
}

/// Releases a job before its lease ends, so that others can claim it from `available_at` on. Returns `false` if the
/// lease was lost.
pub async fn job_release(db: &Db, id: JobId, epoch: Epoch, available_at: Timestamp) -> Result<bool, DbError> {
    let update = || {
        jobs::Entity::update_many()
            .col_expr(jobs::Column::LeaseOwner, Expr::value(None::<String>))
            .col_expr(jobs::Column::LeaseUntil, Expr::value(ms(available_at)))
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
            .col_expr(jobs::Column::ActiveSite, Expr::value(None::<Uuid>))
            .col_expr(jobs::Column::EndedAt, Expr::value(ms(now)));
    }
    let done = update.filter(held_by(id, epoch)).exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::LeaseLost) } else { Ok(()) }
}
