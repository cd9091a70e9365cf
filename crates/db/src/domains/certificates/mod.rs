//! Certificates, issued to the platform or uploaded for one site. A stored certificate is immutable, except
//! for its renewal time and its retirement.

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
    codec::{MAX_TEXT_BYTES, Row, clip, ms},
    db::Raw,
    entity::certificates,
};

/// Ids per query; databases limit the number of parameters.
const MAX_IDS_PER_QUERY: usize = 500;

/// A stored certificate; its private key is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Its id.
    pub id: CertificateId,
    /// Its subject alternative names.
    pub names: Vec<CertName>,
    /// PEM: the leaf, then the intermediates, without the root.
    pub chain: String,
    /// The leaf's private key.
    pub key: Sealed,
    /// The site it was uploaded for; `None` if it was issued to the platform.
    pub site: Option<SiteId>,
    /// Name of the issuer, for display.
    pub issuer: String,
    /// Serial number, for display.
    pub serial: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub not_after: Timestamp,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When to renew it.
    pub renew_at: Timestamp,
}

/// Inserts a certificate.
///
/// # Errors
/// `Conflict(Key)` if the id is in use.
pub async fn certificate_insert(tx: &Tx, c: &StoredCertificate) -> Result<(), DbError> {
    let row = certificates::Model {
        id: c.id.uuid(),
        names: serde_json::json!(c.names).to_string(),
        chain: c.chain.clone(),
        sealed_key: c.key.0.clone(),
        site: c.site.map(SiteId::uuid),
        issuer: clip(&c.issuer, MAX_TEXT_BYTES),
        serial: clip(&c.serial, MAX_TEXT_BYTES),
        not_before: ms(c.not_before),
        not_after: ms(c.not_after),
        created_at: ms(c.created_at),
        renew_at: ms(c.renew_at),
        retired_at: None,
    };
    certificates::Entity::insert(row.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Ids and renewal times of the certificates that are neither retired nor expired, oldest first. A row that
/// can't be read is logged and left out, so that it doesn't block the others.
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
        let renew_at = Row { table: "certificates", id: &id }.time(renew_at).inspect_err(log_skipped).ok()?;
        Some((CertificateId::from_uuid(id), renew_at))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Certificates by id, in no particular order, retired and expired ones included. A row that can't be read
/// is logged and left out.
pub async fn certificates_get(c: &impl Conn, ids: &[CertificateId]) -> Result<Vec<StoredCertificate>, DbError> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in ids.chunks(MAX_IDS_PER_QUERY) {
        let by_ids = certificates::Column::Id.is_in(ids.iter().map(|id| id.uuid()));
        let rows = certificates::Entity::find().filter(by_ids).all(c.raw()).await?;
        found.extend(rows.into_iter().filter_map(|row| from_row(row).inspect_err(log_skipped).ok()));
    }
    Ok(found)
}

/// The certificates uploaded for a site that are not retired, oldest first; expired ones included.
pub async fn certificates_uploaded(c: &impl Conn, site: SiteId) -> Result<Vec<StoredCertificate>, DbError> {
    let uploaded = certificates::Entity::find()
        .filter(certificates::Column::Site.eq(site.uuid()))
        .filter(certificates::Column::RetiredAt.is_null())
        .order_by_asc(certificates::Column::CreatedAt)
        .order_by_asc(certificates::Column::Id);
    uploaded.all(c.raw()).await?.into_iter().map(from_row).collect()
}

/// Retires a certificate. The time of an earlier retirement is kept.
///
/// # Errors
/// `Missing` if the certificate does not exist.
pub async fn certificate_retire(tx: &Tx, id: CertificateId, now: Timestamp) -> Result<(), DbError> {
    let first = Func::coalesce([Expr::col(certificates::Column::RetiredAt), Expr::value(ms(now))]);
    set(tx, update(id).col_expr(certificates::Column::RetiredAt, first.into())).await
}

/// Sets when a certificate is to be renewed.
///
/// # Errors
/// `Missing` if the certificate does not exist.
pub async fn certificate_renew_at(tx: &Tx, id: CertificateId, at: Timestamp) -> Result<(), DbError> {
    set(tx, update(id).col_expr(certificates::Column::RenewAt, Expr::value(ms(at)))).await
}

/// Retires the certificates that expired before `before`, and returns how many.
pub async fn certificates_end(tx: &Tx, before: Timestamp, now: Timestamp) -> Result<u64, DbError> {
    let expired = certificates::Entity::update_many()
        .col_expr(certificates::Column::RetiredAt, Expr::value(ms(now)))
        .filter(certificates::Column::RetiredAt.is_null())
        .filter(certificates::Column::NotAfter.lt(ms(before)));
    Ok(expired.exec(tx.raw()).await?.rows_affected)
}

/// Deletes the certificates, with their sealed keys, that were retired before `before`. Certificates that
/// only expired stay: a clock that was ahead once must not cost a key.
pub async fn certificates_prune(tx: &Tx, before: Timestamp) -> Result<u64, DbError> {
    let retired = certificates::Column::RetiredAt.lt(ms(before));
    Ok(certificates::Entity::delete_many().filter(retired).exec(tx.raw()).await?.rows_affected)
}

fn log_skipped(error: &DbError) {
    tracing::error!(%error, "skipped a certificate that can't be read");
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
