#![allow(missing_docs, unused_variables)]
use std::time::Duration;
use jiff::Timestamp;
use stoa_model::{id::{JobId, SiteId}, job::{Job, JobState}};
use stoa_saga::Epoch;
use crate::{Conn, Db, DbError, Page, Tx};
pub async fn job_insert(tx: &Tx, job: &Job) -> Result<(), DbError> { todo!() }
pub async fn job_get(c: &impl Conn, id: JobId) -> Result<Option<Job>, DbError> { todo!() }
pub async fn job_plan(c: &impl Conn, id: JobId) -> Result<Option<serde_json::Value>, DbError> { todo!() }
pub async fn jobs_of(c: &impl Conn, site: SiteId, page: Page<JobId>) -> Result<Vec<Job>, DbError> { todo!() }
pub async fn job_active(c: &impl Conn, site: SiteId) -> Result<Option<Job>, DbError> { todo!() }
pub async fn staff_jobs(c: &impl Conn, state: Option<JobState>, page: Page<JobId>) -> Result<Vec<Job>, DbError> { todo!() }
pub async fn job_counts(c: &impl Conn) -> Result<Vec<(JobState, u64)>, DbError> { todo!() }
pub async fn job_claim(db: &Db, owner: &str, now: Timestamp, lease: Duration) -> Result<Option<(Job, Epoch)>, DbError> { todo!() }
/// false: lost
pub async fn job_heartbeat(db: &Db, id: JobId, epoch: Epoch, until: Timestamp) -> Result<bool, DbError> { todo!() }
/// false: was lost
pub async fn job_release(db: &Db, id: JobId, epoch: Epoch) -> Result<bool, DbError> { todo!() }
/// false: it is over
pub async fn job_cancel(tx: &Tx, id: JobId) -> Result<bool, DbError> { todo!() }
pub async fn job_set_state(tx: &Tx, id: JobId, epoch: Epoch, state: JobState) -> Result<(), DbError> { todo!() }
pub async fn job_finish(tx: &Tx, id: JobId, epoch: Epoch, state: JobState, error: Option<&str>, detail: Option<&str>, now: Timestamp) -> Result<(), DbError> { todo!() }
/// stuck → queued; `Moved` if it isn't stuck
pub async fn job_reopen(tx: &Tx, id: JobId) -> Result<(), DbError> { todo!() }
