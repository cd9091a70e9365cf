//! Where money and sites don't agree.

use jiff::Timestamp;
use sea_orm::{EntityTrait, IntoActiveModel, QueryOrder, QuerySelect, sea_query::OnConflict};

use crate::{
    Conn, DbError, Tx,
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::billing_mismatches,
};

/// Something that doesn't agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredMismatch {
    /// Kind and object: the same thing is stored once.
    pub id: String,
    /// What doesn't agree.
    pub kind: String,
    /// Id of what it is about.
    pub object: String,
    /// In words.
    pub detail: String,
    /// Since when it is known.
    pub found_at: Timestamp,
}

/// Stores a mismatch; `false` if it is known.
pub async fn mismatch_put(tx: &Tx, of: &StoredMismatch) -> Result<bool, DbError> {
    if mismatch_get(tx, &of.id).await?.is_some() {
        return Ok(false);
    }
    let row = billing_mismatches::Model {
        id: of.id.clone(),
        kind: of.kind.clone(),
        object: of.object.clone(),
        detail: clip(&of.detail, MAX_TEXT_BYTES),
        found_at: ms(of.found_at),
    };
    let ignore =
        OnConflict::column(billing_mismatches::Column::Id).do_nothing_on([billing_mismatches::Column::Id]).to_owned();
    let insert = billing_mismatches::Entity::insert(row.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(true)
}

/// A mismatch by id.
pub async fn mismatch_get(c: &impl Conn, id: &str) -> Result<Option<StoredMismatch>, DbError> {
    billing_mismatches::Entity::find_by_id(id).one(c.raw()).await?.map(read).transpose()
}

/// Deletes a mismatch; `false` if there is none.
pub async fn mismatch_delete(tx: &Tx, id: &str) -> Result<bool, DbError> {
    Ok(billing_mismatches::Entity::delete_by_id(id).exec(tx.raw()).await?.rows_affected > 0)
}

/// The mismatches, the oldest first, at most `limit`.
pub async fn mismatches_list(c: &impl Conn, limit: u64) -> Result<Vec<StoredMismatch>, DbError> {
    let oldest = billing_mismatches::Entity::find().order_by_asc(billing_mismatches::Column::FoundAt);
    oldest.limit(limit).all(c.raw()).await?.into_iter().map(read).collect()
}

fn read(row: billing_mismatches::Model) -> Result<StoredMismatch, DbError> {
    let found_at = Row { table: "billing_mismatches", id: &row.id }.time(row.found_at)?;
    Ok(StoredMismatch { found_at, id: row.id, kind: row.kind, object: row.object, detail: row.detail })
}
