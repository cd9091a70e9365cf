//! The durable log of a job's saga, and the live log that people watch.
//!
//! An append locks the job's row, checks that the epoch is current and inserts, in one transaction: a worker
//! that lost the lease can't write. Notes play no part in recovery; the newest 2,000 are kept.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use stoa_model::id::JobId;
use stoa_saga::{Entry, Epoch, Event, Log, LogError};

use super::claim::held_by;
use crate::{
    Conn, Db, DbError, Tx,
    codec::{Row, clip, ms},
    db::Raw,
    entity::{job_log, job_notes, jobs},
};

/// Notes kept per job.
const MAX_NOTES: i64 = 2_000;
/// Longest note; the rest is cut off.
const MAX_NOTE_BYTES: usize = 4_000;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
type Listener<T> = Option<Arc<dyn Fn(&T) + Send + Sync>>;

/// A line of the live log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Sequence number within the job, ascending.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The text: step name, colon, message.
    pub line: String,
}

/// The log of one job, written by its saga.
pub struct JobLog {
    db: Db,
    job: JobId,
    clock: Clock,
    on_note: Listener<Note>,
    on_append: Listener<[Entry]>,
}

impl JobLog {
    /// The log of `job`; `clock` provides the timestamps.
    pub fn new(db: Db, job: JobId, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { db, job, clock: Arc::new(clock), on_note: None, on_append: None }
    }

    /// Calls `listener` with each stored note.
    #[must_use]
    pub fn on_note(mut self, listener: impl Fn(&Note) + Send + Sync + 'static) -> Self {
        self.on_note = Some(Arc::new(listener));
        self
    }

    /// Calls `listener` with the entries of each append, after its commit.
    #[must_use]
    pub fn on_append(mut self, listener: impl Fn(&[Entry]) + Send + Sync + 'static) -> Self {
        self.on_append = Some(Arc::new(listener));
        self
    }

    async fn store(&self, epoch: Epoch, events: &[Event]) -> Result<Vec<Entry>, DbError> {
        let (job, at_ms) = (self.job, ms((self.clock)()));
        self.db.write(|tx| Box::pin(async move { append(&tx, job, epoch, at_ms, events).await })).await
    }
}

async fn append(tx: &Tx, job: JobId, epoch: Epoch, at_ms: i64, events: &[Event]) -> Result<Vec<Entry>, DbError> {
    let holder = jobs::Entity::find().select_only().column(jobs::Column::Epoch).filter(held_by(job, epoch));
    let holder: Option<i64> = holder.lock_exclusive().into_tuple().one(tx.raw()).await?;
    holder.ok_or(DbError::LeaseLost)?;
    if events.is_empty() { Ok(Vec::new()) } else { insert(tx, job, epoch, at_ms, events).await }
}

async fn insert(tx: &Tx, job: JobId, epoch: Epoch, at_ms: i64, events: &[Event]) -> Result<Vec<Entry>, DbError> {
    let last = job_log::Entity::find().select_only().column_as(job_log::Column::Seq.max(), "last");
    let last: Option<Option<i64>> = last.filter(job_log::Column::Job.eq(job.uuid())).into_tuple().one(tx.raw()).await?;
    let seqs = last.flatten().unwrap_or(0) + 1..;
    let entries: Vec<Entry> = seqs.zip(events).map(|(seq, event)| Entry { seq, at_ms, event: event.clone() }).collect();
    let row = |entry: &Entry| {
        let event = serde_json::to_string(&entry.event).map_err(|why| DbError::Other(why.into()))?;
        Ok(job_log::Model { job: job.uuid(), seq: entry.seq, epoch: epoch.0, at_ms, event }.into_active_model())
    };
    let rows = entries.iter().map(row).collect::<Result<Vec<_>, DbError>>()?;
    job_log::Entity::insert_many(rows).exec_without_returning(tx.raw()).await?;
    Ok(entries)
}

/// Appends a person's decision about a stuck saga, which no worker executes.
///
/// # Errors
/// `Missing` if the job does not exist, `Conflict(Key)` if someone else decided at the same time.
pub async fn job_answer(tx: &Tx, job: JobId, answer: &Event, at: Timestamp) -> Result<(), DbError> {
    let epoch = jobs::Entity::find_by_id(job.uuid()).select_only().column(jobs::Column::Epoch).lock_exclusive();
    let epoch: i64 = epoch.into_tuple().one(tx.raw()).await?.ok_or(DbError::Missing("jobs"))?;
    insert(tx, job, Epoch(epoch), ms(at), std::slice::from_ref(answer)).await.map(drop)
}

