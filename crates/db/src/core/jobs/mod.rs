//! Jobs. Two columns carry the invariants:
//!
//! - `active_site` is the site while the job is unfinished, and is unique: one unfinished job per site. A
//!   stuck job still occupies its site.
//! - `lease_until` is when a worker may claim the job: 0 while it is unclaimed, the end of the lease while a
//!   worker holds it, NULL once there is nothing to do. `epoch` counts the holders; a holder's writes are
//!   conditional on its epoch.

use std::collections::HashMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel, QueryFilter, QuerySelect, Select, SelectModel,
    Selector, prelude::Uuid, sea_query::Expr,
};
use stoa_model::{
    id::{JobId, SiteId},
    job::{Job, JobState},
};

mod claim;
pub mod list;
pub mod log;

use crate::{
    Conn, DbError, Page, Tx,
    codec::{Row, actor_key, actor_role, ms, paged},
    db::Raw,
    entity::jobs,
};
pub use claim::{Claim, Held, job_claim, job_finish, job_is_available, job_release, job_set_state, jobs_heartbeat};

/// Inserts a job and its plan, in which secrets are sealed; a queued one can be claimed once the transaction commits.
///
/// # Errors
/// `Conflict(ActiveJob)` if the site has an unfinished job.
pub async fn job_insert(tx: &Tx, job: &Job, plan: &serde_json::Value) -> Result<(), DbError> {
    let row = jobs::Model {
        id: job.id.uuid(),
        site: job.site.uuid(),
        active_site: (!job.state.is_over()).then_some(job.site.uuid()),
        kind: job.kind.as_str().to_owned(),
        lane: job.lane.as_str().to_owned(),
        state: job.state.as_str().to_owned(),
        actor: actor_key(job.actor),
        actor_role: actor_role(job.actor),
        plan: plan.to_string(),
        cancel_requested: job.cancel_requested,
        error: job.error.clone(),
        error_detail: job.error_detail.clone(),
        queued_at: ms(job.queued_at),
        started_at: job.started_at.map(ms),
        ended_at: job.ended_at.map(ms),
        lease_owner: None,
        lease_until: is_claimable(job.state).then_some(0),
        epoch: 0,
    };
    jobs::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Whether a job in this state needs a worker.
pub(crate) fn is_claimable(state: JobState) -> bool {
    matches!(state, JobState::Queued | JobState::Running | JobState::Unwinding)
}

/// A job by id.
pub async fn job_get(c: &impl Conn, id: JobId) -> Result<Option<Job>, DbError> {
    without_plan(jobs::Entity::find_by_id(id.uuid())).one(c.raw()).await?.map(from_row).transpose()
}

/// Only the plan of a job.
pub async fn job_plan(c: &impl Conn, id: JobId) -> Result<Option<serde_json::Value>, DbError> {
    let plan = jobs::Entity::find_by_id(id.uuid()).select_only().column(jobs::Column::Plan);
    let plan: Option<String> = plan.into_tuple().one(c.raw()).await?;
    plan.map(|plan| Row { table: "jobs", id: &id }.json(&plan)).transpose()
}

/// A page of a site's jobs, newest first.
pub async fn jobs_of(c: &impl Conn, site: SiteId, page: Page<JobId>) -> Result<Vec<Job>, DbError> {
    let of_site = jobs::Entity::find().filter(jobs::Column::Site.eq(site.uuid()));
    read(without_plan(paged(of_site, jobs::Column::Id, page)).all(c.raw()).await?)
}

/// The unfinished job of a site; a stuck one included.
pub async fn job_active(c: &impl Conn, site: SiteId) -> Result<Option<Job>, DbError> {
    let active = jobs::Entity::find().filter(jobs::Column::ActiveSite.eq(site.uuid()));
    without_plan(active).one(c.raw()).await?.map(from_row).transpose()
}

/// The unfinished jobs of several sites.
pub async fn jobs_active_of(c: &impl Conn, sites: &[SiteId]) -> Result<HashMap<SiteId, JobId>, DbError> {
    let active = jobs::Entity::find()
        .select_only()
        .columns([jobs::Column::Site, jobs::Column::Id])
        .filter(jobs::Column::ActiveSite.is_in(sites.iter().map(|site| site.uuid())));
    let rows: Vec<(Uuid, Uuid)> = active.into_tuple().all(c.raw()).await?;
    Ok(rows.into_iter().map(|(site, job)| (SiteId::from_uuid(site), JobId::from_uuid(job))).collect())
}

/// A page of all jobs, newest first.
pub async fn staff_jobs(c: &impl Conn, state: Option<JobState>, page: Page<JobId>) -> Result<Vec<Job>, DbError> {
    let mut found = jobs::Entity::find();
    if let Some(state) = state {
        found = found.filter(jobs::Column::State.eq(state.as_str()));
    }
    read(without_plan(paged(found, jobs::Column::Id, page)).all(c.raw()).await?)
}

/// Number of jobs by state; states without jobs are left out.
pub async fn job_counts(c: &impl Conn) -> Result<Vec<(JobState, u64)>, DbError> {
    list::jobs_by_state(c, &list::JobFilter::default()).await
}

/// Requests that a job be cancelled; its worker notices between two steps. Returns `false` if it is over.
pub async fn job_cancel(tx: &Tx, id: JobId) -> Result<bool, DbError> {
    let done = jobs::Entity::update_many()
        .col_expr(jobs::Column::CancelRequested, Expr::value(true))
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::ActiveSite.is_not_null())
        .exec(tx.raw())
        .await?;
    Ok(done.rows_affected > 0)
}

