//! How each process that runs an edge follows the changes of routes and certificates.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict};

use crate::{
    Conn, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::edges,
};

/// How one edge follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeStatus {
    /// The process.
    pub process: String,
    /// The version of the routes that it serves.
    pub version: u64,
    /// Since when it has failed to apply changes, and why it first failed.
    pub behind: Option<(Timestamp, String)>,
    /// When this was written.
    pub seen_at: Timestamp,
}

/// Replaces the status of a process.
pub async fn edge_put(tx: &Tx, status: &EdgeStatus) -> Result<(), DbError> {
    use edges::Column::{BehindSince, Problem, Process, SeenAt, Version};
    let row = edges::Model {
        process: status.process.clone(),
        version: i64::try_from(status.version).unwrap_or(i64::MAX),
        behind_since: status.behind.as_ref().map(|(since, _)| ms(*since)),
        problem: status.behind.as_ref().map(|(_, problem)| clip(problem, MAX_TEXT_BYTES)),
        seen_at: ms(status.seen_at),
    };
    let replace = OnConflict::column(Process).update_columns([Version, BehindSince, Problem, SeenAt]).to_owned();
    edges::Entity::insert(row.into_active_model()).on_conflict(replace).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// All edges, those that ended without a word included.
pub async fn edges_all(c: &impl Conn) -> Result<Vec<EdgeStatus>, DbError> {
    let rows = edges::Entity::find().all(c.raw()).await?;
    rows.into_iter()
        .map(|row| {
            let id = row.process.clone();
            let read = Row { table: "edges", id: &id };
            Ok(EdgeStatus {
                process: row.process,
                version: u64::try_from(row.version).unwrap_or(0),
                behind: read.maybe_time(row.behind_since)?.map(|since| (since, row.problem.unwrap_or_default())),
                seen_at: read.time(row.seen_at)?,
            })
        })
        .collect()
}

/// Deletes the status of a process that ends.
pub async fn edge_forget(tx: &Tx, process: &str) -> Result<(), DbError> {
    edges::Entity::delete_by_id(process).exec(tx.raw()).await?;
    Ok(())
}

/// Deletes what was last seen before `before`.
pub async fn edges_prune(tx: &Tx, before: Timestamp) -> Result<(), DbError> {
    edges::Entity::delete_many().filter(edges::Column::SeenAt.lt(ms(before))).exec(tx.raw()).await?;
    Ok(())
}