#[async_trait]
impl Log for JobLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        let entries = self.store(epoch, events).await.map_err(log_error)?;
        if let Some(listener) = &self.on_append {
            listener(&entries);
        }
        Ok(())
    }

    async fn load(&self) -> Result<Vec<Event>, LogError> {
        let entries = job_entries(&self.db, self.job).await.map_err(log_error)?;
        Ok(entries.into_iter().map(|entry| entry.event).collect())
    }

    async fn note(&self, step: &str, line: &str) {
        let (at, line) = ((self.clock)(), format!("{step}: {line}"));
        match job_note_append(&self.db, self.job, at, &line).await {
            Ok(seq) => {
                if let Some(listener) = &self.on_note {
                    listener(&Note { seq, at, line });
                }
            }
            Err(error) => tracing::warn!(job = %self.job, %error, "could not store a line of the live log"),
        }
    }
}

fn log_error(error: DbError) -> LogError {
    match error {
        DbError::LeaseLost => LogError::LeaseLost,
        DbError::Corrupt { .. } => LogError::Unreadable(error.to_string()),
        error => LogError::Unavailable(error.to_string()),
    }
}

/// All log entries of a job's saga, in order.
pub async fn job_entries(c: &impl Conn, job: JobId) -> Result<Vec<Entry>, DbError> {
    Ok(entries_of_jobs(c, &[job]).await?.remove(&job).unwrap_or_default())
}

/// All log entries of these jobs' sagas, each job's in order.
pub async fn entries_of_jobs(c: &impl Conn, jobs: &[JobId]) -> Result<HashMap<JobId, Vec<Entry>>, DbError> {
    let mut entries = HashMap::<JobId, Vec<Entry>>::new();
    let of_jobs = job_log::Entity::find().filter(job_log::Column::Job.is_in(jobs.iter().map(|job| job.uuid())));
    for row in of_jobs.order_by_asc(job_log::Column::Job).order_by_asc(job_log::Column::Seq).all(c.raw()).await? {
        let job = JobId::from_uuid(row.job);
        let read = Row { table: "job_log", id: &job };
        entries.entry(job).or_default().push(Entry { seq: row.seq, at_ms: row.at_ms, event: read.json(&row.event)? });
    }
    Ok(entries)
}

/// Appends a line to the live log and returns its number; beyond the limit, the oldest lines are deleted.
///
/// # Errors
/// `Missing` if the job does not exist.
pub async fn job_note_append(db: &Db, job: JobId, at: Timestamp, line: &str) -> Result<i64, DbError> {
    db.write(|tx| Box::pin(async move { note(&tx, job, at, line).await })).await
}

async fn note(tx: &Tx, job: JobId, at: Timestamp, line: &str) -> Result<i64, DbError> {
    let locked = jobs::Entity::find_by_id(job.uuid()).select_only().column(jobs::Column::Epoch).lock_exclusive();
    let locked: Option<i64> = locked.into_tuple().one(tx.raw()).await?;
    locked.ok_or(DbError::Missing("jobs"))?;
    let of_job = job_notes::Column::Job.eq(job.uuid());
    let last = job_notes::Entity::find().select_only().column_as(job_notes::Column::Seq.max(), "last");
    let last: Option<Option<i64>> = last.filter(of_job.clone()).into_tuple().one(tx.raw()).await?;
    let seq = last.flatten().unwrap_or(0) + 1;
    let row = job_notes::Model { job: job.uuid(), seq, at_ms: ms(at), line: clip(line, MAX_NOTE_BYTES) };
    job_notes::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    if seq > MAX_NOTES {
        let old = job_notes::Entity::delete_many().filter(of_job).filter(job_notes::Column::Seq.lte(seq - MAX_NOTES));
        old.exec(tx.raw()).await?;
    }
    Ok(seq)
}

/// The notes of a job after number `after`, oldest first; 0 for all.
pub async fn job_notes(c: &impl Conn, job: JobId, after: i64) -> Result<Vec<Note>, DbError> {
    let of_job = job_notes::Entity::find()
        .filter(job_notes::Column::Job.eq(job.uuid()))
        .filter(job_notes::Column::Seq.gt(after));
    let rows = of_job.order_by_asc(job_notes::Column::Seq).all(c.raw()).await?;
    let read = Row { table: "job_notes", id: &job };
    rows.into_iter().map(|row| Ok(Note { seq: row.seq, at: read.time(row.at_ms)?, line: row.line })).collect()
}
