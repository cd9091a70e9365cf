//! Certificates, issued for the platform or uploaded for one site. A stored one never changes but for
//! when it is to be renewed, and that it is no longer used.

mod acme_accounts;
pub mod orders;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    sea_query::{Expr, Func},
};
use stoa_model::{
    certificate::CertName,
    id::{CertificateId, SiteId},
    secret::Sealed,
};
use uuid::Uuid;

use crate::{
    Conn, DbError, Tx,
    codec::{REPORT, Row, ms, words},
    db::Raw,
    entity::certificates,
};

/// So many are read at once: databases bound the length of a query.
const TOGETHER: usize = 500;

/// A certificate as it is stored, its key sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Its id.
    pub id: CertificateId,
    /// The names that it is for.
    pub names: Vec<CertName>,
    /// PEM: the leaf first, then what leads to the root, without the root.
    pub chain: String,
    /// The leaf's private key.
    pub key: Sealed,
    /// The site that it was uploaded for; nothing if the platform had it issued.
    pub site: Option<SiteId>,
    /// Who issued it, for people.
    pub issuer: String,
    /// Its serial number, for people.
    pub serial: String,
    /// It is valid from this time on.
    pub not_before: Timestamp,
    /// And up to this time.
    pub not_after: Timestamp,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it is to be renewed.
    pub renew_at: Timestamp,
}

/// Stores a new certificate.
///
/// # Errors
/// `Conflict(Key)` if there is one with this id.
pub async fn certificate_insert(tx: &Tx, c: &StoredCertificate) -> Result<(), DbError> {
    let row = certificates::Model {
        id: c.id.uuid(),
        names: serde_json::json!(c.names).to_string(),
        chain: c.chain.clone(),
        sealed_key: c.key.0.clone(),
        site: c.site.map(SiteId::uuid),
        issuer: words(&c.issuer, REPORT),
        serial: words(&c.serial, REPORT),
        not_before: ms(c.not_before),
        not_after: ms(c.not_after),
        created_at: ms(c.created_at),
        renew_at: ms(c.renew_at),
        retired_at: None,
    };
    certificates::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// All certificates that are neither retired nor expired, oldest first, and when they are to be
/// renewed. One that can't be read is logged and left out: it must not take the others down.
///
/// # Errors
/// If the database doesn't answer.
pub async fn certificates_live(c: &impl Conn, now: Timestamp) -> Result<Vec<(CertificateId, Timestamp)>, DbError> {
    let live = certificates::Entity::find()
        .select_only()
        .columns([certificates::Column::Id, certificates::Column::RenewAt])
        .filter(certificates::Column::RetiredAt.is_null())
        .filter(certificates::Column::NotAfter.gt(ms(now)))
        .order_by_asc(certificates::Column::CreatedAt)
        .order_by_asc(certificates::Column::Id);
    let rows: Vec<(Uuid, i64)> = live.into_tuple().all(c.raw()).await?;
    let read = |(id, renew_at): (Uuid, i64)| {
        let renew_at = Row { table: "certificates", id: &id }.time(renew_at).inspect_err(logged).ok()?;
        Some((CertificateId::from_uuid(id), renew_at))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Certificates by id, in no order; retired and expired ones too. One that can't be read is logged
/// and left out.
///
/// # Errors
/// If the database doesn't answer.
pub async fn certificates_get(c: &impl Conn, ids: &[CertificateId]) -> Result<Vec<StoredCertificate>, DbError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(TOGETHER) {
        let these = certificates::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
        let rows = certificates::Entity::find().filter(these).all(c.raw()).await?;
        found.extend(rows.into_iter().filter_map(|row| from_row(row).inspect_err(logged).ok()));
    }
    Ok(found)
}

/// The certificates that were uploaded for a site and are not retired, oldest first; expired ones too.
///
/// # Errors
/// `Corrupt` if a stored row can't be read.
pub async fn certificates_uploaded(c: &impl Conn, site: SiteId) -> Result<Vec<StoredCertificate>, DbError> {
    let its = certificates::Entity::find()
        .filter(certificates::Column::Site.eq(site.uuid()))
        .filter(certificates::Column::RetiredAt.is_null())
        .order_by_asc(certificates::Column::CreatedAt)
        .order_by_asc(certificates::Column::Id);
    its.all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// Says that a certificate is no longer used. One that is retired already keeps its time.
///
/// # Errors
/// `Missing` if there is no such certificate.
pub async fn certificate_retire(tx: &Tx, id: CertificateId, now: Timestamp) -> Result<(), DbError> {
    let first = Func::coalesce([Expr::col(certificates::Column::RetiredAt), Expr::value(ms(now))]);
    set(tx, update(id).col_expr(certificates::Column::RetiredAt, first.into())).await
}

/// Sets when a certificate is to be renewed.
///
/// # Errors
/// `Missing` if there is no such certificate.
pub async fn certificate_renew_at(tx: &Tx, id: CertificateId, at: Timestamp) -> Result<(), DbError> {
    set(tx, update(id).col_expr(certificates::Column::RenewAt, Expr::value(ms(at)))).await
}

/// Says that certificates which ran out before this moment are no longer used.
///
/// # Errors
/// If the database doesn't answer.
pub async fn certificates_end(tx: &Tx, before: Timestamp, now: Timestamp) -> Result<u64, DbError> {
    let over = certificates::Entity::update_many()
        .col_expr(certificates::Column::RetiredAt, Expr::value(ms(now)))
        .filter(certificates::Column::RetiredAt.is_null())
        .filter(certificates::Column::NotAfter.lt(ms(before)));
    Ok(over.exec(tx.raw()).await?.rows_affected)
}

/// Removes certificates, and with them their sealed keys, that were retired before this moment. One
/// that has only run out stays: a clock that is ahead once must not cost a key for good.
///
/// # Errors
/// If the database doesn't answer.
pub async fn certificates_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let over = certificates::Column::RetiredAt.lt(ms(before));
    Ok(certificates::Entity::delete_many().filter(over).exec(tx.raw()).await?.rows_affected)
}

fn logged(error: &DbError) {
    tracing::error!(%error, "a certificate is left out");
}

fn update(id: CertificateId) -> UpdateMany<certificates::Entity> {
    certificates::Entity::update_many().filter(certificates::Column::Id.eq(id.uuid()))
}

async fn set(tx: &Tx, update: UpdateMany<certificates::Entity>) -> Result<(), DbError> {
    let done = update.exec(tx.raw()).await?;
    if done.rows_affected == 0 { Err(DbError::Missing("certificates")) } else { Ok(()) }
}

fn from_row(row: certificates::Model) -> Result<StoredCertificate, DbError> {
    let id = CertificateId::from_uuid(row.id);
    let read = Row { table: "certificates", id: &id };
    Ok(StoredCertificate {
        id,
        names: read.json(&row.names)?,
        chain: row.chain,
        key: Sealed(row.sealed_key),
        site: row.site.map(SiteId::from_uuid),
        issuer: row.issuer,
        serial: row.serial,
        not_before: read.time(row.not_before)?,
        not_after: read.time(row.not_after)?,
        created_at: read.time(row.created_at)?,
        renew_at: read.time(row.renew_at)?,
    })
}
