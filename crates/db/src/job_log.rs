#![allow(missing_docs, unused_variables)]
use async_trait::async_trait;
use jiff::Timestamp;
use stoa_model::id::JobId;
use stoa_saga::{Entry, Epoch, Event, Log, LogError};
use crate::{Conn, Db, DbError};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note { pub seq: i64, pub at: Timestamp, pub line: String }
pub struct JobLog {}
impl JobLog {
    pub fn new(db: Db, job: JobId, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self { todo!() }
    /// Called with each note as it is kept.
    pub fn on_note(self, tell: impl Fn(&Note) + Send + Sync + 'static) -> Self { todo!() }
    /// Called with the entries of each append, after its commit.
    pub fn on_append(self, tell: impl Fn(&[Entry]) + Send + Sync + 'static) -> Self { todo!() }
}
#[async_trait]
impl Log for JobLog {
    async fn append(&self, epoch: Epoch, events: &[Event]) -> Result<(), LogError> { todo!() }
    async fn load(&self) -> Result<Vec<Event>, LogError> { todo!() }
    async fn note(&self, step: &str, line: &str) { todo!() }
}
pub async fn job_entries(c: &impl Conn, job: JobId) -> Result<Vec<Entry>, DbError> { todo!() }
/// The note's sequence number.
pub async fn job_note_append(db: &Db, job: JobId, at: Timestamp, line: &str) -> Result<i64, DbError> { todo!() }
/// Notes with a `seq` above `after`, oldest first.
pub async fn job_notes(c: &impl Conn, job: JobId, after: i64) -> Result<Vec<Note>, DbError> { todo!() }
