//! Hostnames of sites.
//!
//! They have a table of their own, where they are unique: a site can have several, and a deleted site's names
//! are free again while its row still records the main one.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use stoa_model::{host::Hostname, id::SiteId, site::Site};

use crate::{Conn, DbError, Tx, codec::Row, db::Raw, entity::hostnames, sites::site_get};

/// The site that currently has this hostname.
pub async fn site_by_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<Site>, DbError> {
    let Some(name) = find_hostname(c, hostname).await? else { return Ok(None) };
    site_get(c, SiteId::from_uuid(name.site)).await
}

/// Whether a site has this hostname. A hint for people who type one: only the insert decides.
pub async fn hostname_taken(c: &impl Conn, hostname: &Hostname) -> Result<bool, DbError> {
    Ok(find_hostname(c, hostname).await?.is_some())
}

/// Gives a site its main hostname back that it had freed.
///
/// # Errors
/// `Conflict(Hostname)` if another site has it by now.
pub async fn hostname_claim(tx: &Tx, site: &Site) -> Result<(), DbError> {
    let name = hostnames::Model { hostname: site.hostname.as_str().to_owned(), site: site.id.uuid(), domain: None };
    hostnames::Entity::insert(name.into_active_model()).exec_without_returning(tx.raw()).await?;
    Ok(())
}

/// Frees all hostnames of a site, which keeps the main one on record.
pub async fn hostnames_free(tx: &Tx, site: SiteId) -> Result<(), DbError> {
    hostnames::Entity::delete_many().filter(hostnames::Column::Site.eq(site.uuid())).exec(tx.raw()).await?;
    Ok(())
}

/// All hostnames of a site, sorted as text.
pub async fn hostnames_of(c: &impl Conn, site: SiteId) -> Result<Vec<Hostname>, DbError> {
    let of_site = hostnames::Entity::find().filter(hostnames::Column::Site.eq(site.uuid()));
    let rows = of_site.order_by_asc(hostnames::Column::Hostname).all(c.raw()).await?;
    let read = Row { table: "hostnames", id: &site };
    rows.into_iter().map(|row| read.host(&row.hostname)).collect()
}

async fn find_hostname(c: &impl Conn, hostname: &Hostname) -> Result<Option<hostnames::Model>, DbError> {
    Ok(hostnames::Entity::find_by_id(hostname.as_str()).one(c.raw()).await?)
}
