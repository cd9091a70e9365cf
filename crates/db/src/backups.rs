//! Backup schedules of sites. Each row names the job that wrote it, so that undoing a job removes only its
//! own schedule.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use stoa_model::id::{JobId, SiteId};

use crate::{
    Conn, DbError, Tx,
    codec::{Row, int, ms},
    db::Raw,
    entity::backup_schedules,
};

/// When a site is backed up, and how long backups are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSchedule {
    /// The site.
    pub site: SiteId,
    /// The job that wrote the schedule.
    pub job: JobId,
    /// Interval between backups, in seconds.
    pub every_s: u64,
    /// Retention, in days.
    pub keep_days: u32,
    /// When the next backup is due.
    pub next_at: Timestamp,
}

/// Inserts or replaces a site's schedule.
pub async fn backup_schedule_put(
    tx: &Tx,
    site: SiteId,
    job: JobId,
    every_s: u64,
    keep_days: u32,
    next_at: Timestamp,
) -> Result<(), DbError> {
    backup_schedules::Entity::delete_by_id(site.uuid()).exec(tx.raw()).await?;
    let row = backup_schedules::Model {
        site: site.uuid(),
        job: job.uuid(),
        every_s: int(every_s),
        keep_days: keep_days.into(),
        next_at: ms(next_at),
    };
    backup_schedules::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// A site's schedule.
pub async fn backup_schedule_get(c: &impl Conn, site: SiteId) -> Result<Option<BackupSchedule>, DbError> {
    let row = backup_schedules::Entity::find_by_id(site.uuid()).one(c.raw()).await?;
    let read = Row { table: "backup_schedules", id: &site };
    let schedule = |row: backup_schedules::Model| {
        Ok(BackupSchedule {
            site,
            job: JobId::from_uuid(row.job),
            every_s: read.number(row.every_s)?,
            keep_days: read.number(row.keep_days)?,
            next_at: read.time(row.next_at)?,
        })
    };
    row.map(schedule).transpose()
}

/// Deletes a site's schedule if this job wrote it, and returns whether it did.
pub async fn backup_schedule_delete(tx: &Tx, site: SiteId, job: JobId) -> Result<bool, DbError> {
    let own = backup_schedules::Column::Job.eq(job.uuid());
    let done = backup_schedules::Entity::delete_by_id(site.uuid()).filter(own).exec(tx.raw()).await?;
    Ok(done.rows_affected > 0)
}
