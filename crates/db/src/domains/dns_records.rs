//! The DNS records that the platform made, so that it takes away only its own. One per name and kind.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, sea_query::OnConflict};
use stoa_model::id::SiteId;

use crate::{Conn, DbError, Tx, codec::ms, db::Raw, entity::dns_records};

/// One record that the platform made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsRecordRow {
    /// Its full name.
    pub name: String,
    /// Its type, like `A` or `TXT`.
    pub kind: String,
    /// What it says; empty if it is not known whether it was made.
    pub value: String,
    /// The site that it was made for.
    pub site: Option<SiteId>,
}

/// Notes a record, in place of the one that was noted for this name and kind.
///
/// # Errors
/// If the database doesn't answer, or has no such site.
pub async fn dns_record_put(
    tx: &Tx,
    name: &str,
    kind: &str,
    value: &str,
    site: Option<SiteId>,
    now: Timestamp,
) -> Result<(), DbError> {
    use dns_records::Column;
    let row = dns_records::Model {
        name: name.to_owned(),
        kind: kind.to_owned(),
        value: value.to_owned(),
        site: site.map(SiteId::uuid),
        made_at: ms(now),
    };
    let over = OnConflict::columns([Column::Name, Column::Kind])
        .update_columns([Column::Value, Column::Site, Column::MadeAt])
        .to_owned();
    let insert = dns_records::Entity::insert(row.into_active_model()).on_conflict(over);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The records made for a site, by name and kind. They outlive the site, until they are forgotten.
///
/// # Errors
/// If the database doesn't answer.
pub async fn dns_records_of(c: &impl Conn, site: SiteId) -> Result<Vec<DnsRecordRow>, DbError> {
    let its = dns_records::Entity::find().filter(dns_records::Column::Site.eq(site.uuid()));
    read(c, its).await
}

/// All records, by name and kind.
///
/// # Errors
/// If the database doesn't answer.
pub async fn dns_records_all(c: &impl Conn) -> Result<Vec<DnsRecordRow>, DbError> {
    read(c, dns_records::Entity::find()).await
}

/// Forgets a record, if it is there.
///
/// # Errors
/// If the database doesn't answer.
pub async fn dns_record_forget(tx: &Tx, name: &str, kind: &str) -> Result<(), DbError> {
    dns_records::Entity::delete_by_id((name.to_owned(), kind.to_owned())).exec(tx.raw()).await?;
    Ok(())
}

async fn read(c: &impl Conn, select: sea_orm::Select<dns_records::Entity>) -> Result<Vec<DnsRecordRow>, DbError> {
    let sorted = select.order_by_asc(dns_records::Column::Name).order_by_asc(dns_records::Column::Kind);
    let row = |row: dns_records::Model| DnsRecordRow {
        name: row.name,
        kind: row.kind,
        value: row.value,
        site: row.site.map(SiteId::from_uuid),
    };
    Ok(sorted.all(c.raw()).await?.into_iter().map(row).collect())
}
