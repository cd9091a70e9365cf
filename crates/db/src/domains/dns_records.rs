//! The DNS records that the platform created, so that it deletes only its own. One row per name and type.

use jiff::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, sea_query::OnConflict};
use stoa_model::id::SiteId;

use crate::{Conn, DbError, Tx, codec::ms, db::Raw, entity::dns_records};

/// A record that the platform created.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsRecordRow {
    /// Fully qualified name.
    pub name: String,
    /// Record type, such as `A` or `TXT`.
    pub kind: String,
    /// Its value; empty while it is unknown whether the record was created.
    pub value: String,
    /// The site it was created for.
    pub site: Option<SiteId>,
}

/// Inserts or replaces the record of this name and type.
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
    let upsert = OnConflict::columns([Column::Name, Column::Kind])
        .update_columns([Column::Value, Column::Site, Column::MadeAt])
        .to_owned();
    let insert = dns_records::Entity::insert(row.into_active_model()).on_conflict(upsert);
    insert.exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// The records of a site, by name and type. They outlive the site until they are deleted.
pub async fn dns_records_of(c: &impl Conn, site: SiteId) -> Result<Vec<DnsRecordRow>, DbError> {
    let of_site = dns_records::Entity::find().filter(dns_records::Column::Site.eq(site.uuid()));
    read(c, of_site).await
}

/// All records, by name and type.
pub async fn dns_records_all(c: &impl Conn) -> Result<Vec<DnsRecordRow>, DbError> {
    read(c, dns_records::Entity::find()).await
}

/// Deletes a record; idempotent.
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
