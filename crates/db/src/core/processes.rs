//! What the processes of a platform tell each other: who does what only one may do at a time, and how their
//! reconcilers fare.

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{
    Conn, Db, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::{process_leases, reconcilers},
};

/// Acquires the lease `name` until `until` if it is free, expired, or held by `owner`. Returns whether `owner` now
/// holds it.
pub async fn process_lease_acquire(
    db: &Db,
    name: &str,
    owner: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let row = process_leases::Model { name: name.to_owned(), owner: owner.to_owned(), until: 0, epoch: 0 };
            let insert = process_leases::Entity::insert(row.into_active_model());
            let column = process_leases::Column::Name;
            let ignore = OnConflict::column(column).do_nothing_on([column]).to_owned();
            insert.on_conflict(ignore).exec_without_returning(tx.raw()).await?;
            let free = Condition::any()
                .add(process_leases::Column::Owner.eq(owner))
                .add(process_leases::Column::Until.lte(ms(now)));
            let taken = process_leases::Entity::update_many()
                .col_expr(process_leases::Column::Owner, Expr::value(owner))
                .col_expr(process_leases::Column::Until, Expr::value(ms(until)))
                .col_expr(process_leases::Column::Epoch, Expr::col(process_leases::Column::Epoch).add(1_i64))
                .filter(process_leases::Column::Name.eq(name))
                .filter(free);
            Ok(taken.exec(tx.raw()).await?.rows_affected == 1)
        })
    })
    .await
}

/// Extends all leases of `owner`, and returns the names of those that it still holds.
pub async fn process_leases_renew(db: &Db, owner: &str, until: Timestamp) -> Result<Vec<String>, DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let own = process_leases::Column::Owner.eq(owner);
            let renew = process_leases::Entity::update_many()
                .col_expr(process_leases::Column::Until, Expr::value(ms(until)))
                .filter(own.clone());
            renew.exec(tx.raw()).await?;
            let held = process_leases::Entity::find().select_only().column(process_leases::Column::Name).filter(own);
            Ok(held.into_tuple().all(tx.raw()).await?)
        })
    })
    .await
}

/// Gives up all leases of `owner`, so that another process can acquire them at once.
pub async fn process_leases_release(db: &Db, owner: &str) -> Result<(), DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let release = process_leases::Entity::update_many()
                .col_expr(process_leases::Column::Until, Expr::value(0_i64))
                .col_expr(process_leases::Column::Owner, Expr::value(""))
                .filter(process_leases::Column::Owner.eq(owner));
            release.exec(tx.raw()).await?;
            Ok(())
        })
    })
    .await
}

/// Deletes a lease that `owner` holds.
pub async fn process_lease_forget(db: &Db, name: &str, owner: &str) -> Result<(), DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let own = process_leases::Column::Owner.eq(owner).and(process_leases::Column::Name.eq(name));
            process_leases::Entity::delete_many().filter(own).exec(tx.raw()).await?;
            Ok(())
        })
    })
    .await
}

/// Whether anybody holds the lease `name`.
pub async fn process_lease_is_held(c: &impl Conn, name: &str, now: Timestamp) -> Result<bool, DbError> {
    let row = process_leases::Entity::find_by_id(name).one(c.raw()).await?;
    Ok(row.is_some_and(|row| row.until > ms(now)))
}

/// Deletes leases that expired before `before`: of certificates that a killed process was ordering.
pub async fn process_leases_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    let old = process_leases::Column::Until.lt(ms(before));
    process_leases::Entity::delete_many().filter(old).exec(tx.raw()).await?;
    Ok(())
}

/// How a reconciler fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReconcilerStatus {
    /// Its name.
    pub name: String,
    /// The process that runs it; empty if only one does.
    pub process: String,
    /// When it last succeeded.
    pub ok_at: Option<Timestamp>,
    /// Since when every run has failed; `None` if the last one succeeded.
    pub failing_since: Option<Timestamp>,
    /// Why the last run failed.
    pub error: Option<String>,
    /// When this was written.
    pub updated_at: Timestamp,
}

/// Replaces the status of a reconciler.
pub async fn reconciler_put(tx: &Tx, status: &ReconcilerStatus) -> Result<(), DbError> {
    let row = reconcilers::Model {
        name: status.name.clone(),
        process: status.process.clone(),
        ok_at: status.ok_at.map(ms),
        failing_since: status.failing_since.map(ms),
        error: status.error.as_deref().map(|error| clip(error, MAX_TEXT_BYTES)),
        updated_at: ms(status.updated_at),
    };
    let replace = OnConflict::columns([reconcilers::Column::Name, reconcilers::Column::Process])
        .update_columns([
            reconcilers::Column::OkAt,
            reconcilers::Column::FailingSince,
            reconcilers::Column::Error,
            reconcilers::Column::UpdatedAt,
        ])
        .to_owned();
    reconcilers::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The status of all reconcilers, by name.
pub async fn reconciler_statuses(c: &impl Conn) -> Result<Vec<ReconcilerStatus>, DbError> {
    let rows = reconcilers::Entity::find().order_by_asc(reconcilers::Column::Name).all(c.raw()).await?;
    rows.into_iter()
        .map(|row| {
            let id = row.name.clone();
            let read = Row { table: "reconcilers", id: &id };
            Ok(ReconcilerStatus {
                name: row.name,
                process: row.process,
                ok_at: read.maybe_time(row.ok_at)?,
                failing_since: read.maybe_time(row.failing_since)?,
                error: row.error,
                updated_at: read.time(row.updated_at)?,
            })
        })
        .collect()
}

/// Deletes what a process has written, when it ends.
pub async fn reconcilers_forget(db: &Db, process: &str) -> Result<(), DbError> {
    db.write(|tx| {
        Box::pin(async move {
            let own = reconcilers::Column::Process.eq(process);
            reconcilers::Entity::delete_many().filter(own).exec(tx.raw()).await?;
            Ok(())
        })
    })
    .await
}

/// Deletes what was last written before `before`: by processes that have ended, of reconcilers that are no more.
pub async fn reconcilers_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    let old = reconcilers::Column::UpdatedAt.lt(ms(before));
    reconcilers::Entity::delete_many().filter(old).exec(tx.raw()).await?;
    Ok(())
}
