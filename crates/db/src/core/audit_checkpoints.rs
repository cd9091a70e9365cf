//! Old entries of the audit trail leave the database for files. A *checkpoint* stays: the last position that a file has,
//! its hash, and the hash of the file, sealed together with the checkpoint before. The chain in the database begins at
//! the newest checkpoint; without it, the first entry follows nothing, which is noticed.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{
    audit_chain::{NOTHING, SealedEntry, locked_end, sealed},
    audit_key::AuditKey,
};
use crate::{
    Conn, DbError, Tx,
    codec::{Row, clip, int, ms},
    db::Raw,
    entity::{audit as entries, audit_checkpoints as checkpoints},
};

/// Entries that one statement deletes at most.
const BATCH: usize = 500;

/// A file with old entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditArchive {
    /// Its name.
    pub file: String,
    /// The SHA-256 hash of its content.
    pub file_hash: [u8; 32],
    /// Number of entries in it.
    pub entries: u64,
}

/// The entries at the beginning of the chain that are from before `before`, at most `limit`. It ends at the first younger
/// one: only the beginning can be cut off.
pub async fn audit_archivable(c: &impl Conn, before: Timestamp, limit: u64) -> Result<Vec<SealedEntry>, DbError> {
    let rows = entries::Entity::find().filter(entries::Column::ChainPosition.is_not_null());
    let rows = rows.order_by_asc(entries::Column::ChainPosition).order_by_asc(entries::Column::Seq).limit(limit);
    let old = rows.all(c.raw()).await?.into_iter().take_while(|row| row.at_ms < ms(before));
    old.map(sealed).collect()
}

/// Deletes these entries, which a file has, and writes their checkpoint.
///
/// # Errors
/// `StaleWrite` if another process has archived them.
pub async fn audit_archived(
    tx: &Tx,
    key: &AuditKey,
    entries_in_file: &[SealedEntry],
    archive: &AuditArchive,
    now: Timestamp,
) -> Result<(), DbError> {
    let Some(last) = entries_in_file.last() else { return Ok(()) };
    locked_end(tx, key, now).await?;
    let newest = checkpoints::Entity::find().order_by_desc(checkpoints::Column::Position).one(tx.raw()).await?;
    if newest.as_ref().is_some_and(|newest| newest.position >= last.position) {
        return Err(DbError::StaleWrite { table: "audit", id: last.seq.to_string(), expected: "to be archived" });
    }
    let mut point = checkpoints::Model {
        position: last.position,
        hash: last.hash.to_vec(),
        entries: int(archive.entries),
        file: clip(&archive.file, 128),
        file_hash: archive.file_hash.to_vec(),
        at_ms: ms(now),
        mac: Vec::new(),
    };
    point.mac = key.checkpoint(&point, newest.as_ref().map_or(&NOTHING[..], |newest| &newest.mac));
    checkpoints::Entity::insert(point.into_active_model()).exec_without_returning(tx.raw()).await?;
    for some in entries_in_file.chunks(BATCH) {
        let numbers = some.iter().map(|entry| entry.seq);
        entries::Entity::delete_many().filter(entries::Column::Seq.is_in(numbers)).exec(tx.raw()).await?;
    }
    Ok(())
}

/// The archive with this file name, if its checkpoint was written with this key.
pub async fn audit_archive(c: &impl Conn, key: &AuditKey, file: &str) -> Result<Option<AuditArchive>, DbError> {
    let found = checkpoints::Entity::find().filter(checkpoints::Column::File.eq(file)).one(c.raw()).await?;
    let Some(point) = found else { return Ok(None) };
    let before = checkpoints::Entity::find().filter(checkpoints::Column::Position.lt(point.position));
    let before = before.order_by_desc(checkpoints::Column::Position).one(c.raw()).await?;
    if !key.has_checked(&point, before.as_ref().map_or(&NOTHING[..], |before| &before.mac)) {
        return Ok(None);
    }
    let read = Row { table: "audit_checkpoints", id: &point.position };
    let (file_hash, entries) = (read.hash(&point.file_hash)?, read.number(point.entries)?);
    Ok(Some(AuditArchive { file: point.file, file_hash, entries }))
}

/// All checkpoints in order.
pub(super) async fn checkpoints(c: &impl Conn) -> Result<Vec<checkpoints::Model>, DbError> {
    Ok(checkpoints::Entity::find().order_by_asc(checkpoints::Column::Position).all(c.raw()).await?)
}
