//! The durable log of a job's saga, and the lines that people watch.
//!
//! An append locks the job's row, finds the epoch still current and inserts, in one transaction: who
//! lost the lease can't write another word. Notes are no part of recovery: the newest 2,000 are kept.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use stoa_model::id::JobId;
use stoa_saga::{Entry, Epoch, Event, Log, LogError};

use super::claim::held;
use crate::{
    Conn, Db, DbError, Tx,
    codec::{Row, ms, words},
    db::Raw,
    entity::{job_log, job_notes, jobs},
};

/// How many notes of a job are kept.
const NOTES: i64 = 2_000;
/// Longest note in bytes; the rest is cut off.
const NOTE_LENGTH: usize = 4_000;

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;
type Tell<T> = Option<Arc<dyn Fn(&T) + Send + Sync>>;

/// A line of live log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its place among the notes of its job, rising.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// The text: the step's name, a colon and what it says.
    pub line: String,
}

/// The log of one job, as its saga writes it.
pub struct JobLog {
    db: Db,
    job: JobId,
    clock: Clock,
    on_note: Tell<Note>,
    on_append: Tell<[Entry]>,
}

impl JobLog {
    /// The log of `job`; `clock` stamps what is written.
    pub fn new(db: Db, job: JobId, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { db, job, clock: Arc::new(clock), on_note: None, on_append: None }
    }

    /// Calls `tell` with each note that was kept.
    #[must_use]
    pub fn on_note(mut self, tell: impl Fn(&Note) + Send + Sync + 'static) -> Self {
        self.on_note = Some(Arc::new(tell));
        self
    }

    /// Calls `tell` with the entries of each append, after its commit.
    #[must_use]
    pub fn on_append(mut self, tell: impl Fn(&[Entry]) + Send + Sync + 'static) -> Self {
        self.on_append = Some(Arc::new(tell));
        self
    }

    async fn keep(&self, epoch: Epoch, events: &[Event]) -> Result<Vec<Entry>, DbError> {
        let (job, at_ms) = (self.job, ms((self.clock)()));
        self.db.write(|tx| Box::pin(async move { append(&tx, job, epoch, at_ms, events).await })).await
    }
}

async fn append(tx: &Tx, job: JobId, epoch: Epoch, at_ms: i64, events: &[Event]) -> Result<Vec<Entry>, DbError> {
    let holder = jobs::Entity::find().select_only().column(jobs::Column::Epoch).filter(held(job, epoch));
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

/// Appends a person's answer to a stuck saga, which nobody executes then.
///
/// # Errors
/// `Missing` if there is no such job, `Conflict(Key)` if somebody else answered at the same moment.
pub async fn job_answer(tx: &Tx, job: JobId, answer: &Event, at: Timestamp) -> Result<(), DbError> {
    let epoch = jobs::Entity::find_by_id(job.uuid()).select_only().column(jobs::Column::Epoch).lock_exclusive();
    let epoch: i64 = epoch.into_tuple().one(tx.raw()).await?.ok_or(DbError::Missing("jobs"))?;
    insert(tx, job, Epoch(epoch), ms(at), std::slice::from_ref(answer)).await.map(drop)
}

#[async_trait]
impl Log for JobLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> {
        let entries = self.keep(epoch, events).await.map_err(log_error)?;
        if let Some(tell) = &self.on_append {
            tell(&entries);
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
                if let Some(tell) = &self.on_note {
                    tell(&Note { seq, at, line });
                }
            }
            Err(error) => tracing::warn!(job = %self.job, %error, "a line of live log is lost"),
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

/// All that the saga of a job has logged, in order.
///
/// # Errors
/// `Corrupt` if a stored event can't be read.
pub async fn job_entries(c: &impl Conn, job: JobId) -> Result<Vec<Entry>, DbError> {
    let its = job_log::Entity::find().filter(job_log::Column::Job.eq(job.uuid()));
    let rows = its.order_by_asc(job_log::Column::Seq).all(c.raw()).await?;
    let read = Row { table: "job_log", id: &job };
    rows.iter().map(|row| Ok(Entry { seq: row.seq, at_ms: row.at_ms, event: read.json(&row.event)? })).collect()
}

/// Keeps a line of live log and answers its number; the oldest goes when there are too many.
///
/// # Errors
/// `Missing` if there is no such job.
pub async fn job_note_append(db: &Db, job: JobId, at: Timestamp, line: &str) -> Result<i64, DbError> {
    db.write(|tx| Box::pin(async move { note(&tx, job, at, line).await })).await
}

async fn note(tx: &Tx, job: JobId, at: Timestamp, line: &str) -> Result<i64, DbError> {
    let locked = jobs::Entity::find_by_id(job.uuid()).select_only().column(jobs::Column::Epoch).lock_exclusive();
    let locked: Option<i64> = locked.into_tuple().one(tx.raw()).await?;
    locked.ok_or(DbError::Missing("jobs"))?;
    let its = job_notes::Column::Job.eq(job.uuid());
    let last = job_notes::Entity::find().select_only().column_as(job_notes::Column::Seq.max(), "last");
    let last: Option<Option<i64>> = last.filter(its.clone()).into_tuple().one(tx.raw()).await?;
    let seq = last.flatten().unwrap_or(0) + 1;
    let row = job_notes::Model { job: job.uuid(), seq, at_ms: ms(at), line: words(line, NOTE_LENGTH) };
    job_notes::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    if seq > NOTES {
        let old = job_notes::Entity::delete_many().filter(its).filter(job_notes::Column::Seq.lte(seq - NOTES));
        old.exec(tx.raw()).await?;
    }
    Ok(seq)
}

/// The notes of a job that follow `after`, oldest first; 0 for all.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn job_notes(c: &impl Conn, job: JobId, after: i64) -> Result<Vec<Note>, DbError> {
    let its = job_notes::Entity::find()
        .filter(job_notes::Column::Job.eq(job.uuid()))
        .filter(job_notes::Column::Seq.gt(after));
    let rows = its.order_by_asc(job_notes::Column::Seq).all(c.raw()).await?;
    let read = Row { table: "job_notes", id: &job };
    rows.into_iter().map(|row| Ok(Note { seq: row.seq, at: read.time(row.at_ms)?, line: row.line })).collect()
}
