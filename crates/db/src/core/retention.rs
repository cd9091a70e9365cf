//! Deletes history that is older than it is kept. Each call deletes a bounded number of rows, so that no transaction is
//! long; the next call continues.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, prelude::Uuid, sea_query::Expr,
};

use crate::{
    Conn, Db, DbError,
    codec::ms,
    core::audit::{AuditEvent, from_row},
    db::Raw,
    entity::{audit, job_log, job_notes, jobs, site_events},
};

/// Rows that one call deletes at most: jobs, events.
const BATCH: u64 = 500;

/// Deletes the live logs of jobs that ended before `before`. Returns the number of jobs.
pub async fn job_notes_prune(db: &Db, before: Timestamp) -> Result<usize, DbError> {
    let with_notes = job_notes::Entity::find().select_only().column(job_notes::Column::Job).distinct();
    let ended = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Id)
        .filter(jobs::Column::EndedAt.lt(ms(before)))
        .filter(jobs::Column::Id.in_subquery(sea_orm::QueryTrait::into_query(with_notes)))
        .limit(BATCH);
    let ended: Vec<Uuid> = ended.into_tuple().all(db.raw()).await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let of_jobs = || job_notes::Column::Job.is_in(ended.iter().copied());
    db.write(|tx| {
        let delete = job_notes::Entity::delete_many().filter(of_jobs());
        Box::pin(async move { Ok::<_, DbError>(delete.exec(tx.raw()).await?) })
    })
    .await?;
    Ok(ended.len())
}

/// Deletes jobs that ended before `before`, with their logs, except the newest `keep` of each site: the last plan of a
/// site is what its next job starts from. Returns the number of jobs.
pub async fn jobs_prune(db: &Db, before: Timestamp, keep: u64) -> Result<usize, DbError> {
    let newer = "(SELECT COUNT(*) FROM jobs newer WHERE newer.site = jobs.site AND newer.id > jobs.id)";
    let old = jobs::Entity::find()
        .select_only()
        .column(jobs::Column::Id)
        .filter(jobs::Column::EndedAt.lt(ms(before)))
        .filter(Expr::cust(format!("{newer} >= {keep}")))
        .limit(BATCH);
    let old: Vec<Uuid> = old.into_tuple().all(db.raw()).await?;
    if old.is_empty() {
        return Ok(0);
    }
    let old = &old;
    db.write(|tx| {
        let ids = || old.iter().copied();
        Box::pin(async move {
            job_notes::Entity::delete_many().filter(job_notes::Column::Job.is_in(ids())).exec(tx.raw()).await?;
            job_log::Entity::delete_many().filter(job_log::Column::Job.is_in(ids())).exec(tx.raw()).await?;
            jobs::Entity::delete_many().filter(jobs::Column::Id.is_in(ids())).exec(tx.raw()).await?;
            Ok::<_, DbError>(())
        })
    })
    .await?;
    Ok(old.len())
}

/// Deletes events of sites that happened before `before`. Returns their number.
pub async fn site_events_prune(db: &Db, before: Timestamp) -> Result<u64, DbError> {
    let last = site_events::Entity::find()
        .select_only()
        .column(site_events::Column::AtMs)
        .filter(site_events::Column::AtMs.lt(ms(before)))
        .order_by_asc(site_events::Column::AtMs)
        .offset(BATCH)
        .limit(1);
    let last: Option<i64> = last.into_tuple().one(db.raw()).await?;
    let until = last.unwrap_or(ms(before));
    db.write(|tx| {
        Box::pin(async move {
            let old = site_events::Entity::delete_many().filter(site_events::Column::AtMs.lt(until));
            Ok::<_, DbError>(old.exec(tx.raw()).await?.rows_affected)
        })
    })
    .await
}

/// The newest entry of the audit trail that did `action` to `target`.
pub async fn audit_find(c: &impl Conn, action: &str, target: &str) -> Result<Option<AuditEvent>, DbError> {
    let wanted = Condition::all().add(audit::Column::Action.eq(action)).add(audit::Column::Target.eq(target));
    let row = audit::Entity::find().filter(wanted).order_by_desc(audit::Column::Seq).one(c.raw()).await?;
    Ok(row.map(from_row).transpose()?.map(|(_, event)| event))
}
