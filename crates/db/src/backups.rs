#![allow(missing_docs, unused_variables)]
use jiff::Timestamp;
use stoa_model::id::{JobId, SiteId};
use crate::{Conn, DbError, Tx};
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSchedule { pub site: SiteId, pub job: JobId, pub every_s: u64, pub keep_days: u32, pub next_at: Timestamp }
pub async fn backup_schedule_put(tx: &Tx, site: SiteId, job: JobId, every_s: u64, keep_days: u32, next_at: Timestamp) -> Result<(), DbError> { todo!() }
pub async fn backup_schedule_get(c: &impl Conn, site: SiteId) -> Result<Option<BackupSchedule>, DbError> { todo!() }
pub async fn backup_schedule_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<bool, DbError> { todo!() }