/// Ends a job as cancelled that no worker has ever claimed, so that nothing has to be undone. Returns `false` for any
/// other job.
pub async fn job_cancel_queued(tx: &Tx, id: JobId, error: &str, now: Timestamp) -> Result<bool, DbError> {
    let done = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(JobState::Cancelled.as_str()))
        .col_expr(jobs::Column::CancelRequested, Expr::value(true))
        .col_expr(jobs::Column::ActiveSite, Expr::value(None::<Uuid>))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(None::<i64>))
        .col_expr(jobs::Column::Error, Expr::value(error))
        .col_expr(jobs::Column::EndedAt, Expr::value(ms(now)))
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::State.eq(JobState::Queued.as_str()))
        .filter(jobs::Column::Epoch.eq(0_i64))
        .exec(tx.raw())
        .await?;
    Ok(done.rows_affected == 1)
}

/// Requeues a stuck job, to be resumed or abandoned by the worker that claims it.
///
/// # Errors
/// `StaleWrite` if the job is not stuck.
pub async fn job_reopen(tx: &Tx, id: JobId) -> Result<(), DbError> {
    let stuck = JobState::Stuck.as_str();
    let done = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(JobState::Queued.as_str()))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(0_i64))
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::State.eq(stuck))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::stale_write("jobs", id, stuck)) } else { Ok(()) }
}

/// Marks a stuck job as failed without a worker, for jobs whose plan or log can't be read.
///
/// # Errors
/// `StaleWrite` if the job is not stuck.
pub async fn job_close(tx: &Tx, id: JobId, detail: &str, now: Timestamp) -> Result<(), DbError> {
    let stuck = JobState::Stuck.as_str();
    let done = jobs::Entity::update_many()
        .col_expr(jobs::Column::State, Expr::value(JobState::Failed.as_str()))
        .col_expr(jobs::Column::ActiveSite, Expr::value(None::<Uuid>))
        .col_expr(jobs::Column::LeaseUntil, Expr::value(None::<i64>))
        .col_expr(jobs::Column::ErrorDetail, Expr::value(detail))
        .col_expr(jobs::Column::EndedAt, Expr::value(ms(now)))
        .filter(jobs::Column::Id.eq(id.uuid()))
        .filter(jobs::Column::State.eq(stuck))
        .exec(tx.raw())
        .await?;
    if done.rows_affected == 0 { Err(DbError::stale_write("jobs", id, stuck)) } else { Ok(()) }
}

/// A row of jobs without its plan, which has kilobytes.
#[derive(Debug, FromQueryResult)]
pub(crate) struct JobRow {
    id: Uuid,
    site: Uuid,
    kind: String,
    lane: String,
    state: String,
    actor: String,
    actor_role: Option<String>,
    cancel_requested: bool,
    error: Option<String>,
    error_detail: Option<String>,
    queued_at: i64,
    started_at: Option<i64>,
    ended_at: Option<i64>,
    epoch: i64,
}

pub(crate) fn without_plan(select: Select<jobs::Entity>) -> Selector<SelectModel<JobRow>> {
    use jobs::Column::{
        Actor, ActorRole, CancelRequested, EndedAt, Epoch, Error, ErrorDetail, Id, Kind, Lane, QueuedAt, Site,
        StartedAt, State,
    };
    let columns = [
        Id,
        Site,
        Kind,
        Lane,
        State,
        Actor,
        ActorRole,
        CancelRequested,
        Error,
        ErrorDetail,
        QueuedAt,
        StartedAt,
        EndedAt,
        Epoch,
    ];
    select.select_only().columns(columns).into_model()
}

fn read(rows: Vec<JobRow>) -> Result<Vec<Job>, DbError> {
    rows.into_iter().map(from_row).collect()
}

pub(crate) fn from_row(row: JobRow) -> Result<Job, DbError> {
    let id = JobId::from_uuid(row.id);
    let read = Row { table: "jobs", id: &id };
    Ok(Job {
        id,
        site: SiteId::from_uuid(row.site),
        kind: read.parse(&row.kind)?,
        lane: read.parse(&row.lane)?,
        state: read.parse(&row.state)?,
        actor: read.actor(&row.actor, row.actor_role.as_deref())?,
        cancel_requested: row.cancel_requested,
        error: row.error,
        error_detail: row.error_detail,
        queued_at: read.time(row.queued_at)?,
        started_at: read.maybe_time(row.started_at)?,
        ended_at: read.maybe_time(row.ended_at)?,
    })
}
