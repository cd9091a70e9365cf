#![allow(missing_docs, unused_variables)]
use std::time::Duration;
use jiff::Timestamp;
use serde_json::Value;
use stoa_model::id::TaskId;
use stoa_saga::Epoch;
use crate::{Conn, Db, DbError, Page, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task { pub id: TaskId, pub kind: String, pub payload: Value, pub attempts: u32, pub run_at: Timestamp, pub created_at: Timestamp, pub last_error: Option<String> }
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts { pub waiting: u64, pub running: u64, pub failed: u64 }
/// false: a task with this dedupe key waits already. The key is free again once its task is claimed.
pub async fn task_insert(tx: &Tx, task: &Task, dedupe: Option<&str>) -> Result<bool, DbError> { todo!() }
/// `attempts` counts this one already.
pub async fn task_claim(db: &Db, owner: &str, now: Timestamp, lease: Duration) -> Result<Option<(Task, Epoch)>, DbError> { todo!() }
pub async fn task_heartbeat(db: &Db, id: TaskId, epoch: Epoch, until: Timestamp) -> Result<bool, DbError> { todo!() }
/// Removes it. false: lost
pub async fn task_done(db: &Db, id: TaskId, epoch: Epoch) -> Result<bool, DbError> { todo!() }
pub async fn task_retry(db: &Db, id: TaskId, epoch: Epoch, run_at: Timestamp, error: &str) -> Result<bool, DbError> { todo!() }
/// Kept as failed.
pub async fn task_give_up(db: &Db, id: TaskId, epoch: Epoch, error: &str) -> Result<bool, DbError> { todo!() }
pub async fn task_counts(c: &impl Conn) -> Result<TaskCounts, DbError> { todo!() }
pub async fn tasks_failed(c: &impl Conn, page: Page<TaskId>) -> Result<Vec<Task>, DbError> { todo!() }
