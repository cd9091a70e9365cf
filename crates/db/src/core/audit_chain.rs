//! The chain of the audit trail. An entry is written in the transaction of its fact, signed but outside the chain;
//! moments later one process *seals* it: gives it the next position and a hash over its content and the hash before. So
//! no transaction waits for the chain (docs/decisions/032). Whoever seals locks the end of the chain, so that two
//! processes that both seal make one chain.

use jiff::{SignedDuration, Timestamp};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};

use super::{
    audit::{AuditEvent, audit, from_row},
    audit_key::{AuditKey, Standing},
};
use crate::{
    Conn, Db, DbError, Tx,
    codec::{Row, ms},
    db::Raw,
    entity::{audit as entries, audit_chain, audit_checkpoints},
};

/// The name of the only row of `audit_chain`.
const END: &str = "end";
/// What the first entry follows.
pub(super) const NOTHING: [u8; 32] = [0; 32];
/// How long after the chain began entries may lack a signature: the previous release may still run beside this one.
pub(super) const UNSIGNED_GRACE: SignedDuration = SignedDuration::from_hours(24);

/// An entry in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedEntry {
    /// Its number.
    pub seq: i64,
    /// Its place in the chain, from 1.
    pub position: i64,
    /// Its hash.
    pub hash: [u8; 32],
    /// What happened.
    pub event: AuditEvent,
}

/// What a call of [`audit_seal`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealing {
    /// How many entries were sealed.
    pub sealed: u64,
    /// Whether the end of the chain was not as this platform has left it.
    pub was_broken: bool,
}

/// Seals at most `limit` entries in the order of their numbers. If the end of the chain was changed or removed, the chain
/// continues after the last entry that there is, and `alarm` is written: [`audit_verify`](super::audit_verify) reports it
/// for as long as it is in the trail.
pub async fn audit_seal(
    db: &Db,
    key: &AuditKey,
    alarm: &AuditEvent,
    now: Timestamp,
    limit: u64,
) -> Result<Sealing, DbError> {
    if unsealed().limit(1).one(db.raw()).await?.is_none() {
        return Ok(Sealing::default());
    }
    db.write(|tx| {
        Box::pin(async move {
            let (mut end, was_broken) = locked_end(&tx, key, now).await?;
            if was_broken {
                audit(&tx, alarm).await?;
            }
            let rows = unsealed().order_by_asc(entries::Column::Seq).limit(limit).all(tx.raw()).await?;
            let is_new = ms(now) - end.started_at < UNSIGNED_GRACE.as_millis() as i64;
            for row in &rows {
                let standing = match &row.signature {
                    Some(_) if key.has_signed(row) => Standing::Signed,
                    None if is_new => Standing::Earlier,
                    _ => Standing::Foreign,
                };
                end.position += 1;
                end.hash = key.link(row, end.position, &end.hash, standing);
                let seal = entries::Entity::update_many()
                    .col_expr(entries::Column::ChainPosition, Expr::value(end.position))
                    .col_expr(entries::Column::ChainHash, Expr::value(end.hash.clone()))
                    .filter(entries::Column::Seq.eq(row.seq));
                seal.exec(tx.raw()).await?;
            }
            put_end(&tx, key, &end).await?;
            Ok(Sealing { sealed: rows.len() as u64, was_broken })
        })
    })
    .await
}

/// Up to which position entries are in the log file.
pub async fn audit_logged(c: &impl Conn) -> Result<i64, DbError> {
    Ok(end(c).await?.map_or(0, |end| end.logged))
}

/// Notes that the entries up to this position are in the log file.
pub async fn audit_set_logged(tx: &Tx, position: i64) -> Result<(), DbError> {
    let update = audit_chain::Entity::update_many().col_expr(audit_chain::Column::Logged, Expr::value(position));
    update.filter(audit_chain::Column::Name.eq(END)).exec(tx.raw()).await?;
    Ok(())
}

/// Sealed entries after this position, in the order of the chain.
pub async fn audit_sealed_after(c: &impl Conn, position: i64, limit: u64) -> Result<Vec<SealedEntry>, DbError> {
    let rows = entries::Entity::find().filter(entries::Column::ChainPosition.gt(position));
    let rows = rows.order_by_asc(entries::Column::ChainPosition).order_by_asc(entries::Column::Seq).limit(limit);
    rows.all(c.raw()).await?.into_iter().map(sealed).collect()
}

pub(super) fn sealed(row: entries::Model) -> Result<SealedEntry, DbError> {
    let read = Row { table: "audit", id: &row.seq };
    let hash = read.hash(row.chain_hash.as_deref().unwrap_or_default())?;
    let position = row.chain_position.ok_or_else(|| read.bad("it has no position"))?;
    let (seq, event) = from_row(row)?;
    Ok(SealedEntry { seq, position, hash, event })
}

pub(super) fn unsealed() -> sea_orm::Select<entries::Entity> {
    entries::Entity::find().filter(entries::Column::ChainPosition.is_null())
}

/// The end of the chain, unless nothing was sealed yet.
pub(super) async fn end(c: &impl Conn) -> Result<Option<audit_chain::Model>, DbError> {
    Ok(audit_chain::Entity::find_by_id(END).one(c.raw()).await?)
}

/// Makes other processes that seal or archive wait. Also returns whether the end was changed or removed.
pub(super) async fn locked_end(tx: &Tx, key: &AuditKey, now: Timestamp) -> Result<(audit_chain::Model, bool), DbError> {
    let locked = || audit_chain::Entity::find_by_id(END).lock_exclusive();
    if let Some(end) = locked().one(tx.raw()).await? {
        if key.has_sealed(&end) {
            return Ok((end, false));
        }
        let end = resumed(tx, end.logged).await?;
        return Ok((end, true));
    }
    let resumed = resumed(tx, 0).await?;
    let is_broken = resumed.position > 0;
    let started_at = if is_broken { 0 } else { ms(now) };
    let mut end = audit_chain::Model { started_at, ..resumed };
    end.mac = key.end(&end);
    let ignore = OnConflict::column(audit_chain::Column::Name).do_nothing_on([audit_chain::Column::Name]).to_owned();
    let insert = audit_chain::Entity::insert(end.into_active_model()).on_conflict(ignore);
    insert.exec_without_returning(tx.raw()).await?;
    let end = locked().one(tx.raw()).await?.ok_or(DbError::Missing("audit_chain"))?;
    Ok((end, is_broken))
}

/// An end behind the last entry that there is, or behind the last checkpoint. Entries without a signature are not from
/// before the chain any more.
async fn resumed(tx: &Tx, logged: i64) -> Result<audit_chain::Model, DbError> {
    let last = entries::Entity::find().filter(entries::Column::ChainPosition.is_not_null());
    let last = last.order_by_desc(entries::Column::ChainPosition).one(tx.raw()).await?;
    let point = audit_checkpoints::Entity::find().order_by_desc(audit_checkpoints::Column::Position);
    let point = point.one(tx.raw()).await?.map(|point| (point.position, point.hash));
    let last = last.map(|row| (row.chain_position.unwrap_or(0), row.chain_hash.unwrap_or_default()));
    let (position, hash) = last.into_iter().chain(point).max().unwrap_or((0, NOTHING.to_vec()));
    Ok(audit_chain::Model { name: END.to_owned(), position, hash, started_at: 0, mac: Vec::new(), logged })
}

async fn put_end(tx: &Tx, key: &AuditKey, end: &audit_chain::Model) -> Result<(), DbError> {
    let update = audit_chain::Entity::update_many()
        .col_expr(audit_chain::Column::Position, Expr::value(end.position))
        .col_expr(audit_chain::Column::Hash, Expr::value(end.hash.clone()))
        .col_expr(audit_chain::Column::StartedAt, Expr::value(end.started_at))
        .col_expr(audit_chain::Column::Mac, Expr::value(key.end(end)))
        .filter(audit_chain::Column::Name.eq(END));
    update.exec(tx.raw()).await?;
    Ok(())
}
